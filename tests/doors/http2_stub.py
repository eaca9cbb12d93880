"""HTTP/2 frames by hand, for what no proper client sends."""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL = struct.pack(">I", 8)
PATIENCE_S = 10


def frame(kind, stream=0, content=b"", flags=0):
    return struct.pack(">I", len(content))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + content


def header(name, value):
    """A field of HPACK, literal and not indexed."""
    return b"\x00" + _text(name) + _text(value)


def _text(text):
    return bytes((len(text),)) + text.encode()


def call_headers(port, method):
    fields = {":method": "POST", ":scheme": "http", ":path": method, ":authority": f"127.0.0.1:{port}",
              "content-type": "application/grpc", "te": "trailers"}  # fmt: skip
    return b"".join(header(name, value) for name, value in fields.items())


class Http2:
    """A connection that has said hello; to be used in a `with`."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.headers = lambda method: call_headers(port, method)
        self.send(PREFACE + frame(SETTINGS) + frame(SETTINGS, flags=1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, content):
        """False when the server has closed the connection."""
        try:
            self._socket.sendall(content)
        except OSError:
            return False
        return True

    def until(self, part):
        """Read until the server has said this; all that it said."""
        said = b""
        while part not in said:
            more = self._socket.recv(1 << 16)
            assert more, said
            said += more
        return said

    def ends(self):
        """Read until the server closes the connection; all that it said."""
        said = b""
        try:
            while part := self._socket.recv(1 << 16):
                said += part
        except ConnectionError:
            pass
        return said

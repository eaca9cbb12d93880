"""Floods on the HTTP port: headers without end, connections that say nothing; the next client is served."""

import http.client
import json
import socket
from contextlib import ExitStack

import pytest
from open_viss import PATIENCE_S, OpenViss, v3
from provider_stub import in_time

from renkei.doors.dashboard.events import MOST_READERS

SPEED = "Vehicle.Speed"
SOON_S = 0.1


@pytest.fixture(scope="module")
def door():
    opened = OpenViss()
    yield opened
    opened.close()


def honest_is_served(door):
    """Over a WebSocket and over HTTP."""
    client = door.connect()
    client._holds = False
    return in_time(lambda: client.ask("get", SPEED)) < SOON_S and in_time(lambda: door.get("/Vehicle/Speed")) < SOON_S


def dialled(door):
    return socket.create_connection(("127.0.0.1", door.port), PATIENCE_S)


def test_headers_without_end_end_the_connection(door):
    with dialled(door) as flood:
        flood.sendall(b"GET /Vehicle/Speed HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        lines = b"".join(b"Name-%d: value\r\n" % n for n in range(1000))
        with pytest.raises(ConnectionError):
            flood.sendall(lines * 1000)
        assert honest_is_served(door)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: ", b"POST /Vehicle/Speed HTTP/1.1\r\n"])
def test_connections_that_say_no_more(door, said):
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(dialled(door)).sendall(said)
        assert honest_is_served(door)
    assert honest_is_served(door)


SLOW = {
    "nothing": b"",
    "half of the headers": b"GET /Vehicle/Speed HTTP/1.1\r\nHost: ",
    "half of a second request": b"GET /Vehicle/Speed HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET",
    "half of the body": b"POST /Vehicle/Speed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{",
}


@pytest.mark.parametrize("said", SLOW.values(), ids=SLOW)
def test_a_connection_that_does_not_say_what_it_wants_is_closed(door, said, monkeypatch):
    monkeypatch.setattr("renkei.doors.http.REQUEST_S", 0.2)
    monkeypatch.setattr("renkei.doors.viss.door.REQUEST_S", 0.2)
    watching = door.connect()
    with dialled(door) as slow:
        slow.sendall(said)
        while slow.recv(1 << 16):
            pass
    assert watching.ask("get", SPEED)["data"]["path"] == SPEED


def test_websockets_that_say_nothing(door):
    idle = [door.connect() for _ in range(100)]
    assert honest_is_served(door)
    for client in idle:
        client.close()


def test_pages_without_number(door):
    with ExitStack() as stack:
        for _ in range(MOST_READERS):
            page = stack.enter_context(dialled(door))
            page.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert page.recv(12) == b"HTTP/1.1 200"
        assert door.http("GET", "/events")[0] == 503
        assert honest_is_served(door)


def test_a_path_that_is_too_long(door):
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE_S)
    connection.request("GET", "/Vehicle/" + "x" * 1_000_000)
    assert connection.getresponse().status in (400, 404, 414)
    assert honest_is_served(door)


def test_requests_for_many_patterns_one_after_the_other(door):
    """Sent without waiting for an answer: each gives way to the next client."""
    client = door.connect()
    patterns = [".".join(["*"] * n) for n in range(1, 6)] * 20
    asked = json.dumps({"action": "get", "path": "Vehicle", "filter": v3("paths", [*patterns[:99], "No"])})
    for _ in range(20):
        client.socket.send(asked)
    assert honest_is_served(door)
    assert [client.receive()["error"]["number"] for _ in range(20)] == ["404"] * 20

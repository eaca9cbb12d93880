"""ISO-TP (ISO 15765-2): answers longer than a frame, put together again from a recording or a bus."""

from __future__ import annotations

LONGEST = 4095
"""Bytes that a first frame with a 12-bit length can announce; longer answers do not occur on these cars."""
_FRAME = 8
"""Bytes of a frame of CAN; diagnostics over CAN FD is not spoken here."""


class Reassembly:
    """Puts together the messages of one sender on one identifier.

    `broken` counts the messages that were given up: a frame missing or out of order, or a length that cannot be.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._length = 0
        self._got = bytearray()
        self._next = 0

    def feed(self, data: bytes) -> bytes | None:
        """Take the next frame's payload; the whole message once its last frame has come."""
        kind = data[0] >> 4 if data else -1
        if kind == 0:
            return self._single(data)
        if kind == 1:
            self._first(data)
        elif kind == 2:
            return self._consecutive(data)
        return None  # flow control, or no ISO-TP at all

    def _single(self, data: bytes) -> bytes | None:
        self._give_up()
        length = data[0] & 15
        if not 0 < length < len(data):
            self.broken += 1
            return None
        return data[1 : 1 + length]

    def _first(self, data: bytes) -> None:
        self._give_up()
        length = (data[0] & 15) << 8 | data[1] if len(data) > 2 else 0
        if length < max(len(data) - 1, 1):
            self.broken += 1
            return
        self._length, self._got, self._next = length, bytearray(data[2:]), 1

    def _consecutive(self, data: bytes) -> bytes | None:
        if not self._length:
            return None  # the recording began in the middle
        if data[0] & 15 != self._next:
            self._give_up()
            return None
        self._got += data[1:]
        self._next = (self._next + 1) & 15
        if len(self._got) < self._length:
            return None
        whole = bytes(self._got[: self._length])
        self._length = 0
        return whole

    def _give_up(self) -> None:
        if self._length:
            self.broken += 1
            self._length = 0


def frames_of(payload: bytes) -> list[bytes]:
    """The frames, eight bytes each, in which a sender would send `payload` of up to 4,095 bytes."""
    if not 0 < len(payload) <= LONGEST:
        raise ValueError(f"1 to {LONGEST} bytes, got {len(payload)}")
    if len(payload) < _FRAME:
        return [(bytes([len(payload)]) + payload).ljust(_FRAME, b"\0")]
    frames = [bytes([0x10 | len(payload) >> 8, len(payload) & 0xFF]) + payload[: _FRAME - 2]]
    for n, at in enumerate(range(_FRAME - 2, len(payload), _FRAME - 1), start=1):
        frames.append((bytes([0x20 | n & 15]) + payload[at : at + _FRAME - 1]).ljust(_FRAME, b"\0"))
    return frames

"""How much of its time a bus carries frames, from how many of each kind it carried. Nothing is read here.

The number of stuff bits depends on the bits of a frame. They are not counted one by one: a load lies between `least`,
with none, and `most`, with as many as there can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

HIGH = 0.8
"""Of a bus that carries at least this share of its bit rate users are told.

Above it little is left for what is sent again after an error, and messages of low priority wait until they miss their
cycles. Cars are not built so: the busiest of the recorded buses that renkei was tried on carries 45 to 55 %.
"""
CALM = 0.7
"""A bus that was HIGH is so until it carries less than this."""

_LENGTHS = 65
_EXTENDED, _FD, _SWITCHED = _LENGTHS, 2 * _LENGTHS, 4 * _LENGTHS
KINDS = 8 * _LENGTHS
"""How many kinds of frames there are: by length, length of identifier, CAN FD, and switching of the bit rate."""

# ISO 11898-1:2015, 10.4: fields of frames, in bits. Bits of a classical frame that may be stuffed, but for its data:
_CLASSICAL, _CLASSICAL_EXTENDED = 34, 54
# CRC delimiter, acknowledge slot and delimiter, end of frame, and the intermission before the next:
_END = 1 + 1 + 1 + 7 + 3
# CAN FD: from its start to the bit that switches the rate; then error state and length.
_ARBITRATION, _ARBITRATION_EXTENDED, _CONTROL = 17, 36, 5
# Its stuff count, CRC and their fixed stuff bits: up to 16 bytes of data, and more.
_SHORT_CRC, _LONG_CRC = 4 + 17 + 6, 4 + 21 + 7


class Bits(NamedTuple):
    """How many bits of the nominal rate a frame takes, with the pause after it."""

    least: float
    most: float


class Load(NamedTuple):
    """What a bus carried: frames a second, and the share of its bit rate, 1 for all, None where that is unknown.

    A bus that is none, such as frames over UDP, may carry more than the bit rate of the bus that it stands for.
    """

    frames_per_s: float
    least: float | None
    most: float | None

    def __str__(self) -> str:
        frames = f"{self.frames_per_s:,.0f} frames/s"
        if self.least is None or self.most is None:
            return frames
        return f"{100 * self.least:.0f} to {100 * self.most:.0f} % of its bit rate, {frames}"


def kind(length: int, *, extended: bool = False, fd: bool = False, switched: bool = False) -> int:
    """The place of a frame among KINDS; `length` in bytes, `switched`: its data go at a higher rate."""
    return length + _EXTENDED * extended + _FD * fd + _SWITCHED * switched


def bits(kind_: int, data_rate: float | None = None) -> Bits:
    """Bits of a frame of this kind; `data_rate`: how many times faster its data go where the rate is switched.

    Where that is not known they may take no time at all, or as long as all else.
    """
    rest, length = divmod(kind_, _LENGTHS)
    extended, fd, switched = bool(rest & 1), bool(rest & 2), bool(rest & 4)
    if not fd:
        stuffed = (_CLASSICAL_EXTENDED if extended else _CLASSICAL) + 8 * length
        return Bits(stuffed + _END, stuffed + (stuffed - 1) // 4 + _END)
    arbitration = _ARBITRATION_EXTENDED if extended else _ARBITRATION
    data, crc = _CONTROL + 8 * length, _SHORT_CRC if length <= 16 else _LONG_CRC
    stuffing = (arbitration + data - 1) // 4
    if not switched:
        return Bits(arbitration + data + crc + _END, arbitration + data + stuffing + crc + _END)
    fastest, slowest = (0.0, 1.0) if data_rate is None else (1 / data_rate, 1 / data_rate)
    return Bits(
        arbitration + _END + (data + crc) * fastest,
        # The stuff bits may all lie before the switch, where they take longest, as far as there is room.
        arbitration + arbitration // 4 + _END + (data + crc + stuffing - arbitration // 4) * slowest,
    )


def table(data_rate: float | None = None) -> tuple[Bits, ...]:
    """`bits` of all KINDS."""
    return tuple(bits(k, data_rate) for k in range(KINDS))


def of_counts(counts: Sequence[int], bits_of: Sequence[Bits], span_s: float, bitrate: float | None) -> Load:
    """The load that frames of each of KINDS made in a span of time."""
    present = [(n, bits_of[k]) for k, n in enumerate(counts) if n]
    frames = sum(n for n, _ in present)
    return _load(frames, sum(n * b.least for n, b in present), sum(n * b.most for n, b in present), span_s, bitrate)


def of_sums(frames: int, data_bytes: int, span_s: float, bitrate: float | None, *, fd: bool = False) -> Load:
    """The load of frames of which only their number and the sum of their data are known."""
    if fd:  # all that switches may be short, all that does not long
        least = frames * bits(kind(0, fd=True, switched=True)).least
        head = _ARBITRATION_EXTENDED + _CONTROL
        most = frames * (head * 1.25 + _LONG_CRC + _END) + 10.0 * data_bytes
    else:
        least = frames * (_CLASSICAL + _END) + 8.0 * data_bytes
        most = frames * (_CLASSICAL_EXTENDED * 1.25 + _END) + 10.0 * data_bytes
    return _load(frames, least, most, span_s, bitrate)


def _load(frames: float, least: float, most: float, span_s: float, bitrate: float | None) -> Load:
    if not bitrate:
        return Load(frames / span_s, None, None)
    return Load(frames / span_s, least / span_s / bitrate, most / span_s / bitrate)

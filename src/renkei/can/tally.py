"""How often each message of a car came and how far apart, and what each channel carried, over blocks of frames in
little memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from renkei.can.frames import EXTENDED, Frames
from renkei.can.load import kind, table

_PER_OCTAVE = 16  # a distance is known to 4 percent
_OCTAVES = 28  # from 1 us on, to 268 s
_SHORTEST_NS = 1_000.0


class Distances(NamedTuple):
    """Of one message: frames, and distances between two of them, 0 where there are none.

    Three quarters of the distances are at most `upper_ns`: where a logger writes each frame twice, half are tiny.
    """

    frames: int
    median_ns: int
    upper_ns: int
    largest_ns: int


_SECOND_NS = 1_000_000_000
_BITS = np.array(table(), np.int64)  # whole bits: nothing is known of rates that switch
_LONG, _FD = kind(0, extended=True), kind(0, fd=True)
_LONGEST_CLASSICAL = 8
# Of each channel: frames, bits at least and at most of all seconds that are over, of this one, and of the busiest one;
# when the first and the last frame came, and when this second began.
_ALL, _NOW, _BUSIEST, _FIRST, _LAST, _BEGAN, _NUMBERS = 0, 3, 6, 9, 10, 11, 12


class ChannelLoad(NamedTuple):
    """Frames a second, and shares of the bit rate, at least and at most: on the whole, and in the busiest second."""

    frames_per_s: float
    least: float
    most: float
    busiest_second_least: float
    busiest_second_most: float


class Carried:
    """What each channel of a recording carried: in all, and in its busiest second.

    Data frames alone; one of up to 8 bytes counts as one of classical CAN.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((256, _NUMBERS), np.int64)

    def add(self, frames: Frames) -> None:
        """Frames in the order of time."""
        _carry(frames.t, frames.channel, frames.id, frames.length, _BITS, self._sums)

    def load(self, channel: int, bitrate: float) -> ChannelLoad | None:
        """None for a channel of which there is less than a second."""
        sums = self._sums[channel].tolist()
        span_s = (sums[_LAST] - sums[_FIRST]) / _SECOND_NS
        if span_s < 1:
            return None
        frames, least, most = (past + now for past, now in zip(sums[_ALL:_NOW], sums[_NOW:_BUSIEST], strict=True))
        busiest = max(sums[_NOW:_BUSIEST], sums[_BUSIEST:_FIRST], key=lambda bits: bits[1])
        return ChannelLoad(
            frames / span_s, least / span_s / bitrate, most / span_s / bitrate,
            busiest[1] / bitrate, busiest[2] / bitrate,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _carry(t, channel, id_, length, bits, sums):  # type: ignore[no-untyped-def]
    for i in range(len(t)):
        c = channel[i]
        if sums[c, _NOW] == 0:
            sums[c, _FIRST] = sums[c, _LAST] = sums[c, _BEGAN] = t[i]
        elif not 0 <= t[i] - sums[c, _BEGAN] < _SECOND_NS:
            is_busiest = sums[c, _NOW + 1] > sums[c, _BUSIEST + 1]
            for n in range(3):
                if is_busiest:
                    sums[c, _BUSIEST + n] = sums[c, _NOW + n]
                sums[c, _ALL + n] += sums[c, _NOW + n]
                sums[c, _NOW + n] = 0
            sums[c, _BEGAN] = t[i]
        if t[i] > sums[c, _LAST]:
            sums[c, _LAST] = t[i]
        of = np.int64(length[i])
        if length[i] > _LONGEST_CLASSICAL:
            of += _FD
        if id_[i] & EXTENDED:
            of += _LONG
        sums[c, _NOW] += 1
        sums[c, _NOW + 1] += bits[of, 0]
        sums[c, _NOW + 2] += bits[of, 1]


class Tally:
    """Distances between the frames of each message."""

    def __init__(self, messages: int) -> None:
        self._frames = np.zeros(messages, np.int64)
        self._last = np.zeros(messages, np.int64)
        self._largest = np.zeros(messages, np.int64)
        self._histogram = np.zeros((messages, _PER_OCTAVE * _OCTAVES), np.int64)

    def add(self, frames: Frames, slots: NDArray[np.int16]) -> None:
        """Frames in the order of time, and the message of each, -1 for none."""
        _tally(frames.t, slots, self._frames, self._last, self._largest, self._histogram)

    def __getitem__(self, message: int) -> Distances:
        median, upper = (self._quantile(message, share) for share in (0.5, 0.75))
        return Distances(int(self._frames[message]), median, upper, int(self._largest[message]))

    def _quantile(self, message: int, share: float) -> int:
        counts = np.cumsum(self._histogram[message])
        if not counts[-1]:
            return 0
        place = int(np.searchsorted(counts, max(share * counts[-1], 1)))
        return round(_SHORTEST_NS * 2 ** ((place + 0.5) / _PER_OCTAVE))


@njit(cache=True, nogil=True)
def _tally(t, slots, frames, last, largest, histogram):  # type: ignore[no-untyped-def]
    places = histogram.shape[1]
    for i in range(len(slots)):
        m = slots[i]
        if m < 0:
            continue
        if frames[m]:
            distance = t[i] - last[m]
            if distance > 0:
                largest[m] = max(largest[m], distance)
                place = int(_PER_OCTAVE * math.log2(distance / _SHORTEST_NS))
                histogram[m, min(max(place, 0), places - 1)] += 1
        frames[m] += 1
        last[m] = t[i]


def warm() -> None:
    """Compile the kernel, or load it from numba's cache."""
    none = np.zeros(0, np.int64)
    _tally(none, np.zeros(0, np.int16), none, none, none, np.zeros((0, 1), np.int64))
    _carry(none, np.zeros(0, np.uint8), np.zeros(0, np.uint32), np.zeros(0, np.uint8), _BITS,
           np.zeros((1, _NUMBERS), np.int64))  # fmt: skip

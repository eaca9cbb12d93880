"""How often each message of a car came and how far apart, counted over blocks of frames in little memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from renkei.can.frames import Frames

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

"""What signals were before, as far back as a bounded memory goes."""

from __future__ import annotations

from collections import deque

from renkei.datapoint import Datapoint, bulk

POINTS = 1000
"""Points of one signal; older ones give way."""
STEP_NS = 100_000_000
"""Points of one signal are at least so far apart."""
_LONGEST = 64
"""Texts and arrays that take more than so many numbers are not kept."""


class Past:
    """The former values of the signals of one vehicle, without the present ones."""

    def __init__(self) -> None:
        self._rings: dict[int, deque[Datapoint]] = {}

    def keep(self, index: int, point: Datapoint) -> None:
        """Remember what a signal was, now that it is something else; the broker calls this."""
        ring = self._rings.get(index)
        if ring is None:
            ring = self._rings[index] = deque(maxlen=POINTS)
            if point.value is None:  # never said
                return
        if ring and point.t_receive_ns - ring[-1].t_receive_ns < STEP_NS:
            return
        if bulk(point.value) <= _LONGEST:
            point.entry = None  # half of what it takes; made again should a slow reader still need it
            ring.append(point)

    def since(self, index: int, t_ns: int) -> list[Datapoint]:
        """What came at `t_ns` (ns since 1970, by the time of receipt) or later, oldest first."""
        return [point for point in self._rings.get(index, ()) if point.t_receive_ns >= t_ns]

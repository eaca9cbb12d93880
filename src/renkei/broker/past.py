"""What signals were before, as far back as a bounded memory goes."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from renkei.broker.datapoint import Datapoint, bulk

POINTS = 1000
"""Points of one signal; older ones give way."""
STEP_NS = 100_000_000
"""Points of one signal are at least so far apart."""
_LONGEST = 64
"""Texts and arrays that take more than so many numbers are not kept."""
_SLACK = POINTS // 4
"""So many older points go at a time."""
_PLAIN = (float, int, bool)
_EXACT = 2**53
"""Whole numbers up to here are exact as floating point."""
_LAST_NS = 2**63 - 1


class Past:
    """The former values of the signals of one vehicle, without the present ones."""

    def __init__(self) -> None:
        self._rings: dict[int, _Ring] = {}

    def keep(self, index: int, point: Datapoint) -> None:
        """Remember what a signal was, now that it is something else; the broker calls this."""
        ring = self._rings.get(index)
        if ring is None:
            ring = self._rings[index] = _Ring()
            if point.value is None:  # never said
                return
        if ring.received and point.t_receive_ns - ring.received[-1] < STEP_NS:
            return
        if bulk(point.value) <= _LONGEST:
            ring.append(point)

    def since(self, index: int, t_ns: int) -> list[Datapoint]:
        """What came at `t_ns` (ns since 1970, by the time of receipt) or later, oldest first."""
        ring = self._rings.get(index)
        return ring.since(t_ns) if ring else []


class _Ring:
    """The points of one signal in the order of receipt, no two at one time.

    Numbers of one type and source, which nearly all are, take 24 bytes a point and nothing that the garbage collector
    has to look at: a fleet keeps millions of them, and a look at all takes longer than its readers can wait. Whatever
    else there is stays as it came, in `others` by its time of receipt.
    """

    __slots__ = ("kind", "others", "received", "said", "source", "values")

    def __init__(self) -> None:
        self.received, self.said, self.values = array("q"), array("q"), array("d")
        self.kind: type | None = None
        self.source = ""
        self.others: dict[int, Datapoint] = {}

    def append(self, point: Datapoint) -> None:
        value, t_source_ns = point.value, point.t_source_ns
        kind = type(value)
        if self.kind is None and kind in _PLAIN:
            self.kind, self.source = kind, point.source
        self.received.append(point.t_receive_ns)
        if (
            kind is self.kind
            and point.source == self.source
            and -_LAST_NS <= t_source_ns <= _LAST_NS
            and (kind is not int or -_EXACT <= value <= _EXACT)  # type: ignore[operator]
        ):
            self.said.append(t_source_ns)
            self.values.append(value)  # type: ignore[arg-type]
        else:
            point.entry = None  # half of what it takes; made again should a slow reader still need it
            self.others[point.t_receive_ns] = point
            self.said.append(0)
            self.values.append(0.0)
        if len(self.received) > POINTS + _SLACK:
            self._shorten()

    def since(self, t_ns: int) -> list[Datapoint]:
        first = bisect_left(self.received, t_ns, max(0, len(self.received) - POINTS))
        return [self._point(place) for place in range(first, len(self.received))]

    def _point(self, place: int) -> Datapoint:
        received = self.received[place]
        if other := self.others.get(received):
            return other
        assert self.kind is not None
        return Datapoint(self.kind(self.values[place]), self.said[place], received, self.source)

    def _shorten(self) -> None:
        gone = len(self.received) - POINTS
        for received in self.received[:gone] if self.others else ():
            self.others.pop(received, None)
        for column in (self.received, self.said, self.values):
            del column[:gone]

"""When a value is worth an event, and which points a curve needs; pure but for what a trigger remembers.

Source: COVESA, Vehicle Information Service Specification 3.0, Core, "Range", "Change" and "Curve logging Filter
Operation".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from renkei.doors.viss.filters import Change, Curvelog, Range
from renkei.doors.viss.refusals import invalid_data
from renkei.vocabulary import Signal, Value

Worth = Callable[[Value | None], bool]
"""Takes each value of a signal in turn, None for not available; whether it is worth an event."""


def in_range(wanted: Range, signal: Signal) -> Worth:
    """Each value inside the range; raises Refused for a signal without numbers."""
    must_be_numeric(signal)
    combine = any if wanted.either else all

    def worth(value: Any) -> bool:
        return value is not None and combine(compare(value, boundary) for compare, boundary in wanted.boundaries)

    return worth


def changed(wanted: Change, signal: Signal, first: Value | None) -> Worth:
    """Each value that differs as wanted; raises Refused for a signal whose values have no such difference.

    The difference is to the value before where diff is 0, so that each step in one direction is seen. Else it is to the
    value of the last event, so that slow change is seen as well.
    """
    if signal.is_array or signal.scalar in ("string", "boolean"):
        return _switched(wanted, signal, first)
    before: Any = first

    def worth(value: Any) -> bool:
        nonlocal before
        if value is None or before is None:
            earlier, before = before, value
            return _appeared(wanted, earlier, value)
        is_worth = wanted.compare(value - before, wanted.diff)
        if is_worth or not wanted.diff:
            before = value
        return is_worth

    return worth


def _switched(wanted: Change, signal: Signal, first: Value | None) -> Worth:
    compares_order = wanted.compare(1, 0) != wanted.compare(-1, 0)
    if wanted.diff or (compares_order and (signal.is_array or signal.scalar != "boolean")):
        raise invalid_data(f"Incorrect data type: values of {signal.path} have no such difference")
    before: Any = first

    def worth(value: Any) -> bool:
        nonlocal before
        earlier, before = before, value
        if value is None or earlier is None:
            return _appeared(wanted, earlier, value)
        if signal.is_array or signal.scalar == "string":
            return wanted.compare(int(value != earlier), 0)
        return wanted.compare(int(value) - int(earlier), 0)

    return worth


def _appeared(wanted: Change, before: Value | None, value: Value | None) -> bool:
    """A value that came to be or ceased to be available is another one; how much it differs is not known."""
    return (before is None) != (value is None) and wanted.compare(1, 0) and wanted.compare(-1, 0)


def must_be_numeric(signal: Signal) -> None:
    """Raises Refused for a signal whose value is no number."""
    if signal.is_array or signal.scalar in ("string", "boolean"):
        raise invalid_data(f"Incorrect data type: {signal.path} is {signal.datatype}, expected a number")


class Curve:
    """Points of one signal until the buffer is full, then those that straight lines between them need."""

    def __init__(self, wanted: Curvelog) -> None:
        self._wanted = wanted
        self._anchor: tuple[int, float] | None = None  # the last point sent: the next line begins there
        self._points: list[tuple[int, float]] = []

    def add(self, t_ns: int, value: float) -> list[int] | None:
        """Places, in the buffer that this point filled, of the points to send; None while it is not full."""
        self._points.append((t_ns, float(value)))
        if len(self._points) < self._wanted.bufsize:
            return None
        points, self._points = self._points, []
        before = [] if self._anchor is None else [self._anchor]
        kept = essential([*before, *points], self._wanted.maxerr)
        self._anchor = points[-1]
        return [i - len(before) for i in kept if i >= len(before)]


def essential(points: Sequence[tuple[int, float]], maxerr: float) -> list[int]:
    """Places of the points between which straight lines miss no point by more than `maxerr`, in the value.

    Source: D. Douglas and T. Peucker, "Algorithms for the reduction of the number of points required to represent a
    digitized line or its caricature", 1973, with the distance taken along the value.
    """
    t = np.array([p[0] - points[0][0] for p in points], float)
    value = np.array([p[1] for p in points], float)
    kept, waiting = {0, len(points) - 1}, [(0, len(points) - 1)]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2:
            continue
        span = t[end] - t[start]
        share = (t[start + 1 : end] - t[start]) / span if span > 0 else np.zeros(end - start - 1)
        miss = np.abs(value[start + 1 : end] - (value[start] + share * (value[end] - value[start])))
        worst = int(np.argmax(miss))
        if miss[worst] > maxerr:
            middle = start + 1 + worst
            kept.add(middle)
            waiting += [(start, middle), (middle, end)]
    return sorted(kept)

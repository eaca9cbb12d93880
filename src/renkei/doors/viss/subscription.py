"""What one subscription sends, and when; the connection is the caller's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from renkei.broker import Changes, Watcher
from renkei.doors.viss.car import Car, is_of_server, refuse_compression
from renkei.doors.viss.filters import MOST_POINTS, Change, Curvelog, Filters, Range, Timebased, read_filters
from renkei.doors.viss.refusals import Version, bad_request, unavailable
from renkei.doors.viss.triggers import Curve, Worth, changed, in_range, must_be_numeric
from renkei.doors.viss.wire import spelt, stamp
from renkei.vocabulary import Signal

Send = Callable[[Any], Awaitable[None]]
"""Takes the `data` of one event; returns when the network took it, so that a slow reader slows its own events only."""
_BEHIND = 64
"""Values of a triggering signal that wait to be judged."""


class Subscription:
    """Runs until it is cancelled, then must be closed. Raises Refused when it cannot be had.

    What happens to the signals from its making on is seen, even before it runs.
    """

    def __init__(self, car: Car, request: dict[str, Any], version: Version) -> None:
        refuse_compression(request)
        self._car, self._version = car, version
        filters = _filters(request, version)
        self._signals = car.leaves(request, filters)
        if any(is_of_server(s) for s in self._signals):
            raise unavailable("Unsupported feature: what the server can do does not change")
        self._watch: _Watch | None = None
        self._run = self._chosen(request, filters)

    async def run(self, send: Send) -> None:
        await self._run(send)

    @property
    def lost(self) -> int:
        """Values that gave way to newer ones so far because the client was slow; told with each event as `lost`."""
        return self._watch.lost if self._watch else 0

    def close(self) -> None:
        if self._watch:
            self._watch.close()

    def _chosen(self, request: dict[str, Any], filters: Filters) -> Callable[[Send], Awaitable[None]]:
        match filters.other:
            case Timebased(period_ms):
                return lambda send: self._periodic(send, period_ms / 1000)
            case Change() | Range() as wanted:
                signal = self._triggering(request, filters)
                if isinstance(wanted, Change):
                    worth = changed(wanted, signal, self._car.point(signal).value)
                else:
                    worth = in_range(wanted, signal)
                watch = self._watch = _Watch(self._car, [signal], _BEHIND)
                first = isinstance(wanted, Range)
                return lambda send: self._triggered(send, watch, signal, worth, first)
            case Curvelog() as wanted:
                for signal in self._signals:
                    must_be_numeric(signal)
                watch = self._watch = _Watch(self._car, self._signals, MOST_POINTS)
                return lambda send: self._curve(send, watch, wanted)
            case _:
                watch = self._watch = _Watch(self._car, self._signals, 0)
                return lambda send: self._every(send, watch)

    def _triggering(self, request: dict[str, Any], filters: Filters) -> Signal:
        """The one signal whose value decides: the first path, which must be a leaf."""
        if filters.paths is None:
            return self._signals[0]
        first = filters.paths.patterns[0].replace("/", ".")
        if "*" in first:
            raise bad_request("Missing or invalid filter: the first path decides when, so it must have no wildcard")
        return self._car.tree.leaf(f"{self._car.tree.path(request.get('path'))}.{first}")

    async def _periodic(self, send: Send, period_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await send(self._car.data(self._signals, self._version))
            # Events that a slow reader missed are not made up for.
            due = max(due + period_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _triggered(self, send: Send, watch: _Watch, signal: Signal, worth: Worth, first: bool) -> None:
        if first and worth(self._car.point(signal).value):
            await send(self._car.data(self._signals, self._version))
        while True:
            points = [changes[signal.index] for changes in await watch.next()]
            hits = [p for p in points if worth(p.value)]
            if hits:
                await send(self._car.data(self._signals, self._version, {signal.index: hits[-1]}))

    async def _every(self, send: Send, watch: _Watch) -> None:
        await send(self._car.data(self._signals, self._version))
        while True:
            for changes in await watch.next():
                touched = [s for s in self._signals if s.index in changes]
                await send(self._car.data(touched, self._version, changes))

    async def _curve(self, send: Send, watch: _Watch, wanted: Curvelog) -> None:
        logs = {s.index: _CurveLog(s, wanted, self._version) for s in self._signals}
        while True:
            for changes in await watch.next():
                for index, datapoint in changes.items():
                    if data := logs[index].add(datapoint):
                        await send(data)


class _CurveLog:
    """The points of one signal as the event that they become."""

    def __init__(self, signal: Signal, wanted: Curvelog, version: Version) -> None:
        self._signal, self._version = signal, version
        self._curve = Curve(wanted)
        self._points: list[Any] = []

    def add(self, datapoint: Any) -> dict[str, Any] | None:
        """`data` of an event when the buffer is full."""
        if datapoint.value is None:
            return None
        self._points.append(datapoint)
        kept = self._curve.add(datapoint.t_source_ns, datapoint.value)
        if kept is None:
            return None
        points, self._points = self._points, []
        told = [{"value": spelt(points[i].value, self._version), "ts": stamp(points[i].t_source_ns)} for i in kept]
        return {"path": self._signal.path, "dp": told}


class _Watch:
    """Changes of some signals from now on."""

    def __init__(self, car: Car, signals: Sequence[Signal], behind: int) -> None:
        self._car = car
        self._wake = asyncio.Event()
        self._watcher = Watcher([s.index for s in signals], buffer_size=behind)
        self._watcher.wake = self._wake.set
        car.broker.watch(car.vehicle, self._watcher)

    @property
    def lost(self) -> int:
        return self._watcher.dropped

    async def next(self) -> list[Changes]:
        """All that came since the last call; waits for something to come."""
        await self._wake.wait()
        self._wake.clear()
        taken = []
        while (changes := self._watcher.take(time.monotonic_ns())) is not None:
            taken.append(changes)
        return taken

    def close(self) -> None:
        self._car.broker.unwatch(self._car.vehicle, self._watcher)


def _filters(request: dict[str, Any], version: Version) -> Filters:
    """What a subscription may ask for; only version 2 knows one without a trigger, which gets every change."""
    if "filter" not in request and version == 2:
        return Filters()
    if "filter" not in request:
        raise bad_request("Missing or invalid filter")
    filters = read_filters(request["filter"], version)
    if filters.other is None and version == 3:
        raise bad_request("Missing or invalid filter: paths alone do not say when")
    if not isinstance(filters.other, Timebased | Change | Range | Curvelog | None):
        raise bad_request("Incorrect filter: a subscription does not take this one")
    return filters

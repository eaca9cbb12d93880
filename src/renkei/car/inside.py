"""A car that is up in this process: the broker itself, with every touch of it in the loop that owns it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import TypeVar

from renkei.broker import Broker, Changes, Datapoint, Watcher
from renkei.car.reading import Reading, Running
from renkei.errors import InputError, UnknownName, Unreachable
from renkei.vocabulary import Signal, Value

T = TypeVar("T")
_PATIENCE_S = 5.0


class InsideWay:
    """One vehicle of the cars that are up in this process; `by` names who sets actuators."""

    def __init__(self, running: Running, vehicle: str, by: str, priority: int) -> None:
        self._broker, self._loop, self._vehicle = running.broker, running.loop, vehicle
        self._by, self._priority = by, priority

    def signals(self, root: str) -> list[Signal]:
        found = self._broker.vocabulary.branch(root)
        if not found:
            raise UnknownName("signal", root, [s.path for s in self._broker.vocabulary])
        return found

    def read(self, signal: Signal) -> Reading:
        return _reading(signal, self._there(lambda: self._broker.latest(self._vehicle, signal.index)))

    def watch(self, signals: Sequence[Signal], buffer_size: int) -> InsideWatch:
        return InsideWatch(self._broker, self._vehicle, signals, buffer_size, self._there)

    def set(self, signal: Signal, value: Value) -> None:
        def ask() -> None:
            self._broker.actuate(self._vehicle, [(signal.index, value)], by=self._by, priority=self._priority)

        self._there(ask)

    def close(self) -> None:
        """Nothing is held open."""

    def _there(self, function: Callable[[], T]) -> T:
        """The result of a function that runs in the loop of the broker; raises Unreachable when it has ended."""
        if _is_running_here(self._loop):
            return function()
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(function())
            except Exception as e:
                done.set_exception(e)

        try:
            self._loop.call_soon_threadsafe(run)
            return done.result(_PATIENCE_S)
        except (RuntimeError, TookTooLong) as e:
            if isinstance(e, RuntimeError) and done.done():
                raise
            raise Unreachable("the cars of this process are no longer up") from None


class InsideWatch:
    """What the broker says of some signals; ends with the cars."""

    def __init__(
        self,
        broker: Broker,
        vehicle: str,
        signals: Sequence[Signal],
        buffer_size: int,
        there: Callable[[Callable[[], object]], object],
    ) -> None:
        self._broker, self._vehicle, self._there = broker, vehicle, there
        self._signals = {s.index: s for s in signals}
        self._watcher = Watcher(self._signals, buffer_size)
        self._woken, self._ended = threading.Event(), False
        self._watcher.wake = self._woken.set

    @property
    def lost(self) -> int:
        return self._watcher.dropped

    def __iter__(self) -> Iterator[list[Reading]]:
        if _in_a_loop():
            raise InputError("an event loop runs in this thread: take renkei.connect_async there")
        try:
            yield self._readings(self._begin)
            while not self._ended:
                self._woken.wait()
                self._woken.clear()
                while not self._ended and (readings := self._readings(self._next)):
                    yield readings
        except Unreachable:
            return
        finally:
            self._end()

    def cancel(self) -> None:
        self._ended = True
        self._woken.set()

    def _readings(self, changes: Callable[[], Changes]) -> list[Reading]:
        found: Changes = self._there(changes)  # type: ignore[assignment]
        return [_reading(self._signals[i], point) for i, point in found.items()]

    def _begin(self) -> Changes:
        self._broker.watch(self._vehicle, self._watcher)
        return {i: self._broker.latest(self._vehicle, i) for i in self._signals}

    def _next(self) -> Changes:
        return self._watcher.take(time.monotonic_ns()) or {}

    def _end(self) -> None:
        def forget() -> None:
            self._broker.unwatch(self._vehicle, self._watcher)

        try:
            self._there(forget)
        except (Unreachable, ValueError):  # the cars have gone, or it never began
            return


def _reading(signal: Signal, point: Datapoint) -> Reading:
    return Reading(signal.path, point.value, signal.unit, point.t_source_ns, point.quality)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

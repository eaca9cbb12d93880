"""Car and AsyncCar: get, watch and set in the words of VSS, whatever way leads to the car."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

from renkei.app import App
from renkei.car.reading import Reading, Watch, Way
from renkei.errors import CarClosed, DoorError, InputError, NotActuator, NotPermitted, UnknownName
from renkei.units import conversion
from renkei.vocabulary import Signal, Value

EVERY = 1000
"""Messages that wait for a slow reader of `watch(..., every=True)`; it is what KUKSA servers admit."""


class Watching:
    """Readings as they come, one after the other; `close` ends it, from any thread."""

    def __init__(
        self, watch: Watch, in_its_unit: Callable[[Reading], Reading], ended: Callable[[Watching], None]
    ) -> None:
        self._watch, self._in_its_unit, self._ended = watch, in_its_unit, ended
        self.is_closed = False
        self._batches = self._run()
        self._readings = (reading for batch in self._batches for reading in batch)

    @property
    def lost(self) -> int:
        """How many values gave way to newer ones so far, where the server says it: this reader is too slow."""
        return self._watch.lost

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Reading:
        return next(self._readings)

    def batches(self) -> Iterator[Sequence[Reading]]:
        """The same readings, those that came together together."""
        return self._batches

    def close(self) -> None:
        self.is_closed = True
        self._watch.cancel()
        self._ended(self)
        with suppress(ValueError):  # another thread is in it, and will find it ended
            self._batches.close()

    def _run(self) -> Generator[Sequence[Reading]]:
        batches = iter(self._watch)
        try:
            for batch in batches:
                yield [self._in_its_unit(reading) for reading in batch]
        finally:
            self._ended(self)
            batches.close()  # type: ignore[attr-defined]


class Car:
    """One car. To be used in a `with`; every method is safe in any thread and may raise DoorError and UnknownName.

    With an `app` it sees and sets what its manifest names, in the units that it names there; everything else raises
    NotPermitted. `vehicle`: the id that was asked for, None where the server has only one. `pace`: how many times
    faster than in the car its values come here; times of readings are stretched by it, from the first one on.
    """

    def __init__(self, way: Way, vehicle: str | None, app: App | None = None, pace: float = 1.0) -> None:
        self.vehicle, self.app, self._way = vehicle, app, way
        self._pace, self._first_ns, self._is_closed = pace, 0, False
        self._known: dict[str, Signal] = {}
        self._watches: set[Watching] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every watch; whoever asks afterwards gets CarClosed."""
        self._is_closed = True
        for watch in list(self._watches):
            watch.close()
        self._way.close()

    def get(self, path: str) -> Reading:
        """What a signal stands for now."""
        signal = self.signal(path)
        with self._open():
            return self._in_its_unit(self._way.read(signal))

    def watch(self, *paths: str, every: bool = False) -> Watching:
        """First what each signal stands for, then each change, until the car or what is returned is closed.

        When a server goes, each signal comes once more as stale; the watch waits and goes on when it is back. A reader
        that is too slow gets the newest values; with `every` up to EVERY messages wait for it before one gives way.
        """
        signals = [self.signal(path) for path in dict.fromkeys(paths)]
        if not signals:
            raise InputError("watch: expected at least one path")
        with self._open():
            watch = self._way.watch(signals, EVERY if every else 0)
        watching = Watching(watch, self._in_its_unit, self._watches.discard)
        self._watches.add(watching)
        return watching

    def set(self, path: str, value: Value) -> None:
        """Ask for an actuator to take a value, given in the unit in which it is read.

        Returns when the car has taken it over; `watch` tells whether it moves. Raises NotActuator, ValueRefused, and
        what a server refuses as DoorError: nobody carries it out, another app with a higher priority holds it.
        """
        signal = self.signal(path)
        if self.app and path not in self.app.actuates:
            raise NotPermitted(f"{path}: the manifest of {self.app.id} does not say that it sets it")
        if signal.kind != "actuator":
            raise NotActuator(path, signal.kind)
        wished = signal.wire(self._out_of_its_unit(signal, value))
        with self._open():
            self._way.set(signal, wished)

    def signal(self, path: str) -> Signal:
        """A signal as the server describes it: kind, datatype, unit, limits. Raises UnknownName."""
        if self.app and path not in self.app.needs:
            raise NotPermitted(f"{path} is not in the manifest of {self.app.id}")
        if path not in self._known:
            with self._open():
                found = {s.path: s for s in self._way.signals(path)}
            if path not in found:
                raise InputError(f"{path} is a branch or a pattern; expected one signal")
            self._known[path] = found[path]
        return self._known[path]

    def has(self, *paths: str) -> list[str]:
        """Those of the paths that the server knows at all; whether the car says them only their values tell."""
        return [path for path in paths if self._is_known(path)]

    def _is_known(self, path: str) -> bool:
        try:
            self.signal(path)
        except UnknownName:
            return False
        return True

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Raises CarClosed for a car that is closed, or that is while it is asked."""
        if self._is_closed:
            raise CarClosed
        try:
            yield
        except (DoorError, ValueError) as e:  # gRPC has both for a channel that is closed
            if self._is_closed:
                raise CarClosed from e
            raise

    def _in_its_unit(self, reading: Reading) -> Reading:
        if self._pace != 1 and reading.t_ns is not None:
            self._first_ns = self._first_ns or reading.t_ns
            reading = reading._replace(t_ns=self._first_ns + round((reading.t_ns - self._first_ns) * self._pace))
        wanted = self._unit(reading.path)
        if wanted is None or wanted == reading.unit:
            return reading
        return reading._replace(value=_converted(reading.value, reading.unit, wanted), unit=wanted)

    def _out_of_its_unit(self, signal: Signal, value: Value) -> Any:
        wanted = self._unit(signal.path)
        return value if wanted in (None, signal.unit) else _converted(value, wanted, signal.unit)

    def _unit(self, path: str) -> str | None:
        return self.app.needs[path].unit if self.app else None


def _converted(value: Any, source: str | None, target: str | None) -> Any:
    """The same in another unit; texts and truths have none."""
    if isinstance(value, list):
        return [_converted(each, source, target) for each in value]
    if isinstance(value, bool | str) or value is None:
        return value
    scale, offset = conversion(source, target)
    return float(scale) * value + float(offset)


class AsyncCar:
    """A Car for an event loop: the same methods as coroutines, and `watch` to be iterated with `async for`.

    What waits waits in threads, so that the loop never does.
    """

    def __init__(self, car: Car) -> None:
        self._car = car
        self.vehicle, self.app = car.vehicle, car.app

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await asyncio.to_thread(self._car.close)

    async def get(self, path: str) -> Reading:
        return await asyncio.to_thread(self._car.get, path)

    async def set(self, path: str, value: Value) -> None:
        await asyncio.to_thread(self._car.set, path, value)

    async def signal(self, path: str) -> Signal:
        return await asyncio.to_thread(self._car.signal, path)

    async def has(self, *paths: str) -> list[str]:
        return await asyncio.to_thread(self._car.has, *paths)

    async def watch(self, *paths: str, every: bool = False) -> AsyncIterator[Reading]:
        """As `Car.watch`."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[_Batch]()
        room, watching = threading.Semaphore(_AHEAD), await asyncio.to_thread(self._car.watch, *paths, every=every)

        def pump() -> None:
            for batch in _with_end(watching.batches()):
                while not room.acquire(timeout=_LOOK_S):
                    if watching.is_closed:
                        return
                try:
                    loop.call_soon_threadsafe(queue.put_nowait, batch)
                except RuntimeError:  # the loop has closed
                    return

        threading.Thread(target=pump, name="watch", daemon=True).start()
        try:
            while (batch := await queue.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                room.release()
                for reading in batch:
                    yield reading
        finally:
            watching.close()


_Batch = Sequence[Reading] | Exception | None
_AHEAD = 8
"""Batches that wait in a loop that lags; more wait where they come from."""
_LOOK_S = 0.5


def _with_end(batches: Iterator[Sequence[Reading]]) -> Iterator[_Batch]:
    """The batches, then how they ended: the error, or None."""
    try:
        yield from batches
    except Exception as e:
        yield e
        return
    yield None

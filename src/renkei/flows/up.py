"""Brings cars up: sources feed the broker from threads of their own, the event loop owns it, doors let others in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renkei.broker import Broker
from renkei.can.frame_engine import FrameEngine, Pair
from renkei.can.frames import Frames
from renkei.can.logs import open_log
from renkei.can.plan import Plan
from renkei.catalogue import Catalogue
from renkei.doors.dashboard.door import Dashboard
from renkei.doors.http import HttpDoor
from renkei.doors.kuksa.door import KuksaDoor
from renkei.doors.viss.door import Viss
from renkei.errors import InputError, RenkeiError
from renkei.flows.buses import Buses
from renkei.flows.feeds import TICK_S, Feed, Publish, Updates, publisher, updates_of
from renkei.flows.live import LiveCar, LiveSource, lines_of, lonely_messages
from renkei.flows.plans import plan_of
from renkei.vehicle import Vehicle
from renkei.vocabulary import Vocabulary, builtin

LONGEST_GAP_S = 5.0
"""Silences in a recording are shortened to this."""


@dataclass(frozen=True, slots=True)
class Cars:
    """What is up: the port of each vehicle, the port of the dashboard, the broker."""

    broker: Broker
    ports: Mapping[str, int]
    http_port: int | None


class Replay:
    """A recording, played at its recorded pace (times `speed`) in a thread of its own.

    Frames go through the per-frame engine; values come out in batches, `publish`ed every TICK_S. The time of a sample
    is the recorded one where the log has it since 1970; else, and when looping, the moment of the replay.
    """

    def __init__(
        self,
        plan: Plan,
        log: Path,
        publish: Publish,
        *,
        speed: float = 1.0,
        loop: bool = False,
        failed: Callable[[RenkeiError], None],
    ) -> None:
        self._plan, self._log, self._publish, self._speed, self._loop = plan, log, publish, speed, loop
        self._failed = failed
        self._stop = threading.Event()
        self._open = open_log(log)  # what cannot be read is said before anything is up
        self._thread = threading.Thread(target=self._run, name=f"replay of {log.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._play()
                if not self._loop or self._stop.wait(TICK_S):  # a recording of one moment must not turn at full speed
                    return
                self._open = open_log(self._log)
        except RenkeiError as e:
            self._failed(e)

    def _play(self) -> None:
        engine, buses, clock = FrameEngine(self._plan), Buses(self._plan, {}), _Clock(self._speed)
        recorded = self._open.time_base == "utc" and not self._loop
        for frames in self._open.blocks(1 << 14):
            carried = buses.of(frames)
            for part in self._due(frames, clock):
                updates = self._decoded(engine, frames, carried, part, recorded)
                if updates:
                    self._publish(updates)
                if self._stop.is_set():
                    return

    def _due(self, frames: Frames, clock: _Clock) -> Iterator[Any]:
        """Places in the block in the order of time, as they fall due."""
        order = np.argsort(frames.t, kind="stable")
        due = clock.due(frames.t[order])
        at = 0
        while at < len(order):
            wait = due[at] - time.monotonic()
            if wait > 0 and self._stop.wait(wait):
                return
            end = int(np.searchsorted(due, time.monotonic() + TICK_S))
            yield order[at : max(end, at + 1)]
            at = max(end, at + 1)

    def _decoded(
        self, engine: FrameEngine, frames: Frames, carried: Sequence[Sequence[str]], places: Any, recorded: bool
    ) -> Updates:
        updates: Updates = []
        now = time.time_ns()
        for i in places.tolist():
            t, data = int(frames.t[i]), frames.data[i, : frames.length[i]].tobytes()
            pairs: list[Pair] = []
            for bus in carried[frames.channel[i]]:
                pairs = engine.decode(bus, int(frames.id[i]), data, t)
                if pairs:
                    break
            updates += updates_of(pairs, t if recorded else now)
        return updates


class _Clock:
    """When recorded times fall due: their distances kept, divided by the speed, long silences shortened."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._last_ns: int | None = None
        self._due = 0.0

    def due(self, t: Any) -> Any:
        """Seconds of the monotonic clock for sorted times in ns."""
        if self._last_ns is None:
            self._last_ns, self._due = int(t[0]), time.monotonic()
        steps = np.clip(np.diff(t, prepend=self._last_ns) / 1e9, 0, LONGEST_GAP_S)
        due = self._due + np.cumsum(steps) / self._speed
        self._last_ns, self._due = int(t[-1]), float(due[-1])
        return due


@dataclass(frozen=True, slots=True)
class Source:
    """A vehicle and the recording that stands for it, or the buses that it is connected to, if any."""

    vehicle: str
    log: Path | None = None
    live: LiveSource | None = None


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Ports 0 choose free ones; `http_port` None: no dashboard. `speed` times the recorded pace."""

    grpc_port: int = 55555
    http_port: int | None = 8090
    speed: float = 1.0
    loop: bool = False


@asynccontextmanager
async def up(
    sources: Sequence[Source],
    catalogue: Catalogue,
    options: UpOptions,
    vocabulary: Vocabulary | None = None,
    failed: Callable[[RenkeiError], None] = lambda e: None,
    tell: Callable[[str], None] = lambda line: None,
) -> AsyncIterator[Cars]:
    """Cars on their doors, for as long as the context is open.

    `failed` hears of a source that gave up on the way, `tell` of buses that are lost and back; both from any thread.
    """
    _judge(sources, options)
    chosen = vocabulary or builtin()
    vehicles = [catalogue.vehicle(s.vehicle) for s in sources]
    broker = Broker(chosen, [v.id for v in vehicles])
    loop = asyncio.get_running_loop()
    feeds: dict[str, Feed] = {}
    for source, vehicle in zip(sources, vehicles, strict=True):
        broker.publish(vehicle.id, _attributes(vehicle, chosen))
        publish = publisher(loop, broker, vehicle.id)
        if source.log is not None:
            plan = plan_of(vehicle.map, vocabulary)
            replay = Replay(plan, source.log, publish, speed=options.speed, loop=options.loop, failed=failed)
            feeds[vehicle.id] = replay
        elif source.live is not None:
            feeds[vehicle.id] = _live_car(vehicle, source.live, vocabulary, publish, tell)
    async with AsyncExitStack() as open_doors:
        kuksa = KuksaDoor(broker, chosen, [v.id for v in vehicles], first_port=options.grpc_port)
        ports = await kuksa.open()
        open_doors.push_async_callback(kuksa.close)
        http_port = None
        if options.http_port is not None:
            names = {v.id: _name(v, source) for v, source in zip(vehicles, sources, strict=True)}
            dashboard = Dashboard(broker, chosen, broker.vehicles, names, ports)
            web = HttpDoor([dashboard, Viss(broker, chosen, broker.vehicles)], port=options.http_port)
            http_port = await web.open()
            open_doors.push_async_callback(web.close)
        for id_, feed in feeds.items():
            await asyncio.to_thread(feed.start)
            open_doors.push_async_callback(asyncio.to_thread, feed.stop)
            if isinstance(feed, LiveCar):
                open_doors.callback(broker.claim_actuators(id_, feed.actuators, feed.carry).release)
        yield Cars(broker, ports, http_port)


def _live_car(
    vehicle: Vehicle,
    source: LiveSource,
    vocabulary: Vocabulary | None,
    publish: Publish,
    tell: Callable[[str], None],
) -> LiveCar:
    plan = plan_of(vehicle.map, vocabulary)
    return LiveCar(
        plan,
        lines_of(source, vehicle.map, plan),
        publish,
        tell=lambda line: tell(f"{vehicle.id}: {line}"),
        listen_only=source.listen_only,
        alone=lonely_messages(vehicle.map, plan),
    )


def _judge(sources: Sequence[Source], options: UpOptions) -> None:
    if not sources:
        raise InputError("no vehicle given")
    twice = {s.vehicle for s in sources if [x.vehicle for x in sources].count(s.vehicle) > 1}
    if twice:
        raise InputError(f"--vehicle {min(twice)}: given twice")
    if not options.speed > 0:
        raise InputError(f"--speed: expected a number above 0, got {options.speed:g}")


def _name(vehicle: Vehicle, source: Source) -> str:
    """What the dashboard calls a car: it must be plain that a recording is one."""
    if source.live:
        return f"{vehicle.name}, live on {source.live}"
    return f"{vehicle.name}, replay of {source.log.name}" if source.log else f"{vehicle.name}, no source"


def _attributes(vehicle: Vehicle, vocabulary: Vocabulary) -> Updates:
    """What is fixed in this car, as its first values."""
    now = time.time_ns()
    return [
        (vocabulary[path].index, fact.value, now) for path, fact in vehicle.attributes.items() if path in vocabulary
    ]

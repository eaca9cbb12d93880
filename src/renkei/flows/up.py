"""Brings cars up: sources feed the broker from threads of their own, the event loop owns it, doors let others in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from renkei.broker import Broker
from renkei.can.meter import BusState
from renkei.catalogue import Catalogue
from renkei.doors.dashboard.door import Dashboard
from renkei.doors.http import HttpDoor
from renkei.doors.kuksa.door import KuksaDoor
from renkei.doors.viss.door import Viss
from renkei.errors import CannotTell, InputError, RenkeiError
from renkei.flows.feeds import Feed, Publish, Updates, publisher
from renkei.flows.live import LiveCar, LiveSource, lines_of, lonely_messages
from renkei.flows.plans import plan_of
from renkei.flows.recognise import car_of
from renkei.flows.replay import Replay
from renkei.flows.safety import Safety, guarding
from renkei.flows.virtual import Driven, VirtualFeed, VirtualSource, driven_car, said_by
from renkei.vehicle import Vehicle
from renkei.vocabulary import Vocabulary, builtin


@dataclass(frozen=True, slots=True)
class Cars:
    """What is up: the port of each vehicle, the port of the dashboard, the broker and its loop, the sources."""

    broker: Broker
    ports: Mapping[str, int]
    http_port: int | None
    feeds: Mapping[str, Feed] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


@dataclass(frozen=True, slots=True)
class Source:
    """A vehicle, and the recording that stands for it, the buses that it is on, or how it is simulated, if any.

    `buses`: the recording's channel of a bus where it is not to be found out; `time_unit` overrides the recording's.
    """

    vehicle: str
    log: Path | None = None
    live: LiveSource | None = None
    virtual: VirtualSource | None = None
    buses: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None

    @property
    def origin(self) -> str:
        """How the values that come from here name their source."""
        if self.live:
            return f"live on {self.live}"
        if self.virtual:
            return f"simulation of {self.virtual}"
        return f"recording {self.log.name}" if self.log else ""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Ports 0 choose free ones; `http_port` None: no dashboard. `speed` times the recorded pace.

    With `any_car`, recordings are taken even where they look like those of another car.
    """

    grpc_port: int = 55555
    http_port: int | None = 8090
    speed: float = 1.0
    loop: bool = False
    any_car: bool = False
    safety: Safety = field(default_factory=Safety)


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
        broker.publish(vehicle.id, _attributes(vehicle, chosen), source="catalogue")
        driven = _driven(source, catalogue, tell)
        # What the car says itself nobody else may say, and nobody can be first: the doors are not open yet.
        own = broker.claim_signals(vehicle.id, _said(source, vehicle, vocabulary, driven), by=source.origin)
        publish = publisher(loop, broker, vehicle.id, own)
        if source.log is not None:
            car = None if options.any_car else car_of(catalogue, vehicle.id)
            feeds[vehicle.id] = Replay(
                plan_of(vehicle.map, vocabulary), source.log, publish, speed=options.speed, loop=options.loop,
                failed=failed, car=car, buses=source.buses, time_unit=source.time_unit,
            )  # fmt: skip
        elif source.live is not None:
            feeds[vehicle.id] = _live_car(vehicle, source.live, vocabulary, publish, tell)
        elif driven is not None:
            plan = plan_of(vehicle.map, vocabulary) if vehicle.known_map else None
            feeds[vehicle.id] = VirtualFeed(driven, plan, chosen, publish, speed=options.speed)
    carried = [
        broker.claim_actuators(id_, feed.actuators, feed.carry)
        for id_, feed in feeds.items()
        if isinstance(feed, LiveCar | VirtualFeed)
    ]
    async with AsyncExitStack() as open_doors:
        host, tls = options.safety.host, options.safety.certificates(tell)
        guard = await open_doors.enter_async_context(guarding(options.safety, tell))
        kuksa = KuksaDoor(broker, chosen, [v.id for v in vehicles], host, options.grpc_port, guard, tls)
        ports = await kuksa.open()
        open_doors.push_async_callback(kuksa.close)
        http_port = None
        if options.http_port is not None:
            names = {v.id: _name(v, source) for v, source in zip(vehicles, sources, strict=True)}
            dashboard = Dashboard(broker, chosen, broker.vehicles, names, ports, guard, _buses_of(feeds))
            web = HttpDoor([dashboard, Viss(broker, chosen, broker.vehicles, guard)], host, options.http_port, tls)
            http_port = await web.open()
            open_doors.push_async_callback(web.close)
        for feed in feeds.values():
            await asyncio.to_thread(feed.start)
            open_doors.push_async_callback(asyncio.to_thread, feed.stop)
        for claim in carried:
            open_doors.callback(claim.release)
        yield Cars(broker, ports, http_port, feeds)


def _driven(source: Source, catalogue: Catalogue, tell: Callable[[str], None]) -> Driven | None:
    """The virtual car of a source; None, and a line that says why, where too little is known to simulate it."""
    if source.virtual is None:
        return None
    try:
        return driven_car(catalogue, source.vehicle, source.virtual)
    except CannotTell as e:
        why = str(e).split(";")[0]  # what drive would take instead is no option here
        tell(f"{why}, so that it cannot be simulated; it comes up without values, for clients to publish")
        return None


def _said(source: Source, vehicle: Vehicle, vocabulary: Vocabulary | None, driven: Driven | None) -> Sequence[int]:
    """The signals that a recording stands for, that come from the buses that are connected, or that are simulated."""
    if source.log is None and source.live is None and driven is None:
        return ()
    plan = plan_of(vehicle.map, vocabulary) if vehicle.known_map or not driven else None
    if plan is None or driven:
        return said_by(plan, vocabulary or builtin())
    buses = plan.buses if source.live is None else [line.bus for line in lines_of(source.live, vehicle.map, plan)]
    messages = [m for m in (*plan.messages, *plan.answers) if m.bus in buses]
    return tuple(dict.fromkeys(row.index for m in messages for row in m.rows))


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


def _buses_of(feeds: Mapping[str, Feed]) -> Callable[[str], Sequence[BusState]]:
    live = {id_: feed for id_, feed in feeds.items() if isinstance(feed, LiveCar)}
    return lambda id_: live[id_].buses if id_ in live else ()


def _judge(sources: Sequence[Source], options: UpOptions) -> None:
    if not sources:
        raise InputError("no vehicle given")
    twice = {s.vehicle for s in sources if [x.vehicle for x in sources].count(s.vehicle) > 1}
    if twice:
        raise InputError(f"--vehicle {min(twice)}: given twice")
    last = options.grpc_port + len(sources) - 1
    if options.grpc_port and options.http_port and options.grpc_port <= options.http_port <= last:
        raise InputError(f"--http-port: {options.http_port} is the KUKSA port of a car ({options.grpc_port} to {last})")
    options.safety.judge()
    if not options.speed > 0:
        raise InputError(f"--speed: expected a number above 0, got {options.speed:g}")


def _name(vehicle: Vehicle, source: Source) -> str:
    """What the dashboard calls a car: it must be plain that a recording is one."""
    if source.live:
        return f"{vehicle.name}, live on {source.live}"
    if source.virtual:
        return f"{vehicle.name}, virtual"
    return f"{vehicle.name}, replay of {source.log.name}" if source.log else f"{vehicle.name}, no source"


def _attributes(vehicle: Vehicle, vocabulary: Vocabulary) -> Updates:
    """What is fixed in this car, as its first values."""
    now = time.time_ns()
    return [
        (vocabulary[path].index, fact.value, now) for path, fact in vehicle.attributes.items() if path in vocabulary
    ]

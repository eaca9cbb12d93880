"""A car on its live buses: frames become values, answers on diagnostics are asked for, actuations go out.

Reader threads, one a bus, fill one inbox; one thread a car empties it and owns all that the car remembers.
"""

from __future__ import annotations

import asyncio
import queue
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from renkei.broker.claims import Actuation
from renkei.can.actuate import frame_for, lonely
from renkei.can.frame_engine import FrameEngine
from renkei.can.freshness import Freshness
from renkei.can.live import Back, Event, Heard, Line, Lost, Reader
from renkei.can.load import CALM, HIGH, Load
from renkei.can.meter import BusState
from renkei.can.plan import Plan, PlanMessage, field_of
from renkei.can.poll import Asked, Poller, Request
from renkei.errors import InputError, RenkeiError, UnknownName
from renkei.flows.feeds import TICK_S, Publish, Updates, updates_of
from renkei.flows.plans import database
from renkei.samples import STALE
from renkei.vehicle import Map

PREFIX = "can:"
SYNTAX = "can:[BUS@]INTERFACE:CHANNEL[:OPTION=VALUE...][,...][,listen]"
_LOOK_S = 0.05
"""How often a silent car is looked after: what is stale, what is to be asked."""
_MOST_WAITING = 1 << 14
_SENT_S = 5.0
_ECHO_S = 0.5


@dataclass(frozen=True, slots=True)
class LiveSource:
    """What a car is connected to; `bus` of a line is empty where it was not named."""

    lines: tuple[Line, ...]
    listen_only: bool = False

    def __str__(self) -> str:
        return ", ".join(f"{line.interface}:{line.channel}" for line in self.lines)


def live_source(text: str) -> LiveSource:
    """The live source that SYNTAX writes. Raises InputError."""
    parts = text.removeprefix(PREFIX).split(",")
    listen_only = parts[-1] == "listen"
    lines = []
    for part in parts[: len(parts) - listen_only]:
        found = re.fullmatch(r"(?:([^@:]+)@)?([^@:]+):(.+?)((?::[a-z_]+=[^:]+)*)", part)
        if not found:
            raise InputError(f"--vehicle: expected {SYNTAX}, got '{text}'")
        options = tuple((key, _option(value)) for key, value in re.findall(r":([a-z_]+)=([^:]+)", found[4]))
        lines.append(Line(found[1] or "", found[2], found[3], options=options))
    if not lines:
        raise InputError(f"--vehicle: expected {SYNTAX}, got '{text}'")
    return LiveSource(tuple(lines), listen_only)


def _option(text: str) -> bool | int | float | str:
    """An option of python-can in the type that it has as Python."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def lines_of(source: LiveSource, map_: Map, plan: Plan) -> tuple[Line, ...]:
    """The lines of a source with all that the map knows of each bus. Raises InputError for a bus that does not fit."""
    buses = ", ".join(plan.buses)
    if len(plan.buses) > 1 and not all(line.bus for line in source.lines):
        example = f"can:{plan.buses[0]}@{source.lines[0].interface}:{source.lines[0].channel}"
        raise InputError(f"--vehicle: this car has {buses}: say which bus it is, as in {example}")
    found: dict[str, Line] = {}
    for line in source.lines:
        bus = line.bus or plan.buses[0]
        if bus not in plan.buses:
            raise UnknownName("bus", bus, plan.buses, f"(this car has {buses})")
        if bus in found:
            raise InputError(f"--vehicle: bus {bus} is given twice")
        messages = [m for m in (*plan.messages, *plan.answers) if m.bus == bus]
        found[bus] = line._replace(
            bus=bus,
            bitrate=map_.buses[bus].bitrate,
            fd=any(m.length > 8 for m in messages),
            ids=tuple(sorted({m.id for m in messages})),
        )
    return tuple(found.values())


def lonely_messages(map_: Map, plan: Plan) -> frozenset[PlanMessage]:
    """The messages that carry one signal only, which can be sent although none of them has been heard."""
    known = {(bus.name, m.name): m for bus in map_.buses.values() for file in bus.dbc
             for m in database(file).messages.values()}  # fmt: skip
    return frozenset(m for m in plan.messages if lonely(m, map(field_of, known[m.bus, m.name].signals)))


class Order(NamedTuple):
    """An actuator that is to be set; `done` hears None, or why it was not, in the thread of the car."""

    path: str
    value: Any
    deadline_ns: int | None
    done: Callable[[RenkeiError | None], None]


class LiveCar:
    """A car on its buses. Values come out in batches, `publish`ed every TICK_S, at the time their frame was received.

    `tell` hears, in a line each, that a bus is lost and that it is back, that it is nearly full and has room again, and
    at the end what became of the questions on diagnostics. `alone`: messages that may be sent unheard.
    """

    def __init__(
        self,
        plan: Plan,
        lines: Sequence[Line],
        publish: Publish,
        *,
        tell: Callable[[str], None],
        listen_only: bool = False,
        alone: Collection[PlanMessage] = (),
    ) -> None:
        self.plan, self.listen_only = plan, listen_only
        self.engine = FrameEngine(plan)
        self._publish, self._tell, self._alone = publish, tell, alone
        self._inbox: queue.Queue[Event | Order] = queue.Queue(_MOST_WAITING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live car", daemon=True)
        self._readers = {line.bus: Reader(line, self._put, listen_only=listen_only) for line in lines}
        self._away: set[str] = set()
        self._messages = {(m.bus, m.id): m for m in plan.messages}
        self._last: dict[PlanMessage, bytes] = {}
        self._sent: dict[PlanMessage, tuple[bytes, float]] = {}
        self._freshness = Freshness(plan, is_asked=not listen_only)
        self._pollers = {bus: self._poller(bus) for bus in self._readers}
        self._looked_s = 0.0
        self._loads: dict[str, Load] = {}

    @property
    def buses(self) -> tuple[BusState, ...]:
        """How each bus stands; may be asked from any thread."""
        return tuple(
            BusState(
                bus, reader.line.interface, reader.line.channel, reader.line.bitrate, bus in self._away,
                reader.meter.is_high, self._loads.get(bus), reader.meter.error_frames,
            )
            for bus, reader in self._readers.items()
        )  # fmt: skip

    @property
    def asked(self) -> Mapping[str, Asked]:
        """What became of the requests on each bus."""
        return {bus: poller.counts for bus, poller in self._pollers.items()}

    @property
    def actuators(self) -> tuple[int, ...]:
        """The signals that can be set here, as far as the map goes; none where the car is only listened to."""
        if self.listen_only:
            return ()
        rows = (row for m in self.plan.messages if m.bus in self._readers for row in (*m.rows, *m.commands))
        return tuple(dict.fromkeys(row.index for row in rows if row.signal.kind == "actuator" and row.array < 0))

    def start(self) -> None:
        """Open the buses and read them. Raises InputError for a bus that cannot be opened; then none is open."""
        try:
            for reader in self._readers.values():
                reader.open()
        except RenkeiError:
            self.stop()
            raise
        self._thread.start()
        for reader in self._readers.values():
            reader.start()

    def stop(self) -> None:
        stopped = self._stop.is_set()
        self._stop.set()
        for reader in self._readers.values():
            reader.stop()
        if self._thread.ident is not None:
            self._thread.join()
            for bus, asked in self.asked.items():
                if asked.requests and not stopped:
                    self._tell(f"{self._readers[bus].line}: {asked}")

    def send(self, path: str, value: Any) -> None:
        """Set an actuator and wait until its frame is on the bus. Raises InputError for what keeps it from that."""
        sent: Future[None] = Future()

        def done(error: RenkeiError | None) -> None:
            sent.set_exception(error) if error else sent.set_result(None)

        self.order(Order(path, value, None, done))
        try:
            sent.result(_SENT_S)
        except TimeoutError:
            raise InputError(f"{path}: not sent within {_SENT_S:g} s") from None

    def order(self, order: Order) -> None:
        """Set an actuator soon."""
        if self.listen_only:
            order.done(InputError(f"{order.path}: not sent: this car is only listened to"))
            return
        try:
            self._inbox.put_nowait(order)
        except queue.Full:
            order.done(InputError(f"{order.path}: not sent: too much waits already"))

    def carry(self, actuations: Sequence[Actuation]) -> None:
        """Carry out what the broker was asked for; it ends in the event loop, which must be running."""
        loop = asyncio.get_running_loop()
        for a in actuations:
            if a.take(time.time_ns()):
                path = self.plan.vocabulary.signals[a.index].path
                self.order(Order(path, a.value, a.deadline_ns, partial(_ended, loop, a)))

    def _poller(self, bus: str) -> Poller:
        return Poller([] if self.listen_only else [a for a in self.plan.answers if a.bus == bus], time.monotonic())

    def _put(self, event: Event) -> None:
        while not self._stop.is_set():
            try:
                return self._inbox.put(event, timeout=0.5)
            except queue.Full:
                continue

    def _run(self) -> None:
        while not self._stop.is_set():
            updates: Updates = []
            for item in self._came():
                updates += self._settled(item, time.monotonic())
            updates += self._looked_after(time.monotonic())
            if updates:
                self._publish(updates)

    def _came(self) -> Iterator[Event | Order]:
        """What comes within a tick of the first of it, which is waited for."""
        try:
            yield self._inbox.get(timeout=_LOOK_S)
        except queue.Empty:
            return
        self._stop.wait(TICK_S)
        for _ in range(self._inbox.qsize()):
            yield self._inbox.get_nowait()

    def _settled(self, item: Event | Order, now_s: float) -> Updates:
        match item:
            case Heard():
                return self._heard(item, now_s)
            case Lost(bus, why):
                return self._lost(bus, why, now_s)
            case Back(bus):
                self._away.discard(bus)
                self._readers[bus].meter.restart(now_s)
                self._tell(f"{self._readers[bus].line} is back")
            case Order():
                self._carry_out(item)
        return []

    def _heard(self, frame: Heard, now_s: float) -> Updates:
        counts = self.engine.counts
        good = counts.decoded - counts.bad_checksum - counts.repeated
        pairs = self.engine.decode(frame.bus, frame.id, frame.data, frame.t_ns)
        message = self._messages.get((frame.bus, frame.id))
        if message is None:
            said = {index for index, _ in pairs}
            for answer in (a for a in self.plan.answers if said and (a.bus, a.id) == (frame.bus, frame.id)):
                if any(row.index in said for row in answer.rows):
                    self._freshness.heard(answer, pairs, now_s)
            self._request(frame.bus, self._pollers[frame.bus].heard(frame.id, frame.data, now_s), now_s)
        elif counts.decoded - counts.bad_checksum - counts.repeated > good:
            self._last[message] = frame.data[: message.length]
            if not self._is_echo(message, frame.data, now_s):
                self._freshness.heard(message, pairs, now_s)
        return updates_of(pairs, frame.t_ns)

    def _is_echo(self, message: PlanMessage, data: bytes, now_s: float) -> bool:
        """Whether this is what was just sent: some interfaces hear themselves, and the car has then said nothing."""
        sent, sent_s = self._sent.pop(message, (b"", -_ECHO_S))
        return data == sent and now_s - sent_s < _ECHO_S

    def _lost(self, bus: str, why: str, now_s: float) -> Updates:
        self._away.add(bus)
        self._loads.pop(bus, None)
        self._tell(f"{self._readers[bus].line} is lost, its values are not available until it is back: {why}")
        self._pollers[bus].give_up(now_s)
        self._forget(m for m in self.plan.messages if m.bus == bus)
        return _stale(self._freshness.bus_lost(bus).signals)

    def _forget(self, messages: Iterable[PlanMessage]) -> None:
        """What these said holds no more: not for rows of others, nor as what stays when they are sent."""
        for m in (m for m in messages if not m.prefix):
            self._last.pop(m, None)
            self.engine.memory.heard[m.number] = False
            for latch in m.latches:
                self.engine.memory.latched[latch.number] = None

    def _looked_after(self, now_s: float) -> Updates:
        if now_s - self._looked_s < _LOOK_S:
            return []
        self._looked_s = now_s
        for bus, poller in self._pollers.items():
            if bus not in self._away:
                self._measured(self._readers[bus], now_s)
                self._request(bus, poller.next(now_s), now_s)
        gone = self._freshness.gone(now_s)
        self._forget(gone.messages)
        return _stale(gone.signals)

    def _measured(self, reader: Reader, now_s: float) -> None:
        was_high = reader.meter.is_high
        load = reader.meter.load(now_s)
        if load is None:
            return
        self._loads[reader.line.bus] = load
        if reader.meter.is_high and not was_high:
            self._tell(
                f"{reader.line} is nearly full: {load}; above {100 * HIGH:.0f} % messages of low priority may be late"
            )
        elif was_high and not reader.meter.is_high:
            self._tell(f"{reader.line} has room again: {load}, under {100 * CALM:.0f} % for some seconds")

    def _request(self, bus: str, request: Request | None, now_s: float) -> None:
        if request is None:
            return
        try:
            self._readers[bus].send(*request)
        except InputError:
            self._pollers[bus].give_up(now_s)  # asked again later; that a bus is lost, its reader tells

    def _carry_out(self, order: Order) -> None:
        try:
            if order.deadline_ns is not None and time.time_ns() > order.deadline_ns:
                raise InputError(f"{order.path}: its deadline passed before it could be sent")
            silent_s = partial(self._freshness.silent_s, now_s=time.monotonic())
            message, data = frame_for(self.engine, order.path, order.value, self._last, self._alone, silent_s)
            if message.bus not in self._readers:
                raise InputError(f"{order.path}: not sent: {message.bus} is not connected")
            self._readers[message.bus].send(message.id, data)
        except RenkeiError as e:
            order.done(e)
            return
        self._last[message] = data  # the counter goes on from here
        self._sent[message] = data, time.monotonic()
        order.done(None)


def _stale(indices: Sequence[int]) -> Updates:
    now_ns = time.time_ns()
    return [(index, STALE, now_ns) for index in indices]


def _ended(loop: asyncio.AbstractEventLoop, actuation: Actuation, error: RenkeiError | None) -> None:
    """Tell how an actuation ended, from the thread of a car."""
    end = partial(actuation.finish, "failed", str(error)) if error else partial(actuation.finish, "done")
    if not loop.is_closed():
        loop.call_soon_threadsafe(end)

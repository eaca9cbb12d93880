"""A car simulated on buses of python-can, and a live car beside it, for the tests of live cars."""

from __future__ import annotations

import queue
import threading
import time
from itertools import count
from typing import Any

import can
from can.interfaces.virtual import VirtualBus

from renkei.can.encode import payload, put, raw_of
from renkei.can.frames import EXTENDED
from renkei.can.isotp import frames_of
from renkei.can.plan import Plan, PlanMessage, PlanRow
from renkei.catalogue import Catalogue
from renkei.flows.live import LiveCar, LiveSource, lines_of, lonely_messages
from renkei.flows.plans import plan_of

PATIENCE_S = 10
CATALOGUE = Catalogue()
CLARITY, LEAF = "honda/clarity-ev", "nissan/leaf-ze1-40"
SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"
BRAKE_LIGHT = "Vehicle.Body.Lights.Brake.IsActive"
_channels = count()


def a_channel() -> str:
    """A virtual bus of its own."""
    return f"car-{next(_channels)}"


def plan_for(vehicle: str) -> Plan:
    return plan_of(CATALOGUE.vehicle(vehicle).map)


def row_for(plan: Plan, path: str, message: str | None = None) -> tuple[PlanMessage, PlanRow]:
    rows = ((m, r) for m in (*plan.messages, *plan.answers) for r in m.rows if message in (None, m.name))
    return next((m, r) for m, r in rows if r.signal.path == path)


class Node:
    """The rest of the car: a node on the same bus."""

    def __init__(self, channel: str, interface: str = "virtual") -> None:
        self.bus = can.Bus(interface=interface, channel=channel, ignore_config=True)
        self._counts = count()

    def say(self, plan: Plan, path: str, value: Any, message: str | None = None) -> bytes:
        """Send the frame that carries a value."""
        m, row = row_for(plan, path, message)
        data = payload(m, {row: value}, count=next(self._counts))
        self.send(m.id, data)
        return data

    def send(self, id_: int, data: bytes) -> None:
        self.bus.send(
            can.Message(arbitration_id=id_ & ~EXTENDED, is_extended_id=bool(id_ & EXTENDED), data=data, is_fd=False)
        )

    def hears(self, timeout_s: float = PATIENCE_S) -> tuple[int, bytes] | None:
        m = self.bus.recv(timeout_s)
        return None if m is None else (m.arbitration_id | (EXTENDED if m.is_extended_id else 0), bytes(m.data))


class PullableBus(VirtualBus):
    """A virtual bus whose adapter can be pulled out and plugged in again."""

    pulled = threading.Event()

    def __init__(self, channel: str, **options: Any) -> None:
        if self.pulled.is_set():
            raise can.CanInitializationError("no such device")
        super().__init__(channel, **options)

    def _recv_internal(self, timeout):
        if self.pulled.is_set():
            raise can.CanOperationError("no such device")
        return super()._recv_internal(timeout)


class Car:
    """A live car without a broker: what it published and told, to be waited for."""

    def __init__(self, vehicle: str, source: LiveSource, catalogue: Catalogue = CATALOGUE) -> None:
        map_ = catalogue.vehicle(vehicle).map
        self.plan = plan_of(map_)
        self.published: queue.Queue = queue.Queue()
        self.told: queue.Queue = queue.Queue()
        self.live = LiveCar(
            self.plan,
            lines_of(source, map_, self.plan),
            lambda updates: [self.published.put(u) for u in updates],
            tell=self.told.put,
            listen_only=source.listen_only,
            alone=lonely_messages(map_, self.plan),
        )
        self.live.start()

    def publishes(self, path: str) -> tuple[Any, int]:
        """The next value of a signal and its time."""
        index = self.plan.vocabulary[path].index
        until_s = time.monotonic() + PATIENCE_S
        while True:
            got, value, t_ns = self.published.get(timeout=max(0.0, until_s - time.monotonic()))
            if got == index:
                return value, t_ns

    def pull(self, bus: str) -> None:
        """Pull the adapter out of a bus."""
        self.live._readers[bus]._bus.shutdown()


def next_actuation(tester: Node, message: PlanMessage) -> bytes:
    """The next frame of a message; requests on diagnostics lie between."""
    while True:
        id_, data = tester.hears()
        if id_ == message.id:
            return data


class Ecu(threading.Thread):
    """Answers requests in many frames, once flow control allows; what is wrong with a request is kept."""

    def __init__(self, channel: str, answers: dict[PlanMessage, bytes]) -> None:
        super().__init__(daemon=True)
        self.tester = Node(channel)
        self.answers = {bytes([m.prefix[0] - 0x40]) + m.prefix[1:]: (m, data) for m, data in answers.items()}
        self.requests: queue.Queue = queue.Queue()
        self.wrong: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            if heard := self.tester.hears(0.1):
                self.answer(*heard)

    def answer(self, id_: int, data: bytes) -> None:
        m, whole = self.answers.get(data[1 : 1 + data[0]], (None, b""))
        if m is None or id_ != m.request or data[0] > 7 or len(data) != 8:
            self.wrong.append(f"{id_:X}#{data.hex()}")
            return
        self.requests.put(m.name)
        first, *rest = frames_of(whole)
        self.tester.send(m.id, first)
        if self.tester.hears() != (m.request, bytes.fromhex("3000000000000000")):
            self.wrong.append("no flow control")
        for frame in rest:
            self.tester.send(m.id, frame)

    def stop(self) -> None:
        self.over.set()
        self.join()
        self.tester.bus.shutdown()


def answer_with(message: PlanMessage, values: dict[str, Any]) -> bytes:
    data = bytearray(message.prefix.ljust(max(message.lengths), b"\0"))
    for row in message.rows:
        if row.signal.path in values:
            put(data, row.field, raw_of(row, values[row.signal.path]))
    return bytes(data)

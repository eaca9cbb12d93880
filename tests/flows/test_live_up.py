"""Live cars on the platform: over KUKSA, actuations of apps, and the executable as users run it."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import can
import pytest
from can.interfaces import BACKENDS
from kuksa_client.grpc import Datapoint, VSSClient, VSSClientError
from live_buses import (
    BRAKE_LIGHT,
    CATALOGUE,
    CLARITY,
    LEAF,
    PATIENCE_S,
    SPEED,
    Node,
    PullableBus,
    a_channel,
    next_actuation,
    plan_for,
    row_for,
)
from running import Up, renkei

from renkei.broker import Watcher
from renkei.can.frame_engine import FrameEngine
from renkei.can.plan import Plan, PlanMessage
from renkei.doors.kuksa.client import KuksaClient
from renkei.errors import InputError, NoCarrier
from renkei.flows.live import SYNTAX, live_source
from renkei.flows.up import Source, UpOptions, up
from renkei.vocabulary import builtin


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_for(CLARITY)


@pytest.fixture
def channel() -> str:
    return a_channel()


@pytest.fixture
def tester(channel) -> Iterator[Node]:
    made = Node(channel)
    yield made
    made.bus.shutdown()


async def value_of(broker, vehicle: str, path: str, wanted) -> Any:
    """Wait until a signal has a value for which `wanted` holds."""
    index = builtin()[path].index
    came, watcher = asyncio.Event(), Watcher([index])
    watcher.wake = came.set
    broker.watch(vehicle, watcher)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(broker.latest(vehicle, index).value):
                await came.wait()
                came.clear()
    finally:
        broker.unwatch(vehicle, watcher)
    return broker.latest(vehicle, index).value


BATTERY_CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
OPTIONS = UpOptions(grpc_port=0, http_port=None)


def test_a_live_car_over_kuksa(channel, tester, plan):
    async def drive() -> None:
        async with up([Source(CLARITY, live=live_source(f"can:virtual:{channel}"))], CATALOGUE, OPTIONS) as running:
            seen = await asyncio.to_thread(_first_values, running.ports[CLARITY], SPEED, 3, tester, plan)
            assert seen == [None, pytest.approx(50.0, abs=0.01), None]  # at first, said, stale

    asyncio.run(drive())


def test_one_car_loses_its_bus_and_the_other_goes_on(channel, tester, plan, monkeypatch):
    monkeypatch.setitem(BACKENDS, "pullable", ("live_buses", "PullableBus"))
    monkeypatch.setattr(PullableBus, "pulled", threading.Event())
    told: queue.Queue = queue.Queue()
    leaf = Source(LEAF, live=live_source(f"can:ev-can@pullable:{channel}-ev"))
    sources = [Source(CLARITY, live=live_source(f"can:virtual:{channel}")), leaf]

    async def drive() -> None:
        ev, leaf_plan = Node(f"{channel}-ev"), plan_for(LEAF)
        async with up(sources, CATALOGUE, OPTIONS, tell=told.put) as running:
            ev.say(leaf_plan, BATTERY_CURRENT, 20.0)
            await value_of(running.broker, LEAF, BATTERY_CURRENT, lambda v: v is not None)
            PullableBus.pulled.set()
            await value_of(running.broker, LEAF, BATTERY_CURRENT, lambda v: v is None)
            tester.say(plan, SPEED, 50.0)
            await value_of(running.broker, CLARITY, SPEED, lambda v: v is not None)
            PullableBus.pulled.clear()
            lines = [await asyncio.to_thread(told.get, timeout=PATIENCE_S) for _ in range(2)]
            ev.say(leaf_plan, BATTERY_CURRENT, 10.0)
            await value_of(running.broker, LEAF, BATTERY_CURRENT, lambda v: v is not None)
        ev.bus.shutdown()
        line = f"{LEAF}: ev-can (pullable:{channel}-ev)"
        assert lines == [
            f"{line} is lost, its values are not available until it is back: no such device", f"{line} is back",
        ]  # fmt: skip

    asyncio.run(drive())
    assert all("questions on diagnostics" in told.get_nowait() for _ in range(told.qsize()))


def _first_values(port: int, path: str, several: int, tester: Node, plan: Plan) -> list[Any]:
    """What a KUKSA client sees of a signal that the car says once, after the client has come."""
    seen = []
    with KuksaClient(port) as client:
        for readings in client.watch([path]):
            seen += [r.value for r in readings]
            if len(seen) == 1:
                tester.say(plan, path, 50.0)
            if len(seen) == several:
                return seen
    raise AssertionError(seen)


def test_an_app_sets_an_actuator_of_a_live_car(channel, tester, plan):
    m, _ = row_for(plan, BRAKE_LIGHT)

    async def drive() -> None:
        async with up([Source(CLARITY, live=live_source(f"can:virtual:{channel}"))], CATALOGUE, OPTIONS) as running:
            assert await _ended(running, BRAKE_LIGHT, "ACTIVE") == (
                "failed", f"{BRAKE_LIGHT}: cannot be set: nothing is heard of {m.name}, whose other signals "
                "must stay",
            )  # fmt: skip
            tester.say(plan, BRAKE_LIGHT, "INACTIVE")
            await value_of(running.broker, CLARITY, BRAKE_LIGHT, lambda v: v == "INACTIVE")
            assert await _ended(running, BRAKE_LIGHT, "ACTIVE") == ("done", "")
            tester.send(m.id, await asyncio.to_thread(next_actuation, tester, m))  # the car does it and says so
            assert await value_of(running.broker, CLARITY, BRAKE_LIGHT, lambda v: v != "INACTIVE") == "ACTIVE"

    asyncio.run(drive())


def test_an_unmodified_kuksa_client_sets_an_actuator_of_a_live_car(channel, tester, plan):
    m, _ = row_for(plan, BRAKE_LIGHT)

    def ask(port: int) -> None:
        with VSSClient("127.0.0.1", port) as client:
            client.set_target_values({BRAKE_LIGHT: Datapoint("ACTIVE")})
            with pytest.raises(VSSClientError):
                client.set_target_values({SPEED: Datapoint(1.0)})

    async def drive() -> None:
        async with up([Source(CLARITY, live=live_source(f"can:virtual:{channel}"))], CATALOGUE, OPTIONS) as running:
            tester.say(plan, BRAKE_LIGHT, "INACTIVE")
            await value_of(running.broker, CLARITY, BRAKE_LIGHT, lambda v: v == "INACTIVE")
            await asyncio.to_thread(ask, running.ports[CLARITY])
            data = await asyncio.to_thread(next_actuation, tester, m)
            assert (BRAKE_LIGHT, "ACTIVE") in decoded(plan, m, data)

    asyncio.run(drive())


def decoded(plan: Plan, message: PlanMessage, data: bytes) -> set[tuple[str, Any]]:
    """What an engine of its own makes of a frame."""
    pairs = FrameEngine(plan).decode(message.bus, message.id, data, 0)
    return {(plan.vocabulary.signals[index].path, value) for index, value in pairs}


async def _ended(running, path: str, value: Any) -> tuple[str, str]:
    (asked,) = running.broker.actuate(CLARITY, [(builtin()[path].index, value)])
    ended = asyncio.Event()
    asked.on_end(lambda _: ended.set())
    async with asyncio.timeout(PATIENCE_S):
        await ended.wait()
    return asked.state, asked.why


def test_nobody_carries_out_what_a_car_is_asked_that_is_only_listened_to(channel):
    async def drive() -> None:
        source = Source(CLARITY, live=live_source(f"can:virtual:{channel},listen"))
        async with up([source], CATALOGUE, OPTIONS) as running:
            with pytest.raises(NoCarrier):
                running.broker.actuate(CLARITY, [(builtin()[BRAKE_LIGHT].index, "ACTIVE")])

    asyncio.run(drive())


def test_a_bus_that_cannot_be_opened_leaves_nothing_open(channel):
    source = f"can:ev-can@virtual:{channel},car-can@socketcan:nobody0"

    async def drive() -> None:
        async with up([Source(LEAF, live=live_source(source))], CATALOGUE, OPTIONS):
            raise AssertionError("it came up")

    threads = threading.active_count()
    with pytest.raises(InputError, match="socketcan:nobody0: cannot be opened"):
        asyncio.run(drive())
    assert threading.active_count() == threads
    assert channel not in can.interfaces.virtual.channels


# As users run it


def test_the_executable_on_a_network_of_this_machine(plan):
    """udp_multicast carries frames between processes where there is no CAN in the kernel."""
    group = f"239.74.{time.time_ns() >> 8 & 0xFF}.{time.time_ns() & 0xFF | 1}"
    try:
        tester = Node(group, "udp_multicast")
    except (can.CanError, OSError) as e:
        pytest.skip(f"no multicast on this machine: {e}")
    with Up("--vehicle", f"{CLARITY}=can:udp_multicast:{group},listen") as running:
        assert _first_values(running.ports[CLARITY], SPEED, 3, tester, plan) == [
            None, pytest.approx(50.0, abs=0.01), None,
        ]  # fmt: skip
    tester.bus.shutdown()


WRONG = {
    "socketcan:nobody0": "socketcan:nobody0: cannot be opened: ",
    "socketcan": f"--vehicle: expected {SYNTAX}, got 'can:socketcan'",
}


@pytest.mark.parametrize("source", WRONG)
def test_a_wrong_source_is_one_line_and_exit_code_2(source):
    done = renkei("up", "--vehicle", f"{CLARITY}=can:{source}", "--grpc-port", 0, "--http-port", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"renkei: {WRONG[source]}")
    assert done.stderr.count("\n") == 1

"""Nodes that babble: a bus full of frames holds up neither its own values for long nor another bus at all."""

import json
import random
import threading
import time
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
from live_buses import CLARITY, LEAF, SPEED, Car, Node, a_channel, plan_for
from running import Up

from renkei.can import meter
from renkei.can.encode import payload
from renkei.can.load import HIGH
from renkei.doors.kuksa.client import KuksaClient
from renkei.flows.live import live_source

FRAMES = 20_000
BATTERY_CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"


def frames_of(car, bus, path=None):
    """Identifier, payload and path of a row on a bus."""
    for m in car.plan.messages:
        for row in m.rows:
            plain = not (row.when or row.unless or row.table) and row.signal.scalar not in ("boolean", "string")
            if m.bus == bus and plain and path in (None, row.signal.path):
                return m.id, payload(m, {row: row.field.raws[0] * row.scale + row.offset}), row.signal.path
    raise LookupError(bus)


def flood(node, identifier=0, data=bytes(8)):
    for _ in range(FRAMES):
        node.send(identifier, data)


def test_identifier_0_at_full_load_holds_up_no_other_bus_and_its_own_only_for_a_moment():
    channel = a_channel()
    car = Car(LEAF, live_source(f"can:ev-can@virtual:{channel}-ev,car-can@virtual:{channel}-car"))
    babbling, other = Node(f"{channel}-ev"), Node(f"{channel}-car")
    try:
        flood(babbling)
        start = time.monotonic()
        identifier, data, path = frames_of(car, "car-can")
        other.send(identifier, data)
        car.publishes(path)
        assert time.monotonic() - start < 5
        identifier, data, path = frames_of(car, "ev-can", BATTERY_CURRENT)
        babbling.send(identifier, data)
        car.publishes(path)
        published = {index for index, *_ in list(car.published.queue)}
        assert published <= {r.index for m in car.plan.messages for r in m.rows}
    finally:
        car.live.stop()
        babbling.bus.shutdown()
        other.bus.shutdown()


@contextmanager
def babbling(node, pause_s):
    """Identifier 0 without end, of no interest to any car, and yet it fills the bus."""
    over = threading.Event()

    def babble():
        while not over.is_set():
            node.send(0, bytes(8))
            time.sleep(pause_s)

    thread = threading.Thread(target=babble, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_flood_is_measured_and_told_while_the_other_bus_is_calm(monkeypatch):
    monkeypatch.setattr(meter, "CALM_S", 1.0)
    channel = a_channel()
    car = Car(LEAF, live_source(f"can:ev-can@virtual:{channel}-ev,car-can@virtual:{channel}-car"))
    node = Node(f"{channel}-ev")
    try:
        with babbling(node, 0.00005):
            told = car.told.get(timeout=10)
            assert told.startswith(f"ev-can (virtual:{channel}-ev) is nearly full: ")
            assert told.endswith("; above 80 % messages of low priority may be late")
            flooded, calm = car.live.buses
            assert (flooded.bus, flooded.bitrate, flooded.is_high, flooded.is_lost) == ("ev-can", 500_000, True, False)
            assert flooded.load.frames_per_s > HIGH * 500_000 / 111  # bits of such a frame, without any stuffed
            assert HIGH < flooded.load.least < flooded.load.most
            assert (calm.is_high, calm.load.frames_per_s) == (False, 0)
        told = car.told.get(timeout=15)
        assert told.startswith(f"ev-can (virtual:{channel}-ev) has room again: 0 to 0 % of its bit rate")
        assert not any(bus.is_high for bus in car.live.buses)
    finally:
        car.live.stop()
        node.bus.shutdown()


def test_the_load_of_a_bus_is_told_over_http_and_the_car_is_still_served():
    """`renkei up` as users run it, on frames over UDP that a babbling node sends from another process."""
    group = f"239.74.163.{random.randrange(2, 250)}"
    node = Node(group, "udp_multicast")
    with Up("--vehicle", f"{CLARITY}=can:udp_multicast:{group},listen") as running, babbling(node, 0.0001):
        said = running.said()
        assert f"{CLARITY}: " in said
        assert " is nearly full: " in said
        vehicles = f"http://127.0.0.1:{running.http_port}/api/vehicles"
        (bus,) = read(f"{vehicles}/{CLARITY}/buses")["buses"]
        assert (bus["interface"], bus["channel"], bus["is_high"]) == ("udp_multicast", group, True)
        assert bus["load_most"] > bus["load_least"] > HIGH
        assert read(vehicles)[0]["is_live"] is True
        with KuksaClient(running.ports[CLARITY]) as client:
            start = time.monotonic()
            client.get([SPEED])
            assert time.monotonic() - start < 1
    node.bus.shutdown()


def read(url):
    with urlopen(url, timeout=10) as reply:
        return json.loads(reply.read())


def test_a_node_that_repeats_one_frame_without_end_gives_next_to_no_values():
    channel, plan = a_channel(), plan_for(CLARITY)
    car, node = Car(CLARITY, live_source(f"can:virtual:{channel}")), Node(channel)
    try:
        message, row = next((m, r) for m in plan.messages for r in m.rows if r.signal.path == SPEED and m.counter)
        flood(node, message.id, payload(message, {row: 50.0}))
        value, _ = car.publishes(SPEED)
        assert value == pytest.approx(50.0, abs=0.01)
        flooded = car.live.engine.counts
        deadline = time.monotonic() + 10
        while flooded.decoded < FRAMES and time.monotonic() < deadline:
            time.sleep(0.01)
        assert flooded.repeated > 0.9 * FRAMES  # a count that stands still for long enough is a new one
        assert car.published.qsize() < 0.1 * FRAMES
    finally:
        car.live.stop()
        node.bus.shutdown()

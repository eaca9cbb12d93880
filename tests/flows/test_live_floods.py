"""Nodes that babble: a bus full of frames holds up neither its own values for long nor another bus at all."""

import time

import pytest
from live_buses import CLARITY, LEAF, SPEED, Car, Node, a_channel, plan_for

from renkei.can.encode import payload
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

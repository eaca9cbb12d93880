"""A live car on simulated buses: frames to values, loss, staleness, questions on diagnostics, actuations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_buses import (
    BRAKE_LIGHT,
    CATALOGUE,
    CLARITY,
    GEAR,
    LEAF,
    PATIENCE_S,
    SPEED,
    Car,
    Ecu,
    Node,
    a_channel,
    answer_with,
    next_actuation,
    plan_for,
    row_for,
)

from renkei.can import freshness
from renkei.can.checks import CHECKSUMS
from renkei.can.encode import payload
from renkei.can.frame_engine import raw_value
from renkei.can.isotp import Reassembly, frames_of
from renkei.can.live import Line
from renkei.can.plan import Plan
from renkei.catalogue import Catalogue
from renkei.errors import InputError, UnknownName, ValueRefused
from renkei.flows.live import SYNTAX, LiveSource, lines_of, live_source
from renkei.flows.plans import plan_of
from renkei.samples import STALE

CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
OUTLANDER = "mitsubishi/outlander-phev-2019"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
RAV4, WITH_RAV4 = "toyota/rav4-2017", Catalogue([Path(__file__).parents[1] / "fixtures"])
HAZARD = "Vehicle.Body.Lights.Hazard.IsSignaling"
BATTERY_CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"


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


@pytest.fixture
def cars() -> Iterator:
    made = []

    def make(vehicle: str, source: str, catalogue: Catalogue = CATALOGUE) -> Car:
        made.append(Car(vehicle, live_source(source), catalogue))
        return made[-1]

    yield make
    for car in made:
        car.live.stop()


# What a source says

SOURCES = {
    "can:virtual:a": ((Line("", "virtual", "a"),), False),
    "can:virtual:a,listen": ((Line("", "virtual", "a"),), True),
    "can:ev-can@socketcan:can0,car-can@socketcan:can1": (
        (Line("ev-can", "socketcan", "can0"), Line("car-can", "socketcan", "can1")), False,
    ),
    "can:slcan:/dev/ttyACM0@115200": ((Line("", "slcan", "/dev/ttyACM0@115200"),), False),
    "can:udp_multicast:ff15::1": ((Line("", "udp_multicast", "ff15::1"),), False),
    "can:slcan:/dev/ttyACM0@115200:bitrate=250000:fd=true": (
        (Line("", "slcan", "/dev/ttyACM0@115200", options=(("bitrate", 250000), ("fd", True))),), False,
    ),
    "can:udp_multicast:ff15::1:hop_limit=2,ev-can@virtual:a:rate=1.5:app_name=me": (
        (Line("", "udp_multicast", "ff15::1", options=(("hop_limit", 2),)),
         Line("ev-can", "virtual", "a", options=(("rate", 1.5), ("app_name", "me")))), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", SOURCES)
def test_a_source_is_read_as_written(text):
    assert live_source(text) == LiveSource(*SOURCES[text])


@pytest.mark.parametrize(
    "text", ["can:", "can:virtual", "can:listen", "can:virtual:a,", "can:virtual:a,listen,b", "can:@a:b"]
)
def test_a_source_that_says_nothing_clear_is_refused(text):
    with pytest.raises(InputError) as e:
        live_source(text)
    assert str(e.value) == f"--vehicle: expected {SYNTAX}, got '{text}'"


def test_buses_are_those_of_the_car():
    map_ = CATALOGUE.vehicle(LEAF).map
    plan = plan_of(map_)
    with pytest.raises(InputError, match="ev-can, car-can: say which bus it is, as in can:ev-can@virtual:a"):
        lines_of(live_source("can:virtual:a"), map_, plan)
    with pytest.raises(UnknownName, match="did you mean 'ev-can'"):
        lines_of(live_source("can:ev-cn@virtual:a"), map_, plan)
    with pytest.raises(InputError, match="ev-can is given twice"):
        lines_of(live_source("can:ev-can@virtual:a,ev-can@virtual:b"), map_, plan)
    (line,) = lines_of(live_source("can:ev-can@virtual:a"), map_, plan)
    assert (line.bus, line.bitrate, line.fd) == ("ev-can", 500000, False)
    (line,) = lines_of(live_source("can:ev-can@virtual:a:fd=true"), map_, plan)
    assert line.options == (("fd", True),)
    assert set(line.ids) == {m.id for m in (*plan.messages, *plan.answers) if m.bus == "ev-can"}


# Frames to values


def test_a_frame_is_a_value_at_its_time_of_receipt(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    before = time.time_ns()
    tester.say(plan, SPEED, 50.0)
    value, t_ns = car.publishes(SPEED)
    assert value == pytest.approx(50.0, abs=0.01)
    assert before - 1_000_000 <= t_ns <= time.time_ns()


def test_a_frame_with_a_wrong_checksum_is_no_value_and_no_base(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    m, row = row_for(plan, GEAR, "GEARBOX_AUTOMATIC")
    data = payload(m, {row: 126})
    tester.send(m.id, data[:-1] + bytes([data[-1] ^ 1]))
    tester.say(plan, SPEED, 1.0)
    car.publishes(SPEED)
    assert car.live.engine.counts.bad_checksum == 1
    assert row.index not in {index for index, *_ in list(car.published.queue)}


def test_two_buses_of_one_car(cars, channel):
    car = cars(LEAF, f"can:ev-can@virtual:{channel}-ev,car-can@virtual:{channel}-car")
    rows = {m.bus: (m, r) for m in reversed(car.plan.messages) for r in m.rows if not (r.when or r.unless or r.table)}
    for bus, name in (("ev-can", "ev"), ("car-can", "car")):
        tester = Node(f"{channel}-{name}")
        m, row = rows[bus]
        value = row.field.raws[0] * row.scale + row.offset if row.signal.scalar != "boolean" else True
        tester.send(m.id, payload(m, {row: value}))
        assert car.publishes(row.signal.path)[0] == value
        tester.bus.shutdown()


# Loss and staleness


def test_a_lost_bus_is_told_its_values_go_and_it_comes_back_alone(cars, channel):
    car = cars(LEAF, f"can:ev-can@virtual:{channel}-ev,car-can@virtual:{channel}-car")
    ev, other = Node(f"{channel}-ev"), Node(f"{channel}-car")
    m, row = next((m, r) for m in car.plan.messages for r in m.rows if r.signal.path == BATTERY_CURRENT)
    assert m.bus == "ev-can"
    ev.say(car.plan, BATTERY_CURRENT, 20.0)
    assert car.publishes(BATTERY_CURRENT)[0] == pytest.approx(20.0, abs=row.scale)
    car.pull("ev-can")
    line = f"ev-can (virtual:{channel}-ev)"
    why = "Cannot operate on a closed bus"
    assert car.told.get(timeout=PATIENCE_S) == f"{line} is lost, its values are not available until it is back: {why}"
    assert car.publishes(BATTERY_CURRENT)[0] is STALE
    sent = next(m for m in car.plan.messages if m.bus == "car-can")
    row = sent.rows[0]
    other.send(sent.id, payload(sent, {}))
    assert car.publishes(row.signal.path)  # the other bus goes on
    assert car.told.get(timeout=PATIENCE_S) == f"{line} is back"
    ev.say(car.plan, BATTERY_CURRENT, 10.0)
    assert car.publishes(BATTERY_CURRENT)[0] == pytest.approx(10.0, abs=1)
    assert car.told.empty()
    for tester in (ev, other):
        tester.bus.shutdown()


def test_a_backup_on_another_bus_speaks_when_the_first_is_away(cars, channel):
    car = cars(OUTLANDER, f"can:ev-can@virtual:{channel}-ev,c-can@virtual:{channel}-c")
    copies = {r.row.backup: (m, r) for m in car.plan.messages for r in m.rows if r.signal.path == VOLTAGE}
    (first, row), (mirror, copy) = copies[False], copies[True]
    nodes = {bus: Node(f"{channel}-{name}") for bus, name in (("ev-can", "ev"), ("c-can", "c"))}
    nodes[first.bus].send(first.id, payload(first, {row: 300.0}))
    assert car.publishes(VOLTAGE)[0] == pytest.approx(300.0, abs=1)
    nodes[mirror.bus].send(mirror.id, payload(mirror, {copy: 310.0}))
    car.pull(first.bus)
    assert car.publishes(VOLTAGE)[0] is STALE
    nodes[mirror.bus].send(mirror.id, payload(mirror, {copy: 320.0}))
    assert car.publishes(VOLTAGE)[0] == pytest.approx(320.0, abs=1)
    for node in nodes.values():
        node.bus.shutdown()


def test_a_message_that_stays_away_is_told_once_and_lives_again(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    tester.say(plan, SPEED, 50.0)
    began_s = time.monotonic()
    assert car.publishes(SPEED)[0] is not STALE
    assert car.publishes(SPEED)[0] is STALE
    assert 1.0 <= time.monotonic() - began_s < PATIENCE_S
    tester.say(plan, SPEED, 60.0)
    assert car.publishes(SPEED)[0] == pytest.approx(60.0, abs=0.01)
    assert car.told.empty()


# Diagnostics


@pytest.fixture
def ecu(channel, plan) -> Iterator[Ecu]:
    asked = [a for a in plan.answers if a.cycle_ns]
    made = Ecu(channel, {a: answer_with(a, {CHARGE: 73.0, BATTERY_CURRENT: -12.0}) for a in asked})
    made.start()
    yield made
    made.stop()


def test_answers_are_asked_for_at_the_pace_of_the_map(cars, ecu, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    began_s = time.monotonic()
    assert car.publishes(CHARGE)[0] == pytest.approx(73.0)
    assert car.publishes(CHARGE)[0] == pytest.approx(73.0)
    assert time.monotonic() - began_s > 0.9
    names = [ecu.requests.get(timeout=PATIENCE_S) for _ in range(4)]
    assert sorted(names[:3]) == ["BATTERY_CELLS", "BATTERY_STATE", "BATTERY_TEMPERATURES"]
    assert names[3] == "BATTERY_STATE"
    assert ecu.wrong == []
    asked = car.live.asked["f-can"]
    assert (asked.timeouts, asked.refused) == (0, 0)
    assert asked.answers >= 4
    car.live.stop()
    told = f"f-can (virtual:{channel}): {asked.requests} questions on diagnostics: {asked.answers} answered, "
    assert car.told.get(timeout=PATIENCE_S) == told + "0 refused, 0 without an answer in time"


def test_who_does_not_answer_is_counted_and_the_rest_goes_on(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    assert Reassembly().feed(tester.hears()[1]) == bytes.fromhex("22202a")
    tester.say(plan, SPEED, 50.0)
    assert car.publishes(SPEED)[0] == pytest.approx(50.0, abs=0.01)
    assert Reassembly().feed(tester.hears()[1]) != bytes.fromhex("22202a")  # the next one is asked for
    assert car.live.asked["f-can"].timeouts == 1


def test_nothing_is_sent_where_the_car_is_only_listened_to(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel},listen")
    tester.say(plan, GEAR, 126)
    car.publishes(GEAR)
    with pytest.raises(InputError, match="only listened to"):
        car.live.send(GEAR, 0)
    battery = next(a for a in plan.answers if a.name == "BATTERY_STATE")
    first, *rest = frames_of(answer_with(battery, {CHARGE: 40.0}))
    for frame in (first, *rest):  # another tester asks
        tester.send(battery.id, frame)
    assert car.publishes(CHARGE)[0] == pytest.approx(40.0)
    car.live.stop()
    assert tester.hears(0.0) is None
    assert car.live.actuators == ()


# Actuations


def test_what_is_set_is_the_last_frame_with_the_value_counted_on_and_sealed(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    m, row = row_for(plan, BRAKE_LIGHT)
    base = payload(m, {row: "INACTIVE"}, base=b"\x5a" * m.length, count=2)
    tester.send(m.id, base)
    assert car.publishes(BRAKE_LIGHT)[0] == "INACTIVE"
    for turn in (3, 0):
        car.live.send(BRAKE_LIGHT, "ACTIVE")
        data = next_actuation(tester, m)
        assert CHECKSUMS[m.checksum].holds(m.id, data)
        assert raw_value(m.counter, data) == turn
        assert data == payload(m, {row: "ACTIVE"}, base=base, count=turn)


def test_what_a_silent_message_said_is_not_sent_again(cars, tester, channel, plan, monkeypatch):
    car = cars(CLARITY, f"can:virtual:{channel}")
    m, row = row_for(plan, BRAKE_LIGHT)
    tester.send(m.id, payload(m, {row: "INACTIVE"}, count=0))
    car.publishes(BRAKE_LIGHT)
    assert car.publishes(BRAKE_LIGHT)[0] is STALE
    with pytest.raises(
        InputError, match=r"nothing is heard of POWERTRAIN_DATA for \d+\.\d s, whose other signals must"
    ):
        car.live.send(BRAKE_LIGHT, "ACTIVE")
    tester.send(m.id, payload(m, {row: "INACTIVE"}, count=1))
    car.publishes(BRAKE_LIGHT)
    car.live.send(BRAKE_LIGHT, "ACTIVE")


@pytest.mark.parametrize("interface", ["virtual", "udp_multicast"])
def test_nor_what_a_message_of_unknown_cycle_said_when_all_is_silent(cars, interface, channel, monkeypatch):
    """Its values have no age at which they are stale; what goes out with an actuation has."""
    monkeypatch.setattr(freshness, "UNSTATED_S", 0.5)
    where = channel if interface == "virtual" else "239.74.163.77"
    car = cars(RAV4, f"can:{interface}:{where}", catalogue=WITH_RAV4)
    m, row = row_for(car.plan, HAZARD)
    rest = Node(where, interface)
    try:
        for _ in range(2):
            rest.send(m.id, payload(m, {row: False}))
            while car.publishes(HAZARD)[0]:  # an echo of what was set before
                pass
            car.live.send(HAZARD, True)
            sent = {next_actuation(rest, m) for _ in range(1 + (interface != "virtual"))}  # the other hears itself
            assert payload(m, {row: True}) in sent
            time.sleep(0.8)
            with pytest.raises(InputError, match=f"nothing is heard of {m.name} for"):
                car.live.send(HAZARD, True)
    finally:
        rest.bus.shutdown()


def test_what_cannot_be_set_says_why(cars, tester, channel, plan):
    car = cars(CLARITY, f"can:virtual:{channel}")
    with pytest.raises(InputError, match="not an actuator"):
        car.live.send(SPEED, 1.0)
    with pytest.raises(InputError, match="nothing is heard of POWERTRAIN_DATA"):
        car.live.send(BRAKE_LIGHT, "ACTIVE")
    tester.say(plan, BRAKE_LIGHT, "INACTIVE")
    car.publishes(BRAKE_LIGHT)
    with pytest.raises(ValueRefused):
        car.live.send(BRAKE_LIGHT, 7)
    car.pull("f-can")
    car.told.get(timeout=PATIENCE_S)
    with pytest.raises(InputError, match="nothing is heard"):
        car.live.send(BRAKE_LIGHT, "ACTIVE")

"""A car as a program sees it: the same code in the process, over kuksa.val.v2 and over kuksa.val.v1."""

import asyncio
import socket
import threading
import time

import pytest
from open_car import ONE, TWO, OpenCars

import renkei
from renkei.app import App, Need
from renkei.doors.kuksa import v2
from renkei.errors import (
    CarClosed,
    DoorError,
    InputError,
    NotActuator,
    NotPermitted,
    UnknownName,
    Unreachable,
    ValueRefused,
)

SPEED, DISTANCE, GEAR = "Vehicle.Speed", "Vehicle.TraveledDistance", "Vehicle.Powertrain.Transmission.SelectedGear"
CHARGE_LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
STATE = "Vehicle.LowVoltageSystemState"
CELLS = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
PATIENCE_S = 10


WAYS = ("in the process", "over a port", "over a port with only v1")


@pytest.fixture
def cars():
    """Two cars that are up."""
    opened = OpenCars(ONE, TWO)
    yield opened
    opened.close()


@pytest.fixture(params=WAYS)
def where(request, monkeypatch):
    """What `renkei.connect` is given, for each way to a car."""
    if request.param == WAYS[2]:
        monkeypatch.setattr(v2, "handlers", lambda house, vehicle: {})
    opened = request.getfixturevalue("cars")
    return opened if request.param == WAYS[0] else opened.ports[ONE]


@pytest.fixture
def car(where):
    with renkei.connect(where, ONE) as connected:
        yield connected


def app(priority=0, **needs):
    """An app that names these signals, each with a unit or None."""
    groups = [{p: Need(p, u) for p, u in needs.get(key, {}).items()} for key in ("requires", "uses", "actuates")]
    return App("one", "One", "one.toml", "one.py", *groups, priority)


def values(readings):
    return [(r.path, r.value) for r in readings]


def test_get_tells_value_unit_quality_and_time(cars, car):
    cars.publish(ONE, {SPEED: 36.6})
    reading = car.get(SPEED)
    assert (reading.path, reading.unit, reading.quality) == (SPEED, "km/h", "ok")
    assert reading.value == pytest.approx(36.6)
    assert abs(time.time_ns() - reading.t_ns) < PATIENCE_S * 1e9


def test_get_has_the_type_of_the_signal(cars, car):
    cars.publish(ONE, {GEAR: -1, STATE: "ON", CELLS: [3.5, 3.75]})
    assert [car.get(path).value for path in (GEAR, STATE, CELLS)] == [-1, "ON", [3.5, 3.75]]


def test_what_was_never_said_is_not_available(car):
    assert (car.get(SPEED).value, car.get(SPEED).quality) == (None, "not available")


def test_a_misspelt_path_is_told_with_the_nearest_and_a_branch_is_no_signal(car):
    with pytest.raises(UnknownName, match=r"did you mean 'Vehicle\.Speed'"):
        car.get("Vehicle.Sped")
    with pytest.raises(InputError, match="is a branch"):
        car.get("Vehicle.Powertrain")


def test_watch_gives_what_is_and_then_each_change(cars, car):
    cars.publish(ONE, {SPEED: 1.0})
    watching = car.watch(SPEED, GEAR)
    first = [next(watching), next(watching)]
    assert dict(values(first)) == {SPEED: 1.0, GEAR: None}
    cars.publish(ONE, {SPEED: 2.0})
    cars.publish(ONE, {GEAR: 1})
    assert dict(values([next(watching), next(watching)])) == {SPEED: 2.0, GEAR: 1}


def test_watch_ends_when_the_car_is_closed_by_another_thread(cars, car):
    watching = car.watch(SPEED)
    next(watching)
    threading.Timer(0.1, car.close).start()
    assert list(watching) == []


def test_watch_of_every_value_loses_none_while_the_reader_is_busy(cars):
    """Over v1 there is no buffer: the newest value stands."""
    for way in (cars, cars.ports[ONE]):
        with renkei.connect(way, ONE) as car:
            watching = car.watch(SPEED, every=True)
            next(watching)
            for km_h in range(200):
                cars.publish(ONE, {SPEED: float(km_h)})
            assert [next(watching).value for _ in range(200)] == [float(km_h) for km_h in range(200)]


def test_a_closed_car_says_that_it_is(car):
    car.get(SPEED)
    car.close()
    for ask in (lambda: car.get(SPEED), lambda: car.watch(SPEED), lambda: car.set(CHARGE_LIMIT, 1)):
        with pytest.raises(CarClosed, match="was closed"):
            ask()


def test_a_slow_reader_has_the_newest_value_and_is_told_what_it_lost(cars):
    for way in (cars, cars.ports[ONE]):
        with renkei.connect(way, ONE) as car:
            cars.publish(ONE, {STATE: "OFF"})
            watching = car.watch(STATE)
            next(watching)
            for n in range(20_000):  # more than the buffers of a connection hold
                cars.broker_publish(ONE, STATE, "ON" if n % 2 else "LOCK")
            cars.publish(ONE, {STATE: "START"})
            got = [next(watching).value]
            while got[-1] != "START":
                got.append(next(watching).value)
            assert watching.lost == 20_001 - len(got) > 0


def test_watch_of_no_path_is_refused(car):
    with pytest.raises(InputError, match="at least one path"):
        car.watch()


def test_set_reaches_the_one_who_carries_it_out(cars, car):
    taken = cars.carry(ONE, CHARGE_LIMIT)
    car.set(CHARGE_LIMIT, 80)
    deadline = time.monotonic() + PATIENCE_S
    while not taken and time.monotonic() < deadline:
        time.sleep(0.01)
    assert taken == [80]


def test_set_refuses_sensors_and_values_before_they_leave(car):
    with pytest.raises(NotActuator, match=r"Vehicle\.Speed is not an actuator"):
        car.set(SPEED, 1.0)
    with pytest.raises(ValueRefused, match="0 to 100"):
        car.set(CHARGE_LIMIT, 101)


def test_set_that_nobody_carries_out_is_told(cars):
    """Over v1 it is not: there a target waits for one who may come."""
    for way in (cars, cars.ports[ONE]):
        with renkei.connect(way, ONE) as car, pytest.raises(InputError, match="no provider carries out"):
            car.set(CHARGE_LIMIT, 80)


def test_an_app_gets_the_units_of_its_manifest_and_nothing_else(cars, where):
    cars.publish(ONE, {SPEED: 36.0, DISTANCE: 12_000, GEAR: 1})
    with renkei.connect(where, ONE, app=app(requires={SPEED: "m/s"}, uses={DISTANCE: "km"})) as car:
        assert car.get(SPEED).value == pytest.approx(10.0)
        assert car.get(SPEED).unit == "m/s"
        assert (car.get(DISTANCE).value, car.get(DISTANCE).unit) == (12.0, "km")
        with pytest.raises(NotPermitted, match="not in the manifest of one"):
            car.get(GEAR)
        with pytest.raises(NotPermitted, match="does not say that it sets it"):
            car.set(SPEED, 1.0)


def test_an_app_sets_in_the_unit_in_which_it_reads(cars, where):
    taken = cars.carry(ONE, CHARGE_LIMIT)
    with renkei.connect(where, ONE, app=app(actuates={CHARGE_LIMIT: "ratio"})) as car:
        car.set(CHARGE_LIMIT, 0.8)
        deadline = time.monotonic() + PATIENCE_S
        while not taken and time.monotonic() < deadline:
            time.sleep(0.01)
    assert taken == [80]


def test_the_priority_of_an_app_holds_its_actuators(cars, where):
    cars.carry(ONE, CHARGE_LIMIT)
    with renkei.connect(where, ONE, app=app(priority=5, actuates={CHARGE_LIMIT: None})) as first:
        first.set(CHARGE_LIMIT, 80)
        with renkei.connect(where, ONE, app=app(actuates={CHARGE_LIMIT: None})) as second:
            second._way._by = "another app"  # in the process apps are told apart by their names
            with pytest.raises(InputError, match="is held by a client with priority 5"):
                second.set(CHARGE_LIMIT, 50)


def test_async_has_the_same_methods(cars, where):
    async def use():
        async with renkei.connect_async(where, ONE) as car:
            assert await car.has(SPEED, "Vehicle.Sped") == [SPEED]
            cars.publish(ONE, {SPEED: 1.0})
            assert (await car.get(SPEED)).value == 1.0
            seen = []
            async for reading in car.watch(SPEED):
                seen.append(reading.value)
                if len(seen) == 3:
                    return seen
                await asyncio.to_thread(cars.publish, ONE, {SPEED: 1.0 + len(seen)})

    assert asyncio.run(asyncio.wait_for(use(), PATIENCE_S)) == [1.0, 2.0, 3.0]


def test_async_errors_come_out_of_the_iteration(where):
    async def use():
        async with renkei.connect_async(where, ONE) as car:
            async for _ in car.watch("Vehicle.Sped"):
                pass

    with pytest.raises(UnknownName):
        asyncio.run(use())


def test_in_the_loop_of_the_cars_async_works_and_sync_watch_is_refused(cars):
    async def use():
        async with renkei.connect_async(cars, ONE) as car:
            assert (await car.get(SPEED)).value is None
        with renkei.connect(cars, ONE) as car, pytest.raises(InputError, match="connect_async"):
            next(car.watch(SPEED))

    asyncio.run_coroutine_threadsafe(use(), cars.loop).result(PATIENCE_S)


def test_the_vehicle_is_chosen_among_several(cars):
    cars.publish(TWO, {SPEED: 7.0})
    for way in (cars, cars.ports[ONE]):
        with renkei.connect(way, TWO) as car:
            assert car.get(SPEED).value == 7.0
    with pytest.raises(InputError, match="several cars are up"):
        renkei.connect(cars)
    with pytest.raises(UnknownName, match="did you mean 'acme/one'"):
        renkei.connect(cars, "acme/onee")


@pytest.mark.parametrize("where", ["localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:x", ""])
def test_an_address_that_is_none_is_refused(where):
    with pytest.raises(InputError, match="expected HOST:PORT"):
        renkei.connect(where)


def test_a_server_that_is_not_there_is_told_at_first_use():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with renkei.connect(f"127.0.0.1:{bound.getsockname()[1]}") as car, pytest.raises(Unreachable, match="answers"):
            car.get(SPEED)


def test_a_watch_goes_on_when_the_server_is_back(cars):
    with renkei.connect(cars.ports[ONE], ONE) as car:
        cars.publish(ONE, {SPEED: 1.0})
        watching = car.watch(SPEED)
        assert next(watching).value == 1.0
        cars.down()
        gone = next(watching)
        assert (gone.value, gone.quality) == (None, "stale")
        cars.publish(ONE, {SPEED: 2.0})
        cars.up()
        assert next(watching).value == 2.0
        cars.publish(ONE, {SPEED: 3.0})
        assert next(watching).value == 3.0


def test_a_car_that_is_closed_while_its_server_is_away_ends_its_watch(cars):
    with renkei.connect(cars.ports[ONE], ONE) as car:
        watching = car.watch(SPEED)
        next(watching)
        cars.down()
        assert next(watching).quality == "stale"
        threading.Timer(0.2, car.close).start()
        assert list(watching) == []
        cars.up()


def test_a_refusal_is_no_reason_to_wait(cars):
    with renkei.connect(cars.ports[ONE], "acme/three") as car, pytest.raises(DoorError, match="unknown vehicle"):
        car.get(SPEED)

"""Virtual cars on the platform: what they say over a real port, and what they do when apps ask."""

import asyncio
import re
import time

import pytest
from running import Up, renkei

from renkei.catalogue import Catalogue
from renkei.doors.kuksa.client import KuksaClient
from renkei.errors import CannotTell, DoorError, InputError
from renkei.flows.plans import plan_of
from renkei.flows.up import Source, UpOptions, up
from renkei.flows.virtual import VirtualFeed, VirtualSource, driven_car, virtual_source
from renkei.flows.virtual_values import CHARGE_LIMIT, CHARGING, CRUISE_ACTIVE, CRUISE_SPEED
from renkei.sim.columns import Conditions
from renkei.sim.drive import drive
from renkei.sim.moving import STEP_S
from renkei.vocabulary import builtin

CATALOGUE, VOCABULARY = Catalogue(), builtin()
LEAF, CLARITY = "nissan/leaf-ze1-40", "honda/clarity-ev"
BATTERY = "Vehicle.Powertrain.TractionBattery."
SPEED, CHARGE, CURRENT = "Vehicle.Speed", BATTERY + "StateOfCharge.Current", BATTERY + "CurrentCurrent"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
IS_CHARGING = BATTERY + "Charging.IsCharging"
PATIENCE_S = 20


def simulated():
    found = []
    for vehicle in CATALOGUE.vehicles:
        try:
            found.append((vehicle, driven_car(CATALOGUE, vehicle, VirtualSource())))
        except CannotTell:
            continue
    return found


SIMULATED = simulated()


def spoken(driven, seconds, speed=40.0):
    """The last values that a car gave in some seconds of its own time, and how it stood when it gave them."""
    said, stood = {}, [driven.state]
    known = CATALOGUE.vehicle(driven.built.vehicle.id).known_map

    def publish(updates):
        said.update((VOCABULARY.signals[i].path, value) for i, value, _ in updates)
        stood[0] = driven.state

    feed = VirtualFeed(driven, plan_of(known) if known else None, VOCABULARY, publish, speed=speed)
    feed.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while driven.state.now.time_s < seconds and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        feed.stop()
    return said, stood[0]


@pytest.mark.parametrize(("vehicle", "driven"), SIMULATED, ids=[vehicle for vehicle, _ in SIMULATED])
def test_what_comes_back_through_the_map_is_what_the_physics_say(vehicle, driven):
    said, state = spoken(driven, 40.0)
    assert state.now.speed_m_s > 5  # the cycle is under way
    assert said[SPEED] == pytest.approx(3.6 * state.now.speed_m_s, abs=4)
    for path, expected, within in (
        (BATTERY + "CurrentVoltage", state.now.voltage_v, 8),
        (CHARGE, 100 * state.now.soc, 1),
        (BATTERY + "Temperature.Average", state.now.cells_c, 1),
    ):
        if said.get(path) is not None:
            assert said[path] == pytest.approx(expected, abs=within)


STANDING = {
    r"\.Temperature($|\.)|Temperature$": lambda v, s: 15 <= v <= 30,
    r"AngularVelocity\.|Acceleration\.|SteeringWheel\.Angle": lambda v, s: abs(v) < 0.2,
    r"Speed(Displayed|Set)?$": lambda v, s: v == 0,
    r"Torque(Request)?$|(Motor\.|Heater|Compressor)Power$|PedalPosition$": lambda v, s: v == 0,
    r"TraveledDistance": lambda v, s: v == 0,
    r"\.CurrentCurrent$": lambda v, s: -5 < v <= 0,
    r"\.CurrentPower$": lambda v, s: -1000 < v < 0,
    r"\.CellVoltage\.": lambda v, s: 2.3 < v < 4.2,
    r"\.CurrentVoltage$|DCLinkVoltage$": lambda v, s: abs(v - s.now.voltage_v) < 2,
    r"StateOfCharge\.(Current|Displayed)$": lambda v, s: 79 <= v <= 81,
    r"StateOfCharge\.CurrentEnergy$": lambda v, s: v == pytest.approx(0.8e-3 * s.car.pack.usable_wh, rel=0.02),
    r"NetCapacity$": lambda v, s: v == pytest.approx(1e-3 * s.car.pack.usable_wh, rel=0.02),
    r"ChargeCapacity$": lambda v, s: 0.8 < v * s.now.voltage_v / s.car.pack.energy_wh < 1.2,
    r"\.Range$": lambda v, s: 80 < 0.8e3 * s.car.pack.usable_wh / v < 250,  # Wh a kilometre
    r"MaxDischargePower$": lambda v, s: 0.9e-3 < v / s.car.e_axle.peak_power_w < 2e-3,
    r"MaxChargePower$": lambda v, s: 0.4e-3 < v / s.car.e_axle.peak_power_w < 2e-3,
    r"IsMoving$|IsCharging|IsFullyCharged$|ParkingBrake\.IsEngaged$|IsAirConditioningActive$": lambda v, s: v is False,
    r"IsInterlockClosed$|IsPowerConnected$|Brake\.IsPressed$": lambda v, s: v is True,
    r"Lights\.Brake\.IsActive$": lambda v, s: v == "ACTIVE",
    r"ContactorState$": lambda v, s: v == "CLOSED",
    r"LowVoltageSystemState$": lambda v, s: v == "ON",
    r"(Selected|Current)Gear$": lambda v, s: v == 127,
    r"StartStopCharging$": lambda v, s: v == "STOP",
    r"ChargeLimit$": lambda v, s: v == 100,
}
"""What may be said of a car that stands, straight, at 20 degrees, with four fifths of its charge; by signal."""


@pytest.mark.parametrize("vehicle", [vehicle for vehicle, _ in SIMULATED])
def test_a_standing_car_says_nothing_that_a_standing_car_cannot_say(vehicle):
    driven = driven_car(CATALOGUE, vehicle, VirtualSource(soc=0.8, air_c=20))
    driven.wishes = driven.wishes._replace(cruise_active=True, cruise_km_h=0.0)
    said, state = spoken(driven, 4.0)
    del said[CRUISE_ACTIVE]
    assert state.now.distance_m == 0
    wrong = {}
    for path, value in said.items():
        judges = [holds for pattern, holds in STANDING.items() if re.search(pattern, path)]
        if value is not None and not (judges and judges[0](value, state)):
            wrong[path] = value
    assert wrong == {}
    assert len(said) > 20


def test_limits_of_power_are_those_of_the_drive_where_the_pack_is_known_for_none():
    unknown, known = (driven_car(CATALOGUE, v, VirtualSource()).state for v in ("nissan/leaf-ze0", LEAF))
    assert unknown.now.most_discharge_w == unknown.car.e_axle.peak_power_w
    assert known.now.most_discharge_w > known.car.e_axle.peak_power_w  # 400 A are a fact of its pack


def test_the_range_is_there_before_the_first_metre_and_follows_the_drive():
    gentle, hard = (driven_car(CATALOGUE, LEAF, VirtualSource(cycle)) for cycle in ("udds", "us06"))
    assert 0 < hard.state.per_m_wh < gentle.state.per_m_wh * 3
    before = gentle.state.per_m_wh
    gentle.wishes = gentle.wishes._replace(cruise_active=True, cruise_km_h=130.0)
    for _ in range(round(300 / STEP_S)):
        gentle.step()
    assert gentle.state.now.distance_m > 9000
    assert 1.1 * before < gentle.state.per_m_wh < 3 * before


def test_an_actuator_that_no_physics_decide_is_silent_until_an_app_sets_it():
    mode = "Vehicle.Powertrain.Transmission.PerformanceMode"
    assert mode not in spoken(driven_car(CATALOGUE, LEAF, VirtualSource()), 3.0)[0]

    def work(client):
        until(client, SPEED, lambda v: True)
        before = client.get([mode])[0].value
        set_(client, mode, "ECONOMY")
        return before, until(client, mode, lambda v: True)

    assert set_and_seen(LEAF, VirtualSource(), 1.0, work) == (None, "ECONOMY")


def test_a_car_moment_by_moment_uses_what_a_whole_drive_uses():
    driven = driven_car(CATALOGUE, LEAF, VirtualSource(soc=0.8))
    cycle, car = driven._cycle, driven.built.car
    for _ in range(round(300 / STEP_S)):
        driven.step()
    whole = drive(car, cycle, Conditions(soc=0.8, air_c=20), trace=True, step_s=STEP_S).trace
    at = round(300 / STEP_S) - 1
    now = driven.state.now
    assert now.speed_m_s == pytest.approx(whole["speed_m_s"][at], abs=1e-9)
    assert now.voltage_v == pytest.approx(whole["voltage_v"][at], rel=1e-4)
    assert now.energy_wh == pytest.approx(whole["dc_w"][: at + 1].sum() * STEP_S / 3600, rel=1e-3)


def set_and_seen(vehicle, source, speed, work):
    """Run `work` with a client while the virtual car is up."""

    async def run():
        options = UpOptions(grpc_port=0, http_port=None, speed=speed)
        async with up([Source(vehicle, virtual=source)], CATALOGUE, options) as cars:

            def client_work():
                with KuksaClient(cars.ports[vehicle]) as client:
                    return work(client)

            return await asyncio.to_thread(client_work)

    return asyncio.run(run())


def until(client, path, holds):
    """The first value of a signal for which something holds."""
    deadline = time.monotonic() + PATIENCE_S
    value = None
    while time.monotonic() < deadline:
        [reading] = client.get([path])
        value = reading.value
        if value is not None and holds(value):
            return value
        time.sleep(0.02)
    raise AssertionError(f"{path} stayed {value!r}")


def set_(client, path, value):
    client.set(VOCABULARY[path], value)


@pytest.mark.parametrize("vehicle", [LEAF, CLARITY])
def test_an_app_sets_the_speed_and_the_car_drives_it(vehicle):
    def work(client):
        set_(client, CRUISE_SPEED, 72.0)
        set_(client, CRUISE_ACTIVE, True)
        fast = until(client, SPEED, lambda v: v > 71.5)
        set_(client, CRUISE_SPEED, 30.0)
        return fast, until(client, SPEED, lambda v: v < 30.5)

    fast, slow = set_and_seen(vehicle, VirtualSource(), 30.0, work)
    assert fast == pytest.approx(72, abs=0.5)
    assert slow == pytest.approx(30, abs=0.5)


def test_a_car_charges_up_to_the_limit_that_an_app_set_and_no_further():
    def work(client):
        set_(client, CHARGE_LIMIT, 62)
        set_(client, CHARGING, "START")
        until(client, IS_CHARGING, lambda v: v)
        assert until(client, CURRENT, lambda v: v > 10) > 0  # into the battery
        full = until(client, CHARGE, lambda v: v >= 61.9)
        until(client, IS_CHARGING, lambda v: not v)
        assert client.get([BATTERY + "Charging.StartStopCharging"])[0].value == "STOP"
        return full

    assert set_and_seen(LEAF, VirtualSource(soc=0.6), 200.0, work) == pytest.approx(62, abs=0.6)


def test_a_car_that_is_told_to_charge_stops_first_and_says_so_only_then():
    driven = driven_car(CATALOGUE, LEAF, VirtualSource("hwfet", soc=0.5))
    for _ in range(round(60 / STEP_S)):
        driven.step()
    driven.wishes = driven.wishes._replace(charging=True)
    rolling, _ = spoken(driven, driven.state.now.time_s + 3)
    assert (rolling[SPEED] > 10, rolling[IS_CHARGING], rolling[GEAR]) == (True, False, 127)
    standing, state = spoken(driven, driven.state.now.time_s + 60)
    assert (standing[SPEED], standing[IS_CHARGING], standing[GEAR]) == (0, True, 126)
    assert state.now.charging_w > 1000


def test_a_speed_below_0_is_not_taken():
    def work(client):
        set_(client, CRUISE_SPEED, -4.0)
        time.sleep(0.3)
        return client.get([CRUISE_SPEED])[0].value

    assert set_and_seen(LEAF, VirtualSource(), 1.0, work) == 0


def test_charging_at_the_limit_ends_as_failed():
    def work(client):
        set_(client, CHARGE_LIMIT, 50)
        until(client, CHARGE_LIMIT, lambda v: v == 50)
        set_(client, CHARGING, "START")
        time.sleep(0.3)
        return client.get([CHARGING])[0].value

    assert set_and_seen(LEAF, VirtualSource(soc=0.8), 1.0, work) == "STOP"


def test_the_cabin_follows_the_temperature_that_an_app_set_and_the_battery_pays():
    cold = driven_car(CATALOGUE, LEAF, VirtualSource(air_c=8))
    warm = driven_car(CATALOGUE, LEAF, VirtualSource(air_c=8))
    warm.wishes = warm.wishes._replace(cabin_c=21.0)
    for _ in range(round(600 / STEP_S)):
        cold.step()
        warm.step()
    assert cold.state.cabin_c == pytest.approx(8)
    assert warm.state.cabin_c == pytest.approx(21, abs=0.5)
    assert warm.state.now.energy_wh - cold.state.now.energy_wh > 80  # 80 W/K times 13 K, halved, for ten minutes


def test_a_virtual_car_speaks_for_itself():
    def work(client):
        until(client, SPEED, lambda v: True)
        with pytest.raises(DoorError):
            client.set(VOCABULARY[SPEED], 300.0)

    set_and_seen(CLARITY, VirtualSource(), 1.0, work)


def test_a_car_that_runs_empty_stands():
    driven = driven_car(CATALOGUE, LEAF, VirtualSource("hwfet", soc=0.01))
    for _ in range(round(600 / STEP_S)):
        driven.step()
    assert driven.state.now.empty
    assert driven.state.now.speed_m_s == 0
    assert driven.state.parked


def test_up_without_a_source_brings_up_a_virtual_car_that_moves():
    with Up("--vehicle", LEAF, "--speed", 20) as running, KuksaClient(running.ports[LEAF]) as client:
        assert until(client, SPEED, lambda v: v > 20) > 20


def test_a_car_of_which_too_little_is_known_says_so_and_comes_up_empty():
    with Up("--vehicle", "honda/civic-8g") as running:
        assert running.said().startswith("renkei: honda/civic-8g: no battery-pack is known for it")


SOURCES = {
    "the usual": ("virtual", VirtualSource()),
    "another cycle": ("virtual:wltc-3b", VirtualSource("wltc-3b")),
    "a start of one's own": ("virtual:us06,soc=0.5,air=-10", VirtualSource("us06", 0.5, -10.0)),
    "the usual cycle in the cold": ("virtual,air=-10", VirtualSource("udds", 0.8, -10.0)),
}


@pytest.mark.parametrize(("text", "source"), SOURCES.values(), ids=SOURCES)
def test_a_virtual_source_says_cycle_charge_and_air(text, source):
    assert virtual_source(text) == source


@pytest.mark.parametrize("text", ["virtual:", "virtual,soc=2", "virtual,soc=x", "virtual,wind=3", "virtual,air=90"])
def test_a_virtual_source_that_makes_no_sense_is_refused(text):
    with pytest.raises(InputError, match=r"--vehicle: expected virtual\[:CYCLE\]"):
        virtual_source(text)


def test_an_unknown_cycle_names_the_nearest():
    done = renkei("up", "--vehicle", f"{LEAF}=virtual:uds", "--grpc-port", 0, "--http-port", 0)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown cycle 'uds'; did you mean 'udds'?" in done.stderr

"""The demo: what it shows, and the small app in it."""

from __future__ import annotations

import gzip
import subprocess
import tomllib
from pathlib import Path

import pytest
from running import renkei

from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.demo import CURRENT, SPEED, STEERING, VOLTAGE, DemoCar, Trip, cars, serving
from renkei.flows.up import Source
from renkei.flows.virtual import driven_car
from renkei.sim.moving import STEP_S

DATA = Path(__file__).parents[2] / "src/renkei/data/demo"
LISTED = [car["vehicle"] for car in tomllib.loads((DATA / "cars.toml").read_text())["car"]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The demo as a pipe sees it, with a folder of its own for what it might leave behind."""
    scratch = tmp_path_factory.mktemp("scratch")
    return renkei("demo", "--seconds", "3", cwd=scratch, stdin=subprocess.DEVNULL), scratch


def test_without_a_terminal_it_ends_by_itself(shown):
    done, scratch = shown
    assert (done.returncode, done.stderr) == (0, "")
    assert list(scratch.iterdir()) == []


def test_it_shows_three_cars_of_three_makers_and_says_which_are_virtual(shown):
    lines = shown[0].stdout.splitlines()
    assert lines[0] == "renkei: 3 cars of 3 makers, one vehicle API"
    assert len({vehicle.split("/")[0] for vehicle in LISTED}) == len(LISTED) == 3
    assert [line.split()[0] for line in lines[1:4]] == LISTED
    assert [line.rsplit(", ", 1)[1] for line in lines[1:4]] == ["virtual", "virtual", "recorded"]
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0] in LISTED and "," not in line]
    assert {(row[0], row[1]) for row in rows} == set(zip(LISTED, ("virtual", "virtual", "recorded"), strict=True))


def test_the_app_has_heard_of_every_car(shown):
    summed_up = shown[0].stdout.split("what the app saw:\n")[1].split("\n\n")[0].splitlines()
    assert [line.split(":")[0].strip() for line in summed_up] == LISTED
    updates = [int(line.split(": ")[1].split(" ")[0].replace(",", "")) for line in summed_up]
    assert all(n > 50 for n in updates)


def test_nothing_on_the_terminals_account_is_in_what_a_pipe_gets(shown):
    assert "\x1b" not in shown[0].stdout


def test_the_recorded_car_of_the_demo_does_not_carry_its_identification_number():
    text = gzip.decompress((DATA / "outlander-phev-2019-steering.candump.log.gz").read_bytes()).decode()
    ids = {line.split()[2].split("#")[0] for line in text.splitlines()}
    assert "215" in ids
    assert not ids & {"6FA", "29A"}


def test_virtual_cars_of_the_demo_are_soon_under_way():
    driven = [
        driven_car(Catalogue(), car.vehicle, car.source.virtual) for car in cars(Catalogue()) if car.kind == "virtual"
    ]
    for each in driven:
        for _ in range(round(10 / STEP_S)):
            each.step()
    assert all(each.state.now.speed_m_s > 1 for each in driven)


def test_what_goes_wrong_while_cars_come_up_is_raised():
    recording = DATA / "outlander-phev-2019-steering.candump.log.gz"
    twice = [DemoCar("x", "recorded", Source(LISTED[2], recording))] * 2
    with pytest.raises(InputError, match="given twice"), serving(twice, Catalogue(), 1.0):
        pass


# The app


def test_distance_is_summed_over_the_time_between_speeds():
    trip = Trip()
    for k in range(11):
        trip.take(SPEED, 36.0, 100.0 + k)
    assert trip.distance_km == pytest.approx(0.1)
    assert (trip.updates, trip.top_km_h) == (11, 36.0)


def test_energy_out_of_the_battery_is_positive():
    trip = Trip()
    trip.take(VOLTAGE, 360.0, 0.0)
    trip.take(CURRENT, -100.0, 0.0)
    assert trip.power_kw == -36.0  # VSS: positive into the battery
    for k in range(101):
        trip.take(SPEED, 50.0, float(k))
    assert trip.energy_kwh == pytest.approx(1.0)


def test_without_voltage_or_current_there_is_no_power():
    trip = Trip()
    trip.take(VOLTAGE, 360.0, 0.0)
    assert trip.power_kw is None
    trip.take(CURRENT, None, 0.0)
    assert trip.power_kw is None


def test_values_not_available_are_shown_as_such_and_not_summed():
    trip = Trip()
    trip.take(SPEED, 10.0, 0.0)
    trip.take(SPEED, None, 1.0)
    trip.take(STEERING, None, 1.0)
    assert trip.latest == {SPEED: None, STEERING: None}
    assert (trip.distance_km, trip.top_km_h, trip.steering) == (0.0, 10.0, [])

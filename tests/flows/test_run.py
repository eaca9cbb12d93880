"""One app on several cars at once: the three that come with renkei, unchanged on cars of three makers, and others."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

sys.path.append(str(Path(__file__).parents[1] / "car"))

from drives import SECONDS, write_drive
from open_car import ONE, TWO, OpenCars

from renkei.catalogue import Catalogue
from renkei.errors import AppFailed, InputError, UnknownName, Unreachable
from renkei.flows import run as run_flow
from renkei.flows.app_code import code_of, options_of
from renkei.flows.judge_app import chosen_app, judge_app
from renkei.flows.run import Heard, Wishes, lacking, run_here, run_there
from renkei.flows.up import Source, UpOptions

CARS = ("nissan/leaf-ze1-40", "honda/clarity-ev", "mitsubishi/outlander-phev-2019")
"""One of each maker."""
APPS = ("trip-log", "energy-range", "battery-report")
PATIENCE_S = 40
SPEED_UP = 8.0
TRUE_KM = 0.386
"""Distance of the drive: the integral of its speed."""


class Ear:
    """What was heard of each car, in order, and what failed."""

    def __init__(self) -> None:
        self.rows: dict[str, list] = {}
        self.failures: list = []
        self.heard = Heard(lambda vehicle, row: self.rows.setdefault(vehicle, []).append(row), self.failures.append)

    @property
    def last(self) -> dict:
        return {vehicle: rows[-1] for vehicle, rows in self.rows.items()}


@pytest.fixture(scope="module")
def drives(tmp_path_factory):
    """The same drive in the frames of each car."""
    folder = tmp_path_factory.mktemp("drives")
    return [Source(car, write_drive(car, folder / f"{n}.log")) for n, car in enumerate(CARS)]


def here(app, sources, wishes, speed=SPEED_UP):
    ear = Ear()

    async def run():
        stop = asyncio.Event()
        await run_here(app, sources, Catalogue(), wishes, ear.heard, stop, UpOptions(0, None, speed, any_car=True))

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))
    assert ear.failures == []
    return ear


def there(app, server, vehicles, wishes=None, until=None):
    """Run against a server until `until` holds."""
    ear = Ear()

    async def run():
        stop = asyncio.Event()
        running = asyncio.create_task(run_there(app, server, vehicles, wishes or Wishes(), ear.heard, stop))
        while not running.done() and not (until and until(ear)):
            await asyncio.sleep(0.02)
        stop.set()
        await running

    asyncio.run(asyncio.wait_for(run(), PATIENCE_S))
    return ear


def own_app(folder, code, manifest=""):
    """An app of a user, in files of his own."""
    (folder / "mine.py").write_text(code)
    (folder / "mine.toml").write_text(f'name = "Mine"\n{manifest}\n[requires]\n"Vehicle.Speed" = {{ unit = "m/s" }}\n')
    return chosen_app(Catalogue(), str(folder / "mine.toml"))


def test_trip_log_writes_the_same_drive_of_cars_of_three_makers(drives, tmp_path):
    ear = here(Catalogue().app("trip-log"), drives, Wishes(tmp_path))
    assert set(ear.last) == set(CARS)
    for car, row in ear.last.items():
        table = pyarrow.parquet.read_table(tmp_path / f"{car.replace('/', '-')}.parquet")
        assert table.num_rows == row["samples"] > 100
        assert "Vehicle.Speed" in table.column("signal").to_pylist()
        assert row["distance_km"] == pytest.approx(TRUE_KM, rel=0.1)
        assert row["top_speed_km_h"] == pytest.approx(110, abs=1)
        assert row["time_s"] == pytest.approx(SECONDS, abs=2)
    assert not list(tmp_path.glob(".*"))


def test_energy_and_range_finds_the_same_energy_in_cars_of_three_makers(drives, tmp_path):
    ear = here(Catalogue().app("energy-range"), drives, Wishes(tmp_path, {"every_s": "5"}))
    for row in ear.last.values():
        assert row["distance_km"] == pytest.approx(TRUE_KM, rel=0.1)
        assert row["given_kwh"] > 2 * row["taken_kwh"] > 0
    given = [row["given_kwh"] for row in ear.last.values()]
    assert max(given) == pytest.approx(min(given), rel=0.15)
    assert all(len(rows) >= 3 for rows in ear.rows.values())
    leaf = ear.last[CARS[0]]
    assert leaf["rest_from"] == "StateOfCharge.CurrentEnergy"
    assert ear.last[CARS[2]]["rest_kwh"] is None  # that car does not say it, and nothing is invented


def test_battery_report_tells_of_each_car_what_it_says_and_names_the_rest(drives, tmp_path):
    ear = here(Catalogue().app("battery-report"), drives, Wishes(tmp_path))
    for row in ear.last.values():
        assert row["state_of_charge_begin_percent"] >= row["state_of_charge_end_percent"] > 60
        assert 320 < row["voltage_min_v"] < row["voltage_max_v"] <= 372
        assert row["power_out_max_kw"] > row["power_in_max_kw"] > 0
        assert "Charging.TimeToComplete" in row["never_said"] or row["charging_time_left_s"] is not None
    assert ear.last[CARS[0]]["cell_spread_max_mv"] == pytest.approx(40, abs=10)
    assert ear.last[CARS[1]]["may_charge_kw"] is None


@pytest.mark.parametrize("app", APPS)
def test_what_fit_says_of_an_app_is_what_then_happens(app):
    """Nothing that fit calls ok or degrade lacks a required signal; the petrol car is told what it lacks."""
    catalogue = Catalogue()
    for car in CARS:
        assert judge_app(catalogue, catalogue.app(app), car).level in ("ok", "degrade")
    petrol = judge_app(catalogue, catalogue.app(app), "honda/civic-8g")
    assert (petrol.level == "break") == (app != "trip-log")
    for path in catalogue.app(app).requires if petrol.level == "break" else ():
        assert (path in lacking(petrol)) == (path != "Vehicle.Speed")


@pytest.mark.parametrize("app", APPS)
def test_the_code_of_an_app_watches_what_its_manifest_names(app):
    found = Catalogue().app(app)
    module = sys.modules[code_of(found).__module__]
    named = {v for v in vars(module).values() if isinstance(v, str) and v.startswith("Vehicle.") and v[-1] != "."}
    named |= {path for v in vars(module).values() if isinstance(v, tuple) for path in v if "Vehicle." in str(path)}
    assert named == set(found.needs)


def test_an_app_of_a_user_runs_on_two_cars_of_a_server_in_its_own_unit(tmp_path):
    code = "def run(car, out):\n for r in car.watch('Vehicle.Speed'):\n  yield {'value': r.value, 'unit': r.unit}\n"
    cars = OpenCars(ONE, TWO)
    try:
        cars.publish(ONE, {"Vehicle.Speed": 36.0})
        cars.publish(TWO, {"Vehicle.Speed": 72.0})
        server = f"127.0.0.1:{cars.ports[ONE]}"
        ear = there(own_app(tmp_path, code), server, [ONE, TWO], until=lambda ear: len(ear.rows) == 2)
    finally:
        cars.close()
    assert {v: round(r[0]["value"], 6) for v, r in ear.rows.items()} == {ONE: 10.0, TWO: 20.0}
    assert ear.rows[ONE][0]["unit"] == "m/s"


def test_an_app_that_fails_on_one_car_goes_on_on_the_other(tmp_path):
    code = (
        "def run(car, out):\n"
        f" if car.vehicle == '{ONE}': raise ValueError('no good')\n"
        " yield {'speed': car.get('Vehicle.Speed').value}\n"
    )
    cars = OpenCars(ONE, TWO)
    try:
        ear = there(own_app(tmp_path, code), f"127.0.0.1:{cars.ports[ONE]}", [ONE, TWO])
    finally:
        cars.close()
    assert [str(e) for e in ear.failures] == [f"mine on {ONE}: ValueError: no good (mine.py:2)"]
    assert ear.last == {TWO: {"speed": None}}


def test_an_app_that_asks_again_and_again_ends_when_it_is_to_end(tmp_path):
    code = "def run(car, out):\n while True:\n  yield {'speed': car.get('Vehicle.Speed').value}\n"
    cars = OpenCars(ONE)
    try:
        ear = there(own_app(tmp_path, code), f"127.0.0.1:{cars.ports[ONE]}", [ONE], until=lambda ear: ear.rows)
    finally:
        cars.close()
    assert (ear.failures, ear.last) == ([], {ONE: {"speed": None}})


def test_an_app_that_does_not_end_is_told_and_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(run_flow, "_PATIENCE_S", 0.2)
    code = "import time\ndef run(car, out):\n yield {'so': 'far'}\n time.sleep(30)\n"
    cars = OpenCars(ONE)
    try:
        ear = there(own_app(tmp_path, code), f"127.0.0.1:{cars.ports[ONE]}", [ONE], until=lambda ear: ear.rows)
    finally:
        cars.close()
    assert [str(e) for e in ear.failures] == [f"mine on {ONE} does not end; what it would have said is lost"]


def test_a_server_that_is_not_there_and_a_car_that_it_does_not_have_are_told_before_anything_runs(tmp_path):
    app = own_app(tmp_path, "def run(car, out):\n yield {}\n")
    with pytest.raises(Unreachable):
        there(app, "127.0.0.1:1", [ONE])
    cars = OpenCars(ONE)
    try:
        with pytest.raises(InputError, match="unknown vehicle 'acme/two'"):
            there(app, f"127.0.0.1:{cars.ports[ONE]}", [TWO])
    finally:
        cars.close()


CODE = {
    "that is not there": (None, "no code at"),
    "that is no Python": ("def", "SyntaxError"),
    "that fails as it is loaded": ("1 / 0", "ZeroDivisionError"),
    "without a function run": ("x = 1", "has no function run"),
}


@pytest.mark.parametrize(("code", "said"), CODE.values(), ids=CODE)
def test_code_is_told_in_a_line(code, said, tmp_path):
    app = own_app(tmp_path, code or "")
    if code is None:
        (tmp_path / "mine.py").unlink()
    with pytest.raises(AppFailed, match=said) as e:
        code_of(app)
    assert "\n" not in str(e.value)


def test_options_have_the_type_of_their_default():
    app = Catalogue().app("energy-range")

    def run(car, out, every_s=10.0, often=False, count=3, word="a"):
        yield {}

    given = {"every_s": "2.5", "often": "true", "count": "4", "word": "b"}
    assert options_of(app, run, given) == {"every_s": 2.5, "often": True, "count": 4, "word": "b"}
    with pytest.raises(UnknownName, match="did you mean 'every_s'"):
        options_of(app, run, {"every": "1"})
    for name, text in (("every_s", "x"), ("often", "yes"), ("count", "1.5")):
        with pytest.raises(InputError, match=f"{name}: expected"):
            options_of(app, run, {name: text})

"""Virtual cars of the catalogue: balances, truth, parts that do not fit, cycles from files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import renkei
from renkei.catalogue import Catalogue
from renkei.errors import CannotTell, InputError, RenkeiError, UnknownName
from renkei.flows.drive import cycles, drive_vehicle, read_cycle
from renkei.flows.judge import judge
from renkei.flows.label import labels
from renkei.flows.virtual_car import virtual_car
from renkei.sim.charge import at
from renkei.sim.columns import Conditions
from renkei.sim.label import KM_PER_MILE

sys.path.insert(0, str(Path(__file__).parents[1] / "sim"))
from balance import worst_imbalance

CATALOGUE = Catalogue()
CARS = (
    "nissan/leaf-ze0", "nissan/leaf-aze0", "nissan/leaf-aze0-30", "nissan/leaf-ze1-40", "nissan/leaf-ze1-62",
    "nissan/ariya-63", "honda/fit-ev", "honda/clarity-ev", "honda/prologue-fwd", "mitsubishi/i-miev",
)  # fmt: skip
SHARED = Path(__file__).parents[3] / "shared" / "data" / "cycles"
SHIPPED = {"leaf": "nissan/leaf-ze1-40", "larger": "nissan/leaf-62-pack"}


@pytest.mark.parametrize("vehicle", CARS)
def test_energy_is_conserved_in_each_step_of_every_cycle(vehicle):
    built = virtual_car(CATALOGUE, vehicle)
    for name in cycles():
        for conditions in (Conditions(), Conditions(soc=0.3, air_c=-10)):
            driven = drive_vehicle(built, read_cycle(name), conditions, trace=True)
            assert worst_imbalance(driven.drive.trace, built.car, 0.0) < 1e-9, (name, conditions)


PUBLISHED = {  # energy from the wall in Wh/mile in UDDS and HWFET, with the mass and road load of the catalogue
    "nissan/leaf-ze0": (222.5, 256.7),
    "nissan/leaf-aze0": (183.2, 229.8),
    "nissan/leaf-aze0-30": (192.0, 233.5),
    "nissan/leaf-ze1-40": (187.5, 235.2),
    "mitsubishi/i-miev": (187.2, 239.0),
}


@pytest.mark.parametrize("vehicle", PUBLISHED)
def test_energy_from_the_wall_is_that_of_the_dynamometer(vehicle):
    built = virtual_car(CATALOGUE, vehicle)
    for name, tested in zip(("udds", "hwfet"), PUBLISHED[vehicle], strict=True):
        simulated = drive_vehicle(built, read_cycle(name), Conditions()).drive.measures["wall_wh_per_km"] * KM_PER_MILE
        assert simulated == pytest.approx(tested, rel=0.09)


def test_label_of_a_car_lies_beside_the_published_one():
    found = labels(CATALOGUE, virtual_car(CATALOGUE, SHIPPED["leaf"]))
    epa_range = next(f for f in found.figures if (f.label, f.what) == ("EPA", "range"))
    assert epa_range.published == pytest.approx(151 * KM_PER_MILE)
    assert epa_range.simulated == pytest.approx(epa_range.published, rel=0.05)
    assert epa_range.source
    assert {f.label for f in found.figures} == {"EPA", "WLTP", "JC08"}


def test_every_assumption_says_why():
    built = virtual_car(CATALOGUE, "honda/clarity-ev")
    assert len(built.assumed) > 10
    assert all(assumed.why for assumed in built.assumed)
    taken = {assumed.key for assumed in built.assumed}
    assert {"auxiliary_power", "charger_efficiency", "cells_series", "ratio"} <= taken


def test_what_is_given_is_not_assumed():
    given = {
        "auxiliary_power": "500",
        "charger_efficiency": "0.8",
        "test_mass": "3750 lb",
        "ac_charge_power_max": "3600W",
    }
    built = virtual_car(CATALOGUE, SHIPPED["leaf"], changes=given)
    assert built.car.auxiliary_w == 500
    assert built.car.charger_efficiency == 0.8
    assert built.car.road.test_mass_kg == pytest.approx(3750 * 0.45359237)
    assert built.car.charger_w == pytest.approx(3600)
    assert not {"auxiliary_power", "charger_efficiency"} & {assumed.key for assumed in built.assumed}


def test_the_road_load_of_a_test_list_is_given_in_its_units():
    listed = {
        "test_mass": "3625lb",
        "road_load_a": "29.97 lbf",
        "road_load_b": "-0.0713lbf/mph",
        "road_load_c": "2.206e-2lbf/mph^2",
    }
    road = virtual_car(CATALOGUE, CARS[1], changes=listed).car.road
    assert road.test_mass_kg == pytest.approx(3625 * 0.45359237)
    assert road.a_n == pytest.approx(29.97 * 4.4482216)
    assert road.b_n_per_m_s == pytest.approx(-0.0713 * 4.4482216 / 0.44704)
    assert road.c_n_per_m2_s2 == pytest.approx(0.02206 * 4.4482216 / 0.44704**2)


def test_a_part_that_does_not_fit_is_driven_and_every_violated_limit_is_told():
    built = virtual_car(CATALOGUE, SHIPPED["leaf"], battery=SHIPPED["larger"])
    assert {"mass", "mounting", "protocol"} <= {bad.fact for bad in built.violated}
    plain = virtual_car(CATALOGUE, SHIPPED["leaf"])
    assert plain.violated == ()
    assert built.car.road.test_mass_kg - plain.car.road.test_mass_kg == pytest.approx(410 - 303)
    far, near = (drive_vehicle(b, read_cycle("udds"), Conditions()).drive.measures["range_km"] for b in (built, plain))
    assert far > 1.3 * near


def test_modules_are_laid_out_as_a_verdict_on_them_lays_them_out():
    plain = virtual_car(CATALOGUE, SHIPPED["leaf"])
    for module in ("nissan/leaf-40-module", "nissan/leaf-24-module", "mitsubishi/lev50n-module"):
        built = virtual_car(CATALOGUE, SHIPPED["leaf"], battery=module)
        pack, layout = built.car.pack, judge(CATALOGUE, module, SHIPPED["leaf"]).layout
        assert pack.middle_v == pytest.approx(plain.car.pack.middle_v, rel=0.05)
        assert pack.energy_wh == pytest.approx(layout["energy_gross_kwh"] * 1000, rel=0.05)
        assert {"modules_series", "modules_parallel", "test_mass"} <= {assumed.key for assumed in built.assumed}
        assert drive_vehicle(built, read_cycle("udds"), Conditions()).drive.followed


def test_modules_in_a_car_of_which_no_voltage_is_known_come_nearest_to_its_energy():
    built, plain = (virtual_car(CATALOGUE, "honda/fit-ev", battery=b) for b in ("nissan/leaf-24-module", None))
    assert built.car.pack.energy_wh == pytest.approx(plain.car.pack.energy_wh, rel=0.25)


OWN = {
    "maker.toml": 'name = "Acme"\n[sources.own]\ntitle = "Own"\nwhere = "here"\nlicence = "CC0-1.0"\n',
    "parts/cell.toml": """name = "Cell"
kind = "battery-cell"
[facts]
cell_capacity = { value = 60, unit = "Ah", source = ["own"] }
resistance = { value = 0.001, unit = "Ohm", source = ["own"] }
open_circuit_voltage = { value = { soc = [0, 50, 100], voltage = [3.0, 3.7, 4.1] }, source = ["own"] }
""",
    "parts/made.toml": """name = "Pack of cells"
kind = "battery-pack"
[facts]
cells_series = { value = 90, source = ["own"] }
cells_parallel = { value = 2, source = ["own"] }
[made_of]
battery-cell = "cell"
""",
    "parts/whole.toml": """name = "Pack as a whole"
kind = "battery-pack"
[facts]
cells_series = { value = 90, source = ["own"] }
cells_parallel = { value = 2, source = ["own"] }
capacity = { value = 120, unit = "Ah", source = ["own"] }
resistance = { value = 0.045, unit = "Ohm", source = ["own"] }
open_circuit_voltage = { value = { soc = [0, 50, 100], voltage = [270, 333, 369] }, source = ["own"] }
""",
}


def test_a_pack_is_the_same_by_its_cells_or_as_a_whole(tmp_path):
    for name, text in OWN.items():
        file = tmp_path / "makers" / "acme" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    catalogue = Catalogue([tmp_path])
    made, whole = (virtual_car(catalogue, SHIPPED["leaf"], battery=f"acme/{name}") for name in ("made", "whole"))
    assert made.car.pack.cell.capacity_ah == whole.car.pack.cell.capacity_ah == 60
    assert made.car.pack.cell.ocv_v == pytest.approx(whole.car.pack.cell.ocv_v)
    assert made.car.pack.cell.r0_ohm.values == whole.car.pack.cell.r0_ohm.values
    assert at(made.car.pack.cell.r0_ohm, 0.5, 25.0) == pytest.approx(0.0005)  # half at once, half with delay
    assert "resistance_charge" not in {assumed.key for assumed in made.assumed}


def test_cells_that_are_unknown_follow_from_voltage_and_energy():
    pack = virtual_car(CATALOGUE, "honda/fit-ev").car.pack
    assert pack.energy_wh == pytest.approx(20e3, rel=0.03)
    assert 300 < pack.middle_v < 400


def test_a_number_is_changed_in_the_part_that_is_named():
    changes = {"e-axle.power_peak": "60", "battery.power_peak": "70kW", "loss_of_power": "0.1", "braking.share": "0.5"}
    car = virtual_car(CATALOGUE, SHIPPED["leaf"], changes=changes).car
    assert car.e_axle.peak_power_w == 60e3
    assert max(map(max, car.pack.max_discharge_w.values)) == pytest.approx(70e3)
    assert car.braking.share == 0.5
    lossy, plain = (
        drive_vehicle(virtual_car(CATALOGUE, SHIPPED["leaf"], changes=c), read_cycle("udds"), Conditions()).drive
        for c in ({"loss_of_power": "0.1"}, {})
    )
    assert lossy.measures["axle_loss_wh"] > 1.3 * plain.measures["axle_loss_wh"]


def test_two_e_axles_lose_and_pull_what_both_do():
    from renkei.flows.virtual_axle import together

    one = virtual_car(CATALOGUE, SHIPPED["leaf"]).car.e_axle
    both = together([one, one])
    assert both.peak_power_w == 2 * one.peak_power_w
    assert both.peak_torque_nm == pytest.approx(2 * one.peak_torque_nm * one.ratio)
    assert both.loss.constant == pytest.approx(one.loss.constant)
    assert both.loss.torque_speed == pytest.approx(one.loss.torque_speed)


def test_a_small_pack_binds_first_and_says_so():
    built = virtual_car(CATALOGUE, "nissan/leaf-ze1-62", battery="mitsubishi/i-miev-16-pack")
    driven = drive_vehicle(built, read_cycle("us06"), Conditions(soc=0.4))
    assert driven.drive.first_limit
    assert driven.as_json()["limits"][0].keys() == {"limit", "time_s", "first_s"}


CARRIED = {  # km and s as the authorities state them
    "udds": (11.99, 1369), "hwfet": (16.51, 765), "us06": (12.89, 600), "sc03": (5.76, 600), "la92": (15.8, 1435),
    "wltc-3a": (23.19, 1800), "wltc-3b": (23.27, 1800), "nedc": (11.01, 1179), "jc08": (8.17, 1204),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
def test_cycles_have_the_length_that_the_authority_states(name):
    cycle, (km, seconds) = read_cycle(name), CARRIED[name]
    assert cycle.duration_s == seconds
    assert cycle.distance_m / 1000 == pytest.approx(km, rel=2e-3)
    assert cycles()[name].distance_km == pytest.approx(cycle.distance_m / 1000, rel=1e-4)
    file = SHARED / f"{name.replace('-', '_')}.csv"
    if file.is_file():
        assert np.max(abs(np.loadtxt(file, delimiter=",", skiprows=1)[:, 1] - cycle.speed_m_s)) < 1e-4


@pytest.mark.parametrize(
    ("header", "factor"), [("time_s,speed_m_s", 1), ("t,speed_km_h", 3.6), ("time,mph", 1 / 0.44704)]
)
def test_a_cycle_from_a_file_is_that_cycle(tmp_path, header, factor):
    carried = read_cycle("udds")
    file = tmp_path / "own.csv"
    rows = (f"{t},{v * factor}" for t, v in zip(carried.time_s, carried.speed_m_s, strict=True))
    file.write_text(header + "\n" + "\n".join(rows) + "\n")
    assert read_cycle(str(file)).speed_m_s == pytest.approx(carried.speed_m_s)


BAD_FILES = {
    "no header": ("0,0\n1,1\n", "header: expected time_s and speed_m_s"),
    "a word": ("time_s,speed_m_s\n0,0\n1,fast\n", "line 3: expected two numbers, got '1,fast'"),
    "a short row": ("time_s,speed_m_s\n0,0\n1\n", "line 3: expected two numbers"),
    "a gap": (
        "time_s,speed_m_s\n0,0\n1,1\n100,1\n",
        "line 4: time_s: expected steps of at most 10 s, got a gap of 99 s",
    ),
    "empty": ("", "header: expected"),
    "header alone": ("time_s,speed_m_s\n", "expected two rows or more, got 0"),
    "one row": ("time_s,speed_m_s\n0,0\n", "expected two rows or more, got 1"),
    "time that stands": ("time_s,speed_m_s\n0,0\n1,1\n1,2\n", "line 4: time_s: expected a time after 1 s, got 1 s"),
    "time that turns": ("time_s,speed_m_s\n0,0\n2,1\n1,2\n", "line 4: time_s: expected a time after 2 s, got 1 s"),
    "time before the start": ("t,mph\n-5,0\n1,1\n", "line 2: t: expected 0 or more, got -5"),
    "no number": ("time_s,speed_m_s\n0,0\n1,nan\n", "line 3: speed_m_s: expected a finite number, got nan"),
    "backwards": ("time_s,speed_km_h\n\n0,0\n1,-7\n", "line 4: speed_km_h: expected 0 or more, got -7"),
    "faster than any car": ("time_s,speed_km_h\n0,0\n1,999\n", "line 3: speed_km_h: expected at most 150 m/s"),
    "over at once": ("time_s,speed_m_s\n0,0\n0.3,1\n", "expected 1 s or more in all, got 0.3 s"),
    "standstill": ("time_s,speed_m_s\n0,0\n1,0\n", "got standstill throughout"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name):
    text, told = BAD_FILES[name]
    file = tmp_path / "own.csv"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        read_cycle(str(file))
    assert told in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


WRONG = {
    "unknown cycle": (lambda: read_cycle("uds"), UnknownName, "did you mean 'udds'"),
    "unknown part": (
        lambda: virtual_car(CATALOGUE, CARS[3], battery="nissan/leaf-62-pak"),
        UnknownName,
        "nissan/leaf-62-pack",
    ),
    "an e-axle as battery": (
        lambda: virtual_car(CATALOGUE, CARS[3], battery="nissan/em57-110-e-axle"),
        InputError,
        "is of kind e-axle; expected battery-pack",
    ),
    "unknown key": (lambda: virtual_car(CATALOGUE, CARS[3], changes={"tset_mass": "1"}), UnknownName, "test_mass"),
    "a key of several parts": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"power_peak": "50"}),
        InputError,
        "say battery.power_peak or e-axle.power_peak",
    ),
    "a key of another part": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"battery.ratio": "8"}),
        InputError,
        "ratio is no fact of a battery-pack",
    ),
    "zero mass": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"test_mass": "0"}),
        InputError,
        "expected a number above 0",
    ),
    "a word": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"test_mass": "heavy"}),
        InputError,
        "expected a number",
    ),
    "another quantity": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"test_mass": "3 km/h"}),
        InputError,
        "does not convert",
    ),
    "a car of combustion": (lambda: virtual_car(CATALOGUE, "honda/civic-8g"), CannotTell, "no battery-pack is known"),
    "a negative path": (
        lambda: virtual_car(CATALOGUE, CARS[3], changes={"road.test_mass_kg": "-5"}),
        InputError,
        "--set road.test_mass_kg=-5: expected a number above 0, got -5",
    ),
}


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_told(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"\x87\x00")
    for name, told in {
        "bytes.csv": "expected text in UTF-8",
        "none.csv": "there is no such file",
        ".": "a folder",
    }.items():
        with pytest.raises(InputError, match=told):
            read_cycle(str(tmp_path / name))


WRONG_CHANGES = {  # what the user wrote is named, not a quantity inside of the simulation
    "misspelt fact of a part": ("batery.cell_voltage_min=3", "did you mean 'battery.cell_voltage_min'?"),
    "unknown unit": (
        "test_mass=1600foo",
        "--set test_mass: expected a number of kg, got '1600foo': unknown unit 'foo'",
    ),
    "not a number": ("test_mass=nan", "--set test_mass: expected a number, got 'nan'"),
    "half a cell": ("battery.cells_series=96.5", "--set battery.cells_series: expected a whole number"),
    "no cells": ("battery.cells_series=0", "--set battery.cells_series: expected a number above 0"),
    "an empty pack": ("battery.energy_gross=0", "--set battery.energy_gross: expected a number above 0"),
    "a percentage": ("charger_efficiency=90", "expected a number from 0 to 1, got '90'; did you mean 0.9?"),
    "a charger that gives nothing": ("charger_efficiency=0", "--set charger_efficiency: expected a number above 0"),
    "more usable than there is": (
        "battery.energy_usable=400",
        "expected at most the gross energy, 39.46 kWh, got 400 kWh",
    ),
    "an empty cell above a full one": (
        "battery.cell_voltage_min=5",
        "expected less than cell_voltage_max, 4.224 V, got 5 V",
    ),
    "a window without width": ("e-axle.dc_voltage_min=900", "expected less than dc_voltage_rating, 600 V, got 900 V"),
    "a charger that feeds itself": ("ac_charge_power_max=0.1", "expected more than charging_auxiliary_power, 0.22 kW"),
    "a share above one": ("braking_share_front=4", "--set braking_share_front: expected a number from 0 to 1, got '4'"),
    "brakes that fade upwards": ("braking_fade_from=1", "expected more than braking_fade_to, 5.4 km/h, got 1 km/h"),
    "no usable charge": ("usable_share=0", "--set usable_share: expected a number above 0"),
    "another machine": ("e-axle.machine=inducton", "wound-rotor, got 'inducton'; did you mean 'induction'?"),
    "a road that pushes": ("road_load_a=-9999", "--set road_load_a: expected a resistance of 0 or more up to 180 km/h"),
    "half a body": ("drag_area=0.6", "expected both, or neither, of --set drag_area and --set rolling_resistance"),
    "a number of the simulation": ("braking.share=2", "--set braking.share=2: expected a number from 0 to 1, got 2"),
    "a negative assumption": ("loss_of_power=-1", "--set loss_of_power: expected a number from 0, got '-1'"),
    "what nothing looks at": ("epa_factor=0.7", "--set epa_factor: changes nothing here"),
}


@pytest.mark.parametrize("name", WRONG_CHANGES)
def test_a_wrong_change_is_told_by_the_name_that_the_user_gave(name):
    change, told = WRONG_CHANGES[name]
    key, _, value = change.partition("=")
    with pytest.raises(InputError) as refused:
        virtual_car(CATALOGUE, SHIPPED["leaf"], changes={key: value})
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


WRONG_TABLES = {
    "voltage that falls": (
        'open_circuit_voltage = { value = { soc = [0, 50, 100], voltage = [400, 370, 410] }, source = ["own"] }',
        "facts.open_circuit_voltage.value.voltage: expected numbers that rise with the charge, got '400, then 370'",
    ),
    "charge that turns": (
        'open_circuit_voltage = { value = { soc = [0, 70, 50], voltage = [3, 4, 5] }, source = ["own"] }',
        "facts.open_circuit_voltage.value.soc: expected numbers that rise",
    ),
    "charge that ends early": (
        'open_circuit_voltage = { value = { soc = [10, 90], voltage = [300, 370] }, source = ["own"] }',
        "open_circuit_voltage.value.soc: expected 0 to 100 percent, got '10 to 90'",
    ),
    "a negative resistance": (
        "resistance_map = { value = { temperature = [0, 0, 25, 25], soc = [0, 100, 0, 100], "
        'resistance = [0.1, -0.1, 0.1, 0.1] }, source = ["own"] }',
        "acme/whole: resistance_map.resistance: expected numbers of 0 or more, got -0.1",
    ),
    "a map with a hole": (
        "resistance_map = { value = { temperature = [0, 0, 25, 25], soc = [0, 100, 0, 90], "
        'resistance = [0.1, 0.1, 0.1, 0.1] }, source = ["own"] }',
        "acme/whole: resistance_map: expected one row for each of 2 temperatures and 3 charges, got 4",
    ),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_table_that_is_not_monotonic_where_it_must_be_is_told_by_part_and_fact(name, tmp_path):
    fact, told = WRONG_TABLES[name]
    folder = tmp_path / "makers" / "acme"
    (folder / "parts").mkdir(parents=True)
    (folder / "maker.toml").write_text(OWN["maker.toml"])
    whole = "\n".join(line for line in OWN["parts/whole.toml"].splitlines() if "open_circuit" not in line)
    (folder / "parts" / "whole.toml").write_text(f"{whole}\n{fact}\n")
    with pytest.raises(InputError) as refused:
        virtual_car(Catalogue([tmp_path]), SHIPPED["leaf"], battery="acme/whole")
    assert told in str(refused.value)


def test_what_the_user_gives_goes_before_what_says_the_same_otherwise():
    far = {
        name: drive_vehicle(virtual_car(CATALOGUE, SHIPPED["leaf"], changes=changes), read_cycle("udds"), Conditions())
        .drive.measures["range_km"]
        for name, changes in {
            "as it is": {}, "60 kWh": {"battery.energy_gross": "59.19"}, "half usable": {"usable_share": "0.5"},
            "20 kWh": {"battery.energy_usable": "19.73"},
        }.items()
    }  # fmt: skip
    assert far["60 kWh"] == pytest.approx(1.5 * far["as it is"], rel=0.02)
    assert far["half usable"] == pytest.approx(far["20 kWh"], rel=0.02)
    assert 0.45 < far["20 kWh"] / far["as it is"] < 0.56
    slick = {"drag_area": "0.5", "rolling_resistance": "0.008"}
    assert virtual_car(CATALOGUE, SHIPPED["leaf"], changes=slick).car.road.b_n_per_m_s == 0


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line(name):
    make, kind, told = WRONG[name]
    with pytest.raises(kind) as refused:
        make()
    assert isinstance(refused.value, RenkeiError)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


WRONG_COLUMNS = {
    "no number": ({"test_mass": [float("nan"), 1500]}, "test_mass: expected a number above 0, got nan"),
    "nothing to move": ({"test_mass": [0, 1500]}, "test_mass: expected a number above 0, got 0"),
    "percent": ({"soc": [70]}, "soc: expected a number from 0 to 1, got 70"),
    "an oven": ({"ambient_c": [900]}, "ambient_c: expected a temperature from -60 to 80 Celsius, got 900"),
    "half a cell": ({"cells_series": [96.5]}, "cells_series: expected a whole number, got 96.5"),
    "a road that pushes": ({"road_load_a": [-9999]}, "road_load_a: expected a resistance of 0 or more up to 180 km/h"),
    "misspelt": ({"test_mas": [1500]}, "did you mean 'test_mass'?"),
}


@pytest.mark.parametrize("name", WRONG_COLUMNS)
def test_a_wrong_column_of_a_sweep_is_told_by_its_name(name):
    columns, told = WRONG_COLUMNS[name]
    with pytest.raises(InputError) as refused:
        renkei.sweep(SHIPPED["leaf"], "udds", columns)
    assert told in str(refused.value)


def test_conditions_that_cannot_be_are_told_to_a_notebook_by_the_name_that_it_gave():
    with pytest.raises(InputError, match="ambient_c: expected a temperature from -60 to 80 Celsius, got 900"):
        renkei.drive(SHIPPED["leaf"], "udds", ambient_c=900)
    with pytest.raises(InputError, match="soc: expected a number from 0 to 1, got 70"):
        renkei.drive(SHIPPED["leaf"], "udds", soc=70)


def test_a_notebook_drives_and_sweeps():
    driven = renkei.drive(SHIPPED["leaf"], "hwfet", ambient_c=0, changes={"test_mass": 1800}, trace=True)
    assert len(driven.drive.trace["speed_m_s"]) == 765
    swept = renkei.sweep(SHIPPED["leaf"], "hwfet", {"test_mass": [1700, 1800], "ambient_c": [25.0, 0.0]})
    assert swept["wall_wh_per_km"][1] == pytest.approx(driven.as_json()["wall_wh_per_km"], rel=1e-12)
    assert swept["wall_wh_per_km"][0] < swept["wall_wh_per_km"][1]

"""Legal cars at the edges: heavy, tiny, of high and low voltage, cold and hot, of several e-axles, of other cells."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.drive import drive_vehicle, read_cycle
from renkei.flows.label import charge_vehicle
from renkei.flows.virtual_car import VirtualCar, virtual_car
from renkei.sim.columns import Conditions

sys.path.insert(0, str(Path(__file__).parents[1] / "sim"))
from balance import worst_imbalance

LEAF = "nissan/leaf-ze1-40"
BIG = {"battery.energy_gross": "80"}
ODD = {
    "as it is": {},
    "a truck": {
        "test_mass": "12000", "road_load_a": "700", "road_load_c": "3", "e-axle.power_peak": "300",
        "e-axle.torque_peak": "3000", "battery.energy_gross": "300", "battery.power_peak": "400",
    },
    "a truck with the motor of a car": {"test_mass": "20000", "road_load_a": "1200", "road_load_c": "3"},
    "a tiny car": {
        "test_mass": "350", "road_load_a": "30", "road_load_b": "0", "road_load_c": "0.2", "e-axle.power_peak": "8",
        "e-axle.torque_peak": "40", "battery.energy_gross": "6",
    },
    "800 V": BIG | {
        "battery.cells_series": "216", "e-axle.dc_voltage_rating": "1000", "e-axle.dc_voltage_min": "400",
        "e-axle.dc_voltage_full_power": "600",
    },
    "48 V": {"battery.cells_series": "14", "battery.energy_gross": "5"},
    "a heated cabin": {"auxiliary_power": "6000"},
    "an induction machine": {"e-axle.machine": "induction"},
}  # fmt: skip
EDGES = (
    Conditions(), Conditions(air_c=-20), Conditions(air_c=45), Conditions(soc=0.1), Conditions(soc=0.05, air_c=-30),
)  # fmt: skip
CATALOGUE = Catalogue()


@pytest.mark.parametrize("name", ODD)
def test_nothing_absurd_comes_of(name):
    built = virtual_car(CATALOGUE, LEAF, changes=ODD[name])
    for cycle in ("udds", "us06"):
        asked = read_cycle(cycle)
        for conditions in EDGES:
            driven = drive_vehicle(built, asked, conditions, trace=True)
            _sound(built, driven.drive.measures)
            assert worst_imbalance(driven.drive.trace, built.car, 0.0) < 1e-9
            assert driven.drive.followed or driven.drive.limits  # what keeps it back is named
            held = driven.drive.trace["asked_m_s"] - driven.drive.trace["speed_m_s"]
            assert held.min() > -1e-6


def _sound(built: VirtualCar, m) -> None:
    car = built.car
    assert 0 < m["distance_km"] < 14
    assert m["chemical_wh"] > 0
    assert 0 < m["dc_wh"] < m["wall_wh"]
    assert m["lowest_v"] >= car.pack.cell.min_v * car.pack.series * (1 - 1e-9)
    assert m["highest_discharge_a"] <= car.pack.max_discharge_a * (1 + 1e-9)
    assert m["regenerated_wh"] < m["discharged_wh"]
    assert m["end_soc"] > -0.01
    losses = [m[key] for key in ("road_wh", "friction_wh", "axle_loss_wh", "auxiliary_wh", "resistance_loss_wh")]
    assert min(losses) >= 0
    assert sum(losses) + m["kinetic_wh"] + m["polarised_wh"] == pytest.approx(m["chemical_wh"], rel=1e-6)


def test_a_pack_above_the_rating_of_the_e_axle_keeps_the_car_where_it_is_and_says_so():
    built = virtual_car(CATALOGUE, LEAF, changes=BIG | {"battery.cells_series": "216"})
    driven = drive_vehicle(built, read_cycle("udds"), Conditions())
    assert driven.drive.measures["distance_km"] == 0
    assert driven.drive.first_limit == "e-axle voltage window"
    assert driven.as_json()["wall_wh_per_km"] is None


def test_cold_takes_range_and_charging_power_but_a_cold_pack_still_charges():
    built = virtual_car(CATALOGUE, LEAF)
    reach = [
        drive_vehicle(built, read_cycle("udds"), Conditions(air_c=c)).drive.measures["range_km"] for c in (25, 0, -20)
    ]
    assert reach == sorted(reach, reverse=True)
    hours = [
        charge_vehicle(built, 50e3, Conditions(soc=0.1, air_c=c), direct=True, to_soc=0.8).time_s / 3600
        for c in (25, 0, -20)
    ]
    assert hours == sorted(hours)
    assert hours[0] < 1 < hours[-1] < 48


@pytest.fixture
def private(tmp_path) -> Catalogue:
    """A car with an e-axle at each end and cells of lithium iron phosphate."""
    own = 'source = ["own"] }'
    folder = tmp_path / "makers" / "acme"
    (folder / "parts").mkdir(parents=True)
    (folder / "vehicles").mkdir()
    (folder / "maker.toml").write_text(
        'name = "Acme"\n[sources.own]\ntitle = "Own"\nwhere = "here"\nlicence = "CC0-1.0"\n'
    )
    (folder / "parts" / "lfp.toml").write_text(
        f'name = "LFP"\nkind = "battery-pack"\n[facts]\nchemistry = {{ value = "LFP", {own}\n'
        f'energy_gross = {{ value = 60, unit = "kWh", {own}\nvoltage_nominal = {{ value = 340, unit = "V", {own}\n'
        f'cell_voltage_nominal = {{ value = 3.2, unit = "V", {own}\n'
    )
    slots = '[slots.battery]\nkind = "battery-pack"\nfitted = "lfp"\n'
    for end in ("front", "rear"):
        (folder / "parts" / f"{end}.toml").write_text(
            f'name = "{end}"\nkind = "e-axle"\n[facts]\npower_peak = {{ value = 100, unit = "kW", {own}\n'
            f'ratio = {{ value = 9, {own}\ndrives_axle = {{ value = "{end}", {own}\n'
        )
        slots += f'[slots.{end}-e-axle]\nkind = "e-axle"\nfitted = "{end}"\n'
    (folder / "vehicles" / "both.toml").write_text(
        'name = "Both"\nyears = "2024"\npowertrain = "electric"\n[facts]\n'
        f'test_mass = {{ value = 2100, unit = "kg", {own}\ndrag_area = {{ value = 0.7, unit = "m^2", {own}\n'
        f"rolling_resistance = {{ value = 0.009, {own}\n{slots}"
    )
    return Catalogue([tmp_path])


def test_a_car_of_two_e_axles_and_lfp_cells_drives_and_charges(private):
    built = virtual_car(private, "acme/both")
    assert "open_circuit_voltage_LFP" in {one.key for one in built.assumed}
    cell = built.car.pack.cell
    assert np.interp((0.2, 0.5, 0.8), cell.ocv_soc, cell.ocv_v) == pytest.approx((3.2, 3.2, 3.2), abs=0.07)
    for conditions in EDGES:
        driven = drive_vehicle(built, read_cycle("us06"), conditions)
        _sound(built, driven.drive.measures)
    assert built.car.e_axle.peak_power_w == 200e3
    done = charge_vehicle(built, 150e3, Conditions(soc=0.1), direct=True, to_soc=0.8)
    assert 20 * 60 < done.time_s < 60 * 60
    with pytest.raises(InputError, match="acme/nothing"):
        virtual_car(private, "acme/both", battery="acme/nothing")

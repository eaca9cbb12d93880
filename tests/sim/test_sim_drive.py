"""One car, many cars: balances, limits, and that both are the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from balance import worst_imbalance
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cars import car, cell, cell_on_wheels, e_axle, hills_of_speed, pack

from renkei.errors import SimulationError, UnknownName
from renkei.sim.battery import Surface
from renkei.sim.car import Braking, Road
from renkei.sim.columns import Conditions
from renkei.sim.cycle import Cycle
from renkei.sim.drive import changed, drive, drive_many, sweep
from renkei.sim.eaxle import LossMap, LossModel

REFERENCE = Path(__file__).parents[1] / "references" / "thevenin.csv"


def test_voltage_of_two_rc_elements_is_that_of_pybamm():
    reference = np.loadtxt(REFERENCE, delimiter=",", skiprows=1)
    from renkei.flows.drive import read_cycle

    trace = drive(cell_on_wheels(), read_cycle("udds"), Conditions(soc=0.9), trace=True).trace
    assert trace["current_a"] == pytest.approx(reference[:, 1], abs=1e-6)
    assert np.sqrt(np.mean((trace["voltage_v"] - reference[:, 2]) ** 2)) < 1e-4  # a tenth of what was asked for


@settings(max_examples=40, deadline=None)
@given(
    mass_kg=st.floats(300, 6000), power_w=st.floats(5e3, 5e5), torque_nm=st.floats(20, 1500),
    soc=st.floats(0.02, 1), air_c=st.floats(-30, 45), auxiliary_w=st.floats(0, 8000), parallel=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1), growth=st.floats(1, 3),
)  # fmt: skip
def test_energy_is_conserved_in_each_step_of_any_car(
    mass_kg, power_w, torque_nm, soc, air_c, auxiliary_w, parallel, seed, growth
):
    random = np.random.default_rng(seed)
    speed = np.maximum(0, np.cumsum(random.normal(0, 1.5, 300)))
    speed[5] += 1
    cycle = Cycle("random", np.arange(300.0), np.minimum(speed, 60))
    limits = {"max_charge_w": Surface.flat(4e4), "max_discharge_w": Surface.flat(1.2e5), "max_discharge_a": 250.0}
    any_car = car(
        road=Road(mass_kg, 120, 1.5, 0.4, 0.04), auxiliary_w=auxiliary_w, pack=pack(parallel=parallel, **limits),
        e_axle=e_axle(peak_power_w=power_w, peak_torque_nm=torque_nm),
    )  # fmt: skip
    try:
        driven = drive(any_car, cycle, Conditions(soc=soc, air_c=air_c, resistance_growth=growth), trace=True)
    except SimulationError as refused:
        if "enough charge" in str(refused):
            return
        raise
    assert worst_imbalance(driven.trace, any_car, cycle.speed_m_s[0]) < 1e-9
    m = driven.measures
    warmed = m["heat_stored_wh"] + m["heat_to_air_wh"] + m["heat_to_coolant_wh"]
    assert warmed == pytest.approx(m["resistance_loss_wh"], rel=1e-9, abs=1e-9)
    assert m["driven_wh"] - m["braked_wh"] - m["friction_wh"] == pytest.approx(
        m["road_wh"] + m["kinetic_wh"], rel=1e-9, abs=1e-6
    )
    assert np.max(driven.trace["current_a"], initial=0) <= 250 * (1 + 1e-6)
    assert np.max(-driven.trace["dc_w"], initial=0) <= 4e4 * (1 + 1e-6)


def test_chemical_energy_is_the_integral_of_the_open_circuit_voltage():
    from renkei.sim.battery import energy_wh

    one = car()
    m = drive(one, hills_of_speed(), Conditions(soc=0.8), until_empty=True).measures
    whole = energy_wh(one.pack.cell.ocv_soc, one.pack.cell.ocv_v, m["end_soc"], 0.8) * 50 * one.pack.cells
    assert m["chemical_wh"] == pytest.approx(whole, rel=1e-5)


def test_a_car_that_stands_or_uses_nothing_does_not_drive_until_empty_for_ever():
    held = drive(car(e_axle=e_axle(max_v=300.0, loss=LossModel()), auxiliary_w=0.0), hills_of_speed(), until_empty=True)
    assert held.measures["distance_km"] == 0
    assert not held.ran_empty
    assert held.first_limit == "e-axle voltage window"
    free = car(road=Road(1500, 0, 0, 0), auxiliary_w=0.0, e_axle=e_axle(max_v=300.0, loss=LossModel()))
    assert drive(free, hills_of_speed(), until_empty=True).measures["time_s"] == 600


BINDING = {
    "little torque": ({"e_axle": e_axle(peak_torque_nm=30.0)}, {}, "e-axle torque"),
    "little power": ({"e_axle": e_axle(peak_power_w=12e3)}, {}, "e-axle power"),
    "a slow motor": ({"e_axle": e_axle(max_speed_rad_s=400.0)}, {}, "e-axle speed"),
    "a motor for more voltage": (
        {"e_axle": e_axle(full_power_v=800.0, peak_power_w=25e3)},
        {},
        "e-axle voltage window",
    ),
    "a pack with a small fuse": ({"pack": pack(max_discharge_a=40.0)}, {}, "battery discharge current"),
    "a weak pack": ({"pack": pack(max_discharge_w=Surface.flat(15e3))}, {}, "battery discharge power"),
    "cells with a high lowest voltage": (
        {"pack": pack(cell=cell(min_v=3.85))},
        {"soc": 0.75},
        "battery lowest voltage",
    ),
    "a pack that takes little current": ({"pack": pack(max_charge_a=10.0)}, {}, "battery charge current"),
    "a cold pack": (
        {"pack": pack(max_charge_w=Surface((0.0, 1.0), (0.0, 20.0), ((0.0, 0.0), (9e4, 9e4))))},
        {"air_c": 1.0},
        "battery charge power",
    ),
    "a full pack": ({"pack": pack(cell=cell(max_v=4.151))}, {"soc": 1.0}, "battery highest voltage"),
    "brakes that blend early": ({"braking": Braking(1.0, 0.1, 6, 1)}, {}, "regenerative braking share"),
    "a motor for less all day": ({"e_axle": e_axle(continuous_power_w=5e3)}, {}, "e-axle continuous power"),
}


@pytest.mark.parametrize("name", BINDING)
def test_a_car_is_held_back_by(name):
    changes, conditions, limit = BINDING[name]
    driven = drive(car(**changes), hills_of_speed(), Conditions(**{"soc": 0.9} | conditions))
    found = {one.limit: one for one in driven.limits}
    assert limit in found
    assert found[limit].time_s > 0
    assert 0 <= found[limit].first_s < 600


def test_a_strong_car_is_held_back_by_nothing_and_follows():
    strong = drive(car(e_axle=e_axle(peak_torque_nm=900, peak_power_w=4e5)), hills_of_speed(), Conditions(soc=0.8))
    assert strong.limits == ()
    assert strong.first_limit is None
    assert strong.followed
    assert strong.measures["missed_m"] == 0


def test_a_weak_car_falls_behind_says_where_and_catches_up():
    cycle = hills_of_speed()
    weak = drive(car(e_axle=e_axle(peak_power_w=14e3)), cycle, Conditions(soc=0.9), trace=True)
    assert not weak.followed
    assert weak.first_limit == "e-axle power"
    assert weak.measures["missed_m"] > 10
    behind = weak.trace["asked_m_s"] - weak.trace["speed_m_s"]
    assert weak.measures["behind_s"] == np.sum(behind > 0.894)
    assert weak.measures["behind_at_s"] == np.argmax(behind > 0.894)
    assert np.min(behind) > -1e-9  # a driver never goes faster than asked
    assert behind[-1] < 1e-9 or behind[int(np.argmax(behind)) :].min() < 0.1


def test_a_heavier_windier_colder_older_car_needs_more():
    base = drive(car(), hills_of_speed(), Conditions(soc=0.8)).measures["wall_wh_per_km"]
    for changes, conditions in (
        ({"road": Road(2000, 120, 2, 0.42, 0.03)}, {}),
        ({"road": Road(1600, 120, 2, 0.55, 0.03)}, {}),
        ({}, {"air_c": -10.0}),
        ({}, {"resistance_growth": 2.0}),
        ({"auxiliary_w": 2000.0}, {}),
        ({"charger_efficiency": 0.8}, {}),
    ):
        worse = drive(car(**changes), hills_of_speed(), Conditions(**{"soc": 0.8} | conditions))
        assert worse.measures["wall_wh_per_km"] > base * 1.001


def test_until_empty_ends_at_the_end_of_the_usable_charge():
    one = car(pack=pack(usable_from=0.1, usable_to=0.9))
    emptied = drive(one, hills_of_speed(), until_empty=True, trace=True)
    assert emptied.ran_empty
    assert emptied.measures["end_soc"] == pytest.approx(0, abs=2e-3)
    assert emptied.measures["range_km"] == emptied.measures["distance_km"]
    assert len(emptied.trace["soc"]) == emptied.measures["time_s"]
    shorter = drive(one, hills_of_speed(), Conditions(health=0.7), until_empty=True)
    assert shorter.measures["range_km"] == pytest.approx(0.7 * emptied.measures["range_km"], rel=0.02)


def test_a_loss_map_of_the_polynomial_loses_what_the_polynomial_does():
    model = LossModel(constant=0.001, torque2=0.05, torque_speed=0.1)
    torque, speed = np.linspace(-300, 300, 81), np.linspace(0, 1100, 61)
    t, n = abs(torque) / 300, speed / 1100
    loss = 100e3 * (model.constant + model.torque2 * t[None, :] ** 2 + model.torque_speed * n[:, None] * t[None, :])
    layers = tuple(tuple(map(tuple, loss)) for _ in range(2))
    table = LossMap(tuple(torque), tuple(speed), (200.0, 400.0), layers)
    by_model, by_map = (
        drive(car(e_axle=e_axle(loss=loss)), hills_of_speed(), Conditions(soc=0.9)).measures for loss in (model, table)
    )
    assert by_map["axle_loss_wh"] == pytest.approx(by_model["axle_loss_wh"], rel=2e-3)


def test_losses_of_a_map_follow_the_voltage():
    grid = [tuple(tuple(1000.0 * k for _ in (-300, 300)) for _ in (0, 1100)) for k in (1, 2)]
    table = LossMap((-300.0, 300.0), (0.0, 1100.0), (300.0, 400.0), tuple(grid))
    trace = drive(car(e_axle=e_axle(loss=table)), hills_of_speed(), Conditions(soc=0.5), trace=True).trace
    before = trace["voltage_v"][:-1]
    assert trace["axle_loss_w"][1:] == pytest.approx(1000 * (1 + np.clip((before - 300) / 100, 0, 1)), rel=1e-3)


def test_a_sweep_gives_what_single_cars_give():
    mass, drag, soc = np.array([1200.0, 1600.0, 2100.0]), np.array([0.3, 0.4, 0.5]), np.array([0.5, 0.7, 0.9])
    swept = sweep(car(), hills_of_speed(), {"road.test_mass_kg": mass, "road.c_n_per_m2_s2": drag, "soc": soc})
    for i in range(3):
        one = changed(car(), {"road.test_mass_kg": mass[i], "road.c_n_per_m2_s2": drag[i]})
        single = drive(one, hills_of_speed(), Conditions(soc=soc[i])).measures
        for name, value in single.items():
            assert swept[name][i] == pytest.approx(value, rel=1e-12, nan_ok=True), name


@pytest.mark.parametrize(
    "key",
    ["pack.parallel", "pack.cell.capacity_ah", "e_axle.ratio", "e_axle.peak_power_w", "tyre_radius_m", "charger_w",
     "charger_efficiency", "pack.cell.tau1_s", "pack.usable_from", "air_c", "health", "auxiliary_w"],
)  # fmt: skip
def test_any_number_can_be_swept(key):
    changes = {
        "pack.usable_from": [0.02, 0.1],
        "air_c": [-5, 30],
        "health": [0.7, 1],
        "charger_efficiency": [0.8, 0.95],
    }
    values = np.array(changes.get(key, [1.0, 2.0])) * (1 if key in changes else _of(car(), key))
    swept = sweep(car(), hills_of_speed(200), {key: values})
    for i, value in enumerate(values):
        own = key in Conditions._fields
        one = car() if own else changed(car(), {key: value})
        single = drive(one, hills_of_speed(200), Conditions(**{key: value}) if own else None).measures
        assert swept["wall_wh_per_km"][i] == pytest.approx(single["wall_wh_per_km"], rel=1e-12)


def _of(noun, key):
    for name in key.split("."):
        noun = getattr(noun, name)
    return noun


def test_many_cars_of_several_packs_and_motors_are_driven_at_once():
    several = [
        car(),
        car(pack=pack(series=108)),
        car(e_axle=e_axle(peak_power_w=2e5)),
        car(pack=pack(cell=cell(capacity_ah=80))),
    ]
    together = drive_many(several, hills_of_speed())
    for i, one in enumerate(several):
        assert together["wall_wh_per_km"][i] == pytest.approx(
            drive(one, hills_of_speed()).measures["wall_wh_per_km"], rel=1e-12
        )


def test_a_finer_step_moves_little():
    coarse, fine = (drive(car(), hills_of_speed(), step_s=step).measures for step in (1.0, 0.1))
    assert coarse["wall_wh_per_km"] == pytest.approx(fine["wall_wh_per_km"], rel=5e-3)


def _cycle(time, speed):
    return Cycle("a.csv", np.array(time, float), np.array(speed, float))


REFUSED = {
    "zero mass": (lambda: Road(0, 1, 1, 1), "road: test_mass_kg: expected a number above 0, got 0"),
    "time that stands": (lambda: _cycle([0, 1, 1], [0, 1, 2]), "time_s: expected a time after 1 s, got 1 s in row 3"),
    "time that goes back": (
        lambda: _cycle([0, 2, 1], [0, 1, 2]),
        "time_s: expected a time after 2 s, got 1 s in row 3",
    ),
    "negative time": (lambda: _cycle([-1, 0, 1], [0, 1, 2]), "time_s: expected 0 or more, got -1 in row 1"),
    "a gap": (lambda: _cycle([0, 1, 60], [0, 1, 2]), "expected steps of at most 10 s, got a gap of 59 s in row 3"),
    "negative speed": (lambda: _cycle([0, 1, 2], [0, -1, 2]), "speed_m_s: expected 0 or more, got -1 in row 2"),
    "no number": (
        lambda: _cycle([0, 1, 2], [0, float("nan"), 2]),
        "speed_m_s: expected a finite number, got nan in row 2",
    ),
    "standstill": (lambda: _cycle([0, 1], [0, 0]), "expected a speed above 0 somewhere, got standstill throughout"),
    "one row": (lambda: _cycle([0], [0]), "time_s: expected two rows or more, got 1"),
    "a voltage that falls": (
        lambda: cell(ocv_v=(3.0, 3.5, 3.4, 3.6, 3.8, 3.9, 4.1)),
        "ocv_v: expected a column that rises, got 3.5, then 3.4",
    ),
    "charges out of order": (
        lambda: cell(ocv_soc=(0, 0.2, 0.1, 0.4, 0.6, 0.8, 1)),
        "ocv_soc: expected a column that rises",
    ),
    "an empty battery": (lambda: drive(car(), hills_of_speed(), Conditions(soc=0)), "soc: expected more than 0"),
    "no charge left to move": (
        lambda: drive(car(pack=pack(cell=cell(min_v=3.9))), hills_of_speed(), Conditions(soc=0.02)),
        "soc: expected enough charge for the first metre",
    ),
    "too much charge": (
        lambda: drive(car(), hills_of_speed(), Conditions(soc=1.2)),
        "soc: expected a number from 0 to 1, got 1.2",
    ),
    "no more than a moment": (lambda: _cycle([0, 0.4], [0, 1]), "time_s: expected 1 s or more in all, got 0.4 s"),
    "a road that pushes": (lambda: Road(1500, 50, -5, 0.1), "expected a resistance of 0 or more up to 180 km/h"),
    "half a cell": (lambda: pack(series=95.5), "pack: series: expected a whole number, got 95.5"),
    "negative resistance": (lambda: Surface.flat(-1.0), "values: expected numbers of 0 or more, got -1"),
    "a limit between numbers and none": (
        lambda: Surface((0.0, 1.0), (25.0,), ((1.0, float("inf")),)),
        "expected no number without bound",
    ),
    "columns of two lengths": (
        lambda: sweep(car(), hills_of_speed(), {"auxiliary_w": [1, 2], "tyre_radius_m": [0.3]}),
        "expected columns of one length, got lengths [1, 2]",
    ),
    "a negative swept mass": (
        lambda: sweep(car(), hills_of_speed(), {"road.test_mass_kg": [1, -2]}),
        "test_mass_kg: expected a number above 0, got -2",
    ),
    "usable ends crossed": (
        lambda: pack(usable_from=0.9, usable_to=0.1),
        "usable_to: expected more than usable_from, 0.9, got 0.1",
    ),
    "a window upside down": (lambda: e_axle(min_v=400.0, max_v=300.0), "max_v: expected more than min_v, 400, got 300"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name):
    make, told = REFUSED[name]
    with pytest.raises(SimulationError) as refused:
        make()
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_quantity_gives_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean 'road.test_mass_kg'"):
        sweep(car(), hills_of_speed(), {"road.test_mas_kg": [1500.0]})


def test_nouns_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        car().auxiliary_w = 1.0

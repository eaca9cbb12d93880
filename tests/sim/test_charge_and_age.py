"""Charging and ageing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_cars import car, cell, pack

from renkei.errors import SimulationError
from renkei.sim.ageing import Use, age
from renkei.sim.battery import Surface
from renkei.sim.charge import charge
from renkei.sim.columns import Conditions


def test_charge_arrives_where_it_was_asked_to():
    done = charge(car(), 6600, Conditions(soc=0.1), to_soc=0.9)
    assert done.end_soc == pytest.approx(0.9, abs=1e-9)
    assert done.stored_wh == pytest.approx(0.8 * _wh_between(car().pack, 0.1, 0.9) / 0.8, rel=1e-4)
    assert done.stored_wh < done.dc_wh < done.wall_wh
    assert done.dc_wh / done.wall_wh == pytest.approx(0.9 * (1 - 200 / 6600), rel=1e-9)


def _wh_between(one, low, high):
    from renkei.sim.battery import energy_wh

    return energy_wh(one.cell.ocv_soc, one.cell.ocv_v, low, high) * one.cell.capacity_ah * one.cells


def test_the_charger_of_the_car_holds_alternating_current_back():
    done = charge(car(), 22000, Conditions(soc=0.5))
    assert set(done.limits) <= {"car", "battery highest voltage"}
    assert done.curve["wall_w"].max() == pytest.approx(6600)


def test_power_tapers_at_the_highest_voltage():
    slim = car(pack=pack(cell=cell(max_v=4.16)))
    done = charge(slim, 150e3, Conditions(soc=0.5), direct=True)
    held = done.curve["limit"] == 4
    assert held.any()
    assert np.all(np.diff(done.curve["dc_w"][held]) < 0)
    assert done.curve["voltage_v"].max() <= 4.16 * 96 * (1 + 1e-9)


def test_cold_cells_take_little():
    cold = Surface((0.0, 1.0), (-10.0, 20.0), ((2e3, 2e3), (1e5, 1e5)))
    one = car(pack=pack(max_charge_w=cold))
    slow, quick = (charge(one, 50e3, Conditions(soc=0.2, air_c=c), direct=True, to_soc=0.6) for c in (-10, 20))
    assert slow.time_s > 5 * quick.time_s
    assert "battery charge power" in slow.limits


def test_the_car_asks_for_less_than_the_charger_gives():
    done = charge(car(), 100e3, Conditions(soc=0.1), direct=True, to_soc=0.8, most_w=lambda soc: 40e3 * (1 - soc))
    assert done.highest_power_w == pytest.approx(36e3, rel=0.01)
    assert done.limits == {"car": done.time_s}


@pytest.mark.parametrize(
    ("power_w", "soc", "told"),
    [(0, 0.5, "power_w: expected a number above 0"), (6600, 1.0, "soc: expected less than 1, got 1"),
     (150, 0.5, "power_w: expected more than the 200 W that the car draws meanwhile, got 150 W")],
)  # fmt: skip
def test_refused_in_one_line(power_w, soc, told):
    with pytest.raises(SimulationError) as refused:
        charge(car(), power_w, Conditions(soc=soc))
    assert told in str(refused.value)


def test_ageing_is_that_of_the_paper():
    """Numbers worked out by hand from the equations of the paper: 365.25 days at 3.8 V and 25 Celsius, no driving."""
    rested = age(Use(3.8, 25.0, 0.5, 0.0), 1)
    assert 1 - rested.health == pytest.approx((7.543 * 3.8 - 23.75) * 1e6 * math.exp(-6976 / 298.15) * 365.25**0.75)
    cycled = age(Use(3.667, 25.0, 0.8, 100), 1)
    calendar = (7.543 * 3.667 - 23.75) * 1e6 * math.exp(-6976 / 298.15) * 365.25**0.75
    assert 1 - cycled.health - calendar == pytest.approx((7.6e-4 + 4.081e-3 * 0.8) * math.sqrt(100 * 2 * 2.05))


def test_years_heat_and_use_wear_a_battery():
    base = age(Use(3.8, 20, 0.5, 60), 5)
    for worse in (
        age(Use(3.8, 20, 0.5, 60), 8),
        age(Use(3.8, 35, 0.5, 60), 5),
        age(Use(3.8, 20, 0.8, 60), 5),
        age(Use(3.8, 20, 0.5, 150), 5),
    ):
        assert worse.health < base.health
        assert worse.resistance_growth > base.resistance_growth
    assert age(Use(3.8, 20, 0.5, 60), 0) == (1, 1)

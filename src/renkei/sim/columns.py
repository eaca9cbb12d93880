"""Cars as rows of numbers and even tables, as the kernel takes them, and the rows of numbers that it gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from renkei.errors import SimulationError
from renkei.sim.battery import Pack, Surface
from renkei.sim.car import Car
from renkei.sim.eaxle import LossMap
from renkei.sim.refuse import above_zero, share

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LIMITS = (
    "e-axle torque",
    "e-axle power",
    "e-axle speed",
    "e-axle voltage window",
    "battery discharge current",
    "battery discharge power",
    "battery lowest voltage",
    "battery charge current",
    "battery charge power",
    "battery highest voltage",
    "regenerative braking share",
    "e-axle braking",
    "e-axle continuous power",
)
"""What can bind; the kernel counts under their places here. The last one a car may pass, it does not bind."""
MEASURES = len(LIMITS)

_CAR = _names(
    """
    inertia_kg mass_kg a_n b_n_per_m_s c_n_per_m2_s2 auxiliary_w peak_n peak_w top_m_s continuous_w axle_min_v
    axle_full_v axle_max_v loss_0 loss_v loss_v2 loss_f2 loss_fv loss_f2v torque_per_n speed_per_m_s
    map_torque_0 map_torque_step map_speed_step map_volt_0 map_volt_step brake_share brake_max_n fade_to_m_s
    fade_from_m_s cells series capacity_as resistance_factor joints_ohm max_discharge_a max_charge_a cell_min_v
    cell_max_v decay1 kept1 decay2 kept2 tau1_s tau2_s cells_j_per_k case_j_per_k cells_to_case_w_per_k
    case_to_air_w_per_k coolant_w_per_k coolant_c coolant_from_c air_c start_c start_case_c start_v1 start_v2
    start_soc usable_from usable_to
    """
)
CAR = np.dtype([(name, np.float64) for name in _CAR] + [("battery", np.int64), ("map", np.int64)])
"""One car: forces at the wheels, batteries for each cell. The names carry the units; `loss_*` see `_loss`."""

_RESULT = _names(
    """
    time_s distance_m missed_m behind_s behind_at_s driven_j braked_j friction_j road_j kinetic_j axle_loss_j
    auxiliary_j discharged_j regenerated_j chemical_j resistance_loss_j polarised_j heat_to_air_j
    heat_to_coolant_j heat_stored_j throughput_as lowest_v highest_v highest_discharge_a highest_charge_a
    highest_c start_soc end_soc end_c end_case_c end_v1 end_v2 square_a2s
    """
)
RESULT = np.dtype(
    [(name, np.float64) for name in _RESULT]
    + [("limit_s", np.float64, (MEASURES,)), ("limit_at_s", np.float64, (MEASURES,)), ("empty", np.int64)]
)
"""What a drive gives; powers and energies are of the whole car in J. `limit_at_s` is NaN where it never bound."""

TRACE = _names(
    """
    time_s asked_m_s speed_m_s force_n wheel_w friction_w axle_loss_w dc_w voltage_v current_a soc cells_c
    case_c chemical_w resistance_loss_w stored_w limit
    """
)
"""Columns of a trace, one row a step: means over the step, but speed, charge and temperatures at its end."""

SOC_KNOTS = 201
SURFACE_SOC_KNOTS = 41
SURFACE_C_KNOTS = 21
COLDEST_C, HOTTEST_C = -30.0, 70.0
CIRCUIT = 5
"""Numbers at each knot of the circuit table: r0, r1, r2 in ohm; discharge and charge limit in W, each for a cell."""


class Tables(NamedTuple):
    """Even tables of all cells and loss maps. `ocv_v` [battery, charge]; `circuit` [battery, temperature, charge, 5];
    `loss_w` [map, voltage, speed, torque]."""

    ocv_v: NDArray[np.float64]
    circuit: NDArray[np.float64]
    loss_w: NDArray[np.float64]


class Conditions(NamedTuple):
    """How a drive starts: `soc` is what the car calls its charge; `health` is what is left of the capacity."""

    soc: float = 1.0
    air_c: float = 25.0
    start_c: float | None = None
    health: float = 1.0
    resistance_growth: float = 1.0


COLDEST_AIR_C, HOTTEST_AIR_C = -60, 80


def possible(conditions: Conditions) -> None:
    """Refuse conditions that no car has met."""
    share("conditions", soc=conditions.soc, health=conditions.health)
    above_zero("conditions", health=conditions.health, resistance_growth=conditions.resistance_growth)
    for key in ("air_c", "start_c"):
        value = getattr(conditions, key)
        if value is not None and not COLDEST_AIR_C <= value <= HOTTEST_AIR_C:
            expected = f"a temperature from {COLDEST_AIR_C} to {HOTTEST_AIR_C} Celsius"
            raise SimulationError("conditions", key, expected=expected, got=f"{value:g}")


def rows_of(cars: Sequence[Car], conditions: Conditions, step_s: float) -> tuple[NDArray[np.void], Tables]:
    """A row for each car; packs and maps that are the same object share a table."""
    packs: dict[int, tuple[int, Pack]] = {}
    maps: dict[int, tuple[int, LossMap]] = {}
    rows = np.zeros(len(cars), CAR)
    for row, car in zip(rows, cars, strict=True):
        fill(row, car, conditions, step_s)
        row["battery"] = packs.setdefault(id(car.pack), (len(packs), car.pack))[0]
        loss = car.e_axle.loss
        row["map"] = maps.setdefault(id(loss), (len(maps), loss))[0] if isinstance(loss, LossMap) else -1
    return rows, _tables([pack for _, pack in packs.values()], [loss for _, loss in maps.values()])


def fill(row: Any, car: Any, conditions: Any, step_s: float) -> None:
    """Write the numbers of a car into its row; or whole columns, where car and conditions hold columns for numbers."""
    _body(row, car)
    _axle(row, car.e_axle, car.tyre_radius_m)
    _battery(row, car.pack, conditions, step_s)
    if isinstance(car.e_axle.loss, LossMap):
        _map(row, car.e_axle.loss)


def _tables(packs: Sequence[Pack], maps: Sequence[LossMap]) -> Tables:
    return Tables(np.array([_ocv(pack) for pack in packs]), np.array([_circuit(pack) for pack in packs]), _losses(maps))


def _body(row: Any, car: Any) -> None:
    road, braking = car.road, car.braking
    row["inertia_kg"] = road.test_mass_kg * (1 + road.rotating_share)
    row["mass_kg"] = road.test_mass_kg
    row["a_n"], row["b_n_per_m_s"], row["c_n_per_m2_s2"] = road.a_n, road.b_n_per_m_s, road.c_n_per_m2_s2
    row["auxiliary_w"] = car.auxiliary_w
    row["brake_share"], row["brake_max_n"] = braking.share, braking.max_m_s2 * road.test_mass_kg
    row["fade_to_m_s"], row["fade_from_m_s"] = braking.fade_to_m_s, braking.fade_from_m_s


def _axle(row: Any, axle: Any, radius_m: Any) -> None:
    per_n, per_m_s = radius_m / axle.ratio, axle.ratio / radius_m
    row["torque_per_n"], row["speed_per_m_s"] = per_n, per_m_s
    row["peak_n"], row["peak_w"] = axle.peak_torque_nm / per_n, axle.peak_power_w
    row["top_m_s"] = axle.max_speed_rad_s / per_m_s
    row["continuous_w"] = np.nan_to_num(axle.continuous_power_w, nan=math.inf, posinf=math.inf)
    row["axle_min_v"], row["axle_full_v"], row["axle_max_v"] = axle.min_v, axle.full_power_v, axle.max_v
    if not isinstance(axle.loss, LossMap):
        f, v, w = 1 / row["peak_n"], 1 / row["top_m_s"], axle.peak_power_w
        loss = axle.loss
        row["loss_0"], row["loss_v"], row["loss_v2"] = loss.constant * w, loss.speed * w * v, loss.speed2 * w * v * v
        row["loss_f2"], row["loss_fv"] = loss.torque2 * w * f * f, loss.torque_speed * w * f * v
        row["loss_f2v"] = loss.torque2_speed * w * f * f * v


def _battery(row: Any, pack: Any, conditions: Any, step_s: float) -> None:
    cell, cooling = pack.cell, pack.cooling
    row["cells"], row["series"] = pack.series * pack.parallel, pack.series
    row["capacity_as"] = cell.capacity_ah * 3600 * conditions.health
    row["resistance_factor"] = conditions.resistance_growth
    row["joints_ohm"] = pack.joints_ohm * pack.parallel / pack.series
    row["max_discharge_a"] = np.minimum(cell.max_discharge_a, pack.max_discharge_a / pack.parallel)
    row["max_charge_a"] = np.minimum(cell.max_charge_a, pack.max_charge_a / pack.parallel)
    row["cell_min_v"], row["cell_max_v"] = cell.min_v, cell.max_v
    for n, tau in (("1", cell.tau1_s), ("2", cell.tau2_s)):
        row["tau" + n + "_s"], row["decay" + n] = tau, np.exp(-step_s / tau)
        row["kept" + n] = tau * -np.expm1(-step_s / tau) / step_s
    for key in ("cells_j_per_k", "case_j_per_k", "cells_to_case_w_per_k", "case_to_air_w_per_k", "coolant_w_per_k"):
        row[key] = getattr(cooling, key)
    row["coolant_c"], row["coolant_from_c"] = cooling.coolant_c, cooling.coolant_from_c
    row["air_c"] = conditions.air_c
    row["start_c"] = conditions.air_c if conditions.start_c is None else conditions.start_c
    row["start_case_c"] = row["start_c"]
    row["usable_from"], row["usable_to"] = pack.usable_from, pack.usable_to
    row["start_soc"] = pack.usable_from + conditions.soc * (pack.usable_to - pack.usable_from)


def _ocv(pack: Pack) -> NDArray[np.float64]:
    return np.interp(np.linspace(0, 1, SOC_KNOTS), pack.cell.ocv_soc, pack.cell.ocv_v)


def _circuit(pack: Pack) -> NDArray[np.float64]:
    cell = pack.cell
    surfaces = (cell.r0_ohm, cell.r1_ohm, cell.r2_ohm)
    limits = (pack.max_discharge_w.times(1 / pack.cells), pack.max_charge_w.times(1 / pack.cells))
    return np.stack([even(surface) for surface in surfaces + limits], axis=-1)


def even(surface: Surface) -> NDArray[np.float64]:
    """A surface on even knots [temperature, charge]; linear between its own, flat outside of them."""
    soc = np.linspace(0, 1, SURFACE_SOC_KNOTS)
    cell_c = np.linspace(COLDEST_C, HOTTEST_C, SURFACE_C_KNOTS)
    over_soc = np.array([np.interp(soc, surface.soc, row) for row in surface.values])
    if np.isinf(over_soc).any():
        return np.full((SURFACE_C_KNOTS, SURFACE_SOC_KNOTS), math.inf)
    return np.array([np.interp(cell_c, surface.cell_c, column) for column in over_soc.T]).T


def _map(row: Any, loss: LossMap) -> None:
    row["map_torque_0"], row["map_torque_step"] = loss.torque_nm[0], _step(loss.torque_nm, TORQUE_KNOTS)
    row["map_speed_step"] = loss.speed_rad_s[-1] / (SPEED_KNOTS - 1)
    row["map_volt_0"], row["map_volt_step"] = loss.voltage_v[0], _step(loss.voltage_v, VOLTAGE_KNOTS) or 1.0


TORQUE_KNOTS, SPEED_KNOTS, VOLTAGE_KNOTS = 81, 61, 5


def _step(knots: Sequence[float], n: int) -> float:
    return (knots[-1] - knots[0]) / (n - 1)


def _losses(maps: Sequence[LossMap]) -> NDArray[np.float64]:
    """Maps on even knots; one of nothing where there are none, so that the kernel has an array to take."""
    even_maps = np.zeros((max(1, len(maps)), VOLTAGE_KNOTS, SPEED_KNOTS, TORQUE_KNOTS))
    for i, loss in enumerate(maps):
        values = np.array(loss.loss_w)
        grids = (
            (2, loss.torque_nm, np.linspace(loss.torque_nm[0], loss.torque_nm[-1], TORQUE_KNOTS)),
            (1, loss.speed_rad_s, np.linspace(0, loss.speed_rad_s[-1], SPEED_KNOTS)),
            (0, loss.voltage_v, np.linspace(loss.voltage_v[0], loss.voltage_v[-1], VOLTAGE_KNOTS)),
        )
        for axis, knots, new in grids:
            values = _resampled(values, axis, knots, new)
        even_maps[i] = values
    return even_maps


def _resampled(
    values: NDArray[np.float64], axis: int, knots: Sequence[float], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values at new knots along an axis; linear between the old ones."""
    lines = np.moveaxis(values, axis, -1)
    flat = np.array([np.interp(new, knots, line) for line in lines.reshape(-1, lines.shape[-1])])
    return np.moveaxis(flat.reshape(*lines.shape[:-1], len(new)), -1, axis)

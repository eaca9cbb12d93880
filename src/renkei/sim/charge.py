"""Charge a virtual car: power into the pack as charger, pack and car allow, until it is full."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from renkei.errors import SimulationError
from renkei.sim.battery import Surface
from renkei.sim.car import Car
from renkei.sim.columns import Conditions, possible
from renkei.sim.refuse import above_zero, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 10.0
ENDS_AT = 0.05
"""Charging ends when a pack that is nearly full takes less than this share of its capacity in an hour."""
TAPERS_FROM = 0.9
"""Below it a pack that takes little is cold or hot, not full."""
LONGEST_S = 100 * 3600.0

CHARGE_LIMITS = ("charger power", "car", "battery charge current", "battery charge power", "battery highest voltage")
CURVE = ("time_s", "wall_w", "dc_w", "voltage_v", "current_a", "soc", "cells_c", "limit")


class Charge(NamedTuple):
    """What came of charging. `curve`: columns of CURVE, one row a step; `limits`: seconds that each held it back."""

    time_s: float
    wall_wh: float
    dc_wh: float
    stored_wh: float
    start_soc: float
    end_soc: float
    highest_c: float
    highest_power_w: float
    limits: dict[str, float]
    curve: dict[str, NDArray[np.float64]]


class _Point(NamedTuple):
    soc: float
    cells_c: float
    case_c: float
    v1: float
    v2: float


def charge(
    car: Car, power_w: float, conditions: Conditions, *, direct: bool = False, to_soc: float = 1.0,
    most_w: Callable[[float], float] | None = None,
) -> Charge:  # fmt: skip
    """Charge from `conditions.soc` to `to_soc` (as the car counts) with `power_w` from the wall.

    `direct`: a fast charger gives direct current, of which nothing is lost in the car. `most_w`: power into the pack
    that the car asks for at most, over its state of charge. Raises SimulationError.
    """
    possible(conditions)
    above_zero("charge", power_w=power_w, to_soc=to_soc)
    share("charge", to_soc=to_soc)
    pack = car.pack
    if conditions.soc >= to_soc:
        raise SimulationError("conditions", "soc", expected=f"less than {to_soc:g}", got=f"{conditions.soc:g}")
    if power_w <= car.charging_auxiliary_w:
        expected = f"more than the {car.charging_auxiliary_w:g} W that the car draws meanwhile"
        raise SimulationError("charge", "power_w", expected=expected, got=f"{power_w:g} W")
    wall_w = power_w if direct else min(power_w, car.charger_w)
    given_w = (
        wall_w - car.charging_auxiliary_w if direct else (wall_w - car.charging_auxiliary_w) * car.charger_efficiency
    )
    wall_per_dc = wall_w / given_w
    span = pack.usable_to - pack.usable_from
    start_c = conditions.air_c if conditions.start_c is None else conditions.start_c
    now = _Point(pack.usable_from + conditions.soc * span, start_c, start_c, 0.0, 0.0)
    end = pack.usable_from + to_soc * span
    rows: list[tuple[float, ...]] = []
    time_s = wall_wh = dc_wh = stored = 0.0
    limits = dict.fromkeys(CHARGE_LIMITS, 0.0)
    while now.soc < end - 1e-9 and time_s < LONGEST_S:
        asked = given_w
        bound = "charger power" if direct or power_w <= car.charger_w else "car"
        if most_w and (most := most_w((now.soc - pack.usable_from) / span)) < asked:
            asked, bound = most, "car"
        step_s = STEP_S
        after, row, bound, chemical = _step(car, conditions, now, asked, bound, step_s)
        full = bound == "battery highest voltage" or now.soc >= pack.usable_from + TAPERS_FROM * span
        tapered = full and bound != "charger power" and row[2] < ENDS_AT * pack.cell.capacity_ah * pack.parallel
        if row[0] <= 0 or tapered:
            break
        if after.soc > end:
            step_s *= (end - now.soc) / (after.soc - now.soc)
            after, row, bound, chemical = _step(car, conditions, now, asked, bound, step_s)
        now = after
        time_s += step_s
        limits[bound] += step_s
        stored += chemical
        rows.append((time_s, row[0] * wall_per_dc, *row, CHARGE_LIMITS.index(bound)))
        wall_wh += row[0] * wall_per_dc * step_s / 3600
        dc_wh += row[0] * step_s / 3600
    if not rows:
        got = f"{conditions.soc:g} at {start_c:g} Celsius"
        raise SimulationError("conditions", "air_c", expected="a pack that takes charge", got=f"none at charge {got}")
    table = np.array(rows)
    curve = {name: table[:, i] for i, name in enumerate(CURVE)}
    return Charge(
        time_s, wall_wh, dc_wh, stored / 3600, conditions.soc, (now.soc - pack.usable_from) / span,
        float(curve["cells_c"].max()), float(curve["dc_w"].max()),
        {name: s for name, s in limits.items() if s > 0}, curve,
    )  # fmt: skip


def _step(
    car: Car, conditions: Conditions, now: _Point, asked_w: float, bound: str, step_s: float
) -> tuple[_Point, tuple[float, ...], str, float]:
    """The next point; power, voltage, current, charge, temperature; what bound; J into the cells' chemistry."""
    pack, cell, cooling = car.pack, car.pack.cell, car.pack.cooling
    growth = conditions.resistance_growth
    r0 = at(cell.r0_ohm, now.soc, now.cells_c) * growth + pack.joints_ohm * pack.parallel / pack.series
    r1, r2 = (at(r, now.soc, now.cells_c) * growth for r in (cell.r1_ohm, cell.r2_ohm))
    ocv = float(np.interp(now.soc, cell.ocv_soc, cell.ocv_v))
    e1, e2 = math.exp(-step_s / cell.tau1_s), math.exp(-step_s / cell.tau2_s)
    k1, k2 = (tau * (1 - e) / step_s for tau, e in ((cell.tau1_s, e1), (cell.tau2_s, e2)))
    source = ocv + now.v1 * k1 + now.v2 * k2
    r = r0 + r1 * (1 - k1) + r2 * (1 - k2)
    watts = asked_w / pack.cells
    limit_w = at(pack.max_charge_w, now.soc, now.cells_c) / pack.cells
    if watts > limit_w:
        watts, bound = limit_w, "battery charge power"
    amps = 2 * watts / (source + math.sqrt(source * source + 4 * r * watts))
    most_a = min(cell.max_charge_a, pack.max_charge_a / pack.parallel)
    if amps > most_a:
        amps, bound = most_a, "battery charge current"
    if source + r * amps > cell.max_v:
        amps, bound = max(0.0, (cell.max_v - source) / r), "battery highest voltage"
    volts = source + r * amps
    heat_w = (volts - ocv) * amps * pack.cells
    passed = cooling.cells_to_case_w_per_k * (now.cells_c - now.case_c)
    lost = cooling.case_to_air_w_per_k * (now.case_c - conditions.air_c)
    if now.cells_c > cooling.coolant_from_c:
        lost += cooling.coolant_w_per_k * (now.case_c - cooling.coolant_c)
    after = _Point(
        now.soc + amps * step_s / (cell.capacity_ah * 3600 * conditions.health),
        now.cells_c + (heat_w - passed) * step_s / cooling.cells_j_per_k,
        now.case_c + (passed - lost) * step_s / cooling.case_j_per_k,
        r1 * amps + (now.v1 - r1 * amps) * e1,
        r2 * amps + (now.v2 - r2 * amps) * e2,
    )
    row = (volts * amps * pack.cells, volts * pack.series, amps * pack.parallel, after.soc, after.cells_c)
    return after, row, bound, ocv * amps * pack.cells * step_s


def at(surface: Surface, soc: float, cell_c: float) -> float:
    """The value at a charge and a temperature; linear between, flat outside."""
    over_c = [float(np.interp(soc, surface.soc, row)) for row in surface.values]
    return float(np.interp(cell_c, surface.cell_c, over_c))

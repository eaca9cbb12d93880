"""A virtual car moment by moment: the kernel of whole drives, one step at a time, and charging while it stands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from renkei.sim.car import Car
from renkei.sim.charge import at
from renkei.sim.columns import RESULT, TRACE, Conditions, rows_of

STEP_S = 0.05
"""Longest step; the fastest messages of cars come every 10 ms, the sluggish body of a car needs no more."""


class Moment(NamedTuple):
    """What a car does now. Powers and currents are of the whole pack, positive out of it; torque at the motor's shaft.

    `soc` as the car counts it, 0 to 1. `most_discharge_w` and `most_charge_w`: what the pack allows at this moment.
    """

    time_s: float
    speed_m_s: float
    acceleration_m_s2: float
    force_n: float
    friction_w: float
    motor_rad_s: float
    motor_nm: float
    dc_w: float
    voltage_v: float
    current_a: float
    soc: float
    cells_c: float
    most_discharge_w: float
    most_charge_w: float
    distance_m: float
    energy_wh: float
    charging_w: float
    """Into the pack, from a charger; 0 where none is plugged in."""
    empty: bool


class Moving:
    """A car that is asked for a speed, or charged, step by step."""

    def __init__(self, car: Car, conditions: Conditions) -> None:
        self.car, self._conditions = car, conditions
        self._rows, self._tables = rows_of([car], conditions, STEP_S)
        self._results, self._kept = np.zeros(1, RESULT), np.empty((1, len(TRACE)))
        soc = conditions.soc
        volts = float(np.interp(self._rows[0]["start_soc"], car.pack.cell.ocv_soc, car.pack.cell.ocv_v))
        start_c = float(self._rows[0]["start_c"])
        self.now = Moment(
            0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, volts * car.pack.series, 0.0, soc, start_c,
            *self._allowed(float(self._rows[0]["start_soc"]), start_c), 0.0, 0.0, 0.0, False,
        )  # fmt: skip

    def step(self, asked_m_s: float, auxiliary_w: float, charging_w: float = 0.0) -> Moment:
        """Go on by STEP_S towards a speed, with what draws power beside driving.

        `charging_w` flows into the pack where the car stands, as far as the pack takes it.
        """
        before = self.now
        row = self._rows[0]
        charging_w = min(charging_w, before.most_charge_w) if before.speed_m_s == 0 and asked_m_s == 0 else 0.0
        row["auxiliary_w"] = auxiliary_w - charging_w
        self._results[:] = np.zeros(1, RESULT)
        from renkei.sim import kernel

        asked = np.array([before.speed_m_s, asked_m_s])
        kernel.drive_one(self._rows, *self._tables, asked, STEP_S, False, self._results, self._kept)
        self.now = self._moment(before, charging_w)
        return self.now

    def _moment(self, before: Moment, charging_w: float) -> Moment:
        row, result = self._rows[0], self._results[0]
        trace = dict(zip(TRACE, self._kept[0].tolist(), strict=True))
        time_s = before.time_s + STEP_S
        if result["empty"]:
            return before._replace(
                time_s=time_s, speed_m_s=0.0, acceleration_m_s2=0.0, force_n=0.0, friction_w=0.0, motor_rad_s=0.0,
                motor_nm=0.0, dc_w=0.0, current_a=0.0, charging_w=0.0, empty=True,
            )  # fmt: skip
        row["start_soc"], row["start_c"], row["start_case_c"] = result["end_soc"], result["end_c"], result["end_case_c"]
        row["start_v1"], row["start_v2"] = result["end_v1"], result["end_v2"]
        radius_m, ratio = self.car.tyre_radius_m, self.car.e_axle.ratio
        speed = trace["speed_m_s"]
        usable = float(row["usable_to"] - row["usable_from"])
        soc, cells_c = float(result["end_soc"]), float(result["end_c"])
        return Moment(
            time_s,
            speed,
            (speed - before.speed_m_s) / STEP_S,
            trace["force_n"],
            trace["friction_w"],
            speed / radius_m * ratio,
            trace["force_n"] * radius_m / ratio,
            trace["dc_w"],
            trace["voltage_v"],
            trace["current_a"],
            (soc - float(row["usable_from"])) / usable,
            cells_c,
            *self._allowed(soc, cells_c),
            before.distance_m + float(result["distance_m"]),
            before.energy_wh + trace["dc_w"] * STEP_S / 3600,
            charging_w,
            False,
        )

    def _allowed(self, cell_soc: float, cells_c: float) -> tuple[float, float]:
        """Most power in W out of the pack and into it now: what binds first of its limits, resistance as at rest."""
        pack, cell = self.car.pack, self.car.pack.cell
        growth = self._conditions.resistance_growth
        ohm = sum(at(r, cell_soc, cells_c) for r in (cell.r0_ohm, cell.r1_ohm)) * growth
        ohm += pack.joints_ohm * pack.parallel / pack.series
        ocv = float(np.interp(cell_soc, cell.ocv_soc, cell.ocv_v))
        out_a = min(cell.max_discharge_a, pack.max_discharge_a / pack.parallel, max(0.0, (ocv - cell.min_v) / ohm))
        in_a = min(cell.max_charge_a, pack.max_charge_a / pack.parallel, max(0.0, (cell.max_v - ocv) / ohm))
        out_w = min((ocv - ohm * out_a) * out_a * pack.cells, at(pack.max_discharge_w, cell_soc, cells_c))
        in_w = min((ocv + ohm * in_a) * in_a * pack.cells, at(pack.max_charge_w, cell_soc, cells_c))
        return out_w, in_w if cell_soc < float(self._rows[0]["usable_to"]) else 0.0

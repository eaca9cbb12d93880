"""Battery as frozen nouns: a cell, how a pack joins cells, what warms it, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from renkei.errors import SimulationError
from renkei.sim.refuse import above_zero, not_negative, rising, same_length, share


@dataclass(frozen=True)
class Surface:
    """Values over state of charge (columns, 0 to 1) and temperature (rows, Celsius); linear between, flat outside."""

    soc: tuple[float, ...]
    cell_c: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        rising("table", "soc", self.soc)
        rising("table", "cell_c", self.cell_c)
        same_length("table", "rows, one a temperature,", self.values, len(self.cell_c))
        for row in self.values:
            same_length("table", "columns, one a state of charge,", row, len(self.soc))
            if not all(value >= 0 for value in row):
                raise SimulationError("table", "values", expected="numbers of 0 or more", got=f"{min(row):g}")
        if any(map(math.isinf, row := sum(self.values, ()))) and not all(map(math.isinf, row)):
            raise SimulationError("table", "values", expected="no number without bound among others", got="infinity")

    @classmethod
    def flat(cls, value: float) -> Surface:
        """The same value everywhere."""
        return cls((0.0,), (25.0,), ((value,),))

    def times(self, factor: float) -> Surface:
        return Surface(self.soc, self.cell_c, tuple(tuple(v * factor for v in row) for row in self.values))


@dataclass(frozen=True)
class Cell:
    """Open-circuit voltage over state of charge, and the two-RC circuit in series with it.

    `ocv_v` rises over `ocv_soc`, which runs from 0 to 1. Resistances in ohm, `tau` in s (resistance times capacitance).
    Currents in A, `max_discharge_a` and `max_charge_a` positive. Source of the circuit: X. Hu, S. Li, H. Peng, "A
    comparative study of equivalent circuit models for Li-ion batteries", J. Power Sources 198 (2012) 359-367.
    """

    capacity_ah: float
    ocv_soc: tuple[float, ...]
    ocv_v: tuple[float, ...]
    r0_ohm: Surface
    min_v: float
    max_v: float
    r1_ohm: Surface = field(default_factory=lambda: Surface.flat(0.0))
    tau1_s: float = 10.0
    r2_ohm: Surface = field(default_factory=lambda: Surface.flat(0.0))
    tau2_s: float = 300.0
    max_discharge_a: float = math.inf
    max_charge_a: float = math.inf

    def __post_init__(self) -> None:
        above_zero("cell", capacity_ah=self.capacity_ah, min_v=self.min_v, tau1_s=self.tau1_s, tau2_s=self.tau2_s)
        rising("cell", "ocv_soc", self.ocv_soc)
        same_length("cell", "ocv_v", self.ocv_v, len(self.ocv_soc))
        rising("cell", "ocv_v", self.ocv_v)
        if len(self.ocv_soc) < 2 or self.ocv_soc[0] != 0 or self.ocv_soc[-1] != 1:
            raise SimulationError("cell", "ocv_soc", expected="a column from 0 to 1", got=f"{self.ocv_soc}")
        if not self.min_v < self.max_v:
            raise SimulationError("cell", "max_v", expected=f"more than min_v, {self.min_v:g}", got=f"{self.max_v:g}")
        if self.max_discharge_a <= 0 or self.max_charge_a <= 0:
            got = f"{self.max_discharge_a:g} and {self.max_charge_a:g}"
            raise SimulationError("cell", "max_discharge_a, max_charge_a", expected="numbers above 0", got=got)

    @property
    def energy_wh(self) -> float:
        """From full to empty at no current."""
        soc, v = self.ocv_soc, self.ocv_v
        mean = sum((v[i] + v[i + 1]) / 2 * (soc[i + 1] - soc[i]) for i in range(len(soc) - 1))
        return mean * self.capacity_ah


@dataclass(frozen=True)
class Cooling:
    """Two nodes: the cells, and the case around them, which meets coolant and outside air."""

    cells_j_per_k: float
    case_j_per_k: float
    cells_to_case_w_per_k: float
    case_to_air_w_per_k: float
    coolant_w_per_k: float = 0.0
    coolant_c: float = 25.0
    coolant_from_c: float = math.inf
    """Coolant flows while the cells are warmer than this."""

    def __post_init__(self) -> None:
        above_zero("cooling", cells_j_per_k=self.cells_j_per_k, case_j_per_k=self.case_j_per_k)
        not_negative(
            "cooling",
            cells_to_case_w_per_k=self.cells_to_case_w_per_k,
            case_to_air_w_per_k=self.case_to_air_w_per_k,
            coolant_w_per_k=self.coolant_w_per_k,
        )

    def times(self, n: int) -> Cooling:
        """Of n such parts side by side."""
        return replace(
            self,
            cells_j_per_k=self.cells_j_per_k * n,
            case_j_per_k=self.case_j_per_k * n,
            cells_to_case_w_per_k=self.cells_to_case_w_per_k * n,
            case_to_air_w_per_k=self.case_to_air_w_per_k * n,
            coolant_w_per_k=self.coolant_w_per_k * n,
        )


@dataclass(frozen=True)
class Pack:
    """Cells in series and parallel; currents and powers are of the whole pack, positive numbers.

    `usable_from`, `usable_to`: the part of the cells' charge that the car calls 0 to 1. `max_discharge_w` and
    `max_charge_w`: what the pack allows over charge and temperature. `joints_ohm`: bars, contactors and fuse.
    """

    cell: Cell
    series: int
    parallel: int
    cooling: Cooling
    mass_kg: float = math.nan
    joints_ohm: float = 0.0
    usable_from: float = 0.0
    usable_to: float = 1.0
    max_discharge_a: float = math.inf
    max_charge_a: float = math.inf
    max_discharge_w: Surface = field(default_factory=lambda: Surface.flat(math.inf))
    max_charge_w: Surface = field(default_factory=lambda: Surface.flat(math.inf))

    def __post_init__(self) -> None:
        above_zero("pack", series=self.series, parallel=self.parallel)
        for key in ("series", "parallel"):
            if (number := getattr(self, key)) != round(number):
                raise SimulationError("pack", key, expected="a whole number", got=f"{number:g}")
        not_negative("pack", joints_ohm=self.joints_ohm)
        share("pack", usable_from=self.usable_from, usable_to=self.usable_to)
        if not self.usable_from < self.usable_to:
            got = f"{self.usable_to:g}"
            raise SimulationError("pack", "usable_to", expected=f"more than usable_from, {self.usable_from:g}", got=got)
        if self.max_discharge_a <= 0 or self.max_charge_a < 0:
            got = f"{self.max_discharge_a:g} and {self.max_charge_a:g}"
            raise SimulationError("pack", "max_discharge_a, max_charge_a", expected="numbers above 0", got=got)

    @property
    def cells(self) -> int:
        return self.series * self.parallel

    @property
    def middle_v(self) -> float:
        """Voltage at half charge and no current."""
        import numpy as np

        return float(np.interp(0.5, self.cell.ocv_soc, self.cell.ocv_v)) * self.series

    @property
    def energy_wh(self) -> float:
        """From the full to the empty cells at no current."""
        return self.cell.energy_wh * self.cells

    @property
    def usable_wh(self) -> float:
        """Between the ends of the usable charge at no current."""
        return energy_wh(self.cell.ocv_soc, self.cell.ocv_v, self.usable_from, self.usable_to) * (
            self.cell.capacity_ah * self.cells
        )


def energy_wh(soc: Sequence[float], ocv_v: Sequence[float], from_soc: float, to_soc: float) -> float:
    """Wh for each Ah of capacity between two states of charge: the integral of the open-circuit voltage."""
    import numpy as np

    knots = np.unique(np.concatenate([[from_soc, to_soc], [s for s in soc if from_soc < s < to_soc]]))
    return float(np.trapezoid(np.interp(knots, soc, ocv_v), knots))

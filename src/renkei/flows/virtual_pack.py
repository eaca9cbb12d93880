"""A battery pack of the catalogue becomes cells, cooling and limits that can be simulated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from renkei.catalogue import Catalogue
from renkei.catalogue.contradictions import ROUNDED
from renkei.errors import CannotTell, InputError
from renkei.facts import Fact
from renkei.flows.assumed import Known
from renkei.parts import Part
from renkei.sim.battery import Cell, Cooling, Pack, Surface

FROM_WALL = 0.87
"""Energy in the cells for that from the wall; see charging_auxiliary_power in assumptions.toml."""

CHEMISTRIES = ("LTO", "LFP")
"""Those with an assumed curve of voltage over charge of their own."""

CELL_KEYS = (
    "chemistry", "cell_capacity", "cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max",
    "open_circuit_voltage", "resistance", "resistance_map", "rc_map",
)  # fmt: skip
"""Facts of a cell that hold for the pack that is made of it."""


def with_what_is_inside(part: Part, catalogue: Catalogue) -> Part:
    """The part with the facts of the module and cell that it is made of, its own before theirs, all for one cell."""
    facts = _for_one_cell(part)
    for kind in ("battery-module", "battery-cell"):
        if kind not in part.made_of:
            continue
        inner = with_what_is_inside(catalogue.part(part.made_of[kind]), catalogue)
        facts = {key: inner.facts[key] for key in CELL_KEYS if key in inner.facts} | facts
        for way in ("series", "parallel"):
            modules, cells = facts.get(f"modules_{way}"), inner.facts.get(f"cells_{way}")
            if f"cells_{way}" not in facts and modules and cells:
                facts[f"cells_{way}"] = cells._replace(value=modules.value * cells.value)  # type: ignore[operator]
    return replace(part, facts=facts)


def _for_one_cell(part: Part) -> dict[str, Fact]:
    """Facts with voltage and resistance of one cell, where the part states those at its terminals."""
    _judge_tables(part)
    facts = dict(part.facts)
    counts = [facts[key].value if key in facts else 1 for key in ("cells_series", "cells_parallel")]
    if part.kind == "battery-cell" or counts == [1, 1]:
        return facts
    series, parallel = map(float, counts)  # type: ignore[arg-type]
    of_ohm, of_volt = parallel / series, 1 / series
    scales = {"voltage": of_volt, "resistance": of_ohm, "r0": of_ohm, "r1": of_ohm, "r2": of_ohm}
    for key in ("open_circuit_voltage", "resistance_map", "rc_map"):
        if key in facts and isinstance(table := facts[key].value, Mapping):
            scaled = {name: tuple(v * scales.get(name, 1.0) for v in column) for name, column in table.items()}
            facts[key] = facts[key]._replace(value=scaled)
    if "resistance" in facts:
        facts["resistance"] = facts["resistance"]._replace(value=float(facts["resistance"].value) * of_ohm)  # type: ignore[arg-type]
    return facts


def _judge_tables(part: Part) -> None:
    """Refuse curves and maps that no cell has, while their numbers are still those of the file. Raises InputError."""
    for key in ("open_circuit_voltage", "resistance_map", "rc_map"):
        if key not in part.facts or not isinstance(table := part.facts[key].value, Mapping):
            continue
        for column, values in table.items():
            if column not in ("soc", "temperature", "voltage") and min(values) < 0:
                raise InputError(f"{part.id}: {key}.{column}: expected numbers of 0 or more, got {min(values):g}")
        soc, volts = table["soc"], table.get("voltage", ())
        if volts and (soc[0] != 0 or soc[-1] != 100):
            raise InputError(f"{part.id}: {key}.soc: expected 0 to 100 percent, got {soc[0]:g} to {soc[-1]:g}")
        for before, after in itertools.pairwise(volts):
            if after <= before:
                got = f"{before:g}, then {after:g}"
                raise InputError(f"{part.id}: {key}.voltage: expected numbers that rise with the charge, got {got}")


def pack_of(part: Part, known: Known, wall_kwh: float | None = None) -> Pack:
    """The pack with its cells; `wall_kwh`: of a full charge, for a pack of which nothing else is known."""
    part = with_what_is_inside(part, known.catalogue)
    facts, what = part.facts, part.id
    own = next((f"_{c}" for c in CHEMISTRIES if c == str(known.fact(facts, "chemistry")).upper()), "")
    curve = known.fact(facts, "open_circuit_voltage") or known.assume(what, "open_circuit_voltage" + own)
    soc = tuple(s / 100 for s in curve["soc"])
    volts = list(curve["voltage"])
    nominal = known.fact(facts, "cell_voltage_nominal")
    if nominal and "open_circuit_voltage" not in facts:
        middle = _at(curve["soc"], volts, 50)
        volts = [v + nominal - middle for v in volts]
    mean_v = sum((volts[i] + volts[i + 1]) / 2 * (soc[i + 1] - soc[i]) for i in range(len(soc) - 1))
    gross = known.fact(facts, "energy_gross")
    usable = known.fact(facts, "energy_usable")
    if gross is not None and known.given("energy_gross") is not None and known.given("energy_usable") is None:
        usable = _scaled(facts, "energy_usable", gross)
    share = known.given("usable_share")
    if share is None and usable is not None and gross is not None:
        if usable > gross * ROUNDED:
            raise known.wrong(what, "energy_usable", f"at most the gross energy, {gross:g} kWh", f"{usable:g} kWh")
        share = min(1.0, usable / gross)
    wall_kwh = known.fact(facts, "charge_energy_wall") or wall_kwh
    if share is None and gross is not None and wall_kwh is not None and known.given("energy_gross") is None:
        share = min(1.0, round(wall_kwh * FROM_WALL / gross, 3))
        why = f"Wall energy of a full charge times {FROM_WALL}, over the gross energy."
        known.note(what, "usable_share", share, "ratio", why)
    if share is None:
        share = known.assume(what, "usable_share")
    if share == 0:
        raise known.wrong(what, "usable_share", "a number above 0", "0")
    series, parallel, capacity_ah = _cells(part, known, mean_v, gross, share, wall_kwh)
    energy_kwh = gross or series * parallel * capacity_ah * mean_v / 1000
    cell = _cell(part, known, soc, tuple(volts), capacity_ah)
    return Pack(
        cell, series, parallel, _cooling(part, known, energy_kwh),
        mass_kg=known.fact(facts, "mass") or math.nan,
        usable_from=(1 - share) / 2,
        usable_to=1 - (1 - share) / 2,
        max_discharge_a=_least(known, facts, "current_peak", "current_limit_announced", "fuse_rating"),
        max_charge_a=_least(known, facts, "charge_current_peak", "fuse_rating"),
        max_discharge_w=_discharge_w(part, known),
        max_charge_w=_charge_w(part, known, energy_kwh),
    )  # fmt: skip


def _scaled(facts: Mapping[str, Fact], key: str, gross_kwh: float) -> float | None:
    """An energy of a pack whose gross energy is given, in the proportion of its facts; None where they are unknown."""
    if key not in facts or "energy_gross" not in facts:
        return None
    return float(facts[key].value) / float(facts["energy_gross"].value) * gross_kwh  # type: ignore[arg-type]


def pack_of_modules(part: Part, known: Known, in_series: int, strings: int) -> Pack:
    """As many modules in series and side by side, in the case of the pack that they replace."""
    one = pack_of(part, known)
    known.note(part.id, "modules_series", in_series, None, "As it is laid out in this car.")
    known.note(part.id, "modules_parallel", strings, None, "As it is laid out in this car.")
    known.note(part.id, "test_mass", "as with the pack that is replaced", None, "Modules are weighed without a case.")
    n = in_series * strings
    return replace(
        one,
        series=one.series * in_series,
        parallel=one.parallel * strings,
        mass_kg=one.mass_kg * n,
        joints_ohm=one.joints_ohm * in_series / strings,
        cooling=one.cooling.times(n),
        max_discharge_a=one.max_discharge_a * strings,
        max_charge_a=one.max_charge_a * strings,
        max_discharge_w=one.max_discharge_w.times(n),
        max_charge_w=one.max_charge_w.times(n),
    )


def _cells(
    part: Part, known: Known, mean_v: float, gross: float | None, share: float, wall_kwh: float | None
) -> tuple[int, int, float]:
    """Cells in series and side by side, and the capacity of one in Ah."""
    facts, what = part.facts, part.id
    series, parallel = known.fact(facts, "cells_series"), known.fact(facts, "cells_parallel")
    capacity, whole = known.fact(facts, "cell_capacity"), known.fact(facts, "capacity")
    if known.given("energy_gross") is not None and known.given("cell_capacity") is None:
        capacity, whole = None, known.given("capacity")
    if gross is None and (series is None or not (capacity or whole)):
        gross = _gross_kwh(part, known, share, wall_kwh)
    if series is None:
        volts = known.fact(facts, "voltage_nominal") or known.assume(what, "pack_voltage")
        series = max(1, round(volts / mean_v))
        if gross and capacity and parallel is None:
            parallel = max(1, round(gross * 1000 / mean_v / capacity / series))
            series = round(gross * 1000 / mean_v / capacity / parallel)
            known.note(what, "cells_parallel", parallel, None, "Gross energy over that of cells in series.")
        known.note(what, "cells_series", series, None, "Voltage of the pack over that of a cell.")
    parallel = parallel or 1
    if capacity or whole:
        return series, parallel, capacity or whole / parallel
    capacity = gross * 1000 / mean_v / series / parallel  # type: ignore[operator]
    known.note(what, "cell_capacity", round(capacity, 1), "Ah", "Gross energy over voltage.")
    return series, parallel, capacity


def _gross_kwh(part: Part, known: Known, share: float, wall_kwh: float | None) -> float:
    """Gross energy of a pack of which only a full charge from the wall is known. Raises CannotTell."""
    if wall_kwh is None:
        raise CannotTell(f"{part.id}: energy and cells are unknown; give battery.energy_gross=40 with --set")
    gross: float = wall_kwh * FROM_WALL / share
    why = f"Wall energy of a full charge times {FROM_WALL}, over the usable share."
    known.note(part.id, "energy_gross", round(gross, 1), "kWh", why)
    return gross


def _cell(part: Part, known: Known, soc: tuple[float, ...], volts: tuple[float, ...], capacity_ah: float) -> Cell:
    facts, what = part.facts, part.id
    low, high = known.fact(facts, "cell_voltage_min"), known.fact(facts, "cell_voltage_max")
    if low is None:
        low = round(0.83 * volts[0], 3)
        known.note(what, "cell_voltage_min", low, "V", "Five sixths of the empty cell's voltage at rest.")
    if high is None or high < volts[-1]:
        high = volts[-1] + 0.05
        known.note(what, "cell_voltage_max", round(high, 3), "V", "50 mV above the full cell's voltage at rest.")
    if high <= low:
        if known.given("cell_voltage_min") is not None:
            raise known.wrong(what, "cell_voltage_min", f"less than cell_voltage_max, {high:g} V", f"{low:g} V")
        raise known.wrong(what, "cell_voltage_max", f"more than cell_voltage_min, {low:g} V", f"{high:g} V")
    grid = None if known.given("resistance") is not None else known.fact(facts, "rc_map")
    if grid is not None:
        r0, r1, r2 = (surface(grid, key, f"{what}: rc_map") for key in ("r0", "r1", "r2"))
        tau1, tau2 = grid["tau1"][0], grid["tau2"][0]
    else:
        whole = _resistance(part, known, capacity_ah)
        r0, r1, r2, tau1, tau2 = whole.times(0.5), whole.times(0.25), whole.times(0.25), 20.0, 400.0
    return Cell(capacity_ah, soc, volts, r0, low, high, r1, tau1, r2, tau2)


def _resistance(part: Part, known: Known, capacity_ah: float) -> Surface:
    """Ohm of a cell after minutes, over charge and temperature."""
    what = part.id
    grid = None if known.given("resistance") is not None else known.fact(part.facts, "resistance_map")
    if grid is not None:
        return surface(grid, "resistance", f"{what}: resistance_map")
    ohm = known.fact(part.facts, "resistance") or known.assume(what, "resistance_charge") / capacity_ah
    over_c, over_soc = known.assume(what, "resistance_temperature"), known.assume(what, "resistance_soc")
    return _product(ohm, over_soc, over_c)


def surface(grid: Mapping[str, tuple[float, ...]], key: str, where: str) -> Surface:
    """Rows of temperature (Celsius), soc (percent) and a value as a full grid; `where` it stands. Raises InputError."""
    soc, cell_c = sorted(set(grid["soc"])), sorted(set(grid["temperature"]))
    found = {(c, s): v for c, s, v in zip(grid["temperature"], grid["soc"], grid[key], strict=True)}
    if len(found) != len(soc) * len(cell_c):
        raise InputError(
            f"{where}: expected one row for each of {len(cell_c)} temperatures and {len(soc)} charges, got {len(found)}"
        )
    return Surface(tuple(s / 100 for s in soc), tuple(cell_c), tuple(tuple(found[c, s] for s in soc) for c in cell_c))


def _product(unit: float, over_soc: Mapping[str, Any], over_c: Mapping[str, Any]) -> Surface:
    rows = tuple(tuple(unit * s * c for s in over_soc["factor"]) for c in over_c["factor"])
    return Surface(tuple(s / 100 for s in over_soc["soc"]), tuple(over_c["temperature"]), rows)


def _discharge_w(part: Part, known: Known) -> Surface:
    facts, what = part.facts, part.id
    peak_kw = known.fact(facts, "power_10s") or known.fact(facts, "power_peak")
    if peak_kw is None:
        return Surface.flat(math.inf)
    return _product(peak_kw * 1000, known.assume(what, "discharge_soc"), known.assume(what, "discharge_temperature"))


def _charge_w(part: Part, known: Known, energy_kwh: float) -> Surface:
    facts, what = part.facts, part.id
    peak_kw = known.fact(facts, "charge_power_peak") or energy_kwh * known.assume(what, "charge_rate_max")
    return _product(
        peak_kw * 1000, known.assume(what, "charge_rate_soc"), known.assume(what, "charge_rate_temperature")
    )


def _cooling(part: Part, known: Known, energy_kwh: float) -> Cooling:
    facts, what = part.facts, part.id
    mass = known.fact(facts, "mass") or energy_kwh * known.assume(what, "mass_of_energy")
    heat = known.fact(facts, "heat_capacity") or mass * known.assume(what, "heat_capacity_of_mass")
    liquid = known.fact(facts, "cooling") in ("liquid", "refrigerant")
    return Cooling(
        cells_j_per_k=heat * 0.8,
        case_j_per_k=heat * 0.2,
        cells_to_case_w_per_k=mass * known.assume(what, "heat_to_case"),
        case_to_air_w_per_k=mass * known.assume(what, "heat_to_air"),
        coolant_w_per_k=mass * known.assume(what, "heat_to_coolant") if liquid else 0.0,
        coolant_from_c=30.0 if liquid else math.inf,
    )


def _least(known: Known, facts: Mapping[str, Fact], *names: str) -> float:
    values = [value for name in names if (value := known.fact(facts, name)) is not None]
    return min(values, default=math.inf)


def _at(knots: Any, values: list[float], where: float) -> float:
    for i in range(len(knots) - 1):
        if knots[i] <= where <= knots[i + 1]:
            return float(values[i] + (values[i + 1] - values[i]) * (where - knots[i]) / (knots[i + 1] - knots[i]))
    return values[-1]

"""A module is laid out for a host: how many in series and side by side its voltage, current, mass and room allow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations
from typing import Any, NamedTuple

from renkei.facts import Fact, number
from renkei.parts import Limit, Part, Slot
from renkei.rules.finding import AS_SOLD, ROUNDED

_CASE = (
    "hv_connector", "lv_connector", "mounting", "pairing", "contactor_owner", "contactor_command", "contactor_rating",
    "fuse_rating", "precharge_owner", "precharge_resistance", "precharge_time", "insulation_monitor", "interlock",
    "protocol", "bus", "bitrate", "current_sign", "current_limit_announced", "pump_owner",
)  # fmt: skip
"""What stays when modules go into the case of the pack that they replace: case, contactors, controller."""
_OF_CELLS = (
    "chemistry", "cell_maker", "cell_model", "cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max",
    "cell_capacity", "cooling", "coolant", "charge_temperature_min", "temperature_min", "temperature_max", "un_38_3",
    "generation", "synthetic", "second_life", "age_inputs", "coolant_port", "coolant_inlet_min", "coolant_inlet_max",
    "un_r10", "fault_codes_foreign_host", "propagation",
)  # fmt: skip


class Window(NamedTuple):
    """What the host allows. Volts at the terminals, kW of the drive, kg of the whole pack, box in mm; None: not known.

    `case_kg`: what a pack of the host weighs without its modules. `string_a`: what one string is known to give.
    """

    lowest_v: float | None
    highest_v: float | None
    nominal_v: float | None
    power_kw: float | None
    energy_kwh: float | None
    mass_kg: float | None
    case_kg: float | None
    box_mm: tuple[float, float, float] | None
    string_a: float | None


class Layout(NamedTuple):
    """`series` and `parallel` modules; the least and the most of each that is allowed, and by what; None: not known."""

    series: int
    parallel: int
    series_least: int | None
    series_most: int | None
    parallel_least: int | None
    parallel_most: int | None
    bound_by: Mapping[str, str]
    surely_in_box: int | None
    at_most_in_box: int | None
    numbers: Mapping[str, float]

    @property
    def modules(self) -> int:
        return self.series * self.parallel

    def plain(self) -> dict[str, Any]:
        """As JSON has it; `numbers` are those of the whole pack, with their units in their names."""
        return {
            "series": self.series,
            "parallel": self.parallel,
            "modules": self.modules,
            "series_allowed": [self.series_least, self.series_most],
            "parallel_allowed": [self.parallel_least, self.parallel_most],
            "bound_by": dict(self.bound_by),
            "modules_in_bay": {"surely": self.surely_in_box, "at_most": self.at_most_in_box},
            **self.numbers,
        }


def window(slot: Slot | None, fitted: Part | None, inside: Part | None, partners: Iterable[Part],
           string_a: float | None) -> Window:  # fmt: skip
    """What a host allows a pack: limits of slot and partners, and what its own pack, of modules `inside`, shows."""
    partners = tuple(partners)
    limits = [*(slot.requires if slot else ()), *(li for p in partners for li in p.requires if li.of == "battery-pack")]
    facts = dict(fitted.facts) if fitted else {}
    drives = [p for p in partners if p.kind == "e-axle"] or [p for p in partners if p.kind == "inverter"]
    known = [kw for p in drives if (kw := number(p.facts, "power_peak"))]
    sold_kg, own_kg = number(facts, "mass"), number(inside.facts, "mass") if inside else None
    count = number(facts, "modules")
    box = tuple(number(slot.facts, key) for key in ("length", "width", "height")) if slot else (None,)
    low, high = number(facts, "voltage_min"), number(facts, "voltage_max")
    own = slot.facts if slot else {}
    lowest = [number(p.facts, key) for p in partners for key in ("dc_voltage_min", "dc_voltage_full_power")]
    highest = [number(p.facts, key) for p in partners for key in ("dc_voltage_max", "dc_voltage_rating")]
    stated_low, stated_high = number(own, "voltage_min"), number(own, "voltage_max")
    lowest.append(stated_low)  # that of the pack sold here is where it is empty, and no bound
    highest.append(stated_high if stated_high is not None else high and high * (1 + AS_SOLD))
    return Window(
        max(_ends(limits, "voltage_min", "minimum", lowest), default=None),
        min(_ends(limits, "voltage_max", "maximum", highest), default=None),
        number(facts, "voltage_nominal") or ((low + high) / 2 if low and high else None),
        sum(known) or None,
        number(facts, "energy_gross"),
        min(_ends(limits, "mass", "maximum", [number(own, "mass")]), default=sold_kg),
        sold_kg - count * own_kg if sold_kg and own_kg and count else None,
        box if all(box) else None,  # type: ignore[arg-type]
        string_a,
    )


def _ends(limits: Iterable[Limit], fact: str, end: str, more: Iterable[float | None]) -> Iterator[float]:
    yield from (value for limit in limits if limit.fact == fact and (value := getattr(limit, end)) is not None)
    yield from (value for value in more if value is not None)


def laid_out(module: Part, host: Window) -> Layout | str:
    """The layout of a module in a host, or in words why there is none."""
    volts = {key: _volts(module.facts, key) for key in ("min", "nominal", "max")}
    if volts["max"] is None or volts["min"] is None:
        return f"{module.id} states neither its voltage nor that of its cells with their number in series"
    if host.highest_v is None and host.nominal_v is None:
        return "no voltage of the host is known, neither a limit nor that of its pack"
    bound: dict[str, str] = {}
    middle = volts["nominal"] or (volts["min"] + volts["max"]) / 2
    least = math.ceil(min(host.lowest_v / volts["min"], 1e9) - 1e-9) if host.lowest_v else None
    most = max(1, math.floor(host.highest_v / volts["max"] + 1e-9)) if host.highest_v else None
    series = max(1, round((host.nominal_v or host.highest_v or 0) / middle))
    if most is not None and series > most:
        series, bound["series"] = most, "highest voltage"
    elif least is not None and series < least <= (most or least):
        series, bound["series"] = least, "lowest voltage"
    parallel_least = _strings(module, host, series, middle)
    surely, at_most = _in_box(module, host)
    ceilings = {"mass": _by_mass(module, host, series), "envelope": at_most and at_most // series}
    known = {why: n for why, n in ceilings.items() if n is not None}
    parallel_most = min(known.values(), default=None)
    parallel = parallel_least or 1
    if parallel_most is not None and len(known) == len(ceilings):
        parallel = max(1, parallel_most)
        bound["parallel"] = min(known, key=lambda why: known[why])
    else:
        energy = number(module.facts, "energy_gross")
        wanted = round(host.energy_kwh / (energy * series)) if energy and host.energy_kwh else 1
        parallel = max(1, min(max(parallel, wanted), parallel_most or max(parallel, wanted)))
        least_known = min(known, key=lambda why: known[why], default="energy as sold")
        by = "energy as sold" if parallel == wanted else "current" if parallel == parallel_least else least_known
        bound["parallel"] = by
    layout = Layout(series, parallel, least, most, parallel_least, parallel_most, bound, surely, at_most, {})
    return layout._replace(numbers=_numbers(module, host, layout, volts, middle))


def as_pack(module: Part, layout: Layout, fitted: Part | None, host: Window) -> Part:
    """The pack that the layout makes of modules in the case of the pack that they replace."""
    series, parallel = layout.series, layout.parallel
    scales = {
        "voltage_min": series, "voltage_nominal": series, "voltage_max": series, "capacity": parallel,
        "energy_gross": layout.modules, "energy_usable": layout.modules, "current_peak": parallel,
        "current_continuous": parallel, "charge_current_peak": parallel, "charge_current_continuous": parallel,
        "charge_power_peak": layout.modules, "power_2s": layout.modules,
        "power_peak": layout.modules, "power_10s": layout.modules, "power_30s": layout.modules,
        "power_continuous": layout.modules, "heat_continuous": layout.modules, "heat_capacity": layout.modules,
        "resistance": series / parallel, "cells_series": series, "cells_parallel": parallel, "cells": layout.modules,
    }  # fmt: skip
    facts = {key: fitted.facts[key] for key in _CASE if fitted and key in fitted.facts}
    facts |= {key: module.facts[key] for key in _OF_CELLS if key in module.facts}
    for key, factor in scales.items():
        fact = module.facts.get(key) or _from_cells(module.facts, key)
        if fact is not None:
            facts[key] = _times(fact, factor)
    whole, alone = layout.numbers.get("mass_kg"), layout.numbers.get("modules_mass_kg")
    if whole is None and alone is not None and host.mass_kg is not None and alone > host.mass_kg:
        whole = alone
    if whole is not None:
        facts["mass"] = _times(module.facts["mass"], 1)._replace(value=whole)
    return replace(module, kind="battery-pack", facts=facts, slots={},
                   messages=fitted.messages if fitted else module.messages)  # fmt: skip


def _from_cells(facts: Mapping[str, Fact], key: str) -> Fact | None:
    """A voltage of the module by that of its cells."""
    cell, series = facts.get(f"cell_{key}"), number(facts, "cells_series")
    return _times(cell, series) if key.startswith("voltage_") and cell and series else None


def _times(fact: Fact, factor: float) -> Fact:
    value = fact.value
    assert isinstance(value, int | float)
    number = value * factor
    return fact._replace(
        value=round(number, 6) if isinstance(number, float) else number, confidence="derived", disputed=(),
        note="Of all modules together.",
    )  # fmt: skip


def _numbers(module: Part, host: Window, layout: Layout, volts: Mapping[str, float | None], middle: float
             ) -> dict[str, float]:  # fmt: skip
    """Those of the whole pack that are known."""
    facts, n = module.facts, layout.modules
    capacity, energy, mass = number(facts, "capacity"), number(facts, "energy_gross"), number(facts, "mass")
    found = {
        "voltage_min_v": (volts["min"] or 0) * layout.series,
        "voltage_nominal_v": middle * layout.series,
        "voltage_max_v": (volts["max"] or 0) * layout.series,
        "capacity_ah": capacity and capacity * layout.parallel,
        "energy_gross_kwh": energy and energy * n,
        "modules_mass_kg": mass and mass * n,
        "mass_kg": mass * n + host.case_kg if mass and host.case_kg is not None else None,
        "current_asked_a": host.power_kw and host.power_kw * 1000 / (middle * layout.series),
        "current_known_a": string * layout.parallel if (string := _string_a(module, host, middle)) else None,
    }
    return {key: round(value, 3) for key, value in found.items() if value}


def _string_a(module: Part, host: Window, middle_v: float) -> float | None:
    """What one string gives, in A."""
    stated = number(module.facts, "current_peak")
    power = number(module.facts, "power_10s") or number(module.facts, "power_peak")
    return stated or (power * 1000 / middle_v if power else None) or host.string_a


def _strings(module: Part, host: Window, series: int, middle_v: float) -> int | None:
    """How many strings the current asks for."""
    gives = _string_a(module, host, middle_v)
    if gives is None or host.power_kw is None:
        return None
    return max(1, math.ceil(host.power_kw * 1000 / (middle_v * series) / gives * (1 - ROUNDED)))


def _by_mass(module: Part, host: Window, series: int) -> int | None:
    mass = number(module.facts, "mass")
    if mass is None or host.mass_kg is None:
        return None
    return math.floor((host.mass_kg - (host.case_kg or 0.0)) / (mass * series) + 1e-9)


def _in_box(module: Part, host: Window) -> tuple[int | None, int | None]:
    """How many modules lie in the bay in rows of one direction, and at most by volume."""
    size = [number(module.facts, key) for key in ("length", "width", "height")]
    if host.box_mm is None or not all(size):
        return None, None
    box, sides = host.box_mm, [float(side or 0) for side in size]
    rows = max(
        math.prod(math.floor(room / side + 1e-9) for room, side in zip(box, turned, strict=True))
        for turned in permutations(sides)
    )
    return rows, math.floor(math.prod(box) / math.prod(sides) + 1e-9)


def _volts(facts: Mapping[str, Fact], end: str) -> float | None:
    stated, cell = number(facts, f"voltage_{end}"), number(facts, f"cell_voltage_{end}")
    series = number(facts, "cells_series")
    return stated or (cell * series if cell and series else None)

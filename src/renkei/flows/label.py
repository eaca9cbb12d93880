"""Labels and charging of a car of the catalogue, beside what is published of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from renkei.catalogue import Catalogue
from renkei.facts import Fact
from renkei.flows.assumed import Assumed
from renkei.flows.drive import read_cycle
from renkei.flows.virtual_car import VirtualCar
from renkei.sim.ageing import Age, Use, age
from renkei.sim.charge import Charge, charge
from renkei.sim.columns import Conditions
from renkei.sim.cycle import Cycle
from renkei.sim.drive import drive
from renkei.sim.label import KM_PER_MILE, combined_mpge, combined_range, label_mpge, mpge, multi_cycle_range_km

FULL, LATER = Conditions(soc=1.0), Conditions(soc=0.6)
"""The first cycle of a range test starts full; the others are stood for by one in the middle of the charge."""
STEADY_M_S = 65 * KM_PER_MILE / 3.6
"""Speed of the constant-speed phases, 65 mph; SAE J1634."""
DEPTH = 0.5
"""Depth of the charge cycles of an ordinary year, from 80 to 30 percent."""


class Figure(NamedTuple):
    """One value of a label: as simulated, and as published with its sources and what is to be known of it."""

    label: str
    what: str
    unit: str
    simulated: float
    published: float | None
    source: tuple[str, ...]
    note: str | None


class Labels(NamedTuple):
    """Figures of all labels, and what they rest on."""

    vehicle: str
    figures: tuple[Figure, ...]
    assumed: tuple[Assumed, ...]


def labels(catalogue: Catalogue, built: VirtualCar) -> Labels:
    """Labels of the United States (SAE J1634 multi-cycle, 40 CFR 600), of WLTP and of JC08."""
    facts = built.vehicle.facts
    factor, assumed = _factor(catalogue, built)
    usable_wh = _usable_wh(built)
    city, highway = (_tested(built, name, usable_wh) for name in ("udds", "hwfet"))
    city_mpge, highway_mpge = (label_mpge(mpge(cycle.wall_wh_per_km), factor) for cycle in (city, highway))
    range_km = combined_range(city.range_km * factor, highway.range_km * factor)
    wltp, jc08 = (_tested(built, name, usable_wh) for name in ("wltc-3b", "jc08"))
    figures = [
        ("EPA", "city", "MPGe", city_mpge, "epa_city_mpge"),
        ("EPA", "highway", "MPGe", highway_mpge, "epa_highway_mpge"),
        ("EPA", "combined", "MPGe", combined_mpge(city_mpge, highway_mpge), "epa_combined_mpge"),
        ("EPA", "range", "km", range_km, "epa_range"),
        ("WLTP", "consumption", "kWh/100km", wltp.wall_wh_per_km / 10, "wltp_consumption"),
        ("WLTP", "range", "km", wltp.range_km, "wltp_range"),
        ("JC08", "consumption", "kWh/100km", jc08.wall_wh_per_km / 10, "jc08_consumption"),
        ("JC08", "range", "km", jc08.range_km, "jc08_range"),
    ]
    return Labels(
        built.vehicle.id,
        tuple(
            Figure(label, what, unit, value, *_published(facts.get(key))) for label, what, unit, value, key in figures
        ),
        (*built.assumed, *assumed, *(_taken(catalogue, built, f"{test}_road_load") for test in ("wltp", "jc08"))),
    )


def _taken(catalogue: Catalogue, built: VirtualCar, key: str) -> Assumed:
    """An assumption of the catalogue, as it is named in a result."""
    one = catalogue.assumptions[key]
    return Assumed(built.vehicle.id, key, one.value, one.unit, f"{one.reason} ({one.source})")


class _Tested(NamedTuple):
    wall_wh_per_km: float
    range_km: float


def _tested(built: VirtualCar, name: str, usable_wh: float) -> _Tested:
    """A cycle as the multi-cycle test weighs its runs."""
    cycle = read_cycle(name)
    first, later = (drive(built.car, cycle, conditions).measures for conditions in (FULL, LATER))
    share = min(1.0, first["dc_wh"] / usable_wh)
    wall = share * first["wall_wh_per_km"] + (1 - share) * later["wall_wh_per_km"]
    range_km = multi_cycle_range_km(first["dc_wh"], first["dc_wh_per_km"], later["dc_wh_per_km"], usable_wh)
    return _Tested(wall, range_km)


def _usable_wh(built: VirtualCar) -> float:
    """Energy at the pack's terminals from full to empty, most of it at constant speed."""
    times = np.arange(0.0, 61.0)
    steady = Cycle("65 mph", times, np.full(len(times), STEADY_M_S))
    return drive(built.car, steady, FULL, until_empty=True).measures["dc_wh"]


def _factor(catalogue: Catalogue, built: VirtualCar) -> tuple[float, tuple[Assumed, ...]]:
    given = built.given.get(("", "epa_factor"))
    if isinstance(given, float):
        return given, ()
    fact = built.vehicle.facts.get("epa_factor")
    if fact is not None and isinstance(fact.value, int | float):
        return float(fact.value), ()
    taken = _taken(catalogue, built, "epa_factor")
    assert isinstance(taken.value, int | float)
    return float(taken.value), (taken,)


def _published(fact: Fact | None) -> tuple[float | None, tuple[str, ...], str | None]:
    if fact is None or not isinstance(fact.value, int | float):
        return None, (), None
    return float(fact.value), tuple(fact.source), fact.note


def charge_vehicle(built: VirtualCar, power_w: float, conditions: Conditions, *, direct: bool, to_soc: float) -> Charge:
    """Charge a virtual car of the catalogue; a fast charger is held to the car's own curve or limit where known."""
    most = _car_curve(built) if direct else None
    return charge(built.car, power_w, conditions, direct=direct, to_soc=to_soc, most_w=most)


_FOR_DRIVING = {"discharge_soc", "discharge_temperature", "test_mass"}
_FOR_ALTERNATING = {"charger_efficiency", "ac_charge_power_max"}


def charging_assumptions(built: VirtualCar, *, direct: bool) -> tuple[Assumed, ...]:
    """Those of the car's assumptions on which its charging rests: of the pack, and of the charger for AC."""
    packs = {part.id for part in built.parts.values() if part.kind.startswith("battery-")}
    of_car = {"charging_auxiliary_power"} | (set() if direct else _FOR_ALTERNATING)
    taken = tuple(
        one
        for one in built.assumed
        if (one.of in packs and one.key not in _FOR_DRIVING) or (one.of == built.vehicle.id and one.key in of_car)
    )
    if not direct or _car_curve(built) is not None:
        return taken
    why = "Neither car nor pack states what it takes in fast charging; only the battery holds the power back."
    return (*taken, Assumed(built.vehicle.id, "dc_charge_power_max", "what the battery takes", None, why))


def _car_curve(built: VirtualCar) -> Callable[[float], float] | None:
    given = built.given.get(("", "dc_charge_power_max"))
    if isinstance(given, float):
        return lambda at: given * 1000
    both = (built.vehicle.facts, built.parts["battery"].facts)
    curves = [curve for facts in both if (curve := _curve_of(facts)) is not None]
    return (lambda at: min(curve(at) for curve in curves)) if curves else None


def _curve_of(facts: Mapping[str, Fact]) -> Callable[[float], float] | None:
    """W in fast charging over state of charge, as car or pack state them; None where they do not."""
    curve, limit = facts.get("dc_charge_curve"), facts.get("dc_charge_power_max")
    if curve is not None and isinstance(curve.value, Mapping):
        soc, power = curve.value["soc"], curve.value["power"]
        return lambda at: float(np.interp(at * 100, soc, power)) * 1000
    if limit is None or not isinstance(limit.value, int | float):
        return None
    most_w = float(limit.value) * 1000
    return lambda at: most_w


def aged(built: VirtualCar, cycle: Cycle, conditions: Conditions, years: float, km_per_year: float) -> Age:
    """What years of driving this cycle leave of the battery, kept at the temperature of the drive."""
    car = built.car
    measures = drive(car, cycle, conditions).measures
    per_year = km_per_year * measures["chemical_wh"] / measures["distance_km"] / car.pack.usable_wh
    mean_v = float(np.interp(0.6, car.pack.cell.ocv_soc, car.pack.cell.ocv_v))
    return age(Use(mean_v, conditions.air_c, DEPTH, per_year), years)


def as_json(found: Labels) -> dict[str, Any]:
    return {
        "vehicle": found.vehicle,
        "figures": [figure._asdict() for figure in found.figures],
        "assumptions": [assumed._asdict() for assumed in found.assumed],
    }

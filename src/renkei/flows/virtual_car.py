"""A car of the catalogue becomes a virtual car: facts where they are known, named assumptions where they are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from renkei.catalogue import Catalogue
from renkei.errors import CannotTell, InputError, SimulationError, UnknownName
from renkei.facts import fact_keys, keys_of
from renkei.flows.assumed import KINDS, Assumed, Given, Known, number, sorted_out
from renkei.flows.mistaken import refuse_mistaken
from renkei.flows.modules import inner, layout_in, packs_in_use
from renkei.flows.virtual_axle import e_axle_of, together
from renkei.flows.virtual_pack import pack_of, pack_of_modules
from renkei.parts import Limit, Part, Slot
from renkei.sim.battery import Pack
from renkei.sim.car import Braking, Car, Road
from renkei.sim.drive import changed, keys
from renkei.sim.eaxle import EAxle
from renkei.vehicle import Vehicle

BATTERY, E_AXLE = "battery", "e-axle"
_MODULE = "battery-module"
COAST_DOWN, BODY = ("road_load_a", "road_load_b", "road_load_c"), ("drag_area", "rolling_resistance")
"""The two ways to state what a road takes; what the user gives of the second goes before facts of the first."""


class Violated(NamedTuple):
    """A limit that a fitted part does not keep; `known` False: the part does not say."""

    of: str
    fact: str
    limit: str
    got: object
    follows: str
    known: bool


class VirtualCar(NamedTuple):
    """What is simulated, and on what it rests."""

    vehicle: Vehicle
    car: Car
    parts: Mapping[str, Part]
    assumed: tuple[Assumed, ...]
    violated: tuple[Violated, ...]
    given: Given


def virtual_car(
    catalogue: Catalogue,
    vehicle: str,
    *,
    battery: str | None = None,
    e_axle: str | None = None,
    changes: Mapping[str, str] | None = None,
    also: Collection[str] = (),
) -> VirtualCar:
    """The virtual car of a vehicle, with other parts or numbers where given; `also`: facts that the caller looks at.

    A change that would change nothing is refused. Raises UnknownName, InputError, CannotTell.
    """
    found = catalogue.vehicle(vehicle)
    refuse_mistaken(catalogue, [each for each in (vehicle, battery, e_axle) if each])
    given, direct = sorted_out(catalogue, changes or {})
    parts, violated = dict[str, Part](), list[Violated]()
    for name, other in ((BATTERY, battery), (E_AXLE, e_axle)):
        slots = found_slots(found, name)
        if other:
            slots = _same_axle_first(catalogue, slots, other)
        part = _part(catalogue, found, slots, name, other)
        parts[name] = part
        if other and slots and part.kind == slots[0].kind:
            violated += _violations(part, slots[0])
        for more in slots[1:]:
            parts[f"slot {more.name}"] = _part(catalogue, found, [more], name, None)
    violated += _between(parts[BATTERY], parts[E_AXLE]) if battery or e_axle else []
    known = Known(catalogue, given)
    if parts[BATTERY].kind == _MODULE:
        parts["battery replaced"] = _part(catalogue, found, found_slots(found, BATTERY), BATTERY, None)
    car = assembled(found, parts, known, _heavier_kg(catalogue, found, parts))
    for key, text in direct.items():
        try:
            car = changed(car, {_full(key, car): number(key, text)})
        except SimulationError as e:
            about = "" if key.rsplit(".", 1)[-1] == e.key else f" {e.key}:"
            raise InputError(f"--set {key}={text}:{about} expected {e.expected}, got {e.got}") from None
    for key in known.not_asked:
        if key not in also:
            raise InputError(
                f"--set {key}: changes nothing here: another fact goes before it, or this command does not use it"
            )
    return VirtualCar(found, car, parts, tuple(known.assumed.values()), tuple(violated), given)


def found_slots(vehicle: Vehicle, name: str) -> list[Slot]:
    """The slots for a battery, or for e-axles."""
    return [slot for slot in vehicle.slots.values() if slot.kind == KINDS[name]]


def _same_axle_first(catalogue: Catalogue, slots: list[Slot], other: str) -> list[Slot]:
    """The slot whose fitted part drives the axle that `other` drives goes first: that is where it goes."""
    axle = catalogue.part(other).facts.get("drives_axle")

    def differs(slot: Slot) -> bool:
        own = catalogue.part(slot.fitted).facts.get("drives_axle") if slot.fitted else None
        return axle is None or own is None or own.value != axle.value

    return sorted(slots, key=differs)


def first_virtual_car(catalogue: Catalogue) -> VirtualCar | None:
    """The last car of the catalogue of which enough is known."""
    for vehicle in reversed(catalogue.vehicles):
        try:
            return virtual_car(catalogue, vehicle)
        except CannotTell:
            continue
    return None


_PATHS = {
    "test_mass": ("road.test_mass_kg", 1.0),
    "road_load_a": ("road.a_n", 1.0),
    "road_load_b": ("road.b_n_per_m_s", 1.0),
    "road_load_c": ("road.c_n_per_m2_s2", 1.0),
    "rotating_share": ("road.rotating_share", 1.0),
    "auxiliary_power": ("auxiliary_w", 1.0),
    "charger_efficiency": ("charger_efficiency", 1.0),
    "ac_charge_power_max": ("charger_w", 1000.0),
    "tyre_radius": ("tyre_radius_m", 1.0),
    "ratio": ("e_axle.ratio", 1.0),
    "power_peak": ("e_axle.peak_power_w", 1000.0),
    "torque_peak": ("e_axle.peak_torque_nm", 1.0),
    "cells_series": ("pack.series", 1.0),
    "cells_parallel": ("pack.parallel", 1.0),
    "cell_capacity": ("pack.cell.capacity_ah", 1.0),
}
"""Facts that are one number of the simulation, and what makes that number of them."""


def path_of(key: str, car: Car) -> tuple[str, float]:
    """The path of a number by fact key, path or last name, and the factor from the fact's unit. Raises UnknownName."""
    return _PATHS[key] if key in _PATHS else (_full(key, car), 1.0)


def _full(key: str, car: Car) -> str:
    """The path of a number of the simulation; its last name is enough where only one has it."""
    paths = keys(car)
    if key in paths:
        return key
    ending = [path for path in paths if path.rsplit(".", 1)[-1] == key]
    if len(ending) == 1:
        return ending[0]
    known = [*paths, *(name for name, fact in fact_keys().items() if fact.type == "number")]
    known += [f"{part}.{name}" for part, kind in KINDS.items() if part for name in _facts_of(kind)]
    raise UnknownName("fact or number", key, known, "('renkei list facts' shows the facts)")


def _facts_of(kind: str) -> list[str]:
    return [key.name for key in keys_of(kind) if key.type in ("number", "integer", "choice")]


def _part(catalogue: Catalogue, vehicle: Vehicle, slots: list[Slot], name: str, other: str | None) -> Part:
    kind = KINDS[name]
    if other is None and not (slots and slots[0].fitted):
        raise CannotTell(f"{vehicle.id}: no {kind} is known for it; name one with --{name} PART")
    part = catalogue.part(other or slots[0].fitted or "")
    if part.kind != kind and not (kind == KINDS[BATTERY] and part.kind == _MODULE):
        raise InputError(f"{part.id} is of kind {part.kind}; expected {kind}")
    return part


def _violations(part: Part, slot: Slot) -> list[Violated]:
    return [bad for limit in slot.requires if (bad := _judged(part, limit, f"slot {slot.name}"))]


def _between(battery: Part, e_axle: Part) -> list[Violated]:
    """Limits that battery and e-axle set each other."""
    return [
        bad
        for part, other in ((battery, e_axle), (e_axle, battery))
        for limit in part.requires
        if limit.of == other.kind and (bad := _judged(other, limit, part.id))
    ]


def _judged(part: Part, limit: Limit, by: str) -> Violated | None:
    fact = part.facts.get(limit.fact)
    met = limit.met_by(fact)
    if met:
        return None
    follows = limit.reason or limit.otherwise
    return Violated(by, limit.fact, limit.text, fact.value if fact else None, follows, met is not None)


def assembled(vehicle: Vehicle, parts: Mapping[str, Part], known: Known, heavier_kg: float = 0.0) -> Car:
    """The car of a vehicle with these parts; `heavier_kg`: what they weigh more than those of its test."""
    facts, what = vehicle.facts, vehicle.id
    e_axles = [part for part in parts.values() if part.kind == KINDS[E_AXLE]]
    axles = {known.fact(part.facts, "drives_axle") for part in e_axles} - {None}
    driven = known.fact(facts, "driven_axle") or ("both" if len(axles) > 1 else next(iter(axles), "front"))
    radius_m = known.of(what, facts, "tyre_radius")
    charger_kw, meanwhile_w = (
        known.of(what, facts, "ac_charge_power_max"),
        known.assume(what, "charging_auxiliary_power"),
    )
    if charger_kw * 1000 <= meanwhile_w:
        expected = f"more than charging_auxiliary_power, {meanwhile_w / 1000:g} kW"
        raise known.wrong(what, "ac_charge_power_max", expected, f"{charger_kw:g} kW")
    if not known.of(what, facts, "charger_efficiency"):
        raise known.wrong(what, "charger_efficiency", "a number above 0", "0")
    return Car(
        pack=_pack(vehicle, parts, known),
        e_axle=_axles(e_axles, vehicle, radius_m, known),
        road=_road(vehicle, known, heavier_kg),
        braking=_braking(what, known, driven),
        tyre_radius_m=radius_m,
        auxiliary_w=known.of(what, facts, "auxiliary_power"),
        charger_efficiency=known.of(what, facts, "charger_efficiency"),
        charger_w=charger_kw * 1000,
        charging_auxiliary_w=meanwhile_w,
    )


def _braking(what: str, known: Known, driven: str) -> Braking:
    fade_from, fade_to = (known.assume(what, f"braking_fade_{end}") for end in ("from", "to"))
    if fade_from <= fade_to:
        raise known.wrong(
            what, "braking_fade_from", f"more than braking_fade_to, {fade_to:g} km/h", f"{fade_from:g} km/h"
        )
    share, most = known.assume(what, f"braking_share_{driven}"), known.assume(what, "braking_deceleration_max")
    return Braking(share, most, fade_from / 3.6, fade_to / 3.6)


def _wall_kwh(vehicle: Vehicle, parts: Mapping[str, Part], known: Known) -> float | None:
    """Energy from the wall of a full charge, where the car states it and has the battery with which it does."""
    slots = found_slots(vehicle, BATTERY)
    own = not slots or parts[BATTERY].id == slots[0].fitted
    found: float | None = known.fact(vehicle.facts, "charge_energy_wall") if own else None
    return found


def _pack(vehicle: Vehicle, parts: Mapping[str, Part], known: Known) -> Pack:
    part, inside = parts[BATTERY], known.within(BATTERY)
    with _named(part):
        if part.kind != _MODULE:
            return pack_of(part, inside, _wall_kwh(vehicle, parts, known))
        return pack_of_modules(part, inside, *_counts(part, vehicle, parts, known))


def _counts(module: Part, vehicle: Vehicle, parts: Mapping[str, Part], known: Known) -> tuple[int, int]:
    """Modules in series and strings: as a verdict lays them out, or else nearest to voltage and energy of the pack."""
    replaced = parts["battery replaced"]
    e_axles = [part for part in parts.values() if part.kind == KINDS[E_AXLE]]
    partners = [*e_axles, *(each for part in e_axles if (each := inner(known.catalogue, part, "inverter")))]
    slot = found_slots(vehicle, BATTERY)[0]
    uses = packs_in_use(known.catalogue)
    layout = layout_in(known.catalogue, module, slot, replaced, partners, uses).layout
    if not isinstance(layout, str):
        return layout.series, layout.parallel
    one, pack = pack_of(module, known.apart()), pack_of(replaced, known.apart())
    in_series = max(1, round(pack.middle_v / one.middle_v))
    return in_series, max(1, round(pack.energy_wh / (in_series * one.energy_wh)))


def _axles(e_axles: Sequence[Part], vehicle: Vehicle, radius_m: float, known: Known) -> EAxle:
    made = []
    for part in e_axles:
        with _named(part):
            made.append(e_axle_of(part, vehicle, radius_m, known.within(E_AXLE)))
    return together(made)


@contextmanager
def _named(part: Part) -> Iterator[None]:
    """What physics does not admit in a part is told with the part's name."""
    try:
        yield
    except SimulationError as e:
        raise SimulationError(f"{part.id}: {e.what}", e.key, expected=e.expected, got=e.got) from None


def _heavier_kg(catalogue: Catalogue, vehicle: Vehicle, parts: Mapping[str, Part]) -> float:
    """By how much other parts change the mass of the car, where the masses of both are known."""
    heavier = 0.0
    for slot in vehicle.slots.values():
        fitted = next((part for part in parts.values() if part.kind == slot.kind), None)
        if fitted is None or slot.fitted in (None, fitted.id):
            continue
        masses = [part.facts["mass"].value for part in (fitted, catalogue.part(slot.fitted)) if "mass" in part.facts]
        if len(masses) == 2:
            heavier += float(masses[0]) - float(masses[1])  # type: ignore[arg-type]
    return heavier


def _road(vehicle: Vehicle, known: Known, heavier_kg: float) -> Road:
    facts, what = vehicle.facts, vehicle.id
    rotating = known.of(what, facts, "rotating_share")
    mass = known.fact(facts, "test_mass")
    if mass is None:
        raise CannotTell(f"{what}: its test mass is unknown; give it with --set test_mass=1700")
    if heavier_kg and not known.given("test_mass") is not None:
        mass += heavier_kg
        known.note(what, "test_mass", round(mass, 1), "kg", f"As tested, and {heavier_kg:+g} kg of the other part.")
    body = [known.fact(facts, key) for key in BODY] if any(map(known.given, BODY)) else []
    coast_down = [known.fact(facts, key) for key in COAST_DOWN]
    if not body and all(c is not None for c in coast_down):
        try:
            return Road(mass, coast_down[0], coast_down[1], coast_down[2], rotating)
        except SimulationError as e:
            key = next((key for key in COAST_DOWN if known.given(key) is not None), "road_load_a, _b and _c")
            raise known.wrong(what, key, e.expected, e.got) from None
    body = body or [known.fact(facts, key) for key in BODY]
    if all(c is not None for c in body):
        return Road.of_body(mass, body[0], body[1], rotating)
    if any(map(known.given, BODY)):
        raise InputError(f"{what}: expected both, or neither, of --set {' and --set '.join(BODY)}")
    raise CannotTell(
        f"{what}: neither its coast-down nor drag and rolling are known; "
        f"give {', '.join(COAST_DOWN)}, or {' and '.join(BODY)}, with --set"
    )

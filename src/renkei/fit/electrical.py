"""Rules of group B: voltage, contactors, insulation, supply, energy."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.fit.finding import Finding, Ground, Level
from renkei.fit.held import ROUNDED, enough, ground, held, missing, number, same
from renkei.fit.pair import Pair
from renkei.fit.rule import rule
from renkei.parts import Limit


@rule(
    "B", "voltage_min", "voltage_nominal", "voltage_max", "dc_voltage_min", "dc_voltage_full_power", "dc_voltage_max",
    "dc_voltage_rating", "dc_charge_voltage_max",
)  # fmt: skip
def voltage_window(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack's voltage must stay within what inverter, intermediate circuit and charger bear.

    Limits that e-axle, inverter and slot state come first: the rating of the weakest component breaks, a voltage below
    which power is cut back degrades. Charger, DC-DC converter and heater seldom state theirs: they are known to work in
    the window of the pack that the car is sold with, and a wider one is unknown. Fast charging ends below the pack's
    full voltage where the car asks the charger for less. Published cases: 806 V on a capacitor of 600 V; a pack that
    ends at 218 V on an inverter that is cut back below 240 V. Battery module standard B2 to B4, e-axle standard B1 to
    B4, vehicle profile B1 and B2.
    """
    yield from sorted(limits, key=lambda f: f.about != "voltage_max")
    yield from _never_reached(pair)
    if not pair.is_battery or pair.slot is None:
        return
    yield from (_as_sold(pair, key) for key in ("voltage_max", "voltage_min"))
    charger = pair.facts.get("dc_charge_voltage_max")
    if charger is not None:
        limit = Limit("voltage_max", pair.part.kind, maximum=number(pair.facts, "dc_charge_voltage_max"),
                      otherwise="degrade", reason="Fast charging ends below the pack's full voltage.",
                      source=charger.source, confidence=charger.confidence)  # fmt: skip
        yield held("voltage-window", limit, pair.part.facts.get("voltage_max"), f"fast charging of {pair.host}",
                   pair.part.id)  # fmt: skip


def _never_reached(pair: Pair) -> Iterator[Finding]:
    """A pack whose highest voltage lies below the lowest that a limit asks for: the host never gives its power."""
    highest = number(pair.part.facts, "voltage_max")
    for limit, by, _, of in pair.limits():
        if (
            limit.fact == "voltage_min"
            and limit.minimum is not None
            and highest is not None
            and highest < limit.minimum
        ):
            asked = Ground(f"{by} asks for voltage_min {limit.text} V", limit.source, limit.confidence)
            yield Finding("voltage-window", "break", "voltage_max", limit.minimum, highest, "V",
                          f"even full it lies below what {by} asks for: there is never full power",
                          (ground(of, "voltage_max", pair.part.facts["voltage_max"]), asked), (), "at least",
                          round(highest - limit.minimum, 9))  # fmt: skip
            return


def _as_sold(pair: Pair, key: str) -> Finding:
    """Against the window of the pack with which the car is sold: what its charger and converters are known to bear."""
    own, other = pair.part.facts.get(key), pair.of_host(key)
    if own is None:
        return missing(pair, "voltage-window", key, other[0].value if other else None)
    value = number(pair.part.facts, key) or 0.0
    grounds = (ground(pair.part.id, key, own),) + ((ground(other[1], key, other[0]),) if other else ())
    bound = "at most" if key == "voltage_max" else "at least"
    if other is None:
        said = f"what charger and DC-DC converter of {pair.host} bear is not stated"
        return Finding("voltage-window", "unknown", key, None, value, "V", said, grounds, (), bound)
    sold = number({key: other[0]}, key) or 0.0
    margin = sold - value if key == "voltage_max" else value - sold
    inside = margin >= -ROUNDED * sold
    said = "within the window in which charger and DC-DC converter are known to work" if inside else \
        f"outside {sold:g} V of the pack that the car is sold with; what its charger and DC-DC converter bear is not stated"  # fmt: skip # noqa: E501
    return Finding("voltage-window", "ok" if inside else "unknown", key, sold, value, "V", said, grounds, (), bound,
                   round(margin, 9))  # fmt: skip


@rule("B")
def layout(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A module is laid out in the host before anything else is judged.

    As many in series as come nearest to the voltage of the host's own pack within its window; as many strings as mass
    and envelope of the bay allow where both are known, else as the current and the energy as sold ask for. Case,
    contactors, controller and cooling stay those of the pack that the modules replace. What then binds is judged by the
    other rules on the whole pack. Battery module standard 1.1 and B1.
    """
    yield from limits
    if pair.module is None:
        return
    if pair.layout is None:
        yield Finding("layout", "unknown", "modules", None, None, None, pair.no_layout or "it cannot be laid out")
        return
    made = pair.layout
    yield Finding("layout", "ok", "modules", None, made.modules, None,
                  f"{made.series} in series, {made.parallel} side by side")  # fmt: skip


@rule(
    "B", "cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max", "cell_voltage_spread_max",
    "open_circuit_voltage", "short_circuit_current",
)  # fmt: skip
def cell_voltage(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Cells must not be charged or emptied further than they bear.

    A pack's own controller sees to that. Modules in a host's case are watched by the host's controller, whose limits
    are those of the cells that it was made for: cells that bear less are overcharged, ones that bear more give less.
    Battery module standard B2, B3 and B9.
    """
    yield from limits
    if pair.module is None or pair.fitted is None:
        return
    for key, sign in (("cell_voltage_max", 1), ("cell_voltage_min", -1)):
        own, other = number(pair.part.facts, key), number(pair.fitted.facts, key)
        if own is None or other is None:
            continue
        near, less = abs(own - other) <= ROUNDED * other, (own - other) * sign < 0
        level: Level = "ok" if near else "break" if less else "degrade"
        said = {
            "ok": "as the cells of the car's own pack",
            "break": "the controller of the car's pack would go further than these cells bear",
            "degrade": "the controller of the car's pack leaves some of these cells' charge unused",
        }[level]
        yield Finding("cell-voltage", level, key, other, own, "V", said,
                      (ground(pair.part.id, key, pair.part.facts[key]),
                       ground(pair.fitted.id, key, pair.fitted.facts[key])))  # fmt: skip


@rule("B", "precharge_owner", "precharge_resistance", "precharge_time", "precharge_threshold")
def precharge(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """One side, and one only, must charge the intermediate circuit before the main contactors close.

    Where nobody does, the contactors weld; where both do, neither gets done in its time. Vehicle profile B.
    """
    yield from limits
    yield from same(pair, "precharge", ("precharge_owner",), otherwise="break")


@rule(
    "B", "contactor_owner", "contactor_command", "contactor_rating", "fuse_rating", "pyro_fuse",
)  # fmt: skip
def contactors(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Who holds the main contactors and who commands them must be the same on both sides.

    Two owners are in each other's way, none leaves the circuit dead or always live. The published case: contactors that
    close without the pack's permission, or on a damaged pack. Ratings of contactors and fuse are judged as limits.
    """
    yield from limits
    yield from same(pair, "contactors", ("contactor_owner", "contactor_command"), otherwise="break")


@rule("B", "insulation_resistance", "insulation_monitor", "y_capacitance", "interlock")
def insulation(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The insulation must be measured once, and the interlock loop must be closed through both sides.

    Two monitors disturb each other, none leaves a fault unseen. Battery module standard B8, e-axle standard B6 and B7.
    """
    yield from limits
    yield from same(pair, "insulation", ("insulation_monitor", "interlock"), otherwise="break")


@rule("B", "low_voltage_min", "low_voltage_max", "quiescent_current")
def low_voltage_supply(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The 12 V supply of the host must stay within what the electronics of the part need.

    Judged as limits, and where both sides state a window. E-axle standard B8.
    """
    yield from limits
    for key in ("low_voltage_min", "low_voltage_max"):
        own, room = pair.part.facts.get(key), pair.slot.facts.get(key) if pair.slot else None
        if own is not None and room is not None:
            needs, given = float(own.value), float(room.value)  # type: ignore[arg-type]
            said = "the supply stays within what it needs", "the supply of the host leaves what it needs"
            yield enough("low-voltage-supply", key, needs, given, "V", said,
                         (ground(pair.part.id, key, own), ground(pair.host, key, room)),
                         at_most=key.endswith("max"), otherwise="break")  # fmt: skip


@rule(
    "B", "energy_gross", "energy_usable", "capacity", "cell_capacity", "charge_energy_wall", "soc_min", "soc_max",
    "energy_density",
)  # fmt: skip
def energy(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must hold the energy that the host is sold with; less is a loss.

    Usable energy is compared where both state it, else gross energy. What the car makes of it is the range, which has a
    rule of its own. Battery module standard B5 and B6.
    """
    yield from limits
    if not pair.is_battery or pair.slot is None:
        return
    for key in ("energy_usable", "energy_gross"):
        own, other = pair.part.facts.get(key), pair.of_host(key)
        if own is None or other is None:
            continue
        said = "no less than the car is sold with", "less than the car is sold with"
        yield enough("energy", key, float(other[0].value), float(own.value), "kWh", said,  # type: ignore[arg-type]
                     (ground(pair.part.id, key, own), ground(other[1], key, other[0])))  # fmt: skip
        return
    own = pair.part.facts.get("energy_gross")
    silent = f"{(pair.module or pair.part).id}" if own is None else f"the pack that {pair.host} is sold with"
    yield Finding("energy", "unknown", "energy_gross", None, own and own.value, "kWh",
                  f"the energy of {silent} is not stated")  # fmt: skip


@rule("B", "resistance", "resistance_map", "rc_map")
def resistance(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Inner resistance makes voltage under load, heat, and power at low charge.

    Judged as a limit; what follows from it is found by the rules of power and by simulation. Battery module standard
    B7.
    """
    yield from limits

"""Rules of groups D and E: heat, mass, room, mounting, connectors."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.facts import Fact, number
from renkei.rules.finding import Finding, Level
from renkei.rules.held import enough, ground, limits_on, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule(
    "D", "cooling", "coolant", "coolant_port", "coolant_flow", "coolant_pressure_drop", "coolant_inlet_min",
    "coolant_inlet_max", "pump_owner", "heater_power",
)  # fmt: skip
def cooling(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must carry the part's heat away in the way that the part needs.

    A part that needs no cooling works where others are cooled. One that needs coolant is lost in a bay without, and
    one that needs air in a bay with coolant. Medium, coupling and who commands the pump must be the same; flow and
    inlet temperature of the host must be what the part needs.
    """
    yield from limits
    own, other = pair.part.facts.get("cooling"), pair.of_host("cooling")
    if own is not None and own.value == "passive":
        yield Finding("cooling", "ok", "cooling", other[0].value if other else None, own.value, None,
                      "it needs no cooling", (ground(pair.part.id, "cooling", own),))  # fmt: skip
    else:
        needed = pair.part.kind in ("battery-pack", "e-axle")
        yield from same(pair, "cooling", ("cooling",), otherwise="break", needed=needed)
        yield from same(pair, "cooling", ("coolant", "coolant_port", "pump_owner"), otherwise="break")


@rule("D", "heat_continuous", "heat_capacity", "heat_transfer", "temperature_min", "temperature_max")
def heat(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must stay cool enough at continuous power.

    Where a part states its heat at continuous power and how well it gives heat away, it settles above the air by their
    quotient; at 40 Celsius it must stay below its warmest temperature in use.
    """
    yield from limits
    watts, per_kelvin = number(pair.part.facts, "heat_continuous"), number(pair.part.facts, "heat_transfer")
    warmest = number(pair.part.facts, "temperature_max")
    if watts is None or per_kelvin is None or warmest is None or pair.slot is None:
        return
    reached = 40.0 + watts / per_kelvin
    told = f"{watts:g} W over {per_kelvin:g} W/K at 40 Celsius"
    facts = pair.part.facts
    grounds = tuple(ground(pair.part.id, key, facts[key]) for key in ("heat_continuous", "heat_transfer"))
    yield enough("heat", "temperature_max", warmest, reached, "Celsius", (told, told), grounds, at_most=True)


@rule("D", "vent_path", "propagation")
def venting(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Gas of a failing cell must leave the bay away from people.

    Statements of both sides are compared; where they differ somebody must read them.
    """
    yield from limits
    yield from same(pair, "venting", ("vent_path",), otherwise="unknown")


@rule(
    "E", "mass", "axle_load_front_max", "axle_load_rear_max", "gross_mass", "curb_mass", "test_mass",
    "centre_of_gravity", "springs",
)  # fmt: skip
def mass(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must not weigh more than its place and the car carry.

    Stated limits first. Else the part with which the car is sold: one that is no heavier fits, a heavier one takes from
    the load that the car may carry. The published case is a 62 kWh pack, 107 kg above the one of 40 kWh, which needs
    stronger springs. Where curb and gross mass are known, what is left of the load is told. How the load shares between
    the axles follows from the place of the part, which nobody publishes: axle loads are judged where a limit asks.
    """
    own, other = pair.part.facts.get("mass"), pair.fitted.facts.get("mass") if pair.fitted else None
    more = ""
    if own is not None and other is not None and own.value != other.value:
        gap = float(own.value) - float(other.value)  # type: ignore[arg-type]
        more = f"; {abs(gap):g} kg {'more' if gap > 0 else 'less'} than {pair.fitted.id if pair.fitted else ''}"
    for finding in limits:
        if finding.about == "mass" and finding.level == "unknown" and pair.module:
            more = f"what a case for {pair.module.id} weighs is not known" if "mass" in pair.module.facts else ""
            yield finding._replace(message=more or finding.message)
        elif finding.about == "mass":
            yield finding._replace(message=finding.message.removesuffix(".") + more)
        else:
            yield finding
    yield from _of_the_car(pair, own, other)
    judged = any(f.about == "mass" and f.bound != "stated" for f in limits)
    if pair.slot is None or pair.part.kind in ("inverter", "motor") or judged:
        return
    if own is None or other is None:
        if pair.is_battery or own is not None:
            silent = pair.subject if own is None else f"the one that {pair.host} is sold with"
            lacks = f"the mass of {silent} is not stated, nor what the place carries"
            if pair.module is not None and own is None and "mass" in pair.module.facts:
                lacks = f"what a case for {pair.subject} weighs is not known"
            yield Finding("mass", "unknown", "mass", other and other.value, own and own.value, "kg", lacks)
        return
    said = f"no heavier than what the car is sold with{more}", \
        f"heavier than what the car is sold with: it may load less{more}"  # fmt: skip
    fitted = pair.fitted.id if pair.fitted else pair.host
    yield enough("mass", "mass", float(other.value), float(own.value), "kg", said,  # type: ignore[arg-type]
                 (ground(pair.part.id, "mass", own), ground(fitted, "mass", other)), at_most=True)  # fmt: skip


def _of_the_car(pair: Pair, own: Fact | None, other: Fact | None) -> Iterator[Finding]:
    """What is left of the load when the car becomes heavier."""
    curb, gross = number(pair.facts, "curb_mass"), number(pair.facts, "gross_mass")
    if own is None or other is None or curb is None or gross is None:
        return
    heavier = curb + float(own.value) - float(other.value)  # type: ignore[arg-type]
    told = f"the car then weighs {heavier:g} kg and may load {gross - heavier:g} kg"
    yield enough("mass", "gross_mass", gross, heavier, "kg", (told, f"{told}: none at all"),
                 (ground(pair.part.id, "mass", own), ground(pair.host, "curb_mass", pair.facts["curb_mass"]),
                  ground(pair.host, "gross_mass", pair.facts["gross_mass"])), at_most=True, otherwise="break",
                 slack=0)  # fmt: skip


@rule("E", "length", "width", "height")
def envelope(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must be no longer, wider or higher than its place.

    Where both name the same mounting pattern and the part states no size, the pattern speaks for it, and the rule
    `mounting` judges. A module is laid out in the free box of the bay; how many lie in it is told with the layout.
    """
    if pair.module is not None:
        yield from _in_the_box(pair)
        return
    same_pattern = any(f.about == "mounting" and f.level == "ok" for f in limits_on(pair, "mounting", ("mounting",)))
    for finding in limits:
        if finding.level == "unknown" and same_pattern:
            told = f"{finding.message}; the mounting pattern, which is the same, speaks for it"
            finding = finding._replace(level="ok", message=told)
        yield finding


def _in_the_box(pair: Pair) -> Iterator[Finding]:
    """Whether as many modules as were laid out lie in the free box of the bay."""
    if pair.layout is None or pair.module is None:
        return
    needed, surely, at_most = pair.layout.modules, pair.layout.surely_in_box, pair.layout.at_most_in_box
    if surely is None or at_most is None:
        sized = all(key in pair.module.facts for key in ("length", "width", "height"))
        silent = f"the bay of {pair.host}" if sized else pair.module.id
        yield Finding("envelope", "unknown", "modules", None, needed, None, f"the size of {silent} is not stated")
        return
    level: Level = "ok" if needed <= surely else "break" if needed > at_most else "unknown"
    said = {
        "ok": f"{surely} lie in the bay in rows of one direction",
        "unknown": f"{surely} lie in the bay in rows of one direction, at most {at_most} by volume",
        "break": f"at most {at_most} go into the bay by volume",
    }[level]
    grounds = tuple(ground(pair.module.id, key, pair.module.facts[key]) for key in ("length", "width", "height"))
    yield Finding("envelope", level, "modules", surely, needed, None, said, grounds, (), "at most", surely - needed)


@rule(
    "E", "mounting", "datum", "mounting_torque", "orientation", "stiffness", "crush_load", "swelling_force", "sealing",
    "lifting", "service_disconnect",
)  # fmt: skip
def mounting(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must go onto the mounting points of its place.

    Names of patterns are compared: a pattern stands for points, datum and thickness. The published case is a thicker
    pack that needs spacers between body and pack. Modules lie in the case of the pack that they replace: whether its
    tray takes them is unknown unless they are those that it is made of.
    """
    if pair.module is not None:
        yield _in_the_tray(pair)
        return
    yield from limits
    if pair.slot is not None and pair.part.kind in ("battery-pack", "e-axle"):
        yield from same(pair, "mounting", ("mounting",), otherwise="break", needed=True)
    yield from same(pair, "mounting", ("datum",), otherwise="unknown")


def _in_the_tray(pair: Pair) -> Finding:
    module = pair.module
    assert module is not None
    own = module.facts.get("mounting")
    said = f"{module.id} does not state its mounting points" if own is None else \
        "no tray of the catalogue states for which mounting points it is made"  # fmt: skip
    grounds = () if own is None else (ground(module.id, "mounting", own),)
    return Finding("mounting", "unknown", "mounting", None, own and own.value, None, said, grounds)


@rule("E", "hv_connector", "lv_connector", "terminal", "terminal_torque")
def connectors(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """High-voltage and low-voltage connectors must mate.

    Names of connectors are compared. The published case is an electric car of 2011 whose two connectors no later pack
    has; an adaptor mends it.
    """
    if pair.module is not None:
        return  # the case keeps its own
    yield from limits
    needed = pair.slot is not None and pair.part.kind in ("battery-pack", "e-axle")
    yield from same(pair, "connectors", ("hv_connector", "lv_connector"), otherwise="break", needed=needed)


@rule("E", "tyre", "tyre_radius", "rotating_share", "road_load_a", "road_load_b", "road_load_c", "drag_area",
      "rolling_resistance")  # fmt: skip
def road_load(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the road takes from the car must be known, or nothing can be said of range.

    Facts of the vehicle, judged as limits and by the standard for vehicles.
    """
    yield from limits

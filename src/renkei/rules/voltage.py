"""Rules of the voltage: the window of the pack in that of its host, and modules laid out to meet it."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.facts import Fact, number
from renkei.parts import Limit, Part
from renkei.rules.finding import AS_SOLD, Finding, Ground, Level
from renkei.rules.held import alike, enough, ground, held, missing
from renkei.rules.pair import Pair
from renkei.rules.rule import rule

_SAME_CELL_V = 0.01
"""Controllers measure cells no better."""

_OF_DRIVES: tuple[tuple[str, str, bool, Level, str], ...] = (
    ("voltage_max", "dc_voltage_rating", True, "break", "more than its weakest component bears"),
    ("voltage_max", "dc_voltage_max", True, "break", "more than it works with"),
    ("voltage_max", "dc_voltage_min", False, "break", "even full, less than it works with"),
    ("voltage_max", "dc_voltage_full_power", False, "break", "even full, too little for its full power"),
    ("voltage_min", "dc_voltage_min", False, "degrade", "it stops before the pack is empty"),
    ("voltage_min", "dc_voltage_full_power", False, "degrade", "it cuts its power back before the pack is empty"),
)
"""An end of the pack's window, the fact of the drive that it is held against, whether that is a highest, and what
follows where it is not kept."""


@rule(
    "B", "voltage_min", "voltage_nominal", "voltage_max", "dc_voltage_min", "dc_voltage_full_power", "dc_voltage_max",
    "dc_voltage_rating", "dc_charge_voltage_max",
)  # fmt: skip
def voltage_window(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack's voltage must stay within what inverter, intermediate circuit and charger bear.

    What e-axle, inverter and slot state comes first: a rating of the weakest component that is exceeded breaks, a
    voltage below which power is cut back degrades, and a pack that even full lies below it breaks. Charger, DC-DC
    converter and heater seldom state theirs: they are known to work in the window of the pack that the car is sold
    with, and a wider one is unknown. Fast charging ends below the pack's full voltage where the car asks the charger
    for less. Published cases: 806 V on a capacitor of 600 V; a pack that ends at 218 V on an inverter that is cut back
    below 240 V.
    """
    yield from sorted(limits, key=lambda f: f.about != "voltage_max")
    yield from _never_reached(pair)
    told: set[tuple[str, str, float]] = set()
    for pack in pair.packs:
        for drive in pair.drives:
            yield from _of_drive(pair, pack, drive, told)
        yield from _unknown_to_drives(pair, pack)
    if pair.is_battery and not pair.drives and pair.slot is not None:
        yield Finding("voltage-window", "unknown", "voltage_max", None, None, "V",
                      f"the drive of {pair.host} is not known")  # fmt: skip
    if not pair.is_battery or pair.slot is None:
        return
    for key in ("voltage_max", "voltage_min"):
        yield from _in_slot(pair, key) if key in pair.slot.facts else (_as_sold(pair, key),)
    charger = pair.facts.get("dc_charge_voltage_max")
    if charger is not None:
        limit = Limit("voltage_max", pair.part.kind, maximum=number(pair.facts, "dc_charge_voltage_max"),
                      otherwise="degrade", reason="Fast charging ends below the pack's full voltage.",
                      source=charger.source, confidence=charger.confidence)  # fmt: skip
        by = f"fast charging of {pair.host}"
        yield held("voltage-window", limit, pair.part.facts.get("voltage_max"), by, pair.part.id)


def _unknown_to_drives(pair: Pair, pack: Part) -> Iterator[Finding]:
    """A drive that states no highest voltage is known to bear that of the pack it is sold with, and nothing else."""
    stated = {by for limit, by, _, _ in pair.limits() if limit.fact == "voltage_max" and limit.maximum is not None}
    for drive in pair.e_axles:
        whole = [drive] if drive.kind == "inverter" else [drive, *(p for p in pair.drives if p.kind == "inverter")]
        new = [part for part in whole if part.id in pair.brought]
        ceilings = {"dc_voltage_rating", "dc_voltage_max"}
        known_of = [part.id in stated or bool(ceilings & set(part.facts)) for part in new or whole]
        known = all(known_of) if new else any(known_of)
        as_sold = pair.is_battery and pair.slot is not None and not new
        if "voltage_max" not in pack.facts and not (pair.is_battery and pair.slot is not None):
            yield Finding("voltage-window", "unknown", "voltage_max", None, None, "V",
                          f"{pack.id} does not state its voltage_max")  # fmt: skip
        elif not known and not as_sold:
            own = pack.facts.get("voltage_max")
            yield Finding("voltage-window", "unknown", "voltage_max", None, own and own.value, "V",
                          f"what voltage {drive.id} bears is not stated")  # fmt: skip


def _of_drive(pair: Pair, pack: Part, drive: Part, told: set[tuple[str, str, float]]) -> Iterator[Finding]:
    """The pack's window against what the drive states as facts, where no limit of it says the same."""
    limits = [limit for limit, by, _, of in pair.limits() if (by, of) == (drive.id, pack.id)]
    limited = {limit.fact for limit in limits}
    for key, fact, at_most, otherwise, follows in _OF_DRIVES:
        own, asked = number(pack.facts, key), number(drive.facts, fact)
        if own is None or asked is None or (key, fact, asked) in told or (key in limited and otherwise != "break"):
            continue
        if any(limit.fact == key and at_most and limit.maximum is not None and limit.maximum <= asked and
               limit.otherwise == "break" for limit in limits):  # fmt: skip
            continue  # a limit says as much
        told.add((key, fact, asked))
        said = f"within what {drive.id} states", f"{drive.id}: {follows}"
        grounds = ground(pack.id, key, pack.facts[key]), ground(drive.id, fact, drive.facts[fact])
        yield enough(
            "voltage-window", key, asked, own, "V", said, grounds, at_most=at_most, otherwise=otherwise, slack=0
        )


def _never_reached(pair: Pair) -> Iterator[Finding]:
    """A pack whose highest voltage lies below the lowest that a limit asks for: the drive never gives its power."""
    stated = {thing.id: thing.facts for thing in (*pair.partners, pair.part)}
    for limit, by, _, of in pair.limits():
        highest = number(stated.get(of, {}), "voltage_max")
        if limit.fact != "voltage_min" or limit.minimum is None or highest is None or highest >= limit.minimum:
            continue
        asked = Ground(f"{by} asks for voltage_min {limit.text} V", limit.source, limit.confidence)
        said = f"even full it lies below what {by} asks for"
        grounds = ground(of, "voltage_max", stated[of]["voltage_max"]), asked
        yield enough("voltage-window", "voltage_max", limit.minimum, highest, "V", (said, said), grounds,
                     otherwise="break", slack=0)  # fmt: skip
        return


def _in_slot(pair: Pair, key: str) -> Iterator[Finding]:
    """Against what the place itself states that it bears, or works with."""
    assert pair.slot is not None
    stated, own = pair.slot.facts[key], pair.part.facts.get(key)
    if own is None:
        yield missing(pair, "voltage-window", key, stated.value)
        return
    at_most = key == "voltage_max"
    said = (
        f"within what {pair.host} states",
        f"{pair.host}: {'more than it bears' if at_most else 'less than it works with'}",
    )
    grounds = ground(pair.part.id, key, own), ground(pair.host, key, stated)
    volts, full = number(pair.slot.facts, key) or 0.0, number(pair.part.facts, "voltage_max")
    never = full is not None and full < volts and not at_most
    yield enough("voltage-window", key, volts, number(pair.part.facts, key) or 0.0, "V", said, grounds, at_most=at_most,
                 otherwise="break" if at_most or never else "degrade", slack=0)  # fmt: skip


def _as_sold(pair: Pair, key: str) -> Finding:
    """Against the window of the pack with which the car is sold: what its charger and converters are known to bear."""
    own, other = pair.part.facts.get(key), pair.fitted.facts.get(key) if pair.fitted else None
    if own is None:
        return missing(pair, "voltage-window", key, other.value if other else None)
    value, at_most = number(pair.part.facts, key) or 0.0, key == "voltage_max"
    if other is None or pair.fitted is None:
        said = f"what charger and DC-DC converter of {pair.host} bear is not stated"
        return Finding("voltage-window", "unknown", key, None, value, "V", said, (ground(pair.part.id, key, own),))
    outside = (
        "outside the window of the pack that the car is sold with; what its charger and DC-DC converter bear is not"
    )
    said_both = "within the window in which charger and DC-DC converter are known to work", f"{outside} stated"
    grounds = ground(pair.part.id, key, own), ground(pair.fitted.id, key, other)
    sold = number({key: other}, key) or 0.0
    return enough("voltage-window", key, sold, value, "V", said_both, grounds, at_most=at_most, otherwise="unknown",
                  slack=AS_SOLD)  # fmt: skip


@rule("B")
def layout(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A module is laid out in the host before anything else is judged.

    As many in series as come nearest to the voltage of the host's own pack within its window; as many strings as mass
    and envelope of the bay allow where both are known, else as the current and the energy as sold ask for. Case,
    contactors, controller and cooling stay those of the pack that the modules replace. What then binds is judged by the
    other rules on the whole pack.
    """
    yield from limits
    if pair.module is None:
        return
    if pair.layout is None:
        yield Finding("layout", "unknown", "modules", None, None, None, pair.no_layout or "it cannot be laid out")
        return
    made = pair.layout
    told = f"{made.series} in series, {made.parallel} side by side"
    for way, least, most in (("in series", made.series_least, made.series_most),
                             ("side by side", made.parallel_least, made.parallel_most)):  # fmt: skip
        if least is not None and most is not None and least > most:
            told += f"; {way} no number will do: one end asks for {least} at least, the other for {most} at most"
            yield Finding("layout", "degrade", f"modules {way}", least, most, None, told)
            return
    yield Finding("layout", "ok", "modules", None, made.modules, None, told)


@rule("B", "cells_series", "cells_parallel", "cells", "modules", "modules_series", "modules_parallel")
def series_count(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The controller that watches the cells must find as many as it expects.

    A pack brings its own controller. Modules laid out in the host's case are watched by the one of the pack that they
    replace: the published case is a controller that sets faults with another number of cells in series, for its
    balancing chips then have nothing to measure.
    """
    yield from limits
    if pair.module is None or pair.fitted is None:
        return
    expected, found = pair.fitted.facts.get("cells_series"), pair.part.facts.get("cells_series")
    if expected is None or found is None:
        silent = pair.fitted.id if expected is None else pair.module.id
        yield Finding("series-count", "unknown", "cells_series", expected and expected.value, found and found.value,
                      None, f"{silent} does not state its cells in series")  # fmt: skip
        return
    said = "as many as the controller of the car's pack watches", \
        "the controller of the car's pack watches another number and sets faults"  # fmt: skip
    fits = found.value == expected.value
    yield alike("series-count", "cells_series", fits, (expected, pair.fitted.id), (found, pair.module.id), said)


@rule(
    "B", "cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max", "cell_voltage_spread_max",
    "open_circuit_voltage", "short_circuit_current",
)  # fmt: skip
def cell_voltage(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Cells must not be charged or emptied further than they bear.

    A pack's own controller sees to that. Modules in a host's case are watched by the host's controller, whose limits
    are those of the cells that it was made for: cells that bear less are overcharged, ones that bear more give less.
    """
    yield from limits
    if pair.module is None or pair.fitted is None:
        return
    for end, sign in (("max", 1), ("min", -1)):
        key, own, other = f"cell_voltage_{end}", _of_a_cell(pair.module, end), _of_a_cell(pair.fitted, end)
        if own is None or other is None:
            silent = pair.module.id if own is None else pair.fitted.id
            yield Finding("cell-voltage", "unknown", key, other and other.value, own and own.value, "V",
                          f"{silent} does not state its {key}")  # fmt: skip
            continue
        gap = float(own.value) - float(other.value)  # type: ignore[arg-type]
        alike_, less = abs(gap) <= _SAME_CELL_V, gap * sign < 0
        further = "the controller of the car's pack goes further than these cells bear"
        unused = "the controller of the car's pack leaves some of these cells' charge unused"
        said = "as the cells of the car's own pack", further if less else unused
        yield alike("cell-voltage", key, alike_, (other, pair.fitted.id), (own, pair.module.id), said,
                    "break" if less else "degrade")  # fmt: skip


def _of_a_cell(part: Part, end: str) -> Fact | None:
    """A voltage of one cell, as stated or as that of the part over its cells in series."""
    stated, whole = part.facts.get(f"cell_voltage_{end}"), part.facts.get(f"voltage_{end}")
    series = number(part.facts, "cells_series")
    if stated is not None or whole is None or series is None:
        return stated
    return whole._replace(value=round(float(whole.value) / series, 4), confidence="derived")  # type: ignore[arg-type]

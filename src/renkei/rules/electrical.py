"""Rules of group B: contactors, insulation, supply, energy."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.rules.finding import Finding
from renkei.rules.held import enough, ground, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule("B", "precharge_owner", "precharge_resistance", "precharge_time", "precharge_threshold")
def precharge(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """One side, and one only, must charge the intermediate circuit before the main contactors close.

    Where nobody does, the contactors weld; where both do, neither gets done in its time.
    """
    yield from limits
    yield from same(pair, "precharge", ("precharge_owner",), otherwise="break", lost="none")


@rule("B", "insulation_resistance", "insulation_monitor", "y_capacitance", "interlock")
def insulation(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The insulation must be measured once, and the interlock loop must be closed through both sides.

    Two monitors disturb each other, none leaves a fault unseen.
    """
    yield from limits
    yield from same(pair, "insulation", ("insulation_monitor",), otherwise="break", lost="none")
    yield from same(pair, "insulation", ("interlock",), otherwise="break")


@rule("B", "low_voltage_min", "low_voltage_max", "quiescent_current")
def low_voltage_supply(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The 12 V supply of the host must stay within what the electronics of the part need.

    A window that the place states must lie within that of the part.
    """
    yield from limits


@rule(
    "B", "energy_gross", "energy_usable", "capacity", "cell_capacity", "charge_energy_wall", "soc_min", "soc_max",
    "energy_density",
)  # fmt: skip
def energy(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must hold the energy that the host is sold with; less is a loss.

    Usable energy is compared where both state it, else gross energy. What the car makes of it is the range, which has a
    rule of its own.
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
    silent = f"{pair.subject}" if own is None else f"the pack that {pair.host} is sold with"
    yield Finding("energy", "unknown", "energy_gross", None, own and own.value, "kWh",
                  f"the energy of {silent} is not stated")  # fmt: skip


@rule("B", "resistance", "resistance_map", "rc_map")
def resistance(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Inner resistance makes voltage under load, heat, and power at low charge.

    Judged as a limit; what follows from it is found by the rules of power and by simulation.
    """
    yield from limits

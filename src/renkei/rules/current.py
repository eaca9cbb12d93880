"""Rules of the current: what the drive asks for, and what pack, fuse and contactors give and take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from renkei.facts import Fact, number
from renkei.parts import Part
from renkei.rules.finding import ROUNDED, Finding, Ground
from renkei.rules.held import enough, ground, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


class _Amps(NamedTuple):
    """A current, why it is that, and the facts it rests on."""

    amps: float
    why: str
    grounds: tuple[Ground, ...]


@rule("C", "current_peak", "current_limit_announced", "dc_current_max", "phase_current_max")
def peak_current(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must give the current that the drive asks for, through every string.

    Limits that the drive states come first, such as on the current that a pack announces: the published case is an
    inverter of 160 kW that gives 145 kW with a pack that announces 400 A and not 500 A. Else the drive's peak power at
    the pack's nominal voltage is compared with what the pack states, or is known to give in the car that it is sold
    with. The load of a single cell is told as a multiple of its capacity. Less than the drive asks for is a loss of
    power; nothing known is unknown. The car's own pack behind a stronger drive is no loss while it gives what the car
    is sold with.
    """
    yield from (_own_pack(pair, finding) for finding in limits)
    announced = any(f.about == "current_limit_announced" and f.level != "unknown" for f in limits)
    if pair.part.kind == "motor":
        return
    for pack in pair.packs:
        if not (announced and "current_peak" not in pack.facts):
            yield _own_pack(pair, _peak(pair, pack))
        yield from _held_back(pair, pack)


def _held_back(pair: Pair, pack: Part) -> Iterator[Finding]:
    """Whether the largest current of the drive holds its power back, at this pack's voltage, below that of the car."""
    if pair.slot is None or pair.fitted is None or len(pair.e_axles) != 1:
        return
    drive = pair.e_axles[0] if pair.is_battery else pair.part
    if "dc_current_max" not in drive.facts:
        return
    before = (drive, pair.fitted) if pair.is_battery else (pair.fitted, pack)
    now_kw, sold_kw = _at_most_kw(drive, pack), _at_most_kw(*before)
    if now_kw is None or sold_kw is None:
        return
    told = f"{now_kw:.0f} kW at {_volts(pack):.4g} V, for {drive.id} draws no more current; {sold_kw:.0f} kW as sold"
    yield enough("peak-current", "dc_current_max", sold_kw, now_kw, "kW", (told, told),
                 (ground(drive.id, "dc_current_max", drive.facts["dc_current_max"]),))  # fmt: skip


def _at_most_kw(drive: Part, pack: Part) -> float | None:
    volts, power_kw = _volts(pack), number(drive.facts, "power_peak")
    amps = number(drive.facts, "dc_current_max")
    if volts is None or power_kw is None:
        return None
    return power_kw if amps is None else min(power_kw, amps * volts / 1000)


def _own_pack(pair: Pair, finding: Finding) -> Finding:
    """What a stronger drive misses in the car's own pack, where the car still has the power that it is sold with."""
    sold_kw = number(pair.fitted.facts, "power_peak") if pair.fitted else None
    if finding.level != "degrade" or pair.is_battery or pair.host_kind != "vehicle" or sold_kw is None:
        return finding
    for pack in pair.packs:
        volts = _volts(pack)
        if pack.id in pair.brought or volts is None or finding.provided * volts / 1000 < sold_kw * (1 - ROUNDED):
            return finding
    own = f"The pack is the car's own, and gives no less than the {sold_kw:g} kW of the car as sold"
    told = f"{finding.message.removesuffix('.')}. {own}"
    return finding._replace(level="ok", message=told)


def _peak(pair: Pair, pack: Part) -> Finding:
    if (asked := _asked(pair, pack)) is None:
        return _not_known(pair, pack, "current_peak", "power_peak")
    drawn, given = f"{asked.why}{_of_cells(pack, asked.amps)}", _given(pair, pack)
    if given is None:
        said = f"nothing states what {pack.id} gives; {drawn}"
        return Finding("peak-current", "unknown", "current_peak", round(asked.amps, 1), None, "A", said, asked.grounds,
                       (), "at least")  # fmt: skip
    told = f"{given.why}; {drawn}"
    return enough("peak-current", "current_peak", asked.amps, given.amps, "A", (told, told),
                  (*given.grounds, *asked.grounds))  # fmt: skip


def _not_known(pair: Pair, pack: Part, about: str, key: str) -> Finding:
    silent = [drive.id for drive in pair.e_axles if key not in drive.facts]
    lacks = f"the drive of {pair.host}" if not pair.drives else \
        f"the power of {' and '.join(silent)}" if silent else f"the voltage of {pack.id}"  # fmt: skip
    return Finding("peak-current", "unknown", about, None, None, "A", f"{lacks} is not known")


def _asked(pair: Pair, pack: Part) -> _Amps | None:
    """What the host draws: as its slot states, or by its drive's power at the pack's voltage; the larger of the two."""
    found = [each for each in (_by_slot(pair), _by_drive(pair, pack)) if each is not None]
    return max(found, key=lambda each: each.amps, default=None)


def _by_slot(pair: Pair) -> _Amps | None:
    for key in ("dc_current_max", "current_peak"):
        stated = number(pair.slot.facts, key) if pair.slot and pair.is_battery else None
        if pair.slot and stated is not None:
            return _Amps(stated, f"the host draws {stated:g} A", (ground(pair.host, key, pair.slot.facts[key]),))
    return None


def _by_drive(pair: Pair, pack: Part) -> _Amps | None:
    volts, drives = _volts(pack), pair.e_axles
    if volts is None or not drives or any("power_peak" not in drive.facts for drive in drives):
        return None
    power_kw = sum(number(drive.facts, "power_peak") or 0 for drive in drives)
    amps, most = power_kw * 1000 / volts, number(drives[0].facts, "dc_current_max")
    if most is not None and len(drives) == 1 and most < amps:
        at_most = (ground(drives[0].id, "dc_current_max", drives[0].facts["dc_current_max"]),)
        return _Amps(most, f"the drive draws {most:g} A at most", at_most)
    why = f"the drive asks for {amps:.0f} A: {power_kw:g} kW at {volts:.4g} V"
    return _Amps(amps, why, tuple(ground(drive.id, "power_peak", drive.facts["power_peak"]) for drive in drives))


def _volts(pack: Part) -> float | None:
    """The nominal voltage of a pack, or the middle of its window."""
    return number(pack.facts, "voltage_nominal") or _middle_v(pack.facts)


def _middle_v(facts: Mapping[str, Fact]) -> float | None:
    low, high = number(facts, "voltage_min"), number(facts, "voltage_max")
    return (low + high) / 2 if low and high else None


def _of_cells(pack: Part, asked_a: float) -> str:
    capacity = number(pack.facts, "cell_capacity")
    if not capacity:
        return ""
    strings = number(pack.facts, "cells_parallel") or 1
    return f", {asked_a / strings:.0f} A through each cell of {capacity:g} Ah ({asked_a / strings / capacity:.1f}C)"


def _given(pair: Pair, pack: Part) -> _Amps | None:
    """What a pack gives: the least that it states, else its power, else what it is known to give where it is sold."""
    stated = [key for key in ("current_peak", "current_limit_announced") if key in pack.facts]
    if pair.module:
        stated = [key for key in stated if key != "current_limit_announced"]  # announced of the pack that is replaced
    if stated:
        key = min(stated, key=lambda each: number(pack.facts, each) or 0.0)
        amps = number(pack.facts, key) or 0.0
        return _Amps(amps, f"it gives {amps:.0f} A", (ground(pack.id, key, pack.facts[key]),))
    volts = _volts(pack)
    for key in ("power_10s", "power_peak"):
        power_kw = number(pack.facts, key)
        if power_kw is not None and volts is not None:
            amps = power_kw * 1000 / volts
            return _Amps(amps, f"it gives {amps:.0f} A", (ground(pack.id, key, pack.facts[key]),))
    if not pair.shown or volts is None:
        return None
    best = max(pair.shown, key=lambda shown: shown.power_kw)
    amps = best.power_kw * 1000 / volts
    known = Ground(f"{pack.id} gives {best.power_kw:g} kW in {best.host}", best.source, "derived")
    return _Amps(amps, f"it is known to give {amps:.0f} A, in {best.host}", (known,))


@rule("C", "power_continuous", "current_continuous", "torque_continuous")
def continuous_power(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must give without end the current that the drive takes without end.

    A motorway is longer than any peak. Judged where slot or drives state what they take and the pack what it gives.
    """
    yield from limits
    for pack in pair.packs:
        asked, volts = _without_end(pair, pack), _volts(pack)
        for key in ("current_continuous", "power_continuous"):
            gives = number(pack.facts, key)
            if asked is None or gives is None or volts is None:
                continue
            amps = gives * 1000 / volts if key == "power_continuous" else gives
            yield enough("continuous-power", key, asked.amps, amps, "A", (asked.why, asked.why),
                         (ground(pack.id, key, pack.facts[key]), *asked.grounds))  # fmt: skip
            break


def _without_end(pair: Pair, pack: Part) -> _Amps | None:
    """What all drives take without end, at the pack's voltage."""
    volts, drives = _volts(pack), pair.e_axles
    if volts is None or not drives or any("power_continuous" not in drive.facts for drive in drives):
        return None
    amps = sum(number(drive.facts, "power_continuous") or 0 for drive in drives) * 1000 / volts
    grounds = tuple(ground(drive.id, "power_continuous", drive.facts["power_continuous"]) for drive in drives)
    return _Amps(amps, f"the drive takes {amps:.0f} A without end", grounds)


@rule("B", "contactor_owner", "contactor_command", "contactor_rating", "fuse_rating", "pyro_fuse")
def contactors(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Who holds the main contactors and who commands them must be the same on both sides.

    Two owners are in each other's way, none leaves the circuit dead or always live. The published case: contactors that
    close without the pack's permission, or on a damaged pack. Fuse and contactors of the pack must carry what the drive
    takes without end; where that is not stated, half of what it asks for at its peak, at which a fuse opens in seconds.
    """
    yield from limits
    yield from same(pair, "contactors", ("contactor_owner", "contactor_command"), otherwise="break")
    for pack in pair.packs:
        asked = _without_end(pair, pack)
        if asked is None and (peak := _by_drive(pair, pack)):
            asked = _Amps(peak.amps / 2, f"half of what the drive asks for is {peak.amps / 2:.0f} A", peak.grounds)
        for key in ("fuse_rating", "contactor_rating"):
            if asked is not None and (carries := number(pack.facts, key)) is not None:
                yield enough("contactors", key, asked.amps, carries, "A", (asked.why, asked.why),
                             (ground(pack.id, key, pack.facts[key]), *asked.grounds), otherwise="break")  # fmt: skip


@rule(
    "C", "charge_limit", "charge_power_peak", "charge_current_peak", "charge_current_continuous",
    "regeneration_power_max", "charge_temperature_min",
)  # fmt: skip
def charge_and_regeneration(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the host charges with, and what it brakes into the pack, must stay within what the pack takes.

    The braking power of all drives and the car's fast charging are compared with the largest charge current that the
    pack states. A pack that takes less is protected by the limits it sends; the host then brakes with friction and
    charges more slowly.
    """
    yield from limits
    for pack in pair.packs:
        volts, key = _volts(pack), "charge_current_peak"
        takes = number(pack.facts, key)
        if takes is None and volts is not None and (power_kw := number(pack.facts, "charge_power_peak")) is not None:
            key, takes = "charge_power_peak", power_kw * 1000 / volts
        if takes is None or volts is None:
            continue
        for who, power_kw, grounds in _charging(pair):
            amps = power_kw * 1000 / volts
            told = f"{who} gives up to {amps:.0f} A: {power_kw:g} kW at {volts:.4g} V"
            yield enough("charge-and-regeneration", key, amps, takes, "A", (told, told),
                         (ground(pack.id, key, pack.facts[key]), *grounds))  # fmt: skip


def _charging(pair: Pair) -> Iterator[tuple[str, float, tuple[Ground, ...]]]:
    """Who charges the pack, with how much power."""
    key = "regeneration_power_max"
    braking = [drive for drive in pair.e_axles if key in drive.facts]
    if braking:
        power_kw = sum(number(drive.facts, key) or 0 for drive in braking)
        yield "braking", power_kw, tuple(ground(drive.id, key, drive.facts[key]) for drive in braking)
    if (power := number(pair.facts, "dc_charge_power_max")) is not None and pair.is_battery:
        fact = pair.facts["dc_charge_power_max"]
        yield f"fast charging of {pair.host}", power, (ground(pair.host, "dc_charge_power_max", fact),)

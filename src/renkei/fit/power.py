"""Rules of group C: power and current over time, charge and temperature; torque and speed; range by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from renkei.facts import Fact
from renkei.fit.finding import Finding, Ground
from renkei.fit.held import alike, enough, ground, missing, number, same
from renkei.fit.pair import Pair
from renkei.fit.rule import rule
from renkei.parts import Part


@rule("C", "current_peak", "current_limit_announced", "dc_current_max", "phase_current_max")
def peak_current(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must give the current that the drive asks for, through every string.

    Limits that the drive states come first, such as on the current that a pack announces: the published case is an
    inverter of 160 kW that gives 145 kW with a pack that announces 400 A and not 500 A. Else the drive's peak power at
    the pack's nominal voltage is compared with what the pack states, or is known to give in the car that it is sold
    with. The load of a single cell is told as a multiple of its capacity. Less than the drive asks for is a loss of
    power; nothing known is unknown. The car's own pack behind a stronger drive is no loss while it gives what the car
    is sold with. Battery module standard C2, e-axle standard B5.
    """
    yield from (_own_pack(pair, finding) for finding in limits)
    if any(f.about == "current_limit_announced" and f.level != "unknown" for f in limits):
        return
    for pack in pair.packs:
        if pair.drives:
            yield _asked_of(pair, pack)


def _own_pack(pair: Pair, finding: Finding) -> Finding:
    """What a stronger drive misses in the car's own pack, where the car still has the power that it is sold with."""
    sold_kw = number(pair.fitted.facts, "power_peak") if pair.fitted else None
    if finding.level != "degrade" or pair.is_battery or pair.host_kind != "vehicle" or sold_kw is None:
        return finding
    for pack in pair.packs:
        amps, volts = number(pack.facts, finding.about), number(pack.facts, "voltage_nominal")
        if pack.id in pair.brought or amps is None or volts is None or amps * volts / 1000 < sold_kw:
            return finding
    told = f"{finding.message} The pack is the car's own, and gives no less than the {sold_kw:g} kW of the car as sold"
    return finding._replace(level="ok", message=told)


def _asked_of(pair: Pair, pack: Part) -> Finding:
    volts = number(pack.facts, "voltage_nominal") or _middle_v(pack.facts)
    asked = _asked(pair, volts)
    if asked is None:
        lacks = f"the power of {pair.drives[0].id}" if volts else f"the voltage of {pack.id}"
        return Finding("peak-current", "unknown", "current_peak", None, None, "A", f"{lacks} is not stated")
    amps, why, grounds = asked
    drawn = f"{why}{_of_cells(pack, amps)}"
    gives, known, founded = _given(pair, pack, volts)
    if gives is None:
        said = f"nothing states what {pack.id} gives; {drawn}"
        return Finding("peak-current", "unknown", "current_peak", round(amps, 1), None, "A", said, grounds, (),
                       "at least")  # fmt: skip
    told = f"{known}; {drawn}"
    return enough("peak-current", "current_peak", amps, gives, "A", (told, told), (*founded, *grounds))


def _asked(pair: Pair, volts: float | None) -> tuple[float, str, tuple[Ground, ...]] | None:
    """What the host draws in A, in words, and why: its slot states it, or its drive's power at that voltage."""
    for key in ("dc_current_max", "current_peak"):
        stated = number(pair.slot.facts, key) if pair.slot and pair.is_battery else None
        if pair.slot and stated is not None:
            return stated, f"the host draws {stated:g} A", (ground(pair.host, key, pair.slot.facts[key]),)
    e_axles = [d for d in pair.drives if d.kind == "e-axle"]
    drives = [d for d in e_axles or pair.drives if "power_peak" in d.facts]  # an inverter inside takes no more
    if not drives or volts is None:
        return None
    power_kw = sum(number(d.facts, "power_peak") or 0 for d in drives)
    amps, limit = power_kw * 1000 / volts, number(drives[0].facts, "dc_current_max")
    grounds = tuple(ground(d.id, "power_peak", d.facts["power_peak"]) for d in drives)
    if limit is not None and len(drives) == 1 and limit < amps:
        return limit, f"the drive draws {limit:g} A at most", (ground(drives[0].id, "dc_current_max",
                                                                      drives[0].facts["dc_current_max"]),)  # fmt: skip
    return amps, f"the drive asks for {amps:.0f} A: {power_kw:g} kW at {volts:.4g} V", grounds


def _middle_v(facts: Mapping[str, Fact]) -> float | None:
    low, high = number(facts, "voltage_min"), number(facts, "voltage_max")
    return (low + high) / 2 if low and high else None


def _of_cells(pack: Part, asked_a: float) -> str:
    capacity = number(pack.facts, "cell_capacity")
    if not capacity:
        return ""
    strings = number(pack.facts, "cells_parallel") or 1
    return f", {asked_a / strings:.0f} A through each cell of {capacity:g} Ah ({asked_a / strings / capacity:.1f}C)"


def _given(pair: Pair, pack: Part, volts: float | None) -> tuple[float | None, str, tuple[Ground, ...]]:
    """What a pack gives in A, in words, and why that is known."""
    for key in ("current_peak", "current_limit_announced", "power_10s", "power_peak"):
        value = number(pack.facts, key)
        if value is not None and not (pair.module and key == "current_limit_announced"):
            if key.startswith("power") and volts is None:
                continue
            gives = value * 1000 / volts if key.startswith("power") and volts else value
            return gives, f"it gives {gives:.0f} A", (ground(pack.id, key, pack.facts[key]),)
    if not pair.shown or volts is None:
        return None, "", ()
    best = max(pair.shown, key=lambda shown: shown.power_kw)
    gives = best.power_kw * 1000 / volts
    known = Ground(f"{pack.id} gives {best.power_kw:g} kW in {best.host}", best.source, "derived")
    return gives, f"it is known to give {gives:.0f} A, in {best.host}", (known,)


@rule("C", "power_peak", "power_2s", "power_10s", "power_30s", "torque_peak", "torque_curve")
def peak_power(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The drive must give the power and the torque that the host is sold with.

    A drive with less is a loss, one with more is judged by what pack and controller give it. Powers of a pack are
    judged by the rule `peak-current`, and here where the slot states for how long it draws how much. Battery module
    standard C1, e-axle standard C1 and C3.
    """
    yield from limits
    if pair.is_battery:
        yield from _drawn(pair, "peak-power", ("power_2s", "power_10s", "power_30s", "power_peak"))
        return
    for key in ("power_peak", "torque_peak"):
        own, other = pair.part.facts.get(key), pair.of_host(key)
        if own is None or other is None:
            if key == "power_peak" and pair.slot is not None:
                silent = pair.part.id if own is None else f"what {pair.host} is sold with"
                yield Finding("peak-power", "unknown", key, other[0].value if other else None, own and own.value, "kW",
                              f"not stated of {silent}")  # fmt: skip
            continue
        said = "no less than the car is sold with", "less than the car is sold with"
        yield enough("peak-power", key, float(other[0].value), float(own.value), own.unit, said,  # type: ignore[arg-type]
                     (ground(pair.part.id, key, own), ground(other[1], key, other[0])))  # fmt: skip


def _drawn(pair: Pair, rule_id: str, keys: tuple[str, ...]) -> Iterator[Finding]:
    """What a place states that it draws, or gives, against what the part states of the same."""
    for key in keys:
        own, drawn = pair.part.facts.get(key), pair.slot.facts.get(key) if pair.slot else None
        if drawn is None:
            continue
        if own is None:
            yield missing(pair, rule_id, key, drawn.value)
            continue
        said = "as much as the host asks for", "less than the host asks for"
        grounds = ground(pair.part.id, key, own), ground(pair.host, key, drawn)
        yield enough(rule_id, key, float(drawn.value), float(own.value), own.unit, said, grounds)  # type: ignore[arg-type]


@rule("C", "power_continuous", "current_continuous", "torque_continuous")
def continuous_power(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The pack must give without end the current that the drive takes without end.

    A motorway is longer than any peak. Judged where slot or drive state what they take. Battery module standard C4,
    e-axle standard C2.
    """
    yield from limits
    if pair.is_battery:
        yield from _drawn(pair, "continuous-power", ("power_continuous", "current_continuous"))
    drive = next((p for p in pair.drives if number(p.facts, "power_continuous")), None)
    volts, gives = number(pair.part.facts, "voltage_nominal"), number(pair.part.facts, "current_continuous")
    if not pair.is_battery or drive is None or volts is None or gives is None:
        return
    asked = (number(drive.facts, "power_continuous") or 0) * 1000 / volts
    told = f"the drive takes {asked:.0f} A without end"
    yield enough("continuous-power", "current_continuous", asked, gives, "A", (told, told),
                 (ground(pair.part.id, "current_continuous", pair.part.facts["current_continuous"]),
                  ground(drive.id, "power_continuous", drive.facts["power_continuous"])))  # fmt: skip


@rule("C", "discharge_limit", "ageing_derate")
def power_when_cold_or_empty(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """At low charge, in cold and in heat the pack must still give what the drive asks for.

    With a table of limits the lowest power in it is compared with the drive's peak. With resistance and open-circuit
    voltage instead, the power at 10 percent of charge is that at which the terminals reach their lowest voltage:
    Vmin (OCV - Vmin) / R. Less is normal, and is told as degrade with the place where it binds. Battery module standard
    C5 and C8.
    """
    yield from limits
    drive = next((p for p in pair.drives if number(p.facts, "power_peak")), None)
    if not pair.is_battery or drive is None or pair.slot is None:
        return
    asked, found = number(drive.facts, "power_peak") or 0.0, _weakest_kw(pair.part)
    if found is None:
        return
    gives, where, key = found
    told = f"{gives:.0f} kW {where}"
    yield enough("power-when-cold-or-empty", key, asked, gives, "kW", (told, told),
                 (ground(pair.part.id, key, pair.part.facts[key]),
                  ground(drive.id, "power_peak", drive.facts["power_peak"])))  # fmt: skip


def _weakest_kw(pack: Part) -> tuple[float, str, str] | None:
    table = pack.facts["discharge_limit"].value if "discharge_limit" in pack.facts else None
    if isinstance(table, Mapping):
        row = min(range(len(table["power"])), key=lambda n: table["power"][n])
        celsius, soc, seconds = (table[column][row] for column in ("temperature", "soc", "time"))
        return table["power"][row], f"at {celsius:g} Celsius and {soc:g} percent for {seconds:g} s", "discharge_limit"
    ocv = pack.facts["open_circuit_voltage"].value if "open_circuit_voltage" in pack.facts else None
    ohm, lowest = number(pack.facts, "resistance"), number(pack.facts, "voltage_min")
    if not isinstance(ocv, Mapping) or not ohm or not lowest:
        return None
    at = next((v for soc, v in zip(ocv["soc"], ocv["voltage"], strict=True) if soc >= 10), None)
    if at is None:
        return None
    return max(0.0, lowest * (at - lowest) / ohm / 1000), "at 10 percent of charge and 25 Celsius", "resistance"


@rule(
    "C", "charge_limit", "charge_power_peak", "charge_current_peak", "charge_current_continuous",
    "regeneration_power_max", "charge_temperature_min",
)  # fmt: skip
def charge_and_regeneration(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the host charges with, and what it brakes into the pack, must stay within what the pack takes.

    The drive's braking power and the car's fast charging are compared with the largest charge current that the pack
    states, and what the slot states that it charges with, with the same of the pack. A pack that takes less is
    protected by the limits it sends; the host then brakes with friction and charges more slowly. Battery module
    standard C3, C6 and D6, e-axle standard C7.
    """
    yield from limits
    if pair.is_battery:
        keys = ("charge_power_peak", "charge_current_peak", "charge_current_continuous")
        yield from _drawn(pair, "charge-and-regeneration", keys)
    takes, volts = number(pair.part.facts, "charge_current_peak"), number(pair.part.facts, "voltage_nominal")
    if not pair.is_battery or takes is None or volts is None:
        return
    drives = [(p.id, "regeneration_power_max", p.facts) for p in pair.partners]
    for who, key, facts in (*drives, (pair.host, "dc_charge_power_max", pair.facts)):
        power_kw = number(facts, key)
        if power_kw is None:
            continue
        asked = power_kw * 1000 / volts
        told = f"{who} gives up to {asked:.0f} A: {power_kw:g} kW at {volts:.4g} V"
        yield enough("charge-and-regeneration", "charge_current_peak", asked, takes, "A", (told, told),
                     (ground(pair.part.id, "charge_current_peak", pair.part.facts["charge_current_peak"]),
                      ground(who, key, facts[key])))  # fmt: skip


@rule("C", "limit_rate", "limit_resolution", "limit_zero", "limit_messages")
def limit_signals(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must hear the pack's limits often enough, and must obey a limit of 0.

    The published case: full regeneration allowed in extreme cold, as the charge limit of one firmware runs below zero.
    What either side does at 0 must be the same. Battery module standard C7 and F6.
    """
    yield from limits
    yield from same(pair, "limit-signals", ("limit_zero",), otherwise="break", lost="ignored")
    yield from same(pair, "limit-signals", ("limit_messages",), otherwise="break")


@rule("C", "dc_charge_power_max", "dc_charge_curve", "dc_charge_inlet", "charge_modes")
def dc_charging(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Fast charging of the host must go on working, and as fast.

    Ways of charging that the host offers and the pack does not know are lost. A pack that takes less charges more
    slowly. That messages of fast charging differ is found by the rules of messages: the published case is a 62 kWh pack
    that drives and charges on AC in a car of 40 kWh, and fails at the fast charger. Vehicle profile B.
    """
    yield from limits
    if not pair.is_battery:
        return
    own, car = pair.part.facts.get("charge_modes"), pair.facts.get("charge_modes")
    other = (car, pair.host) if car is not None else pair.of_host("charge_modes")
    if own is not None and other is not None:
        lost = sorted(set(map(str, other[0].value)) - set(map(str, own.value)))  # type: ignore[arg-type]
        said = "all that the host offers", f"lost: {', '.join(lost)}"
        yield alike("dc-charging", "charge_modes", not lost, other, (own, pair.part.id), said, "degrade")
    takes, asked = number(pair.part.facts, "dc_charge_power_max"), number(pair.facts, "dc_charge_power_max")
    if takes is not None and asked is not None:
        yield enough("dc-charging", "dc_charge_power_max", asked, takes, "kW",
                     ("as fast as the car charges", "fast charging takes longer"),
                     (ground(pair.part.id, "dc_charge_power_max", pair.part.facts["dc_charge_power_max"]),
                      ground(pair.host, "dc_charge_power_max", pair.facts["dc_charge_power_max"])))  # fmt: skip


@rule("B", "ac_charge_power_max", "charger_efficiency")
def ac_charging(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the part asks of the host's on-board charger must be there.

    The charger belongs to the host and stays. That the pack does not wait for messages which this charger never sends
    is found by the rule `messages-to-part`. Vehicle profile B.
    """
    yield from limits


@rule("C", "ratio", "speed_max", "torque_peak_axle", "drives_axle", "driven_axle", "axle_ratio", "top_speed",
      "rated_power", "gear_efficiency")  # fmt: skip
def drive_train(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The e-axle must drive the axle that the host has it on, up to the host's top speed, with enough torque.

    Its top speed is that of its motor through ratio and tyres. Torque at the wheels is compared with that of the e-axle
    that the car is sold with, as stated or as torque times ratio. E-axle standard C4 to C6 and C9.
    """
    yield from limits
    if pair.part.kind != "e-axle" or pair.slot is None:
        return
    own, driven = pair.part.facts.get("drives_axle"), pair.facts.get("driven_axle")
    if own is not None and driven is not None:
        fits = own.value == driven.value or "both" in (own.value, driven.value)
        said = "the axle that the car drives" if fits else "made for the other axle: brakes, load and stability differ"
        yield Finding("drive-train", "ok" if fits else "break", "drives_axle", driven.value, own.value, None, said,
                      (ground(pair.part.id, "drives_axle", own), ground(pair.host, "driven_axle", driven)))  # fmt: skip
    else:
        silent = pair.part.id if own is None else pair.host
        yield Finding("drive-train", "unknown", "drives_axle", driven and driven.value, own and own.value, None,
                      f"{silent} does not state which axle it drives")  # fmt: skip
    yield from _at_the_wheels(pair)
    yield from _top_speed(pair)


def _at_the_wheels(pair: Pair) -> Iterator[Finding]:
    own, other = _wheel_torque(pair.part), _wheel_torque(pair.fitted) if pair.fitted else None
    if own is None or other is None:
        return
    said = "no less than the car is sold with", "less than the car is sold with"
    yield enough("drive-train", "torque_peak_axle", other[0], own[0], "Nm", said, (*own[1], *other[1]))


def _wheel_torque(part: Part) -> tuple[float, tuple[Ground, ...]] | None:
    if (stated := number(part.facts, "torque_peak_axle")) is not None:
        return stated, (ground(part.id, "torque_peak_axle", part.facts["torque_peak_axle"]),)
    torque, ratio = number(part.facts, "torque_peak"), number(part.facts, "ratio")
    if torque is None or ratio is None:
        return None
    return torque * ratio, tuple(ground(part.id, key, part.facts[key]) for key in ("torque_peak", "ratio"))


def _top_speed(pair: Pair) -> Iterator[Finding]:
    rpm, ratio = number(pair.part.facts, "speed_max"), number(pair.part.facts, "ratio")
    radius_m, asked = number(pair.facts, "tyre_radius"), number(pair.facts, "top_speed")
    if rpm is None or ratio is None or radius_m is None or asked is None:
        return
    reached = rpm / ratio * 2 * math.pi * radius_m * 60 / 1000
    told = f"{reached:.0f} km/h at {rpm:g} rpm"
    yield enough("drive-train", "top_speed", asked, reached, "km/h", (told, told),
                 (ground(pair.part.id, "speed_max", pair.part.facts["speed_max"]),
                  ground(pair.host, "top_speed", pair.facts["top_speed"])))  # fmt: skip


@rule("C", "efficiency_peak", "loss_map")
def losses(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Losses of the drive make consumption; judged as limits, and by simulation in the rule `driving`.

    E-axle standard C8.
    """
    yield from limits


@rule(
    "J", "epa_range", "epa_city_mpge", "epa_highway_mpge", "epa_combined_mpge", "epa_factor", "wltp_range",
    "wltp_consumption", "jc08_range", "jc08_consumption", "auxiliary_power",
)  # fmt: skip
def driving(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must go as far, and must follow a cycle as well, as it is sold.

    Both are simulated over the same cycle, with the part and with what the maker fits. A range shorter by more than 2
    percent degrades, and so does a car that falls short of a cycle which it followed before. A simulation rests on
    named assumptions where facts are unknown: it never turns an unknown into ok, and it breaks nothing.
    `renkei drive --battery PART` shows all of it. Vehicle profile D1.
    """
    yield from limits
    driven = pair.driven
    if driven is None:
        return
    with_part, as_sold = driven.range_km
    if with_part is None or as_sold is None:
        if driven.why_not and pair.slot is not None:
            yield Finding("driving", "unknown", "range", as_sold, with_part, "km", driven.why_not, (), (), "at least")
        return
    rests = f", on {len(driven.assumed)} assumptions" if driven.assumed else ""
    grounds = (Ground(f"simulated over {driven.cycle}{rests}", (), "derived"),)
    told = f"{with_part:.0f} km with it, {as_sold:.0f} km as sold, simulated over {driven.cycle}"
    yield enough("driving", "range", as_sold, with_part, "km", (told, told), grounds)
    short, before = driven.behind_m
    if short > before + 1.0:
        told = f"falls {short:.0f} m short of {driven.cycle}, {before:.0f} m as sold"
        yield enough("driving", "cycle", before, short, "m", (told, told), grounds, at_most=True)

"""Rules of group C: power and current over time, charge and temperature; torque and speed; range by simulation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from renkei.facts import number
from renkei.parts import Part
from renkei.rules.finding import Finding
from renkei.rules.held import alike, enough, ground, same
from renkei.rules.pair import Pair
from renkei.rules.rule import rule


@rule("C", "power_peak", "power_2s", "power_10s", "power_30s", "torque_peak", "torque_curve")
def peak_power(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The drive must give the power and the torque that the host is sold with.

    A drive with less is a loss, one with more is judged by what pack and controller give it. Powers of a pack are
    judged by the rule `peak-current`, and here where the slot states for how long it draws how much.
    """
    yield from limits
    if pair.is_battery:
        return
    for key in ("power_peak", "torque_peak") if pair.part.kind == "motor" else ("power_peak",):
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


@rule("C", "discharge_limit", "ageing_derate")
def power_when_cold_or_empty(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """At low charge, in cold and in heat the pack must still give what the drive asks for.

    With a table of limits the lowest power in it is compared with the drive's peak. With resistance and open-circuit
    voltage instead, the power at 10 percent of charge is that at which the terminals reach their lowest voltage:
    Vmin (OCV - Vmin) / R. Less is normal, and is told as degrade with the place where it binds.
    """
    yield from limits
    drives = pair.e_axles
    if not drives or any("power_peak" not in drive.facts for drive in drives):
        return
    asked_kw = sum(number(drive.facts, "power_peak") or 0.0 for drive in drives)
    for pack in pair.packs:
        if (found := _weakest_kw(pack)) is None:
            continue
        gives, where, key = found
        told = f"{gives:.0f} kW {where}"
        yield enough("power-when-cold-or-empty", key, asked_kw, gives, "kW", (told, told),
                     (ground(pack.id, key, pack.facts[key]),
                      *(ground(drive.id, "power_peak", drive.facts["power_peak"]) for drive in drives)))  # fmt: skip


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


@rule("C", "limit_rate", "limit_resolution", "limit_zero", "limit_messages")
def limit_signals(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must hear the pack's limits often enough, and must obey a limit of 0.

    The published case: full regeneration allowed in extreme cold, as the charge limit of one firmware runs below zero.
    What either side does at 0 must be the same.
    """
    yield from limits
    yield from same(pair, "limit-signals", ("limit_zero",), otherwise="break", lost="ignored")
    yield from same(pair, "limit-signals", ("limit_messages",), otherwise="break")


@rule("C", "dc_charge_power_max", "dc_charge_curve", "dc_charge_inlet", "charge_modes")
def dc_charging(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Fast charging of the host must go on working, and as fast.

    Ways of charging that the host offers and the pack does not know are lost. A pack that takes less charges more
    slowly. That messages of fast charging differ is found by the rules of messages: the published case is a 62 kWh pack
    that drives and charges on AC in a car of 40 kWh, and fails at the fast charger.
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
    is found by the rule `messages-to-part`.
    """
    yield from limits

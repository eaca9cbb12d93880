"""Rules of signals: whether both sides mean the same by the bits of a message, and by what they call charge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from renkei.errors import InputError
from renkei.rules.finding import Finding, Level
from renkei.rules.held import alike, same
from renkei.rules.messages import Heard, grounds_of, heard_messages, worse
from renkei.rules.pair import Field, Pair, Ranges
from renkei.rules.rule import rule
from renkei.units import conversion


class _Twofold(NamedTuple):
    """A field as whoever waits for its message reads it, and what whoever sends the message means.

    `meant`: the field of the same signal or name; else one that takes some of the same bits, and then not `is_same`;
    else None.
    """

    heard: Heard
    read: Field
    meant: Field | None
    is_same: bool


def _twofold(pair: Pair) -> Iterator[_Twofold]:
    """Fields of messages that both sides describe, in different maps."""
    for heard in heard_messages(pair):
        if heard.sent is None or heard.wanted.message.map == heard.sent.message.map:
            continue
        sent = heard.sent.fields
        for read in heard.wanted.fields or () if sent is not None else ():
            same_ = next((meant for meant in sent or () if _alike(read, meant)), None)
            if same_ is not None:
                yield _Twofold(heard, read, _in_unit(same_, read.unit), True)
                continue
            over = [meant for meant in sent or () if meant.when == read.when and set(meant.bits) & set(read.bits)]
            for meant in over:
                yield _Twofold(heard, read, meant, False)
            if not over:
                yield _Twofold(heard, read, None, False)


def _laid_alike(pair: Pair) -> Iterator[tuple[_Twofold, Field]]:
    """Fields that both sides call the same and find at the same bits."""
    for one in _twofold(pair):
        if one.is_same and one.meant is not None and (one.read.bits, one.read.when) == (one.meant.bits, one.meant.when):
            yield one, one.meant


def _alike(read: Field, meant: Field) -> bool:
    """Whether both call a field the same, by the path of VSS or else by name."""
    return read.signal == meant.signal if read.signal and meant.signal else read.name == meant.name


def _in_unit(meant: Field, unit: str | None) -> Field:
    """The field in the unit of the other side, where it converts: millivolts are volts."""
    if unit is None or meant.unit is None or unit == meant.unit:
        return meant
    try:
        scale, offset = conversion(meant.unit, unit)
    except InputError:
        return meant
    return meant._replace(
        scale=meant.scale * float(scale), offset=meant.offset * float(scale) + float(offset), unit=unit
    )


def _of(
    one: _Twofold, rule_id: str, required: object, provided: object, unit: str | None, said: str,
    level: Level | None = None,
) -> Finding:  # fmt: skip
    if one.read.signal is None and (one.meant is None or one.meant.signal is None):
        level = "degrade"  # nobody has found a use for these bits that a standard signal would name
    about = f"{one.heard.wanted.text}.{one.read.name}"
    return Finding(rule_id, level or worse(one.heard), about, required, provided, unit, said, grounds_of(one.heard))


@rule("F")
def message_meaning(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The same bits of a message must mean the same to both sides.

    Fields of both descriptions are laid over each other where they come from different maps. The published case is byte
    3 of 0x5BC: a temperature with an offset of 40 in one generation, a bar of the dashboard in the next, so that a
    healthy pack shows 60 Celsius. A field that one side has elsewhere, under another value of a multiplexer, wider, or
    not at all, is found too.
    """
    yield from limits
    for one in _twofold(pair):
        if one.meant is None:
            said = "whoever sends the message says nothing of it"
            yield _of(one, "message-meaning", one.read.name, None, None, said)
        elif not one.is_same:
            said = f"{one.read.name} to whom reads it, {one.meant.name} to whom sends it"
            yield _of(one, "message-meaning", one.read.name, one.meant.name, None, said)
        elif one.read.when != one.meant.when:
            said = "it is sent under another value of the multiplexer"
            yield _of(one, "message-meaning", _when(one.read), _when(one.meant), None, said)
        elif one.read.bits != one.meant.bits:
            said = "it lies elsewhere in the message, or is wider, to whom sends it"
            yield _of(one, "message-meaning", _places(one.read), _places(one.meant), None, said)


def _when(field: Field) -> str:
    told = [f"bits {bits[0]} to {bits[-1]} = {_ranges(ranges)}" for bits, ranges in field.when]
    return " and ".join(told) or "always"


def _places(field: Field) -> str:
    first, last = field.bits[0], field.bits[-1]
    return f"byte {first // 8} bit {first % 8} to byte {last // 8} bit {last % 8}"


@rule("F")
def signal_unit(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A field must be in the same unit on both sides.

    A unit of another quantity is found here; one that converts, such as mV for V, is no finding as long as scale and
    offset make the same quantity of the same bits: that is judged by the rule `signal-scale`.
    """
    yield from limits
    for one, meant in _laid_alike(pair):
        read = one.read
        if read.unit and meant.unit and read.unit != meant.unit:
            yield _of(one, "signal-unit", read.unit, meant.unit, None, f"read as {read.unit}, sent as {meant.unit}")


@rule("F")
def signal_scale(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A field must have the same scale and offset on both sides.

    The published case is fast charging that ends at 20 percent while 100 percent is believed, with a pack of another
    size.
    """
    yield from limits
    for one, meant in _laid_alike(pair):
        read = one.read
        if read.scale * meant.scale <= 0 or (read.unit and meant.unit and read.unit != meant.unit):
            continue
        if not (math.isclose(read.scale, meant.scale) and math.isclose(read.offset, meant.offset, abs_tol=1e-9)):
            wanted, got = f"{read.scale:g} x raw {read.offset:+g}", f"{meant.scale:g} x raw {meant.offset:+g}"
            yield _of(one, "signal-scale", wanted, got, read.unit, f"read as {wanted}, sent as {got}")


@rule("F", "current_sign", "power_sign")
def signal_sign(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Currents and powers must have the same sign on both sides, and be signed on both or on none.

    The published case is a fleet table whose consumption drifts to zero, as one model's power has the other sign; and a
    current read without its sign, which shows 1023.5 A at rest.
    """
    yield from limits
    yield from same(pair, "signal-sign", ("current_sign", "power_sign"), otherwise="break")
    for one, meant in _laid_alike(pair):
        read = one.read
        if read.scale * meant.scale < 0:
            yield _of(one, "signal-sign", read.scale, meant.scale, read.unit, "positive means the opposite")
        elif read.signed != meant.signed:
            said = "signed to one side and not to the other: values below 0 turn large"
            yield _of(one, "signal-sign", read.signed, meant.signed, None, said)


@rule("F", "gear_codes")
def signal_values(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A raw value must stand for the same on both sides.

    The published case is gear 7: L in one maker's cars, B in another's. Values that mark that there is none count too:
    the full capacity of a 62 kWh pack is what a car of 40 kWh takes for not available.
    """
    yield from limits
    gears, car = pair.part.facts.get("gear_codes"), pair.facts.get("gear_codes")
    if gears is not None and car is not None:
        said = "the same raw gears", "the same raw value stands for two gears"
        yield alike(
            "signal-values", "gear_codes", gears.value == car.value, (car, pair.host), (gears, pair.part.id), said
        )
    for one, meant in _laid_alike(pair):
        if two := _two_readings(one.read, meant):
            wanted, got = two
            told = f"{wanted} to whom reads it, {got} to whom sends it"
            yield _of(one, "signal-values", wanted, got, None, told)
        elif one.read.invalid != meant.invalid:
            marks = f"no value: {_ranges(one.read.invalid)}", f"no value: {_ranges(meant.invalid)}"
            level: Level | None = None if one.read.invalid and meant.invalid else "unknown"
            told = f"{marks[0]} to whom reads it, {marks[1]} to whom sends it"
            yield _of(one, "signal-values", *marks, None, told, level)


def _two_readings(read: Field, meant: Field) -> tuple[str, str] | None:
    """The first raw value that stands for two things, as either side reads it: in VSS, else in words of both."""
    ours, theirs = (read.values, meant.values) if read.values and meant.values else (read.names, meant.names)
    for raw in sorted(set(ours) & set(theirs)):
        if ours[raw] != theirs[raw]:
            return f"{raw} = {ours[raw]}", f"{raw} = {theirs[raw]}"
    return None


def _ranges(ranges: Ranges) -> str:
    told = [f"0x{low:X}" if low == high else f"0x{low:X} to 0x{high:X}" for low, high in ranges]
    return ", ".join(told) or "none"


@rule("F", "soc_definition", "soh_definition", "energy_full_code")
def signal_definition(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """State of charge, health and full energy must mean the same to both sides.

    A host that takes the charge of the cells for the usable one ends fast charging at the wrong place. Definitions are
    texts: where they differ somebody must read them.
    """
    yield from limits
    yield from same(pair, "signal-definition", ("soc_definition", "soh_definition"), otherwise="unknown")
    own, other = pair.part.facts.get("energy_full_code"), pair.of_host("energy_full_code")
    if own is not None and other is not None:
        fits, said = own.value == other[0].value, ("the same full energy", "the host counts with another full energy")
        yield alike("signal-definition", "energy_full_code", fits, other, (own, pair.part.id), said, "degrade")

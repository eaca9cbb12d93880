"""Rules of group F: who sends what to whom, how often, how guarded, and whether both mean the same by it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from renkei.errors import InputError
from renkei.facts import number
from renkei.rules.finding import Finding, Ground, Level
from renkei.rules.held import alike, same
from renkei.rules.pair import Field, Line, Pair, Ranges, Spoken
from renkei.rules.rule import rule
from renkei.units import conversion

LATE = 1.5
"""A message that comes this much more seldom than it is waited for is late."""


@rule("F", "protocol", "bus", "bitrate", "node_ids", "diagnostic_request")
def protocol(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Part and host must speak the same set of messages, on a bus of the same rate.

    Names of message sets are compared. Two sets break even where most messages are alike: published cases are packs of
    30, 40 and 62 kWh in a car of 24 kWh, and a pack of 2024 whose first start works and whose second one fails. A CAN
    bridge rewrites what differs. Modules bring no set of their own into the host's case: whether its controller reads
    their sensors is unknown unless they are those that it is made of. Battery module standard F1 and F2, e-axle
    standard F1 and F2, vehicle profile F1.
    """
    if pair.module is not None:
        said = f"whether the controller of the car's pack reads the sensors of {pair.module.id} is not stated"
        yield Finding("protocol", "unknown", "protocol", None, None, None, said)
        return
    yield from limits
    needed = pair.slot is not None and pair.part.kind in ("battery-pack", "e-axle")
    yield from same(pair, "protocol", ("protocol",), otherwise="break", needed=needed and not _talk_is_known(pair))
    own, other = number(pair.part.facts, "bitrate"), pair.of_host("bitrate")
    if own is not None and other is not None and own != other[0].value:
        differ = "", "the rates of the bus differ"
        yield alike("protocol", "bitrate", False, other, (pair.part.facts["bitrate"], pair.part.id), differ)


def _talk_is_known(pair: Pair) -> bool:
    """Whether messages of both sides are entered, so that names of their sets say nothing more."""
    return bool(pair.said_by_part.provides and pair.said_by_host.requires)


class _Heard(NamedTuple):
    """A message that one side waits for, and the other's of the same identifier, if it sends one."""

    wanted: Line
    sent: Line | None
    by_part: bool


def _heard(pair: Pair, *, by_part: bool | None = None) -> Iterator[_Heard]:
    for is_part, waits, sends in (
        (True, pair.said_by_part, pair.said_by_host), (False, pair.said_by_host, pair.said_by_part),
    ):  # fmt: skip
        if by_part not in (None, is_part) or not sends.provides:
            continue
        offered = {(line.message.bus, line.message.id): line for line in sends.provides}
        for line in waits.requires:
            yield _Heard(line, offered.get((line.message.bus, line.message.id)), is_part)


def _grounds(heard: _Heard) -> tuple[Ground, ...]:
    wanted = heard.wanted.message
    grounds = (Ground(f"waits for {heard.wanted.text}", wanted.source, wanted.confidence),)
    if heard.sent is None:
        return grounds
    sent = heard.sent.message
    return (*grounds, Ground(f"sends {heard.sent.text}", sent.source, sent.confidence))


def _worse(heard: _Heard) -> Level:
    return "break" if heard.wanted.message.otherwise == "break" else "degrade"


@rule("F")
def messages_to_part(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must send every message that the part waits for.

    The published case is a pack of 2013 and later that waits for 0x390 and 0x393 in a car whose charger sends 0x380 and
    0x5BF: P3196, and no charging. What a recording of the host has shown counts as sent. Battery module standard F1.
    """
    yield from limits
    yield from _missing(pair, "messages-to-part", by_part=True)


@rule("F")
def messages_to_host(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must send every message that the host waits for.

    What is lost without each is told: contactors that do not close, no regeneration, no state of charge. E-axle
    standard F1.
    """
    yield from limits
    yield from _missing(pair, "messages-to-host", by_part=False)


def _missing(pair: Pair, rule_id: str, *, by_part: bool) -> Iterator[Finding]:
    if pair.slot is None or pair.module is not None or pair.part.kind == "motor":
        return
    waits, sends = (pair.said_by_part, pair.said_by_host) if by_part else (pair.said_by_host, pair.said_by_part)
    who, other = (pair.part.id, pair.host) if by_part else (pair.host, pair.part.id)
    if waits.requires and not sends.provides:
        yield Finding(rule_id, "unknown", "messages", f"{len(waits.requires)} messages", None, None,
                      f"what {other} sends is not known")  # fmt: skip
    elif not waits.requires and pair.part.kind in ("battery-pack", "e-axle") and "protocol" not in pair.part.facts:
        yield Finding(rule_id, "unknown", "messages", None, None, None, f"what {who} waits for is not known")
    for heard in _heard(pair, by_part=by_part):
        lost = heard.wanted.message.lost
        elsewhere = _on_another_bus(heard, sends)
        level: Level
        if heard.sent is None and elsewhere:
            level, sent = "unknown", elsewhere
            said = f"{other} sends it on {elsewhere}, and {who} waits for it on {heard.wanted.message.bus}"
        elif heard.sent is None:
            said = f"{other} does not send it{f': {lost}' if lost else ''}"
            level, sent = _worse(heard), None
        else:
            level, sent, said = "ok", heard.sent.text, f"{other} sends it"
        yield Finding(rule_id, level, heard.wanted.text, heard.wanted.text, sent, None, said, _grounds(heard))


def _on_another_bus(heard: _Heard, sends: Spoken) -> str | None:
    """The bus on which the other side has a message of that identifier; names of buses are ours."""
    wanted = heard.wanted.message
    return next((line.message.bus for line in sends.provides
                 if line.message.id == wanted.id and line.message.bus != wanted.bus), None)  # fmt: skip


@rule("F")
def message_timing(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """A message must come as often as the other side waits for it.

    One that is later than the stated time-out is missing; where no time-out is stated, one that comes more seldom than
    every one and a half periods is late.
    """
    yield from limits
    for heard in _heard(pair):
        if heard.sent is None:
            continue
        wanted, sent = heard.wanted.message, heard.sent.message
        longest = wanted.timeout_ms or (wanted.cycle_ms * LATE if wanted.cycle_ms else None)
        if longest is None or sent.cycle_ms is None:
            continue
        level: Level = "ok" if sent.cycle_ms <= longest else _worse(heard)
        said = f"every {sent.cycle_ms:g} ms" + ("" if level == "ok" else f", later than {longest:g} ms")
        yield Finding("message-timing", level, heard.wanted.text, longest, sent.cycle_ms, "ms", said,
                      _grounds(heard), (), "at most", round(longest - sent.cycle_ms, 6))  # fmt: skip


@rule("F", "e2e_profile", "security")
def message_checks(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Checksum and counter of a message must be those that the other side checks.

    A message whose checksum fails is as good as not sent. Battery module standard F7 and F8, e-axle standard F5 and F6.
    """
    yield from limits
    yield from same(pair, "message-checks", ("e2e_profile", "security"), otherwise="break")
    for heard in _heard(pair):
        if heard.sent is None:
            continue
        wanted, sent = heard.wanted.message, heard.sent.message
        if wanted.checksum is not None:
            level: Level = "unknown" if sent.checksum is None else "ok" if sent.checksum == wanted.checksum else \
                _worse(heard)  # fmt: skip
            said = {"ok": "the same checksum", "unknown": "whether it carries a checksum is not stated"}.get(
                level, "another checksum: the message counts as not sent")  # fmt: skip
            yield Finding("message-checks", level, heard.wanted.text, wanted.checksum, sent.checksum, None, said,
                          _grounds(heard))  # fmt: skip
        if wanted.counter is not None:
            about = f"{heard.wanted.text}.{wanted.counter}"
            level, said = _counted(heard, _named(heard.wanted, wanted.counter), _named(heard.sent, sent.counter))
            yield Finding("message-checks", level, about, wanted.counter, sent.counter, None, said, _grounds(heard))


def _named(line: Line, name: str | None) -> Field | None:
    return next((field for field in line.fields or () if field.name == name), None)


def _counted(heard: _Heard, wanted: Field | None, sent: Field | None) -> tuple[Level, str]:
    """Counters are held against each other by their bits; where these are not known, by name."""
    assert heard.sent is not None
    names = heard.wanted.message.counter, heard.sent.message.counter
    if names[1] is None:
        return "unknown", "whether it carries a counter is not stated"
    if wanted is not None and sent is not None:
        if wanted.bits == sent.bits:
            return "ok", "the same counter"
        return _worse(heard), "the counter lies elsewhere: the message counts as not sent"
    return ("ok", "the same counter") if names[0] == names[1] else ("unknown", "where its counter lies is not stated")


class _Twofold(NamedTuple):
    """A field as whoever waits for its message reads it, and what whoever sends the message means.

    `meant`: the field of the same signal or name; else one that takes some of the same bits, and then not `is_same`;
    else None.
    """

    heard: _Heard
    read: Field
    meant: Field | None
    is_same: bool


def _twofold(pair: Pair) -> Iterator[_Twofold]:
    """Fields of messages that both sides describe, in different maps."""
    for heard in _heard(pair):
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
    return Finding(rule_id, level or _worse(one.heard), about, required, provided, unit, said, _grounds(one.heard))


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
    current read without its sign, which shows 1023.5 A at rest. Battery module standard F3, e-axle standard F3.
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
    the full capacity of a 62 kWh pack is what a car of 40 kWh takes for not available. E-axle standard F4, vehicle
    profile F4.
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
    texts: where they differ somebody must read them. Battery module standard F4 and F5, vehicle profile F3.
    """
    yield from limits
    yield from same(pair, "signal-definition", ("soc_definition", "soh_definition"), otherwise="unknown")
    own, other = pair.part.facts.get("energy_full_code"), pair.of_host("energy_full_code")
    if own is not None and other is not None:
        fits, said = own.value == other[0].value, ("the same full energy", "the host counts with another full energy")
        yield alike("signal-definition", "energy_full_code", fits, other, (own, pair.part.id), said, "degrade")

"""Rules of messages: who sends what to whom, how often, and how guarded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from renkei.facts import number
from renkei.rules.finding import Finding, Ground, Level
from renkei.rules.held import alike, same
from renkei.rules.pair import Field, Line, Pair, Spoken
from renkei.rules.rule import rule

LATE = 1.5
"""A message that comes this much more seldom than it is waited for is late."""


@rule("F", "protocol", "bus", "bitrate", "node_ids", "diagnostic_request")
def protocol(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Part and host must speak the same set of messages, on a bus of the same rate.

    Names of message sets are compared. Two sets break even where most messages are alike: published cases are packs of
    30, 40 and 62 kWh in a car of 24 kWh, and a pack of 2024 whose first start works and whose second one fails. A CAN
    bridge rewrites what differs. Modules bring no set of their own into the host's case: whether its controller reads
    their sensors is unknown unless they are those that it is made of.
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


class Heard(NamedTuple):
    """A message that one side waits for, and the other's of the same identifier, if it sends one."""

    wanted: Line
    sent: Line | None
    by_part: bool


def heard_messages(pair: Pair, *, by_part: bool | None = None) -> Iterator[Heard]:
    for is_part, waits, sends in (
        (True, pair.said_by_part, pair.said_by_host), (False, pair.said_by_host, pair.said_by_part),
    ):  # fmt: skip
        if by_part not in (None, is_part) or not sends.provides:
            continue
        offered = {(line.message.bus, line.message.id): line for line in sends.provides}
        for line in waits.requires:
            yield Heard(line, offered.get((line.message.bus, line.message.id)), is_part)


def grounds_of(heard: Heard) -> tuple[Ground, ...]:
    wanted = heard.wanted.message
    grounds = (Ground(f"waits for {heard.wanted.text}", wanted.source, wanted.confidence),)
    if heard.sent is None:
        return grounds
    sent = heard.sent.message
    return (*grounds, Ground(f"sends {heard.sent.text}", sent.source, sent.confidence))


def worse(heard: Heard) -> Level:
    return "break" if heard.wanted.message.otherwise == "break" else "degrade"


@rule("F")
def messages_to_part(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The host must send every message that the part waits for.

    The published case is a pack of 2013 and later that waits for 0x390 and 0x393 in a car whose charger sends 0x380 and
    0x5BF: P3196, and no charging. What a recording of the host has shown counts as sent.
    """
    yield from limits
    yield from _missing(pair, "messages-to-part", by_part=True)


@rule("F")
def messages_to_host(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """The part must send every message that the host waits for.

    What is lost without each is told: contactors that do not close, no regeneration, no state of charge.
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
    for heard in heard_messages(pair, by_part=by_part):
        lost = heard.wanted.message.lost
        elsewhere = _on_another_bus(heard, sends)
        level: Level
        if heard.sent is None and elsewhere:
            level, sent = "unknown", elsewhere
            said = f"{other} sends it on {elsewhere}, and {who} waits for it on {heard.wanted.message.bus}"
        elif heard.sent is None:
            said = f"{other} does not send it{f': {lost}' if lost else ''}"
            level, sent = worse(heard), None
        else:
            level, sent, said = "ok", heard.sent.text, f"{other} sends it"
        yield Finding(rule_id, level, heard.wanted.text, heard.wanted.text, sent, None, said, grounds_of(heard))


def _on_another_bus(heard: Heard, sends: Spoken) -> str | None:
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
    for heard in heard_messages(pair):
        if heard.sent is None:
            continue
        wanted, sent = heard.wanted.message, heard.sent.message
        longest = wanted.timeout_ms or (wanted.cycle_ms * LATE if wanted.cycle_ms else None)
        if longest is None:
            continue
        if sent.cycle_ms is None:
            yield Finding("message-timing", "unknown", heard.wanted.text, longest, None, "ms",
                          "how often it is sent is not stated", grounds_of(heard), (), "at most")  # fmt: skip
            continue
        level: Level = "ok" if sent.cycle_ms <= longest else worse(heard)
        said = f"every {sent.cycle_ms:g} ms" + ("" if level == "ok" else f", later than {longest:g} ms")
        yield Finding("message-timing", level, heard.wanted.text, longest, sent.cycle_ms, "ms", said,
                      grounds_of(heard), (), "at most", round(longest - sent.cycle_ms, 6))  # fmt: skip


@rule("F", "e2e_profile", "security")
def message_checks(pair: Pair, limits: tuple[Finding, ...]) -> Iterator[Finding]:
    """Checksum and counter of a message must be those that the other side checks.

    A message whose checksum fails is as good as not sent.
    """
    yield from limits
    yield from same(pair, "message-checks", ("e2e_profile", "security"), otherwise="break")
    for heard in heard_messages(pair):
        if heard.sent is None:
            continue
        wanted, sent = heard.wanted.message, heard.sent.message
        if wanted.checksum is not None:
            level: Level = "unknown" if sent.checksum is None else "ok" if sent.checksum == wanted.checksum else \
                worse(heard)  # fmt: skip
            said = {"ok": "the same checksum", "unknown": "whether it carries a checksum is not stated"}.get(
                level, "another checksum: the message counts as not sent")  # fmt: skip
            yield Finding("message-checks", level, heard.wanted.text, wanted.checksum, sent.checksum, None, said,
                          grounds_of(heard))  # fmt: skip
        if wanted.counter is not None:
            about = f"{heard.wanted.text}.{wanted.counter}"
            level, said = _counted(heard, _named(heard.wanted, wanted.counter), _named(heard.sent, sent.counter))
            yield Finding("message-checks", level, about, wanted.counter, sent.counter, None, said, grounds_of(heard))


def _named(line: Line, name: str | None) -> Field | None:
    return next((field for field in line.fields or () if field.name == name), None)


def _counted(heard: Heard, wanted: Field | None, sent: Field | None) -> tuple[Level, str]:
    """Counters are held against each other by their bits; where these are not known, by name."""
    assert heard.sent is not None
    names = heard.wanted.message.counter, heard.sent.message.counter
    if names[1] is None:
        return "unknown", "whether it carries a counter is not stated"
    if wanted is not None and sent is not None:
        if wanted.bits == sent.bits:
            return "ok", "the same counter"
        return worse(heard), "the counter lies elsewhere: the message counts as not sent"
    return ("ok", "the same counter") if names[0] == names[1] else ("unknown", "where its counter lies is not stated")

"""Judges parts, slots, standards, aids and assumptions of a catalogue, where reading a file alone cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from renkei.can.checks import CHECKSUMS
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, RenkeiError, nearest
from renkei.fit.rules import RULES
from renkei.flows.talk import on_bus
from renkei.parts import Part, Slot, Talk

Place = tuple[str, str, str]
"""File, key, and what is wrong there."""


def check_parts(catalogue: Catalogue, maker: str) -> Iterator[Place | Part]:
    """Each part of a maker that reads, and everything that is wrong with any."""
    for id_ in (p for p in catalogue.parts if p.startswith(f"{maker}/")):
        try:
            part = catalogue.part(id_)
        except RenkeiError as e:
            yield from told(e, id_)
            continue
        yield part
        for kind, inside in part.made_of.items():
            yield from _of_kind(catalogue, part.file, f"made_of.{kind}", inside, kind)
        yield from _window(part)
        yield from check_slots(catalogue, maker, part.file, part.slots)
        yield from _talk(catalogue, maker, part.file, "messages", part.messages)


def check_slots(catalogue: Catalogue, maker: str, file: Path, slots: Mapping[str, Slot]) -> Iterator[Place]:
    """Whether the parts that are fitted exist, are of the right kind, and keep to what the slot asks of them."""
    for slot in slots.values():
        at = f"slots.{slot.name}"
        yield from _talk(catalogue, maker, file, f"{at}.messages", slot.messages)
        if slot.fitted is None:
            continue
        wrong = list(_of_kind(catalogue, file, f"{at}.fitted", slot.fitted, slot.kind))
        yield from wrong
        fitted = _read(catalogue, slot.fitted)
        for limit in slot.requires if fitted and not wrong else ():
            if limit.met_by(fitted.facts.get(limit.fact)) is False:  # type: ignore[union-attr]
                got = fitted.facts[limit.fact].value  # type: ignore[union-attr]
                what = f"{slot.fitted}, which is fitted, has {got!r}, and the slot asks for {limit.text}"
                yield str(file), f"{at}.requires.{limit.fact}", what


def check_standards(catalogue: Catalogue) -> Iterator[Place]:
    """Standards and assumptions that do not read."""
    for id_ in catalogue.standards:
        try:
            catalogue.standard(id_)
        except RenkeiError as e:
            yield from told(e, id_)
    try:
        _ = catalogue.assumptions
    except RenkeiError as e:
        yield from told(e, "assumptions.toml")


def check_aids(catalogue: Catalogue) -> Iterator[Place]:
    """Aids that do not read, or that name a rule which is not there."""
    for id_ in catalogue.aids:
        try:
            aid = catalogue.aid(id_)
        except RenkeiError as e:
            yield from told(e, id_)
            continue
        for n, mend in enumerate(aid.mends):
            for rule in mend.rules:
                if rule not in RULES:
                    at, expected = f"mends.{n}.rules", "a rule of 'renkei list rules'"
                    wrong = CatalogueError(aid.file, at, expected=expected, got=rule, near=nearest(rule, RULES))
                    yield from told(wrong, id_)


def told(e: RenkeiError, where: str) -> list[Place]:
    """All that an error says."""
    if isinstance(e, CatalogueError):
        return [(each.file, each.key, each.what) for each in (e, *e.others)]
    return [(where, "", str(e))]


def _read(catalogue: Catalogue, part: str) -> Part | None:
    try:
        return catalogue.part(part)
    except RenkeiError:
        return None


def _of_kind(catalogue: Catalogue, file: Path, key: str, part: str, kind: str) -> Iterator[Place]:
    if part not in catalogue.parts:
        near = nearest(part, catalogue.parts)
        meant = f"; did you mean '{near}'?" if near else ""
        yield str(file), key, f"expected a part that exists, got '{part}'{meant}"
        return
    found = _read(catalogue, part)
    if found is not None and found.kind != kind:
        yield str(file), key, f"expected a part of kind {kind}, got '{part}', which is of kind {found.kind}"


def _window(part: Part) -> Iterator[Place]:
    """Lowest, nominal and highest of one quantity stand in this order."""
    for low, mid, high in (
        ("voltage_min", "voltage_nominal", "voltage_max"),
        ("cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max"),
        ("temperature_min", "", "temperature_max"),
        ("dc_voltage_min", "", "dc_voltage_max"),
        ("soc_min", "", "soc_max"),
    ):
        known = [(k, part.facts[k].value) for k in (low, mid, high) if k in part.facts]
        for (a, x), (b, y) in pairwise(known):
            if isinstance(x, int | float) and isinstance(y, int | float) and x >= y:
                yield str(part.file), f"facts.{a}", f"{x:g} is not below {b}, {y:g}"


def _talk(catalogue: Catalogue, maker: str, file: Path, at: str, talk: Talk) -> Iterator[Place]:
    for side, messages in (("provides", talk.provides), ("requires", talk.requires)):
        for message in messages:
            key = f"{at}.{side}.{message.bus}.{message.name or hex(message.id or 0)}"
            if message.checksum and message.checksum not in CHECKSUMS:
                near = nearest(message.checksum, CHECKSUMS)
                meant = f"; did you mean '{near}'?" if near else ""
                yield str(file), f"{key}.checksum", f"unknown checksum '{message.checksum}'{meant}"
            try:
                on_bus(catalogue, maker, message)
            except RenkeiError as e:
                yield str(file), key, str(e)

"""Judges parts, slots, standards, aids and assumptions of a catalogue, where reading a file alone cannot."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, RenkeiError
from renkei.flows.mistaken import judged_aid, mistakes_in
from renkei.parts import Part
from renkei.rules.register import RULES
from renkei.vehicle import Vehicle

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
        yield from check_thing(catalogue, part)


def check_thing(catalogue: Catalogue, thing: Part | Vehicle) -> Iterator[Place]:
    """Whatever is wrong with a part or car by what else the catalogue holds."""
    try:
        for mistake in mistakes_in(catalogue, thing):
            yield from told(mistake, thing.id)
    except RenkeiError as e:  # a file that it rests on cannot be read
        yield from told(e, thing.id)


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
            judged_aid(catalogue, id_, RULES)
        except RenkeiError as e:
            yield from told(e, id_)


def told(e: RenkeiError, where: str) -> list[Place]:
    """All that an error says."""
    if isinstance(e, CatalogueError):
        return [(each.file, each.key, each.what) for each in (e, *e.others)]
    return [(where, "", str(e))]

"""What is wrong in a part, a car or an aid by what else there is: parts, maps, DBC files, checksums and rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from renkei.aid import Aid
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, Mistakes, RenkeiError, nearest
from renkei.flows.talk import talk_on_bus
from renkei.parts import Part, Slot, Talk
from renkei.vehicle import Vehicle


def refuse_mistaken(catalogue: Catalogue, ids: Iterable[str]) -> None:
    """Raises CatalogueError, with all mistakes, where one of these parts or cars is mistaken, or a part in its slots.

    Each is looked at once a catalogue; ids of other things are passed over.
    """
    waiting, seen = list(ids), set[str]()
    while waiting:
        id_ = waiting.pop()
        if id_ in seen or not (id_ in catalogue.parts or id_ in catalogue.vehicles):
            continue
        seen.add(id_)
        thing = catalogue.once("without mistakes", id_, partial(_without_mistakes, catalogue, id_))
        waiting += [slot.fitted for slot in thing.slots.values() if slot.fitted]


def _without_mistakes(catalogue: Catalogue, id_: str) -> Part | Vehicle:
    thing = catalogue.part(id_) if id_ in catalogue.parts else catalogue.vehicle(id_)
    mistakes = Mistakes()
    mistakes.found += mistakes_in(catalogue, thing)
    mistakes.tell()
    return thing


def mistakes_in(catalogue: Catalogue, thing: Part | Vehicle) -> Iterator[CatalogueError]:
    """Everything of a part or car itself that reading its file cannot tell."""
    if isinstance(thing, Part):
        maker, file = thing.maker, thing.file
        for kind, inside in thing.made_of.items():
            yield from _of_kind(catalogue, file, f"made_of.{kind}", inside, kind)
        yield from _in_talk(catalogue, maker, thing.messages)
    else:
        maker, name = thing.id.split("/", 1)
        file = catalogue.file(maker, f"vehicles/{name}.toml") or Path(thing.id)
    yield from _in_slots(catalogue, maker, file, thing.slots)


def judged_aid(catalogue: Catalogue, aid: str, rules: Iterable[str]) -> Aid:
    """An aid that names no rule but one of `rules`; raises UnknownName, and CatalogueError with all mistakes."""
    found, mistakes = catalogue.aid(aid), Mistakes()
    for n, mend in enumerate(found.mends):
        for rule in mend.rules:
            with mistakes.gathered():
                if rule not in rules:
                    at, expected = f"mends.{n}.rules", "a rule of 'renkei list rules'"
                    raise CatalogueError(found.file, at, expected=expected, got=rule, near=nearest(rule, rules))
    mistakes.tell()
    return found


def _in_slots(catalogue: Catalogue, maker: str, file: Path, slots: Mapping[str, Slot]) -> Iterator[CatalogueError]:
    """Parts that are fitted exist, are of the right kind, and keep to what the slot asks of them."""
    for slot in slots.values():
        at = f"slots.{slot.name}"
        yield from _in_talk(catalogue, maker, slot.messages)
        if slot.fitted is None:
            continue
        wrong = list(_of_kind(catalogue, file, f"{at}.fitted", slot.fitted, slot.kind))
        yield from wrong
        fitted = None if wrong else _read(catalogue, slot.fitted)
        for limit in slot.requires if fitted else ():
            if limit.met_by(fact := fitted.facts.get(limit.fact)) is False:  # type: ignore[union-attr]
                expected = f"a limit that {slot.fitted} keeps, which is fitted and has {fact.value!r}"  # type: ignore[union-attr]
                yield CatalogueError(file, f"{at}.requires.{limit.fact}", expected=expected, got=limit.text)


def _of_kind(catalogue: Catalogue, file: Path, key: str, part: str, kind: str) -> Iterator[CatalogueError]:
    if part not in catalogue.parts:
        near = nearest(part, catalogue.parts)
        yield CatalogueError(file, key, expected="a part that exists", got=part, near=near)
        return
    found = _read(catalogue, part)
    if found is not None and found.kind != kind:
        yield CatalogueError(file, key, expected=f"a part of kind {kind}, not {found.kind}", got=part)


def _read(catalogue: Catalogue, part: str) -> Part | None:
    """A part, or None for one whose own file is wrong, which is told where that is read."""
    try:
        return catalogue.part(part)
    except RenkeiError:
        return None


def _in_talk(catalogue: Catalogue, maker: str, talk: Talk) -> Iterator[CatalogueError]:
    try:
        talk_on_bus(catalogue, maker, talk)
    except CatalogueError as e:
        yield from (e, *e.others)

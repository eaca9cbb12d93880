"""A verdict on a part as sealed evidence: bound to what both sides state, which a partner can check on its own side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from renkei import evidence
from renkei.catalogue import Catalogue
from renkei.catalogue.part_reading import full_id
from renkei.errors import InputError
from renkei.flows.prove import map_digest
from renkei.flows.show import portrait
from renkei.parts import Part
from renkei.rules.finding import Verdict
from renkei.vocabulary import builtin

KIND = "verdict on fit"

_SAID = ("fact", "value", "unit", "confidence", "source", "note", "disputed")
_WORDING = ("name", "note", "unknown", "years")


def sealed(catalogue: Catalogue, verdict: Verdict, pem: bytes | None = None) -> bytes:
    """The verdict as an evidence file, signed with an ed25519 private key if one is given."""
    return evidence.seal(KIND, verdict.plain(), digests(catalogue, verdict), pem)


def digests(catalogue: Catalogue, verdict: Verdict) -> dict[str, str]:
    """Digests of all that the verdict rests on, by id: subject, host, the parts that the host is sold with, aids."""
    found: dict[str, str] = {}
    for id_ in (verdict.subject, verdict.host, *verdict.aids):
        for each in _with_parts(catalogue, id_):
            digest = digest_of(catalogue, each)
            if digest is None:
                raise InputError(f"{each}: only what a catalogue holds is sealed; put it there and name --data DIR")
            found[each] = digest
    return found


def digest_of(catalogue: Catalogue, id_: str) -> str | None:
    """Of what this catalogue states of a thing; None where it has none of that id."""
    if id_ in catalogue.parts or id_ in catalogue.vehicles:
        return evidence.digest(evidence.canonical(contract(catalogue, id_)))
    for kind in ("standard", "app", "aid"):
        if id_ in getattr(catalogue, f"{kind}s"):
            return evidence.digest(getattr(catalogue, kind)(id_).file.read_bytes())
    return None


def contract(catalogue: Catalogue, id_: str) -> dict[str, Any]:
    """What a part or vehicle provides and requires, each fact with unit, source and confidence; no words about it.

    `maps`: digests of the maps, with their DBC files, by which it is said what its messages mean.
    """
    whole = portrait(catalogue, id_)
    kept = {key: value for key, value in whole.items() if key not in _WORDING}
    slots = [slot | {"facts": _facts(slot["facts"])} for slot in whole["slots"]]
    maps = {id_: _map_digest(catalogue, id_) for id_ in sorted(_maps(whole))}
    return kept | {"facts": _facts(whole["facts"]), "slots": slots, "maps": maps}


def _maps(whole: Mapping[str, Any]) -> set[str]:
    """Ids of the maps that a car has, and that messages of a part or slot name."""
    maker = str(whole["id"]).split("/")[0]
    talks = [whole["messages"], *(slot["messages"] for slot in whole["slots"])]
    named = {row["map"] for talk in talks for side in talk.values() for row in side if row["map"]}
    return {full_id(maker, name) for name in named} | ({whole["map"]} if whole["map"] else set())


def _map_digest(catalogue: Catalogue, id_: str) -> str:
    return map_digest(catalogue.map(*id_.split("/", 1)), builtin())


def _facts(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row[key] for key in _SAID} for row in rows]


def _with_parts(catalogue: Catalogue, id_: str) -> Iterator[str]:
    """A thing, and the parts that its slots are sold with."""
    yield id_
    if id_ not in catalogue.parts and id_ not in catalogue.vehicles:
        return
    thing = catalogue.part(id_) if id_ in catalogue.parts else catalogue.vehicle(id_)
    for slot in thing.slots.values():
        if slot.fitted:
            yield from _with_parts(catalogue, slot.fitted)
    for inside in thing.made_of.values() if isinstance(thing, Part) else ():
        yield from _with_parts(catalogue, inside)

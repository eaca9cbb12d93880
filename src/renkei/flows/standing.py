"""How the parts or cars of a catalogue stand to the clauses of a standard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from renkei.catalogue import Catalogue
from renkei.facts import Fact
from renkei.parts import Clause, Standard
from renkei.vehicle import Vehicle


class Standing(NamedTuple):
    """Ids that meet a clause, that miss it, and of which the fact is unknown."""

    clause: Clause
    meets: tuple[str, ...]
    misses: tuple[str, ...]
    unknown: tuple[str, ...]


def standings(catalogue: Catalogue, standard: Standard) -> list[Standing]:
    """Each clause over everything of the standard's kind; parts that nobody makes are left out."""
    if standard.kind == "vehicle":
        held = {v: catalogue.vehicle(v) for v in catalogue.vehicles}
        facts = {v: _of_car(car) for v, car in held.items() if car.facts}
    else:
        parts = [p for p in map(catalogue.part, catalogue.parts) if p.kind == standard.kind]
        facts = {p.id: {standard.kind: p.facts} for p in parts if "synthetic" not in p.facts}
    return [_standing(clause, facts) for clause in standard.clauses]


def _of_car(car: Vehicle) -> dict[str, Mapping[str, Fact]]:
    battery = [slot.facts for slot in car.slots.values() if slot.kind == "battery-pack"]
    return {"vehicle": car.facts, "slot": battery[0] if battery else {}}


def _standing(clause: Clause, facts: Mapping[str, Mapping[str, Mapping[str, Fact]]]) -> Standing:
    found: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for id_, by_kind in facts.items():
        fact = clause.fact_of(by_kind.get(clause.limit.of, {}))
        found[clause.limit.met_by(fact)].append(id_)
    return Standing(clause, tuple(found[True]), tuple(found[False]), tuple(found[None]))


def as_markdown(found: Iterable[Standing]) -> str:
    """The table of a standard's document: clauses of which a fact is known, with who meets and misses them."""
    rows = ["| clause | meets | misses | unknown |", "|---|---|---|---|"]
    rows += [
        f"| {s.clause.number} {s.clause.title} | {_listed(s.meets)} | {_listed(s.misses)} | {len(s.unknown)} |"
        for s in found
        if s.meets or s.misses
    ]
    return "\n".join(rows)


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(f"`{id_}`" for id_ in ids) or "none"

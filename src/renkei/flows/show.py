"""A part, a vehicle or a standard as plain rows, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renkei.catalogue import Catalogue
from renkei.facts import Fact, FactValue, fact_keys, keys_of
from renkei.flows.mistaken import refuse_mistaken
from renkei.flows.standing import standings
from renkei.flows.talk import talk_on_bus
from renkei.parts import Limit, Message, Slot, Standard, Talk
from renkei.vehicle import Source, Vehicle

_ID_BITS = 0x1FFF_FFFF


def portrait(catalogue: Catalogue, id_: str) -> dict[str, Any]:
    """All that the catalogue knows of a part or vehicle, and the facts of its kind that it does not know."""
    refuse_mistaken(catalogue, [id_])
    thing = catalogue.part(id_) if id_ in catalogue.parts else catalogue.vehicle(id_)
    car = isinstance(thing, Vehicle)
    kind = "vehicle" if isinstance(thing, Vehicle) else thing.kind
    maker = id_.split("/")[0]
    sources = catalogue.maker(maker).sources
    return {
        "id": thing.id,
        "kind": kind,
        "name": thing.name,
        "note": None if isinstance(thing, Vehicle) else thing.note,
        "facts": [_fact_row(name, fact, sources) for name, fact in _in_order(thing.facts)],
        "requires": [] if isinstance(thing, Vehicle) else [limit_row(limit) for limit in thing.requires],
        "messages": _talk_rows(catalogue, maker, Talk() if isinstance(thing, Vehicle) else thing.messages),
        "slots": [_slot_row(catalogue, maker, slot, sources) for slot in thing.slots.values()],
        "made_of": {} if isinstance(thing, Vehicle) else dict(thing.made_of),
        "map": thing.known_map.id if isinstance(thing, Vehicle) and thing.known_map else None,
        "unknown": [key.name for key in keys_of(kind) if key.name not in thing.facts],
    } | ({"years": thing.years, "powertrain": thing.powertrain} if car and isinstance(thing, Vehicle) else {})


def clause_rows(catalogue: Catalogue, standard: Standard) -> list[dict[str, Any]]:
    """The clauses of a standard as rows, with who of the catalogue meets and misses each."""
    return [
        {
            "clause": s.clause.number,
            "title": s.clause.title,
            "fact": s.clause.limit.fact,
            "per": s.clause.per,
            "of": s.clause.limit.of,
            "limit": s.clause.limit.text,
            "unit": fact_keys()[s.clause.limit.fact].unit,
            "missed": s.clause.limit.otherwise,
            "checked": s.clause.checked,
            "reason": s.clause.reason,
            "meets": list(s.meets),
            "misses": list(s.misses),
            "unknown": list(s.unknown),
        }
        for s in standings(catalogue, standard)
    ]


def limit_row(limit: Limit) -> dict[str, Any]:
    """A limit with its text and the unit of its fact."""
    return {
        "fact": limit.fact,
        "of": limit.of,
        "min": limit.minimum,
        "max": limit.maximum,
        "one_of": list(limit.one_of),
        "limit": limit.text,
        "unit": fact_keys()[limit.fact].unit,
        "otherwise": limit.otherwise,
        "reason": limit.reason,
        "source": list(limit.source),
        "confidence": limit.confidence,
    }


def value_text(value: FactValue) -> str:
    """A value in few words: of a table only its size."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return f"table of {len(next(iter(value.values())))} rows: {', '.join(value)}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _in_order(facts: Mapping[str, Fact]) -> list[tuple[str, Fact]]:
    order = {name: n for n, name in enumerate(fact_keys())}
    return sorted(facts.items(), key=lambda item: order[item[0]])


def _fact_row(name: str, fact: Fact, sources: Mapping[str, Source]) -> dict[str, Any]:
    key = fact_keys()[name]
    return {
        "fact": name,
        "group": key.group,
        "value": dict(fact.value) if isinstance(fact.value, Mapping) else fact.value,
        "text": value_text(fact.value),
        "unit": key.unit,
        "confidence": fact.confidence,
        "source": list(fact.source),
        "where": [sources[s].where for s in fact.source],
        "note": fact.note,
        "disputed": [{"value": claim.value, "source": list(claim.source)} for claim in fact.disputed],
        "meaning": key.meaning,
    }


def _slot_row(catalogue: Catalogue, maker: str, slot: Slot, sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "name": slot.name,
        "kind": slot.kind,
        "fitted": slot.fitted,
        "facts": [_fact_row(name, fact, sources) for name, fact in _in_order(slot.facts)],
        "requires": [limit_row(limit) for limit in slot.requires],
        "messages": _talk_rows(catalogue, maker, slot.messages),
    }


def _talk_rows(catalogue: Catalogue, maker: str, talk: Talk) -> dict[str, list[dict[str, Any]]]:
    found = talk_on_bus(catalogue, maker, talk)
    return {
        "provides": [_message_row(m) for m in found.provides],
        "requires": [_message_row(m) for m in found.requires],
    }


def _message_row(message: Message) -> dict[str, Any]:
    row = message._asdict() | {"id": None if message.id is None else message.id & _ID_BITS}
    del row["said_in"]  # a place on this disk, and nothing that the message is
    row["text"] = f"{message.bus} 0x{row['id']:03X}" + (f" {message.name}" if message.name else "")
    return row

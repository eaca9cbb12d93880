"""Facts of parts and vehicles: which keys there are (data/facts/keys.csv), and a value with its unit and its source."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from renkei.errors import UnknownName
from renkei.vocabulary import Value

GROUPS = {
    "A": "identity and trust",
    "B": "electrical",
    "C": "power over time and temperature",
    "D": "thermal",
    "E": "mechanical",
    "F": "communication",
    "G": "state machine",
    "H": "diagnostics",
    "I": "safety and regulation",
    "J": "life cycle",
    "K": "provenance",
}
"""The eleven groups of what an interchange specification must hold."""

PART_KINDS = ("battery-cell", "battery-module", "battery-pack", "motor", "inverter", "e-axle")
KINDS = (*PART_KINDS, "slot", "vehicle", "app")

CONFIDENCES = ("maker", "measured", "recorded", "published", "reported", "reverse-engineered", "derived", "disputed")
"""How well a fact is founded: a document of the maker; measured by others; seen right on a recording; several public
sources agree; one public source; read out of a converter or a bus; computed from other facts, the note says how;
sources contradict each other, the note says which was believed."""

Table = Mapping[str, tuple[float, ...]]
"""Columns of the same length, each in the unit of its column; a curve rises strictly in its first column."""

FactValue = Value | Table


class Claim(NamedTuple):
    """What another source says of a fact, in the unit of its key."""

    value: FactValue
    source: tuple[str, ...]


class Fact(NamedTuple):
    """A value that does not change, with where it comes from.

    `unit`: that of the key in facts of parts; None in attributes, which have the unit of their signal.
    `disputed`: what sources that were not believed say.
    """

    value: FactValue
    source: tuple[str, ...]
    confidence: str
    unit: str | None = None
    note: str | None = None
    disputed: tuple[Claim, ...] = ()


class FactKey(NamedTuple):
    """What facts of one name mean. `type`: number, integer, boolean, text, choice, list, curve or grid.

    `lowest` and `highest` are admitted, `above` and what lies below it is not. `columns`: unit of each column of a
    curve or grid. `elsewhere`: what others call it.
    """

    name: str
    group: str
    type: str
    unit: str | None
    lowest: float | None
    above: float | None
    highest: float | None
    choices: tuple[str, ...]
    columns: Mapping[str, str | None]
    kinds: tuple[str, ...]
    elsewhere: str
    meaning: str


@cache
def fact_keys() -> Mapping[str, FactKey]:
    """Every key by its name, in the order of the groups."""
    text = (files("renkei") / "data/facts/keys.csv").read_text(encoding="utf-8")
    return {row["key"]: _key(row) for row in csv.DictReader(text.splitlines())}


def fact_key(name: str) -> FactKey:
    """The key of that name; raises UnknownName with the nearest."""
    try:
        return fact_keys()[name]
    except KeyError:
        raise UnknownName("fact", name, fact_keys(), "('renkei list facts' shows all)") from None


def number(facts: Mapping[str, Fact], key: str) -> float | None:
    """The value of a fact that is a number, or None."""
    value = facts[key].value if key in facts else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def keys_of(kind: str) -> tuple[FactKey, ...]:
    """The keys that a part, slot or vehicle of that kind may state."""
    return tuple(key for key in fact_keys().values() if kind in key.kinds)


def _key(row: Mapping[str, str]) -> FactKey:
    words = row["choices"].split()
    tabular = row["type"] in ("curve", "grid")
    columns = dict(_column(word) for word in words) if tabular else {}
    lowest, above, highest = _range(row["range"])
    return FactKey(
        row["key"], row["group"], row["type"], row["unit"] or None, lowest, above, highest,
        () if tabular else tuple(words), columns, tuple(row["kinds"].split()), row["elsewhere"], row["meaning"],
    )  # fmt: skip


def _column(word: str) -> tuple[str, str | None]:
    name, _, unit = word.partition(":")
    return name, unit or None


def _range(text: str) -> tuple[float | None, float | None, float | None]:
    """Lowest, above, highest of `>0`, `>=0`, `0..1` or nothing."""
    if text.startswith(">="):
        return float(text[2:]), None, None
    if text.startswith(">"):
        return None, float(text[1:]), None
    low, dots, high = text.partition("..")
    return (float(low), None, float(high)) if dots else (None, None, None)

"""Parts, slots, limits and standards as frozen nouns: they read nothing. docs/parts.md is the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from renkei.facts import Fact, FactValue

Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Limit:
    """What a fact of another must keep to, in the unit of its key. `of`: the kind of that other.

    `stated`: any value will do, but it must be known. `otherwise`: break or degrade, what follows if it is not kept.
    """

    fact: str
    of: str
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[Scalar, ...] = ()
    stated: bool = False
    otherwise: str = "break"
    reason: str | None = None
    source: tuple[str, ...] = ()
    confidence: str = "published"

    def met_by(self, fact: Fact | None) -> bool | None:
        """Whether a fact keeps to this limit; None where it is unknown."""
        if fact is None:
            return None
        if self.stated:
            return True
        value = fact.value
        if self.one_of:
            held = value if isinstance(value, list | tuple) else [value]
            return any(each in self.one_of for each in held)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)

    @property
    def text(self) -> str:
        """The limit in words, without its unit: `at most 60`."""
        if self.stated:
            return "stated"
        if self.one_of:
            return " or ".join("yes" if v is True else "no" if v is False else str(v) for v in self.one_of)
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:,.10g} to {self.maximum:,.10g}"
        return f"at least {self.minimum:,.10g}" if self.minimum is not None else f"at most {self.maximum:,.10g}"


class Message(NamedTuple):
    """A message that a part or a host sends, or waits for.

    `id` has EXTENDED set where it has 29 bits. None: `name` is that of a message of the bus in `map`, whose files say
    identifier, cycle and checks. `lost`: what no longer works where it never comes. `said_in`: file and key.
    """

    bus: str
    id: int | None
    name: str | None
    map: str | None
    cycle_ms: float | None
    timeout_ms: float | None
    checksum: str | None
    counter: str | None
    otherwise: str
    lost: str | None
    source: tuple[str, ...]
    confidence: str
    said_in: tuple[str, str] = ("", "")


class Talk(NamedTuple):
    """The messages of a part or slot: those that it sends, and those that it waits for."""

    provides: tuple[Message, ...] = ()
    requires: tuple[Message, ...] = ()


SILENT = Talk()
"""Of a part whose messages nobody has entered."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a part of `kind`. `fitted`: id of the part that the maker puts there, None where unknown.

    `facts`: what the place offers. `requires`: what it asks of the part.
    """

    name: str
    kind: str
    fitted: str | None
    facts: Mapping[str, Fact]
    requires: tuple[Limit, ...]
    messages: Talk = SILENT


@dataclass(frozen=True, slots=True)
class Part:
    """A battery cell, module or pack, a motor, inverter or e-axle.

    `facts`: what it is and provides, by key. `requires`: what it asks of others, each limit with their kind.
    `made_of`: ids of the parts inside, by kind. `slots`: places inside for parts that are exchanged alone.
    """

    id: str
    kind: str
    name: str
    maker: str
    file: Path
    facts: Mapping[str, Fact]
    requires: tuple[Limit, ...] = ()
    messages: Talk = SILENT
    made_of: Mapping[str, str] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    note: str | None = None


class Clause(NamedTuple):
    """A numbered clause of a standard. `checked`: compared, recording or statement: by what it is judged.

    `per`: a fact that counts something in the part, such as cells in series; the limit is then for one of them.
    """

    number: str
    title: str
    limit: Limit
    checked: str
    reason: str
    per: str | None = None

    def fact_of(self, facts: Mapping[str, Fact]) -> Fact | None:
        """The fact that the limit is on, for one of `per`; None where either is unknown."""
        fact = facts.get(self.limit.fact)
        if fact is None or self.per is None:
            return fact
        count = facts.get(self.per)
        if count is None:
            return None
        return fact._replace(value=float(fact.value) / float(count.value), disputed=())  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Standard:
    """Numbered clauses that a part or vehicle of `kind` must keep to. `text`: the document in words."""

    id: str
    name: str
    kind: str
    text: str
    file: Path
    clauses: tuple[Clause, ...]


class Assumption(NamedTuple):
    """What a simulation takes where a fact is unknown; every result that rests on it names it."""

    key: str
    value: FactValue
    unit: str | None
    kinds: tuple[str, ...]
    reason: str
    source: str

"""Makers, vehicles and maps as frozen nouns: they read nothing and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from renkei.errors import NoMap
from renkei.facts import Fact
from renkei.parts import Slot
from renkei.vocabulary import Value

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of raw values."""


class Source(NamedTuple):
    title: str
    where: str
    licence: str


class Bus(NamedTuple):
    """`dbc`: the files that describe the bus; of a message in several of them the last one holds."""

    name: str
    dbc: tuple[Path, ...]
    bitrate: int | None


class MessageRule(NamedTuple):
    """How a message is checked: names of a checksum algorithm and of the DBC signal that counts."""

    checksum: str | None
    counter: str | None
    cycle_ms: float | None


class UdsSignal(NamedTuple):
    """Big-endian bits of an answer, counted from its service byte; `elements` of them in a row make an array."""

    start: int
    length: int
    signed: bool
    scale: float
    offset: float
    unit: str | None
    elements: int | None


class UdsAnswer(NamedTuple):
    """An answer on diagnostics; identifiers with EXTENDED set where they have 29 bits; `prefix` begins the answer.

    `every_ms`: how often a live car is asked for it; None: not asked.
    """

    bus: str
    name: str
    request: int
    response: int
    prefix: bytes
    lengths: tuple[int, ...]
    signals: Mapping[str, UdsSignal]
    every_ms: float | None = None


class Condition(NamedTuple):
    """Holds when the last raw value of a signal lies in `raws`."""

    bus: str
    message: str
    signal: str
    raws: Ranges


@dataclass(frozen=True, slots=True)
class Row:
    """One way in which a VSS signal comes from a bus; see docs/maps.md for the meaning of each field."""

    path: str
    bus: str
    message: str
    signal: str
    source: tuple[str, ...]
    confidence: str = "published"
    note: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    values: Mapping[int, Value] | None = None
    other: Value | None = None
    invalid: Ranges = ()
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    element: int | None = None
    personal: bool = False
    plus: str | None = None
    backup: bool = False
    command: bool = False


@dataclass(frozen=True, slots=True)
class Map:
    """The tables that turn the DBC signals of a car into VSS signals and back.

    For error messages: `file`, and `said_in`, the file in which an entry such as `signals.PATH` or
    `messages.BUS.MESSAGE` stands, which with `like` may be another one.
    """

    id: str
    file: Path
    buses: Mapping[str, Bus]
    messages: Mapping[tuple[str, str], MessageRule]
    uds: Mapping[tuple[str, str], UdsAnswer]
    rows: tuple[Row, ...]
    said_in: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Maker:
    id: str
    name: str
    file: Path
    sources: Mapping[str, Source]
    files: Mapping[str, tuple[str, tuple[str, ...]]]
    """Licence and sources of each DBC file, by its path below the maker's folder."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """`attributes`: what is fixed in this car, by VSS path, in the unit of the Signal.

    `facts`: its body, by key (docs/parts.md). `slots`: places for parts, by name. `known_map` None: nobody has mapped
    its buses.
    """

    id: str
    name: str
    maker: Maker
    years: str
    powertrain: str
    known_map: Map | None
    attributes: Mapping[str, Fact]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def map(self) -> Map:
        """Raises NoMap for a car whose buses nobody has mapped."""
        if self.known_map is None:
            raise NoMap(self.id)
        return self.known_map

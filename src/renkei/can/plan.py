"""The compiled plan of a car, which both engines (per frame and columnar) and the encoder follow: nouns alone.

compile.py makes it of a map and DBC files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from renkei.can.dbc import DbcSignal
from renkei.vehicle import Ranges, Row
from renkei.vocabulary import Signal, Value, Vocabulary


class Field(NamedTuple):
    """Bits of a payload: bytes `first` to `first + size`, read as one number in their byte order, shifted right."""

    first: int
    size: int
    shift: int
    length: int
    little_endian: bool
    signed: bool
    is_float: bool

    @property
    def end(self) -> int:
        return self.first + self.size

    @property
    def raws(self) -> tuple[int, int]:
        """The lowest and the highest raw value."""
        if self.signed:
            return -(1 << (self.length - 1)), (1 << (self.length - 1)) - 1
        return 0, (1 << self.length) - 1


class Test(NamedTuple):
    """Holds when a raw value lies in `ranges`: that of `field` in the same payload, or else the one last latched.

    With `unheard` 0 and above: holds while no good frame of the message with that number has come.
    """

    field: Field | None
    latch: int
    ranges: Ranges
    unheard: int = -1


class Latch(NamedTuple):
    """A raw value that is kept for rows of other messages."""

    number: int
    field: Field


@dataclass(frozen=True, slots=True, eq=False)
class PlanRow:
    """How one VSS signal, or one element of it, comes out of a payload.

    Without `table`: value = raw × scale + offset, invalid outside `low` to `high`, which are infinite where no raw
    value lies beyond. With it: the value that the raw value stands for, `other` where it is not named; None is "not
    available". `elements` above 0: an array of that many fields in a row. `array` 0 and above: this is element
    `element` of that array of the plan. `plus`: a second field, whose raw × its factor is added to the value.
    """

    index: int
    signal: Signal
    field: Field
    scale: float
    offset: float
    low: float
    high: float
    invalid: Ranges
    table: Mapping[int, Value] | None
    other: Value | None
    when: tuple[Test, ...]
    unless: tuple[Test, ...]
    array: int
    element: int
    elements: int
    plus: tuple[Field, float] | None
    row: Row


@dataclass(frozen=True, slots=True, eq=False)
class PlanMessage:
    """A CAN message, or with a `prefix` an answer on diagnostics.

    `cycle_ns`: between two frames, 0 where it is not known; of an answer, how often a live car is asked, 0 for not.
    `commands`: what sets actuators and is never decoded, as what is asked of a car is not what it does.
    """

    number: int
    bus: str
    name: str
    id: int
    length: int
    prefix: bytes
    lengths: tuple[int, ...]
    request: int
    checksum: str | None
    counter: Field | None
    cycle_ns: int
    latches: tuple[Latch, ...]
    rows: tuple[PlanRow, ...]
    commands: tuple[PlanRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Array:
    """An array signal that comes element by element."""

    index: int
    elements: int


class SetAside(NamedTuple):
    signal: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with each message of a car. `buses` are the names of its buses in order."""

    vocabulary: Vocabulary
    buses: tuple[str, ...]
    messages: tuple[PlanMessage, ...]
    answers: tuple[PlanMessage, ...]
    arrays: tuple[Array, ...]
    latches: int
    set_aside: tuple[SetAside, ...]

    @property
    def rows(self) -> tuple[PlanRow, ...]:
        return tuple(row for m in (*self.messages, *self.answers) for row in m.rows)


def field_of(signal: DbcSignal) -> Field:
    """The bits of a DBC signal."""
    if signal.little_endian:
        first, shift = divmod(signal.start, 8)
        size = (shift + signal.length + 7) // 8
        return Field(first, size, shift, signal.length, True, signal.signed, signal.is_float)
    position = signal.start - signal.start % 8 + 7 - signal.start % 8
    return big_endian_field(position, signal.length, signal.signed, signal.is_float)


def big_endian_field(position: int, length: int, signed: bool, is_float: bool = False) -> Field:
    """The field whose highest bit is `position` bits behind the first one sent."""
    first, last = position // 8, (position + length - 1) // 8
    return Field(first, last + 1 - first, 8 * (last + 1) - position - length, length, False, signed, is_float)

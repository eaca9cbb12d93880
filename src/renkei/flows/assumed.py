"""What the simulation takes a number from: what the user gives, then a fact, then a named assumption."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from copy import copy
from typing import Any, NamedTuple

from renkei.catalogue import Catalogue
from renkei.errors import InputError, nearest
from renkei.facts import Fact, FactKey, fact_keys
from renkei.parts import Assumption
from renkei.units import conversion

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Assumed(NamedTuple):
    """A number that no source gave; `why` it was taken."""

    of: str
    key: str
    value: object
    unit: str | None
    why: str


Given = Mapping[tuple[str, str], object]
"""What the user gives: by the part that it is of, `battery` or `e-axle`, or nothing for the vehicle; and by key."""

KINDS = {"": "vehicle", "battery": "battery-pack", "e-axle": "e-axle"}
"""Parts of a car by the word that stands before a key; the kind of part whose facts they have."""


class Known:
    """Looks facts up, notes what had to be assumed; what the user gives goes before both."""

    def __init__(self, catalogue: Catalogue, given: Given) -> None:
        self.catalogue = catalogue
        self._assumptions = catalogue.assumptions
        self._given = given
        self._part = ""
        self._asked: set[tuple[str, str]] = set()
        self.assumed: dict[tuple[str, str], Assumed] = {}

    def within(self, part: str) -> Known:
        """The same, asked for facts of a part."""
        inner = copy(self)
        inner._part = part
        return inner

    def apart(self) -> Known:
        """The same without what the user gives; what it assumes is nobody's business."""
        other = copy(self)
        other._given, other._asked, other.assumed = {}, set(), {}
        return other

    def given(self, key: str) -> Any:
        """What the user gave, or None."""
        place = self._place(key)
        if place is None:
            return None
        self._asked.add(place)
        return self._given[place]

    @property
    def not_asked(self) -> list[str]:
        """Keys of what the user gave and nothing has asked for."""
        return [f"{part}.{key}" if part else key for part, key in self._given if (part, key) not in self._asked]

    def wrong(self, what: str, key: str, expected: str, got: object) -> InputError:
        """That the value of a key cannot be, told by the name under which the user gave it, or by that of its fact."""
        place = self._place(key)
        if place is None:
            return InputError(f"{what}: {key}: expected {expected}, got {got}")
        return InputError(f"--set {place[0]}{'.' if place[0] else ''}{key}: expected {expected}, got {got}")

    def _place(self, key: str) -> tuple[str, str] | None:
        return next((place for place in ((self._part, key), ("", key)) if place in self._given), None)

    def fact(self, facts: Mapping[str, Fact], key: str) -> Any:
        """The value of a fact, or None."""
        given, fact = self.given(key), facts.get(key)
        return given if given is not None else None if fact is None else fact.value

    def of(self, what: str, facts: Mapping[str, Fact], key: str) -> Any:
        """The value of a fact, or that of the assumption of its name."""
        value = self.fact(facts, key)
        return self.assume(what, key) if value is None else value

    def assume(self, what: str, key: str) -> Any:
        if (given := self.given(key)) is not None:
            return given
        assumption = self._assumptions[key]
        self.note(what, key, assumption.value, assumption.unit, f"{assumption.reason} ({assumption.source})")
        return assumption.value

    def note(self, what: str, key: str, value: object, unit: str | None, why: str) -> None:
        self.assumed[what, key] = Assumed(what, key, value, unit, why)


def sorted_out(catalogue: Catalogue, changes: Mapping[str, str]) -> tuple[Given, dict[str, str]]:
    """Changes of facts and assumptions, in their unit; and those by the path of a number of the simulation.

    A key that several parts have needs the part before it: `battery.power_peak`. Raises InputError.
    """
    given, direct = dict[tuple[str, str], object](), dict[str, str]()
    for key, text in changes.items():
        part, name = _part_of(key)
        fact, assumption = fact_keys().get(name), catalogue.assumptions.get(name)
        if fact is not None:
            given[part, name] = _value(key, text, fact)
        elif assumption is not None and not isinstance(assumption.value, str | Mapping):
            given["", name] = _assumption(key, text, assumption)
        else:
            direct[key] = text
    return given, direct


def _part_of(key: str) -> tuple[str, str]:
    """The part and the name of a fact; raises InputError where several parts have it."""
    before, _, name = key.partition(".")
    if name and before in KINDS and name in fact_keys():
        if KINDS[before] not in fact_keys()[name].kinds:
            raise InputError(f"--set {key}: {name} is no fact of a {KINDS[before]}")
        return before, name
    fact = fact_keys().get(key)
    if fact is None:
        return "", key
    parts = [part for part, kind in KINDS.items() if kind in fact.kinds]
    if len(parts) > 1 and "" not in parts:
        raise InputError(f"--set {key}: several parts have it; say {' or '.join(f'{part}.{key}' for part in parts)}")
    return (parts[0] if parts else ""), key


def _value(key: str, text: str, fact: FactKey) -> object:
    if fact.type in ("number", "integer"):
        value = _quantity(key, text, fact.unit)
        _admit(key, text, value, fact)
        return value
    if fact.type != "choice":
        raise InputError(f"--set {key}: expected a number or a choice, got a {fact.type}; write it into a part")
    if text not in fact.choices:
        near = nearest(text, fact.choices)
        hint = f"; did you mean '{near}'?" if near else ""
        raise InputError(f"--set {key}: expected one of {', '.join(fact.choices)}, got '{text}'{hint}")
    return text


def _assumption(key: str, text: str, assumption: Assumption) -> float:
    """A number in the place of an assumption; what is a share stays one."""
    value, usual = _quantity(key, text, assumption.unit), assumption.value
    if value < 0:
        raise InputError(f"--set {key}: expected a number from 0, got {text!r}")
    if assumption.unit == "ratio" and isinstance(usual, int | float) and usual <= 1 < value:
        raise InputError(f"--set {key}: expected a number from 0 to 1, got {text!r}{percent(value)}")
    return value


def _admit(key: str, text: str, value: float, fact: FactKey) -> None:
    if fact.above is not None and value <= fact.above:
        raise InputError(f"--set {key}: expected a number above {fact.above:g}, got {text!r}")
    if fact.type == "integer" and value != int(value):
        raise InputError(f"--set {key}: expected a whole number, got {text!r}")
    too_low = fact.lowest is not None and value < fact.lowest
    if too_low or (fact.highest is not None and value > fact.highest):
        to = "" if fact.highest is None else f" to {fact.highest:g}"
        hint = percent(value) if fact.highest == 1 else ""
        raise InputError(f"--set {key}: expected a number from {fact.lowest or 0:g}{to}, got {text!r}{hint}")


def _quantity(key: str, text: str, unit: str | None) -> float:
    """`3750 lb` or `3750lb` in the unit of the key."""
    found = _NUMBER.match(text.strip())
    start = found.end() if found else 0
    value, own = number(key, text.strip()[:start] or text), text.strip()[start:].strip()
    if not own:
        return value
    try:
        scale, offset = conversion(own, unit)
    except InputError as e:
        raise InputError(f"--set {key}: expected a number{f' of {unit}' if unit else ''}, got {text!r}: {e}") from e
    return value * float(scale) + float(offset)


def percent(value: float) -> str:
    """What is asked of one who wrote a percentage where a share from 0 to 1 is expected."""
    return f"; did you mean {value / 100:g}?" if 10 <= value <= 100 else ""


def number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"--set {key}: expected a number, got {text!r}")
    return value

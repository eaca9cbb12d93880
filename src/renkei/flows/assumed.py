"""What the simulation takes a number from: what the user gives, then a fact, then a named assumption."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from renkei.catalogue import Catalogue
from renkei.errors import InputError, UnknownName
from renkei.facts import Fact, FactKey, fact_keys
from renkei.units import conversion


class Assumed(NamedTuple):
    """A number that no source gave; `why` it was taken."""

    of: str
    key: str
    value: object
    unit: str | None
    why: str


class Known:
    """Looks facts up, notes what had to be assumed; `given` by the user goes before both."""

    def __init__(self, catalogue: Catalogue, given: Mapping[str, object]) -> None:
        self._assumptions = catalogue.assumptions
        self._given = given
        self.assumed: dict[tuple[str, str], Assumed] = {}

    def fact(self, facts: Mapping[str, Fact], key: str) -> Any:
        """The value of a fact, or None."""
        if key in self._given:
            return self._given[key]
        fact = facts.get(key)
        return None if fact is None else fact.value

    def is_given(self, key: str) -> bool:
        """Whether the user gave it."""
        return key in self._given

    def of(self, what: str, facts: Mapping[str, Fact], key: str) -> Any:
        """The value of a fact, or that of the assumption of its name."""
        value = self.fact(facts, key)
        return self.assume(what, key) if value is None else value

    def assume(self, what: str, key: str) -> Any:
        assumption = self._assumptions[key]
        self.note(what, key, assumption.value, assumption.unit, f"{assumption.reason} ({assumption.source})")
        return assumption.value

    def note(self, what: str, key: str, value: object, unit: str | None, why: str) -> None:
        self.assumed[what, key] = Assumed(what, key, value, unit, why)


def sorted_out(changes: Mapping[str, str]) -> tuple[dict[str, object], dict[str, str]]:
    """Changes by fact key, in the unit of the key; and those by the path of a number of the simulation."""
    given, direct = dict[str, object](), dict[str, str]()
    for key, text in changes.items():
        fact = fact_keys().get(key)
        if fact is None:
            direct[key] = text
        elif fact.type in ("number", "integer"):
            value = _quantity(key, text, fact.unit)
            _admit(key, text, value, fact)
            given[key] = value
        elif fact.type == "choice":
            if text not in fact.choices:
                raise UnknownName(key, text, fact.choices)
            given[key] = text
        else:
            raise InputError(f"--set {key}: expected a number or a choice, got a {fact.type}; write it into a part")
    return given, direct


def _admit(key: str, text: str, value: float, fact: FactKey) -> None:
    if fact.above is not None and value <= fact.above:
        raise InputError(f"--set {key}: expected a number above {fact.above:g}, got {text!r}")
    if fact.lowest is not None and value < fact.lowest:
        raise InputError(f"--set {key}: expected a number from {fact.lowest:g}, got {text!r}")


def _quantity(key: str, text: str, unit: str | None) -> float:
    """`3750 lb` or `3750lb` in the unit of the key."""
    end = len(text)
    while end and not (text[end - 1].isdigit() or text[end - 1] == "."):
        end -= 1
    value, own = number(key, text[:end]), text[end:].strip()
    if not own:
        return value
    scale, offset = conversion(own, unit)
    return value * float(scale) + float(offset)


def number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"--set {key}: expected a number, got {text!r}")
    return value

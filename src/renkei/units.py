"""Units of measurement and the exact linear step from one to another. Facts in data/vocabulary/units.csv."""

from __future__ import annotations

import csv
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from renkei.errors import InputError, UnknownName


class Unit(NamedTuple):
    """base value of the quantity = value × factor + offset, exactly."""

    name: str
    quantity: str
    factor: Fraction
    offset: Fraction


@cache
def _units() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    text = (files("renkei") / "data/vocabulary/units.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        unit = Unit(row["unit"], row["quantity"], _ratio(row["factor"]), _ratio(row["offset"]))
        units |= dict.fromkeys([row["unit"], *row["aliases"].split()], unit)
    return units


def _ratio(text: str) -> Fraction:
    """A decimal number, or two of them as 4.5/0.9."""
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or 1)


def unit(name: str) -> Unit:
    """The unit of that name or alias; raises UnknownName."""
    try:
        return _units()[name]
    except KeyError:
        raise UnknownName("unit", name, _units()) from None


def conversion(source: str | None, target: str | None) -> tuple[Fraction, Fraction]:
    """Scale and offset from a value in `source` to one in `target`: target = source × scale + offset.

    Without a unit on either side nothing is converted. Raises InputError where the quantities differ.
    """
    if not source or not target or source == target:
        return Fraction(1), Fraction(0)
    a, b = unit(source), unit(target)
    if a.quantity != b.quantity:
        raise InputError(f"{source} ({a.quantity}) does not convert to {target} ({b.quantity})")
    return a.factor / b.factor, (a.offset - b.offset) / b.factor


def exact(number: float) -> Fraction:
    """The decimal number that was written, not its nearest binary fraction: 0.1 gives 1/10."""
    return Fraction(repr(float(number)))

"""How a number that physics does not admit is refused: one line with what, key, expected and got."""

from __future__ import annotations

import math
from collections.abc import Sequence

from renkei.errors import SimulationError


def above_zero(what: str, **values: float) -> None:
    """Refuse values that are not finite or not above zero."""
    for key, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise SimulationError(what, key, expected="a number above 0", got=f"{value:g}")


def not_negative(what: str, **values: float) -> None:
    """Refuse values that are not finite or below zero."""
    for key, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise SimulationError(what, key, expected="a number of 0 or more", got=f"{value:g}")


def share(what: str, **values: float) -> None:
    """Refuse values outside of 0 to 1."""
    for key, value in values.items():
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise SimulationError(what, key, expected="a number from 0 to 1", got=f"{value:g}")


def rising(what: str, key: str, values: Sequence[float], *, strictly: bool = True) -> None:
    """Refuse a column with a value that is not finite or does not rise above the one before."""
    for i, value in enumerate(values):
        if not math.isfinite(value):
            raise SimulationError(what, key, expected="finite numbers", got=value)
        if i and (value < values[i - 1] or (strictly and value == values[i - 1])):
            expected = "a column that rises" if strictly else "a column that never falls"
            raise SimulationError(what, key, expected=expected, got=f"{values[i - 1]:g}, then {value:g}")


def same_length(what: str, key: str, got: Sequence[object], expected: int) -> None:
    """Refuse a column that is not as long as its grid."""
    if len(got) != expected:
        raise SimulationError(what, key, expected=f"{expected} numbers", got=f"{len(got)}")

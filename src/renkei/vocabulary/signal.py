"""A Signal: one leaf of the VSS tree, and which values it admits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from renkei.errors import ValueRefused

Scalar = bool | int | float | str
Value = Scalar | list[Any]
"""A value of a Signal: a scalar, or a list for the datatypes that end in []."""

KINDS = ("sensor", "actuator", "attribute")
INTEGERS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {f"int{n}": (-(2 ** (n - 1)), 2 ** (n - 1) - 1) for n in (8, 16, 32, 64)}
    | {f"uint{n}": (0, 2**n - 1) for n in (8, 16, 32, 64)}
)
DATATYPES = frozenset({"boolean", "float", "double", "string", *INTEGERS})
FLOAT32_MAX = 3.4028234663852886e38


@dataclass(frozen=True, slots=True)
class Signal:
    """A leaf of the tree. `minimum` and `maximum` are in `unit`; for arrays they hold for each element."""

    index: int
    path: str
    kind: str
    datatype: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[Any, ...] | None = None
    default: Scalar | tuple[Scalar, ...] | None = None
    pattern: str | None = None
    description: str = ""

    @property
    def is_array(self) -> bool:
        return self.datatype.endswith("[]")

    @property
    def scalar(self) -> str:
        """The datatype of the value, or of its elements."""
        return self.datatype.removesuffix("[]")

    def check(self, value: Any) -> Value:
        """`value` if this Signal admits it as it stands; integers are taken for floats, nothing else is converted.

        Raises ValueRefused: type (also NaN, infinity, too wide for the datatype), range, allowed.
        """
        if not self.is_array:
            checked: Value = self._check_one(value)
            return checked
        if not isinstance(value, list | tuple):
            raise self._refused("type", f"a list of {self.scalar}", value)
        return [self._check_one(v) for v in value]

    def wire(self, value: Any) -> Value:
        """A physical value as its wire type: rounded half to even for integer types, then checked as `check` does."""
        if self.is_array and isinstance(value, list | tuple):
            return self.check([self._round(v) for v in value])
        return self.check(self._round(value))

    def _round(self, value: Any) -> Any:
        if isinstance(value, float) and math.isfinite(value):
            if self.scalar in INTEGERS:
                return round(value)
            if self.scalar == "boolean" and value in (0.0, 1.0):
                return bool(value)
        return value

    def _check_one(self, value: Any) -> Any:
        scalar = self.scalar
        if scalar == "boolean":
            if not isinstance(value, bool):
                raise self._refused("type", "true or false", value)
            return value
        if scalar == "string":
            if not isinstance(value, str):
                raise self._refused("type", "text", value)
            if self.pattern and not re.fullmatch(self.pattern, value):
                raise self._refused("allowed", f"text of the form {self.pattern}", value)
        else:
            value = self._check_number(value)
        if self.allowed is not None and value not in self.allowed:
            raise self._refused("allowed", "one of " + ", ".join(map(str, self.allowed)), value)
        return value

    def _check_number(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refused("type", f"a number ({self.scalar})", value)
        if self.scalar in INTEGERS:
            low, high = INTEGERS[self.scalar]
            if not isinstance(value, int):
                raise self._refused("type", f"a whole number ({self.scalar})", value)
            if not low <= value <= high:
                raise self._refused("range", f"{self.scalar}, {low} to {high}", value)
        else:
            value = self._check_float(value)
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            raise self._refused("range", self._range_text(), value)
        return value

    def _check_float(self, value: float) -> float:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self._refused("type", "a finite number", value)
        if self.scalar == "float" and abs(value) > FLOAT32_MAX:
            raise self._refused("range", "a number that fits 32-bit floating point", value)
        return value

    def _range_text(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is None:
            return f"at most {self.maximum:g}{unit}"
        if self.maximum is None:
            return f"at least {self.minimum:g}{unit}"
        return f"{self.minimum:g} to {self.maximum:g}{unit}"

    def _refused(self, why: str, expected: str, got: object) -> ValueRefused:
        return ValueRefused(self.path, why, expected=expected, got=got)

"""Signals of the COVESA Vehicle Signal Specification: the leaves of one version of the tree, plus our overlay.

The built-in vocabulary is VSS 6.0 as facts (data/vocabulary/vss-6.0.csv) with descriptions in our own words; any VSS
JSON of 4.x to 6.x, as vss-tools writes it, can stand in its place.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from renkei.errors import UnknownName, ValueRefused, VocabularyError

Value = bool | int | float | str | list[Any]
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
    default: Any = None
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


class Vocabulary:
    """The Signals of one tree, in a fixed order: a Signal's position is its dense index."""

    def __init__(self, signals: Iterable[Signal], version: str) -> None:
        self.signals: tuple[Signal, ...] = tuple(replace(s, index=i) for i, s in enumerate(signals))
        self.version = version
        self._by_path: dict[str, Signal] = {}
        for signal in self.signals:
            if signal.path in self._by_path:
                raise VocabularyError(f"{signal.path} is defined twice")
            self._by_path[signal.path] = signal

    def __len__(self) -> int:
        return len(self.signals)

    def __iter__(self) -> Iterator[Signal]:
        return iter(self.signals)

    def __contains__(self, path: object) -> bool:
        return path in self._by_path

    def __getitem__(self, path: str) -> Signal:
        """The Signal at `path`; raises UnknownName with the nearest path."""
        try:
            return self._by_path[path]
        except KeyError:
            raise UnknownName("signal", path, self._by_path) from None

    def get(self, path: str) -> Signal | None:
        return self._by_path.get(path)

    def branch(self, pattern: str) -> list[Signal]:
        """Signals under a path: the leaf itself or all below it; `*` stands for one level, `**` for any number.

        An empty pattern gives all. Nothing found gives an empty list.
        """
        if not pattern or pattern == "**":
            return list(self.signals)
        if "*" not in pattern:
            leaf = self._by_path.get(pattern)
            return [leaf] if leaf else [s for s in self.signals if s.path.startswith(pattern + ".")]
        steps = [
            r"(?:[^.]+\.)*" if p == "**" else re.escape(p).replace(r"\*", "[^.]*") + r"\." for p in pattern.split(".")
        ]
        end = "" if pattern.endswith("**") else r"(?:[^.]+\.)*"
        found = re.compile("".join(steps) + end)
        return [s for s in self.signals if found.fullmatch(s.path + ".")]


@cache
def builtin() -> Vocabulary:
    """VSS 6.0 with our overlay."""
    words = {row["path"]: row["description"] for row in _rows("descriptions.csv")}
    vss = [_from_row(row, words.get(row["path"], "")) for row in _rows("vss-6.0.csv")]
    return Vocabulary([*vss, *overlay()], "6.0")


def overlay() -> list[Signal]:
    """Signals that VSS lacks and renkei adds."""
    return [s for row in _rows("overlay.csv") for s in _instances(_from_row(row, row["description"]))]


def load(file: str | Path) -> Vocabulary:
    """A VSS tree from JSON (as vss-tools writes it, 4.x to 6.x), with our overlay where the tree has no such leaf.

    Raises VocabularyError that names the file and the leaf.
    """
    try:
        tree = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as e:
        raise VocabularyError(f"{file}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise VocabularyError(f"{file}: not a VSS tree in JSON: {e}") from e
    if not isinstance(tree, dict) or not all(isinstance(node, dict) for node in tree.values()):
        raise VocabularyError(f"{file}: expected a VSS tree, an object with one branch such as Vehicle")
    signals = [s for name, node in tree.items() for s in _leaves(file, name, node)]
    if not signals:
        raise VocabularyError(f"{file}: no leaf found; expected a VSS tree such as {{'Vehicle': {{'children': ...}}}}")
    known = {s.path for s in signals}
    return Vocabulary([*signals, *(s for s in overlay() if s.path not in known)], _version(signals, str(file)))


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("renkei") / "data/vocabulary" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _from_row(row: Mapping[str, str], description: str) -> Signal:
    def number(key: str) -> Any:
        return json.loads(row[key]) if row[key] else None

    allowed = number("allowed")
    return Signal(
        0, row["path"], row["type"], row["datatype"], row["unit"] or None, number("min"), number("max"),
        tuple(allowed) if allowed is not None else None, number("default"), row["pattern"] or None, description,
    )  # fmt: skip


def _instances(signal: Signal) -> list[Signal]:
    """One Signal for each number in a range such as Module[1,48]."""
    found = re.search(r"\[(\d+),(\d+)\]", signal.path)
    if not found:
        return [signal]
    numbers = range(int(found[1]), int(found[2]) + 1)
    return [replace(signal, path=signal.path.replace(found[0], str(n))) for n in numbers]


def _leaves(file: str | Path, path: str, node: Mapping[str, Any], depth: int = 0) -> Iterator[Signal]:
    if depth > 40:
        raise VocabularyError(f"{file}: {path[:200]}: the tree is more than 40 levels deep")
    if "children" in node:
        for steps in _instance_steps(file, path, node.get("instances")):
            for name, child in node["children"].items():
                if not isinstance(child, dict):
                    raise VocabularyError(f"{file}: {path}.{name}: expected an object, got {child!r}")
                yield from _leaves(file, f"{path}{steps}.{name}", child, depth + 1)
    elif node.get("type") in KINDS:
        yield _from_node(file, path, node)
    elif node.get("type") != "branch":
        raise VocabularyError(f"{file}: {path}: expected type branch, {', '.join(KINDS)}, got {node.get('type')!r}")


def _instance_steps(file: str | Path, path: str, instances: Any) -> list[str]:
    """The path steps that `instances` of an unexpanded branch stand for; one empty step where there are none."""
    if not instances:
        return [""]
    levels: list[Any] = [instances] if isinstance(instances, str) else list(instances)
    if all(isinstance(x, str) and "[" not in x for x in levels):
        levels = [levels]
    steps = [""]
    for level in levels:
        names: Sequence[str]
        if isinstance(level, list):
            names = level
        elif found := re.fullmatch(r"(\w+)\[(\d+),(\d+)\]", str(level)):
            names = [f"{found[1]}{n}" for n in range(int(found[2]), int(found[3]) + 1)]
        else:
            raise VocabularyError(f"{file}: {path}: instances: expected names or Row[1,2], got {level!r}")
        steps = [f"{s}.{n}" for s in steps for n in names]
    return steps


def _from_node(file: str | Path, path: str, node: Mapping[str, Any]) -> Signal:
    datatype = str(node.get("datatype"))
    if datatype.removesuffix("[]") not in DATATYPES:
        raise VocabularyError(
            f"{file}: {path}: datatype: expected one of {', '.join(sorted(DATATYPES))}, got {datatype!r}"
        )
    for key in ("min", "max"):
        if not isinstance(node.get(key), int | float | None):
            raise VocabularyError(f"{file}: {path}: {key}: expected a number, got {node[key]!r}")
    allowed = node.get("allowed")
    return Signal(
        0, path, node["type"], datatype, node.get("unit"), node.get("min"), node.get("max"),
        tuple(allowed) if allowed else None, node.get("default"), node.get("pattern"), str(node.get("description", "")),
    )  # fmt: skip


def _version(signals: Iterable[Signal], otherwise: str) -> str:
    """The version that the tree states about itself, else the file's name."""
    stated = {s.path: s.default for s in signals if s.path.startswith("Vehicle.VersionVSS.")}
    parts = [stated.get(f"Vehicle.VersionVSS.{p}") for p in ("Major", "Minor", "Patch")]
    return ".".join(str(p) for p in parts) if all(p is not None for p in parts) else otherwise

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
from itertools import takewhile
from pathlib import Path
from types import MappingProxyType
from typing import Any

from renkei.errors import InputError, UnknownName, ValueRefused, VocabularyError

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
        """Signals of a path, the leaf or all below it, or of a pattern; an empty one gives all, no match an empty list.

        `*` stands for one level and `**` for any number; a pattern names leaves, so that `X.*` gives those directly
        below X and `X.**` all. Raises InputError for a pattern that is malformed.
        """
        steps = pattern.split(".") if pattern else ["**"]
        if not all(step in ("*", "**") or (step and "*" not in step) for step in steps):
            raise InputError(f"{pattern}: expected levels joined by '.', each a name, * or **")
        fixed = list(takewhile(lambda step: "*" not in step, steps))
        start = ".".join(fixed)
        if len(fixed) == len(steps):
            leaf = self._by_path.get(pattern)
            return [leaf] if leaf else [s for s in self.signals if s.path.startswith(start + ".")]
        return [s for s in self.signals if s.path.startswith(start) and _fits(s.path.split("."), steps)]


def _fits(levels: Sequence[str], steps: Sequence[str]) -> bool:
    """True when the steps of a pattern stand for all levels of a path; takes levels × steps at most."""
    level = step = 0
    any_step, any_level = -1, 0  # the last ** and the first level that it does not yet stand for
    while level < len(levels):
        if step < len(steps) and steps[step] == "**":
            any_step, any_level = step, level
            step += 1
        elif step < len(steps) and steps[step] in ("*", levels[level]):
            level, step = level + 1, step + 1
        elif any_step >= 0:
            any_level += 1
            level, step = any_level, any_step + 1
        else:
            return False
    return all(left == "**" for left in steps[step:])


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
        tree = json.loads(Path(file).read_text(encoding="utf-8"), object_pairs_hook=_once)
    except OSError as e:
        raise VocabularyError(f"{file}: {e.strerror or e}") from e
    except VocabularyError as e:
        raise VocabularyError(f"{file}: {e}") from e
    except (ValueError, RecursionError) as e:
        raise VocabularyError(f"{file}: not a VSS tree in JSON: {e}") from e
    if not isinstance(tree, dict) or not all(isinstance(node, dict) for node in tree.values()):
        raise VocabularyError(f"{file}: expected a VSS tree, an object with one branch such as Vehicle")
    signals = [s for name, node in tree.items() for s in _leaves(file, "", name, node)]
    if not signals:
        raise VocabularyError(f"{file}: no leaf found; expected a VSS tree such as {{'Vehicle': {{'children': ...}}}}")
    known = {s.path for s in signals}
    try:
        return Vocabulary([*signals, *(s for s in overlay() if s.path not in known)], _version(signals, str(file)))
    except VocabularyError as e:
        raise VocabularyError(f"{file}: {e}") from e


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no name comes twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise VocabularyError(f"{twice[:200]} is defined twice")
    return made


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("renkei") / "data/vocabulary" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _from_row(row: Mapping[str, str], description: str) -> Signal:
    def number(key: str) -> Any:
        return json.loads(row[key]) if row[key] else None

    allowed = number("allowed")
    return Signal(
        0, row["path"], row["type"], row["datatype"], row["unit"] or None, number("min"), number("max"),
        tuple(allowed) if allowed is not None else None, _frozen(number("default")), row["pattern"] or None,
        description,
    )  # fmt: skip


def _frozen(default: Any) -> Any:
    return tuple(default) if isinstance(default, list) else default


def _instances(signal: Signal) -> list[Signal]:
    """One Signal for each number in a range such as Module[1,48]."""
    found = re.search(r"\[(\d+),(\d+)\]", signal.path)
    if not found:
        return [signal]
    numbers = range(int(found[1]), int(found[2]) + 1)
    return [replace(signal, path=signal.path.replace(found[0], str(n))) for n in numbers]


def _leaves(file: str | Path, above: str, name: str, node: Mapping[str, Any], depth: int = 0) -> Iterator[Signal]:
    path = above + name
    if depth > 40:
        raise VocabularyError(f"{file}: {path[:200]}: the tree is more than 40 levels deep")
    if not re.fullmatch(r"\w+", name):
        raise VocabularyError(f"{file}: {path[:200]}: expected a name of letters, digits and _")
    if "children" in node:
        if not isinstance(node["children"], dict):
            raise _wrong(file, path, "children", "an object", node["children"])
        for steps in _instance_steps(file, path, node.get("instances")):
            for child_name, child in node["children"].items():
                if not isinstance(child, dict):
                    raise _wrong(file, path, child_name, "an object", child)
                yield from _leaves(file, f"{path}{steps}.", child_name, child, depth + 1)
    elif node.get("type") in KINDS:
        yield _from_node(file, path, node)
    elif node.get("type") != "branch":
        raise _wrong(file, path, "type", f"branch or one of {', '.join(KINDS)}", node.get("type"))


def _instance_steps(file: str | Path, path: str, instances: Any) -> list[str]:
    """The path steps that `instances` of an unexpanded branch stand for; one empty step where there are none."""
    if not instances:
        return [""]
    levels: list[Any] = instances if isinstance(instances, list) else [instances]
    if all(isinstance(x, str) and "[" not in x for x in levels):
        levels = [levels]
    steps = [""]
    for level in levels:
        names = _instance_names(level)
        if not names or len(steps) * len(names) > _MOST_INSTANCES:
            raise _wrong(file, path, "instances", f"names or Row[1,2], {_MOST_INSTANCES} at most", level)
        steps = [f"{s}.{n}" for s in steps for n in names]
    return steps


_MOST_INSTANCES = 10_000


def _instance_names(level: Any) -> Sequence[str]:
    """The names that one level of `instances` gives, at most a few too many; none when it is malformed."""
    if isinstance(level, list):
        return level if all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in level) else []
    found = re.fullmatch(r"(\w+)\[(\d{1,9}),(\d{1,9})\]", str(level))
    if not found:
        return []
    first = int(found[2])
    return [f"{found[1]}{n}" for n in range(first, min(int(found[3]), first + _MOST_INSTANCES) + 1)]


def _from_node(file: str | Path, path: str, node: Mapping[str, Any]) -> Signal:
    datatype, allowed, default = node.get("datatype"), node.get("allowed"), node.get("default")
    if not isinstance(datatype, str) or datatype.removesuffix("[]") not in DATATYPES:
        raise _wrong(file, path, "datatype", f"one of {', '.join(sorted(DATATYPES))}", datatype)
    for key in ("min", "max"):
        if node.get(key) is not None and not _is_number(node[key]):
            raise _wrong(file, path, key, "a number", node[key])
    for key in ("unit", "pattern", "description"):
        if not isinstance(node.get(key), str | None):
            raise _wrong(file, path, key, "a text", node[key])
    if not _is_pattern(node.get("pattern")):
        raise _wrong(file, path, "pattern", "a regular expression", node["pattern"])
    if allowed is not None and not (isinstance(allowed, list) and all(isinstance(v, Scalar) for v in allowed)):
        raise _wrong(file, path, "allowed", "a list of values", allowed)
    if not all(isinstance(v, Scalar | None) for v in (default if isinstance(default, list) else [default])):
        raise _wrong(file, path, "default", "a value or a list of values", default)
    return Signal(
        0, path, node["type"], datatype, node.get("unit"), node.get("min"), node.get("max"),
        tuple(allowed) if allowed else None, _frozen(default), node.get("pattern"), node.get("description") or "",
    )  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _is_pattern(text: str | None) -> bool:
    try:
        re.compile(text or "")
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _wrong(file: str | Path, path: str, key: str, expected: str, got: object) -> VocabularyError:
    return VocabularyError(f"{file}: {path[:200]}: {key}: expected {expected}, got {repr(got)[:100]}")


def _version(signals: Iterable[Signal], otherwise: str) -> str:
    """The version that the tree states about itself, else the file's name."""
    stated = {s.path: s.default for s in signals if s.path.startswith("Vehicle.VersionVSS.")}
    parts = [stated.get(f"Vehicle.VersionVSS.{p}") for p in ("Major", "Minor", "Patch")]
    return ".".join(str(p) for p in parts) if all(p is not None for p in parts) else otherwise

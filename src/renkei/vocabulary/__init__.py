"""Signals of the COVESA Vehicle Signal Specification: the leaves of one version of the tree, plus our overlay.

The built-in vocabulary is VSS 6.0 as facts (data/vocabulary/vss-6.0.csv) with descriptions in our own words; any VSS
JSON of 4.x to 6.x, as vss-tools writes it, can stand in its place.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any

from renkei.errors import InputError, UnknownName, VocabularyError
from renkei.vocabulary.signal import DATATYPES, FLOAT32_MAX, INTEGERS, KINDS, Scalar, Signal, Value
from renkei.vocabulary.vss_file import leaves_of

__all__ = [
    "DATATYPES", "FLOAT32_MAX", "INTEGERS", "KINDS", "Scalar", "Signal", "Value", "Vocabulary", "builtin", "fits",
    "load", "overlay",
]  # fmt: skip


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
        return [s for s in self.signals if s.path.startswith(start) and fits(s.path.split("."), steps)]


def fits(levels: Sequence[str], steps: Sequence[str]) -> bool:
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
    signals = leaves_of(file)
    taken = {s.path.lower() for s in signals}
    branches = {"".join(path[:n]) for path in taken for n in range(len(path)) if path[n] == "."}
    added = [s for s in overlay() if not _clashes(s.path.lower(), taken, branches)]
    return Vocabulary([*signals, *added], _version(signals, str(file)))


def _clashes(path: str, leaves: set[str], branches: set[str]) -> bool:
    """Whether a tree has this path already, as a leaf or a branch, or a leaf on the way to it."""
    return path in leaves or path in branches or any(path[:n] in leaves for n in range(len(path)) if path[n] == ".")


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


def _version(signals: Iterable[Signal], otherwise: str) -> str:
    """The version that the tree states about itself, else the file's name."""
    stated = {s.path: s.default for s in signals if s.path.startswith("Vehicle.VersionVSS.")}
    parts = [stated.get(f"Vehicle.VersionVSS.{p}") for p in ("Major", "Minor", "Patch")]
    return ".".join(str(p) for p in parts) if all(p is not None for p in parts) else otherwise

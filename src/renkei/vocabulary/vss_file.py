"""A VSS tree in JSON, as vss-tools writes it, becomes Signals. Whatever else a file holds is told in one line."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from renkei.errors import ValueRefused, VocabularyError, clipped
from renkei.vocabulary.signal import DATATYPES, KINDS, Scalar, Signal

_DEEPEST, _MOST_NODES, _MOST_INSTANCES, _LONGEST_PATH = 40, 100_000, 10_000, 1_000
"""Far beyond any car, and short of what makes a server slow. VSS 6.0 has about 1,300 leaves."""


def leaves_of(file: str | Path) -> list[Signal]:
    """All leaves of the file's tree, instances expanded; raises VocabularyError that names the file and the leaf."""
    try:
        tree = json.loads(Path(file).read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except OSError as e:
        raise VocabularyError(f"{file}: {e.strerror or e}") from e
    except VocabularyError as e:
        raise VocabularyError(f"{file}: {e}") from e
    except (ValueError, RecursionError) as e:
        raise VocabularyError(f"{file}: not a VSS tree in JSON: {e}") from e
    return leaves_in(file, tree)


def leaves_in(file: str | Path, tree: Any) -> list[Signal]:
    """All leaves of a tree as JSON has it; `file` is for the VocabularyError that names the leaf."""
    try:
        signals = _Tree().leaves(tree)
    except VocabularyError as e:
        raise VocabularyError(f"{file}: {e}") from e
    except RecursionError as e:
        raise VocabularyError(f"{file}: not a VSS tree: {e}") from e
    _judge_names(file, signals)
    return signals


def _judge_names(file: str | Path, signals: Sequence[Signal]) -> None:
    """No path twice, nor two that only case tells apart, which some doors and tools do not tell apart at all."""
    seen: dict[str, str] = {}
    for path in (s.path for s in signals):
        other = seen.setdefault(path.lower(), path)
        if other is not path:
            told = "is defined twice" if other == path else f"differs from {other[:200]} in case only"
            raise VocabularyError(f"{file}: {path[:200]} {told}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no name comes twice."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise VocabularyError(f"{clipped(name)} is defined twice")
        made[name] = value
    return made


class _Tree:
    """Walks a tree and counts what it meets, for a few lines of `instances` can stand for a tree without end."""

    def __init__(self) -> None:
        self.nodes = 0

    def leaves(self, tree: Any) -> list[Signal]:
        if not isinstance(tree, dict) or not all(isinstance(node, dict) for node in tree.values()):
            raise VocabularyError("expected a VSS tree, an object with one branch such as Vehicle")
        signals = [s for name, node in tree.items() for s in self._below("", name, node)]
        if not signals:
            raise VocabularyError("no leaf found; expected a VSS tree such as {'Vehicle': {'children': ...}}")
        return signals

    def _below(self, above: str, name: str, node: Mapping[str, Any], depth: int = 0) -> Iterator[Signal]:
        path = above + name
        self._judge_place(path, name, depth)
        if "children" in node:
            if not isinstance(node["children"], dict):
                raise _wrong(path, "children", "an object", node["children"])
            for steps in _instance_steps(path, node.get("instances")):
                for child_name, child in node["children"].items():
                    if not isinstance(child, dict):
                        raise _wrong(path, child_name, "an object", child)
                    yield from self._below(f"{path}{steps}.", child_name, child, depth + 1)
        elif node.get("type") in KINDS:
            yield _from_node(path, node)
        elif node.get("type") != "branch":
            raise _wrong(path, "type", f"branch or one of {', '.join(KINDS)}", node.get("type"))

    def _judge_place(self, path: str, name: str, depth: int) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise VocabularyError(f"more than {_MOST_NODES:,} branches and leaves")
        if depth > _DEEPEST:
            raise VocabularyError(f"{path[:200]}: the tree is more than {_DEEPEST} levels deep")
        if not re.fullmatch(r"\w+", name):
            raise VocabularyError(f"{_shown(path)}: expected a name of letters, digits and _")
        if len(path) > _LONGEST_PATH:
            raise VocabularyError(f"{path[:200]}: expected a path of at most {_LONGEST_PATH:,} characters")


def _instance_steps(path: str, instances: Any) -> list[str]:
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
            raise _wrong(path, "instances", f"names or Row[1,2], {_MOST_INSTANCES} at most", level)
        steps = [f"{s}.{n}" for s in steps for n in names]
    return steps


def _instance_names(level: Any) -> Sequence[str]:
    """The names that one level of `instances` gives, at most a few too many; none when it is malformed."""
    if isinstance(level, list):
        return level if all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in level) else []
    found = re.fullmatch(r"(\w+)\[(\d{1,9}),(\d{1,9})\]", level) if isinstance(level, str) else None
    if not found:
        return []
    first = int(found[2])
    return [f"{found[1]}{n}" for n in range(first, min(int(found[3]), first + _MOST_INSTANCES) + 1)]


def _from_node(path: str, node: Mapping[str, Any]) -> Signal:
    datatype, allowed, default = node.get("datatype"), node.get("allowed"), node.get("default")
    if not isinstance(datatype, str) or datatype.removesuffix("[]") not in DATATYPES:
        raise _wrong(path, "datatype", f"one of {', '.join(sorted(DATATYPES))}", datatype)
    low, high = node.get("min"), node.get("max")
    for key, bound in (("min", low), ("max", high)):
        if bound is not None and not _is_number(bound):
            raise _wrong(path, key, "a number of at most 1.8e308", bound)
    if low is not None and high is not None and low > high:
        raise _wrong(path, "min", f"at most the maximum, {clipped(high)}", low)
    for key in ("unit", "pattern", "description"):
        if node.get(key) is not None and not _is_text(node[key]):
            raise _wrong(path, key, "a text", node[key])
    if not _is_pattern(node.get("pattern")):
        raise _wrong(path, "pattern", "a regular expression", node["pattern"])
    signal = Signal(
        0, path, node["type"], datatype, node.get("unit"), low, high, None, _frozen(path, default),
        node.get("pattern"), node.get("description") or "",
    )  # fmt: skip
    return replace(signal, allowed=_allowed(signal, allowed)) if allowed else signal


def _allowed(signal: Signal, allowed: Any) -> tuple[Scalar, ...]:
    if not isinstance(allowed, list) or not all(map(_is_scalar, allowed)):
        raise _wrong(signal.path, "allowed", "a list of values", allowed)
    probe = Signal(0, signal.path, signal.kind, signal.scalar)
    for value in allowed:
        try:
            probe.check(value)
        except ValueRefused as e:
            raise _wrong(signal.path, "allowed", f"values of datatype {signal.scalar}", value) from e
    return tuple(allowed)


def _frozen(path: str, default: Any) -> Any:
    several = default if isinstance(default, list) else [default]
    if not all(v is None or _is_scalar(v) for v in several):
        raise _wrong(path, "default", "a value or a list of values", default)
    return tuple(default) if isinstance(default, list) else default


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool) or _is_number(value) or _is_text(value)


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that is larger than any of floating point
        return False


def _is_text(value: Any) -> bool:
    """Also true of no half characters, which JSON can write and UTF-8 cannot."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def _is_pattern(text: str | None) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what may mean something else in later versions of Python is refused too
        try:
            re.compile(text or "")
        except (re.error, OverflowError, RecursionError, Warning):
            return False
    return True


def _shown(path: str) -> str:
    return repr(path[:200])[1:-1]


def _wrong(path: str, key: str, expected: str, got: object) -> VocabularyError:
    return VocabularyError(f"{path[:200]}: {_shown(key)}: expected {expected}, got {clipped(got, 100)}")

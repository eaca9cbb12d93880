"""What changed between two VSS trees, and what that does to the maps of a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from renkei import vocabulary
from renkei.catalogue import Catalogue
from renkei.errors import InputError, RenkeiError
from renkei.flows.plans import plan_of
from renkei.units import conversion
from renkei.vehicle import Map
from renkei.vocabulary import Signal, Vocabulary
from renkei.vocabulary.vss_overlay import overlay_leaves

BUILT_IN = "built-in"
OVERLAYS = (".vspec", ".yaml", ".yml")

_SHAPE = ("kind", "datatype", "unit", "allowed")
_JUDGED = (("kind", "type"), ("datatype",) * 2, ("unit",) * 2, ("minimum", "min"), ("maximum", "max"), ("allowed",) * 2)
_LEAST_WORDS = 4
"""Descriptions of fewer words are alike by chance."""
_SAME_UNIT = "the same unit by another name"
_LONG_NAME = 12
"""`IsOpen` has many, `IsLoadFloorUp` one."""

Key = Callable[[Signal], str | None]


class Renamed(NamedTuple):
    """A signal that goes by another path; `why` we think so."""

    signal: str
    to: str
    why: str


class Changed(NamedTuple):
    """One thing that is stated otherwise of a signal; `key` is unit, datatype, type, min, max or allowed."""

    signal: str
    key: str
    before: Any
    after: Any
    note: str


class Effect(NamedTuple):
    """What a change does to a signal of a map or app. `breaks`: a map cannot give it, an app cannot do without it."""

    user: str
    signal: str
    breaks: bool
    what: str


class Difference(NamedTuple):
    """All that differs from A to B."""

    a: str
    b: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    renamed: tuple[Renamed, ...]
    changed: tuple[Changed, ...]
    maps: tuple[Effect, ...]
    apps: tuple[Effect, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "a": self.a, "b": self.b, "removed": list(self.removed), "added": list(self.added),
            "renamed": [{"signal": r.signal, "to": r.to, "why": r.why} for r in self.renamed],
            "changed": [_as_json(c) for c in self.changed],
            "maps": [{"map": e.user, **_effect(e)} for e in self.maps],
            "apps": [{"app": e.user, **_effect(e)} for e in self.apps],
        }  # fmt: skip


def _as_json(c: Changed) -> dict[str, Any]:
    return {"signal": c.signal, "key": c.key, "before": c.before, "after": c.after, "note": c.note}


def _effect(e: Effect) -> dict[str, Any]:
    return {"signal": e.signal, "breaks": e.breaks, "effect": e.what}


def read(name: str) -> Vocabulary:
    """The tree of a VSS JSON file, the built-in one by its name or version, or that with an overlay (.vspec, .yaml).

    Raises VocabularyError.
    """
    built_in = vocabulary.builtin()
    if name in (BUILT_IN, built_in.version):
        return built_in
    if not Path(name).exists():
        expected = f"a VSS JSON file, an overlay in YAML, '{BUILT_IN}' or '{built_in.version}'"
        raise InputError(f"{name}: no such file; expected {expected}")
    if Path(name).suffix in OVERLAYS:
        laid = {s.path: s for s in overlay_leaves(name)}
        kept = [laid.pop(s.path, s) for s in built_in]
        return Vocabulary([*kept, *laid.values()], f"{built_in.version} with {Path(name).name}")
    return vocabulary.load(name)


def difference(a: Vocabulary, b: Vocabulary, catalogue: Catalogue) -> Difference:
    """From A to B, and what that does to the maps and apps of a catalogue."""
    before, after = {s.path: s for s in a}, {s.path: s for s in b}
    gone = [s for s in a if s.path not in after]
    new = [s for s in b if s.path not in before]
    renamed = tuple(_renamed(gone, new))
    moved, taken = {r.signal for r in renamed}, {r.to for r in renamed}
    changed = [c for path in before if path in after for c in _changed(before[path], after[path])]
    changed += [c for r in renamed for c in _changed(before[r.signal], after[r.to])]
    removed = tuple(s.path for s in gone if s.path not in moved)
    found = Difference(
        a.version,
        b.version,
        removed,
        tuple(s.path for s in new if s.path not in taken),
        renamed,
        tuple(changed),
        (),
        (),
    )
    maps = tuple(_on_maps(found, b, catalogue))
    return found._replace(maps=maps, apps=tuple(_on_apps(found, catalogue)))


def _renamed(gone: list[Signal], new: list[Signal]) -> Iterator[Renamed]:
    """Pairs of a removed and an added signal that are one.

    They have the same kind, datatype, unit and allowed values, and the same description; or the same path but for dots
    and capitals; or the same name of twelve letters or more. Of several candidates the one that shares most steps of
    the path is taken, if neither side has a second one. All else counts as removed and added.
    """
    left, right = list(gone), list(new)
    for why, key in (("same description", _words), ("same path but for dots", _letters), ("same name", _name)):
        pairs = list(_pairs(left, right, key))
        yield from (Renamed(old.path, other.path, f"{why}, type, unit and values") for old, other in pairs)
        found = {s.path for pair in pairs for s in pair}
        left, right = [s for s in left if s.path not in found], [s for s in right if s.path not in found]


def _pairs(left: list[Signal], right: list[Signal], key: Key) -> Iterator[tuple[Signal, Signal]]:
    """Each with its only nearest of the same key and shape, where that is so from both sides."""
    groups: dict[Any, tuple[list[Signal], list[Signal]]] = {}
    for side, signals in enumerate((left, right)):
        for s in signals:
            if (own := key(s)) is not None:
                groups.setdefault((own, _shape(s)), ([], []))[side].append(s)
    for mine, theirs in groups.values():
        for s in mine:
            best = _nearest(s, theirs)
            if best is not None and _nearest(best, mine) is s:
                yield s, best


def _nearest(signal: Signal, others: list[Signal]) -> Signal | None:
    """The one that shares most steps of the path, None where two do."""
    ranked = sorted(others, key=lambda other: -_shared(signal.path, other.path))
    if len(ranked) > 1 and _shared(signal.path, ranked[0].path) == _shared(signal.path, ranked[1].path):
        return None
    return ranked[0] if ranked else None


def _shared(a: str, b: str) -> int:
    return sum(1 for _ in takewhile(lambda steps: steps[0] == steps[1], zip(a.split("."), b.split("."), strict=False)))


def _shape(s: Signal) -> tuple[Any, ...]:
    return tuple(getattr(s, name) for name in _SHAPE)


def _words(s: Signal) -> str | None:
    words = s.description.lower().split()
    return " ".join(words) if len(words) >= _LEAST_WORDS else None


def _letters(s: Signal) -> str | None:
    return s.path.replace(".", "").lower()


def _name(s: Signal) -> str | None:
    name = s.path.rsplit(".", 1)[-1]
    return name if len(name) >= _LONG_NAME else None


def _changed(old: Signal, new: Signal) -> Iterator[Changed]:
    for name, key in _JUDGED:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Changed(old.path, key, _plain(before), _plain(after), _note(key, before, after))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _note(key: str, before: Any, after: Any) -> str:
    if key == "unit" and before and after:
        try:
            scale, offset = conversion(before, after)
        except RenkeiError:
            return "another quantity: values mean something else"
        if scale == 1 and not offset:
            return _SAME_UNIT
        text = f"1 {before} is {float(scale):g} {after}" if not offset else f"{after} = {before} × {float(scale):g}"
        return text + (f" + {float(offset):g}" if offset else "")
    if key == "allowed":
        lost = [v for v in before or () if v not in (after or ())] if after else []
        won = [v for v in after or () if v not in (before or ())] if before else []
        named = [
            f"{word} {', '.join(map(str, values))}" for word, values in (("without", lost), ("with", won)) if values
        ]
        return "; ".join(named) or ("any value before" if not before else "any value now")
    return ""


def _on_maps(found: Difference, b: Vocabulary, catalogue: Catalogue) -> Iterator[Effect]:
    for maker in catalogue.makers:
        for name in catalogue.maps(maker):
            map_ = catalogue.map(maker, name)
            yield from _on_map(f"{maker}/{name}", map_, found, b)


def _on_map(name: str, map_: Map, found: Difference, b: Vocabulary) -> Iterator[Effect]:
    aside = {s.signal: s.why for s in plan_of(map_, b, keep_personal=True).set_aside}
    for path in dict.fromkeys(row.path for row in map_.rows):
        told = _told(path, found)
        if path in aside and (told is not None or path in found.added):
            yield Effect(name, path, True, told[1] if told and told[0] else f"its rows do not fit: {aside[path]}")
        elif told is not None:
            gone, what = told
            yield Effect(name, path, gone, what)


def _on_apps(found: Difference, catalogue: Catalogue) -> Iterator[Effect]:
    for id_ in catalogue.apps:
        app = catalogue.app(id_)
        for path, need in app.needs.items():
            if (told := _told(path, found)) is None:
                continue
            gone, what = told
            needed = path in app.requires or path in app.actuates
            otherwise = any(c.signal == path and c.key == "unit" and c.note != _SAME_UNIT for c in found.changed)
            if otherwise:
                what += (
                    f"; it asks for {need.unit}"
                    if need.unit
                    else "; it names no unit and takes the values as they come"
                )
            yield Effect(id_, path, needed and (gone or (otherwise and need.unit is None)), what)


def _told(path: str, found: Difference) -> tuple[bool, str] | None:
    """Whether a user of a path loses it, and what happens to it, in words; None where nothing does."""
    if path in found.removed:
        return True, "removed: it is not there any more"
    to = next((r.to for r in found.renamed if r.signal == path), None)
    if to is not None:
        return True, f"renamed: it is to be called {to}"
    changes = [c for c in found.changed if c.signal == path]
    if not changes:
        return None
    told = [f"{c.key} {c.before} becomes {c.after}" + (f" ({c.note})" if c.note else "") for c in changes]
    return False, "; ".join(told)

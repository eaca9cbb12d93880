"""Physical relations between signals, from data/evidence/physics.toml, judged on one recording.

They are written in VSS paths, so they hold for every maker; what they state of a recording is told, not scored.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renkei.flows.prove_moments import Moments, Series

Level = Literal["supports", "refutes", "unknown", "note"]

_MOST_OUTSIDE = 0.05
"""Share of moments in which a relation may fail: at switching on and off signals of two nodes do not agree."""

_MOST_OUTSIDE_INTEGRAL = 0.02
_MOST_JUMPS = 0.01
_FEWEST_MOMENTS = 5
_SETTLED_S = 1.0
_LONGEST_STEP_S = 10.0


@dataclass(frozen=True, slots=True)
class Term:
    """A product of signals, each with how an array of it becomes one number, times a factor."""

    signals: tuple[tuple[str, str], ...]
    factor: float = 1.0

    def __str__(self) -> str:
        return " × ".join(path.rsplit(".", 1)[-1] for path, _ in self.signals)


@dataclass(frozen=True, slots=True)
class Relation:
    """One entry of the file; the file says what each field means."""

    name: str
    what: str
    kind: str
    y: Term
    x: Term | None
    unit: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str, otherwise: float = 0.0) -> float:
        return float(self.numbers.get(name, otherwise))

    @property
    def wanted(self) -> Iterator[tuple[str, str]]:
        yield from self.y.signals
        yield from self.x.signals if self.x else ()
        if "while" in self.numbers:
            yield self.numbers["while"]["path"], ""


class Judgement(NamedTuple):
    """What a relation says of a recording."""

    level: Level
    measured: str
    expected: str


@cache
def relations() -> tuple[Relation, ...]:
    """All relations of the file."""
    text = (files("renkei") / "data/evidence/physics.toml").read_text(encoding="utf-8")
    return tuple(_relation(name, dict(entry)) for name, entry in tomllib.loads(text).items())


def _relation(name: str, entry: dict[str, Any]) -> Relation:
    y, x = _term(entry.pop("y")), entry.pop("x", None)
    return Relation(name, entry.pop("what"), entry.pop("kind"), y, _term(x) if x else None, entry.pop("unit"), entry)


def _term(entry: Mapping[str, Any]) -> Term:
    for how in ("sum", "lowest", "highest"):
        if how in entry:
            return Term(((entry[how], how),), float(entry.get("factor", 1.0)))
    paths = entry.get("times") or [entry["path"]]
    return Term(tuple((path, "") for path in paths), float(entry.get("factor", 1.0)))


def judge(relation: Relation, moments: Moments, attributes: Mapping[str, float]) -> Judgement | None:
    """What the recording says of a relation; None where the map has not all of its signals or none ever came.

    `attributes`: what is fixed in the car, used for signals that did not come.
    """
    every_s = relation.number("every_s", moments.step_ns / 1e9)
    held = relation.kind != "rate" and not relation.numbers.get("fresh")
    series = [_series(t, moments, attributes, every_s, held) for t in (relation.y, relation.x) if t]
    y, x = series[0], series[-1]
    if y is None or x is None or y.ndim == 0:
        return None
    x = np.broadcast_to(x, y.shape)
    known = ~np.isnan(y) & ~np.isnan(x)
    if "while" in relation.numbers:
        known &= _while(relation.numbers["while"], moments, every_s)
    every_s = moments.moments_in(every_s) * moments.step_ns / 1e9
    judged = _KINDS[relation.kind](relation, y, x, known, every_s)
    weak = relation.numbers.get("weak") and judged.level == "refutes"
    return judged._replace(level="note") if weak else judged


def _series(term: Term, moments: Moments, attributes: Mapping[str, float], every_s: float, held: bool) -> Series | None:
    product: Series | None = None
    fixed = term.factor
    for path, how in term.signals:
        one = moments.series(path, how, every_s, held=held)
        if one is None:
            if path not in attributes:
                return None
            fixed *= attributes[path]
        else:
            product = one if product is None else product * one
    return np.array(fixed) if product is None else product * fixed


def _while(condition: Mapping[str, Any], moments: Moments, every_s: float) -> NDArray[np.bool_]:
    state = moments.series(condition["path"], "", every_s)
    if state is None:
        return np.zeros(1, np.bool_)
    holds = state >= 0.99 if condition["is"] else state <= 0.01
    around = 2 * round(_SETTLED_S / every_s) + 1  # a second before and after, as relays and nodes take their time
    reached = np.convolve(np.pad(holds.astype(np.int64), around // 2), np.ones(around, np.int64), "valid")
    settled: NDArray[np.bool_] = reached == around
    return settled


def _too_little(relation: Relation, moved: float, enough: NDArray[np.bool_], every_s: float) -> str | None:
    """Why the recording says nothing about a relation."""
    seconds, least_s = float(enough.sum()) * every_s, relation.number("for_s")
    if not enough.any() or moved < relation.number("at_least"):
        return f"no more than {moved:.3g} {relation.unit}"
    if seconds < least_s:
        return f"{seconds:.3g} s of it"
    return None


def _band(r: Relation, y: Series, x: Series, known: NDArray[np.bool_], every_s: float) -> Judgement:
    low, high = r.numbers["low"], r.numbers["high"]
    expected = f"{_linear(low)} to {_linear(high)} {r.unit}, x being {r.x}"
    reached = np.fmax(np.abs(x), np.abs(y)) >= r.number("at_least")
    enough = known & reached
    top = float(np.max(np.fmax(np.abs(x[known]), np.abs(y[known])), initial=0.0))
    little = _too_little(r, top, enough, every_s)
    if little:
        return Judgement("unknown", little, expected)
    inside = (y >= low[0] * x + low[1] - 1e-9) & (y <= high[0] * x + high[1] + 1e-9)
    outside = 1 - float(inside[enough].mean())
    middle_y, middle_x = float(np.median(y[enough])), float(np.median(x[enough]))
    seconds = enough.sum() * every_s
    measured = f"{outside:.1%} of {seconds:.3g} s outside; medians {middle_y:.4g} against {middle_x:.4g} {r.unit}"
    return Judgement("refutes" if outside > r.number("outside", _MOST_OUTSIDE) else "supports", measured, expected)


def _line(r: Relation, y: Series, x: Series, known: NDArray[np.bool_], every_s: float) -> Judgement:
    slopes, offsets, least = r.numbers["slope"], r.numbers["offset"], r.number("correlation")
    expected = (
        f"slope {slopes[0]:g} to {slopes[1]:g}, offset {offsets[0]:g} to {offsets[1]:g} {r.unit}, "
        f"correlation at least {least:g}"
    )
    known = known & (np.abs(x) >= r.number("beyond"))
    a, b = x[known], y[known]
    moved = float(np.ptp(a)) if len(a) else 0.0
    little = _too_little(r, moved, known, every_s)
    if little:
        return Judgement("unknown", little, expected)
    slope, offset, correlation = _fit(a, b)
    fits = slopes[0] <= slope <= slopes[1] and offsets[0] <= offset <= offsets[1] and correlation >= least
    measured = (
        f"slope {slope:.3g}, offset {offset:.3g} {r.unit}, correlation {correlation:.3f} over {len(a) * every_s:.3g} s"
    )
    return Judgement("supports" if fits else "refutes", measured, expected)


def _fit(x: Series, y: Series) -> tuple[float, float, float]:
    """Slope, offset and correlation of the line of least squares; a y that never moves has none."""
    dx, dy = x - x.mean(), y - y.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    slope = sxy / sxx
    correlation = sxy / math.sqrt(sxx * syy) if syy > 0 else 0.0
    return slope, float(y.mean()) - slope * float(x.mean()), correlation


def _integral(r: Relation, y: Series, x: Series, known: NDArray[np.bool_], every_s: float) -> Judgement:
    """Over the longest stretch without a hole."""
    share, amount, least = r.number("share"), r.number("amount"), r.number("at_least")
    expected = f"within {share:.0%} and {amount:g} {r.unit}"
    first, end = _longest(known)
    little = _too_little(r, math.inf, known, every_s)
    if little or end - first < _FEWEST_MOMENTS:
        return Judgement("unknown", "never both at once", expected)
    integral, change = np.cumsum(x[first:end]) * every_s, y[first:end] - y[first]
    span, moved = float(np.ptp(integral)), float(np.ptp(change))
    if max(span, moved) < least:
        return Judgement("unknown", f"no more than {max(span, moved):.3g} {r.unit} in one stretch", expected)
    off = np.abs(change - (integral - integral[0])) > amount + share * span
    measured = (
        f"{float(change[-1]):+.3g} against {float(integral[-1]):+.3g} {r.unit} over {(end - first) * every_s:.3g} s"
    )
    return Judgement("refutes" if off.mean() > _MOST_OUTSIDE_INTEGRAL else "supports", measured, expected)


def _longest(known: NDArray[np.bool_]) -> tuple[int, int]:
    """First and end of the longest run of moments that are known."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    if not len(edges):
        return 0, 0
    lengths = edges[1::2] - edges[::2]
    best = int(np.argmax(lengths))
    return int(edges[2 * best]), int(edges[2 * best + 1])


def _rate(r: Relation, y: Series, _x: Series, known: NDArray[np.bool_], every_s: float) -> Judgement:
    per_s, step = r.number("per_s"), r.number("step")
    expected = f"at most {per_s:g} {r.unit} a second, steps of {step:g} {r.unit} aside"
    places = np.flatnonzero(known)
    seconds = np.diff(places) * every_s
    near = seconds <= _LONGEST_STEP_S
    changes, seconds = np.abs(np.diff(y[places]))[near], seconds[near]
    if len(changes) < _FEWEST_MOMENTS or not changes.any():
        return Judgement("unknown", "it never changed" if len(changes) else "not often enough", expected)
    jumps = int((changes > per_s * seconds + step).sum())
    measured = f"{jumps} jumps in {seconds.sum():.3g} s, the largest change {float(changes.max()):.3g} {r.unit}"
    too_many = jumps > max(3, _MOST_JUMPS * len(changes))
    return Judgement("refutes" if too_many else "supports", measured, expected)


def _linear(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} x {'+' if pair[1] >= 0 else '-'} {abs(pair[1]):g}"


_KINDS: Mapping[str, Callable[[Relation, Series, Series, NDArray[np.bool_], float], Judgement]] = {
    "band": _band, "line": _line, "integral": _integral, "rate": _rate,
}  # fmt: skip

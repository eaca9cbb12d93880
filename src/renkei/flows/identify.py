"""Which car of the catalogue a recording is of: all are tried on it, and what speaks for and against each is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from renkei.catalogue import Catalogue
from renkei.facts import fact_keys
from renkei.flows.plans import plan_of
from renkei.flows.prove import Trial, try_on, verdict
from renkei.flows.prove_bus import Check, Coverage
from renkei.flows.prove_physics import Level
from renkei.vocabulary import Vocabulary

_MOST_REASONS = 6
_FAR_LESS, _LESS = 0.4, 0.7
"""A car that explains less than this part of what another one does comes after it."""


class Candidate(NamedTuple):
    """A car and what was found: `explained` is the share of frames that its map knows and whose checksums hold.

    `ties` are the cars for and against which the recording says exactly the same, each with what would tell it apart.
    """

    vehicle: str
    verdict: Level
    explained: float
    coverage: tuple[Coverage, ...]
    checks: tuple[Check, ...]
    ties: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def order(self, most: float, most_of_sound: float) -> tuple[Any, ...]:
        """The place among all, of which one explains the share `most` of the frames, of those not refuted another.

        Cars come first that explain about as much as any and against which nothing speaks, and of these the ones of
        which a whole bus is there, then those for which more relations speak and of whose buses less is missing.
        Nothing is weighed against anything else, so cars that the recording cannot tell apart differ in nothing but
        their name.
        """
        there = [c for c in self.coverage if c.is_there]
        missing = sum(c.known - c.came for c in there)
        against = len(self._of("refutes"))
        physics = sum(c.strong and c.check.startswith("physics ") for c in self._of("supports"))
        far_less, less = self.explained < _FAR_LESS * most, self.explained < _LESS * most_of_sound
        first = far_less, against > 0, less, not there
        return *first, len(self._odd), against, -physics, missing, -self.explained, self.vehicle

    @property
    def reasons(self) -> list[str]:
        """What was found, what speaks against it, what for it, in words."""
        reasons = [f"{self.explained:.1%} of the frames are its own"]
        reasons += [f"{c.came} of {c.known} messages of {c.bus}" for c in self.coverage if c.came]
        against = [
            f"against: {c.check}: {c.measured}; expected {c.expected}" for c in (*self._of("refutes"), *self._odd)
        ]
        strong = [c for c in self._of("supports") if c.strong]
        kinds: dict[str, int] = {}
        for c in strong:
            kind = c.check.split(" ", 1)[0]
            kinds[kind] = kinds.get(kind, 0) + 1
        reasons += against[:_MOST_REASONS]
        reasons += [f"for: {n} {_WORDS.get(kind, (kind, kind))[n > 1]} as stated" for kind, n in kinds.items()]
        return reasons

    @property
    def _odd(self) -> list[Check]:
        """What does not refute the map, but speaks for another car."""
        return [c for c in self._of("note") if c.check.startswith(("names ", "physics "))]

    def _of(self, level: Level) -> list[Check]:
        return [c for c in self.checks if c.level == level]

    def as_json(self) -> dict[str, Any]:
        return {
            "vehicle": self.vehicle, "verdict": self.verdict, "explained": round(self.explained, 6),
            "reasons": self.reasons,
            "ties": [{"vehicle": other, "told_apart_by": list(facts)} for other, facts in self.ties.items()],
        }  # fmt: skip


_WORDS = {
    "physics": ("physical relation", "physical relations"),
    "checksum": ("checksum", "checksums"),
    "counter": ("counter", "counters"),
    "periods": ("bus with periods", "buses with periods"),
    "multiplexor": ("multiplexor", "multiplexors"),
}


def identify(
    path: str | Path,
    catalogue: Catalogue,
    vocabulary: Vocabulary | None = None,
    time_unit: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """All cars of the catalogue of which anything is in the recording, the best first; perhaps none.

    Raises LogError for a log that cannot be read or holds no frames.
    """
    cars = [catalogue.vehicle(v) for v in catalogue.vehicles]
    plans = [(car, plan_of(car.map, vocabulary)) for car in cars if car.known_map]
    recording, trials = try_on(path, plans, {}, time_unit, progress)
    found = [_candidate(trial, recording.frames) for trial in trials]
    most = max((c.explained for c in found), default=0.0)
    most_of_sound = max((c.explained for c in found if c.verdict != "refutes"), default=0.0)
    places = {c.vehicle: c.order(most, most_of_sound) for c in found if c.explained > 0}
    ranked = sorted((c for c in found if c.vehicle in places), key=lambda c: places[c.vehicle])
    alike = {v: [w for w in places if w != v and places[w][:-1] == places[v][:-1]] for v in places}
    return [c._replace(ties={w: told_apart(catalogue, c.vehicle, w) for w in alike[c.vehicle]}) for c in ranked]


_TELLING = ("energy_gross", "energy_usable", "power_peak", "torque_peak", "voltage_nominal")
_MOST_TELLING = 3


def told_apart(catalogue: Catalogue, one: str, other: str) -> tuple[str, ...]:
    """Facts of two cars that differ, in words, those first that are easiest to look up; perhaps none."""
    a, b = catalogue.vehicle(one), catalogue.vehicle(other)
    found = []
    for name, slot in a.slots.items():
        fitted = [s.fitted for s in (slot, b.slots.get(name)) if s is not None and s.fitted]
        if len(fitted) < 2 or fitted[0] == fitted[1]:
            continue
        facts = [catalogue.part(part).facts for part in fitted]
        for key in _TELLING:
            if all(key in f for f in facts) and facts[0][key].value != facts[1][key].value:
                unit = fact_keys()[key].unit or ""
                values = " or ".join(f"{f[key].value:.4g}" for f in facts)
                found.append(f"{key} of its {slot.kind}, {values} {unit}".rstrip())
                break
        else:
            found.append(f"which {slot.kind} it has, {fitted[0]} or {fitted[1]}")
    for path, fact in () if found else a.attributes.items():
        theirs = b.attributes.get(path)
        if theirs is not None and theirs.value != fact.value:
            found.append(f"{path}, {fact.value} or {theirs.value}")
    if a.years != b.years:
        found.append(f"year, {a.years} or {b.years}")
    return tuple(found[:_MOST_TELLING])


def _candidate(trial: Trial, frames: int) -> Candidate:
    checks = tuple(trial.checks())
    return Candidate(trial.car.id, verdict(checks), trial.explained / frames, tuple(trial.coverage()), checks)

"""Judges the map of a car against recordings: what supports it, what refutes it, what the recordings cannot tell.

A verdict is `refutes` if any check does. It is `supports` if a bus of the car is covered, so that what came is not a
chance meeting of identifiers, and a strong check supports: a checksum, a counter, the periods of a bus or a physical
relation. All else is `unknown`: the recording holds too little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renkei import evidence
from renkei.can.columns import ColumnEngine
from renkei.can.frames import Frames
from renkei.can.logs import open_log
from renkei.can.plan import Plan
from renkei.can.tally import Tally
from renkei.can.uds import Answers
from renkei.catalogue import Catalogue
from renkei.errors import InputError, LogError
from renkei.flows import prove_bus
from renkei.flows.buses import Buses
from renkei.flows.decode import ahead
from renkei.flows.gist import STEPS, Beginning, Gist
from renkei.flows.plans import plan_of
from renkei.flows.prove_bus import Check, Coverage, Values
from renkei.flows.prove_moments import ActiveTime, Moments
from renkei.flows.prove_physics import Judgement, Level, Relation, judge, relations
from renkei.vehicle import Map, Vehicle
from renkei.vocabulary import Vocabulary, builtin

KIND = "proof of a map"
"""Of the evidence file."""

_ORDER: Sequence[Level] = ("refutes", "supports", "note", "unknown")


@dataclass(frozen=True, slots=True)
class Recording:
    """What is told of a recording: nothing that would tell whose it is or where it was made."""

    digest: str
    dialect: str
    frames: int
    explained: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest, "dialect": self.dialect, "frames": self.frames, "explained": self.explained,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome. `map_digest` stands for the map, its DBC files and the vocabulary.

    `unjudged`: signals that came and that no relation held against another, so that their scale and sign rest on the
    map alone.
    """

    vehicle: str
    map_digest: str
    vocabulary: str
    recordings: tuple[Recording, ...]
    checks: tuple[Check, ...]
    unjudged: tuple[str, ...] = ()

    @property
    def is_covered(self) -> bool:
        """Whether a bus of the car is there at all."""
        return is_covered(self.checks)

    @property
    def verdict(self) -> Level:
        return verdict(self.checks)

    def of(self, level: Level) -> list[Check]:
        return [c for c in self.checks if c.level == level]

    def as_json(self) -> dict[str, Any]:
        return {
            "vehicle": self.vehicle,
            "verdict": self.verdict,
            "map": self.map_digest,
            "vocabulary": self.vocabulary,
            "recordings": [r.as_json() for r in self.recordings],
            "checks": [
                {"check": c.check, "level": c.level, "measured": c.measured, "expected": c.expected, "what": c.what}
                for c in self.checks
            ],
            "unjudged": list(self.unjudged),
        }

    def sealed(self, pem: bytes | None = None) -> bytes:
        """As an evidence file, signed with an ed25519 private key if one is given."""
        subjects = {"map": self.map_digest} | {f"log {n}": r.digest for n, r in enumerate(self.recordings, 1)}
        return evidence.seal(KIND, self.as_json(), subjects, pem)


def verdict(checks: Sequence[Check]) -> Level:
    """What checks say together."""
    if any(c.level == "refutes" for c in checks):
        return "refutes"
    supported = is_covered(checks) and any(c.level == "supports" and c.strong for c in checks)
    return "supports" if supported else "unknown"


def is_covered(checks: Sequence[Check]) -> bool:
    """Whether a bus of the car is in the recording."""
    return any(c.level == "supports" and c.check.startswith(prove_bus.COVERAGE) for c in checks)


def prove(
    paths: Sequence[str | Path],
    vehicle: str,
    catalogue: Catalogue,
    vocabulary: Vocabulary | None = None,
    buses: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Proof:
    """What recordings say of the map of a vehicle.

    Raises UnknownName for the vehicle, LogError for a log that cannot be read or holds no frames.
    """
    if not paths:
        raise InputError("no log given")
    car = catalogue.vehicle(vehicle)
    plan = plan_of(car.map, vocabulary)
    recordings: list[Recording] = []
    checks: list[list[Check]] = []
    came: set[str] = set()
    for path in paths:
        recording, trials = try_on(path, [(car, plan)], buses or {}, time_unit, progress)
        recordings.append(recording)
        checks.append(list(trials[0].checks()))
        came |= trials[0].came
    chosen, together = vocabulary or builtin(), tuple(_together(checks))
    unjudged = tuple(sorted(came - _held_against_another(together)))
    digest = map_digest(car.map, chosen)
    return Proof(vehicle, digest, chosen.version, tuple(recordings), together, unjudged)


def _held_against_another(checks: Iterable[Check]) -> set[str]:
    """The signals of the relations that a recording has decided."""
    decided = {c.check.removeprefix("physics ") for c in checks if c.strong and c.level in ("supports", "refutes")}
    return {path for relation in relations() if relation.name in decided for path, _ in relation.wanted}


def try_on(
    path: str | Path,
    cars: Iterable[tuple[Vehicle, Plan]],
    given: Mapping[str, str],
    time_unit: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Recording, list[Trial]]:
    """One reading of a log, tried on the maps of several cars."""
    with ThreadPoolExecutor(1) as pool:
        log = open_log(path, time_unit=time_unit)
        content = pool.submit(_digest, Path(path))
        beginning = Beginning(log.blocks())
        trials = [Trial(car, plan, Buses(plan, given)) for car, plan in cars]
        for _ in range(STEPS):
            if not beginning.look():
                break
            waiting = [trial for trial in trials if trial.look(beginning.gist)]
            if not waiting:
                break
        time, seconds, frames = ActiveTime(), 0.0, 0
        for block in ahead(beginning.blocks()):
            frames += len(block)
            active = time.of(block)
            for trial in trials:
                trial.add(active)
            if len(active):
                seconds = max(seconds, float(active.t.max()) / 1e9)
            if progress:
                progress(log.position, log.size)
        if not frames:
            raise LogError(f"{path}: no CAN frames in it")
        for channel in given.values():
            if channel not in beginning.gist.channels:
                raise LogError(f"{path}: no channel '{channel}'; it has {', '.join(beginning.gist.channels)}")
        return Recording(content.result(), log.dialect, frames, trials[0].explained if trials else 0, seconds), trials


class Trial:
    """The map of one car tried on one recording, block after block."""

    def __init__(self, car: Vehicle, plan: Plan, buses: Buses) -> None:
        self.car, self.plan, self._buses = car, plan, buses
        self._identifiers: list[tuple[str, int, int]] = []
        self._engine, self._answers = ColumnEngine(plan), Answers(plan)
        self._tally = Tally(len(plan.messages))
        self._relations = [r for r in relations() if car.powertrain in r.numbers.get("powertrain", [car.powertrain])]
        self._moments = Moments({wanted for r in self._relations for wanted in r.wanted})
        self._values: dict[int, Values] = {}

    @property
    def came(self) -> set[str]:
        """Paths of the signals of which values came."""
        return {self.plan.vocabulary.signals[index].path for index in self._values}

    def look(self, gist: Gist) -> bool:
        """Find the buses by the beginning of the recording; True while more of it may find more."""
        self._identifiers = gist.identifiers
        if self._buses.few:
            self._buses.look(gist)
        return self._buses.few

    def add(self, frames: Frames) -> None:
        """The next frames of the recording, in active time."""
        carried = self._buses.of(frames)
        columns = self._engine.decode(frames, carried)
        self._tally.add(frames, self._engine.slots(frames))
        for column in (*columns, *self._answers.decode(frames, carried)):
            self._values.setdefault(column.index, Values()).add(column)
            self._moments.add(self.plan.vocabulary.signals[column.index], column)

    @property
    def explained(self) -> int:
        """Frames that the map knows and whose checksums hold."""
        counts = self._engine.counts
        return counts.decoded - counts.bad_checksum + self._answers.counts.decoded

    def coverage(self) -> list[Coverage]:
        """How much of each bus of the car is in the recording."""
        counts = self._engine.message_counts
        channels = self._buses.channels
        covered = []
        for bus in self.plan.buses:
            own = [counts[m.number] for m in self.plan.messages if m.bus == bus]
            came = sum(c.decoded > 2 * c.bad_checksum for c in own)
            heard = sum(channel == channels.get(bus) for channel, _, _ in self._identifiers)
            covered += [Coverage(bus, came, len(own), heard)] if own else []
        return covered

    def checks(self) -> Iterator[Check]:
        """All that can be said, the physical relations first."""
        yield from self._physics()
        counts = self._engine.message_counts
        coverage = self.coverage()
        there = {c.bus for c in coverage if c.is_there}
        bus = [
            check
            for m in self.plan.messages
            for check in prove_bus.of_message(m, counts[m.number], self._tally[m.number], covered=m.bus in there)
        ]
        yield from (c.check() for c in coverage)
        for name in self.plan.buses:
            yield from prove_bus.of_bus(name, bus)
        yield from bus
        for m in self.plan.messages:
            yield from prove_bus.multiplexed(m, counts[m.number], set(self._values))
        yield from self._signals()

    def _physics(self) -> Iterator[Check]:
        fixed = {
            path: float(fact.value)
            for path, fact in self.car.attributes.items()
            if isinstance(fact.value, int | float) and not isinstance(fact.value, bool)
        }
        mapped = {row.signal.path for row in self.plan.rows} | set(fixed)
        for r in self._relations:
            if all(path in mapped for path, _ in r.wanted):
                yield physical(r, judge(r, self._moments, fixed))

    def _signals(self) -> Iterator[Check]:
        counts = self._engine.message_counts
        failed: dict[int, int] = {}
        for m in self.plan.messages:
            for row in m.rows:
                failed[row.index] = failed.get(row.index, 0) + counts[m.number].bad_checksum
        for index, values in sorted(self._values.items()):
            yield from prove_bus.of_signal(self.plan.vocabulary.signals[index], values, failed.get(index, 0))
            yield from prove_bus.unnamed([row for row in self.plan.rows if row.index == index], values)
        heard = {(m.bus, m.name) for m in self.plan.messages if counts[m.number].decoded}
        yield from prove_bus.never(self.plan, (self.plan.vocabulary.signals[i].path for i in self._values), heard)


def physical(r: Relation, judged: Judgement | None) -> Check:
    """What a relation says as a check; that a field changes slowly can refute a map and never support it."""
    level, measured, expected = judged or Judgement("unknown", "not all of its signals came", "a recording with them")
    return Check(f"physics {r.name}", level, measured, expected, r.what, not r.numbers.get("weak") and r.kind != "rate")


def _together(recordings: Sequence[Sequence[Check]]) -> Iterator[Check]:
    """Of each check the outcome that weighs most, and from which recording."""
    found: dict[str, list[tuple[int, Check]]] = {}
    for number, checks in enumerate(recordings, 1):
        for check in checks:
            found.setdefault(check.check, []).append((number, check))
    for several in found.values():
        number, best = min(several, key=lambda one: _ORDER.index(one[1].level))
        yield best if len(recordings) == 1 else best._replace(measured=f"log {number}: {best.measured}")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def map_digest(map_: Map, vocabulary: Vocabulary) -> str:
    """Changes when anything does that decides what a frame means: rows, message rules, DBC files, the vocabulary."""
    dbc = {b.name: [_digest(file) for file in b.dbc] for b in map_.buses.values()}
    rules = {f"{bus}.{name}": list(rule) for (bus, name), rule in map_.messages.items()}
    meaning = [repr((s.path, s.datatype, s.unit, s.minimum, s.maximum, s.allowed)) for s in vocabulary]
    rows = [repr(row) for row in map_.rows]
    answers = [repr((key, answer)) for key, answer in map_.uds.items()]
    return evidence.digest(evidence.canonical([dbc, rules, rows, answers, vocabulary.version, meaning]))

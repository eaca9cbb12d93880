"""What a recording says of each message and signal of a map: lengths, periods, counters, checksums, ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from renkei.can.frame_engine import Counts
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow
from renkei.can.tally import Distances
from renkei.flows.prove_physics import Level
from renkei.samples import Column, Quality
from renkei.vocabulary import Signal

_FEWEST = 20
"""Frames, below which a message says nothing about its checksum, counter and length."""

_GOOD_CHECKSUMS, _BAD_CHECKSUMS = 0.98, 0.80
"""Shares that hold. By chance 1 in 16 or 1 in 256 hold; between the two the recording itself may be damaged."""

_PERIOD = 0.7, 1.45
"""Of the stated period: half or double is another period."""
_TOO_OFTEN = 1 / 3

_GAP_PERIODS = 10
_MOST_OUT_OF_RANGE = 0.25
"""Nodes send odd values while they wake."""

_LONGEST_SELECTOR = 8
_COVERED = 0.5
COVERAGE = "coverage"
"""The checks without the support of one of which nothing is supported: messages of another car collide by chance."""

_FEWEST_MESSAGES, _MOST_ODD_PERIODS = 4, 0.25


class Check(NamedTuple):
    """One thing that was looked at. `what` says it in words; `strong` ones alone can carry a verdict."""

    check: str
    level: Level
    measured: str
    expected: str
    what: str
    strong: bool = False


@dataclass(slots=True)
class Values:
    """What came of one signal: samples, those that are not available or cannot be true, and its extremes."""

    samples: int = 0
    not_available: int = 0
    invalid: int = 0
    low: float = np.inf
    high: float = -np.inf

    def add(self, column: Column) -> None:
        n, ok = len(column.quality), column.quality == Quality.OK
        good = int(np.count_nonzero(ok))
        invalid = int(np.count_nonzero(column.quality == Quality.INVALID)) if good < n else 0
        self.samples += n
        self.invalid += invalid
        self.not_available += n - good - invalid
        if good:
            values = column.value if good == n else column.value[ok]
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))


def of_message(m: PlanMessage, counts: Counts, distances: Distances, *, covered: bool) -> Iterator[Check]:
    """Whether a message came, as long as it should be, as often, and whole; `covered`: its bus is there."""
    name = f"{m.bus}.{m.name}"
    came = counts.decoded + counts.short
    cycle_ms = m.cycle_ns / 1e6
    expected = f"every {cycle_ms:g} ms" if cycle_ms else "now and then"
    text = f"{came:,} frames" if came else "never"
    yield Check(f"came {name}", "note" if came else "unknown", text, expected, f"identifier {_id(m.id)}")
    if not came:
        return
    yield from _length(m, name, counts, came)
    if counts.decoded < 2:
        return
    yield from _period(name, cycle_ms, distances, covered)
    yield from _checksum(m, name, counts)
    yield from _counter(m, name, counts)


def _length(m: PlanMessage, name: str, counts: Counts, came: int) -> Iterator[Check]:
    if not counts.short:
        return
    level: Level = "refutes" if counts.short > came / 2 and came >= _FEWEST else "note"
    yield Check(
        f"length {name}", level, f"{counts.short:,} of {came:,} frames shorter", f"{m.length} bytes or more",
        "length of the frames", True,
    )  # fmt: skip


def _period(name: str, cycle_ms: float, d: Distances, covered: bool) -> Iterator[Check]:
    """A logger loses frames, but it makes none: a message that comes far too often is another one."""
    if not cycle_ms or d.frames < _FEWEST or not d.median_ns:
        return
    median_ms = d.median_ns / 1e6
    fits = _PERIOD[0] * cycle_ms <= median_ms <= _PERIOD[1] * cycle_ms
    too_often = covered and d.upper_ns / 1e6 < _TOO_OFTEN * cycle_ms
    level: Level = "supports" if fits else "refutes" if too_often else "note"
    what = "median distance between two frames"
    yield Check(f"period {name}", level, f"{median_ms:.3g} ms", f"{cycle_ms:g} ms", what)
    if d.largest_ns / 1e6 > _GAP_PERIODS * max(cycle_ms, median_ms):
        yield Check(
            f"timeout {name}", "note", f"silent for {d.largest_ns / 1e9:.3g} s",
            f"at most {_GAP_PERIODS * cycle_ms / 1e3:g} s", "longest silence",
        )  # fmt: skip


def _checksum(m: PlanMessage, name: str, counts: Counts) -> Iterator[Check]:
    if m.checksum is None:
        return
    share = 1 - counts.bad_checksum / counts.decoded
    level: Level = "note"
    if counts.decoded < _FEWEST:
        level = "unknown"
    elif share >= _GOOD_CHECKSUMS:
        level = "supports"
    elif share < _BAD_CHECKSUMS:
        level = "refutes"
    measured = f"{counts.bad_checksum:,} of {counts.decoded:,} frames fail"
    yield Check(f"checksum {name}", level, measured, "none fails", m.checksum, True)


def _counter(m: PlanMessage, name: str, counts: Counts) -> Iterator[Check]:
    good = counts.decoded - counts.bad_checksum
    if m.counter is None or good == 0:
        return
    repeated, lost = counts.repeated / good, counts.lost / good
    level: Level = "note"
    if good < _FEWEST:
        level = "unknown"
    elif repeated > 0.95:
        level = "refutes"
    elif repeated < 0.1 and lost < 0.1:
        level = "supports"
    measured = f"{counts.repeated:,} of {good:,} stand still, {counts.lost:,} steps skipped"
    yield Check(f"counter {name}", level, measured, "one more each frame", "the message's counter", True)


def of_signal(signal: Signal, values: Values, failed: int) -> Iterator[Check]:
    """Whether the values of a signal can be true; `failed`: samples that are invalid only by their frame's checksum."""
    outside = max(values.invalid - failed, 0)
    good = max(values.samples - failed, 0)
    if outside and good >= _FEWEST:
        level: Level = "refutes" if outside > _MOST_OUT_OF_RANGE * good else "note"
        yield Check(
            f"range {signal.path}",
            level,
            f"{outside:,} of {good:,} values cannot be true",
            "none",
            "range in VSS",
            True,
        )
    if values.not_available:
        share = values.not_available / values.samples
        yield Check(
            f"available {signal.path}", "note", f"{share:.1%} of {values.samples:,} not available", "a value", "",
        )  # fmt: skip
    ok = values.samples - values.not_available - values.invalid
    if ok >= _FEWEST and values.low == values.high:
        yield Check(f"changes {signal.path}", "note", f"{ok:,} times the same value", "changes at times", "")


def unnamed(rows: Sequence[PlanRow], values: Values) -> Iterator[Check]:
    """A signal of which only codes came that its table does not name."""
    only_names = all(row.table is not None and not row.invalid and not row.unless for row in rows)
    if only_names and values.samples >= _FEWEST and values.not_available == values.samples:
        what = "values that the table of a row names"
        path = rows[0].signal.path
        yield Check(f"names {path}", "note", f"none of {values.samples:,} codes", "codes that the map names", what)


def never(plan: Plan, came: Iterable[str], heard: set[tuple[str, str]]) -> Iterator[Check]:
    """Signals of which nothing came, and whether their message did."""
    known = set(came)
    for path in sorted({row.signal.path for row in plan.rows} - known):
        messages = sorted({f"{r.row.bus}.{r.row.message}" for r in plan.rows if r.signal.path == path})
        there = any((r.row.bus, r.row.message) in heard for r in plan.rows if r.signal.path == path)
        why = "its message came, its conditions never held" if there else "its message never came"
        yield Check(f"came {path}", "unknown", why, "from " + ", ".join(messages), "")


def multiplexed(m: PlanMessage, counts: Counts, came: set[int]) -> Iterator[Check]:
    """Whether what selects the content of a message takes the values that are known; `came`: signals with samples.

    A multiplexor of the DBC file; or a signal that rows of the map wait for, if together they name half of its values.
    """
    rows = [row for row in m.rows if row.when and all(test.field is not None for test in row.when)]
    fields = {test.field for row in rows for test in row.when if test.field is not None and not test.field.is_float}
    for field in sorted(fields):
        waiting = [row for row in rows if any(test.field == field for test in row.when)]
        named = {v for row in waiting for v in _named(row, field)}
        pages = 2**field.length
        by_dbc = any(_switches(row) for row in waiting)
        too_few = counts.decoded - counts.bad_checksum < 2 * pages
        if too_few or len(named) >= pages or (not by_dbc and 2 * len(named) < pages):
            continue
        spoke = sum(row.index in came for row in waiting)
        yield Check(
            f"multiplexor {m.bus}.{m.name}", "supports" if spoke else "refutes",
            f"{spoke} of {len(waiting)} selected signals came in {counts.decoded:,} frames", "all of them in turn",
            "values of a multiplexor or selector", not spoke,
        )  # fmt: skip


def _named(row: PlanRow, field: Field) -> set[int]:
    """Values of a selecting field in which a row speaks; of long fields none, as no recording shows them all."""
    if field.length > _LONGEST_SELECTOR:
        return set()
    return {v for test in row.when if test.field == field for a, b in test.ranges for v in range(a, b + 1)}


def _switches(row: PlanRow) -> bool:
    """Whether the DBC file, not the map, sets conditions on a row."""
    return sum(test.unheard < 0 for test in row.when) > len(row.row.when)


class Coverage(NamedTuple):
    """How much of a bus is in a recording: messages that came whole, all of the map, identifiers on its channel."""

    bus: str
    came: int
    known: int
    heard: int

    @property
    def is_there(self) -> bool:
        """Half of its messages came and they are several, or half of the identifiers of its channel are known."""
        half = self.came >= max(_COVERED * self.known, _FEWEST_MESSAGES)
        return half or (self.came > 0 and self.came >= _COVERED * self.heard)

    def check(self) -> Check:
        measured = f"{self.came} of {self.known} messages of the map came; {self.heard} identifiers on the channel"
        what = "messages of a bus that are in the recording"
        return Check(
            f"{COVERAGE} {self.bus}", "supports" if self.is_there else "unknown", measured, "half of either", what
        )


def of_bus(bus: str, checks: Iterable[Check]) -> Iterator[Check]:
    """Whether the periods of the messages of a bus are those stated, taken together."""
    judged = [c for c in checks if c.check.startswith(f"period {bus}.")]
    odd = sum(c.level != "supports" for c in judged)
    if len(judged) < _FEWEST_MESSAGES:
        return
    fits = odd <= _MOST_ODD_PERIODS * len(judged)
    measured = f"{len(judged) - odd} of {len(judged)} messages at their period"
    yield Check(f"periods {bus}", "supports" if fits else "note", measured, "nearly all", "messages of a bus", True)


def _id(id_: int) -> str:
    return f"0x{id_ & 0x7FFFFFFF:X}"

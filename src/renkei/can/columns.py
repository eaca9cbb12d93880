"""The engine for logs: frames in columns in, samples in columns out. Compiled with numba, once for all plans.

The twin for single frames is frame_engine.py; both give the same values bit for bit. A plan becomes a few tables of
numbers (`Tables`) which the loops in kernels.py walk: none is compiled for a particular car.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renkei.can import kernels
from renkei.can.checks import CHECKSUMS
from renkei.can.frame_engine import Counts
from renkei.can.frames import EXTENDED, Frames
from renkei.can.plan import Field, Plan, PlanRow
from renkei.samples import Column, Quality
from renkei.vehicle import Ranges

_COUNTED = ("frames", "decoded", "short", "bad_checksum", "repeated", "lost", "out_of_range")


class Tables(NamedTuple):
    """A plan as numbers. A field is (first, size, shift, length, little, signed, is_float); size 0 is no field.

    messages: length, checksum, counter field, cycle ns, identifier
    rows: message, field, kind, first test, end of `when`, end of `unless`, first and end of `invalid`, start in lut,
          field that is added
    numbers: scale, offset, low, high of each row, scale of the field that is added
    tests: field, latch, first and end of spans, message that must not have been heard
    latches: message, field
    """

    messages: NDArray[np.int64]
    rows: NDArray[np.int64]
    numbers: NDArray[np.float64]
    tests: NDArray[np.int64]
    latches: NDArray[np.int64]
    spans: NDArray[np.int64]
    lut: NDArray[np.float64]


class _State(NamedTuple):
    """What one block of frames leaves for the next."""

    counter: NDArray[np.int64]
    counter_t: NDArray[np.int64]
    latched: NDArray[np.int64]
    latch_known: NDArray[np.bool_]
    heard: NDArray[np.bool_]
    counts: NDArray[np.int64]  # a row for each message, and one for frames of none


class ColumnEngine:
    """Decodes the frames of one car, block after block, in the order of the recording.

    `channel_buses` gives for each channel of the frames the buses whose messages it carries.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rows: tuple[PlanRow, ...] = tuple(row for m in plan.messages for row in m.rows)
        self.texts: list[str] = []
        self._tables = self._make_tables()
        n, latches = max(len(plan.messages), 1), max(plan.latches, 1)
        self._state = _State(
            np.full(n, -1, np.int64), np.zeros(n, np.int64), np.zeros(latches, np.int64), np.zeros(latches, np.bool_),
            np.zeros(n, np.bool_), np.zeros((n + 1, len(_COUNTED)), np.int64),
        )  # fmt: skip
        self._buffers: dict[str, NDArray[Any]] = {}
        self._gatherings = [_Gathering(a.elements) for a in plan.arrays]

    @property
    def counts(self) -> Counts:
        return _counts(self._state.counts.sum(axis=0))

    @property
    def message_counts(self) -> list[Counts]:
        """What became of the frames of each message of the plan; `frames` are not counted for each."""
        return [_counts(row) for row in self._state.counts[: len(self.plan.messages)]]

    def slots(self, frames: Frames) -> NDArray[np.int16]:
        """The message of each frame of the block that was decoded last, -1 for none; good until the next one."""
        return self._buffers["slots"][: len(frames)]

    def decode(self, frames: Frames, channel_buses: Sequence[Iterable[str]]) -> list[Column]:
        """One Column for each row that said something; several rows may speak for one signal."""
        tables, state, n = self._tables, self._state, len(frames)
        slots = self._scratch("slots", n, np.int16)
        ids = (frames.channel, frames.id, frames.length)
        start = kernels.sift(*ids, *self._lookup(channel_buses), tables.messages, state.counts, slots)
        # Only what leaves is new memory: pages that were never touched cost more than the decoding.
        begin, sizes = start[tables.rows[:, 0]], (start[1:] - start[:-1])[tables.rows[:, 0]]
        own_times = np.where(tables.rows[:, 9] != tables.rows[:, 10], sizes, 0)
        known, with_times = int(start[-1]), int(start[-1] + own_times.sum())
        t_start = np.where(own_times > 0, known + np.cumsum(own_times) - own_times, begin)
        v_start, used = np.cumsum(sizes) - sizes, np.zeros(len(sizes), np.int64)
        t, value, quality = _arena(with_times, int(sizes.sum()))
        at, firsts = self._scratch("at", with_times, np.int64), self._scratch("firsts", known, np.uint64)
        kernels.decode(
            frames.t, frames.data, frames.data.view(np.uint64), slots, start, at, t[:known], firsts,
            self._scratch("failed", known, np.bool_), t, value, quality, t_start, v_start, used, *tables, *state,
        )  # fmt: skip
        columns: list[Column] = []
        gathering: dict[int, list[tuple[Any, ...]]] = {}
        for row, a, b, n in zip(self.rows, t_start.tolist(), v_start.tolist(), used.tolist(), strict=True):
            times, values, qualities = t[a : a + n], value[b : b + n], quality[b : b + n]
            if row.array >= 0:
                elements = np.full(n, row.element)
                gathering.setdefault(row.array, []).append((at[a : a + n], elements, times, values, qualities))
            elif n:
                texts = self.texts if row.signal.scalar == "string" else None
                columns.append(Column(row.index, times, values, qualities, texts))
        for array, parts in gathering.items():
            columns += self._gathered(array, [np.concatenate(x) for x in zip(*parts, strict=True)])
        return columns

    def _scratch(self, name: str, size: int, dtype: Any) -> NDArray[Any]:
        """Memory that is used again for every block."""
        if name not in self._buffers or len(self._buffers[name]) < size:
            self._buffers[name] = np.empty(size, dtype)
        return self._buffers[name][:size]

    def _gathered(self, array: int, elements: Sequence[NDArray[Any]]) -> list[Column]:
        """The array samples that are complete by now, from elements: place, element, time, value, quality."""
        came = np.argsort(elements[0], kind="stable")  # of one frame in the order of the rows
        state = self._gatherings[array]
        t, values, quality = kernels.gather(
            *(x[came] for x in elements[1:]), state.values, state.quality, state.missing
        )
        if not len(t):
            return []
        index = self.plan.arrays[array].index
        scalar = self.plan.vocabulary.signals[index].scalar
        if scalar == "boolean":
            values = values != 0
        lists = values.tolist()
        if scalar == "string":
            lists = [
                [self.texts[int(v)] for v in several] if q == Quality.OK else []
                for several, q in zip(lists, quality.tolist(), strict=True)
            ]
        texts = [array_text(several) for several in lists]
        return [Column(index, t, np.arange(len(texts), dtype=np.float64), quality, texts)]

    def _lookup(self, channel_buses: Sequence[Iterable[str]]) -> tuple[Any, Any, Any]:
        """Tables from identifier to message for each channel: 11-bit ones directly, 29-bit ones sorted."""
        plain = np.full((max(len(channel_buses), 1), 2048), -1, np.int16)
        ids = sorted({m.id for m in self.plan.messages if m.id & EXTENDED})
        slots = np.full((len(plain), max(len(ids), 1)), -1, np.int16)
        for channel, buses in enumerate(channel_buses):
            for bus in reversed(tuple(buses)):  # of two messages with one identifier that of the first bus holds
                for m in (m for m in self.plan.messages if m.bus == bus):
                    if m.id & EXTENDED:
                        slots[channel, ids.index(m.id)] = m.number
                    else:
                        plain[channel, m.id] = m.number
        return plain, np.array(ids or [0], np.uint32), slots

    def _make_tables(self) -> Tables:
        plan, spans = self.plan, _Spans()
        tests: list[list[int]] = []
        lut: list[NDArray[np.float64]] = []
        rows, numbers, lut_size = [], [], 0
        for message, row in ((m, row) for m in plan.messages for row in m.rows):
            first = len(tests)
            tests += [[*_numbers(x.field), x.latch, *spans.add(x.ranges), x.unheard] for x in (*row.when, *row.unless)]
            tested = [first, first + len(row.when), len(tests)]
            invalid = spans.add(row.invalid)
            plus, factor = row.plus or (None, 0.0)
            rows.append(
                [message.number, *_numbers(row.field), _kind(row), *tested, *invalid, lut_size, *_numbers(plus)]
            )
            numbers.append([row.scale, row.offset, row.low, row.high, factor])
            if row.table is not None:
                lut.append(self._lut(row, row.table))
                lut_size += len(lut[-1])
        messages = [
            [m.length, CHECKSUMS[m.checksum].code if m.checksum else 0, *_numbers(m.counter), m.cycle_ns, m.id]
            for m in plan.messages
        ]
        latches = sorted((latch.number, m.number, latch.field) for m in plan.messages for latch in m.latches)
        return Tables(
            messages=_table(messages, 4 + kernels.FIELD),
            rows=_table(rows, kernels.PLUS + kernels.FIELD),
            numbers=np.array(numbers, np.float64).reshape(-1, 5),
            tests=_table(tests, 4 + kernels.FIELD),
            latches=_table([[m, *_numbers(f)] for _, m, f in latches], 1 + kernels.FIELD),
            spans=spans.table(),
            lut=np.concatenate([*lut, np.zeros(1)]),
        )

    def _lut(self, row: PlanRow, table: Mapping[int, Any]) -> NDArray[np.float64]:
        """The value for every raw value of a field, NaN for "not available"; texts by their place in `texts`."""
        size = 1 << row.field.length
        lut = np.full(size, self._coded(row.other))
        for raw, value in table.items():
            lut[raw % size] = self._coded(value)
        return lut

    def _coded(self, value: Any) -> float:
        if value is None:
            return float("nan")
        if not isinstance(value, str):
            return float(value)
        if value not in self.texts:
            self.texts.append(value)
        return float(self.texts.index(value))


def _arena(times: int, values: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int8]]:
    """Columns in one piece of memory, which is then large enough for large pages."""
    arena = np.empty(8 * times + 9 * values, np.uint8)
    ends = (8 * times, 8 * (times + values))
    return arena[: ends[0]].view(np.int64), arena[ends[0] : ends[1]].view(np.float64), arena[ends[1] :].view(np.int8)


class _Gathering:
    """An array signal of which some elements have come."""

    def __init__(self, elements: int) -> None:
        self.values = np.zeros(elements)
        self.quality = np.zeros(elements, np.int8)
        self.missing = np.ones(elements, np.bool_)


class _Spans:
    """Collects ranges of raw values in one table."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []

    def add(self, ranges: Ranges) -> tuple[int, int]:
        first = len(self.rows)
        for low, high in ranges:
            if low < 1 << 63 <= high:  # in two, as the upper one wraps
                self.rows += [[low, (1 << 63) - 1], [-1 << 63, _as_int64(high)]]
            else:
                self.rows.append([_as_int64(low), _as_int64(high)])
        return first, len(self.rows)

    def table(self) -> NDArray[np.int64]:
        return _table(self.rows, 2)


def array_text(values: Sequence[Any]) -> str:
    """An array value as recordings write it: JSON."""
    return json.dumps(values, separators=(",", ":"))


def _as_int64(raw: int) -> int:
    """Raw values of unsigned 64-bit fields wrap, as they do in the kernel."""
    return (raw + 2**63) % 2**64 - 2**63


def _counts(row: NDArray[np.int64]) -> Counts:
    return Counts(**{name: int(n) for name, n in zip(_COUNTED, row, strict=True)})


def _kind(row: PlanRow) -> int:
    if row.table is not None:
        return kernels.TABLE
    return kernels.BOOLEAN if row.signal.scalar == "boolean" else kernels.NUMBER


def _numbers(field: Field | None) -> list[int]:
    return [int(x) for x in field] if field else [0] * kernels.FIELD


def _table(rows: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, width)


def warm() -> None:
    """Compile the kernels, or load them from numba's cache."""
    frames = Frames(
        np.zeros(1, np.int64), np.zeros(1, np.uint8), np.zeros(1, np.uint32), np.zeros(1, np.uint8),
        np.zeros((1, 8), np.uint8), ("0",),
    )  # fmt: skip
    from renkei.vocabulary import Vocabulary

    engine = ColumnEngine(Plan(Vocabulary([], "none"), (), (), (), (), 0, ()))
    engine.decode(frames, [()])
    n, one, t, q = np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int8)
    kernels.gather(n, t, one, q, one, q, np.ones(1, np.bool_))

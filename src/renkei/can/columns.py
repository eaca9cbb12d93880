"""The engine for logs: frames in columns in, samples in columns out. Compiled with numba, once for all plans.

The twin for single frames is frame_engine.py; both give the same values bit for bit. A plan becomes a few tables of
numbers (`Tables`) which the kernels walk: no kernel is compiled for a particular car.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from renkei.can.checks import CHECKSUMS, CRC8_85, NIBBLES
from renkei.can.frame_engine import Counts
from renkei.can.frames import EXTENDED, Frames
from renkei.can.plan import Field, Plan, PlanRow
from renkei.samples import Column, Quality
from renkei.vehicle import Ranges

_OK, _NOT_AVAILABLE, _INVALID = (int(q) for q in (Quality.OK, Quality.NOT_AVAILABLE, Quality.INVALID))
_NUMBER, _BOOLEAN, _TABLE = 0, 1, 2
_CRC = np.array(CRC8_85, np.uint8)
_NIBBLES = np.array(NIBBLES, np.int64)
_COUNTED = ("frames", "decoded", "short", "bad_checksum", "repeated", "lost", "out_of_range")
_FIELD = 7  # columns that a Field takes in a table


class Tables(NamedTuple):
    """A plan as numbers. A field is (first, size, shift, length, little, signed, is_float); size 0 is no field.

    messages: length, checksum, counter field, cycle ns
    rows: message, field, kind, first test, end of `when`, end of `unless`, first and end of `invalid`, start in lut,
          1 for an element of an array
    numbers: scale, offset, low, high of each row
    tests: field, latch, first and end of spans
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
    counts: NDArray[np.int64]


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
            np.zeros(len(_COUNTED), np.int64),
        )  # fmt: skip
        self._gatherings = [_Gathering(a.elements) for a in plan.arrays]

    @property
    def counts(self) -> Counts:
        return Counts(**{name: int(n) for name, n in zip(_COUNTED, self._state.counts, strict=True)})

    def decode(self, frames: Frames, channel_buses: Sequence[Iterable[str]]) -> list[Column]:
        """One Column for each row that said something; several rows may speak for one signal."""
        plain, extended, extended_slots = self._lookup(channel_buses)
        t, value, quality, position, start, used = _decode(
            frames.t, frames.channel, frames.id, frames.length, frames.data,
            plain, extended, extended_slots, self._tables, self._state,
        )  # fmt: skip
        columns: list[Column] = []
        pieces: dict[int, list[tuple[int, slice]]] = {}
        for r, row in enumerate(self.rows):
            part = slice(start[r], start[r] + used[r])
            if row.array >= 0:
                pieces.setdefault(row.array, []).append((r, part))
            elif used[r]:
                texts = self.texts if row.signal.scalar == "string" else None
                columns.append(Column(row.index, t[part], value[part], quality[part], texts))
        for array, parts in pieces.items():
            columns += self._gathered(array, parts, t, value, quality, position)
        return columns

    def _gathered(
        self, array: int, parts: Sequence[tuple[int, slice]], t: Any, value: Any, quality: Any, position: Any
    ) -> list[Column]:
        """The array samples that are complete by now, from the elements in the order in which they came."""
        rows = np.concatenate([np.full(p.stop - p.start, r) for r, p in parts])
        places = np.concatenate([np.arange(p.start, p.stop) for _, p in parts])
        came = np.lexsort((rows, position[places]))
        rows, places = rows[came], places[came]
        elements = np.array([row.element for row in self.rows], np.int64)[rows]
        state = self._gatherings[array]
        out_t, out_v, out_q = _gather(
            t[places], elements, value[places], quality[places], state.values, state.quality, state.missing
        )
        if not len(out_t):
            return []
        texts = [array_text(v) for v in out_v.tolist()]
        index = self.plan.arrays[array].index
        return [Column(index, out_t, np.arange(len(texts), dtype=np.float64), out_q, texts)]

    def _lookup(self, channel_buses: Sequence[Iterable[str]]) -> tuple[Any, Any, Any]:
        """Tables from identifier to message for each channel: 11-bit ones directly, 29-bit ones sorted."""
        channels = max(len(channel_buses), 1)
        plain = np.full((channels, 2048), -1, np.int16)
        ids = sorted({m.id for m in self.plan.messages if m.id & EXTENDED})
        slots = np.full((channels, max(len(ids), 1)), -1, np.int16)
        for channel, buses in enumerate(channel_buses):
            for bus in reversed(tuple(buses)):  # of two messages with one identifier that of the first bus holds
                for m in (m for m in self.plan.messages if m.bus == bus):
                    if m.id & EXTENDED:
                        slots[channel, ids.index(m.id)] = m.number
                    else:
                        plain[channel, m.id] = m.number
        return plain, np.array(ids or [0], np.uint32), slots

    def _make_tables(self) -> Tables:
        plan, tests, spans = self.plan, [], _Spans()
        lut: list[NDArray[np.float64]] = []
        rows, numbers, lut_size = [], [], 0
        for m in plan.messages:
            for row in m.rows:
                first = len(tests)
                tests += [[*_numbers(x.field), x.latch, *spans.add(x.ranges)] for x in (*row.when, *row.unless)]
                kind = _TABLE if row.table is not None else _BOOLEAN if row.signal.scalar == "boolean" else _NUMBER
                tested = [first, first + len(row.when), len(tests)]
                invalid = spans.add(row.invalid)
                rows.append([m.number, *_numbers(row.field), kind, *tested, *invalid, lut_size, int(row.array >= 0)])
                numbers.append([row.scale, row.offset, row.low, row.high])
                if row.table is not None:
                    lut.append(self._lut(row, row.table))
                    lut_size += len(lut[-1])
        messages = [
            [m.length, CHECKSUMS[m.checksum].code if m.checksum else 0, *_numbers(m.counter), m.cycle_ns]
            for m in plan.messages
        ]
        latches = sorted((latch.number, m.number, latch.field) for m in plan.messages for latch in m.latches)
        return Tables(
            _table(messages, 3 + _FIELD), _table(rows, 9 + _FIELD), np.array(numbers, np.float64).reshape(-1, 4),
            _table(tests, 3 + _FIELD), _table([[m, *_numbers(f)] for _, m, f in latches], 1 + _FIELD), spans.table(),
            np.concatenate([*lut, np.zeros(1)]),
        )  # fmt: skip

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
        self.rows += [[_as_int64(low), _as_int64(high)] for low, high in ranges]
        return first, len(self.rows)

    def table(self) -> NDArray[np.int64]:
        return _table(self.rows, 2)


def array_text(values: Sequence[Any]) -> str:
    """An array value as recordings write it: JSON."""
    return json.dumps(values, separators=(",", ":"))


def _as_int64(raw: int) -> int:
    """Raw values of unsigned 64-bit fields wrap, as they do in the kernel."""
    return (raw + 2**63) % 2**64 - 2**63


def _numbers(field: Field | None) -> list[int]:
    return [int(x) for x in field] if field else [0] * _FIELD


def _table(rows: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, width)


@njit(cache=True, nogil=True)
def _bits(data, i, first, size, shift, length, little):  # type: ignore[no-untyped-def]
    """Raw bits of a field of payload i, as an unsigned number."""
    whole = min(size, 8)
    word = np.uint64(0)
    if little:
        for k in range(whole):
            word |= np.uint64(data[i, first + k]) << np.uint64(8 * k)
        word >>= np.uint64(shift)
        if size == 9:
            word |= np.uint64(data[i, first + 8]) << np.uint64(64 - shift)
    else:
        for k in range(whole):
            word = (word << np.uint64(8)) | np.uint64(data[i, first + k])
        if size == 9:
            word = (word << np.uint64(8 - shift)) | (np.uint64(data[i, first + 8]) >> np.uint64(shift))
        else:
            word >>= np.uint64(shift)
    if length < 64:
        word &= (np.uint64(1) << np.uint64(length)) - np.uint64(1)
    return word


@njit(cache=True, nogil=True)
def _signed(word, length, signed):  # type: ignore[no-untyped-def]
    if signed and length < 64 and word >> np.uint64(length - 1):
        return np.int64(word) - (np.int64(1) << np.int64(length))
    return np.int64(word)


@njit(cache=True, nogil=True)
def _raw(data, i, table, row, column):  # type: ignore[no-untyped-def]
    """Raw value of the field that stands in a table."""
    word = _bits(
        data, i, table[row, column], table[row, column + 1], table[row, column + 2], table[row, column + 3],
        table[row, column + 4],
    )  # fmt: skip
    return _signed(word, table[row, column + 3], table[row, column + 5])


@njit(cache=True, nogil=True)
def _checksum_holds(code, id_, data, i, n):  # type: ignore[no-untyped-def]
    """The compiled twin of checks.py."""
    last = data[i, n - 1]
    if code == 1:
        crc = np.uint8(0)
        for k in range(n - 1):
            crc = _CRC[crc ^ data[i, k]]
        return crc == last
    identifier = id_ & np.uint32(0x7FFFFFFF)
    if code == 4:
        total = np.int64(n)
        for k in range(4):
            total += (identifier >> np.uint32(8 * k)) & np.uint32(0xFF)
        for k in range(n - 1):
            total += data[i, k]
        return total & 0xFF == last
    nibbles = np.int64(last >> 4)
    for k in range(4):
        nibbles += _NIBBLES[(identifier >> np.uint32(8 * k)) & np.uint32(0xFF)]
    for k in range(n - 1):
        nibbles += _NIBBLES[data[i, k]]
    if code == 3:
        nibbles = 8 + (3 if id_ & np.uint32(0x80000000) else 0) - nibbles
    return nibbles & 15 == last & 15


@njit(cache=True, nogil=True)
def _slot(id_, channel, plain, extended, extended_slots):  # type: ignore[no-untyped-def]
    """The message that an identifier means on a channel, or -1."""
    if id_ < 2048:
        return plain[channel, id_]
    k = np.searchsorted(extended, id_)
    return extended_slots[channel, k] if k < len(extended) and extended[k] == id_ else np.int16(-1)


@njit(cache=True, nogil=True)
def _is_repeated(m, i, t, data, messages, state):  # type: ignore[no-untyped-def]
    """True where the counter stands still though no whole turn of it can have been lost in between."""
    count = _raw(data, i, messages, m, 2)
    last, last_t = state.counter[m], state.counter_t[m]
    state.counter[m], state.counter_t[m] = count, t
    if last < 0:
        return False
    modulo = np.int64(1) << messages[m, 2 + 3]
    cycle = messages[m, 2 + 7]
    if count == last and (cycle == 0 or t - last_t < (modulo - 1) * cycle):
        return True
    state.counts[5] += (count - last - 1) % modulo
    return False


@njit(cache=True, nogil=True)
def _sift(t, channel, ids, lengths, data, plain, extended, extended_slots, messages, state, slots, bad):  # type: ignore[no-untyped-def]
    """Which message each frame is (-1: none to decode) and which frames fail their checksum."""
    counts = state.counts
    for i in range(len(t)):
        m = np.int16(-1)
        if channel[i] < len(plain):
            m = _slot(ids[i], channel[i], plain, extended, extended_slots)
        if m >= 0:
            if lengths[i] < messages[m, 0]:
                counts[2] += 1
                m = np.int16(-1)
            else:
                counts[1] += 1
                if messages[m, 1] and not _checksum_holds(messages[m, 1], ids[i], data, i, messages[m, 0]):
                    counts[3] += 1
                    bad[i] = True
                elif messages[m, 3] and _is_repeated(m, i, t[i], data, messages, state):
                    counts[4] += 1
                    m = np.int16(-1)
        slots[i] = m
    counts[0] += len(t)


@njit(cache=True, nogil=True)
def _grouped(slots, n_messages):  # type: ignore[no-untyped-def]
    """Frames of each message in order: `order[start[m]:start[m + 1]]`."""
    start = np.zeros(n_messages + 1, np.int64)
    for s in slots:
        if s >= 0:
            start[s + 1] += 1
    for m in range(n_messages):
        start[m + 1] += start[m]
    order = np.empty(start[n_messages], np.int64)
    fill = start[:-1].copy()
    for i in range(len(slots)):
        s = slots[i]
        if s >= 0:
            order[fill[s]] = i
            fill[s] += 1
    return order, start


@njit(cache=True, nogil=True)
def _within(raw, spans, first, end):  # type: ignore[no-untyped-def]
    for s in range(first, end):  # noqa: SIM110 (compiled)
        if spans[s, 0] <= raw <= spans[s, 1]:
            return True
    return False


@njit(cache=True, nogil=True)
def _latched(latch, i, order, start, data, bad, latches, state):  # type: ignore[no-untyped-def]
    """Whether a latch is known before frame i, and its raw value: of the last good frame of its message before i."""
    m = latches[latch, 0]
    k = start[m] + np.searchsorted(order[start[m] : start[m + 1]], i) - 1
    while k >= start[m]:
        if not bad[order[k]]:
            return True, _raw(data, order[k], latches, latch, 1)
        k -= 1
    return state.latch_known[latch], state.latched[latch]


@njit(cache=True, nogil=True)
def _holds(test, i, order, start, data, bad, tables, state):  # type: ignore[no-untyped-def]
    tests = tables.tests
    if tests[test, 1]:
        raw = _raw(data, i, tests, test, 0)
    else:
        known, raw = _latched(tests[test, 7], i, order, start, data, bad, tables.latches, state)
        if not known:
            return False
    return _within(raw, tables.spans, tests[test, 8], tests[test, 9])


@njit(cache=True, nogil=True)
def _one(r, i, data, tables):  # type: ignore[no-untyped-def]
    """Value and quality of row r in a good frame."""
    rows, numbers = tables.rows, tables.numbers
    length, kind = rows[r, 4], rows[r, 8]
    word = _bits(data, i, rows[r, 1], rows[r, 2], rows[r, 3], length, rows[r, 5])
    if rows[r, 7]:
        raw = np.float64(np.uint32(word).view(np.float32)) if length == 32 else np.uint64(word).view(np.float64)
        if np.isnan(raw):
            return 0.0, _NOT_AVAILABLE
    else:
        signed = _signed(word, length, rows[r, 6])
        if _within(signed, tables.spans, rows[r, 12], rows[r, 13]):
            return 0.0, _NOT_AVAILABLE
        if kind == _TABLE:
            value = tables.lut[rows[r, 14] + np.int64(word)]
            return (0.0, _NOT_AVAILABLE) if np.isnan(value) else (value, _OK)
        raw = np.float64(word) if length == 64 and not rows[r, 6] else np.float64(signed)
    if kind == _BOOLEAN:
        return (1.0 if raw != 0 else 0.0), _OK
    value = raw * numbers[r, 0] + numbers[r, 1]
    if value < numbers[r, 2] or value > numbers[r, 3] or not np.isfinite(value):
        return 0.0, _INVALID
    return value, _OK


@njit(cache=True, nogil=True)
def _decode(t, channel, ids, lengths, data, plain, extended, extended_slots, tables, state):  # type: ignore[no-untyped-def]
    """All rows of a block. Row r's samples stand at start[r] to start[r] + used[r] of the columns."""
    rows = tables.rows
    n_rows, n_messages = len(rows), len(tables.messages)
    slots, bad = np.empty(len(t), np.int16), np.zeros(len(t), np.bool_)
    _sift(t, channel, ids, lengths, data, plain, extended, extended_slots, tables.messages, state, slots, bad)
    order, start = _grouped(slots, n_messages)
    row_start, used, capacity, ordered = np.empty(n_rows, np.int64), np.zeros(n_rows, np.int64), 0, 0
    for r in range(n_rows):
        row_start[r] = capacity
        capacity += start[rows[r, 0] + 1] - start[rows[r, 0]]
        ordered = capacity if rows[r, 15] else ordered  # arrays need to know the frame of each element
    out_t, out_v, out_q = np.empty(capacity, np.int64), np.empty(capacity, np.float64), np.empty(capacity, np.int8)
    out_i = np.empty(ordered, np.int64)
    for r in range(n_rows):
        at, m = row_start[r], rows[r, 0]
        for k in range(start[m], start[m + 1]):
            i = order[k]
            wanted = True
            for test in range(rows[r, 9], rows[r, 10]):
                if not _holds(test, i, order, start, data, bad, tables, state):
                    wanted = False
                    break
            if not wanted:
                continue
            value, quality = 0.0, _INVALID
            if not bad[i]:
                absent = False
                for test in range(rows[r, 10], rows[r, 11]):
                    absent = absent or _holds(test, i, order, start, data, bad, tables, state)
                if absent:
                    quality = _NOT_AVAILABLE
                else:
                    value, quality = _one(r, i, data, tables)
                    if quality == _INVALID:
                        state.counts[6] += 1
            out_t[at], out_v[at], out_q[at] = t[i], value, quality
            if rows[r, 15]:
                out_i[at] = i
            at += 1
        used[r] = at - row_start[r]
    for latch in range(len(tables.latches)):
        known, raw = _latched(latch, len(t), order, start, data, bad, tables.latches, state)
        state.latch_known[latch], state.latched[latch] = known, raw
    return out_t, out_v, out_q, out_i, row_start, used


@njit(cache=True, nogil=True)
def _gather(t, element, value, quality, values, qualities, missing):  # type: ignore[no-untyped-def]
    """A sample whenever every element has come once more; its quality is the worst of them."""
    most = len(t) // max(len(values), 1) + 1
    out_t, out_v, out_q = np.empty(most, np.int64), np.empty((most, len(values))), np.empty(most, np.int8)
    n = 0
    for k in range(len(t)):
        e = element[k]
        values[e], qualities[e], missing[e] = value[k], quality[k], False
        if not missing.any():
            out_t[n], out_q[n] = t[k], qualities.max()
            out_v[n] = values
            missing[:] = True
            n += 1
    return out_t[:n], out_v[:n], out_q[:n]


def warm() -> None:
    """Compile the kernels, or load them from numba's cache."""
    frames = Frames(
        np.zeros(1, np.int64), np.zeros(1, np.uint8), np.zeros(1, np.uint32), np.zeros(1, np.uint8),
        np.zeros((1, 8), np.uint8), ("0",),
    )  # fmt: skip
    from renkei.vocabulary import Vocabulary

    engine = ColumnEngine(Plan(Vocabulary([], "none"), (), (), (), (), 0, ()))
    engine.decode(frames, [()])
    one = np.zeros(1)
    _gather(
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        one,
        np.zeros(1, np.int8),
        one,
        np.zeros(1, np.int8),
        np.ones(1, np.bool_),
    )

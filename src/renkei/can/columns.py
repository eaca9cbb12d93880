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

from renkei.can.checks import CHECKSUMS, CRC8_85
from renkei.can.frame_engine import Counts
from renkei.can.frames import EXTENDED, Frames
from renkei.can.plan import Field, Plan, PlanRow
from renkei.samples import Column, Quality
from renkei.vehicle import Ranges

_OK, _NOT_AVAILABLE, _INVALID = (int(q) for q in (Quality.OK, Quality.NOT_AVAILABLE, Quality.INVALID))
_NUMBER, _BOOLEAN, _TABLE = 0, 1, 2
_CRC = np.zeros((8, 256), np.uint8)
"""What a byte adds to the CRC when so many more bytes follow it."""
for _k in range(8):
    _CRC[_k] = CRC8_85 if _k == 0 else _CRC[0][_CRC[_k - 1]]
_COUNTED = ("frames", "decoded", "short", "bad_checksum", "repeated", "lost", "out_of_range")
_FIELD = 7  # columns that a Field takes in a table


class Tables(NamedTuple):
    """A plan as numbers. A field is (first, size, shift, length, little, signed, is_float); size 0 is no field.

    messages: length, checksum, counter field, cycle ns, identifier
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
        words = frames.data.view(np.uint64)
        t, at, value, quality, t_start, start, used = _decode(
            frames.t, frames.channel, frames.id, frames.length, frames.data, words, plain, extended, extended_slots,
            *self._tables, *self._state,
        )  # fmt: skip
        columns: list[Column] = []
        gathering: dict[int, list[tuple[Any, ...]]] = {}
        for row, a, b, n in zip(self.rows, t_start.tolist(), start.tolist(), used.tolist(), strict=True):
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

    def _gathered(self, array: int, elements: Sequence[NDArray[Any]]) -> list[Column]:
        """The array samples that are complete by now, from elements: place, element, time, value, quality."""
        came = np.argsort(elements[0], kind="stable")  # of one frame in the order of the rows
        state = self._gatherings[array]
        t, values, quality = _gather(*(x[came] for x in elements[1:]), state.values, state.quality, state.missing)
        if not len(t):
            return []
        index = self.plan.arrays[array].index
        scalar = self.plan.vocabulary.signals[index].scalar
        if scalar == "boolean":
            values = values != 0
        lists = values.tolist()
        if scalar == "string":
            lists = [
                [self.texts[int(v)] for v in several] if q == _OK else []
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
            [m.length, CHECKSUMS[m.checksum].code if m.checksum else 0, *_numbers(m.counter), m.cycle_ns, m.id]
            for m in plan.messages
        ]
        latches = sorted((latch.number, m.number, latch.field) for m in plan.messages for latch in m.latches)
        return Tables(
            _table(messages, 4 + _FIELD), _table(rows, 9 + _FIELD), np.array(numbers, np.float64).reshape(-1, 4),
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


def _numbers(field: Field | None) -> list[int]:
    return [int(x) for x in field] if field else [0] * _FIELD


def _table(rows: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, width)


@njit(cache=True, nogil=True)
def _bits(data, i, first, size, shift, length, little):  # type: ignore[no-untyped-def]
    """Raw bits of a field of payload i, as an unsigned number: the way that serves every field."""
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
    return word & _mask(length)


@njit(cache=True, nogil=True)
def _mask(length):  # type: ignore[no-untyped-def]
    return ~np.uint64(0) >> np.uint64(64 - length)


@njit(cache=True, nogil=True)
def _signed(word, length, signed):  # type: ignore[no-untyped-def]
    half = np.uint64(signed) << np.uint64(length - 1)
    return np.int64((word ^ half) - half)


@njit(cache=True, nogil=True)
def _raw(data, i, table, row, column):  # type: ignore[no-untyped-def]
    """Raw value of the field that stands in a table."""
    word = _bits(
        data, i, table[row, column], table[row, column + 1], table[row, column + 2], table[row, column + 3],
        table[row, column + 4],
    )  # fmt: skip
    return _signed(word, table[row, column + 3], table[row, column + 5])


@njit(cache=True, nogil=True)
def _swapped(word):  # type: ignore[no-untyped-def]
    """Bytes the other way round; the compiler makes one instruction of it."""
    swapped = np.uint64(0)
    for k in range(8):
        swapped |= ((word >> np.uint64(8 * k)) & np.uint64(0xFF)) << np.uint64(56 - 8 * k)
    return swapped


@njit(cache=True, nogil=True)
def _nibble_sum(word):  # type: ignore[no-untyped-def]
    """Sum of the sixteen nibbles."""
    low = np.uint64(0x0F0F0F0F0F0F0F0F)
    pairs = (word & low) + ((word >> np.uint64(4)) & low)
    return np.int64((pairs * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def _byte_sum(word):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for k in range(8):
        total += np.int64((word >> np.uint64(8 * k)) & np.uint64(0xFF))
    return total


@njit(cache=True, nogil=True)
def _crc_holds(failed, firsts, at, words, n):  # type: ignore[no-untyped-def]
    """CRC-8 over all bytes but the last. In one word no byte has to wait for the one before it."""
    for k in range(len(failed)):
        crc = np.int64(0)
        if n <= 8:
            word = firsts[k]
            for j in range(n - 1):
                crc ^= _CRC[n - 2 - j, (word >> np.uint64(8 * j)) & np.uint64(0xFF)]
            last = np.int64((word >> np.uint64(8 * n - 8)) & np.uint64(0xFF))
        else:
            for j in range(n - 1):
                crc = np.int64(_CRC[0, crc ^ _byte(words, at[k], j)])
            last = _byte(words, at[k], n - 1)
        failed[k] = crc != last


@njit(cache=True, nogil=True)
def _sums_hold(failed, firsts, at, words, n, code, id_):  # type: ignore[no-untyped-def]
    """Sums of nibbles (codes 2 and 3) or bytes (codes 4 and 5) with those of the identifier."""
    identifier = np.uint64(id_ & 0x7FFFFFFF)
    start = _byte_sum(identifier) if code >= 4 else _nibble_sum(identifier)
    if code == 4:
        start += n
    if code == 3:
        start = -8 - (3 if id_ & 0x80000000 else 0) + start
    cover = _mask(8 * n) if n < 8 else _mask(64)
    for k in range(len(failed)):
        total = start
        if code >= 4:
            total += _byte_sum(firsts[k] & cover)
            for j in range(8, n):
                total += _byte(words, at[k], j)
        else:
            total += _nibble_sum(firsts[k] & cover)
            for j in range(8, n):
                byte = _byte(words, at[k], j)
                total += (byte >> 4) + (byte & 15)
        last = _byte(words, at[k], n - 1)
        if code >= 4:
            failed[k] = (total - last) & 0xFF != last
        elif code == 3:
            failed[k] = -(total - (last & 15)) & 15 != last & 15
        else:
            failed[k] = (total - (last & 15)) & 15 != last & 15


@njit(cache=True, nogil=True)
def _byte(words, i, j):  # type: ignore[no-untyped-def]
    return np.int64((words[i, j >> 3] >> np.uint64(8 * (j & 7))) & np.uint64(0xFF))


@njit(cache=True, nogil=True)
def _sift(channel, ids, lengths, plain, extended, extended_slots, messages, counts):  # type: ignore[no-untyped-def]
    """The message of each frame (-1: nothing to decode), and where each message begins when they are grouped."""
    slots, start = np.empty(len(ids), np.int16), np.zeros(len(messages) + 1, np.int64)
    needed = messages[:, 0].astype(np.uint8)
    short = 0
    for i in range(len(ids)):
        id_, m = ids[i], np.int16(-1)
        if id_ < 2048:
            m = plain[channel[i], id_]
        else:  # written out: a call with arrays in it costs more than the search
            low, high = 0, len(extended)
            while low < high:
                middle = (low + high) >> 1
                if extended[middle] < id_:
                    low = middle + 1
                else:
                    high = middle
            if low < len(extended) and extended[low] == id_:
                m = extended_slots[channel[i], low]
        if m >= 0 and lengths[i] < needed[m]:
            m = np.int16(-1)
            short += 1
        slots[i] = m
        if m >= 0:
            start[m + 1] += 1
    counts[0] += len(ids)
    counts[2] += short
    for m in range(len(messages)):
        start[m + 1] += start[m]
    counts[1] += start[-1]
    return slots, start


@njit(cache=True, nogil=True)
def _grouped(slots, start, t, words):  # type: ignore[no-untyped-def]
    """Frames of each message together, in order: place in the block, time, first eight bytes."""
    n = start[-1]
    at, times, firsts = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint64)
    fill = start.copy()
    for i in range(len(slots)):
        m = slots[i]
        if m >= 0:
            k = fill[m]
            fill[m] += 1
            at[k], times[k], firsts[k] = i, t[i], words[i, 0]
    return at, times, firsts


@njit(cache=True, nogil=True)
def _judged(m, a, b, at, times, firsts, failed, data, words, messages, counter, counter_t, counts):  # type: ignore[no-untyped-def]
    """Mark the frames of a message that fail their checksum and take out those that only repeat; where it ends now."""
    n, code = messages[m, 0], messages[m, 1]
    if code == 1:
        _crc_holds(failed[a:b], firsts[a:b], at[a:b], words, n)
    elif code:
        _sums_hold(failed[a:b], firsts[a:b], at[a:b], words, n, code, messages[m, 10])
    for k in range(a, b):
        counts[3] += failed[k]
    if not messages[m, 3]:
        return b
    raws = np.empty(b - a, np.int64)
    _raws(raws, firsts[a:b], at[a:b], data, messages, m, 2, n <= 8)
    turn, cycle, lost, end = np.int64(1) << messages[m, 5], messages[m, 9], 0, a
    last, last_t = counter[m], counter_t[m]
    for k in range(a, b):
        if not failed[k]:
            count = raws[k - a]
            if last == count and (cycle == 0 or times[k] - last_t < (turn - 1) * cycle):
                last_t = times[k]
                continue
            lost += (count - last - 1) & (turn - 1) if last >= 0 else 0
            last, last_t = count, times[k]
        if end != k:
            at[end], times[end], firsts[end], failed[end] = at[k], times[k], firsts[k], failed[k]
        end += 1
    counter[m], counter_t[m] = last, last_t
    counts[4] += b - end
    counts[5] += lost
    return end


@njit(cache=True, nogil=True)
def _raws(out, firsts, at, data, table, row, column, short):  # type: ignore[no-untyped-def]
    """Raw values of a field over the frames of a message; `short`: its payload lies in the first eight bytes."""
    first, size, shift, length = (
        table[row, column],
        table[row, column + 1],
        table[row, column + 2],
        table[row, column + 3],
    )
    little, signed = table[row, column + 4], table[row, column + 5]
    if not short:
        for k in range(len(out)):
            out[k] = _signed(_bits(data, at[k], first, size, shift, length, little), length, signed)
        return
    mask, half = _mask(length), np.uint64(signed) << np.uint64(length - 1)
    if little:
        down = np.uint64(8 * first + shift)
        for k in range(len(out)):
            out[k] = np.int64((((firsts[k] >> down) & mask) ^ half) - half)
    else:
        down = np.uint64(8 * (8 - first - size) + shift)
        for k in range(len(out)):
            out[k] = np.int64((((_swapped(firsts[k]) >> down) & mask) ^ half) - half)


@njit(cache=True, nogil=True)
def _mark(out, raws, spans, first, end):  # type: ignore[no-untyped-def]
    """True where a raw value lies in one of the spans."""
    out[:] = False
    for s in range(first, end):
        low, high = spans[s, 0], spans[s, 1]
        for k in range(len(out)):
            out[k] |= (raws[k] >= low) & (raws[k] <= high)


@njit(cache=True, nogil=True)
def _latched(latch, places, start, stop, at, failed, data, latches, raw, known):  # type: ignore[no-untyped-def]
    """The latch as it stands before each frame of a block; afterwards `raw` and `known` hold it as it stands then.

    Only good frames of the latch's message move it.
    """
    m = latches[latch, 0]
    k, end = start[m], stop[m]
    value, is_known = raw[latch], known[latch]
    raws, knowns = np.empty(len(places), np.int64), np.empty(len(places), np.bool_)
    for j in range(len(places)):
        while k < end and at[k] < places[j]:
            if not failed[k]:
                value, is_known = _raw(data, at[k], latches, latch, 1), True
            k += 1
        raws[j], knowns[j] = value, is_known
    return raws, knowns


@njit(cache=True, nogil=True)
def _tested(
    out, test, a, b, start, stop, at, firsts, failed, data, short, tests, latches, spans, latch_raw, latch_known
):  # type: ignore[no-untyped-def]
    """Whether a condition holds, for each frame of a message."""
    if tests[test, 1]:
        raws = np.empty(b - a, np.int64)
        _raws(raws, firsts[a:b], at[a:b], data, tests, test, 0, short)
        _mark(out, raws, spans, tests[test, 8], tests[test, 9])
    else:
        raws, knowns = _latched(tests[test, 7], at[a:b], start, stop, at, failed, data, latches, latch_raw, latch_known)
        _mark(out, raws, spans, tests[test, 8], tests[test, 9])
        out &= knowns


@njit(cache=True, nogil=True)
def _numbers_of(value, quality, raws, scale, offset, low, high):  # type: ignore[no-untyped-def]
    for k in range(len(value)):
        v = raws[k] * scale + offset
        value[k] = v
        quality[k] = _INVALID if (v < low) | (v > high) else _OK


@njit(cache=True, nogil=True)
def _floats_of(value, quality, at, data, rows, r, scale, offset, low, high):  # type: ignore[no-untyped-def]
    """Fields that hold floating-point numbers: NaN is not available, infinity is invalid."""
    length = rows[r, 4]
    for k in range(len(value)):
        word = _bits(data, at[k], rows[r, 1], rows[r, 2], rows[r, 3], length, rows[r, 5])
        raw = np.float64(np.uint32(word).view(np.float32)) if length == 32 else np.uint64(word).view(np.float64)
        v = raw * scale + offset
        value[k] = v
        quality[k] = _INVALID if (v < low) or (v > high) or np.isinf(v) else _OK
        if np.isnan(raw):
            quality[k] = _NOT_AVAILABLE


@njit(cache=True, nogil=True)
def _valued(value, quality, raws, kind, lut, lut_start, length):  # type: ignore[no-untyped-def]
    """Fields whose raw values stand for values, by a table or as true and false."""
    if kind == _BOOLEAN:
        for k in range(len(value)):
            value[k], quality[k] = (1.0 if raws[k] != 0 else 0.0), _OK
        return
    mask = (np.int64(1) << length) - 1
    for k in range(len(value)):
        v = lut[lut_start + (raws[k] & mask)]
        value[k] = v
        quality[k] = _NOT_AVAILABLE if v != v else _OK


@njit(cache=True, nogil=True)
def _row(r, a, b, value, quality, at, firsts, data, short, rows, numbers, spans, lut):  # type: ignore[no-untyped-def]
    """Values and qualities of row r in all frames of its message."""
    kind, length = rows[r, 8], rows[r, 4]
    scale, offset, low, high = numbers[r, 0], numbers[r, 1], numbers[r, 2], numbers[r, 3]
    if rows[r, 7]:
        _floats_of(value, quality, at[a:b], data, rows, r, scale, offset, low, high)
        if kind == _BOOLEAN:
            for k in range(len(value)):
                quality[k] = _NOT_AVAILABLE if value[k] != value[k] else _OK
                value[k] = 1.0 if value[k] != 0 else 0.0
        return
    raws = np.empty(b - a, np.int64)
    _raws(raws, firsts[a:b], at[a:b], data, rows, r, 1, short)
    if kind != _NUMBER:
        _valued(value, quality, raws, kind, lut, rows[r, 14], length)
    elif length == 64 and not rows[r, 6]:
        _numbers_of(value, quality, raws.view(np.uint64), scale, offset, low, high)
    else:
        _numbers_of(value, quality, raws, scale, offset, low, high)
    for s in range(rows[r, 12], rows[r, 13]):
        first, last = spans[s, 0], spans[s, 1]
        for k in range(len(raws)):
            if (raws[k] >= first) & (raws[k] <= last):
                quality[k] = _NOT_AVAILABLE


@njit(cache=True, nogil=True)
def _overrule(quality, mark, by):  # type: ignore[no-untyped-def]
    for k in range(len(quality)):
        if mark[k]:
            quality[k] = by


@njit(cache=True, nogil=True)
def _compact(keep, t, at, value, quality, out_t, out_at):  # type: ignore[no-untyped-def]
    """Move what is kept to the front; how many there are."""
    n = 0
    for k in range(len(keep)):
        if keep[k]:
            value[n], quality[n], out_t[n], out_at[n] = value[k], quality[k], t[k], at[k]
            n += 1
    return n


@njit(cache=True, nogil=True)
def _decode(  # type: ignore[no-untyped-def]
    t, channel, ids, lengths, data, words, plain, extended, extended_slots, messages, rows, numbers, tests, latches,
    spans, lut, counter, counter_t, latch_raw, latch_known, counts,
):  # fmt: skip
    """All rows of a block: times and places in the block, values and qualities; where each row begins in both pairs;
    how many samples it has."""
    slots, start = _sift(channel, ids, lengths, plain, extended, extended_slots, messages, counts)
    at, times, firsts = _grouped(slots, start, t, words)
    failed, stop = np.zeros(len(at), np.bool_), start[1:].copy()
    for m in range(len(messages)):
        stop[m] = _judged(
            m, start[m], stop[m], at, times, firsts, failed, data, words, messages, counter, counter_t, counts
        )
    row_start, time_start, used = (
        np.zeros(len(rows), np.int64),
        np.zeros(len(rows), np.int64),
        np.zeros(len(rows), np.int64),
    )
    capacity, extra = 0, len(times)  # rows without conditions share the times of their message
    for r in range(len(rows)):
        n = stop[rows[r, 0]] - start[rows[r, 0]]
        row_start[r], time_start[r] = capacity, start[rows[r, 0]]
        capacity += n
        if rows[r, 9] != rows[r, 10]:
            time_start[r] = extra
            extra += n
    out_v, out_q = np.empty(capacity, np.float64), np.empty(capacity, np.int8)
    out_t, out_at = np.empty(extra, np.int64), np.empty(extra, np.int64)
    out_t[: len(times)], out_at[: len(at)] = times, at
    for r in range(len(rows)):
        m = rows[r, 0]
        a, b, o = start[m], stop[m], row_start[r]
        if a == b:
            continue
        n, short = b - a, messages[m, 0] <= 8
        value, quality = out_v[o : o + n], out_q[o : o + n]
        _row(r, a, b, value, quality, at, firsts, data, short, rows, numbers, spans, lut)
        mark, keep = np.empty(n, np.bool_), np.ones(n, np.bool_)
        for test in range(rows[r, 9], rows[r, 11]):
            _tested(
                mark, test, a, b, start, stop, at, firsts, failed, data, short, tests, latches, spans, latch_raw,
                latch_known,
            )  # fmt: skip
            if test < rows[r, 10]:
                keep &= mark
            else:
                _overrule(quality, mark, _NOT_AVAILABLE)
        for k in range(n):
            counts[6] += (quality[k] == _INVALID) & keep[k] & ~failed[a + k]
        if messages[m, 1]:
            _overrule(quality, failed[a:b], _INVALID)
        if rows[r, 9] != rows[r, 10]:
            e = time_start[r]
            n = _compact(keep, times[a:b], at[a:b], value, quality, out_t[e : e + n], out_at[e : e + n])
        used[r] = n
    for latch in range(len(latches)):
        beyond = np.full(1, len(t), np.int64)
        raws, knowns = _latched(latch, beyond, start, stop, at, failed, data, latches, latch_raw, latch_known)
        latch_raw[latch], latch_known[latch] = raws[0], knowns[0]
    return out_t, out_at, out_v, out_q, time_start, row_start, used


@njit(cache=True, nogil=True)
def _gather(element, t, value, quality, values, qualities, missing):  # type: ignore[no-untyped-def]
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
    n, one, t, q = np.zeros(1, np.int64), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int8)
    _gather(n, t, one, q, one, q, np.ones(1, np.bool_))

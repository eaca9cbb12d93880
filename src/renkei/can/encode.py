"""From values of signals back to payloads: the inverse of the engines, over the same plan."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from renkei.can.checks import CHECKSUMS
from renkei.can.compile import MAX_TABLE_BITS
from renkei.can.frame_engine import raw_value
from renkei.can.plan import Field, PlanMessage, PlanRow
from renkei.errors import ValueRefused
from renkei.vehicle import Ranges
from renkei.vocabulary import FLOAT32_MAX


def payload(message: PlanMessage, values: Mapping[PlanRow, Any], *, base: bytes | None = None, count: int = 0) -> bytes:
    """The payload of a message that carries these values, each in the unit of its Signal; None is "not available".

    Rows of one field get a raw value that says what each of them says. Raises ValueRefused for a value that the field
    cannot carry, alone or together with what another row wants of it. The rest as in `with_raws`.
    """
    raws = {row: raw_of(row, value) for row, value in values.items()}
    for rows in _sharing(values):
        raws |= dict.fromkeys(rows, _common(rows, values, raws))
    data = bytearray(base if base is not None else bytes(message.length))
    for row, value in values.items():
        if row.plus and value is not None:
            raws[row], rest = _parts(row, value, raws[row])
            put(data, row.plus[0], rest)
    return with_raws(message, raws, base=bytes(data), count=count)


def with_raws(message: PlanMessage, raws: Mapping[PlanRow, Any], *, base: bytes | None = None, count: int = 0) -> bytes:
    """The payload of a message that carries these raw values.

    What they do not speak of stays as in `base`. Conditions of the rows in the same message are made to hold, the
    counter is set to `count` and the checksum to what it must be.
    """
    data = bytearray(base if base is not None else bytes(message.length))
    tests = [test for row in raws for test in (*row.when, *row.unless)]
    for field in dict.fromkeys(t.field for t in tests if t.field is not None):
        _make_hold(data, field, raws)
    for row, raw in raws.items():
        put(data, row.field, raw)
    if message.counter is not None:
        put(data, message.counter, count % (1 << message.counter.length))
    sealed = bytes(data)
    return CHECKSUMS[message.checksum].sealed(message.id, sealed) if message.checksum else sealed


def raw_of(row: PlanRow, value: Any) -> Any:
    """The raw value nearest to a physical one; None, "not available", gives the code for it.

    Raises ValueRefused where there is none.
    """
    if value is None:
        return _not_available(row)
    if row.table is not None:
        return _from_table(row, value)
    if row.signal.scalar == "boolean":
        return _truth(row, bool(value))
    low, high = _ends(row.field)
    raw: Any = (float(value) - row.offset) / row.scale
    if not row.field.is_float and math.isfinite(raw):
        raw = round(raw)
    if not low <= raw <= high:
        first, last = sorted(end * row.scale + row.offset for end in (low, high))
        if row.plus:
            rests = sorted(end * row.plus[1] for end in row.plus[0].raws)
            first, last = first + rests[0], last + rests[1]
        if not (first <= value <= last and math.isfinite(value)):
            raise ValueRefused(
                row.signal.path, "range", expected=f"{first:g} to {last:g}, what {row.row.message} carries", got=value
            )
        raw = low if raw < low else high  # rounding alone took it beyond
    if row.field.is_float:
        return raw
    if _within(raw, row.invalid):
        raise ValueRefused(
            row.signal.path, "range", expected="a value whose code does not mean not available", got=value
        )
    return raw


def _sharing(rows: Iterable[PlanRow]) -> Iterator[list[PlanRow]]:
    """Rows that one raw value has to serve: those of one field that are on one page, and one that tests itself."""
    groups: dict[Any, list[PlanRow]] = {}
    for row in rows:
        if not (row.plus or row.field.is_float):
            groups.setdefault((row.field, frozenset(row.when)), []).append(row)
    for group in groups.values():
        if len(group) > 1 or any(t.field == group[0].field for t in (*group[0].when, *group[0].unless)):
            yield group


def _common(rows: Sequence[PlanRow], values: Mapping[PlanRow, Any], raws: Mapping[PlanRow, Any]) -> Any:
    """The raw value that serves all of them: the first that one of them would take, else the lowest."""
    low, high = rows[0].field.raws
    named = sorted({raw for row in rows for raw in row.table or ()})
    every = range(low, high + 1) if rows[0].field.length <= MAX_TABLE_BITS else ()
    for raw in (*(raws[row] for row in rows), *named, *every):
        if all(_serves(row, raw, values[row], raws[row]) for row in rows):
            return raw
    if len(rows) == 1:
        return raws[rows[0]]
    first, other = rows[0], rows[-1]
    beside = f"{first.signal.path} = {values[first]!r}"
    expected = f"a value that {other.row.message} carries beside {beside}, from the same bits"
    raise ValueRefused(other.signal.path, "allowed", expected=expected, got=values[other])


def _serves(row: PlanRow, raw: int, value: Any, nearest: Any) -> bool:
    """Whether a row says a value where its field has this raw value."""
    if any(t.field == row.field and not _within(raw, t.ranges) for t in row.when):
        return False
    none = _within(raw, row.invalid) or any(t.field == row.field and _within(raw, t.ranges) for t in row.unless)
    if none or value is None:
        return value is None and (none or (row.table is not None and row.table.get(raw, row.other) is None))
    if row.table is not None:
        return bool(row.table.get(raw, row.other) == value)
    return bool(raw) == bool(value) if row.signal.scalar == "boolean" else bool(raw == nearest)


def _parts(row: PlanRow, value: float, raw: Any) -> tuple[Any, int]:
    """The raw values of both fields of a sum: the first one nearest to the value of which the second holds the rest."""
    assert row.plus is not None
    field, factor = row.plus
    (first, last), (low, high) = _ends(row.field), field.raws
    for near in (raw, raw - 1, raw + 1):
        rest = round((value - near * row.scale - row.offset) / factor)
        if low <= rest <= high and first <= near <= last and not _within(near, row.invalid):
            return near, rest
    return raw, min(max(round((value - raw * row.scale - row.offset) / factor), low), high)


def put(data: bytearray, field: Field, raw: Any) -> None:
    """Write a raw value into its bits."""
    order: Literal["little", "big"] = "little" if field.little_endian else "big"
    if field.is_float:
        raw = int.from_bytes(struct.pack("<f" if field.length == 32 else "<d", raw), "little")
    mask = (1 << field.length) - 1
    word = int.from_bytes(data[field.first : field.end], order)
    word = word & ~(mask << field.shift) | (raw & mask) << field.shift
    data[field.first : field.end] = word.to_bytes(field.size, order)


def _ends(field: Field) -> tuple[float, float]:
    """The lowest and the highest number that a field holds."""
    if not field.is_float:
        return field.raws
    widest = FLOAT32_MAX if field.length == 32 else sys.float_info.max
    return -widest, widest


def _truth(row: PlanRow, value: bool) -> int:
    low, high = row.field.raws
    able = (1, *(last + 1 for _, last in row.invalid), low) if value else (0,)
    raw = next((r for r in able if bool(r) == value and low <= r <= high and not _within(r, row.invalid)), None)
    if raw is None:
        raise ValueRefused(row.signal.path, "allowed", expected=f"a value that {row.row.message} carries", got=value)
    return raw


def _not_available(row: PlanRow) -> float:
    if row.field.is_float:
        return math.nan
    if row.invalid:
        return row.invalid[0][0]
    if row.table is not None and row.other is None:
        low, high = row.field.raws
        free = next((raw for raw in range(high, low - 1, -1) if raw not in row.table), None)
        if free is not None:
            return free
    raise ValueRefused(row.signal.path, "allowed", expected="a value, as the car has no code for none", got=None)


def _from_table(row: PlanRow, value: Any) -> int:
    assert row.table is not None
    for raw, meant in row.table.items():
        if meant == value and not _within(raw, row.invalid):
            return raw
    if value == row.other:
        low, high = row.field.raws
        free = next(
            (r for r in range(low, high + 1) if r not in row.table and not _within(r, row.invalid)),
            None,
        )
        if free is not None:
            return free
    known = ", ".join(map(str, dict.fromkeys(row.table.values())))
    raise ValueRefused(row.signal.path, "allowed", expected=f"one of {known}", got=value)


def _make_hold(data: bytearray, field: Field, rows: Iterable[PlanRow]) -> None:
    """Give a field a raw value with which all conditions of the rows on it hold: the one it has, else the lowest."""
    when = [t.ranges for row in rows for t in row.when if t.field == field]
    unless = [t.ranges for row in rows for t in row.unless if t.field == field]
    low, high = field.raws
    ends = {low} | {a for ranges in when for a, _ in ranges} | {b + 1 for ranges in unless for _, b in ranges}
    for raw in (raw_value(field, bytes(data)), *sorted(ends)):
        holds = all(_within(raw, w) for w in when) and not any(_within(raw, u) for u in unless)
        if low <= raw <= high and holds:
            put(data, field, raw)
            return
    if when:  # rows that never come together: the last one holds
        put(data, field, when[-1][0][0])


def _within(raw: int, ranges: Ranges) -> bool:
    return any(low <= raw <= high for low, high in ranges)

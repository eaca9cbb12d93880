"""From values of signals back to payloads: the inverse of the engines, over the same plan."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Literal

from renkei.can.checks import CHECKSUMS
from renkei.can.frame_engine import raw_value
from renkei.can.plan import Field, PlanMessage, PlanRow, Test
from renkei.errors import ValueRefused
from renkei.vehicle import Ranges


def payload(message: PlanMessage, values: Mapping[PlanRow, Any], *, base: bytes | None = None, count: int = 0) -> bytes:
    """The payload of a message that carries these values, each in the unit of its Signal; None is "not available".

    Raises ValueRefused for a value that the field cannot carry. The rest as in `with_raws`.
    """
    return with_raws(message, {row: raw_of(row, value) for row, value in values.items()}, base=base, count=count)


def with_raws(message: PlanMessage, raws: Mapping[PlanRow, Any], *, base: bytes | None = None, count: int = 0) -> bytes:
    """The payload of a message that carries these raw values.

    What they do not speak of stays as in `base`. Conditions of the rows in the same message are made to hold, the
    counter is set to `count` and the checksum to what it must be.
    """
    data = bytearray(base if base is not None else bytes(message.length))
    for row in raws:
        for test in row.when:
            if test.field is not None:
                put(data, test.field, test.ranges[0][0])
    for row, raw in raws.items():
        put(data, row.field, raw)
    written = {row.field for row in raws}
    for row in raws:
        for test in (t for t in row.unless if t.field not in written):
            _put_outside(data, test)
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
        return int(bool(value))
    if row.field.is_float:
        return (float(value) - row.offset) / row.scale
    raw = round((float(value) - row.offset) / row.scale)
    low, high = row.field.raws
    if not low <= raw <= high:
        first, last = sorted((low * row.scale + row.offset, high * row.scale + row.offset))
        raise ValueRefused(
            row.signal.path, "range", expected=f"{first:g} to {last:g}, what {row.row.message} carries", got=value
        )
    if _within(raw, row.invalid):
        raise ValueRefused(
            row.signal.path, "range", expected="a value whose code does not mean not available", got=value
        )
    return raw


def put(data: bytearray, field: Field, raw: Any) -> None:
    """Write a raw value into its bits."""
    order: Literal["little", "big"] = "little" if field.little_endian else "big"
    if field.is_float:
        raw = int.from_bytes(struct.pack("<f" if field.length == 32 else "<d", raw), "little")
    mask = (1 << field.length) - 1
    word = int.from_bytes(data[field.first : field.end], order)
    word = word & ~(mask << field.shift) | (raw & mask) << field.shift
    data[field.first : field.end] = word.to_bytes(field.size, order)


def _not_available(row: PlanRow) -> int:
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


def _put_outside(data: bytearray, test: Test) -> None:
    """Make a condition on the same payload not hold."""
    if test.field is None or not _within(raw_value(test.field, bytes(data)), test.ranges):
        return
    low, high = test.field.raws
    beside = [raw for a, b in test.ranges for raw in (b + 1, a - 1) if low <= raw <= high]
    free = next((raw for raw in beside if not _within(raw, test.ranges)), None)
    if free is not None:
        put(data, test.field, free)


def _within(raw: int, ranges: Ranges) -> bool:
    return any(low <= raw <= high for low, high in ranges)

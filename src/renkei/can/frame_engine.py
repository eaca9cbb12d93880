"""The engine for live use: one frame in, the values it carries out. Each message becomes one straight Python function.

The columnar twin is columns.py; both give the same values bit for bit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from renkei.can.checks import CHECKSUMS
from renkei.can.isotp import Reassembly
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow, Test
from renkei.samples import INVALID

Pair = tuple[int, Any]
"""Index of a Signal and its value; None is not available, INVALID cannot be true."""


@dataclass(slots=True)
class Counts:
    """What became of the frames.

    `decoded` of them belong to messages or answers that the map knows; `lost` counts the steps that counters skipped,
    `out_of_range` values, `broken_answers` answers on diagnostics of which a frame is missing.
    """

    frames: int = 0
    decoded: int = 0
    short: int = 0
    bad_checksum: int = 0
    repeated: int = 0
    lost: int = 0
    out_of_range: int = 0
    broken_answers: int = 0


class FrameEngine:
    """Decodes the frames of one car; remembers counters, latched values, half-filled arrays, half-heard answers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counts = Counts()
        self.memory = _Memory(plan)
        self._by_id = {
            bus: {m.id: (m, _compiled(m, self.memory, bad=False)) for m in plan.messages if m.bus == bus}
            for bus in plan.buses
        }
        self._bad = {m.number: _compiled(m, self.memory, bad=True) for m in plan.messages if m.checksum}
        self._answers: dict[str, dict[int, list[tuple[PlanMessage, _Decode]]]] = {bus: {} for bus in plan.buses}
        for a in plan.answers:
            self._answers[a.bus].setdefault(a.id, []).append((a, _compiled(a, self.memory, bad=False)))
        self._open: dict[tuple[str, int], Reassembly] = {}

    def decode(self, bus: str, id_: int, data: bytes, t_ns: int) -> list[Pair]:
        """The values of a frame; none for a frame that the map does not know, is too short or only a repetition."""
        self.counts.frames += 1
        known = self._by_id[bus].get(id_)
        if known is None:
            return self._part_of_answer(bus, id_, data) if id_ in self._answers[bus] else []
        message, decode = known
        n = message.length
        if len(data) != n:
            if len(data) < n:
                self.counts.short += 1
                return []
            data = data[:n]
        self.counts.decoded += 1
        if message.checksum is not None and not CHECKSUMS[message.checksum].holds(id_, data):
            self.counts.bad_checksum += 1
            return self._bad[message.number](data)
        if message.counter is not None and self._is_repeated(message, data, t_ns):
            self.counts.repeated += 1
            return []
        for latch in message.latches:
            self.memory.latched[latch.number] = raw_value(latch.field, data)
        return self._counted(decode(data))

    def _part_of_answer(self, bus: str, id_: int, data: bytes) -> list[Pair]:
        self.counts.decoded += 1
        reassembly = self._open.setdefault((bus, id_), Reassembly())
        broken = reassembly.broken
        payload = reassembly.feed(data)
        self.counts.broken_answers += reassembly.broken - broken
        return self.decode_answer(bus, id_, payload) if payload else []

    def decode_answer(self, bus: str, id_: int, payload: bytes) -> list[Pair]:
        """The values of a whole answer on diagnostics, from its service byte on."""
        for answer, decode in self._answers[bus].get(id_, ()):
            if payload.startswith(answer.prefix):
                if answer.lengths and len(payload) not in answer.lengths:
                    self.counts.short += 1
                    return []
                return self._counted(decode(payload))
        return []

    def _counted(self, pairs: list[Pair]) -> list[Pair]:
        for _, value in pairs:
            if value is INVALID:
                self.counts.out_of_range += 1
        return pairs

    def _is_repeated(self, message: PlanMessage, data: bytes, t_ns: int) -> bool:
        """True where the counter stands still though no whole turn of it can have been lost in between."""
        assert message.counter is not None
        count = raw_value(message.counter, data)
        modulo = 1 << message.counter.length
        last = self.memory.counters.get(message.number)
        self.memory.counters[message.number] = (count, t_ns)
        if last is None:
            return False
        if count == last[0] and (not message.cycle_ns or t_ns - last[1] < (modulo - 1) * message.cycle_ns):
            return True
        self.counts.lost += (count - last[0] - 1) % modulo
        return False


class _Memory:
    """What one frame leaves for the next."""

    def __init__(self, plan: Plan) -> None:
        self.counters: dict[int, tuple[int, int]] = {}
        self.latched: list[int | None] = [None] * plan.latches
        self.arrays = [_Gathering(a.elements) for a in plan.arrays]


class _Gathering:
    """An array signal of which some elements have come."""

    def __init__(self, elements: int) -> None:
        self.values: list[Any] = [None] * elements
        self.missing = set(range(elements))

    def put(self, element: int, value: Any) -> bool:
        """Take an element; True when all have come."""
        self.values[element] = value
        self.missing.discard(element)
        return not self.missing

    def take(self) -> Any:
        """The whole array; INVALID or None where an element is."""
        self.missing = set(range(len(self.values)))
        return whole(self.values)


def whole(values: Sequence[Any]) -> Any:
    """An array as a value: not a value where one of its elements is none."""
    if any(v is INVALID for v in values):
        return INVALID
    return None if any(v is None for v in values) else list(values)


def raw_value(field: Field, data: bytes) -> Any:
    """The raw value of a field, a number; floats as they are."""
    part = data[field.first : field.end]
    raw = int.from_bytes(part, "little" if field.little_endian else "big") >> field.shift & ((1 << field.length) - 1)
    if field.is_float:
        return as_float(raw, field.length)
    return raw - (1 << field.length) if field.signed and raw >> (field.length - 1) else raw


def as_float(raw: int, length: int) -> float:
    """The number whose IEEE 754 bits are `raw`."""
    value: float = struct.unpack("<f" if length == 32 else "<d", raw.to_bytes(length // 8, "little"))[0]
    return value


_Decode = Callable[[bytes], list[Pair]]


def _compiled(message: PlanMessage, memory: _Memory, *, bad: bool) -> _Decode:
    """A function of the payload, written out for this message; `bad`: every value it would have had is INVALID."""
    names: dict[str, Any] = {
        "INVALID": INVALID,
        "L": memory.latched,
        "A": memory.arrays,
        "whole": whole,
        "as_float": as_float,
    }
    lines = ["def decode(d):", " out = []"]
    writer = _Writer(message, names)
    for n, row in enumerate(message.rows):
        lines += writer.row(n, row, bad)
    text = "\n".join([*lines[:1], *writer.words(), *lines[1:], " return out"])
    exec(compile(text, f"<plan of {message.name}>", "exec"), names)
    decode: _Decode = names["decode"]
    return decode


class _Writer:
    """Writes the lines of a decode function. Payloads of known length are read as one number in each byte order."""

    def __init__(self, message: PlanMessage, names: dict[str, Any]) -> None:
        self.message, self.names = message, names
        self.orders: set[str] = set()

    def words(self) -> list[str]:
        return [f" {o[0]} = int.from_bytes(d, '{o}')" for o in sorted(self.orders)]

    def row(self, n: int, row: PlanRow, bad: bool) -> list[str]:
        when = [self.test(f"W{n}_{k}", t) for k, t in enumerate(row.when)]
        if self.message.prefix:  # answers differ in length
            when.insert(0, f"len(d) >= {_end(row)}")
        lines, pad = ([f" if {' and '.join(when)}:"], "  ") if when else ([], " ")
        if bad:
            return [*lines, *(pad + line for line in self.give(row, "INVALID"))]
        unless = [self.test(f"U{n}_{k}", t) for k, t in enumerate(row.unless)]
        if unless:
            lines += [
                pad + f"if {' or '.join(unless)}:",
                *(pad + " " + x for x in self.give(row, "None")),
                pad + "else:",
            ]
            pad += " "
        if row.elements:
            return [*lines, *(pad + x for x in self.array_of_fields(n, row))]
        body = [f"r = {self.raw(row.field)}", *self.value(n, row)]
        return [*lines, *(pad + x for x in [*body, *self.give(row, "v")])]

    def array_of_fields(self, n: int, row: PlanRow) -> list[str]:
        self.names[f"F{n}"] = [shifted(row.field, k) for k in range(row.elements)]
        self.names["raw_value"] = raw_value
        value = [" " + line for line in self.value(n, row)]
        return ["vs = []", f"for f in F{n}:", " r = raw_value(f, d)", *value, " vs.append(v)",
                f"out.append(({row.index}, whole(vs)))"]  # fmt: skip

    def value(self, n: int, row: PlanRow) -> list[str]:
        """Lines that turn the raw value r into the value v."""
        lines = []
        test = " or ".join(_within("r", span) for span in row.invalid)
        if row.field.is_float:
            test = "r != r"
        if row.table is not None:
            self.names[f"T{n}"] = dict(row.table) | dict.fromkeys(_spanned(row.invalid), None)
            self.names[f"O{n}"] = row.other
            lines = [f"v = T{n}.get(r, O{n})"]
            test = ""
        elif row.signal.scalar == "boolean":
            lines = ["v = r != 0"]
        else:
            self.names |= {f"S{n}": row.scale, f"B{n}": row.offset, f"lo{n}": row.low, f"hi{n}": row.high}
            lines = [f"v = r * S{n} + B{n}"]
            beyond = [f"v < lo{n}"] * (row.low > -math.inf) + [f"v > hi{n}"] * (row.high < math.inf)
            beyond += ["v - v != 0"] * row.field.is_float  # infinite
            if beyond:
                lines.append(f"if {' or '.join(beyond)}: v = INVALID")
        return ([f"if {test}: v = None", "else:", *(" " + x for x in lines)]) if test else lines

    def give(self, row: PlanRow, value: str) -> list[str]:
        if row.array < 0:
            return [f"out.append(({row.index}, {value}))"]
        return [f"if A[{row.array}].put({row.element}, {value}): out.append(({row.index}, A[{row.array}].take()))"]

    def test(self, name: str, test: Test) -> str:
        if test.field is None:
            self.names[name] = test.ranges
            held = " or ".join(_within(f"L[{test.latch}]", span) for span in test.ranges)
            return f"(L[{test.latch}] is not None and ({held}))"
        raw = self.raw(test.field)
        return "(" + " or ".join(_within(raw, span) for span in test.ranges) + ")"

    def raw(self, field: Field) -> str:
        """An expression for the raw value."""
        mask = (1 << field.length) - 1
        if field.size == 1:
            text = f"d[{field.first}]" + (f" >> {field.shift}" if field.shift else "")
            text = f"({text} & {mask})" if field.length + field.shift < 8 or field.shift else text
        elif self.message.prefix:
            order = "little" if field.little_endian else "big"
            text = f"(int.from_bytes(d[{field.first}:{field.end}], '{order}') >> {field.shift} & {mask})"
        elif field.little_endian:
            self.orders.add("little")
            text = f"(l >> {8 * field.first + field.shift} & {mask})"
        else:
            self.orders.add("big")
            text = f"(b >> {8 * (self.message.length - field.end) + field.shift} & {mask})"
        if field.is_float:
            return f"as_float({text}, {field.length})"
        half = 1 << (field.length - 1)
        return f"(({text} ^ {half}) - {half})" if field.signed else text


def shifted(field: Field, places: int) -> Field:
    """The field of the same form `places` lengths further on in a big-endian row of them."""
    position = 8 * field.end - field.shift - field.length + places * field.length
    first, last = position // 8, (position + field.length - 1) // 8
    return field._replace(first=first, size=last + 1 - first, shift=8 * (last + 1) - position - field.length)


def _end(row: PlanRow) -> int:
    """Bytes that a payload needs for this row and its conditions."""
    fields = [row.field, *(t.field for t in (*row.when, *row.unless) if t.field is not None)]
    if row.elements:
        fields.append(shifted(row.field, row.elements - 1))
    return max(f.end for f in fields)


def _within(text: str, span: tuple[int, int]) -> str:
    low, high = span
    return f"{text} == {low}" if low == high else f"{low} <= {text} <= {high}"


def _spanned(spans: Sequence[tuple[int, int]]) -> list[int]:
    """Raw values in the spans; only asked for fields that have a table and so few raw values."""
    return [raw for low, high in spans for raw in range(low, min(high, low + (1 << 16)) + 1)]

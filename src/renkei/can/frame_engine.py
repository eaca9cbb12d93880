"""The engine for live use: one frame in, the values it carries out. Each message becomes one straight Python function.

The columnar twin is columns.py; both give the same values bit for bit.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from renkei.can import checks
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
        self._decoders: dict[str, dict[int, _Decode]] = {bus: {} for bus in plan.buses}
        for m in plan.messages:
            self._decoders[m.bus][m.id] = _compiled(m, self.memory, self.counts)
        self._answers: dict[tuple[str, int], list[tuple[PlanMessage, _Decode]]] = {}
        for a in plan.answers:
            self._answers.setdefault((a.bus, a.id), []).append((a, _compiled(a, self.memory, self.counts)))
        for bus, id_ in self._answers:
            self._decoders[bus].setdefault(id_, self._listener(bus, id_))

    def decode(self, bus: str, id_: int, data: bytes, t_ns: int) -> list[Pair]:
        """The values of a frame; none for a frame that the map does not know, is too short or only a repetition."""
        self.counts.frames += 1
        decode = self._decoders[bus].get(id_)
        return decode(data, t_ns) if decode else []

    def decode_answer(self, bus: str, id_: int, payload: bytes) -> list[Pair]:
        """The values of a whole answer on diagnostics, from its service byte on."""
        known = [x for x in self._answers.get((bus, id_), ()) if payload.startswith(x[0].prefix)]
        for answer, decode in known:
            if not answer.lengths or len(payload) in answer.lengths:
                return decode(payload, 0)
        self.counts.short += bool(known)
        return []

    def _listener(self, bus: str, id_: int) -> _Decode:
        """Takes the frames of answers on one identifier."""
        reassembly = Reassembly()

        def listen(data: bytes, _t_ns: int) -> list[Pair]:
            self.counts.decoded += 1
            broken = reassembly.broken
            payload = reassembly.feed(data)
            self.counts.broken_answers += reassembly.broken - broken
            return self.decode_answer(bus, id_, payload) if payload else []

        return listen


class _Memory:
    """What one frame leaves for the next."""

    def __init__(self, plan: Plan) -> None:
        self.latched: list[int | None] = [None] * plan.latches
        self.awaited = {test.unheard for row in plan.rows for test in row.when}
        self.heard = [False] * len(plan.messages)
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


_Decode = Callable[[bytes, int], list[Pair]]


def _compiled(message: PlanMessage, memory: _Memory, counts: Counts) -> _Decode:
    """A function of payload and time, written out for this message."""
    names: dict[str, Any] = {
        "INVALID": INVALID, "C": counts, "L": memory.latched, "A": memory.arrays, "H": memory.heard,
        "whole": whole, "as_float": as_float, "from_bytes": int.from_bytes,
    }  # fmt: skip
    writer = _Writer(message, names, not message.prefix and message.number in memory.awaited)
    rows = [line for n, row in enumerate(message.rows) for line in writer.row(n, row, bad=False)]
    lines = [*writer.checks(), *writer.words(), " out = []", *rows, " return out"]
    if message.checksum:
        failed = [line for n, row in enumerate(message.rows) for line in writer.row(n, row, bad=True)]
        lines += ["def failed(d):", *writer.words(), " out = []", *failed, " return out"]
    exec(compile("\n".join(["def decode(d, t):", *lines]), f"<plan of {message.name}>", "exec"), names)
    decode: _Decode = names["decode"]
    return decode


class _Writer:
    """Writes the lines of a decode function. Payloads of known length are read as one number in each byte order."""

    def __init__(self, message: PlanMessage, names: dict[str, Any], awaited: bool) -> None:
        self.message, self.names, self.awaited = message, names, awaited
        self.orders: set[str] = set()

    def words(self) -> list[str]:
        return [f" {o[0]} = from_bytes(d, '{o}')" for o in sorted(self.orders)]

    def checks(self) -> list[str]:
        """Lines that judge the payload as a whole and keep what other messages wait for."""
        m = self.message
        if m.prefix:
            return []
        lines = [f" if len(d) != {m.length}:", f"  if len(d) < {m.length}:", "   C.short += 1", "   return []",
                 f"  d = d[:{m.length}]", " C.decoded += 1"]  # fmt: skip
        if m.checksum:
            self.names |= checks.terms(m.checksum, m.length)
            right = checks.expression(m.checksum, m.id, m.length)
            lines += [f" if {right}:", "  C.bad_checksum += 1", "  return failed(d)"]
        if m.counter is not None:
            lines += self.count(m.counter, m.cycle_ns)
        self.names["raw_value"] = raw_value
        if self.awaited:
            lines.append(f" H[{m.number}] = True")
        for latch in m.latches:
            self.names[f"X{latch.number}"] = latch.field
            lines.append(f" L[{latch.number}] = raw_value(X{latch.number}, d)")
        return lines

    def count(self, counter: Field, cycle_ns: int) -> list[str]:
        """The counter: standing still while no whole turn of it can have been lost in between is a repetition."""
        turn = 1 << counter.length
        self.names |= {"K": [-1, 0], "raw_value": raw_value, "counter": counter}
        raw = self.raw(counter) if counter.size == 1 else "raw_value(counter, d)"
        still = "c == K[0]" + (f" and t - K[1] < {(turn - 1) * cycle_ns}" if cycle_ns else "")
        return [f" c = {raw}", f" if {still}:", "  K[1] = t", "  C.repeated += 1", "  return []",
                f" if c != K[0] + 1 & {turn - 1} and K[0] >= 0: C.lost += (c - K[0] - 1) & {turn - 1}",
                " K[0] = c", " K[1] = t"]  # fmt: skip

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
            if row.plus:
                self.names[f"P{n}"] = row.plus[1]
                lines = [f"v = r * S{n} + B{n} + {self.raw(row.plus[0])} * P{n}"]
            beyond = [f"v < lo{n}"] * (row.low > -math.inf) + [f"v > hi{n}"] * (row.high < math.inf)
            beyond += ["v - v != 0"] * row.field.is_float  # infinite
            if beyond:
                lines += [f"if {' or '.join(beyond)}:", " v = INVALID", " C.out_of_range += 1"]
        return ([f"if {test}: v = None", "else:", *(" " + x for x in lines)]) if test else lines

    def give(self, row: PlanRow, value: str) -> list[str]:
        if row.array < 0:
            return [f"out.append(({row.index}, {value}))"]
        return [f"if A[{row.array}].put({row.element}, {value}): out.append(({row.index}, A[{row.array}].take()))"]

    def test(self, name: str, test: Test) -> str:
        if test.unheard >= 0:
            return f"not H[{test.unheard}]"
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

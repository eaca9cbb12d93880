"""From DBC files and a map to one compiled plan (plan.py).

Nothing here reads files: databases come parsed, maps come checked for form. What a map says about signals that the
databases or the vocabulary do not have is an error here, unless `lenient`, which sets such rows aside and lists them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from renkei.can.checks import CHECKSUMS
from renkei.can.dbc import Database, DbcMessage, DbcSignal
from renkei.can.plan import (
    Array,
    Field,
    Latch,
    Plan,
    PlanMessage,
    PlanRow,
    SetAside,
    Test,
    big_endian_field,
    field_of,
)
from renkei.errors import CatalogueError, InputError, Mistakes, ValueRefused, nearest
from renkei.units import conversion, exact
from renkei.vehicle import Condition, Map, MessageRule, Ranges, Row, UdsAnswer, UdsSignal
from renkei.vocabulary import FLOAT32_MAX, INTEGERS, Signal, Value, Vocabulary

MAX_TABLE_BITS = MAX_COUNTER_BITS = 16
MAX_PLUS_BITS = 32
_A_DAY_MS = 86_400_000  # what a DBC file says to come less often has no cycle
MAX_BITS = 64
_LEAST_SCALE, _MOST = Fraction(1, 10**100), Fraction(10**100)
"""Beyond any quantity, and short of where floating point loses it."""
MAX_BYTES = 64
"""What a frame carries, CAN FD too."""


def compile_plan(
    map_: Map,
    databases: Mapping[str, Iterable[Database]],
    vocabulary: Vocabulary,
    *,
    keep_personal: bool = False,
    lenient: bool = False,
) -> Plan:
    """The plan of a map over the databases of each of its buses.

    Raises CatalogueError that names the map's file and row. With `lenient`, for a vocabulary other than the map was
    written for, rows that do not fit it are set aside and listed.
    """
    return _Compiler(map_, databases, vocabulary, lenient).plan(keep_personal)


class _Compiler:
    def __init__(
        self, map_: Map, databases: Mapping[str, Iterable[Database]], vocabulary: Vocabulary, lenient: bool
    ) -> None:
        self.map, self.vocabulary, self.lenient = map_, vocabulary, lenient
        self.dbc: dict[str, dict[str, DbcMessage]] = {
            bus: {name: m for db in databases.get(bus, ()) for name, m in db.messages.items()} for bus in map_.buses
        }
        self.latches: dict[tuple[str, str, str], Latch] = {}
        self.arrays: dict[str, int] = {}
        self.set_aside: list[SetAside] = []
        self.mistakes = Mistakes()

    def plan(self, keep_personal: bool) -> Plan:
        rows: dict[tuple[str, str], list[PlanRow]] = {}
        commands: dict[tuple[str, str], list[PlanRow]] = {}
        wanted = [row for row in self.map.rows if keep_personal or not row.personal]
        for row in wanted:
            with self.mistakes.gathered():
                if (made := self._fitting_row(row)) is not None:
                    (commands if row.command else rows).setdefault((row.bus, row.message), []).append(made)
        self._judge_rules()
        self.mistakes.tell()
        frames = [key for key in self._keys() if key not in self.map.uds]
        latched = {key[:2] for key in self.latches}
        needed = [key for key in frames if key in rows or key in commands or key in latched]
        self._let_backups_wait(rows, {key: n for n, key in enumerate(needed)})
        messages = tuple(
            self._message(n, key, rows.get(key, ()), commands.get(key, ())) for n, key in enumerate(needed)
        )
        answers = tuple(
            self._answer(n, a, tuple(rows[key])) for n, (key, a) in enumerate(self.map.uds.items()) if key in rows
        )
        self._judge_clashes(messages, answers)
        return Plan(
            self.vocabulary, tuple(self.map.buses), messages, answers, self._array_table(rows), len(self.latches),
            tuple(dict.fromkeys(self.set_aside)),
        )  # fmt: skip

    def _fitting_row(self, row: Row) -> PlanRow | None:
        """The row, or None where it is set aside."""
        try:
            return self._row(row)
        except _NotInVocabulary as e:
            if not self.lenient:
                near = None if e.key else nearest(row.path, (s.path for s in self.vocabulary))
                raise self._wrong(row, e.key, e.expected, e.got, near) from e
            self.set_aside.append(SetAside(row.path, f"{e.expected}, got {str(e.got)[:100]}"))
        return None

    def _let_backups_wait(
        self, rows: dict[tuple[str, str], list[PlanRow]], numbers: Mapping[tuple[str, str], int]
    ) -> None:
        """A backup row speaks only while the messages of the other rows of its signal have not been heard."""
        for several in rows.values():
            for k, row in enumerate(several):
                if not row.row.backup:
                    continue
                first = {
                    (r.bus, r.message) for r in self.map.rows if r.path == row.row.path and not (r.backup or r.command)
                }
                if not first or not first <= numbers.keys() or (row.row.bus, row.row.message) in first:
                    raise self._wrong(row.row, "backup", "another row for the signal, from another CAN message", True)
                waits = tuple(Test(None, -1, (), numbers[key]) for key in sorted(first))
                several[k] = replace(row, when=(*row.when, *waits))

    def _keys(self) -> list[tuple[str, str]]:
        return [(bus, name) for bus, messages in self.dbc.items() for name in messages]

    def _row(self, row: Row) -> PlanRow:
        signal = self.vocabulary.get(row.path)
        if signal is None:
            raise _NotInVocabulary("", "a path of the vocabulary", row.path)
        if (row.bus, row.message) in self.map.uds:
            uds = self._uds_signal(row)[1]
            field, tests = big_endian_field(uds.start, uds.length, uds.signed), self._tests(row, "when")
            physical, elements = (uds.scale, uds.offset, uds.unit), uds.elements or 0
        else:
            _, dbc = self._dbc_signal(row, row.bus, row.message, row.signal)
            field, tests = field_of(dbc), self._switches(row, dbc) + self._tests(row, "when")
            physical, elements = (dbc.scale, dbc.offset, dbc.unit), 0
        self._judge_role(row, signal)
        table, other = self._table(row, signal, field)
        scale, offset = self._linear(row, signal, physical) if table is None else (Fraction(1), Fraction(0))
        low, high = -math.inf, math.inf
        if table is None and signal.scalar != "boolean":
            low, high = _bounds(signal, None if row.plus else field, float(scale), float(offset))
        self._judge_raws(row, "invalid", field, row.invalid)
        return PlanRow(
            signal.index, signal, field, float(scale), float(offset), low, high, row.invalid, table, other, tests,
            self._tests(row, "unless"), self._array(row, signal, elements), row.element or 0, elements,
            self._plus(row, signal, physical[2]), row,
        )  # fmt: skip

    def _judge_role(self, row: Row, signal: Signal) -> None:
        if row.command and signal.kind != "actuator":
            raise self._wrong(row, "role", f"report, as the signal is a {signal.kind} and not an actuator", "command")
        if row.command and ((row.bus, row.message) in self.map.uds or signal.is_array or row.backup):
            raise self._wrong(row, "role", "report for an answer on diagnostics, an array, or a backup", "command")

    def _uds_signal(self, row: Row) -> tuple[UdsAnswer, UdsSignal]:
        answer = self.map.uds[row.bus, row.message]
        if row.signal not in answer.signals:
            raise self._wrong(
                row, "from", f"a signal of {row.message}", row.signal, nearest(row.signal, answer.signals)
            )
        return answer, answer.signals[row.signal]

    def _dbc_signal(
        self, row: Row, bus: str, message: str, name: str, key: str = "from"
    ) -> tuple[DbcMessage, DbcSignal]:
        messages = self.dbc.get(bus, {})
        if message not in messages:
            raise self._wrong(row, key, f"a message of bus {bus}", message, nearest(message, messages))
        length = messages[message].length
        if length > MAX_BYTES:
            raise self._wrong(row, key, f"a message of at most {MAX_BYTES} bytes", f"{message}, {length} bytes")
        for signal in messages[message].signals:
            if signal.name == name:
                if signal.length > MAX_BITS:
                    raise self._wrong(row, key, f"a signal of at most {MAX_BITS} bits", f"{name}, {signal.length} bits")
                return messages[message], signal
        known = [s.name for s in messages[message].signals]
        raise self._wrong(row, key, f"a signal of {message}", name, nearest(name, known))

    def _switches(self, row: Row, signal: DbcSignal) -> tuple[Test, ...]:
        def test(name: str, ranges: Ranges) -> Test:
            field = field_of(self._dbc_signal(row, row.bus, row.message, name)[1])
            if field.is_float:
                raise self._wrong(row, "from", "a signal that a whole number selects", f"{signal.name}, below {name}")
            return Test(field, -1, ranges)

        return tuple(test(s.signal, s.ranges) for s in signal.switches)

    def _tests(self, row: Row, key: Literal["when", "unless"]) -> tuple[Test, ...]:
        return tuple(self._test(row, key, c) for c in getattr(row, key))

    def _test(self, row: Row, key: str, c: Condition) -> Test:
        if (c.bus, c.message) in self.map.uds:
            if (c.bus, c.message) != (row.bus, row.message):
                raise self._wrong(row, key, "a signal of a CAN message", f"{c.bus}.{c.message}.{c.signal}")
            signals = self._uds_signal(row)[0].signals
            if c.signal not in signals:
                raise self._wrong(row, key, f"a signal of {row.message}", c.signal, nearest(c.signal, signals))
            uds = signals[c.signal]
            field = big_endian_field(uds.start, uds.length, uds.signed)
            self._judge_raws(row, f"{key}.{c.signal}", field, c.raws)
            return Test(field, -1, c.raws)
        _, signal = self._dbc_signal(row, c.bus, c.message, c.signal, key)
        field = field_of(signal)
        self._judge_raws(row, f"{key}.{c.signal}", field, c.raws)
        if (c.bus, c.message) == (row.bus, row.message):
            return Test(field, -1, c.raws)
        if signal.switches:
            raise self._wrong(row, key, "a signal that is not multiplexed", c.signal)
        latch = self.latches.setdefault((c.bus, c.message, c.signal), Latch(len(self.latches), field))
        return Test(None, latch.number, c.raws)

    def _judge_raws(self, row: Row, key: str, field: Field, ranges: Ranges) -> None:
        """Raw values that a field cannot hold are a mistake: 0xFF of eight signed bits is -1."""
        if ranges and field.is_float:
            raise self._wrong(row, key, "nothing, as the signal holds floating-point numbers", ranges)
        low, high = field.raws
        for first, last in ranges:
            if not low <= first <= last <= high:
                got = first if first == last else [first, last]
                raise self._wrong(row, key, f"raw values from {low} to {high}", got)

    def _table(self, row: Row, signal: Signal, field: Field) -> tuple[dict[int, Value] | None, Value | None]:
        if row.values is None:
            if signal.scalar == "string":
                raise self._wrong(row, "values", "a table, as the signal is a text", None)
            return None, None
        if field.length > MAX_TABLE_BITS or field.is_float:
            raise self._wrong(row, "values", f"a whole number of at most {MAX_TABLE_BITS} bits", f"{field.length} bits")
        low, high = field.raws
        for raw in row.values:
            if not low <= raw <= high:
                raise self._wrong(row, f"values.{raw}", f"a raw value from {low} to {high}", raw)
        table = {raw: self._admitted(row, signal, f"values.{raw}", v) for raw, v in row.values.items()}
        return table, None if row.other is None else self._admitted(row, signal, "other", row.other)

    def _admitted(self, row: Row, signal: Signal, key: str, value: Value) -> Any:
        try:
            return signal._check_one(value)
        except ValueRefused as e:
            expected = str(e).removeprefix(f"{signal.path}: expected ").rsplit(", got ", 1)[0]
            raise _NotInVocabulary(key, expected, value) from e

    def _linear(self, row: Row, signal: Signal, physical: tuple[float, float, str | None]) -> tuple[Fraction, Fraction]:
        """Scale and offset from raw to the unit of the signal, exactly, so that 0.1 x 10 is 1."""
        if signal.scalar == "boolean":
            for key, idle in (("scale", 1.0), ("offset", 0.0), ("unit", None)):
                if (got := getattr(row, key)) != idle:
                    raise self._wrong(row, key, "nothing, as the signal is true or false", got)
            return Fraction(1), Fraction(0)
        scale, offset, stated = physical
        unit = row.unit or stated
        if signal.unit and not unit:
            raise self._wrong(row, "unit", f"a unit, as the signal is in {signal.unit}", None)
        try:
            to_scale, to_offset = conversion(unit, signal.unit)
        except InputError as e:
            raise _NotInVocabulary("unit", f"a unit that converts to {signal.unit}", unit) from e
        scale_, offset_ = exact(scale) * exact(row.scale), exact(offset) * exact(row.scale) + exact(row.offset)
        scale_, offset_ = scale_ * to_scale, offset_ * to_scale + to_offset
        if not _LEAST_SCALE <= abs(scale_) <= _MOST or abs(offset_) > _MOST:
            got = f"{scale} of the DBC file or answer, {row.scale} of the row"
            raise self._wrong(row, "scale", "scales and offsets that make a number other than 0 of raw values", got)
        return scale_, offset_

    def _plus(self, row: Row, signal: Signal, unit: str | None) -> tuple[Field, float] | None:
        """The second signal of a sum, in the unit of the Signal."""
        if row.plus is None:
            return None
        if (row.bus, row.message) in self.map.uds or row.values is not None:
            raise self._wrong(row, "plus", "nothing beside values, or for an answer on diagnostics", row.plus)
        if signal.scalar == "boolean":
            raise self._wrong(row, "plus", "nothing, as the signal is true or false", row.plus)
        _, dbc = self._dbc_signal(row, row.bus, row.message, row.plus, "plus")
        conditions = {(c.bus, c.message, c.signal) for c in (*row.when, *row.unless)}
        if row.plus == row.signal or (row.bus, row.message, row.plus) in conditions:
            raise self._wrong(row, "plus", "a signal that the row does not use otherwise", row.plus)
        if dbc.is_float or dbc.offset or dbc.switches or dbc.length > MAX_PLUS_BITS:
            expected = f"a whole number of at most {MAX_PLUS_BITS} bits, without offset and not multiplexed"
            raise self._wrong(row, "plus", expected, row.plus)
        to_scale, _ = conversion(row.unit or unit, signal.unit)
        return field_of(dbc), float(exact(dbc.scale) * exact(row.scale) * to_scale)

    def _array(self, row: Row, signal: Signal, elements: int) -> int:
        if not signal.is_array:
            if row.element is not None or elements:
                raise self._wrong(row, "element", f"nothing, as the signal is one {signal.datatype}", row.element)
            return -1
        if elements:
            if row.element is not None:
                expected = f"nothing, as {row.signal} of the answer is {elements} elements in a row"
                raise self._wrong(row, "element", expected, row.element)
            return -1
        if row.element is None:
            raise self._wrong(row, "element", "the place in the array, as the signal is an array", None)
        return self.arrays.setdefault(row.path, len(self.arrays))

    def _array_table(self, rows: Mapping[tuple[str, str], list[PlanRow]]) -> tuple[Array, ...]:
        places: dict[str, list[int]] = {path: [] for path in self.arrays}
        for row in (r for several in rows.values() for r in several if r.array >= 0):
            places[row.row.path].append(row.element)
        for path, found in places.items():
            if sorted(set(found)) != list(range(len(set(found)))):
                missing = min(set(range(max(found))) - set(found))
                raise CatalogueError(
                    self.map.file, f"signals.{path}.element", expected=f"element {missing} too", got=None
                )
        return tuple(Array(self.vocabulary[path].index, max(found) + 1) for path, found in places.items())

    def _judge_rules(self) -> None:
        """Every [messages] entry names a message, an algorithm and a signal that exist."""
        for (bus, name), rule in self.map.messages.items():
            with self.mistakes.gathered():
                self._judge_rule(bus, name, rule)

    def _judge_rule(self, bus: str, name: str, rule: MessageRule) -> None:
        messages = self.dbc.get(bus, {})
        key = f"messages.{bus}.{name}"
        file = self.map.said_in.get(key, self.map.file)
        if name not in messages:
            near = nearest(name, messages)
            raise CatalogueError(file, key, expected=f"a message of bus {bus}", got=name, near=near)
        with self.mistakes.gathered():
            if rule.checksum is not None and rule.checksum not in CHECKSUMS:
                near, expected = nearest(rule.checksum, CHECKSUMS), "one of " + ", ".join(CHECKSUMS)
                raise CatalogueError(file, f"{key}.checksum", expected=expected, got=rule.checksum, near=near)
        known = [s.name for s in messages[name].signals]
        if rule.counter is not None and rule.counter not in known:
            near = nearest(rule.counter, known)
            raise CatalogueError(file, f"{key}.counter", expected="a signal", got=rule.counter, near=near)
        if any(s.is_float or s.length > MAX_COUNTER_BITS for s in messages[name].signals if s.name == rule.counter):
            expected = f"a whole number of at most {MAX_COUNTER_BITS} bits"
            raise CatalogueError(file, f"{key}.counter", expected=expected, got=rule.counter)

    def _message(
        self, number: int, key: tuple[str, str], rows: Iterable[PlanRow], commands: Iterable[PlanRow]
    ) -> PlanMessage:
        bus, name = key
        message = self.dbc[bus][name]
        rule = self.map.messages.get(key, MessageRule(None, None, None))
        counter = next((field_of(s._replace(signed=False)) for s in message.signals if s.name == rule.counter), None)
        latches = tuple(latch for (b, m, _), latch in self.latches.items() if (b, m) == key)
        cycle_ms = rule.cycle_ms or message.cycle_ms or 0
        return PlanMessage(
            number, bus, name, message.id, message.length, b"", (), 0, rule.checksum, counter,
            round(cycle_ms * 1e6) if 0 < cycle_ms <= _A_DAY_MS else 0, latches, tuple(rows), tuple(commands),
        )  # fmt: skip

    def _answer(self, number: int, a: UdsAnswer, rows: tuple[PlanRow, ...]) -> PlanMessage:
        return PlanMessage(
            number, a.bus, a.name, a.response, 0, a.prefix, a.lengths, a.request, None, None,
            round((a.every_ms or 0) * 1e6), (), rows,
        )  # fmt: skip

    def _judge_clashes(self, messages: Iterable[PlanMessage], answers: Iterable[PlanMessage]) -> None:
        """Two messages of one bus with one identifier cannot both be decoded, nor can a message and an answer."""
        seen: dict[tuple[str, int], str] = {}
        for m in (*messages, *answers):
            if (m.bus, m.id) in seen and not (m.prefix and (m.bus, seen[m.bus, m.id]) in self.map.uds):
                key = f"buses.{m.bus}"
                raise CatalogueError(
                    self.map.file, key, expected="one message an identifier", got=f"{seen[m.bus, m.id]} and {m.name}"
                )
            seen[m.bus, m.id] = m.name

    def _wrong(self, row: Row, key: str, expected: str, got: object, near: str | None = None) -> CatalogueError:
        where = f"signals.{row.path}"
        file = self.map.said_in.get(where, self.map.file)
        return CatalogueError(file, where + (f".{key}" if key else ""), expected=expected, got=got, near=near)


class _NotInVocabulary(Exception):
    """The row does not fit the vocabulary: an error for the built-in one, set aside for another."""

    def __init__(self, key: str, expected: str, got: object) -> None:
        super().__init__(expected)
        self.key, self.expected, self.got = key, expected, got


def _bounds(signal: Signal, field: Field | None, scale: float, offset: float) -> tuple[float, float]:
    """The physical values that a wire would take; infinite where `field` alone reaches no others."""
    low, high = _wire_bounds(signal)
    if field is not None and not field.is_float:
        first, last = sorted(raw * scale + offset for raw in field.raws)
        low, high = -math.inf if first >= low else low, math.inf if last <= high else high
    return low, high


def _wire_bounds(signal: Signal) -> tuple[float, float]:
    """What fits the datatype of a Signal and rounds, half to even, into its range."""
    low, high = signal.minimum, signal.maximum
    if signal.scalar not in INTEGERS:
        widest = FLOAT32_MAX if signal.scalar == "float" else math.inf
        return -widest if low is None else float(low), widest if high is None else float(high)
    type_low, type_high = INTEGERS[signal.scalar]
    first = type_low if low is None else max(type_low, math.ceil(low))
    last = type_high if high is None else min(type_high, math.floor(high))
    low_edge, high_edge = first - 0.5, last + 0.5
    return (
        low_edge if first % 2 == 0 else math.nextafter(low_edge, math.inf),
        high_edge if last % 2 == 0 else math.nextafter(high_edge, -math.inf),
    )

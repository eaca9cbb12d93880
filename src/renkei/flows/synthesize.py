"""Synthetic recordings: frames that renkei encodes through the map of a car, from values of signals over time."""

from __future__ import annotations

import csv
import heapq
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renkei.can.encode import payload, put, raw_of, with_raws
from renkei.can.frame_engine import raw_value
from renkei.can.frames import EXTENDED
from renkei.can.isotp import frames_of
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow, Test
from renkei.errors import InputError, ValueRefused
from renkei.vocabulary import Signal, Value, Vocabulary

_UNSTATED_CYCLE_NS = 100_000_000
_ASKED_EVERY_NS = 1_000_000_000

_BATTERY, _MOTOR = "Vehicle.Powertrain.TractionBattery.", "Vehicle.Powertrain.ElectricMotor."
_SPEEDS = (
    "Vehicle.Speed", "Vehicle.SpeedDisplayed",
    *(f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Speed" for row in (1, 2) for side in ("Left", "Right")),
)  # fmt: skip
_ALIKE = (
    _SPEEDS,
    (_BATTERY + "CurrentVoltage", _MOTOR + "DCLinkVoltage"),
    (_BATTERY + "StateOfCharge.Current", _BATTERY + "StateOfCharge.Displayed"),
    tuple(_BATTERY + "Temperature." + which for which in ("Average", "Max", "Min")),
    tuple(_BATTERY + "CellVoltage." + which for which in ("Max", "Min")),
    (_MOTOR + "Torque", _MOTOR + "TorqueRequest"),
)
"""Signals that say the same of a car that drives straight: one of them stands for another that must be sent with it."""


class Scenario:
    """Values of signals over time: numbers are interpolated, all else holds until the next row."""

    def __init__(self, times_s: list[float], values: Mapping[str, list[Value]]) -> None:
        self.times_s, self.values = times_s, values

    def at(self, path: str, t_s: float) -> Value:
        values = self.values[path]
        if all(isinstance(v, float) for v in values):
            return float(np.interp(t_s, self.times_s, np.array(values, float)))
        k = int(np.searchsorted(self.times_s, t_s, side="right")) - 1
        return values[max(k, 0)]


def read_scenario(file: Path, vocabulary: Vocabulary) -> Scenario:
    """A CSV with the column `t_s` and one for each VSS path, in VSS units."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"{file}: cannot be read as text: {e}") from e
    if not rows or "t_s" not in rows[0]:
        raise InputError(f"{file}: expected a CSV with a column t_s")
    times_s = [_time_s(file, row["t_s"]) for row in rows]
    if sorted(times_s) != times_s:
        raise InputError(f"{file}: t_s: expected times that go up")
    paths = [path for path in rows[0] if path != "t_s"]
    return Scenario(times_s, {path: [_value(file, vocabulary[path], row[path]) for row in rows] for path in paths})


def _time_s(file: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{file}: t_s: expected a number, got {text!r}") from None


def _value(file: Path, signal: Signal, text: str | None) -> Value:
    if signal.scalar == "string" and text is not None:
        return text
    try:
        value: Value = json.loads(text or "")
    except ValueError:
        raise InputError(f"{file}: {signal.path}: expected a value, got {text!r}") from None
    continuous = signal.scalar in ("float", "double", "int16", "uint8", "uint16", "uint32") and signal.unit
    return float(value) if continuous and isinstance(value, int | float) else value


class Frame(NamedTuple):
    t_ns: int
    bus: str
    id: int
    data: bytes


def synthesize(plan: Plan, scenario: Scenario) -> Iterator[Frame]:
    """The frames that the car would send, in the order of time: each message at its cycle, answers once a second.

    A message is sent if the scenario has a value for any of its signals. What it has none for is sent as not available
    where the car has a code for that; see `beside` for the rest. Rows that wait for another message are left out.
    """
    sent = (_sent(sender, scenario) for sender in senders(plan, scenario.values))
    return heapq.merge(*sent, key=lambda frame: frame.t_ns)


def beside(plan: Plan, paths: Collection[str]) -> dict[str, object]:
    """Signals that stand in messages of these paths, unnamed, where the car has no code for "not available".

    Each with the named signal that it follows, or else the value that its bits have; None for an array.
    """
    found: dict[str, object] = {}
    for variant in (variant for sender in senders(plan, paths) for variant in sender.variants):
        found |= {row.signal.path: _standing(row, variant.base) for row in variant.loose}
        found |= {row.signal.path: path for row, path in variant.following.items()}
    return {path: found[path] for path in sorted(found.keys() - {*paths})}


def _standing(row: PlanRow, base: bytes) -> object:
    if row.elements or row.array >= 0:
        return None
    raw = raw_value(row.field, base)
    if row.table is not None:
        return row.table.get(raw, row.other)
    return bool(raw) if row.signal.scalar == "boolean" else raw * row.scale + row.offset


def _sent(sender: Sender, scenario: Scenario) -> Iterator[Frame]:
    start, end = (round(t * 1e9) for t in (scenario.times_s[0], scenario.times_s[-1]))
    for n, t_ns in enumerate(range(start + sender.offset_ns, end, sender.cycle_ns)):
        yield from sender.frames(n, t_ns, partial(scenario.at, t_s=t_ns / 1e9))


class _Variant(NamedTuple):
    """Rows of a message that go into one payload.

    `following`: rows that nobody named, with the signal that each takes its value of. `loose`: rows that nobody named
    and that have no code for "not available". `base`: the payload with all that is not said.
    """

    message: PlanMessage
    said: tuple[PlanRow, ...]
    following: Mapping[PlanRow, str]
    loose: tuple[PlanRow, ...]
    base: bytes


class Sender(NamedTuple):
    """A message that a car sends at its cycle; where its rows have different conditions, in turn for each of them."""

    message: PlanMessage
    variants: tuple[_Variant, ...]

    @property
    def cycle_ns(self) -> int:
        return _ASKED_EVERY_NS if self.message.prefix else self.message.cycle_ns or _UNSTATED_CYCLE_NS

    @property
    def offset_ns(self) -> int:
        """When it is first due: nodes do not speak all at once."""
        return self.message.number * 37_000 % self.cycle_ns

    @property
    def unsaid(self) -> frozenset[int]:
        """Indices of signals of which its frames carry bits that mean nothing."""
        meant = {row.index for v in self.variants for row in (*v.said, *v.following)}
        return frozenset(row.index for v in self.variants for row in v.loose) - meant

    def frames(self, n: int, t_ns: int, at: Callable[[str], Value], *, saturate: bool = False) -> list[Frame]:
        """Its frames for the nth time, with the value that `at` gives for each path.

        `saturate`: a number beyond what its field holds becomes the last that it holds. Raises ValueRefused.
        """
        variant, values = self._turn(n, at)
        if saturate:
            values = {row: _saturated(row, value) for row, value in values.items()}
        data = payload(self.message, values, base=variant.base, count=n)
        parts = frames_of(data) if self.message.prefix else [data]
        return [Frame(t_ns + k * 1_000_000, self.message.bus, self.message.id, part) for k, part in enumerate(parts)]

    def _turn(self, n: int, at: Callable[[str], Value]) -> tuple[_Variant, dict[PlanRow, Any]]:
        """The nth variant, or the next that has a code for one of its own values."""
        for k in range(len(self.variants)):
            variant = self.variants[(n + k) % len(self.variants)]
            values = {row: at(row.signal.path) for row in variant.said}
            values |= {row: at(path) for row, path in variant.following.items()}
            values = {row: v for row, v in values.items() if _carried(row, v)}
            if not any(row.when for row in variant.said) or any(row.when for row in values):
                break
        return variant, values


def senders(plan: Plan, paths: Collection[str]) -> list[Sender]:
    """The messages of a car in which any of these signals is said."""
    found = (Sender(m, tuple(_variants(m, paths))) for m in (*plan.messages, *plan.answers))
    return [sender for sender in found if sender.variants]


def _variants(message: PlanMessage, paths: Collection[str]) -> Iterator[_Variant]:
    groups: dict[tuple[Test, ...], list[PlanRow]] = {}
    for row in message.rows:
        groups.setdefault(tuple(test for test in row.when if test.field is not None), []).append(row)
    common = groups.pop((), [])
    for rows in [[*common, *rows] for rows in groups.values() if any(map(_sendable, rows))] or [common]:
        said = tuple(row for row in rows if _sendable(row) and row.signal.path in paths)
        if said:
            yield _variant(message, rows, said, paths)


def _sendable(row: PlanRow) -> bool:
    """Whether a value can be sent in it: not for arrays, nor where another message decides."""
    return all(test.field is not None for test in row.when) and not row.elements and row.array < 0


def _variant(message: PlanMessage, rows: list[PlanRow], said: tuple[PlanRow, ...], paths: Collection[str]) -> _Variant:
    base, kept, exact, tested = _blank(message), 0, 0, 0
    for row in said:
        base = _with_none(row, base) or base
        bits = _bits(message, row.field, *(row.plus[:1] if row.plus else ()))
        conditions = _bits(message, *_fields(row.when))
        kept, exact = kept | bits | conditions, exact | conditions | (bits if _is_number(row) else 0)
        tested |= _bits(message, *_fields(row.unless))
    following: dict[PlanRow, str] = {}
    loose: list[PlanRow] = []
    for row in rows:
        own = _bits(message, row.field)
        if row in said or (own & ~exact == 0 if _is_number(row) else own & kept):
            continue  # what comes from bits that are said is said
        taken = own & (kept | tested)
        none = None if taken else _with_none(row, base)
        if none is not None:
            base, kept = none, kept | own
        elif not taken and _sendable(row) and (path := _alike(row.signal.path, paths)):
            following[row] = path
        else:
            base = base if taken else _with_nothing(row, base)
            loose.append(row)
    holding = with_raws(message, {row: raw_value(row.field, base) for row in said}, base=base)
    return _Variant(message, said, following, tuple(loose), holding)


def _alike(path: str, paths: Collection[str]) -> str | None:
    return next((other for alike in _ALIKE if path in alike for other in alike if other in paths), None)


def _is_number(row: PlanRow) -> bool:
    """Whether a value says all of its bits, unlike a flag or a code that several raw values stand for."""
    return row.table is None and row.signal.scalar != "boolean"


def _fields(tests: tuple[Test, ...]) -> list[Field]:
    return [test.field for test in tests if test.field is not None]


def _bits(message: PlanMessage, *fields: Field) -> int:
    """The bits of fields as ones in a number as long as the payload."""
    ones = bytearray(max(len(_blank(message)), *(field.end for field in fields), 0))
    for field in fields:
        put(ones, field._replace(is_float=False), -1)
    return int.from_bytes(ones, "little")


def _with_none(row: PlanRow, base: bytes) -> bytes | None:
    """The payload with the row's code for "not available"; None where the car has none."""
    try:
        data = bytearray(base)
        put(data, row.field, raw_of(row, None))
    except ValueRefused:
        return None
    return bytes(data)


def _with_nothing(row: PlanRow, base: bytes) -> bytes:
    """The payload with a number of the row as near to 0 as it can be; flags and codes stay without a bit set."""
    if row.table is not None or row.signal.scalar in ("boolean", "string") or row.elements or row.field.is_float:
        return base
    try:
        raw = raw_of(row, _saturated(row, max(row.low, min(row.high, 0.0))))
    except ValueRefused:
        return base
    data = bytearray(base)
    put(data, row.field, raw)
    return bytes(data)


def _blank(message: PlanMessage) -> bytes:
    if not message.prefix:
        return bytes(message.length)
    ends = [row.field.end + row.elements * row.field.length // 8 for row in message.rows]
    return message.prefix.ljust(max((*message.lengths, *ends)), b"\0")


def _saturated(row: PlanRow, value: Any) -> Any:
    """A number, or the last one that the field holds before it: what a control unit sends."""
    if row.table is not None or row.plus or row.field.is_float or not isinstance(value, float):
        return value
    low, high = row.field.raws
    for first, last in sorted(row.invalid, reverse=True):
        high = first - 1 if first <= high <= last else high
    for first, last in sorted(row.invalid):
        low = last + 1 if first <= low <= last else low
    lowest, highest = sorted(raw * row.scale + row.offset for raw in (low, high))
    return max(lowest, min(highest, value))


def _carried(row: PlanRow, value: Any) -> bool:
    """Whether the car has a code for the value; of several rows for one signal not each has one for each value."""
    if value is None or row.table is None:
        return True
    return value in row.table.values() or value == row.other


def write_candump(frames: Iterable[Frame], plan: Plan, file: Path, start_s: int = 0) -> int:
    """Write frames as candump -L, bus n as `cann`; how many they were."""
    count = 0
    with file.open("w", encoding="ascii") as out:
        for t_ns, bus, id_, data in frames:
            t_us = start_s * 1_000_000 + t_ns // 1000
            digits = f"{id_ & ~EXTENDED:08X}" if id_ & EXTENDED else f"{id_:03X}"
            time = f"{t_us // 1_000_000}.{t_us % 1_000_000:06d}"
            out.write(f"({time}) can{plan.buses.index(bus)} {digits}#{data.hex().upper()}\n")
            count += 1
    return count

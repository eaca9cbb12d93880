"""Random cars for the tests of the engines: DBC databases as text, maps over them, frames on their buses."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from renkei.can.checks import CHECKSUMS
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.encode import with_raws
from renkei.can.frames import EXTENDED, Frames
from renkei.can.plan import Field, Plan, PlanMessage
from renkei.vehicle import Bus, Condition, Map, MessageRule, Row
from renkei.vocabulary import Signal, Vocabulary

FILE = Path("random.toml")
STATES = ("OFF", "ON", "ERROR")
NUMBERS = tuple(f"Car.Number{n}" for n in range(64))
"""Paths of plain doubles, one for each signal of a database that is decoded without extras."""

VOCABULARY = Vocabulary(
    [
        *(Signal(0, path, "sensor", "double") for path in NUMBERS),
        Signal(0, "Car.Bounded", "sensor", "double", minimum=-100, maximum=1000.5),
        Signal(0, "Car.Float", "sensor", "float"),
        Signal(0, "Car.Speed", "sensor", "float", "km/h", maximum=400),
        Signal(0, "Car.Switch", "sensor", "boolean"),
        Signal(0, "Car.State", "sensor", "string", allowed=STATES),
        *(Signal(0, f"Car.{kind}", "sensor", kind) for kind in ("int8", "uint8", "int16", "uint16", "int32")),
        *(Signal(0, f"Car.{kind}", "sensor", kind) for kind in ("uint32", "int64", "uint64")),
        Signal(0, "Car.Narrow", "sensor", "uint8", minimum=3, maximum=12),
        Signal(0, "Car.Percent", "sensor", "uint8", maximum=100),
        Signal(0, "Car.Angle", "sensor", "int16", minimum=-5),
        Signal(0, "Car.Doubles", "sensor", "double[]"),
        Signal(0, "Car.Bytes", "sensor", "uint8[]"),
        Signal(0, "Car.Switches", "sensor", "boolean[]"),
        Signal(0, "Car.States", "sensor", "string[]", allowed=STATES),
    ],
    "test",
)

LENGTHS = (*range(1, 9), 8, 8, 8, 12, 16, 20, 24, 32, 48, 64)
SCALINGS = ((1, 0), (1, 0), (0.1, -40), (0.005, 0), (-1, 0), (-0.1, 3), (0.0009765625, 0), (100, -5), (77.5, 250))
IDS = st.one_of(
    st.integers(0, 0x7FF),
    st.integers(0, 0x1FFFFFFF).map(lambda i: i | EXTENDED),
    st.sampled_from([0, 0x7FF, EXTENDED, 0x7FF | EXTENDED, 0x800 | EXTENDED, 0x1FFFFFFF | EXTENDED]),
)


class TextSignal(NamedTuple):
    """A signal as a DBC file writes it. `by`: its multiplexer and the ranges of it in which the signal is there."""

    name: str
    start: int
    length: int
    little: bool
    signed: bool
    is_float: bool
    scale: float
    offset: float
    multiplexes: bool = False
    by: tuple[str, tuple[tuple[int, int], ...]] | None = None


class TextMessage(NamedTuple):
    name: str
    id: int
    length: int
    signals: tuple[TextSignal, ...]


class Car(NamedTuple):
    """DBC texts by bus, what they say, and a map over them. `channel_buses`: the buses on each channel of a log."""

    texts: Mapping[str, str]
    messages: Mapping[tuple[str, str], TextMessage]
    map: Map
    channel_buses: tuple[tuple[str, ...], ...]

    def plan(self) -> Plan:
        databases = {bus: [parse(text, f"{bus}.dbc")] for bus, text in self.texts.items()}
        return compile_plan(self.map, databases, VOCABULARY)


class Sent(NamedTuple):
    t: int
    channel: int
    id: int
    data: bytes


def dbc_text(messages: Iterable[TextMessage]) -> str:
    """The DBC file that holds these messages."""
    lines, tail = ['VERSION ""', "BU_: X"], []
    for m in messages:
        lines.append(f"BO_ {m.id} {m.name}: {m.length} X")
        extended = any(
            s.by and (s.multiplexes or len(s.by[1]) > 1 or s.by[1][0][0] != s.by[1][0][1]) for s in m.signals
        )
        for s in m.signals:
            marker = (f" m{s.by[1][0][0]}" if s.by else " " if s.multiplexes else "") + "M" * s.multiplexes
            sign = "-" if s.signed or s.is_float else "+"
            place = f"{s.start}|{s.length}@{int(s.little)}{sign}"
            lines.append(f' SG_ {s.name}{marker} : {place} ({s.scale},{s.offset}) [0|0] "" X')
            if s.is_float:
                tail.append(f"SIG_VALTYPE_ {m.id} {s.name} : {s.length // 32};")
            if extended and s.by:
                ranges = ", ".join(f"{a}-{b}" for a, b in s.by[1])
                tail.append(f"SG_MUL_VAL_ {m.id} {s.name} {s.by[0]} {ranges};")
    return "\n".join([*lines, *tail, ""])


def bits_of(signal: TextSignal) -> int:
    """The bits of a payload that a signal takes, as a mask over the order in which they are sent, low bit first."""
    if signal.little:
        return sum(1 << 8 * (b // 8) + 7 - b % 8 for b in range(signal.start, signal.start + signal.length))
    return ((1 << signal.length) - 1) << (8 * (signal.start // 8) + 7 - signal.start % 8)


@st.composite
def signals(draw: st.DrawFn, name: str, bits: int) -> TextSignal:
    """A signal anywhere in a payload of so many bits."""
    is_float = bits >= 32 and draw(st.integers(0, 5)) == 0
    common = st.sampled_from([n for n in (1, 2, 8, 11, 16, 32, 64) if n <= bits])
    length = draw(
        st.sampled_from([n for n in (32, 64) if n <= bits])
        if is_float
        else st.one_of(common, st.integers(1, min(64, bits)))
    )
    little, position = draw(st.booleans()), draw(st.integers(0, bits - length))
    start = position if little else 8 * (position // 8) + 7 - position % 8
    scale, offset = draw(st.sampled_from(SCALINGS))
    return TextSignal(name, start, length, little, draw(st.booleans()), is_float, scale, offset)


@st.composite
def messages(draw: st.DrawFn, name: str, id_: int, *, overlaps: bool) -> TextMessage:
    """A message of up to eight signals, some of them multiplexed, by one multiplexer or by one below another."""
    length = draw(st.sampled_from(LENGTHS))
    kind = draw(st.sampled_from(["plain", "plain", "multiplexed", "extended"]))
    found: list[TextSignal] = []
    for n in range(draw(st.integers(1, 8))):
        signal = draw(signals(f"S{n}", 8 * length))
        if overlaps or not any(bits_of(signal) & bits_of(s) for s in found):
            found.append(signal)
    plain = [k for k, s in enumerate(found) if not s.is_float and s.length <= 16]
    if kind == "plain" or not plain:
        return TextMessage(name, id_, length, tuple(found))
    top, below = plain[0], plain[1] if kind == "extended" and len(plain) > 1 else None
    for k in (top, below):
        if k is not None:  # a scale of 1, as cantools selects by the scaled value
            found[k] = found[k]._replace(multiplexes=True, signed=False, scale=1, offset=0)
    for k, signal in enumerate(found):
        if k == top or (k != below and draw(st.integers(0, 3)) == 0):
            continue
        by = found[top if k == below or below is None or draw(st.booleans()) else below]
        most = min((1 << by.length) - 1, 7)
        first = draw(st.integers(0, most))
        spans = [(first, first)]
        if kind == "extended":
            spans = [(first, draw(st.integers(first, most)))]
            if spans[0][1] + 2 <= most:
                spans.append((spans[0][1] + 2, most))
        found[k] = signal._replace(by=(by.name, tuple(spans)))
    return TextMessage(name, id_, length, tuple(found))


@st.composite
def spans_in(draw: st.DrawFn, low: int, high: int) -> tuple[tuple[int, int], ...]:
    """Ranges of raw values, some of them wide, all of them in reach."""
    count = draw(st.integers(1, 2))
    ends = [sorted([draw(st.integers(low, high)), draw(st.integers(low, high))]) for _ in range(count)]
    return tuple((a, a) if draw(st.booleans()) else (a, b) for a, b in ends)


def raws_of(signal: TextSignal) -> tuple[int, int]:
    if signal.signed:
        return -(1 << signal.length - 1), (1 << signal.length - 1) - 1
    return 0, (1 << signal.length) - 1


@st.composite
def conditions(draw: st.DrawFn, own: tuple[str, str], car: Mapping[tuple[str, str], TextMessage]) -> Condition | None:
    """A condition on a whole number of the row's own message, or on one of another that is always there."""
    key = draw(st.one_of(st.just(own), st.sampled_from(sorted(car))))
    able = [s for s in car[key].signals if not s.is_float and (key == own or s.by is None)]
    if not able:
        return None
    signal = draw(st.sampled_from(able))
    return Condition(*key, signal.name, draw(spans_in(*raws_of(signal))))


@st.composite
def rows(draw: st.DrawFn, car: Mapping[tuple[str, str], TextMessage], path: str, element: int | None) -> Row:
    """A row for a path from any signal that can give it, with any extras."""
    scalar = VOCABULARY[path].scalar
    every = [(k, s) for k, m in sorted(car.items()) for s in m.signals]
    key, signal = draw(st.sampled_from([x for x in every if scalar != "string" or _may_have_table(x[1])]))
    low, high = raws_of(signal)
    row = Row(path, *key, signal.name, ("test",), element=element)
    if scalar == "string" or (_may_have_table(signal) and draw(st.integers(0, 2)) == 0):
        meant = {"string": st.sampled_from(STATES), "boolean": st.booleans()}.get(scalar, st.integers(3, 12))
        table = draw(st.dictionaries(st.integers(low, high), meant, min_size=1, max_size=5))
        row = replace(row, values=table, other=draw(st.one_of(st.none(), meant)))
    elif scalar != "boolean":
        scale, offset = draw(st.sampled_from(SCALINGS))
        row = replace(row, scale=float(scale), offset=float(offset))
        able = [s for s in car[key].signals if s.length <= 32 and not (s.is_float or s.by or s.offset)]
        added = [s.name for s in able if s.name != signal.name]
        if added and draw(st.integers(0, 3)) == 0:
            row = replace(row, plus=draw(st.sampled_from(added)))
        if VOCABULARY[path].unit:
            row = replace(row, unit=draw(st.sampled_from(["km/h", "mph", "m/s"])))
    if not signal.is_float and draw(st.booleans()):
        row = replace(row, invalid=draw(spans_in(low, high)))
    tests = [c for c in draw(st.lists(conditions(key, car), max_size=3)) if c is not None]
    cut = draw(st.integers(0, len(tests)))
    if row.plus in {c.signal for c in tests if (c.bus, c.message) == key}:
        row = replace(row, plus=None)
    return replace(row, when=tuple(tests[:cut]), unless=tuple(tests[cut:]))


@st.composite
def cars(draw: st.DrawFn, *, extras: bool = True, overlaps: bool = True) -> Car:
    """A car of one or two buses; without `extras` every DBC signal has one row, to a double of its own."""
    buses = ("a-can", "b-can")[: draw(st.integers(1, 2))]
    found: dict[tuple[str, str], TextMessage] = {}
    for bus in buses:
        for n, id_ in enumerate(draw(st.lists(IDS, min_size=1, max_size=3, unique=True))):
            found[bus, f"M{n}"] = draw(messages(f"M{n}", id_, overlaps=overlaps))
    if extras:
        wanted = draw(st.lists(st.sampled_from(_able_paths(found)), min_size=1, max_size=8))
        several: list[Row] = []
        for path in wanted:
            elements = range(draw(st.integers(1, 3))) if VOCABULARY[path].is_array else (None,)
            if VOCABULARY[path].is_array and any(r.path == path for r in several):
                continue
            several += [draw(rows(found, path, e)) for e in elements]
        several = _with_backup(several) if draw(st.booleans()) else several
        rules = {k: draw(_rules(m)) for k, m in found.items() if draw(st.booleans())}
        apart = draw(st.booleans())
        channels = (*((bus,) for bus in buses), ()) if apart else (tuple(draw(st.permutations(buses))),)
    else:
        every = [(k, s) for k, m in found.items() for s in m.signals]
        several = [Row(path, *k, s.name, ("test",)) for path, (k, s) in zip(NUMBERS, every, strict=False)]
        rules, channels = {}, tuple((bus,) for bus in buses)
    texts = {bus: dbc_text(m for (b, _), m in found.items() if b == bus) for bus in buses}
    map_ = Map("random", FILE, {b: Bus(b, (), None) for b in buses}, rules, {}, tuple(several))
    return Car(texts, found, map_, channels)


def _able_paths(car: Mapping[tuple[str, str], TextMessage]) -> list[str]:
    tables = any(_may_have_table(s) for m in car.values() for s in m.signals)
    return [s.path for s in VOCABULARY if s.path not in NUMBERS[1:] and (tables or s.scalar != "string")]


def _with_backup(several: list[Row]) -> list[Row]:
    """The same rows, the first of them a backup that has others of its signal beside it, all in other messages."""
    for k, row in enumerate(several):
        others = [r for r in several if r.path == row.path and r is not row]
        if others and row.element is None and all((r.bus, r.message) != (row.bus, row.message) for r in others):
            return [*several[:k], replace(row, backup=True), *several[k + 1 :]]
    return several


def _may_have_table(signal: TextSignal) -> bool:
    return signal.length <= 16 and not signal.is_float


@st.composite
def _rules(draw: st.DrawFn, message: TextMessage) -> MessageRule:
    counters = [s.name for s in message.signals if not s.is_float and s.length <= 8]
    return MessageRule(
        draw(st.one_of(st.none(), st.sampled_from(sorted(CHECKSUMS)))),
        draw(st.sampled_from(counters)) if counters and draw(st.booleans()) else None,
        draw(st.sampled_from([None, 10.0, 100.0])),
    )


def random_bytes(rng: random.Random, length: int) -> bytes:
    """Bytes that are often all zeros or all ones, as on buses."""
    kind = rng.randrange(4)
    if kind < 2:
        return bytes([(0x00, 0xFF)[kind]]) * length
    return bytes(rng.choice((0, 1, 3, 0x7F, 0x80, 0xFF)) if kind == 2 else rng.randrange(256) for _ in range(length))


def random_raw(rng: random.Random, field: Field, near: Sequence[int] = ()) -> Any:
    """A raw value of a field, often one at an end of what it holds or one that its row names."""
    if field.is_float:
        return rng.choice((0.0, -1.5, 3.25, 1e30, 12.4999, -0.0, float("nan"), float("inf"), float("-inf")))
    low, high = field.raws
    return rng.choice((low, high, 0, min(max(rng.randrange(-5, 20), low), high), rng.randint(low, high), *near))


def payload(rng: random.Random, message: PlanMessage, count: int) -> bytes:
    """A payload in which one row, if there is one, has all it needs to say something."""
    base = random_bytes(rng, message.length)
    chosen = {row: random_raw(rng, row.field, tuple(row.table or ())) for row in message.rows if rng.random() < 0.3}
    return with_raws(message, chosen, base=base, count=count)


def traffic(rng: random.Random, plan: Plan, car: Car, count: int) -> list[Sent]:
    """Frames on the channels of a car: also short ones, long ones, spoilt, repeated and lost ones, and foreign ones."""
    t, sent, counts = rng.randrange(10**18), list[Sent](), dict[int, int]()
    known = [(channel, m) for channel, buses in enumerate(car.channel_buses) for m in plan.messages if m.bus in buses]
    for _ in range(count):
        t += rng.choice((0, 1_000_000, 10_000_000, 10_000_000, 29_999_999, 30_000_000, 1_000_000_000, -5_000_000))
        channel, m = rng.choice(known)
        if rng.random() < 0.1:
            id_ = rng.choice((m.id, m.id ^ EXTENDED, rng.randrange(2048), rng.randrange(2048, 1 << 29) | EXTENDED))
            channel = rng.randrange(len(car.channel_buses))
            sent.append(Sent(t, channel, id_, random_bytes(rng, rng.choice(LENGTHS))))
            continue
        counts[m.number] = counts.get(m.number, 0) + rng.choice((1, 1, 1, 1, 0, 2, 3))
        data = payload(rng, m, counts[m.number])
        what = rng.random()
        if what < 0.15:
            data = data[:-1] + bytes([data[-1] ^ rng.randrange(1, 256)])
        elif what < 0.2:
            data = data[: rng.randrange(len(data))]
        elif what < 0.3:
            data += random_bytes(rng, rng.randrange(65 - len(data)))
        sent.append(Sent(t, channel, m.id, data))
    return sent


def blocks(sent: Sequence[Sent], cuts: Iterable[int] = ()) -> list[Frames]:
    """Frames in columns, cut before each of these places."""
    edges = [0, *sorted(c for c in cuts if 0 <= c <= len(sent)), len(sent)]
    width = 64 if any(len(s.data) > 8 for s in sent) else 8
    return [_columns(sent[a:b], width) for a, b in pairwise(edges)]


def _columns(sent: Sequence[Sent], width: int) -> Frames:
    data = np.zeros((len(sent), width), np.uint8)
    for k, s in enumerate(sent):
        data[k, : len(s.data)] = np.frombuffer(s.data, np.uint8)
    return Frames(
        np.array([s.t for s in sent], np.int64),
        np.array([s.channel for s in sent], np.uint8),
        np.array([s.id for s in sent], np.uint32),
        np.array([len(s.data) for s in sent], np.uint8),
        data,
        ("0", "1", "2"),
    )

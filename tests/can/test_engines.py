"""The two engines give the same samples and counts, both agree with cantools, and what is encoded comes back."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any

import cantools
import pytest
from databases import FILE, VOCABULARY, Car, Sent, blocks, cars, random_raw, traffic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.can.checks import CHECKSUMS
from renkei.can.columns import ColumnEngine
from renkei.can.dbc import parse
from renkei.can.encode import payload, put, with_raws
from renkei.can.frame_engine import Counts, FrameEngine, raw_value
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow, compile_plan
from renkei.samples import INVALID, Column, Quality
from renkei.vehicle import Bus, Map, MessageRule, Row

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
RANDOM_CARS = settings(deadline=None, suppress_health_check=SLOW)

Said = tuple[int, Any, Quality]
"""A sample without its signal: time, value (a text for numbers, exact to the bit), quality."""


def exact(value: Any) -> Any:
    """A value such that equal means equal to the bit; true and 1 are the same number in a column."""
    if isinstance(value, list):
        return tuple(("truth", v) if isinstance(v, bool) else exact(v) for v in value)
    return value if isinstance(value, str) else float(value).hex()


def said(t: int, value: Any) -> Said:
    """What a pair of the per-frame engine says."""
    if value is None or value is INVALID:
        return t, None, Quality.INVALID if value is INVALID else Quality.NOT_AVAILABLE
    return t, exact(value), Quality.OK


def of_column(column: Column) -> list[Said]:
    """What a column says."""
    is_array = VOCABULARY.signals[column.index].is_array
    samples: list[Said] = []
    for t, value, quality in zip(column.t.tolist(), column.value.tolist(), column.quality.tolist(), strict=True):
        if quality == Quality.OK and column.texts is not None:
            text = column.texts[int(value)]
            value = json.loads(text) if is_array else text
        samples.append((t, None if quality else exact(value), Quality(quality)))
    return samples


def frame_by_frame(plan: Plan, car: Car, sent: Iterable[Sent]) -> tuple[dict[int, list[Said]], Counts]:
    """All samples by signal and the counts; of two buses on a channel the first that knows the frame gets it."""
    engine, found = FrameEngine(plan), dict[int, list[Said]]()
    known = {(m.bus, m.id) for m in plan.messages}
    for s in sent:
        buses = car.channel_buses[s.channel]
        bus = next((b for b in buses if (b, s.id) in known), buses[0] if buses else None)
        if bus is None:
            engine.counts.frames += 1  # of a channel that is no bus of the car
            continue
        for index, value in engine.decode(bus, s.id, s.data, s.t):
            found.setdefault(index, []).append(said(s.t, value))
    return found, engine.counts


def by_columns(plan: Plan, car: Car, sent: Sequence[Sent], cuts: Iterable[int]) -> tuple[dict[int, list[Said]], Counts]:
    engine, found = ColumnEngine(plan), dict[int, list[Said]]()
    for frames in blocks(sent, cuts):
        for column in engine.decode(frames, car.channel_buses):
            found.setdefault(column.index, []).extend(of_column(column))
    return found, engine.counts


def plan_of(text: str, rows: Iterable[Row], rules: dict[str, MessageRule] | None = None) -> Plan:
    """The plan of one bus, `can`."""
    checks = {("can", name): rule for name, rule in (rules or {}).items()}
    map_ = Map("test", FILE, {"can": Bus("can", (), None)}, checks, {}, tuple(rows))
    return compile_plan(map_, {"can": [parse(text, "can.dbc")]}, VOCABULARY)


def row(path: str, source: str, **extras: Any) -> Row:
    message, signal = source.split(".")
    return Row(path, "can", message, signal, ("test",), **extras)


def one_car(plan: Plan) -> Car:
    """Something to stand beside a plan of the bus `can` on channel 0."""
    return Car({}, {}, Map("test", FILE, {}, {}, {}, ()), (("can",),))


def both(plan: Plan, sent: Sequence[tuple[int, int, bytes]], cuts: Iterable[int] = ()) -> tuple[dict[str, Any], Counts]:
    """Values by path (None, INVALID or as they are) and the counts of frames (t, id, data); the engines must agree."""
    frames = [Sent(t, 0, id_, data) for t, id_, data in sent]
    found, counts = frame_by_frame(plan, one_car(plan), frames)
    assert by_columns(plan, one_car(plan), frames, cuts) == (found, counts)
    engine, values = FrameEngine(plan), dict[str, list[Any]]()
    for s in frames:
        for index, value in engine.decode("can", s.id, s.data, s.t):
            values.setdefault(plan.vocabulary.signals[index].path, []).append(value)
    return values, counts


@settings(RANDOM_CARS, max_examples=150)
@given(cars(), st.integers(0, 2**32), st.integers(1, 60), st.lists(st.integers(0, 60), max_size=4))
def test_both_engines_give_the_same_samples_and_counts(car: Car, seed: int, count: int, cuts: list[int]) -> None:
    plan = car.plan()
    sent = traffic(random.Random(seed), plan, car, count)
    expected, expected_counts = frame_by_frame(plan, car, sent)
    found, counts = by_columns(plan, car, sent, cuts)
    assert asdict(counts) == asdict(expected_counts)
    assert found.keys() == expected.keys()
    rows_of = Counter(r.index for r in plan.rows if r.array < 0)
    for index, samples in found.items():
        if rows_of[index] > 1:  # columns come row by row
            assert Counter(samples) == Counter(expected[index]), VOCABULARY.signals[index].path
        else:
            assert samples == expected[index], VOCABULARY.signals[index].path


@settings(RANDOM_CARS, max_examples=100)
@given(cars(extras=False), st.integers(0, 2**32))
def test_both_engines_agree_with_cantools(car: Car, seed: int) -> None:
    plan, rng = car.plan(), random.Random(seed)
    sent = [
        s for s in traffic(rng, plan, car, 40) if any(s.id == m.id and len(s.data) >= m.length for m in plan.messages)
    ]
    engine, columns = FrameEngine(plan), ColumnEngine(plan)
    reference = {bus: cantools.database.load_string(text, "dbc", strict=False) for bus, text in car.texts.items()}
    for s in sent:
        (bus,) = car.channel_buses[s.channel]
        message = next((m for m in plan.messages if (m.bus, m.id) == (bus, s.id)), None)
        if message is None or len(s.data) < message.length:
            continue
        data = s.data[: message.length]
        theirs = reference[bus].get_message_by_name(message.name)
        try:
            raws = theirs.decode(data, decode_choices=False, scaling=False)
            scaled = theirs.decode(data, decode_choices=False)
        except cantools.database.DecodeError:  # a multiplexer that selects nothing
            continue
        values = dict(engine.decode(bus, s.id, s.data, s.t))
        column = {c.index: of_column(c) for c in columns.decode(blocks([s])[0], car.channel_buses)}
        present = {r.index: r for r in message.rows if r.row.signal in scaled}
        assert values.keys() == present.keys() == column.keys()
        for index, row_ in present.items():
            raw, value = raws[row_.row.signal], scaled[row_.row.signal]
            assert same(raw_value(row_.field, data), raw)
            assert same(values[index], value)
            assert column[index] == [said(s.t, values[index])]


def same(ours: Any, theirs: float) -> bool:
    """Equal but for rounding; NaN is no value and infinity none that can be true."""
    if math.isnan(theirs):
        return ours is None or math.isnan(ours)
    if math.isinf(theirs):
        return ours is INVALID or ours == theirs
    return isinstance(ours, int | float) and math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=0)


@settings(RANDOM_CARS, max_examples=100)
@given(cars(overlaps=False), st.integers(0, 2**32))
def test_what_is_encoded_comes_back(car: Car, seed: int) -> None:
    plan, rng = car.plan(), random.Random(seed)
    for message, r in ((m, r) for m in plan.messages for r in m.rows if not selects_itself(m, r)):
        for _ in range(4):
            raw = random_raw(rng, r.field, tuple(r.table or ()))
            value = alone(plan, message, r, with_raws(message, {r: raw}, count=rng.randrange(9)))
            if value is None or value is INVALID:
                continue
            back = alone(plan, message, r, payload(message, {r: value}, count=rng.randrange(9)))
            if r.field.length <= 48:
                assert back == value
            else:
                assert back == pytest.approx(value, rel=1e-12, abs=abs(r.offset) * 1e-12)


def selects_itself(message: PlanMessage, r: PlanRow) -> bool:
    """Whether bits are wanted twice: by the row, by a condition on it, by the counter or by the checksum."""
    tested = {t.field for t in (*r.when, *r.unless) if t.field is not None}
    seal = bytearray(message.length)
    seal[-1] = CHECKSUMS[message.checksum].mask if message.checksum else 0
    wanted = [int.from_bytes(seal, "big"), *(mask(message, f) for f in (r.field, *tested))]
    wanted += [mask(message, message.counter)] if message.counter else []
    return any(one & other for one, other in combinations(wanted, 2))


def mask(message: PlanMessage, field: Field) -> int:
    """The bits of a field in a payload."""
    data = bytearray(message.length)
    put(data, field._replace(signed=False, is_float=False), (1 << field.length) - 1)
    return int.from_bytes(data, "big")


def alone(plan: Plan, message: PlanMessage, r: PlanRow, data: bytes) -> Any:
    """What one row says, all others left out; conditions on other messages hold."""
    own = tuple(t for t in r.when if t.field is not None)
    just = replace(r, array=-1, when=own)
    engine = FrameEngine(replace(plan, messages=(replace(message, number=0, rows=(just,), latches=()),), arrays=()))
    pairs = engine.decode(message.bus, message.id, data, 0)
    assert engine.counts.bad_checksum == 0
    return pairs[0][1] if pairs else None

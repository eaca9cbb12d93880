"""The two engines give the same samples and counts, both agree with cantools, and what is encoded comes back."""

from __future__ import annotations

import json
import math
import random
import struct
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
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.encode import payload, put, with_raws
from renkei.can.frame_engine import Counts, FrameEngine, raw_value
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow
from renkei.samples import INVALID, Column, Quality
from renkei.vehicle import Bus, Condition, Map, MessageRule, Row

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
    for message, r in ((m, r) for m in plan.messages for r in m.rows if not (r.plus or selects_itself(m, r))):
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


CHECKED = """
BO_ 256 CHECKED: 8 X
 SG_ VALUE : 0|8@1+ (1,0) [0|0] "" X
 SG_ COUNTER : 8|2@1+ (1,0) [0|0] "" X
 SG_ SIGNED_COUNTER : 16|2@1- (1,0) [0|0] "" X
"""
CYCLE_NS = 10_000_000


def checked(value: int, count: int, *, spoilt: bool = False) -> bytes:
    """A frame of CHECKED with its CRC, or with a wrong one."""
    data = CHECKSUMS["crc8-0x85"].sealed(256, bytes([value, count, count, 0, 0, 0, 0, 0]))
    return data[:-1] + bytes([data[-1] ^ 0xFF]) if spoilt else data


def counted(
    steps: Sequence[tuple[int, bytes]], cycle_ms: float | None = 10, counter: str = "COUNTER"
) -> tuple[list[Any], Counts]:
    """The values of VALUE and the counts for frames of CHECKED at times in cycles, as both engines give them."""
    plan = plan_of(
        CHECKED, [row("Car.Number0", "CHECKED.VALUE")], {"CHECKED": MessageRule("crc8-0x85", counter, cycle_ms)}
    )
    frames = [(int(cycle * CYCLE_NS), 256, data) for cycle, data in steps]
    for cut in range(len(frames)):
        both(plan, frames, [cut])
    values, counts = both(plan, frames)
    return values.get("Car.Number0", []), counts


COUNTERS = {
    "a counter that goes on gives every value": ([(0, 0), (1, 1), (2, 2), (3, 3), (4, 0)], [0, 1, 2, 3, 4], 0, 0),
    "a frozen counter gives one value, then none": ([(0, 2), (1, 2), (2, 2), (3, 2)], [0], 3, 0),
    "a frozen counter that goes on gives a value again": ([(0, 2), (1, 2), (2, 3)], [0, 2], 1, 0),
    "one lost frame is one step skipped": ([(0, 0), (2, 2)], [0, 1], 0, 1),
    "two lost frames are two steps skipped": ([(0, 1), (3, 0)], [0, 1], 0, 2),
    "a count that goes back is the longest loss": ([(0, 1), (1, 0)], [0, 1], 0, 2),
    "just within the turn of the counter an equal count repeats": ([(0, 1), (2.9999, 1)], [0], 1, 0),
    "after the turn of the counter an equal count is new": ([(0, 1), (3, 1)], [0, 1], 0, 3),
    "a repetition begins the waiting anew": ([(0, 1), (2, 1), (4, 1)], [0], 2, 0),
    "time that steps back does not make an equal count new": ([(9, 1), (0, 1)], [0], 1, 0),
}


@pytest.mark.parametrize("case", COUNTERS)
@pytest.mark.parametrize("counter", ["COUNTER", "SIGNED_COUNTER"])
def test_counters(case: str, counter: str) -> None:
    steps, values, repeated, lost = COUNTERS[case]
    found, counts = counted([(t, checked(n, count)) for n, (t, count) in enumerate(steps)], counter=counter)
    assert found == values
    assert (counts.repeated, counts.lost) == (repeated, lost)
    assert (counts.frames, counts.decoded) == (len(steps), len(steps))


def test_where_no_cycle_is_known_an_equal_count_never_is_new() -> None:
    found, counts = counted([(0, checked(0, 1)), (1000, checked(1, 1))], cycle_ms=None)
    assert (found, counts.repeated) == ([0], 1)


def test_the_cycle_of_the_DBC_holds_where_the_map_has_none() -> None:
    text = CHECKED + 'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;\nBA_ "GenMsgCycleTime" BO_ 256 10;\n'
    plan = plan_of(text, [row("Car.Number0", "CHECKED.VALUE")], {"CHECKED": MessageRule(None, "COUNTER", None)})
    assert plan.messages[0].cycle_ns == CYCLE_NS
    frames = [(0, 256, checked(0, 1)), (2 * CYCLE_NS, 256, checked(1, 1)), (9 * CYCLE_NS, 256, checked(2, 1))]
    values, _ = both(plan, frames)
    assert values == {"Car.Number0": [0, 2]}


def test_a_frame_with_a_wrong_checksum_is_invalid_and_moves_no_counter() -> None:
    steps = [(0, checked(0, 0)), (1, checked(1, 3, spoilt=True)), (2, checked(2, 1)), (3, checked(3, 1, spoilt=True))]
    found, counts = counted(steps)
    assert found == [0, INVALID, 2, INVALID]
    assert (counts.bad_checksum, counts.repeated, counts.lost, counts.out_of_range) == (2, 0, 0, 0)


def test_a_repetition_says_nothing_though_its_value_changed() -> None:
    found, counts = counted([(0, checked(5, 1)), (1, checked(6, 1))])
    assert (found, counts.repeated) == ([5], 1)


LATCHED = """
BO_ 256 UNITS: 2 X
 SG_ MILES : 0|2@1- (1,0) [0|0] "" X
BO_ 257 ODOMETER: 2 X
 SG_ DISTANCE : 0|16@1+ (1,0) [0|0] "" X
BO_ 258 WIDE: 8 X
 SG_ WORD : 0|64@1+ (1,0) [0|0] "" X
"""


def held(message: str, signal: str, *raws: tuple[int, int]) -> tuple[Condition, ...]:
    return (Condition("can", message, signal, raws),)


def test_a_condition_on_another_message_waits_until_that_was_seen_and_follows_it() -> None:
    plan = plan_of(LATCHED, [row("Car.Number0", "ODOMETER.DISTANCE", when=held("UNITS", "MILES", (-1, -1)))])
    frames = [(0, 257, b"\1\0"), (1, 256, b"\3\0"), (2, 257, b"\2\0"), (3, 256, b"\1\0"), (4, 257, b"\3\0"),
              (5, 256, b"\3"), (6, 257, b"\4\0"), (7, 256, b"\3\0"), (7, 257, b"\5\0")]  # fmt: skip
    for cut in range(len(frames)):
        values, counts = both(plan, frames, [cut])
        assert values == {"Car.Number0": [2, 5]}  # the frame that is too short changes nothing
        assert counts.short == 1


def test_unless_on_a_message_not_yet_seen_does_not_hold() -> None:
    plan = plan_of(LATCHED, [row("Car.Number0", "ODOMETER.DISTANCE", unless=held("UNITS", "MILES", (0, 1)))])
    values, _ = both(plan, [(0, 257, b"\1\0"), (1, 256, b"\0\0"), (2, 257, b"\2\0")])
    assert values == {"Car.Number0": [1, None]}


def test_a_frame_that_fails_its_checksum_or_only_repeats_holds_no_condition() -> None:
    rules = {"CHECKED": MessageRule("crc8-0x85", "COUNTER", 10)}
    rows = [row("Car.Number0", "ODOMETER.DISTANCE", when=held("CHECKED", "VALUE", (7, 7)))]
    plan = plan_of(CHECKED + LATCHED.replace("256", "300"), rows, rules)
    steps = [(checked(7, 0, spoilt=True), []), (checked(7, 0), [1]), (checked(8, 0), [1]), (checked(8, 1), [])]
    frames = [f for n, (data, _) in enumerate(steps) for f in ((2 * n, 256, data), (2 * n + 1, 257, b"\1\0"))]
    values, _ = both(plan, frames)
    assert values == {"Car.Number0": [value for _, says in steps for value in says]}


@pytest.mark.parametrize("value", [0, 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])
@pytest.mark.parametrize(
    "span", [(0, 2**64 - 1), (1, 2**63), (2**63, 2**64 - 2), (2**64 - 1, 2**64 - 1), (0, 2**63 - 1)]
)
def test_ranges_of_raw_values_may_be_as_wide_as_64_bits(value: int, span: tuple[int, int]) -> None:
    rows = [
        row("Car.Number0", "WIDE.WORD", invalid=(span,)),
        row("Car.Number1", "WIDE.WORD", when=held("WIDE", "WORD", span)),
        row("Car.Number2", "ODOMETER.DISTANCE", unless=held("WIDE", "WORD", span)),
    ]
    values, _ = both(plan_of(LATCHED, rows), [(0, 258, value.to_bytes(8, "little")), (1, 257, b"\1\0")])
    inside = span[0] <= value <= span[1]
    assert values["Car.Number0"] == [None if inside else float(value)]
    assert values.get("Car.Number1", []) == ([float(value)] if inside else [])
    assert values["Car.Number2"] == [None if inside else 1.0]


FLOATS = """
BO_ 256 FLOATS: 12 X
 SG_ SINGLE : 0|32@1- (2,1) [0|0] "" X
 SG_ DOUBLE : 39|64@0- (2,1) [0|0] "" X
SIG_VALTYPE_ 256 SINGLE : 1;
SIG_VALTYPE_ 256 DOUBLE : 2;
"""
SPECIAL = {
    "a number": (1.5, 4.0, True),
    "zero": (0.0, 1.0, False),
    "minus zero": (-0.0, 1.0, False),
    "NaN is not available": (math.nan, None, None),
    "infinity cannot be true": (math.inf, INVALID, True),
    "minus infinity cannot be true": (-math.inf, INVALID, True),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_floating_point_numbers(case: str) -> None:
    number, value, truth = SPECIAL[case]
    paths = {"Car.Number0": "SINGLE", "Car.Number1": "DOUBLE", "Car.Switch": "SINGLE"}
    plan = plan_of(FLOATS, [row(path, f"FLOATS.{signal}") for path, signal in paths.items()])
    data = struct.pack("<f", number) + struct.pack(">d", number)
    values, counts = both(plan, [(0, 256, data)])
    assert values == {"Car.Number0": [value], "Car.Number1": [value], "Car.Switch": [truth]}
    assert counts.out_of_range == (2 if value is INVALID else 0)


def test_a_double_beyond_32_bits_cannot_be_a_float_of_VSS() -> None:
    plan = plan_of(FLOATS, [row("Car.Float", "FLOATS.DOUBLE"), row("Car.Number0", "FLOATS.DOUBLE")])
    values, counts = both(plan, [(0, 256, bytes(4) + struct.pack(">d", 1e39))])
    assert values == {"Car.Float": [INVALID], "Car.Number0": [2e39]}
    assert counts.out_of_range == 1


PARTS = """
BO_ 256 PARTS: 4 X
 SG_ PLACE M : 0|8@1+ (1,0) [0|0] "" X
 SG_ FIRST m0 : 8|8@1+ (1,0) [0|0] "" X
 SG_ SECOND m1 : 8|8@1+ (1,0) [0|0] "" X
"""


def array(path: str, **extras: Any) -> Plan:
    """The plan of an array of two elements, which come one in a frame."""
    rows = [row(path, f"PARTS.{name}", element=n, **extras) for n, name in enumerate(("FIRST", "SECOND"))]
    return plan_of(PARTS, rows, {"PARTS": MessageRule("id-nibble-sum", None, None)})


def part(place: int, raw: int, *, spoilt: bool = False) -> bytes:
    data = CHECKSUMS["id-nibble-sum"].sealed(256, bytes([place, raw, 0, 0]))
    return data[:-1] + bytes([data[-1] ^ 1]) if spoilt else data


ARRAYS = {
    "an array comes when its last element has come": ([(0, 1), (1, 2)], [[1, 2]], 0),
    "its elements may come in any order": ([(1, 2), (0, 1)], [[1, 2]], 0),
    "of an element that comes twice the later holds": ([(0, 1), (0, 3), (1, 2)], [[3, 2]], 0),
    "every element has to come once more": ([(0, 1), (1, 2), (1, 4), (0, 3)], [[1, 2], [3, 4]], 0),
    "an element that is not available makes the array so": ([(0, 99), (1, 2), (0, 1), (1, 2)], [None, [1, 2]], 0),
    "an element that cannot be true makes the array so": ([(0, 1), (1, 200)], [INVALID], 1),
    "two elements that cannot be true are two": ([(0, 201), (1, 200)], [INVALID], 2),
    "not true is worse than not available": ([(0, 99), (1, 200)], [INVALID], 1),
    "an array that is not complete says nothing": ([(0, 1), (0, 2), (0, 3)], [], 0),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_element_by_element(case: str) -> None:
    """Two bytes, of which 99 is not available; from 128 on they are above 255, twice what came."""
    parts, arrays, out_of_range = ARRAYS[case]
    frames = [(t, 256, part(*p)) for t, p in enumerate(parts)]
    doubled = [[2.0 * v for v in a] if isinstance(a, list) else a for a in arrays]
    for cut in range(len(frames)):
        values, counts = both(array("Car.Bytes", invalid=((99, 99),), scale=2.0), frames, [cut])
        assert values.get("Car.Bytes", []) == doubled
        assert counts.out_of_range == out_of_range


def test_a_frame_with_a_wrong_checksum_spoils_the_array_but_is_not_out_of_range() -> None:
    frames = [(0, 256, part(0, 1, spoilt=True)), (1, 256, part(1, 2)), (2, 256, part(0, 1)), (3, 256, part(1, 2))]
    values, counts = both(array("Car.Bytes"), frames)
    assert values == {"Car.Bytes": [INVALID, [1.0, 2.0]]}
    assert (counts.bad_checksum, counts.out_of_range) == (1, 0)


def test_arrays_of_texts_and_of_truths_stay_what_they_are() -> None:
    frames = [(0, 256, part(0, 1)), (1, 256, part(1, 0))]
    values, _ = both(array("Car.States", values={0: "OFF", 1: "ON"}), frames)
    assert values == {"Car.States": [["ON", "OFF"]]}
    values, _ = both(array("Car.Switches"), frames)
    assert values == {"Car.Switches": [[True, False]]}


def test_a_multiplexer_selects_by_its_raw_value_whatever_its_scale() -> None:
    text = PARTS.replace("0|8@1+ (1,0)", "0|8@1+ (0.5,-3)")
    values, _ = both(plan_of(text, [row("Car.Number0", "PARTS.SECOND")]), [(0, 256, part(1, 9)), (1, 256, part(7, 8))])
    assert values == {"Car.Number0": [9]}


def test_a_short_frame_is_counted_and_of_a_long_one_the_rest_is_ignored() -> None:
    plan = plan_of(LATCHED, [row("Car.Number0", "ODOMETER.DISTANCE")])
    values, counts = both(
        plan, [(0, 257, b"\1"), (1, 257, b"\2\0"), (2, 257, b"\3\0" + bytes(range(62))), (3, 257, b"")]
    )
    assert values == {"Car.Number0": [2, 3]}
    assert counts == Counts(frames=4, decoded=2, short=2)


def test_no_frames_and_no_rows_give_nothing() -> None:
    plan = plan_of(LATCHED, [])
    assert both(plan, []) == ({}, Counts())
    assert both(plan, [(0, 257, b"\1\0")]) == ({}, Counts(frames=1))

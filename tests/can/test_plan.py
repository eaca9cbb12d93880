"""From a map to a plan: what is wrong in a map is told where it stands, and units are converted exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.checks import CHECKSUMS
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.frame_engine import FrameEngine
from renkei.can.plan import Plan, field_of
from renkei.errors import CatalogueError, ValueRefused
from renkei.vehicle import Bus, Condition, Map, MessageRule, Row, UdsAnswer, UdsSignal
from renkei.vocabulary import INTEGERS, Signal, Value, Vocabulary, builtin, load

FILE = Path("makers/x/maps/y.toml")
VSS_5 = Path(__file__).parents[3] / "shared" / "data" / "vss" / "vss_5.0.json"

DBC = """
BO_ 475 BATTERY: 8 X
 SG_ CURRENT : 7|11@0- (0.5,0) [0|0] "A" X
 SG_ STATE : 16|4@1+ (1,0) [0|0] "" X
 SG_ KIND M : 24|8@1+ (1,0) [0|0] "" X
 SG_ TEMPERATURE m1 : 32|8@1+ (1,-40) [0|0] "Celsius" X
 SG_ COUNTER : 62|2@1+ (1,0) [0|0] "" X
BO_ 500 SPEED: 8 X
 SG_ SPEED : 0|16@1+ (0.01,0) [0|0] "km/h" X
 SG_ DISTANCE : 16|24@1+ (1,0) [0|0] "" X
 SG_ TICKS : 40|20@1+ (1,0) [0|0] "" X
BO_ 501 PRECISE: 8 X
 SG_ SELECTOR M : 0|32@1- (1,0) [0|0] "" X
 SG_ BELOW m1 : 32|8@1+ (1,0) [0|0] "" X
 SG_ SPEED : 32|32@1- (1,0) [0|0] "km/h" X
SIG_VALTYPE_ 501 SELECTOR : 1;
SIG_VALTYPE_ 501 SPEED : 1;
BO_ 502 IDENTITY: 64 X
 SG_ NUMBER : 0|136@1+ (1,0) [0|0] "" X
BO_ 503 TRANSPORT: 300 X
 SG_ SPEED : 0|16@1+ (1,0) [0|0] "km/h" X
BO_ 504 UNITS: 1 X
 SG_ MILES : 0|1@1+ (1,0) [0|0] "" X
"""
OTHER_DBC = """
BO_ 475 BATTERY_AGAIN: 8 X
 SG_ LEVEL : 0|8@1+ (1,0) [0|0] "percent" X
BO_ 1979 ANSWERS: 8 X
 SG_ LEVEL : 0|8@1+ (1,0) [0|0] "percent" X
"""
CELLS = UdsAnswer(
    "can", "CELLS", 0x79B, 0x7BB, b"\x61\x02", (),
    {"CELL": UdsSignal(16, 16, False, 0.001, 0, "V", 4), "LEVEL": UdsSignal(16, 8, False, 1, 0, "percent", None)},
)  # fmt: skip
SPEED, DISTANCE, CURRENT = (
    "Vehicle.Speed",
    "Vehicle.TraveledDistance",
    "Vehicle.Powertrain.TractionBattery.CurrentCurrent",
)
STATE, GEAR = "Vehicle.LowVoltageSystemState", "Vehicle.Powertrain.Transmission.SelectedGear"
CHARGING = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging"
LEVEL = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
VOLTAGES = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"


def row(path: str, source: str, **extras: Any) -> Row:
    message, signal = source.split(".")
    return Row(path, "can", message, signal, ("test",), **extras)


def condition(source: str, *raws: int | tuple[int, int]) -> tuple[Condition, ...]:
    message, signal = source.split(".")
    return (Condition("can", message, signal, tuple((r, r) if isinstance(r, int) else r for r in raws)),)


def plan_of(
    rows: Iterable[Row],
    rules: Mapping[str, MessageRule] | None = None,
    vocabulary: Vocabulary | None = None,
    *,
    lenient: bool = False,
    keep_personal: bool = False,
) -> Plan:
    checks = {("can", name): rule for name, rule in (rules or {}).items()}
    map_ = Map("x/y", FILE, {"can": Bus("can", (), None)}, checks, {("can", "CELLS"): CELLS}, tuple(rows))
    databases = {"can": [parse(DBC, "one.dbc"), parse(OTHER_DBC, "two.dbc")]}
    return compile_plan(map_, databases, vocabulary or builtin(), lenient=lenient, keep_personal=keep_personal)


class Wrong(NamedTuple):
    """What a message says of a mistake; `key` from `signals.` and the row's path on, where it begins with a point."""

    rows: Row | list[Row]
    key: str
    expected: str
    got: object
    near: str | None = None
    rules: Mapping[str, MessageRule] = {}


MISTAKES = {
    "a path that VSS has not": Wrong(
        row("Vehicle.Sped", "SPEED.SPEED"), "", "a path of the vocabulary", "Vehicle.Sped", "Vehicle.Speed"
    ),
    "a message that the bus has not": Wrong(
        row(SPEED, "SPED.SPEED"), ".from", "a message of bus can", "SPED", "SPEED"
    ),
    "a signal that the message has not": Wrong(
        row(SPEED, "SPEED.SPEDE"), ".from", "a signal of SPEED", "SPEDE", "SPEED"
    ),
    "a signal that the answer has not": Wrong(
        row(LEVEL, "CELLS.LEVLE"), ".from", "a signal of CELLS", "LEVLE", "LEVEL"
    ),
    "a signal longer than any number": Wrong(
        row(DISTANCE, "IDENTITY.NUMBER"), ".from", "a signal of at most 64 bits", "NUMBER, 136 bits"
    ),
    "a message longer than any frame": Wrong(
        row(SPEED, "TRANSPORT.SPEED"), ".from", "a message of at most 64 bytes", "TRANSPORT, 300 bytes"
    ),
    "a signal that a floating-point number selects": Wrong(
        row(LEVEL, "PRECISE.BELOW", unit="percent"),
        ".from", "a signal that a whole number selects", "BELOW, below SELECTOR",
    ),
    "no unit where the signal has one": Wrong(
        row(DISTANCE, "SPEED.DISTANCE"), ".unit", "a unit, as the signal is in m", None
    ),
    "a unit of another quantity": Wrong(
        row(DISTANCE, "SPEED.DISTANCE", unit="kWh"), ".unit", "a unit that converts to m", "kWh"
    ),
    "a unit that nobody knows": Wrong(
        row(DISTANCE, "SPEED.DISTANCE", unit="parsec"), ".unit", "a unit that converts to m", "parsec"
    ),
    "a text without a table": Wrong(
        row(STATE, "BATTERY.STATE"), ".values", "a table, as the signal is a text", None
    ),
    "a table for more bits than it is for": Wrong(
        row(GEAR, "SPEED.TICKS", values={0: 1}), ".values", "a whole number of at most 16 bits", "20 bits"
    ),
    "a table for a floating-point number": Wrong(
        row(GEAR, "PRECISE.SPEED", values={0: 1}), ".values", "a whole number of at most 16 bits", "32 bits"
    ),
    "a raw value in a table that the field cannot hold": Wrong(
        row(GEAR, "BATTERY.STATE", values={1: 1, 16: 2}), ".values.16", "a raw value from 0 to 15", 16
    ),
    "a text that VSS does not allow": Wrong(
        row(STATE, "BATTERY.STATE", values={1: "DRIVING"}),
        ".values.1", "one of UNDEFINED, LOCK, OFF, ACC, ON, START", "DRIVING",
    ),
    "a number in the table of a boolean": Wrong(
        row(CHARGING, "BATTERY.STATE", values={1: 1}), ".values.1", "true or false", 1
    ),
    "a number too large for its datatype": Wrong(
        row(GEAR, "BATTERY.STATE", values={1: 200}), ".values.1", "int8, -128 to 127", 200
    ),
    "another value for the rest that VSS does not allow": Wrong(
        row(GEAR, "BATTERY.STATE", values={1: 1}, other=0.5), ".other", "a whole number (int8)", 0.5
    ),
    "an invalid raw value that the field cannot hold": Wrong(
        row(CURRENT, "BATTERY.CURRENT", invalid=((0x7FF, 0x7FF),)), ".invalid", "raw values from -1024 to 1023", 0x7FF
    ),
    "an invalid range that begins after its end": Wrong(
        row(CURRENT, "BATTERY.CURRENT", invalid=((3, 2),)), ".invalid", "raw values from -1024 to 1023", [3, 2]
    ),
    "invalid raw values of a floating-point number": Wrong(
        row(SPEED, "PRECISE.SPEED", invalid=((0, 0),)),
        ".invalid", "nothing, as the signal holds floating-point numbers", ((0, 0),),
    ),
    "a condition on a message that the bus has not": Wrong(
        row(SPEED, "SPEED.SPEED", when=condition("UNTS.MILES", 1)), ".when", "a message of bus can", "UNTS", "UNITS"
    ),
    "a condition on a signal that the message has not": Wrong(
        row(SPEED, "SPEED.SPEED", unless=condition("UNITS.MILE", 1)), ".unless", "a signal of UNITS", "MILE", "MILES"
    ),
    "a condition on a multiplexed signal of another message": Wrong(
        row(SPEED, "SPEED.SPEED", when=condition("BATTERY.TEMPERATURE", 1)),
        ".when", "a signal that is not multiplexed", "TEMPERATURE",
    ),
    "a condition on an answer": Wrong(
        row(SPEED, "SPEED.SPEED", when=condition("CELLS.LEVEL", 1)), ".when", "a signal of a CAN message",
        "can.CELLS.LEVEL",
    ),
    "a condition on a signal that the own answer has not": Wrong(
        row(LEVEL, "CELLS.LEVEL", unless=condition("CELLS.LEVL", 1)), ".unless", "a signal of CELLS", "LEVL", "LEVEL"
    ),
    "a condition that can never hold": Wrong(
        row(SPEED, "SPEED.SPEED", when=condition("UNITS.MILES", 2)), ".when.MILES", "raw values from 0 to 1", 2
    ),
    "a condition on a floating-point number": Wrong(
        row(SPEED, "SPEED.SPEED", when=condition("PRECISE.SPEED", (0, 1))),
        ".when.SPEED", "nothing, as the signal holds floating-point numbers", ((0, 1),),
    ),
    "an element of what is no array": Wrong(
        row(SPEED, "SPEED.SPEED", element=0), ".element", "nothing, as the signal is one float", 0
    ),
    "an array without its element": Wrong(
        row(VOLTAGES, "SPEED.TICKS", unit="V"), ".element", "the place in the array, as the signal is an array", None
    ),
    "an array with a gap": Wrong(
        [row(VOLTAGES, "SPEED.TICKS", unit="V", element=n) for n in (0, 1, 3)], ".element", "element 2 too", None
    ),
    "a rule for a message that the bus has not": Wrong(
        [], "messages.can.SPED", "a message of bus can", "SPED", "SPEED", {"SPED": MessageRule(None, None, None)}
    ),
    "an unknown checksum": Wrong(
        [], "messages.can.SPEED.checksum", "one of " + ", ".join(CHECKSUMS), "crc8-85", "crc8-0x85",
        {"SPEED": MessageRule("crc8-85", None, None)},
    ),
    "a counter that the message has not": Wrong(
        [], "messages.can.BATTERY.counter", "a signal", "COUNT", "COUNTER",
        {"BATTERY": MessageRule(None, "COUNT", None)},
    ),
    "a counter of more bits than counters have": Wrong(
        [], "messages.can.SPEED.counter", "a whole number of at most 16 bits", "TICKS", None,
        {"SPEED": MessageRule(None, "TICKS", None)},
    ),
    "a floating-point number that counts": Wrong(
        [], "messages.can.PRECISE.counter", "a whole number of at most 16 bits", "SPEED", None,
        {"PRECISE": MessageRule(None, "SPEED", None)},
    ),
    "two messages with one identifier": Wrong(
        [row(CURRENT, "BATTERY.CURRENT"), row(LEVEL, "BATTERY_AGAIN.LEVEL")],
        "buses.can", "one message an identifier", "BATTERY and BATTERY_AGAIN",
    ),
    "a message with the identifier of an answer": Wrong(
        [row(LEVEL, "ANSWERS.LEVEL"), row(LEVEL, "CELLS.LEVEL")],
        "buses.can", "one message an identifier", "ANSWERS and CELLS",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_file_key_and_what_was_expected(case: str) -> None:
    wrong = MISTAKES[case]
    rows = [wrong.rows] if isinstance(wrong.rows, Row) else wrong.rows
    own = wrong.key[:1] in ("", ".")
    key = f"signals.{rows[0].path}{wrong.key}" if own else wrong.key
    with pytest.raises(CatalogueError) as raised:
        plan_of(rows, wrong.rules)
    near = f"; did you mean '{wrong.near}'?" if wrong.near else ""
    got = "nothing" if wrong.got is None else repr(wrong.got)
    assert str(raised.value) == f"{FILE}: {key}: expected {wrong.expected}, got {got}{near}"
    error = raised.value
    assert (error.file, error.key, error.expected, error.got) == (str(FILE), key, wrong.expected, wrong.got)


SET_ASIDE = {
    "a path that the vocabulary has not": (
        row("Vehicle.Powertrain.Battery.Level", "BATTERY.STATE", unit="percent"),
        "a path of the vocabulary, got Vehicle.Powertrain.Battery.Level",
    ),
    "a unit of another quantity": (
        row(DISTANCE, "SPEED.DISTANCE", unit="kWh"), "a unit that converts to m, got kWh",
    ),
    "a value in a table that is not allowed": (
        row(STATE, "BATTERY.STATE", values={1: "DRIVING"}),
        "one of UNDEFINED, LOCK, OFF, ACC, ON, START, got DRIVING",
    ),
    "a value for the rest that is not allowed": (
        row(GEAR, "BATTERY.STATE", values={1: 1}, other=1000), "int8, -128 to 127, got 1000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SET_ASIDE)
def test_lenient_sets_aside_and_lists_what_another_vocabulary_does_not_take(case: str) -> None:
    odd, why = SET_ASIDE[case]
    plan = plan_of([odd, row(SPEED, "SPEED.SPEED"), odd], lenient=True)
    assert [r.signal.path for r in plan.rows] == [SPEED]
    assert plan.set_aside == ((odd.path, why),)


def test_lenient_forgives_nothing_that_has_to_do_with_the_car() -> None:
    with pytest.raises(CatalogueError, match="expected a signal of SPEED"):
        plan_of([row(SPEED, "SPEED.NONE")], lenient=True)


def test_personal_rows_are_left_out_unless_asked_for() -> None:
    rows = [row(SPEED, "SPEED.SPEED", personal=True)]
    assert plan_of(rows).messages == ()
    assert [r.signal.path for r in plan_of(rows, keep_personal=True).rows] == [SPEED]


def test_only_messages_that_a_row_or_a_condition_needs_are_in_the_plan() -> None:
    plan = plan_of([row(SPEED, "SPEED.SPEED", when=condition("UNITS.MILES", 1))])
    assert [(m.name, len(m.rows), len(m.latches)) for m in plan.messages] == [("SPEED", 1, 0), ("UNITS", 0, 1)]


def test_of_a_message_in_several_files_the_last_one_holds() -> None:
    newer = 'BO_ 500 SPEED: 8 X\n SG_ SPEED : 0|16@1+ (0.02,0) [0|0] "km/h" X\n'
    map_ = Map("x/y", FILE, {"can": Bus("can", (), None)}, {}, {}, (row(SPEED, "SPEED.SPEED"),))
    plan = compile_plan(map_, {"can": [parse(DBC, "old.dbc"), parse(newer, "new.dbc")]}, builtin())
    assert plan.rows[0].scale == 0.02


class Step(NamedTuple):
    """A signal of the car in one unit and what the engine makes of a raw value of it."""

    scale: float
    offset: float
    unit: str
    target: str
    raw: int
    value: float


CONVERSIONS = {
    "km to m": Step(1, 0, "km", "m", 123_457, 123_457_000.0),
    "tenths of km to m": Step(0.1, 0, "km", "m", 123_457, 12_345_700.0),
    "mile to m": Step(1, 0, "mile", "m", 3, 4828.032),
    "mph to km/h": Step(1, 0, "mph", "km/h", 100, 160.9344),
    "m/s to km/h": Step(0.01, 0, "m/s", "km/h", 2500, 90.0),
    "min to s": Step(1, 0, "min", "s", 90, 5400.0),
    "the boiling point in Fahrenheit to Celsius": Step(1, 0, "Fahrenheit", "Celsius", 212, 100.0),
    "the freezing point in Fahrenheit to Celsius": Step(1, 0, "Fahrenheit", "Celsius", 32, 0.0),
    "Fahrenheit with an offset to Celsius": Step(1, -40, "Fahrenheit", "Celsius", 0, -40.0),
    "Celsius to K": Step(0.1, -40, "Celsius", "K", 0, 233.15),
    "Wh to kWh": Step(77.5, 0, "Wh", "kWh", 281, 21.7775),
    "psi to kPa": Step(0.25, 0, "psi", "kPa", 4, 6.894757293168),
    "ratio to percent": Step(0.005, 0, "ratio", "percent", 200, 100.0),
    "W to kW": Step(100, 0, "W", "kW", 33, 3.3),
}


@pytest.mark.parametrize("case", CONVERSIONS)
def test_units_are_converted_exactly(case: str) -> None:
    step = CONVERSIONS[case]
    text = f'BO_ 1 M: 8 X\n SG_ S : 0|32@1+ ({step.scale},{step.offset}) [0|0] "{step.unit}" X\n'
    vocabulary = Vocabulary([Signal(0, "Car.Value", "sensor", "double", step.target)], "test")
    map_ = Map("x/y", FILE, {"can": Bus("can", (), None)}, {}, {}, (row("Car.Value", "M.S"),))
    plan = compile_plan(map_, {"can": [parse(text, "one.dbc")]}, vocabulary)
    ((_, value),) = FrameEngine(plan).decode("can", 1, step.raw.to_bytes(8, "little"), 0)
    assert value == pytest.approx(step.value, rel=1e-15)


@settings(deadline=None, max_examples=100)
@given(
    st.decimals(-1000, 1000, places=4).filter(bool), st.decimals(-1000, 1000, places=3),
    st.decimals(-100, 100, places=3).filter(bool), st.decimals(-1000, 1000, places=2),
)  # fmt: skip
def test_scale_and_offset_are_the_nearest_doubles_to_their_exact_product(
    dbc_scale: Any, dbc_offset: Any, scale: Any, offset: Any
) -> None:
    """1000 × 0.001 is 1 and not nearly 1: value = ((raw × dbc_scale + dbc_offset) × scale + offset) km in m."""
    text = f'BO_ 1 M: 8 X\n SG_ S : 0|8@1+ ({dbc_scale},{dbc_offset}) [0|0] "" X\n'
    vocabulary = Vocabulary([Signal(0, "Car.Value", "sensor", "double", "m")], "test")
    rows = (row("Car.Value", "M.S", scale=float(scale), offset=float(offset), unit="km"),)
    map_ = Map("x/y", FILE, {"can": Bus("can", (), None)}, {}, {}, rows)
    (compiled,) = compile_plan(map_, {"can": [parse(text, "one.dbc")]}, vocabulary).rows
    assert compiled.scale == float(Fraction(dbc_scale) * Fraction(scale) * 1000)
    assert compiled.offset == float((Fraction(dbc_offset) * Fraction(scale) + Fraction(offset)) * 1000)


def test_the_odometer_is_in_m_in_VSS_6_and_in_km_in_VSS_5() -> None:
    if not VSS_5.exists():
        pytest.skip("the VSS 5.0 tree is absent")
    old = load(VSS_5)
    assert (builtin()[DISTANCE].unit, old[DISTANCE].unit) == ("m", "km")
    rows = [row(DISTANCE, "SPEED.DISTANCE", unit="km"), row(SPEED, "SPEED.SPEED")]
    data = bytes([0x10, 0x27, 0x40, 0xE2, 0x01, 0, 0, 0])  # 100 km/h, 123,456 km
    for vocabulary, distance in ((builtin(), 123_456_000.0), (old, 123_456.0)):
        plan = plan_of(rows, vocabulary=vocabulary, lenient=True)
        pairs = FrameEngine(plan).decode("can", 500, data, 0)
        assert pairs == [(vocabulary[DISTANCE].index, distance), (vocabulary[SPEED].index, 100.0)]


NUMBERS = [*INTEGERS, "float", "double"]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(NUMBERS), st.data())
def test_a_value_is_in_range_exactly_when_the_wire_takes_it(datatype: str, data: st.DataObject) -> None:
    """Ranges are judged before rounding: the ends, and what rounds half to even onto them, are in."""
    low, high = INTEGERS.get(datatype, (-1e300, 1e300))
    bounds = st.one_of(st.none(), st.integers(-300, 300), st.sampled_from([-2.5, 0.5, 1.5, 99.9]))
    minimum, maximum = data.draw(bounds), data.draw(bounds)
    signal = Signal(0, "Car.Value", "sensor", datatype, minimum=minimum, maximum=maximum)
    ends = [e for e in (low, high, minimum, maximum, 3.4028234663852886e38) if e is not None]
    near = [x for e in ends for x in (e - 1, e - 0.5, e, e + 0.5, e + 1)]
    near += [x for e in near for x in (math.nextafter(e, math.inf), math.nextafter(e, -math.inf))]
    value = float(data.draw(st.one_of(st.sampled_from(near), st.floats(allow_nan=False, allow_infinity=False))))
    text = 'BO_ 1 M: 8 X\n SG_ S : 0|64@1- (1,0) [0|0] "" X\nSIG_VALTYPE_ 1 S : 2;\n'
    map_ = Map("x/y", FILE, {"can": Bus("can", (), None)}, {}, {}, (row("Car.Value", "M.S"),))
    (compiled,) = compile_plan(map_, {"can": [parse(text, "one.dbc")]}, Vocabulary([signal], "test")).rows
    assert (compiled.low <= value <= compiled.high) == taken(signal, value)


def taken(signal: Signal, value: Value) -> bool:
    try:
        signal.wire(value)
    except ValueRefused:
        return False
    return True


def test_ranges_that_the_field_cannot_leave_are_not_judged() -> None:
    (battery,) = plan_of([row(LEVEL, "BATTERY.STATE", unit="percent")]).rows
    assert (battery.low, battery.high) == (-math.inf, math.inf)
    (ticks,) = plan_of([row(LEVEL, "SPEED.TICKS", unit="percent")]).rows
    assert (ticks.low, ticks.high) == (-math.inf, 100.0)


def test_the_bits_of_a_field_lie_where_the_DBC_says() -> None:
    """0x1DB of a Leaf: 11 bits from the highest bit of byte 0 on; multiplexed values only under their multiplexer."""
    (current,) = plan_of([row(CURRENT, "BATTERY.CURRENT")]).rows
    assert (current.field.first, current.field.size, current.field.shift, current.field.length) == (0, 2, 5, 11)
    assert current.field.raws == (-1024, 1023)
    database = parse(DBC, "one.dbc")
    fields = {s.name: field_of(s) for s in database.messages["BATTERY"].signals}
    temperature = "Vehicle.Powertrain.TractionBattery.Temperature.Max"
    (below,) = plan_of([row(temperature, "BATTERY.TEMPERATURE")]).rows
    assert [(t.field, t.ranges) for t in below.when] == [(fields["KIND"], ((1, 1),))]

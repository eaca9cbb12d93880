"""From values to payloads: what goes out, what stays, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from databases import FILE, VOCABULARY
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.checks import CHECKSUMS
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.encode import payload, put, raw_of, with_raws
from renkei.can.frame_engine import FrameEngine, raw_value
from renkei.can.plan import Field, Plan
from renkei.errors import ValueRefused
from renkei.vehicle import Bus, Condition, Map, MessageRule, Row

DBC = """
BO_ 256 M: 8 X
 SG_ PAGE M : 0|4@1+ (1,0) [0|0] "" X
 SG_ ODD m1 : 8|8@1+ (0.5,-40) [0|0] "" X
 SG_ EVEN m2 : 8|8@1- (1,0) [0|0] "" X
 SG_ MODE : 4|4@1+ (1,0) [0|0] "" X
 SG_ COUNTER : 16|2@1+ (1,0) [0|0] "" X
 SG_ SPEED : 31|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ BIT : 47|1@0- (1,0) [0|0] "" X
BO_ 257 WIDE: 8 X
 SG_ WORD : 0|64@1+ (1,0) [0|0] "" X
BO_ 258 FLOATS: 12 X
 SG_ SINGLE : 0|32@1- (2,0) [0|0] "" X
 SG_ DOUBLE : 39|64@0- (0.1,0) [0|0] "" X
SIG_VALTYPE_ 258 SINGLE : 1;
SIG_VALTYPE_ 258 DOUBLE : 2;
BO_ 259 ANGLES: 4 X
 SG_ WHOLE : 0|12@1- (1.5,0) [0|0] "" X
 SG_ FRACTION : 12|4@1- (0.1,0) [0|0] "" X
 SG_ STEPS : 16|12@1+ (1.5,0) [0|0] "" X
 SG_ REST : 28|4@1+ (0.1,0) [0|0] "" X
"""
RULES = {("can", "M"): MessageRule("id-nibble-sum", "COUNTER", None)}


def row(path: str, source: str, **extras: Any) -> Row:
    message, signal = source.split(".")
    return Row(path, "can", message, signal, ("test",), **extras)


def held(signal: str, *raws: tuple[int, int]) -> tuple[Condition, ...]:
    return (Condition("can", "M", signal, raws),)


def plan_of(*rows: Row, rules: Mapping[tuple[str, str], MessageRule] = RULES) -> Plan:
    map_ = Map("test", FILE, {"can": Bus("can", (), None)}, rules, {}, rows)
    return compile_plan(map_, {"can": [parse(DBC, "can.dbc")]}, VOCABULARY)


def sent(plan: Plan, *values: Any, base: bytes | None = None, count: int = 0) -> bytes:
    """The payload of the plan's only message with a value for each of its rows."""
    (message,) = plan.messages
    return payload(message, dict(zip(message.rows, values, strict=True)), base=base, count=count)


def received(plan: Plan, data: bytes) -> list[Any]:
    """What comes back out of it."""
    (message,) = plan.messages
    return [value for _, value in FrameEngine(plan).decode("can", message.id, data, 0)]


def test_a_payload_carries_values_pages_counter_and_checksum() -> None:
    """22.5 is raw 125 on page 1; 100.5 km/h is raw 10050 = 0x2742; the digits 1 0 0 and 1 D 7 3 2 7 4 2 have sum 40."""
    plan = plan_of(row("Car.Number0", "M.ODD"), row("Car.Speed", "M.SPEED"))
    assert sent(plan, 22.5, 100.5, count=7).hex(" ") == "01 7d 03 27 42 00 00 08"
    assert received(plan, sent(plan, 22.5, 100.5)) == [22.5, 100.5]


def test_what_no_value_speaks_of_stays_as_it_was() -> None:
    plan = plan_of(row("Car.Speed", "M.SPEED"), rules={})
    base = bytes.fromhex("ff ee dd cc bb aa 99 88")
    assert sent(plan, 1.0, base=base).hex(" ") == "ff ee dd 00 64 aa 99 88"


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=8, max_size=8), st.integers(0, 1 << 16))
def test_any_base_gets_the_right_checksum_and_count(base: bytes, count: int) -> None:
    plan = plan_of(row("Car.Number0", "M.ODD"))
    data = sent(plan, 3.0, base=base, count=count)
    assert CHECKSUMS["id-nibble-sum"].holds(256, data)
    assert data[2] & 3 == count % 4
    assert received(plan, data) == [3.0]


CONDITIONS = {
    "a condition that holds is left as it is": (held("MODE", (2, 5)), (), 4, 4),
    "a condition that does not hold gets the lowest value": (held("MODE", (7, 7), (2, 5)), (), 1, 2),
    "of two conditions both are met": ((*held("MODE", (2, 9)), *held("MODE", (8, 15))), (), 0, 8),
    "what must not hold is left where it does not": ((), held("MODE", (2, 9)), 1, 1),
    "what must not hold is moved to the lowest other value": ((), held("MODE", (0, 9)), 5, 10),
    "a condition beside what must not hold": (held("MODE", (3, 9)), held("MODE", (0, 6)), 0, 7),
}


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions_in_the_same_message_are_made_to_hold(case: str) -> None:
    when, unless, before, after = CONDITIONS[case]
    plan = plan_of(row("Car.Speed", "M.SPEED", when=when, unless=unless), rules={})
    data = sent(plan, 50.0, base=bytes([before << 4, *bytes(7)]))
    assert data[0] >> 4 == after
    assert received(plan, data) == [50.0]


def test_of_values_on_two_pages_the_page_of_the_last_one_goes_out() -> None:
    plan = plan_of(row("Car.Number0", "M.ODD"), row("Car.Number1", "M.EVEN"))
    assert received(plan, sent(plan, 3.0, -7.0)) == [-7.0]


NOT_AVAILABLE = {
    "the first code for it": (row("Car.Speed", "M.SPEED", invalid=((0xFFFE, 0xFFFF),)), 0xFFFE),
    "with a table the highest raw value that is not named": (
        row("Car.State", "M.MODE", values={15: "ON", 0: "OFF"}), 14,
    ),
    "with a table and a code for it the code": (
        row("Car.State", "M.MODE", values={0: "OFF"}, other="ON", invalid=((9, 9),)), 9,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_AVAILABLE)
def test_none_goes_out_as_the_code_for_not_available(case: str) -> None:
    wanted, raw = NOT_AVAILABLE[case]
    plan = plan_of(wanted)
    assert raw_of(plan.rows[0], None) == raw
    assert received(plan, sent(plan, None)) == [None]


def test_none_goes_out_as_NaN_where_the_field_holds_floating_point_numbers() -> None:
    plan = plan_of(row("Car.Number0", "FLOATS.SINGLE"))
    assert math.isnan(raw_of(plan.rows[0], None))
    assert received(plan, sent(plan, None)) == [None]


REFUSED = {
    "above what the field carries": (
        row("Car.Speed", "M.SPEED"), 655.36, "Car.Speed: expected 0 to 655.35, what M carries, got 655.36",
    ),
    "below what the field carries": (
        row("Car.Number0", "M.ODD"), -40.5, "Car.Number0: expected -40 to 87.5, what M carries, got -40.5",
    ),
    "above what a scale below 0 leaves": (
        row("Car.Number0", "M.ODD", scale=-1), 41, "Car.Number0: expected -87.5 to 40, what M carries, got 41",
    ),
    "infinity": (row("Car.Speed", "M.SPEED"), math.inf, "Car.Speed: expected 0 to 655.35, what M carries, got inf"),
    "NaN": (row("Car.Speed", "M.SPEED"), math.nan, "Car.Speed: expected 0 to 655.35, what M carries, got nan"),
    "above 32-bit floating point": (
        row("Car.Number0", "FLOATS.SINGLE"), 1e39,
        "Car.Number0: expected -6.80565e+38 to 6.80565e+38, what FLOATS carries, got 1e+39",
    ),
    "infinity where the field has a code for it": (
        row("Car.Number0", "FLOATS.SINGLE"), math.inf,
        "Car.Number0: expected -6.80565e+38 to 6.80565e+38, what FLOATS carries, got inf",
    ),
    "a value whose code means not available": (
        row("Car.Speed", "M.SPEED", invalid=((100, 200),)), 1.5,
        "Car.Speed: expected a value whose code does not mean not available, got 1.5",
    ),
    "a value that no table entry means": (
        row("Car.State", "M.MODE", values={0: "OFF", 1: "ON"}), "ERROR",
        "Car.State: expected one of OFF, ON, got 'ERROR'",
    ),
    "a truth whose code means not available": (
        row("Car.Switch", "M.BIT", invalid=((-1, -1),)), True,
        "Car.Switch: expected a value that M carries, got True",
    ),
    "nothing where there is no code for it": (
        row("Car.Speed", "M.SPEED"), None, "Car.Speed: expected a value, as the car has no code for none, got None",
    ),
    "nothing where all codes have a meaning": (
        row("Car.State", "M.BIT", values={0: "OFF", -1: "ON"}), None,
        "Car.State: expected a value, as the car has no code for none, got None",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_car_cannot_carry_is_refused(case: str) -> None:
    wanted, value, text = REFUSED[case]
    with pytest.raises(ValueRefused) as refused:
        sent(plan_of(wanted), value)
    assert str(refused.value) == text


TABLES = {
    "a value of the table": ({1: "OFF", 2: "ON"}, None, (), "ON", 2),
    "of two codes the first": ({4: "ON", 2: "ON"}, None, (), "ON", 4),
    "a code that means not available is not taken": ({1: "ON", 2: "ON"}, None, ((1, 1),), "ON", 2),
    "the value of all others gets the lowest that is not named": ({0: "OFF", 1: "OFF"}, "ERROR", ((2, 2),), "ERROR", 3),
}


@pytest.mark.parametrize("case", TABLES)
def test_values_of_tables(case: str) -> None:
    values, other, invalid, value, raw = TABLES[case]
    plan = plan_of(row("Car.State", "M.MODE", values=values, other=other, invalid=invalid))
    assert raw_of(plan.rows[0], value) == raw
    assert received(plan, sent(plan, value)) == [value]


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("source", ["M.BIT", "M.MODE", "M.SPEED", "FLOATS.DOUBLE"])
def test_truths_come_back_from_any_field(source: str, value: bool) -> None:
    plan = plan_of(row("Car.Switch", source))
    assert received(plan, sent(plan, value)) == [value]


def test_a_truth_does_not_go_out_as_a_code_for_not_available() -> None:
    plan = plan_of(row("Car.Switch", "M.MODE", invalid=((1, 3), (4, 4))))
    assert raw_of(plan.rows[0], True) == 5
    assert received(plan, sent(plan, True)) == [True]


def test_the_highest_64_bit_number_goes_out_though_its_double_is_one_more() -> None:
    plan = plan_of(row("Car.Number0", "WIDE.WORD"))
    assert raw_of(plan.rows[0], float(2**64)) == 2**64 - 1
    assert received(plan, sent(plan, float(2**64))) == [float(2**64)]


@settings(deadline=None, max_examples=200)
@given(st.floats(-2000, 2000), st.sampled_from([("WHOLE", "FRACTION"), ("STEPS", "REST")]))
def test_a_sum_of_two_fields_carries_any_value_to_half_a_step_of_the_finer_one(
    value: float, parts: tuple[str, str]
) -> None:
    first, second = parts
    plan = plan_of(row("Car.Number0", f"ANGLES.{first}", plus=second))
    (back,) = received(plan, sent(plan, abs(value) if first == "STEPS" else value))
    assert abs(back - (abs(value) if first == "STEPS" else value)) <= 0.05 + 1e-9


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_field_that_is_written_is_read_back_and_no_other_bit_changes(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 64))
    first, shift = data.draw(st.integers(0, 55)), data.draw(st.integers(0, 7))
    signed, little = data.draw(st.booleans()), data.draw(st.booleans())
    field = Field(first, (shift + length + 7) // 8, shift, length, little, signed, False)
    raw = data.draw(st.integers(*field.raws))
    before = data.draw(st.binary(min_size=64, max_size=64))
    after = bytearray(before)
    put(after, field, raw)
    assert raw_value(field, bytes(after)) == raw
    put(after, field, raw_value(field, before))
    assert bytes(after) == before


def test_raws_go_out_as_they_are() -> None:
    plan = plan_of(row("Car.Speed", "M.SPEED", invalid=((0xFFFF, 0xFFFF),)), rules={})
    (message,) = plan.messages
    assert with_raws(message, {message.rows[0]: 0xFFFF}).hex(" ") == "00 00 00 ff ff 00 00 00"

"""Answers on diagnostics in a recording: put together, told apart, decoded as the engine for live use decodes them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from databases import FILE, VOCABULARY, Sent, blocks
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.frame_engine import Counts, FrameEngine
from renkei.can.frames import EXTENDED
from renkei.can.isotp import frames_of
from renkei.can.plan import Plan
from renkei.can.uds import Answers, column_of
from renkei.samples import INVALID, Column, Quality
from renkei.vehicle import Bus, Condition, Map, Row, UdsAnswer, UdsSignal

DBC = """
BO_ 256 UNITS: 2 X
 SG_ MILES : 0|1@1+ (1,0) [0|0] "" X
 SG_ LEVEL : 8|8@1+ (1,0) [0|0] "" X
"""
BATTERY, GATEWAY = 0x7BB, 0x18DAF101 | EXTENDED
SIGNALS = {
    "CELLS": UdsSignal(16, 16, False, 0.001, 0, None, 3),
    "TEMPERATURES": UdsSignal(64, 4, True, 10, 0, None, 5),  # half bytes, to byte 11
    "LEVEL": UdsSignal(16, 8, False, 0.5, -10, None, None),
    "KIND": UdsSignal(17, 2, False, 1, 0, None, None),
    "CURRENT": UdsSignal(23, 12, True, 0.1, 0, None, None),
    "NUMBER": UdsSignal(19, 64, False, 1, 0, None, None),
}


def answer(name: str, id_: int, prefix: str, *lengths: int) -> UdsAnswer:
    return UdsAnswer("can", name, 0x79B, id_, bytes.fromhex(prefix), lengths, SIGNALS)


ANSWERS = [
    answer("FIRST", BATTERY, "61 01"),
    answer("OLD", BATTERY, "61 02", 8, 9),
    answer("NEW", BATTERY, "61 02", 12),
    answer("WIDE", GATEWAY, "62 20 2a"),
]


def row(path: str, source: str, **extras: Any) -> Row:
    message, signal = source.split(".")
    return Row(path, "can", message, signal, ("test",), **extras)


def held(source: str, *raws: tuple[int, int]) -> tuple[Condition, ...]:
    message, signal = source.split(".")
    return (Condition("can", message, signal, raws),)


def plan_of(*rows: Row) -> Plan:
    uds = {("can", a.name): a for a in ANSWERS}
    return compile_plan(
        Map("test", FILE, {"can": Bus("can", (), None)}, {}, uds, rows), {"can": [parse(DBC, "x.dbc")]}, VOCABULARY
    )


def values_of(columns: Iterable[Column]) -> dict[str, list[Any]]:
    """Values by path: None, INVALID, numbers, texts and lists."""
    found: dict[str, list[Any]] = {}
    for column in columns:
        signal = VOCABULARY.signals[column.index]
        for value, quality in zip(column.value.tolist(), column.quality.tolist(), strict=True):
            if quality == Quality.OK and column.texts is not None:
                value = json.loads(column.texts[int(value)]) if signal.is_array else column.texts[int(value)]
            plain = {Quality.NOT_AVAILABLE: None, Quality.INVALID: INVALID}.get(quality, value)
            found.setdefault(signal.path, []).append(plain)
    return found


def live(plan: Plan, sent: Sequence[Sent]) -> tuple[dict[str, list[Any]], Counts]:
    """The same from the engine for live use."""
    engine, found = FrameEngine(plan), dict[str, list[Any]]()
    for s in sent:
        for index, value in engine.decode("can", s.id, s.data, s.t):
            found.setdefault(VOCABULARY.signals[index].path, []).append(value)
    return found, engine.counts


def heard(plan: Plan, *payloads: str | tuple[int, str]) -> tuple[dict[str, list[Any]], Counts]:
    """What Answers makes of whole answers of the battery, or of (identifier, frame); FrameEngine must agree."""
    sent: list[Sent] = []
    for payload in payloads:
        id_, text = (BATTERY, payload) if isinstance(payload, str) else payload
        data = bytes.fromhex(text)
        sent += [Sent(len(sent), 0, id_, frame) for frame in (frames_of(data) if isinstance(payload, str) else [data])]
    answers = Answers(plan)
    values = values_of(c for frames in blocks(sent, range(len(sent))) for c in answers.decode(frames, [("can",)]))
    assert values == live(plan, sent)[0]
    return values, answers.counts


def test_an_array_and_numbers_across_bytes_come_out_of_one_answer() -> None:
    """Bits 23 to 34 of it are 1 0100 0010 000: with a sign."""
    sources = {"Car.Doubles": "CELLS", "Car.Number0": "CURRENT", "Car.Number1": "NUMBER"}
    values, counts = heard(
        plan_of(*(row(path, f"FIRST.{signal}") for path, signal in sources.items())),
        "61 01 0f 42 0f 46 0f 3c ff ff ff ff",
    )
    number = int("".join(f"{b:08b}" for b in bytes.fromhex("61 01 0f 42 0f 46 0f 3c ff ff ff ff"))[19:83], 2)
    assert values == {
        "Car.Doubles": [[3.906, 3.91, 3.9]],
        "Car.Number0": [pytest.approx((0b101000010000 - 4096) * 0.1)],
        "Car.Number1": [float(number)],
    }
    assert counts == Counts(frames=2, decoded=2)


def test_elements_that_are_not_available_or_cannot_be_true_make_the_array_so() -> None:
    plan = plan_of(row("Car.Bytes", "FIRST.CELLS", scale=1000.0, invalid=((0xFFFF, 0xFFFF),)))
    values, counts = heard(
        plan, "61 01 00 01 00 02 00 03", "61 01 00 01 ff ff 00 03", "61 01 01 00 ff ff 02 00", "61 01 00 ff 00 00 00 00"
    )
    assert values == {"Car.Bytes": [[1.0, 2.0, 3.0], None, INVALID, [255.0, 0.0, 0.0]]}
    assert counts.out_of_range == 2


def test_signed_elements_of_half_a_byte() -> None:
    values, _ = heard(plan_of(row("Car.Doubles", "FIRST.TEMPERATURES")), "61 01 00 00 00 00 00 00 17 8f 00")
    assert values == {"Car.Doubles": [[10.0, 70.0, -80.0, -10.0, 0.0]]}


def test_an_answer_that_is_too_short_for_a_row_leaves_it_out() -> None:
    plan = plan_of(row("Car.Doubles", "FIRST.CELLS"), row("Car.Number0", "FIRST.LEVEL"))
    values, counts = heard(plan, "61 01 14", "61 01", "61 01 14 00 00 00 00", "61 01 16 00 00 00 00 00")
    assert values == {"Car.Number0": [0.0, 0.0, 1.0], "Car.Doubles": [[pytest.approx(5.632), 0.0, 0.0]]}
    assert counts.short == 0  # no length was said to be the right one


def test_answers_with_one_prefix_are_told_apart_by_their_length_and_others_are_counted() -> None:
    plan = plan_of(row("Car.Number0", "OLD.LEVEL"), row("Car.Number1", "NEW.LEVEL"))
    values, counts = heard(plan, "61 02 14 00 00 00 00 00", "61 02 16 00 00 00 00 00 00 00 00 00", "61 02 18 00")
    assert values == {"Car.Number0": [0.0], "Car.Number1": [1.0]}
    assert counts.short == 1


@pytest.mark.parametrize("other", ["7f 21 78", "61 03 14", "62 01 14", "61"])
def test_what_does_not_begin_like_the_answer_says_nothing(other: str) -> None:
    values, counts = heard(plan_of(row("Car.Number0", "FIRST.LEVEL")), other)
    assert values == {}
    assert counts == Counts(frames=1, decoded=1)


def test_conditions_in_the_same_answer() -> None:
    plan = plan_of(
        row("Car.Number0", "FIRST.LEVEL", when=held("FIRST.KIND", (1, 2))),
        row("Car.Number1", "FIRST.LEVEL", unless=held("FIRST.KIND", (1, 1), (3, 3))),
    )
    values, _ = heard(plan, "61 01 00", "61 01 20", "61 01 40", "61 01 60")
    assert values == {"Car.Number0": [6.0, 22.0], "Car.Number1": [-10.0, None, 22.0, None]}


def test_conditions_on_messages_hold_in_a_recording_as_they_do_live() -> None:
    plan = plan_of(
        row("Car.Number0", "FIRST.LEVEL", when=held("UNITS.MILES", (1, 1))), row("Car.Number1", "UNITS.LEVEL")
    )
    sent = [*(Sent(n, 0, 256, bytes([n % 2, n])) for n in range(4)), Sent(9, 0, 256, b"\1")]
    levels = [Sent(s.t, 0, BATTERY, bytes([3, 0x61, 1, s.t])) for s in sent]
    sent = [levels[0], *(s for pair in zip(sent, levels, strict=True) for s in pair)]
    answers = Answers(plan)
    values = values_of(c for frames in blocks(sent, range(len(sent))) for c in answers.decode(frames, [("can",)]))
    assert values == {"Car.Number0": [-9.5, -8.5, -5.5]}
    assert live(plan, sent)[0]["Car.Number0"] == values["Car.Number0"]
    assert answers.counts == Counts(frames=6, decoded=6)  # messages are decoded, and counted, elsewhere


def test_a_backup_in_an_answer_is_silent_once_the_message_was_heard() -> None:
    plan = plan_of(row("Car.Number0", "UNITS.LEVEL"), row("Car.Number0", "FIRST.LEVEL", backup=True))
    answers = Answers(plan)
    sent = [
        Sent(0, 0, BATTERY, b"\3\x61\1\x14"), Sent(1, 0, 256, b"\0\7"), Sent(2, 0, BATTERY, b"\3\x61\1\x16")
    ]  # fmt: skip
    columns = [c for frames in blocks(sent, [1, 2]) for c in answers.decode(frames, [("can",)])]
    assert values_of(columns) == {"Car.Number0": [0.0]}
    assert live(plan, sent)[0] == {"Car.Number0": [0.0, 7.0]}


def test_a_broken_answer_is_counted_and_the_next_one_is_whole() -> None:
    plan = plan_of(row("Car.Number0", "FIRST.LEVEL"))
    first = frames_of(bytes.fromhex("61 01 14") + bytes(40))
    lost = [(BATTERY, frame.hex()) for k, frame in enumerate(first) if k != 3]
    values, counts = heard(plan, *lost, "61 01 16")
    assert values == {"Car.Number0": [1.0]}
    assert counts.broken_answers == 1


def test_two_senders_may_answer_at_the_same_time() -> None:
    plan = plan_of(row("Car.Number0", "FIRST.LEVEL"), row("Car.Number1", "WIDE.CURRENT"))
    one, two = frames_of(bytes.fromhex("61 01 14") + bytes(20)), frames_of(bytes.fromhex("62 20 2a 02 80") + bytes(18))
    in_turn = [x for a, b in zip(one, two, strict=True) for x in ((BATTERY, a.hex()), (GATEWAY, b.hex()))]
    values, counts = heard(plan, *in_turn)
    assert values == {"Car.Number0": [0.0], "Car.Number1": [2.0]}  # 0 0000 0010 100 from bit 23 on
    assert counts.broken_answers == 0


def test_answers_on_a_channel_that_is_no_bus_of_the_car_are_left_alone() -> None:
    sent = [Sent(0, 1, BATTERY, b"\3\x61\1\x14"), Sent(1, 0, BATTERY, b"\3\x61\1\x16")]
    (frames,) = blocks(sent)
    assert values_of(Answers(plan_of(row("Car.Number0", "FIRST.LEVEL"))).decode(frames, [("can",), ()])) == {
        "Car.Number0": [1.0]
    }


def test_a_plan_without_answers_finds_none() -> None:
    (frames,) = blocks([Sent(0, 0, BATTERY, b"\3\x61\1\x14"), Sent(1, 0, 256, b"\0\1")])
    assert Answers(plan_of(row("Car.Number0", "UNITS.LEVEL"))).decode(frames, [("can",)]) == []


def test_a_column_of_pairs_keeps_times_texts_and_what_is_no_value() -> None:
    column = column_of(7, [(5, "ON"), (6, None), (7, INVALID), (9, "OFF")])
    assert column.index == 7
    assert column.t.tolist() == [5, 6, 7, 9]
    assert column.quality.tolist() == [Quality.OK, Quality.NOT_AVAILABLE, Quality.INVALID, Quality.OK]
    assert column.texts is not None
    assert [column.texts[int(v)] for v in column.value[[0, 3]]] == ["ON", "OFF"]
    assert column_of(7, [(5, True), (6, 2.5)]).value.tolist() == [1.0, 2.5]
    assert column_of(7, [(5, 2.5)]).texts is None


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 200), max_size=5))
def test_answers_in_a_recording_are_decoded_as_live(seed: int, cuts: list[int]) -> None:
    """Answers whole and broken, of two senders, among other frames, cut into blocks anywhere."""
    rng = random.Random(seed)
    plan = plan_of(
        row("Car.Doubles", "FIRST.CELLS"), row("Car.Bytes", "NEW.CELLS", invalid=((5, 5000),)),
        row("Car.Number0", "OLD.CURRENT"), row("Car.Number1", "WIDE.NUMBER", when=held("UNITS.MILES", (1, 1))),
        row("Car.int16", "WIDE.CURRENT", unless=held("WIDE.KIND", (2, 3))), row("Car.Switch", "FIRST.KIND"),
        row("Car.State", "NEW.KIND", values={0: "OFF", 2: "ON"}),
    )  # fmt: skip
    streams: list[list[tuple[int, bytes]]] = []
    for id_, prefixes in ((BATTERY, ("6101", "6102", "7f21")), (GATEWAY, ("62202a", "622028"))):
        stream: list[tuple[int, bytes]] = []
        for _ in range(rng.randrange(1, 8)):
            body = rng.randbytes(rng.choice((0, 1, 6, 7, 10, 10, 30)))
            parts = frames_of(bytes.fromhex(rng.choice(prefixes)) + body)
            stream += [(id_, part) for part in parts if rng.random() < 0.95]
        streams.append(stream)
    streams.append([(256, rng.randbytes(rng.choice((1, 2, 2, 2)))) for _ in range(rng.randrange(6))])
    sent: list[Sent] = []
    while any(streams):
        id_, data = rng.choice([s for s in streams if s]).pop(0)
        sent.append(Sent(len(sent), 0, id_, data))
    answers = Answers(plan)
    values = values_of(c for frames in blocks(sent, cuts) for c in answers.decode(frames, [("can",)]))
    expected, counts = live(plan, sent)
    assert values == expected
    units = [s for s in sent if s.id == 256]
    mine = (answers.counts.frames, answers.counts.decoded, answers.counts.broken_answers, answers.counts.out_of_range)
    good = sum(len(s.data) == 2 for s in units)
    assert mine == (
        counts.frames - len(units), counts.decoded - good, counts.broken_answers, counts.out_of_range
    )  # fmt: skip
    assert answers.counts.short == counts.short - (len(units) - good)
    assert np.isfinite([v for several in values.values() for v in several if isinstance(v, float)]).all()

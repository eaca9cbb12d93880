"""Rows that wait for another message to stay silent, and rows that add two signals: both engines, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.columns import ColumnEngine
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.encode import payload
from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import Frames
from renkei.can.plan import Plan
from renkei.errors import CatalogueError
from renkei.vehicle import Bus, Map, Row
from renkei.vocabulary import Signal, Vocabulary

DBC = """VERSION ""
NS_ :
BS_:
BU_: X
BO_ 10 FIRST: 2 X
 SG_ SPEED : 0|16@1+ (0.01,0) [0|655.35] "km/h" X
BO_ 11 COPY: 2 X
 SG_ SPEED : 0|16@1+ (0.01,0) [0|655.35] "km/h" X
BO_ 12 ANGLES: 3 X
 SG_ WHOLE : 0|12@1- (1.5,0) [0|0] "degrees" X
 SG_ FRACTION : 16|4@1- (0.1,0) [0|0] "degrees" X
"""
VOCABULARY = Vocabulary(
    [Signal(0, "Speed", "sensor", "double", "km/h"), Signal(0, "Angle", "sensor", "double", "degrees")], "test"
)
SPEED = Row("Speed", "can", "FIRST", "SPEED", ("test",))
COPY = Row("Speed", "can", "COPY", "SPEED", ("test",), backup=True)
ANGLE = Row("Angle", "can", "ANGLES", "WHOLE", ("test",), scale=-1, unit="degrees", plus="FRACTION")


def plan_with(*rows: Row) -> Plan:
    map_ = Map("m/m", Path("m.toml"), {"can": Bus("can", (), None)}, {}, {}, rows)
    return compile_plan(map_, {"can": [parse(DBC, "test.dbc")]}, VOCABULARY)


def by_columns(plan: Plan, sent: list[tuple[int, bytes]], split: int) -> list[tuple[int, int, float]]:
    engine, found = ColumnEngine(plan), []
    for part in (range(split), range(split, len(sent))):
        data = np.zeros((len(part), 8), np.uint8)
        for row, k in enumerate(part):
            data[row, : len(sent[k][1])] = list(sent[k][1])
        ids = np.array([sent[k][0] for k in part], np.uint32)
        lengths = np.array([len(sent[k][1]) for k in part], np.uint8)
        times = np.array(list(part), np.int64)
        frames = Frames(times, np.zeros(len(part), np.uint8), ids, lengths, data, ("can0",))
        for column in engine.decode(frames, [("can",)]):
            found += [(t, column.index, v) for t, v in zip(column.t.tolist(), column.value.tolist(), strict=True)]
    return sorted(found)


def by_frames(plan: Plan, sent: list[tuple[int, bytes]]) -> list[tuple[int, int, float]]:
    engine = FrameEngine(plan)
    return sorted((t, i, v) for t, (id_, data) in enumerate(sent) for i, v in engine.decode("can", id_, data, t))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([10, 11, 12]), st.binary(min_size=3, max_size=3))), st.integers(0, 20))
def test_a_backup_speaks_only_until_the_first_choice_is_heard(sent: list[tuple[int, bytes]], split: int) -> None:
    plan = plan_with(SPEED, COPY, ANGLE)
    frames = by_frames(plan, sent)
    assert by_columns(plan, sent, min(split, len(sent))) == frames
    heard = next((t for t, (id_, _) in enumerate(sent) if id_ == 10), len(sent))
    expected = [t for t, (id_, _) in enumerate(sent) if id_ == 10 or (id_ == 11 and t < heard)]
    assert [t for t, index, _ in frames if index == 0] == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(-2048, 2047), st.integers(-8, 7))
def test_two_signals_are_added_and_come_back(whole: int, fraction: int) -> None:
    plan = plan_with(ANGLE)
    data = (whole & 0xFFF).to_bytes(2, "little") + bytes([fraction & 0xF])
    [(_, value)] = FrameEngine(plan).decode("can", 12, data, 0)
    assert value == pytest.approx(-(1.5 * whole + 0.1 * fraction), abs=1e-9)
    [(_, again)] = FrameEngine(plan).decode("can", 12, payload(plan.messages[0], {plan.rows[0]: value}), 0)
    assert again == pytest.approx(value, abs=1e-9)


WRONG = {
    "a backup alone": ((COPY,), "signals.Speed.backup: expected another row for the signal"),
    "a backup of its own message": (
        (SPEED, Row("Speed", "can", "FIRST", "SPEED", ("test",), backup=True)),
        "signals.Speed.backup: expected another row for the signal, from another CAN message",
    ),
    "a second signal that is not there": (
        (Row("Angle", "can", "ANGLES", "WHOLE", ("test",), plus="FRACTON"),),
        "signals.Angle.plus: expected a signal of ANGLES, got 'FRACTON'; did you mean 'FRACTION'?",
    ),
}


@pytest.mark.parametrize(("rows", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_row_is_named(rows: tuple[Row, ...], expected: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        plan_with(*rows)
    assert expected in str(caught.value)

"""When a value is worth an event, and which points of a curve are needed."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.doors.viss.filters import COMPARISONS, Change, Curvelog, Range
from renkei.doors.viss.refusals import Refused
from renkei.doors.viss.triggers import Curve, changed, essential, in_range
from renkei.vocabulary import Signal

NUMBER = Signal(0, "A.Number", "sensor", "float")
SWITCH = Signal(0, "A.Switch", "sensor", "boolean")
TEXT = Signal(0, "A.Text", "sensor", "string")
LIST = Signal(0, "A.List", "sensor", "float[]")

CHANGES = {
    "every rise": (NUMBER, "gt", 0, 5, [6, 5, 5.5, 5.5, 4], [6, 5.5]),
    "every fall": (NUMBER, "lt", 0, 5, [6, 5, 5.5, 5.5, 4], [5, 4]),
    "every change": (NUMBER, "ne", 0, 5, [5, 6, 6, 5], [6, 5]),
    "no change": (NUMBER, "eq", 0, 5, [5, 6, 6, 5], [5, 6]),
    "a slow rise adds up": (NUMBER, "gt", 10, 0, [4, 8, 12, 16, 20, 24], [12, 24]),
    "a fall of more than 10": (NUMBER, "lt", -10, 50, [45, 39, 30, 29], [39]),
    "a rise of at least 10": (NUMBER, "gte", 10, 0, [9.5, 10, 19], [10]),
    "a rise from nothing known": (NUMBER, "gt", 0, None, [5, 6], [6]),
    "a change from nothing known": (NUMBER, "ne", 0, None, [5, 5], [5]),
    "a change to nothing known, told once": (NUMBER, "ne", 0, 5, [None, None, 5], [None, 5]),
    "to true": (SWITCH, "gt", 0, False, [True, True, False, True], [True, True]),
    "to false": (SWITCH, "lt", 0, False, [True, False, False], [False]),
    "either way": (SWITCH, "ne", 0, False, [False, True, False], [True, False]),
    "another text": (TEXT, "ne", 0, "a", ["a", "b", "b", "a"], ["b", "a"]),
    "another list": (LIST, "ne", 0, [1.0], [[1.0], [2.0]], [[2.0]]),
}


@pytest.mark.parametrize(("signal", "op", "diff", "first", "values", "worth"), CHANGES.values(), ids=CHANGES)
def test_change(signal, op, diff, first, values, worth):
    trigger = changed(Change(COMPARISONS[op], diff), signal, first)
    assert [v for v in values if trigger(v)] == worth


@pytest.mark.parametrize(
    ("signal", "op", "diff"), [(SWITCH, "gt", 1), (TEXT, "gt", 0), (TEXT, "ne", 1), (LIST, "lt", 0)]
)
def test_a_difference_that_values_do_not_have_is_refused(signal, op, diff):
    with pytest.raises(Refused):
        changed(Change(COMPARISONS[op], diff), signal, None)


RANGES = {
    "above": ([("gt", 5)], False, [6]),
    "not below": ([("gte", 5)], False, [5, 6]),
    "exactly": ([("eq", 5)], False, [5]),
    "anything else": ([("ne", 5)], False, [4, 6]),
    "between": ([("gt", 4), ("lt", 6)], False, [5]),
    "outside": ([("lt", 5), ("gt", 5)], True, [4, 6]),
}


@pytest.mark.parametrize(("boundaries", "either", "worth"), RANGES.values(), ids=RANGES)
def test_range(boundaries, either, worth):
    trigger = in_range(Range(tuple((COMPARISONS[op], b) for op, b in boundaries), either), NUMBER)
    assert [v for v in (4, None, 5, 6) if trigger(v)] == worth


@pytest.mark.parametrize("signal", [SWITCH, TEXT, LIST])
def test_a_range_needs_numbers(signal):
    with pytest.raises(Refused):
        in_range(Range(((operator.gt, 0.0),), False), signal)


def test_a_straight_line_needs_two_points_and_a_corner_three():
    assert essential([(t, 2.0 * t) for t in range(10)], 0.01) == [0, 9]
    assert essential([(t, abs(t - 4.0)) for t in range(10)], 0.01) == [0, 4, 9]
    assert essential([(t, abs(t - 4.0)) for t in range(10)], 10.0) == [0, 9]


@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(-1e3, 1e3)), min_size=2, max_size=60), st.floats(0, 100))
def test_no_point_is_missed_by_more_than_the_error(steps, maxerr):
    times = np.cumsum([t for t, _ in steps])
    points = [(int(t), v) for t, (_, v) in zip(times, steps, strict=True)]
    kept = essential(points, maxerr)
    drawn = np.interp(times, times[kept], [points[i][1] for i in kept])
    assert np.max(np.abs(drawn - [v for _, v in points])) <= maxerr + 1e-6


def test_points_of_one_time_are_no_fault():
    assert essential([(5, 1.0), (5, 2.0), (5, 1.0)], 0.5) == [0, 1, 2]


def test_a_curve_goes_on_where_its_last_event_ended():
    curve = Curve(Curvelog(0.1, 3))
    assert [curve.add(t, float(t)) for t in range(3)] == [None, None, [0, 2]]
    assert [curve.add(t, float(t)) for t in range(3, 6)] == [None, None, [2]]
    assert [curve.add(6, 6.0), curve.add(7, 0.0), curve.add(8, 0.0)] == [None, None, [0, 1, 2]]

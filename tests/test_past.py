"""What signals were before, and how far back that goes."""

from renkei.datapoint import Datapoint
from renkei.past import POINTS, STEP_NS, Past

SPEED, NAME = 0, 1


def past_of(*values, index=SPEED, step_ns=STEP_NS):
    """Each value after the other, so far apart; the last of them is the present one."""
    past, before = Past(), Datapoint(None, 0, 0)
    for n, value in enumerate(values, 1):
        past.keep(index, before)
        before = Datapoint(value, n, n * step_ns)
    return past


def values(past, index=SPEED, since_ns=0):
    return [point.value for point in past.since(index, since_ns)]


def test_the_present_value_is_not_of_the_past():
    assert values(past_of(1.0)) == []
    assert values(past_of(1.0, 2.0, 3.0)) == [1.0, 2.0]


def test_only_what_came_since_then():
    assert values(past_of(1.0, 2.0, 3.0, 4.0), since_ns=2 * STEP_NS) == [2.0, 3.0]


def test_what_was_never_said_is_not_of_the_past_and_what_was_not_available_is():
    assert values(past_of(1.0, None, 2.0)) == [1.0, None]


def test_points_that_come_fast_are_kept_a_step_apart():
    assert values(past_of(*range(31), step_ns=STEP_NS // 10)) == [0, 10, 20]


def test_memory_is_bounded():
    past = past_of(*range(3 * POINTS))
    assert values(past) == list(range(2 * POINTS - 1, 3 * POINTS - 1))
    assert values(past_of("a", "b" * 10_000, "c", "d", index=NAME), NAME) == ["a", "c"]


def test_a_signal_that_never_came_has_no_past():
    assert values(Past()) == []

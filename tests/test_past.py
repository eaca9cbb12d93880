"""What signals were before, and how far back that goes."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from renkei.broker.datapoint import Datapoint
from renkei.broker.past import POINTS, STEP_NS, Past

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


POINT = st.builds(
    Datapoint,
    st.one_of(st.floats(allow_nan=False), st.integers(-(2**63), 2**64 - 1), st.booleans(), st.text(max_size=3),
              st.none(), st.lists(st.integers(0, 9), max_size=3)),
    st.integers(-(2**70), 2**70), st.just(0), st.sampled_from(["", "a", "b"]), st.sampled_from(["stale", "invalid"]),
)  # fmt: skip


def told(point):
    return type(point.value), point.value, point.t_source_ns, point.t_receive_ns, point.source, point.quality


@given(st.lists(POINT, max_size=30))
def test_what_is_kept_comes_back_as_it_was(points):
    """Whatever types, sources and times a client makes up, one after the other."""
    past = Past()
    past.keep(SPEED, Datapoint(None, 0, 0))
    for n, point in enumerate(points, 1):
        point.t_receive_ns = n * STEP_NS
        past.keep(SPEED, point)
    assert [told(point) for point in past.since(SPEED, 0)] == [told(point) for point in points]


def test_what_is_no_number_is_forgotten_with_its_time():
    said = [f"{n}" if n % 2 else float(n) for n in range(3 * POINTS)]
    assert values(past_of(*said)) == said[-POINTS - 1 : -1]


def test_numbers_take_little_memory():
    """A fleet keeps millions of points: as objects each would take six times as much."""
    points = [Datapoint(float(n), n, n * STEP_NS) for n in range(POINTS)]
    past = Past()
    past.keep(SPEED, Datapoint(None, 0, 0))
    tracemalloc.start()
    try:
        for point in points:
            past.keep(SPEED, point)
        assert tracemalloc.get_traced_memory()[0] < 40 * POINTS
    finally:
        tracemalloc.stop()

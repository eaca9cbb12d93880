"""Sums over a drive: what is above and below zero kept apart, nothing summed over silence."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.apps.sums import LONGEST_GAP_S, Extent, Integral

STEP_NS = 1_000_000_000
VALUES = st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=50)


def summed(values, step_ns=STEP_NS):
    integral = Integral()
    for n, value in enumerate(values):
        integral.take(n * step_ns, value)
    return integral


def test_a_steady_speed_over_an_hour():
    assert summed([36.0] * 3601).above == pytest.approx(36.0)


def test_a_step_through_zero_is_split_where_it_passes():
    integral = summed([10.0, -30.0])
    assert integral.above * 3600 == pytest.approx(10 / 2 / 4)
    assert integral.below * 3600 == pytest.approx(-30 / 2 * 3 / 4)


@given(VALUES)
def test_above_and_below_are_the_trapezoids_of_the_whole(values):
    integral = summed(values)
    whole = sum((a + b) / 2 for a, b in pairwise(values)) / 3600
    assert integral.total == pytest.approx(whole, abs=1e-6)
    assert integral.above >= 0 >= integral.below


@given(VALUES)
def test_what_is_turned_round_is_the_same_with_above_and_below_exchanged(values):
    turned = summed([-value for value in values])
    assert (turned.above, -turned.below) == pytest.approx((-summed(values).below, summed(values).above), abs=1e-9)


def test_silence_is_not_summed_but_told():
    integral = summed([100.0, 100.0], step_ns=int((LONGEST_GAP_S + 1) * 1e9))
    assert (integral.total, integral.gap_s) == (0.0, LONGEST_GAP_S + 1)


def test_what_is_not_known_in_between_is_not_summed():
    assert summed([100.0, None, 100.0]).total == 0.0


def test_time_that_goes_backwards_adds_nothing():
    integral = Integral()
    for t_ns in (2 * STEP_NS, STEP_NS):
        integral.take(t_ns, 100.0)
    assert integral.total == 0.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_an_extent_is_from_the_least_to_the_most(values):
    extent = Extent()
    for value in values:
        extent.take(value)
    assert (extent.lowest, extent.highest) == (min(values), max(values))

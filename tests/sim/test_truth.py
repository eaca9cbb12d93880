"""Simulated energy from the wall against the public dynamometer tests; docs/simulation-truth.md is the table."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import sim_truth

from renkei.catalogue import Catalogue


@cache
def judged():
    cars = sim_truth.tested(Catalogue())
    return cars, sim_truth.Bench(cars).errors()


def test_cars_of_the_catalogue_are_within_4_percent_in_the_median():
    cars, errors = judged()
    named = np.array([t.vehicle is not None for t in cars])
    assert named.sum() >= 15
    assert sim_truth.median(errors[named]) < 0.04
    assert np.nanmax(abs(errors[named])) < 0.10


def test_cars_that_were_held_out_are_within_7_percent_in_the_median():
    cars, errors = judged()
    held = np.array([t.held_out for t in cars])
    assert 40 < held.sum() < len(cars) - 40
    assert sim_truth.median(errors[held]) < 0.07
    assert sim_truth.median(errors) < 0.07


def test_every_class_of_cars_is_within_bounds_also_of_the_half_that_was_held_out():
    cars, errors = judged()
    classes = np.array([sim_truth.class_of(t) for t in cars])
    held = np.array([t.held_out for t in cars])
    assert len(set(classes)) >= 6
    for name in set(classes):
        of = classes == name
        assert sim_truth.median(errors[of]) < 0.10, name
        if np.count_nonzero(~np.isnan(errors[of & held])) >= 6:
            assert sim_truth.median(errors[of & held]) < 0.10, name


def test_traps_of_the_list_are_left_out():
    cars, _ = judged()
    assert not any("CODA" in t.group for t in cars)
    assert [t.year for t in cars if "EB12-EM21" in t.name] == [2013]
    assert all(0 < m < 700 or np.isnan(m) for t in cars for m in t.measured)


def test_a_search_finds_the_least_of_a_bowl():
    found = sim_truth.least(lambda x: float(np.sum((x - np.array([1.0, -2.0])) ** 2)), np.zeros(2), np.ones(2), 120)
    assert found == pytest.approx([1, -2], abs=1e-4)


def test_closer_than_fastsim_where_it_has_the_car():
    peers = sim_truth._fastsim()
    if not peers:
        pytest.skip("fastsim is not installed")
    cars, errors = judged()
    for vehicle, energies in peers.items():
        ours = [abs(errors[i]).mean() for i, t in enumerate(cars) if t.vehicle == vehicle]
        theirs = [abs(np.array(energies) / t.measured - 1).mean() for t in cars if t.vehicle == vehicle]
        assert np.mean(ours) < np.mean(theirs)

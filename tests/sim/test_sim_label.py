"""Formulas of labels on public figures."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from renkei.sim.label import combined_mpge, combined_range, label_mpge, mpge, multi_cycle_range_km, wall_wh_per_km

TESTS = Path(__file__).parents[3] / "shared" / "data" / "epa" / "bev_dyno_tests.csv"

PUBLIC = {  # unadjusted city and highway (means of the public tests), factor; label city, highway, combined
    "Leaf 2011": ((149.1 + 154.0) / 2, (130.6 + 132.0) / 2, 0.7, 106, 92, 99),
    "Leaf 2018, city": (178.6, 142.9, 0.7, 125, 100, 112),
    "i-MiEV 2012": (180.0, 141.2, 0.7, 126, 99, 112),
    "Fit EV 2013": (188.6, 150.0, 0.7, 132, 105, 118),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_label_figures_are_exact_to_rounding(name):
    city, highway, factor, label_city, label_highway, label_combined = PUBLIC[name]
    assert label_mpge(city, factor) == label_city
    assert label_mpge(highway, factor) == label_highway
    assert round(combined_mpge(label_city, label_highway)) == label_combined


def test_every_public_row_converts_to_its_wall_energy():
    if not TESTS.is_file():
        pytest.skip("the public dynamometer tests are not at hand")
    rows = list(csv.DictReader(TESTS.read_text().splitlines()))
    assert len(rows) == 324
    for row in rows:
        printed, wall = float(row["fe_unadj_mpge"]), float(row["wall_Wh_per_mi"])
        if printed < 45:  # these are kWh for 100 miles
            assert wall == pytest.approx(printed * 10, abs=1e-3)
        else:
            assert wall_wh_per_km(printed) * 1.609344 == pytest.approx(wall, abs=6e-4)
            assert mpge(wall / 1.609344) == pytest.approx(printed, rel=1e-5)


def test_combined_range_weighs_distance():
    assert combined_range(100, 80) == pytest.approx(91)


def test_the_first_run_of_the_multi_cycle_test_counts_by_its_share():
    assert multi_cycle_range_km(2000, 160, 120, 40000) == pytest.approx(40000 / (0.05 * 160 + 0.95 * 120))
    assert multi_cycle_range_km(2000, 120, 120, 40000) == pytest.approx(40000 / 120)

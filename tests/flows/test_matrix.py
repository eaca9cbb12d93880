"""All pairs at once: what a matrix holds, and that it is what single verdicts say."""

from __future__ import annotations

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import UnknownName
from renkei.flows.judge import judge
from renkei.flows.matrix import draw, matrix

ALL = Catalogue()


def test_a_matrix_of_packs_and_modules_has_every_one_in_every_vehicle():
    kinds = ("battery-pack", "battery-module")
    batteries = [p for p in ALL.parts if ALL.part(p).kind in kinds]
    done: list[tuple[int, int]] = []
    found = matrix(ALL, "battery", "vehicles", progress=lambda n, of: done.append((n, of)))
    assert set(found.verdicts) == {(p, v) for p in batteries for v in ALL.vehicles}
    assert done[-1] == (len(found.verdicts), len(found.verdicts))
    counts = found.plain()["counts"]
    assert sum(counts.values()) == len(found.verdicts)
    assert min(counts["ok"], counts["unknown"], counts["break"]) > 0


def test_what_a_car_is_sold_with_is_ok_in_it():
    found = matrix(ALL, "battery-pack", "vehicles").verdicts
    sold = [(s.fitted, v) for v in ALL.vehicles for s in ALL.vehicle(v).slots.values() if s.kind == "battery-pack"]
    assert len(sold) > 10
    for pack, vehicle in sold:
        if pack:
            wrong = [f for f in found[pack, vehicle].findings if f.level != "ok"]
            assert wrong == [], (pack, vehicle)


@pytest.mark.parametrize("kinds", [("e-axles", "vehicles"), ("inverters", "e-axle"), ("modules", "battery-module-1.0")])
def test_a_matrix_says_of_each_pair_what_a_single_verdict_says(kinds):
    found = matrix(ALL, *kinds)
    for subject, host in [*found.verdicts][::11]:
        assert found.verdicts[subject, host].plain() == judge(ALL, subject, host).plain()


def test_aids_hold_for_the_whole_matrix():
    found = matrix(ALL, "nissan/leaf-40-pack", "vehicles", ["bridge"])
    assert found.verdicts["nissan/leaf-40-pack", "nissan/leaf-aze0"].level == "ok"
    assert found.verdicts["nissan/leaf-40-pack", "mitsubishi/i-miev"].level == "break"


def test_apps_stand_in_a_matrix_too():
    found = matrix(ALL, "apps", "vehicles")
    assert found.verdicts["trip-log", "nissan/leaf-aze0"].level == "ok"


def test_a_matrix_is_drawn_with_a_name_for_each_row_and_column(tmp_path):
    found = matrix(ALL, "inverters", "vehicles")
    draw(found, tmp_path / "m.svg")
    text = (tmp_path / "m.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in text for name in (*found.subjects, *found.hosts))
    assert "<!-- ? -->" in text


@pytest.mark.parametrize("name", ["batery", "vehikles", "nissan/leaf-40-pak"])
def test_an_unknown_kind_is_told_with_the_nearest(name):
    with pytest.raises(UnknownName, match="did you mean"):
        matrix(ALL, name, "vehicles")

"""Rules of groups G to K: statements of both sides, compared and never proved."""

from __future__ import annotations

import pytest
from pairs import at_home, found, level, levels, limit, one, pair, part, place, sources

# Of texts nobody can say more than that they differ: somebody must read them.
TEXTS = [
    ("state-machine", "wake"), ("state-machine", "sleep"), ("state-machine", "close_sequence"),
    ("state-machine", "close_permission"), ("state-machine", "open_sequence"), ("state-machine", "crash"),
    ("state-machine", "balancing_condition"), ("diagnostics", "diagnostic_protocol"), ("safety", "safe_state"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "key"), TEXTS)
def test_texts_that_differ_or_of_which_one_is_missing_are_unknown(rule, key):
    words = [("a", "a", "ok"), ("a", "b", "unknown"), ("a", None, "unknown"), (None, "a", "unknown"),
             (None, None, None)]  # fmt: skip
    for own, host, expected in words:
        given = at_home(here={key: own} if own else {}, there={key: host} if host else {})
        assert level(rule, given) == expected
    assert sources(one(rule, at_home(here={key: "a"}, there={key: "b"}))) == {f"on {key}", "place"}


def test_another_integrity_level_is_a_matter_of_the_safety_case():
    levels_ = [at_home(here={"integrity_level": "ASIL-C"}, there={"integrity_level": a}) for a in ("ASIL-C", "ASIL-B")]
    assert [level("safety", g) for g in levels_] == ["ok", "unknown"]


def test_an_integrity_level_that_a_limit_asks_for_breaks_where_it_is_another():
    asks = limit("integrity_level", "battery-pack", one_of=("ASIL-C", "ASIL-D"))
    given = [pair(part(integrity_level=a), place(requires=[asks])) for a in ("ASIL-D", "ASIL-B")]
    assert [level("safety", g) for g in given] == ["ok", "break"]


# --- switching off ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_s", "expected", "margin"), [(10, "ok", 0), (9.81, "ok", -0.19), (9.7, "degrade", -0.3)])
def test_a_part_is_done_before_its_supply_goes(left_s, expected, margin):
    finding = one("state-machine", at_home(here={"shutdown_time": 10}, there={"shutdown_time": left_s}))
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "s")
    assert sources(finding) == {"on shutdown_time", "place"}


def test_time_that_one_side_does_not_state_is_not_judged():
    assert found("state-machine", at_home(here={"shutdown_time": 10})) == ()


# --- diagnostics -----------------------------------------------------------------------------------------------------


def test_codes_that_mean_nothing_in_a_foreign_host_are_told_and_degrade_nothing():
    finding = one("diagnostics", at_home(here={"fault_codes_foreign_host": ["P318E"]}))
    assert (finding.level, finding.provided) == ("ok", ["P318E"])
    assert sources(finding) == {"on fault_codes_foreign_host"}


def test_in_the_host_that_it_is_sold_in_they_are_not_expected():
    assert found("diagnostics", at_home(here={"fault_codes_foreign_host": ["P318E"]}, is_sold=True)) == ()


# --- approval --------------------------------------------------------------------------------------------------------

APPROVALS = [
    (True, True, "ok"), (False, True, "degrade"), (None, True, None), (False, None, None), (False, False, None),
]  # fmt: skip


@pytest.mark.parametrize(("own", "car", "expected"), APPROVALS)
def test_an_approval_of_the_car_that_the_part_states_it_lacks_is_told(own, car, expected):
    stated = [{"un_r100": value} if value is not None else {} for value in (own, car)]
    assert level("approval", at_home(here=stated[0], car=stated[1])) == expected


def test_each_approval_is_told_apart():
    given = at_home("inverter", {"un_r10": True, "un_r155": False}, car={"un_r10": True, "un_r155": True})
    assert levels("approval", given) == [("un_r10", "ok"), ("un_r155", "degrade")]


# --- life cycle ------------------------------------------------------------------------------------------------------


def test_a_part_that_is_not_told_of_the_cars_life_is_wrong_about_its_own():
    given = [
        at_home(here={"age_inputs": ["odometer", "total life"]}, there={"age_inputs": said})
        for said in (["total life", "speed", "odometer"], ["speed"])
    ]
    assert [level("life-cycle", g) for g in given] == ["ok", "degrade"]
    assert one("life-cycle", given[1]).message == "it is not told: odometer, total life"
    assert found("life-cycle", at_home(here={"age_inputs": ["odometer"]})) == ()


def test_another_use_that_its_maker_forbids_is_a_loss_but_not_in_its_own_host():
    uses = [("forbidden", False, "degrade"), ("forbidden", True, None), ("allowed", False, None)]
    for word, is_sold, expected in uses:
        assert level("life-cycle", at_home(here={"second_life": word}, is_sold=is_sold)) == expected


# --- provenance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("synthetic", "expected"), [(True, "degrade"), (False, None)])
def test_a_part_that_nobody_makes_is_told(synthetic, expected):
    given = at_home(here={"synthetic": synthetic})
    assert level("provenance", given) == expected
    if expected:
        assert (one("provenance", given).required, one("provenance", given).provided) == (False, True)


@pytest.mark.parametrize(("rule", "key", "wanted", "other"), [
    ("state-machine", "close_time", 1, 2), ("diagnostics", "freeze_frames", True, False),
    ("safety", "reaction_time", 100, 200), ("approval", "un_38_3", True, False),
    ("life-cycle", "cycle_life", 1000, 2000), ("provenance", "data_origin", "measured", "press"),
    ("venting", "propagation", "none", "untested"),
])  # fmt: skip
def test_what_else_these_groups_hold_is_judged_where_a_limit_asks(rule, key, wanted, other):
    asks = limit(key, "battery-pack", one_of=(wanted,))
    given = [pair(part(**({key: v} if v is not None else {})), place(requires=[asks])) for v in (wanted, other, None)]
    assert [level(rule, g, key) for g in given] == ["ok", "break", "unknown"]
    assert found(rule, at_home(here={key: other})) == ()

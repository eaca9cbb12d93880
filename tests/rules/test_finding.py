"""What findings say together: the heaviest stands, and unknown is never ok."""

from __future__ import annotations

import pytest

from renkei.rules.finding import LEVELS, Finding, Ground, Verdict, heaviest


def _finding(level: str, rule: str = "rule") -> Finding:
    return Finding(rule, level, "Vehicle.Speed", 1, 2, "km/h", "said", (Ground("a fact", ("book",), "published"),))


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        (["ok", "ok"], "ok"),
        (["ok", "degrade"], "degrade"),
        (["degrade", "unknown", "ok"], "unknown"),
        (["unknown", "break", "degrade"], "break"),
    ],
)
def test_the_heaviest_finding_is_the_verdict(levels, verdict):
    assert Verdict("a", "b", tuple(_finding(level) for level in levels)).level == verdict
    assert heaviest(levels) == verdict


def test_where_nothing_was_judged_nothing_is_known():
    assert Verdict("a", "b", ()).level == "unknown"


def test_the_first_limit_is_the_first_of_the_heaviest_findings():
    verdict = Verdict("a", "b", (_finding("ok"), _finding("break", "first"), _finding("break", "second")))
    assert verdict.plain()["first_limit"] == "first"
    assert Verdict("a", "b", (_finding("ok"),)).plain()["first_limit"] is None


def test_levels_are_in_the_order_of_their_weight():
    assert LEVELS == ("ok", "degrade", "unknown", "break")


def test_a_finding_is_plain_json_with_its_facts():
    plain = Verdict("a", "b", (_finding("ok"),)).plain()
    assert plain["findings"][0]["facts"] == [{"value": "a fact", "source": ["book"], "confidence": "published"}]
    assert list(plain) == ["subject", "host", "verdict", "first_limit", "layout", "findings", "with", "unstated"]

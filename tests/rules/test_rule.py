"""What makes a function a rule: its name is its id, its docstring its manual page."""

from __future__ import annotations

from pairs import at_home, limit, pair, part, place

from renkei.rules.finding import Finding
from renkei.rules.judge import part_in_host
from renkei.rules.rule import Rule, rule


def test_a_function_becomes_a_rule_under_its_own_name():
    @rule("E", "mass", "length")
    def as_it_is(pair, limits):
        """It must be so.

        For a reason.
        """
        yield from limits

    assert (as_it_is.id, as_it_is.group, as_it_is.keys) == ("as-it-is", "E", ("mass", "length"))
    assert as_it_is.manual == "It must be so.\n\nFor a reason."


def test_a_rule_without_a_docstring_has_an_empty_page():
    assert Rule("r", "A", (), lambda pair, limits: iter(())).manual == ""


def test_a_rule_is_handed_what_limits_on_its_own_facts_have_shown_and_no_others(monkeypatch):
    handed = []

    @rule("E", "mass")
    def weighs(pair, limits):
        """Keeps what it is handed."""
        handed.extend(limits)
        yield Finding("weighs", "ok", "mass", None, None, None, "seen")

    monkeypatch.setattr("renkei.rules.judge.PART_RULES", (weighs,))
    asks = limit("mass", "battery-pack", maximum=1), limit("length", "battery-pack", maximum=1)
    verdict = part_in_host(pair(part(mass=2, length=2), place(requires=asks)))
    assert [(f.rule, f.about, f.level) for f in handed] == [("weighs", "mass", "break")]
    assert [f.message for f in verdict.findings] == ["seen"]
    handed.clear()
    part_in_host(at_home(here={"mass": 2}))
    assert handed == []

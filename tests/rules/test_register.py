"""The list of rules: every fact is judged by one rule, every clause of every standard too, and each has its page."""

from __future__ import annotations

from collections import Counter

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import UnknownName
from renkei.facts import GROUPS, fact_keys
from renkei.rules import register
from renkei.rules.register import PART_RULES, RULES, rule_named, rule_of

ALL = Catalogue()


def unjudged(catalogue: Catalogue) -> list[str]:
    """Clauses on facts for which there is no rule."""
    clauses = [(s, c) for s in map(catalogue.standard, catalogue.standards) for c in s.clauses]
    return [f"{s.id} {c.number} {c.limit.fact}" for s, c in clauses if rule_of(c.limit.fact) is None]


@pytest.fixture
def without_mass(monkeypatch):
    """As if nobody had written the rule for mass."""
    rule_of.cache_clear()
    monkeypatch.setattr(register, "PART_RULES", tuple(rule for rule in PART_RULES if rule.id != "mass"))
    yield
    rule_of.cache_clear()


def test_every_clause_of_every_standard_is_judged_by_a_rule():
    assert unjudged(ALL) == []


def test_a_clause_that_no_rule_judges_is_found(without_mass):
    assert "battery-module-1.0 E1 mass" in unjudged(ALL)
    assert not any("voltage" in each for each in unjudged(ALL))


def test_a_private_standard_with_a_clause_that_no_rule_judges_is_found(without_mass, tmp_path):
    (tmp_path / "makers").mkdir()
    (tmp_path / "standards").mkdir()
    head = "name = 'Ours'\nkind = 'battery-pack'\ntext = 'ours.md'\n"
    rest = "title = 'T'\nchecked = 'compared'\nreason = 'So.'\nmax = 1\n"
    clauses = f"[clauses.B1]\nfact = 'voltage_max'\n{rest}[clauses.E1]\nfact = 'mass'\n{rest}"
    (tmp_path / "standards/ours.toml").write_text(head + clauses)
    found = [each for each in unjudged(Catalogue([tmp_path])) if each.startswith("ours")]
    assert found == ["ours E1 mass"]


def test_every_fact_is_judged_by_one_rule_and_by_one_only():
    judged = Counter(key for rule in PART_RULES for key in rule.keys)
    assert set(judged) == set(fact_keys())
    assert {key: many for key, many in judged.items() if many > 1} == {}


def test_the_rule_of_a_fact_is_the_one_that_names_it():
    assert {key: rule_of(key).id for key in ("mass", "voltage_max", "gear_codes")} == {
        "mass": "mass", "voltage_max": "voltage-window", "gear_codes": "signal-values"
    }  # fmt: skip
    assert rule_of("colour") is None


def test_rules_are_asked_group_by_group_and_simulation_comes_last():
    groups = [rule.group for rule in PART_RULES[:-1]]
    assert groups == sorted(groups)
    assert PART_RULES[-1].id == "driving"
    assert set(groups) == set(GROUPS)


def test_ids_are_those_of_the_functions_and_no_two_are_alike():
    assert len(RULES) == len(PART_RULES) + len(register.APP_RULES)
    assert all(rule.id == id_ for id_, rule in RULES.items())
    assert all(rule.id == rule.judge.__name__.replace("_", "-") for rule in RULES.values())


@pytest.mark.parametrize("id_", RULES)
def test_every_rule_has_a_page_that_begins_with_one_plain_sentence_and_says_more(id_):
    first, blank, *rest = RULES[id_].manual.splitlines()
    assert first.endswith(".")
    assert blank == ""
    assert any(rest)


def test_a_misspelt_rule_is_named_with_the_nearest():
    assert rule_named("mass") is RULES["mass"]
    with pytest.raises(UnknownName, match="did you mean 'voltage-window'"):
        rule_named("voltage-windw")

"""Manual pages of rules: what commands show, and the document that is written from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.facts import GROUPS
from renkei.flows.rule_pages import as_markdown, page
from renkei.rules.register import RULES

ROOT = Path(__file__).parents[2]
ALL = Catalogue()


def test_the_document_is_what_the_rules_say():
    assert (ROOT / "docs/rules.md").read_text(encoding="utf-8") == as_markdown(), "python -m renkei.flows.rule_pages"


def test_the_document_has_every_rule_in_the_order_in_which_it_is_asked():
    heads = [line.removeprefix("## ") for line in as_markdown().splitlines() if line.startswith("## ")]
    assert heads == list(RULES)


def test_a_page_names_group_facts_and_the_clauses_that_the_rule_checks():
    found = page(RULES["mass"], ALL)
    assert (found.id, found.group, found.group_name) == ("mass", "E", GROUPS["E"])
    assert "mass" in found.facts
    assert found.clauses["battery-module-1.0"] == ("E1",)
    assert found.manual == RULES["mass"].manual


def test_every_clause_of_every_standard_stands_on_one_page():
    stands = [(s, number) for rule in RULES.values() for s, c in page(rule, ALL).clauses.items() for number in c]
    clauses = [(s, clause.number) for s in ALL.standards for clause in ALL.standard(s).clauses]
    assert sorted(stands) == sorted(clauses)


def test_a_rule_without_facts_checks_no_clause():
    found = page(RULES["app-signal"], ALL)
    assert (found.facts, found.clauses) == ((), {})


def test_clauses_of_a_private_standard_stand_beside_the_built_in_ones(tmp_path):
    (tmp_path / "makers").mkdir()
    (tmp_path / "standards").mkdir()
    (tmp_path / "standards/ours.toml").write_text(
        "name = 'Ours'\nkind = 'battery-pack'\ntext = 'ours.md'\n[clauses.E7]\ntitle = 'T'\nfact = 'mass'\nmax = 1\n"
        "checked = 'compared'\nreason = 'So.'\n"
    )
    assert page(RULES["mass"], Catalogue([tmp_path])).clauses["ours"] == ("E7",)


@pytest.mark.parametrize("standard", ALL.standards)
def test_every_clause_stands_on_the_page_of_one_rule(standard):
    told = [number for rule in RULES.values() for number in page(rule, ALL).clauses.get(standard, ())]
    assert sorted(told) == sorted(clause.number for clause in ALL.standard(standard).clauses)


def test_manuals_leave_clauses_to_the_page():
    assert not [r.id for r in RULES.values() if re.search(r"(standard|profile) [A-K]\d", " ".join(r.manual.split()))]

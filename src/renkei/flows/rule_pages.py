"""The manual page of a rule, as commands and documents show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from renkei.catalogue import Catalogue
from renkei.facts import GROUPS
from renkei.rules.register import RULES
from renkei.rules.rule import Rule


class Page(NamedTuple):
    """`facts`: those that the rule judges. `clauses`: numbers of the clauses that it checks, by standard."""

    id: str
    group: str
    group_name: str
    manual: str
    facts: tuple[str, ...]
    clauses: Mapping[str, tuple[str, ...]]


def page(rule: Rule, catalogue: Catalogue | None = None) -> Page:
    """The page of a rule, with the clauses of the standards of a catalogue."""
    catalogue = catalogue or Catalogue()
    clauses: dict[str, tuple[str, ...]] = {}
    for standard in map(catalogue.standard, catalogue.standards):
        if numbers := tuple(c.number for c in standard.clauses if c.limit.fact in rule.keys):
            clauses[standard.id] = numbers
    return Page(rule.id, rule.group, GROUPS[rule.group], rule.manual, rule.keys, clauses)


def as_markdown() -> str:
    """docs/rules.md: every rule, in the order in which it is asked."""
    catalogue, lines = Catalogue(), [_HEAD]
    for found in (page(rule, catalogue) for rule in RULES.values()):
        lines += [f"## {found.id}", "", f"Group {found.group}, {found.group_name}.", "", found.manual, ""]
        if found.facts:
            lines += [f"Facts: {', '.join(f'`{fact}`' for fact in found.facts)}.", ""]
        for standard, numbers in found.clauses.items():
            lines += [f"Clauses of `{standard}`: {', '.join(numbers)}.", ""]
    return "\n".join(lines).rstrip() + "\n"


_HEAD = """# Rules

What `renkei fit` asks, rule by rule, in the order in which it asks. `renkei explain RULE` shows one of them. This page
is written by `python -m renkei.flows.rule_pages`; a test holds it to the rules. [fit.md](fit.md) says how a verdict
comes of them.
"""


if __name__ == "__main__":
    from pathlib import Path

    from renkei.aside import aside

    with aside(Path("docs/rules.md")) as beside:
        beside.write_text(as_markdown(), encoding="utf-8")

"""A rule: one small function whose docstring is its manual page, and the facts that it is there for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from renkei.rules.finding import Finding
from renkei.rules.pair import Pair

Judge = Callable[[Pair, tuple[Finding, ...]], Iterator[Finding]]
"""Takes the pair, and what limits on the facts of the rule have shown; gives all that the rule finds."""


class Rule(NamedTuple):
    """`group`: letter of its facts. `keys`: the facts, of which every limit and every clause is judged by this rule.

    The clauses that it checks are found by its facts: flows/rule_pages.py adds them to its manual page.
    """

    id: str
    group: str
    keys: tuple[str, ...]
    judge: Callable[..., Any]

    @property
    def manual(self) -> str:
        return inspect.getdoc(self.judge) or ""


def rule(group: str, *keys: str) -> Callable[[Judge], Rule]:
    """Makes a function a rule, called as it is."""

    def made(judge: Judge) -> Rule:
        return Rule(judge.__name__.replace("_", "-"), group, keys, judge)

    return made

"""Which signals a KUKSA path, branch or pattern stands for."""

from __future__ import annotations

import re
from functools import lru_cache

from renkei.vocabulary import Signal, Vocabulary

_STEP = re.compile(r"\*\*|\*|[^.*]+")


def matching(vocabulary: Vocabulary, pattern: str) -> list[Signal] | None:
    """Signals of a plain path (the leaf or all below), or of a pattern; None when the pattern is malformed.

    `*` stands for one level and `**` for any number. A pattern that ends in `*` gives leaves of that level only: the
    KUKSA rule, narrower than that of a branch.
    """
    if pattern in ("", '""', "**"):
        return list(vocabulary.signals)
    if "*" not in pattern:
        return vocabulary.branch(pattern) if _well_formed(pattern) else None
    if not _well_formed(pattern):
        return None
    found = _compiled(pattern)
    return [s for s in vocabulary.signals if found.fullmatch(s.path + ".")]


def _well_formed(pattern: str) -> bool:
    return all(_STEP.fullmatch(step) for step in pattern.split("."))


@lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A run of ** means no more than one, and would take the regular expression forever.
    steps = re.sub(r"\*\*(\.\*\*)+", "**", pattern).split(".")
    words = {"**": r"(?:[^.]+\.)*", "*": r"[^.]+\."}
    return re.compile("".join(words.get(step) or re.escape(step) + r"\." for step in steps))

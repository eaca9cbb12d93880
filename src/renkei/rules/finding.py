"""What a rule found, and what all findings say together. Never a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

Level = Literal["ok", "degrade", "unknown", "break"]
"""break: a function of the host is lost or unsafe. unknown: a fact is missing. degrade: it works with less."""

ROUNDED = 0.02
"""Two ratings that differ by a smaller share are the same: makers and sources round."""

AS_SOLD = 0.01
"""Windows of packs of one platform, read out of converters, differ by less than this share: 403.2 and 405.5 V."""

LEVELS: tuple[Level, ...] = ("ok", "degrade", "unknown", "break")
"""From light to heavy."""


class Ground(NamedTuple):
    """A fact that a finding rests on, in words with its unit, and where it comes from.

    `disputed`: what sources that were not believed say of it, and why they were not.
    """

    value: str
    source: tuple[str, ...] = ()
    confidence: str | None = None
    disputed: str | None = None


class Finding(NamedTuple):
    """What `rule` found of one thing, `about`: the path of a signal, the key of a fact, a message of a bus.

    `required` and `provided` are in `unit`; None where there is no such thing or it is not known. `bound` says how
    `required` is meant: at least, at most, between, one of, stated; None: the same. `margin`: how far within the nearer
    bound, negative outside it. `mends`: ids of the aids of the catalogue that would mend it.
    """

    rule: str
    level: Level
    about: str
    required: Any
    provided: Any
    unit: str | None
    message: str
    facts: tuple[Ground, ...] = ()
    mends: tuple[str, ...] = ()
    bound: str | None = None
    margin: float | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        facts = [_plain(ground) for ground in self.facts]
        return self._asdict() | {"facts": facts, "mends": list(self.mends)}


def _plain(ground: Ground) -> dict[str, Any]:
    plain = {"value": ground.value, "source": list(ground.source), "confidence": ground.confidence}
    return plain | ({"disputed": ground.disputed} if ground.disputed else {})


class Verdict(NamedTuple):
    """What the findings say of `subject` in or on `host`; `layout`: how a module is laid out there, else None.

    `aids`: ids of what it was judged with. `unstated`: facts of the subject that nobody states and nobody asks for;
    they are not judged.
    """

    subject: str
    host: str
    findings: tuple[Finding, ...]
    layout: Mapping[str, Any] | None = None
    aids: tuple[str, ...] = ()
    unstated: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """That of the heaviest finding; unknown where nothing was judged, for nothing is no proof."""
        return heaviest(f.level for f in self.findings) if self.findings else "unknown"

    @property
    def first_limit(self) -> Finding | None:
        """The first of the heaviest findings, in the order of the groups; None where all is ok."""
        level = self.level
        return next((f for f in self.findings if f.level == level != "ok"), None)

    def plain(self) -> dict[str, Any]:
        """As `renkei fit --json` prints it."""
        first = self.first_limit
        return {
            "subject": self.subject,
            "host": self.host,
            "verdict": self.level,
            "first_limit": first.rule if first else None,
            "layout": dict(self.layout) if self.layout is not None else None,
            "findings": [f.plain() for f in self.findings],
            "with": list(self.aids),
            "unstated": list(self.unstated),
        }


def heaviest(levels: Iterable[Level]) -> Level:
    return max(levels, key=LEVELS.index)

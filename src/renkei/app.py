"""Apps as frozen nouns: what one needs of a car. They read nothing; docs/apps.md is the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Need(NamedTuple):
    """A signal that an app needs: in which unit it wants it (None: that of VSS), and how often at least."""

    path: str
    unit: str | None = None
    rate_hz: float | None = None


@dataclass(frozen=True, slots=True)
class App:
    """`requires`: without one of these signals it does nothing; `uses`: what it would use; `actuates`: what it sets.

    `priority`, 0 to 9, is that of its actuations. `vocabulary`: the version of VSS that it was written for. `file`: its
    manifest; `code`: a Python file, or the name of a module.
    """

    id: str
    name: str
    file: Path
    code: Path | str
    requires: Mapping[str, Need]
    uses: Mapping[str, Need]
    actuates: Mapping[str, Need]
    priority: int = 0
    about: str = ""
    vocabulary: str | None = None

    @property
    def needs(self) -> dict[str, Need]:
        """Every signal that it names, those that it reads first."""
        return {**self.actuates, **self.uses, **self.requires}


def scopes_of(app: App) -> tuple[str, ...]:
    """What a token must allow this app and no more, in the words of KUKSA's scopes, sorted.

    It may read what it requires, uses or sets, for one who sets an actuator wants to see it move; and it may actuate
    what it sets.
    """
    reads = {f"read:{path}" for path in app.needs}
    return tuple(sorted(reads | {f"actuate:{path}" for path in app.actuates}))

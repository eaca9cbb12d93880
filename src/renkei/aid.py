"""Aids that let a part work where it would not: a CAN bridge, an adaptor, springs. They read nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple


class Mend(NamedTuple):
    """What an aid makes of findings of `rules` that weigh more than `to`.

    `about`: what the findings must be about; empty: anything. `part`, `host`: values of which a fact of the part, and
    of its slot or host, must have one; a fact that is not known has none. `at_most`: largest values of facts of the
    part, in the unit of their key. `unknown`: also of what is unknown because the part states nothing; what it states
    and is not known to fit stays unknown.
    """

    rules: tuple[str, ...]
    to: Literal["ok", "degrade"]
    part: Mapping[str, tuple[str, ...]]
    host: Mapping[str, tuple[str, ...]]
    at_most: Mapping[str, float]
    why: str
    about: tuple[str, ...] = ()
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Aid:
    """`kinds`: of parts with which it helps. `source`: where it is described, in words."""

    id: str
    name: str
    kinds: tuple[str, ...]
    source: tuple[str, ...]
    confidence: str
    mends: tuple[Mend, ...]
    file: Path
    note: str | None = None

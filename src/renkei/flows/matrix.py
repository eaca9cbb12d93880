"""Every part of a kind in every host: all verdicts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from renkei.aside import aside
from renkei.catalogue import Catalogue
from renkei.errors import UnknownName
from renkei.facts import PART_KINDS
from renkei.flows.judge import Judges
from renkei.flows.pairs import SUBJECTS, DoNotMeet
from renkei.rules.finding import LEVELS, Verdict
from renkei.vocabulary import Vocabulary

_BATTERIES = ("battery-pack", "battery-module")
_FAMILIES = {"battery": _BATTERIES, "batteries": _BATTERIES, "parts": SUBJECTS}
"""Words that stand for several kinds of part."""


class Matrix(NamedTuple):
    """The verdict on each subject in each host, by subject and host."""

    subjects: tuple[str, ...]
    hosts: tuple[str, ...]
    verdicts: Mapping[tuple[str, str], Verdict]

    def mark(self, subject: str, host: str) -> str:
        """The level of a pair in as few letters as a table has room for; nothing for two that do not go together."""
        verdict = self.verdicts.get((subject, host))
        return MARKS[verdict.level] if verdict else ""

    def plain(self) -> dict[str, Any]:
        """As JSON has it, each verdict with the first limit alone."""
        return {
            "subjects": list(self.subjects),
            "hosts": list(self.hosts),
            "counts": {level: sum(v.level == level for v in self.verdicts.values()) for level in LEVELS},
            "verdicts": [_short(verdict) for verdict in self.verdicts.values()],
        }


def _short(verdict: Verdict) -> dict[str, Any]:
    first = verdict.first_limit
    return {
        "subject": verdict.subject,
        "host": verdict.host,
        "verdict": verdict.level,
        "first_limit": first.rule if first else None,
        "message": first.message if first else None,
        "mends": list(first.mends) if first else [],
    }


_COLOURS = {"ok": "#4c9f70", "degrade": "#e8c547", "unknown": "#d9d9d9", "break": "#c8553d"}
MARKS = {"ok": "ok", "degrade": "less", "unknown": "?", "break": "no"}
"""Levels in as few letters as a table has room for."""


def _level(found: Matrix, subject: str, host: str) -> float:
    verdict = found.verdicts.get((subject, host))
    return float("nan") if verdict is None else LEVELS.index(verdict.level)


def draw(found: Matrix, out: Path) -> None:
    """The matrix as a picture, a field a pair, coloured and lettered by level. Raises OutputError."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    levels = [[_level(found, s, h) for h in found.hosts] for s in found.subjects]
    size = 3.5 + 0.55 * len(found.hosts), 2.5 + 0.22 * len(found.subjects)
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    axis.imshow(levels, cmap=ListedColormap([_COLOURS[level] for level in LEVELS]), vmin=0, vmax=3, aspect="auto")
    axis.set_xticks(range(len(found.hosts)), found.hosts, rotation=90, fontsize="small")
    axis.set_yticks(range(len(found.subjects)), found.subjects, fontsize="small")
    axis.xaxis.tick_top()
    for row, subject in enumerate(found.subjects):
        for column, host in enumerate(found.hosts):
            mark = found.mark(subject, host)
            axis.text(column, row, mark, ha="center", va="center", fontsize="x-small")
    with aside(out) as beside:
        figure.savefig(beside)


def matrix(
    catalogue: Catalogue, subjects: str, hosts: str, with_: Iterable[str] = (), vocabulary: Vocabulary | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Matrix:  # fmt: skip
    """All verdicts on pairs that go together at all.

    `subjects`: a kind of part (battery for packs and modules), apps or vehicles; `hosts`: vehicles, a kind of part, or
    standards. Either may also be one id. Raises UnknownName, and InputError where no two go together.
    """
    left, right = _ids(catalogue, subjects), _ids(catalogue, hosts)
    judges, verdicts = Judges(catalogue, with_, vocabulary), dict[tuple[str, str], Verdict]()
    apart: DoNotMeet | None = None
    for subject in left:
        for host in right:
            try:
                verdicts[subject, host] = judges.judge(subject, host)
            except DoNotMeet as e:
                apart = apart or e
        if progress:
            progress(len(verdicts), len(left) * len(right))
    if apart is not None and not verdicts:
        raise apart
    met = {id_ for pair in verdicts for id_ in pair}
    return Matrix(tuple(s for s in left if s in met), tuple(h for h in right if h in met), verdicts)


def _ids(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    named = {"vehicles": catalogue.vehicles, "apps": catalogue.apps, "standards": catalogue.standards}
    singular = name.removesuffix("s")
    if (found := named.get(name) or named.get(f"{name}s")) is not None:
        return found
    kinds = _FAMILIES.get(name) or tuple(k for k in PART_KINDS if singular in (k, k.removeprefix("battery-")))
    if kinds:
        return tuple(p for p in catalogue.parts if catalogue.part(p).kind in kinds)
    every = (*catalogue.parts, *catalogue.vehicles, *catalogue.standards, *catalogue.apps)
    if name in every:
        return (name,)
    raise UnknownName("kind", name, (*named, *_FAMILIES, *PART_KINDS, *every),
                      f"(one of {', '.join((*named, 'battery', *PART_KINDS))}, or an id)")  # fmt: skip

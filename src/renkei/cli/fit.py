"""renkei fit: will a thing of one maker work in a car of another?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Callable

    from renkei.catalogue import Catalogue
    from renkei.fit.finding import Finding, Level, Verdict
    from renkei.vocabulary import Vocabulary

EXIT_CODES: dict[Level, int] = {"ok": 0, "degrade": 0, "break": 1, "unknown": 3}


def add_to(app: typer.Typer) -> None:
    app.command()(fit)


def fit(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="An app, by its id or the path of its manifest.")],
    host: Annotated[str, typer.Argument(metavar="HOST", help="A vehicle.")],
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Say whether an app works on a vehicle: what it lacks, what binds first, and on which facts that rests.

    Levels: ok; degrade: it works with less; unknown: a fact is missing; break: it does not work. Exit 0 for ok and
    degrade, 1 for break, 3 for unknown.

    Example: renkei fit battery-report honda/clarity-ev
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue

    verdict = _judge(Catalogue(data or []), subject, host, vocabulary.load(vss) if vss else None)
    if json:
        say.as_json(verdict.plain())
    else:
        _print(verdict)
    if code := EXIT_CODES[verdict.level]:
        raise typer.Exit(code)


def _judge(catalogue: Catalogue, subject: str, host: str, chosen: Vocabulary | None) -> Verdict:
    """By what the subject is; each kind of subject has one entry here."""
    if subject in catalogue.apps or subject.endswith(".toml"):
        from renkei.flows.judge_app import chosen_app, judge_app

        return judge_app(catalogue, chosen_app(catalogue, subject, chosen), host, chosen)
    raise UnknownName("subject", subject, catalogue.apps, "('renkei list apps' shows all)")


def _print(verdict: Verdict) -> None:
    said = _SAID.get(verdict.level, verdict.level)
    first = verdict.first_limit
    limit = f"; first limit: {first.rule} of {first.about}: {first.message}" if first else ""
    say.line(f"{verdict.subject} on {verdict.host}: {said}{limit}")
    say.table(["level", "about", "rule", "required", "provided", "unit", "finding"], [_row(f) for f in _shown(verdict)])


_SAID: dict[Level, str] = {"ok": "ok", "degrade": "works with less", "break": "does not work", "unknown": "unknown"}


def _shown(verdict: Verdict) -> list[Finding]:
    """The heaviest finding of each thing, heaviest first; with --json all are there."""
    from renkei.fit.finding import LEVELS

    weight: Callable[[Finding], int] = lambda f: LEVELS.index(f.level)  # noqa: E731
    heaviest: dict[str, Finding] = {}
    for finding in verdict.findings:
        before = heaviest.get(finding.about)
        if before is None or weight(finding) > weight(before):
            heaviest[finding.about] = finding
    return sorted(heaviest.values(), key=weight, reverse=True)


def _row(f: Finding) -> list[object]:
    required = None if f.required == f.about else f.required
    provided = None if f.provided == f.about else f.provided
    return [f.level, f.about, f.rule, required, provided, f.unit, f.message]

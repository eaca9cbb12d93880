"""renkei fit, explain: will a thing of one maker work in a car of another, and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.aside import aside
from renkei.cli import say
from renkei.cli.catalogue import lists
from renkei.cli.keys import signing_key
from renkei.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from renkei.flows.matrix import Matrix
    from renkei.rules.finding import Finding, Level, Verdict

EXIT_CODES: dict[Level, int] = {"ok": 0, "degrade": 0, "break": 1, "unknown": 3}


def add_to(app: typer.Typer) -> None:
    app.command()(fit)
    app.command()(explain)


def fit(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="A part, an app (or the path of its manifest), or a vehicle.")
    ],
    host: Annotated[str, typer.Argument(metavar="HOST", help="A vehicle, an e-axle or inverter, or a standard.")],
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="AID", help="Judge it with an aid, or with another part in the host; repeat."),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="SUBJECT and HOST are kinds: battery vehicles, e-axles vehicles, ...")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show also what is ok.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the matrix: .svg, .png or .pdf.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Write the verdict, sealed, to FILE.")] = None,
    sign: Annotated[Path | None, typer.Option(metavar="KEY.pem", help="Sign it with an ed25519 private key.")] = None,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Say whether a part or app works in a host: what binds first, what would mend it, and on which facts that rests.

    Levels: ok; degrade: it works with less; unknown: a fact is missing; break: it does not work, or is unsafe. Exit 0
    for ok and degrade, 1 for break, 3 for unknown. A matrix exits with 0.

    Example: renkei fit nissan/leaf-40-pack nissan/leaf-aze0 --with bridge
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue

    if sign and not out:
        raise InputError("--sign KEY.pem: expected --out FILE.json too, the verdict that is to be signed")
    if matrix and out:
        raise InputError("--out: one verdict is sealed, not a matrix; --json prints it")
    if plot and not matrix:
        raise InputError("--plot: a matrix is drawn; expected --matrix too")
    key = signing_key(sign) if sign else None
    catalogue, chosen = Catalogue(data or []), vocabulary.load(vss) if vss else None
    if matrix:
        from renkei.flows.matrix import draw
        from renkei.flows.matrix import matrix as every_pair
        from renkei.flows.trace import writable

        writable(None, plot)
        with say.progress("judging") as bar:
            found = every_pair(catalogue, subject, host, with_ or (), chosen, bar)
        if plot:
            draw(found, plot)
        return say.as_json(found.plain()) if json else _print_matrix(found)
    from renkei.flows.judge import judge

    verdict = judge(catalogue, subject, host, with_ or (), chosen)
    if out:
        from renkei.flows.contract import sealed

        with aside(out) as beside:
            beside.write_bytes(sealed(catalogue, verdict, key))
    if json:
        say.as_json(verdict.plain())
    else:
        _print(verdict, every)
    if code := EXIT_CODES[verdict.level]:
        raise typer.Exit(code)


def explain(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="Its id, as findings name it.")] = None,
    json: say.AsJson = False,
) -> None:
    """Show the manual page of a rule: what it asks, why, which facts it rests on, and which clauses it checks.

    Example: renkei explain voltage-window
    """
    from renkei.flows.rule_pages import page
    from renkei.rules.register import RULES, rule_named

    if rule is None:
        return _print_rules(json)
    found = page(rule_named(rule))
    if json:
        return say.as_json(found._asdict())
    assert found.id in RULES
    say.line(f"{found.id} (group {found.group}, {found.group_name})")
    for text in ("", *found.manual.splitlines()):
        say.line(text)
    if found.facts:
        say.line("")
        say.line(f"Facts: {', '.join(found.facts)}")
    for standard, clauses in found.clauses.items():
        say.line(f"Clauses of {standard}: {', '.join(clauses)}")


@lists.command()
def rules(json: say.AsJson = False) -> None:
    """List the rules of renkei fit, in the order in which they are asked.

    Example: renkei list rules
    """
    _print_rules(json)


@lists.command()
def aids(data: say.Data = None, json: say.AsJson = False) -> None:
    """List the aids that let a part work where it would not: for renkei fit --with.

    Example: renkei list aids
    """
    from renkei.catalogue import Catalogue

    catalogue = Catalogue(data or [])
    found = [catalogue.aid(aid) for aid in catalogue.aids]
    if json:
        return say.as_json(
            [{"id": a.id, "name": a.name, "kinds": list(a.kinds), "source": list(a.source), "note": a.note,
              "mends": sorted({rule for mend in a.mends for rule in mend.rules})} for a in found]
        )  # fmt: skip
    mended = {a.id: " ".join(dict.fromkeys(rule for mend in a.mends for rule in mend.rules)) for a in found}
    rows = [[a.id, a.name, " ".join(a.kinds), mended[a.id]] for a in found]
    say.table(["aid", "name", "for", "mends findings of"], rows)


def _print_rules(json: bool) -> None:
    from renkei.flows.rule_pages import page
    from renkei.rules.register import RULES

    pages = [page(rule) for rule in RULES.values()]
    if json:
        return say.as_json([p._asdict() for p in pages])
    say.table(["group", "rule", "what it asks"], [[p.group, p.id, p.manual.splitlines()[0]] for p in pages])


_SAID: dict[Level, str] = {
    "ok": "works", "degrade": "works with less", "break": "does not work", "unknown": "cannot be told",
}  # fmt: skip


def _print(verdict: Verdict, every: bool) -> None:
    aids = f" with {', '.join(verdict.aids)}" if verdict.aids else ""
    first = verdict.first_limit
    of = f" of {first.about}" if first and first.about != first.rule else ""
    limit = f"; first limit: {first.rule}{of}: {first.message}" if first else ""
    say.line(f"{verdict.subject} on {verdict.host}{aids}: {verdict.level}, {_SAID[verdict.level]}{limit}")
    if verdict.layout:
        say.line(_laid_out(verdict.layout))
    shown = _shown(verdict, every)
    if shown:
        columns = ["level", "rule", "about", "required", "provided", "finding"]
        rows = [_row(f) for f in shown]
        kept = [n for n in range(len(columns)) if any(row[n] for row in rows)]
        say.table([columns[n] for n in kept], [[row[n] for n in kept] for row in rows])
    _print_rest(verdict, shown)


def _print_rest(verdict: Verdict, shown: list[Finding]) -> None:
    for part in (id_ for id_ in verdict.aids if "/" in id_):
        say.line(f"{part} stands in {verdict.host} for this, and is not judged there itself")
    for aid in dict.fromkeys(aid for f in verdict.findings for aid in f.mends):
        mended = dict.fromkeys(f.rule for f in verdict.findings if aid in f.mends)
        say.line(f"would be mended with {aid}: {', '.join(mended)}")
    for text in dict.fromkeys(g.disputed for f in verdict.findings for g in f.facts if g.disputed):
        say.line(f"note: {text}")
    fine = sum(f.level == "ok" for f in verdict.findings) - sum(f.level == "ok" for f in shown)
    if fine:
        say.line(f"{say.several(fine, 'more finding')}: ok (--all shows them)")
    if verdict.unstated:
        many = say.several(len(verdict.unstated), "fact")
        say.line(f"{many} of {verdict.subject} that nobody states or asks for: not judged (--json lists them)")


def _laid_out(layout: object) -> str:
    assert isinstance(layout, dict)
    pieces = [f"laid out: {layout['series']} modules in series, {layout['parallel']} side by side"]
    for key, text in (("voltage_nominal_v", "{:.4g} V"), ("energy_gross_kwh", "{:.3g} kWh"), ("mass_kg", "{:.0f} kg")):
        if layout.get(key):
            pieces.append(text.format(layout[key]))
    for way, ends in (("in series", layout["series_allowed"]), ("side by side", layout["parallel_allowed"])):
        told = [f"{bound} {n}" for bound, n in zip(("at least", "at most"), ends, strict=True) if n is not None]
        pieces += [f"{way} {' and '.join(told)}"] if told else []
    bound = ", ".join(f"{way} by {why}" for way, why in layout["bound_by"].items())
    return "; ".join([", ".join(pieces), *([f"bound: {bound}"] if bound else [])])


def _shown(verdict: Verdict, every: bool) -> list[Finding]:
    """The heaviest finding of each thing, heaviest first, without those that are ok unless all are asked for."""
    from renkei.rules.finding import LEVELS

    weight: Callable[[Finding], int] = lambda f: LEVELS.index(f.level)  # noqa: E731
    is_app = any(f.rule.startswith("app-") for f in verdict.findings)
    heaviest: dict[tuple[str, str], Finding] = {}
    for finding in verdict.findings:
        thing = "" if is_app else finding.rule, finding.about  # of a signal of an app one line is enough
        before = heaviest.get(thing)
        if before is None or weight(finding) > weight(before):
            heaviest.pop(thing, None)
            heaviest[thing] = finding
    chosen: Iterable[Finding] = verdict.findings if every else heaviest.values()
    return [f for f in sorted(chosen, key=weight, reverse=True) if every or is_app or f.level != "ok"]


def _row(f: Finding) -> list[object]:
    required = None if f.required == f.about else f.required
    provided = None if f.provided == f.about else f.provided
    return [f.level, f.rule, f.about, _bounded(required, f), _with_unit(provided, f), f.message]


def _bounded(required: object, f: Finding) -> str | None:
    match required, f.bound:
        case None, "stated":
            return "any"
        case None, _:
            return None
        case [low, high], "between":
            return f"{_number(low)} to {_number(high)} {f.unit or ''}".rstrip()
        case list() as several, _:
            return " or ".join(map(_number, several))
        case _, ("at least" | "at most") as bound:
            return f"{bound} {_with_unit(required, f)}"
    return _with_unit(required, f)


def _with_unit(value: object, f: Finding) -> str | None:
    if value is None:
        return None
    text = ", ".join(map(_number, value)) if isinstance(value, list | tuple) else _number(value)
    return f"{text} {f.unit}" if f.unit and isinstance(value, int | float) else text


def _number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)


def _print_matrix(found: Matrix) -> None:
    from renkei.flows.matrix import MARKS

    for number, host in enumerate(found.hosts, 1):
        say.line(f"{number}: {host}")
    say.line("")
    rows = [[s, *(found.mark(s, h) for h in found.hosts)] for s in found.subjects]
    say.table(["", *(str(n) for n, _ in enumerate(found.hosts, 1))], rows)
    counts = found.plain()["counts"]
    say.line("")
    told = ", ".join(f"{MARKS[level]} {counts[level]:,} ({level})" for level in MARKS)
    say.line(f"{say.several(len(found.verdicts), 'pair')}: {told}; 'renkei fit SUBJECT HOST' says why")

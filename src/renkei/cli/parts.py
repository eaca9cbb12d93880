"""renkei list parts, facts, standards; renkei show, new, export: parts and cars, fact by fact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli import say
from renkei.cli.catalogue import lists
from renkei.errors import InputError

if TYPE_CHECKING:
    from renkei.catalogue import Catalogue


def add_to(app: typer.Typer) -> None:
    app.command()(show)
    app.command()(new)
    app.command()(export)


@lists.command()
def parts(
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only parts of this kind.")] = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """List the parts: battery cells, modules and packs, motors, inverters, e-axles.

    Example: renkei list parts --kind battery-module
    """
    from renkei.catalogue import Catalogue
    from renkei.errors import UnknownName
    from renkei.facts import PART_KINDS

    if kind is not None and kind not in PART_KINDS:
        raise UnknownName("kind of part", kind, PART_KINDS, f"(one of {', '.join(PART_KINDS)})")
    catalogue = Catalogue(data or [])
    found = [p for p in map(catalogue.part, catalogue.parts) if kind in (None, p.kind)]
    if json:
        return say.as_json([{"id": p.id, "kind": p.kind, "name": p.name, "facts": len(p.facts)} for p in found])
    say.table(["part", "kind", "name", "facts"], [[p.id, p.kind, p.name, len(p.facts)] for p in found])


@lists.command()
def facts(
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only those of a kind of part, of a slot or of a vehicle.")
    ] = None,
    json: say.AsJson = False,
) -> None:
    """List the facts that parts, slots and vehicles can state.

    Example: renkei list facts --kind battery-module
    """
    from renkei.errors import UnknownName
    from renkei.facts import KINDS, fact_keys

    if kind is not None and kind not in KINDS:
        raise UnknownName("kind", kind, KINDS, f"(one of {', '.join(KINDS)})")
    keys = [key for key in fact_keys().values() if kind is None or kind in key.kinds]
    if json:
        return say.as_json([key._asdict() for key in keys])
    rows = [[k.group, k.name, k.type, k.unit or " ".join(k.choices or k.columns), k.meaning] for k in keys]
    say.table(["group", "fact", "type", "unit or values", "meaning"], rows)


@lists.command()
def standards(data: say.Data = None, json: say.AsJson = False) -> None:
    """List the standards that parts and cars can be held to.

    Example: renkei list standards
    """
    from renkei.catalogue import Catalogue

    catalogue = Catalogue(data or [])
    found = [catalogue.standard(s) for s in catalogue.standards]
    if json:
        return say.as_json([{"id": s.id, "kind": s.kind, "name": s.name, "clauses": len(s.clauses)} for s in found])
    say.table(["standard", "for", "name", "clauses"], [[s.id, s.kind, s.name, len(s.clauses)] for s in found])


def show(
    subject: Annotated[str, typer.Argument(metavar="ID", help="A part, a vehicle or a standard of the catalogue.")],
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Show a part or a vehicle, fact by fact with source and confidence, and what of its kind is unknown.

    Example: renkei show nissan/leaf-40-pack
    """
    from renkei.catalogue import Catalogue
    from renkei.errors import UnknownName
    from renkei.flows.show import clause_rows, portrait

    catalogue = Catalogue(data or [])
    if subject in catalogue.standards:
        return _print_clauses(clause_rows(catalogue, catalogue.standard(subject)), json=json)
    if subject not in (*catalogue.parts, *catalogue.vehicles):
        known = (*catalogue.parts, *catalogue.vehicles, *catalogue.standards)
        raise UnknownName("part, vehicle or standard", subject, known)
    shown = portrait(catalogue, subject)
    if json:
        return say.as_json(shown)
    _print(shown, catalogue)


def new(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="battery, e-axle, vehicle, app, maker, or a kind of part.")
    ],
    id_: Annotated[str, typer.Argument(metavar="ID", help="MAKER/NAME; for a maker MAKER, for an app NAME.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The private catalogue to write into.")],
    bpx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take a battery cell from a BPX file instead.")
    ] = None,
    licence: Annotated[str, typer.Option(metavar="TEXT", help="Licence of the BPX file.")] = "not stated",
    dbc: Annotated[Path | None, typer.Option(metavar="FILE", help="Take the part's messages from a DBC file.")] = None,
    node: Annotated[str | None, typer.Option(metavar="NAME", help="The part's node in that file.")] = None,
    bus: Annotated[str, typer.Option(metavar="NAME", help="The role of that bus in the car.")] = "can",
    vss_overlay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the signals of an app or vehicle from a VSS overlay.")
    ] = None,
) -> None:
    """Write a file to fill in: a battery module, e-axle, vehicle, app or maker, with every fact as a comment.

    Nothing is overwritten. Judge what you filled in with: renkei check --data DIR

    Example: renkei new battery acme/one --out my-parts
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.bpx_cell import import_cell
    from renkei.flows.new import Node, begin

    catalogue = Catalogue([out] if (out / "makers").is_dir() else [])
    if bpx is not None and kind != "battery-cell":
        raise InputError(f"--bpx gives a battery-cell, not {kind}")
    if (dbc is None) != (node is None):
        raise InputError("--dbc and --node go together: the file, and the part's node in it")
    if dbc is not None and kind in ("vehicle", "app", "maker"):
        raise InputError(f"--dbc gives messages of a part, not of a {kind}")
    if vss_overlay is not None and kind not in ("vehicle", "app"):
        raise InputError(f"--vss-overlay gives signals of a vehicle or an app, not of a {kind}")
    own = Node(dbc, node, bus) if dbc and node else None
    found = (
        import_cell(bpx, id_, out, licence, catalogue) if bpx else begin(kind, id_, out, catalogue, own, vss_overlay)
    )
    for file in found:
        say.line(f"written: {file}")


def export(
    part: Annotated[str, typer.Argument(metavar="PART", help="A battery module or pack.")],
    battery_passport: Annotated[
        bool, typer.Option("--battery-passport", help="As a Catena-X battery pass, in JSON.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to this file.")] = None,
    data: say.Data = None,
) -> None:
    """Export a part in a format of others; what is unknown is left out, and how much is missing is said.

    Example: renkei export nissan/leaf-40-pack --battery-passport --out pass.json
    """
    import json

    from renkei.catalogue import Catalogue
    from renkei.flows.new import write_all
    from renkei.flows.passport import battery_passport as passport_of
    from renkei.flows.passport import properties

    if not battery_passport:
        raise InputError("choose a format: --battery-passport")
    made = passport_of(Catalogue(data or []).part(part))
    if out is None:
        say.as_json(made.content)
    else:
        write_all({out: json.dumps(made.content, indent=2, ensure_ascii=False) + "\n"}, replace=out)
    asked = sum(p.required for p in properties())
    if made.missing:
        say.note(
            f"a draft: {len(made.missing)} of {asked} single properties that the battery pass requires are unknown"
        )


def _print(shown: dict[str, Any], catalogue: Catalogue) -> None:
    say.line(f"{shown['id']}  {shown['kind']}  {shown['name']}")
    if shown["note"]:
        say.line(shown["note"])
    rows = [[f["group"], f["fact"], f["text"], f["unit"], f["confidence"], ", ".join(f["source"])]
            for f in shown["facts"]]  # fmt: skip
    say.table(["group", "fact", "value", "unit", "confidence", "source"], rows)
    for fact in shown["facts"]:
        for claim in fact["disputed"]:
            by = ", ".join(claim["source"])
            say.line(f"disputed: {fact['fact']}: {claim['value']} by {by}; believed: {fact['text']}. {fact['note']}")
    for slot in shown["slots"]:
        say.line(f"slot {slot['name']}: {slot['kind']}, fitted: {slot['fitted'] or 'unknown'}")
        for limit in slot["requires"]:
            say.line(f"  asks for {limit['fact']} {limit['limit']} {limit['unit'] or ''}".rstrip() + _why(limit))
    for limit in shown["requires"]:
        say.line(
            f"asks of the {limit['of']}: {limit['fact']} {limit['limit']} {limit['unit'] or ''}".rstrip() + _why(limit)
        )
    for side in ("provides", "requires"):
        if shown["messages"][side]:
            say.line(f"messages {side}: " + ", ".join(m["text"] for m in shown["messages"][side]))
    for kind, inside in shown["made_of"].items():
        say.line(f"made of: {kind} {inside}")
    say.line(f"unknown: {', '.join(shown['unknown']) or 'nothing'}")


def _print_clauses(rows: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        return say.as_json(rows)
    columns = ["clause", "fact", "limit", "unit", "missed", "checked"]
    rows = [r | {"fact": f"{r['fact']} per {r['per']}" if r["per"] else r["fact"]} for r in rows]
    cells = [[r[c] for c in columns] + [len(r[c]) for c in ("meets", "misses", "unknown")] for r in rows]
    say.table([*columns, "meet", "miss", "unknown"], cells)


def _why(limit: dict[str, Any]) -> str:
    return f" ({limit['otherwise']}: {limit['reason']})" if limit["reason"] else f" ({limit['otherwise']})"

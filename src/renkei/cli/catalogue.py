"""renkei list: what the catalogue holds."""

from __future__ import annotations

from typing import Annotated

import typer

from renkei.cli import say

lists = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List what renkei knows.\n\nExample: renkei list signals nissan/leaf-aze0",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(lists, name="list")


@lists.command()
def makers(data: say.Data = None, json: say.AsJson = False) -> None:
    """List the makers.

    Example: renkei list makers
    """
    from renkei.catalogue import Catalogue

    catalogue = Catalogue(data or [])
    rows = [
        {
            "id": m,
            "name": catalogue.maker(m).name,
            "vehicles": [v for v in catalogue.vehicles if v.startswith(m + "/")],
            "parts": [p for p in catalogue.parts if p.startswith(m + "/")],
        }
        for m in catalogue.makers
    ]
    if json:
        return say.as_json(rows)
    columns = ["maker", "name", "vehicles", "parts"]
    say.table(columns, [[r["id"], r["name"], len(r["vehicles"]), len(r["parts"])] for r in rows])


@lists.command()
def vehicles(data: say.Data = None, json: say.AsJson = False) -> None:
    """List the vehicles.

    Example: renkei list vehicles --json
    """
    from renkei.catalogue import Catalogue

    catalogue = Catalogue(data or [])
    rows = []
    for id_ in catalogue.vehicles:
        v = catalogue.vehicle(id_)
        signals = len({row.path for row in v.known_map.rows}) if v.known_map else 0
        rows.append({"id": id_, "name": v.name, "years": v.years, "powertrain": v.powertrain, "signals": signals})
    if json:
        return say.as_json(rows)
    say.table(["vehicle", "name", "years", "powertrain", "signals"], [list(r.values()) for r in rows])


@lists.command()
def signals(
    vehicle: Annotated[
        str | None, typer.Argument(metavar="[VEHICLE]", help="Only what this car offers, with rate and bus.")
    ] = None,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """List the signals of the vocabulary, or those that one car offers.

    `settable` is of the real car, `virtual` of the car that 'renkei up' simulates: it takes more.

    Example: renkei list signals honda/clarity-ev
    """
    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.virtual_offers import offers_with_virtual

    chosen = vocabulary.load(vss) if vss else None
    if vehicle is None:
        rows = [_of_vocabulary(s) for s in chosen or vocabulary.builtin()]
        if json:
            return say.as_json(rows)
        return say.table(["signal", "type", "datatype", "unit"], [list(r.values())[:4] for r in rows])
    catalogue = Catalogue(data or [])
    found, set_aside = offers_with_virtual(catalogue, vehicle, chosen)
    if catalogue.vehicle(vehicle).known_map is None:
        say.note(f"{vehicle} has no CAN map; what its virtual car says ('renkei up --vehicle {vehicle}') is listed")
    if json:
        return say.as_json([offer._asdict() for offer in found])
    columns = ["signal", "datatype", "unit", "rate", "bus", "from", "confidence", "settable", "virtual"]
    say.table(
        columns,
        [
            [o.signal, o.datatype, o.unit, o.rate_text, o.bus, o.origin, o.confidence, o.settable_text, o.virtual_text]
            for o in found
        ],
    )
    for path, why in set_aside:
        say.note(f"set aside: {path}: {why}")


def _of_vocabulary(s: object) -> dict[str, object]:
    keys = {"signal": "path", "type": "kind", "datatype": "datatype", "unit": "unit", "min": "minimum",
            "max": "maximum", "allowed": "allowed", "default": "default", "description": "description"}  # fmt: skip
    return {key: getattr(s, name) for key, name in keys.items()}


@lists.command()
def dialects(json: say.AsJson = False) -> None:
    """List the dialects of CAN recordings that can be read.

    Example: renkei list dialects
    """
    from renkei.can.logs import DIALECTS

    if json:
        return say.as_json(dict(DIALECTS))
    say.table(["dialect", "what it is"], list(DIALECTS.items()))


@lists.command()
def checksums(json: say.AsJson = False) -> None:
    """List the checksum algorithms that a map can name.

    Example: renkei list checksums
    """
    from renkei.can.checks import CHECKSUMS

    rows = {name: (c.compute.__doc__ or "").strip() for name, c in CHECKSUMS.items()}
    if json:
        return say.as_json(rows)
    say.table(["checksum", "what it covers"], list(rows.items()))

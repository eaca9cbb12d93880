"""renkei dbc, import and synthesize: files that come from elsewhere, or are made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say

if TYPE_CHECKING:
    from renkei.can.dbc import Database


def add_to(app: typer.Typer) -> None:
    app.command()(dbc)
    app.command("import")(import_)
    app.command()(synthesize)


def dbc(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DBC files, however untidy.")],
    json: say.AsJson = False,
) -> None:
    """Read DBC files as renkei reads them, and say line by line what was repaired or set aside.

    Exit 0: nothing had to be mended; 1: something was repaired or dropped.

    Example: renkei dbc honda.dbc
    """
    from renkei.can.dbc import load

    read = [load(file) for file in files]
    if json:
        say.as_json([_plain(d) for d in read])
    else:
        for d in read:
            for repair in d.repairs:
                say.line(f"{d.file}:{repair.line}: {repair.action}: {repair.what}")
            parts = {"message": len(d.messages), "signal": _signals(d), "remark": len(d.repairs)}
            say.line(f"{d.file}: " + ", ".join(say.several(n, what) for what, n in parts.items()))
    if any(r.action != "noticed" for d in read for r in d.repairs):
        raise typer.Exit(1)


def _signals(database: Database) -> int:
    return sum(len(message.signals) for message in database.messages.values())


def _plain(database: Database) -> dict[str, object]:
    repairs = [repair._asdict() for repair in database.repairs]
    return {
        "file": database.file,
        "messages": len(database.messages),
        "signals": _signals(database),
        "repairs": repairs,
    }


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A VSS JSON with dbc2vss rows (KUKSA CAN provider), or a signal set of OBDb."
        ),
    ],
    vehicle: Annotated[str, typer.Option(metavar="MAKER/ID", help="The vehicle to make of it.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The private catalogue to write into.")],
    dbc: Annotated[Path | None, typer.Option(metavar="FILE", help="The DBC file that dbc2vss rows speak of.")] = None,
    year: Annotated[int | None, typer.Option(help="The model year, where a signal set tells years apart.")] = None,
    licence: Annotated[
        str, typer.Option(metavar="NAME", help="The licence of a signal set, to be stated in maker.toml.")
    ] = "not stated",
    json: say.AsJson = False,
) -> None:
    """Import the mapping of a KUKSA CAN provider, or a signal set of OBDb, as a map of a private catalogue.

    Example: renkei import vss_dbc.json --dbc car.dbc --vehicle acme/one --out my-cars
    """
    from renkei.errors import InputError
    from renkei.flows.adopt import adopt
    from renkei.flows.adopt_signalset import adopt_signalset, is_signalset

    if dbc is None and is_signalset(file):
        result = adopt_signalset(file, vehicle, out, year=year, licence=licence)
    elif dbc is not None:
        result = adopt(file, dbc, vehicle, out)
    else:
        raise InputError(f"{file}: is no signal set; for the mapping of a KUKSA CAN provider say its DBC file, --dbc")
    if json:
        say.as_json(result.as_json())
    else:
        for path, why in result.set_aside:
            say.line(f"set aside: {path}: {why}")
        for written in result.files:
            say.line(f"written: {written}")
        print(f"{say.several(result.rows, 'row')} imported, {len(result.set_aside)} set aside; judge it with:")
        say.line(f"  renkei check --data {out}")
    if result.set_aside:
        raise typer.Exit(1)


def synthesize(
    vehicle: Annotated[str, typer.Argument(help="The car whose frames are made; see 'renkei list vehicles'.")],
    scenario: Annotated[
        Path,
        typer.Option(metavar="FILE.csv", help="Values over time: t_s and a column for each VSS path, in VSS units."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.log", help="The recording to write, as candump -L.")],
    data: say.Data = None,
) -> None:
    """Write a synthetic recording of a car: values of signals, encoded through its map, each message at its cycle.

    Example: renkei synthesize nissan/leaf-aze0 --scenario drive.csv --out synthetic.log
    """
    from renkei.aside import aside
    from renkei.catalogue import Catalogue
    from renkei.flows.plans import plan_of
    from renkei.flows.synthesize import beside, read_scenario, write_candump
    from renkei.flows.synthesize import synthesize as frames_of
    from renkei.vocabulary import builtin

    plan = plan_of(Catalogue(data or []).vehicle(vehicle).map)
    read = read_scenario(scenario, builtin())
    with aside(out) as written:
        count = write_candump(frames_of(plan, read), plan, written)
    channels = ", ".join(f"{bus} on can{i}" for i, bus in enumerate(plan.buses))
    say.line(f"{out}: {say.several(count, 'frame')} of {vehicle}, synthetic, {channels}")
    if unnamed := beside(plan, read.values):
        each = ", ".join(f"{path} as {value}" for path, value in unnamed.items())
        say.note(f"not in the scenario, but in its messages and without a code for 'not available': {each}")

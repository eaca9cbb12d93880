"""renkei bench: how fast this machine is at what renkei does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from renkei.cli import say
from renkei.cli.decode import Bus, TimeUnit, pairs

benches = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure speed on this machine.\n\nExample: renkei bench decode drive.log --vehicle nissan/leaf-aze0",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(benches, name="bench")


@benches.callback()
def group() -> None:
    """A name of its own for each bench, even were there only one."""


@benches.command()
def decode(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="A CAN recording.")],
    vehicle: Annotated[str, typer.Option(metavar="ID", help="The car it is from.")],
    bus: Bus = None,
    time_unit: TimeUnit = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Measure decoding: text to columns in memory, the columnar engine alone, the engine for live frames.

    Example: renkei bench decode drive.log --vehicle nissan/leaf-aze0 --json
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.bench import decode_speed

    figures = decode_speed(log, vehicle, Catalogue(data or []), buses=pairs(bus or []), time_unit=time_unit)
    if json:
        return say.as_json(figures)
    say.table(["figure", "value"], [[k, f"{v:,}" if isinstance(v, int) else v] for k, v in figures.items()])


@benches.command()
def sim(
    vehicles: Annotated[int, typer.Option(metavar="N", min=1, help="How many cars, each a little different.")] = 1000,
    cycle: Annotated[str, typer.Option(metavar="NAME", help="A drive cycle.")] = "udds",
    vehicle: Annotated[str | None, typer.Option(metavar="ID", help="The car that they vary.")] = None,
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Measure simulation: many cars through a cycle on all cores, and one on one core; the kernel compiled before.

    Example: renkei bench sim --vehicles 1000 --cycle udds --json
    """
    from renkei.catalogue import Catalogue
    from renkei.errors import CannotTell
    from renkei.flows.bench_sim import drive_speed
    from renkei.flows.virtual_car import first_virtual_car, virtual_car

    catalogue = Catalogue(data or [])
    built = virtual_car(catalogue, vehicle) if vehicle else first_virtual_car(catalogue)
    if built is None:
        raise CannotTell("no vehicle of the catalogue has the facts for a simulation")
    figures = drive_speed(built, vehicles, cycle)
    if json:
        return say.as_json(figures)
    rows = [
        [k, f"{v:,}" if isinstance(v, int) else f"{v:,.6g}" if isinstance(v, float) else v] for k, v in figures.items()
    ]
    say.table(["figure", "value"], rows)

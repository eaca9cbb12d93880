"""renkei demo: three cars of three makers, one app."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli import say

if TYPE_CHECKING:
    from renkei.flows.demo import App, DemoCar

GEARS = {126: "P", 127: "D", 0: "N", -1: "R"}
COLUMNS = ("car", "source", "speed km/h", "charge %", "battery V", "battery A", "power kW", "gear", "steering °")


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    seconds: Annotated[float, typer.Option(metavar="S", min=1, max=55, help="How long to watch.")] = 16,
) -> None:
    """Bring up three cars of three makers, run one small app over all of them, and sum up.

    Example: renkei demo
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.demo import App, cars, serving

    pace = 2.0
    catalogue = Catalogue()
    shown = cars(catalogue)
    print(f"renkei: {len(shown)} cars of {len({c.vehicle.split('/')[0] for c in shown})} makers, one vehicle API")
    for car in shown:
        print(f"  {car.vehicle}  {car.name}, {car.kind}")
    with serving(shown, catalogue, pace) as up:
        ports = ", ".join(f"127.0.0.1:{port}" for port in up.ports.values())
        print(f"each speaks kuksa.val.v2 on a port of its own: {ports}")
        print(f"one app reads the same VSS signals from all of them, at {pace:g} times their pace")
        print("(a dash: the car itself says that it does not know):\n")
        app = App(dict(up.ports), pace)
        app.start()
        _show(app, shown, seconds)
        app.stop()
    _sum_up(app, shown)


def _show(app: App, shown: list[DemoCar], seconds: float) -> None:
    end = time.monotonic() + seconds
    if not sys.stdout.isatty():
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(4.0, left))
            say.table(COLUMNS, _rows(app, shown))
            print()
        return
    from rich.live import Live

    with Live(_drawn(app, shown), refresh_per_second=8) as live:
        while time.monotonic() < end:
            time.sleep(0.125)
            live.update(_drawn(app, shown))


def _rows(app: App, shown: list[DemoCar]) -> list[list[str]]:
    from renkei.flows.demo import CHARGE, CURRENT, GEAR, SPEED, STEERING, VOLTAGE

    rows = []
    for car in shown:
        trip = app.trips[car.vehicle]
        see = trip.latest.get
        numbers = [see(SPEED), see(CHARGE), see(VOLTAGE), see(CURRENT), trip.power_kw]
        gear = GEARS.get(see(GEAR), see(GEAR))  # type: ignore[arg-type]
        rows.append(
            [car.vehicle, car.kind, *map(_number, numbers), "-" if gear is None else gear, _number(see(STEERING))]
        )
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _drawn(app: App, shown: list[DemoCar]) -> Any:
    from rich.table import Table

    table = Table(*COLUMNS)
    for row in _rows(app, shown):
        table.add_row(*row)
    return table


def _sum_up(app: App, shown: list[DemoCar]) -> None:
    from renkei.flows.demo import CHARGE

    print("what the app saw:")
    for car in shown:
        trip = app.trips[car.vehicle]
        charge = trip.latest.get(CHARGE)
        steered = f"{min(trip.steering):g} to {max(trip.steering):g}°" if trip.steering else "not seen"
        print(
            f"  {car.vehicle}: {say.several(trip.updates, 'update')}, {trip.distance_km:.2f} km, "
            f"top {trip.top_km_h:.0f} km/h, {trip.energy_kwh * 1000:.0f} Wh from the battery, "
            f"charge {'unknown' if charge is None else f'{charge:.1f} %'}, steering {steered}"
        )
    print(
        "\nwhat to type next:\n"
        "  .venv/bin/renkei list vehicles\n"
        f"  .venv/bin/renkei list signals {shown[0].vehicle}\n"
        f"  .venv/bin/renkei drive {shown[0].vehicle} --cycle udds\n"
        "  .venv/bin/renkei decode YOUR.log --vehicle ID --out drive.parquet\n"
        f"  .venv/bin/renkei up --vehicle {shown[0].vehicle} --vehicle ID=YOUR.log"
    )

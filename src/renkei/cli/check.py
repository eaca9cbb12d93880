"""renkei check: judge a catalogue."""

from __future__ import annotations

from dataclasses import asdict

import typer

from renkei.cli import say


def add_to(app: typer.Typer) -> None:
    app.command()(check)


def check(data: say.Data = None, json: say.AsJson = False) -> None:
    """Judge a catalogue: every file, every row, every round trip from values to frames and back.

    Without --data the built-in catalogue is judged, with it only the makers that DIR touches.

    Example: renkei check --data my-cars
    """
    from renkei.catalogue import Catalogue
    from renkei.flows.check import check as judge

    report = judge(Catalogue(data or []), only_private=bool(data))
    if json:
        say.as_json(asdict(report) | {"faults": [fault._asdict() for fault in report.faults]})
    else:
        for fault in report.faults:
            say.line(": ".join(part for part in fault if part))
        print(
            f"{say.several(report.makers, 'maker')}, {say.several(report.vehicles, 'vehicle')}, "
            f"{say.several(report.parts, 'part')}, {say.several(report.standards, 'standard')}, "
            f"{say.several(report.maps, 'map')}, {say.several(report.rows, 'row')}, "
            f"{say.several(report.round_trips, 'round trip')}: {say.several(len(report.faults), 'fault')}"
        )
    if report.faults:
        raise typer.Exit(1)

"""renkei decode: recordings of a car become samples of its standard signals."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.errors import InputError

if TYPE_CHECKING:
    from renkei.flows.decode import Summary


def add_to(app: typer.Typer) -> None:
    app.command()(decode)


def decode(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="CAN recordings, in any dialect, also gzipped.")],
    vehicle: Annotated[str, typer.Option(metavar="ID", help="The car they are from; see 'renkei list vehicles'.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write samples to FILE.parquet or FILE.csv.")] = None,
    bus: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CHANNEL", help="The log's channel of a bus; found out where not given."),
    ] = None,
    time_unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Unit of bare times in the log: s, ms, us or ns.")
    ] = None,
    keep_personal: Annotated[bool, typer.Option("--keep-personal", help="Keep signals that identify a car.")] = False,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Decode recordings of a car into samples of its standard signals.

    Example: renkei decode drive.log --vehicle nissan/leaf-aze0 --out drive.parquet
    """
    threading.Thread(target=_load_kernels, daemon=True).start()
    from renkei import recording, vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.decode import Options, decode_logs

    if out:
        recording.writable(out)
    with say.progress("decoding") as bar:
        options = Options(_pairs(bus or []), keep_personal, time_unit, out.parent if out else None, bar)
        chosen = vocabulary.load(vss) if vss else None
        samples, summary = decode_logs(logs, vehicle, Catalogue(data or []), chosen, options)
    try:
        if out:
            recording.write([samples], out, summary.metadata)
    finally:
        samples.close()
    if json:
        say.as_json(summary.as_json() | {"out": str(out) if out else None})
    else:
        _tell(summary, out)


def _load_kernels() -> None:
    """numba takes a third of a second to be ready; the catalogue is read meanwhile."""
    from renkei.can import columns

    columns.warm()


def _pairs(given: list[str]) -> dict[str, str]:
    for text in given:
        if not all(text.partition("=")):
            raise InputError(f"--bus {text}: expected NAME=CHANNEL, for example ev-can=can1")
    return {name: channel for name, _, channel in (text.partition("=") for text in given)}


def _tell(summary: Summary, out: Path | None) -> None:
    counts = summary.counts
    print(f"{summary.vehicle}: {say.several(counts.frames, 'frame')}, {summary.decoded_share:.1%} decoded")
    for log in summary.logs:
        buses = ", ".join(f"{bus} on {channel}" for bus, channel in log.channels.items()) or "no bus recognised"
        print(f"  {log.file}: {log.dialect}, {buses}")
        for sentence in log.assumed:
            print(f"    assumed: {sentence}")
        if log.skipped:
            print(f"    {say.several(log.skipped, 'line')} not readable; first: {log.first_skipped}")
    print(f"  {say.several(len(summary.signals), 'signal')}, {say.several(summary.samples, 'sample')}", end="")
    print(f" over {(summary.last_ns - summary.first_ns) / 1e9:,.1f} s")
    troubles = {
        "frames repeated": counts.repeated,
        "frames lost by their counter": counts.lost,
        "frames too short": counts.short,
        "values out of range": counts.out_of_range,
        "diagnostic answers incomplete": counts.broken_answers,
    }
    told = [f"{what}: {n:,}" for what, n in troubles.items() if n]
    print("  " + ", ".join([f"failed checksums: {counts.bad_checksum:,}", *told]))
    for path, why in summary.set_aside:
        print(f"  set aside: {path}: {why}")
    if out:
        print(f"  written to {out}")

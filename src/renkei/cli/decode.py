"""renkei decode: recordings of a car become samples of its standard signals."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.errors import InputError, clipped

if TYPE_CHECKING:
    from renkei.flows.decode import Summary


Bus = Annotated[
    list[str] | None,
    typer.Option("--bus", metavar="NAME=CHANNEL", help="The log's channel of a bus; found out where not given."),
]
TimeUnit = Annotated[str | None, typer.Option(metavar="UNIT", help="Unit of bare times in the log: s, ms, us or ns.")]
AnyCar = Annotated[bool, typer.Option("--any-car", help="Take a log even where it looks like that of another car.")]


def add_to(app: typer.Typer) -> None:
    app.command()(decode)


def decode(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="CAN recordings, in any dialect, also gzipped.")],
    vehicle: Annotated[str, typer.Option(metavar="ID", help="The car they are from; see 'renkei list vehicles'.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write samples to FILE.parquet or FILE.csv.")] = None,
    bus: Bus = None,
    time_unit: TimeUnit = None,
    any_car: AnyCar = False,
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
        options = Options(
            buses=pairs(bus or []), keep_personal=keep_personal, any_car=any_car, time_unit=time_unit,
            scratch=out.parent if out else None, progress=bar,
        )  # fmt: skip
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


def pairs(given: list[str]) -> dict[str, str]:
    """The channel of each bus. Raises InputError where a text is not NAME=CHANNEL or a name comes twice."""
    channels: dict[str, str] = {}
    for text in given:
        name, equals, channel = text.partition("=")
        if not (name and equals and channel):
            raise InputError(f"--bus: expected NAME=CHANNEL, such as ev-can=can1, got {clipped(text)}")
        if name in channels:
            raise InputError(
                f"--bus: {clipped(name)} given twice, as {clipped(channels[name])} and as {clipped(channel)}"
            )
        channels[name] = channel
    return channels


def _tell(summary: Summary, out: Path | None) -> None:
    from renkei.can.load import HIGH

    counts = summary.counts
    say.line(f"{summary.vehicle}: {say.several(counts.frames, 'frame')}, {summary.decoded_share:.1%} decoded")
    for log in summary.logs:
        buses = ", ".join(f"{bus} on {channel}" for bus, channel in log.channels.items()) or "no bus recognised"
        say.line(f"  {log.file}: {log.dialect}, {buses}")
        if log.time_base == "boot":
            say.line("    times count from the log's own start: the log has no date")
        for sentence in log.assumed:
            say.line(f"    assumed: {sentence}")
        for bus, load in log.loads.items():
            if load.busiest_second_least >= HIGH:
                shares = f"{load.busiest_second_least:.0%} to {load.busiest_second_most:.0%}"
                say.line(f"    {bus} was nearly full: {shares} of its bit rate in its busiest second")
        if log.skipped:
            say.line(f"    {say.several(log.skipped, 'line')} not readable; first: {log.first_skipped}")
    if overlaps := summary.overlaps:
        one, other, seconds = overlaps[0]
        more = f", and {say.several(len(overlaps) - 1, 'pair')} more" if overlaps[1:] else ""
        starts = any(log.time_base == "boot" and log.file == one for log in summary.logs)
        why = ", as each counts from its own start" if starts else ""
        names = f"{Path(one).name} and {Path(other).name}"
        say.line(f"  {names} cover the same {seconds:,.1f} s{why}{more}; samples of both are kept")
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
        say.line(f"  set aside, as this VSS does not fit: {path}: expected {why}")
    if out:
        say.line(f"  written to {out}")

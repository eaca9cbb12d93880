"""renkei up: cars on one platform, behind the APIs that apps know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from renkei.cli import say
from renkei.errors import InputError, RenkeiError


def add_to(app: typer.Typer) -> None:
    app.command()(up)


def up(
    vehicle: Annotated[
        list[str],
        typer.Option(metavar="ID[=SOURCE]", help="A car, and the recording that stands for it; repeat for several."),
    ],
    grpc_port: Annotated[
        int, typer.Option(metavar="P", min=0, max=65535, help="KUKSA port of the first car; the others count up.")
    ] = 55555,
    http_port: Annotated[int, typer.Option(metavar="P", min=0, max=65535, help="Port of the dashboard.")] = 8090,
    speed: Annotated[float, typer.Option(metavar="X", help="Times the recorded pace.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin recordings again when they end.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the dashboard.")] = False,
    data: say.Data = None,
    vss: say.Vss = None,
) -> None:
    """Bring cars up behind kuksa.val.v1 and v2, one port a car, with a dashboard to look at.

    Example: renkei up --vehicle mitsubishi/outlander-phev-2019=drive.log --loop
    """
    import asyncio

    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.up import Source, UpOptions

    sources = [Source(id_, Path(log) if log else None) for id_, _, log in (v.partition("=") for v in vehicle)]
    if any(text.endswith("=") for text in vehicle):
        raise InputError("--vehicle: expected ID=SOURCE with a file after the =")
    chosen = vocabulary.load(vss) if vss else None
    options = UpOptions(grpc_port, http_port, speed, loop)
    asyncio.run(_serve(sources, Catalogue(data or []), options, chosen, open_browser=not no_browser))


async def _serve(sources, catalogue, options, vocabulary, *, open_browser: bool) -> None:  # type: ignore[no-untyped-def]
    import asyncio
    import signal

    from renkei.flows.up import up as bring_up

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with bring_up(sources, catalogue, options, vocabulary, failed=_tell_failure) as cars:
        for id_, port in cars.ports.items():
            print(f"{id_}  kuksa.val.v2 and v1 on 127.0.0.1:{port}", flush=True)
        page = f"http://127.0.0.1:{cars.http_port}/"
        print(f"dashboard  {page}", flush=True)
        print("stop with Ctrl-C", flush=True)
        if open_browser and sys.stdout.isatty():
            import webbrowser

            webbrowser.open(page)
        await stop.wait()


def _tell_failure(e: RenkeiError) -> None:
    say.note(str(e))

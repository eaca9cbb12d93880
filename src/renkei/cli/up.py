"""renkei up: cars on one platform, behind the APIs that apps know."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.cli.decode import AnyCar, pairs
from renkei.errors import InputError, RenkeiError, clipped

if TYPE_CHECKING:
    from renkei.doors.tls import Tls
    from renkei.flows.up import Source


def add_to(app: typer.Typer) -> None:
    app.command()(up)


def up(
    vehicle: Annotated[
        list[str],
        typer.Option(
            metavar="ID[=SOURCE]",
            help="A car and its source, as told above; repeat for several.",
        ),
    ],
    grpc_port: Annotated[
        int, typer.Option(metavar="P", min=0, max=65535, help="KUKSA port of the first car; the others count up.")
    ] = 55555,
    http_port: Annotated[int, typer.Option(metavar="P", min=0, max=65535, help="Port of the dashboard.")] = 8090,
    bus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ID:]NAME=CHANNEL",
            help="A recording's channel of a bus; found out where not given. With several recordings of car ID.",
        ),
    ] = None,
    time_unit: Annotated[
        list[str] | None,
        typer.Option(metavar="[ID:]UNIT", help="Unit of bare times in a recording: s, ms, us or ns."),
    ] = None,
    any_car: AnyCar = False,
    speed: Annotated[float, typer.Option(metavar="X", help="Times the recorded or simulated pace.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin recordings again when they end.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the dashboard.")] = False,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    trust: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Ask for tokens, of the issuers that FILE names.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE.pem", help="Certificate of this server.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE.pem", help="Its private key.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(metavar="FILE.pem", help="Let in only clients with a certificate of this authority.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let everybody in who reaches HOST, and do everything.")
    ] = False,
    audit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write down actuations and refusals; see 'renkei audit'.")
    ] = None,
    most_requests: Annotated[
        float | None,
        typer.Option(metavar="N", min=0, help="Requests per second of each client; 0: any. 1000 with --trust, else 0."),
    ] = None,
    data: say.Data = None,
    vss: say.Vss = None,
) -> None:
    """Bring cars up behind kuksa.val.v1 and v2, one port a car, with a dashboard to look at.

    A SOURCE is the file of a recording, or the buses of a live car, as python-can names interface and channel:
    can:INTERFACE:CHANNEL, for a car of several buses can:BUS@INTERFACE:CHANNEL,BUS@INTERFACE:CHANNEL. With ,listen at
    the end nothing is ever sent; else answers on diagnostics are asked for and actuations go out. Without a SOURCE a
    car is virtual and drives a cycle: virtual:CYCLE,soc=0.8,air=20 says which. With none clients publish its values.

    Example: renkei up --vehicle nissan/leaf-ze1-40 --vehicle mitsubishi/outlander-phev-2019=drive.log --loop

    Example: renkei up --vehicle honda/clarity-ev=can:socketcan:can0,listen
    """
    import asyncio

    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.safety import Safety
    from renkei.flows.up import UpOptions

    sources = _with_options([source_of(text) for text in vehicle], bus or [], time_unit or [])
    chosen = vocabulary.load(vss) if vss else None
    safety = Safety(host, trust, _tls(tls_cert, tls_key, tls_client_ca), audit, insecure, most_requests)
    options = UpOptions(grpc_port, http_port, speed, loop, any_car, safety)
    asyncio.run(_serve(sources, Catalogue(data or []), options, chosen, open_browser=not no_browser))


def _tls(cert: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    if cert is None or key is None:
        given = {"--tls-cert": cert, "--tls-key": key, "--tls-client-ca": client_ca}
        if any(given.values()):
            missing = next(name for name, file in given.items() if file is None)
            raise InputError(f"{missing}: expected FILE.pem too: TLS needs a certificate and its key")
        return None
    from renkei.doors.tls import Tls

    tls = Tls(cert, key, client_ca)
    tls.context()
    return tls


def source_of(text: str) -> Source:
    from renkei.flows.live import PREFIX, live_source
    from renkei.flows.up import Source
    from renkei.flows.virtual import VirtualSource, is_virtual, virtual_source

    id_, equals, source = text.partition("=")
    if equals and not source:
        raise InputError("--vehicle: expected ID=SOURCE with a file, can: and buses, virtual, or none after the =")
    if source.startswith(PREFIX):
        return Source(id_, live=live_source(source))
    if not source:
        return Source(id_, virtual=VirtualSource())
    if is_virtual(source):
        return Source(id_, virtual=virtual_source(source))
    return Source(id_, None if source == "none" else Path(source))


def _with_options(sources: list[Source], buses: list[str], units: list[str]) -> list[Source]:
    """Sources with what --bus and --time-unit say of their recordings."""
    named, timed = _of_cars("--bus", buses, sources), _of_cars("--time-unit", units, sources)
    for id_, given in timed.items():
        if len(given) > 1:
            raise InputError(f"--time-unit: given twice for {id_}")
    return [
        replace(s, buses=pairs(named.get(s.vehicle, [])), time_unit=next(iter(timed.get(s.vehicle, [])), None))
        for s in sources
    ]


def _of_cars(option: str, texts: list[str], sources: list[Source]) -> dict[str, list[str]]:
    """For each car the texts that are meant for its recording."""
    recorded = [s.vehicle for s in sources if s.log]
    found: dict[str, list[str]] = {}
    for text in texts:
        id_, colon, rest = text.partition(":")
        if colon and "/" in id_:
            if id_ not in recorded:
                raise InputError(f"{option} {clipped(text)}: no recording is given for that car")
            found.setdefault(id_, []).append(rest)
        elif len(recorded) == 1:
            found.setdefault(recorded[0], []).append(text)
        else:
            what = "several recordings are given: say of which car, as ID:" if recorded else "no recording is given"
            raise InputError(f"{option} {clipped(text)}: {what}")
    return found


async def _serve(sources, catalogue, options, vocabulary, *, open_browser: bool) -> None:  # type: ignore[no-untyped-def]
    import asyncio
    import gc
    import signal

    from renkei.flows.up import up as bring_up

    host = f"[{options.safety.host}]" if ":" in options.safety.host else options.safety.host
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with bring_up(sources, catalogue, options, vocabulary, failed=_tell_failure, tell=say.note) as cars:
        for id_, port in cars.ports.items():
            print(f"{id_}  kuksa.val.v2 and v1 on {host}:{port}", flush=True)
        page = f"{'https' if options.safety.tls else 'http'}://{host}:{cars.http_port}/"
        print(f"dashboard  {page}", flush=True)
        print("stop with Ctrl-C", flush=True)
        gc.collect()
        gc.freeze()  # what is there now stays: to look through it all takes 30 ms, in which no value would flow
        if open_browser and sys.stdout.isatty():
            import webbrowser

            webbrowser.open(page)
        await stop.wait()


def _tell_failure(e: RenkeiError) -> None:
    say.note(str(e))

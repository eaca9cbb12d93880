"""renkei get and renkei watch: values from any KUKSA server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say

if TYPE_CHECKING:
    from renkei.doors.kuksa.client import Reading

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="VSS paths, branches, or patterns with * and **.")]
Vehicle = Annotated[str | None, typer.Option(metavar="ID", help="Which car, where the server has several.")]
Port = Annotated[int, typer.Option(metavar="P", min=1, max=65535, help="Port of the server.")]
Host = Annotated[str, typer.Option(metavar="HOST", help="Host of the server.")]
Token = Annotated[
    str | None, typer.Option(metavar="TOKEN", envvar="RENKEI_TOKEN", help="Shown to a server that asks for one.")
]
Ca = Annotated[
    Path | None, typer.Option("--tls-ca", metavar="FILE.pem", help="Speak TLS; who signed the server's certificate.")
]

Cert = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="FILE.pem", help="Certificate that the server is shown, if it wants one."),
]
Key = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE.pem", help="Its private key.")]


def add_to(app: typer.Typer) -> None:
    app.command()(get)
    app.command()(watch)


def get(
    paths: Paths,
    vehicle: Vehicle = None,
    port: Port = 55555,
    host: Host = "127.0.0.1",
    token: Token = None,
    tls_ca: Ca = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    json: say.AsJson = False,
) -> None:
    """Get the latest values of signals from any KUKSA server.

    Example: renkei get Vehicle.Speed --vehicle honda/clarity-ev
    """
    from renkei.doors.kuksa.client import KuksaClient

    with KuksaClient(port, host, vehicle, token=token, ca=tls_ca, cert=tls_cert, key=tls_key) as client:
        units = {s.path: s.unit for path in paths for s in client.metadata(path)}
        readings = client.get(paths)
    if json:
        return say.as_json([_plain(r, units) for r in readings])
    say.table(["signal", "value", "unit"], [[r.path, _text(r), units.get(r.path)] for r in readings])


def watch(
    paths: Paths,
    vehicle: Vehicle = None,
    port: Port = 55555,
    host: Host = "127.0.0.1",
    token: Token = None,
    tls_ca: Ca = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after N updates.")] = None,
    json: say.AsJson = False,
) -> None:
    """Watch signals of any KUKSA server as they change; with --json one object a line.

    Example: renkei watch Vehicle.Speed Vehicle.Powertrain.TractionBattery.StateOfCharge
    """
    from renkei.doors.kuksa.client import KuksaClient

    with KuksaClient(port, host, vehicle, token=token, ca=tls_ca, cert=tls_cert, key=tls_key) as client:
        units = {s.path: s.unit for path in paths for s in client.metadata(path)}
        for n, readings in enumerate(client.watch(paths), start=1):
            for r in readings:
                if json:
                    print(say.json_text(_plain(r, units)), flush=True)
                else:
                    print(say.plain(f"{r.path}  {_text(r)} {units.get(r.path) or ''}".rstrip()), flush=True)
            if n == count:
                break


def _plain(reading: Reading, units: dict[str, str | None]) -> dict[str, object]:
    return {"signal": reading.path, "value": reading.value, "unit": units.get(reading.path), "t_ns": reading.t_ns}


def _text(reading: Reading) -> object:
    return "not available" if reading.value is None else reading.value

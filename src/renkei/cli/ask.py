"""renkei get and renkei watch: values from any KUKSA server."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say
from renkei.errors import InputError, clipped

if TYPE_CHECKING:
    from renkei.doors.kuksa.client import KuksaClient, Reading

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="VSS paths, branches, or patterns with * and **.")]
Vehicle = Annotated[str | None, typer.Option(metavar="ID", help="Which car, where the server has several.")]
Server = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="The server, in one word instead of --host and --port.")
]
Port = Annotated[
    int | None, typer.Option(metavar="P", min=1, max=65535, help="Port of the server.", show_default="55555")
]
Host = Annotated[str | None, typer.Option(metavar="HOST", help="Host of the server.", show_default="127.0.0.1")]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN|FILE",
        envvar="RENKEI_TOKEN",
        help="A token, or a file with one: shown to a server that asks for it.",
    ),
]
Ca = Annotated[
    Path | None, typer.Option("--tls-ca", metavar="FILE.pem", help="Speak TLS; who signed the server's certificate.")
]

Cert = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="FILE.pem", help="Certificate that the server is shown, if it wants one."),
]
Key = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE.pem", help="Its private key.")]


_PORT = 55555


def address_of(server: str | None, host: str | None, port: int | None) -> tuple[str, int]:
    """Host and port of a server, however they were given. Raises InputError."""
    if server is None:
        return host or "127.0.0.1", port or _PORT
    if host is not None or port is not None:
        raise InputError(f"--server {server}: expected no --host and --port beside it")
    name, colon, digits = server.rpartition(":")
    if not (name and colon and digits.isascii() and digits.isdecimal() and 0 < int(digits[:6]) < 65536):
        raise InputError(f"--server: expected HOST:PORT, got {clipped(server)}")
    return name.removeprefix("[").removesuffix("]"), int(digits)


def token_of(text: str) -> str:
    """The token that stands in a text, or in the file that it names. Raises InputError."""
    if not os.path.isfile(text):
        if re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", text, re.ASCII):
            return text
        raise InputError(f"--token {clipped(text)}: expected a token or a file with one")
    try:
        content = Path(text).read_bytes()
    except OSError as e:
        raise InputError(f"--token {text}: cannot be read: {e.strerror}") from e
    found = content.strip()
    if not found or not found.isascii() or b"\n" in found:
        raise InputError(f"--token {text}: expected a file with a token")
    return found.decode()


def _client(
    server: str | None, host: str | None, port: int | None, vehicle: str | None, token: str | None,
    ca: Path | None, cert: Path | None, key: Path | None,
) -> KuksaClient:  # fmt: skip
    from renkei.doors.kuksa.client import KuksaClient

    at, number = address_of(server, host, port)
    return KuksaClient(number, at, vehicle, token=token_of(token) if token else None, ca=ca, cert=cert, key=key)


def add_to(app: typer.Typer) -> None:
    app.command()(get)
    app.command()(watch)


def get(
    paths: Paths,
    vehicle: Vehicle = None,
    server: Server = None,
    port: Port = None,
    host: Host = None,
    token: Token = None,
    tls_ca: Ca = None,
    tls_cert: Cert = None,
    tls_key: Key = None,
    json: say.AsJson = False,
) -> None:
    """Get the latest values of signals from any KUKSA server.

    Example: renkei get Vehicle.Speed --vehicle honda/clarity-ev
    """
    with _client(server, host, port, vehicle, token, tls_ca, tls_cert, tls_key) as client:
        units = {s.path: s.unit for path in paths for s in client.metadata(path)}
        readings = client.get(paths)
    if json:
        return say.as_json([_plain(r, units) for r in readings])
    say.table(["signal", "value", "unit"], [[r.path, _text(r), units.get(r.path)] for r in readings])


def watch(
    paths: Paths,
    vehicle: Vehicle = None,
    server: Server = None,
    port: Port = None,
    host: Host = None,
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
    with _client(server, host, port, vehicle, token, tls_ca, tls_cert, tls_key) as client:
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

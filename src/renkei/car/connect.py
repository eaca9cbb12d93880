"""connect: one door into any car, in this process or behind a port."""

from __future__ import annotations

from renkei.app import App
from renkei.car.inside import InsideWay
from renkei.car.one_car import AsyncCar, Car
from renkei.car.port import PortWay
from renkei.car.reading import Running, Way
from renkei.doors.kuksa.client import KuksaClient
from renkei.doors.tls import Pem
from renkei.errors import InputError, UnknownName, clipped


def connect(
    where: str | int | Running = "localhost:55555",
    vehicle: str | None = None,
    *,
    token: str | None = None,
    app: App | None = None,
    pace: float = 1.0,
    ca: Pem | None = None,
    cert: Pem | None = None,
    key: Pem | None = None,
    timeout_s: float = 5.0,
) -> Car:
    """A car: behind a port of renkei or of any KUKSA server, or among the cars that are up in this process.

    `where`: HOST:PORT, a port of this machine, or what `renkei.flows.up.up` gives. `vehicle` may be left out where
    there is only one. `token` is shown to the server. With an `app` the car is seen as its manifest says. `pace`: how
    many times faster than in the car values come, as with `renkei up --speed`; times are stretched by it. With `ca`,
    the path of certificates in PEM (or what stands there, as bytes), TLS is spoken to a server that one of them signed;
    `cert` and `key` are shown to one that wants to know its clients so. Nothing is asked of a server before the first
    use, so that only then it is missed. Raises InputError, UnknownName.
    """
    way: Way
    priority = app.priority if app else 0
    if isinstance(where, str | int):
        host, port = _address(where, "127.0.0.1" if ca is None else "localhost")
        client = KuksaClient(
            port, host, vehicle, timeout_s, token=token, priority=priority, ca=ca, cert=cert, key=key
        )  # fmt: skip
        way = PortWay(client)
    else:
        vehicle = _one_of(where.broker.vehicles, vehicle)
        way = InsideWay(where, vehicle, by=f"app {app.id}" if app else "a program in this process", priority=priority)
    return Car(way, vehicle, app, pace)


def connect_async(
    where: str | int | Running = "localhost:55555",
    vehicle: str | None = None,
    *,
    token: str | None = None,
    app: App | None = None,
    pace: float = 1.0,
    ca: Pem | None = None,
    cert: Pem | None = None,
    key: Pem | None = None,
    timeout_s: float = 5.0,
) -> AsyncCar:
    """The same car for an event loop; arguments as those of `connect`."""
    return AsyncCar(
        connect(where, vehicle, token=token, app=app, pace=pace, ca=ca, cert=cert, key=key, timeout_s=timeout_s)
    )


def _address(where: str | int, this_machine: str) -> tuple[str, int]:
    """Host and port. Certificates name this machine in words, and without them an address is found faster."""
    host, colon, port = str(where).rpartition(":") if isinstance(where, str) else ("", ":", str(where))
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise InputError(f"expected HOST:PORT, got {clipped(where)}")
    return this_machine if host in ("", "localhost") else host, int(port)


def _one_of(known: tuple[str, ...], vehicle: str | None) -> str:
    if vehicle is None and len(known) == 1:
        return known[0]
    if vehicle is None:
        raise InputError(f"several cars are up, name one of them: {', '.join(known)}")
    if vehicle not in known:
        raise UnknownName("vehicle", vehicle, known)
    return vehicle

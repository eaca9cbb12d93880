"""The dashboard door: a web page and its JSON on one HTTP port, for all vehicles."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn

from renkei.broker import Broker
from renkei.doors.dashboard.events import Events
from renkei.doors.dashboard.routes import application
from renkei.doors.dashboard.view import View
from renkei.errors import DoorError, UnknownName
from renkei.vocabulary import Vocabulary

_STOP_S = 0.5


class DashboardDoor:
    """Cars in a web page on one HTTP port, live, and the same as JSON. It only reads.

    `names` are shown in place of ids, `ports` tells where the KUKSA door of a vehicle is. Port 0 chooses a free one.
    There is no authorization, so only this machine can reach the port unless `host` says otherwise. Raises UnknownName
    for a vehicle that the broker does not have.
    """

    def __init__(
        self,
        broker: Broker,
        vocabulary: Vocabulary,
        vehicles: Sequence[str],
        names: Mapping[str, str],
        host: str = "127.0.0.1",
        port: int = 8090,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        for vehicle in vehicles:
            if vehicle not in broker.vehicles:
                raise UnknownName("vehicle", vehicle, broker.vehicles)
        self._view = View(broker, vocabulary, vehicles, names, ports or {})
        self._host, self._port = host, port
        self._running: _Running | None = None

    async def open(self) -> int:
        """Open the port and return it; raises DoorError when it cannot be had."""
        listener = _listener(self._host, self._port)
        events = Events(self._view)
        config = uvicorn.Config(
            application(self._view, events, self._host),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",  # what a stranger sends wrong is not worth a line; a fault of ours is
            access_log=False,
            server_header=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        self._running = _Running(server, serving, events)
        await server.until_started(serving)
        port: int = listener.getsockname()[1]
        return port

    async def close(self) -> None:
        """End all streams and free the port."""
        if self._running is None:
            return
        (server, serving, events), self._running = self._running, None
        events.close()
        server.should_exit = True
        await asyncio.wait([serving], timeout=_STOP_S)
        for connection in list(server.server_state.connections):
            # Readers that take nothing any more would hold the port.
            connection.transport.abort()
        await serving


class _Running(NamedTuple):
    server: _Server
    serving: asyncio.Task[None]
    events: Events


class _Server(uvicorn.Server):
    """Runs in an event loop that is not its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever owns the process."""
        yield

    async def until_started(self, serving: asyncio.Task[None]) -> None:
        while not self.started:
            if serving.done():
                await serving
                raise DoorError("the web server ended before it started")
            await asyncio.sleep(0.001)


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket; raises DoorError."""
    if not 0 <= port <= 65535:
        raise DoorError(f"port {port} does not exist: ports end at 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (socket.gaierror, UnicodeError) as e:
        raise DoorError(f"cannot open a port on '{host}': no such host") from e
    try:
        # A port that was closed a moment ago is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as e:
        listener.close()
        hint = "; stop what uses it or choose another port" if e.errno == errno.EADDRINUSE else ""
        raise DoorError(f"cannot open port {port} on {host}: {e.strerror}{hint}") from e
    return listener

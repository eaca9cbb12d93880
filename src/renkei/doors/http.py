"""One HTTP port for several sets of routes, and who may use it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from renkei.doors.guard import Guard, Guest, bearer
from renkei.doors.tls import Certificates
from renkei.errors import DoorError, Exhausted, InputError, NotAuthenticated, NotPermitted, clipped

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})
COOKIE = "renkei-token"
"""Where a browser keeps its token: no script sees it, no other site makes it sent."""
MOST_MESSAGE_BYTES = 256 * 1024
"""Longest WebSocket message that is taken; a longer one ends its connection."""
REQUEST_S = 10.0
"""A client has so long to say what it wants."""
_STOP_S = 0.5


class RouteSet(Protocol):
    """What is found on the port, and its end: `close` ends streams that would not end by themselves.

    `unknown` answers for a path that no set has, where that is this set's business; else None.
    """

    def routes(self) -> Sequence[BaseRoute]: ...

    def unknown(self, request: Request) -> Response | None: ...

    def close(self) -> None: ...


def token_of(connection: HTTPConnection) -> str | None:
    """The token that a request or the opening of a WebSocket shows: its Authorization header, else its cookie."""
    return bearer(connection.headers.get("authorization")) or connection.cookies.get(COOKIE)


def peer_of(connection: HTTPConnection, door: str) -> str:
    client = connection.client
    return f"{door}:{client.host}:{client.port}" if client else door


def guest_of(guard: Guard, request: Request, door: str = "dashboard") -> Guest:
    """Who asks; raises what a guard raises."""
    guest = guard.admit(token_of(request), peer_of(request, door), door)
    guard.count_request(guest)
    return guest


def refused_by_guard(refused: InputError) -> Response:
    """What the guard refuses, in the codes of HTTP."""
    if isinstance(refused, NotAuthenticated):
        return refusal(401, str(refused), {"WWW-Authenticate": "Bearer"})
    code = {NotPermitted: 403, Exhausted: 429}.get(type(refused), 503)
    return refusal(code, str(refused))


class HttpDoor:
    """Serves sets of routes, the first that matches, on one port; port 0 chooses a free one.

    Only this machine can reach the port unless `host` says otherwise. Who may do what is for the sets to judge.
    """

    def __init__(
        self, sets: Sequence[RouteSet], host: str = "127.0.0.1", port: int = 8090, tls: Certificates | None = None
    ) -> None:
        self._sets, self._host, self._port, self._tls = tuple(sets), host, port, tls
        self._running: _Running | None = None

    async def open(self) -> int:
        """Open the port and return it; raises DoorError when it cannot be had."""
        secured = self._tls.context() if self._tls else None
        listener = _listener(self._host, self._port)
        config = uvicorn.Config(
            application(self._sets, self._host),
            http=_Connection,
            ws="websockets-sansio",
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",  # what a stranger sends wrong is not worth a line; a fault of ours is
            access_log=False,
            server_header=False,
            ssl_context_factory=(lambda config, usual: secured) if secured else None,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_ours)
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        self._running = _Running(server, serving)
        await server.until_started(serving)
        port: int = listener.getsockname()[1]
        return port

    async def close(self) -> None:
        """End all streams and free the port."""
        if self._running is None:
            return
        (server, serving), self._running = self._running, None
        for routes in self._sets:
            routes.close()
        server.should_exit = True
        await asyncio.wait([serving], timeout=_STOP_S)
        for connection in list(server.server_state.connections):
            # Readers that take nothing any more would hold the port.
            connection.transport.abort()
        await serving


class _Connection(H11Protocol):
    """A connection that is closed when it has asked for nothing in all of REQUEST_S: whoever has it, others need it."""

    _seen: RequestResponseCycle | None = None
    _next_look: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._next_look = self.loop.call_later(REQUEST_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """A timer would keep all that the connection was until it goes off."""
        self._next_look.cancel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        """The connection has another protocol from here on."""
        self._next_look.cancel()
        super().handle_websocket_upgrade(event)

    def _look(self) -> None:
        transport = self.transport
        if transport.is_closing() or transport.get_protocol() is not self:  # or it has become a WebSocket
            return
        if self.cycle is self._seen and (self.cycle is None or self.cycle.response_complete):
            transport.close()
            return
        self._seen = self.cycle
        self._next_look = self.loop.call_later(REQUEST_S, self._look)


class _Running(NamedTuple):
    server: _Server
    serving: asyncio.Task[None]


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


def _is_ours(record: logging.LogRecord) -> bool:
    """False for text on a WebSocket that is no UTF-8, which uvicorn takes for a fault of the server."""
    return not (record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError))


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


def application(sets: Sequence[RouteSet], host: str) -> ASGIApp:
    """All routes as an ASGI application that answers requests for `host` and for this machine only."""
    routes = [route for s in sets for route in s.routes()]

    def refused(request: Request, e: Exception) -> Response:
        assert isinstance(e, HTTPException)
        path = clipped(request.url.path)
        if e.status_code == 404:
            told = (s.unknown(request) for s in sets)
            return next((answer for answer in told if answer), None) or refusal(404, f"nothing is at {path}")
        if e.status_code == 405:
            allowed = (e.headers or {}).get("Allow", "")
            return refusal(405, f"unknown method {clipped(request.method)} at {path}: expected {allowed}", e.headers)
        return refusal(e.status_code, e.detail, e.headers)

    handlers: dict[Any, Any] = {HTTPException: refused}
    return Gate(Starlette(routes=routes, exception_handlers=handlers), host)


class Gate:
    """Lets through what a page of our own, or a tool on this machine, would ask.

    A page from elsewhere whose name was turned to this machine's address (DNS rebinding) is told by the Host header
    that its browser sends along. One that writes, or opens a WebSocket, which browsers let any page do, by its Origin.
    """

    def __init__(self, inner: ASGIApp, host: str) -> None:
        self._inner = inner
        self._hosts = LOCAL_HOSTS | {f"[{host}]".lower() if ":" in host else host.lower()}
        self._everywhere = host in EVERYWHERE
        if self._everywhere:
            self._hosts |= {socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on and mark the answer as one that no cache keeps and no other site embeds."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        await (self._refused(scope) or self._inner)(scope, receive, marked)

    def _refused(self, scope: Scope) -> Response | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        name = re.sub(r":\d*$", "", hosts[0]).lower() if len(hosts) == 1 else ""
        if not self._is_host(name):
            return refusal(403, f"this server does not answer for the host '{name[:100]}'")
        only_reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if not only_reads and not all(self._is_ours(origin) for origin in origins):
            return refusal(403, f"this server does not answer pages of '{origins[0][:100]}'")
        return None

    def _is_ours(self, origin: str) -> bool:
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            return False
        return self._is_host(f"[{host}]" if ":" in host else host)

    def _is_host(self, name: str) -> bool:
        """A port that is open everywhere goes by every address; a name can be turned to one, an address cannot."""
        return name in self._hosts or (self._everywhere and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """What is answered where nothing else is."""
    return JSONResponse({"error": text}, status, headers)

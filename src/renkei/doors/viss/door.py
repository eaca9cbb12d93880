"""Where VISS is found on the HTTP port: `/` and the tree for the first car, `/vehicles/ID` for every car."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from renkei.authority.tokens import EVERYONE, NOBODY
from renkei.broker import Broker
from renkei.doors.asking import VEHICLE_KEY
from renkei.doors.guard import GUARDED, Guard, Guest
from renkei.doors.http import REQUEST_S, peer_of, token_of
from renkei.doors.viss import wire
from renkei.doors.viss.asking import asking_in
from renkei.doors.viss.car import Car
from renkei.doors.viss.filters import version_of
from renkei.doors.viss.refusals import Refused, Version, bad_request, refused_by_guard, unavailable
from renkei.doors.viss.session import Session
from renkei.doors.viss.tree import Tree
from renkei.errors import UnknownName, clipped
from renkei.vocabulary import Vocabulary

SUBPROTOCOLS: dict[str, Version] = {"VISSv3": 3, "VISSv2": 2}
_METHODS = ("GET", "HEAD", "POST")
_ALLOWED = {"Allow": "GET, HEAD, POST"}


class Viss:
    """VISS 3 and 2 for `vehicles`, to be served by an HttpDoor. Raises UnknownName for one that the broker lacks."""

    def __init__(
        self, broker: Broker, vocabulary: Vocabulary, vehicles: Sequence[str], guard: Guard | None = None
    ) -> None:
        for vehicle in vehicles:
            if vehicle not in broker.vehicles:
                raise UnknownName("vehicle", vehicle, broker.vehicles)
        self._broker, self._vehicles = broker, tuple(vehicles)
        self._tree, self._guard = Tree(vocabulary), guard or Guard()

    def routes(self) -> list[BaseRoute]:
        """HTTP takes no path but those of the tree and below /vehicles, WebSocket / and those."""
        shapes = [f"/{root}{below}" for root in self._tree.roots for below in ("", "/{below:path}", ".{below:path}")]
        return [
            WebSocketRoute("/", self._socket),
            WebSocketRoute("/vehicles/{path:path}", self._socket),
            *(_any_method(shape, self._request) for shape in ("/vehicles/{path:path}", *shapes)),
        ]

    def unknown(self, request: Request) -> Response:
        """What stands at a path that is none."""
        refused = unavailable(f"Data is unknown: nothing is at {clipped(request.url.path)}")
        self._written_down(refused, request)
        return _answer({"error": refused.told(3)}, refused.number)

    def close(self) -> None:
        """The server ends the sessions."""

    async def _socket(self, socket: WebSocket) -> None:
        stated = socket.scope["subprotocols"]
        offered = [name for name in SUBPROTOCOLS if name in stated]
        try:
            vehicle, below = self._addressed(socket)
            if below:
                raise unavailable(f"no WebSocket at {below[:200]}")
            # VISS 3.0, Transport, "Secure WebSocket", "Initialization": the sub-protocol tells how messages are read.
            if stated and not offered:
                expected = " or ".join(SUBPROTOCOLS)
                raise bad_request(f"Unknown sub-protocol {clipped(stated[0])}: expected {expected}, or none")
        except Refused as refused:
            self._written_down(refused, socket)
            await socket.send_denial_response(_answer({"error": refused.told(3)}, refused.number))
            return
        # Who shows no token here may show one in each message, as the standard has it.
        stranger = Guest(NOBODY if self._guard.authority else EVERYONE, peer_of(socket, "viss"))
        await socket.accept(offered[0] if offered else None)
        version = SUBPROTOCOLS[offered[0]] if offered else None
        await Session(socket, self._car(vehicle, socket, stranger), version).run()

    async def _request(self, request: Request) -> Response:
        version: Version = 3
        try:
            stated = _stated(request)
            version = version_of(stated.get("filter")) or 3
            if request.method not in _METHODS:
                raise bad_request(f"Unknown method {clipped(request.method)}: expected GET to read, POST to set")
            vehicle, below = self._addressed(request)
            path = below if "path" in request.path_params else request.scope["path"].strip("/")
            guest = self._guard.admit(token_of(request), peer_of(request, "viss"), "viss")
            self._guard.count_request(guest)
            self._guard.reach(guest, vehicle)
            car = self._car(vehicle, request, guest)
            if request.method == "POST":
                body = await _body(request)
                car.set(body | {"path": path}, asking_in(request, body, guest, self._guard))
                return _answer({})
            return _answer(car.get(stated | {"path": path}, version))
        except GUARDED as e:
            refused = refused_by_guard(e)
        except Refused as e:
            refused = e
        self._written_down(refused, request)
        if request.method not in _METHODS:
            return _answer({"error": refused.told(version)}, 405, _ALLOWED)
        return _answer({"error": refused.told(version)}, refused.number)

    def _written_down(self, refused: Refused, asked: Request | WebSocket) -> None:
        if refused.number != 401:  # those the guard has written down
            self._guard.refused(refused.description, door="viss", peer=peer_of(asked, "viss"), status=refused.number)

    def _addressed(self, asked: Request | WebSocket) -> tuple[str, str]:
        """The vehicle, by the path or else by a header, and what follows it; an id may have slashes of its own."""
        stated, path = asked.headers.get(VEHICLE_KEY), asked.path_params.get("path")
        if path is None:
            vehicle = self._vehicles[0] if stated is None else stated
            if vehicle not in self._vehicles:
                raise self._no_such(vehicle)
            return vehicle, ""
        for vehicle in self._vehicles:
            if path == vehicle or path.startswith(vehicle + "/"):
                if stated not in (None, vehicle):
                    raise bad_request(f"{VEHICLE_KEY} says {clipped(stated)}, the path {vehicle}")
                return vehicle, path[len(vehicle) :].strip("/")
        raise self._no_such(path)

    def _no_such(self, vehicle: str) -> Refused:
        return unavailable(str(UnknownName("vehicle", vehicle[:100], self._guard.told_of(self._vehicles))))

    def _car(self, vehicle: str, asked: Request | WebSocket, guest: Guest) -> Car:
        return Car(self._broker, vehicle, self._tree, asked.scope["server"][1], self._guard, guest)


def _stated(request: Request) -> dict[str, Any]:
    """What the query says beside the path."""
    filters = request.query_params.getlist("filter")
    if len(filters) > 1:
        raise bad_request("Missing or invalid filter: given twice")
    return {"filter": wire.read_any(filters[0])} if filters else {}


async def _body(request: Request) -> dict[str, Any]:
    body = bytearray()
    try:
        async with asyncio.timeout(REQUEST_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > wire.MOST_BYTES:
                    raise bad_request(f"The request is malformed: longer than {wire.MOST_BYTES} bytes")
    except TimeoutError:
        raise Refused(408, "request_timeout", f"the body did not come within {REQUEST_S:g} s") from None
    return wire.read(bytes(body))


def _any_method(path: str, answer: Any) -> Route:
    """A method that is none of ours is answered in the words of VISS too."""
    route = Route(path, answer)
    route.methods = None
    return route


def _answer(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    return Response(wire.write(content | {"ts": wire.now()}), status, headers, media_type="application/json")

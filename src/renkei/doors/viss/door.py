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
from renkei.doors.guard import GUARDED, Guard, Guest
from renkei.doors.http import REQUEST_S, peer_of, token_of
from renkei.doors.viss import wire
from renkei.doors.viss.asking import asking_in
from renkei.doors.viss.car import Car
from renkei.doors.viss.filters import version_of
from renkei.doors.viss.refusals import Refused, Version, bad_request, refused_by_guard, unavailable
from renkei.doors.viss.session import Session
from renkei.doors.viss.tree import Tree
from renkei.errors import UnknownName
from renkei.vocabulary import Vocabulary

SUBPROTOCOLS: dict[str, Version] = {"VISSv3": 3, "VISSv2": 2}
_METHODS = ["GET", "POST"]


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
        routes: list[BaseRoute] = [
            WebSocketRoute("/", self._socket),
            WebSocketRoute("/vehicles/{path:path}", self._socket),
            Route("/vehicles/{path:path}", self._request, methods=_METHODS),
        ]
        for root in self._tree.roots:
            shapes = (f"/{root}", f"/{root}/{{below:path}}", f"/{root}.{{below:path}}")
            routes += [Route(shape, self._request, methods=_METHODS) for shape in shapes]
        return routes

    def close(self) -> None:
        """The server ends the sessions."""

    async def _socket(self, socket: WebSocket) -> None:
        try:
            vehicle, below = self._addressed(socket.path_params)
            if below:
                raise unavailable(f"no WebSocket at {below[:200]}")
        except Refused as refused:
            await socket.send_denial_response(_answer({"error": refused.told(3)}, refused.number))
            return
        # Who shows no token here may show one in each message, as the standard has it.
        stranger = Guest(NOBODY if self._guard.authority else EVERYONE, peer_of(socket, "viss"))
        offered = [name for name in SUBPROTOCOLS if name in socket.scope["subprotocols"]]
        await socket.accept(offered[0] if offered else None)
        version = SUBPROTOCOLS[offered[0]] if offered else None
        await Session(socket, self._car(vehicle, socket, stranger), version).run()

    async def _request(self, request: Request) -> Response:
        version: Version = 3
        try:
            stated = _stated(request)
            version = version_of(stated.get("filter")) or 3
            vehicle, below = self._addressed(request.path_params)
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
        if refused.number != 401:  # those the guard has written down
            self._guard.refused(refused.description, door="viss", peer=peer_of(request, "viss"), status=refused.number)
        return _answer({"error": refused.told(version)}, refused.number)

    def _addressed(self, params: dict[str, Any]) -> tuple[str, str]:
        """The vehicle and what follows it; an id may have slashes of its own."""
        if "path" not in params:
            return self._vehicles[0], ""
        path = params["path"]
        for vehicle in self._vehicles:
            if path == vehicle or path.startswith(vehicle + "/"):
                return vehicle, path[len(vehicle) :].strip("/")
        raise unavailable(str(UnknownName("vehicle", path[:100], self._guard.told_of(self._vehicles))))

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


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(wire.write(content | {"ts": wire.now()}), status, headers, media_type="application/json")

"""The dashboard: a web page and its JSON, for all vehicles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from renkei.broker import Broker
from renkei.doors.dashboard.events import Events
from renkei.doors.dashboard.routes import routes
from renkei.doors.dashboard.view import Buses, View
from renkei.doors.guard import Guard
from renkei.doors.http import refusal
from renkei.errors import UnknownName, clipped
from renkei.vocabulary import Vocabulary


class Dashboard:
    """Cars in a web page, live, and the same as JSON, to be served by an HttpDoor. It only reads.

    The page itself is for everybody; what it shows is for who shows a token, where the guard asks for one.
    `names` are shown in place of ids, `ports` tells where the KUKSA door of a vehicle is, `buses` how those of a live
    car stand. Raises UnknownName for a vehicle that the broker does not have.
    """

    def __init__(
        self,
        broker: Broker,
        vocabulary: Vocabulary,
        vehicles: Sequence[str],
        names: Mapping[str, str],
        ports: Mapping[str, int] | None = None,
        guard: Guard | None = None,
        buses: Buses = lambda vehicle: (),
    ) -> None:
        for vehicle in vehicles:
            if vehicle not in broker.vehicles:
                raise UnknownName("vehicle", vehicle, broker.vehicles)
        self._view = View(broker, vocabulary, vehicles, names, ports or {}, buses)
        self._guard = guard or Guard()
        self._events = Events(self._view, self._guard)

    def routes(self) -> list[BaseRoute]:
        return routes(self._view, self._events, self._guard)

    def unknown(self, request: Request) -> Response | None:
        """What stands at a path below /api that is none."""
        path = request.url.path
        return refusal(404, f"nothing is at {clipped(path)}") if path.startswith("/api/") else None

    def close(self) -> None:
        """End all streams."""
        self._events.close()

"""Get and set on one car, in the terms of VISS; no transport here."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

from renkei.broker import Broker, Datapoint
from renkei.doors.asking import Asking
from renkei.doors.guard import Guard, Guest
from renkei.doors.viss.filters import Capabilities, Filters, History, Metadata, read_filters
from renkei.doors.viss.refusals import (
    Refused,
    Version,
    bad_request,
    forbidden,
    invalid_data,
    refused_value,
    too_many,
    unavailable,
)
from renkei.doors.viss.tree import FILTERS, PROTOCOLS, SERVER, Tree, server_values
from renkei.doors.viss.wire import point, value_of
from renkei.errors import Held, NoCarrier, NotActuator, TooLate, ValueRefused
from renkei.vocabulary import Signal

DEADLINE_S = 5.0
"""After this long a target that nobody has begun to carry out is dropped."""
MOST_PAST = 5000
"""Data points in one answer about the past."""


class Car:
    """One vehicle of the broker, as one client sees it that came over `port`.

    What the client's token does not cover raises NotPermitted.
    """

    def __init__(self, broker: Broker, vehicle: str, tree: Tree, port: int, guard: Guard, guest: Guest) -> None:
        self.broker, self.vehicle, self.tree = broker, vehicle, tree
        self.guard, self.guest = guard, guest
        self._opened_ns = time.time_ns()
        self._server = server_values(port)

    def seen_by(self, guest: Guest) -> Car:
        """The same car for another client."""
        if guest is self.guest:
            return self
        car = copy.copy(self)
        car.guest = guest
        return car

    def point(self, signal: Signal) -> Datapoint:
        """The latest value of a leaf of the vehicle or of the server."""
        if is_of_server(signal):
            return Datapoint(self._server[signal.index], self._opened_ns, self._opened_ns)
        return self.broker.latest(self.vehicle, signal.index)

    def data(self, signals: Sequence[Signal], version: Version, known: Mapping[int, Datapoint] | None = None) -> Any:
        """The latest values, or those in `known` by index: an object for one signal, an array for several."""
        points = known or {}
        told = [
            {"path": s.path, "dp": point(points[s.index] if s.index in points else self.point(s), version)}
            for s in signals
        ]
        return told[0] if len(told) == 1 else told

    def leaves(self, request: dict[str, Any], filters: Filters) -> list[Signal]:
        """What a request addresses, all of which its client must be allowed to read; raises Refused."""
        path = self.tree.path(request.get("path"))
        found = [self.tree.leaf(path)] if filters.paths is None else self.tree.search(path, filters.paths.patterns)
        for signal in found:
            if not is_of_server(signal):
                self.guard.need(self.guest, "read", signal)
        return found

    def get(self, request: dict[str, Any], version: Version) -> dict[str, Any]:
        """`data` or `metadata` for a request; raises Refused."""
        refuse_compression(request)
        filters = read_filters(request["filter"], version) if "filter" in request else Filters()
        match filters.other:
            case None:
                return {"data": self.data(self.leaves(request, filters), version)}
            case Metadata():
                return {"metadata": self._metadata(request, filters, filters.other)}
            case Capabilities():
                return {"metadata": {"filter": FILTERS, "transport_protocol": PROTOCOLS, "access_ctrl": ()}}
            case History(period_s):
                return {"data": self._history(self.leaves(request, filters), period_s, version)}
        raise bad_request("Incorrect filter: only a subscription takes this one")

    def _metadata(self, request: dict[str, Any], filters: Filters, wanted: Metadata) -> dict[str, Any]:
        path = self.tree.path(request.get("path"))
        if filters.paths:
            return self.tree.metadata_by_path(path, filters.paths.patterns, wanted.generations, wanted.keys)
        return {path.rsplit(".", 1)[-1]: self.tree.metadata(path, wanted.generations, wanted.keys)}

    def _history(self, signals: Sequence[Signal], period_s: int, version: Version) -> Any:
        """The former values of each signal, oldest first; raises Refused when there is none of any."""
        since_ns = time.time_ns() - period_s * 1_000_000_000
        told = []
        for signal in signals:
            past = [] if is_of_server(signal) else self.broker.past(self.vehicle, signal.index, since_ns)
            if past:
                told.append({"path": signal.path, "dp": [point(p, version) for p in past]})
            if sum(len(t["dp"]) for t in told) > MOST_PAST:
                raise too_many(f"more than {MOST_PAST} data points: ask for a shorter period or fewer paths")
        if not told:
            raise unavailable("The requested data was not found: nothing earlier is kept")
        return told[0] if len(told) == 1 else told

    def set(self, request: dict[str, Any], asking: Asking) -> None:
        """Ask an actuator for a value; raises Refused. That it was asked for does not say that it comes to be."""
        signal = self.tree.leaf(self.tree.path(request.get("path")))
        if "value" not in request:
            raise bad_request("Missing or invalid value")
        if signal.kind != "actuator":
            raise invalid_data(f"Update of {_A[signal.kind]} is not supported: {signal.path}")
        self.guard.need(self.guest, "actuate", signal)
        value = value_of(signal, request["value"])
        asking = asking.until(time.time_ns() + round(DEADLINE_S * 1e9))
        try:
            (asked,) = self.guard.actuate(self.broker, self.vehicle, self.guest, [(signal, value)], asking)
        except ValueRefused as refused:
            raise refused_value(refused) from None
        except NotActuator as e:
            raise invalid_data(str(e)) from None
        except NoCarrier as e:
            raise Refused(503, "service_unavailable", str(e)) from None
        except Held as e:
            raise forbidden(str(e)) from None
        except TooLate as e:
            raise Refused(504, "gateway_timeout", str(e)) from None
        if asked.state == "failed":
            raise Refused(502, "bad_gateway", asked.why[:300] or "the carrier refused")


_A = {"sensor": "a sensor", "attribute": "an attribute"}


def is_of_server(signal: Signal) -> bool:
    return SERVER.get(signal.path) is signal


def refuse_compression(request: dict[str, Any]) -> None:
    """Raises Refused for a request for compressed answers."""
    if "dc" in request:
        raise unavailable("Unsupported feature: data compression")

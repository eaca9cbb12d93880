"""What the broker knows of each vehicle, in the terms of JSON; no HTTP here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from renkei.authority.tokens import EVERYONE, Grant
from renkei.broker import Broker, Changes, Datapoint
from renkei.can.meter import BusState
from renkei.errors import UnknownName
from renkei.vocabulary import Signal, Value, Vocabulary

Buses = Callable[[str], Sequence[BusState]]
"""The buses that a vehicle is connected to, none where it is no live car."""
Values = dict[str, Value | dict[str, str] | None]
"""Value by path; None: not available; an object with its quality where a value is missing for another reason."""


class View:
    """Read-only look at `vehicles` of a broker, at as much of them as a `grant` covers.

    Every method that takes a vehicle may raise UnknownName, also for one that the grant does not reach.

    A signal that never came is left out; one that came as not available is told as None. To tell the two apart, a View
    remembers what had no value when it was made, so make it before the sources start.
    """

    def __init__(
        self,
        broker: Broker,
        vocabulary: Vocabulary,
        vehicles: Sequence[str],
        names: Mapping[str, str],
        ports: Mapping[str, int],
        buses: Buses = lambda vehicle: (),
    ) -> None:
        self.broker, self.vocabulary = broker, vocabulary
        self.ids = tuple(vehicles)
        self._names, self._ports, self._buses = names, ports, buses
        self._silent = {v: [broker.latest(v, s.index) for s in vocabulary.signals] for v in self.ids}

    def reached(self, grant: Grant) -> list[str]:
        """The ids of the vehicles that a grant reaches."""
        return [v for v in self.ids if grant.reaches(v)]

    def readable(self, grant: Grant) -> list[int]:
        """The indices of the signals that it may read."""
        return [s.index for s in self.vocabulary.signals if grant.may("read", s.path)]

    def vehicles(self, grant: Grant = EVERYONE) -> list[dict[str, Any]]:
        """Id and name of each vehicle, whether it is a live car, and the port of its KUKSA door where it has one."""
        return [
            {"id": v, "name": self._names.get(v, v), "is_live": bool(self._buses(v))}
            | ({"kuksa_port": self._ports[v]} if v in self._ports else {})
            for v in self.reached(grant)
        ]

    def buses(self, vehicle: str, grant: Grant = EVERYONE) -> dict[str, Any]:
        """How the buses of a live car stand and what they carry; `bitrate` in bit/s, loads as shares of it."""
        self._must_reach(vehicle, grant)
        return {"vehicle": vehicle, "buses": [_bus(state) for state in self._buses(vehicle)]}

    def values(self, vehicle: str, grant: Grant = EVERYONE) -> Values:
        """All that the vehicle told so far."""
        return {signal.path: _value(point) for signal, point in self._told(vehicle, grant)}

    def changed(self, changes: Changes) -> Values:
        signals = self.vocabulary.signals
        return {signals[index].path: _value(point) for index, point in changes.items()}

    def signals(self, vehicle: str, grant: Grant = EVERYONE) -> dict[str, Any]:
        """All that the vehicle told so far, with what it means; `t_ns` is the time of this answer."""
        rows = [_row(signal, point) for signal, point in self._told(vehicle, grant)]
        return {"vehicle": vehicle, "t_ns": time.time_ns(), "signals": rows}

    def _told(self, vehicle: str, grant: Grant) -> Iterator[tuple[Signal, Datapoint]]:
        self._must_reach(vehicle, grant)
        for signal, silent in zip(self.vocabulary.signals, self._silent[vehicle], strict=True):
            point = self.broker.latest(vehicle, signal.index)
            if (point.value is not None or point is not silent) and grant.may("read", signal.path):
                yield signal, point

    def _must_reach(self, vehicle: str, grant: Grant) -> None:
        reached = self.reached(grant)
        if vehicle not in reached:
            raise UnknownName("vehicle", vehicle[:100], reached)


def _bus(state: BusState) -> dict[str, Any]:
    told: dict[str, Any] = state._asdict()
    load = told.pop("load")
    carried = {"frames_per_s": None, "load_least": None, "load_most": None}
    if load is not None:
        carried = {"frames_per_s": load.frames_per_s, "load_least": load.least, "load_most": load.most}
    return told | {name: number and round(number, 4) for name, number in carried.items()}


def _value(point: Datapoint) -> Value | dict[str, str] | None:
    return point.value if point.quality in ("ok", "not available") else {"quality": point.quality}


def _row(signal: Signal, point: Datapoint) -> dict[str, Any]:
    return {
        "path": signal.path,
        "value": point.value,
        "unit": signal.unit,
        "datatype": signal.datatype,
        "kind": signal.kind,
        # What the tree presumes of every car says nothing about this one, such as a length of 0 mm.
        "is_default": signal.kind == "attribute" and point.value is not None and point.value == _plain(signal.default),
        "t_source_ns": point.t_source_ns,
        "t_receive_ns": point.t_receive_ns,
        "quality": point.quality,
        "source": point.source,
        "description": signal.description,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

"""The services Broker and Collector of sdv.databroker.v1 over the broker: what vehicle apps and feeders of old speak.

Errors about single datapoints travel inside the reply, as codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import grpc

from renkei.broker import Changes, Datapoint, Watcher
from renkei.doors.kuksa import databroker_wire as wire
from renkei.doors.kuksa.actuating import Target, caller_of, command, hand_over
from renkei.doors.kuksa.calls import (
    INVALID,
    Caller,
    House,
    StatusError,
    Stream,
    bounded,
    parse,
    refusing,
    stream,
    unary,
)
from renkei.doors.kuksa.databroker_schema import DATA_TYPES, POINT_FIELDS, SDV
from renkei.doors.kuksa.query import Query
from renkei.doors.kuksa.values import refuse_stale, source_time_ns, status_of
from renkei.doors.kuksa.wire import field
from renkei.errors import Held, InputError, NotActuator, UnknownName
from renkei.vocabulary import Signal

ROWS = 100
"""Rows that may wait for a subscriber that does not read; then the older ones give way."""
_DATATYPES = {number: datatype for datatype, number in DATA_TYPES.items()}


def broker_handlers(house: House, vehicle: str) -> dict[str, Any]:
    """The RPCs of Broker by name, for a port whose own vehicle is `vehicle`."""
    return {
        "GetDatapoints": unary(house, vehicle, SDV.GetDatapointsRequest, partial(_get, house)),
        "SetDatapoints": command(house, vehicle, SDV.SetDatapointsRequest, partial(_set, house)),
        "Subscribe": stream(house, vehicle, SDV.SubscribeRequest, partial(_subscribe, house)),
        "GetMetadata": unary(house, vehicle, SDV.GetMetadataRequest, partial(_metadata, house)),
    }


def collector_handlers(house: House, vehicle: str) -> dict[str, Any]:
    """The RPCs of Collector by name, for a port whose own vehicle is `vehicle`."""
    return {
        "RegisterDatapoints": unary(house, vehicle, SDV.RegisterDatapointsRequest, partial(_register, house)),
        "UpdateDatapoints": command(house, vehicle, SDV.UpdateDatapointsRequest, partial(_update, house)),
        "StreamDatapoints": _stream_datapoints(house, vehicle),
    }


def _get(house: House, caller: Caller, request: Any) -> bytes:
    if not request.datapoints:
        raise StatusError(INVALID, "No datapoints requested")
    house.count(request.datapoints)
    return bounded(wire.entry(name, _latest(house, caller, name)) for name in dict.fromkeys(request.datapoints))


def _latest(house: House, caller: Caller, name: str) -> bytes:
    signal = house.vocabulary.get(name)
    if signal is None:
        return wire.UNKNOWN
    if not caller.guest.grant.may("read", name):
        return wire.DENIED
    return wire.datapoint(house, signal.index, house.broker.latest(caller.vehicle, signal.index))


def _metadata(house: House, _caller: Caller, request: Any) -> bytes:
    """Of all signals when none is named; a name that is not known gives nothing."""
    house.count(request.names)
    named = [house.vocabulary.get(name) for name in dict.fromkeys(request.names)]
    signals = [s for s in named if s] if request.names else house.vocabulary.signals
    return bounded(field(1, wire.metadata(s)) for s in signals)


# Targets


def _set(house: House, caller: Caller, request: Any) -> bytes:
    """All targets are handed over or none: where one is refused, the others end as INTERNAL_ERROR."""
    house.count(request.datapoints)
    targets: dict[str, Target] = {}
    errors: dict[str, int] = {}
    for name, point in request.datapoints.items():
        if (signal := house.vocabulary.get(name)) is None:
            errors[name] = SDV.UNKNOWN_DATAPOINT
            continue
        try:
            house.need(caller, "actuate", [signal])
            targets[name] = _target(signal, point)
        except InputError as refused:
            errors[name] = wire.error_of(refused)
            house.told_refused(caller, name, str(refused))
    if errors:
        errors |= dict.fromkeys(targets, SDV.INTERNAL_ERROR)
    else:
        errors = _hand_over(house, caller, targets)
    reply: bytes = SDV.SetDatapointsReply(errors=errors).SerializeToString()
    return reply


def _target(signal: Signal, point: Any) -> Target:
    if signal.kind != "actuator":
        raise NotActuator(signal.path, signal.kind)
    value = signal.check(wire.value_in(signal, point))
    refuse_stale(signal, source_time_ns(point))
    return signal, value


def _hand_over(house: House, caller: Caller, targets: Mapping[str, Target]) -> dict[str, int]:
    """A target needs no carrier here: it is a wish that is kept, whoever carries it out."""
    try:
        handed = hand_over(house, caller, list(targets.values()), needs_carrier=False)
    except Held as refused:
        house.told_refused(caller, refused.path, str(refused))
        return dict.fromkeys(targets, SDV.INTERNAL_ERROR) | {refused.path: wire.error_of(refused)}
    except InputError as refused:
        raise status_of(house, refused) from None
    return {house.vocabulary.signals[a.index].path: SDV.INTERNAL_ERROR for a in handed if a.state == "failed"}


# Rows


def _subscribe(house: House, caller: Caller, request: Any) -> Stream:
    try:
        query = Query(request.query, house.vocabulary)
    except InputError as refused:
        raise StatusError(INVALID, str(refused)) from None
    house.need(caller, "read", [house.vocabulary.signals[i] for i in query.inputs])
    rows = _Rows(query, {i: house.broker.latest(caller.vehicle, i) for i in query.inputs})
    return Stream(Watcher(query.inputs, ROWS, apart=True), rows.after({}), rows.after)


class _Rows:
    """What a subscriber's query makes of changes, and what its inputs were in the row that was sent last."""

    def __init__(self, query: Query, now: dict[int, Datapoint]) -> None:
        self._query, self._now = query, now
        self._last: dict[int, Datapoint] = {}

    def after(self, changes: Changes) -> bytes | None:
        """The SubscribeReply after changes; None when there is no row."""
        self._now.update(changes)
        cells = self._query.row(self._now, self._last)
        if cells is None:
            return None
        self._last = self._now.copy()
        return wire.row(cells)


# Collector


def _register(house: House, caller: Caller, request: Any) -> bytes:
    """Ids of signals of the vocabulary, whose datatypes must travel alike; raises StatusError at the first other."""
    house.count(request.list)
    results = {}
    for asked in request.list:
        try:
            signal = house.vocabulary[asked.name]
        except UnknownName as unknown:
            raise StatusError(INVALID, f"Failed to register {unknown}") from None
        if not caller.guest.grant.may("create", signal.path):  # nothing is created, so a feeder's right does too
            house.need(caller, "provide:data", [signal])
        datatype = _DATATYPES.get(asked.data_type)
        if datatype is None or asked.change_type not in (SDV.STATIC, SDV.ON_CHANGE, SDV.CONTINUOUS):
            what = "data" if datatype is None else "change"
            raise StatusError(INVALID, f"Unsupported {what} type provided for {signal.path}")
        if POINT_FIELDS[datatype] != POINT_FIELDS[signal.datatype]:
            raise StatusError(INVALID, f"Failed to register {signal.path}: it is {signal.datatype}, got {datatype}")
        results[signal.path] = signal.index
    reply: bytes = SDV.RegisterDatapointsReply(results=results).SerializeToString()
    return reply


def _update(house: House, caller: Caller, request: Any) -> bytes:
    errors = _store(house, caller, request.datapoints)
    reply: bytes = SDV.UpdateDatapointsReply(errors=errors).SerializeToString()
    return reply


def _stream_datapoints(house: House, default: str) -> Any:
    """Values are stored as they come; only what was refused is answered."""

    async def call(requests: Any, context: Any) -> None:
        async with refusing(house, context):
            caller = caller_of(house, default, context)
            async with house.streaming(caller):
                async for raw in requests:
                    points = parse(SDV.StreamDatapointsRequest, raw).datapoints
                    if errors := _store(house, caller, points):
                        await context.write(SDV.StreamDatapointsReply(errors=errors).SerializeToString())

    return grpc.stream_stream_rpc_method_handler(call)


def _store(house: House, caller: Caller, points: Mapping[int, Any]) -> dict[int, int]:
    """Good values are stored beside bad ones; a DatapointError by id for what was refused."""
    house.count(points)
    errors: dict[int, int] = {}
    updates = []
    for index, point in points.items():
        if not 0 <= index < len(house.vocabulary):
            errors[index] = SDV.UNKNOWN_DATAPOINT
            continue
        try:
            house.need(caller, "provide:data", [house.vocabulary.signals[index]])
            value = wire.value_in(house.vocabulary.signals[index], point)
            updates.append((index, value, source_time_ns(point)))
        except InputError as refused:
            errors[index] = wire.error_of(refused)
            house.told_refused(caller, house.vocabulary.signals[index].path, str(refused))
    for index, why in house.broker.put_all(caller.vehicle, updates, source=caller.by).items():
        errors[index] = wire.error_of(why)
    return errors


SERVICES = {"sdv.databroker.v1.Broker": broker_handlers, "sdv.databroker.v1.Collector": collector_handlers}

"""kuksa.val.v1 over the broker: deprecated, and still what the PyPI client uses to get values, metadata and types.

Errors about paths travel inside the reply, with codes like those of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import grpc

from renkei.broker import Changes, Datapoint, Watcher
from renkei.doors.kuksa.actuating import caller_of, command
from renkei.doors.kuksa.calls import (
    EXHAUSTED,
    FORBIDDEN,
    INVALID,
    MOST_PATTERNS,
    NOT_FOUND,
    Caller,
    House,
    StatusError,
    Stream,
    Targets,
    bounded,
    parse,
    refusing,
    signals_of,
    stream,
    unary,
)
from renkei.doors.kuksa.metadata import v1_metadata
from renkei.doors.kuksa.schema import V1
from renkei.doors.kuksa.v1_set import entry_error, set_entries
from renkei.doors.kuksa.wire import field, varint
from renkei.errors import NotPermitted
from renkei.vocabulary import Signal

SERVICE = "kuksa.val.v1.VAL"
_VALUE, _TARGET = 2, 3
"""Field numbers in a DataEntry."""
_VIEWS = {
    V1.VIEW_CURRENT_VALUE: {V1.FIELD_PATH, V1.FIELD_VALUE},
    V1.VIEW_TARGET_VALUE: {V1.FIELD_PATH, V1.FIELD_ACTUATOR_TARGET},
    V1.VIEW_METADATA: {V1.FIELD_PATH, V1.FIELD_METADATA},
    V1.VIEW_FIELDS: set(),
    V1.VIEW_ALL: {V1.FIELD_PATH, V1.FIELD_VALUE, V1.FIELD_ACTUATOR_TARGET, V1.FIELD_METADATA},
}


def handlers(house: House, vehicle: str) -> dict[str, Any]:
    """The RPCs by name, for a port whose own vehicle is `vehicle`."""
    return {
        "Get": unary(house, vehicle, V1.GetRequest, partial(_get, house)),
        "Subscribe": stream(house, vehicle, V1.SubscribeRequest, partial(_subscribe, house)),
        "Set": command(house, vehicle, V1.SetRequest, partial(set_entries, house)),
        "StreamedUpdate": _streamed_update(house, vehicle),
        "GetServerInfo": unary(house, vehicle, V1.GetServerInfoRequest, _server_info),
    }


def _streamed_update(house: House, default: str) -> Any:
    """Each request answered as Set answers it: the two replies have the same fields."""

    async def call(requests: Any, context: Any) -> None:
        async with refusing(house, context):
            caller = caller_of(house, default, context)
            async with house.streaming(caller):
                async for raw in requests:
                    house.guard.count_request(caller.guest)
                    await context.write(set_entries(house, caller, parse(V1.StreamedUpdateRequest, raw)))

    return grpc.stream_stream_rpc_method_handler(call)


def _server_info(_caller: Caller, _request: Any) -> bytes:
    info: bytes = V1.GetServerInfoResponse(name="renkei", version=version("renkei")).SerializeToString()
    return info


def _fields(view: int, fields: Iterable[int]) -> frozenset[int]:
    """What a view and fields together ask for; raises StatusError."""
    asked = frozenset(fields)
    if view == V1.VIEW_UNSPECIFIED:
        return asked or frozenset(_VIEWS[V1.VIEW_CURRENT_VALUE])
    if view not in _VIEWS:
        raise StatusError(INVALID, f"Invalid View (id: {view})")
    return asked | _VIEWS[view]


def _signals(house: House, path: str) -> list[Signal]:
    """Signals of a path, branch or pattern; raises StatusError with the texts of v1."""
    signals = signals_of(house.vocabulary, path, "Bad Wildcard Pattern Request")
    # v1 takes what a pattern names for a branch when it names no leaf.
    if not signals and "*" in path and not path.startswith("**") and not path.endswith(".**"):
        signals = house.vocabulary.branch(path + ".**")
    if not signals:
        raise StatusError(NOT_FOUND, "No entries found for the provided path")
    return signals


async def _wanted(house: House, entries: Any) -> tuple[dict[int, frozenset[int]], dict[str, StatusError]]:
    """The fields that entries ask for, by index, each signal once however often it is named; what was refused, by path.

    Raises StatusError for a request with too many entries or patterns, and for a view that there is not.
    """
    house.count(entries)
    by_path: dict[str, frozenset[int]] = {}
    for entry in entries:
        by_path[entry.path] = by_path.get(entry.path, frozenset()) | _fields(entry.view, entry.fields)
    if sum("*" in path for path in by_path) > MOST_PATTERNS:
        raise StatusError(EXHAUSTED, f"expected at most {MOST_PATTERNS} patterns in one request")
    wanted: dict[int, frozenset[int]] = {}
    refused: dict[str, StatusError] = {}
    for path, fields in by_path.items():
        try:
            for signal in _signals(house, path):
                wanted[signal.index] = wanted.get(signal.index, frozenset()) | fields
        except StatusError as e:
            refused[path] = e
        if "*" in path:
            await asyncio.sleep(0)  # a pattern is held against every path: others take their turn
    return wanted, refused


async def _get(house: House, caller: Caller, request: Any) -> bytes:
    """An entry that may not be read keeps all back, as clients of v1 know it; metadata may be read by all."""
    if not request.entries:
        raise StatusError(INVALID, "No datapoints requested")
    wanted, refused = await _wanted(house, request.entries)
    forbidden = _forbidden(house, caller, wanted)
    if forbidden:
        wanted, refused = {}, refused | forbidden
    failed = V1.GetResponse(errors=[entry_error(path, e) for path, e in refused.items()])
    if failed.errors:
        failed.error.CopyFrom(failed.errors[0].error)
    signals = house.vocabulary.signals
    entries = (field(1, _entry(house, caller.vehicle, signals[i], fields)) for i, fields in wanted.items())
    return bounded([failed.SerializeToString(), *entries])


def _forbidden(house: House, caller: Caller, wanted: Mapping[int, frozenset[int]]) -> dict[str, StatusError]:
    """Why values or targets that are wanted may not be read, by path."""
    refused = {}
    for index, fields in wanted.items():
        signal = house.vocabulary.signals[index]
        if fields & {V1.FIELD_VALUE, V1.FIELD_ACTUATOR_TARGET}:
            try:
                house.need(caller, "read", [signal])
            except NotPermitted as e:
                refused[signal.path] = StatusError(FORBIDDEN, str(e))
                house.told_refused(caller, signal.path, str(e))
    return refused


def _entry(house: House, vehicle: str, signal: Signal, fields: frozenset[int]) -> bytes:
    """A DataEntry with what is known of what `fields` select."""
    entry = field(1, signal.path.encode())
    if V1.FIELD_VALUE in fields:
        entry += _point(house, _VALUE, signal.index, house.broker.latest(vehicle, signal.index))
    if V1.FIELD_ACTUATOR_TARGET in fields and (target := house.broker.target(vehicle, signal.index)):
        entry += _point(house, _TARGET, signal.index, target)
    return entry + _metadata(signal, fields)


def _point(house: House, number: int, index: int, point: Datapoint) -> bytes:
    """A Datapoint as a field of a DataEntry; nothing when it is not available."""
    content = house.encoder.v1_datapoint(index, point)
    return field(number, content) if content else b""


def _metadata(signal: Signal, fields: frozenset[int]) -> bytes:
    message = v1_metadata(signal, fields)
    return b"" if message is None else field(10, message.SerializeToString())


async def _subscribe(house: House, caller: Caller, request: Any) -> Stream:
    """What a branch or pattern names is narrowed to what may be read; a leaf that may not be read is refused."""
    if not request.entries:
        raise StatusError(INVALID, "Subscription request must contain at least one entry.")
    wanted, refused = await _wanted(house, request.entries)
    for e in refused.values():
        raise e
    signals, named = house.vocabulary.signals, {entry.path for entry in request.entries}
    forbidden = _forbidden(house, caller, wanted)
    for path, e in forbidden.items():
        if path in named or len(forbidden) == len(wanted):
            raise e
    wanted = {i: fields for i, fields in wanted.items() if signals[i].path not in forbidden}
    vehicle = caller.vehicle
    first = bounded([_update(_entry(house, vehicle, signals[i], fields), fields) for i, fields in wanted.items()])
    values = {i for i, fields in wanted.items() if V1.FIELD_VALUE in fields}
    changed = partial(_changed, house, _VALUE, V1.FIELD_VALUE)
    indices = {i for i, fields in wanted.items() if V1.FIELD_ACTUATOR_TARGET in fields}
    carried = {i for i in indices - values if caller.guest.grant.may("provide:actuation", signals[i].path)}
    return Stream(Watcher(values), first, changed, tuple(_targets(house, indices, carried)))


def _targets(house: House, indices: set[int], carried: set[int]) -> Iterator[Targets]:
    """Who asks for the target alone, and may provide, is how v1 carries out; any other one looks on."""
    changed = partial(_changed, house, _TARGET, V1.FIELD_ACTUATOR_TARGET)
    for chosen, carries in ((carried, True), (indices - carried, False)):
        if chosen:
            yield Targets(Watcher(chosen), changed, carries)


def _changed(house: House, number: int, which: int, changes: Changes) -> bytes:
    signals = house.vocabulary.signals
    updates = []
    for index, point in changes.items():
        entry = field(1, signals[index].path.encode()) + _point(house, number, index, point)
        updates.append(_update(entry, (which,)))
    return b"".join(updates)


def _update(entry: bytes, fields: Iterable[int]) -> bytes:
    """An EntryUpdate as field 1 of a SubscribeResponse."""
    told = b"".join([varint(f) for f in sorted(fields) if f != V1.FIELD_PATH])
    return field(1, field(1, entry) + field(2, told))

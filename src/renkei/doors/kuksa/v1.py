"""kuksa.val.v1 over the broker: deprecated, and still what the PyPI client uses to get values, metadata and types.

Errors about paths travel inside the reply, with codes like those of HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

import grpc

from renkei.broker import Changes, Watcher
from renkei.doors.kuksa.calls import (
    INVALID,
    NOT_FOUND,
    PATH_LENGTH,
    House,
    StatusError,
    Stream,
    signals_of,
    stream,
    unary,
)
from renkei.doors.kuksa.metadata import v1_metadata
from renkei.doors.kuksa.schema import V1
from renkei.doors.kuksa.wire import field, varint
from renkei.vocabulary import Signal

SERVICE = "kuksa.val.v1.VAL"
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
        "GetServerInfo": unary(house, vehicle, V1.GetServerInfoRequest, _server_info),
    }


def _server_info(_vehicle: str, _request: Any) -> bytes:
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


def _get(house: House, vehicle: str, request: Any) -> bytes:
    if not request.entries:
        raise StatusError(INVALID, "No datapoints requested")
    entries: list[bytes] = []
    failed = V1.GetResponse()
    for wanted in request.entries:
        fields = _fields(wanted.view, wanted.fields)
        try:
            signals = _signals(house, wanted.path)
        except StatusError as refused:
            code, reason = (404, "not_found") if refused.code is NOT_FOUND else (400, "bad_request")
            error = V1.Error(code=code, reason=reason, message=refused.text)
            failed.errors.add(path=wanted.path[:PATH_LENGTH], error=error)
            continue
        entries += [field(1, _entry(house, vehicle, s, fields)) for s in signals]
    if failed.errors:
        failed.error.CopyFrom(failed.errors[0].error)
    errors: bytes = failed.SerializeToString()
    return b"".join(entries) + errors


def _entry(house: House, vehicle: str, signal: Signal, fields: frozenset[int]) -> bytes:
    """A DataEntry. A target is never in it: no target is kept."""
    entry = field(1, signal.path.encode())
    if V1.FIELD_VALUE in fields:
        point = house.encoder.v1_datapoint(signal.index, house.broker.latest(vehicle, signal.index))
        entry += field(2, point) if point else b""
    return entry + _metadata(signal, fields)


def _metadata(signal: Signal, fields: frozenset[int]) -> bytes:
    message = v1_metadata(signal, fields)
    return b"" if message is None else field(10, message.SerializeToString())


def _subscribe(house: House, vehicle: str, request: Any) -> Stream:
    if not request.entries:
        raise StatusError(INVALID, "Subscription request must contain at least one entry.")
    wanted: dict[int, frozenset[int]] = {}
    for entry in request.entries:
        fields = _fields(entry.view, entry.fields)
        if V1.FIELD_ACTUATOR_TARGET in fields and V1.FIELD_VALUE not in fields:
            raise StatusError(grpc.StatusCode.UNIMPLEMENTED, "actuator targets cannot be subscribed to")
        for signal in _signals(house, entry.path):
            wanted[signal.index] = wanted.get(signal.index, frozenset()) | fields
    signals = house.vocabulary.signals
    first = b"".join([_update(_entry(house, vehicle, signals[i], fields), fields) for i, fields in wanted.items()])
    values = [i for i, fields in wanted.items() if V1.FIELD_VALUE in fields]
    return Stream(Watcher(values), first, partial(_changed, house))


def _changed(house: House, changes: Changes) -> bytes:
    signals, encoder = house.vocabulary.signals, house.encoder
    updates = []
    for index, point in changes.items():
        content = encoder.v1_datapoint(index, point)
        entry = field(1, signals[index].path.encode()) + (field(2, content) if content else b"")
        updates.append(_update(entry, (V1.FIELD_VALUE,)))
    return b"".join(updates)


def _update(entry: bytes, fields: Iterable[int]) -> bytes:
    """An EntryUpdate as field 1 of a SubscribeResponse."""
    told = b"".join([varint(f) for f in sorted(fields) if f != V1.FIELD_PATH])
    return field(1, field(1, entry) + field(2, told))

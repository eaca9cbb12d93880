"""kuksa.val.v2 over the broker. Status codes and texts are those that clients know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from renkei.broker import Changes, Watcher
from renkei.doors.kuksa import provider
from renkei.doors.kuksa.actuating import Target, actuate, command, command_stream
from renkei.doors.kuksa.calls import (
    BUFFER_SIZE,
    INVALID,
    NOT_FOUND,
    Asked,
    Caller,
    House,
    StatusError,
    Stream,
    bounded,
    signal_at,
    signals_of,
    stream,
    unary,
)
from renkei.doors.kuksa.schema import V2
from renkei.doors.kuksa.values import signal_of, signal_with_id, source_time_ns, status_of, target_in, value_in
from renkei.doors.kuksa.wire import field, repeated
from renkei.errors import InputError
from renkei.vocabulary import Signal

SERVICE = "kuksa.val.v2.VAL"


def handlers(house: House, vehicle: str) -> dict[str, Any]:
    """The RPCs by name, for a port whose own vehicle is `vehicle`."""
    one = partial(unary, house, vehicle)
    many = partial(stream, house, vehicle)
    return {
        "GetValue": one(V2.GetValueRequest, partial(_get_value, house)),
        "GetValues": one(V2.GetValuesRequest, partial(_get_values, house)),
        "ListMetadata": one(V2.ListMetadataRequest, partial(_list_metadata, house)),
        "Actuate": command(house, vehicle, V2.ActuateRequest, partial(_actuate, house)),
        "BatchActuate": command(house, vehicle, V2.BatchActuateRequest, partial(_batch_actuate, house)),
        "ActuateStream": command_stream(house, vehicle, V2.ActuateRequest, partial(_actuate, house)),
        "OpenProviderStream": provider.handler(house, vehicle),
        "PublishValue": command(house, vehicle, V2.PublishValueRequest, partial(_publish_value, house)),
        "GetServerInfo": one(V2.GetServerInfoRequest, _server_info),
        "Subscribe": many(V2.SubscribeRequest, partial(_subscribe, house)),
        "SubscribeById": many(V2.SubscribeByIdRequest, partial(_subscribe_by_id, house)),
    }


def _datapoint(house: House, caller: Caller, signal: Signal) -> bytes:
    return field(1, house.encoder.v2_datapoint(signal.index, house.broker.latest(caller.vehicle, signal.index)))


async def _get_value(house: House, caller: Caller, request: Any) -> bytes:
    signal = signal_of(house, request.signal_id)
    house.need(caller, "read", [signal])
    await _refresh(house, caller.vehicle, [signal])
    return _datapoint(house, caller, signal)


async def _get_values(house: House, caller: Caller, request: Any) -> bytes:
    """All or nothing, in the order asked for and with duplicates kept."""
    house.count(request.signal_ids)
    signals = [signal_of(house, signal_id) for signal_id in request.signal_ids]
    house.need(caller, "read", signals)
    await _refresh(house, caller.vehicle, signals)
    return bounded(_datapoint(house, caller, s) for s in signals)


async def _refresh(house: House, vehicle: str, signals: Iterable[Signal]) -> None:
    """Let those who claimed one of the signals, and nobody else, store fresh values."""
    wanted: dict[Asked, list[int]] = {}
    for signal in signals:
        if source := house.sources.get((vehicle, signal.index)):
            wanted.setdefault(source, []).append(signal.index)
    if wanted:
        await asyncio.gather(*[source.ask(indices) for source, indices in wanted.items()])


def _list_metadata(house: House, _caller: Caller, request: Any) -> bytes:
    signals = signals_of(house.vocabulary, request.root, "Invalid Pattern Argument")
    if not signals:
        raise StatusError(NOT_FOUND, "Specified root branch does not exist")
    return repeated(1, [house.metadata[s.index] for s in signals])


def _server_info(_caller: Caller, _request: Any) -> bytes:
    info: bytes = V2.GetServerInfoResponse(name="renkei", version=version("renkei")).SerializeToString()
    return info


def _subscribe(house: House, caller: Caller, request: Any) -> Stream:
    house.count(request.signal_paths)
    signals = [signal_at(house.vocabulary, path) for path in request.signal_paths]
    return _stream(house, caller, request, signals, house.encoder.by_path)


def _subscribe_by_id(house: House, caller: Caller, request: Any) -> Stream:
    house.count(request.signal_ids)
    signals = [signal_with_id(house, index) for index in request.signal_ids]
    return _stream(house, caller, request, signals, house.encoder.by_id)


def _stream(
    house: House, caller: Caller, request: Any, signals: Sequence[Signal], encode: Callable[[Changes], bytes]
) -> Stream:
    house.need(caller, "read", signals)
    indices = list(dict.fromkeys(s.index for s in signals))
    if not indices:
        raise StatusError(INVALID, "No valid id or path specified")
    if request.buffer_size > BUFFER_SIZE:
        raise StatusError(INVALID, f"Subscription buffer_size max allowed value is {BUFFER_SIZE}")
    interval_ns = request.filter.min_sample_interval.interval_ms * 1_000_000
    first = {i: house.broker.latest(caller.vehicle, i) for i in indices}
    return Stream(Watcher(indices, request.buffer_size, interval_ns), encode(first), encode)


def _publish_value(house: House, caller: Caller, request: Any) -> bytes:
    if not request.HasField("data_point"):
        raise StatusError(INVALID, "No datapoint provided for publish_value")
    signal = signal_of(house, request.signal_id)
    house.need(caller, "provide:data", [signal])
    value = value_in(signal, request.data_point.value)
    try:
        house.broker.put(caller.vehicle, signal.index, value, source_time_ns(request.data_point), source=caller.by)
    except InputError as refused:
        raise status_of(house, refused) from None
    return b""


def _actuate(house: House, caller: Caller, request: Any) -> bytes:
    actuate(house, caller, [_target(house, caller, request)])
    return b""


def _batch_actuate(house: House, caller: Caller, request: Any) -> bytes:
    house.count(request.actuate_requests)
    actuate(house, caller, [_target(house, caller, each) for each in request.actuate_requests])
    return b""


def _target(house: House, caller: Caller, request: Any) -> Target:
    if not request.HasField("value"):
        raise StatusError(INVALID, "No value provided")
    signal = signal_of(house, request.signal_id)
    house.need(caller, "actuate", [signal])
    return signal, target_in(signal, request.value)

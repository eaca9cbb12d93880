"""kuksa.val.v2 over the broker. Status codes and texts are those that clients know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

from renkei.broker import Changes, Watcher
from renkei.doors.kuksa.calls import (
    BUFFER_SIZE,
    INVALID,
    NOT_FOUND,
    House,
    StatusError,
    Stream,
    signal_at,
    signals_of,
    stream,
    unary,
)
from renkei.doors.kuksa.schema import FIELDS, V2
from renkei.doors.kuksa.wire import field, repeated, value_of
from renkei.errors import ValueRefused
from renkei.vocabulary import INTEGERS, Signal

SERVICE = "kuksa.val.v2.VAL"
_YEAR_9999_S = 253_402_300_799
"""The last second that a protobuf Timestamp may name."""


def handlers(house: House, vehicle: str) -> dict[str, Any]:
    """The RPCs by name, for a port whose own vehicle is `vehicle`."""
    one = partial(unary, house, vehicle)
    many = partial(stream, house, vehicle)
    return {
        "GetValue": one(V2.GetValueRequest, partial(_get_value, house)),
        "GetValues": one(V2.GetValuesRequest, partial(_get_values, house)),
        "ListMetadata": one(V2.ListMetadataRequest, partial(_list_metadata, house)),
        "PublishValue": one(V2.PublishValueRequest, partial(_publish_value, house)),
        "GetServerInfo": one(V2.GetServerInfoRequest, _server_info),
        "Subscribe": many(V2.SubscribeRequest, partial(_subscribe, house)),
        "SubscribeById": many(V2.SubscribeByIdRequest, partial(_subscribe_by_id, house)),
    }


def _signal(house: House, signal_id: Any) -> Signal:
    kind = signal_id.WhichOneof("signal")
    if kind is None:
        raise StatusError(INVALID, "No SignalId provided")
    if kind == "path":
        return signal_at(house.vocabulary, signal_id.path)
    return _signal_with_id(house, signal_id.id)


def _signal_with_id(house: House, index: int) -> Signal:
    if not 0 <= index < len(house.vocabulary):
        raise StatusError(NOT_FOUND, "Path not found")
    return house.vocabulary.signals[index]


def _datapoint(house: House, vehicle: str, signal: Signal) -> bytes:
    return field(1, house.encoder.v2_datapoint(signal.index, house.broker.latest(vehicle, signal.index)))


def _get_value(house: House, vehicle: str, request: Any) -> bytes:
    return _datapoint(house, vehicle, _signal(house, request.signal_id))


def _get_values(house: House, vehicle: str, request: Any) -> bytes:
    """All or nothing, in the order asked for and with duplicates kept."""
    signals = [_signal(house, signal_id) for signal_id in request.signal_ids]
    return b"".join([_datapoint(house, vehicle, s) for s in signals])


def _list_metadata(house: House, _vehicle: str, request: Any) -> bytes:
    signals = signals_of(house.vocabulary, request.root, "Invalid Pattern Argument")
    if not signals:
        raise StatusError(NOT_FOUND, "Specified root branch does not exist")
    return repeated(1, [house.metadata[s.index] for s in signals])


def _server_info(_vehicle: str, _request: Any) -> bytes:
    info: bytes = V2.GetServerInfoResponse(name="renkei", version=version("renkei")).SerializeToString()
    return info


def _subscribe(house: House, vehicle: str, request: Any) -> Stream:
    signals = [signal_at(house.vocabulary, path) for path in request.signal_paths]
    return _stream(house, vehicle, request, signals, house.encoder.by_path)


def _subscribe_by_id(house: House, vehicle: str, request: Any) -> Stream:
    signals = [_signal_with_id(house, index) for index in request.signal_ids]
    return _stream(house, vehicle, request, signals, house.encoder.by_id)


def _stream(
    house: House, vehicle: str, request: Any, signals: Iterable[Signal], encode: Callable[[Changes], bytes]
) -> Stream:
    indices = list(dict.fromkeys(s.index for s in signals))
    if not indices:
        raise StatusError(INVALID, "No valid id or path specified")
    if request.buffer_size > BUFFER_SIZE:
        raise StatusError(INVALID, f"Subscription buffer_size max allowed value is {BUFFER_SIZE}")
    interval_ns = request.filter.min_sample_interval.interval_ms * 1_000_000
    first = {i: house.broker.latest(vehicle, i) for i in indices}
    return Stream(Watcher(indices, request.buffer_size, interval_ns), encode(first), encode)


def _publish_value(house: House, vehicle: str, request: Any) -> bytes:
    if not request.HasField("data_point"):
        raise StatusError(INVALID, "No datapoint provided for publish_value")
    signal = _signal(house, request.signal_id)
    value = _value(signal, request.data_point.value)
    try:
        house.broker.put(vehicle, signal.index, value, _source_time_ns(request.data_point))
    except ValueRefused as refused:
        raise StatusError(INVALID, _refusal(signal, value, refused)) from None
    return b""


def _value(signal: Signal, message: Any) -> Any:
    """The Python value of a Value message, or None when it has none; raises StatusError for another type's field."""
    kind = message.WhichOneof("typed_value")
    if kind not in (None, FIELDS[signal.datatype]):
        raise StatusError(INVALID, f"Wrong type provided (id: {signal.index}): {signal.path} is {signal.datatype}")
    return value_of(message, "typed_value")


def _refusal(signal: Signal, value: Any, refused: ValueRefused) -> str:
    text = {"type": "Wrong type provided", "allowed": "Value out of allowed bounds"}.get(refused.why)
    if text is None:
        low, high = INTEGERS.get(signal.scalar, (float("-inf"), float("inf")))
        fits = all(low <= v <= high for v in (value if signal.is_array else [value]))
        text = "Value out of min/max bounds" if fits else "Value out of type bounds"
    return f"{text} (id: {signal.index}): {refused}"


def _source_time_ns(data_point: Any) -> int | None:
    """The client's own time; None when it gave none that a Timestamp may hold."""
    stamp = data_point.timestamp
    if not data_point.HasField("timestamp") or not (0 <= stamp.nanos < 1_000_000_000):
        return None
    return stamp.seconds * 1_000_000_000 + stamp.nanos if 0 <= stamp.seconds <= _YEAR_9999_S else None

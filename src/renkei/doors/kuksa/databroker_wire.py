"""Datapoints and metadata of sdv.databroker.v1; a test holds them to the official protobuf classes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from renkei.broker.datapoint import Datapoint
from renkei.doors.kuksa.calls import House, bounded
from renkei.doors.kuksa.databroker_schema import ALLOWED_FIELDS, DATA_TYPES, POINT_FIELDS, SDV
from renkei.doors.kuksa.query import Cell
from renkei.doors.kuksa.schema import SCALARS
from renkei.doors.kuksa.wire import encoder, field, timestamp, value_of, varint
from renkei.errors import Claimed, Held, InputError, NotActuator, NotPermitted, ValueRefused
from renkei.vocabulary import INTEGERS, Signal

_FAILURE = varint(SDV.Datapoint.DESCRIPTOR.fields_by_name["failure_value"].number << 3)
UNKNOWN = _FAILURE + varint(SDV.Datapoint.UNKNOWN_DATAPOINT)
"""The Datapoint of a name that is not known."""
DENIED = _FAILURE + varint(SDV.Datapoint.ACCESS_DENIED)
"""The Datapoint of what may not be read."""
_MISSING = {
    "not available": _FAILURE + varint(SDV.Datapoint.NOT_AVAILABLE),
    "stale": _FAILURE + varint(SDV.Datapoint.NOT_AVAILABLE),
    "invalid": _FAILURE + varint(SDV.Datapoint.INVALID_VALUE),
}
"""What stands in the place of a value, by quality."""
# The fields of the values have the numbers that they have in kuksa.val, so that its encoders serve here too.
_encoder = cache(encoder)


def datapoint(house: House, index: int, point: Datapoint) -> bytes:
    """A Datapoint with the time of receipt; a failure says why it has no value."""
    value = _MISSING[point.quality] if point.value is None else house.encoder.value(index, point.value)
    return timestamp(point.t_receive_ns) + value


def row(cells: Iterable[Cell]) -> bytes:
    """A SubscribeReply; raises StatusError for one that is too long."""
    return bounded(entry(cell.name, _cell(cell)) for cell in cells)


def _cell(cell: Cell) -> bytes:
    value = _MISSING[cell.quality] if cell.value is None else _encoder(cell.datatype)(cell.value)
    return timestamp(cell.t_ns) + value


def entry(name: str, content: bytes) -> bytes:
    """An entry of a map from names to messages that is field 1."""
    return field(1, field(1, name.encode()) + field(2, content))


def value_in(signal: Signal, point: Any) -> Any:
    """The Python value of a Datapoint; None when it has none or a failure. Raises ValueRefused for another's field."""
    kind = point.WhichOneof("value")
    if kind in (None, "failure_value"):
        return None
    if kind != POINT_FIELDS[signal.datatype]:
        raise ValueRefused(signal.path, "type", expected=POINT_FIELDS[signal.datatype], got=kind)
    return value_of(point, "value")


def error_of(refused: InputError) -> int:
    """The DatapointError that says why something was refused."""
    if isinstance(refused, ValueRefused):
        error: int = SDV.INVALID_TYPE if refused.why == "type" else SDV.OUT_OF_BOUNDS
    elif isinstance(refused, Claimed | Held | NotActuator | NotPermitted):
        error = SDV.ACCESS_DENIED
    else:
        error = SDV.INTERNAL_ERROR
    return error


def metadata(signal: Signal) -> bytes:
    """A Metadata message."""
    message = SDV.Metadata(
        id=signal.index,
        entry_type=getattr(SDV, f"ENTRY_TYPE_{signal.kind.upper()}"),
        name=signal.path,
        data_type=DATA_TYPES[signal.datatype],
        change_type=SDV.STATIC if signal.kind == "attribute" else SDV.CONTINUOUS,
        description=signal.description,
    )
    for limit, where in ((signal.minimum, message.min), (signal.maximum, message.max)):
        if limit is not None:
            setattr(where, SCALARS[signal.scalar], _limit(signal, limit))
    if signal.allowed is not None and signal.scalar in ALLOWED_FIELDS:
        getattr(message.allowed, ALLOWED_FIELDS[signal.scalar]).values.extend(signal.allowed)
    content: bytes = message.SerializeToString()
    return content


def _limit(signal: Signal, limit: float) -> float:
    """A limit in the wire type; one outside the integer type says no more than the type does."""
    if signal.scalar not in INTEGERS:
        return float(limit)
    low, high = INTEGERS[signal.scalar]
    return min(max(int(limit), low), high)

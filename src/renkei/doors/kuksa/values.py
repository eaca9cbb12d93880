"""Signals and values as requests name them: what a message means, and how a refusal reads."""

from __future__ import annotations

import time
from typing import Any

import grpc

from renkei.doors.kuksa.calls import FORBIDDEN, INVALID, NOT_FOUND, House, StatusError, signal_at
from renkei.doors.kuksa.schema import FIELDS
from renkei.doors.kuksa.wire import value_of
from renkei.errors import (
    Claimed,
    Held,
    InputError,
    NoCarrier,
    NotActuator,
    NotPermitted,
    OutputError,
    TooLate,
    ValueRefused,
)
from renkei.vocabulary import INTEGERS, Signal, Value

_YEAR_9999_S = 253_402_300_799
"""The last second that a protobuf Timestamp may name."""
STALE_NS = 10_000_000_000
"""A target whose own timestamp is older is not carried out; clocks may differ by less."""
_CODES: dict[type[InputError], grpc.StatusCode] = {
    Claimed: grpc.StatusCode.ALREADY_EXISTS,
    NotActuator: INVALID,
    NoCarrier: grpc.StatusCode.UNAVAILABLE,
    Held: grpc.StatusCode.FAILED_PRECONDITION,
    TooLate: grpc.StatusCode.DEADLINE_EXCEEDED,
    NotPermitted: FORBIDDEN,
    OutputError: grpc.StatusCode.UNAVAILABLE,
}


def signal_of(house: House, signal_id: Any) -> Signal:
    """The Signal of a SignalID message; raises StatusError."""
    kind = signal_id.WhichOneof("signal")
    if kind is None:
        raise StatusError(INVALID, "No SignalId provided")
    if kind == "path":
        return signal_at(house.vocabulary, signal_id.path)
    return signal_with_id(house, signal_id.id)


def signal_with_id(house: House, index: int) -> Signal:
    """The Signal with an id; raises StatusError."""
    if not 0 <= index < len(house.vocabulary):
        raise StatusError(NOT_FOUND, "Path not found")
    return house.vocabulary.signals[index]


def value_in(signal: Signal, message: Any, oneof: str = "typed_value") -> Any:
    """The Python value that a message holds, or None when it has none; raises StatusError for another type's field."""
    kind = message.WhichOneof(oneof)
    if kind not in (None, FIELDS[signal.datatype]):
        raise StatusError(INVALID, f"Wrong type provided (id: {signal.index}): {signal.path} is {signal.datatype}")
    return value_of(message, oneof)


def target_in(signal: Signal, message: Any, oneof: str = "typed_value") -> Value:
    """The value that an actuator shall take; raises StatusError, also for an empty message."""
    value: Value | None = value_in(signal, message, oneof)
    if value is None:
        raise StatusError(INVALID, f"No value provided (id: {signal.index}): {signal.path}")
    return value


def status_of(house: House, refused: InputError) -> StatusError:
    """What the broker refused, as gRPC says it."""
    if isinstance(refused, ValueRefused):
        return StatusError(INVALID, _text(house.vocabulary[refused.path], refused))
    return StatusError(_CODES[type(refused)], str(refused))


def _text(signal: Signal, refused: ValueRefused) -> str:
    text = {"type": "Wrong type provided", "allowed": "Value out of allowed bounds"}.get(refused.why)
    if text is None:
        low, high = INTEGERS.get(signal.scalar, (float("-inf"), float("inf")))
        fits = isinstance(refused.got, int | float) and low <= refused.got <= high
        text = "Value out of min/max bounds" if fits else "Value out of type bounds"
    return f"{text} (id: {signal.index}): {refused}"


def refuse_stale(signal: Signal, t_ns: int | None) -> None:
    """Raises StatusError for a target that its client itself says is old: one that waited somewhere, or comes again."""
    if t_ns is not None and time.time_ns() - t_ns > STALE_NS:
        text = f"{signal.path}: the target is older than {STALE_NS // 1_000_000_000} s by its own timestamp"
        raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, text)


def source_time_ns(data_point: Any) -> int | None:
    """The client's own time; None when it gave none that a Timestamp may hold."""
    if not data_point.HasField("timestamp"):
        return None
    stamp = data_point.timestamp
    if not 0 <= stamp.nanos < 1_000_000_000:
        return None
    return stamp.seconds * 1_000_000_000 + stamp.nanos if 0 <= stamp.seconds <= _YEAR_9999_S else None

"""How a target gets from a request of either version to its carrier: checked as a whole, with the client's deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc

from renkei.claims import Actuation
from renkei.doors.kuksa.calls import House, StatusError, parse, refusing
from renkei.doors.kuksa.values import status_of
from renkei.errors import InputError
from renkei.vocabulary import Signal, Value


class Caller(NamedTuple):
    """Who asks, for which vehicle, and until when (ns since 1970; None: without a deadline)."""

    vehicle: str
    deadline_ns: int | None
    by: str


Target = tuple[Signal, Value]


def command(house: House, default: str, request_class: Any, answer: Callable[[Caller, Any], bytes]) -> Any:
    """A handler for one request that may move something; `answer` may raise StatusError."""

    async def call(raw: bytes, context: Any) -> bytes:
        async with refusing(context):
            return answer(caller(house, default, context), parse(request_class, raw))
        raise AssertionError("a refused RPC was aborted")

    return grpc.unary_unary_rpc_method_handler(call)


def command_stream(house: House, default: str, request_class: Any, answer: Callable[[Caller, Any], bytes]) -> Any:
    """A handler for many such requests and one empty reply; the first StatusError ends it."""

    async def call(requests: Any, context: Any) -> bytes:
        async with refusing(context):
            asking = caller(house, default, context)
            with house.one_more_stream(context.peer()):
                async for raw in requests:
                    answer(asking, parse(request_class, raw))
            return b""
        raise AssertionError("a refused RPC was aborted")

    return grpc.stream_unary_rpc_method_handler(call)


def caller(house: House, default: str, context: Any) -> Caller:
    """Raises StatusError for a vehicle that there is not."""
    left_s = context.time_remaining()
    deadline_ns = None if left_s is None else time.time_ns() + int(left_s * 1e9)
    return Caller(house.vehicle(default, context.invocation_metadata()), deadline_ns, context.peer())


def actuate(house: House, asking: Caller, targets: Iterable[Target], needs_carrier: bool = True) -> None:
    """Hand all targets over, or none; raises StatusError, and DATA_LOSS when a provider could not take them."""
    try:
        handed = house.broker.actuate(
            asking.vehicle,
            [(signal.index, value) for signal, value in targets],
            deadline_ns=asking.deadline_ns,
            by=asking.by,
            needs_carrier=needs_carrier,
        )
    except InputError as refused:
        raise status_of(house, refused) from None
    house.watch_deadline(asking.deadline_ns)
    if lost := next((a for a in handed if a.state == "failed"), None):
        raise StatusError(grpc.StatusCode.DATA_LOSS, _lost(house, lost))


def _lost(house: House, actuation: Actuation) -> str:
    return f"{house.vocabulary.signals[actuation.index].path}: {actuation.why}"

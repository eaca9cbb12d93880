"""How a target gets from a request of either version to its carrier: checked as a whole, with the client's deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import grpc

from renkei.broker.claims import Actuation
from renkei.doors.asking import NOT_AFTER_KEY, PRIORITY_KEY, Asking, asking_of
from renkei.doors.kuksa.calls import INVALID, Caller, House, StatusError, parse, refusing
from renkei.doors.kuksa.values import status_of
from renkei.errors import InputError
from renkei.vocabulary import Signal, Value

Target = tuple[Signal, Value]


def command(house: House, default: str, request_class: Any, answer: Callable[[Caller, Any], bytes]) -> Any:
    """A handler for one request that may move something; `answer` may raise StatusError."""

    async def call(raw: bytes, context: Any) -> bytes:
        async with refusing(house, context):
            return answer(caller_of(house, default, context), parse(request_class, raw))
        raise AssertionError("a refused RPC was aborted")

    return grpc.unary_unary_rpc_method_handler(call)


def command_stream(house: House, default: str, request_class: Any, answer: Callable[[Caller, Any], bytes]) -> Any:
    """A handler for many such requests and one empty reply; the first StatusError ends it."""

    async def call(requests: Any, context: Any) -> bytes:
        async with refusing(house, context):
            caller = caller_of(house, default, context)
            async with house.streaming(caller):
                async for raw in requests:
                    house.guard.count_request(caller.guest)
                    answer(caller, parse(request_class, raw))
            return b""
        raise AssertionError("a refused RPC was aborted")

    return grpc.stream_unary_rpc_method_handler(call)


def caller_of(house: House, default: str, context: Any) -> Caller:
    """Raises StatusError for a vehicle that there is not, and for a priority or time that is none."""
    caller = house.caller(default, context)
    stated = dict(context.invocation_metadata() or ())
    priority = _text(stated.get(PRIORITY_KEY))
    try:
        asking = asking_of(caller.by, priority, _text(stated.get(NOT_AFTER_KEY)))
    except InputError as e:
        raise StatusError(INVALID, str(e)) from None
    asking = house.guard.ranked(caller.guest, asking, priority)
    left_s = context.time_remaining()
    if left_s is not None:
        asking = asking.until(time.time_ns() + int(left_s * 1e9))
    return caller._replace(deadline_ns=asking.deadline_ns, priority=asking.priority)


def _text(stated: Any) -> str | None:
    return stated if stated is None else str(stated)


def actuate(house: House, caller: Caller, targets: Iterable[Target], needs_carrier: bool = True) -> None:
    """Hand all targets over, or none; raises StatusError, and DATA_LOSS when a provider could not take them."""
    try:
        handed = hand_over(house, caller, list(targets), needs_carrier)
    except InputError as refused:
        raise status_of(house, refused) from None
    if lost := next((a for a in handed if a.state == "failed"), None):
        raise StatusError(grpc.StatusCode.DATA_LOSS, _lost(house, lost))


def hand_over(house: House, caller: Caller, targets: Sequence[Target], needs_carrier: bool) -> list[Actuation]:
    """As Guard.actuate, with what the caller says of itself; raises InputError."""
    asking = Asking(caller.by, caller.priority, caller.deadline_ns)
    handed = house.guard.actuate(house.broker, caller.vehicle, caller.guest, targets, asking, needs_carrier)
    house.watch_deadline(caller.deadline_ns)
    return handed


def _lost(house: House, actuation: Actuation) -> str:
    return f"{house.vocabulary.signals[actuation.index].path}: {actuation.why}"

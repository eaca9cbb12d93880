"""What every RPC does first: parse the request, choose the vehicle; then how a refusal ends it and how streams run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError

from renkei.broker import Broker, Changes, Watcher
from renkei.doors.kuksa.metadata import v2_metadata
from renkei.doors.kuksa.wire import Encoder
from renkei.errors import InputError, UnknownName
from renkei.vocabulary import Signal, Vocabulary

VEHICLE_KEY = "renkei-vehicle"
PATH_LENGTH = 1000
BUFFER_SIZE = 1000
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


class StatusError(Exception):
    """The request ends with this status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Stream(NamedTuple):
    """A subscription: its first message, then what `encode` makes of each of the watcher's messages."""

    watcher: Watcher
    first: bytes
    encode: Callable[[Changes], bytes]


class House:
    """What the ports of one door share: the broker, the encoder, and whether the door is closing."""

    def __init__(self, broker: Broker, vocabulary: Vocabulary) -> None:
        self.broker, self.vocabulary = broker, vocabulary
        self.encoder = Encoder(vocabulary)
        self.closing = False
        self._waiting: set[asyncio.Event] = set()

    @cached_property
    def metadata(self) -> list[bytes]:
        """The kuksa.val.v2 Metadata of every signal, encoded."""
        return [v2_metadata(s).SerializeToString() for s in self.vocabulary.signals]

    def close(self) -> None:
        """End every stream."""
        self.closing = True
        for event in self._waiting:
            event.set()

    def event(self) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def vehicle(self, default: str, metadata: Iterable[tuple[str, Any]] | None) -> str:
        """The vehicle that the metadata names, else that of the port; raises StatusError."""
        for key, value in metadata or ():
            if key == VEHICLE_KEY:
                if value not in self.broker.vehicles:
                    unknown = UnknownName("vehicle", str(value)[:100], self.broker.vehicles)
                    raise StatusError(NOT_FOUND, str(unknown))
                return str(value)
        return default


def signals_of(vocabulary: Vocabulary, path: str, malformed: str) -> list[Signal]:
    """Signals of a path, branch or pattern; `""` in quotes stands for all. Raises StatusError, with that text if so."""
    if len(path) > PATH_LENGTH:
        raise StatusError(INVALID, "The provided path is too long")
    try:
        return vocabulary.branch("" if path == '""' else path)
    except InputError:
        raise StatusError(INVALID, malformed) from None


def signal_at(vocabulary: Vocabulary, path: str) -> Signal:
    """The Signal at a path; raises StatusError."""
    if len(path) > PATH_LENGTH:
        raise StatusError(INVALID, "The provided path is too long")
    if (signal := vocabulary.get(path)) is None:
        raise StatusError(NOT_FOUND, "Path not found")
    return signal


def unary(house: House, default: str, request_class: Any, answer: Callable[[str, Any], bytes]) -> Any:
    """A handler for one request and one reply; `answer` takes the vehicle and the request and may raise StatusError."""

    async def call(raw: bytes, context: Any) -> bytes:
        try:
            vehicle = house.vehicle(default, context.invocation_metadata())
            return answer(vehicle, _parse(request_class, raw))
        except StatusError as refused:
            await context.abort(refused.code, refused.text)
            raise

    return grpc.unary_unary_rpc_method_handler(call)


def stream(house: House, default: str, request_class: Any, start: Callable[[str, Any], Stream]) -> Any:
    """A handler for one request and a stream of replies; `start` may raise StatusError."""

    async def call(raw: bytes, context: Any) -> None:
        try:
            vehicle = house.vehicle(default, context.invocation_metadata())
            started = start(vehicle, _parse(request_class, raw))
        except StatusError as refused:
            await context.abort(refused.code, refused.text)
            raise
        event = house.event()
        started.watcher.wake = event.set
        house.broker.watch(vehicle, started.watcher)
        try:
            await _send(house, started, event, context.write)
        finally:
            house.broker.unwatch(vehicle, started.watcher)
            house.forget(event)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the server is stopping")

    return grpc.unary_stream_rpc_method_handler(call)


async def _send(house: House, started: Stream, event: asyncio.Event, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write messages until the door closes; a subscriber that vanished ends it by cancellation."""
    watcher = started.watcher
    await write(started.first)
    watcher.sent(time.monotonic_ns())
    while not house.closing:
        wait_ns = watcher.wait_ns(time.monotonic_ns())
        if wait_ns is None:
            event.clear()
            await event.wait()
        elif wait_ns:
            await asyncio.sleep(wait_ns / 1e9)
        elif changes := watcher.take(time.monotonic_ns()):
            await write(started.encode(changes))


def _parse(request_class: Any, raw: bytes) -> Any:
    try:
        return request_class.FromString(raw)
    except DecodeError:
        name = request_class.DESCRIPTOR.full_name
        raise StatusError(INVALID, f"the request is not a {name} message") from None

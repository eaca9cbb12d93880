"""What every RPC does first: parse the request, choose the vehicle; then how a refusal ends it and how streams run."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sized
from contextlib import asynccontextmanager
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

import grpc
from google.protobuf.message import DecodeError

from renkei.authority.scopes import Action
from renkei.broker import Broker, Changes, Watcher
from renkei.doors.asking import VEHICLE_KEY
from renkei.doors.guard import Guard, Guest, bearer
from renkei.doors.kuksa.metadata import v2_metadata
from renkei.doors.kuksa.schema import FIELDS
from renkei.doors.kuksa.wire import Encoder, varint
from renkei.errors import Exhausted, InputError, NotAuthenticated, NotPermitted, OutputError, UnknownName
from renkei.vocabulary import Signal, Vocabulary

PATH_LENGTH = 1000
BUFFER_SIZE = 1000
MESSAGE_BYTES = 4 * 1024 * 1024
"""Longest request that is read, and longest reply to one: clients take no longer one either."""
MOST_ENTRIES = 10_000
"""Entries of one request, or as many as there are signals."""
MOST_PATTERNS = 100
"""Different patterns in one request."""
LOST_FIELD = 1000
"""In a message of a subscription: how many values gave way to newer ones so far because its reader was slow."""
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
FORBIDDEN = grpc.StatusCode.PERMISSION_DENIED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
STOPPING = (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
_EXPIRY_S = 0.005
_REPEATED = re.compile(r"(?<![^.])\*\*(\.\*\*)+(?![^.])")
"""Any number of levels, said more than once in a row."""


class StatusError(Exception):
    """The request ends with this status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


_CODES: dict[type[InputError], grpc.StatusCode] = {
    NotAuthenticated: UNAUTHENTICATED,
    NotPermitted: FORBIDDEN,
    Exhausted: EXHAUSTED,
    OutputError: grpc.StatusCode.UNAVAILABLE,
}
"""What the guard of all doors refuses, as gRPC says it."""


class Caller(NamedTuple):
    """Who asks, for which vehicle, until when (ns since 1970; None: without a deadline), and how urgently."""

    vehicle: str
    guest: Guest
    deadline_ns: int | None = None
    priority: int = 0

    @property
    def by(self) -> str:
        return self.guest.name


class Targets(NamedTuple):
    """The part of a subscription that is about targets; one that `carries` acts on them."""

    watcher: Watcher
    encode: Callable[[Changes], bytes]
    carries: bool


class Stream(NamedTuple):
    """A subscription: its first message, then what `encode` makes of each of the watcher's messages; None: nothing."""

    watcher: Watcher
    first: bytes | None
    encode: Callable[[Changes], bytes | None]
    targets: tuple[Targets, ...] = ()


class Asked(Protocol):
    """Who can be asked for fresh values of the signals that it claimed."""

    async def ask(self, indices: Iterable[int]) -> None:
        """Return when fresh values are stored, or when they cannot be had in time."""


class House:
    """What the ports of one door share: the broker, the guard, the encoder, and whether the door is closing."""

    def __init__(self, broker: Broker, vocabulary: Vocabulary, guard: Guard) -> None:
        self.broker, self.vocabulary, self.guard = broker, vocabulary, guard
        self.encoder = Encoder(vocabulary)
        self.closing = False
        self.sources: dict[tuple[str, int], Asked] = {}
        self._waiting: set[asyncio.Event] = set()
        self._expiry: asyncio.TimerHandle | None = None
        self._expiry_ns = 0

    @cached_property
    def metadata(self) -> list[bytes]:
        """The kuksa.val.v2 Metadata of every signal, encoded."""
        return [v2_metadata(s).SerializeToString() for s in self.vocabulary.signals]

    @cached_property
    def scalars(self) -> dict[int, str]:
        """The field of a Value in which a signal travels, by index; none for arrays."""
        return {s.index: FIELDS[s.datatype] for s in self.vocabulary.signals if not s.is_array}

    def close(self) -> None:
        """End every stream."""
        self.closing = True
        for event in self._waiting:
            event.set()
        if self._expiry:
            self._expiry.cancel()

    def watch_deadline(self, deadline_ns: int | None) -> None:
        """See to it that actuations end when their deadline passes, whatever their carrier does."""
        if deadline_ns is None or self.closing or (self._expiry and self._expiry_ns <= deadline_ns):
            return
        if self._expiry:
            self._expiry.cancel()
        wait_s = max(0.0, (deadline_ns - time.time_ns()) / 1e9) + _EXPIRY_S
        self._expiry, self._expiry_ns = asyncio.get_running_loop().call_later(wait_s, self._expired), deadline_ns

    def _expired(self) -> None:
        self._expiry = None
        self.watch_deadline(self.broker.expire())

    def event(self) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    @asynccontextmanager
    async def streaming(self, caller: Caller) -> AsyncIterator[None]:
        """Count a stream of a client while it lasts, and end it with its token; may raise InputError."""
        with self.guard.one_more_stream(caller.guest):
            async with self.guard.while_it_holds(caller.guest):
                yield

    def count(self, entries: Sized) -> None:
        """Raises StatusError for a request with too many entries."""
        most = max(MOST_ENTRIES, len(self.vocabulary))
        if len(entries) > most:
            raise StatusError(EXHAUSTED, f"expected at most {most} entries in one request, got {len(entries)}")

    def caller(self, default: str, context: Any) -> Caller:
        """Who asks for which vehicle; raises StatusError, and InputError for what the guard refuses."""
        metadata = context.invocation_metadata() or ()
        token = next((str(value) for key, value in metadata if key == "authorization"), None)
        guest = self.guard.admit(bearer(token), context.peer(), "kuksa")
        self.guard.count_request(guest)
        vehicle = self._vehicle(default, metadata)
        self.guard.reach(guest, vehicle)
        return Caller(vehicle, guest)

    def need(self, caller: Caller, action: Action, signals: Iterable[Signal]) -> None:
        """Raises NotPermitted at the first signal with which the token does not allow it."""
        for signal in signals:
            self.guard.need(caller.guest, action, signal)

    def told_refused(self, caller: Caller, path: str, why: str) -> None:
        """Write down what is refused inside a reply, where no status says so."""
        self.guard.refused(why, door="kuksa", by=caller.by, peer=caller.guest.peer, vehicle=caller.vehicle, path=path)

    def _vehicle(self, default: str, metadata: Iterable[tuple[str, Any]] | None) -> str:
        """The vehicle that the metadata names, else that of the port; raises StatusError."""
        for key, value in metadata or ():
            if key == VEHICLE_KEY:
                if value not in self.broker.vehicles:
                    unknown = UnknownName("vehicle", str(value)[:100], self.guard.told_of(self.broker.vehicles))
                    raise StatusError(NOT_FOUND, str(unknown))
                return str(value)
        return default


def signals_of(vocabulary: Vocabulary, path: str, malformed: str) -> list[Signal]:
    """Signals of a path, branch or pattern; `""` in quotes stands for all. Raises StatusError, with that text if so."""
    if len(path) > PATH_LENGTH:
        raise StatusError(INVALID, "The provided path is too long")
    if path and "*" not in path and path not in _branches(vocabulary) and all(path.split(".")) and path != '""':
        leaf = vocabulary.get(path)
        return [] if leaf is None else [leaf]  # no search of the whole tree for what is not in it
    try:
        return vocabulary.branch("" if path == '""' else _REPEATED.sub("**", path))
    except InputError:
        raise StatusError(INVALID, malformed) from None


@lru_cache(4)
def _branches(vocabulary: Vocabulary) -> frozenset[str]:
    """The paths of all branches."""
    return frozenset(s.path[:at] for s in vocabulary.signals for at, c in enumerate(s.path) if c == ".")


def signal_at(vocabulary: Vocabulary, path: str) -> Signal:
    """The Signal at a path; raises StatusError."""
    if len(path) > PATH_LENGTH:
        raise StatusError(INVALID, "The provided path is too long")
    if (signal := vocabulary.get(path)) is None:
        raise StatusError(NOT_FOUND, "Path not found")
    return signal


@asynccontextmanager
async def refusing(house: House, context: Any) -> AsyncIterator[None]:
    """End the RPC with the status of a StatusError that is raised inside, or of what the guard refuses."""
    try:
        yield
    except StatusError as refused:
        house.guard.refused(refused.text, door="kuksa", peer=context.peer(), status=refused.code.name)
        await context.abort(refused.code, refused.text)
    except NotAuthenticated as refused:  # the guard has written it down
        await context.abort(UNAUTHENTICATED, str(refused))
    except tuple(_CODES) as refused:
        house.guard.refused(refused, door="kuksa", peer=context.peer(), status=_CODES[type(refused)].name)
        await context.abort(_CODES[type(refused)], str(refused))


def bounded(parts: Iterable[bytes]) -> bytes:
    """A reply of these parts; raises StatusError for one that is too long."""
    kept, size = [], 0
    for part in parts:
        size += len(part)
        if size > MESSAGE_BYTES:
            raise StatusError(
                EXHAUSTED, f"the reply would be longer than {MESSAGE_BYTES} bytes: ask for less at a time"
            )
        kept.append(part)
    return b"".join(kept)


def unary(
    house: House, default: str, request_class: Any, answer: Callable[[Caller, Any], bytes | Awaitable[bytes]]
) -> Any:
    """A handler for one request and one reply; `answer` takes who asks and the request and may raise StatusError."""

    async def call(raw: bytes, context: Any) -> bytes:
        async with refusing(house, context):
            answered = answer(house.caller(default, context), parse(request_class, raw))
            return await answered if inspect.isawaitable(answered) else answered
        raise AssertionError("a refused RPC was aborted")

    return grpc.unary_unary_rpc_method_handler(call)


def stream(
    house: House, default: str, request_class: Any, start: Callable[[Caller, Any], Stream | Awaitable[Stream]]
) -> Any:
    """A handler for one request and a stream of replies; `start` may raise StatusError."""

    async def call(raw: bytes, context: Any) -> None:
        async with refusing(house, context):
            caller = house.caller(default, context)
            async with house.streaming(caller):
                answered = start(caller, parse(request_class, raw))
                started = await answered if inspect.isawaitable(answered) else answered
                await _serve(house, caller.vehicle, started, context.write)
        await context.abort(*STOPPING)

    return grpc.unary_stream_rpc_method_handler(call)


async def _serve(house: House, vehicle: str, started: Stream, write: Callable[[bytes], Awaitable[None]]) -> None:
    event = house.event()
    _watch(house, vehicle, started, event)
    try:
        await _send(house, started, event, write)
    finally:
        house.broker.unwatch(vehicle, started.watcher)
        for targets in started.targets:
            house.broker.unwatch_targets(vehicle, targets.watcher)
        house.forget(event)


def _watch(house: House, vehicle: str, started: Stream, event: asyncio.Event) -> None:
    started.watcher.wake = event.set
    house.broker.watch(vehicle, started.watcher)
    for targets in started.targets:
        targets.watcher.wake = event.set
        house.broker.watch_targets(vehicle, targets.watcher, targets.carries)


async def _send(house: House, started: Stream, event: asyncio.Event, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write messages until the door closes; a subscriber that vanished ends it by cancellation."""
    watcher = started.watcher
    if started.first is not None:
        await write(started.first)
    watcher.sent(time.monotonic_ns())
    while not house.closing:
        for targets in started.targets:
            while changes := targets.watcher.take(time.monotonic_ns()):
                await write(targets.encode(changes))
        wait_ns = watcher.wait_ns(time.monotonic_ns())
        if wait_ns is None:
            event.clear()
            await event.wait()
        elif wait_ns:
            await asyncio.sleep(wait_ns / 1e9)
        elif (changes := watcher.take(time.monotonic_ns())) and (message := started.encode(changes)) is not None:
            await write(message + _loss(watcher.dropped) if watcher.dropped else message)


def _loss(dropped: int) -> bytes:
    """Tells a reader what it lost, in a field that clients who do not know it pass over, as protobuf has it."""
    return varint(LOST_FIELD << 3) + varint(dropped)


def parse(request_class: Any, raw: bytes) -> Any:
    """The message in `raw`; raises StatusError."""
    try:
        return request_class.FromString(raw)
    except DecodeError:
        name = request_class.DESCRIPTOR.full_name
        raise StatusError(INVALID, f"the request is not a {name} message") from None

"""OpenProviderStream of kuksa.val.v2: over one stream a provider claims, publishes, is asked and carries out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc

from renkei.broker.claims import Actuation, ActuatorClaim, SignalClaim
from renkei.broker.datapoint import bulk
from renkei.doors.kuksa.calls import INVALID, NOT_FOUND, STOPPING, Caller, House, StatusError, parse, refusing
from renkei.doors.kuksa.schema import V2
from renkei.doors.kuksa.values import signal_of, signal_with_id, source_time_ns, status_of, value_in
from renkei.doors.kuksa.wire import field, repeated, varint
from renkei.errors import InputError

ASK_S = 1.0
"""How long a reader waits for a provider's fresh value before it gets the stored one."""
OUTBOX = 1000
"""Messages that may wait for a provider that does not read."""
OUTBOX_BULK = 1_000_000
"""Values of actuations that may wait so, long texts counted as several."""
_UNANSWERED = 16
_FLUSH_S = 0.5
_ERROR_CODES = {INVALID: V2.ERROR_CODE_INVALID_ARGUMENT, NOT_FOUND: V2.ERROR_CODE_NOT_FOUND}
_BATCH_FIELD = 3


def handler(house: House, default: str) -> Any:
    """The RPC, for a port whose own vehicle is `default`."""

    async def call(requests: Any, context: Any) -> None:
        async with refusing(house, context):
            caller = house.caller(default, context)
            async with house.streaming(caller):
                provider = Provider(house, caller)
                try:
                    await _serve(provider, requests, context.write)
                finally:
                    provider.close()
        if house.closing:
            await context.abort(*STOPPING)

    return grpc.stream_stream_rpc_method_handler(call)


async def _serve(provider: Provider, requests: Any, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Read and write at once; raises the StatusError that a request deserved, once all before it is answered."""
    reading = asyncio.ensure_future(_read(provider, requests))
    writing = asyncio.ensure_future(_write(provider, write))
    try:
        await asyncio.wait([reading, writing], return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and not reading.cancelled():
            refused = reading.exception()
            if refused or not provider.stays():
                provider.close()
                await asyncio.wait([writing], timeout=_FLUSH_S)
                if refused:
                    raise refused
                return
        await writing
    finally:
        reading.cancel()
        writing.cancel()
        await asyncio.gather(reading, writing, return_exceptions=True)


async def _read(provider: Provider, requests: Any) -> None:
    async for raw in requests:
        provider.hear(parse(V2.OpenProviderStreamRequest, raw))
        await provider.room()


async def _write(provider: Provider, write: Callable[[bytes], Awaitable[None]]) -> None:
    while (message := await provider.next_message()) is not None:
        await write(message)


class Provider:
    """One provider's stream: its claims, what waits to be sent to it, and what it has not answered yet."""

    def __init__(self, house: House, caller: Caller) -> None:
        self._house, self._vehicle, self._caller = house, caller.vehicle, caller
        self._actuators: ActuatorClaim | None = None
        self._signals: SignalClaim | None = None
        self._outbox: deque[bytes | Sequence[Actuation]] = deque()
        self._interest: dict[int, int | None] = {}
        self._waiting = 0
        self._wake, self._sent = house.event(), asyncio.Event()
        self._begun: dict[int, deque[Actuation]] = {}
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._requests = 0
        self._silent = False
        self._closed = False
        self._hear: dict[str, Callable[[Any], None]] = {
            "provide_actuation_request": self._provide_actuation,
            "provide_signal_request": self._provide_signals,
            "publish_values_request": self._publish,
            "batch_actuate_stream_response": self._answer,
            "get_provider_value_response": self._values,
            "provider_error_indication": self._error,
        }

    def hear(self, message: Any) -> None:
        """Do what a message asks for; an action without effect here is passed over. Raises StatusError."""
        action = message.WhichOneof("action")
        if heard := self._hear.get(action):
            heard(getattr(message, action))

    def stays(self) -> bool:
        """Whether a provider that will say nothing more is of use: it may still carry out, but publish no more."""
        self._release_signals()
        return self._actuators is not None

    def close(self) -> None:
        """Give all claims back and send only what waits; without effect the second time."""
        if self._closed:
            return
        self._closed = True
        if self._actuators:
            self._actuators.release()
        self._release_signals()
        self._house.forget(self._wake)
        self._wake.set()

    def _release_signals(self) -> None:
        if self._signals:
            for index in self._signals.indices:
                self._house.sources.pop((self._vehicle, index), None)
            self._signals.release()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_result(None)

    # What the provider says

    def _provide_actuation(self, request: Any) -> None:
        self._house.count(request.actuator_identifiers)
        signals = [signal_of(self._house, each) for each in request.actuator_identifiers]
        self._house.need(self._caller, "provide:actuation", signals)
        indices = [s.index for s in signals]
        try:
            if self._actuators:
                self._actuators.extend(indices)
            else:
                self._actuators = self._house.broker.claim_actuators(self._vehicle, indices, self._carry)
        except InputError as refused:
            raise status_of(self._house, refused) from None
        self._send(provide_actuation_response=V2.ProvideActuationResponse())

    def _provide_signals(self, request: Any) -> None:
        self._house.count(request.signals_sample_intervals)
        signals = [signal_with_id(self._house, i) for i in sorted(request.signals_sample_intervals)]
        self._house.need(self._caller, "provide:data", signals)
        indices = [s.index for s in signals]
        try:
            if self._signals:
                self._signals.extend(indices)
            else:
                by = self._caller.by
                self._signals = self._house.broker.claim_signals(self._vehicle, indices, self._interested, by)
        except InputError as refused:
            raise status_of(self._house, refused) from None
        self._house.sources.update({(self._vehicle, i): self for i in indices})
        self._send(provide_signal_response=V2.ProvideSignalResponse())

    def _publish(self, request: Any) -> None:
        claim = self._claim("publish values")
        self._house.count(request.data_points)
        if not claim.covers(request.data_points):
            self._refuse_unclaimed(claim, request.data_points)
        if status := self._store(claim, request.data_points):
            self._send(publish_values_response=V2.PublishValuesResponse(request_id=request.request_id, status=status))

    def _refuse_unclaimed(self, claim: SignalClaim, indices: Iterable[int]) -> None:
        """Raises StatusError for a signal outside the claim; an id that there is not is answered, not refused."""
        signals, claimed = self._house.vocabulary.signals, set(claim.indices)
        for index in indices:
            if 0 <= index < len(signals) and index not in claimed:
                text = f"{signals[index].path} (id: {index}) is outside the claim"
                raise StatusError(grpc.StatusCode.ALREADY_EXISTS, text)

    def _claim(self, what: str) -> SignalClaim:
        if self._signals is None:
            raise StatusError(grpc.StatusCode.ABORTED, f"no signals claimed: send ProvideSignalRequest to {what}")
        return self._signals

    def _store(self, claim: SignalClaim, points: Mapping[int, Any]) -> dict[int, Any]:
        """Store what is good; an Error by id for what is not."""
        errors, updates, scalars = {}, [], self._house.scalars
        for index, point in points.items():
            kind = point.value.WhichOneof("typed_value")
            if kind is not None and scalars.get(index) == kind:  # the short way for what nearly every value is
                updates.append((index, getattr(point.value, kind), source_time_ns(point)))
                continue
            try:
                value = value_in(signal_with_id(self._house, index), point.value)
                updates.append((index, value, source_time_ns(point)))
            except StatusError as refused:
                errors[index] = refused
        for index, why in self._house.broker.put_all(self._vehicle, updates, claim).items():
            errors[index] = status_of(self._house, why)
        return {i: V2.Error(code=_ERROR_CODES[e.code], message=e.text) for i, e in errors.items()}

    def _answer(self, response: Any) -> None:
        """Answers carry no number, so that the oldest value sent for the actuator is the one that is meant."""
        try:
            begun = self._begun.get(signal_of(self._house, response.signal_id).index)
        except StatusError:
            return
        if not begun:
            return
        if response.error.code in (V2.ERROR_CODE_UNSPECIFIED, V2.ERROR_CODE_OK):
            begun.popleft().finish("done")
        else:
            begun.popleft().finish("failed", response.error.message or "refused by its provider")

    def _values(self, response: Any) -> None:
        self._silent = False
        asked = self._asked.get(response.request_id)
        if asked is None or asked.done() or self._signals is None:
            return
        own = set(self._signals.indices)
        self._store(self._signals, {i: point for i, point in response.entries.items() if i in own})
        asked.set_result(None)

    def _error(self, _indication: Any) -> None:
        self._claim("tell of errors").invalidate()

    # What the provider is told

    async def ask(self, indices: Iterable[int]) -> None:
        """Return when fresh values are stored, when the provider is gone, or after a second.

        One that let a second pass is not asked again before it has answered, so that it delays one reader only.
        """
        if self._silent or self._closed or len(self._outbox) >= OUTBOX:
            return
        number = self._number()
        answered = self._asked[number] = asyncio.get_running_loop().create_future()
        unique = list(dict.fromkeys(indices))
        self._send(get_provider_value_request=V2.GetProviderValueRequest(request_id=number, signal_ids=unique))
        try:
            await asyncio.wait_for(answered, ASK_S)
        except TimeoutError:
            self._silent = True
        finally:
            del self._asked[number]

    def _number(self) -> int:
        self._requests = self._requests % 0xFFFF_FFFF + 1
        return self._requests

    def _carry(self, actuations: Sequence[Actuation]) -> None:
        size = sum(bulk(a.value) for a in actuations)
        if len(self._outbox) >= OUTBOX or (self._outbox and self._waiting + size > OUTBOX_BULK):
            for actuation in actuations:
                actuation.finish("failed", "its provider does not read")
            return
        self._waiting += size
        self._outbox.append(actuations)
        self._wake.set()

    def _interested(self, intervals: Mapping[int, int | None]) -> None:
        self._interest.update(intervals)
        self._wake.set()

    def _send(self, **action: Any) -> None:
        self._outbox.append(V2.OpenProviderStreamResponse(**action).SerializeToString())
        self._wake.set()

    async def room(self) -> None:
        """Wait until a provider that sends without reading has read."""
        while len(self._outbox) >= OUTBOX and not self._closed:
            self._sent.clear()
            await self._sent.wait()

    async def next_message(self) -> bytes | None:
        """The next message to write, None at the end."""
        while not self._house.closing:
            self._sent.set()
            if message := self._next():
                return message
            if self._closed:
                return None
            self._wake.clear()
            await self._wake.wait()
        return None

    def _next(self) -> bytes | None:
        while self._outbox:
            waiting = self._outbox.popleft()
            if not isinstance(waiting, bytes):
                self._waiting -= sum(bulk(a.value) for a in waiting)
            message = waiting if isinstance(waiting, bytes) else self._begin(waiting)
            if message:
                return message
        if self._interest and not self._closed:
            return self._filters()
        return None

    def _begin(self, actuations: Sequence[Actuation]) -> bytes | None:
        """The batch as a message, less what ended while it waited."""
        now_ns = time.time_ns()
        begun = [a for a in actuations if a.take(now_ns)]
        for actuation in begun:
            self._begun.setdefault(actuation.index, deque(maxlen=_UNANSWERED)).append(actuation)
        requests = [self._request(a) for a in begun]
        return field(_BATCH_FIELD, repeated(1, requests)) if requests else None

    def _request(self, actuation: Actuation) -> bytes:
        value = self._house.encoder.value(actuation.index, actuation.value)
        return field(1, b"\x08" + varint(actuation.index)) + field(2, value)

    def _filters(self) -> bytes:
        """Who is interested how often; a Filter without an interval says that nobody is."""
        intervals, self._interest = self._interest, {}
        update = V2.UpdateFilterRequest(request_id=self._number())
        for index, interval_ns in intervals.items():
            wanted = update.filters_update[index]
            if interval_ns is not None:
                wanted.min_sample_interval.interval_ms = interval_ns // 1_000_000
                wanted.min_sample_interval.SetInParent()
        message: bytes = V2.OpenProviderStreamResponse(update_filter_request=update).SerializeToString()
        return message

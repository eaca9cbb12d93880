"""Server-sent events: what changed in all vehicles, at most five times a second."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from renkei.authority.tokens import Grant
from renkei.broker import Watcher
from renkei.doors.dashboard.view import View
from renkei.doors.guard import GUARDED, Guard, Guest
from renkei.doors.http import guest_of, refusal, refused_by_guard
from renkei.errors import NotAuthenticated

INTERVAL_S = 0.2
MOST_READERS = 100
QUIET_S = 15.0
"""After this long without a change a comment is sent, so that a reader whose network is gone is noticed."""
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
}
_RETRY_MS = 1000


class Events:
    """An ASGI application: `picture`, an event with all values by vehicle and path, then `changes`, of the same shape.

    A slow reader is sent the newest values only; a reader that left is forgotten at once.
    """

    def __init__(self, view: View, guard: Guard) -> None:
        self._view, self._guard = view, guard
        self._closing = False
        self._wakes: set[asyncio.Event] = set()

    def close(self) -> None:
        """End every stream, now and later."""
        self._closing = True
        for wake in self._wakes:
            wake.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it leaves, its token ends or the door closes; 503 when MOST_READERS are served."""
        if len(self._wakes) >= MOST_READERS:
            await refusal(503, f"{MOST_READERS} pages are open")(scope, receive, send)
            return
        try:
            guest = guest_of(self._guard, Request(scope))
            with self._guard.one_more_stream(guest):
                await self._while_it_holds(guest, receive, send)
        except GUARDED as e:
            await refused_by_guard(e)(scope, receive, send)

    async def _while_it_holds(self, guest: Guest, receive: Receive, send: Send) -> None:
        try:
            async with self._guard.while_it_holds(guest):
                await self._serve(guest.grant, receive, send)
        except NotAuthenticated as e:  # the answer has begun, so that an event says why it ends
            await _write(send, _event("ended", {"error": str(e)}))
            await send({"type": "http.response.body", "body": b""})

    async def _serve(self, grant: Grant, receive: Receive, send: Send) -> None:
        wake = asyncio.Event()
        gone = asyncio.create_task(_left(receive))
        gone.add_done_callback(lambda _: wake.set())
        readable = self._view.readable(grant)
        # Any interval at all says that older values may give way: they do not count as dropped.
        watchers = {v: Watcher(readable, min_interval_ns=1) for v in self._view.reached(grant)}
        for vehicle, watcher in watchers.items():
            watcher.wake = wake.set
            self._view.broker.watch(vehicle, watcher)
        self._wakes.add(wake)
        try:
            await self._stream(grant, watchers, wake, gone, send)
        finally:
            gone.cancel()
            self._wakes.discard(wake)
            for vehicle, watcher in watchers.items():
                self._view.broker.unwatch(vehicle, watcher)

    async def _stream(
        self, grant: Grant, watchers: dict[str, Watcher], wake: asyncio.Event, gone: asyncio.Task[None], send: Send
    ) -> None:
        picture = _event("picture", {v: self._view.values(v, grant) for v in watchers})
        await send(_START)
        await _write(send, f"retry: {_RETRY_MS}\n".encode() + picture)
        while not self._closing and not gone.done():
            # Changes gather in the watchers meanwhile.
            await asyncio.wait([gone], timeout=INTERVAL_S)
            if not await _woken(wake):
                await _write(send, b": quiet\n\n")
            elif changes := self._changes(watchers):
                await _write(send, _event("changes", changes))
        await send({"type": "http.response.body", "body": b""})

    def _changes(self, watchers: dict[str, Watcher]) -> dict[str, Any]:
        now_ns = time.monotonic_ns()
        taken = {v: w.take(now_ns) for v, w in watchers.items()}
        return {v: self._view.changed(changes) for v, changes in taken.items() if changes}


async def _left(receive: Receive) -> None:
    """Returns when the reader is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _woken(wake: asyncio.Event) -> bool:
    """Whether there is something to do; False after a quiet while."""
    try:
        await asyncio.wait_for(wake.wait(), QUIET_S)
    except TimeoutError:
        return False
    wake.clear()
    return True


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _event(name: str, data: Any) -> bytes:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()

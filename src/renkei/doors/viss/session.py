"""One WebSocket client: its requests, its subscriptions, the version that it speaks."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import ExitStack
from typing import Any, NamedTuple

from starlette.websockets import WebSocket, WebSocketDisconnect

from renkei.doors.guard import GUARDED, Guest, bearer
from renkei.doors.http import token_of
from renkei.doors.viss import wire
from renkei.doors.viss.asking import asking_in
from renkei.doors.viss.car import Car
from renkei.doors.viss.filters import version_of
from renkei.doors.viss.refusals import (
    Refused,
    Version,
    bad_request,
    refused_by_guard,
    too_many,
    unavailable,
)
from renkei.doors.viss.subscription import Subscription
from renkei.errors import NotAuthenticated

MOST_SUBSCRIPTIONS = 200
"""Subscriptions of one client at a time."""
STALLED_S = 30.0
"""A client that takes nothing for so long is gone."""
POLICY = 1008
"""The status of a WebSocket that is closed for what its client does or leaves undone (RFC 6455, 7.4.1)."""
_LONGEST_REASON = 120
UNSHOWN_S = 10.0
"""Where tokens are asked for, a connection for which none holds is closed after so long, and looked at as often."""
ACTIONS = ("get", "set", "subscribe", "unsubscribe")


class _Open(NamedTuple):
    """A subscription, whose it is, and what its end gives back."""

    subscription: Subscription
    guest: Guest
    opened: ExitStack


class Session:
    """Serves one client until it leaves; `version` None until its sub-protocol or its messages tell."""

    def __init__(self, socket: WebSocket, car: Car, version: Version | None) -> None:
        self._socket, self._car, self._version, self._guard = socket, car, version, car.guard
        self._subscriptions: dict[str, _Open] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ids = itertools.count(1)
        self._tasks = asyncio.TaskGroup()
        self._shown = token_of(socket)

    async def run(self) -> None:
        """Answer until the client is gone; then nothing of it is left."""
        try:
            async with self._tasks:
                if self._guard.authority:
                    self._tasks.create_task(self._leave_strangers())
                await self._listen()
        except* (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            for each in self._subscriptions.values():
                each.opened.close()

    async def _listen(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(event.get("code", 1005))
            await self._answer(event.get("text"))
            await asyncio.sleep(0)  # what waits in the queue and on the network need not wait: others take their turn

    async def _leave_strangers(self) -> None:
        """VISS 3.0, Transport, "Secure WebSocket", "Closure": a server may end what asks for nothing."""
        while True:
            await asyncio.sleep(UNSHOWN_S)
            if self._subscriptions:  # each ends with its own token
                continue
            try:
                self._guard.admit(self._shown, self._car.guest.peer, "viss")
            except NotAuthenticated as e:
                why = f"no token that holds was shown in {UNSHOWN_S:g} s: {e}"
                await self._socket.close(POLICY, why[:_LONGEST_REASON])
                raise WebSocketDisconnect(POLICY) from None

    async def _answer(self, text: str | None) -> None:
        request: dict[str, Any] = {}
        try:
            request = self._read(text)
            reply = self._carried_out(request)
        except Refused as refused:
            reply = self._refused(refused)
        except GUARDED as e:
            reply = self._refused(refused_by_guard(e))
        known = {k: request[k] for k in ("action", "requestId") if isinstance(request.get(k), str)}
        await self._send(known | reply | {"ts": wire.now()})
        # No event may come before the answer that names its subscription.
        for identity in self._subscriptions.keys() - self._running.keys():
            self._running[identity] = self._tasks.create_task(self._serve(identity))

    def _refused(self, refused: Refused) -> dict[str, Any]:
        if refused.number != 401:  # those the guard has written down
            guest = self._car.guest
            self._guard.refused(refused.description, door="viss", peer=guest.peer, status=refused.number)
        return {"error": refused.told(self._speaks)}

    def _car_for(self, request: dict[str, Any]) -> Car:
        """The car as the client sees it whose token the request shows, else that of its connection; may raise Refused.

        A token is judged anew with each request: it may have ended meanwhile.
        """
        token = request.get("authorization")
        if not isinstance(token, str | None):
            raise bad_request("The request is malformed: expected authorization to be a string")
        token = bearer(token) or token or token_of(self._socket)
        guest = self._guard.admit(token, self._car.guest.peer, "viss")
        self._shown = token
        self._guard.count_request(guest)
        self._guard.reach(guest, self._car.vehicle)
        return self._car.seen_by(guest)

    @property
    def _speaks(self) -> Version:
        return self._version or 3

    def _read(self, text: str | None) -> dict[str, Any]:
        if text is None:
            raise bad_request("The request is malformed: expected text")
        request = wire.read(text)
        if self._version is None:
            self._version = version_of(request.get("filter"))
            if request.get("action") == "subscribe" and "filter" not in request:
                self._version = 2  # version 3 has no such subscription
        return request

    def _carried_out(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the answer says beside action, request and time."""
        if not isinstance(request.get("requestId", ""), str):
            raise bad_request("The request is malformed: expected requestId to be a string")
        match request.get("action"):
            case "get":
                return self._car_for(request).get(request, self._speaks)
            case "set":
                car = self._car_for(request)
                car.set(request, asking_in(self._socket, request, car.guest, self._guard))
                return {}
            case "subscribe":
                return {"subscriptionId": self._subscribed(self._car_for(request), request)}
            case "unsubscribe":
                return self._unsubscribed(request.get("subscriptionId"))
        raise bad_request(f"Missing or invalid action: expected one of {', '.join(ACTIONS)}")

    def _subscribed(self, car: Car, request: dict[str, Any]) -> str:
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise too_many(f"{MOST_SUBSCRIPTIONS} subscriptions are open; unsubscribe first")
        identity = str(next(self._ids))
        with ExitStack() as opened:
            opened.enter_context(self._guard.one_more_stream(car.guest))
            subscription = Subscription(car, request, self._speaks)
            opened.callback(subscription.close)
            self._subscriptions[identity] = _Open(subscription, car.guest, opened.pop_all())
        return identity

    def _unsubscribed(self, identity: Any) -> dict[str, Any]:
        if not isinstance(identity, str):
            raise bad_request("The request is malformed: expected subscriptionId to be a string")
        if identity not in self._subscriptions:
            raise unavailable("Unknown subscription Id")
        self._running.pop(identity).cancel()
        self._subscriptions.pop(identity).opened.close()
        return {"subscriptionId": identity} if self._speaks == 2 else {}

    async def _serve(self, identity: str) -> None:
        subscription, guest, opened = self._subscriptions[identity]

        async def send(data: Any) -> None:
            event = {"action": "subscription", "subscriptionId": identity, "data": data, "ts": wire.now()}
            if lost := subscription.lost:
                event["lost"] = str(lost)
            await self._send(event)

        try:
            async with self._guard.while_it_holds(guest):
                await subscription.run(send)
        except NotAuthenticated as e:
            del self._subscriptions[identity], self._running[identity]
            opened.close()
            ended = refused_by_guard(e).told(self._speaks)
            event = {"action": "subscription", "subscriptionId": identity, "error": ended, "ts": wire.now()}
            await self._send(event)

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(STALLED_S):
            await self._socket.send_text(wire.write(message))

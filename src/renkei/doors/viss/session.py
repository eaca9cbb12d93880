"""One WebSocket client: its requests, its subscriptions, the version that it speaks."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from renkei.doors.viss import wire
from renkei.doors.viss.asking import asking_in
from renkei.doors.viss.car import Car
from renkei.doors.viss.filters import version_of
from renkei.doors.viss.refusals import Refused, Version, bad_request, too_many, unavailable
from renkei.doors.viss.subscription import Subscription

MOST_SUBSCRIPTIONS = 200
"""Subscriptions of one client at a time."""
STALLED_S = 30.0
"""A client that takes nothing for so long is gone."""
ACTIONS = ("get", "set", "subscribe", "unsubscribe")


class Session:
    """Serves one client until it leaves; `version` None until its sub-protocol or its messages tell."""

    def __init__(self, socket: WebSocket, car: Car, version: Version | None) -> None:
        self._socket, self._car, self._version = socket, car, version
        self._subscriptions: dict[str, Subscription] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ids = itertools.count(1)
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Answer until the client is gone; then nothing of it is left."""
        try:
            async with self._tasks:
                await self._listen()
        except* (WebSocketDisconnect, TimeoutError):
            pass
        finally:
            for subscription in self._subscriptions.values():
                subscription.close()

    async def _listen(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(event.get("code", 1005))
            await self._answer(event.get("text"))
            await asyncio.sleep(0)  # what waits in the queue and on the network need not wait: others take their turn

    async def _answer(self, text: str | None) -> None:
        request: dict[str, Any] = {}
        try:
            request = self._read(text)
            reply = self._carried_out(request)
        except Refused as refused:
            reply = {"error": refused.told(self._speaks)}
        known = {k: request[k] for k in ("action", "requestId") if isinstance(request.get(k), str)}
        await self._send(known | reply | {"ts": wire.now()})
        # No event may come before the answer that names its subscription.
        for identity in self._subscriptions.keys() - self._running.keys():
            self._running[identity] = self._tasks.create_task(self._serve(identity))

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
                return self._car.get(request, self._speaks)
            case "set":
                self._car.set(request, asking_in(self._socket, request))
                return {}
            case "subscribe":
                return {"subscriptionId": self._subscribed(request)}
            case "unsubscribe":
                return self._unsubscribed(request.get("subscriptionId"))
        raise bad_request(f"Missing or invalid action: expected one of {', '.join(ACTIONS)}")

    def _subscribed(self, request: dict[str, Any]) -> str:
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise too_many(f"{MOST_SUBSCRIPTIONS} subscriptions are open; unsubscribe first")
        subscription = Subscription(self._car, request, self._speaks)
        identity = str(next(self._ids))
        self._subscriptions[identity] = subscription
        return identity

    def _unsubscribed(self, identity: Any) -> dict[str, Any]:
        if not isinstance(identity, str):
            raise bad_request("The request is malformed: expected subscriptionId to be a string")
        if identity not in self._subscriptions:
            raise unavailable("Unknown subscription Id")
        self._running.pop(identity).cancel()
        self._subscriptions.pop(identity).close()
        return {"subscriptionId": identity} if self._speaks == 2 else {}

    async def _serve(self, identity: str) -> None:
        subscription = self._subscriptions[identity]

        async def send(data: Any) -> None:
            event = {"action": "subscription", "subscriptionId": identity, "data": data, "ts": wire.now()}
            if lost := subscription.lost:
                event["lost"] = str(lost)
            await self._send(event)

        await subscription.run(send)

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(STALLED_S):
            await self._socket.send_text(wire.write(message))

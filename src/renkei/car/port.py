"""A car behind the port of renkei or of any KUKSA server; a watch goes on when the server comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from renkei.car.reading import Reading
from renkei.doors.kuksa.client import KuksaClient, Subscription
from renkei.doors.kuksa.client import Reading as Said
from renkei.errors import Unreachable
from renkei.vocabulary import Signal, Value

PAUSE_S = 0.5
"""Between two tries to reach a server that has gone."""


class PortWay:
    """A car behind a port."""

    def __init__(self, client: KuksaClient) -> None:
        self._client = client

    def signals(self, root: str) -> list[Signal]:
        return self._client.metadata(root)

    def read(self, signal: Signal) -> Reading:
        [said] = self._client.latest([signal.path])
        return _reading(said, signal)

    def watch(self, signals: Sequence[Signal], buffer_size: int) -> PortWatch:
        return PortWatch(self._client, signals, buffer_size)

    def set(self, signal: Signal, value: Value) -> None:
        self._client.set(signal, value)

    def close(self) -> None:
        self._client.close()


class PortWatch:
    """What a server says of some signals, over its restarts.

    Where the server goes, each signal is told once as stale; when it is back, each as it is then. Before the first
    message a server that does not answer is an error, as is every refusal at any time.
    """

    def __init__(self, client: KuksaClient, signals: Sequence[Signal], buffer_size: int) -> None:
        self._client, self._buffer_size = client, buffer_size
        self._signals = {s.path: s for s in signals}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._subscription: Subscription | None = None
        self._lost_before = 0

    @property
    def lost(self) -> int:
        return self._lost_before + (self._subscription.lost if self._subscription else 0)

    def __iter__(self) -> Iterator[list[Reading]]:
        was_there = is_there = False
        while not self._ended.is_set():
            try:
                for said in self._subscribed():
                    was_there = is_there = True
                    yield [_reading(each, self._signals[each.path]) for each in said]
            except Unreachable:
                if not was_there and not self._ended.is_set():
                    raise
            if is_there and not self._ended.is_set():
                yield [Reading(s.path, None, s.unit, None, "stale") for s in self._signals.values()]
            is_there = False
            self._ended.wait(PAUSE_S)

    def cancel(self) -> None:
        with self._lock:
            self._ended.set()
            if self._subscription:
                self._subscription.cancel()

    def _subscribed(self) -> Iterator[list[Said]] | list[Any]:
        with self._lock:  # a cancel comes before or after, never between
            if self._ended.is_set():
                return []
            self._lost_before = self.lost
            self._subscription = self._client.subscribe(list(self._signals), self._buffer_size)
        return iter(self._subscription)


def _reading(said: Said, signal: Signal) -> Reading:
    return Reading(said.path, said.value, signal.unit, said.t_ns, "not available" if said.value is None else "ok")

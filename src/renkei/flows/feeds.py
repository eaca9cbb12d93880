"""What sources of values, recordings and live cars, have in common on their way to the broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from renkei.broker import Broker
from renkei.broker.claims import SignalClaim
from renkei.can.frame_engine import Pair
from renkei.samples import INVALID

TICK_S = 0.01
"""Values go out in batches, so often."""
_IN_FLIGHT = 8

Updates = list[tuple[int, Any, int]]
Publish = Callable[[Updates], None]


class Feed(Protocol):
    """A source in threads of its own."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def updates_of(pairs: Iterable[Pair], t_ns: int) -> Updates:
    """What a frame says, for the broker: what cannot be true leaves the value before it standing."""
    return [(index, value, t_ns) for index, value in pairs if value is not INVALID]


def publisher(loop: asyncio.AbstractEventLoop, broker: Broker, vehicle: str, claim: SignalClaim) -> Publish:
    """Hands batches to the event loop; waits where it lags behind, so that no queue grows."""
    room = threading.Semaphore(_IN_FLIGHT)

    def deliver(updates: Updates) -> None:
        broker.publish(vehicle, updates, claim)
        room.release()

    def publish(updates: Updates) -> None:
        while not room.acquire(timeout=0.5):
            if loop.is_closed():
                return
        try:
            loop.call_soon_threadsafe(deliver, updates)
        except RuntimeError:  # the loop closed between the two lines
            return

    return publish

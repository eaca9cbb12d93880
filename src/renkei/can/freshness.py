"""Which signals of a live car are still being said: what has not come for long, or whose bus is away, is not available.

Times are seconds of a steady clock. Values of a message whose cycle is not known go stale only with its bus, but what
it said may not be said again for long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from renkei.can.frame_engine import Pair
from renkei.can.plan import Plan, PlanMessage

CYCLES, SHORTEST_S = 5, 1.0
"""A signal is stale when its message has not come for so many cycles, and not for so long."""
UNSTATED_S = 5.0
"""So long may be repeated what a message of unknown cycle said: five cycles of a slow one, of one a second."""


class Silence(NamedTuple):
    """Messages that do not come any more, and the signals that they were the last to say."""

    messages: list[PlanMessage]
    signals: list[int]


class Freshness:
    """When each message, or answer on diagnostics, last came. With `is_asked`, answers come at the pace of the map."""

    def __init__(self, plan: Plan, *, is_asked: bool) -> None:
        self._limits: dict[PlanMessage, float] = {}
        self._heard: dict[PlanMessage, float] = {}
        self._last_s: dict[PlanMessage, float] = {}
        self._said_by: dict[int, PlanMessage] = {}
        for m in (*plan.messages, *plan.answers):
            known = m.cycle_ns and (is_asked or not m.prefix)
            self._limits[m] = max(CYCLES * m.cycle_ns / 1e9, SHORTEST_S) if known else math.inf

    def heard(self, message: PlanMessage, pairs: Iterable[Pair], now_s: float) -> None:
        """A good frame of a message came, and said this."""
        self._heard[message] = self._last_s[message] = now_s
        for index, _ in pairs:
            self._said_by[index] = message

    def silent_s(self, message: PlanMessage, now_s: float) -> float | None:
        """How long a message is silent, where that is too long for it to be said again, else None; inf: never heard."""
        silent_s = now_s - self._last_s.get(message, -math.inf)
        limit_s = self._limits[message] if self._limits[message] < math.inf else UNSTATED_S
        return silent_s if silent_s > limit_s or message not in self._heard else None

    def gone(self, now_s: float) -> Silence:
        """What has not come for too long; each silence is told once."""
        return self._silence([m for m, t_s in self._heard.items() if now_s - t_s > self._limits[m]])

    def bus_lost(self, bus: str) -> Silence:
        """What does not come any more now that this bus is away."""
        return self._silence([m for m in self._heard if m.bus == bus])

    def _silence(self, messages: list[PlanMessage]) -> Silence:
        for m in messages:
            del self._heard[m]
        signals = sorted(index for index, m in self._said_by.items() if m in messages) if messages else []
        for index in signals:
            del self._said_by[index]
        return Silence(messages, signals)

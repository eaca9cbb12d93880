"""Which signals of a live car are still being said: what has not come for long, or whose bus is away, is not available.

Times are seconds of a steady clock. A message whose cycle is not known goes stale only with its bus.
"""

from __future__ import annotations

from collections.abc import Iterable

from renkei.can.plan import Plan, PlanMessage

CYCLES, SHORTEST_S = 5, 1.0
"""A signal is stale when its message has not come for so many cycles, and not for so long."""


class Freshness:
    """When each message, or answer on diagnostics, last came. With `is_asked`, answers come at the pace of the map."""

    def __init__(self, plan: Plan, *, is_asked: bool) -> None:
        self._buses: dict[PlanMessage, str] = {}
        self._limits: dict[PlanMessage, float] = {}
        self._signals: dict[PlanMessage, frozenset[int]] = {}
        self._heard: dict[PlanMessage, float] = {}
        self._saying: dict[int, set[PlanMessage]] = {}
        for m in (*plan.messages, *plan.answers):
            known = m.cycle_ns and (is_asked or not m.prefix)
            self._limits[m] = max(CYCLES * m.cycle_ns / 1e9, SHORTEST_S) if known else float("inf")
            self._signals[m] = frozenset(row.index for row in m.rows)

    def heard(self, message: PlanMessage, now_s: float) -> None:
        """A good frame of a message came."""
        if message not in self._heard:
            for index in self._signals[message]:
                self._saying.setdefault(index, set()).add(message)
        self._heard[message] = now_s

    def gone(self, now_s: float) -> list[int]:
        """Signals that nothing has said for too long, each once."""
        return self._silent([m for m, t_s in self._heard.items() if now_s - t_s > self._limits[m]])

    def bus_lost(self, bus: str) -> list[int]:
        """Signals that nothing says any more now that this bus is away."""
        return self._silent([m for m in self._heard if m.bus == bus])

    def _silent(self, messages: Iterable[PlanMessage]) -> list[int]:
        left: list[int] = []
        for m in messages:
            del self._heard[m]
            for index in self._signals[m]:
                self._saying[index].discard(m)
                if not self._saying[index]:
                    left.append(index)
        return sorted(left)

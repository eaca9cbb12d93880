"""Sums over the time of a drive that the apps share: distance from speed, energy from power."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_GAP_S = 5.0
"""Over a longer silence nothing is summed: nobody knows what happened in it."""


@dataclass
class Integral:
    """The integral of a quantity over hours, by trapezoids: km from km/h, kWh from kW.

    What is above 0 and what is below is kept apart. `gap_s`: for how long nothing was known.
    """

    above: float = 0.0
    below: float = 0.0
    gap_s: float = 0.0
    _last: tuple[int, float] | None = None

    @property
    def total(self) -> float:
        return self.above + self.below

    def take(self, t_ns: int, value: float | None) -> None:
        """A value at a time; None: from here on it is not known."""
        if value is None:
            self._last = None
            return
        if self._last is not None:
            seconds, before = (t_ns - self._last[0]) / 1e9, self._last[1]
            if seconds > LONGEST_GAP_S:
                self.gap_s += seconds
            elif seconds > 0:
                self._add(before, value, seconds / 3600)
        self._last = t_ns, value

    def _add(self, before: float, after: float, hours: float) -> None:
        if before * after >= 0:
            area = (before + after) / 2 * hours
            self.above, self.below = self.above + max(area, 0.0), self.below + min(area, 0.0)
            return
        share = before / (before - after)  # of the step, until it passes 0
        for area in (before / 2 * hours * share, after / 2 * hours * (1 - share)):
            self.above, self.below = self.above + max(area, 0.0), self.below + min(area, 0.0)


@dataclass
class Extent:
    """The lowest and the highest of what came; None before anything did."""

    lowest: float | None = None
    highest: float | None = None

    def take(self, value: float) -> None:
        self.lowest = value if self.lowest is None else min(self.lowest, value)
        self.highest = value if self.highest is None else max(self.highest, value)


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)

"""A drive cycle: what speed the driver is asked for at which time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from renkei.errors import SimulationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_GAP_S = 10.0
"""A cycle file with a longer step has lost rows; the cycles of the authorities have one each second or more."""
HIGHEST_M_S = 150.0
STEP_S = 1.0
"""Step of the kernel; speed is linear within it. docs/simulation.md says what a finer one moves."""


class Wrong(NamedTuple):
    """What no cycle may be: in `row`, from 0, where it is of one; `value` is what stands there."""

    key: str
    expected: str
    got: str
    row: int | None = None
    value: float | None = None


def wrong(time_s: NDArray[np.float64], speed_m_s: NDArray[np.float64]) -> Wrong | None:
    """The first thing that is wrong with the columns of a cycle, if anything is."""
    if time_s.shape != speed_m_s.shape or time_s.ndim != 1 or len(time_s) < 2:
        return Wrong("time_s", "two rows or more", f"{time_s.size}")
    for key, column in (("time_s", time_s), ("speed_m_s", speed_m_s)):
        if not np.isfinite(column).all():
            row = int(np.argmin(np.isfinite(column)))
            return Wrong(key, "a finite number", f"{column[row]:g}", row)
        if column.min() < 0:
            row = int(np.argmin(column))
            return Wrong(key, "0 or more", f"{column[row]:g}", row, float(column[row]))
    step = np.diff(time_s)
    if step.min() <= 0:
        row = int(np.argmax(step <= 0)) + 1
        return Wrong("time_s", f"a time after {time_s[row - 1]:g} s", f"{time_s[row]:g} s", row)
    if step.max() > LONGEST_GAP_S:
        row = int(np.argmax(step > LONGEST_GAP_S)) + 1
        return Wrong("time_s", f"steps of at most {LONGEST_GAP_S:g} s", f"a gap of {step[row - 1]:g} s", row)
    if time_s[-1] - time_s[0] < STEP_S:
        return Wrong("time_s", f"{STEP_S:g} s or more in all", f"{time_s[-1] - time_s[0]:g} s")
    if speed_m_s.max() > HIGHEST_M_S:
        row = int(np.argmax(speed_m_s))
        return Wrong("speed_m_s", f"at most {HIGHEST_M_S:g} m/s", f"{speed_m_s[row]:g} m/s", row)
    if speed_m_s.max() == 0:
        return Wrong("speed_m_s", "a speed above 0 somewhere", "standstill throughout")
    return None


@dataclass(frozen=True)
class Cycle:
    """`time_s` rises from 0; `speed_m_s` is zero or more, linear between the times. Raises SimulationError."""

    name: str
    time_s: NDArray[np.float64]
    speed_m_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        time, speed, what = self.time_s, self.speed_m_s, f"cycle {self.name}"
        if (bad := wrong(time, speed)) is not None:
            where = "" if bad.row is None else f" in row {bad.row + 1}"
            raise SimulationError(what, bad.key, expected=bad.expected, got=f"{bad.got}{where}")

    @property
    def duration_s(self) -> float:
        return float(self.time_s[-1] - self.time_s[0])

    @cached_property
    def distance_m(self) -> float:
        return float(np.trapezoid(self.speed_m_s, self.time_s))

    def stepped(self, step_s: float = STEP_S) -> NDArray[np.float64]:
        """Speeds in m/s at times `step_s` apart, from the first to the last time of the cycle."""
        steps = max(1, math.ceil(self.duration_s / step_s - 1e-9))
        times = self.time_s[0] + np.arange(steps + 1) * step_s
        if len(times) == len(self.time_s) and np.array_equal(times, self.time_s):
            return self.speed_m_s.astype(np.float64)
        return np.asarray(np.interp(times, self.time_s, self.speed_m_s), np.float64)

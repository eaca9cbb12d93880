"""A drive cycle: what speed the driver is asked for at which time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from renkei.errors import SimulationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_GAP_S = 10.0
"""A cycle file with a longer step has lost rows; the cycles of the authorities have one each second or more."""
STEP_S = 1.0
"""Step of the kernel; speed is linear within it. docs/simulation.md says what a finer one moves."""


@dataclass(frozen=True)
class Cycle:
    """`time_s` rises from 0; `speed_m_s` is zero or more, linear between the times. Raises SimulationError."""

    name: str
    time_s: NDArray[np.float64]
    speed_m_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        time, speed, what = self.time_s, self.speed_m_s, f"cycle {self.name}"
        if time.shape != speed.shape or time.ndim != 1 or len(time) < 2:
            raise SimulationError(what, "time_s", expected="two rows or more", got=f"{time.size}")
        for key, column in (("time_s", time), ("speed_m_s", speed)):
            if not np.isfinite(column).all():
                raise SimulationError(what, key, expected="finite numbers", got="a value that is none")
            if column.min() < 0:
                row = int(np.argmin(column))
                raise SimulationError(what, key, expected="0 or more", got=f"{column[row]:g} in row {row + 1}")
        step = np.diff(time)
        if step.min() <= 0:
            row = int(np.argmin(step)) + 2
            raise SimulationError(what, "time_s", expected="times that rise", got=f"{time[row - 1]:g} s in row {row}")
        if step.max() > LONGEST_GAP_S:
            row = int(np.argmax(step)) + 2
            got = f"a gap of {step.max():g} s before row {row}"
            raise SimulationError(what, "time_s", expected=f"steps of at most {LONGEST_GAP_S:g} s", got=got)
        if speed.max() > 150:
            raise SimulationError(what, "speed_m_s", expected="speeds in m/s below 150", got=f"{speed.max():g}")
        if speed.max() == 0:
            raise SimulationError(what, "speed_m_s", expected="a speed above 0 somewhere", got="standstill throughout")

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

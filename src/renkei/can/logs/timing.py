"""What the times of a log mean: unit, epoch, start. Rules that look at the first frames, stated in words as applied.

No rule invents a date: times count from 1970 only where the values themselves fall between 2001 and 2100.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renkei.can.frames import Frames
from renkei.can.logs.dialects import Dialect
from renkei.errors import LogError, clipped

DECIMALS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
"""A time of 1 in this unit is 10**DECIMALS ns."""

YEAR_2001_S, YEAR_2100_S = 978_307_200, 4_102_444_800
ENOUGH_STEPS = 4
MANY_IDS = 3
SHORTEST_FRAME_US = 47


class Timing(NamedTuple):
    """How raw times become ns: times of `unit`, plus `shift_ns`, counted from `base`, with what was assumed."""

    unit: str
    base: str
    shift_ns: int = 0
    assumed: tuple[str, ...] = ()


def is_epoch(t: int, unit: str) -> bool:
    """Whether a time falls between 2001 and 2100 when it counts from 1970 in `unit`."""
    scale: int = 10 ** (9 - DECIMALS[unit])
    return YEAR_2001_S * scale <= t < YEAR_2100_S * scale


def settled(t_ns: NDArray[np.int64], unit: str) -> Timing:
    """For a dialect that fixes its unit: only the epoch is open. `t_ns` are the first frames' times in ns."""
    return Timing(unit, "utc" if len(t_ns) and is_epoch(int(t_ns[0]), "ns") else "boot")


def cycle_times(sample: Frames) -> NDArray[np.float64]:
    """For each channel and id that repeats often enough, the median positive step between its neighbouring frames."""
    key = (sample.channel.astype(np.int64) << 32) | sample.id
    order = np.argsort(key, kind="stable")
    steps, keys = np.diff(sample.t[order]), key[order][1:]
    counted = (np.diff(key[order]) == 0) & (steps > 0)
    steps, keys = steps[counted], keys[counted]
    often = [steps[keys == one] for one in np.unique(keys)]
    return np.array([np.median(own) for own in often if len(own) >= ENOUGH_STEPS], np.float64)


def bare(sample: Frames, asked: str | None) -> Timing:
    """For whole numbers without a unit; `sample.t` holds them as written.

    1. `asked` settles the unit.
    2. Else the cycle times of the ids do: cars repeat messages every 5 ms to 1 s, so a median cycle below 1,000 is in
       ms, below 2,000,000 in us, above that in ns. An id counts from 4 steps on; without any: us, the usual unit.
       Fewer than 3 such ids may also be a flood (a frame repeated until somebody acknowledges it): then it is ms only
       if frames stand closer than the 47 us that the shortest frame takes at 1 Mbit/s.
    3. Times count from 1970 if the first one falls between 2001 and 2100 in that unit.
    4. A negative first time counts upwards to an unknown moment: the first frame becomes 0.
    """
    unit, assumed = (asked, []) if asked else _unit_by_cycle(cycle_times(sample), frame_step(sample))
    first = int(sample.t[0]) if len(sample) else 0
    if first < 0:
        assumed.append(f"times begin at {first}, before any epoch: shifted so that the first frame is at 0")
        return Timing(unit, "boot", -first * 10 ** DECIMALS[unit], tuple(assumed))
    return Timing(unit, "utc" if is_epoch(first, unit) else "boot", 0, tuple(assumed))


def frame_step(sample: Frames) -> float:
    """The mean step between frames of the busiest channel, as written."""
    steps = [
        float(np.ptp(own)) / (len(own) - 1)
        for own in (sample.t[sample.channel == c] for c in np.unique(sample.channel))
        if len(own) > 1
    ]
    return min(steps, default=float("inf"))


def _unit_by_cycle(cycles: NDArray[np.float64], step: float) -> tuple[str, list[str]]:
    if not len(cycles):
        return "us", ["time unit us: the usual one; no id repeats often enough to judge by"]
    cycle = float(np.median(cycles))
    if cycle < 1_000 and len(cycles) < MANY_IDS and step >= SHORTEST_FRAME_US:
        return "us", [f"time unit us: the usual one; only {len(cycles)} ids repeat, every {cycle:g}, as in a flood"]
    unit = "ms" if cycle < 1_000 else "us" if cycle < 2_000_000 else "ns"
    return unit, [f"time unit {unit}: ids repeat every {cycle:g} in the median"]


def by_default(sample: Frames, unit: str, said: str | None, asked: str | None) -> Timing:
    """For whole numbers of a dialect that has a usual unit; `sample.t` holds them as written."""
    first = int(sample.t[0]) if len(sample) else 0
    used = asked or unit
    assumed = () if asked or said else (f"time unit {unit}: the usual one of this dialect; the log does not say",)
    return Timing(used, "utc" if is_epoch(first, used) else "boot", 0, assumed)


def clock(t_ns: NDArray[np.int64]) -> Timing:
    """For a time of day, or a date in a zone that the log does not name: the first frame becomes 0."""
    shift = -int(t_ns[0]) if len(t_ns) else 0
    said = "times are of a clock in an unknown time zone: shifted so that the first frame is at 0"
    return Timing("clock", "boot", shift, (said,))


NO_TIME = Timing("none", "boot", 0, ("the log has no times: every frame is at 0",))


def looks_delta(t_ns: NDArray[np.int64]) -> bool:
    """Whether times count from the frame before: more than a quarter of them step back, as no clock does."""
    return len(t_ns) > 2 and float(np.mean(np.diff(t_ns) < 0)) > 0.25


def settle(path: Path, dialect: Dialect, said: str | None, sample: Frames, asked: str | None) -> Timing:
    """The timing of a text log of which the first frames are `sample`, times in ns or, for bare numbers, as written.

    `said` is the unit where the log itself shows it. Raises LogError when a unit is asked for where the dialect fixes
    it.
    """
    if dialect.bare:
        usual = said or dialect.unit
        return by_default(sample, usual, said, asked) if usual else bare(sample, asked)
    if asked:
        raise LogError(f"{path}: the times of {dialect.name} have a fixed unit, so time unit '{asked}' cannot be set")
    unit = said or dialect.unit or "s"
    if unit == "clock":
        return clock(sample.t)
    return NO_TIME if unit == "none" else settled(sample.t, unit)


def check_unit(unit: str | None) -> None:
    """Raises LogError when `unit` is no unit of time."""
    if unit is not None and unit not in DECIMALS:
        raise LogError(f"time unit: expected one of {', '.join(DECIMALS)}, got {clipped(unit)}")

"""Signals of one recording side by side in time: means over short moments, in memory that stays bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renkei.can.frames import Frames
from renkei.errors import InputError
from renkei.samples import Column, Quality
from renkei.units import conversion
from renkei.vocabulary import Signal, builtin

MOMENT_NS = 100_000_000
MOST_MOMENTS = 1 << 18
"""Seven hours of tenths of a second; a longer recording is seen in moments twice as long, and so on."""

_SILENCE_NS, _GAP_NS, _BACK_NS = 20_000_000_000, 15_000_000_000, -1_000_000_000
_LONGEST_HOLD_S = 10.0

Series = NDArray[np.float64]
"""A value for each moment, NaN where none is known."""


class ActiveTime:
    """Time without the long silences and the jumps of a clock: each becomes a gap of fifteen seconds.

    A recording may hold drives of several days, or two files that were put together.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._taken_away: int | None = None

    def of(self, frames: Frames) -> Frames:
        """The same frames, their times counted from the first frame of all on."""
        if not len(frames):
            return frames
        last = int(frames.t[0]) if self._last is None else self._last
        gone = last if self._taken_away is None else self._taken_away
        steps = np.diff(frames.t, prepend=last)
        jumps = (steps > _SILENCE_NS) | (steps < _BACK_NS)
        away: Any = gone + np.cumsum(np.where(jumps, steps - _GAP_NS, 0)) if jumps.any() else np.array([gone])
        self._last, self._taken_away = int(frames.t[-1]), int(away[-1])
        return Frames(frames.t - away, frames.channel, frames.id, frames.length, frames.data, frames.channels)


class Moments:
    """Means of the wanted signals over each moment. Texts other than arrays of numbers have no mean and are left out.

    `wanted`: paths, those of arrays with how they become one number: sum, lowest or highest. Means are in the units of
    the built-in vocabulary, in which the relations are written.
    """

    def __init__(self, wanted: Iterable[tuple[str, str]]) -> None:
        self.step_ns = MOMENT_NS
        self._reduced: dict[str, list[str]] = {}
        for path, how in wanted:
            self._reduced.setdefault(path, []).append(how)
        self._sums: dict[tuple[str, str], Series] = {}
        self._counts: dict[tuple[str, str], NDArray[np.int64]] = {}
        self._length = 0

    def add(self, signal: Signal, column: Column) -> None:
        """Samples of a signal; those that are not ok say nothing."""
        hows = self._reduced.get(signal.path)
        if hows is None or (column.texts is not None and not signal.is_array):
            return
        ok = column.quality == Quality.OK
        t = column.t[ok]
        if not len(t):
            return
        scale, offset = _to_built_in(signal)
        for how in hows:
            values = _reduce(column, ok, how) if signal.is_array else column.value[ok]
            if (scale, offset) != (1.0, 0.0):
                values = values * scale + offset
            self._put((signal.path, how), t, values)

    def __contains__(self, wanted: tuple[str, str]) -> bool:
        return wanted in self._sums

    def series(self, path: str, how: str, every_s: float, *, held: bool = True) -> Series | None:
        """Means over `every_s` seconds or a little more; NaN or the last one where none came. None if none did."""
        if (path, how) not in self._sums:
            return None
        sums, counts = self._sums[path, how][: self._length], self._counts[path, how][: self._length]
        several = self.moments_in(every_s)
        rest = -len(sums) % several
        sums = np.pad(sums, (0, rest)).reshape(-1, several).sum(axis=1)
        counts = np.pad(counts, (0, rest)).reshape(-1, several).sum(axis=1)
        with np.errstate(invalid="ignore"):
            means = sums / np.where(counts, counts, np.nan)
        return _held(means, self.step_ns * several / 1e9) if held else means

    def moments_in(self, every_s: float) -> int:
        return max(1, round(every_s * 1e9 / self.step_ns))

    def _put(self, key: tuple[str, str], t: NDArray[np.int64], values: Series) -> None:
        places = np.maximum(t, 0) // self.step_ns
        while (top := int(places.max()) + 1) > MOST_MOMENTS:
            self._coarsen()
            places = np.maximum(t, 0) // self.step_ns
        self._length = max(self._length, top)
        if key not in self._sums or len(self._sums[key]) < self._length:
            self._grow(key)
        first = int(places.min())
        near = places - first
        size = top - first
        self._sums[key][first:top] += np.bincount(near, weights=values, minlength=size)
        self._counts[key][first:top] += np.bincount(near, minlength=size)

    def _grow(self, key: tuple[str, str]) -> None:
        size = min(max(2 * self._length, 1024), MOST_MOMENTS)
        sums, counts = self._sums.get(key, np.zeros(0)), self._counts.get(key, np.zeros(0, np.int64))
        self._sums[key] = np.pad(sums, (0, size - len(sums)))
        self._counts[key] = np.pad(counts, (0, size - len(counts)))

    def _coarsen(self) -> None:
        """Make moments twice as long."""
        self.step_ns *= 2
        self._length = -(-self._length // 2)
        for key in self._sums:
            self._sums[key] = _in_pairs(self._sums[key])
            self._counts[key] = _in_pairs(self._counts[key])
            self._grow(key)


def _to_built_in(signal: Signal) -> tuple[float, float]:
    """Scale and offset; a unit of another quantity is another signal, and whatever comes of it is told as it is."""
    own = builtin().get(signal.path)
    if own is None or own.unit == signal.unit:
        return 1.0, 0.0
    with suppress(InputError):
        scale, offset = conversion(signal.unit, own.unit)
        return float(scale), float(offset)
    return 1.0, 0.0


def _in_pairs(values: NDArray[Any]) -> NDArray[Any]:
    paired: NDArray[Any] = np.pad(values, (0, len(values) % 2)).reshape(-1, 2).sum(axis=1)
    return paired


def _reduce(column: Column, ok: NDArray[np.bool_], how: str) -> Series:
    texts = column.texts or []
    arrays = [json.loads(texts[int(place)]) for place in column.value[ok]]
    return np.array([_REDUCED[how](a) if a else np.nan for a in arrays])


_REDUCED: Mapping[str, Callable[[list[float]], float]] = {
    "sum": lambda a: float(sum(a)),
    "lowest": lambda a: float(min(a)),
    "highest": lambda a: float(max(a)),
}


def _held(values: Series, step_s: float) -> Series:
    """A value is held for three times the usual distance of its samples, at most ten seconds."""
    known = np.flatnonzero(~np.isnan(values))
    if len(known) < 2:
        return values
    usual = float(np.median(np.diff(known)))
    hold = min(3 * usual, max(_LONGEST_HOLD_S / step_s, 1))
    before = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    fresh = (before >= 0) & (np.arange(len(values)) - before <= hold)
    return np.where(fresh, values[np.maximum(before, 0)], np.nan)

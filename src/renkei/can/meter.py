"""What each bus of a live car carries: frames are counted where they are read, and once a second there is a load."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from renkei.can.load import CALM, HIGH, KINDS, Load, of_counts, of_sums, table

EVERY_S = 1.0
"""How long frames are counted for one load."""
CALM_S = 5.0
"""A bus whose load comes and goes is told of as one that is high, not each second anew."""


class Counted(NamedTuple):
    """What an interface has carried since it was made: frames, and the bytes of their data."""

    frames: int
    data_bytes: int


class BusState(NamedTuple):
    """A bus of a live car as it stands now; `load` is None until it was measured, and while the bus is lost."""

    bus: str
    interface: str
    channel: str
    bitrate: int | None
    is_lost: bool = False
    is_high: bool = False
    load: Load | None = None
    error_frames: int = 0


class Meter:
    """The load of one bus. `heard` and `sent` count frames of each kind; each is counted up by one thread only.

    Where `counted` is given, the interface counts, and hides frames from those who read it: then that is believed.
    """

    def __init__(
        self,
        bitrate: float | None,
        data_bitrate: float | None = None,
        *,
        fd: bool = False,
        counted: Callable[[], Counted | None] = lambda: None,
    ) -> None:
        self.heard, self.sent = [0] * KINDS, [0] * KINDS
        self.error_frames = 0
        self.is_high = False
        self._bitrate, self._fd, self._counted = bitrate, fd, counted
        self._bits = table(data_bitrate / bitrate if data_bitrate and bitrate else None)
        self._since_s: float | None = None
        self._before: tuple[list[int], Counted | None] = ([], None)
        self._calm_since_s: float | None = None

    def restart(self, now_s: float) -> None:
        """Count from now on: what comes after a pause is not spread over it."""
        self._since_s, self._before = now_s, self._sums()

    def load(self, now_s: float) -> Load | None:
        """The load since the last one that was given; None until EVERY_S have passed."""
        if self._since_s is None:
            self.restart(now_s)
            return None
        span_s = now_s - self._since_s
        if span_s < EVERY_S:
            return None
        (kinds_before, counted_before), (kinds, counted) = self._before, self._sums()
        self._since_s, self._before = now_s, (kinds, counted)
        # Counters that went back belong to an interface that was made anew.
        if counted and counted_before and counted.frames >= counted_before.frames:
            frames, data = counted.frames - counted_before.frames, counted.data_bytes - counted_before.data_bytes
            found = of_sums(frames, max(data, 0), span_s, self._bitrate, fd=self._fd)
        else:
            new = [now - then for now, then in zip(kinds, kinds_before, strict=True)]
            found = of_counts(new, self._bits, span_s, self._bitrate)
        self._judge(found, now_s)
        return found

    def _sums(self) -> tuple[list[int], Counted | None]:
        return [heard + sent for heard, sent in zip(self.heard, self.sent, strict=True)], self._counted()

    def _judge(self, load: Load, now_s: float) -> None:
        if load.least is None:
            return
        if load.least >= HIGH:
            self.is_high, self._calm_since_s = True, None
        elif load.least >= CALM:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = now_s
        elif now_s - self._calm_since_s >= CALM_S:
            self.is_high = False

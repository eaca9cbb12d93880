"""A recording as a source: played at its pace, frame by frame, into the broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import Frames
from renkei.can.logs import open_log
from renkei.can.plan import Plan
from renkei.errors import RenkeiError
from renkei.flows.buses import found
from renkei.flows.feeds import TICK_S, Publish, Updates, updates_of
from renkei.flows.gist import Beginning
from renkei.flows.recognise import Car, must_be

LONGEST_GAP_S = 5.0
"""Silences in a recording are shortened to this."""
_BLOCK = 1 << 14


class Replay:
    """A recording, played at its recorded pace (times `speed`) in a thread of its own.

    Frames go through the per-frame engine; values come out in batches, `publish`ed every TICK_S. The time of a sample
    is the recorded one where the log has it since 1970; else, and when looping, the moment of the replay. What cannot
    be read, has no frames or, with a `car`, is a recording of another car is said before anything is played.
    """

    def __init__(
        self,
        plan: Plan,
        log: Path,
        publish: Publish,
        *,
        speed: float = 1.0,
        loop: bool = False,
        failed: Callable[[RenkeiError], None],
        car: Car | None = None,
        buses: Mapping[str, str] | None = None,
        time_unit: str | None = None,
    ) -> None:
        self._plan, self._log, self._publish, self._speed, self._loop = plan, log, publish, speed, loop
        self._failed, self._time_unit = failed, time_unit
        self._stop = threading.Event()
        opened = open_log(log, time_unit=time_unit)
        self._is_utc = opened.time_base == "utc"
        self._beginning = Beginning(opened.blocks(_BLOCK))
        self._buses = found(self._beginning, plan, buses or {})
        must_be(car, opened, self._beginning, self._buses)
        self._thread = threading.Thread(target=self._run, name=f"replay of {log.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    @property
    def tells_recorded_time(self) -> bool:
        """Whether samples have the time of the recording and not that of the replay."""
        return self._is_utc and not self._loop

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._play()
                if not self._loop or self._stop.wait(TICK_S):  # a recording of one moment must not turn at full speed
                    return
                self._beginning = Beginning(open_log(self._log, time_unit=self._time_unit).blocks(_BLOCK))
        except RenkeiError as e:
            self._failed(e)

    def _play(self) -> None:
        engine, clock, speakers = FrameEngine(self._plan), _Clock(self._speed), _Speakers(self._plan)
        for frames in self._beginning.blocks():
            speakers.carried = self._buses.of(frames)
            for part in self._due(frames, clock):
                updates = self._decoded(engine, frames, speakers, part)
                if updates:
                    self._publish(updates)
                if self._stop.is_set():
                    return

    def _due(self, frames: Frames, clock: _Clock) -> Iterator[Any]:
        """Places in the block in the order of time, as they fall due."""
        order = np.argsort(frames.t, kind="stable")
        due = clock.due(frames.t[order])
        at = 0
        while at < len(order):
            wait = due[at] - time.monotonic()
            if wait > 0 and self._stop.wait(wait):
                return
            end = int(np.searchsorted(due, time.monotonic() + TICK_S))
            yield order[at : max(end, at + 1)]
            at = max(end, at + 1)

    def _decoded(self, engine: FrameEngine, frames: Frames, speakers: _Speakers, places: Any) -> Updates:
        updates: Updates = []
        recorded, now = self.tells_recorded_time, time.time_ns()
        for i in places.tolist():
            id_, t = int(frames.id[i]), int(frames.t[i])
            buses = speakers.of(int(frames.channel[i]), id_)
            if buses:
                data = frames.data[i, : frames.length[i]].tobytes()
                for bus in buses:
                    updates += updates_of(engine.decode(bus, id_, data, t), t if recorded else now)
        return updates


class _Speakers:
    """Which of the buses on a channel an identifier speaks for: as in logs, the first that has a message with it.

    An answer on diagnostics is taken for every bus that has one with that identifier.
    """

    def __init__(self, plan: Plan) -> None:
        self._messages = {(m.bus, m.id) for m in plan.messages}
        self._answers = {(a.bus, a.id) for a in plan.answers} - self._messages
        self._known: dict[tuple[tuple[str, ...], int], tuple[str, ...]] = {}
        self.carried: Sequence[tuple[str, ...]] = ()

    def of(self, channel: int, id_: int) -> tuple[str, ...]:
        """The buses, nearly always one or none."""
        key = self.carried[channel], id_
        if key not in self._known:
            spoken = [bus for bus in key[0] if (bus, id_) in self._messages][:1]
            self._known[key] = (*spoken, *(bus for bus in key[0] if (bus, id_) in self._answers))
        return self._known[key]


class _Clock:
    """When recorded times fall due: their distances kept, divided by the speed, long silences shortened."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._last_ns: int | None = None
        self._due = 0.0

    def due(self, t: Any) -> Any:
        """Seconds of the monotonic clock for sorted times in ns."""
        if self._last_ns is None:
            self._last_ns, self._due = int(t[0]), time.monotonic()
        steps = np.clip(np.diff(t, prepend=self._last_ns) / 1e9, 0, LONGEST_GAP_S)
        due = self._due + np.cumsum(steps) / self._speed
        self._last_ns, self._due = int(t[-1]), float(due[-1])
        return due

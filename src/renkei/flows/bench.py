"""How fast this machine decodes: the figures of `renkei bench`. Times are those of the best of a few warm runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from renkei.can.columns import ColumnEngine
from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import Frames
from renkei.can.logs import Log, open_log
from renkei.can.plan import Plan
from renkei.can.uds import Answers
from renkei.catalogue import Catalogue
from renkei.errors import LogError
from renkei.flows.buses import Buses, found
from renkei.flows.decode import ahead
from renkei.flows.gist import Beginning
from renkei.flows.plans import plan_of
from renkei.samples import Column

LIVE_FRAMES = 200_000
"""The per-frame engine is timed over so many frames at most."""


def decode_speed(
    log: Path,
    vehicle: str,
    catalogue: Catalogue,
    runs: int = 5,
    *,
    buses: Mapping[str, str] | None = None,
    time_unit: str | None = None,
) -> dict[str, Any]:
    """Frames a second from text to columns in memory, of the columnar engine alone, of the per-frame engine.

    Raises LogError where the log cannot be read or nothing in it is of the car, so that there is nothing to measure.
    """
    bench = _Bench(log, plan_of(catalogue.vehicle(vehicle).map), buses or {}, time_unit)
    blocks = list(bench.open().blocks())
    frames = sum(map(len, blocks))
    samples = sum(len(column.t) for column in bench.columns_of_text())
    if not samples:
        raise LogError(f"{log}: nothing in it is from {vehicle}, so there is nothing to measure")
    return {
        "log": str(log),
        "vehicle": vehicle,
        "dialect": bench.open().dialect,
        "frames": frames,
        "samples": samples,
        "text_to_columns_frames_per_s": round(frames / _best(bench.columns_of_text, runs)),
        "engine_frames_per_s": round(frames / _best(lambda: bench.columns_of_blocks(blocks), runs)),
        "live_frames_per_s": round(bench.live_speed(blocks, runs)),
    }


class _Bench:
    """A log and the plan of its car."""

    def __init__(self, log: Path, plan: Plan, buses: Mapping[str, str], time_unit: str | None) -> None:
        self.log, self.plan, self.given, self.time_unit = log, plan, buses, time_unit

    def open(self) -> Log:
        return open_log(self.log, time_unit=self.time_unit)

    def columns_of_text(self) -> list[Column]:
        engine, answers = ColumnEngine(self.plan), Answers(self.plan)
        beginning = Beginning(ahead(self.open().blocks()))
        buses = found(beginning, self.plan, self.given)
        columns: list[Column] = []
        for frames in beginning.blocks():
            carried = buses.of(frames)
            columns += engine.decode(frames, carried)
            columns += answers.decode(frames, carried)
        return columns

    def columns_of_blocks(self, blocks: list[Frames]) -> list[Column]:
        engine, buses = ColumnEngine(self.plan), self._buses(blocks)
        return [column for frames in blocks for column in engine.decode(frames, buses.of(frames))]

    def live_speed(self, blocks: list[Frames], runs: int) -> float:
        singles = [frame for frames in blocks[:1] for frame in self._single_frames(frames, blocks)][:LIVE_FRAMES]

        def decode_all() -> None:
            decode = FrameEngine(self.plan).decode
            for bus, id_, data, t in singles:
                decode(bus, id_, data, t)

        return len(singles) / _best(decode_all, runs)

    def _single_frames(self, frames: Frames, blocks: list[Frames]) -> Iterator[tuple[str, int, bytes, int]]:
        carried = self._buses(blocks).of(frames)
        for i in range(len(frames)):
            for bus in carried[frames.channel[i]][:1]:
                yield bus, int(frames.id[i]), frames.data[i, : frames.length[i]].tobytes(), int(frames.t[i])

    def _buses(self, blocks: list[Frames]) -> Buses:
        return found(Beginning(iter(blocks)), self.plan, self.given)


def _best(work: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest run; what it returns is kept until it has ended."""
    times = []
    for _ in range(runs + 1):  # the first warms caches and is as good as any other when it is the fastest
        start = time.perf_counter()
        kept = work()
        times.append(time.perf_counter() - start)
        del kept
    return min(times)

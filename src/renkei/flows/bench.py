"""How fast this machine decodes: the figures of `renkei bench`. Times are those of the best of a few warm runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from renkei.can.columns import ColumnEngine
from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import Frames
from renkei.can.logs import open_log
from renkei.can.plan import Plan
from renkei.can.uds import Answers
from renkei.catalogue import Catalogue
from renkei.flows.buses import Buses
from renkei.flows.decode import ahead
from renkei.flows.plans import plan_of
from renkei.samples import Column

LIVE_FRAMES = 200_000
"""The per-frame engine is timed over so many frames at most."""


def decode_speed(log: Path, vehicle: str, catalogue: Catalogue, runs: int = 5) -> dict[str, Any]:
    """Frames a second from text to columns in memory, of the columnar engine alone, of the per-frame engine."""
    plan = plan_of(catalogue.vehicle(vehicle).map)
    blocks = list(open_log(log).blocks())
    frames = sum(map(len, blocks))
    samples = sum(len(column.t) for column in _columns_of_text(log, plan))
    return {
        "log": str(log),
        "vehicle": vehicle,
        "dialect": open_log(log).dialect,
        "frames": frames,
        "samples": samples,
        "text_to_columns_frames_per_s": round(frames / _best(lambda: _columns_of_text(log, plan), runs)),
        "engine_frames_per_s": round(frames / _best(lambda: _columns_of_blocks(blocks, plan), runs)),
        "live_frames_per_s": round(_live_speed(blocks, plan, runs)),
    }


def _columns_of_text(log: Path, plan: Plan) -> list[Column]:
    engine, answers, buses = ColumnEngine(plan), Answers(plan), Buses(plan, {})
    columns: list[Column] = []
    for frames in ahead(open_log(log).blocks()):
        carried = buses.of(frames)
        columns += engine.decode(frames, carried)
        columns += answers.decode(frames, carried)
    return columns


def _columns_of_blocks(blocks: list[Frames], plan: Plan) -> list[Column]:
    engine, buses = ColumnEngine(plan), Buses(plan, {})
    return [column for frames in blocks for column in engine.decode(frames, buses.of(frames))]


def _live_speed(blocks: list[Frames], plan: Plan, runs: int) -> float:
    singles = [frame for frames in blocks[:1] for frame in _single_frames(frames, plan)][:LIVE_FRAMES]

    def decode_all() -> None:
        decode = FrameEngine(plan).decode
        for bus, id_, data, t in singles:
            decode(bus, id_, data, t)

    return len(singles) / _best(decode_all, runs)


def _single_frames(frames: Frames, plan: Plan) -> Iterator[tuple[str, int, bytes, int]]:
    carried = Buses(plan, {}).of(frames)
    for i in range(len(frames)):
        for bus in carried[frames.channel[i]][:1]:
            yield bus, int(frames.id[i]), frames.data[i, : frames.length[i]].tobytes(), int(frames.t[i])


def _best(work: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest run; what it returns is kept until it has ended."""
    times = []
    for _ in range(runs + 1):  # the first warms caches and is as good as any other when it is the fastest
        start = time.perf_counter()
        kept = work()
        times.append(time.perf_counter() - start)
        del kept
    return min(times)

"""Answers on diagnostics (UDS over ISO-TP) that lie in a recording, decoded where the map has rows for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from renkei.can.columns import array_text
from renkei.can.frame_engine import Counts, FrameEngine
from renkei.can.frames import Frames
from renkei.can.plan import Plan
from renkei.samples import INVALID, Column, Quality


class Answers:
    """Finds and decodes the answers among the frames of one car, block after block.

    Messages that rows of answers have conditions on are followed too.
    """

    def __init__(self, plan: Plan) -> None:
        self._engine = FrameEngine(plan)
        tests = [t for a in plan.answers for row in a.rows for t in (*row.when, *row.unless) if t.field is None]
        latches, unheard = {t.latch for t in tests}, {t.unheard for t in tests}
        self._other_ids = {
            (m.bus, m.id) for m in plan.messages if m.number in unheard or any(x.number in latches for x in m.latches)
        }
        self._ids = {(a.bus, a.id) for a in plan.answers}
        self._wanted = np.array(sorted({id_ for _, id_ in self._ids | self._other_ids}), np.uint32)

    @property
    def counts(self) -> Counts:
        """Of the frames that belong to answers alone."""
        return self._engine.counts

    def decode(self, frames: Frames, channel_buses: Sequence[Iterable[str]]) -> list[Column]:
        """One Column for each signal that an answer completed in these frames speaks of."""
        found: dict[int, list[tuple[int, Any]]] = {}
        for i in np.flatnonzero(np.isin(frames.id, self._wanted)) if len(self._wanted) else ():
            id_, t = int(frames.id[i]), int(frames.t[i])
            data = frames.data[i, : frames.length[i]].tobytes()
            for bus in channel_buses[frames.channel[i]]:
                if (bus, id_) in self._other_ids:
                    self._follow(bus, id_, data, t)
                elif (bus, id_) in self._ids:
                    for index, value in self._engine.decode(bus, id_, data, t):
                        found.setdefault(index, []).append((t, value))
        return [column_of(index, pairs) for index, pairs in found.items()]

    def _follow(self, bus: str, id_: int, data: bytes, t: int) -> None:
        """Remember what answers wait for; the frame itself is counted and decoded elsewhere."""
        counts = self._engine.counts
        before = asdict(counts)
        self._engine.decode(bus, id_, data, t)
        for name, count in before.items():
            setattr(counts, name, count)


def column_of(index: int, pairs: Sequence[tuple[int, Any]]) -> Column:
    """Times and values, None and INVALID among them, as a Column."""
    texts: list[str] = []
    values, qualities = [], []
    for _, value in pairs:
        qualities.append(
            Quality.NOT_AVAILABLE if value is None else Quality.INVALID if value is INVALID else Quality.OK
        )
        if isinstance(value, list | str):
            texts.append(value if isinstance(value, str) else array_text(value))
            value = len(texts) - 1
        values.append(float(value) if qualities[-1] is Quality.OK else 0.0)
    t = np.array([t for t, _ in pairs], np.int64)
    return Column(index, t, np.array(values), np.array(qualities, np.int8), texts or None)

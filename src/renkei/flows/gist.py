"""What a recording shows: the first frames of every identifier. By it buses and cars are recognised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from renkei.can.frames import Frames
from renkei.errors import LogError

SAMPLE = 256
"""So many frames of an identifier are kept."""
STEP = 1 << 16
"""Frames that are looked at before anybody may say that it is enough."""
STEPS = 4


class Gist:
    """The first frames of every identifier on every channel."""

    def __init__(self) -> None:
        self.channels: tuple[str, ...] = ()
        self._counts: dict[int, int] = {}
        self._kept: dict[int, list[Frames]] = {}

    def add(self, frames: Frames) -> None:
        """The next frames of the recording, in their order."""
        self.channels = frames.channels
        keys = frames.channel.astype(np.int64) << 32 | frames.id
        order = np.argsort(keys, kind="stable")
        found, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
        for key, start, count in zip(found.tolist(), starts.tolist(), counts.tolist(), strict=True):
            had = self._counts.get(key, 0)
            self._counts[key] = had + count
            if had < SAMPLE:
                places = order[start : start + min(count, SAMPLE - had)]
                self._kept.setdefault(key, []).append(rows(frames, places))

    @property
    def identifiers(self) -> list[tuple[str, int, int]]:
        """Channel and identifier of all that was heard, with the length of the longest frame kept, in a fixed order."""
        return [
            (self.channels[key >> 32], key & 0xFFFF_FFFF, max(int(part.length.max()) for part in parts))
            for key, parts in sorted(self._kept.items())
        ]

    def frames(self, channel: str, id_: int) -> Iterator[tuple[int, bytes]]:
        """Time and payload of the frames that were kept of an identifier."""
        key = self.channels.index(channel) << 32 | id_ if channel in self.channels else -1
        for part in self._kept.get(key, ()):
            for t, n, data in zip(part.t.tolist(), part.length.tolist(), part.data, strict=True):
                yield t, data[:n].tobytes()

    def __bool__(self) -> bool:
        return bool(self._kept)


class Beginning:
    """The blocks of a log, of which the first have been looked at. `broken`: the log broke off while they were."""

    def __init__(self, blocks: Iterator[Frames]) -> None:
        self.gist = Gist()
        self.broken: LogError | None = None
        self._blocks = blocks
        self._held: list[Frames] = []
        self._looked = 0

    def look(self) -> bool:
        """Take one step further, over the same frames however long blocks are; False where there is no further one."""
        goal = self._looked + STEP
        while sum(map(len, self._held)) < goal and (block := self._next()) is not None:
            self._held.append(block)
        before = self._looked
        for part in self._part(before, goal):
            self.gist.add(part)
            self._looked += len(part)
        return self._looked > before

    def blocks(self) -> Iterator[Frames]:
        """All blocks from the first on, once. Raises LogError where the log breaks off."""
        held, self._held = self._held, []
        yield from chain(held, self._blocks)
        if self.broken:
            raise self.broken

    def _next(self) -> Frames | None:
        try:
            return next(self._blocks, None)
        except LogError as e:
            self.broken = e
            return None

    def _part(self, start: int, stop: int) -> Iterator[Frames]:
        """Frames `start` to `stop` of those that are held."""
        at = 0
        for block in self._held:
            a, b = max(start - at, 0), min(stop - at, len(block))
            if a < b:
                yield rows(block, slice(a, b))
            at += len(block)


def whole(blocks: Iterator[Frames]) -> Gist:
    """The gist of all that can be read."""
    gist = Gist()
    with suppress(LogError):
        for block in blocks:
            gist.add(block)
    return gist


def rows(f: Frames, places: slice | NDArray[np.int64]) -> Frames:
    """Some of the frames."""
    return Frames(f.t[places], f.channel[places], f.id[places], f.length[places], f.data[places], f.channels)

"""Where the shared recordings lie, and how tests read a log in one piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from renkei.can.frames import Frames
from renkei.can.logs import Log

LOGS = Path(__file__).parents[4] / "shared" / "data" / "logs"


def recording(name: str) -> Path:
    """A shared recording, or a skipped test where the shared data are absent."""
    path = LOGS / name
    if not path.exists():
        pytest.skip(f"the shared recording {name} is absent")
    return path


def joined(log: Log, frames: int = 1 << 18, chunk: int = 4 << 20) -> Frames:
    """All frames of a log in one piece, 64 bytes wide."""
    blocks = list(log.blocks(frames, chunk=chunk))
    if not blocks:
        return Frames(*(np.empty(0, kind) for kind in ("i8", "u1", "u4", "u1")), np.empty((0, 64), "u1"), ())
    data = np.zeros((sum(map(len, blocks)), 64), np.uint8)
    row = 0
    for block in blocks:
        data[row : row + len(block), : block.data.shape[1]] = block.data
        row += len(block)
    t, channel, id, length = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("t", "channel", "id", "length")
    )
    return Frames(t, channel, id, length, data, blocks[-1].channels)


def same(a: Frames, b: Frames) -> bool:
    """Whether two logs hold the same frames, however their channels are called."""
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("t", "channel", "id", "length", "data"))

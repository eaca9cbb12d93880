"""ASAM MDF 4 with bus logging through asammdf, an optional extra."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renkei.can.frames import EXTENDED, Frames
from renkei.can.logs.skipped import Skipped
from renkei.errors import LogError

_NAME = "CAN_DataFrame"
_LOCAL_TIME = 1
SHOWN = 120


def opened(path: Path) -> Any:
    """The file as asammdf sees it. Raises LogError when asammdf is not installed or cannot read it."""
    try:
        from asammdf import MDF
    except ImportError as error:
        raise LogError(f"{path}: reading MF4 needs asammdf: pip install 'renkei[mf4]'") from error
    logging.getLogger("asammdf").setLevel(logging.CRITICAL + 1)  # it has a handler of its own, on standard error
    with _without_remarks_of_half_open_files():
        try:
            return MDF(path)
        except Exception as error:  # asammdf documents no error tree: anything may come out of a broken file
            why = _one_line(error)
    raise LogError(f"{path}: asammdf cannot read it: {why}")


@contextmanager
def _without_remarks_of_half_open_files() -> Iterator[None]:
    """What asammdf could not open it still tries to close, and Python tells of each failure to do so."""
    told = sys.unraisablehook

    def tell(failure: sys.UnraisableHookArgs) -> None:
        if not str(getattr(failure.object, "__module__", "")).startswith("asammdf"):
            told(failure)

    sys.unraisablehook = tell
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = told


def _one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:SHOWN]


def start(path: Path) -> tuple[int, str | None]:
    """(start as ns since 1970 UTC, None), or (0, start as written) where the header holds a local time."""
    with opened(path) as mdf:
        if mdf.header.time_flags & _LOCAL_TIME:
            return 0, mdf.header.start_time.strftime("%Y-%m-%d %H:%M:%S.%f")
        return int(mdf.header.abs_time), None


class Mf4Pass:
    """One pass over an MF4 file: its groups of data frames, merged by time."""

    skipped = 0
    first_skipped: Skipped | None = None
    noticed: tuple[str, ...] = ()

    def __init__(self, path: Path, start_ns: int, frames: int) -> None:
        self.path, self._start_ns, self._room = path, start_ns, frames
        self.position = self.ignored = 0
        self._channels: dict[str, int] = {}

    def blocks(self) -> Iterator[Frames]:
        with opened(self.path) as mdf:
            groups = [n for n, group in enumerate(mdf.groups) if _holds(group, _NAME)]
            others = [
                group for group in mdf.groups if _holds(group, "CAN_RemoteFrame") or _holds(group, "CAN_ErrorFrame")
            ]
            self.ignored = sum(int(group.channel_group.cycles_nr) for group in others)
            if not groups:
                raise LogError(f"{self.path}: MF4 without bus logging: no group holds {_NAME}")
            total = sum(int(mdf.groups[n].channel_group.cycles_nr) for n in groups)
            done, size = 0, self.path.stat().st_size
            try:
                for block in _merged([self._group(mdf, n) for n in groups], self._room):
                    done += len(block)
                    self.position = size * done // total
                    yield block
            except Exception as error:  # as on opening
                raise LogError(
                    f"{self.path}: MF4 breaks off or is corrupt after {done} frames: {_one_line(error)}"
                ) from error
            self.position = size

    def _group(self, mdf: Any, number: int) -> Iterator[Frames]:
        """The frames of one group, in pieces."""
        group = mdf.groups[number]
        rows = int(group.channel_group.cycles_nr)
        piece = min(self._room, 1 << 16)
        for offset in range(0, rows, piece):
            yield self._piece(mdf, number, offset, min(piece, rows - offset))

    def _piece(self, mdf: Any, number: int, offset: int, count: int) -> Frames:
        signal = mdf.get(_NAME, number, record_offset=offset, record_count=count, raw=True)
        fields = {name.rpartition(".")[2]: signal.samples[name] for name in signal.samples.dtype.names}
        n = len(signal.timestamps)
        length = fields["DataLength"].astype(np.uint8)
        data = np.zeros((n, 64 if n and int(length.max()) > 8 else 8), np.uint8)
        raw = fields["DataBytes"].reshape(n, -1)
        width = min(raw.shape[1], data.shape[1])
        data[:, :width] = raw[:, :width]
        data[np.arange(data.shape[1]) >= length[:, None]] = 0
        identifier = fields["ID"].astype(np.uint32)
        extended = fields["IDE"].astype(bool) if "IDE" in fields else (identifier & EXTENDED) != 0
        return Frames(
            self._start_ns + np.rint(signal.timestamps.astype(np.float64) * 1e9).astype(np.int64),
            self._channel(fields.get("BusChannel"), n),
            (identifier & np.uint32(0x1FFF_FFFF)) | np.where(extended, np.uint32(EXTENDED), np.uint32(0)),
            length,
            data,
            tuple(self._channels),
        )

    def _channel(self, buses: NDArray[Any] | None, n: int) -> NDArray[np.uint8]:
        names = np.full(n, "can") if buses is None else buses.astype(str)
        known, place = np.unique(names, return_inverse=True)
        indices = np.array([self._channels.setdefault(str(name), len(self._channels)) for name in known], np.uint8)
        return indices[place]


def _holds(group: Any, name: str) -> bool:
    return any(channel.name == name for channel in group.channels)


def _merged(groups: list[Iterator[Frames]], room: int) -> Iterator[Frames]:
    """Blocks of at most `room` in order of time, from groups each in order of time; holds one piece a group."""
    held: dict[int, Frames] = {}
    live = dict(enumerate(groups))
    while True:
        for n in [n for n in live if n not in held]:
            piece = next(live[n], None)
            if piece is None:
                del live[n]
            elif len(piece):
                held[n] = piece
        if not held:
            if live:
                continue
            return
        horizon = min(int(piece.t[-1]) for piece in held.values())
        parts = []
        for n, piece in list(held.items()):
            cut = int(np.searchsorted(piece.t, horizon, side="right"))
            parts.append(_rows(piece, slice(0, cut)))
            held[n] = _rows(piece, slice(cut, None))
            if not len(held[n]):
                del held[n]
        merged = _sorted(parts)
        for at in range(0, len(merged), room):
            yield _rows(merged, slice(at, at + room))


def _rows(f: Frames, rows: slice | NDArray[np.int64]) -> Frames:
    return Frames(f.t[rows], f.channel[rows], f.id[rows], f.length[rows], f.data[rows], f.channels)


def _sorted(parts: list[Frames]) -> Frames:
    """All frames of the parts in order of time; frames of one time keep the order of the parts."""
    width = max(part.data.shape[1] for part in parts)
    wide = [np.pad(part.data, ((0, 0), (0, width - part.data.shape[1]))) for part in parts]
    channels = max((part.channels for part in parts), key=len)
    one = Frames(
        np.concatenate([part.t for part in parts]),
        np.concatenate([part.channel for part in parts]),
        np.concatenate([part.id for part in parts]),
        np.concatenate([part.length for part in parts]),
        np.concatenate(wide),
        channels,
    )
    return _rows(one, np.argsort(one.t, kind="stable"))

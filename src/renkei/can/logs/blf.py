"""Vector BLF through python-can: its containers and objects are that library's business, columns are ours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from renkei.can.frames import EXTENDED, Frames
from renkei.can.logs.skipped import Skipped
from renkei.can.logs.source import Source
from renkei.errors import LogError

_HEADER_SIZE = 144
_DATE = struct.Struct("<8H")
_DATE_AT = 40
_MAX_CHANNELS = 250


def start_text(head: bytes) -> str | None:
    """The start in the header, a date and time of day in a zone that BLF does not name; None when it is not set."""
    if len(head) < _DATE_AT + _DATE.size:
        return None
    year, month, _, day, hour, minute, second, milli = _DATE.unpack_from(head, _DATE_AT)
    return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}" if year else None


class _Whole:
    """The file as python-can reads it, noticing when a read gives less than was asked: the file was cut off there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.cut = False

    def read(self, size: int) -> bytes:
        got = self._source.read(size)
        # Up to three bytes are padding, which the last object of a file need not have; nothing at all is the end.
        self.cut |= 0 < len(got) < size or (not got and size > 3 and size != 16)
        return got

    def close(self) -> None:
        """The Source closes itself."""


class BlfPass:
    """One pass over a BLF file."""

    skipped = 0
    first_skipped: Skipped | None = None
    noticed: tuple[str, ...] = ()

    def __init__(self, path: Path, frames: int) -> None:
        self.path, self._room = path, frames
        self.position = self.ignored = self._seen = 0
        self._channels: dict[int, int] = {}

    def blocks(self) -> Iterator[Frames]:
        """What is good before the file breaks off is yielded before LogError is raised."""
        with Source(self.path) as source:
            whole = _Whole(source)
            held: list[Any] = []
            broken: Exception | None = None
            messages = self._messages(whole)
            while True:
                try:
                    message = next(messages, None)
                except LogError:
                    raise
                # python-can lets errors of the layers below through: short structs, bad zlib data, lengths that lie.
                except (ValueError, struct.error, zlib.error, IndexError) as error:
                    broken, message = error, None
                if message is None:
                    break
                if message.is_error_frame or message.is_remote_frame:
                    self.ignored += 1
                    continue
                held.append(message)
                if len(held) == self._room:
                    self.position = source.position
                    yield self._block(held)
                    held = []
            self.position = source.position
            if held:
                yield self._block(held)
            if broken or whole.cut:
                why = f": {broken}" if broken and str(broken) else ""
                at = f"after {source.unpacked} bytes, {self._seen} frames read"
                raise LogError(f"{self.path}: BLF breaks off or is corrupt {at}{why}")

    def _messages(self, file: _Whole) -> Iterator[Any]:
        """Messages with times from the start of the log, exact to 1 ns for a hundred days though float seconds."""
        from can.io.blf import BLFReader

        reader = BLFReader(file)  # type: ignore[arg-type]
        reader.start_timestamp = 0.0
        yield from reader

    def _block(self, held: list[Any]) -> Frames:
        self._seen += len(held)
        data = np.zeros((len(held), 64 if any(len(m.data) > 8 for m in held) else 8), np.uint8)
        for row, message in enumerate(held):
            data[row, : len(message.data)] = np.frombuffer(message.data, np.uint8)
        return Frames(
            np.array([round(m.timestamp * 1e9) for m in held], np.int64),
            np.array([self._channel(m.channel) for m in held], np.uint8),
            np.array([m.arbitration_id | (EXTENDED if m.is_extended_id else 0) for m in held], np.uint32),
            np.array([len(m.data) for m in held], np.uint8),
            data,
            tuple(str(number + 1) for number in self._channels),  # python-can counts from 0, BLF from 1
        )

    def _channel(self, number: int) -> int:
        index = self._channels.setdefault(number, len(self._channels))
        if index >= _MAX_CHANNELS:
            raise LogError(f"{self.path}: more than {_MAX_CHANNELS} channels")
        return index

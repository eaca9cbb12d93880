"""The bytes of a log file, plain or gzipped, with the position reached. Knows nothing of dialects."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from types import TracebackType

from renkei.errors import LogError

GZIP_MAGIC = b"\x1f\x8b"


class Source:
    """One pass over a file's unpacked bytes; a context manager.

    `position` counts bytes of the file itself, so compressed bytes for gzip. Raises LogError when the file cannot be
    opened, and from `fill` when it breaks off or is corrupt, after all bytes up to there were handed out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.is_dir():
                raise LogError(f"{path}: is a directory, expected a recording")
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 -- closed in __exit__
            self.size = path.stat().st_size
            head = self._file.read(2)
            self._file.seek(0)
        except OSError as error:
            raise LogError(f"{path}: cannot be read: {error.strerror or error}") from error
        self._gzip = gzip.GzipFile(fileobj=self._file) if head == GZIP_MAGIC else None
        self._broken: LogError | None = None
        self.unpacked = 0

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def gzipped(self) -> bool:
        return self._gzip is not None

    @property
    def position(self) -> int:
        return self._file.tell()

    def fill(self, view: memoryview) -> int:
        """Put unpacked bytes into `view` until it is full or the file ends; returns how many, 0 at the end."""
        filled = 0
        while filled < len(view) and not self._broken:
            got = self._some(view[filled:])
            if not got:
                break
            filled += got
            self.unpacked += got
        if not filled and self._broken:
            raise self._broken
        return filled

    def read(self, most: int) -> bytes:
        """Up to `most` unpacked bytes; fewer only at the end."""
        buffer = bytearray(most)
        return bytes(buffer[: self.fill(memoryview(buffer))])

    def _some(self, view: memoryview) -> int:
        try:
            if self._gzip is None:
                return self._file.readinto(view) or 0
            # read1 hands out what was unpacked before the break; read would lose it.
            piece = self._gzip.read1(len(view))
        except EOFError:
            self._broken = LogError(f"{self.path}: gzip data breaks off after {self.unpacked} unpacked bytes")
            return 0
        except (zlib.error, gzip.BadGzipFile) as error:
            self._broken = LogError(f"{self.path}: gzip data is corrupt after {self.unpacked} unpacked bytes: {error}")
            return 0
        except OSError as error:
            raise LogError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        view[: len(piece)] = piece
        return len(piece)

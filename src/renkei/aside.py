"""Files are written aside and renamed, so that nobody ever finds half of one; and how another one is told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from renkei.errors import OutputError

Stamps = tuple[tuple[int, int, int] | None, ...]


def stamps(files: Iterable[Path]) -> Stamps:
    """What is another as soon as one of the files is; None for one that is not there."""
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


@contextmanager
def aside(file: Path) -> Iterator[Path]:
    """A name beside `file` to write to, with its suffix: it becomes `file` when all went well, and vanishes otherwise.

    A link stays, and what it points to is replaced. Raises OutputError for what the system refuses.
    """
    file = file.resolve() if file.is_symlink() else file
    if file.exists() and not file.is_file():
        raise OutputError(f"{file}: cannot be written: not a regular file")
    beside = file.with_name(f".{file.stem}.{os.getpid()}.part{file.suffix}")
    try:
        yield beside
        beside.replace(file)
    except OSError as e:
        raise OutputError(f"{file}: cannot be written: {e.strerror or e}") from e
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)

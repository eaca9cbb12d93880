"""Key files that commands take, judged before any work is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from renkei.errors import InputError


def signing_key(file: Path) -> bytes:
    """The content of an ed25519 private key file; raises InputError with its name."""
    from renkei import evidence

    return _of_file(file, evidence.judge_private_key)


def public_key(file: Path) -> bytes:
    """The content of an ed25519 public key file; raises InputError with its name."""
    from renkei import evidence

    return _of_file(file, evidence.judge_public_key)


def _of_file(file: Path, judge: Callable[[bytes], object]) -> bytes:
    found = content(file)
    try:
        judge(found)
    except InputError as e:
        raise InputError(f"{file}: {e}") from e
    return found


def content(file: Path, most: int = 1 << 20) -> bytes:
    """All of a small file, and one byte more of one that is too large."""
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as e:
        raise InputError(f"{file}: {e.strerror or e}") from e

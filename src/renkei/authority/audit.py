"""The audit log: JSON lines, each of which carries the hash of the one before, so that no line is changed unseen.

Beside FILE stands FILE.head: how many lines there were a moment ago and the hash of the last one, so that lines cut off
at the end are missed as well. Who can write both files can forge both: keep a copy of the head elsewhere.

A log whose file was renamed meanwhile goes on in a new one, whose first line says how the one before ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import rfc8785

from renkei.errors import CannotTell, InputError, OutputError

START = "0" * 64
"""What the first line names as the hash before it."""
REFUSALS_PER_S = 100
"""Refusals that are written in one second; more are counted, so that whoever floods a door does not fill the disk."""
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_HEAD_EVERY_S = 1.0
_LONGEST_LINE = 64 * 1024
_LONGEST_TEXT = 500


class Chain(NamedTuple):
    """What a check found: good lines, the hash of the last of them, and why the next one is none, if so.

    `earlier`: how many lines the file before had that this one goes on from, and the hash of the last of them.
    """

    lines: int
    last: str
    broken: str | None = None
    torn: bytes = b""
    earlier: tuple[int, str] | None = None


class Part(NamedTuple):
    """A file of a log that was renamed on the way, and what is wrong with it, if anything."""

    file: Path
    lines: int
    last: str
    broken: str | None


def check_parts(files: Sequence[Path]) -> list[Part]:
    """Follow a chain over its files, the oldest first, up to the first that is broken. Raises InputError.

    Raises CannotTell for a first file that goes on from one that was not given.
    """
    parts: list[Part] = []
    before: Chain | None = None
    for file in files:
        chain = check(file) if file is files[-1] else _read(file, 0, START)
        if before is None and chain.earlier:
            raise CannotTell(f"{file}: goes on from a file of {chain.earlier[0]} lines: name that one before it")
        if before is not None and chain.earlier != (before.lines, before.last):
            why = f"line {before.lines + 1}: cut off, or {file} goes on from another file"
            parts[-1] = parts[-1]._replace(broken=why)
            break
        parts.append(Part(file, chain.lines, chain.last, chain.broken))
        if chain.broken:
            break
        before = chain
    return parts


def _read(file: Path, head_lines: int, head_last: str) -> Chain:
    try:
        with file.open("rb") as opened:
            return _followed(opened, head_lines, head_last)
    except OSError as e:
        raise InputError(f"{file}: cannot be read: {e.strerror}") from e


def check(file: Path) -> Chain:
    """Follow the chain from its start; `broken` names the first line that does not belong. Raises InputError."""
    lines, last, unknown = _head(file)
    chain = _read(file, lines, last)
    if chain.broken and not chain.torn:
        return chain
    missed = unknown if chain.lines else None
    if lines > chain.lines:
        missed = f"line {chain.lines + 1}: cut off: {head_of(file).name} knows of {lines} lines"
    return chain._replace(broken=missed, torn=b"") if missed else chain


def head_of(file: Path) -> Path:
    return file.with_name(file.name + ".head")


def _lines(opened: IO[bytes]) -> Iterator[bytes]:
    while line := opened.readline(_LONGEST_LINE + 1):
        yield line


def _followed(opened: IO[bytes], head_lines: int, head_last: str) -> Chain:
    number, last, earlier = 0, START, None
    for line in _lines(opened):
        if not line.endswith(b"\n"):
            return Chain(number, last, f"line {number + 1}: no whole line", line, earlier)
        why = _wrong(line, number + 1, last)
        if why:
            return Chain(number, last, f"line {number + 1}: {why}", earlier=earlier)
        entry = json.loads(line)
        number, last = number + 1, entry["hash"]
        if number == 1 and "earlier_lines" in entry:
            earlier = entry["earlier_lines"], entry.get("earlier_hash")
        if number == head_lines and last != head_last:
            return Chain(number - 1, last, f"line {number}: it is not the one that the head knows", earlier=earlier)
    return Chain(number, last, earlier=earlier)


def _wrong(line: bytes, number: int, before: str) -> str | None:
    try:
        entry = json.loads(line)
        stated = {key: value for key, value in entry.items() if key != "hash"}
        whole = rfc8785.dumps(entry) + b"\n"
    except (ValueError, AttributeError, RecursionError, rfc8785.CanonicalizationError):
        return "expected one object of JSON"
    if whole != line or entry.get("hash") != hashlib.sha256(rfc8785.dumps(stated)).hexdigest():
        return "it was changed after it was written"
    if entry.get("before") != before:
        return "what stood before it is missing or was changed"
    return None if entry.get("n") == number else f"expected number {number}, got {entry.get('n')}"


def _head(file: Path) -> tuple[int, str, str | None]:
    """How many lines the head knows of, the hash of the last of them, and why that is not known, if so."""
    head = head_of(file)
    try:
        lines, last = json.loads(head.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return 0, START, f"{head.name} is missing or cannot be read, so that nobody knows whether lines were cut off"
    return (lines, last, None) if isinstance(lines, int) else (0, START, f"{head.name} names no number of lines")


class AuditLog:
    """Writes the log, going on where it ended. Raises InputError for a file whose chain is broken, OutputError.

    A last line that was written in part, as when the power failed, is taken off and told of in a line of its own. Where
    FILE was renamed, as who rotates logs does, the next line is the first of a new FILE.
    """

    def __init__(self, file: Path, now_s: Callable[[], float] = time.time) -> None:
        self._file, self._now_s = file, now_s
        self._head_s, self._second, self._refusals, self._left_out = 0.0, 0, 0, 0
        if not file.exists() and _head(file)[0]:
            raise InputError(f"{file}: missing, though {head_of(file).name} knows of its lines; name another file")
        chain = check(file) if file.exists() else Chain(0, START)
        if chain.broken and not chain.torn:
            raise InputError(f"{file}: {chain.broken}; keep the file as it is and name another one")
        self._number, self._last = chain.lines, chain.last
        try:
            if chain.torn:
                os.truncate(file, file.stat().st_size - len(chain.torn))
            self._opened = os.open(file, _APPENDING, 0o600)
        except OSError as e:
            raise OutputError(f"{file}: cannot be written: {e.strerror}") from e
        self.record("opened", torn_bytes=len(chain.torn) or None)

    def record(self, event: str, **facts: object) -> None:
        """One line; facts that are None are left out, long texts cut. Raises OutputError."""
        if self._opened >= 0 and self._is_elsewhere():
            self._begin_anew()
        self._append(event, facts)

    def _is_elsewhere(self) -> bool:
        """Whether what is written no longer stands where readers look for it."""
        try:
            there = self._file.stat()
        except FileNotFoundError:
            return True
        except OSError as e:
            raise OutputError(f"{self._file}: cannot be written: {e.strerror}") from e
        return not os.path.samestat(there, os.fstat(self._opened))

    def _begin_anew(self) -> None:
        try:
            opened = os.open(self._file, _APPENDING, 0o600)
        except OSError as e:
            raise OutputError(f"{self._file}: cannot be written: {e.strerror}") from e
        if os.fstat(opened).st_size:
            os.close(opened)
            raise OutputError(f"{self._file}: is another file than the one that was written, and is not empty")
        self._append("renamed", {})
        os.close(self._opened)
        self._opened, earlier = opened, {"earlier_lines": self._number, "earlier_hash": self._last}
        self._number, self._last, self._head_s = 0, START, 0.0
        self._append("opened", earlier)

    def _append(self, event: str, facts: Mapping[str, object]) -> None:
        now_s = self._now_s()
        told: dict[str, Any] = {key: _plain(value) for key, value in facts.items() if value is not None}
        if self._left_out:
            told["left_out"], self._left_out = self._left_out, 0
        t = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        stated = told | {"n": self._number + 1, "t": t, "event": event, "before": self._last}
        hashed = hashlib.sha256(rfc8785.dumps(stated)).hexdigest()
        line = rfc8785.dumps(stated | {"hash": hashed}) + b"\n"
        try:
            os.write(self._opened, line)
        except OSError as e:
            raise OutputError(f"{self._file}: cannot be written: {e.strerror}") from e
        self._number, self._last = self._number + 1, hashed
        if now_s - self._head_s >= _HEAD_EVERY_S or now_s < self._head_s:
            self._write_head(now_s)

    def refusal(self, **facts: object) -> None:
        """A line for a refusal; those beyond REFUSALS_PER_S are counted in the next line as `left_out`."""
        second = int(self._now_s())
        if second != self._second:
            self._second, self._refusals = second, 0
        self._refusals += 1
        if self._refusals > REFUSALS_PER_S:
            self._left_out += 1
            return
        self.record("refused", **facts)

    def close(self) -> None:
        """Say that it ends and leave the head as it is then."""
        with suppress(OutputError):
            self.record("closed")
        self._write_head(self._now_s())
        os.close(self._opened)
        self._opened = -1  # what ends later than the log is not written to another file

    def _write_head(self, now_s: float) -> None:
        head = head_of(self._file)
        aside = head.with_name(head.name + ".new")
        try:
            aside.write_text(json.dumps([self._number, self._last]) + "\n")
            aside.replace(head)
        except OSError as e:
            raise OutputError(f"{head}: cannot be written: {e.strerror}") from e
        self._head_s = now_s


def _plain(value: object) -> object:
    """What JSON can say exactly."""
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value[:100]]
    if isinstance(value, float) and abs(value) < 2**53:
        return value
    text = str(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."

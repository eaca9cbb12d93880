"""Drives a text dialect's kernel over a file: big chunks in, blocks of Frames out, memory bounded by both."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renkei.can.frames import Frames
from renkei.can.logs.dialects import LONE_RETURN, TEXT, Dialect
from renkei.can.logs.kernels import scan
from renkei.can.logs.skipped import Skipped
from renkei.can.logs.source import Source
from renkei.errors import LogError

LONGEST_LINE = 1 << 20
SHOWN = 120
PAD = 16
"""Bytes after the last newline of a buffer: a kernel may look a few bytes ahead of the end of a line."""

LEAP_NS = 1_000_000_000
BOM = b"\xef\xbb\xbf"


def kernel_of(name: str) -> Any:
    """The kernel of a text dialect, by the name of its module."""
    return import_module(f"renkei.can.logs.kernels.{name}").kernel


class Columns:
    """Room for a block of frames while a kernel fills it."""

    def __init__(self, frames: int, width: int) -> None:
        self.t = np.empty(frames, np.int64)
        self.channel = np.empty(frames, np.uint8)
        self.id = np.empty(frames, np.uint32)
        self.length = np.empty(frames, np.uint8)
        self.data = np.empty((frames, width), np.uint8)

    def arrays(self) -> tuple[NDArray[Any], ...]:
        return self.t, self.channel, self.id, self.length, self.data

    def frames(self, n: int, channels: tuple[str, ...]) -> Frames:
        """The first n rows; copied when they are the smaller part, so that a short block does not hold a long one."""
        t, channel, id, length, data = (a[:n].copy() if 2 * n < len(a) else a[:n] for a in self.arrays())
        return Frames(t, channel, id, length, data, channels)


class Scanner:
    """A kernel with its state: takes buffers of whole lines, hands out Frames. Lives as long as one pass over a log."""

    def __init__(self, kernel: str, opt: NDArray[np.int64], frames: int) -> None:
        self._kernel, self._opt, self._room = kernel_of(kernel), opt, frames
        self.state = np.zeros(scan.STATE_SIZE, np.int64)
        self._names = np.zeros((scan.MAX_CHANNELS, 2), np.int64)
        self._width = 8
        self._columns = Columns(frames, self._width)
        self.first_skipped: Skipped | None = None

    def scan(self, buffer: bytearray, stop: int) -> Iterator[Frames]:
        """Blocks that are full, while reading the lines of buffer[:stop], of which the last byte is a newline."""
        view = np.frombuffer(buffer, np.uint8)
        at = 0
        while at < stop:
            at = self._kernel(view, at, stop, self._opt, self.state, self._names, *self._columns.arrays())
            self._keep_first_skipped(buffer)
            if self.state[scan.STATE_WIDE]:
                yield from self.flush()
                self._width, self.state[scan.STATE_WIDE] = 64, 0
                self._columns = Columns(self._room, self._width)
            elif self.state[scan.STATE_FRAMES] == self._room:
                yield from self.flush()

    def flush(self) -> Iterator[Frames]:
        """The frames read since the last block, if there are any."""
        n = int(self.state[scan.STATE_FRAMES])
        if n:
            block = self._columns.frames(n, self.channels())
            self.state[scan.STATE_FRAMES] = 0
            self._columns = Columns(self._room, self._width)
            yield block

    def channels(self) -> tuple[str, ...]:
        return tuple(_unpacked(*pair) for pair in self._names[: self.state[scan.STATE_NAMES]].tolist())

    def mostly_fails(self) -> bool:
        """Whether more lines failed than were understood."""
        seen, skipped, ignored = (int(self.state[k]) for k in (scan.STATE_SEEN, scan.STATE_SKIPPED, scan.STATE_IGNORED))
        return skipped > seen + ignored

    def _keep_first_skipped(self, buffer: bytearray) -> None:
        if self.first_skipped is None and self.state[scan.STATE_FIRST_LINE]:
            line, start, end, why = self.state[scan.STATE_FIRST_LINE : scan.STATE_FIRST_WHY + 1].tolist()
            text = bytes(buffer[start : min(end, start + 4 * SHOWN)]).decode("utf-8", "replace")
            self.first_skipped = Skipped(line, _printable(text)[:SHOWN], scan.REASONS[why])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).rstrip()


def _unpacked(low: int, high: int) -> str:
    """A channel name from its two packed words."""
    raw = (low % (1 << 64)).to_bytes(8, "big") + (high % (1 << 64)).to_bytes(8, "big")
    return raw.replace(b"\0", b"").decode("utf-8", "replace")


def options(decimals: int, shift_ns: int = 0, own: dict[int, int] | None = None) -> NDArray[np.int64]:
    """The `opt` vector of a kernel."""
    opt = np.zeros(scan.OPT_SIZE, np.int64)
    opt[scan.OPT_DECIMALS], opt[scan.OPT_SHIFT] = decimals, shift_ns
    for key, value in (own or {}).items():
        opt[key] = value
    return opt


def sample(head: bytes, dialect: Dialect, opt: NDArray[np.int64], frames: int = 4096) -> Frames:
    """The first frames among the whole lines of a log's head."""
    lines = _translated(_without_bom(head), dialect)
    whole = lines[: lines.rfind(b"\n") + 1] or lines + b"\n"
    scanner = Scanner(dialect.kernel, opt, frames)
    for block in scanner.scan(bytearray(whole + bytes(PAD)), len(whole)):
        return block
    for block in scanner.flush():
        return block
    return Columns(0, 8).frames(0, scanner.channels())


def _translated(raw: bytes, dialect: Dialect) -> bytes:
    return raw.translate(bytes.maketrans(*dialect.translate)) if dialect.translate else raw


def _without_bom(head: bytes) -> bytes:
    return b"   " + head[3:] if head.startswith(BOM) else head


class TextPass:
    """One pass over a text log; `position` and the scanner's state are valid while blocks are consumed."""

    def __init__(self, path: Path, dialect: Dialect, opt: NDArray[np.int64], frames: int, chunk: int) -> None:
        self.path, self._dialect, self._chunk = path, dialect, max(chunk, 16)
        self.scanner = Scanner(dialect.kernel, opt, frames)
        self.position = self._leaps = 0
        self._last_t: int | None = None

    @property
    def skipped(self) -> int:
        return int(self.scanner.state[scan.STATE_SKIPPED])

    @property
    def first_skipped(self) -> Skipped | None:
        return self.scanner.first_skipped

    @property
    def ignored(self) -> int:
        return int(self.scanner.state[scan.STATE_IGNORED])

    @property
    def noticed(self) -> tuple[str, ...]:
        wraps = int(self.scanner.state[scan.STATE_WRAPS])
        said = []
        if wraps:
            said.append(f"the clock passed midnight {wraps} times: a day was added each time")
        if self._leaps:
            said.append(f"times step back by more than 1 s at {self._leaps} places: kept as written")
        return tuple(said)

    def blocks(self) -> Iterator[Frames]:
        for block in self._blocks():
            self._count_leaps(block.t)
            yield block

    def _count_leaps(self, t: NDArray[np.int64]) -> None:
        """Steps back that no shuffling of buses explains: the logger restarted or its clock wrapped."""
        if self._last_t is not None and int(t[0]) < self._last_t - LEAP_NS:
            self._leaps += 1
        self._leaps += int(np.count_nonzero(t[1:] < t[:-1] - LEAP_NS))
        self._last_t = int(t[-1])

    def _blocks(self) -> Iterator[Frames]:
        with Source(self.path) as source:
            try:
                for buffer, stop in self._whole_lines(source):
                    yield from self.scanner.scan(buffer, stop)
            except LogError as error:
                yield from self.scanner.flush()
                raise LogError(f"{error}, {int(self.scanner.state[scan.STATE_LINE])} lines read") from error
        if self.scanner.mostly_fails():
            raise self._nothing_fits()
        yield from self.scanner.flush()

    def _whole_lines(self, source: Source) -> Iterator[tuple[bytearray, int]]:
        """(buffer, end of its last whole line), over and over; the incomplete last line is carried over."""
        buffer, carried = bytearray(self._chunk + PAD), 0
        while True:
            got = source.fill(memoryview(buffer)[carried:-PAD])
            self.position = source.position
            filled = carried + got
            if source.unpacked == got:
                buffer[:3] = _without_bom(bytes(buffer[:3]))
            if self._dialect.translate:
                buffer[carried:filled] = _translated(bytes(buffer[carried:filled]), self._dialect)
            self._end_lines(buffer, max(carried - 1, 0), filled)
            if not got:
                if filled:
                    buffer[filled] = scan.NEWLINE
                    yield buffer, filled + 1
                return
            stop = buffer.rfind(b"\n", 0, filled) + 1
            if stop:
                yield buffer, stop
            carried = filled - stop
            if carried == len(buffer) - PAD:
                buffer = self._grown(buffer)
            else:
                buffer[:carried] = buffer[stop:filled]

    @staticmethod
    def _end_lines(buffer: bytearray, start: int, stop: int) -> None:
        """Let lone carriage returns end lines; one in the last place waits for what follows."""
        returns = buffer.count(b"\r", start, stop)
        if returns and returns > buffer.count(b"\r\n", start, stop):
            buffer[start : stop - 1] = LONE_RETURN.sub(b"\n", bytes(buffer[start:stop]))[:-1]

    def _grown(self, buffer: bytearray) -> bytearray:
        """A buffer twice as long, for a line longer than the buffer."""
        if len(buffer) > max(LONGEST_LINE, self._chunk) + PAD:
            line = int(self.scanner.state[scan.STATE_LINE]) + 1
            raise LogError(f"{self.path}: line {line} is longer than {LONGEST_LINE} bytes, so this is no text log")
        return buffer + bytearray(len(buffer))

    def _nothing_fits(self) -> LogError:
        state, first = self.scanner.state, self.scanner.first_skipped
        at = f"; first line {first.line}: {first.reason}: {first.text!r}" if first else ""
        read = int(state[scan.STATE_SEEN] + state[scan.STATE_IGNORED])
        return LogError(f"{self.path}: {int(state[scan.STATE_SKIPPED])} lines cannot be read, only {read} can{at}")


def warm() -> None:
    """Compile every kernel, or load it from numba's cache."""
    for dialect in {dialect.kernel: dialect for dialect in TEXT}.values():
        sample(b"\n", dialect, options(0), frames=1)

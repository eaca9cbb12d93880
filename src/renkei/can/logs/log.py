"""A recording opened: what was found out about it, and its frames as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Protocol

from renkei.can.frames import Frames
from renkei.can.logs.dialects import HEAD, LONE_RETURN, Dialect, recognise, recognise_binary
from renkei.can.logs.skipped import Skipped
from renkei.can.logs.source import Source
from renkei.errors import LogError

BLOCK = 1 << 18
CHUNK = 4 << 20


class Pass(Protocol):
    """One pass over a log. All but `blocks` is valid as blocks are consumed."""

    position: int

    @property
    def skipped(self) -> int: ...
    @property
    def first_skipped(self) -> Skipped | None: ...
    @property
    def ignored(self) -> int: ...
    @property
    def noticed(self) -> tuple[str, ...]: ...
    def blocks(self) -> Iterator[Frames]: ...


class Log:
    """A recording of CAN traffic, found readable; nothing is kept of its frames.

    `dialect` is a key of DIALECTS. `time_base` is "utc" when times count from 1970, "boot" when they count from the
    log's own start. `time_unit` is the unit in which the log writes times; Frames are always in ns. `assumed` has a
    sentence for each thing that the log does not say itself. `start_text` is the start as the log writes it, in a time
    zone that it does not name. `size` is in bytes of the file.
    """

    def __init__(
        self,
        path: Path,
        dialect: str,
        timing: tuple[str, str],
        assumed: tuple[str, ...],
        start_text: str | None,
        begin: Callable[[int, int], Pass],
    ) -> None:
        self.path, self.dialect = path, dialect
        self.time_unit, self.time_base = timing
        self.start_text = start_text
        self.size = path.stat().st_size
        self._assumed, self._begin = assumed, begin
        self._pass: Pass | None = None

    def blocks(self, frames: int = BLOCK, *, chunk: int = CHUNK) -> Iterator[Frames]:
        """The data frames in file order, in blocks of at most `frames`; `chunk` bytes are read at a time.

        Channel indices mean the same in every block. Raises LogError when the file breaks off or most of its lines
        cannot be read, after having yielded what could be.
        """
        self._pass = self._begin(max(frames, 1), chunk)
        return self._pass.blocks()

    @property
    def assumed(self) -> tuple[str, ...]:
        return self._assumed + (self._pass.noticed if self._pass else ())

    @property
    def position(self) -> int:
        """Bytes of the file consumed by the latest pass over it; compressed bytes for gzip."""
        return self._pass.position if self._pass else 0

    @property
    def skipped(self) -> int:
        """Lines that the latest pass could not read."""
        return self._pass.skipped if self._pass else 0

    @property
    def first_skipped(self) -> Skipped | None:
        return self._pass.first_skipped if self._pass else None

    @property
    def ignored(self) -> int:
        """Remote frames, error frames and status rows of the latest pass: legal, but not data frames."""
        return self._pass.ignored if self._pass else 0


def open_log(path: str | PathLike[str], *, time_unit: str | None = None) -> Log:
    """Find out what a recording is by its content, gzipped or not; its name does not matter.

    `time_unit` (s, ms, us, ns) settles the unit where the log's times are bare numbers. Raises LogError when the file
    cannot be read, is no known dialect, or its dialect fixes another unit.
    """
    from renkei.can.logs.timing import check_unit

    check_unit(time_unit)
    path = Path(path)
    with Source(path) as source:
        head = source.read(HEAD)
    if not head:
        raise LogError(f"{path}: is empty, expected a recording")
    binary = recognise_binary(head)
    if binary:
        return _open_binary(path, binary, head, time_unit)
    head = LONE_RETURN.sub(b"\n", head)
    dialect = recognise(head)
    if dialect is None:
        raise LogError(f"{path}: no known log dialect; see 'renkei list dialects'")
    return _open_text(path, dialect, head, time_unit)


def _open_text(path: Path, dialect: Dialect, head: bytes, time_unit: str | None) -> Log:
    from renkei.can.logs import headers, text, timing

    facts = headers.facts(dialect, head)
    unit = facts.unit or dialect.unit
    # Bare numbers are sampled as written, to judge them by their size.
    raw = text.options(0 if dialect.bare else timing.DECIMALS.get(unit or "", 9), own=facts.opt)
    sample = text.sample(head, dialect, raw)
    if dialect.kernel == "screen" and timing.looks_delta(sample.t):
        facts = headers.delta(facts)
    found = timing.settle(path, dialect, facts.unit, sample, time_unit)
    opt = text.options(timing.DECIMALS.get(found.unit, 9), found.shift_ns, facts.opt)

    def begin(frames: int, chunk: int) -> Pass:
        return text.TextPass(path, dialect, opt, frames, chunk)

    assumed = (*found.assumed, *facts.assumed)
    return Log(path, dialect.name, (found.unit, found.base), assumed, facts.start_text, begin)


def _open_binary(path: Path, dialect: str, head: bytes, time_unit: str | None) -> Log:
    if time_unit:
        raise LogError(f"{path}: the times of {dialect} have a fixed unit, so time unit '{time_unit}' cannot be set")
    if dialect == "blf":
        from renkei.can.logs import blf

        return Log(path, "blf", ("ns", "boot"), (), blf.start_text(head), lambda frames, _: blf.BlfPass(path, frames))
    from renkei.can.logs import mf4

    with Source(path) as source:
        if source.gzipped:
            raise LogError(f"{path}: a gzipped MF4 cannot be streamed: unpack it first")
    start_ns, start_text = mf4.start(path)
    base = "boot" if start_text else "utc"
    return Log(path, "mf4", ("s", base), (), start_text, lambda frames, _: mf4.Mf4Pass(path, start_ns, frames))

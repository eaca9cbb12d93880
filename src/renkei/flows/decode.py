"""From recordings of a car to samples of its standard signals."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from renkei.can.columns import ColumnEngine
from renkei.can.frame_engine import Counts
from renkei.can.frames import Frames
from renkei.can.logs import Log, open_log
from renkei.can.plan import Plan, SetAside
from renkei.can.uds import Answers
from renkei.catalogue import Catalogue
from renkei.errors import InputError, LogError
from renkei.flows.buses import Buses
from renkei.flows.plans import plan_of
from renkei.recording import Samples
from renkei.vocabulary import Vocabulary

FOREIGN_SHARE = 0.1
"""A log of which less than this share is decoded is compared with the other cars of the catalogue."""

Progress = Callable[[int, int], None]
"""Called with the bytes read and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to decode. `buses`: the channel of a bus where it is not to be found out; `time_unit` overrides the log's."""

    buses: Mapping[str, str] = field(default_factory=dict)
    keep_personal: bool = False
    time_unit: str | None = None
    scratch: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What one log was and which channel was taken for which bus."""

    file: str
    dialect: str
    time_base: str
    time_unit: str
    start_text: str | None
    assumed: tuple[str, ...]
    channels: Mapping[str, str]
    unused_channels: tuple[str, ...]
    frames: int
    skipped: int
    first_skipped: str | None
    ignored: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What decoding found. `first_ns` and `last_ns` span the frames of all logs."""

    vehicle: str
    logs: tuple[LogSummary, ...]
    counts: Counts
    samples: int
    signals: tuple[str, ...]
    first_ns: int
    last_ns: int
    set_aside: tuple[SetAside, ...]

    @property
    def decoded_share(self) -> float:
        return self.counts.decoded / self.counts.frames if self.counts.frames else 0.0

    @property
    def metadata(self) -> dict[str, str]:
        """For the file's own metadata; `time_base` is `mixed` where the logs differ."""
        bases = {log.time_base for log in self.logs}
        return {
            "vehicle": self.vehicle,
            "time_base": bases.pop() if len(bases) == 1 else "mixed",
            "logs": json.dumps([{"file": Path(log.file).name, "dialect": log.dialect, "start": log.start_text,
                                 "assumed": log.assumed} for log in self.logs]),
            "writer": "renkei",
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        counts = asdict(self.counts)
        return {
            "vehicle": self.vehicle,
            "frames": counts.pop("frames"),
            "decoded_frames": counts.pop("decoded"),
            "decoded_share": round(self.decoded_share, 6),
            "failed_checksums": counts.pop("bad_checksum"),
            **counts,
            "samples": self.samples,
            "signals": list(self.signals),
            "span_s": (self.last_ns - self.first_ns) / 1e9,
            "logs": [asdict(log) for log in self.logs],
            "set_aside": [s._asdict() for s in self.set_aside],
        }


def decode_logs(
    paths: Sequence[str | Path],
    vehicle: str,
    catalogue: Catalogue,
    vocabulary: Vocabulary | None = None,
    options: Options | None = None,
) -> tuple[Samples, Summary]:
    """The samples of a vehicle in some logs, and what was found.

    Raises UnknownName for the vehicle, LogError for a log that cannot be read or is one of another car.
    """
    options = options or Options()
    if not paths:
        raise InputError("no log given")
    plan = plan_of(catalogue.vehicle(vehicle).map, vocabulary, keep_personal=options.keep_personal)
    run = _Run(plan, vehicle, options)
    try:
        for path in paths:
            run.take(path)
        summary = run.summary()
        if summary.decoded_share < FOREIGN_SHARE:
            _judge_foreign(paths, vehicle, summary, catalogue, vocabulary, options)
    except BaseException:
        run.samples.close()
        raise
    return run.samples, summary


class _Run:
    """One decoding of one car over several logs."""

    def __init__(self, plan: Plan, vehicle: str, options: Options) -> None:
        self.plan, self.options = plan, options
        self.samples = Samples(vehicle, scratch=options.scratch)
        self.counts = Counts()
        self.logs: list[LogSummary] = []
        self.first_ns, self.last_ns = 2**63 - 1, -(2**63)

    def take(self, path: str | Path) -> None:
        log = open_log(path, time_unit=self.options.time_unit)
        engine, answers = ColumnEngine(self.plan), Answers(self.plan)
        buses = Buses(self.plan, self.options.buses)
        channels: tuple[str, ...] = ()
        for frames in ahead(log.blocks()):
            channels = frames.channels
            carried = buses.of(frames)
            for column in (*engine.decode(frames, carried), *answers.decode(frames, carried)):
                self.samples.add(self.plan.vocabulary.signals[column.index].path, column)
            if len(frames):
                self.first_ns = min(self.first_ns, int(frames.t.min()))
                self.last_ns = max(self.last_ns, int(frames.t.max()))
            if self.options.progress:
                self.options.progress(log.position, log.size)
        self._judge(log, engine, channels)
        self._add(engine.counts)
        self._add(replace(answers.counts, frames=0))  # the frames of answers were counted above
        self.logs.append(_log_summary(log, engine.counts.frames, buses, channels))

    def _judge(self, log: Log, engine: ColumnEngine, channels: Sequence[str]) -> None:
        if not engine.counts.frames:
            raise LogError(f"{log.path}: no CAN frames in it")
        for bus, channel in self.options.buses.items():
            if channel not in channels:
                raise LogError(f"{log.path}: no channel '{channel}' for bus {bus}; it has {', '.join(channels)}")

    def _add(self, counts: Counts) -> None:
        for part in fields(Counts):
            setattr(self.counts, part.name, getattr(self.counts, part.name) + getattr(counts, part.name))

    def summary(self) -> Summary:
        return Summary(
            self.samples.vehicle, tuple(self.logs), self.counts, self.samples.count, tuple(self.samples.paths),
            self.first_ns, self.last_ns, self.plan.set_aside,
        )  # fmt: skip


def ahead(blocks: Iterator[Frames], depth: int = 1) -> Iterator[Frames]:
    """The same blocks, read in a thread of their own while the ones before are worked on."""
    ready: queue.Queue[Frames | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Frames | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for block in blocks:
                put(block)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as e:  # handed over to the thread that works on the blocks
            put(e)

    reader = threading.Thread(target=read, name="log reader", daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        reader.join()


def _log_summary(log: Log, frames: int, buses: Buses, channels: Sequence[str]) -> LogSummary:
    first = log.first_skipped
    used = buses.channels
    return LogSummary(
        str(log.path), log.dialect, log.time_base, log.time_unit, log.start_text, tuple(log.assumed), used,
        tuple(c for c in channels if c not in used.values()), frames, log.skipped,
        f"line {first[0]}: {first[2]}: {first[1]!r}" if first else None, log.ignored,
    )  # fmt: skip


def _judge_foreign(
    paths: Sequence[str | Path],
    vehicle: str,
    summary: Summary,
    catalogue: Catalogue,
    vocabulary: Vocabulary | None,
    options: Options,
) -> None:
    """Raise LogError when the logs are plainly those of another car: one of the catalogue explains far more of them."""
    log = open_log(paths[0], time_unit=options.time_unit)
    first = next(iter(log.blocks()))
    shares = {v: explained(first, plan_of(catalogue.vehicle(v).map, vocabulary)) for v in catalogue.vehicles}
    own, best = shares.pop(vehicle), max(shares, key=lambda v: shares[v])
    better = shares[best] > 3 * own and shares[best] > FOREIGN_SHARE
    if better or summary.counts.decoded == 0:
        share = f"{summary.decoded_share:.1%} of {summary.counts.frames:,} frames"
        text = f"{paths[0]}: almost nothing in it is from {vehicle}: {share}"
        raise LogError(text + (f"; {best} explains {shares[best]:.0%}" if better else "; no known vehicle fits better"))


def explained(frames: Frames, plan: Plan) -> float:
    """The share of frames that a plan knows and whose checksums hold."""
    engine = ColumnEngine(plan)
    engine.decode(frames, Buses(plan, {}).of(frames))
    good = engine.counts.decoded - engine.counts.bad_checksum - engine.counts.repeated
    return good / max(len(frames), 1)

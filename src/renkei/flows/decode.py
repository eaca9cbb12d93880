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
from renkei.can.tally import Carried, ChannelLoad
from renkei.can.uds import Answers
from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.buses import Buses, found
from renkei.flows.gist import Beginning
from renkei.flows.plans import plan_of
from renkei.flows.recognise import Car, car_of, must_be
from renkei.recording import Samples
from renkei.vehicle import Map
from renkei.vocabulary import Vocabulary

Progress = Callable[[int, int], None]
"""Called with the bytes read and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to decode. `buses`: the channel of a bus where it is not to be found out; `time_unit` overrides the log's.

    With `any_car`, logs are taken even where they look like those of another car.
    """

    buses: Mapping[str, str] = field(default_factory=dict)
    keep_personal: bool = False
    any_car: bool = False
    time_unit: str | None = None
    scratch: Path | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What one log was, which channel was taken for which bus, and what each bus of known bit rate carried."""

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
    first_ns: int
    last_ns: int
    loads: Mapping[str, ChannelLoad]


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
    def overlaps(self) -> list[tuple[str, str, float]]:
        """Two logs each that cover the same time, and for how many seconds; the longest first."""
        found = []
        for i, one in enumerate(self.logs):
            for other in self.logs[:i]:
                ns = min(one.last_ns, other.last_ns) - max(one.first_ns, other.first_ns)
                if ns > _OVERLAP_NS and one.time_base == other.time_base:
                    found.append((other.file, one.file, ns / 1e9))
        return sorted(found, key=lambda pair: -pair[2])

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
            "logs": [asdict(log) | {"loads": _rounded(log.loads)} for log in self.logs],
            "overlaps": [{"logs": [one, other], "seconds": s} for one, other, s in self.overlaps],
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
    if twice := next(
        (p for i, p in enumerate(paths) if Path(p).resolve() in {Path(q).resolve() for q in paths[:i]}), None
    ):
        raise InputError(f"{twice}: given twice")
    map_ = catalogue.vehicle(vehicle).map
    plan = plan_of(map_, vocabulary, keep_personal=options.keep_personal)
    run = _Run(plan, map_, None if options.any_car else car_of(catalogue, vehicle), vehicle, options)
    try:
        for path in paths:
            run.take(path)
    except BaseException:
        run.samples.close()
        raise
    return run.samples, run.summary()


_OVERLAP_NS = 1_000_000_000
"""Loggers write the frames of their channels a little out of order; parts of one log overlap by moments."""
_NEVER = 2**63 - 1, -(2**63)
"""First and last time of no frames at all."""


class _Run:
    """One decoding of one car over several logs."""

    def __init__(self, plan: Plan, map_: Map, car: Car | None, vehicle: str, options: Options) -> None:
        self.plan, self.map, self.car, self.options = plan, map_, car, options
        self.samples = Samples(vehicle, scratch=options.scratch)
        self.counts = Counts()
        self.logs: list[LogSummary] = []
        self.first_ns, self.last_ns = _NEVER

    def take(self, path: str | Path) -> None:
        log = open_log(path, time_unit=self.options.time_unit)
        beginning = Beginning(ahead(log.blocks()))
        buses = found(beginning, self.plan, self.options.buses)
        must_be(self.car, log, beginning, buses)
        engine, answers, carried_bits = ColumnEngine(self.plan), Answers(self.plan), Carried()
        channels: tuple[str, ...] = ()
        first_ns, last_ns = _NEVER
        for frames in beginning.blocks():
            channels = frames.channels
            carried = buses.of(frames)
            for column in (*engine.decode(frames, carried), *answers.decode(frames, carried)):
                self.samples.add(self.plan.vocabulary.signals[column.index].path, column)
            carried_bits.add(frames)
            if len(frames):
                first_ns, last_ns = min(first_ns, int(frames.t.min())), max(last_ns, int(frames.t.max()))
            if self.options.progress:
                self.options.progress(log.position, log.size)
        self._add(engine.counts)
        self._add(replace(answers.counts, frames=0))  # the frames of answers were counted above
        self.first_ns, self.last_ns = min(self.first_ns, first_ns), max(self.last_ns, last_ns)
        loads = self._loads(carried_bits, buses, channels)
        self.logs.append(_log_summary(log, engine.counts.frames, buses, channels, (first_ns, last_ns), loads))

    def _loads(self, carried: Carried, buses: Buses, channels: Sequence[str]) -> dict[str, ChannelLoad]:
        """Those of buses of known bit rate whose channel was recorded for a second or more."""
        found: dict[str, ChannelLoad] = {}
        for bus, channel in buses.channels.items():
            bitrate = self.map.buses[bus].bitrate
            if bitrate and channel in channels and (load := carried.load(channels.index(channel), bitrate)):
                found[bus] = load
        return found

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


def _rounded(loads: Mapping[str, ChannelLoad]) -> dict[str, dict[str, float]]:
    return {bus: {name: round(share, 4) for name, share in load._asdict().items()} for bus, load in loads.items()}


def _log_summary(
    log: Log,
    frames: int,
    buses: Buses,
    channels: Sequence[str],
    span_ns: tuple[int, int],
    loads: Mapping[str, ChannelLoad],
) -> LogSummary:
    first = log.first_skipped
    used = buses.channels
    return LogSummary(
        str(log.path), log.dialect, log.time_base, log.time_unit, log.start_text, tuple(log.assumed), used,
        tuple(c for c in channels if c not in used.values()), frames, log.skipped,
        f"line {first[0]}: {first[2]}: {first[1]!r}" if first else None, log.ignored, *span_ns, loads,
    )  # fmt: skip

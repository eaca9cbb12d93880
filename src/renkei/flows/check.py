"""Judges a catalogue: every file, every row, every round trip from values to frames and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renkei.can.columns import ColumnEngine
from renkei.can.encode import put, raw_of, with_raws
from renkei.can.frame_engine import FrameEngine, Pair
from renkei.can.frames import Frames
from renkei.can.plan import Plan, PlanMessage, PlanRow
from renkei.can.uds import column_of
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, InputError, RenkeiError, ValueRefused, clipped
from renkei.flows.check_parts import check_aids, check_parts, check_standards, check_thing
from renkei.flows.judge_app import chosen_app
from renkei.flows.plans import database, plan_of
from renkei.flows.unread import is_note, unread
from renkei.parts import Part
from renkei.samples import INVALID, Column
from renkei.vehicle import Map
from renkei.vocabulary import builtin

_STEP_NS = 10_000_000_000
"""Between test frames: longer than any counter takes to turn."""


class Fault(NamedTuple):
    file: str
    key: str
    what: str


@dataclass
class Report:
    makers: int = 0
    vehicles: int = 0
    parts: int = 0
    standards: int = 0
    maps: int = 0
    rows: int = 0
    round_trips: int = 0
    faults: tuple[Fault, ...] = ()


def check(catalogue: Catalogue, *, only_private: bool = False) -> Report:
    """Every fault of the catalogue, or of the private part of it alone; each once, however many vehicles meet it."""
    report, faults = Report(), list[Fault]()
    for maker in catalogue.makers:
        if only_private and not any((folder / "makers" / maker).is_dir() for folder in catalogue.private):
            continue
        report.makers += 1
        faults += _check_maker(catalogue, maker, report)
    faults += (Fault(str(file), "", what) for file, what in unread(catalogue))
    report.standards = len(catalogue.standards)
    faults += (Fault(*place) for place in check_standards(catalogue))
    faults += (Fault(*place) for place in check_aids(catalogue))
    for app in catalogue.apps:
        faults += _check_app(catalogue, app)
    report.faults = tuple(dict.fromkeys(faults))
    return report


def _check_app(catalogue: Catalogue, app: str) -> list[Fault]:
    try:
        chosen_app(catalogue, app)
    except RenkeiError as e:
        return _told(e, None)
    return []


def _check_maker(catalogue: Catalogue, maker: str, report: Report) -> Iterator[Fault]:
    try:
        known = catalogue.maker(maker)
    except RenkeiError as e:
        yield from _told(e, catalogue.file(maker, "maker.toml"))
        return
    maps: list[Map] = []
    for name in catalogue.maps(maker):
        try:
            maps.append(catalogue.map(maker, name))
        except RenkeiError as e:
            yield from _told(e, catalogue.file(maker, f"maps/{name}.toml"))
    used = {file for map_ in maps for bus in map_.buses.values() for file in bus.dbc}
    own = {folder / "makers" / maker / "can" for folder in catalogue.private}
    private = {file for file in catalogue.private_files() if file.parent in own and not is_note(file)}
    broken: set[Path] = set()
    for file in sorted(used | private):
        try:
            yield from (Fault(str(file), f"line {r.line}", f"{r.action}: {r.what}") for r in database(file).repairs)
        except RenkeiError as e:
            broken.add(file)
            yield from _told(e, file)
        if file in used and f"can/{file.name}" not in known.files:
            yield Fault(str(known.file), f"files.can/{file.name}", "the origin and licence of this file are not stated")
        elif file not in used and len(maps) == len(catalogue.maps(maker)):
            yield Fault(str(file), "", "no map of this maker names this file")
    for map_ in maps:
        if broken.isdisjoint(file for bus in map_.buses.values() for file in bus.dbc):
            yield from _check_plan(map_, report)
    yield from _check_vehicles(catalogue, maker, report)
    for found in check_parts(catalogue, maker):
        if isinstance(found, Part):
            report.parts += 1
        else:
            yield Fault(*found)


def _told(e: RenkeiError, file: Path | None) -> list[Fault]:
    """All that an error says; `file` where it does not say which."""
    if isinstance(e, CatalogueError):
        return [Fault(each.file, each.key, each.what) for each in (e, *e.others)]
    return [Fault(str(file or ""), "", str(e).removeprefix(f"{file}: "))]


def _check_vehicles(catalogue: Catalogue, maker: str, report: Report) -> Iterator[Fault]:
    for id_ in (v for v in catalogue.vehicles if v.startswith(f"{maker}/")):
        file = catalogue.file(maker, f"vehicles/{id_.split('/')[1]}.toml")
        try:
            vehicle = catalogue.vehicle(id_)
        except RenkeiError as e:
            yield from _told(e, file)
            continue
        report.vehicles += 1
        yield from (Fault(*place) for place in check_thing(catalogue, vehicle))
        for path, fact in vehicle.attributes.items():
            try:
                if builtin()[path].kind != "attribute":
                    raise InputError(f"{path} is a {builtin()[path].kind}, not an attribute")
                builtin()[path].check(fact.value)
            except RenkeiError as e:
                yield Fault(str(file), f"attributes.{path}", str(e).removeprefix(f"{path}: "))


def _check_plan(map_: Map, report: Report) -> Iterator[Fault]:
    try:
        plan = plan_of(map_, keep_personal=True)
    except RenkeiError as e:
        yield from _told(e, map_.file)
        return
    report.maps += 1
    yield from _check_map(map_, plan, report)
    commands = tuple(replace(row, command=False) for row in map_.rows if row.command)
    if commands:  # they are only ever sent; here they go out and come back as any row
        yield from _check_map(map_, plan_of(replace(map_, rows=commands), keep_personal=True), report)


def _check_map(map_: Map, plan: Plan, report: Report) -> Iterator[Fault]:
    report.rows += len(plan.rows)
    together = _TestFrames(plan)
    tried = [together]
    for message, row in ((m, row) for m in plan.messages for row in m.rows):
        frames = together
        if row.row.backup:  # it speaks only in a car that nobody has heard yet
            frames = _TestFrames(plan)
            tried.append(frames)
        carried = sum(frames.try_raw(message, row, raw) for raw in _raws(row))
        if not carried:
            what = f"no raw value of {row.row.message} gives a value"
            yield _of_row(map_, row.signal.path, what)
        report.round_trips += carried
    for answer, row in ((a, row) for a in plan.answers for row in a.rows):
        report.round_trips += together.try_answer(answer, row)
    for frames in tried:
        yield from (_of_row(map_, path, what) for path, what in frames.faults())


def _of_row(map_: Map, path: str, what: str) -> Fault:
    key = f"signals.{path}"
    return Fault(str(map_.said_in.get(key, map_.file)), key, what)


class _TestFrames:
    """Frames made from a plan, and what the per-frame engine makes of them, to be held against the columnar one."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.engine = plan, FrameEngine(plan)
        self.sent: list[tuple[str, int, bytes, int]] = []
        self.got: dict[int, list[tuple[int, Any]]] = {}
        self.counts: dict[int, int] = {}
        self.wrong: list[tuple[str, str]] = []

    def try_raw(self, message: PlanMessage, row: PlanRow, raw: Any) -> bool:
        """Send a raw value and, if it means a value, that value again; True if it did."""
        self._latch(row)
        value = self._value(row, self._send(message, row, raw))
        if value is None or value is INVALID:
            return False
        try:
            again = raw_of(row, value)
        except ValueRefused as e:
            self.wrong.append((row.signal.path, f"raw {raw} decodes to {clipped(value)}, which cannot be encoded: {e}"))
            return True
        back = self._value(row, self._send(message, row, again))
        if back != value:
            self.wrong.append(
                (row.signal.path, f"{clipped(value)} goes out as raw {again} and comes back as {clipped(back)}")
            )
        return True

    def try_answer(self, answer: PlanMessage, row: PlanRow) -> bool:
        """A whole answer with zeros in it decodes to something, if only to "not available"."""
        length = max(answer.lengths, default=row.field.end + row.elements * row.field.length // 8 + 1)
        data = bytearray(answer.prefix.ljust(length, b"\0"))
        for test in row.when:
            if test.field is not None:
                put(data, test.field, test.ranges[0][0])
        pairs = self.engine.decode_answer(answer.bus, answer.id, bytes(data))
        if not any(index == row.index for index, _ in pairs):
            self.wrong.append((row.signal.path, f"an answer {answer.name} of {length} bytes does not carry it"))
        return True

    def faults(self) -> Iterator[tuple[str, str]]:
        """What went wrong on the way, and where the two engines differ."""
        yield from self.wrong
        by_columns: dict[int, list[Sample]] = {}
        frames = _frames(self.sent, self.plan.buses)
        for column in ColumnEngine(self.plan).decode(frames, [(bus,) for bus in self.plan.buses]):
            by_columns.setdefault(column.index, []).extend(samples_of(column))
        for index in sorted(by_columns.keys() | self.got.keys()):
            by_frame = samples_of(column_of(index, self.got.get(index, [])))
            if sorted(by_frame, key=str) != sorted(by_columns.get(index, []), key=str):
                yield self.plan.vocabulary.signals[index].path, "the per-frame and the columnar engine differ"

    def _latch(self, row: PlanRow) -> None:
        """Send what the conditions on other messages wait for."""
        for test in (t for t in row.when if t.field is None):
            for m in self.plan.messages:
                for latch in (x for x in m.latches if x.number == test.latch):
                    data = bytearray(m.length)
                    put(data, latch.field, test.ranges[0][0])
                    self._out(m, with_raws(m, {}, base=bytes(data), count=self._count(m)))

    def _send(self, message: PlanMessage, row: PlanRow, raw: Any) -> list[Pair]:
        return self._out(message, with_raws(message, {row: raw}, count=self._count(message)))

    def _out(self, message: PlanMessage, data: bytes) -> list[Pair]:
        t = (len(self.sent) + 1) * _STEP_NS
        self.sent.append((message.bus, message.id, data, t))
        pairs = self.engine.decode(message.bus, message.id, data, t)
        for index, value in pairs:
            self.got.setdefault(index, []).append((t, value))
        return pairs

    def _count(self, message: PlanMessage) -> int:
        self.counts[message.number] = self.counts.get(message.number, -1) + 1
        return self.counts[message.number]

    def _value(self, row: PlanRow, pairs: list[Pair]) -> Any:
        if row.array >= 0:
            gathered = self.engine.memory.arrays[row.array]
            return gathered.values[row.element]
        return next((value for index, value in pairs if index == row.index), None)


Sample = tuple[int, float | str | None, int]


def samples_of(column: Column) -> list[Sample]:
    """Time, value (None where there is none) and quality of each sample."""
    texts = column.texts
    samples: list[Sample] = []
    for t, value, quality in zip(column.t.tolist(), column.value.tolist(), column.quality.tolist(), strict=True):
        meant = None if quality else value if texts is None else texts[int(value)]
        samples.append((t, meant, quality))
    return samples


def _raws(row: PlanRow) -> list[Any]:
    """Raw values worth trying, as far as the conditions of the row allow them: ends, middle, what a table names."""
    if row.field.is_float:
        return [0.0, 1.0, -1.5, 100.25]
    low, high = row.field.raws
    spread = {low + (high - low) * k // 7 for k in range(8)} | {low, low + 1, high - 1, high, 0, 1}
    named = sorted(row.table)[:64] if row.table is not None else []
    own = [test.ranges for test in row.when if test.field == row.field]
    tried = {raw for raw in (*spread, *named) if low <= raw <= high}
    return sorted(raw for raw in tried if all(any(a <= raw <= b for a, b in ranges) for ranges in own))


def _frames(sent: list[tuple[str, int, bytes, int]], buses: tuple[str, ...]) -> Frames:
    width = 64 if any(len(data) > 8 for _, _, data, _ in sent) else 8
    data = np.zeros((len(sent), width), np.uint8)
    for k, (_, _, payload, _) in enumerate(sent):
        data[k, : len(payload)] = np.frombuffer(payload, np.uint8)
    return Frames(
        np.array([t for *_, t in sent], np.int64),
        np.array([buses.index(bus) for bus, *_ in sent], np.uint8),
        np.array([id_ for _, id_, *_ in sent], np.uint32),
        np.array([len(payload) for _, _, payload, _ in sent], np.uint8),
        data,
        buses,
    )

"""Entries of a map file become the nouns of vehicle.py; what needs the rest of the file to be judged is judged here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from renkei.catalogue.maker_files import RawSpan, RowTable, UdsTable
from renkei.errors import CatalogueError, Mistakes, nearest
from renkei.vehicle import Bus, Condition, Maker, Ranges, Row, Source, UdsAnswer, UdsSignal
from renkei.vocabulary import Value

_EXTENDED = 0x8000_0000  # set in identifiers of 29 bits, as in a DBC file
_HIGHEST_BASE_ID = 0x7FF


def known_sources(file: Path, key: str, used: Iterable[str], known: Mapping[str, Source]) -> None:
    mistakes = Mistakes()
    for source in used:
        with mistakes.gathered():
            if source not in known:
                near = nearest(source, known)
                raise CatalogueError(file, key, expected="a source of maker.toml", got=source, near=near)
    mistakes.tell()


def bus_and_name(file: Path, section: str, key: str, buses: Mapping[str, Bus]) -> tuple[str, str]:
    bus, _, name = key.partition(".")
    if bus not in buses or not name:
        near = nearest(bus, buses)
        raise CatalogueError(file, f"{section}.{key}", expected="BUS.MESSAGE with a bus of [buses]", got=key, near=near)
    return bus, name


def uds_answer(file: Path, bus: str, name: str, read: UdsTable) -> UdsAnswer:
    key = f"uds.{bus}.{name}"
    prefix = bytes([read.service + 0x40])  # a positive answer repeats the service with 0x40 added
    if read.identifier is not None:
        wide = read.service == 0x22 or read.identifier > 0xFF
        prefix += read.identifier.to_bytes(2 if wide else 1, "big")
    signals = {
        n: UdsSignal(s.start, s.length, s.signed, s.scale, s.offset, s.unit, s.count) for n, s in read.signals.items()
    }
    for n, s in signals.items():
        end = s.start + s.length * (s.elements or 1)
        if s.start < 8 * len(prefix) or end > 8 * 4095:
            raise CatalogueError(
                file, f"{key}.signals.{n}", expected=f"bits from {8 * len(prefix)} to {8 * 4095}", got=s.start
            )
    return UdsAnswer(
        bus, name, _id(read.request), _id(read.response), prefix, tuple(read.lengths), signals, read.every_ms
    )


def _id(identifier: int) -> int:
    return identifier | _EXTENDED if identifier > _HIGHEST_BASE_ID else identifier


def row_of(file: Path, path: str, read: RowTable, buses: Mapping[str, Bus], maker: Maker) -> Row:
    key, mistakes = f"signals.{path}", Mistakes()
    bus, message, signal = read.from_.split(".")
    with mistakes.gathered():
        if bus not in buses:
            raise CatalogueError(file, f"{key}.from", expected="a bus of [buses]", got=bus, near=nearest(bus, buses))
    with mistakes.gathered():
        known_sources(file, f"{key}.source", read.source, maker.sources)
    values = None
    with mistakes.gathered():
        values = _values(file, key, read)
    conditions: dict[str, list[Condition]] = {"when": [], "unless": []}
    for name, found in conditions.items():
        for each, raws in getattr(read, name).items():
            with mistakes.gathered():
                found.append(_condition(file, f"{key}.{name}", (bus, message), each, raws))
    mistakes.tell()
    return Row(
        path, bus, message, signal, tuple(read.source), read.confidence, read.note, read.scale, read.offset, read.unit,
        values, read.other, _spans(read.invalid), tuple(conditions["when"]), tuple(conditions["unless"]), read.element,
        read.personal, read.plus, read.backup, read.role == "command",
    )  # fmt: skip


def _values(file: Path, key: str, read: RowTable) -> dict[int, Value] | None:
    if read.values is None:
        if read.other is not None:
            raise CatalogueError(file, f"{key}.other", expected="only beside values", got=read.other)
        return None
    given = {"scale", "offset", "unit"} & read.model_fields_set
    if given:
        raise CatalogueError(
            file, f"{key}.{min(given)}", expected="nothing beside values", got=getattr(read, min(given))
        )
    values: dict[int, Value] = {}
    for text, value in read.values.items():
        try:
            raw = int(text, 0)
        except ValueError:
            raise CatalogueError(file, f"{key}.values", expected="raw integers as keys", got=text) from None
        if raw in values:
            raise CatalogueError(file, f"{key}.values", expected="every raw value once", got=text)
        values[raw] = value
    return values


def _condition(file: Path, key: str, own: tuple[str, str], name: str, raws: Iterable[RawSpan]) -> Condition:
    parts = name.split(".")
    if len(parts) not in (1, 3):
        raise CatalogueError(file, key, expected="SIGNAL or BUS.MESSAGE.SIGNAL", got=name)
    bus, message = own if len(parts) == 1 else (parts[0], parts[1])
    return Condition(bus, message, parts[-1], _spans(raws))


def _spans(given: Iterable[RawSpan]) -> Ranges:
    return tuple((s, s) if isinstance(s, int) else (s[0], s[1]) for s in given)

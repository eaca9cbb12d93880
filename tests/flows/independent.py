"""A decoder that shares nothing with renkei: bits by cantools, all else read from the map's TOML in a few lines.

It knows what docs/maps.md says and is as slow as it is plain. Checksums, counters, arrays and answers on diagnostics
are not in it: the maps that it is used with have none but the one checksum below.
"""

from __future__ import annotations

import csv
import gzip
import json
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cantools
import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
OVERLAY = ROOT / "src/renkei/data/vocabulary/overlay.csv"
UNITS = {("km", "m"): Fraction(1000), ("mile", "m"): Fraction("1609.344"), ("Celsius", "celsius"): Fraction(1)}


def shared(name: str) -> Path:
    """A file of the shared data, or a skipped test."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared file {name} is absent")
    return path


class Sample(NamedTuple):
    signal: str
    t_ns: int
    value: Fraction | str | None
    quality: str


class Frame(NamedTuple):
    t_ns: int
    channel: str
    id: int
    data: bytes


def frames(log: Path) -> Iterator[Frame]:
    """The frames of a candump log."""
    with gzip.open(log, "rt") if log.suffix == ".gz" else log.open() as lines:
        for line in lines:
            time, channel, frame = line.split()
            id_, data = frame.split("#")
            yield Frame(int(Decimal(time.strip("()")) * 10**9), channel, int(id_, 16), bytes.fromhex(data))


def decoded(log: Path, map_file: Path, buses: dict[str, str]) -> Iterator[Sample]:
    """Samples of a candump log through a map; `buses` names the channel of each bus."""
    text = tomllib.loads(map_file.read_text())
    messages = {
        (bus, m.name): m
        for bus, listed in text["buses"].items()
        for dbc in listed["dbc"]
        for m in cantools.database.load_file(map_file.parents[1] / "can" / dbc, strict=False).messages
    }
    datatypes, rows = _datatypes(), _rows(text["signals"])
    wanted = {name.rsplit(".", 1)[0] for _, row in rows for name in (row["from"], *row["when"], *row["unless"])}
    by_id = {(buses[b], m.frame_id): (b, m) for (b, name), m in messages.items() if f"{b}.{name}" in wanted}
    last: dict[str, int] = {}
    heard: set[str] = set()
    for frame in frames(log):
        bus, message = by_id.get((frame.channel, frame.id), (None, None))
        if message is None or len(frame.data) < message.length:
            continue
        name = f"{bus}.{message.name}"
        data = frame.data[: message.length]
        last |= {f"{name}.{s}": raw for s, raw in message.decode(data, decode_choices=False, scaling=False).items()}
        good = text.get("messages", {}).get(name, {}).get("checksum") is None or _sum_holds(frame.id, data)
        heard |= {name} if good else set()
        for path, row in rows:
            if row["from"].rsplit(".", 1)[0] == name and _all_hold(row["when"], last) and not heard & row["waits"]:
                sample = _sample(row, message, last, datatypes[path]) if good else (None, "invalid")
                yield Sample(path, frame.t_ns, *sample)


def _rows(signals: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Path and row, with conditions by full names and, as `waits`, the messages that silence a backup."""
    rows = []
    for path, given in signals.items():
        several = given if isinstance(given, list) else [given]
        first = {row["from"].rsplit(".", 1)[0] for row in several if not row.get("backup")}
        for row in several:
            message = row["from"].rsplit(".", 1)[0]
            full: dict[str, Any] = {"waits": first if row.get("backup") else set()}
            for k in ("when", "unless"):
                full[k] = {n if n.count(".") == 2 else f"{message}.{n}": v for n, v in row.get(k, {}).items()}
            rows.append((path, row | full))
    return rows


def _sample(row: dict[str, Any], message: Any, last: dict[str, int], datatype: tuple[str, str]) -> tuple[Any, str]:
    raw = last[row["from"]]
    if any(_within(last[name], spans) for name, spans in row["unless"].items()) or _within(raw, row.get("invalid", [])):
        return None, "not_available"
    if "values" in row:
        meant = {int(key, 0): value for key, value in row["values"].items()}.get(raw, row.get("other"))
        value = meant if meant is None or isinstance(meant, str) else Fraction(meant)
        return value, "not_available" if meant is None else "ok"
    if datatype[0] == "boolean":
        return Fraction(raw != 0), "ok"
    signal = message.get_signal_by_name(row["from"].rsplit(".", 1)[1])
    physical = _physical(signal, raw)
    if "plus" in row:
        second = message.get_signal_by_name(row["plus"])
        physical += _physical(second, last[f"{row['from'].rsplit('.', 1)[0]}.{row['plus']}"])
    value = physical * _exact(row.get("scale", 1)) + _exact(row.get("offset", 0))
    stated = row.get("unit", signal.unit)
    return value * (
        1 if stated == datatype[1] else UNITS.get((stated, datatype[1]), 0) or _unit(stated, datatype)
    ), "ok"


def _unit(stated: str, datatype: tuple[str, str]) -> int:
    assert {stated, datatype[1]} <= {"Celsius", "celsius"}, f"no conversion from {stated} to {datatype[1]}"
    return 1


def _physical(signal: Any, raw: int) -> Fraction:
    return raw * _exact(signal.scale) + _exact(signal.offset)


def _exact(number: float) -> Fraction:
    return Fraction(str(number))


def _within(raw: int, spans: Any) -> bool:
    listed = spans if isinstance(spans, list) else [spans]
    return any(s[0] <= raw <= s[1] if isinstance(s, list) else raw == s for s in listed)


def _all_hold(conditions: dict[str, Any], last: dict[str, int]) -> bool:
    return all(name in last and _within(last[name], spans) for name, spans in conditions.items())


def _sum_holds(id_: int, data: bytes) -> bool:
    """`id-length-byte-sum`, the one checksum of these maps."""
    return (id_ >> 8) + (id_ & 0xFF) + len(data) + sum(data[:-1]) & 0xFF == data[-1]


def _datatypes() -> dict[str, tuple[str, str]]:
    """Datatype and unit of each leaf of VSS 6.0 and of renkei's overlay."""
    leaves: dict[str, tuple[str, str]] = {}

    def walk(path: str, node: dict[str, Any]) -> None:
        if "datatype" in node:
            leaves[path] = (node["datatype"], node.get("unit", ""))
        for name, child in node.get("children", {}).items():
            walk(f"{path}.{name}", child)

    walk("Vehicle", json.loads(shared("vss/vss_6.0.json").read_text())["Vehicle"])
    with OVERLAY.open(encoding="utf-8", newline="") as lines:
        leaves |= {row["path"]: (row["datatype"], row["unit"]) for row in csv.DictReader(lines)}
    return leaves

"""OBDb signal sets, which say how to ask a car on diagnostics and how to read what it answers, as maps.

A signal becomes a row where its set says which quantity it is and this has a path in VSS. All else is set aside with
the reason: what a signal set leaves open is not guessed.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from renkei.errors import InputError
from renkei.flows.adopted_files import Adopted, faults, free_folder, ids, staged, text, toml, write_maker, write_vehicle
from renkei.units import conversion
from renkei.vocabulary import Signal, builtin

BUS = "diagnostics"
_MOST_BITS = 64
_LEAST_MS = 100
_TESTER = "F1"
_SERVICES = {"21": 2, "22": 4}
"""Services that are imported, and how many hex digits follow."""
_CLOSE = 0.01
"""Signal sets round their limits."""


class Reading(NamedTuple):
    """value = raw × scale + offset."""

    scale: float
    offset: float


@dataclass(frozen=True, slots=True)
class _Question:
    """A command of a set: `keys` as a map writes them, `prefix_bits` of its answer before the data."""

    keys: Mapping[str, Any]
    prefix_bits: int


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("renkei") / "data/vocabulary/signalsets.toml").read_text(encoding="utf-8"))


def is_signalset(file: Path) -> bool:
    """Whether a JSON file looks like a signal set; a file that cannot be read does not."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and isinstance(content.get("commands"), list)


def adopt_signalset(file: Path, vehicle: str, out: Path, *, year: int | None = None, licence: str = "") -> Adopted:
    """Write the signal set in `file` into the private catalogue `out`, as the map of `vehicle` (`MAKER/ID`).

    Of what holds for some model years only, that of `year` is taken. `licence` is what maker.toml states of the set.
    Raises InputError for a file that is no signal set or none of whose signals can be imported, and OutputError; then
    nothing was written.
    """
    maker, name = ids(vehicle)
    uds, rows, aside = _read(file, year)
    free_folder(out, maker, name)
    if not rows:
        why = f"; {aside[0][0]}: {aside[0][1]}" if aside else ""
        raise InputError(f"{file}: none of its signals can be imported{why}")
    with staged(out, maker) as folder:
        source = write_maker(
            folder, out, f"signalset-{name}", f"OBDb signal set, {file.name}", file.name, licence or "not stated"
        )
        written = folder / "maps" / f"{name}.toml"
        write_vehicle(folder / "vehicles" / f"{name}.toml", vehicle, name)
        _write_map(written, source, uds, rows)
        wrong = faults(folder, written, file)
        if wrong:
            rows = {path: row for path, row in rows.items() if path not in wrong}
            if not rows:
                raise InputError(f"{file}: none of its signals can be imported; {': '.join(min(wrong.items()))}")
            _write_map(written, source, uds, rows)
    parts = ("maker.toml", f"maps/{name}.toml", f"vehicles/{name}.toml")
    places = tuple(out / "makers" / maker / part for part in parts)
    return Adopted(vehicle, len(rows), tuple(sorted([*aside, *wrong.items()])), places)


_Uds = dict[str, tuple[_Question, dict[str, dict[str, Any]]]]
_Aside = list[tuple[str, str]]


def _read(file: Path, year: int | None) -> tuple[_Uds, dict[str, dict[str, Any]], _Aside]:
    """Answers by name with their signals, rows by path, and what is set aside by the id of the signal."""
    uds: _Uds = {}
    rows: dict[str, dict[str, Any]] = {}
    aside: _Aside = []
    for command, signal in _signals(file):
        id_ = str(signal.get("id"))[:100]
        try:
            if not re.fullmatch(r"\w+", id_, re.A):
                raise InputError("its id is not made of letters, digits and _")
            path = _path(signal)
            question = _question(command, year)
            bits, row = _bits_and_row(signal, builtin()[path], question)
            if path in rows:
                raise InputError(f"{path} comes from {rows[path]['from'].rsplit('.', 1)[1]} already")
        except InputError as e:
            aside.append((id_, str(e)))
            continue
        answer = f"Q_{_cmd(command)[0]}_{_cmd(command)[1]}_{command['hdr']}".upper()
        uds.setdefault(answer, (question, {}))[1][id_] = bits
        rows[path] = {"from": f"{BUS}.{answer}.{id_}", **row}
    return uds, rows, aside


def _signals(file: Path) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each signal with its command. Raises InputError for what is no signal set."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise InputError(f"{file}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"{file}: expected a signal set in JSON: {e}") from e
    commands = content.get("commands") if isinstance(content, dict) else None
    if not isinstance(commands, list) or not all(isinstance(c, dict) for c in commands):
        raise InputError(f"{file}: expected a signal set, an object with a list of commands")
    for command in commands:
        signals = command.get("signals")
        for signal in signals if isinstance(signals, list) else ():
            if not isinstance(signal, dict):
                raise InputError(f"{file}: commands: expected signals that are objects")
            yield command, signal


def _path(signal: Mapping[str, Any]) -> str:
    metric = signal.get("suggestedMetric")
    if not isinstance(metric, str):
        raise InputError("has no suggestedMetric, so that nothing says which signal of VSS it is")
    if metric in (unclear := _words()["unclear"]):
        raise InputError(unclear[metric])
    if metric not in _words()["metrics"]:
        raise InputError(f"no signal of VSS is known for the metric {metric[:60]!r}")
    return _words()["metrics"][metric]


def _cmd(command: Mapping[str, Any]) -> tuple[str, str]:
    """Service and identifier as hex digits."""
    asked = command.get("cmd")
    for service, digits in _SERVICES.items():
        if isinstance(asked, dict) and asked.keys() == {service} and _hex(asked[service], digits):
            return service, str(asked[service])
    raise InputError(f"its command is none of services 21 and 22: {str(asked)[:40]}")


def _question(command: Mapping[str, Any], year: int | None) -> _Question:
    for key, why in _BEYOND.items():
        if key in command:
            raise InputError(why)
    _judge_year(command.get("filter"), year)
    service, identifier = _cmd(command)
    request, response = _identifiers(command.get("hdr"), command.get("rax"), command.get("pri", "18"))
    keys = {"request": request, "response": response, "service": int(service, 16), "identifier": int(identifier, 16)}
    every_s = command.get("freq")
    if isinstance(every_s, int | float) and not isinstance(every_s, bool) and 0 < every_s < 1e5:
        keys["every_ms"] = max(round(1000 * every_s), _LEAST_MS)
    return _Question(keys, 8 + 4 * len(identifier))


_BEYOND = {
    "eax": "is asked with an extended address",
    "din": "is asked in a diagnostic session, and renkei opens none",
    "tst": "is asked as another tester than F1",
    "proto": "is asked with a protocol of its own",
}


def _judge_year(filter_: Any, year: int | None) -> None:
    if filter_ is None:
        return
    if not isinstance(filter_, dict):
        raise InputError("its filter is not understood")
    if year is None:
        raise InputError("holds for some model years only: say --year")
    low, high, years = filter_.get("from"), filter_.get("to"), filter_.get("years", [])
    ends = [end for end in (low, high) if end is not None]
    if not isinstance(years, list) or not all(isinstance(end, int) for end in (*ends, *years)):
        raise InputError("its filter is not understood")
    spanned = (low is not None or high is not None) and (low or 0) <= year <= (high or 9999)
    if not spanned and year not in years:
        raise InputError(f"does not hold for model year {year}")


def _identifiers(header: Any, answers: Any, priority: Any) -> tuple[int, int]:
    """CAN identifiers of request and answer: of 11 bits as they stand, of 29 bits from the addresses of ISO 15765."""
    if _hex(header, 3) and (answers is None or _hex(answers, 3)):
        return int(header, 16), int(answers, 16) if answers else int(header, 16) + 8
    if _hex(header, 4) and header.upper().startswith("DA") and _hex(priority, 2):
        node = header[2:]
        if answers is None or str(answers).upper() == node.upper():
            return int(f"{priority}DA{node}{_TESTER}", 16), int(f"{priority}DA{_TESTER}{node}", 16)
    raise InputError(f"its addresses are not understood: hdr {str(header)[:10]!r}, rax {str(answers)[:10]!r}")


def _hex(digits: Any, length: int) -> bool:
    return isinstance(digits, str) and re.fullmatch(rf"[0-9A-Fa-f]{{{length}}}", digits) is not None


def _bits_and_row(
    signal: Mapping[str, Any], meant: Signal, question: _Question
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The signal of the answer, and what the row says beside `from`."""
    format_ = signal.get("fmt")
    if not isinstance(format_, dict):
        raise InputError("has no fmt")
    first = _whole(format_, "bix", 0, 8 * 4095)
    length = _whole(format_, "len", 1, _MOST_BITS)
    if format_.get("blsb") and length > 8:
        raise InputError("has its lowest byte first, which answers of a map cannot say")
    bits: dict[str, Any] = {"start": question.prefix_bits + first, "length": length}
    if format_.get("sign"):
        bits["signed"] = True
    if meant.scalar == "boolean":
        if "map" in format_ or format_.get("unit") not in ("offon", "noyes"):
            raise InputError("nothing says which of its values mean true")
        return bits, {}
    return bits, _number_row(format_, meant, bits)


def _whole(format_: Mapping[str, Any], key: str, low: int, high: int) -> int:
    number = format_.get(key, low if key == "bix" else None)
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise InputError(f"fmt.{key}: expected a whole number from {low} to {high}, got {str(number)[:40]}")
    return number


def _number_row(format_: Mapping[str, Any], meant: Signal, bits: Mapping[str, Any]) -> dict[str, Any]:
    if "map" in format_:
        raise InputError(f"has names for values, and {meant.path} is a number")
    unit = _words()["units"].get(str(format_.get("unit")))
    if unit is None:
        raise InputError(f"its unit {str(format_.get('unit'))[:40]!r} is none that is known here")
    if meant.unit:
        conversion(unit, meant.unit)
    low, high = _raws(bits)
    reading = _reading(format_, low)
    row: dict[str, Any] = {"scale": reading.scale, "offset": reading.offset, "unit": unit}
    if none := _nothing(format_, reading, low, high):
        row["invalid"] = none
    return row


def _raws(bits: Mapping[str, Any]) -> tuple[int, int]:
    length = bits["length"]
    return (-(1 << length - 1), (1 << length - 1) - 1) if bits.get("signed") else (0, (1 << length) - 1)


def _reading(format_: Mapping[str, Any], lowest_raw: int) -> Reading:
    """Scale and offset. Published sets add before they multiply, or after: the lowest value that they state decides."""
    numbers = {key: format_.get(key, default) for key, default in (("mul", 1), ("div", 1), ("add", 0), ("min", 0))}
    for key, number in numbers.items():
        if not isinstance(number, int | float) or isinstance(number, bool) or not abs(number) < 1e30:
            raise InputError(f"fmt.{key}: expected a number, got {str(number)[:40]!r}")
    if not numbers["mul"] or not numbers["div"]:
        raise InputError("its mul or div is 0")
    scale = numbers["mul"] / numbers["div"]
    after, before = Reading(scale, numbers["add"]), Reading(scale, numbers["add"] * scale)
    if after == before:
        return after
    near = max(_CLOSE * abs(numbers["min"]), abs(scale) / 2)
    likely = [r for r in (after, before) if abs(lowest_raw * r.scale + r.offset - numbers["min"]) <= near]
    if len(likely) != 1:
        raise InputError("its add can be meant before mul and div or after, and its min does not tell which")
    return likely[0]


def _nothing(format_: Mapping[str, Any], reading: Reading, low: int, high: int) -> list[list[int]]:
    """Raw values at and below nullmin, and at and above nullmax."""
    spans = []
    for key, is_low in (("nullmin", True), ("nullmax", False)):
        edge = format_.get(key)
        if edge is None:
            continue
        if not isinstance(edge, int | float) or isinstance(edge, bool) or not abs(edge) < 1e30:
            raise InputError(f"fmt.{key}: expected a number, got {str(edge)[:40]!r}")
        raw = (edge - reading.offset) / reading.scale
        if is_low == (reading.scale > 0):
            spans.append([low, min(int(raw // 1), high)])
        else:
            spans.append([max(-int(-raw // 1), low), high])
    return [span for span in spans if span[0] <= span[1]]


def _write_map(file: Path, source: str, uds: _Uds, rows: Mapping[str, Mapping[str, Any]]) -> None:
    used = {tuple(row["from"].split(".")[1:]) for row in rows.values()}
    written = f"[buses.{BUS}]\n"
    for answer, (question, signals) in uds.items():
        kept = {id_: bits for id_, bits in signals.items() if (answer, id_) in used}
        if kept:
            keys = "".join(f"{key} = {_key(key, value)}\n" for key, value in question.keys.items())
            written += f"\n[uds.{BUS}.{answer}]\n{keys}[uds.{BUS}.{answer}.signals]\n"
            written += "".join(f"{id_} = {toml(bits)}\n" for id_, bits in kept.items())
    written += "\n[signals]\n"
    for path, row in rows.items():
        written += f"{text(path)} = {toml({**row, 'source': [source]})}\n"
    file.write_text(written, encoding="utf-8")


def _key(key: str, value: int) -> str:
    return str(value) if key == "every_ms" else f"0x{value:X}"

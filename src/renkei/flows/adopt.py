"""Mappings of the KUKSA CAN provider, a VSS tree whose leaves carry `dbc2vss`, as maps of a private catalogue.

Rows that would not mean the same are set aside with the reason. What `interval_ms` and `on_change` say is not kept:
they thin out what is passed on, and a decoded recording is whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renkei.can.dbc import Database, DbcMessage, DbcSignal
from renkei.catalogue import Catalogue
from renkei.errors import InputError, OutputError
from renkei.flows.adopt_rows import AdoptedRow, Leaf, adopted_row, kept_way_out
from renkei.flows.check import check
from renkei.flows.plans import database
from renkei.vocabulary import KINDS, builtin

BUS = "can"


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was imported. `set_aside`: path and reason; a path that was imported in part is also in it."""

    vehicle: str
    rows: int
    set_aside: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "vehicle": self.vehicle,
            "rows": self.rows,
            "set_aside": [{"signal": path, "why": why} for path, why in self.set_aside],
            "files": [str(file) for file in self.files],
        }


def adopt(file: Path, dbc_file: Path, vehicle: str, out: Path) -> Adopted:
    """Write the mapping in `file`, which speaks of signals of `dbc_file`, into the private catalogue `out`.

    It makes the maker of `vehicle` (`MAKER/ID`) there, or adds to it. Of what `check` would find, only faults of the
    DBC file itself remain. Raises InputError for a file that is no mapping or none of whose rows can be imported,
    DbcError, and OutputError; then nothing was written.
    """
    maker, name = _ids(vehicle)
    leaves, read = _leaves(file), database(dbc_file)
    dbc_name = _places(out, maker, name, dbc_file)
    rows, aside = _rows(leaves, read)
    if not rows:
        raise InputError(f"{file}: none of its rows can be imported; {aside[0][0]}: {aside[0][1]}")
    with _staged(out, maker) as folder:
        source = _write_maker(folder, out, name, file.name, dbc_name)
        written = folder / "maps" / f"{name}.toml"
        shutil.copyfile(dbc_file, folder / "can" / dbc_name)
        _write_vehicle(folder / "vehicles" / f"{name}.toml", vehicle, name)
        _write_map(written, dbc_name, source, rows)
        wrong = _faults(folder, written, file)
        if wrong:
            if len(wrong) == len(rows):
                raise InputError(f"{file}: none of its rows can be imported; {': '.join(min(wrong.items()))}")
            rows = {path: row for path, row in rows.items() if path not in wrong}
            _write_map(written, dbc_name, source, rows)
    files = ("maker.toml", f"can/{dbc_name}", f"maps/{name}.toml", f"vehicles/{name}.toml")
    return Adopted(
        vehicle, len(rows), tuple(sorted([*aside, *wrong.items()])), tuple(out / "makers" / maker / f for f in files)
    )


def _ids(vehicle: str) -> tuple[str, str]:
    found = re.fullmatch(r"([a-z0-9][a-z0-9-]*)/([a-z0-9][a-z0-9-]*)", vehicle)
    if not found:
        raise InputError(f"vehicle '{vehicle}': expected MAKER/ID in small letters, digits and -")
    if found[1] in Catalogue().makers:
        raise InputError(f"vehicle '{vehicle}': maker '{found[1]}' is built in; expected a maker of your own")
    return found[1], found[2]


def _leaves(file: Path) -> dict[str, Leaf]:
    """The leaves that carry a mapping, by path."""
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise InputError(f"{file}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"{file}: expected a VSS tree in JSON: {e}") from e
    if not isinstance(tree, dict):
        raise InputError(f"{file}: expected a VSS tree, an object with one branch such as Vehicle")
    found: dict[str, Leaf] = {}
    waiting: list[tuple[str, Any]] = list(tree.items())
    while waiting:
        path, node = waiting.pop()
        if not isinstance(node, dict):
            continue
        if isinstance(children := node.get("children"), dict):
            waiting += [(f"{path}.{name}", child) for name, child in children.items()]
        elif node.get("type") in KINDS and (leaf := Leaf.of(node)):
            found[path] = leaf
    if not found:
        raise InputError(f"{file}: no leaf has a dbc2vss, dbc or vss2dbc; expected the mapping of a KUKSA CAN provider")
    return dict(sorted(found.items()))


def _rows(leaves: Mapping[str, Leaf], read: Database) -> tuple[dict[str, AdoptedRow], list[tuple[str, str]]]:
    carriers: dict[str, list[tuple[DbcMessage, DbcSignal]]] = {}
    for message in read.messages.values():
        for signal in message.signals:
            carriers.setdefault(signal.name, []).append((message, signal))
    rows: dict[str, AdoptedRow] = {}
    aside: list[tuple[str, str]] = []
    for path, leaf in leaves.items():
        if leaf.inward is not None:
            try:
                rows[path] = adopted_row(leaf, builtin().get(path), carriers)
                aside += [(path, why) for why in rows[path].lost]
            except InputError as e:
                aside.append((path, str(e)))
        if leaf.outward is not None and not kept_way_out(leaf, rows.get(path)):
            instead = "; a frame is made by inverting its row" if path in rows else ""
            aside.append((path, f"vss2dbc: the way out is not imported{instead}"))
    return rows, aside


def _places(out: Path, maker: str, name: str, dbc_file: Path) -> str:
    """The name of the DBC file in the catalogue; raises OutputError where anything there would be overwritten."""
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is not a folder")
    if not out.is_dir() and not out.parent.is_dir():
        raise OutputError(f"{out}: no such folder: {out.parent}")
    folder = out / "makers" / maker
    for taken in (folder / "maps" / f"{name}.toml", folder / "vehicles" / f"{name}.toml"):
        if taken.exists():
            raise OutputError(f"{taken}: exists already; choose another vehicle id or folder")
    if folder.exists() and not (folder / "maker.toml").is_file():
        raise OutputError(f"{folder}: exists already and has no maker.toml")
    dbc_name = dbc_file.name if re.fullmatch(r"[\w-][\w.-]*\.dbc", dbc_file.name) else f"{name}.dbc"
    there = folder / "can" / dbc_name
    if there.exists() and there.read_bytes() != dbc_file.read_bytes():
        raise OutputError(f"{there}: exists already with other content; rename {dbc_file}")
    return dbc_name


@contextmanager
def _staged(out: Path, maker: str) -> Iterator[Path]:
    """A copy of the maker's folder that takes its place when all went well and vanishes otherwise."""
    stage = (out if out.is_dir() else out.parent) / f".renkei-{os.getpid()}.part"
    target, new = out / "makers" / maker, stage / "makers" / maker
    try:
        if target.is_dir():
            shutil.copytree(target, new)
        for kind in ("can", "maps", "vehicles"):
            (new / kind).mkdir(parents=True, exist_ok=True)
        yield new
        if out.is_dir():
            _swap(new, target, stage / "replaced")
        else:
            os.rename(stage, out)
    except OSError as e:
        raise OutputError(f"{out}: cannot be written: {e.strerror or e}") from e
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(new: Path, target: Path, replaced: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if not target.exists():
        return os.rename(new, target)
    os.rename(target, replaced)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(replaced, target)
        raise


def _faults(folder: Path, map_file: Path, mapping: Path) -> dict[str, str]:
    """What `check` says against rows of a map, by path; raises InputError for what it says against the whole map."""
    wrong: dict[str, str] = {}
    for fault in check(Catalogue([folder.parent.parent]), only_private=True).faults:
        if fault.key.startswith("signals.") and Path(fault.file) == map_file:
            wrong[fault.key.removeprefix("signals.")] = fault.what
        elif not fault.key and fault.file.endswith(f"maps/{map_file.name}"):
            raise InputError(f"{mapping}: cannot be imported: {fault.what}")
    return wrong


def _write_maker(folder: Path, out: Path, name: str, mapping: str, dbc_name: str) -> str:
    """Make maker.toml or add to it; gives the key under which it names the mapping as a source."""
    file, maker = folder / "maker.toml", folder.name
    known = Catalogue([out]).maker(maker) if file.exists() else None
    source = f"mapping-{name}"
    while known and source in known.sources:
        source += "-again"
    text = file.read_text(encoding="utf-8").rstrip("\n") + "\n" if known else f"name = {_text(maker)}\n"
    text += f"\n[sources.{source}]\ntitle = {_text(f'Mapping for the KUKSA CAN provider, {mapping}')}\n"
    text += f'where = {_text(mapping)}\nlicence = "not stated"\n'
    if not known or f"can/{dbc_name}" not in known.files:
        text += f'\n[files."can/{dbc_name}"]\nlicence = "not stated"\nsource = ["{source}"]\n'
    file.write_text(text, encoding="utf-8")
    return source


def _write_vehicle(file: Path, vehicle: str, name: str) -> None:
    lines = [f"name = {_text(vehicle)}", 'years = "unknown"', 'powertrain = "unknown"', f"map = {_text(name)}"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_map(file: Path, dbc_name: str, source: str, rows: Mapping[str, AdoptedRow]) -> None:
    text = f"[buses.{BUS}]\ndbc = [{_text(dbc_name)}]\n\n[signals]\n"
    for path, row in rows.items():
        keys: dict[str, Any] = {"from": f"{BUS}.{row.message}.{row.signal}", **row.keys, "source": [source]}
        text += f"{_text(path)} = {_toml(keys)}\n"
    file.write_text(text, encoding="utf-8")


def _toml(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return _text(value)
        case bool():
            return str(value).lower()
    return repr(value)


def _text(text: str) -> str:
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")

"""Mappings of the KUKSA CAN provider, a VSS tree whose leaves carry `dbc2vss`, as maps of a private catalogue.

Rows that would not mean the same are set aside with the reason. What `interval_ms` and `on_change` say is not kept:
they thin out what is passed on, and a decoded recording is whole.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from renkei.can.dbc import Database, DbcMessage, DbcSignal
from renkei.errors import InputError, OutputError
from renkei.flows.adopt_rows import AdoptedRow, Leaf, adopted_row, kept_way_out
from renkei.flows.adopted_files import Adopted, faults, free_folder, ids, staged, text, toml, write_maker, write_vehicle
from renkei.flows.plans import database
from renkei.vocabulary import KINDS, builtin

BUS = "can"


def adopt(file: Path, dbc_file: Path, vehicle: str, out: Path) -> Adopted:
    """Write the mapping in `file`, which speaks of signals of `dbc_file`, into the private catalogue `out`.

    It makes the maker of `vehicle` (`MAKER/ID`) there, or adds to it. Of what `check` would find, only faults of the
    DBC file itself remain. Raises InputError for a file that is no mapping or none of whose rows can be imported,
    DbcError, and OutputError; then nothing was written.
    """
    maker, name = ids(vehicle)
    leaves, read = _leaves(file), database(dbc_file)
    dbc_name = _places(out, maker, name, dbc_file)
    rows, aside = _rows(leaves, read)
    if not rows:
        raise InputError(f"{file}: none of its rows can be imported; {aside[0][0]}: {aside[0][1]}")
    with staged(out, maker) as folder:
        title = f"Mapping for the KUKSA CAN provider, {file.name}"
        source = write_maker(folder, out, f"mapping-{name}", title, file.name, "not stated", dbc_name)
        written = folder / "maps" / f"{name}.toml"
        shutil.copyfile(dbc_file, folder / "can" / dbc_name)
        write_vehicle(folder / "vehicles" / f"{name}.toml", vehicle, name)
        _write_map(written, dbc_name, source, rows)
        wrong = faults(folder, written, file)
        if wrong:
            if len(wrong) == len(rows):
                raise InputError(f"{file}: none of its rows can be imported; {': '.join(min(wrong.items()))}")
            rows = {path: row for path, row in rows.items() if path not in wrong}
            _write_map(written, dbc_name, source, rows)
    files = ("maker.toml", f"can/{dbc_name}", f"maps/{name}.toml", f"vehicles/{name}.toml")
    return Adopted(
        vehicle, len(rows), tuple(sorted([*aside, *wrong.items()])), tuple(out / "makers" / maker / f for f in files)
    )


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
    folder = free_folder(out, maker, name)
    dbc_name = dbc_file.name if re.fullmatch(r"[\w-][\w.-]*\.dbc", dbc_file.name) else f"{name}.dbc"
    there = folder / "can" / dbc_name
    if there.exists() and there.read_bytes() != dbc_file.read_bytes():
        raise OutputError(f"{there}: exists already with other content; rename {dbc_file}")
    return dbc_name


def _write_map(file: Path, dbc_name: str, source: str, rows: Mapping[str, AdoptedRow]) -> None:
    written = f"[buses.{BUS}]\ndbc = [{text(dbc_name)}]\n\n[signals]\n"
    for path, row in rows.items():
        keys: dict[str, Any] = {"from": f"{BUS}.{row.message}.{row.signal}", **row.keys, "source": [source]}
        written += f"{text(path)} = {toml(keys)}\n"
    file.write_text(written, encoding="utf-8")

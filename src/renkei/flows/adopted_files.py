"""A map that was made of somebody else's file, as files of a private catalogue: all of them or none."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renkei.aside import aside
from renkei.catalogue import Catalogue
from renkei.errors import InputError, OutputError
from renkei.flows.check import check


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


def ids(vehicle: str) -> tuple[str, str]:
    found = re.fullmatch(r"([a-z0-9][a-z0-9-]*)/([a-z0-9][a-z0-9-]*)", vehicle)
    if not found:
        raise InputError(f"vehicle '{vehicle}': expected MAKER/ID in small letters, digits and -")
    if found[1] in Catalogue().makers:
        raise InputError(f"vehicle '{vehicle}': maker '{found[1]}' is built in; expected a maker of your own")
    return found[1], found[2]


def free_folder(out: Path, maker: str, name: str) -> Path:
    """The maker's folder in the catalogue `out`; raises OutputError where a map or vehicle would be overwritten."""
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
    return folder


@contextmanager
def staged(out: Path, maker: str) -> Iterator[Path]:
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


def faults(folder: Path, map_file: Path, mapping: Path) -> dict[str, str]:
    """What `check` says against rows of a map, by path; raises InputError for what it says against the whole map."""
    wrong: dict[str, str] = {}
    for fault in check(Catalogue([folder.parent.parent]), only_private=True).faults:
        if fault.key.startswith("signals.") and Path(fault.file) == map_file:
            wrong[fault.key.removeprefix("signals.")] = fault.what
        elif not fault.key and fault.file.endswith(f"maps/{map_file.name}"):
            raise InputError(f"{mapping}: cannot be imported: {fault.what}")
    return wrong


def write_maker(folder: Path, out: Path, source: str, title: str, where: str, licence: str, dbc_name: str = "") -> str:
    """Make maker.toml or add to it; gives the key under which it names the source: `source`, or one like it."""
    file, maker = folder / "maker.toml", folder.name
    known = Catalogue([out]).maker(maker) if file.exists() else None
    while known and source in known.sources:
        source += "-again"
    written = file.read_text(encoding="utf-8").rstrip("\n") + "\n" if known else f"name = {text(maker)}\n"
    written += f"\n[sources.{source}]\ntitle = {text(title)}\nwhere = {text(where)}\nlicence = {text(licence)}\n"
    if dbc_name and (not known or f"can/{dbc_name}" not in known.files):
        written += f'\n[files."can/{dbc_name}"]\nlicence = {text(licence)}\nsource = ["{source}"]\n'
    with aside(file) as beside:
        beside.write_text(written, encoding="utf-8")
    return source


def write_vehicle(file: Path, vehicle: str, name: str) -> None:
    lines = [f"name = {text(vehicle)}", 'years = "unknown"', 'powertrain = "unknown"', f"map = {text(name)}"]
    with aside(file) as beside:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {toml(v)}" for key, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return text(value)
        case bool():
            return str(value).lower()
    return repr(value)


def text(plain: str) -> str:
    """A text as TOML writes it."""
    plain = plain.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")

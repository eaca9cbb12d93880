"""Files of a private catalogue that nothing reads: what a misspelt name or place would otherwise hide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from renkei.catalogue import Catalogue
from renkei.errors import nearest

READ_FOLDERS = {"maps": r"[^/]+\.toml", "vehicles": r"[^/]+\.toml", "can": r"[^/]+", "parts": r".+\.toml"}
"""Folders of a maker, and which of the files below each are read."""

BESIDE_MAKERS = {"aids": r"[^/]+\.toml", "standards": r"[^/]+\.toml", "apps": r".+"}
"""Folders beside `makers`, and which of the files below each are read; an app may bring what it likes."""

_NOTE = re.compile(r"\..*|(readme|licen[cs]e|notice|copying|changelog)(\..*)?|.*\.(md|rst)", re.IGNORECASE)
"""Names of files for people, which may lie anywhere."""


class Unread(NamedTuple):
    file: Path
    what: str


def unread(catalogue: Catalogue) -> Iterator[Unread]:
    """Every file or folder of the private folders that is not where files are read; notes for people may be there."""
    for folder in catalogue.private:
        makers = folder / "makers"
        for entry in _entries(makers):
            if not entry.is_dir():
                yield Unread(entry, "nothing reads this file; a maker is a folder")
            elif entry.name in catalogue.makers:
                yield from _below_maker(entry)
            elif any(_files(entry)):
                yield Unread(entry, "nothing reads this folder, as it has no maker.toml")
        yield from _beside_makers(folder)


def _below_maker(maker: Path) -> Iterator[Unread]:
    for entry in _entries(maker):
        if entry.is_dir() and entry.name in READ_FOLDERS:
            yield from _misplaced(entry, READ_FOLDERS[entry.name])
        elif entry.is_dir():
            if any(_files(entry)):
                yield Unread(entry, "nothing reads this folder" + _meant(entry.name, *READ_FOLDERS))
        elif entry.name != "maker.toml":
            yield Unread(entry, "nothing reads this file" + _meant(entry.name, "maker.toml"))


def _beside_makers(folder: Path) -> Iterator[Unread]:
    """A maker that was put beside the folder `makers`, or parts of one; misspelt names of what is read there."""
    for entry in _entries(folder):
        if entry.name == "makers" or not entry.is_dir():
            continue
        if entry.name in BESIDE_MAKERS:
            yield from _misplaced(entry, BESIDE_MAKERS[entry.name])
            continue
        inner = {each.name for each in _entries(entry)}
        within = {each.name for below in _entries(entry) if below.is_dir() for each in _entries(below)}
        if entry.name in READ_FOLDERS or "maker.toml" in inner | within:
            yield Unread(entry, "nothing reads this folder; makers are folders in 'makers'")
        elif (near := nearest(entry.name, BESIDE_MAKERS)) and any(_files(entry)):
            yield Unread(entry, f"nothing reads this folder; did you mean '{near}'?")


def _misplaced(folder: Path, form: str) -> Iterator[Unread]:
    """Files below a folder in which only those of one form are read."""
    for file in _files(folder):
        if not re.fullmatch(form, file.relative_to(folder).as_posix()):
            yield Unread(file, f"nothing reads this file; expected {_words(folder.name, form)}")


def is_note(file: Path) -> bool:
    """Whether a file is hidden or speaks to people."""
    return _NOTE.fullmatch(file.name) is not None


def _entries(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not is_note(each)) if folder.is_dir() else []


def _files(folder: Path) -> Iterator[Path]:
    return (f for f in sorted(folder.rglob("*")) if f.is_file() and not is_note(f))


def _words(folder: str, form: str) -> str:
    return f"{folder}/NAME.toml" if "toml" in form else f"{folder}/NAME"


def _meant(name: str, *known: str) -> str:
    near = nearest(name, known)
    return f"; did you mean '{near}'?" if near else f"; expected one of {', '.join(known)}"

"""The form of the file of an aid, and how it becomes an Aid. docs/fit.md is the reference."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from renkei.aid import Aid, Mend
from renkei.catalogue.part_files import FactConfidence, PartKind
from renkei.errors import CatalogueError, Mistakes, nearest
from renkei.facts import fact_keys
from renkei.toml_file import File, read_file


class MendTable(File):
    rules: list[str] = Field(min_length=1)
    about: list[str] = Field(default_factory=list)
    unknown: bool = False
    to: Literal["ok", "degrade"] = "ok"
    part: dict[str, list[str]] = Field(default_factory=dict)
    host: dict[str, list[str]] = Field(default_factory=dict)
    at_most: dict[str, float] = Field(default_factory=dict)
    why: str = Field(min_length=1)


class AidFile(File):
    name: str = Field(min_length=1)
    kinds: list[PartKind] = Field(min_length=1)
    source: list[str] = Field(min_length=1)
    confidence: FactConfidence = "reported"
    note: str | None = None
    mends: list[MendTable] = Field(min_length=1)


def read_aid(file: Path) -> Aid:
    """The aid of a file, called as the file is. Raises CatalogueError with all mistakes."""
    read, mistakes = read_file(file, AidFile), Mistakes()
    for n, mend in enumerate(read.mends):
        for key in mend.at_most:
            with mistakes.gathered():
                _judge(file, f"mends.{n}.at_most.{key}", key, ("number", "integer"))
        for table in ("part", "host"):
            for key, values in getattr(mend, table).items():
                with mistakes.gathered():
                    _judge(file, f"mends.{n}.{table}.{key}", key, ("text", "choice", "list"), values)
    mistakes.tell()
    mends = tuple(
        Mend(
            tuple(m.rules), m.to, {k: tuple(v) for k, v in m.part.items()}, {k: tuple(v) for k, v in m.host.items()},
            m.at_most, m.why, tuple(m.about), m.unknown,
        )
        for m in read.mends
    )  # fmt: skip
    return Aid(file.stem, read.name, tuple(read.kinds), tuple(read.source), read.confidence, mends, file, read.note)


def _judge(file: Path, at: str, name: str, types: tuple[str, ...], values: Iterable[str] = ()) -> None:
    """Raises CatalogueError for a fact that is not there, is of another type, or never has one of the values."""
    if name not in fact_keys():
        raise CatalogueError(file, at, expected="a fact", got=name, near=nearest(name, fact_keys()))
    key = fact_keys()[name]
    if key.type not in types:
        raise CatalogueError(file, at, expected=f"a fact that is a {' or '.join(types)}", got=f"a {key.type}")
    for value in values if key.choices else ():
        if value not in key.choices:
            near = nearest(value, key.choices)
            raise CatalogueError(file, at, expected=f"one of {', '.join(key.choices)}", got=value, near=near)

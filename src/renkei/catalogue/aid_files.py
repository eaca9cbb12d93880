"""The form of the file of an aid, and how it becomes an Aid. docs/fit.md is the reference."""

from __future__ import annotations

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
        for table in ("part", "host", "at_most"):
            for key in getattr(mend, table):
                with mistakes.gathered():
                    _judge(file, f"mends.{n}.{table}.{key}", key)
    mistakes.tell()
    mends = tuple(
        Mend(
            tuple(m.rules), m.to, {k: tuple(v) for k, v in m.part.items()}, {k: tuple(v) for k, v in m.host.items()},
            m.at_most, m.why, tuple(m.about), m.unknown,
        )
        for m in read.mends
    )  # fmt: skip
    return Aid(file.stem, read.name, tuple(read.kinds), tuple(read.source), read.confidence, mends, file, read.note)


def _judge(file: Path, at: str, key: str) -> None:
    if key not in fact_keys():
        raise CatalogueError(file, at, expected="a fact", got=key, near=nearest(key, fact_keys()))

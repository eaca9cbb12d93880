"""The form of an app's manifest, and how it becomes an App. docs/apps.md is the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from renkei.app import App, Need
from renkei.errors import CatalogueError, Mistakes, UnknownName
from renkei.toml_file import File, read_file
from renkei.units import unit
from renkei.vocabulary import Vocabulary

Rate = Annotated[float, Field(gt=0, le=1000)]


class NeedTable(File):
    unit: str | None = None
    rate_hz: Rate | None = None


class ActuatesTable(File):
    unit: str | None = None


class AppFile(File):
    name: str = Field(min_length=1)
    about: str = ""
    code: str | None = None
    priority: int = Field(default=0, ge=0, le=9)
    vocabulary: str | None = Field(default=None, pattern=r"^[0-9]+[.][0-9]+$")
    requires: dict[str, NeedTable] = Field(default_factory=dict)
    uses: dict[str, NeedTable] = Field(default_factory=dict)
    actuates: dict[str, ActuatesTable] = Field(default_factory=dict)


def read_app(file: Path, id_: str | None = None) -> App:
    """The app of a manifest; without `id_` it is called as its file is. Raises CatalogueError with all mistakes.

    `code` ends in .py, a file beside the manifest, or names a module; left out it is NAME.py beside NAME.toml.
    """
    read, mistakes = read_file(file, AppFile), Mistakes()
    groups = {key: getattr(read, key) for key in ("requires", "uses", "actuates")}
    for key, group in groups.items():
        for path, need in group.items():
            with mistakes.gathered():
                _judge(file, key, path, need.unit, groups)
    if not (read.requires or read.uses or read.actuates):
        with mistakes.gathered():
            raise CatalogueError(file, "requires", expected="at least one signal", got=None)
    mistakes.tell()
    named = read.code or f"{file.stem}.py"
    code = file.parent / named if named.endswith(".py") else named
    requires, uses = [
        {path: Need(path, n.unit, n.rate_hz) for path, n in group.items()} for group in (read.requires, read.uses)
    ]
    actuates = {path: Need(path, n.unit) for path, n in read.actuates.items()}
    return App(
        id_ or file.stem, read.name, file, code, requires, uses, actuates, read.priority, read.about, read.vocabulary
    )  # fmt: skip


def judge_paths(app: App, vocabulary: Vocabulary) -> None:
    """Raises CatalogueError for a signal that the vocabulary does not have, and for a target that is no actuator."""
    mistakes = Mistakes()
    for key, group in (("requires", app.requires), ("uses", app.uses), ("actuates", app.actuates)):
        for path in group:
            with mistakes.gathered():
                _judge_path(app, key, path, vocabulary)
    mistakes.tell()


def _judge_path(app: App, key: str, path: str, vocabulary: Vocabulary) -> None:
    try:
        kind = vocabulary[path].kind
    except UnknownName as e:
        expected = f"a signal of VSS {vocabulary.version}"
        raise CatalogueError(app.file, f"{key}.{path}", expected=expected, got=path, near=e.near) from None
    if key == "actuates" and kind != "actuator":
        raise CatalogueError(app.file, f"{key}.{path}", expected="an actuator", got=kind)


def _judge(file: Path, key: str, path: str, named: str | None, groups: dict[str, dict[str, object]]) -> None:
    if key == "uses" and path in groups["requires"]:
        raise CatalogueError(file, f"{key}.{path}", expected="a signal that is not required as well", got=path)
    if named is not None:
        try:
            unit(named)
        except UnknownName as e:
            raise CatalogueError(file, f"{key}.{path}.unit", expected="a unit", got=named, near=e.near) from None

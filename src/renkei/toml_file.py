"""TOML files in the form of a model: all that breaks the form is told at once, in our words and where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from renkei.errors import CatalogueError, Mistakes, nearest


class File(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


F = TypeVar("F", bound=File)


def read_file(file: Path, model: type[F]) -> F:
    """A file in the form of its model; raises CatalogueError, in which all that breaks the form is told."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise CatalogueError(file, "(file)", expected="a readable file", got=e.strerror) from e
    except (ValueError, RecursionError) as e:  # no TOML, no UTF-8, or a number of thousands of digits
        raise CatalogueError(file, "(file)", expected="TOML", got=str(e), most=300) from e
    mistakes = Mistakes()
    for key, name in _unquoted(content, model):
        with mistakes.gathered():
            raise CatalogueError(file, key, expected=f'the name in quotes, "{name}"', got=name)
    try:
        read = model.model_validate(content)
    except ValidationError as e:
        for each in e.errors():
            loc = _as_written(each["loc"], content)
            with mistakes.gathered():
                raise _as_catalogue_error(file, model, loc, each["type"], each["msg"], each["input"]) from e
    mistakes.tell()
    return read


def _unquoted(content: dict[str, Any], model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Keys and names whose dots TOML took for tables in tables; they are taken out of `content`."""
    for section, field in model.model_fields.items():
        table = content.get(section)
        if not isinstance(table, dict) or getattr(field.annotation, "__origin__", None) is not dict:
            continue
        inner = field.annotation.__args__[1]  # type: ignore[union-attr]
        entry = next(_models_in(inner), None)
        if entry is None or getattr(inner, "__origin__", None) is dict:
            continue
        known = {f.alias or name for name, f in entry.model_fields.items()}
        yield from ((f"{section}.{name}", name) for name in _taken_out(table, known))
        for path, rows in table.items():
            for row in rows if isinstance(rows, list) else [rows]:
                for key in ("when", "unless"):
                    if isinstance(row, dict) and isinstance(row.get(key), dict):
                        yield from ((f"{section}.{path}.{key}", name) for name in _taken_out(row[key], set()))


def _taken_out(table: dict[str, Any], known: set[str]) -> list[str]:
    """Names that became tables in tables, none of which holds a key that is known there."""
    names: list[str] = []
    for first in [key for key, value in table.items() if _is_nest(value, known)]:
        todo = [(first, table.pop(first))]
        while todo:
            name, value = todo.pop()
            if _is_nest(value, known):
                todo += [(f"{name}.{key}", inner) for key, inner in reversed(value.items())]
            else:
                names.append(name)
    return names


def _is_nest(value: Any, known: set[str]) -> bool:
    return isinstance(value, dict) and bool(value) and not known & value.keys()


_EXPECTED = {
    "dict_type": "a table",
    "list_type": "a list",
    "missing": "a value",
    "model_type": "a table",
    "string_pattern_mismatch": "BUS.MESSAGE.SIGNAL",
    "too_short": "at least one",
}
"""What pydantic says in its own terms."""


def _as_written(loc: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """A place in a file without the numbers that reading adds, such as that of a row that is not in a list."""
    kept: list[int | str] = []
    for part in loc:
        if isinstance(part, str) or isinstance(content, list):
            kept.append(part)
            try:
                content = content[part]
            except (LookupError, TypeError):
                content = None
    return tuple(kept)


def _as_catalogue_error(
    file: Path, model: type[BaseModel], loc: tuple[int | str, ...], kind: str, message: str, got: object
) -> CatalogueError:
    key = ".".join(map(str, loc))
    if kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        expected = "one of the keys " + ", ".join(sorted(known))
        return CatalogueError(file, key, expected=expected, got=loc[-1], near=nearest(str(loc[-1]), known))
    expected = _EXPECTED.get(kind) or message.removeprefix("Input should be ")
    return CatalogueError(file, key, expected=expected, got=None if kind == "missing" else got)


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """The keys that the model at `loc` knows; each level is found by what its annotation names."""
    for part in loc:
        if isinstance(part, str) and (field := _field(model, part)) is not None:
            model = next(_models_in(field.annotation), model)
    return {field.alias or name for name, field in model.model_fields.items()}


def _field(model: type[BaseModel], key: str) -> Any:
    return next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)

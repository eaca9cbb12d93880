"""How commands speak: tables for people, JSON for programs, progress where someone watches."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="DIR", help="A private catalogue (DIR/makers/...) laid over the built-in one."),
]
Vss = Annotated[
    Path | None,
    typer.Option("--vss", metavar="FILE", help="A VSS JSON of 4.x to 6.x instead of the built-in VSS 6.0."),
]


def as_json(content: Any) -> None:
    """One JSON document on standard output."""
    print(json_text(content, indent=2))


def json_text(content: Any, *, indent: int | None = None) -> str:
    """JSON in which nothing steers a terminal: control characters and half characters are written as \\uXXXX."""
    text = json.dumps(content, indent=indent, ensure_ascii=False, default=str)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")
"""What json.dumps leaves in a text and a terminal obeys or hides; within strings of JSON alone."""


def line(text: str) -> None:
    """One line on standard output."""
    print(plain(text))


def plain(text: str) -> str:
    """`text` with what cannot be printed escaped: a name or a file may hold what steers a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns; what is None stays empty. On a terminal that is too narrow the last column is wrapped."""
    text = [["" if cell is None else plain(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *text, strict=True)]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    whole = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for cells in ([*columns], *text):
        left = "".join(cell.ljust(width) + "  " for cell, width in zip(cells[:-1], widths, strict=False))
        for line_ in _in_room(left, cells[-1], before, whole):
            print(line_.rstrip())


def _in_room(left: str, last: str, before: int, whole: int) -> list[str]:
    """A row as it is; or its last cell wrapped in what is left of the line, or below where that is too little."""
    if not whole or before + len(last) <= whole:
        return [left + last]
    if whole - before >= _NARROWEST:
        first, *rest = textwrap.wrap(last, whole - before) or [""]
        return [left + first, *(" " * before + each for each in rest)]
    return [left, *(f"    {each}" for each in textwrap.wrap(last, max(_NARROWEST, whole - 4)))]


_NARROWEST = 24
"""Columns that are left for a last column that is wrapped; with fewer it would be a tower of syllables."""


def note(remark: str) -> None:
    """A remark that is not the result: one line on standard error, whatever a name or a file has put into it."""
    print(f"renkei: {plain(remark)}", file=sys.stderr)


def several(n: int, one: str, many: str | None = None) -> str:
    """`1 signal`, `2 signals`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on standard error while someone watches it; else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)

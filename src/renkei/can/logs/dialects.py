"""The log dialects as data: name, what it is, how its header and its lines look. Detection is by content alone.

Imports nothing heavy: `renkei list dialects` reads this table.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD = 1 << 16
"""Bytes of a log, after unpacking, that detection looks at."""


class Dialect(NamedTuple):
    """One way to write a CAN log as text.

    `header` (searched in the head) settles the dialect; without one, the dialect whose `line` fits most lines of the
    head wins. `unit` of the times is None where they are bare numbers.
    """

    name: str
    sentence: str
    line: re.Pattern[bytes]
    header: re.Pattern[bytes] | None
    kernel: str
    unit: str | None


def _line(pattern: str) -> re.Pattern[bytes]:
    return re.compile(rb"[ \t\0]*" + pattern.encode(), re.IGNORECASE)


def _header(pattern: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?im)^(?:\xef\xbb\xbf)?[ \t\0]*" + pattern.encode())


TEXT = (
    Dialect(
        "candump",
        "candump -L of can-utils: (seconds) interface id#data",
        _line(r"\(-?\d+\.\d+\)[ \t]+\S+[ \t]+[0-9A-F]{1,8}#"),
        None,
        "candump",
        "s",
    ),
    Dialect(
        "gvret",
        "GVRET csv of SavvyCAN, with or without the Dir column; times in us, ms or before a negative epoch",
        _line(r"-?\d+(\.\d+)?,[0-9A-F]{1,8},(true|false|0|1),([RT]x,)?\d+,\d{1,2}(,[0-9A-F ]{0,2})*,?\s*$"),
        _header(r"Time ?Stamp,ID,Extended,"),
        "gvret",
        None,
    ),
)

DIALECTS: dict[str, str] = {dialect.name: dialect.sentence for dialect in TEXT}
"""Each dialect that can be read, by name, with one sentence."""


def recognise(head: bytes) -> Dialect | None:
    """The text dialect of a log whose first bytes are `head`; None when nothing fits."""
    for dialect in TEXT:
        if dialect.header and dialect.header.search(head):
            return dialect
    lines = head.split(b"\n")[:400]
    fits = {dialect: sum(dialect.line.match(line) is not None for line in lines) for dialect in TEXT}
    best = max(TEXT, key=lambda dialect: fits[dialect])
    return best if fits[best] else None

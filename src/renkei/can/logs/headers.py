"""What a log's header says: options for its kernel, the start date as written, how its times count."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from renkei.can.logs.dialects import Dialect, Layout
from renkei.can.logs.kernels import asc, columns, screen

_ID_RULES = {"value": columns.ID_BY_VALUE, "digits": columns.ID_BY_DIGITS, "column": columns.ID_BY_COLUMN}


class Facts(NamedTuple):
    """Own options of the kernel by index; the start as written; the unit of the times where the log itself shows it."""

    opt: dict[int, int]
    start_text: str | None = None
    unit: str | None = None
    assumed: tuple[str, ...] = ()


def facts(dialect: Dialect, head: bytes) -> Facts:
    """What the head of a log of this dialect says."""
    read = _READERS.get(dialect.name.partition("-1.")[0].partition("-2.")[0])
    found = read(head, dialect) if read else Facts(_own(dialect.layout) if dialect.layout else {})
    if dialect.layout and dialect.layout.id_rule == "value":
        by_value = "identifiers above 7FF are taken as 29 bit: the log does not say"
        return found._replace(assumed=(*found.assumed, by_value))
    return found


def _own(layout: Layout) -> dict[int, int]:
    """Options of the `columns` kernel."""
    letters = {columns.OPT_COLUMNS + k: ord(letter) for k, letter in enumerate(layout.columns)}
    return letters | {
        columns.OPT_SEPARATOR: ord(layout.separator),
        columns.OPT_ID_RULE: _ID_RULES[layout.id_rule],
        columns.OPT_CHATTER: int(layout.chatter),
    }


def _found(pattern: bytes, head: bytes) -> str | None:
    """The first group of a pattern, as text."""
    match = re.search(rb"(?im)" + pattern, head)
    return match[1].decode("utf-8", "replace").strip() if match else None


def _layout(dialect: Dialect, letters: str | None = None) -> dict[int, int]:
    assert dialect.layout
    return _own(dialect.layout._replace(columns=letters) if letters else dialect.layout)


def _gvret(head: bytes, dialect: Dialect) -> Facts:
    """Dir is a column of the header; without a header the first row shows it."""
    has_dir = re.search(rb"(?im)^[^\n]*,\s*(dir\s*,\s*bus\b|[rt]x,)", head)
    return Facts(_layout(dialect, "TIE-BlD" if has_dir else None))


def _asc(head: bytes, dialect: Dialect) -> Facts:
    base = 10 if re.search(rb"(?im)^[ \t]*base[ \t]+dec", head) else 16
    relative = re.search(rb"(?im)^[^\n]*timestamps[ \t]+relative", head) is not None
    start = _found(rb"^(?:\xef\xbb\xbf)?[ \t]*date[ \t]+([^\r\n]+)", head)
    return Facts({asc.OPT_BASE: base, asc.OPT_RELATIVE: int(relative)}, start)


_TRC_LETTERS = {"N": "-", "O": "T", "T": "K", "B": "B", "I": "I", "d": "-", "R": "-", "l": "l", "L": "L", "D": "D"}


def _trc(head: bytes, dialect: Dialect) -> Facts:
    """From 2.0 on the header names the columns by letters of its own."""
    start = _found(rb"^;[ \t]*Start time:[ \t]*([^\r\n]+)", head) or _found(rb"^;\$STARTTIME=([^\r\n]+)", head)
    named = re.search(rb"(?m)^;\$COLUMNS=([A-Za-z,]+)", head)
    letters = "".join(_TRC_LETTERS.get(letter, "-") for letter in named[1].decode().split(",")) if named else None
    return Facts(_layout(dialect, letters), start)


def _canary(head: bytes, dialect: Dialect) -> Facts:
    """The flags field, two digits, stands before the one digit of the length, and may be missing."""
    flags = re.search(rb"(?im)^\d+\.\d+ [0-9A-F]{8} [0-9A-F]{2} \d(\s|$)", head)
    plain = re.search(rb"(?im)^\d+\.\d+ [0-9A-F]{8} \d(\s|$)", head)
    return Facts(_layout(dialect, "TI-lD" if flags and not plain else None))


_CSS_LETTERS = {
    "timestampepoch": "T",
    "buschannel": "B",
    "id": "I",
    "ide": "E",
    "datalength": "l",
    "rtr": "r",
    "databytes": "P",
}


def _css(head: bytes, dialect: Dialect) -> Facts:
    names = _found(rb"^(?:\xef\xbb\xbf)?(TimestampEpoch;[^\r\n]*)", head)
    letters = "".join(_CSS_LETTERS.get(name.strip().lower(), "-") for name in names.split(";")) if names else None
    return Facts(_layout(dialect, letters))


def _arduino(head: bytes, dialect: Dialect) -> Facts:
    """The header names the function that gave the times."""
    return Facts(_layout(dialect), None, "ms" if re.search(rb"(?i)mill?i?s\(\)", head) else None)


def _clock(head: bytes, dialect: Dialect) -> Facts:
    """The first time of day, so that a user can place the log."""
    return Facts(_layout(dialect), _found(rb"(?:^|[\s\0])(\d{1,2}:\d\d:\d\d[:.]\d+)", head))


def _screen(head: bytes, dialect: Dialect) -> Facts:
    """The time column says by its shape what it is; brackets of a serial log begin with RX or TX and a bus number."""
    serial = re.search(rb"(?m)^\(\d+\.\d+\) [RT]X\d ", head) is not None
    opt = {screen.OPT_CHATTER: int(serial)}
    dated = _found(rb"^[ \t]*\((\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+)\)", head)
    if dated:
        return Facts(opt, dated, "clock")
    if not re.search(rb"(?m)^[ \t]*\([ \d.]+\)", head):
        return Facts(opt, None, "none")
    return Facts(opt)


def delta(facts: Facts) -> Facts:
    """The same for a screen log whose times count from the frame before."""
    said = "times step back, so each is taken to count from the frame before; the first from 0"
    return facts._replace(opt=facts.opt | {screen.OPT_DELTA: 1}, assumed=(*facts.assumed, said))


_READERS: dict[str, Callable[[bytes, Dialect], Facts]] = {
    "gvret": _gvret,
    "asc": _asc,
    "trc": _trc,
    "canary": _canary,
    "css-csv": _css,
    "arduino-csv": _arduino,
    "usb-can": _clock,
    "busmaster": _clock,
    "candump-screen": _screen,
}

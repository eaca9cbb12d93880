"""A DBC text cut into statements, numbers and texts, however they are written. What they mean is not known here."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from typing import Literal, NamedTuple

_KEYWORDS = """
VERSION NS_ BS_ BU_ BO_ SG_ CM_ BA_ VAL_ VAL_TABLE_ SIG_VALTYPE_ SG_MUL_VAL_ BA_DEF_ BA_DEF_DEF_ BO_TX_BU_ NS_DESC_
BA_REL_ BA_DEF_REL_ BA_DEF_DEF_REL_ BA_DEF_SGTYPE_ BA_SGTYPE_ BU_SG_REL_ BU_EV_REL_ BU_BO_REL_ EV_ EV_DATA_
ENVVAR_DATA_ SIG_GROUP_ SIG_TYPE_REF_ SGTYPE_ SGTYPE_VAL_ SIGTYPE_VALTYPE_ CAT_DEF_ CAT_ FILTER
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_WORDS = "|".join(sorted(KEYWORDS, key=len, reverse=True))
# A digit or a quote may follow without a space; a name may follow SG_ if the rest of the line looks like a signal.
_KEYWORD = re.compile(rf"(?P<word>{_WORDS})(?![A-Za-z_])|(?P<glued>SG_)(?=\w[^\n\":]*:\s*\d+\s*\|\s*\d+\s*@)")
_LINE_START = re.compile(rf"^[ \t\xa0\ufeff]*+(?:(?:{_WORDS})(?![A-Za-z_])|SG_\w[^\n\":]*:\s*\d+\s*\|\s*\d+\s*@)", re.M)
_BLANK = re.compile(r"(?:[\s\ufeff]|//[^\n]*)*+")
_NEW_SYMBOLS = re.compile(r"NS_[^\n]*(?:\n[ \t]*+[A-Z_]*+[ \t]*+(?=\n|\Z))*+")
_NODES = re.compile(r"BU_[\s:\w,;]*")
_LINE = re.compile(r"(?:,[ \t]*\n|[^\"\n/]|\"[^\"\n]*+\"|/(?!/))*+")
_NEXT_SIGNAL = re.compile(r"\sSG_\s")
_DIGITS = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_TO_SEMICOLON = re.compile(r"(?:[^\";]|\"(?:\\\"|[^\"])*+\")*+;")
_QUOTE = re.compile(r"(?<!\\)\"")
_WIDE = re.compile(r"(\"(?:\\\"|[^\"])*+\"?)|\s{200,}+")
_SEMICOLON = re.compile(r"\s*;")

_LONGEST = 300

TEXT = r'"((?:\\"|[^"])*+)"'
"""A pattern: a text in quotes, in which \\" stands for one."""

Action = Literal["repaired", "dropped", "noticed"]


class Repair(NamedTuple):
    """What was wrong at `line` (from 1), in one sentence: what stood there, and what was made of it.

    `noticed` is something odd that was kept as it stands.
    """

    line: int
    action: Action
    what: str


def remark(line: int, action: Action, what: str) -> Repair:
    """A Repair that fits a line of a report, whatever characters and lengths stand in the file."""
    what = what if len(what) <= _LONGEST else f"{what[: _LONGEST - 3]}..."
    return Repair(line, action, "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in what))


class Statement(NamedTuple):
    """One statement: its first word and its whole text, without what ends it."""

    line: int
    keyword: str
    text: str


def statements(text: str) -> tuple[list[Statement], list[Repair]]:
    """The statements of a DBC text in their order, and what did not look like one."""
    cutter = _Cutter(text.replace("\r\n", "\n").replace("\r", "\n"))
    while cutter.step():
        pass
    return cutter.found, cutter.repairs


class _Cutter:
    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.found: list[Statement] = []
        self.repairs: list[Repair] = []
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._begins = [match.start() for match in _LINE_START.finditer(text)]

    def step(self) -> bool:
        """Cuts off the next statement; False at the end of the text."""
        text, start = self.text, self._skip_blank()
        if start >= len(text):
            return False
        match = _KEYWORD.match(text, start)
        if match is None:
            self._skip_line(start)
            return True
        keyword = match["word"] or match["glued"]
        if match["glued"] or text[match.end() : match.end() + 1].isdigit():
            self._note(start, "repaired", f"no space after {keyword}: {short(text[start : start + 40])}")
        self.position = self._end(keyword, start, self._limit(match.end()))
        body = text[start : self.position].rstrip()
        body = _WIDE.sub(lambda found: found[1] or " ", body)  # so that no reader runs over a gap again and again
        self.found.append(Statement(self._line(start), keyword, body.removesuffix(";").rstrip()))
        return True

    def _skip_blank(self) -> int:
        match = _BLANK.match(self.text, self.position)
        return match.end() if match else self.position

    def _skip_line(self, start: int) -> None:
        end = self.text.find("\n", start)
        self.position = len(self.text) if end < 0 else end
        self._note(start, "dropped", f"no statement of a DBC file: {short(self.text[start : self.position])}")

    def _limit(self, position: int) -> int:
        """Where the next line begins that starts with a keyword."""
        index = bisect_left(self._begins, position)
        return self._begins[index] if index < len(self._begins) else len(self.text)

    def _end(self, keyword: str, start: int, limit: int) -> int:
        if keyword == "NS_":  # the section lists keywords, each on a line of its own
            return _end_of(_NEW_SYMBOLS, self.text, start, len(self.text))
        if keyword == "BU_":
            return _end_of(_NODES, self.text, start, limit)
        if keyword in ("BO_", "SG_", "BS_", "VERSION"):
            second = _NEXT_SIGNAL.search(self.text, start + 3, limit)
            limit = second.start() if second else limit
            return min(self._end_of_line(start, limit), limit)
        return self._end_at_semicolon(keyword, start, limit)

    def _end_of_line(self, start: int, limit: int) -> int:
        end = _end_of(_LINE, self.text, start, limit)
        if end < limit and self.text[end] == '"':  # a text that is not closed
            end = _line_end(self.text, end)
        return end

    def _end_at_semicolon(self, keyword: str, start: int, limit: int) -> int:
        text = self.text
        match = _TO_SEMICOLON.match(text, start, limit)
        if match:
            return match.end()
        if len(_QUOTE.findall(text, start, limit)) % 2 == 0:
            self._note(start, "repaired", f"{keyword} without ; at its end: ended with the line")
            return self._end_of_line(start, limit)
        closing = _QUOTE.search(text, limit)
        end = _SEMICOLON.match(text, closing.end()) if closing else None
        if end:  # a text of several lines, one of which begins like a statement
            return end.end()
        self._note(
            start, "repaired", f"{keyword} with a text that has no closing quote: ended before the next statement"
        )
        return limit

    def _line(self, position: int) -> int:
        return bisect_right(self._newlines, position - 1) + 1 if position else 1

    def _note(self, position: int, action: Action, what: str) -> None:
        self.repairs.append(remark(self._line(position), action, what))


def _end_of(pattern: re.Pattern[str], text: str, start: int, limit: int) -> int:
    match = pattern.match(text, start, limit)
    return match.end() if match else _line_end(text, start)


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def short(text: str) -> str:
    """`text` on one line, in quotes, cut to what a line of a report can hold."""
    flat = " ".join(text.split())
    return f"'{flat}'" if len(flat) <= 60 else f"'{flat[:57]}...'"


def integer(text: str) -> int | None:
    """A whole number, also if written as `0x10` or `16.0`; None for what is none."""
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        value = float(int(text, 16)) if text.lower().startswith("0x") else float(text)
    except (ValueError, OverflowError):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def number(text: str) -> str | None:
    """A number as any reader takes it: `.25`, `1,5` and `0x10` as 0.25, 1.5 and 16; None for what is no number."""
    if _NUMBER.fullmatch(text):
        return text if math.isfinite(float(text)) else None
    try:
        value = float(int(text, 16)) if text.lower().startswith("0x") else float(text.replace(",", "."))
    except (ValueError, OverflowError):
        return None
    return repr(value) if math.isfinite(value) else None


def unquoted(text: str) -> str:
    """What stands between two quotes, with the quotes in it as they were meant."""
    return text.replace('\\"', '"')

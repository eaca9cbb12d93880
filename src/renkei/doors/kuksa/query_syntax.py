"""The query language of sdv.databroker.v1 as a syntax tree: a small part of SQL. No signals are known here.

    query       SELECT column, ... [WHERE condition] [;]
    column      expression | (query) [AS name]
    expression  AND, OR, NOT over comparisons: = <> != < <= > >= and [NOT] BETWEEN low AND high
    comparison  of paths, LAG(expression), numbers, 'texts', TRUE, FALSE and expressions in brackets

Words of the language may be written in capitals or not; -- and /* */ enclose comments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from renkei.errors import InputError

QUERY_LENGTH = 32_768
"""Characters of a query."""
DEPTH = 50
"""Brackets in brackets."""
_NUMBER_LENGTH = 100
_SHOWN = 40
_WORDS = frozenset({"SELECT", "WHERE", "AS", "AND", "OR", "NOT", "BETWEEN", "LAG", "TRUE", "FALSE"})
_COMPARISONS = frozenset({"=", "<>", "!=", "<", "<=", ">", ">="})
_TOKEN = re.compile(
    r"(?P<gap>\s+|--[^\n]*|/\*.*?\*/)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"]*"|`[^`]*`)'
    r"|(?P<symbol><>|!=|<=|>=|[=<>(),;+*/-])",
    re.DOTALL,
)


class Token(NamedTuple):
    """`kind`: number, word (a path or name), key (a word of the language, in capitals), text, symbol, end."""

    kind: str
    text: str
    at: int


class Path(NamedTuple):
    path: str
    at: int


class Literal(NamedTuple):
    value: bool | int | float | str
    at: int


class Lag(NamedTuple):
    """What stood in the row before."""

    of: Expression
    at: int


class Not(NamedTuple):
    of: Expression
    at: int


class Joined(NamedTuple):
    """`word` is AND or OR."""

    word: str
    parts: tuple[Expression, ...]
    at: int


class Comparison(NamedTuple):
    sign: str
    left: Expression
    right: Expression
    at: int


class Between(NamedTuple):
    value: Expression
    low: Expression
    high: Expression
    at: int


class Column(NamedTuple):
    """`name` is None where AS gives none; `text` is the same for the same expression."""

    of: Expression
    name: str | None
    text: str
    at: int


class Select(NamedTuple):
    columns: tuple[Column, ...]
    where: Expression | None
    at: int


Expression = Path | Literal | Lag | Not | Joined | Comparison | Between | Select


def wrong(at: int, expected: str, got: str) -> InputError:
    """The error at a position, which is counted from 0 and told from 1."""
    return InputError(f"query, character {at + 1}: expected {expected}, got {got}")


def parse(query: str) -> Select:
    """The tree of a query; raises InputError that tells the character."""
    if len(query) > QUERY_LENGTH:
        raise InputError(f"query: expected at most {QUERY_LENGTH} characters, got {len(query)}")
    parser = _Parser(_tokens(query))
    select = parser.select()
    parser.take_symbol(";")
    parser.must_end()
    return select


def _tokens(query: str) -> list[Token]:
    tokens, at = [], 0
    while at < len(query):
        found = _TOKEN.match(query, at)
        if found is None:
            raise wrong(at, "a word, number, text or sign of the query language", _shown(query[at:]))
        kind, text = found.lastgroup or "", found[0]
        if kind == "word" and text.upper() in _WORDS:
            kind, text = "key", text.upper()
        elif kind == "quoted":
            kind, text = "word", text[1:-1]
        if kind != "gap":
            tokens.append(Token(kind, text, at))
        at = found.end()
    tokens.append(Token("end", "", len(query)))
    return tokens


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


class _Parser:
    """Goes down the grammar, one method a rule; `_next` is the token that is looked at."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += token.kind != "end"
        return token

    def _take_key(self, word: str) -> bool:
        taken = self._next.kind == "key" and self._next.text == word
        self._place += taken
        return taken

    def take_symbol(self, sign: str) -> bool:
        taken = self._next.kind == "symbol" and self._next.text == sign
        self._place += taken
        return taken

    def _wrong(self, expected: str) -> InputError:
        return wrong(self._next.at, expected, _shown(self._next.text) if self._next.text else "the end of the query")

    def must_end(self) -> None:
        if self._next.kind != "end":
            raise self._wrong("',', WHERE, AND, OR, a comparison or the end of the query")

    def select(self) -> Select:
        at = self._next.at
        if not self._take_key("SELECT"):
            raise self._wrong("SELECT")
        columns = [self._column()]
        while self.take_symbol(","):
            columns.append(self._column())
        return Select(tuple(columns), self._expression() if self._take_key("WHERE") else None, at)

    def _column(self) -> Column:
        start = self._place
        expression = self._expression()
        text = " ".join(token.text for token in self._tokens[start : self._place])
        at = self._tokens[start].at
        if not self._take_key("AS"):
            return Column(expression, None, text, at)
        if self._next.kind != "word":
            raise self._wrong("a name for the column")
        return Column(expression, self._take().text, text, at)

    def _expression(self) -> Expression:
        return self._joined("OR", lambda: self._joined("AND", self._negated))

    def _joined(self, word: str, part: Callable[[], Expression]) -> Expression:
        at = self._next.at
        parts = [part()]
        while self._take_key(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts), at)

    def _negated(self) -> Expression:
        at, negations = self._next.at, 0
        while self._take_key("NOT"):
            negations += 1
        compared = self._compared()
        for _ in range(min(negations, 2 - negations % 2)):  # as many as make a difference, so that the tree stays flat
            compared = Not(compared, at)
        return compared

    def _compared(self) -> Expression:
        left = self._single()
        at = self._next.at
        if self._next.kind == "symbol" and self._next.text in _COMPARISONS:
            sign = self._take().text
            return Comparison("<>" if sign == "!=" else sign, left, self._single(), at)
        negated = self._take_key("NOT")
        if self._take_key("BETWEEN"):
            low = self._single()
            if not self._take_key("AND"):
                raise self._wrong("AND and the upper limit")
            between = Between(left, low, self._single(), at)
            return Not(between, at) if negated else between
        if negated:
            raise self._wrong("BETWEEN")
        return left

    def _single(self) -> Expression:
        token = self._next
        if token.kind == "word":
            return Path(self._take().text, token.at)
        if token.kind == "text":
            return Literal(self._take().text[1:-1].replace("''", "'"), token.at)
        if token.kind == "key" and token.text in ("TRUE", "FALSE"):
            return Literal(self._take().text == "TRUE", token.at)
        if token.kind == "number" or token.text in ("-", "+"):
            return self._number()
        if self._take_key("LAG"):
            if self._next.text != "(":
                raise self._wrong("'('")
            return Lag(self._bracketed(), token.at)
        if token.text == "(" and token.kind == "symbol":
            return self._bracketed()
        raise self._wrong("a path, a number, a text or '('")

    def _bracketed(self) -> Expression:
        self._depth += 1
        if self._depth > DEPTH:
            raise wrong(self._next.at, f"at most {DEPTH} brackets in brackets", "more")
        self._take()
        is_query = self._next.kind == "key" and self._next.text == "SELECT"
        inside = self.select() if is_query else self._expression()
        if not self.take_symbol(")"):
            raise self._wrong("')'")
        self._depth -= 1
        return inside

    def _number(self) -> Expression:
        at = self._next.at
        sign = -1 if self.take_symbol("-") else 1
        if sign == 1:
            self.take_symbol("+")
        if self._next.kind != "number":
            raise self._wrong("a number")
        text = self._take().text
        if len(text) > _NUMBER_LENGTH:
            raise wrong(at, f"a number of at most {_NUMBER_LENGTH} characters", str(len(text)))
        value = int(text) if text.isdecimal() else float(text)
        if abs(value) > 1.7e308:
            raise wrong(at, "a number that fits 64-bit floating point", _shown(text))
        return Literal(sign * value, at)

"""A query of sdv.databroker.v1 over the signals of a vocabulary: which columns make up a row, and when there is one.

A value that is missing makes a comparison unknown, and a condition holds only when it is true; what is there is
different from what is missing. LAG means the row that was sent last, so that `x <> LAG(x)` holds in the first.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from renkei.broker.datapoint import Datapoint, Quality
from renkei.doors.kuksa.calls import PATH_LENGTH
from renkei.doors.kuksa.query_syntax import (
    Between,
    Column,
    Comparison,
    Expression,
    Joined,
    Lag,
    Literal,
    Not,
    Path,
    Select,
    parse,
    wrong,
)
from renkei.errors import InputError, UnknownName
from renkei.vocabulary import FLOAT32_MAX, Signal, Value, Vocabulary

Points = Mapping[int, Datapoint]
"""The inputs of a row, by the index of their signal."""
_KINDS = {"boolean": "true or false", "string": "a text"}
_Compare = Callable[[Any, Any], bool | None]
_ORDERS: dict[str, _Compare] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FLOAT32 = struct.Struct("<f")


class Cell(NamedTuple):
    """One value of a row; None unless `quality` is ok. `t_ns` is when the newest value it rests on was received."""

    name: str
    datatype: str
    value: Value | None
    t_ns: int
    quality: Quality


class _Term(NamedTuple):
    """A part of a condition: what it gives for a row and the row before, and the datatype of that."""

    datatype: str
    read: Callable[[Points, Points], Any]
    inputs: frozenset[int]
    literal: bool = False

    @property
    def kind(self) -> str:
        return _KINDS.get(self.datatype, "a list" if self.datatype.endswith("[]") else "a number")


class _Column(NamedTuple):
    name: str
    read: Callable[[Points, Points], Cell]
    text: str
    at: int


class Query:
    """A compiled query; `inputs` are the indices of all signals that it names. Raises InputError."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        tree = parse(text)
        compiler = _Compiler(vocabulary)
        self._select = _Select(tree, compiler)
        self.inputs = frozenset(compiler.named)
        if not self.inputs:
            raise wrong(tree.at, "a query that names a signal", "none")
        _each_name_once(self._select.all_columns())

    def row(self, now: Points, last: Points) -> list[Cell] | None:
        """The cells of the row that `now` makes, None when there is none to send.

        `now` holds every input; `last` what they were in the row that was sent last, nothing before the first.
        """
        return self._select.row(now, last) or None


class _Select:
    """The columns and the condition of one SELECT; a subquery among them adds its cells when its condition holds."""

    def __init__(self, tree: Select, compiler: _Compiler) -> None:
        self._where = None if tree.where is None else compiler.condition(tree.where, "a condition after WHERE")
        self._parts: list[_Column | _Select] = [
            _Select(column.of, compiler) if isinstance(column.of, Select) else compiler.column(place, column)
            for place, column in enumerate(tree.columns)
        ]

    def row(self, now: Points, last: Points) -> list[Cell]:
        if self._where and self._where.read(now, last) is not True:
            return []
        cells: list[Cell] = []
        for part in self._parts:
            if isinstance(part, _Select):
                cells += part.row(now, last)
            else:
                cells.append(part.read(now, last))
        return cells

    def all_columns(self) -> Iterable[_Column]:
        for part in self._parts:
            if isinstance(part, _Select):
                yield from part.all_columns()
            else:
                yield part


def _each_name_once(columns: Iterable[_Column]) -> None:
    """Cells travel by name, so that two different ones of one name would hide each other."""
    texts: dict[str, str] = {}
    for column in columns:
        if texts.setdefault(column.name, column.text) != column.text:
            raise wrong(column.at, "a name of its own for each column (give one with AS)", f"{column.name!r} twice")


class _Compiler:
    """Makes functions of a tree and remembers which signals it `named`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.named: set[int] = set()

    def column(self, place: int, column: Column) -> _Column:
        plain, lagged = (column.of.of, True) if isinstance(column.of, Lag) else (column.of, False)
        if isinstance(plain, Path):
            signal = self._signal(plain)
            name = column.name or signal.path
            return _Column(name, _signal_cell(name, signal, lagged), column.text, column.at)
        name = column.name or f"field_{place}"
        return _Column(name, _computed_cell(name, self._term(column.of)), column.text, column.at)

    def condition(self, tree: Expression, what: str) -> _Term:
        """A term that is true, false or None for unknown."""
        term = self._term(tree)
        if term.datatype != "boolean":
            raise wrong(tree.at, what, term.kind)
        return term

    def _signal(self, path: Path) -> Signal:
        signal = self._vocabulary.get(path.path)
        if signal is None:
            if len(path.path) > PATH_LENGTH:
                raise wrong(path.at, f"a path of at most {PATH_LENGTH} characters", str(len(path.path)))
            unknown = UnknownName("signal", path.path, [s.path for s in self._vocabulary])
            raise InputError(f"query, character {path.at + 1}: {unknown}")
        self.named.add(signal.index)
        return signal

    def _term(self, tree: Expression) -> _Term:
        match tree:
            case Path():
                return self._of_path(tree)
            case Literal(value, _):
                return _Term(_datatype(value), lambda _now, _last: value, frozenset(), literal=True)
            case Lag(of, at):
                if isinstance(of, Lag):
                    raise wrong(at, "one LAG", "LAG of LAG")
                term = self._term(of)
                return term._replace(read=lambda _now, last: term.read(last, last))
            case Not(of, _):
                term = self.condition(of, "a condition after NOT")
                return term._replace(read=lambda now, last: _negated(term.read(now, last)))
            case Joined(word, parts, _):
                return _joined(word, [self.condition(part, f"a condition beside {word}") for part in parts])
            case Comparison(sign, left, right, at):
                return self._compared(sign, self._term(left), self._term(right), at)
            case Between(value, low, high, at):
                middle = self._term(value)
                limits = (self._compared(">=", middle, self._term(low), at),
                          self._compared("<=", middle, self._term(high), at))  # fmt: skip
                return _joined("AND", limits)
            case Select(_, _, at):
                raise wrong(at, "a subquery among the columns only", "one in an expression")

    def _of_path(self, path: Path) -> _Term:
        signal = self._signal(path)
        if signal.is_array:
            raise wrong(path.at, "a single value in a condition", f"{signal.path}, which is a list")
        index = signal.index

        def read(now: Points, _last: Points) -> Any:
            return point.value if (point := now.get(index)) else None

        def read_float32(now: Points, _last: Points) -> Any:
            value = read(now, _last)
            return None if value is None else _float32(value)

        return _Term(signal.datatype, read_float32 if signal.datatype == "float" else read, frozenset({index}))

    def _compared(self, sign: str, left: _Term, right: _Term, at: int) -> _Term:
        for term in (left, right):
            if sign in _ORDERS and term.kind != "a number":
                raise wrong(at, f"numbers beside {sign}", term.kind)
        if left.kind != right.kind:
            raise wrong(at, "the same kind on both sides", f"{left.kind} {sign} {right.kind}")
        left, right = _narrowed(left, right), _narrowed(right, left)
        compare = _compare(sign)
        return _Term(
            "boolean",
            lambda now, last: compare(left.read(now, last), right.read(now, last)),
            left.inputs | right.inputs,
        )


def _datatype(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "int64" if isinstance(value, int) and -(2**63) <= value < 2**63 else "double"


def _float32(value: float) -> float:
    """As every client of this value sees it."""
    rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return rounded


def _narrowed(literal: _Term, other: _Term) -> _Term:
    """A number that stands beside a float is meant as a float: 0.1 is the float nearest to 0.1."""
    if not literal.literal or other.datatype != "float":
        return literal
    value = literal.read({}, {})
    if abs(value) > FLOAT32_MAX:
        return literal
    narrow = _float32(value)
    return literal._replace(read=lambda _now, _last: narrow)


def _compare(sign: str) -> _Compare:
    if sign in _ORDERS:
        order = _ORDERS[sign]
        return lambda a, b: None if a is None or b is None else bool(order(a, b))
    is_equal = sign == "="
    # What is there differs from what is missing; of two that are missing nothing is known.
    return lambda a, b: None if a is None and b is None else bool(a == b) is is_equal


def _negated(holds: bool | None) -> bool | None:
    return None if holds is None else not holds


def _joined(word: str, terms: Sequence[_Term]) -> _Term:
    """AND is false where one is false, OR true where one is true; else unknown where one is unknown."""
    decides = word == "OR"
    reads = [term.read for term in terms]

    def read(now: Points, last: Points) -> bool | None:
        unknown = False
        for each in reads:
            holds: bool | None = each(now, last)
            if holds is decides:
                return decides
            unknown |= holds is None
        return None if unknown else not decides

    return _Term("boolean", read, frozenset().union(*[term.inputs for term in terms]))


def _signal_cell(name: str, signal: Signal, lagged: bool) -> Callable[[Points, Points], Cell]:
    index, datatype = signal.index, signal.datatype

    def read(now: Points, last: Points) -> Cell:
        point = last.get(index) if lagged else now[index]
        if point is None:
            return Cell(name, datatype, None, now[index].t_receive_ns, "not available")
        return Cell(name, datatype, point.value, point.t_receive_ns, point.quality)

    return read


def _computed_cell(name: str, term: _Term) -> Callable[[Points, Points], Cell]:
    def read(now: Points, last: Points) -> Cell:
        times = [now[index].t_receive_ns for index in term.inputs or now]
        value = term.read(now, last)
        return Cell(name, term.datatype, value, max(times), "not available" if value is None else "ok")

    return read

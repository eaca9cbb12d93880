"""One leaf of a KUKSA mapping as a row of a map, if the map language can say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from renkei.can.compile import MAX_TABLE_BITS
from renkei.can.dbc import DbcMessage, DbcSignal
from renkei.errors import InputError, ValueRefused, nearest
from renkei.flows.formula import Formula, Line
from renkei.units import conversion, exact
from renkei.vocabulary import Signal

LEGIBLE_BITS = 8
"""A formula that is no line becomes a table of its values up to this width."""

_SMALLEST, _LARGEST = Fraction(10) ** -300, Fraction(10) ** 300

Carriers = Mapping[str, Sequence[tuple[DbcMessage, DbcSignal]]]


class Leaf(NamedTuple):
    """What a mapping says about a leaf: its unit, `dbc2vss` (or `dbc`, its older name) and `vss2dbc`, as they came."""

    unit: Any
    inward: Any
    outward: Any

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Leaf | None:
        """None for a leaf without any mapping."""
        leaf = cls(node.get("unit"), node.get("dbc2vss", node.get("dbc")), node.get("vss2dbc"))
        return None if leaf.inward is None and leaf.outward is None else leaf


@dataclass(frozen=True, slots=True)
class AdoptedRow:
    """A row: `keys` as a map writes them (but for `from` and `source`), and what of the mapping is lost in it.

    `line`: the formula from the physical value, where it is one; `names`: raw values by what the mapping calls them.
    """

    message: str
    signal: str
    keys: Mapping[str, Any]
    lost: tuple[str, ...] = ()
    line: Line | None = None
    names: Mapping[str | Fraction, int] | None = None


def adopted_row(leaf: Leaf, signal: Signal | None, carriers: Carriers) -> AdoptedRow:
    """The row for a leaf; raises InputError that says why there can be none."""
    if signal is None:
        raise InputError("is not in the vocabulary, VSS 6.0 and its overlay")
    if signal.is_array:
        raise InputError(f"is an array, {signal.datatype}")
    message, source = _carrier(leaf.inward, carriers)
    transform = _transform(leaf.inward)
    to_unit = _unit_step(leaf.unit, signal)
    if isinstance(transform, list):
        return _table_row(message, source, signal, to_unit, _named(transform, source))
    if signal.scalar == "string":
        if transform:
            raise InputError(f"is a text, and {transform.text!r} gives a number")
        if not source.values:
            raise InputError(f"is a text, and the DBC file has no names for the values of {source.name}")
        return _table_row(message, source, signal, to_unit, [(name, raw, name) for raw, name in _names(source)])
    if signal.scalar == "boolean":
        if transform or (source.scale, source.offset) != (1.0, 0.0):
            raise InputError("is a boolean, and the mapping gives a number")
        return AdoptedRow(message.name, source.name, {})
    return _number_row(message, source, signal, to_unit, leaf.unit, transform)


def kept_way_out(leaf: Leaf, row: AdoptedRow | None) -> bool:
    """True when inverting the row gives just what `vss2dbc` says."""
    if row is None or not isinstance(leaf.outward, dict) or leaf.outward.get("signal") != row.signal:
        return False
    try:
        transform = _transform(leaf.outward)
    except InputError:
        return False
    if isinstance(transform, list):
        return row.names is not None and all(_goes_out_as(row, value, name) for value, name in transform)
    back = transform.line() if transform else Line(Fraction(1), Fraction(0))
    return row.line is not None and back == Line(1 / row.line.scale, -row.line.offset / row.line.scale)


def _carrier(mapping: Any, carriers: Carriers) -> tuple[DbcMessage, DbcSignal]:
    name = mapping.get("signal") if isinstance(mapping, dict) else None
    if not isinstance(name, str) or not name:
        raise InputError("its dbc2vss names no DBC signal")
    found = carriers.get(name, ())
    if not found:
        near = nearest(name, carriers)
        raise InputError(f"the DBC file has no signal {name!r}" + (f"; did you mean '{near}'?" if near else ""))
    if len(found) > 1:
        messages = ", ".join(message.name for message, _ in found)
        raise InputError(f"ambiguous: the DBC signal {name!r} occurs in several messages: {messages}")
    return found[0]


def _transform(mapping: Mapping[str, Any]) -> Formula | list[tuple[Any, Any]] | None:
    """The formula, or the pairs of a table."""
    transform = mapping.get("transform")
    if transform is None:
        return None
    match transform:
        case {"math": str(text), **others} if "mapping" not in others:
            return Formula(text)
        case {"mapping": list(pairs), **others} if "math" not in others:
            if all(isinstance(p, dict) and {"from", "to"} <= p.keys() for p in pairs):
                return [(p["from"], p["to"]) for p in pairs]
    raise InputError("its transform is neither a math formula nor a mapping of from and to")


def _unit_step(unit: Any, signal: Signal) -> Line:
    """From the unit of the leaf to that of our signal."""
    if not signal.unit:
        return Line(Fraction(1), Fraction(0))
    if not isinstance(unit, str) or not unit:
        raise InputError(f"has no unit in the mapping, and is in {signal.unit}")
    return Line(*conversion(unit, signal.unit))


def _names(source: DbcSignal) -> Iterator[tuple[int, str]]:
    """Raw values that the DBC names. Of a signed signal some files name the bits instead: 4096 for -4096."""
    highest = (1 << (source.length - int(source.signed))) - 1
    for raw, name in source.values.items():
        yield (raw - (1 << source.length) if source.signed and raw > highest else raw), name


def _named(pairs: Sequence[tuple[Any, Any]], source: DbcSignal) -> list[tuple[Any, int | None, Any]]:
    """(name or number, raw value or None where there is none, value); of a name that comes twice the first holds."""
    found: dict[Any, tuple[Any, int | None, Any]] = {}
    for name, value in pairs:
        if isinstance(name, str):
            raws: list[int | None] = [raw for raw, called in _names(source) if called == name]
        else:
            raws = [_raw(name, source)]
        for raw in raws or [None]:
            found.setdefault(repr(name) if raw is None else raw, (name, raw, value))
    return list(found.values())


def _raw(number: Any, source: DbcSignal) -> int | None:
    """The raw value whose physical value is `number`."""
    try:
        raw = (_exactly(number) - exact(source.offset)) / exact(source.scale)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    low, high = _raws(source)
    return int(raw) if raw.denominator == 1 and low <= raw <= high else None


def _raws(source: DbcSignal) -> tuple[int, int]:
    if source.signed:
        return -(1 << (source.length - 1)), (1 << (source.length - 1)) - 1
    return 0, (1 << source.length) - 1


def _table_row(
    message: DbcMessage, source: DbcSignal, signal: Signal, to_unit: Line, named: Sequence[tuple[Any, int | None, Any]]
) -> AdoptedRow:
    if source.is_float or source.length > MAX_TABLE_BITS:
        raise InputError(f"a table needs a whole number of at most {MAX_TABLE_BITS} bits, and {source.name} is none")
    values: dict[int, Any] = {}
    names: dict[Any, int] = {}
    lost: list[str] = []
    for name, raw, value in named:
        if raw is None:
            lost.append(f"in part: {source.name} has no value {name!r}")
            continue
        try:
            values[raw] = _admitted(value, signal, to_unit)
            names.setdefault(name if isinstance(name, str) else _exactly(name), raw)
        except ValueRefused as e:
            lost.append(f"in part: {name!r}: {str(e).removeprefix(f'{signal.path}: ')}")
    if not values:
        raise InputError(lost[0].removeprefix("in part: ") if lost else "its mapping is empty")
    keys = {"values": dict(sorted(values.items()))}
    return AdoptedRow(message.name, source.name, keys, tuple(lost), names=names)


def _admitted(value: Any, signal: Signal, to_unit: Line) -> Any:
    if signal.scalar == "boolean" and value in ("true", "false"):  # as older mappings write it
        return value == "true"
    if isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0:
        value = _plain(_exactly(value) * to_unit.scale + to_unit.offset)
    return signal.check(value)


def _exactly(number: int | float) -> Fraction:
    return Fraction(number) if isinstance(number, int) else exact(number)


def _plain(number: Fraction) -> int | float:
    if number and not _SMALLEST < abs(number) < _LARGEST:
        raise InputError("has a number in it that is too large or too small")
    return int(number) if number.denominator == 1 else float(number)


def _number_row(
    message: DbcMessage, source: DbcSignal, signal: Signal, to_unit: Line, unit: Any, formula: Formula | None
) -> AdoptedRow:
    low, high = _raws(source)
    names = sorted({raw for raw, _ in _names(source) if low <= raw <= high})
    # A named value among numbers is a code for something else; where all have names, they are what is meant.
    codes = names if signal.unit or formula else []
    if source.is_float or len(codes) == high - low + 1:
        codes = []
    line = Line(Fraction(1), Fraction(0))
    if formula:
        found = formula.line() or _line_through(formula, source, set(codes))
        if found is None:
            return _tabled(message, source, signal, to_unit, formula, set(codes))
        line = found
    if not line.scale:
        raise InputError(f"{formula.text if formula else ''!r} does not depend on the DBC signal")
    keys: dict[str, Any] = {}
    if line.scale != 1:
        keys["scale"] = _plain(line.scale)
    if line.offset:
        keys["offset"] = _plain(line.offset)
    if signal.unit:
        keys["unit"] = unit
    if codes:
        keys["invalid"] = codes
    return AdoptedRow(message.name, source.name, keys, line=line)


def _line_through(formula: Formula, source: DbcSignal, codes: set[int]) -> Line | None:
    """The line on which all values of a formula lie, such as those of abs(x) where no x is negative."""
    if source.is_float or source.length > MAX_TABLE_BITS:
        return None
    try:
        points = ((x, formula.at(x)) for _, x in _physical(source, codes))
        (x0, y0), (x1, y1) = next(points), next(points)
        scale = (y1 - y0) / (x1 - x0)
        offset = y0 - scale * x0
        return Line(scale, offset) if all(y == x * scale + offset for x, y in points) else None
    except (StopIteration, ZeroDivisionError):
        return None


def _tabled(
    message: DbcMessage, source: DbcSignal, signal: Signal, to_unit: Line, formula: Formula, codes: set[int]
) -> AdoptedRow:
    """The values of a formula one by one; those that the signal does not admit are not available."""
    if source.is_float or source.length > LEGIBLE_BITS:
        raise InputError(f"{formula.text!r} is not linear, and {source.name} has {source.length} bits")
    values: dict[int, Any] = {}
    for raw, x in _physical(source, codes):
        try:
            values[raw] = signal.check(_plain(formula.at(x) * to_unit.scale + to_unit.offset))
        except (ZeroDivisionError, ValueRefused):
            continue
    if not values:
        raise InputError(f"{formula.text!r} gives no value that it admits")
    return AdoptedRow(message.name, source.name, {"values": values})


def _physical(source: DbcSignal, codes: set[int]) -> Iterator[tuple[int, Fraction]]:
    low, high = _raws(source)
    scale, offset = exact(source.scale), exact(source.offset)
    return ((raw, raw * scale + offset) for raw in range(low, high + 1) if raw not in codes)


def _goes_out_as(row: AdoptedRow, value: Any, name: Any) -> bool:
    """True when the raw value that a table gives for `value`, the first that means it, is the one called `name`."""
    values: Mapping[int, Any] = row.keys["values"]
    first = next((raw for raw, v in values.items() if v == value and type(v) is type(value)), None)
    try:
        called = (row.names or {}).get(name if isinstance(name, str) else _exactly(name))
    except (TypeError, ValueError, OverflowError):
        return False
    return first is not None and first == called

"""Tables of part files become facts, limits, messages and slots: keys known, units converted, sources there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from renkei.catalogue.contradictions import judge_together
from renkei.catalogue.map_rows import known_sources
from renkei.catalogue.part_files import (
    AssumptionsFile,
    ClauseTable,
    LimitTable,
    PartFactTable,
    PartMessageTable,
    SlotTable,
    StandardFile,
    TalkTable,
)
from renkei.errors import CatalogueError, InputError, Mistakes, nearest
from renkei.facts import KINDS, Claim, Fact, FactKey, FactValue, fact_keys, keys_of
from renkei.parts import Assumption, Clause, Limit, Message, Scalar, Slot, Standard, Talk
from renkei.units import conversion, exact
from renkei.vehicle import Source

_EXTENDED = 0x8000_0000
_NUMBERS = ("number", "integer")
_HUGE = 1e100


def facts_of(
    file: Path, at: str, given: Mapping[str, PartFactTable], kind: str, sources: Mapping[str, Source]
) -> dict[str, Fact]:
    """The facts of a part, slot or vehicle of `kind`, in the unit of their keys."""
    facts, mistakes = dict[str, Fact](), Mistakes()
    for name, table in given.items():
        with mistakes.gathered():
            facts[name] = _fact(file, f"{at}.{name}", _key(file, f"{at}.{name}", name, kind), table, sources)
    mistakes.tell()
    return facts


def inherited(file: Path, like: Mapping[str, Fact], without: Iterable[str], at: str = "") -> dict[str, Fact]:
    """The facts of the thing that this one is like, but for those that do not hold here."""
    mistakes = Mistakes()
    for name in without:
        with mistakes.gathered():
            if name not in like:
                raise CatalogueError(
                    file, f"{at}.without".lstrip("."), expected="a fact of like", got=name, near=nearest(name, like)
                )
    mistakes.tell()
    return {name: fact for name, fact in like.items() if name not in without}


def limits_of(
    file: Path, at: str, given: Mapping[str, LimitTable], kind: str, sources: Mapping[str, Source]
) -> tuple[Limit, ...]:
    """What is asked of the facts of a `kind`; every limit has a source."""
    limits, mistakes = list[Limit](), Mistakes()
    for name, table in given.items():
        with mistakes.gathered():
            if not table.source:
                raise CatalogueError(file, f"{at}.{name}.source", expected="at least one source", got=None)
            known_sources(file, f"{at}.{name}.source", table.source, sources)
            limits.append(_limit(file, f"{at}.{name}", name, table, kind))
    mistakes.tell()
    return tuple(limits)


def requires_of(
    file: Path, given: Mapping[str, Mapping[str, LimitTable]], sources: Mapping[str, Source]
) -> tuple[Limit, ...]:
    """`[requires.KIND]` of a part, for every kind."""
    limits: list[Limit] = []
    for kind, tables in given.items():
        if kind not in KINDS:
            near = nearest(kind, KINDS)
            raise CatalogueError(file, f"requires.{kind}", expected=f"one of {', '.join(KINDS)}", got=kind, near=near)
        limits += limits_of(file, f"requires.{kind}", tables, kind, sources)
    return tuple(limits)


def talk_of(file: Path, at: str, given: TalkTable, sources: Mapping[str, Source]) -> Talk:
    return Talk(
        tuple(_message(file, f"{at}.provides.{key}", key, m, sources) for key, m in given.provides.items()),
        tuple(_message(file, f"{at}.requires.{key}", key, m, sources) for key, m in given.requires.items()),
    )


def slots_of(
    file: Path, maker: str, given: Mapping[str, SlotTable], like: Mapping[str, Slot], sources: Mapping[str, Source]
) -> dict[str, Slot]:
    """The slots of a vehicle or part; what one states lies over that of the same name in `like`."""
    slots, mistakes = dict(like), Mistakes()
    for name, table in given.items():
        with mistakes.gathered():
            slots[name] = _slot(file, f"slots.{name}", name, maker, table, like.get(name), sources)
    mistakes.tell()
    return slots


def full_id(maker: str, name: str) -> str:
    """`maker/name` of a name that may leave out its own maker."""
    return name if "/" in name else f"{maker}/{name}"


def standard_of(file: Path, read: StandardFile) -> Standard:
    """The standard with its clauses; each stands in the group of its fact."""
    clauses, mistakes = list[Clause](), Mistakes()
    for number, table in read.clauses.items():
        with mistakes.gathered():
            clauses.append(_clause(file, number, table, read.kind))
    mistakes.tell()
    return Standard(file.stem, read.name, read.kind, read.text, file, tuple(clauses))


def assumptions_of(file: Path, read: AssumptionsFile) -> dict[str, Assumption]:
    """What is assumed where a fact is unknown, by key."""
    for name, table in read.assumptions.items():
        for kind in table.kinds:
            if kind not in KINDS:
                at = f"assumptions.{name}.kinds"
                raise CatalogueError(file, at, expected="kinds of part", got=kind, near=nearest(kind, KINDS))
    return {
        name: Assumption(name, a.value, a.unit, tuple(a.kinds), a.reason, a.source)
        for name, a in read.assumptions.items()
    }


def _clause(file: Path, number: str, table: ClauseTable, kind: str) -> Clause:
    at = f"clauses.{number}"
    kind = table.of or kind
    limit = LimitTable(
        min=table.min, max=table.max, one_of=table.one_of, stated=table.stated, unit=table.unit,
        otherwise=table.otherwise, reason=table.reason,
    )  # fmt: skip
    made = _limit(file, at, table.fact, limit, kind)
    if fact_keys()[table.fact].group != number[0]:
        raise CatalogueError(file, at, expected=f"a clause of group {fact_keys()[table.fact].group}", got=number)
    if table.per is not None:
        counted, limited = _key(file, f"{at}.per", table.per, kind), fact_keys()[table.fact]
        if counted.type != "integer" or limited.type != "number":
            expected = "a fact that counts, for a limit on a number"
            raise CatalogueError(file, f"{at}.per", expected=expected, got=table.per)
    return Clause(number, table.title, made, table.checked, table.reason, table.per)


def _key(file: Path, at: str, name: str, kind: str) -> FactKey:
    known = {key.name: key for key in keys_of(kind)}
    if name not in known:
        expected = f"a fact of kind {kind}" if name in fact_keys() else "a fact that 'renkei list facts' names"
        raise CatalogueError(file, at, expected=expected, got=name, near=nearest(name, known))
    return known[name]


def _fact(file: Path, at: str, key: FactKey, table: PartFactTable, sources: Mapping[str, Source]) -> Fact:
    known_sources(file, f"{at}.source", table.source, sources)
    for n, claim in enumerate(table.disputed):
        known_sources(file, f"{at}.disputed.{n}.source", claim.source, sources)
    if table.disputed and not table.note:
        raise CatalogueError(file, f"{at}.note", expected="why this value was believed", got=None)
    if table.confidence == "disputed" and not table.disputed:
        raise CatalogueError(file, f"{at}.disputed", expected="what the other source says", got=None)
    value = _value(file, at, key, table.value, table.unit, table.units)
    claims = tuple(
        Claim(_value(file, f"{at}.disputed.{n}", key, c.value, c.unit, {}), tuple(c.source))
        for n, c in enumerate(table.disputed)
    )
    return Fact(value, tuple(table.source), table.confidence, key.unit, table.note, claims)


def _value(file: Path, at: str, key: FactKey, given: Any, unit: str | None, units: Mapping[str, str]) -> FactValue:
    if key.type in _NUMBERS:
        number = _converted(file, f"{at}.unit", _number(file, f"{at}.value", given, key), unit, key.unit)
        _in_range(file, f"{at}.value", key, number, given)
        return number
    if unit is not None:
        raise CatalogueError(file, f"{at}.unit", expected=f"no unit beside a {key.type}", got=unit)
    if key.type in ("curve", "grid"):
        return _table(file, f"{at}.value", key, given, units)
    if key.type == "list" and isinstance(given, list) and given and all(isinstance(each, str) for each in given):
        return given
    return _word(file, f"{at}.value", key, given)


def _word(file: Path, at: str, key: FactKey, given: Any) -> Scalar:
    match key.type, given:
        case "boolean", bool():
            return given
        case "text", str() if given.strip():
            return given
        case "choice", str() if given in key.choices:
            return given
    near = nearest(given, key.choices) if isinstance(given, str) else None
    raise CatalogueError(file, at, expected=_told(key), got=given, near=near)


def _told(key: FactKey) -> str:
    told = {"boolean": "true or false", "text": "a text", "list": "a list of texts"}
    return told.get(key.type) or f"one of {', '.join(key.choices)}"


def _number(file: Path, at: str, given: Any, key: FactKey) -> float | int:
    right = isinstance(given, int if key.type == "integer" else int | float) and not isinstance(given, bool)
    if not right or not abs(given) < _HUGE:  # which NaN is not either
        what = "a whole number" if key.type == "integer" else "a number"
        raise CatalogueError(file, at, expected=what + (f" of {key.unit}" if key.unit else ""), got=given)
    return given  # type: ignore[no-any-return]


def _converted(file: Path, at: str, value: float | int, unit: str | None, target: str | None) -> float | int:
    if unit is None or unit == target:
        return value
    if target is None:
        raise CatalogueError(file, at, expected="no unit", got=unit)
    try:
        scale, offset = conversion(unit, target)
    except InputError as e:
        raise CatalogueError(file, at, expected=f"a unit that converts to {target} ({e})", got=unit) from e
    return float(exact(value) * scale + offset)


def _in_range(file: Path, at: str, key: FactKey, number: float, given: object) -> None:
    if key.lowest is not None and number < key.lowest:
        raise CatalogueError(file, at, expected=f"{key.lowest:g} {key.unit or ''}".strip() + " or more", got=given)
    if key.above is not None and number <= key.above:
        raise CatalogueError(file, at, expected=f"a number above {key.above:g} {key.unit or ''}".strip(), got=given)
    if key.highest is not None and number > key.highest:
        raise CatalogueError(file, at, expected=f"{key.highest:g} {key.unit or ''}".strip() + " or less", got=given)


def _table(file: Path, at: str, key: FactKey, given: Any, units: Mapping[str, str]) -> dict[str, tuple[float, ...]]:
    if not isinstance(given, dict) or set(given) != set(key.columns):
        got = sorted(given) if isinstance(given, dict) else given
        raise CatalogueError(file, at, expected=f"a table of the columns {', '.join(key.columns)}", got=got)
    table: dict[str, tuple[float, ...]] = {}
    for name, target in key.columns.items():
        numbers = [_number(file, f"{at}.{name}", each, key._replace(unit=target)) for each in given[name]]
        unit = units.get(name)
        table[name] = tuple(float(_converted(file, f"{at}.{name}", n, unit, target)) for n in numbers)
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
        raise CatalogueError(file, at, expected="columns of one length of at least 2", got=lengths)
    first = next(iter(table))
    if key.type == "curve" and any(b <= a for a, b in zip(table[first], table[first][1:], strict=False)):
        raise CatalogueError(file, f"{at}.{first}", expected="numbers that rise from row to row", got=given[first])
    points = list(zip(*(table[c] for c in _axes(key)), strict=True))
    if key.type == "grid" and len(set(points)) < len(points):
        raise CatalogueError(file, at, expected=f"each point of {', '.join(_axes(key))} once", got="one twice")
    return table


def _axes(key: FactKey) -> tuple[str, ...]:
    """The columns of a grid over which the others are given."""
    over = ("temperature", "soc", "time", "speed", "torque", "voltage")
    return tuple(c for c in key.columns if c in over)


def _limit(file: Path, at: str, name: str, table: LimitTable, kind: str) -> Limit:
    key = _key(file, at, name, kind)
    given = [bool(table.one_of), table.stated is not None, table.min is not None or table.max is not None]
    if sum(given) != 1:
        raise CatalogueError(file, at, expected="min, max or both, one_of, or stated = true", got=sum(given))
    if (table.min is not None or table.max is not None) and key.type not in _NUMBERS:
        raise CatalogueError(file, at, expected=f"one_of or stated, as {name} is a {key.type}", got="min or max")
    if table.unit is not None and key.type not in _NUMBERS:
        raise CatalogueError(file, f"{at}.unit", expected=f"no unit beside a {key.type}", got=table.unit)
    low, high = _bound(file, at, "min", table.min, table.unit, key), _bound(file, at, "max", table.max, table.unit, key)
    if low is not None and high is not None and low > high:
        raise CatalogueError(file, f"{at}.min", expected=f"at most max, {table.max:g}", got=table.min)
    one_of = tuple(_choice(file, at, key, each, table.unit) for each in table.one_of)
    return Limit(
        name, kind, low, high, one_of, bool(table.stated), table.otherwise, table.reason,
        tuple(table.source), table.confidence,
    )  # fmt: skip


def _bound(file: Path, at: str, side: str, given: float | None, unit: str | None, key: FactKey) -> float | None:
    if given is None:
        return None
    number = _number(file, f"{at}.{side}", given, key._replace(type="number"))
    bound = float(_converted(file, f"{at}.unit", number, unit, key.unit))
    reachable = key._replace(lowest=None, above=None) if side == "min" else key._replace(highest=None)
    _in_range(file, f"{at}.{side}", reachable, bound, given)  # else no fact could keep to it
    return bound


def _choice(file: Path, at: str, key: FactKey, given: Scalar, unit: str | None) -> Scalar:
    """One of the values that a limit admits; it must be such as a fact of that key may have."""
    if key.type in _NUMBERS:
        number = _converted(file, f"{at}.unit", _number(file, f"{at}.one_of", given, key), unit, key.unit)
        _in_range(file, f"{at}.one_of", key, number, given)
        return number
    if key.type in ("curve", "grid"):
        raise CatalogueError(file, at, expected=f"stated = true, as {key.name} is a {key.type}", got="one_of")
    return _word(file, f"{at}.one_of", key._replace(type="text") if key.type == "list" else key, given)


def _message(file: Path, at: str, key: str, table: PartMessageTable, sources: Mapping[str, Source]) -> Message:
    known_sources(file, f"{at}.source", table.source, sources)
    bus, _, message = key.partition(".")
    if not bus or not message:
        raise CatalogueError(file, at, expected="BUS.IDENTIFIER, or BUS.MESSAGE of a map", got=key)
    id_: int | None = None
    if table.map is None:
        try:
            id_ = int(message, 0)
        except ValueError:
            expected = "BUS.IDENTIFIER (0x1DB), or map = the map that knows the name"
            raise CatalogueError(file, at, expected=expected, got=key) from None
        if not 0 <= id_ <= 0x1FFF_FFFF:
            raise CatalogueError(file, at, expected="an identifier of at most 29 bits", got=message)
        id_ |= _EXTENDED if id_ > 0x7FF else 0
    made = Message(
        bus, id_, None if id_ is not None else message, table.map, table.cycle_ms, table.timeout_ms, table.checksum,
        table.counter, table.otherwise, table.lost, tuple(table.source), table.confidence, (str(file), at),
    )  # fmt: skip
    judge_timeout(made)
    return made


def judge_timeout(message: Message) -> None:
    """Raises CatalogueError for a message that counts as lost before the next one is due."""
    if message.cycle_ms and message.timeout_ms and message.timeout_ms < message.cycle_ms:
        file, at = message.said_in
        expected = f"at least its cycle, {message.cycle_ms:g} ms"
        raise CatalogueError(file, f"{at}.timeout_ms", expected=expected, got=message.timeout_ms)


def _slot(
    file: Path, at: str, name: str, maker: str, table: SlotTable, like: Slot | None, sources: Mapping[str, Source]
) -> Slot:
    kind = table.kind or (like.kind if like else None)
    if kind is None:
        raise CatalogueError(file, f"{at}.kind", expected="the kind of part that goes there", got=None)
    below = like or Slot(name, kind, None, {}, ())
    facts = inherited(file, below.facts, table.without, at) | facts_of(
        file, f"{at}.facts", table.facts, "slot", sources
    )
    judge_together(file, f"{at}.facts", facts, table.facts)
    return Slot(
        name,
        kind,
        full_id(maker, table.fitted) if table.fitted else below.fitted,
        facts,
        over(below.requires, limits_of(file, f"{at}.requires", table.requires, kind, sources)),
        talk_of(file, f"{at}.messages", table.messages, sources) if table.messages else below.messages,
    )


def over(below: Iterable[Limit], own: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits of a thing: its own, and those inherited on other facts."""
    return tuple({(limit.of, limit.fact): limit for limit in (*below, *own)}.values())

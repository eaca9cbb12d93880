"""A fact held against a limit, or against what the other side states; each gives a finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from renkei.facts import Fact, FactValue, fact_key, number
from renkei.parts import Limit
from renkei.rules.finding import ROUNDED, Finding, Ground, Level
from renkei.rules.pair import Pair


def held(rule: str, limit: Limit, fact: Fact | None, by: str, of: str) -> Finding:
    """`fact` of `of` against a limit that `by` sets."""
    unit = fact_key(limit.fact).unit
    provided = None if fact is None else plain(fact.value)
    required, bound = bounds(limit)
    wanted = "any value, but stated" if limit.stated else with_unit(limit.text, unit)
    asked = Ground(f"{by} asks for {limit.fact}: {wanted}", limit.source, limit.confidence)
    grounds = (ground(of, limit.fact, fact), asked) if fact else (asked,)
    met, margin = limit.met_by(fact), margin_of(limit, provided)
    if met is None:
        level: Level = "unknown"
        said = f"{of} does not state its {limit.fact}" + ("" if limit.stated else f"; {by} asks for {wanted}")
    elif met:
        level, said = "ok", f"as {by} asks" if margin is None else f"within the limit of {by}"
    else:
        level = "break" if limit.otherwise == "break" else "degrade"
        said = limit.reason or f"outside what {by} asks"
    return Finding(rule, level, limit.fact, required, provided, unit, said, grounds, (), bound, margin)


def bounds(limit: Limit) -> tuple[Any, str]:
    """What a limit requires, and how that is meant."""
    if limit.stated:
        return None, "stated"
    if limit.one_of:
        return list(limit.one_of), "one of"
    if limit.minimum is not None and limit.maximum is not None:
        return [limit.minimum, limit.maximum], "between"
    return (limit.minimum, "at least") if limit.minimum is not None else (limit.maximum, "at most")


def margin_of(limit: Limit, provided: object) -> float | None:
    if isinstance(provided, bool) or not isinstance(provided, int | float):
        return None
    gaps = [provided - limit.minimum] if limit.minimum is not None else []
    gaps += [limit.maximum - provided] if limit.maximum is not None else []
    return round(min(gaps), 9) if gaps else None


def limits_on(pair: Pair, rule: str, keys: tuple[str, ...]) -> tuple[Finding, ...]:
    """Every limit on one of the keys between part and host; the same one of two of them counts once."""
    found: dict[tuple[object, ...], Finding] = {}
    for limit, by, fact, of in pair.limits():
        if limit.fact in keys:
            found.setdefault((limit.fact, of, limit.text, limit.otherwise), held(rule, limit, fact, by, of))
    return tuple(found.values())


DEMANDS: Mapping[str, tuple[str, Level]] = {
    "mass": ("at most", "break"),
    "length": ("at most", "break"),
    "width": ("at most", "break"),
    "height": ("at most", "break"),
    "power_2s": ("at least", "degrade"),
    "power_10s": ("at least", "degrade"),
    "power_30s": ("at least", "degrade"),
    "power_peak": ("at least", "degrade"),
    "power_continuous": ("at least", "degrade"),
    "current_continuous": ("at least", "degrade"),
    "charge_power_peak": ("at least", "degrade"),
    "charge_current_peak": ("at least", "degrade"),
    "charge_current_continuous": ("at least", "degrade"),
    "regeneration_power_max": ("at least", "degrade"),
    "fuse_rating": ("at least", "degrade"),
    "contactor_rating": ("at least", "degrade"),
    "coolant_flow": ("at most", "degrade"),
    "coolant_pressure_drop": ("at most", "degrade"),
    "coolant_inlet_min": ("at most", "degrade"),
    "coolant_inlet_max": ("at least", "degrade"),
    "heater_power": ("at most", "degrade"),
    "insulation_resistance": ("at least", "break"),
    "y_capacitance": ("at most", "degrade"),
    "low_voltage_min": ("at most", "break"),
    "low_voltage_max": ("at least", "break"),
    "quiescent_current": ("at most", "degrade"),
    "precharge_time": ("at most", "degrade"),
    "close_time": ("at most", "degrade"),
    "shutdown_time": ("at most", "degrade"),
    "reaction_time": ("at most", "break"),
    "crush_load": ("at least", "break"),
}
"""What a number that a place states means for the part that goes there, and what follows where the part does not keep
to it: a place of 315 kg carries no more, and one that states the power for 10 s draws as much."""


def demanded(pair: Pair, rule: str, keys: tuple[str, ...]) -> Iterator[Finding]:
    """Every number on one of the keys that the place states, against that of the part.

    A part that is silent is unknown. A number that was derived from what lies in the place today says what goes in, and
    not what does not.
    """
    for key in keys if pair.slot else ():
        stated = pair.slot.facts.get(key) if pair.slot else None
        if stated is None or key not in DEMANDS or pair.part.kind not in fact_key(key).kinds:
            continue
        bound, otherwise = DEMANDS[key]
        own, asked = number(pair.part.facts, key), float(stated.value)  # type: ignore[arg-type]
        grounds = (ground(pair.host, key, stated),)
        if own is None:
            said = f"{pair.subject} does not state its {key}"
            yield Finding(rule, "unknown", key, asked, None, stated.unit, said, grounds, (), bound)
            continue
        derived = stated.confidence == "derived" and otherwise == "break"
        said_both = f"as the place in {pair.host} asks", f"outside what the place in {pair.host} asks"
        if derived:
            said_both = said_both[0], f"outside what is known to go in: {stated.note or 'derived'}"
        yield enough(rule, key, asked, own, stated.unit, said_both, (ground(pair.part.id, key, pair.part.facts[key]),
                     *grounds), at_most=bound == "at most", otherwise="unknown" if derived else otherwise,
                     slack=0.0 if otherwise == "break" else None)  # fmt: skip


def same(
    pair: Pair, rule: str, keys: tuple[str, ...], *, otherwise: Level, needed: bool = False, lost: str | None = None
) -> Iterator[Finding]:
    """Part and host must state the same. One of them silent is unknown; both: only where it is `needed`.

    `lost`: the value with which nobody does what one of them must; that both state it is no better than to differ. At
    terminals alone, without a place, there is nothing to compare.
    """
    if pair.slot is None:
        return
    ours = {(pair.host, pair.part.id), (pair.part.id, pair.host)}
    limited = {limit.fact for limit, by, _, of in pair.limits() if (by, of) in ours and not limit.stated}
    for key in keys:
        if key in limited or pair.part.kind not in fact_key(key).kinds:
            continue
        own, other = pair.part.facts.get(key), pair.of_host(key)
        if needed or own is not None or other is not None:
            yield _same(pair, rule, key, own, other, otherwise, lost)


def _same(
    pair: Pair, rule: str, key: str, own: Fact | None, other: tuple[Fact, str] | None, otherwise: Level,
    lost: str | None,
) -> Finding:  # fmt: skip
    grounds = tuple(ground(who, key, fact) for who, fact in ((pair.part.id, own), _swap(other)) if fact)
    level: Level
    required, provided = plain(other[0].value) if other else None, plain(own.value) if own else None
    if own is None or other is None:
        silent = [who for who, fact in ((pair.part.id, own), (pair.host, other)) if fact is None]
        level, said = "unknown", f"not stated by {' and '.join(silent)}"
    elif required == provided:
        level, said = ("ok", "the same on both sides") if provided != lost else (otherwise, "nobody does it")
    else:
        level, said = otherwise, f"{provided} here, {required} there"
    return Finding(rule, level, key, required, provided, fact_key(key).unit, said, grounds)


def _swap(stated: tuple[Fact, str] | None) -> tuple[str, Fact | None]:
    return (stated[1], stated[0]) if stated else ("", None)


def near(margin: float, rating: float, slack: float = ROUNDED) -> bool:
    """Whether what is given lies within a rating, or outside it by no more than a share of it."""
    return margin >= -slack * abs(rating) * (1 + 1e-9)  # 2 percent are 2 percent, whatever floats make of them


def enough(
    rule: str, about: str, asked: float, given: float, unit: str | None, said: tuple[str, str],
    grounds: tuple[Ground, ...],
    *, at_most: bool = False, otherwise: Level = "degrade", slack: float | None = None,
) -> Finding:  # fmt: skip
    """Whether what is given is as much as what is asked for, or with `at_most` no more; `said` where it is, and is not.

    `slack`: the share by which it may be short. Left out it is 2 percent, for ratings are rounded; nothing for
    temperatures, and nothing where a break would follow.
    """
    if slack is None:
        slack = 0.0 if otherwise == "break" or unit == "Celsius" else ROUNDED
    margin = asked - given if at_most else given - asked
    fine = near(margin, asked, slack)
    bound = "at most" if at_most else "at least"
    return Finding(rule, "ok" if fine else otherwise, about, round(asked, 3), round(given, 3), unit,
                   said[0] if fine else said[1], grounds, (), bound, round(margin, 3))  # fmt: skip


def alike(rule: str, about: str, fits: bool, asked: tuple[Fact, str], given: tuple[Fact, str], said: tuple[str, str],
          otherwise: Level = "break") -> Finding:  # fmt: skip
    """Two stated facts of part and host that go together or not; each with who states it."""
    grounds = ground(given[1], about, given[0]), ground(asked[1], about, asked[0])
    return Finding(rule, "ok" if fits else otherwise, about, plain(asked[0].value), plain(given[0].value),
                   fact_key(about).unit, said[0] if fits else said[1], grounds)  # fmt: skip


def missing(pair: Pair, rule: str, key: str, required: object = None, unit: str | None = None) -> Finding:
    """Of a fact without which nothing can be said."""
    unit = unit or fact_key(key).unit
    return Finding(rule, "unknown", key, required, None, unit, f"{pair.subject} does not state its {key}")


def ground(of: str, key: str, fact: Fact) -> Ground:
    """A fact as findings cite it."""
    unit = fact_key(key).unit
    disputed = None
    if fact.disputed:
        others = ", ".join(f"{_text(c.value, unit)} ({', '.join(c.source)})" for c in fact.disputed)
        disputed = f"{key} of {of} is disputed: {_text(fact.value, unit)} is believed, not {others}. {fact.note}"
    return Ground(f"{of}: {key} {_text(fact.value, unit)}", fact.source, fact.confidence, disputed)


def plain(value: FactValue) -> Any:
    """A value as a finding shows it: of a table only its columns."""
    return f"table of {', '.join(value)}" if isinstance(value, Mapping) else value


def with_unit(text: object, unit: str | None) -> str:
    return f"{text} {unit}" if unit else str(text)


def _text(value: FactValue, unit: str | None) -> str:
    shown = plain(value)
    return with_unit(f"{shown:g}" if isinstance(shown, float) else shown, unit)

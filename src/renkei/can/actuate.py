"""One value for an actuator becomes the next frame of the message that carries it. Pure: what was heard comes in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import inf
from typing import Any

from renkei.can.checks import CHECKSUMS
from renkei.can.encode import payload
from renkei.can.frame_engine import FrameEngine, raw_value
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow, Test
from renkei.errors import InputError, NotActuator, ValueRefused
from renkei.vehicle import Ranges
from renkei.vocabulary import Signal


def frame_for(
    engine: FrameEngine,
    path: str,
    value: Any,
    last: Mapping[PlanMessage, bytes],
    alone: Collection[PlanMessage],
    silent_s: Callable[[PlanMessage], float | None] = lambda _: None,
) -> tuple[PlanMessage, bytes]:
    """The message and payload that set an actuator of the engine's car.

    `last`: the last good payload of each message, of which all else is kept and whose counter is continued. Without
    one only messages are sent of which nothing else is known (`alone`). `silent_s`: since when a message is silent,
    where that is too long for what it said to be said again, else None. Raises NotActuator, ValueRefused for the
    value, InputError where the map has no row for the signal or what carries it was not heard, or not lately.
    """
    known = _carriers(engine.plan, path)
    value = engine.plan.vocabulary[path].check(value)
    silent = {m: silent_s(m) for m, _ in known if m not in alone}
    able = [(m, row) for m, row in known if _speaks(engine, row) and (m in alone or (m in last and silent[m] is None))]
    if not able:
        raise InputError(f"{path}: cannot be set: {_unheard(silent)}, whose other signals must stay")
    able.sort(key=lambda x: not _holds_in(x[1], last.get(x[0])))
    refusal: ValueRefused | None = None
    for message, row in able:
        base = last.get(message)
        count = raw_value(message.counter, base) + 1 if message.counter is not None and base is not None else 0
        try:
            return message, payload(message, {row: value}, base=base, count=count)
        except ValueRefused as e:
            refusal = refusal or e
    assert refusal is not None
    raise refusal


def _unheard(silent: Mapping[PlanMessage, float | None]) -> str:
    """Which messages are not heard and, where one of them was, for how long it has been silent."""
    said = f"nothing is heard of {', '.join(dict.fromkeys(m.name for m in silent))}"
    known = [s for s in silent.values() if s is not None and s < inf]
    return f"{said} for {min(known):.1f} s" if known else said


def lonely(message: PlanMessage, fields: Iterable[Field]) -> bool:
    """Whether a message carries one signal and, of all its `fields`, no other beside counter and checksum."""
    rows = (*message.rows, *message.commands)
    if len({row.index for row in rows}) != 1:
        return False
    row = rows[0]
    known = _bits(row.field) | (_bits(row.plus[0]) if row.plus else 0)
    known |= _bits(message.counter) if message.counter else 0
    if message.checksum:
        known |= CHECKSUMS[message.checksum].mask << 8 * (message.length - 1)
    return not any(_bits(field) & ~known for field in fields)


def carriers(plan: Plan, signal: Signal) -> list[tuple[PlanMessage, PlanRow]]:
    """What sets an actuator: the rows that command it or, where the map has none, those that report it."""
    if signal.kind != "actuator":
        return []
    commands = [(m, row) for m in plan.messages for row in m.commands if row.index == signal.index]
    reports = [(m, row) for m in plan.messages for row in m.rows if row.index == signal.index and row.array < 0]
    return commands or reports


def _carriers(plan: Plan, path: str) -> list[tuple[PlanMessage, PlanRow]]:
    signal = plan.vocabulary[path]
    if signal.kind != "actuator":
        raise NotActuator(path, signal.kind)
    found = carriers(plan, signal)
    if not found:
        raise InputError(f"{path}: cannot be set: the map of this car has no row for it in a CAN message")
    return found


def _speaks(engine: FrameEngine, row: PlanRow) -> bool:
    """Whether conditions on other messages let this row speak now."""
    memory = engine.memory

    def holds(test: Test) -> bool:
        if test.unheard >= 0:
            return not memory.heard[test.unheard]
        raw = memory.latched[test.latch]
        return raw is not None and _within(raw, test.ranges)

    when, unless = ([t for t in tests if t.field is None] for tests in (row.when, row.unless))
    return all(map(holds, when)) and not any(map(holds, unless))


def _holds_in(row: PlanRow, data: bytes | None) -> bool:
    """Whether the conditions of a row on its own message hold in a payload, so that nothing else need change."""
    if data is None:
        return False

    def holds(tests: Iterable[Test]) -> Iterator[bool]:
        return (_within(raw_value(t.field, data), t.ranges) for t in tests if t.field is not None)

    return all(holds(row.when)) and not any(holds(row.unless))


def _within(raw: int, ranges: Ranges) -> bool:
    return any(low <= raw <= high for low, high in ranges)


def _bits(field: Field) -> int:
    """The bits of a payload that a field takes: byte n stands at 8 n."""
    mask = ((1 << field.length) - 1) << field.shift
    return int.from_bytes(mask.to_bytes(field.size, "little" if field.little_endian else "big"), "little") << (
        8 * field.first
    )

"""What a frame of a car says, encoded again through its map, says the same: for every row of every map."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.checks import CHECKSUMS
from renkei.can.encode import payload, with_raws
from renkei.can.frame_engine import FrameEngine
from renkei.can.plan import Plan, PlanMessage, PlanRow
from renkei.catalogue import Catalogue
from renkei.errors import ValueRefused
from renkei.flows.plans import plan_of
from renkei.samples import INVALID

FIXTURES = Path(__file__).parents[1] / "fixtures"
CATALOGUE = Catalogue([FIXTURES])
MAPS = [(maker, name) for maker in CATALOGUE.makers for name in CATALOGUE.maps(maker)]


@cache
def plan(maker: str, name: str) -> Plan:
    return plan_of(CATALOGUE.map(maker, name), keep_personal=True)


@cache
def alone(maker: str, name: str, number: int, is_answer: bool) -> list[tuple[PlanRow, FrameEngine]]:
    """An engine for each row of a message that says nothing else, as if conditions on other messages held."""
    whole = plan(maker, name)
    message = next(m for m in (whole.answers if is_answer else whole.messages) if m.number == number)
    found = []
    for row in (row for row in message.rows if not row.elements):
        when, unless = ([t for t in tests if t.field is not None] for tests in (row.when, row.unless))
        just = replace(row, array=-1, when=tuple(when), unless=tuple(unless))
        one = replace(message, number=0, rows=(just,), latches=(), counter=None)
        parts = {"messages": (), "answers": (one,)} if is_answer else {"messages": (one,), "answers": ()}
        found.append((row, FrameEngine(replace(whole, **parts, arrays=(), latches=0))))
    return found


def says(engines: Iterable[tuple[PlanRow, FrameEngine]], message: PlanMessage, data: bytes) -> dict[PlanRow, Any]:
    """What each row says of a payload; rows that say nothing are left out."""
    found = {}
    for row, engine in engines:
        if message.prefix:
            pairs = engine.decode_answer(message.bus, message.id, data)
        else:
            pairs = engine.decode(message.bus, message.id, data, 0)
        if pairs:
            found[row] = pairs[0][1]
    return found


def blank(message: PlanMessage) -> bytes:
    if not message.prefix:
        return bytes(message.length)
    ends = [row.field.end + row.elements * row.field.length // 8 for row in message.rows]
    return message.prefix.ljust(max((*message.lengths, *ends)), b"\0")


def heard(message: PlanMessage, chance: random.Random) -> bytes:
    """A payload that the car may send: any bits, and often a row with its conditions and a value of its table."""
    base = bytearray(blank(message))
    first = len(message.prefix)
    base[first:] = chance.choice((bytes, chance.randbytes))(len(base) - first)
    wanted = {}
    for row in chance.sample(message.rows, min(chance.randint(0, 3), len(message.rows))):
        low, high = row.field.raws
        raws = [low, high, chance.randint(low, high), *(row.table or ())] if not row.field.is_float else [0.0, -12.5]
        wanted[row] = chance.choice(raws)
    return with_raws(message, wanted, base=bytes(base), count=chance.randrange(16))


@pytest.mark.parametrize(("maker", "name"), MAPS, ids=lambda part: part)
@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**64))
def test_what_is_decoded_encodes_to_a_frame_that_decodes_to_it(maker: str, name: str, seed: int) -> None:
    """To the bit, for all rows that speak in one frame together. Arrays of answers are not encoded anywhere."""
    chance, whole = random.Random(seed), plan(maker, name)
    for message in (*whole.messages, *whole.answers):
        engines = alone(maker, name, message.number, bool(message.prefix))
        if not engines:
            continue
        said = says(engines, message, heard(message, chance))
        values = {row: v for row, v in said.items() if v is not INVALID and (v is not None or has_code(row))}
        data = payload(message, values, base=blank(message), count=chance.randrange(16))
        again = says(engines, message, data)
        assert [(place(row), again.get(row, "silent")) for row in values] == [(place(r), v) for r, v in values.items()]
        assert not message.checksum or CHECKSUMS[message.checksum].holds(message.id, data)


def place(row: PlanRow) -> tuple[str, int]:
    return row.signal.path, row.element


def has_code(row: PlanRow) -> bool:
    """Whether the car has a code of the row's own for "not available"."""
    return bool(row.invalid or row.field.is_float or (row.table is not None and row.other is None))


def test_every_row_of_every_map_takes_part() -> None:
    """Each row says a value in some frame, so that none of them is left out of the property above."""
    chance = random.Random(0)
    for maker, name in MAPS:
        whole = plan(maker, name)
        for message in (*whole.messages, *whole.answers):
            engines = alone(maker, name, message.number, bool(message.prefix))
            silent = {row for row, _ in engines}
            for _ in range(400):
                said = says(engines, message, heard(message, chance))
                silent -= {row for row, v in said.items() if v is not None and v is not INVALID}
                if not silent:
                    break
            assert not silent, (maker, name, [row.row.path for row in silent])


def test_values_that_no_raw_value_means_together_are_refused_by_name() -> None:
    whole = plan("nissan", "e-nv200")
    gear, mode = (
        next(row for row in whole.rows if row.row.message == "LEVER" and row.signal.path.endswith(name))
        for name in ("SelectedGear", "PerformanceMode")
    )
    message = next(m for m in whole.messages if gear in m.rows)
    engines = alone("nissan", "e-nv200", message.number, False)
    for values in ({gear: 127, mode: "ECONOMY"}, {mode: "NORMAL", gear: -1}, {gear: 127, mode: "NORMAL"}):
        said = says(engines, message, payload(message, values))
        assert {row: said[row] for row in values} == values
    with pytest.raises(ValueRefused, match=r"PerformanceMode: expected a value that LEVER carries beside .*Gear = 126"):
        payload(message, {gear: 126, mode: "ECONOMY"})

"""Out and back: every row of the catalogue decodes what was encoded, every actuator is set in the last frame."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from renkei.can.actuate import frame_for, lonely
from renkei.can.encode import payload, put, with_raws
from renkei.can.frame_engine import FrameEngine, raw_value
from renkei.can.plan import Field, Plan, PlanMessage, PlanRow
from renkei.catalogue import Catalogue
from renkei.errors import InputError, NotActuator, UnknownName, ValueRefused
from renkei.flows.live import lonely_messages
from renkei.flows.plans import plan_of
from renkei.samples import INVALID

CATALOGUE = Catalogue()
MAPS = [f"{maker}/{name}" for maker in CATALOGUE.makers for name in CATALOGUE.maps(maker)]
SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(CATALOGUE.map("honda", "clarity-ev"))


def message_of(plan: Plan, name: str) -> PlanMessage:
    return next(m for m in plan.messages if m.name == name)


def _there(engine: FrameEngine, row: PlanRow) -> None:
    """Make conditions of a row on other messages hold, or nobody heard yet where that is what it waits for."""
    engine.memory.heard[:] = [False] * len(engine.memory.heard)
    engine.memory.latched[:] = [None] * len(engine.memory.latched)
    for test in (t for t in row.when if t.field is None and t.unheard < 0):
        engine.memory.latched[test.latch] = test.ranges[0][0]


def _decoded(engine: FrameEngine, message: PlanMessage, row: PlanRow, data: bytes, turn: int):
    _there(engine, row)
    pairs = engine.decode(message.bus, message.id, data, turn * 10_000_000_000)
    if row.array >= 0:
        return engine.memory.arrays[row.array].values[row.element]
    return next((value for index, value in pairs if index == row.index), None)


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
@example(seed=0)
def test_every_row_decodes_what_was_encoded(name, seed):
    plan, engine, rng = _plan(name), _engine(name), random.Random(seed)
    for message in plan.messages:
        for row in message.rows:
            turn = next(_turns)
            raw = _some_raw(rng, row)
            sent = with_raws(message, {row: raw}, base=rng.randbytes(message.length), count=turn)
            x = _decoded(engine, message, row, sent, turn)
            if x is None or x is INVALID:
                continue
            turn = next(_turns)
            data = payload(message, {row: x}, base=rng.randbytes(message.length), count=turn)
            back = _decoded(engine, message, row, data, turn)
            assert back == (pytest.approx(x, rel=1e-9) if row.plus else x), f"{row.signal.path} from {row.row.signal}"
    assert (engine.counts.bad_checksum, engine.counts.repeated) == (0, 0)


_turns = count(1)
_plans: dict[str, tuple[Plan, FrameEngine]] = {}


def _plan(name: str) -> Plan:
    if name not in _plans:
        plan = plan_of(CATALOGUE.map(*name.split("/")), keep_personal=True)
        _plans[name] = plan, FrameEngine(plan)
    return _plans[name][0]


def _engine(name: str) -> FrameEngine:
    return _plans[name][1]


def _some_raw(rng: random.Random, row: PlanRow):
    if row.field.is_float:
        return rng.choice([0.0, 1.5, -20.25, 100.0])
    own = [raw for test in row.when if test.field == row.field for span in test.ranges for raw in span]
    if own:  # beyond them it is another row that speaks
        return rng.choice(own)
    if row.table and rng.random() < 0.8:
        return rng.choice(sorted(row.table))
    low, high = row.field.raws
    return rng.choice([low, high, rng.randint(low, high)])


@pytest.mark.parametrize("name", MAPS)
def test_every_actuator_is_set_in_the_last_frame(name):
    """What an app asks for comes back; all else stays, the counter goes on, the checksum is right."""
    plan, rng = _plan(name), random.Random(name)
    engine = FrameEngine(plan)
    tried = 0
    for message in plan.messages:
        for row in (r for r in 8 * message.rows if r.signal.kind == "actuator" and not r.row.backup):
            base = with_raws(message, {row: _some_raw(rng, row)}, base=rng.randbytes(message.length), count=13)
            x = _decoded(engine, message, row, base, next(_turns))
            if x is None or x is INVALID:
                continue
            value = row.signal.wire(x)
            _there(engine, row)
            sent, data = frame_for(engine, row.signal.path, value, {message: base}, ())
            assert sent is message
            assert row.signal.wire(_decoded(engine, message, row, data, next(_turns))) == value
            if message.counter:
                assert raw_value(message.counter, data) == (raw_value(message.counter, base) + 1) % (
                    1 << message.counter.length
                )
            assert _rest(message, row, data) == _rest(message, row, base)
            tried += 1
    assert engine.counts.bad_checksum == 0
    assert tried or not any(r.signal.kind == "actuator" for m in plan.messages for r in m.rows)


def _rest(message: PlanMessage, row: PlanRow, data: bytes) -> bytes:
    """A payload without what setting this row may change."""
    rest = bytearray(data)
    fields = [row.field, *([message.counter] if message.counter else []), *([row.plus[0]] if row.plus else [])]
    for field in fields:
        put(rest, field, 0)
    if message.checksum:
        rest[-1] = 0
    return bytes(rest)


def test_what_cannot_be_set_is_refused_with_the_reason(plan):
    engine = FrameEngine(plan)
    with pytest.raises(NotActuator, match=SPEED):
        frame_for(engine, SPEED, 1.0, {}, ())
    with pytest.raises(UnknownName, match=r"Vehicle\.Nothing"):
        frame_for(engine, "Vehicle.Nothing", 1, {}, ())
    with pytest.raises(InputError, match="no row for it"):
        frame_for(engine, "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed", 1, {}, ())
    with pytest.raises(InputError, match="nothing is heard of GEARBOX_AUTOMATIC, GEARBOX_CVT"):
        frame_for(engine, GEAR, 126, {}, ())
    gearbox = message_of(plan, "GEARBOX_AUTOMATIC")
    with pytest.raises(ValueRefused, match="one of"):
        frame_for(engine, GEAR, 99, {gearbox: bytes(gearbox.length)}, ())
    with pytest.raises(ValueRefused):
        frame_for(engine, GEAR, "P", {gearbox: bytes(gearbox.length)}, ())


def test_a_frame_that_is_too_old_is_not_said_again(plan):
    gearbox = message_of(plan, "GEARBOX_AUTOMATIC")
    last = {gearbox: bytes(gearbox.length)}
    with pytest.raises(
        InputError, match=r"nothing is heard of GEARBOX_AUTOMATIC, GEARBOX_CVT for 93\.0 s, whose other"
    ):
        frame_for(FrameEngine(plan), GEAR, 126, last, (), {gearbox: 93.0}.get)
    message, _ = frame_for(FrameEngine(plan), GEAR, 126, last, {gearbox}, {gearbox: 93.0}.get)
    assert message is gearbox  # it carries that signal alone: nothing old goes out with it


def test_a_message_of_one_signal_needs_no_frame_before(plan):
    gearbox = message_of(plan, "GEARBOX_AUTOMATIC")
    message, data = frame_for(FrameEngine(plan), GEAR, 126, {}, {gearbox})
    assert message is gearbox
    assert dict(FrameEngine(plan).decode(gearbox.bus, gearbox.id, data, 0)) == {gearbox.rows[0].index: 126}


def test_alone_is_a_signal_beside_counter_and_checksum_only(plan):
    gearbox = message_of(plan, "GEARBOX_AUTOMATIC")
    row = gearbox.rows[0]
    checksum = Field(gearbox.length - 1, 1, 0, 4, False, False, False)
    assert lonely(gearbox, [row.field, gearbox.counter, checksum])
    other = Field(0, 1, 0, 8, True, False, False) if row.field.first else Field(1, 1, 0, 8, True, False, False)
    assert not lonely(gearbox, [row.field, gearbox.counter, checksum, other])
    assert not lonely(replace(gearbox, rows=()), [])
    for map_ in (CATALOGUE.map(*name.split("/")) for name in MAPS):
        plan_ = plan_of(map_)
        assert all(len({r.index for r in m.rows}) == 1 for m in lonely_messages(map_, plan_))

"""Rows that command a car instead of reporting what it does: sent, never decoded, and offered as what they are."""

from __future__ import annotations

import pytest

from renkei.can.actuate import frame_for
from renkei.can.columns import ColumnEngine
from renkei.can.frame_engine import FrameEngine
from renkei.can.live import Line
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, InputError
from renkei.flows.check import _frames, check
from renkei.flows.live import LiveCar, lonely_messages
from renkei.flows.offers import offers
from renkei.flows.plans import plan_of

SPEED = "Vehicle.Speed"
FAN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
COOLING = "Vehicle.Cabin.HVAC.IsAirConditioningActive"
RECIRCULATION = "Vehicle.Cabin.HVAC.IsRecirculationActive"
FILES = {
    "maker.toml": """
name = "Acme"
sources.book = { title = "The book", where = "acme/book", licence = "MIT" }
files."can/car.dbc" = { licence = "MIT", source = ["book"] }
""",
    "can/car.dbc": """
BU_: A
BO_ 256 STATUS: 3 A
 SG_ FAN : 7|8@0+ (1,0) [0|0] "%" A
 SG_ COOLING : 15|1@0+ (1,0) [0|0] "" A
 SG_ FRESH : 16|1@1+ (1,0) [0|0] "" A
BO_ 257 CONTROL: 3 A
 SG_ FAN_WANTED : 7|8@0+ (0.5,0) [0|0] "%" A
 SG_ COUNT : 11|4@0+ (1,0) [0|0] "" A
 SG_ DEFROST : 16|8@1+ (1,0) [0|0] "" A
BO_ 258 COOL: 1 A
 SG_ COOLING_WANTED : 7|1@0+ (1,0) [0|0] "" A
""",
    "maps/one.toml": f"""
buses.can.dbc = ["car.dbc"]
messages."can.CONTROL" = {{ counter = "COUNT" }}
[signals]
"{FAN}" = [
  {{ from = "can.STATUS.FAN", unit = "percent", source = ["book"] }},
  {{ from = "can.CONTROL.FAN_WANTED", unit = "percent", source = ["book"], role = "command" }},
]
"{RECIRCULATION}" = {{ from = "can.STATUS.FRESH", values = {{ 0 = true, 1 = false }}, source = ["book"] }}
"{COOLING}" = {{ from = "can.COOL.COOLING_WANTED", source = ["book"], role = "command" }}
""",
    "vehicles/one.toml": 'name = "One"\nyears = "2020"\npowertrain = "electric"\nmap = "one"\n',
}


def made(folder, old="", new=""):
    for name, text in FILES.items():
        file = folder / "makers/acme" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(old, new) if old else text)
    return Catalogue([folder])


@pytest.fixture
def catalogue(tmp_path):
    return made(tmp_path)


@pytest.fixture
def plan(catalogue):
    return plan_of(catalogue.vehicle("acme/one").map)


def named(plan, name):
    return next(m for m in plan.messages if m.name == name)


def test_what_a_car_is_asked_to_do_is_not_taken_for_what_it_does(plan):
    engine, control = FrameEngine(plan), named(plan, "CONTROL")
    fan = plan.vocabulary[FAN].index
    assert engine.decode("can", 256, bytes([40, 0, 0]), 1) == [
        (fan, 40.0),
        (plan.vocabulary[RECIRCULATION].index, True),
    ]
    assert engine.decode("can", control.id, bytes([200, 1, 9]), 2) == []
    frames = _frames([("can", 256, bytes([40, 0, 0]), 1), ("can", 257, bytes([200, 1, 9]), 2)], ("can",))
    columns = list(ColumnEngine(plan).decode(frames, [("can",)]))
    assert [c.value.tolist() for c in columns if c.index == fan] == [[40.0]]
    assert {c.index for c in columns} == {row.index for row in plan.rows}


def test_an_actuator_is_set_by_its_command_whatever_was_reported(plan):
    status, control = named(plan, "STATUS"), named(plan, "CONTROL")
    last = {status: bytes([40, 0, 0]), control: bytes([0, 0x0E, 9])}
    message, data = frame_for(FrameEngine(plan), FAN, 55, last, ())
    assert (message.name, data) == ("CONTROL", bytes([110, 0x0F, 9]))  # the rest stays, the counter goes on


def test_a_command_waits_until_its_message_was_heard_unless_it_is_alone_in_it(catalogue, plan):
    alone = lonely_messages(catalogue.vehicle("acme/one").map, plan)
    assert {m.name for m in alone} == {"COOL"}
    with pytest.raises(InputError, match="nothing is heard of CONTROL"):
        frame_for(FrameEngine(plan), FAN, 55, {named(plan, "STATUS"): bytes(3)}, alone)
    message, data = frame_for(FrameEngine(plan), COOLING, True, {}, alone)
    assert (message.name, data) == ("COOL", b"\x80")


def test_without_a_command_the_report_is_sent(plan):
    message, data = frame_for(FrameEngine(plan), RECIRCULATION, False, {named(plan, "STATUS"): bytes([7, 0, 0])}, ())
    assert (message.name, data) == ("STATUS", bytes([7, 0, 1]))


def test_a_live_car_carries_out_what_it_has_a_command_for(plan):
    car = LiveCar(plan, [Line("can", "virtual", "bench")], lambda _: None, tell=print)
    assert {plan.vocabulary.signals[index].path for index in car.actuators} == {FAN, COOLING, RECIRCULATION}


def test_a_car_offers_how_an_actuator_is_set(catalogue):
    found = {o.signal: o for o in offers(catalogue.vehicle("acme/one"))[0]}
    told = {path: (o.settable, o.set_with, o.settable_text, o.access) for path, o in found.items()}
    assert told == {
        FAN: ("command", "can.CONTROL", "yes, by can.CONTROL", "broadcast"),
        COOLING: ("command", "can.COOL", "yes, by can.COOL", "set only"),
        RECIRCULATION: ("report", "can.STATUS", "by its report can.STATUS", "broadcast"),
    }
    assert (found[FAN].origin, found[COOLING].origin) == ("STATUS.FAN", None)


def test_the_check_sends_commands_out_and_back(tmp_path):
    report = check(made(tmp_path), only_private=True)
    assert (report.rows, report.faults) == (4, ())
    never = check(made(tmp_path, 'unit = "percent", source = ["book"], role', 'offset = 500, source = ["book"], role'),
                  only_private=True)  # fmt: skip
    assert [(f.key, f.what) for f in never.faults] == [
        (f"signals.{FAN}", "no raw value of CONTROL gives a value"),
    ]


WANTED = 'from = "can.COOL.COOLING_WANTED", source = ["book"], role = "command"'
REFUSED = {
    "another word": (WANTED, WANTED.replace("command", "order"), "role: expected 'report' or 'command', got 'order'"),
    "a sensor": (COOLING, SPEED, "role: expected report, as the signal is a sensor and not an actuator, got 'command'"),
    "a backup": (WANTED, WANTED + ", backup = true", "role: expected report for an answer on diagnostics, an array,"),
}


@pytest.mark.parametrize(("old", "new", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_command_is_refused_for(tmp_path, old, new, sentence):
    with pytest.raises(CatalogueError) as wrong:
        plan_of(made(tmp_path, old, new).vehicle("acme/one").map)
    assert sentence in str(wrong.value)

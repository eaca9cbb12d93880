"""Importing a signal set of OBDb: what is asked, what becomes a row, what is set aside and why, nothing by halves."""

from __future__ import annotations

import copy
import json
import random
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import EXTENDED
from renkei.can.poll import Poller
from renkei.catalogue import Catalogue
from renkei.errors import InputError, OutputError, RenkeiError
from renkei.flows.adopt_signalset import _read, _words, adopt_signalset, is_signalset
from renkei.flows.check import check
from renkei.flows.plans import plan_of
from renkei.units import unit
from renkei.vocabulary import builtin

SET = Path(__file__).parents[1] / "fixtures/signalset/default.json"
SPEED, ODOMETER = "Vehicle.Speed", "Vehicle.TraveledDistance"
SOC = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
PLUG = "Vehicle.Powertrain.TractionBattery.Charging.ChargingPort.AnyPosition.IsChargingCableConnected"
COOLANT = "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature"
OIL = "Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature"


@pytest.fixture(scope="module")
def adopted(tmp_path_factory):
    out = tmp_path_factory.mktemp("import") / "cars"
    return out, adopt_signalset(SET, "acme/one", out, year=2020, licence="CC0-1.0")


@pytest.fixture(scope="module")
def engine(adopted):
    out, _ = adopted
    return FrameEngine(plan_of(Catalogue([out]).vehicle("acme/one").map))


def test_what_was_imported_is_a_catalogue_without_fault(adopted):
    out, result = adopted
    assert check(Catalogue([out]), only_private=True).faults == ()
    assert {row.path for row in Catalogue([out]).vehicle("acme/one").map.rows} == {
        SPEED, ODOMETER, SOC, PLUG, COOLANT, OIL,
    }  # fmt: skip
    assert result.rows == 6
    assert all(file.is_file() for file in result.files)


def test_what_is_set_aside_is_told_with_the_reason(adopted):
    _, result = adopted
    assert dict(result.set_aside) == {
        "ONE_BACKWARDS": "has its lowest byte first, which answers of a map cannot say",
        "ONE_CHARGING": "nothing says which of its values mean true",
        "ONE_CURRENT": "signal sets do not say whether positive is into the battery or out of it",
        "ONE_FAN": "has no suggestedMetric, so that nothing says which signal of VSS it is",
        "ONE_FUEL": "its command is none of services 21 and 22: {'01': '2F'}",
        "ONE_GEARBOX": "its add can be meant before mul and div or after, and its min does not tell which",
        "ONE_HEALTH": "is asked with an extended address",
        "ONE_SOC_OLD": "does not hold for model year 2020",
        "ONE_SPEED_AGAIN": "Vehicle.Speed comes from ONE_SPEED already",
    }


ANSWERS = {
    "numbers, bits and units": (0x7EC, "62 0101 03E8 0003E8 40", {SPEED: 100.0, ODOMETER: 1_609_344.0, PLUG: True}),
    "from nullmax on nothing is known": (0x7EC, "62 0101 0000 0F4240 00", {SPEED: 0.0, ODOMETER: None, PLUG: False}),
    "an offset is added where the stated minimum says": (
        0x18DAF110 | EXTENDED, "62 2001 00 00 00 0000", {COOLANT: -40.0, OIL: -20.0},
    ),
    "an offset and a scale": (0x18DAF110 | EXTENDED, "62 2001 FF FF 00 0000", {COOLANT: 87.5, OIL: 107.5}),
    "of two model years that which was asked for": (0x7EC, "61 01 00 00 64", {SOC: 50.0}),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_are_decoded_as_the_set_says(case, engine):
    id_, answer, values = ANSWERS[case]
    pairs = engine.decode_answer("diagnostics", id_, bytes.fromhex(answer))
    assert {engine.plan.vocabulary.signals[i].path: v for i, v in pairs} == pytest.approx(values, nan_ok=True)


def test_a_live_car_is_asked_as_the_set_says(engine):
    poller = Poller(engine.plan.answers, 0.0)
    asked, now_s = set(), 0.0
    while now_s < 20:
        if (request := poller.next(now_s)) is not None:
            asked.add((request[0], request[1].hex(" ")))
        now_s += 0.06
    assert asked == {
        (0x7E4, "03 22 01 01 00 00 00 00"),
        (0x7E4, "02 21 01 00 00 00 00 00"),
        (0x18DA10F1 | EXTENDED, "03 22 20 01 00 00 00 00"),
    }


def test_the_licence_and_the_file_stand_in_maker_toml(adopted, tmp_path):
    out, _ = adopted
    source = tomllib.loads((out / "makers/acme/maker.toml").read_text())["sources"]["signalset-one"]
    assert source == {"title": "OBDb signal set, default.json", "where": "default.json", "licence": "CC0-1.0"}
    adopt_signalset(SET, "acme/one", tmp_path / "cars")
    assert 'licence = "not stated"' in (tmp_path / "cars/makers/acme/maker.toml").read_text()


def test_without_a_year_what_holds_for_some_years_only_is_set_aside(tmp_path):
    result = adopt_signalset(SET, "acme/one", tmp_path / "cars")
    assert dict(result.set_aside)["ONE_SOC"] == "holds for some model years only: say --year"


def test_a_second_import_of_one_vehicle_is_refused(adopted):
    out, _ = adopted
    with pytest.raises(OutputError, match="exists already; choose another vehicle id or folder"):
        adopt_signalset(SET, "acme/one", out)


BAD = {
    "no JSON": ("{", "expected a signal set in JSON"),
    "no commands": ("{}", "expected a signal set, an object with a list of commands"),
    "commands that are no objects": ('{"commands": [1]}', "expected a signal set"),
    "nothing of use": ('{"commands": []}', "none of its signals can be imported"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_with(case, tmp_path):
    text, told = BAD[case]
    (file := tmp_path / "bad.json").write_text(text)
    with pytest.raises(InputError, match=told):
        adopt_signalset(file, "acme/one", tmp_path / "cars")
    assert not (tmp_path / "cars").exists()


def test_a_signal_set_is_told_from_other_files(tmp_path):
    (other := tmp_path / "other.json").write_text('{"Vehicle": {}}')
    assert is_signalset(SET)
    assert not is_signalset(other)
    assert not is_signalset(tmp_path / "none.json")


def test_every_word_of_the_table_means_something_here():
    for path in _words()["metrics"].values():
        assert builtin().get(path) is not None, path
    for name in _words()["units"].values():
        assert unit(name)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5), st.just([]), st.just({})
)


@settings(deadline=None, max_examples=150)
@example("0", 2030858)  # a model year as a text
@given(JUNK, st.integers(0, 2**32))
def test_a_set_with_anything_in_it_is_read_or_refused(tmp_path_factory, junk, seed):
    chance, content = random.Random(seed), copy.deepcopy(json.loads(SET.read_text()))
    places = list(_places(content))
    holder, key = chance.choice(places)
    holder[key] = junk
    file = tmp_path_factory.getbasetemp() / "junk.json"
    file.write_text(json.dumps(content))
    try:
        _, _, aside = _read(file, 2020)
    except RenkeiError:
        return
    assert all("\n" not in why for _, why in aside)


def _places(node):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)

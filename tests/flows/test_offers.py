"""What a car offers: unit, rate, bus, confidence of each signal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import NoMap
from renkei.flows.offers import offers
from renkei.flows.virtual_offers import offers_with_virtual
from renkei.vocabulary import builtin, load

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue([FIXTURES])


@pytest.fixture(scope="module")
def rav4(catalogue):
    found, _ = offers(catalogue.vehicle("toyota/rav4-2017"))
    return {offer.signal: offer for offer in found}


def test_each_signal_is_offered_once_and_they_are_sorted(catalogue):
    for vehicle in (v for v in catalogue.vehicles if catalogue.vehicle(v).known_map):
        found, set_aside = offers(catalogue.vehicle(vehicle))
        paths = [offer.signal for offer in found]
        assert paths == sorted(set(paths))
        assert set_aside == ()
        car = catalogue.vehicle(vehicle)
        mapped = {row.path for row in car.map.rows if not row.personal}
        assert set(paths) == mapped | set(car.attributes)


def test_a_signal_that_is_sent_has_a_rate_a_bus_and_an_origin(rav4):
    speed = rav4["Vehicle.Speed"]
    assert (speed.type, speed.datatype, speed.unit) == ("sensor", "float", "km/h")
    assert (speed.bus, speed.origin, speed.access) == ("can", "SPEED.SPEED", "broadcast")
    assert speed.rate_hz == pytest.approx(1000 / 24)
    assert speed.rate_text == "41.7 Hz"
    assert (speed.confidence, speed.source) == ("recorded", ("opendbc", "comma2k19"))
    assert speed.note.startswith("About 2 % above")
    assert speed.description == builtin()["Vehicle.Speed"].description != ""


def test_a_message_of_unknown_cycle_has_no_rate(rav4):
    blinker = rav4["Vehicle.Body.Lights.Hazard.IsSignaling"]
    assert (blinker.rate_hz, blinker.rate_text, blinker.access) == (None, "?", "broadcast")


def test_what_is_fixed_in_a_car_is_an_offer_too(rav4):
    brand = rav4["Vehicle.VehicleIdentification.Brand"]
    assert (brand.type, brand.origin, brand.access, brand.rate_text) == ("attribute", "Toyota", "fixed", "fixed")
    assert (brand.rate_hz, brand.bus, brand.source) == (None, None, ("comma2k19",))


def test_several_rows_of_a_signal_are_one_offer_with_the_weakest_confidence(rav4):
    distance = rav4["Vehicle.TraveledDistance"]  # kilometres are published, miles were recorded
    assert distance.origin == "UI_SETTING.ODOMETER"
    assert distance.confidence == "published"
    assert distance.source == ("opendbc", "comma2k19")


def test_more_than_three_origins_are_counted(catalogue):
    found, _ = offers(catalogue.vehicle("mitsubishi/i-miev"))
    cells = next(o for o in found if o.signal == "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages")
    rows = [r for r in catalogue.vehicle("mitsubishi/i-miev").map.rows if r.path == cells.signal]
    assert cells.origin == f"{rows[0].message}.{rows[0].signal} and {len(rows) - 1} more"


def test_what_diagnostics_answer_is_offered_on_request(catalogue):
    found, _ = offers(catalogue.vehicle("nissan/leaf-aze0"))
    cells = next(o for o in found if o.signal == "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages")
    assert (cells.access, cells.rate_hz, cells.rate_text) == ("on request", None, "on request")


def test_in_another_vss_the_unit_changes_and_what_it_lacks_is_set_aside(catalogue, tmp_path):
    tree = {"Vehicle": {"type": "branch", "children": {
        "Speed": {"type": "sensor", "datatype": "float", "unit": "m/s", "description": "x"},
        "TraveledDistance": {"type": "sensor", "datatype": "float", "unit": "kPa", "description": "x"},
    }}}  # fmt: skip
    (file := tmp_path / "small.json").write_text(json.dumps(tree))
    found, set_aside = offers(catalogue.vehicle("toyota/rav4-2017"), load(file))
    units = {offer.signal: offer.unit for offer in found}
    assert units["Vehicle.Speed"] == "m/s"
    assert "Vehicle.TraveledDistance" not in units
    reasons = dict(set_aside)
    assert reasons["Vehicle.TraveledDistance"] == "a unit that converts to kPa, got mile"
    assert "Vehicle.Chassis.SteeringWheel.Angle" in reasons
    assert not reasons.keys() & units.keys()


CRUISE = "Vehicle.ADAS.CruiseControl.SpeedSet"
HIGH_BEAM = "Vehicle.Body.Lights.Beam.High.IsOn"


def test_what_the_virtual_car_takes_is_told_beside_what_the_real_one_does(catalogue):
    found = {o.signal: o for o in offers_with_virtual(catalogue, "nissan/leaf-ze1-40")[0]}
    assert (found[CRUISE].access, found[CRUISE].settable, found[CRUISE].settable_virtual) == (
        "virtual only",
        "no",
        True,
    )
    assert (found[HIGH_BEAM].settable, found[HIGH_BEAM].settable_virtual) == ("report", True)
    assert not found["Vehicle.Speed"].settable_virtual
    plain = {o.signal for o in offers(catalogue.vehicle("nissan/leaf-ze1-40"))[0]}
    assert plain == {o.signal for o in found.values() if o.access != "virtual only"}


def test_a_car_without_a_map_offers_what_its_virtual_car_says(catalogue):
    found = {o.signal: o for o in offers_with_virtual(catalogue, "nissan/ariya-63")[0]}
    assert found[CRUISE].settable_virtual
    assert (found["Vehicle.Speed"].origin, found["Vehicle.Speed"].rate_hz) == ("simulated", 10)
    assert found["Vehicle.VehicleIdentification.Brand"].origin == "Nissan"


def test_a_car_that_cannot_be_simulated_offers_its_map_alone(catalogue):
    found, _ = offers_with_virtual(catalogue, "honda/civic-8g")
    assert not any(o.settable_virtual or o.access == "virtual only" for o in found)


def test_a_car_of_which_neither_is_known_is_refused(tmp_path):
    folder = tmp_path / "makers" / "acme"
    (folder / "vehicles").mkdir(parents=True)
    own = '[sources.own]\ntitle = "Own"\nwhere = "here"\nlicence = "CC0-1.0"\n'
    (folder / "maker.toml").write_text('name = "Acme"\n' + own)
    (folder / "vehicles" / "one.toml").write_text(
        'name = "One"\nyears = "2020"\npowertrain = "electric"\n'
        '[facts]\ntest_mass = { value = 1500, unit = "kg", source = ["own"] }\n'
    )
    with pytest.raises(NoMap):
        offers_with_virtual(Catalogue([tmp_path]), "acme/one")

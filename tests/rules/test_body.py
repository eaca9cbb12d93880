"""Rules of groups D and E: heat, mass, room, mounting, connectors."""

from __future__ import annotations

import pytest
from pairs import HOST, OWN, PART, at_home, fact, found, laid, level, levels, limit, one, pair, part, place, sources

# --- cooling ---------------------------------------------------------------------------------------------------------

COOLING = [
    ("passive", "liquid", "ok"), ("passive", None, "ok"), ("liquid", "liquid", "ok"), ("liquid", "passive", "break"),
    ("liquid", "air", "break"), ("air", "liquid", "break"), ("liquid", None, "unknown"), (None, "air", "unknown"),
    (None, None, "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "bay", "expected"), COOLING)
@pytest.mark.parametrize("kind", ["battery-pack", "e-axle"])
def test_the_bay_cools_in_the_way_that_the_part_needs(kind, own, bay, expected):
    given = at_home(kind, {"cooling": own} if own else {}, {"cooling": bay} if bay else {})
    assert level("cooling", given, "cooling") == expected


def test_of_an_inverter_whose_cooling_nobody_states_nothing_is_found():
    assert found("cooling", at_home("inverter")) == ()


@pytest.mark.parametrize(("key", "one_word", "other"), [
    ("coolant", "water-glycol", "oil"), ("coolant_port", "ours", "theirs"), ("pump_owner", "pack", "vehicle"),
])  # fmt: skip
def test_medium_coupling_and_pump_must_be_the_same(key, one_word, other):
    given = [
        at_home(here={"cooling": "liquid", key: one_word}, there={"cooling": "liquid", key: word})
        for word in (one_word, other)
    ]
    assert [level("cooling", g, key) for g in given] == ["ok", "break"]
    passive = at_home(here={"cooling": "passive", key: one_word}, there={key: other})
    assert level("cooling", passive, key) is None, "what needs no cooling needs no coolant"


FLOWS = {
    "enough flow": ("coolant_flow", 10.2, 10, "ok"), "too little flow": ("coolant_flow", 10.3, 10, "degrade"),
    "coolant that is cool enough": ("coolant_inlet_max", 50, 50, "ok"),
    "coolant that becomes too warm": ("coolant_inlet_max", 50, 50.1, "degrade"),
    "coolant that is not too cold": ("coolant_inlet_min", -20, -20, "ok"),
    "coolant that becomes too cold": ("coolant_inlet_min", -20, -20.1, "degrade"),
    "a heater that is strong enough": ("heater_power", 1020, 1000, "ok"),
    "a heater that is too weak": ("heater_power", 1021, 1000, "degrade"),
}  # fmt: skip


@pytest.mark.parametrize(("key", "needs", "gives", "expected"), FLOWS.values(), ids=FLOWS)
def test_the_host_gives_the_flow_and_the_temperature_that_the_part_needs(key, needs, gives, expected):
    finding = one("cooling", at_home(here={"cooling": "passive", key: needs}, there={key: gives}), key)
    assert (finding.level, finding.required, finding.provided) == (expected, gives, needs)
    assert sources(finding) == {f"on {key}", "place"}


def test_flow_of_which_one_side_says_nothing_is_not_judged():
    assert level("cooling", at_home(here={"cooling": "passive", "coolant_flow": 10}), "coolant_flow") is None


# --- heat ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("watts", "expected", "margin"), [(200, "ok", 0), (190, "ok", 1), (201, "degrade", -0.1)])
def test_at_40_celsius_the_part_stays_below_its_warmest_temperature(watts, expected, margin):
    """200 W over 10 W/K are 20 K above 40 Celsius."""
    here = {"heat_continuous": watts, "heat_transfer": 10, "temperature_max": 60}
    finding = one("heat", at_home(here=here))
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "Celsius")
    assert sources(finding) == {"on heat_continuous", "on heat_transfer"}


def test_heat_that_cannot_be_computed_is_not_judged():
    assert found("heat", at_home(here={"heat_continuous": 200, "heat_transfer": 10})) == ()


def test_the_warmest_temperature_may_be_a_limit():
    asks = limit("temperature_max", "battery-pack", minimum=55)
    given = [pair(part(temperature_max=t), place(requires=[asks])) for t in (55, 54)]
    assert [level("heat", g) for g in given] == ["ok", "break"]


# --- venting ---------------------------------------------------------------------------------------------------------


def test_vent_paths_that_differ_must_be_read_by_somebody():
    paths = [("rear", "rear", "ok"), ("rear", "front", "unknown"), ("rear", None, "unknown"), (None, None, None)]
    for own, bay, expected in paths:
        given = at_home(here={"vent_path": own} if own else {}, there={"vent_path": bay} if bay else {})
        assert level("venting", given) == expected


# --- mass ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kg", "expected", "margin"), [(303, "ok", 12), (315, "ok", 0), (315.1, "break", -0.1)])
def test_a_part_must_not_weigh_more_than_its_place_says_and_a_limit_is_exact(kg, expected, margin):
    asks = limit("mass", "battery-pack", maximum=315, reason="The springs carry no more.")
    finding = one("mass", pair(part(mass=kg), place(requires=[asks])))
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "kg")
    assert sources(finding) == {"on mass", "limit on mass"}


def test_by_how_much_it_is_heavier_than_the_pack_as_sold_is_told():
    asks = limit("mass", "battery-pack", maximum=315)
    given = pair(part(mass=410), place(requires=[asks]), fitted=part(id_=OWN, mass=303))
    assert one("mass", given).message.endswith("107 kg more than zeta/own")


def test_by_how_much_it_is_lighter_is_told_too_and_the_same_mass_is_not():
    asks = limit("mass", "battery-pack", maximum=315)
    told = [
        one("mass", pair(part(mass=kg), place(requires=[asks]), fitted=part(id_=OWN, mass=303))).message
        for kg in (300, 303)
    ]
    assert told[0].endswith("3 kg less than zeta/own")
    assert OWN not in told[1]


def test_what_a_place_states_that_it_carries_is_as_a_limit():
    assert [level("mass", at_home(here={"mass": kg}, there={"mass": 315})) for kg in (315, 316)] == ["ok", "break"]


AS_SOLD = {
    "lighter": (250, "ok", 50), "as heavy": (300, "ok", 0), "two percent heavier is rounding": (306, "ok", -6),
    "heavier": (306.1, "degrade", -6.1),
}  # fmt: skip


@pytest.mark.parametrize(("kg", "expected", "margin"), AS_SOLD.values(), ids=AS_SOLD)
def test_without_a_limit_the_part_as_sold_is_what_the_place_is_known_to_carry(kg, expected, margin):
    finding = one("mass", at_home(here={"mass": kg}, fitted={"mass": 300}))
    assert (finding.level, finding.required, finding.margin) == (expected, 300, margin)
    assert sources(finding) == {"on mass", "own"}


@pytest.mark.parametrize(("here", "own"), [({}, {"mass": 300}), ({"mass": 300}, {}), ({}, {})])
def test_a_pack_whose_mass_nobody_can_judge_is_unknown(here, own):
    assert level("mass", at_home(here=here, fitted=own)) == "unknown"


def test_an_inverter_weighs_too_little_to_be_judged_by_what_is_fitted():
    assert found("mass", at_home("inverter", {"mass": 30}, fitted={"mass": 10})) == ()


@pytest.mark.parametrize(("gross", "expected", "margin"), [(1700, "ok", 40), (1660, "ok", 0), (1659, "break", -1)])
def test_a_car_that_may_load_nothing_any_more_is_lost(gross, expected, margin):
    car = {"curb_mass": 1550, "gross_mass": gross}
    finding = one("mass", at_home(here={"mass": 410}, fitted={"mass": 300}, car=car), "gross_mass")
    assert (finding.level, finding.margin, finding.provided) == (expected, margin, 1660)


def test_a_disputed_mass_shows_both_values():
    here = {"mass": fact("mass", 303.0, disputed=316.0, note="One prints it with its case.")}
    asks = limit("mass", "battery-pack", maximum=310)
    disputed = one("mass", pair(part(**here), place(requires=[asks]))).facts[0].disputed
    assert "303 kg is believed, not 316 kg (doubted). One prints it with its case." in disputed


def test_who_does_not_state_a_mass_is_named():
    assert PART in one("mass", at_home(fitted={"mass": 300})).message
    assert f"the one that {HOST} is sold with" in one("mass", at_home(here={"mass": 300}, fitted={})).message


@pytest.mark.parametrize(
    ("mass", "told"), [({"mass": 10}, "what a case for acme/module weighs is not known"), ({}, "")]
)
def test_of_modules_it_may_be_the_case_whose_mass_is_not_known(mass, told):
    module = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6, **mass)
    asks = limit("mass", "battery-pack", maximum=315)
    finding = one("mass", laid(module, part(id_=OWN, voltage_nominal=355), place(requires=[asks])))
    assert (finding.level, finding.message.startswith(told or PART.split("/")[0])) == ("unknown", True)


# --- envelope --------------------------------------------------------------------------------------------------------

BAY = {"length": 1500, "width": 1200, "height": 250}


@pytest.mark.parametrize(("mm", "expected", "margin"), [(250, "ok", 0), (250.5, "break", -0.5), (200, "ok", 50)])
def test_a_part_must_be_no_higher_than_its_place_to_the_millimetre(mm, expected, margin):
    finding = one("envelope", at_home(here=BAY | {"height": mm}, there=BAY), "height")
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "mm")
    assert sources(finding) == {"on height", "place"}


def test_a_size_that_one_side_does_not_state_is_left_to_the_mounting_pattern():
    assert found("envelope", at_home(here=BAY)) == ()
    asks = limit("mounting", "battery-pack", one_of=("a",))
    patterns = [(lv, pair(part(mounting=own), place(requires=[asks], **BAY))) for own, lv in
                (("a", "ok"), ("b", "unknown"))]  # fmt: skip
    for expected, given in patterns:
        assert {f.level for f in found("envelope", given)} == {expected}


def _boxed(bay=BAY, **size):
    """Twelve modules in series."""
    module = part("battery-module", "acme/module", cells_series=8, cell_voltage_min=2.5, cell_voltage_nominal=3.7,
                  cell_voltage_max=4.2, **size)  # fmt: skip
    return laid(module, part("battery-pack", OWN, voltage_nominal=355), place(**bay))


def test_modules_that_lie_in_rows_of_one_direction_fit():
    finding = one("envelope", _boxed(length=500, width=300, height=250))
    assert (finding.level, finding.required, finding.provided, finding.margin) == ("ok", 12, 12, 0)


def test_modules_that_only_their_volume_allows_are_unknown():
    """One lies in the bay as a whole, and what is left of it has room for eleven more only on paper."""
    finding = one("envelope", _boxed(length=800, width=610, height=70))
    assert (finding.level, "at most 13 by volume" in finding.message) == ("unknown", True)


def test_modules_that_no_order_brings_in_break():
    assert level("envelope", _boxed(length=500, width=300, height=280)) == "break"


def test_as_many_as_the_volume_holds_may_go_in_and_one_more_may_not():
    """Of 450 litres; the bay is higher than long modules are wide, so none lies in a row of one direction."""
    made = [level("envelope", _boxed(length=1600, width=width, height=100)) for width in (234, 235)]
    assert made == ["unknown", "break"]


@pytest.mark.parametrize(("bay", "size", "named"), [
    (BAY, {}, "acme/module"), (BAY, {"height": 100, "width": 100}, "acme/module"),
    ({}, {"length": 1, "width": 1, "height": 1}, HOST),
])  # fmt: skip
def test_modules_or_a_bay_of_unknown_size_are_unknown_and_named(bay, size, named):
    finding = one("envelope", _boxed(bay, **size))
    assert (finding.level, named in finding.message) == ("unknown", True)


# --- mounting and connectors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "key"), [
    ("mounting", "mounting"), ("connectors", "hv_connector"), ("connectors", "lv_connector"),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["battery-pack", "e-axle"])
def test_names_must_be_the_same_and_silence_of_both_is_unknown(rule, key, kind):
    words = [("a", "a", "ok"), ("a", "b", "break"), ("a", None, "unknown"), (None, "a", "unknown"),
             (None, None, "unknown")]  # fmt: skip
    for own, bay, expected in words:
        given = at_home(kind, {key: own} if own else {}, {key: bay} if bay else {})
        assert level(rule, given, key) == expected


@pytest.mark.parametrize(("rule", "key"), [("mounting", "mounting"), ("connectors", "hv_connector")])
def test_a_limit_names_all_that_mate(rule, key):
    asks = limit(key, "battery-pack", one_of=("a", "b"), reason="Another needs an adaptor.")
    given = [pair(part(**{key: word} if word else {}), place(requires=[asks])) for word in ("b", "c", None)]
    assert [level(rule, g, key) for g in given] == ["ok", "break", "unknown"]
    assert one(rule, given[1], key).message == "Another needs an adaptor."


def test_an_inverter_that_is_silent_about_its_connectors_is_not_asked():
    assert found("connectors", at_home("inverter")) == ()
    assert found("mounting", at_home("inverter")) == ()


def test_another_datum_must_be_read_by_somebody():
    given = at_home(here={"mounting": "a", "datum": "front"}, there={"mounting": "a", "datum": "rear"})
    assert levels("mounting", given) == [("mounting", "ok"), ("datum", "unknown")]


def test_of_modules_it_is_unknown_whether_the_tray_takes_them_and_the_case_keeps_its_connectors():
    given = _boxed()
    assert level("mounting", given) == "unknown"
    assert "acme/module" in one("mounting", given).message
    assert sources(one("mounting", _boxed(mounting="ours"))) == {"on mounting"}
    assert found("connectors", given) == ()


def test_who_is_silent_is_named():
    assert PART in one("mounting", at_home(there={"mounting": "a"})).message
    assert HOST in one("mounting", at_home(here={"mounting": "a"})).message

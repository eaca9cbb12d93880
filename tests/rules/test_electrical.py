"""Contactors, insulation, supply, energy: who owns what, and whether it is enough."""

from __future__ import annotations

import pytest
from pairs import HOST, PART, at_home, fact, found, level, levels, limit, one, pair, part, place, sources

WINDOW = {"voltage_min": 240, "voltage_max": 400}

# --- pre-charge, contactors, insulation -------------------------------------------------------------------------------

OWNERS = {
    "precharge": ("precharge_owner", "pack", "vehicle"),
    "contactors": ("contactor_owner", "pack", "vehicle"),
    "insulation": ("insulation_monitor", "pack", "vehicle"),
}


@pytest.mark.parametrize(("rule", "key", "one_side", "other"), [(r, *v) for r, v in OWNERS.items()])
def test_one_side_and_one_only_owns_it(rule, key, one_side, other):
    def given(here, there):
        return at_home(here={key: here} if here else {}, there={key: there} if there else {})

    pairs = [(one_side, one_side), (other, other), (one_side, other), (other, one_side), (one_side, None),
             (None, other), (None, None)]  # fmt: skip
    expected = ["ok", "ok", "break", "break", "unknown", "unknown", None]
    assert [level(rule, given(*p)) for p in pairs] == expected
    assert sources(one(rule, given(one_side, other))) == {f"on {key}", "place"}


@pytest.mark.parametrize(("rule", "key"), [("precharge", "precharge_owner"), ("insulation", "insulation_monitor")])
def test_where_both_sides_agree_that_nobody_does_it_it_is_lost(rule, key):
    finding = one(rule, at_home(here={key: "none"}, there={key: "none"}))
    assert (finding.level, finding.required, finding.provided) == ("break", "none", "none")
    assert "nobody" in finding.message


def test_who_commands_the_contactors_is_asked_apart_from_who_owns_them():
    given = at_home(here={"contactor_owner": "pack", "contactor_command": "pack"},
                    there={"contactor_owner": "pack", "contactor_command": "vehicle"})  # fmt: skip
    assert levels("contactors", given) == [("contactor_owner", "ok"), ("contactor_command", "break")]


def test_the_interlock_loop_runs_through_both_sides_or_through_none():
    loops = [("loop", "loop", "ok"), ("none", "none", "ok"), ("loop", "none", "break"), ("none", "loop", "break")]
    for here, there, expected in loops:
        assert level("insulation", at_home(here={"interlock": here}, there={"interlock": there})) == expected


@pytest.mark.parametrize(("rule", "key", "wanted"), [("contactors", "fuse_rating", 300), ("contactors", "pyro_fuse", 1),
                                                     ("insulation", "insulation_resistance", 5e5)])  # fmt: skip
def test_ratings_are_judged_as_limits(rule, key, wanted):
    asks = (
        limit(key, "battery-pack", one_of=(True,)) if key == "pyro_fuse" else limit(key, "battery-pack", minimum=wanted)
    )
    values = (True, False) if key == "pyro_fuse" else (wanted, wanted - 1)
    given = [pair(part(**{key: value}), place(requires=[asks])) for value in values]
    assert [level(rule, g) for g in given] == ["ok", "break"]


# --- 12 V supply -----------------------------------------------------------------------------------------------------

SUPPLY = {
    "a narrower supply": (10, 15, "ok", "ok"),
    "the same supply": (9, 16, "ok", "ok"),
    "a supply that sinks too far": (8.9, 16, "break", "ok"),
    "a supply that rises too far": (9, 16.1, "ok", "break"),
}


@pytest.mark.parametrize(("low", "high", "least", "most"), SUPPLY.values(), ids=SUPPLY)
def test_the_supply_of_the_host_stays_within_what_the_part_needs(low, high, least, most):
    here = {"low_voltage_min": 9, "low_voltage_max": 16}
    given = at_home(here=here, there={"low_voltage_min": low, "low_voltage_max": high})
    assert levels("low-voltage-supply", given) == [("low_voltage_min", least), ("low_voltage_max", most)]


def test_a_part_that_does_not_say_what_supply_it_needs_is_unknown_where_the_place_states_one():
    assert found("low-voltage-supply", at_home(here={"low_voltage_min": 9})) == ()
    assert level("low-voltage-supply", at_home(there={"low_voltage_min": 9})) == "unknown"


# --- energy ----------------------------------------------------------------------------------------------------------

ENERGY = {
    "as much as sold": (40, "ok", 0),
    "two percent less is rounding": (39.2, "ok", -0.8),
    "less is a loss": (39.1, "degrade", -0.9),
    "more is fine": (62, "ok", 22),
}


@pytest.mark.parametrize(("kwh", "expected", "margin"), ENERGY.values(), ids=ENERGY)
def test_less_energy_than_sold_is_a_loss_and_breaks_nothing(kwh, expected, margin):
    finding = one("energy", at_home(here={"energy_gross": kwh}, fitted={"energy_gross": 40}))
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "kWh")
    assert sources(finding) == {"on energy_gross", "own"}


def test_usable_energy_is_compared_where_both_state_it():
    here, own = {"energy_usable": 37, "energy_gross": 50}, {"energy_usable": 39, "energy_gross": 40}
    assert levels("energy", at_home(here=here, fitted=own)) == [("energy_usable", "degrade")]
    del own["energy_usable"]
    assert levels("energy", at_home(here=here, fitted=own)) == [("energy_gross", "ok")]


def test_energy_that_one_side_does_not_state_is_unknown_and_it_is_named():
    assert PART in one("energy", at_home(fitted={"energy_gross": 40})).message
    finding = one("energy", at_home(here={"energy_gross": 40}))
    assert (finding.level, f"the pack that {HOST} is sold with" in finding.message) == ("unknown", True)


def test_a_disputed_energy_shows_both_values_and_the_believed_one():
    here = {"energy_usable": fact("energy_usable", 39.0, disputed=38.0, note="Read at the wall.")}
    disputed = one("energy", at_home(here=here, fitted={"energy_usable": 39})).facts[0].disputed
    assert "39 kWh is believed, not 38 kWh (doubted)" in disputed


def test_energy_is_no_matter_of_an_e_axle_or_of_terminals_alone():
    assert found("energy", at_home("e-axle")) == ()
    assert found("energy", pair(part(energy_gross=1))) == ()

"""Rules of group A: who the part is, and whether part and host come to know each other."""

from __future__ import annotations

import pytest
from pairs import OWN, at_home, found, laid, level, levels, limit, one, pair, part, place, sources

# --- place -----------------------------------------------------------------------------------------------------------


def test_of_a_car_without_a_place_it_is_unknown_and_it_says_why():
    given = pair(part(), no_place="the catalogue knows no place for a battery-pack in zeta/car")
    finding = one("place", given)
    assert (finding.level, finding.required) == ("unknown", "battery-pack")
    assert "knows no place" in finding.message


def test_a_place_is_no_finding_and_terminals_need_none():
    assert found("place", at_home()) == ()
    assert found("place", pair(part())) == ()


# --- what only limits judge ------------------------------------------------------------------------------------------

ONLY_LIMITS = {
    "identity": ("battery-pack", "cell_maker", "Acme", "Zeta"),
    "known-rating": ("inverter", "full_power_part", "160", "80"),
    "generation": ("battery-pack", "generation", "two", "one"),
    "resistance": ("battery-pack", "resistance", 0.1, 0.2),
    "ac-charging": ("battery-pack", "ac_charge_power_max", 7.4, 3.6),
    "losses": ("e-axle", "efficiency_peak", 0.96, 0.8),
    "road-load": ("vehicle", "tyre", "205/55R16", "195/65R15"),
    "vocabulary-version": ("vehicle", "vocabulary_version", "6.0", "5.0"),
}


def _with_limit(rule, value, otherwise="break"):
    kind, key, wanted, _ = ONLY_LIMITS[rule]
    asks = limit(key, kind if kind == "vehicle" else "slot", one_of=(wanted,), otherwise=otherwise)
    stated = {} if value is None else {key: value}
    if kind == "vehicle" or key == "ac_charge_power_max":
        asks = limit(key, "vehicle", one_of=(wanted,), otherwise=otherwise)
        return pair(part(requires=[asks]), place(), stated)
    if key == "full_power_part":  # the place states it, and the part asks
        return pair(part(kind, requires=[asks]), place(kind, **stated))
    asks = limit(key, kind, one_of=(wanted,), otherwise=otherwise)
    return pair(part(kind, **stated), place(kind, [asks]))


@pytest.mark.parametrize("rule", ONLY_LIMITS)
def test_what_a_limit_asks_for_is_kept_or_not_or_not_known(rule):
    _, key, wanted, other = ONLY_LIMITS[rule]
    given = [_with_limit(rule, value) for value in (wanted, other, None)]
    assert [level(rule, g, key) for g in given] == ["ok", "break", "unknown"]
    assert level(rule, _with_limit(rule, other, "degrade"), key) == "degrade"
    assert f"limit on {key}" in sources(one(rule, given[0], key))


@pytest.mark.parametrize("rule", ONLY_LIMITS)
def test_without_a_limit_nothing_is_found(rule):
    kind, key, wanted, other = ONLY_LIMITS[rule]
    if kind == "vehicle" or key == "ac_charge_power_max":
        assert found(rule, at_home(car={key: other})) == ()
    elif key != "full_power_part":
        assert found(rule, at_home(kind, {key: wanted}, {}, fitted={key: other})) == ()


# --- registration ----------------------------------------------------------------------------------------------------

PAIRING = {"none": "ok", "registered": "degrade", "cryptographic": "break"}


@pytest.mark.parametrize(("pairing", "expected"), PAIRING.items())
def test_how_a_part_is_paired_says_whether_it_starts_in_another_host(pairing, expected):
    finding = one("registration", at_home(here={"pairing": pairing}))
    assert (finding.level, finding.provided, sources(finding)) == (expected, pairing, {"on pairing"})


@pytest.mark.parametrize("pairing", PAIRING)
def test_what_is_sold_together_knows_each_other(pairing):
    assert level("registration", at_home(here={"pairing": pairing}, is_sold=True)) == "ok"


def test_a_host_that_holds_keys_takes_no_other_part():
    for pairing, expected in PAIRING.items():
        silent = "unknown" if expected == "ok" else expected  # the part may yet hold keys
        assert level("registration", at_home(there={"pairing": pairing})) == silent
        assert level("registration", at_home(here={"pairing": "none"}, there={"pairing": pairing})) == expected


def test_where_both_are_silent_about_pairing_nothing_is_found():
    assert found("registration", at_home()) == ()


def test_a_limit_on_pairing_goes_before_what_pairing_means():
    asks = limit("pairing", "battery-pack", one_of=("none", "registered"))
    given = pair(part(pairing="registered"), place(requires=[asks]))
    assert levels("registration", given) == [("pairing", "ok")]


def test_a_missing_certificate_does_not_hide_what_pairing_means():
    asks = limit("certificate", "battery-pack", stated=True)
    given = pair(part(pairing="cryptographic"), place(requires=[asks]))
    assert levels("registration", given) == [("certificate", "unknown"), ("pairing", "break")]


# --- motor interface -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["inverter", "motor"])
def test_inverter_and_motor_must_share_their_interface(kind):
    def given(here, there):
        return at_home(kind, {"motor_interface": here} if here else {}, {"motor_interface": there} if there else {})

    pairs = [("old", "old"), ("old", "new"), ("old", None), (None, "new"), (None, None)]
    assert [level("motor-interface", given(*p)) for p in pairs] == ["ok", "break", "unknown", "unknown", "unknown"]


def test_a_whole_e_axle_brings_its_own_interface():
    assert found("motor-interface", at_home("e-axle", {}, {"motor_interface": "em57"})) == ()


# --- software and calibration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kind", "key"),
    [
        ("software-version", "battery-pack", "software_version"),
        ("software-version", "inverter", "hardware_version"),
        ("calibration", "inverter", "calibration_id"),
    ],
)
def test_versions_that_differ_are_not_known_to_work_and_break_nothing(rule, kind, key):
    def given(here, fitted):
        return at_home(kind, {key: here} if here else {}, fitted={key: fitted} if fitted else {})

    versions = [("1", "1"), ("2", "1"), ("1", None), (None, "1"), (None, None)]
    assert [level(rule, given(*v)) for v in versions] == ["ok", "unknown", "unknown", "unknown", None]
    assert sources(one(rule, given("2", "1"))) == {f"on {key}", "own"}


def test_a_version_among_those_that_the_host_names_is_ok_and_another_breaks():
    asks = limit("software_version", "battery-pack", one_of=("3", "4"))
    given = [pair(part(software_version=v), place(requires=[asks], software_version="3")) for v in ("4", "5")]
    assert [levels("software-version", g) for g in given] == [
        [("software_version", "ok")], [("software_version", "break")]
    ]  # fmt: skip


# --- resolver --------------------------------------------------------------------------------------------------------

CODING = {"none": "ok", "learnt": "ok", "coded": "degrade"}


@pytest.mark.parametrize(("coding", "expected"), CODING.items())
def test_an_inverter_that_does_not_learn_the_offset_must_be_coded(coding, expected):
    finding = one("resolver", at_home("inverter", {"resolver_offset_coding": coding}))
    assert (finding.level, sources(finding)) == (expected, {"on resolver_offset_coding"})


def test_for_a_motor_the_inverter_that_stays_says_how_it_learns_the_offset():
    stays = part("inverter", "zeta/inverter", source="its page", resolver_offset_coding="coded")
    finding = one("resolver", at_home("motor", partners=(stays,)))
    assert (finding.level, sources(finding)) == ("degrade", {"its page"})
    assert finding.facts[0].value.startswith("zeta/inverter:"), "the fact is told as that of who states it"


def test_what_an_inverter_does_not_state_of_itself_the_one_beside_it_does_not_answer():
    other = part("inverter", "zeta/inverter", resolver_offset_coding="coded")
    assert level("resolver", at_home("inverter", partners=(other,))) == "unknown"
    own = at_home("motor", {"resolver_offset_coding": "none"}, partners=(other,))
    assert level("resolver", own) == "ok", "what the motor states itself goes before"


def test_an_e_axle_brings_its_coding_and_so_does_what_is_sold_together():
    assert found("resolver", at_home("e-axle")) == ()
    assert level("resolver", at_home("inverter", {"resolver_offset_coding": "coded"}, is_sold=True)) == "ok"


def test_how_a_silent_inverter_comes_to_know_the_angle_is_unknown():
    assert level("resolver", at_home("inverter")) == "unknown"


# --- cells in series -------------------------------------------------------------------------------------------------

MODULE = {"cell_voltage_min": 2.5, "cell_voltage_nominal": 3.7, "cell_voltage_max": 4.2}
OWN_PACK = {"voltage_nominal": 355, "cells_series": 96}


def _modules(cells, own=OWN_PACK, **more):
    module = part("battery-module", "acme/module", **MODULE, **({"cells_series": cells} if cells else {}), **more)
    return laid(module, part("battery-pack", OWN, source="own", **own))


def test_modules_that_make_as_many_cells_as_the_controller_watches_are_ok():
    finding = one("series-count", _modules(8))
    assert (finding.level, finding.required, finding.provided) == ("ok", 96, 96)


def test_another_number_of_cells_breaks_and_both_numbers_are_told():
    finding = one("series-count", _modules(10))
    assert (finding.level, finding.required, finding.provided) == ("break", 96, 100)
    assert sources(finding) == {"own", "on cells_series"}


def test_cells_that_one_side_does_not_count_are_unknown_and_it_is_named():
    assert "zeta/own" in one("series-count", _modules(8, {"voltage_nominal": 355})).message
    bare = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6)
    finding = one("series-count", laid(bare, part("battery-pack", OWN, **OWN_PACK)))
    assert (finding.level, "acme/module" in finding.message) == ("unknown", True)


def test_a_pack_brings_its_own_controller():
    assert found("series-count", at_home(here={"cells_series": 108}, fitted={"cells_series": 96})) == ()

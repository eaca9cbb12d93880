"""Facts against limits, and statements of two sides: levels, margins, bounds, and what a finding rests on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pairs import HOST, OWN, PART, at_home, fact, limit, pair, part, place, sources

from renkei.facts import fact_key, number
from renkei.rules.held import DEMANDS, bounds, demanded, enough, held, limits_on, same
from renkei.rules.register import RULES

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
ends = st.one_of(st.none(), numbers)


def judged(bound, value):
    return held("mass", bound, None if value is None else fact(bound.fact, value), HOST, PART)


LIMITS = {
    "at the highest allowed value it fits": ({"maximum": 60}, 60, "ok", 0),
    "above it, it breaks, by how much is told": ({"maximum": 60}, 61.5, "break", -1.5),
    "below the least it breaks": ({"minimum": 50}, 49, "break", -1),
    "between two ends the nearer one counts": ({"minimum": 50, "maximum": 60}, 52, "ok", 2),
    "between two ends, above": ({"minimum": 50, "maximum": 60}, 63, "break", -3),
    "what breaks nothing degrades": ({"maximum": 60, "otherwise": "degrade"}, 61, "degrade", -1),
    "what nobody states is unknown": ({"maximum": 60}, None, "unknown", None),
}


@pytest.mark.parametrize(("how", "value", "level", "margin"), LIMITS.values(), ids=LIMITS)
def test_a_number_against_a_limit(how, value, level, margin):
    found = judged(limit("mass", "battery-pack", **how), value)
    assert (found.level, found.margin, found.unit, found.provided) == (level, margin, "kg", value)


def test_a_word_must_be_one_of_those_that_are_allowed():
    bound = limit("cooling", "battery-pack", one_of=("air", "passive"))
    assert [judged(bound, word).level for word in ("air", "liquid", None)] == ["ok", "break", "unknown"]
    assert (judged(bound, "air").required, judged(bound, "air").bound) == (["air", "passive"], "one of")


def test_of_a_list_one_word_among_those_allowed_is_enough():
    bound = limit("regions", "battery-pack", one_of=("JP",))
    assert [judged(bound, words).level for words in (["EU", "JP"], ["EU"])] == ["ok", "break"]


def test_what_must_be_stated_may_have_any_value():
    bound = limit("mass", "battery-pack", stated=True)
    assert (judged(bound, 1).level, judged(bound, None).level) == ("ok", "unknown")
    assert bounds(bound) == (None, "stated")


def test_a_finding_says_how_its_requirement_is_meant():
    meant = {"minimum": 1}, {"maximum": 2}, {"minimum": 1, "maximum": 2}
    assert [bounds(limit("mass", "slot", **how)) for how in meant] == [
        (1, "at least"), (2, "at most"), ([1, 2], "between")
    ]  # fmt: skip


def test_a_finding_rests_on_the_fact_and_on_the_limit_each_with_its_source():
    found = judged(limit("mass", "battery-pack", maximum=60, confidence="reported"), 61)
    assert [(ground.value, ground.source, ground.confidence) for ground in found.facts] == [
        (f"{PART}: mass 61 kg", ("on mass",), "published"),
        (f"{HOST} asks for mass: at most 60 kg", ("limit on mass",), "reported"),
    ]


def test_the_reason_of_a_limit_is_what_a_break_says():
    bound = limit("mass", "battery-pack", maximum=60, reason="The springs sag.")
    assert judged(bound, 61).message == "The springs sag."
    assert "springs" not in judged(bound, 59).message


def test_of_a_disputed_fact_both_values_are_told_and_which_is_believed():
    believed = fact("mass", 303.0, "scales", disputed=316.0, note="One prints a gross mass.")
    (own, _) = held("mass", limit("mass", "battery-pack", maximum=310), believed, HOST, PART).facts
    assert own.confidence == "disputed"
    for piece in ("303 kg is believed", "not 316 kg (doubted)", "One prints a gross mass."):
        assert piece in own.disputed


def test_what_is_not_disputed_says_nothing_of_it():
    assert (
        held("mass", limit("mass", "battery-pack", maximum=310), fact("mass", 1), HOST, PART).facts[0].disputed is None
    )


@given(ends, ends, numbers, st.sampled_from(["break", "degrade"]))
def test_a_limit_is_plain_arithmetic(low, high, value, otherwise):
    if low is None and high is None:
        return
    found = judged(limit("road_load_a", "vehicle", minimum=low, maximum=high, otherwise=otherwise), value)
    fits = (low is None or low <= value) and (high is None or value <= high)
    assert found.level == ("ok" if fits else otherwise)
    assert (found.margin >= 0) == fits
    nearer = [gap for gap in (low is not None and value - low, high is not None and high - value) if gap is not False]
    assert found.margin == pytest.approx(min(nearer), abs=1e-6)


# --- enough ----------------------------------------------------------------------------------------------------------

ROUNDING = {
    "as much as is asked for": (100, 100, False, "ok", 0),
    "two percent less is rounding": (100, 98, False, "ok", -2),
    "more than two percent less is less": (100, 97.9, False, "degrade", -2.1),
    "two percent more is rounding where it is a ceiling": (100, 102, True, "ok", -2),
    "more is too much where it is a ceiling": (100, 102.1, True, "degrade", -2.1),
    "a negative ceiling has room upwards too": (-10, -9.8, True, "ok", -0.2),
    "beyond that it has none": (-10, -9.7, True, "degrade", -0.3),
}


@pytest.mark.parametrize(("asked", "given_", "at_most", "level", "margin"), ROUNDING.values(), ids=ROUNDING)
def test_ratings_are_rounded(asked, given_, at_most, level, margin):
    found = enough("energy", "energy_gross", asked, given_, "kWh", ("fine", "short"), (), at_most=at_most)
    assert (found.level, found.margin) == (level, margin)
    assert found.message == ("fine" if level == "ok" else "short")
    assert found.bound == ("at most" if at_most else "at least")


@given(numbers, numbers, st.booleans())
def test_who_gives_more_is_never_worse_off(asked, gives, at_most):
    rank = {"ok": 0, "break": 1}
    more = gives + (-1 if at_most else 1)
    levels = [
        enough("mass", "mass", asked, value, "kg", ("", ""), (), at_most=at_most, otherwise="break").level
        for value in (more, gives)
    ]
    assert rank[levels[0]] <= rank[levels[1]]


# --- the same on both sides ------------------------------------------------------------------------------------------


def compared(here=None, there=None, fitted=None, *, needed=False):
    stated = [{"cooling": value} if value else {} for value in (here, there)]
    own = {"cooling": fitted} if fitted else None
    return list(same(at_home("battery-pack", *stated, fitted=own), "r", ("cooling",), otherwise="break", needed=needed))


def test_both_sides_must_say_the_same():
    assert [compared("air", other)[0].level for other in ("air", "liquid")] == ["ok", "break"]


def test_of_two_that_differ_both_values_and_both_sources_are_told():
    (found,) = compared("air", "liquid")
    assert (found.required, found.provided, found.message) == ("liquid", "air", "air here, liquid there")
    assert sources(found) == {"on cooling", "place"}


def test_one_side_that_is_silent_makes_it_unknown_and_is_named():
    assert [(f.level, f.message) for f in compared("air")] == [("unknown", f"not stated by {HOST}")]
    assert [(f.level, f.message) for f in compared(None, "air")] == [("unknown", f"not stated by {PART}")]


def test_two_that_are_silent_find_nothing_unless_it_is_needed():
    assert compared() == []
    assert [f.level for f in compared(needed=True)] == ["unknown"]


def test_a_place_that_is_silent_is_as_the_part_that_its_maker_fits():
    (found,) = compared("air", None, "air")
    assert (found.level, found.facts[1].value) == ("ok", f"{OWN}: cooling air")
    assert compared("air", "liquid", "air")[0].level == "break", "what the place itself says goes before"


def test_a_limit_goes_before_what_both_sides_say():
    asks = limit("cooling", "battery-pack", one_of=("liquid", "air"))
    given_ = pair(part(cooling="air"), place(requires=[asks], cooling="liquid"))
    assert list(same(given_, "r", ("cooling",), otherwise="break")) == []


def test_at_terminals_alone_there_is_nothing_to_compare():
    assert list(same(pair(part(cooling="air")), "r", ("cooling",), otherwise="break", needed=True)) == []


def test_what_a_part_of_its_kind_cannot_state_is_not_asked_of_it():
    given_ = pair(part("motor"), place("motor", cooling="air", coolant="water"))
    assert [f.about for f in same(given_, "r", ("cooling", "coolant"), otherwise="break")] == ["cooling"]


# --- the limits of a pair --------------------------------------------------------------------------------------------


def test_limits_come_from_place_partners_and_part_and_each_names_whose_fact_it_is_on():
    drive = part("e-axle", "zeta/axle", [limit("voltage_max", "battery-pack", maximum=400)])
    pack = part(requires=[limit("dc_voltage_rating", "e-axle", minimum=500), limit("voltage_min", "slot", minimum=1),
                          limit("dc_charge_voltage_max", "vehicle", minimum=2)], voltage_max=410)  # fmt: skip
    slot = place(requires=[limit("voltage_min", "battery-pack", minimum=200)], voltage_min=150)
    given_ = pair(pack, slot, {"dc_charge_voltage_max": 500}, partners=(drive,))
    rule = RULES["voltage-window"]
    found = {(f.about, f.facts[-1].value.split(" asks")[0], f.level) for f in limits_on(given_, rule.id, rule.keys)}
    assert found == {
        ("voltage_min", HOST, "unknown"),
        ("voltage_max", "zeta/axle", "break"),
        ("dc_voltage_rating", PART, "unknown"),
        ("voltage_min", PART, "ok"),
        ("dc_charge_voltage_max", PART, "ok"),
    }


def test_the_same_limit_of_an_e_axle_and_its_inverter_counts_once():
    asks = limit("voltage_max", "battery-pack", maximum=400)
    drives = part("e-axle", "zeta/axle", [asks]), part("inverter", "zeta/inverter", [asks])
    given_ = pair(part(voltage_max=410), place(), partners=drives)
    assert len(limits_on(given_, "voltage-window", ("voltage_max",))) == 1


def test_a_number_is_a_number_and_neither_yes_nor_a_word():
    stated = part(mass=3, pyro_fuse=True, cooling="air").facts
    assert [number(stated, key) for key in ("mass", "pyro_fuse", "cooling", "width")] == [3, None, None, None]


# --- what a place states ---------------------------------------------------------------------------------------------


def asked_of(key, given_, own, **how):
    kind = "battery-pack"
    stated = {key: fact(key, given_, "place", **how)}
    return list(
        demanded(pair(part(kind, **({key: own} if own is not None else {})), place(kind, **stated)), "r", (key,))
    )


DEMANDED = {
    "a place carries no more than it says": ("mass", 315, [(315, "ok"), (315.1, "break"), (1, "ok")]),
    "a part that is longer does not go in": ("length", 1500, [(1500, "ok"), (1500.5, "break")]),
    "what is drawn must be given, but for rounding": ("power_10s", 100, [(100, "ok"), (98, "ok"), (97.9, "degrade")]),
    "a fuse bears what is drawn": ("fuse_rating", 300, [(300, "ok"), (293, "degrade")]),
    "temperatures are not rounded": ("coolant_inlet_max", 50, [(50, "ok"), (49.9, "degrade"), (60, "ok")]),
    "coolant that becomes too cold": ("coolant_inlet_min", -20, [(-20, "ok"), (-19.9, "degrade"), (-30, "ok")]),
    "a supply that sinks too far": ("low_voltage_min", 9, [(9, "ok"), (9.1, "break"), (6, "ok")]),
    "a supply that rises too far": ("low_voltage_max", 16, [(16, "ok"), (15.9, "break"), (18, "ok")]),
    "who is slower than the host waits": ("close_time", 2, [(2, "ok"), (2.1, "degrade"), (1, "ok")]),
    "a safe state is reached in time": ("reaction_time", 100, [(100, "ok"), (101, "break")]),
}  # fmt: skip


@pytest.mark.parametrize(("key", "given_", "owns"), DEMANDED.values(), ids=DEMANDED)
def test_a_number_that_a_place_states_is_a_demand_on_the_part(key, given_, owns):
    for own, expected in owns:
        (found,) = asked_of(key, given_, own)
        assert (found.level, found.required, found.provided) == (expected, given_, own)
        assert (found.margin >= 0) or found.level != "ok" or abs(found.margin) <= 0.02 * abs(given_)
        assert sources(found) == {f"on {key}", "place"}


def test_of_a_part_that_is_silent_it_is_unknown_whether_it_meets_it():
    (found,) = asked_of("mass", 315, None)
    assert (found.level, found.required, found.provided, sources(found)) == ("unknown", 315, None, {"place"})


def test_a_room_derived_from_what_lies_there_today_says_what_goes_in_and_not_what_does_not():
    levels = [asked_of("length", 1500, mm, confidence="derived")[0].level for mm in (1500, 1501)]
    assert levels == ["ok", "unknown"]


def test_a_place_that_states_nothing_and_terminals_ask_for_nothing():
    assert list(demanded(pair(part(mass=1), place()), "r", ("mass",))) == []
    assert list(demanded(pair(part(mass=1)), "r", ("mass",))) == []
    assert asked_of("cooling", "air", "liquid") == [], "words are compared elsewhere"


def test_every_demand_is_on_a_number_that_a_place_may_state():
    for key, (bound, otherwise) in DEMANDS.items():
        assert "slot" in fact_key(key).kinds, key
        assert fact_key(key).type in ("number", "integer"), key
        assert bound in ("at least", "at most"), key
        assert otherwise in ("degrade", "break"), key

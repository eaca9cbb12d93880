"""Whether both sides mean the same by the bits of a message, and by what they call charge."""

from __future__ import annotations

import pytest
from pairs import at_home, bits, field, found, level, line, one, sources, talk
from pairs import told as told_by

# --- what bits mean --------------------------------------------------------------------------------------------------


def page(value):
    """Only with that value in the last byte."""
    return ((bits(7), ((value, value),)),)


EVERY = ("message-meaning", "signal-unit", "signal-scale", "signal-sign", "signal-values")
RAISED = {"scale": 0.5, "offset": -40, "unit": "Celsius", "values": {0: "off"}, "invalid": ((255, 255),)}


@pytest.mark.parametrize("rule", EVERY)
@pytest.mark.parametrize("how", [{}, RAISED])
def test_a_field_that_both_read_alike_is_no_finding(rule, how):
    assert told_by(field(**how), field(**how), rule) == []


@pytest.mark.parametrize("rule", EVERY)
def test_two_sides_with_the_same_map_are_not_compared(rule):
    given = talk(line(field("A"), map_="one"), line(field("B", scale=-7, unit="V"), map_="one"))
    assert found(rule, given) == ()


@pytest.mark.parametrize("rule", EVERY[1:])
def test_bits_that_do_not_overlap_have_nothing_to_do_with_each_other(rule):
    assert told_by(field("A", 0), field("B", 1, scale=-7), rule) == []
    assert told_by(field("A", when=page(1)), field("B", scale=-7, when=page(2)), rule) == []


def test_a_field_of_which_the_other_side_says_nothing_is_found():
    for other in (field("B", 1), field("B", when=page(2))):
        assert told_by(field("A", 0), other, "message-meaning") == [("0x100 STATUS.A", "break", "A", None)]


def test_a_field_that_is_sent_under_another_value_of_the_multiplexer_is_found():
    assert told_by(field("A", when=page(1)), field("A", when=page(1)), "message-meaning") == []
    ((about, found_level, read, sent),) = told_by(field("A", when=page(1)), field("A", when=page(2)), "message-meaning")
    assert (about, found_level) == ("0x100 STATUS.A", "break")
    assert ("0x1" in read, "0x2" in sent) == (True, True)
    assert told_by(field("A", when=page(1)), field("A", when=page(2), scale=-7), "signal-sign") == []


def test_the_same_bits_with_another_meaning_break():
    found_ = told_by(field("TEMPERATURE"), field("BAR"), "message-meaning")
    assert found_ == [("0x100 STATUS.TEMPERATURE", "break", "TEMPERATURE", "BAR")]


def test_one_path_of_vss_is_one_meaning_whatever_the_fields_are_called():
    path = "Vehicle.Speed"
    assert told_by(field("SPEED", signal=path), field("V_VEH", signal=path), "message-meaning") == []
    assert len(told_by(field("SPEED", signal=path), field("SPEED", signal="Vehicle.Other"), "message-meaning")) == 1


def test_where_only_one_side_knows_a_path_names_are_compared():
    assert told_by(field("SPEED"), field("SPEED", signal=None), "message-meaning") == []
    assert len(told_by(field("SPEED"), field("TORQUE", signal=None), "message-meaning")) == 1


def test_a_wider_field_or_one_that_begins_elsewhere_is_found():
    assert told_by(field(count=8), field(count=10), "message-meaning") == [
        ("0x100 STATUS.CURRENT", "break", "byte 0 bit 7 to byte 0 bit 0", "byte 0 bit 7 to byte 1 bit 6")
    ]
    assert len(told_by(field(), field()._replace(bits=tuple(reversed(bits(0)))), "message-meaning")) == 1


def test_bits_for_which_no_signal_is_named_degrade():
    plain = {"signal": None}
    assert told_by(field("A", **plain), field("B", **plain), "message-meaning")[0][1] == "degrade"
    assert told_by(field("A", **plain), field("B"), "message-meaning")[0][1] == "break"
    assert told_by(field("A"), field("B"), "message-meaning", otherwise="degrade")[0][1] == "degrade"


def test_another_unit_breaks_and_one_that_is_not_stated_does_not():
    assert told_by(field(unit="V"), field(unit="A"), "signal-unit") == [("0x100 STATUS.CURRENT", "break", "V", "A")]
    assert told_by(field(unit="V"), field(unit="A", scale=7), "signal-scale") == [], "there is nothing to compare"
    assert told_by(field(unit="Celsius"), field(unit=None), "signal-unit") == []


def test_a_unit_that_converts_is_judged_by_what_scale_and_offset_make_of_it():
    volts, millivolts = field(unit="V", scale=0.5), field(unit="mV", scale=500)
    for rule in EVERY:
        assert told_by(volts, millivolts, rule) == []
    assert len(told_by(volts, millivolts._replace(scale=0.5), "signal-scale")) == 1
    assert len(told_by(field(unit="degC"), field(unit="degF"), "signal-scale")) == 1, "the offset is another"


@pytest.mark.parametrize(("scale", "offset"), [(0.5, 0), (1, -40), (1.001, 0)])
def test_another_scale_or_offset_breaks_and_both_are_told(scale, offset):
    ((about, found_level, read, sent),) = told_by(field(), field(scale=scale, offset=offset), "signal-scale")
    assert (about, found_level, read) == ("0x100 STATUS.CURRENT", "break", "1 x raw +0")
    assert sent == f"{scale:g} x raw {offset:+g}"


def test_a_scale_that_floats_have_rounded_is_the_same():
    assert told_by(field(scale=0.3), field(scale=0.1 + 0.2), "signal-scale") == []


def test_a_current_of_the_other_sign_breaks_and_is_no_matter_of_scale():
    assert told_by(field(scale=0.5), field(scale=-0.5), "signal-sign") == [("0x100 STATUS.CURRENT", "break", 0.5, -0.5)]
    assert told_by(field(scale=0.5), field(scale=-0.5), "signal-scale") == []


def test_a_current_read_without_its_sign_breaks():
    given = talk(line(field(signed=False), map_="zeta"), line(field(signed=True), map_="acme"))
    finding = one("signal-sign", given)
    assert (finding.level, finding.required, finding.provided) == ("break", False, True)


@pytest.mark.parametrize(("kind", "key", "one_sign", "other"), [
    ("battery-pack", "current_sign", "positive-charging", "positive-discharging"),
    ("e-axle", "power_sign", "positive-driving", "positive-braking"),
])  # fmt: skip
def test_what_a_positive_value_means_is_stated_alike(kind, key, one_sign, other):
    words = [(one_sign, one_sign, "ok"), (one_sign, other, "break"), (one_sign, None, "unknown"),
             (None, one_sign, "unknown"), (None, None, None)]  # fmt: skip
    for own, host, expected in words:
        given = at_home(kind, {key: own} if own else {}, {key: host} if host else {})
        assert level("signal-sign", given) == expected


def test_a_raw_value_that_stands_for_two_things_is_told_with_both():
    ours, theirs = field(values={2: "R", 7: "L"}), field(values={2: "R", 7: "B"})
    assert told_by(ours, theirs, "signal-values") == [("0x100 STATUS.CURRENT", "break", "7 = L", "7 = B")]


def test_words_of_two_descriptions_are_compared_where_not_both_have_codes_of_vss():
    ours, theirs = field(names={4: "D", 7: "L"}), field(names={4: "D", 7: "B"})
    assert told_by(ours, theirs, "signal-values") == [("0x100 STATUS.CURRENT", "break", "7 = L", "7 = B")]
    assert told_by(ours._replace(values={4: 127}), theirs, "signal-values")[0][2:] == ("7 = L", "7 = B")
    coded = [each._replace(values={4: 127, 7: 127}) for each in (ours, theirs)]
    assert told_by(*coded, "signal-values") == [], "in VSS both are the same"
    assert told_by(field(values={4: 127}), field(names={4: "D"}), "signal-values") == [], "a code and a word"


def test_raw_values_that_only_one_side_names_are_no_finding():
    assert told_by(field(values={1: "P"}), field(values={1: "P", 7: "B"}), "signal-values") == []


@pytest.mark.parametrize(("reads", "means"), [(((1023, 1023),), ()), ((), ((1023, 1023),))])
def test_of_a_value_that_is_none_to_one_side_alone_it_is_unknown_what_the_other_means(reads, means):
    ((_, found_level, _, _),) = told_by(field(invalid=reads), field(invalid=means), "signal-values")
    assert found_level == "unknown"


def test_two_marks_of_no_value_that_differ_break():
    reads, means = field(invalid=((511, 511),)), field(invalid=((1023, 1023),))
    assert told_by(reads, means, "signal-values") == [
        ("0x100 STATUS.CURRENT", "break", "no value: 0x1FF", "no value: 0x3FF")
    ]


def test_names_of_gear_tables_are_compared_with_the_car():
    pairs = [at_home("e-axle", {"gear_codes": "ours"}, car={"gear_codes": word}) for word in ("ours", "theirs")]
    assert [level("signal-values", g) for g in pairs] == ["ok", "break"]
    assert sources(one("signal-values", pairs[1])) == {"on gear_codes", "car"}
    assert found("signal-values", at_home("e-axle", {"gear_codes": "ours"})) == ()


# --- definitions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["soc_definition", "soh_definition"])
def test_definitions_that_differ_must_be_read_by_somebody(key):
    words = [("of the cells", "of the cells", "ok"), ("of the cells", "usable", "unknown"),
             ("of the cells", None, "unknown"), (None, None, None)]  # fmt: skip
    for own, host, expected in words:
        given = at_home(here={key: own} if own else {}, there={key: host} if host else {})
        assert level("signal-definition", given) == expected


def test_a_host_that_counts_with_another_full_energy_degrades():
    given = [at_home(here={"energy_full_code": 62}, there={"energy_full_code": kwh}) for kwh in (62, 40)]
    assert [level("signal-definition", g) for g in given] == ["ok", "degrade"]
    assert found("signal-definition", at_home(here={"energy_full_code": 62})) == ()

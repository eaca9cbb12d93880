"""What parts and slots say on their buses: bits, scales and codes of each field, as DBC files and maps have them."""

from __future__ import annotations

import pytest
from cantools.database.can import Message, Signal
from hypothesis import given
from hypothesis import strategies as st

from renkei.can.dbc import DbcSignal, parse
from renkei.catalogue import Catalogue
from renkei.errors import RenkeiError
from renkei.flows.judge import judge
from renkei.flows.spoken import places, spoken
from renkei.parts import Talk
from renkei.rules.pair import Spoken

ALL = Catalogue()

# --- bits ------------------------------------------------------------------------------------------------------------


@st.composite
def layouts(draw):
    """Start bit and length of a field somewhere in eight bytes, in either byte order."""
    length = draw(st.integers(1, 32))
    if draw(st.booleans()):
        return draw(st.integers(0, 64 - length)), length, True
    first = draw(st.integers(0, 64 - length))  # counted as bits go over the wire
    return 8 * (first // 8) + 7 - first % 8, length, False


def field_of(start, length, little_endian):
    return DbcSignal("FIELD", start, length, little_endian, False, False, 1, 0, None, None, None, {}, None, ())


def bits_that_cantools_sets(start, length, little_endian, raw):
    order = "little_endian" if little_endian else "big_endian"
    message = Message(0x100, "MESSAGE", 8, [Signal("FIELD", start, length, order)], strict=True)
    payload = message.encode({"FIELD": raw}, scaling=False, strict=False)
    return {8 * at + bit for at, byte in enumerate(payload) for bit in range(8) if byte >> bit & 1}


@given(layouts(), st.data())
def test_each_place_is_the_bit_that_cantools_sets(layout, data):
    length = layout[1]
    found = places(field_of(*layout))
    assert len(set(found)) == length
    assert set(found) == bits_that_cantools_sets(*layout, (1 << length) - 1)
    nth = data.draw(st.integers(0, length - 1))
    assert {found[nth]} == bits_that_cantools_sets(*layout, 1 << (length - 1 - nth)), "most significant first"


def test_a_field_of_either_byte_order_as_a_dbc_file_states_it():
    text = 'VERSION ""\nBO_ 256 ONE: 8 X\n SG_ LITTLE : 4|8@1+ (1,0) [0|0] "" X\n SG_ BIG : 3|12@0+ (1,0) [0|0] "" X\n'
    little, big = parse(text, "one.dbc").messages["ONE"].signals
    assert places(little) == (11, 10, 9, 8, 7, 6, 5, 4)
    assert places(big) == (3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8)


# --- fields ----------------------------------------------------------------------------------------------------------


def of_part(id_: str) -> Spoken:
    part = ALL.part(id_)
    return spoken(ALL, part.maker, part.messages)


def of_battery_slot(id_: str) -> Spoken:
    car = ALL.vehicle(id_)
    return spoken(ALL, car.maker.id, car.slots["battery"].messages)


def field_named(lines, message, name):
    (line,) = [line for line in lines if line.message.name == message]
    (field,) = [field for field in line.fields if field.name == name]
    return field


def test_a_field_that_a_map_reads_has_its_path_unit_and_marks_of_no_value():
    current = field_named(of_part("nissan/leaf-24-aze0-pack").provides, "PACK_STATUS", "CURRENT")
    assert current.signal == "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
    assert (current.unit, current.scale > 0, current.invalid) == ("A", True, ((0x3FF, 0x3FF),))


def test_a_field_that_no_map_reads_is_as_its_dbc_file_states_it():
    found = field_named(of_part("nissan/leaf-24-aze0-pack").provides, "PACK_ENERGY", "TEMPERATURE_BAR")
    assert (found.signal, found.scale, found.offset, found.invalid) == (None, 0.4167, 0, ())


def test_a_message_that_is_known_by_its_identifier_alone_has_no_fields():
    lines = [line for line in of_part("nissan/leaf-40-pack").requires if line.message.id == 0x390]
    assert [(line.fields, line.text) for line in lines] == [(None, "0x390")]


def test_identifier_period_and_checks_come_from_the_map():
    (line,) = [line for line in of_part("nissan/leaf-40-pack").provides if line.message.name == "PACK_STATUS"]
    assert (line.message.id, line.message.checksum, line.message.counter) == (0x1DB, "crc8-0x85", "COUNTER")
    assert line.text == "0x1DB PACK_STATUS"


def test_who_says_nothing_is_silent():
    assert spoken(ALL, "nissan", Talk()) == Spoken()


@pytest.mark.parametrize(("change", "told"), [
    ({"name": "PACK_STATES"}, "did you mean 'PACK_STATUS'"), ({"bus": "ev-cam"}, "did you mean 'ev-can'"),
    ({"map": "leaf-aze"}, "leaf-aze"),
])  # fmt: skip
def test_a_message_that_its_map_does_not_have_is_named_with_the_nearest(change, told):
    message = ALL.part("nissan/leaf-40-pack").messages.provides[0]._replace(**change)
    with pytest.raises(RenkeiError, match=told):
        spoken(ALL, "nissan", Talk((message,)))


# --- published failures of meaning -----------------------------------------------------------------------------------

PACK, CAR = "nissan/leaf-24-aze0-pack", "nissan/leaf-aze0"


def meanings(verdict, rule):
    return {f.about: (f.level, f.required, f.provided) for f in verdict.findings if f.rule == rule and f.level != "ok"}


def test_byte_3_of_0x5bc_is_a_temperature_to_one_generation_and_a_bar_to_the_next():
    reads = field_named(of_battery_slot("nissan/leaf-ze0").requires, "PACK_ENERGY", "TEMPERATURE")
    means = field_named(of_part(PACK).provides, "PACK_ENERGY", "TEMPERATURE_BAR")
    assert (reads.unit, reads.offset) == ("Celsius", -40)
    assert {bit // 8 for bit in reads.bits} & {bit // 8 for bit in means.bits} == {3}
    for subject, host in (("nissan/leaf-24-ze0-pack", CAR), (PACK, "nissan/leaf-ze0")):
        found = meanings(judge(ALL, subject, host), "message-meaning")
        fields = {(required, provided) for _, required, provided in found.values()}
        assert fields & {("TEMPERATURE", "TEMPERATURE_BAR"), ("TEMPERATURE_BAR", "TEMPERATURE")}
        assert any(about.startswith("0x5BC PACK_ENERGY.") for about in found)


def test_in_its_own_generation_a_pack_means_what_the_car_reads():
    for rule in ("message-meaning", "signal-unit", "signal-scale", "signal-sign", "signal-values"):
        assert meanings(judge(ALL, PACK, CAR), rule) == {}


CURRENT = '"Vehicle.Powertrain.TractionBattery.CurrentCurrent" = { from = "ev-can.PACK_STATUS.CURRENT", '
REST = 'invalid = [0x3FF], source = ["leaf-dbc"] }'
TWISTED = {
    "a sign that is turned": ("scale = -1, ", "signal-sign", (0.5, -0.5)),
    "a scale of another size": ("scale = 2, ", "signal-scale", ("0.5 x raw +0", "1 x raw +0")),
    "an offset": ("offset = -10, ", "signal-scale", ("0.5 x raw +0", "0.5 x raw -10")),
    "another mark of no value": ("", "signal-values", ("no value: 0x3FF", "no value: 0x3FE")),
}


@pytest.mark.parametrize(("how", "rule", "values"), TWISTED.values(), ids=TWISTED)
def test_a_pack_that_sends_its_current_otherwise_than_the_car_reads_it_breaks(tmp_path, how, rule, values):
    """A private map and pack, each like the real one but for one row."""
    maps, parts = tmp_path / "makers/nissan/maps", tmp_path / "makers/nissan/parts"
    maps.mkdir(parents=True)
    parts.mkdir()
    row = CURRENT + how + (REST if how else REST.replace("0x3FF", "0x3FE"))
    (maps / "twisted.toml").write_text(f'like = "leaf-aze0"\n[signals]\n{row}\n')
    (parts / "twisted-pack.toml").write_text(
        'name = "Twisted"\nkind = "battery-pack"\nlike = "leaf-24-aze0-pack"\n'
        '[messages.provides]\n"ev-can.PACK_STATUS" = { map = "twisted", source = ["leaf-dbc"] }\n'
    )
    verdict = judge(Catalogue([tmp_path]), "nissan/twisted-pack", CAR)
    found = {r: meanings(verdict, r) for r in ("signal-sign", "signal-scale", "signal-values", "message-meaning")}
    about = "0x1DB PACK_STATUS.CURRENT"
    assert found.pop(rule) == {about: ("break", *values)}
    assert not any(found.values()), "and nothing else is found"
    (finding,) = [f for f in verdict.findings if (f.rule, f.about) == (rule, about)]
    assert finding.mends == ("bridge",)
    assert {source for ground in finding.facts for source in ground.source} >= {"leaf-dbc"}


LEVER = """VERSION ""
BO_ 419 LEVER: 8 X
 SG_ LEVER_POSITION : 35|4@0+ (1,0) [0|15] "" X

VAL_ 419 LEVER_POSITION 1 "P" 2 "R" 3 "N" 4 "D" 7 "B" ;
"""
SOURCE = 'source = ["book"]'


@pytest.fixture
def levers(tmp_path):
    """An e-axle of another maker that sends gears where a car of the catalogue's maker reads them in its own words."""
    files = {
        "acme/maker.toml": f'name = "Acme"\n[sources.book]\ntitle = "A book"\nwhere = "A shelf"\nlicence = "facts"\n'
        f'[files."can/lever.dbc"]\nlicence = "Apache-2.0"\n{SOURCE}\n',
        "acme/can/lever.dbc": LEVER,
        "acme/maps/lever.toml": '[buses.f-can]\ndbc = ["lever.dbc"]\nbitrate = 500000\n[signals]\n',
        "acme/parts/axle.toml": f'name = "Axle"\nkind = "e-axle"\n[facts]\ngear_codes'
        f' = {{ value = "acme", {SOURCE} }}\n'
        f'[messages.provides]\n"f-can.LEVER" = {{ map = "lever", {SOURCE} }}\n',
        "honda/vehicles/hybrid.toml": 'name = "Hybrid"\nyears = "2020"\npowertrain = "hybrid"\n[facts]\n'
        'gear_codes = { value = "honda", source = ["opendbc"] }\n[slots.e-axle]\nkind = "e-axle"\n'
        '[slots.e-axle.messages.requires]\n"f-can.GEARBOX_AUTOMATIC" = { map = "f-can", source = ["opendbc"] }\n',
    }
    for name, text in files.items():
        file = tmp_path / "makers" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Catalogue([tmp_path])


def test_raw_gear_7_is_l_to_one_maker_and_b_to_another(levers):
    verdict = judge(levers, "acme/axle", "honda/hybrid")
    found = meanings(verdict, "signal-values")
    assert found["0x1A3 GEARBOX_AUTOMATIC.LEVER_POSITION"] == ("break", "7 = L", "7 = B")
    assert found["gear_codes"] == ("break", "honda", "acme")
    assert verdict.level == "break"

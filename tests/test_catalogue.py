"""The catalogue holds to its rules, what breaks them is named to the key, and private folders lie on top."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import renkei
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, RenkeiError, UnknownName
from renkei.flows.check import check
from renkei.flows.offers import offers
from renkei.flows.plans import plan_of
from renkei.vehicle import Bus, Condition, Fact, MessageRule, UdsAnswer, UdsSignal

FIXTURES = Path(__file__).parent / "fixtures"
SOURCES = Path(renkei.__file__).parent
ALL = Catalogue([FIXTURES])

# --- the data --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report():
    return check(ALL)


def test_the_check_finds_no_fault(report):
    assert report.faults == ()


def test_the_check_has_seen_every_file(report):
    folders = [SOURCES / "data", FIXTURES]
    found = {
        kind: len([f for d in folders for f in d.glob(f"makers/*/{kind}/*.toml")]) for kind in ("maps", "vehicles")
    }
    assert (report.makers, report.maps, report.vehicles) == (len(ALL.makers), found["maps"], found["vehicles"])
    assert report.rows > 700


def sources_of_facts(catalogue, maker):
    """Every source that a part or the body of a car of this maker names."""
    things = [catalogue.part(p) for p in catalogue.parts if p.startswith(f"{maker}/")]
    things += [catalogue.vehicle(v) for v in catalogue.vehicles if v.startswith(f"{maker}/")]
    places = [*things, *(slot for thing in things for slot in thing.slots.values())]
    for fact in (fact for place in places for fact in place.facts.values()):
        yield from fact.source
        yield from (key for claim in fact.disputed for key in claim.source)
    for limit in (limit for place in places for limit in getattr(place, "requires", ())):
        yield from limit.source
    for talk in (place.messages for place in places if hasattr(place, "messages")):
        yield from (key for message in (*talk.provides, *talk.requires) for key in message.source)


@pytest.mark.parametrize("maker", ALL.makers)
def test_a_maker_names_what_it_uses_and_uses_what_it_names(maker):
    known = ALL.maker(maker)
    maps = [ALL.map(maker, name) for name in ALL.maps(maker)]
    vehicles = [ALL.vehicle(v) for v in ALL.vehicles if v.startswith(f"{maker}/")]
    used = {key for m in maps for row in m.rows for key in row.source}
    used |= {key for v in vehicles for fact in v.attributes.values() for key in fact.source}
    used |= {key for _, keys in known.files.values() for key in keys}
    used |= set(sources_of_facts(ALL, maker))
    assert used == set(known.sources)
    described = {file.name for m in maps for bus in m.buses.values() for file in bus.dbc}
    assert described == {file.name for file in (known.file.parent / "can").glob("*")}
    assert {f"can/{name}" for name in described} == set(known.files)
    assert all(source.title and source.where and source.licence for source in known.sources.values())


@pytest.mark.parametrize("vehicle", [v for v in ALL.vehicles if ALL.vehicle(v).known_map])
def test_a_vehicle_offers_its_speed_and_says_what_it_is(vehicle):
    found, set_aside = offers(ALL.vehicle(vehicle))
    offered = {offer.signal: offer for offer in found}
    assert set_aside == ()
    assert (offered["Vehicle.Speed"].access, offered["Vehicle.Speed"].unit) == ("broadcast", "km/h")
    for name in ("VehicleIdentification.Brand", "VehicleIdentification.Model", "Powertrain.Type"):
        assert offered[f"Vehicle.{name}"].access == "fixed"
    assert ALL.vehicle(vehicle).powertrain != "unknown"
    assert [offer.signal for offer in found if not offer.description] == []
    assert [offer.signal for offer in found if not offer.source] == []


def test_every_disputed_row_says_which_source_was_believed():
    rows = [row for maker in ALL.makers for name in ALL.maps(maker) for row in ALL.map(maker, name).rows]
    assert [row.path for row in rows if row.confidence == "disputed" and not row.note] == []
    assert {row.confidence for row in rows} <= {"recorded", "published", "disputed"}


def test_no_maker_and_no_model_is_named_in_code():
    ids = [*ALL.makers, *(v.split("/")[1] for v in ALL.vehicles)]
    words = {word for id_ in ids for word in (id_, *re.findall(r"[a-z]{4,}", id_))}
    words -= {"leaf", "type", "think"}  # words of VSS, and of English
    named = re.compile(rf"\b({'|'.join(sorted(words))})\b", re.IGNORECASE)
    found = [
        f"{file.relative_to(SOURCES)}:{n}: {line.strip()}"
        for file in sorted(SOURCES.rglob("*.py"))
        for n, line in enumerate(file.read_text().splitlines(), 1)
        if named.search(line) and not (file.parent.name == "cli" and "Example: renkei" in line)
    ]
    assert found == []


def test_names_that_do_not_exist():
    with pytest.raises(UnknownName, match="unknown maker 'acme'"):
        ALL.maker("acme")
    vehicle = ALL.vehicles[0]
    with pytest.raises(UnknownName, match=rf"unknown vehicle '{vehicle}s'; did you mean '{vehicle}'\?"):
        ALL.vehicle(vehicle + "s")
    with pytest.raises(UnknownName, match=f"unknown map '{ALL.makers[0]}/none'"):
        ALL.map(ALL.makers[0], "none")


# --- files made up ---------------------------------------------------------------------------------------------------

FILES = {
    "maker.toml": """
name = "Acme"
sources.book = { title = "The book", where = "acme/book", licence = "MIT" }
files."can/car.dbc" = { licence = "MIT", source = ["book"] }
""",
    "can/car.dbc": """
BU_: A
BO_ 256 MOTION: 8 A
 SG_ SPEED : 7|16@0+ (0.01,0) [0|0] "km/h" A
 SG_ STATE : 23|8@0+ (1,0) [0|0] "" A
BO_ 257 OTHER: 8 A
 SG_ LEVEL : 7|8@0- (1,0) [0|0] "" A
""",
    "maps/one.toml": """
buses.can.dbc = ["car.dbc"]
[signals]
"Vehicle.Speed" = { from = "can.MOTION.SPEED", source = ["book"] }
""",
    "vehicles/one.toml": """
name = "One"
years = "2020"
powertrain = "electric"
map = "one"
""",
}


def made(folder, **files):
    """A private catalogue of acme/one; `files` stand in the place of those above or beside them."""
    for name, text in (FILES | files).items():
        file = folder / "makers/acme" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Catalogue([folder])


def a_map(text):
    return {"maps/one.toml": 'buses.can.dbc = ["car.dbc"]\n' + text}


def a_row(keys, path="Vehicle.Speed", origin="can.MOTION.SPEED"):
    row = ", ".join(filter(None, [f'from = "{origin}"', 'source = ["book"]', keys]))
    return a_map(f'[signals]\n"{path}" = {{ {row} }}\n')


def a_vehicle(text):
    return {"vehicles/one.toml": text}


def an_attribute(text):
    return a_vehicle(FILES["vehicles/one.toml"] + f'[attributes]\n"Vehicle.Powertrain.Type" = {text}\n')


def uds(text, path="", keys=""):
    answer = "request = 0x79B\nresponse = 0x7BB\nservice = 0x22\nidentifier = 0x1234\n"
    row = f'[signals]\n"{path}" = {{ from = "can.CELLS.CELL", source = ["book"], {keys} }}\n' if path else ""
    return a_map(f"[uds.can.CELLS]\n{answer}{text}\n{row}")


ROW = "signals.Vehicle.Speed"
SHOWN = "Vehicle.Cabin.Infotainment.HMI.SpeedUnit"
CELLS = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"

WRONG = {
    # TOML
    "no TOML": (a_map("[signals"), "(file)", "TOML", "Expected ']' at the end of a table declaration"),
    "a key twice": (a_map("[signals]\n[signals]"), "(file)", "TOML", "Cannot declare"),
    "brackets without end": (a_map("x = " + "[" * 50_000), "(file)", "TOML", "recursion"),
    # maker.toml
    "a maker without a name": ({"maker.toml": ""}, "name", "a value", "nothing"),
    "a maker with a number for a name": ({"maker.toml": "name = 5"}, "name", "a valid string", "5"),
    "a file that is not there": (
        {"maker.toml": FILES["maker.toml"] + 'files."can/b.dbc" = { licence = "MIT", source = ["book"] }'},
        "files.can/b.dbc", "a file in the maker's folder", "'no such file'",
    ),
    "a file from an unknown source": (
        {"maker.toml": FILES["maker.toml"].replace('["book"]', '["boot"]')},
        "files.can/car.dbc.source", "a source of maker.toml", "'boot'; did you mean 'book'?",
    ),
    # vehicles
    "a vehicle without a name": (a_vehicle('years = "2020"\nmap = "one"\n'), "name", "a text", "nothing"),
    "a powertrain that is none": (
        a_vehicle(FILES["vehicles/one.toml"].replace("electric", "ev")), "powertrain",
        "'electric', 'plug-in hybrid', 'hybrid', 'combustion' or 'unknown'", "'ev'",
    ),
    "a map that is not there": (
        a_vehicle(FILES["vehicles/one.toml"].replace('map = "one"', 'map = "onee"')), "map", "a name that exists",
        "'onee'; did you mean 'one'?",
    ),
    "a vehicle like itself": (a_vehicle('like = "one"'), "like", "no circle", "'acme/one -> acme/one'"),
    "a vehicle like none": (a_vehicle('like = "two"'), "like", "a name that exists", "'two'"),
    "an attribute without a value": (
        an_attribute('{ source = ["book"] }'), "attributes.Vehicle.Powertrain.Type.value", "a value", "nothing",
    ),
    "an attribute that is a date": (
        an_attribute('{ value = 2020-01-01, source = ["book"] }'), "attributes.Vehicle.Powertrain.Type.value",
        "true, false, a number or a text", "datetime.date(2020, 1, 1)",
    ),
    "an attribute from nowhere": (
        an_attribute('{ value = "ELECTRIC", source = ["bok"] }'), "attributes.Vehicle.Powertrain.Type.source",
        "a source of maker.toml", "'bok'; did you mean 'book'?",
    ),
    "an attribute without quotes": (
        a_vehicle(FILES["vehicles/one.toml"] + '[attributes]\nVehicle.Powertrain.Type = { value = "ELECTRIC" }\n'),
        "attributes.Vehicle.Powertrain.Type", 'the name in quotes, "Vehicle.Powertrain.Type"', "'Vehicle.Powertrain",
    ),
    # maps
    "a row without quotes": (
        a_map('[signals]\nVehicle.Speed = { from = "can.MOTION.SPEED", source = ["book"] }'), ROW,
        'the name in quotes, "Vehicle.Speed"', "'Vehicle.Speed'",
    ),
    "a rule without quotes": (
        a_map("[messages.can.MOTION]\ncycle_ms = 10"), "messages.can.MOTION", 'the name in quotes, "can.MOTION"',
        "'can.MOTION'",
    ),
    "a condition without quotes": (
        a_row("when = { can.OTHER.LEVEL = 1 }"), f"{ROW}.when", 'the name in quotes, "can.OTHER.LEVEL"',
        "'can.OTHER.LEVEL'",
    ),
    "a number of thousands of digits": (a_map("x = " + "1" * 5000), "(file)", "TOML", "Exceeds the limit"),
    "a map like itself": (a_map('like = "one"'), "like", "no circle", "'one -> one'"),
    "a circle of maps": (
        a_map('like = "two"') | {"maps/two.toml": 'like = "one"'}, "like", "no circle", "'one -> two -> one'",
    ),
    "a map like none": (a_map('like = "three"'), "like", "a name that exists", "'three'"),
    "a row left out that is not there": (
        a_map('without = ["Vehicle.Speed"]'), "without", "a name that exists", "'Vehicle.Speed'",
    ),
    "an unknown section": (
        a_map("[signal]"), "signal", "one of the keys buses, like, messages, signals, uds, without",
        "'signal'; did you mean 'signals'?",
    ),
    "a DBC file that is not there": (
        {"maps/one.toml": 'buses.can.dbc = ["cat.dbc"]'}, "buses.can.dbc", "a file in can/",
        "'cat.dbc'; did you mean 'car.dbc'?",
    ),
    "a DBC file elsewhere": (
        {"maps/one.toml": 'buses.can.dbc = ["../can/car.dbc"]'}, "buses.can.dbc", "a file in can/", "'../can/car.dbc'",
    ),
    "a bitrate in words": (a_map('buses.can.bitrate = "500k"'), "buses.can.bitrate", "a valid integer", "'500k'"),
    # messages
    "a rule for no bus": (
        a_map("[messages.MOTION]"), "messages.MOTION", "BUS.MESSAGE with a bus of [buses]", "'MOTION'",
    ),
    "a rule for no message": (
        a_map('[messages."can.MOTON"]'), "messages.can.MOTON", "a message of bus can",
        "'MOTON'; did you mean 'MOTION'?",
    ),
    "a checksum that is none": (
        a_map('[messages."can.MOTION"]\nchecksum = "crc8"'), "messages.can.MOTION.checksum",
        "one of crc8-0x85, ", "'crc8'",
    ),
    "a counter that is none": (
        a_map('[messages."can.MOTION"]\ncounter = "STAT"'), "messages.can.MOTION.counter", "a signal",
        "'STAT'; did you mean 'STATE'?",
    ),
    "an endless cycle": (
        a_map('[messages."can.MOTION"]\ncycle_ms = inf'), "messages.can.MOTION.cycle_ms", "a finite number", "inf",
    ),
    # uds
    "an answer on no bus": (a_map("[uds.ca]"), "uds", "a name that exists", "'ca'; did you mean 'can'?"),
    "a signal before the answer": (
        uds("signals.CELL = { start = 16, length = 8 }"), "uds.can.CELLS.signals.CELL", "bits from 24 to 32760", "16",
    ),
    "a signal beyond any answer": (
        uds("signals.CELL = { start = 24, length = 16, count = 9999 }"), "uds.can.CELLS.signals.CELL",
        "bits from 24 to 32760", "24",
    ),
    "a signal of 65 bits": (
        uds("signals.CELL = { start = 24, length = 65 }"), "uds.can.CELLS.signals.CELL.length",
        "less than or equal to 64", "65",
    ),
    "a signal without scale": (
        uds("signals.CELL = { start = 24, length = 8, scale = 0 }"), "uds.can.CELLS.signals.CELL.scale",
        "a number other than 0", "0",
    ),
    # rows: form
    "a misspelt key": (
        a_row("scal = 2"), f"{ROW}.scal", "one of the keys backup, confidence, element, from, invalid, note, offset, ",
        "'scal'; did you mean 'scale'?",
    ),
    "a row that is a number": (a_map('[signals]\n"Vehicle.Speed" = 5'), ROW, "a table", "5"),
    "no row": (a_map('[signals]\n"Vehicle.Speed" = []'), ROW, "at least one", "[]"),
    "the second of two rows": (
        a_map('[signals]\n"Vehicle.Speed" = [{ from = "can.MOTION.SPEED", source = ["book"] }, { source = ["book"] }]'),
        f"{ROW}.1.from", "a value", "nothing",
    ),
    "signals that are a number": (a_map("signals = 5"), "signals", "a table", "5"),
    "no source": (
        a_map('[signals]\n"Vehicle.Speed" = { from = "can.MOTION.SPEED", source = [] }'), f"{ROW}.source",
        "at least one", "[]",
    ),
    "an unknown source": (
        a_map('[signals]\n"Vehicle.Speed" = { from = "can.MOTION.SPEED", source = ["boo"] }'), f"{ROW}.source",
        "a source of maker.toml", "'boo'; did you mean 'book'?",
    ),
    "from without a bus": (a_row("", origin="MOTION.SPEED"), f"{ROW}.from", "BUS.MESSAGE.SIGNAL", "'MOTION.SPEED'"),
    "scale as a text": (a_row('scale = "2"'), f"{ROW}.scale", "a valid number", "'2'"),
    "scale as true": (a_row("scale = true"), f"{ROW}.scale", "a valid number", "True"),
    "no scale at all": (a_row("scale = 0"), f"{ROW}.scale", "a number other than 0", "0"),
    "an endless offset": (a_row("offset = -inf"), f"{ROW}.offset", "a finite number", "-inf"),
    "values beside scale": (a_row("values = { 1 = 2 }, scale = 1"), f"{ROW}.scale", "nothing beside values", "1.0"),
    "values beside a unit": (
        a_row('values = { 1 = 2 }, unit = "mph"'), f"{ROW}.unit", "nothing beside values", "'mph'",
    ),
    "other without values": (a_row("other = 5"), f"{ROW}.other", "only beside values", "5"),
    "values by name": (a_row("values = { ON = 5 }"), f"{ROW}.values", "raw integers as keys", "'ON'"),
    "values with a zero before": (a_row("values = { 010 = 5 }"), f"{ROW}.values", "raw integers as keys", "'010'"),
    "a raw value twice": (a_row("values = { 0x10 = 5, 16 = 6 }"), f"{ROW}.values", "every raw value once", "'16'"),
    "a list as value": (a_row("values = { 1 = [5] }"), f"{ROW}.values.1", "true, false, a number or a text", "[5]"),
    "a range the wrong way round": (
        a_row("invalid = [[5, 3]]"), f"{ROW}.invalid.0", "a raw value or [first, last]", "[5, 3]",
    ),
    "a range of three": (
        a_row("invalid = [1, [5, 6, 7]]"), f"{ROW}.invalid.1", "a raw value or [first, last]", "[5, 6, 7]",
    ),
    "no range": (a_row("when = { STATE = [] }"), f"{ROW}.when.STATE", "at least one", "[]"),
    "half an address": (
        a_row('when = { "MOTION.STATE" = 1 }'), f"{ROW}.when", "SIGNAL or BUS.MESSAGE.SIGNAL", "'MOTION.STATE'",
    ),
    "a place before the first": (a_row("element = -1"), f"{ROW}.element", "greater than or equal to 0", "-1"),
    "a place beyond reason": (
        a_row("element = 99999999999"), f"{ROW}.element", "less than or equal to 9999", "99999999999",
    ),
    "confidence in one's own words": (
        a_row('confidence = "sure"'), f"{ROW}.confidence", "'recorded', 'published' or 'disputed'", "'sure'",
    ),
    # rows against the DBC file and the vocabulary
    "a path that is none": (
        a_row("", path="Vehicle.Sped"), "signals.Vehicle.Sped", "a path of the vocabulary",
        "'Vehicle.Sped'; did you mean 'Vehicle.Speed'?",
    ),
    "a bus that is none": (
        a_row("", origin="cat.MOTION.SPEED"), f"{ROW}.from", "a bus of [buses]", "'cat'; did you mean 'can'?",
    ),
    "a message that is none": (
        a_row("", origin="can.MOTON.SPEED"), f"{ROW}.from", "a message of bus can", "'MOTON'; did you mean 'MOTION'?",
    ),
    "a signal that is none": (
        a_row("", origin="can.MOTION.SPED"), f"{ROW}.from", "a signal of MOTION", "'SPED'; did you mean 'SPEED'?",
    ),
    "a condition on no signal": (
        a_row("when = { STAT = 1 }"), f"{ROW}.when", "a signal of MOTION", "'STAT'; did you mean 'STATE'?",
    ),
    "no unit anywhere": (
        a_row("", origin="can.MOTION.STATE"), f"{ROW}.unit", "a unit, as the signal is in km/h", "nothing",
    ),
    "a unit of something else": (a_row('unit = "V"'), f"{ROW}.unit", "a unit that converts to km/h", "'V'"),
    "a unit that is none": (a_row('unit = "knots"'), f"{ROW}.unit", "a unit that converts to km/h", "'knots'"),
    "a raw value too large": (
        a_row("values = { 256 = 5 }", origin="can.MOTION.STATE"), f"{ROW}.values.256",
        "a raw value from 0 to 255", "256",
    ),
    "a value of another type": (
        a_row('values = { 1 = "ON" }', origin="can.MOTION.STATE"), f"{ROW}.values.1", "a number (float)", "'ON'",
    ),
    "a value that is not allowed": (
        a_row('values = { 1 = "KNOTS" }', path=SHOWN, origin="can.MOTION.STATE"), f"signals.{SHOWN}.values.1",
        "one of METERS_PER_SECOND, MILES_PER_HOUR, KILOMETERS_PER_HOUR", "'KNOTS'",
    ),
    "a text without values": (
        a_row("", path=SHOWN, origin="can.MOTION.STATE"), f"signals.{SHOWN}.values",
        "a table, as the signal is a text", "nothing",
    ),
    "an array without a place": (
        a_row('unit = "V"', path=CELLS), f"signals.{CELLS}.element",
        "the place in the array, as the signal is an array", "nothing",
    ),
    "an array with a gap": (
        a_row('unit = "V", element = 1', path=CELLS), f"signals.{CELLS}.element", "element 0 too", "nothing",
    ),
    "a place in what is no array": (
        a_row("element = 0"), f"{ROW}.element", "nothing, as the signal is one float", "0",
    ),
    "a place in an array of an answer": (
        uds("signals.CELL = { start = 24, length = 8, count = 2 }", CELLS, 'unit = "V", element = 0'),
        f"signals.{CELLS}.element", "nothing, as CELL of the answer is 2 elements in a row", "0",
    ),
    "a sum for a boolean": (
        a_row('plus = "SPEED"', path="Vehicle.IsMoving", origin="can.MOTION.STATE"), "signals.Vehicle.IsMoving.plus",
        "nothing, as the signal is true or false", "'SPEED'",
    ),
    "a scale for a boolean": (
        a_row("scale = 2", path="Vehicle.IsMoving", origin="can.MOTION.STATE"), "signals.Vehicle.IsMoving.scale",
        "nothing, as the signal is true or false", "2.0",
    ),
    "a unit for a boolean": (
        a_row('unit = "V"', path="Vehicle.IsMoving", origin="can.MOTION.STATE"), "signals.Vehicle.IsMoving.unit",
        "nothing, as the signal is true or false", "'V'",
    ),
    "a scale that makes nothing of every number": (
        a_row("scale = 1e-300"), f"{ROW}.scale", "scales and offsets that make a number other than 0", "1e-300 of",
    ),
    "a scale beyond all numbers": (
        a_row("scale = 1e308"), f"{ROW}.scale", "scales and offsets that make a number other than 0", "1e+308 of",
    ),
    "a raw value of thousands of digits": (
        a_row("invalid = [0x" + "F" * 9000 + "]"), f"{ROW}.invalid", "raw values from 0 to 65535", "too large",
    ),
}  # fmt: skip


def read_all(catalogue):
    return plan_of(catalogue.vehicle("acme/one").map)


@pytest.mark.parametrize(("files", "key", "expected", "got"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_named_with_its_key(tmp_path, files, key, expected, got):
    changed = next(iter(files))
    with pytest.raises(CatalogueError) as wrong:
        read_all(made(tmp_path, **files))
    assert wrong.value.key == key
    text = str(wrong.value)
    assert text.startswith(f"{wrong.value.file}: {key}: expected {expected}")
    assert got in text.split(", got ", 1)[1]
    assert "\n" not in text
    if "circle" not in expected:
        assert wrong.value.file == str(tmp_path / "makers/acme" / changed)


@pytest.mark.parametrize("files", [files for files, *_ in WRONG.values()], ids=WRONG)
def test_the_check_reports_what_a_load_refuses(tmp_path, files):
    assert check(made(tmp_path, **files), only_private=True).faults != ()


ADDED = {
    "33 bits": "SG_ MORE : 24|33@1+ (1,0)",
    "a float": "SG_ MORE : 24|32@1- (1,0)",
    "an offset": "SG_ MORE : 24|8@1+ (1,5)",
    "a multiplexor": "SG_ MORE m1 : 24|8@1+ (1,0)",
}


@pytest.mark.parametrize("signal", ADDED.values(), ids=ADDED)
def test_what_is_added_is_a_whole_number_of_at_most_32_bits_without_offset_and_in_every_frame(tmp_path, signal):
    dbc = f"""
BU_: A
BO_ 256 MOTION: 8 A
 SG_ SPEED : 7|16@0+ (0.01,0) [0|0] "km/h" A
 SG_ STATE M : 23|8@0+ (1,0) [0|0] "" A
 {signal} [0|0] "km/h" A
SIG_VALTYPE_ 256 {"MORE : 1" if "32@1-" in signal else "SPEED : 0"};
"""
    with pytest.raises(CatalogueError) as wrong:
        read_all(made(tmp_path, **a_row('plus = "MORE"'), **{"can/car.dbc": dbc}))
    assert wrong.value.key == f"{ROW}.plus"
    assert wrong.value.expected == "a whole number of at most 32 bits, without offset and not multiplexed"


SEVERAL = {
    "keys of several rows": (
        a_map(
            'signals."Vehicle.Speed" = { from = "can", scal = 2, source = [] }\n'
            'signals."Vehicle.IsMoving" = { from = "can.MOTION.STATE" }\n'
        ),
        {f"{ROW}.from", f"{ROW}.scal", f"{ROW}.source", "signals.Vehicle.IsMoving.source"},
    ),
    "names of several rows": (
        a_map(
            'messages."cn.MOTION" = {}\nwithout = ["X"]\nbuses.late.dbc = ["late.dbc"]\n'
            'signals."Vehicle.Speed" = { from = "cn.MOTION.SPEED", source = ["boo", "bok"], when = { "A.B" = 1 } }\n'
            'signals."Vehicle.IsMoving" = { from = "can.MOTION.STATE", source = ["boo"] }\n'
        ),
        {
            "messages.cn.MOTION", "without", "buses.late.dbc", f"{ROW}.from", f"{ROW}.source", f"{ROW}.when",
            "signals.Vehicle.IsMoving.source",
        },
    ),
    "rows that do not fit their DBC file": (
        a_map(
            'messages."can.MOTON" = {}\nmessages."can.MOTION" = { checksum = "x", counter = "y" }\n'
            'signals."Vehicle.Speed" = { from = "can.MOTION.SPED", source = ["book"] }\n'
            'signals."Vehicle.IsMovin" = { from = "can.MOTION.STATE", source = ["book"] }\n'
        ),
        {
            "messages.can.MOTON", "messages.can.MOTION.checksum", "messages.can.MOTION.counter", f"{ROW}.from",
            "signals.Vehicle.IsMovin",
        },
    ),
    "keys without quotes beside others": (
        a_map(
            'signl = 5\n[signals]\nVehicle.Speed = { from = "can.MOTION.SPEED" }\n'
            'Vehicle.Cabin.Door = { from = "can.MOTION.STATE" }\n'
        ),
        {ROW, "signals.Vehicle.Cabin.Door", "signl"},
    ),
    "a vehicle": (
        a_vehicle(
            'map = "tow"\nyears = "2020"\n[attributes]\n"Vehicle.Width" = { value = 1, source = ["boo"] }\n'
            '"Vehicle.Height" = { value = 1, source = ["bok"] }\n'
        ),
        {"name", "powertrain", "map", "attributes.Vehicle.Width.source", "attributes.Vehicle.Height.source"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "keys"), SEVERAL.values(), ids=SEVERAL)
def test_all_mistakes_of_a_file_are_told(tmp_path, files, keys):
    with pytest.raises(CatalogueError) as wrong:
        read_all(made(tmp_path, **files))
    assert {e.key for e in (wrong.value, *wrong.value.others)} == keys
    assert {fault.key for fault in check(made(tmp_path, **files), only_private=True).faults} >= keys


def test_a_mistake_in_a_map_that_others_start_from_is_told_once_and_where_it_stands(tmp_path):
    one = a_map('messages."can.MOTON" = {}\nsignals."Vehicle.Sped" = { from = "can.MOTION.SPEED", source = ["book"] }')
    catalogue = made(
        tmp_path, **one,
        **{f"maps/{name}.toml": 'like = "one"\n' for name in ("two", "three")},
        **{f"vehicles/{name}.toml": f'like = "one"\nname = "X"\nmap = "{name}"\n' for name in ("two", "three")},
    )  # fmt: skip
    file = str(tmp_path / "makers/acme/maps/one.toml")
    with pytest.raises(CatalogueError) as wrong:
        plan_of(catalogue.vehicle("acme/three").map)
    assert wrong.value.file == file
    faults = check(catalogue, only_private=True).faults
    assert [(f.file, f.key) for f in faults] == [(file, "signals.Vehicle.Sped"), (file, "messages.can.MOTON")]


@pytest.mark.parametrize("name", ["my car", "a=b", "a:b", "ü", "-x", "a\x1b[31m"])
def test_an_id_has_no_odd_characters(tmp_path, name):
    catalogue = made(tmp_path, **{f"vehicles/{name}.toml": FILES["vehicles/one.toml"]})
    with pytest.raises(CatalogueError, match=r"\(name\): expected letters of ASCII, digits"):
        catalogue.vehicle(f"acme/{name}")


def test_files_that_cannot_be_read(tmp_path):
    catalogue = made(tmp_path)
    (tmp_path / "makers/acme/maps/one.toml").write_bytes(b"like = '\xff'")
    with pytest.raises(CatalogueError, match=r"one\.toml: \(file\): expected TOML, got "):
        read_all(catalogue)
    with pytest.raises(CatalogueError, match="makers: expected a folder of makers, got 'nothing there'"):
        Catalogue([tmp_path / "makers"])
    catalogue = made(tmp_path, **{"can/car.dbc": "no DBC"})
    with pytest.raises(RenkeiError, match=r"car\.dbc: expected a DBC file"):
        read_all(catalogue)


RICH = {
    **FILES,
    "maps/one.toml": f"""
buses.can = {{ dbc = ["car.dbc"], bitrate = 500000 }}
messages."can.MOTION" = {{ checksum = "crc8-0x85", counter = "STATE", cycle_ms = 10 }}
[uds.can.CELLS]
request = 0x79B
response = 0x7BB
service = 0x21
identifier = 2
every_ms = 500
lengths = [194]
signals.CELL = {{ start = 16, length = 16, scale = 0.001, unit = "V", count = 96 }}
[signals]
"{CELLS}" = {{ from = "can.CELLS.CELL", source = ["book"] }}
"Vehicle.Speed" = [
  {{ from = "can.MOTION.SPEED", source = ["book"], scale = 2, offset = -1, unit = "mph", invalid = [0xFFFF, [1, 3]] }},
  {{ from = "can.MOTION.SPEED", source = ["book"], when = {{ STATE = 1, "can.OTHER.LEVEL" = [0, [3, 5]] }} }},
  {{ from = "can.OTHER.LEVEL", source = ["book"], unit = "km/h", backup = true, role = "report", note = "x" }},
]
[signals."{SHOWN}"]
from = "can.MOTION.STATE"
source = ["book"]
values = {{ 1 = "MILES_PER_HOUR" }}
other = "METERS_PER_SECOND"
[signals."Vehicle.IsMoving"]
from = "can.MOTION.STATE"
source = ["book"]
unless = {{ STATE = [2] }}
""",
}
ODD_WORDS = [
    "", "0", "-1", "1e308", "1e-320", "true", "[]", "{}", "[[0, 1]]", '""', '"x"', '"a.b.c"', "{ a = 1 }", "nan",
    "9" * 20, "9" * 5000, "0x" + "F" * 5000, "2020-01-01", r'"\u0000"', r'"\u001b[31m"', "\0", "\x9b", "\ufeff",
]  # fmt: skip
EDITED = st.tuples(st.sampled_from(sorted(RICH)), st.integers(0, 10_000), st.sampled_from(ODD_WORDS) | st.integers())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(EDITED, min_size=1, max_size=3))
def test_whatever_files_hold_they_are_read_or_refused_in_one_line(tmp_path, edits):
    texts = dict(RICH)
    for name, place, new in edits:  # a word in the place of another: an odd one, or one from elsewhere in the file
        words = [word.span() for word in re.finditer(r'"[^"\n]*"|[\w.-]+|[\[\]{}=,|@()]', texts[name])]
        first, last = words[place % len(words)] if words else (0, 0)
        a, b = words[new % len(words)] if isinstance(new, int) and words else (0, 0)
        put = texts[name][a:b] if isinstance(new, int) else new
        texts[name] = texts[name][:first] + put + texts[name][last:]
    told: list[RenkeiError] = []
    try:
        read_all(made(tmp_path, **texts))
    except CatalogueError as e:
        told = [e, *e.others]
    except RenkeiError as e:
        told = [e]
    for each in told:
        assert "\n" not in str(each)
        assert len(str(each).replace(str(tmp_path), "")) < 2000


# --- what files mean -------------------------------------------------------------------------------------------------


def test_a_map_is_read_as_written(tmp_path):
    text = """
buses.can = { dbc = ["car.dbc"], bitrate = 500000 }
[messages."can.MOTION"]
checksum = "crc8-0x85"
cycle_ms = 10
[uds.can.CELLS]
request = 0x79B
response = 0x18DAF1DB
service = 0x21
identifier = 2
every_ms = 500
lengths = [194]
signals.CELL = { start = 16, length = 16, scale = 0.001, unit = "V", count = 96 }
[[signals."Vehicle.Speed"]]
from = "can.MOTION.SPEED"
source = ["book"]
scale = 2
offset = -1
unit = "mph"
invalid = [0xFFFF, [1, 3]]
when = { STATE = 1, "can.OTHER.LEVEL" = [0, [3, 5]] }
unless = { STATE = [2] }
confidence = "disputed"
note = "x"
[[signals."Vehicle.Speed"]]
from = "can.OTHER.LEVEL"
source = ["book"]
values = { -1 = 5, 0x10 = 6.5 }
other = 0
personal = true
"""
    got = made(tmp_path, **{"maps/one.toml": text}).map("acme", "one")
    car = tmp_path / "makers/acme/can/car.dbc"
    assert got.buses == {"can": Bus("can", (car,), 500000)}
    assert got.messages == {("can", "MOTION"): MessageRule("crc8-0x85", None, 10.0)}
    cell = UdsSignal(16, 16, False, 0.001, 0.0, "V", 96)
    answer = UdsAnswer("can", "CELLS", 0x79B, 0x98DAF1DB, b"\x61\x02", (194,), {"CELL": cell}, 500.0)
    assert got.uds == {("can", "CELLS"): answer}
    first, second = got.rows
    assert (first.scale, first.offset, first.unit, first.invalid) == (2.0, -1.0, "mph", ((0xFFFF, 0xFFFF), (1, 3)))
    assert first.when == (
        Condition("can", "MOTION", "STATE", ((1, 1),)),
        Condition("can", "OTHER", "LEVEL", ((0, 0), (3, 5))),
    )
    assert first.unless == (Condition("can", "MOTION", "STATE", ((2, 2),)),)
    assert (first.note, first.confidence, first.personal) == ("x", "disputed", False)
    assert (second.values, second.other, second.personal) == ({-1: 5, 16: 6.5}, 0, True)


def test_a_map_like_another(tmp_path):
    two = """
like = "one"
without = ["Vehicle.TraveledDistance"]
buses.late.dbc = ["late.dbc"]
[messages]
"can.OTHER" = { cycle_ms = 100 }
[signals]
"Vehicle.Speed" = { from = "late.NEW.SPEED", source = ["book"] }
"Vehicle.IsMoving" = { from = "can.MOTION.STATE", source = ["book"] }
"""
    late = 'BU_: A\nBO_ 300 NEW: 8 A\n SG_ SPEED : 7|16@0+ (0.1,0) [0|0] "km/h" A\n'
    one = (
        FILES["maps/one.toml"]
        + '"Vehicle.TraveledDistance" = { from = "can.OTHER.LEVEL", unit = "km", source = ["book"] }'
    )
    one = '[messages."can.MOTION"]\ncycle_ms = 10\n' + one.replace("buses.can.dbc =", "[buses.can]\ndbc =")
    got = made(tmp_path, **{"maps/one.toml": one, "maps/two.toml": two, "can/late.dbc": late}).map("acme", "two")
    assert list(got.buses) == ["can", "late"]
    assert {name: rule.cycle_ms for (_, name), rule in got.messages.items()} == {"MOTION": 10, "OTHER": 100}
    assert [(row.path, row.message) for row in got.rows] == [("Vehicle.Speed", "NEW"), ("Vehicle.IsMoving", "MOTION")]
    assert got.file.name == "two.toml"


def test_a_vehicle_like_another(tmp_path):
    one = (
        FILES["vehicles/one.toml"]
        + """
[attributes]
"Vehicle.Powertrain.Type" = { value = "ELECTRIC", source = ["book"] }
"Vehicle.Width" = { value = 1500, source = ["book"], confidence = "disputed", note = "x" }
"Vehicle.Cabin.SeatPosCount" = { value = [2, 3], source = ["book"] }
"""
    )
    two = 'like = "one"\nname = "Two"\n[attributes]\n"Vehicle.Width" = { value = 1600, source = ["book"] }\n'
    catalogue = made(tmp_path, **{"vehicles/one.toml": one, "vehicles/two.toml": two})
    got = catalogue.vehicle("acme/two")
    assert (got.name, got.years, got.powertrain, got.map) == ("Two", "2020", "electric", catalogue.map("acme", "one"))
    assert got.attributes == {
        "Vehicle.Powertrain.Type": Fact("ELECTRIC", ("book",), "published"),
        "Vehicle.Width": Fact(1600, ("book",), "published"),
        "Vehicle.Cabin.SeatPosCount": Fact([2, 3], ("book",), "published"),
    }


WRONG_FACTS = {
    "a value that is not allowed": (
        '"Vehicle.Powertrain.Type" = { value = "EV", source = ["book"] }',
        "one of COMBUSTION",
    ),
    "a path that is none": (
        '"Vehicle.Powertrain.Tpe" = { value = 5, source = ["book"] }',
        "did you mean 'Vehicle.Powertrain.Type'?",
    ),
    "a sensor": ('"Vehicle.Speed" = { value = 5, source = ["book"] }', "Vehicle.Speed is a sensor, not an attribute"),
}


@pytest.mark.parametrize(("fact", "sentence"), WRONG_FACTS.values(), ids=WRONG_FACTS)
def test_the_check_judges_attributes(tmp_path, fact, sentence):
    catalogue = made(tmp_path, **a_vehicle(FILES["vehicles/one.toml"] + "[attributes]\n" + fact))
    (fault,) = check(catalogue, only_private=True).faults
    assert (fault.file, fault.key.split(".")[0]) == (str(tmp_path / "makers/acme/vehicles/one.toml"), "attributes")
    assert sentence in fault.what


# --- private folders -------------------------------------------------------------------------------------------------


def test_a_private_folder_adds_a_maker(tmp_path):
    catalogue = made(tmp_path)
    assert set(catalogue.makers) == {*Catalogue().makers, "acme"}
    assert set(catalogue.vehicles) == {*Catalogue().vehicles, "acme/one"}
    assert {f.relative_to(tmp_path / "makers/acme").as_posix() for f in catalogue.private_files()} == set(FILES)
    report = check(catalogue, only_private=True)
    assert (report.makers, report.vehicles, report.maps, report.rows, report.faults) == (1, 1, 1, 1, ())


def test_of_two_private_folders_the_later_lies_on_top(tmp_path):
    made(tmp_path / "a")
    later = tmp_path / "b/makers/acme"
    (later / "vehicles").mkdir(parents=True)
    (later / "vehicles/one.toml").write_text(FILES["vehicles/one.toml"].replace("2020", "2024"))
    (later / "vehicles/two.toml").write_text('like = "one"\nname = "Two"\n')
    both = Catalogue([tmp_path / "a", tmp_path / "b"])
    assert both.vehicle("acme/one").years == both.vehicle("acme/two").years == "2024"
    assert both.vehicle("acme/two").map.file == tmp_path / "a/makers/acme/maps/one.toml"
    assert Catalogue([tmp_path / "b", tmp_path / "a"]).vehicle("acme/one").years == "2020"


def test_a_private_map_replaces_a_built_in_one(tmp_path):
    built_in = Catalogue()
    id_ = built_in.vehicles[0]
    vehicle = built_in.vehicle(id_)
    maker, name = vehicle.map.id.split("/")
    row = vehicle.map.rows[0]
    (tmp_path / "makers" / maker / "maps").mkdir(parents=True)
    text = "".join(f"buses.{b.name}.dbc = {[file.name for file in b.dbc]}\n" for b in vehicle.map.buses.values())
    origin = f"{row.bus}.{row.message}.{row.signal}"
    text += f'[signals]\n"Vehicle.IsMoving" = {{ from = "{origin}", source = {list(row.source)} }}\n'
    (tmp_path / "makers" / maker / "maps" / f"{name}.toml").write_text(text)
    assert [r.path for r in Catalogue([tmp_path]).vehicle(id_).map.rows] == ["Vehicle.IsMoving"]
    assert built_in.vehicle(id_).map.rows == Catalogue().vehicle(id_).map.rows


def test_what_was_read_once_is_kept(tmp_path):
    catalogue = made(tmp_path)
    assert catalogue.vehicle("acme/one") is catalogue.vehicle("acme/one")
    assert catalogue.vehicle("acme/one").map is catalogue.map("acme", "one")

"""Parts and bodies of cars: the catalogue holds what the public tables say; a wrong file is named to the key."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, NoMap, RenkeiError, UnknownName
from renkei.facts import Fact, fact_key, fact_keys
from renkei.flows.show import portrait
from renkei.parts import Limit
from renkei.units import conversion, exact

ALL = Catalogue()
PARTS = [ALL.part(p) for p in ALL.parts]
TABLES = Path(__file__).parents[2] / "shared/data/parts"

needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason="the shared tables of parts are not here")


def rows(name):
    with (TABLES / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def stated(row, columns):
    return {key: float(row[column]) for column, key in columns.items() if row[column]}


def holds(facts, wanted):
    """Whether each wanted number is that of the fact, believed or disputed."""
    return all(
        key in facts and any(v == pytest.approx(number) for v in (facts[key].value, *disputed(facts[key])))
        for key, number in wanted.items()
    )


def disputed(fact):
    return [claim.value for claim in fact.disputed]


# --- the data --------------------------------------------------------------------------------------------------------

PACK = {
    "cells_series": "cells_series", "cells_parallel": "cells_parallel", "modules": "modules",
    "cell_Ah": "cell_capacity", "cell_nominal_V": "cell_voltage_nominal", "pack_nominal_V": "voltage_nominal",
    "pack_min_V": "voltage_min",
    "pack_max_V": "voltage_max", "gross_energy_kWh": "energy_gross", "pack_mass_kg": "mass", "pack_length_mm": "length",
    "pack_width_mm": "width", "pack_height_mm": "height", "peak_power_kW": "power_peak",
    "continuous_power_kW": "power_continuous",
}  # fmt: skip
E_AXLE = {
    "peak_kW": "power_peak", "cont_kW": "power_continuous", "peak_Nm": "torque_peak",
    "peak_axle_Nm": "torque_peak_axle", "ratio": "ratio", "vdc_max_V": "dc_voltage_max",
}  # fmt: skip
WINDOW = {
    "pack_max_V": "voltage_max", "pack_min_V": "voltage_min", "cell_max_V": "cell_voltage_max",
    "cell_min_V": "cell_voltage_min", "cell_max_deviation_V": "cell_voltage_spread_max",
}  # fmt: skip


@needs_tables
@pytest.mark.parametrize(
    ("table", "columns", "kind"),
    [("modules_packs", PACK, "battery-pack"), ("eaxles_motors", E_AXLE, "e-axle")],
)
def test_every_row_of_a_table_is_a_part(table, columns, kind):
    left = [p for p in PARTS if p.kind == kind and not p.id.split("/")[1].count("-window")]
    for row in rows(f"{table}.csv"):
        wanted = stated(row, columns)
        if any("voltage window is that of the pack" in str(cell) for cell in row.values()):
            del wanted["dc_voltage_max"]  # a fact of the pack: what the e-axle bears, nobody says
        makers = {row["maker"].lower().split("/")[0], row["maker"].lower().split("/")[-1]}
        makers |= {"volkswagen"} if "vw" in makers else set()
        found = [p for p in left if p.maker in makers and holds(p.facts, wanted)]
        assert found, row["id"]
        if wanted:
            left.remove(min(found, key=lambda p: len(p.facts)))


@needs_tables
def test_every_voltage_window_is_a_part():
    windows = [p for p in PARTS if "-window" in p.id]
    given_rows = rows("pack_voltage_windows.csv")
    assert len(windows) == len(given_rows)
    for row in given_rows:
        assert [p for p in windows if holds(p.facts, stated(row, WINDOW))], (row["pack"], row["variant"])


@needs_tables
@pytest.mark.parametrize("car", [v for v in ALL.vehicles if "road_load_a" in ALL.vehicle(v).facts])
def test_the_road_load_of_a_car_is_that_of_a_test(car):
    facts = ALL.vehicle(car).facts
    columns = {"test_mass": ("equivalent_test_weight_lb", "lb"), "road_load_a": ("target_A_lbf", "lbf"),
               "road_load_b": ("target_B_lbf_per_mph", "lbf/mph"),
               "road_load_c": ("target_C_lbf_per_mph2", "lbf/mph^2")}  # fmt: skip
    tested = [
        {k: float(exact(float(row[c])) * conversion(u, fact_key(k).unit)[0]) for k, (c, u) in columns.items()}
        for row in rows("vehicle_road_loads.csv")
    ]
    assert any(all(facts[k].value == pytest.approx(v) for k, v in test.items()) for test in tested)


def test_the_named_cars_have_a_body_a_battery_and_an_e_axle():
    for car in ("nissan/leaf-ze0", "nissan/leaf-aze0", "nissan/leaf-aze0-30", "nissan/leaf-ze1-40",
                "nissan/leaf-ze1-62", "nissan/ariya-63", "honda/fit-ev", "honda/clarity-ev", "honda/prologue-fwd",
                "mitsubishi/i-miev"):  # fmt: skip
        found = ALL.vehicle(car)
        assert {"test_mass", "road_load_a", "road_load_b", "road_load_c", "driven_axle"} <= set(found.facts)
        assert ALL.part(found.slots["battery"].fitted).kind == "battery-pack"
        assert ALL.part(found.slots["e-axle"].fitted).kind == "e-axle"


def test_every_fact_of_every_part_has_a_source_and_a_disputed_one_says_why():
    places = [*PARTS, *(s for p in PARTS for s in p.slots.values()), *map(ALL.vehicle, ALL.vehicles)]
    facts = [(place, key, fact) for place in places for key, fact in place.facts.items()]
    assert len(facts) > 700
    for place, key, fact in facts:
        assert fact.source, (place, key)
        assert fact.unit == fact_key(key).unit
        assert bool(fact.disputed) == (fact.confidence == "disputed"), (place, key)
        assert not fact.disputed or fact.note


def test_contradictory_sources_are_both_kept():
    height = ALL.part("nissan/leaf-24-module").facts["height"]
    assert (height.value, disputed(height)) == (35, [55])
    mass = ALL.part("nidec/ni150-e-axle").facts["mass"]
    assert (mass.value, disputed(mass)) == (83, [87])


def test_a_car_without_a_map_says_so_in_one_line():
    with pytest.raises(NoMap, match=r"honda/fit-ev has no CAN map in this catalogue"):
        _ = ALL.vehicle("honda/fit-ev").map


def test_a_part_that_does_not_exist():
    with pytest.raises(UnknownName, match=r"unknown part 'nissan/leaf-40-pakc'; did you mean 'nissan/leaf-40-pack'\?"):
        ALL.part("nissan/leaf-40-pakc")


# --- files made up ---------------------------------------------------------------------------------------------------

MAKER = 'name = "Acme"\nsources.book = { title = "The book", where = "acme/book", licence = "MIT" }\n'


def catalogue(folder, **parts):
    home = folder / "makers/acme"
    (home / "parts").mkdir(parents=True, exist_ok=True)
    (home / "vehicles").mkdir(exist_ok=True)
    (home / "maker.toml").write_text(MAKER)
    for name, text in parts.items():
        where = "vehicles" if name.startswith("car") else "parts"
        (home / where / f"{name}.toml").write_text(text)
    return Catalogue([folder])


def pack(text, head=""):
    return f'name = "A pack"\nkind = "battery-pack"\n{head}\n{text}'


def a_fact(key, table):
    return pack(f"[facts]\n{key} = {{ {table}, source = ['book'] }}")


READ = {
    "a number in the unit of its key": ("mass", "value = 648", 648),
    "a number in another unit": ("mass", 'value = 100, unit = "lb"', 45.359237),
    "a temperature in Fahrenheit": ("temperature_min", 'value = -4, unit = "Fahrenheit"', -20),
    "a capacity in mAh": ("cell_capacity", 'value = 32500, unit = "mAh"', 32.5),
    "a whole number": ("cells_series", "value = 96", 96),
    "yes": ("pyro_fuse", "value = true", True),
    "a choice": ("cooling", 'value = "liquid"', "liquid"),
    "a list": ("used_in", 'value = ["One"]', ["One"]),
    "a curve": ("open_circuit_voltage", "value = { soc = [0, 100], voltage = [3.0, 4.2] }",
                {"soc": (0.0, 100.0), "voltage": (3.0, 4.2)}),
    "a curve in other units": (
        "open_circuit_voltage", 'value = { soc = [0, 1], voltage = [3.0, 4.2] }, units = { soc = "ratio" }',
        {"soc": (0.0, 100.0), "voltage": (3.0, 4.2)}),
}  # fmt: skip


@pytest.mark.parametrize(("key", "table", "value"), READ.values(), ids=READ)
def test_reads(tmp_path, key, table, value):
    assert catalogue(tmp_path, one=a_fact(key, table)).part("acme/one").facts[key].value == value


REFUSED = {
    "a misspelt fact": (a_fact("mas", "value = 1"), "facts.mas", "did you mean 'mass'"),
    "a fact of another kind": (a_fact("ratio", "value = 1"), "facts.ratio", "expected a fact of kind battery-pack"),
    "a unit that does not convert": (a_fact("mass", 'value = 1, unit = "kW"'), "facts.mass.unit", "converts to kg"),
    "a unit that does not exist": (a_fact("mass", 'value = 1, unit = "kgs"'), "facts.mass.unit", "unknown unit 'kgs'"),
    "a unit beside a choice": (a_fact("cooling", 'value = "air", unit = "kg"'), "facts.cooling.unit", "no unit"),
    "a text for a number": (a_fact("mass", 'value = "1,600"'), "facts.mass.value", "a number of kg"),
    "no mass": (a_fact("mass", "value = 0"), "facts.mass.value", "a number above 0 kg"),
    "a share above 100": (a_fact("soc_max", "value = 101"), "facts.soc_max.value", "100 percent or less"),
    "no number at all": (a_fact("mass", "value = nan"), "facts.mass.value", "a number of kg"),
    "an endless number": (a_fact("mass", "value = -inf"), "facts.mass.value", "a number of kg"),
    "a number of 400 digits": (a_fact("mass", f"value = 1{'0' * 400}"), "facts.mass.value", "a number of kg"),
    "half a cell": (a_fact("cells_series", "value = 95.5"), "facts.cells_series.value", "a whole number"),
    "a misspelt choice": (a_fact("cooling", 'value = "liqiud"'), "facts.cooling.value", "did you mean 'liquid'"),
    "an empty text": (a_fact("cell_maker", 'value = " "'), "facts.cell_maker.value", "a text"),
    "a curve that falls back": (
        a_fact("open_circuit_voltage", "value = { soc = [0, 50, 40], voltage = [3.0, 3.5, 4.2] }"),
        "facts.open_circuit_voltage.value.soc", "numbers that rise"),
    "columns of two lengths": (
        a_fact("open_circuit_voltage", "value = { soc = [0, 50], voltage = [3.0, 3.5, 4.2] }"),
        "facts.open_circuit_voltage.value", "columns of one length"),
    "a column that is none": (
        a_fact("open_circuit_voltage", "value = { soc = [0, 50], volt = [3.0, 3.5] }"),
        "facts.open_circuit_voltage.value", "the columns soc, voltage"),
    "a point of a grid twice": (
        a_fact("resistance_map", "value = { temperature = [25, 25], soc = [50, 50], resistance = [1, 2] }"),
        "facts.resistance_map.value", "each point of temperature, soc once"),
    "an unknown source": (
        pack("[facts]\nmass = { value = 1, source = ['bok'] }"), "facts.mass.source", "did you mean 'book'"),
    "no source": (pack("[facts]\nmass = { value = 1 }"), "facts.mass.source", "a value"),
    "a dispute without the other side": (
        a_fact("mass", "value = 1, confidence = 'disputed'"), "facts.mass.disputed", "what the other source says"),
    "a dispute without a reason": (
        a_fact("mass", "value = 1, confidence = 'disputed', disputed = [{ value = 2, source = ['book'] }]"),
        "facts.mass.note", "why this value was believed"),
    "a guess": (a_fact("mass", "value = 1, confidence = 'guess'"), "facts.mass.confidence", "'maker'"),
    "no kind": ('name = "A part"\n', "kind", "the kind of part"),
    "a limit without a bound": (
        pack("[requires.vehicle]\ntest_mass = { source = ['book'] }"),
        "requires.vehicle.test_mass", "min, max or both"),
    "a limit upside down": (
        pack("[requires.vehicle]\ntest_mass = { min = 2, max = 1, source = ['book'] }"),
        "requires.vehicle.test_mass.min", "at most max"),
    "a limit without an end": (
        pack("[requires.vehicle]\ntest_mass = { max = 1e308, source = ['book'] }"),
        "requires.vehicle.test_mass.max", "a number of kg"),
    "a limit that no mass can keep": (
        pack("[requires.slot]\nmass = { max = 0, source = ['book'] }"),
        "requires.slot.mass.max", "expected a number above 0 kg, got 0"),
    "a limit above every share": (
        pack("[requires.battery-pack]\nsoc_max = { min = 101, source = ['book'] }"),
        "requires.battery-pack.soc_max.min", "expected 100 percent or less, got 101"),
    "yes as a limit of a number": (
        pack("[requires.slot]\nmass = { one_of = [true], source = ['book'] }"),
        "requires.slot.mass.one_of", "expected a number of kg, got True"),
    "a text as a limit of a number": (
        pack("[requires.slot]\nmass = { one_of = ['x'], source = ['book'] }"),
        "requires.slot.mass.one_of", "expected a number of kg, got 'x'"),
    "half a cell as a limit": (
        pack("[requires.slot]\ncells_series = { one_of = [96, 95.5], source = ['book'] }"),
        "requires.slot.cells_series.one_of", "expected a whole number, got 95.5"),
    "a number as a limit of a text": (
        pack("[requires.slot]\nprotocol = { one_of = ['a', 2], source = ['book'] }"),
        "requires.slot.protocol.one_of", "expected a text, got 2"),
    "a number as a limit of yes and no": (
        pack("[requires.slot]\nlimit_messages = { one_of = [1], source = ['book'] }"),
        "requires.slot.limit_messages.one_of", "expected true or false, got 1"),
    "a number as a limit of a list": (
        pack("[requires.slot]\ncharge_modes = { one_of = [3], source = ['book'] }"),
        "requires.slot.charge_modes.one_of", "expected a text, got 3"),
    "a limit that is no choice": (
        pack("[requires.slot]\ncooling = { one_of = ['air', 'liqiud'], source = ['book'] }"),
        "requires.slot.cooling.one_of", "did you mean 'liquid'"),
    "values as a limit of a curve": (
        pack("[requires.vehicle]\ndc_charge_curve = { one_of = [1], source = ['book'] }"),
        "requires.vehicle.dc_charge_curve", "stated = true, as dc_charge_curve is a curve"),
    "a unit beside a limit of a choice": (
        pack("[requires.slot]\ncooling = { one_of = ['air'], unit = 'kg', source = ['book'] }"),
        "requires.slot.cooling.unit", "no unit beside a choice"),
    "a message that is lost before the next is due": (
        pack("[messages.requires]\n'can.0x390' = { cycle_ms = 100, timeout_ms = 20, source = ['book'] }"),
        "messages.requires.can.0x390.timeout_ms", "expected at least its cycle, 100 ms, got 20.0"),
    "a limit of a text": (
        pack("[requires.slot]\nprotocol = { max = 2, source = ['book'] }"),
        "requires.slot.protocol", "one_of or stated"),
    "a limit on what is none": (
        pack("[requires.engine]\nmass = { max = 2, source = ['book'] }"), "requires.engine", "one of battery-cell"),
    "a limit without a source": (
        pack("[requires.vehicle]\ntest_mass = { max = 2 }"),
        "requires.vehicle.test_mass.source", "at least one source"),
    "a message without a bus": (
        pack("[messages.provides]\n'0x1DB' = { source = ['book'] }"), "messages.provides.0x1DB", "BUS.IDENTIFIER"),
    "a message of 30 bits": (
        pack("[messages.provides]\n'can.0x20000000' = { source = ['book'] }"),
        "messages.provides.can.0x20000000", "at most 29 bits"),
    "a part like itself": (pack("", 'like = "one"'), "like", "no circle"),
    "made of nothing": (pack("[made_of]\nbattery-module = 'two'"), "made_of.battery-module", "a name that exists"),
    "without what it never had": (pack("", 'without = ["mass"]'), "without", "a fact of like"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "key", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_file_is_named_with_its_key(tmp_path, text, key, expected):
    with pytest.raises(CatalogueError) as e:
        catalogue(tmp_path, one=text).part("acme/one")
    assert e.value.key == key
    assert expected in str(e.value)
    assert str(tmp_path / "makers/acme/parts/one.toml") in str(e.value)
    assert "\n" not in str(e.value)


def test_values_of_a_limit_are_converted_as_facts_are(tmp_path):
    text = pack("[requires.slot]\nvoltage_max = { one_of = [0.4, 0.8], unit = 'kV', source = ['book'] }")
    (limit,) = catalogue(tmp_path, one=text).part("acme/one").requires
    assert limit.one_of == (400, 800)
    assert limit.met_by(fact(400)) is True


def test_mistakes_of_two_slots_are_told_at_once(tmp_path):
    slots = "".join(f"[slots.{n}.facts]\nmas = {{ value = 1, source = ['book'] }}\n" for n in "ab")
    text = pack("[slots.a]\nkind = 'inverter'\n[slots.b]\nkind = 'motor'\n" + slots)
    with pytest.raises(CatalogueError) as e:
        catalogue(tmp_path, one=text).part("acme/one")
    assert [each.key for each in (e.value, *e.value.others)] == ["slots.a.facts.mas", "slots.b.facts.mas"]


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    text = pack("[facts]\nmas = { value = 1, source = ['book'] }\nwidth = { value = 0, source = ['book'] }")
    with pytest.raises(CatalogueError) as e:
        catalogue(tmp_path, one=text).part("acme/one")
    assert [each.key for each in (e.value, *e.value.others)] == ["facts.mas", "facts.width.value"]


def test_a_part_like_another_inherits_but_for_what_does_not_hold(tmp_path):
    one = a_fact("mass", "value = 300") + "\ncells_series = { value = 96, source = ['book'] }"
    two = 'name = "Two"\nlike = "one"\nwithout = ["mass"]\n[facts]\nwidth = { value = 9, source = ["book"] }'
    found = catalogue(tmp_path, one=one, two=two).part("acme/two")
    assert (found.name, found.kind, set(found.facts)) == ("Two", "battery-pack", {"cells_series", "width"})


def test_folders_below_parts_only_keep_order(tmp_path):
    catalogue(tmp_path, one=pack(""))
    deep = tmp_path / "makers/acme/parts/packs/old"
    deep.mkdir(parents=True)
    (deep / "two.toml").write_text(pack(""))
    assert {"acme/one", "acme/two"} <= set(Catalogue([tmp_path]).parts)
    (deep / "one.toml").write_text(pack(""))
    with pytest.raises(CatalogueError, match="a name of its own"):
        _ = Catalogue([tmp_path]).parts


def test_a_slot_lies_over_that_of_the_car_it_is_like(tmp_path):
    one = """
name = "One"
years = "2020"
powertrain = "electric"
[facts]
test_mass = { value = 1500, source = ["book"] }
[slots.battery]
kind = "battery-pack"
fitted = "small"
[slots.battery.requires]
mass = { max = 300, source = ["book"] }
voltage_max = { max = 400, source = ["book"] }
"""
    two = """
name = "Two"
like = "car-one"
[slots.battery]
fitted = "nissan/leaf-40-pack"
[slots.battery.requires]
mass = { max = 400, source = ["book"] }
"""
    found = catalogue(tmp_path, **{"car-one": one, "car-two": two}).vehicle("acme/car-two")
    slot = found.slots["battery"]
    assert (slot.kind, slot.fitted) == ("battery-pack", "nissan/leaf-40-pack")
    assert {limit.fact: limit.maximum for limit in slot.requires} == {"mass": 400, "voltage_max": 400}
    assert found.facts["test_mass"].value == 1500


def test_a_private_part_replaces_the_built_in_one(tmp_path):
    home = tmp_path / "makers/nissan/parts"
    home.mkdir(parents=True)
    (home / "leaf-40-pack.toml").write_text(pack("", "").replace("A pack", "Ours"))
    assert Catalogue([tmp_path]).part("nissan/leaf-40-pack").name == "Ours"
    assert ALL.part("nissan/leaf-40-pack").name != "Ours"


# --- anything at all -------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text("abc.\"\\\x1b ü", max_size=6),
    st.sampled_from(["battery-pack", "kg", "mass", "book", "can.0x1DB", "disputed", "break", "one"]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["name", "kind", "like", "without", "facts", "requires", "messages", "made_of", "slots", "mass", "cooling", "value",
     "unit", "units", "source", "confidence", "disputed", "note", "min", "max", "one_of", "stated", "provides",
     "open_circuit_voltage", "soc", "voltage", "battery-pack", "vehicle", "can.0x1DB", "map", "cycle_ms", "fitted"]
) | st.text("ab.", min_size=1, max_size=3)  # fmt: skip
TREES = st.recursive(SCALARS, lambda t: st.lists(t, max_size=3) | st.dictionaries(KEYS, t, max_size=4), max_leaves=12)
FACTS = st.fixed_dictionaries(
    {"value": TREES, "source": st.just(["book"])}, optional={"unit": SCALARS, "confidence": SCALARS, "note": SCALARS}
)
FILES = st.fixed_dictionaries(
    {"name": st.just("A"), "kind": st.just("battery-pack")},
    optional={
        "facts": st.dictionaries(st.sampled_from(list(fact_keys())), FACTS, max_size=3),
        "requires": TREES,
        "messages": TREES,
        "slots": TREES,
        "made_of": TREES,
        "without": TREES,
    },
)


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=FILES)
def test_whatever_a_file_holds_is_read_or_refused_in_one_line(tmp_path, tree):
    text = "".join(f"{json.dumps(k)} = {toml(v)}\n" for k, v in tree.items())
    made = catalogue(tmp_path, one=text)
    assert told(made) is None or len(told(made).splitlines()) == 1


def told(made):
    """What is wrong with acme/one; None where it can be shown."""
    try:
        portrait(made, "acme/one")
    except RenkeiError as e:
        return str(e)
    return None


# --- limits ----------------------------------------------------------------------------------------------------------


def fact(value):
    return Fact(value, ("book",), "published")


MET = {
    "an unknown fact is never met": (Limit("mass", "battery-pack", maximum=300), None, None),
    "below a highest": (Limit("mass", "battery-pack", maximum=300), fact(299), True),
    "at a highest": (Limit("mass", "battery-pack", maximum=300), fact(300), True),
    "above a highest": (Limit("mass", "battery-pack", maximum=300), fact(300.1), False),
    "below a lowest": (Limit("voltage_min", "battery-pack", minimum=240), fact(218.5), False),
    "within both": (Limit("capacity", "battery-module", minimum=50, maximum=130), fact(65), True),
    "one of several": (Limit("cooling", "battery-module", one_of=("passive", "air")), fact("air"), True),
    "none of several": (Limit("cooling", "battery-module", one_of=("passive", "air")), fact("liquid"), False),
    "one of a list": (Limit("charge_modes", "slot", one_of=("dc",)), fact(["ac", "dc"]), True),
    "yes": (Limit("un_r10", "battery-module", one_of=(True,)), fact(True), True),
    "no": (Limit("un_r10", "battery-module", one_of=(True,)), fact(False), False),
    "stated": (Limit("mass", "battery-pack", stated=True), fact(1), True),
    "not stated": (Limit("mass", "battery-pack", stated=True), None, None),
}


@pytest.mark.parametrize(("limit", "given_fact", "met"), MET.values(), ids=MET)
def test_a_limit_is_met(limit, given_fact, met):
    assert limit.met_by(given_fact) is met


@given(st.floats(1e-6, 1e9), st.sampled_from(["kg", "lb"]))
def test_a_mass_is_converted_exactly(value, unit):
    scale, _ = conversion(unit, "kg")
    assert float(exact(value) * scale / scale) == value

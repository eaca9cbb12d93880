"""What is wrong in a part or car is refused alike by verdicts, drives, portraits and the check."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError
from renkei.flows.check import check
from renkei.flows.judge import judge
from renkei.flows.mistaken import refuse_mistaken
from renkei.flows.show import portrait
from renkei.flows.virtual_car import virtual_car

MAKER = 'name = "Acme"\nsources.book = { title = "The book", where = "acme/book", licence = "MIT" }\n'
PACK = """
name = "Pack"
kind = "battery-pack"
[facts]
voltage_min = { value = 280, source = ["book"] }
voltage_max = { value = 400, source = ["book"] }
energy_gross = { value = 60, source = ["book"] }
cells_series = { value = 96, source = ["book"] }
"""
E_AXLE = """
name = "E-axle"
kind = "e-axle"
[facts]
power_peak = { value = 100, source = ["book"] }
torque_peak = { value = 300, source = ["book"] }
ratio = { value = 9, source = ["book"] }
"""
INVERTER = 'name = "Inverter"\nkind = "inverter"\n'
CAR = """
name = "Car"
years = "2024"
powertrain = "electric"
[facts]
test_mass = { value = 1700, source = ["book"] }
road_load_a = { value = 120, source = ["book"] }
road_load_b = { value = 1, source = ["book"] }
road_load_c = { value = 0.4, source = ["book"] }
[slots.battery]
kind = "battery-pack"
fitted = "pack"
[slots.e-axle]
kind = "e-axle"
fitted = "e-axle"
"""
FILES = {
    "maker.toml": MAKER, "parts/pack.toml": PACK, "parts/other.toml": PACK, "parts/e-axle.toml": E_AXLE,
    "parts/inverter.toml": INVERTER, "vehicles/car.toml": CAR,
}  # fmt: skip
ZE1 = 'map = "nissan/leaf-ze1", source = ["book"]'


def catalogue(folder, changes=None):
    home = folder / "makers/acme"
    for name, text in FILES.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    for name, added in (changes or {}).items():
        (home / name).write_text((home / name).read_text() + added)
    return Catalogue([folder])


def test_this_car_is_without_mistakes(tmp_path):
    made = catalogue(tmp_path)
    assert check(made, only_private=True).faults == ()
    assert judge(made, "acme/other", "acme/car").level
    assert virtual_car(made, "acme/car").parts["battery"].id == "acme/pack"
    assert portrait(made, "acme/car")["id"] == "acme/car"


WAYS = {
    "a verdict": lambda made, part: judge(made, part, "acme/car"),
    "a drive": lambda made, part: virtual_car(made, "acme/car", battery=part),
    "a portrait": lambda made, part: portrait(made, part),
    "a verdict by a standard": lambda made, part: judge(made, part, "battery-module-1.0"),
}
WRONG = {
    "a window upside down": (
        "voltage_nominal = { value = 410, source = ['book'] }", "facts.voltage_nominal",
        "expected less than voltage_max, 400 V, got 410"),
    "a checksum that there is not": (
        "[messages.provides]\n'can.0x1DB' = { checksum = 'crc8-0x86', source = ['book'] }",
        "messages.provides.can.0x1DB.checksum",
        "expected a checksum of 'renkei list checksums', got 'crc8-0x86'; did you mean 'crc8-0x85'?"),
    "a map that there is not": (
        f"[messages.requires]\n'ev-can.PACK_STATUS' = {{ {ZE1.replace('ze1', 'ze9')} }}",
        "messages.requires.ev-can.PACK_STATUS.map",
        "expected a map that exists, got 'nissan/leaf-ze9'; did you mean 'nissan/leaf-ze1'?"),
    "a map that its own maker has not": (
        "[messages.requires]\n'ev-can.PACK_STATUS' = { map = 'leaf-ze1', source = ['book'] }",
        "messages.requires.ev-can.PACK_STATUS.map",
        "expected a map that exists, got 'acme/leaf-ze1'; did you mean 'nissan/leaf-ze1'?"),
    "a bus that its map has not": (
        f"[messages.requires]\n'ev-cna.PACK_STATUS' = {{ {ZE1} }}", "messages.requires.ev-cna.PACK_STATUS",
        "expected a bus of map nissan/leaf-ze1, got 'ev-cna'; did you mean 'ev-can'?"),
    "a message that its map has not": (
        f"[messages.requires]\n'ev-can.PACK_STATSU' = {{ {ZE1} }}", "messages.requires.ev-can.PACK_STATSU",
        "expected a message on ev-can of map nissan/leaf-ze1, got 'PACK_STATSU'; did you mean 'PACK_STATUS'?"),
    "lost before the next is due, by the cycle of its map": (
        f"[messages.requires]\n'ev-can.PACK_STATUS' = {{ timeout_ms = 5, {ZE1} }}",
        "messages.requires.ev-can.PACK_STATUS.timeout_ms", "expected at least its cycle, 10 ms, got 5.0"),
    "made of what there is not": (
        "[made_of]\nbattery-module = 'inverte'", "made_of.battery-module",
        "expected a name that exists, got 'acme/inverte'; did you mean 'acme/inverter'?"),
    "made of another kind": (
        "[made_of]\nbattery-module = 'inverter'", "made_of.battery-module",
        "expected a part of kind battery-module, not inverter, got 'acme/inverter'"),
    "a place for what there is not": (
        "[slots.inverter]\nkind = 'inverter'\nfitted = 'invertre'", "slots.inverter.fitted",
        "expected a part that exists, got 'acme/invertre'; did you mean 'acme/inverter'?"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("added", "key", "told"), WRONG.values(), ids=WRONG)
def test_is_refused_with_file_and_key(tmp_path, way, added, key, told):
    made = catalogue(tmp_path, {"parts/other.toml": added})
    with pytest.raises(CatalogueError) as e:
        WAYS[way](made, "acme/other")
    assert str(e.value) == f"{tmp_path / 'makers/acme/parts/other.toml'}: {key}: {told}"


@pytest.mark.parametrize(("added", "key", "told"), WRONG.values(), ids=WRONG)
def test_the_check_tells_the_same(tmp_path, added, key, told):
    (fault,) = check(catalogue(tmp_path, {"parts/other.toml": added}), only_private=True).faults
    assert tuple(fault) == (str(tmp_path / "makers/acme/parts/other.toml"), key, told)


@pytest.mark.parametrize("way", ["a verdict", "a drive"])
@pytest.mark.parametrize("file", ["parts/pack.toml", "parts/e-axle.toml", "vehicles/car.toml"])
def test_what_stands_in_the_host_is_looked_at_too(tmp_path, way, file):
    at = "slots.battery." if "car" in file else ""
    text = f"[{at}messages.provides]\n'can.0x1DB' = {{ checksum = 'crc9', source = ['book'] }}"
    with pytest.raises(CatalogueError) as e:
        WAYS[way](catalogue(tmp_path, {file: text}), "acme/other")
    assert (e.value.file, e.value.key) == (
        str(tmp_path / "makers/acme" / file), f"{at}messages.provides.can.0x1DB.checksum",
    )  # fmt: skip


def test_a_part_that_is_named_with_a_verdict_is_looked_at_too(tmp_path):
    made = catalogue(tmp_path, {"parts/e-axle.toml": WRONG["a checksum that there is not"][0]})
    with pytest.raises(CatalogueError, match=r"e-axle\.toml: messages"):
        judge(made, "acme/other", "nissan/leaf-ze1-40", ["acme/e-axle"])


def test_a_fitted_part_that_the_catalogue_has_not_is_told_with_the_car(tmp_path):
    made = catalogue(tmp_path, {"vehicles/car.toml": "[slots.second]\nkind = 'e-axle'\nfitted = 'nope'"})
    for way in ("a verdict", "a drive"):
        with pytest.raises(CatalogueError) as e:
            WAYS[way](made, "acme/other")
        assert (e.value.file, e.value.key, e.value.got) == (
            str(tmp_path / "makers/acme/vehicles/car.toml"), "slots.second.fitted", "acme/nope",
        )  # fmt: skip


def test_all_mistakes_of_all_messages_come_with_the_first(tmp_path):
    text = "".join(f"'can.0x{n}' = {{ checksum = 'no', source = ['book'] }}\n" for n in (1, 2))
    made = catalogue(tmp_path, {"parts/other.toml": f"[messages.provides]\n{text}"})
    with pytest.raises(CatalogueError) as e:
        refuse_mistaken(made, ["acme/other"])
    assert len(e.value.others) == 1


def test_messages_that_were_inherited_are_told_where_they_stand(tmp_path):
    text = "[messages.provides]\n'can.0x1' = { checksum = 'no', source = ['book'] }\n"
    made = catalogue(tmp_path, {"parts/other.toml": text})
    (tmp_path / "makers/acme/parts/third.toml").write_text('name = "Third"\nlike = "other"\n')
    (fault,) = check(made, only_private=True).faults
    assert Path(fault.file).name == "other.toml"


def test_parts_that_stand_in_each_other_come_to_an_end(tmp_path):
    made = catalogue(tmp_path)
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"makers/acme/parts/{name}.toml").write_text(
            f'name = "A"\nkind = "inverter"\n[slots.in]\nkind = "inverter"\nfitted = "{other}"\n'
        )
    refuse_mistaken(made, ["acme/one"])


def test_a_private_folder_adds_aids_standards_and_apps(tmp_path):
    data = Path(__file__).parents[2] / "src/renkei/data"
    catalogue(tmp_path)
    for kind, name in (("aids", "springs"), ("standards", "battery-module-1.0"), ("apps", "trip-log")):
        (tmp_path / kind).mkdir()
        shutil.copy(data / kind / f"{name}.toml", tmp_path / kind / "ours.toml")
    made = Catalogue([tmp_path])
    assert "ours" in made.aids
    assert made.aid("ours").mends == made.aid("springs").mends
    assert "ours" in made.standards
    assert made.standard("ours").clauses == made.standard("battery-module-1.0").clauses
    assert "ours" in made.apps
    assert made.app("ours").requires == made.app("trip-log").requires
    assert judge(made, "nissan/leaf-24-module", "ours").host == "ours"
    assert check(made, only_private=True).faults == ()

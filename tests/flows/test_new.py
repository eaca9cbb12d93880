"""New files: filled in, they pass the check; nothing is overwritten; cells come from BPX files."""

import json
import re
import shutil
from pathlib import Path

import pytest

import renkei
from renkei.can.dbc import load
from renkei.catalogue import Catalogue
from renkei.catalogue.app_files import read_app
from renkei.errors import InputError, OutputError, UnknownName
from renkei.facts import keys_of
from renkei.flows.app_code import code_of
from renkei.flows.bpx_cell import import_cell
from renkei.flows.check import check
from renkei.flows.new import KINDS, Node, begin

CELL = Path(__file__).parents[1] / "fixtures/bpx/synthetic-cell.json"
EMPTY = Catalogue()


def filled_in(file):
    """Every commented fact of a file taken in."""
    text = re.sub(r"(?m)^# (\w+ = \{ value)", r"\1", file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("app", "maker")])
def test_a_new_file_with_all_facts_filled_in_passes_the_check(tmp_path, kind):
    files = begin(kind, "acme/one", tmp_path, EMPTY)
    assert [file.name for file in files] == ["maker.toml", "one.toml"]
    filled_in(files[1])
    catalogue = Catalogue([tmp_path])
    report = check(catalogue, only_private=True)
    assert report.faults == ()
    made = catalogue.vehicle("acme/one") if kind == "vehicle" else catalogue.part("acme/one")
    wanted = {"battery": "battery-module"}.get(kind, kind)
    assert set(made.facts) == {key.name for key in keys_of(wanted)}


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("app", "maker", "vehicle")])
def test_a_new_part_as_it_is_written_passes_the_check(tmp_path, kind):
    begin(kind, "acme/one", tmp_path, EMPTY)
    assert check(Catalogue([tmp_path]), only_private=True).faults == ()


def test_a_new_car_as_it_is_written_is_one_of_which_everything_is_unknown(tmp_path):
    begin("maker", "zeta", tmp_path, EMPTY)
    begin("vehicle", "zeta/one", tmp_path, Catalogue([tmp_path]))
    catalogue = Catalogue([tmp_path])
    assert check(catalogue, only_private=True).faults == ()
    assert "zeta/one" in catalogue.vehicles
    car = catalogue.vehicle("zeta/one")
    assert (car.known_map, dict(car.facts), dict(car.attributes)) == (None, {}, {})


def test_a_new_maker_passes_the_check(tmp_path):
    (file,) = begin("maker", "acme", tmp_path, EMPTY)
    assert file == tmp_path / "makers/acme/maker.toml"
    assert check(Catalogue([tmp_path]), only_private=True).faults == ()


def test_a_new_app_is_a_manifest_and_code_that_runs(tmp_path):
    file, code = begin("app", "trip", tmp_path, EMPTY)
    app = read_app(file)
    assert (file, app.id, list(app.requires)) == (tmp_path / "apps/trip.toml", "trip", ["Vehicle.Speed"])
    assert app.code == code
    assert callable(code_of(app))


def test_a_part_of_a_known_maker_takes_a_source_of_that_maker(tmp_path):
    (file,) = begin("battery", "nissan/one", tmp_path, EMPTY)
    filled_in(file)
    assert Catalogue([tmp_path]).part("nissan/one").facts["mass"].source[0] in EMPTY.maker("nissan").sources


def test_nothing_is_overwritten(tmp_path):
    begin("battery", "acme/one", tmp_path, EMPTY)
    before = {f: f.read_bytes() for f in tmp_path.rglob("*.toml")}
    with pytest.raises(OutputError, match="is there already; nothing was written"):
        begin("e-axle", "acme/one", tmp_path, Catalogue([tmp_path]))
    assert {f: f.read_bytes() for f in tmp_path.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("kind", "id_", "error", "expected"),
    [
        ("batery", "acme/one", UnknownName, "did you mean 'battery'"),
        ("battery", "one", InputError, "expected MAKER/NAME for a new battery-module, got 'one'"),
        ("battery", "acme/../one", InputError, "expected MAKER/NAME"),
        ("battery", "../one", InputError, "expected MAKER/NAME"),
        ("battery", "acme/", InputError, "expected MAKER/NAME"),
        ("maker", "acme/one", InputError, "expected MAKER for a new maker"),
        ("app", "acme/one", InputError, "expected NAME for a new app"),
    ],
)
def test_a_wrong_kind_or_id_writes_nothing(tmp_path, kind, id_, error, expected):
    with pytest.raises(error, match=re.escape(expected)):
        begin(kind, id_, tmp_path, EMPTY)
    assert list(tmp_path.iterdir()) == []


def test_a_cell_from_bpx(tmp_path):
    pytest.importorskip("bpx")
    import_cell(CELL, "acme/cell", tmp_path, "CC0-1.0", EMPTY)
    catalogue = Catalogue([tmp_path])
    assert check(catalogue, only_private=True).faults == ()
    cell = catalogue.part("acme/cell")
    values = {key: fact.value for key, fact in cell.facts.items()}
    curve = values.pop("open_circuit_voltage")
    assert values == {
        "cell_capacity": 12.5, "cell_voltage_min": 2.7, "cell_voltage_max": 4.2, "mass": 0.2, "heat_capacity": 200,
    }  # fmt: skip
    # negative electrode 0.2 - 0.1 x from 0 to 1, positive 4.6 - x from 0.9 to 0.4
    assert curve["soc"][::10] == (0, 50, 100)
    assert curve["voltage"][::10] == pytest.approx((3.5, 3.8, 4.1))
    source = catalogue.maker("acme").sources["bpx-cell"]
    assert (source.licence, cell.facts["cell_capacity"].source) == ("CC0-1.0", ("bpx-cell",))


def test_a_second_cell_keeps_the_sources_of_its_maker(tmp_path):
    pytest.importorskip("bpx")
    import_cell(CELL, "nissan/one", tmp_path, "CC0-1.0", EMPTY)
    import_cell(CELL, "nissan/two", tmp_path, "CC0-1.0", Catalogue([tmp_path]))
    sources = Catalogue([tmp_path]).maker("nissan").sources
    assert {"bpx-one", "bpx-two", *EMPTY.maker("nissan").sources} == set(sources)
    with pytest.raises(InputError):
        import_cell(CELL, "nissan/two", tmp_path, "CC0-1.0", Catalogue([tmp_path]))


def test_messages_from_a_dbc_file(tmp_path):
    dbc = Path(renkei.__file__).parent / "data/makers/nissan/can/ev-can.dbc"
    begin("battery", "acme/one", tmp_path, EMPTY, Node(dbc, "PACK", "ev-can"))
    catalogue = Catalogue([tmp_path])
    assert check(catalogue, only_private=True).faults == ()
    found = {m.id: m.cycle_ms for m in catalogue.part("acme/one").messages.provides}
    assert found == {m.id: m.cycle_ms for m in load(dbc).messages.values() if m.name.startswith("PACK_")}


TALK = """
BU_: CAR PACK
BO_ 256 STATE: 8 PACK
 SG_ A : 7|8@0+ (1,0) [0|0] "" CAR
BO_ 2566844926 WIDE: 8 CAR
 SG_ B : 7|8@0+ (1,0) [0|0] "V" OTHER,PACK
BO_ 258 ELSE: 8 CAR
 SG_ C : 7|8@0+ (1,0) [0|0] "" OTHER
"""


def test_a_node_sends_and_waits(tmp_path):
    (tmp_path / "car.dbc").write_text(TALK)
    begin("battery", "acme/one", tmp_path / "out", EMPTY, Node(tmp_path / "car.dbc", "PACK", "can"))
    talk = Catalogue([tmp_path / "out"]).part("acme/one").messages
    assert [m.id for m in talk.provides] == [256]
    assert [m.id for m in talk.requires] == [2566844926]
    with pytest.raises(UnknownName, match=r"unknown node 'PAKC'; did you mean 'PACK'\?"):
        begin("battery", "acme/two", tmp_path / "out", EMPTY, Node(tmp_path / "car.dbc", "PAKC", "can"))


BROKEN = {
    "no file": None,
    "no JSON": "{",
    "no BPX": '{"a": 1}',
    "a list": "[]",
    "nothing": "",
    "without a cell": json.dumps(json.loads(CELL.read_text()) | {"Parameterisation": {}}),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_bpx_file_is_one_line(tmp_path, text):
    pytest.importorskip("bpx")
    file = tmp_path / "cell.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError) as e:
        import_cell(file, "acme/cell", tmp_path / "out", "CC0-1.0", EMPTY)
    assert str(e.value).startswith(str(file))
    assert "\n" not in str(e.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_takes_no_files(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        begin("battery", "acme/one", tmp_path / "out", EMPTY)
    shutil.rmtree(tmp_path)


OVERLAY = """
Vehicle.Speed: {datatype: float, type: sensor, unit: km/h, description: Speed.}
Vehicle.Acme.Turbo: {datatype: boolean, type: actuator, description: Ours alone.}
"""


def test_the_signals_of_an_overlay_become_what_an_app_requires_and_what_a_map_lists(tmp_path):
    overlay = tmp_path / "ours.vspec"
    overlay.write_text(OVERLAY)
    begin("app", "mine", tmp_path, Catalogue(), overlay=overlay)
    app = Catalogue([_with_makers(tmp_path)]).app("mine")
    assert {path: need.unit for path, need in app.requires.items()} == {"Vehicle.Speed": "km/h"}
    written = begin("vehicle", "acme/one", tmp_path, Catalogue(), overlay=overlay)
    (map_,) = (file.read_text() for file in written if file.parent.name == "maps")
    assert '# "Vehicle.Speed" = { from = "can.MESSAGE.SIGNAL", unit = "km/h"' in map_
    assert '# "Vehicle.Acme.Turbo"' in map_
    assert "not in the built-in vocabulary" in map_


def _with_makers(folder):
    (folder / "makers").mkdir(exist_ok=True)
    return folder

"""Importing the mapping of a KUKSA CAN provider: what becomes a row, what is set aside and why, nothing by halves."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import DbcError, InputError, OutputError
from renkei.flows.adopt import adopt
from renkei.flows.check import check
from renkei.flows.decode import decode_logs

FIXTURE = Path(__file__).parents[1] / "fixtures/dbc2vss"
MAPPING, DBC = FIXTURE / "vss_dbc.json", FIXTURE / "car.dbc"


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The fixture imported as acme/one: the result, its folder, and its rows as written."""
    out = tmp_path_factory.mktemp("adopt") / "cars"
    result = adopt(MAPPING, DBC, "acme/one", out)
    rows = tomllib.loads((out / "makers/acme/maps/one.toml").read_text())["signals"]
    return result, out, rows


def test_what_is_written_passes_the_check(imported):
    result, out, rows = imported
    report = check(Catalogue([out]), only_private=True)
    assert report.faults == ()
    assert (report.vehicles, report.maps, report.rows) == (1, 1, result.rows)
    assert len(rows) == result.rows == 15
    names = ["maker.toml", "can/car.dbc", "maps/one.toml", "vehicles/one.toml"]
    assert [f.relative_to(out / "makers/acme").as_posix() for f in result.files] == names
    assert sorted(f for f in out.rglob("*") if f.is_file()) == sorted(result.files)
    assert (out / "makers/acme/can/car.dbc").read_bytes() == DBC.read_bytes()
    assert not list(out.parent.glob(".*"))


def test_the_source_names_the_imported_file(imported):
    vehicle = Catalogue([imported[1]]).vehicle("acme/one")
    assert vehicle.maker.sources["mapping-one"].where == "vss_dbc.json"
    assert {row.source for row in vehicle.map.rows} == {("mapping-one",)}
    assert vehicle.maker.files == {"can/car.dbc": ("not stated", ("mapping-one",))}
    assert (vehicle.years, vehicle.powertrain) == ("unknown", "unknown")


ROWS = {
    "Speed": {"from": "can.MOTION.ROAD_SPEED", "scale": 1.609344, "unit": "km/h", "invalid": [65535]},
    "TraveledDistance": {"from": "can.REAR.ODOMETER", "unit": "km"},
    "Exterior.AirTemperature": {"from": "can.CABIN.OUTSIDE", "unit": "celsius"},
    "Powertrain.Transmission.CurrentGear": {"from": "can.MOTION.GEAR_NUMBER", "offset": -1},
    "Powertrain.Transmission.SelectedGear": {
        "from": "can.MOTION.SELECTOR", "values": {"1": 126, "2": -1, "3": 0, "4": 127},
    },
    "Powertrain.Transmission.IsParkLockEngaged": {
        "from": "can.MOTION.SELECTOR", "values": {"1": True, "2": False, "3": False, "4": False},
    },
    "Powertrain.ElectricMotor.Power": {"from": "can.CABIN.LOAD", "unit": "kW", "invalid": [-32768]},
    "Body.Mirrors.DriverSide.Tilt": {"from": "can.CABIN.MIRROR_X", "scale": 40, "offset": -100, "unit": "percent"},
    "Body.Trunk.Rear.IsOpen": {"from": "can.CABIN.LATCH", "values": {"1": True, "2": False, "3": True}},
    "Cabin.Seat.Row1.DriverSide.IsBelted": {"from": "can.CABIN.BUCKLE"},
    "Cabin.Door.Row1.DriverSide.Window.Position": {"from": "can.CABIN.WINDOW", "scale": 0.5, "unit": "percent"},
    "Cabin.Infotainment.HMI.DistanceUnit": {"from": "can.MOTION.SELECTOR", "values": {"1": "KILOMETERS"}},
    "Cabin.Infotainment.HMI.SpeedUnit": {
        "from": "can.CABIN.UNIT_SHOWN", "values": {"0": "MILES_PER_HOUR", "1": "KILOMETERS_PER_HOUR"},
    },
    "Cabin.Infotainment.Media.Volume": {"from": "can.CABIN.VOLUME", "values": {"1": 10, "2": 20}},
}  # fmt: skip


@pytest.mark.parametrize("path", ROWS)
def test_a_row(imported, path):
    assert imported[2][f"Vehicle.{path}"] == ROWS[path] | {"source": ["mapping-one"]}


def test_a_formula_of_eight_bits_becomes_its_values(imported):
    row = imported[2]["Vehicle.Body.Mirrors.DriverSide.Pan"]
    assert {raw: row["values"][raw] for raw in ("0", "1", "2", "125", "126", "250", "251")} == {
        "0": -100, "1": -100, "2": -99, "125": 0, "126": 0, "250": 100, "251": 100,
    }  # fmt: skip
    assert "252" not in row["values"]  # 101 %


SET_ASIDE = {
    "Secret": "is not in the vocabulary, VSS 6.0 and its overlay",
    "Cabin.Window.LeftFront": "is not in the vocabulary, VSS 6.0 and its overlay",
    "Chassis.ParkingBrake.IsEngaged": "ambiguous: the DBC signal 'ALIVE' occurs in several messages: MOTION, REAR",
    "Chassis.SteeringWheel.Angle": "'floor(x+0.5)' is not linear, and WHEEL_ANGLE has 14 bits",
    "Powertrain.CombustionEngine.Power": "'abs(x)' is not linear, and LOAD has 16 bits",
    "Powertrain.Transmission.SelectedGear": "in part: SELECTOR has no value 'SEL_M'",
    "Cabin.Infotainment.HMI.DistanceUnit": "in part: 'SEL_R': expected one of MILES, KILOMETERS, got 'PARSECS'",
    "Cabin.Infotainment.Media.Volume": "in part: VOLUME has no value 2.5",
    "Body.Trunk.Rear.IsLocked": "vss2dbc: the way out is not imported",
    "Body.Mirrors.DriverSide.Pan": "vss2dbc: the way out is not imported; a frame is made by inverting its row",
}


def test_what_is_set_aside_says_why(imported):
    assert dict(imported[0].set_aside) == {f"Vehicle.{path}": why for path, why in SET_ASIDE.items()}
    assert json.loads(json.dumps(imported[0].as_json()))["set_aside"][0] == {
        "signal": "Vehicle.Body.Mirrors.DriverSide.Pan", "why": SET_ASIDE["Body.Mirrors.DriverSide.Pan"],
    }  # fmt: skip


def test_frames_decode_with_what_was_imported(imported, tmp_path):
    log = tmp_path / "drive.log"
    log.write_text(
        "(1.000000) can0 100#03E8000086000000\n"  # 10.00 (mph), selector 4, gear 3
        "(1.100000) can0 101#647E33339CFF0200\n"  # 10.0, 2.52 V, 51, ajar, belted, km/h, -50 kW, volume 2
        "(1.200000) can0 102#0001E24000000000\n"  # 12345.6 km
        "(1.300000) can0 100#FFFF0000E0000000\n"  # not known, selector not known, gear 0
    )
    samples, summary = decode_logs([log], "acme/one", Catalogue([imported[1]]))
    got = {}
    for row in samples.table().to_pylist():
        meant = row["text"] if row["value"] is None else row["value"]
        got.setdefault(row["signal"].removeprefix("Vehicle."), []).append(meant)
    assert summary.counts.decoded == 4
    assert got == {
        "Speed": [pytest.approx(16.09344), None],
        "Powertrain.Transmission.SelectedGear": [127, None],
        "Powertrain.Transmission.IsParkLockEngaged": [0, None],
        "Powertrain.Transmission.CurrentGear": [2, -1],
        "Cabin.Infotainment.HMI.DistanceUnit": [None, None],
        "Exterior.AirTemperature": [10],
        "Body.Mirrors.DriverSide.Pan": [0],
        "Body.Mirrors.DriverSide.Tilt": [pytest.approx(0.8)],
        "Cabin.Door.Row1.DriverSide.Window.Position": [25.5],
        "Body.Trunk.Rear.IsOpen": [1],
        "Cabin.Seat.Row1.DriverSide.IsBelted": [1],
        "Cabin.Infotainment.HMI.SpeedUnit": ["KILOMETERS_PER_HOUR"],
        "Cabin.Infotainment.Media.Volume": [20],
        "Powertrain.ElectricMotor.Power": [-50],
        "TraveledDistance": [pytest.approx(12345600)],
    }


# --- single leaves ---------------------------------------------------------------------------------------------------


def mapping(folder, path="Vehicle.Speed", **leaf):
    node = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": ""} | leaf
    for name in reversed(path.split(".")[1:]):
        node = {"type": "branch", "children": {name: node}}
    file = folder / "mapping.json"
    file.write_text(json.dumps({"Vehicle": node}))
    return file


def of(signal, **transform):
    return {"signal": signal} | ({"transform": transform} if transform else {})


SHOWN = "Vehicle.Cabin.Infotainment.HMI.SpeedUnit"
VOLUME = "Vehicle.Cabin.Infotainment.Media.Volume"
REFUSED_LEAVES = {
    "no signal of that name": ("Vehicle.Speed", of("ROAD_SPED"), "'ROAD_SPED'; did you mean 'ROAD_SPEED'?"),
    "no signal at all": ("Vehicle.Speed", {"interval_ms": 5}, "its dbc2vss names no DBC signal"),
    "a signal that is a number": ("Vehicle.Speed", {"signal": 5}, "its dbc2vss names no DBC signal"),
    "a text for a mapping": ("Vehicle.Speed", "ROAD_SPEED", "its dbc2vss names no DBC signal"),
    "a transform of another kind": ("Vehicle.Speed", of("OUTSIDE", table={}), "its transform is neither"),
    "both transforms": ("Vehicle.Speed", of("OUTSIDE", math="x", mapping=[]), "its transform is neither"),
    "a mapping without to": ("Vehicle.Speed", of("OUTSIDE", mapping=[{"from": 1}]), "its transform is neither"),
    "an empty mapping": ("Vehicle.Speed", of("OUTSIDE", mapping=[]), "its mapping is empty"),
    "a list as from": ("Vehicle.Speed", of("OUTSIDE", mapping=[{"from": [], "to": 1}]), "OUTSIDE has no value []"),
    "a formula that is none": ("Vehicle.Speed", of("OUTSIDE", math="if(x,1,2)"), "'if(x,1,2)' is not a formula of x"),
    "a constant": ("Vehicle.Speed", of("OUTSIDE", math="x-x+3"), "'x-x+3' does not depend on the DBC signal"),
    "a number beyond all": ("Vehicle.Speed", of("OUTSIDE", math="x*1e308*10"), "too large or too small"),
    "a number below all": ("Vehicle.Speed", of("OUTSIDE", math="x/1e308/10"), "too large or too small"),
    "a number for a text": (SHOWN, of("VOLUME", math="x"), "is a text, and 'x' gives a number"),
    "no names for a text": (SHOWN, of("VOLUME"), "is a text, and the DBC file has no names for the values of VOLUME"),
    "a number for true": ("Vehicle.Trailer.IsConnected", of("VOLUME", math="x-1"), "is a boolean, and the mapping"),
    "an array": ("Vehicle.Cabin.SeatPosCount", of("VOLUME"), "is an array, uint8[]"),
    "another unit": (VOLUME, of("VOLUME"), "km/h (speed) does not convert to percent (ratio)"),
    "a table of 32 bits": (
        "Vehicle.Speed", of("ODOMETER", mapping=[{"from": 1, "to": 1}]), "a whole number of at most 16 bits, and ODO",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "dbc2vss", "why"), REFUSED_LEAVES.values(), ids=REFUSED_LEAVES)
def test_a_leaf_that_cannot_be_a_row(tmp_path, path, dbc2vss, why):
    file = mapping(tmp_path, path, dbc2vss=dbc2vss)
    with pytest.raises(InputError) as refused:
        adopt(file, DBC, "acme/one", tmp_path / "out")
    assert str(refused.value).startswith(f"{file}: none of its rows can be imported; {path}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mapping.json"]


TAKEN_LEAVES = {
    "a sign that a range makes idle": (of("OUTSIDE", math="abs(x+40)"), {"offset": 40}),
    "rounding that a scale makes idle": (of("VOLUME", math="floor(x)/2"), {"scale": 0.5}),
    "a third": (of("VOLUME", math="x/3"), {"scale": 1 / 3}),
    "a formula and a code": (of("ROAD_SPEED", math="x*1"), {"invalid": [65535]}),
    "numbers by number": (
        of("OUTSIDE", mapping=[{"from": -40, "to": 0}, {"from": 1.5, "to": 9}]), {"values": {"0": 0.0, "83": 9.0}},
    ),
    "the first of two": (of("VOLUME", mapping=[{"from": 1, "to": 5}, {"from": 1, "to": 6}]), {"values": {"1": 5.0}}),
    "names by name": (of("LATCH", mapping=[{"from": "AJAR", "to": 5}]), {"values": {"3": 5.0}}),
}  # fmt: skip


@pytest.mark.parametrize(("dbc2vss", "keys"), TAKEN_LEAVES.values(), ids=TAKEN_LEAVES)
def test_a_leaf_that_is_a_row(tmp_path, dbc2vss, keys):
    result = adopt(mapping(tmp_path, dbc2vss=dbc2vss), DBC, "acme/one", tmp_path / "out")
    (row,) = tomllib.loads(result.files[2].read_text())["signals"].values()
    assert {k: v for k, v in row.items() if k not in ("from", "unit", "source")} == keys
    assert check(Catalogue([tmp_path / "out"]), only_private=True).faults == ()


def test_a_unit_of_the_file_is_converted_to_that_of_the_vocabulary(tmp_path):
    table = of("VOLUME", mapping=[{"from": 1, "to": 10}])
    result = adopt(mapping(tmp_path, unit="m/s", dbc2vss=table), DBC, "acme/one", tmp_path / "out")
    (row,) = tomllib.loads(result.files[2].read_text())["signals"].values()
    assert row["values"] == {"1": 36.0}


def test_a_row_that_the_check_refutes_is_set_aside(tmp_path):
    tree = json.loads(MAPPING.read_text())
    mirror = tree["Vehicle"]["children"]["Body"]["children"]["Mirrors"]["children"]["DriverSide"]["children"]
    mirror["Tilt"]["dbc2vss"]["transform"]["math"] = "x + 500"  # all of it beyond 100 %
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(tree))
    result = adopt(file, DBC, "acme/one", tmp_path / "out")
    assert result.rows == 14
    assert ("Vehicle.Body.Mirrors.DriverSide.Tilt", "no raw value of CABIN gives a value") in result.set_aside
    assert check(Catalogue([tmp_path / "out"]), only_private=True).faults == ()


WAYS_OUT = {
    "the inverse formula": (of("OUTSIDE", math="x*2+10"), of("OUTSIDE", math="(x-10)/2"), True),
    "no formula either way": (of("OUTSIDE"), of("OUTSIDE"), True),
    "another formula": (of("OUTSIDE", math="x*2"), of("OUTSIDE", math="x*2"), False),
    "another signal": (of("OUTSIDE"), of("VOLUME"), False),
    "the same table": (
        of("LATCH", mapping=[{"from": "OPENED", "to": 1}, {"from": "AJAR", "to": 1}]),
        of("LATCH", mapping=[{"from": 1.0, "to": "OPENED"}]),
        True,
    ),
    "another choice of the table": (
        of("LATCH", mapping=[{"from": "OPENED", "to": 1}, {"from": "AJAR", "to": 1}]),
        of("LATCH", mapping=[{"from": 1.0, "to": "AJAR"}]),
        False,
    ),
    "a value that has no row": (
        of("LATCH", mapping=[{"from": "OPENED", "to": 1}]), of("LATCH", mapping=[{"from": 2.0, "to": "CLOSED"}]), False,
    ),
    "nothing that can be read": (of("OUTSIDE"), of("OUTSIDE", math="x^2"), False),
}  # fmt: skip


@pytest.mark.parametrize(("inward", "outward", "kept"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_a_way_out_is_kept_where_the_row_says_the_same(tmp_path, inward, outward, kept):
    file = mapping(tmp_path, type="actuator", dbc2vss=inward, vss2dbc=outward)
    result = adopt(file, DBC, "acme/one", tmp_path / "out")
    assert [why.partition(":")[0] for _, why in result.set_aside] == ([] if kept else ["vss2dbc"])


# --- files and folders -----------------------------------------------------------------------------------------------

NOT_MAPPINGS = {
    "YAML": ("Vehicle.Speed:\n  type: sensor\n", "expected a VSS tree in JSON: Expecting value"),
    "cut off": ('{"Vehicle": ', "expected a VSS tree in JSON"),
    "a list": ("[]", "expected a VSS tree, an object with one branch such as Vehicle"),
    "brackets without end": ("[" * 200_000, "expected a VSS tree in JSON"),
    "a tree without mappings": (
        '{"Vehicle": {"type": "branch", "children": {"Speed": {"type": "sensor"}, "X": 1, "Y": {"children": 5}}}}',
        "no leaf has a dbc2vss, dbc or vss2dbc; expected the mapping of a KUKSA CAN provider",
    ),
    "deep": ('{"a":' * 900 + '{"type": "sensor"}' + "}" * 900, "no leaf has a dbc2vss"),
}


@pytest.mark.parametrize(("content", "sentence"), NOT_MAPPINGS.values(), ids=NOT_MAPPINGS)
def test_a_file_that_is_no_mapping(tmp_path, content, sentence):
    file = tmp_path / "mapping.json"
    file.write_text(content)
    with pytest.raises(InputError) as refused:
        adopt(file, DBC, "acme/one", tmp_path / "out")
    assert str(refused.value).startswith(f"{file}: {sentence}")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: No such file or directory"):
        adopt(tmp_path / "none.json", DBC, "acme/one", tmp_path / "out")
    with pytest.raises(DbcError, match=r"none\.dbc: No such file or directory"):
        adopt(MAPPING, tmp_path / "none.dbc", "acme/one", tmp_path / "out")
    with pytest.raises(DbcError, match="expected a DBC file"):
        adopt(MAPPING, MAPPING, "acme/one", tmp_path / "out")
    with pytest.raises(OutputError, match="no such folder"):
        adopt(MAPPING, DBC, "acme/one", tmp_path / "none/out")
    with pytest.raises(OutputError, match="is not a folder"):
        adopt(MAPPING, DBC, "acme/one", MAPPING)


@pytest.mark.parametrize(
    "vehicle", ["one", "acme/", "/one", "acme/one/two", "Acme/one", "acme/../one", "acme/o ne", "acme/one\n"]
)
def test_a_vehicle_id_that_is_none(tmp_path, vehicle):
    with pytest.raises(InputError, match="expected MAKER/ID in small letters, digits and -"):
        adopt(MAPPING, DBC, vehicle, tmp_path / "out")


def test_a_built_in_maker_is_not_replaced(tmp_path):
    maker = Catalogue().makers[0]
    with pytest.raises(InputError, match=f"maker '{maker}' is built in; expected a maker of your own"):
        adopt(MAPPING, DBC, f"{maker}/one", tmp_path / "out")


def content(folder):
    return {f: f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_a_second_vehicle_joins_the_first(tmp_path):
    out = tmp_path / "out"
    first = adopt(MAPPING, DBC, "acme/one", out)
    kept = content(out)
    second = adopt(MAPPING, DBC, "acme/two", out)
    third = adopt(MAPPING, DBC, "other/one", out)
    assert first.rows == second.rows == third.rows
    now = content(out)
    assert {f for f in kept if kept[f] != now[f]} == {out / "makers/acme/maker.toml"}
    assert now[out / "makers/acme/maker.toml"].startswith(kept[out / "makers/acme/maker.toml"])
    report = check(Catalogue([out]), only_private=True)
    assert (report.makers, report.vehicles, report.faults) == (2, 3, ())


def test_nothing_is_overwritten(tmp_path):
    out = tmp_path / "out"
    adopt(MAPPING, DBC, "acme/one", out)
    before = content(out)
    with pytest.raises(OutputError, match=r"maps/one\.toml: exists already; choose another vehicle id or folder"):
        adopt(MAPPING, DBC, "acme/one", out)
    other = tmp_path / "car.dbc"
    other.write_bytes(DBC.read_bytes() + b"\n")
    with pytest.raises(OutputError, match=r"can/car\.dbc: exists already with other content; rename"):
        adopt(MAPPING, other, "acme/two", out)
    assert content(out) == before


def test_a_dbc_file_with_an_odd_name_is_named_after_the_vehicle(tmp_path):
    odd = tmp_path / "my car.DBC"
    shutil.copyfile(DBC, odd)
    assert adopt(MAPPING, odd, "acme/one", tmp_path / "out").files[1].name == "one.dbc"


def test_a_folder_that_is_there_and_empty_is_taken(tmp_path):
    adopt(MAPPING, DBC, "acme/one", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["makers"]


def test_a_source_of_that_name_is_kept(tmp_path):
    adopt(MAPPING, DBC, "acme/one", tmp_path)
    maker = tmp_path / "makers/acme/maker.toml"
    maker.write_text(maker.read_text() + '[sources.mapping-two]\ntitle = "x"\nwhere = "x"\nlicence = "x"\n')
    adopt(MAPPING, DBC, "acme/two", tmp_path)
    assert Catalogue([tmp_path]).vehicle("acme/two").map.rows[0].source == ("mapping-two-again",)


def test_a_folder_in_which_nobody_may_write():
    with pytest.raises(OutputError, match="/proc/cars: cannot be written: "):
        adopt(MAPPING, DBC, "acme/one", Path("/proc/cars"))


def test_a_failure_on_the_way_leaves_what_was_there(tmp_path):
    out = tmp_path / "out"
    adopt(MAPPING, DBC, "acme/one", out)
    (out / "makers/acme/can/gone.dbc").symlink_to(tmp_path / "nowhere")  # a copy of the folder fails on it
    before = sorted(out.rglob("*"))
    with pytest.raises(OutputError, match="cannot be written"):
        adopt(MAPPING, DBC, "acme/two", out)
    assert sorted(out.rglob("*")) == before

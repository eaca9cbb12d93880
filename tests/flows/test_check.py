"""A catalogue judged: each way of being wrong is told where it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.flows.check import Fault, check

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_with_a_private_catalogue_only_the_makers_that_it_touches_are_judged():
    report = check(Catalogue([FIXTURES]), only_private=True)
    assert (report.makers, report.vehicles, report.maps, report.faults) == (1, 1, 1, ())
    assert report.rows == 31


@pytest.fixture
def private(tmp_path):
    shutil.copytree(FIXTURES / "makers/toyota", tmp_path / "makers/toyota")
    return tmp_path


def judged(folder: Path) -> tuple[Fault, ...]:
    return check(Catalogue([folder]), only_private=True).faults


MAP, DBC, MAKER, CAR = "maps/rav4-2017.toml", "can/rav4-2017.dbc", "maker.toml", "vehicles/rav4-2017.toml"
GEAR_VALUES = "values = { 0 = 127, 1 = 127, 8 = 0, 16 = -1, 32 = 126 }"
SPEED_ROW = '"Vehicle.Speed" = { from = "can.SPEED.SPEED", unit = "km/h",'
EDITS = {
    "a row of a DBC signal that does not exist names the one that was meant": (
        MAP, 'from = "can.SPEED.SPEED"', 'from = "can.SPEED.SPED"',
        "signals.Vehicle.Speed.from: expected a signal of SPEED, got 'SPED'; did you mean 'SPEED'?",
    ),
    "a row of a signal that VSS does not have names the one that was meant": (
        MAP, '"Vehicle.Speed" =', '"Vehicle.Sped" =', "did you mean 'Vehicle.Speed'?",
    ),
    "a value that the signal does not admit": (
        MAP, GEAR_VALUES, "values = { 0 = 300 }", "signals.Vehicle.Powertrain.Transmission.SelectedGear.values.0",
    ),
    "a unit of another quantity": (
        MAP, SPEED_ROW, SPEED_ROW.replace("km/h", "kPa"), "signals.Vehicle.Speed.unit",
    ),
    "a row of which no raw value gives a value": (
        MAP, SPEED_ROW, SPEED_ROW + " invalid = [[0, 65535]],", "no raw value of SPEED gives a value",
    ),
    "a scale that takes every value out of the range of the signal": (
        MAP, 'GAS_PEDAL", unit = "percent",', 'GAS_PEDAL", unit = "percent", offset = 101,',
        "signals.Vehicle.Chassis.Accelerator.PedalPosition: no raw value of GAS_PEDAL gives a value",
    ),
    "a checksum that nobody knows": (
        MAP, '"can.SPEED" = { checksum = "id-length-byte-sum" }', '"can.SPEED" = { checksum = "id-length-bite-sum" }',
        "did you mean 'id-length-byte-sum'?",
    ),
    "a map that is no TOML": (MAP, "[buses.can]", "[buses.can", "expected TOML"),
    "a maker's file that is no TOML": (MAKER, "name =", "name", "expected TOML"),
    "a DBC file without origin and licence": (
        MAKER, 'files."can/rav4-2017.dbc"', 'files."can/other.dbc"', "can/other.dbc",
    ),
    "a DBC file that had to be mended": (
        DBC, ' SG_ MAIN_ON : 15|1@0+ (1,0) [0|1] "" Vector__XXX\n',
        ' SG_ MAIN_ON : 15|1@0+ (1,0) [0|1] "" Vector__XXX\n SG_ NONSENSE : 15|\n', "rav4-2017.dbc: line 66: dropped",
    ),
    "a vehicle on a map that does not exist": (
        CAR, 'map = "rav4-2017"', 'map = "rav4-2016"', "did you mean 'rav4-2017'?",
    ),
    "an attribute that is a sensor": (
        CAR, '"Vehicle.Powertrain.Type" = { value = "COMBUSTION"', '"Vehicle.Speed" = { value = 1.0',
        "attributes.Vehicle.Speed: Vehicle.Speed is a sensor, not an attribute",
    ),
    "an attribute with a value that is not allowed": (
        CAR, '"COMBUSTION"', '"STEAM"', "attributes.Vehicle.Powertrain.Type: expected one of",
    ),
    "an attribute that VSS does not have": (
        CAR, '"Vehicle.Powertrain.Type"', '"Vehicle.Powertrain.Typ"', "did you mean 'Vehicle.Powertrain.Type'?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_a_fault_is_told_where_it_is(case, private):
    name, old, new, told = EDITS[case]
    file = private / "makers/toyota" / name
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    faults = judged(private)
    assert told in "\n".join(": ".join(fault) for fault in faults)
    assert all("\n" not in part for fault in faults for part in fault)


def test_several_faults_are_all_told(private):
    toyota = private / "makers/toyota"
    (toyota / CAR).write_text((toyota / CAR).read_text().replace('"COMBUSTION"', '"STEAM"'))
    (toyota / "maps/second.toml").write_text('like = "rav4-2016"\n')
    (toyota / "vehicles/second.toml").write_text('like = "rav4-2017"\nmap = "second"\n')
    faults = judged(private)
    assert [fault.file.rsplit("/", 1)[-1] for fault in faults] == ["second.toml", "rav4-2017.toml"]


UNREAD = {
    "a folder with another name": (
        "makers/toyota/map/two.toml", "makers/toyota/map", "nothing reads this folder; did you mean 'maps'?",
    ),
    "a file with another name": (
        "makers/toyota/maker.tml", "makers/toyota/maker.tml", "nothing reads this file; did you mean 'maker.toml'?",
    ),
    "a file with another ending": (
        "makers/toyota/vehicles/two.tml", "makers/toyota/vehicles/two.tml",
        "nothing reads this file; expected vehicles/NAME.toml",
    ),
    "a file in a folder too deep": (
        "makers/toyota/maps/old/two.toml", "makers/toyota/maps/old/two.toml",
        "nothing reads this file; expected maps/NAME.toml",
    ),
    "a maker without its file": (
        "makers/acme/vehicles/one.toml", "makers/acme", "nothing reads this folder, as it has no maker.toml",
    ),
    "a file instead of a maker": (
        "makers/acme.toml", "makers/acme.toml", "nothing reads this file; a maker is a folder",
    ),
    "a maker beside the makers": (
        "maker/acme/maker.toml", "maker", "nothing reads this folder; makers are folders in 'makers'",
    ),
    "aids in a folder with another name": (
        "aid/hoist.toml", "aid", "nothing reads this folder; did you mean 'aids'?",
    ),
    "standards in a folder with another name": (
        "standard/ours.toml", "standard", "nothing reads this folder; did you mean 'standards'?",
    ),
    "apps in a folder with another name": (
        "app/speed.toml", "app", "nothing reads this folder; did you mean 'apps'?",
    ),
    "an aid with another ending": (
        "aids/hoist.tml", "aids/hoist.tml", "nothing reads this file; expected aids/NAME.toml",
    ),
    "a standard in a folder too deep": (
        "standards/old/ours.toml", "standards/old/ours.toml", "nothing reads this file; expected standards/NAME.toml",
    ),
    "vehicles without a maker": (
        "vehicles/one.toml", "vehicles", "nothing reads this folder; makers are folders in 'makers'",
    ),
    "a DBC file that no map names": (
        "makers/toyota/can/second.dbc", "makers/toyota/can/second.dbc", "no map of this maker names this file",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREAD)
def test_a_file_that_nothing_reads_is_told(case, private):
    name, where, what = UNREAD[case]
    file = private / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((private / "makers/toyota" / DBC).read_text() if file.suffix == ".dbc" else "")
    assert judged(private) == (Fault(str(private / where), "", what),)


def test_notes_for_people_may_lie_anywhere(private):
    for name in ("README.md", "makers/README", "makers/toyota/LICENSE", "makers/toyota/can/.keep", "notebooks/x.toml"):
        (private / name).parent.mkdir(exist_ok=True)
        (private / name).touch()
    assert judged(private) == ()


def test_a_broken_DBC_file_is_told_once_whether_a_map_names_it_or_not(private):
    toyota = private / "makers/toyota"
    (toyota / DBC).write_text("no DBC")
    (toyota / "maps/second.toml").write_text('like = "rav4-2017"\n')
    (toyota / "can/spare.dbc").write_bytes(b"")
    faults = judged(private)
    assert [(Path(f.file).name, f.what.split(",")[0]) for f in faults] == [
        ("rav4-2017.dbc", "expected a DBC file"), ("spare.dbc", "expected a DBC file"),
        ("spare.dbc", "no map of this maker names this file"),
    ]  # fmt: skip

"""`--json` of every command that reports: one document with these fields, and the same exit code as without."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from command import COMMANDS, DEMO_LOG, OUTLANDER, ROOT, renkei

from renkei.catalogue import Catalogue
from renkei.vocabulary import builtin

CLARITY_DBC = ROOT / "src/renkei/data/makers/honda/can/f-can-bosch.dbc"
UNTIDY_DBC = 'VERSION\nBU_:\nBO_ 1 A: 8 X\n SG_ S : 0|8@1+ (1,0) [0|1] "" X\n SG_ NONSENSE : 15|\n'
ADOPTED = ROOT / "tests/fixtures/dbc2vss"
RUNS = {
    "check": ["check"],
    "dbc": ["dbc", CLARITY_DBC, "untidy.dbc"],
    "decode": ["decode", DEMO_LOG, "--vehicle", OUTLANDER, "--out", "o.parquet"],
    "bench decode": ["bench", "decode", DEMO_LOG, "--vehicle", OUTLANDER],
    "import": ["import", ADOPTED / "vss_dbc.json", "--dbc", ADOPTED / "car.dbc", "--vehicle", "acme/one", "--out", "d"],
    "list makers": ["list", "makers"],
    "list cycles": ["list", "cycles"],
    "list vehicles": ["list", "vehicles"],
    "list signals": ["list", "signals"],
    "list signals of a car": ["list", "signals", OUTLANDER],
    "list parts": ["list", "parts"],
    "list facts": ["list", "facts"],
    "list standards": ["list", "standards"],
    "list rules": ["list", "rules"],
    "list aids": ["list", "aids"],
    "show": ["show", OUTLANDER],
    "list dialects": ["list", "dialects"],
    "list checksums": ["list", "checksums"],
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What each command printed as JSON."""

    def report(name):
        folder = tmp_path_factory.mktemp("folder")
        (folder / "untidy.dbc").write_text(UNTIDY_DBC)
        done = renkei(*RUNS[name], "--json", cwd=folder)
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(RUNS, pool.map(report, RUNS), strict=True))


def test_every_command_that_has_json_is_run_with_it_here_or_in_another_test():
    with_json = {name for name, c in COMMANDS.items() if any("--json" in p.opts for p in c.params)}
    texts = [text for file in (ROOT / "tests").rglob("test_*.py") if '"--json"' in (text := file.read_text())]
    elsewhere = with_json - {*RUNS, "get", "watch"}
    untold = {name for name in elsewhere if not any(all(f'"{w}"' in text for w in name.split()) for text in texts)}
    assert untold == set()
    assert set(RUNS) - with_json == {"list signals of a car"}


def test_decode(reports):
    code, report = reports["decode"]
    assert code == 0
    assert list(report) == [
        "vehicle", "frames", "decoded_frames", "decoded_share", "failed_checksums", "short", "repeated", "lost",
        "out_of_range", "broken_answers", "samples", "signals", "span_s", "logs", "overlaps", "set_aside", "out",
    ]  # fmt: skip
    assert (report["vehicle"], report["out"], report["set_aside"]) == (OUTLANDER, "o.parquet", [])
    assert report["decoded_share"] == pytest.approx(report["decoded_frames"] / report["frames"], abs=1e-6)
    assert report["signals"] == sorted(report["signals"])
    (log,) = report["logs"]
    assert list(log) == [
        "file", "dialect", "time_base", "time_unit", "start_text", "assumed", "channels", "unused_channels", "frames",
        "skipped", "first_skipped", "ignored", "first_ns", "last_ns", "loads",
    ]  # fmt: skip
    assert (log["file"], log["dialect"], log["time_base"]) == (str(DEMO_LOG), "candump", "boot")
    assert log["channels"] == {"c-can": "can0", "ev-can": "can1"}
    assert log["frames"] == report["frames"]
    assert {bus: set(load) for bus, load in log["loads"].items()} == {
        bus: {"frames_per_s", "least", "most", "busiest_second_least", "busiest_second_most"} for bus in log["channels"]
    }


def test_check(reports):
    code, report = reports["check"]
    assert code == 0
    assert list(report) == ["makers", "vehicles", "parts", "standards", "maps", "rows", "round_trips", "faults"]
    assert report["faults"] == []


def test_check_of_a_catalogue_with_faults(tmp_path):
    shutil.copytree(ROOT / "tests/fixtures/makers", tmp_path / "makers")
    car = tmp_path / "makers/toyota/vehicles/rav4-2017.toml"
    car.write_text(car.read_text().replace('"COMBUSTION"', '"STEAM"'))
    done = renkei("check", "--data", tmp_path, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    (fault,) = json.loads(done.stdout)["faults"]
    assert list(fault) == ["file", "key", "what"]
    assert fault["key"] == "attributes.Vehicle.Powertrain.Type"
    told = renkei("check", "--data", tmp_path)
    assert told.returncode == 1
    assert told.stdout.splitlines()[0] == f"{fault['file']}: {fault['key']}: {fault['what']}"
    assert told.stdout.endswith("round trips: 1 fault\n")


def test_dbc(reports):
    code, (clean, untidy) = reports["dbc"]
    assert code == 1  # something was mended
    assert list(clean) == ["file", "messages", "signals", "repairs"]
    assert (clean["file"], clean["repairs"]) == (str(CLARITY_DBC), [])
    (repair,) = untidy["repairs"]
    assert list(repair) == ["line", "action", "what"]
    assert (repair["line"], repair["action"]) == (5, "dropped")
    assert renkei("dbc", CLARITY_DBC, "--json").returncode == 0


def test_import(reports):
    code, report = reports["import"]
    assert list(report) == ["vehicle", "rows", "set_aside", "files"]
    assert code == (1 if report["set_aside"] else 0)
    assert report["vehicle"] == "acme/one"
    assert report["rows"] > 0
    assert all(list(entry) == ["signal", "why"] for entry in report["set_aside"])
    assert "d/makers/acme/maps/one.toml" in report["files"]


def test_bench(reports):
    code, report = reports["bench decode"]
    assert code == 0
    assert list(report) == [
        "log", "vehicle", "dialect", "frames", "samples", "text_to_columns_frames_per_s", "engine_frames_per_s",
        "live_frames_per_s",
    ]  # fmt: skip


def test_list_makers_and_vehicles(reports):
    catalogue = Catalogue()
    assert {code for code, _ in (reports["list makers"], reports["list vehicles"])} == {0}
    makers, vehicles = reports["list makers"][1], reports["list vehicles"][1]
    assert all(list(maker) == ["id", "name", "vehicles", "parts"] for maker in makers)
    assert all(list(vehicle) == ["id", "name", "years", "powertrain", "signals"] for vehicle in vehicles)
    assert tuple(maker["id"] for maker in makers) == catalogue.makers
    assert tuple(vehicle["id"] for vehicle in vehicles) == catalogue.vehicles
    assert [v for maker in makers for v in maker["vehicles"]] == list(catalogue.vehicles)


def test_list_signals_of_the_vocabulary(reports):
    code, report = reports["list signals"]
    assert code == 0
    keys = ["signal", "type", "datatype", "unit", "min", "max", "allowed", "default", "description"]
    assert all(list(signal) == keys for signal in report)
    assert [signal["signal"] for signal in report] == [s.path for s in builtin()]
    speed = next(signal for signal in report if signal["signal"] == "Vehicle.Speed")
    assert (speed["type"], speed["datatype"], speed["unit"]) == ("sensor", "float", "km/h")


def test_list_signals_of_a_car(reports):
    code, report = reports["list signals of a car"]
    assert code == 0
    keys = ["signal", "type", "datatype", "unit", "rate_hz", "bus", "origin", "access", "settable", "set_with"]
    keys += ["confidence", "source", "note", "description", "settable_virtual"]
    assert all(list(offer) == keys for offer in report)
    angle = next(offer for offer in report if offer["signal"] == "Vehicle.Chassis.SteeringWheel.Angle")
    assert (angle["bus"], angle["origin"], angle["rate_hz"]) == ("c-can", "STEERING.STEERING_ANGLE", 100.0)


def test_list_parts_facts_and_standards_and_show_one(reports):
    catalogue = Catalogue()
    for name, known in (("list parts", catalogue.parts), ("list standards", catalogue.standards)):
        code, report = reports[name]
        assert (code, [entry["id"] for entry in report]) == (0, list(known))
    code, facts = reports["list facts"]
    assert code == 0
    known = {fact["name"]: fact["unit"] for fact in facts}
    code, shown = reports["show"]
    assert (code, shown["id"]) == (0, OUTLANDER)
    assert all(fact["unit"] == known[fact["fact"]] for fact in shown["facts"])


def test_list_dialects_and_checksums(reports):
    for name, member in (("list dialects", "candump"), ("list checksums", "id-length-byte-sum")):
        code, report = reports[name]
        assert code == 0
        assert report[member]
        assert all(isinstance(text, str) for text in report.values())

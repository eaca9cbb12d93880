"""renkei list apps, fit and run, as users run them."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest
from command import DEMO_LOG, OUTLANDER, RENKEI, renkei

from renkei.catalogue import Catalogue

LEAF, PETROL, UNMAPPED = "nissan/leaf-ze1-40", "honda/civic-8g", "honda/fit-ev"
VERDICT = ["subject", "host", "verdict", "first_limit", "layout", "findings", "with", "unstated"]
FINDING = {"rule", "level", "about", "required", "provided", "unit", "message", "facts"}


def test_list_apps_tells_needs_and_scopes():
    done = renkei("list", "apps", "--json")
    apps = {app["id"]: app for app in json.loads(done.stdout)}
    assert tuple(apps) == Catalogue().apps
    assert {n["signal"] for n in apps["trip-log"]["requires"]} == {"Vehicle.Speed"}
    assert "read:Vehicle.Speed" in apps["trip-log"]["scopes"]


@pytest.mark.parametrize(
    ("app", "car", "verdict", "code"),
    [
        ("battery-report", OUTLANDER, "degrade", 0),
        ("trip-log", LEAF, "ok", 0),
        ("battery-report", PETROL, "break", 1),
        ("trip-log", UNMAPPED, "unknown", 3),
    ],
)
def test_the_exit_code_of_fit_is_that_of_its_verdict(app, car, verdict, code):
    done = renkei("fit", app, car, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], list(report)) == (code, verdict, VERDICT)
    assert (report["subject"], report["host"]) == (app, car)
    assert all(set(finding) >= FINDING for finding in report["findings"])
    assert (report["first_limit"] is None) == (verdict == "ok")
    told = renkei("fit", app, car)
    assert told.returncode == code
    assert told.stdout.startswith(f"{app} on {car}: ")


def test_a_petrol_car_is_told_which_required_signals_it_lacks():
    done = renkei("run", "battery-report", "--vehicle", PETROL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"renkei: battery-report cannot run on {PETROL}: ")
    for path in Catalogue().app("battery-report").requires:
        assert path in done.stderr


def test_run_on_a_recording_ends_with_it_and_leaves_a_file(tmp_path):
    car = f"{OUTLANDER}={DEMO_LOG}"
    done = renkei(
        "run", "trip-log", "--vehicle", car, "--speed", "8", "--out", tmp_path, "--option", "format=csv", "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["vehicle"] == OUTLANDER
    lines = (tmp_path / "mitsubishi-outlander-phev-2019.csv").read_text().splitlines()
    assert len(lines) == report["samples"] + 1 > 100
    assert lines[0] == '"signal","t","value","text","quality"'


def test_run_ends_with_ctrl_c_and_says_its_last_words():
    command = [*RENKEI, "run", "energy-range", "--vehicle", LEAF, "--speed", "20", "--json", "--option", "every_s=1"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(running.stdout.readline())["vehicle"] == LEAF
    running.send_signal(signal.SIGINT)
    said, wrong = running.communicate(timeout=30)
    assert (running.returncode, wrong) == (0, "")
    assert json.loads(said.splitlines()[-1])["vehicle"] == LEAF


def test_run_says_how_it_is_stopped_and_its_columns_stand_in_the_order_of_the_cars():
    cars = [LEAF, "honda/clarity-ev", "mitsubishi/i-miev"]
    command = [*RENKEI, "run", "energy-range", "--speed", "20", "--option", "every_s=1"]
    command += [word for car in cars for word in ("--vehicle", car)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr.readline() == "renkei: energy-range runs; stop with Ctrl-C\n"
    time.sleep(2)
    running.send_signal(signal.SIGINT)
    said, wrong = running.communicate(timeout=30)
    assert (running.returncode, wrong) == (0, "")
    assert said.splitlines()[0].split() == cars


def test_an_app_runs_on_a_virtual_car_without_a_map_and_nothing_is_said_of_one():
    done = renkei("run", "energy-range", "--vehicle", UNMAPPED, "--seconds", "1", "--speed", "20", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["state_of_charge_percent"] == pytest.approx(80, abs=1)


WRONG = {
    "an app that is none": (["run", "trip-lock", "--vehicle", LEAF], "did you mean 'trip-log'"),
    "a car that is none": (["fit", "trip-log", "nissan/leaf"], "unknown vehicle"),
    "an option that the app has not": (
        ["run", "trip-log", "--vehicle", LEAF, "--option", "form=csv"], "did you mean 'format'",
    ),
    "a format that is none": (
        ["run", "trip-log", "--vehicle", LEAF, "--option", "format=xls", "--seconds", "1"], "expected parquet or csv",
    ),
    "a source with a server": (
        ["run", "trip-log", "--vehicle", f"{LEAF}=x.log", "--server", "localhost:1"], "have no source",
    ),
    "a server that is not there": (["run", "trip-log", "--vehicle", LEAF, "--server", "localhost:1"], "answers"),
    "a manifest that is not there": (["fit", "none.toml", LEAF], "none.toml: (file): expected a readable file"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_told_in_a_line(arguments, said, tmp_path):
    done = renkei(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


MANIFESTS = {
    "a signal that VSS does not have": ('[requires]\n"Vehicle.Sped" = {}', "did you mean 'Vehicle.Speed'"),
    "a unit that is none": ('[requires]\n"Vehicle.Speed" = { unit = "kmph" }', "expected a unit"),
    "a rate of nothing": ('[requires]\n"Vehicle.Speed" = { rate_hz = 0 }', "greater than 0"),
    "a sensor that is set": ('[actuates]\n"Vehicle.Speed" = {}', "expected an actuator, got 'sensor'"),
    "a misspelt table": ('[required]\n"Vehicle.Speed" = {}', "did you mean 'requires'"),
    "nothing that it needs": ("", "expected at least one signal"),
    "a priority too high": ('priority = 10\n[requires]\n"Vehicle.Speed" = {}', "less than or equal to 9"),
    "a path without quotes": ("[requires]\nVehicle.Speed = {}", 'the name in quotes, "Vehicle.Speed"'),
    "a signal required and used": (
        '[requires]\n"Vehicle.Speed" = {}\n[uses]\n"Vehicle.Speed" = {}', "not required as well",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_is_wrong_is_told_with_file_and_key(text, said, tmp_path):
    (tmp_path / "mine.toml").write_text(f'name = "Mine"\n{text}\n')
    done = renkei("fit", "mine.toml", LEAF, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("renkei: mine.toml: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_app_sets_the_speed_of_virtual_cars_of_three_makers_in_its_own_unit(tmp_path):
    (tmp_path / "cruise.toml").write_text(
        'name = "Cruise"\n[requires]\n"Vehicle.Speed" = { unit = "m/s", rate_hz = 5 }\n[actuates]\n'
        '"Vehicle.ADAS.CruiseControl.SpeedSet" = { unit = "m/s" }\n"Vehicle.ADAS.CruiseControl.IsActive" = {}\n'
    )
    (tmp_path / "cruise.py").write_text(
        "def run(car, out, wish_m_s=10.0):\n"
        "    car.set('Vehicle.ADAS.CruiseControl.SpeedSet', wish_m_s)\n"
        "    car.set('Vehicle.ADAS.CruiseControl.IsActive', True)\n"
        "    for reading in car.watch('Vehicle.Speed'):\n"
        "        if reading.value is not None and abs(reading.value - wish_m_s) < 0.1:\n"
        "            yield {'reached_m_s': reading.value}\n"
        "            return\n"
    )
    cars = [word for car in (LEAF, "honda/clarity-ev", "mitsubishi/i-miev") for word in ("--vehicle", car)]
    done = renkei("run", "cruise.toml", *cars, "--speed", "20", "--option", "wish_m_s=12.5", "--json", cwd=tmp_path)
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["vehicle"].split("/")[0] for row in rows} == {"nissan", "honda", "mitsubishi"}
    assert all(abs(row["reached_m_s"] - 12.5) < 0.1 for row in rows)
    assert done.stderr == ""  # the virtual cars take it, whatever the maps have


def test_an_app_that_sets_what_the_car_does_not_take_is_not_run_on_a_recording(tmp_path):
    (tmp_path / "horn.toml").write_text('name = "Horn"\n[actuates]\n"Vehicle.Body.Horn.IsActive" = {}\n')
    (tmp_path / "horn.py").write_text("def run(car, out):\n    yield {}\n")
    done = renkei("run", "horn.toml", "--vehicle", f"{OUTLANDER}={DEMO_LOG}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "horn cannot run on" in done.stderr

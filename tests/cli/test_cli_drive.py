"""renkei drive, label, charge and bench sim as users run them."""

from __future__ import annotations

import json

import pyarrow.parquet as parquet
import pytest
from command import renkei

LEAF = "nissan/leaf-ze1-40"


def test_drive_tells_energy_range_limits_and_assumptions():
    done = renkei("drive", LEAF, "--cycle", "us06", "--ambient-c", "-10")
    assert done.returncode == 0
    for told in (
        "Wh/km from the wall",
        "range",
        "lost in Wh",
        "limit: battery charge power",
        "assumed, for want of a source",
    ):
        assert told in done.stdout
    assert done.stderr == ""


def test_drive_as_json_holds_what_programs_need():
    done = renkei("drive", LEAF, "--cycle", "udds", "--json")
    found = json.loads(done.stdout)
    assert found["distance_km"] == pytest.approx(11.99, abs=0.01)
    assert 90 < found["dc_wh_per_km"] < found["wall_wh_per_km"] < 140
    assert found["range_km"] > 200
    assert isinstance(found["limits"], list)
    assert found["assumptions"][0].keys() == {"of", "key", "value", "unit", "why"}
    into = found["wall_wh"] - found["losses_wh"]["charger"] - found["losses_wh"]["battery_charging"]
    out = sum(found["losses_wh"][part] for part in ("road", "friction_brakes", "e_axle", "auxiliary", "battery"))
    assert into == pytest.approx(out, rel=2e-3)


def test_the_trace_is_written_and_drawn(tmp_path):
    out, picture = tmp_path / "trace.parquet", tmp_path / "trace.png"
    done = renkei(
        "drive", LEAF, "--cycle", "hwfet", "--out", out, "--plot", picture, "--set", "test_mass=1800", "--years", "8"
    )
    assert done.returncode == 0, done.stderr
    table = parquet.read_table(out)
    assert table.num_rows == 765
    assert {"time_s", "speed_m_s", "voltage_v", "current_a", "soc", "cells_c", "limit"} <= set(table.column_names)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["trace.parquet", "trace.png"]


def test_a_part_that_does_not_fit_is_told():
    done = renkei("drive", LEAF, "--cycle", "udds", "--battery", "nissan/leaf-62-pack")
    assert done.returncode == 0
    assert "does not fit: mass: expected at most 315, got 410" in done.stdout


def test_label_stands_beside_the_published_one():
    found = json.loads(renkei("label", LEAF, "--json").stdout)
    epa = {f["what"]: f for f in found["figures"] if f["label"] == "EPA"}
    assert epa["range"]["published"] == pytest.approx(243, abs=1)
    assert epa["range"]["simulated"] == pytest.approx(243, rel=0.05)
    assert epa["range"]["source"] == ["fueleconomy"]


def test_charge_tells_time_energy_and_taper():
    found = json.loads(renkei("charge", LEAF, "--power-kw", "50", "--dc", "--json").stdout)
    assert found["end_soc"] == pytest.approx(0.8)
    assert 20 * 60 < found["time_s"] < 90 * 60
    assert found["limits"]
    assert len(found["taper"]["soc"]) == len(found["taper"]["dc_w"])


def test_bench_sim_tells_its_speed():
    found = json.loads(renkei("bench", "sim", "--vehicles", "50", "--cycle", "udds", "--json").stdout)
    assert found["vehicles"] == 50
    assert found["runs"] >= 5
    assert found["simulated_s_per_s"] > found["simulated_s_per_s_per_core"] > 0


WRONG = {
    "an unknown cycle": (("--cycle", "uddz"), "did you mean 'udds'"),
    "an unknown car": (None, "unknown vehicle 'nissan/leaf-ze1-41'"),
    "an unknown part": (("--cycle", "udds", "--battery", "nissan/leaf-63-pack"), "unknown part"),
    "an empty battery": (("--cycle", "udds", "--soc", "0"), "expected more than 0"),
    "a charge of percent": (("--cycle", "udds", "--soc", "80"), "expected a number from 0 to 1, got 80"),
    "no equals sign": (("--cycle", "udds", "--set", "test_mass"), "expected KEY=VALUE"),
    "zero mass": (("--cycle", "udds", "--set", "test_mass=0"), "expected a number above 0"),
    "a table of another kind": (("--cycle", "udds", "--out", "trace.xlsx"), "ends in .parquet or .csv"),
    "a picture of another kind": (("--cycle", "udds", "--plot", "trace.gif"), "ends in .svg, .png, .pdf"),
    "a folder that is not there": (("--cycle", "udds", "--out", "nowhere/trace.csv"), "there is no folder nowhere"),
    "heat of an oven": (("--cycle", "udds", "--ambient-c", "200"), "expected a temperature from -60 to 80"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_exit_2(name, tmp_path):
    arguments, told = WRONG[name]
    command = ("drive", LEAF, *arguments) if arguments else ("drive", "nissan/leaf-ze1-41", "--cycle", "udds")
    done = renkei(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_car_of_which_too_little_is_known_is_exit_3():
    done = renkei("drive", "honda/civic-8g", "--cycle", "udds")
    assert done.returncode == 3
    assert "no battery-pack is known for it" in done.stderr

"""renkei drive, label, charge and bench sim as users run them."""

from __future__ import annotations

import json
import re

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
    assert b"positive out of the battery" in table.schema.metadata[b"signs"]
    assert (table["current_a"][20].as_py() > 0) == (table["force_n"][20].as_py() > 0)
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["trace.parquet", "trace.png"]


def test_the_plot_has_current_and_power_positive_into_the_battery_and_says_so(tmp_path):
    picture = tmp_path / "trace.svg"
    assert renkei("drive", LEAF, "--cycle", "udds", "--plot", picture).returncode == 0
    assert picture.read_text().count("battery, positive into it") == 2


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
    assert {"wltp_road_load", "jc08_road_load"} <= {one["key"] for one in found["assumptions"]}
    told = renkei("label", "nissan/leaf-aze0").stdout
    assert "EPA range as published: Of 2013, the mean of a charge to 80 %" in told


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
    "a charge of percent": (("--cycle", "udds", "--soc", "80"), "got 80; did you mean 0.8?"),
    "a charge that is no number": (("--cycle", "udds", "--soc", "nan"), "--soc: expected a number from 0 to 1"),
    "a fact given twice": (("--cycle", "udds", "--set", "ratio=8", "--set", "ratio=9"), "--set ratio: given twice"),
    "years to come back": (("--cycle", "udds", "--years", "-3"), "--years: expected a number from 0 to 40, got -3"),
    "no road at all": (("--cycle", "udds", "--km-per-year", "nan"), "--km-per-year: expected a number from 0"),
    "a load that no pack bears": (
        ("--cycle", "udds", "--set", "auxiliary_power=9e9"), "--soc: expected enough charge for the first metre"
    ),
    "no equals sign": (("--cycle", "udds", "--set", "test_mass"), "expected KEY=VALUE"),
    "zero mass": (("--cycle", "udds", "--set", "test_mass=0"), "expected a number above 0"),
    "a table of another kind": (("--cycle", "udds", "--out", "trace.xlsx"), "ends in .parquet or .csv"),
    "a picture of another kind": (("--cycle", "udds", "--plot", "trace.gif"), "ends in .svg, .png, .pdf"),
    "a folder that is not there": (("--cycle", "udds", "--out", "nowhere/trace.csv"), "there is no folder nowhere"),
    "heat of an oven": (("--cycle", "udds", "--ambient-c", "200"), "--ambient-c: expected a temperature from -60"),
}  # fmt: skip


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


WRONG_CHARGE = {
    "negative power": (("--power-kw", "-3"), "--power-kw: expected a number above 0, got -3"),
    "power that is no number": (("--power-kw", "nan"), "--power-kw: expected a number above 0, got nan"),
    "less than it draws": (("--power-kw", "0.1", "--dc"), "--power-kw: expected more than the 220 W"),
    "a charge of percent": (("--power-kw", "7", "--soc", "70"), "--soc: expected a number from 0 to 1, got 70"),
    "an end of percent": (("--power-kw", "7", "--to", "80"), "--to: expected a number from 0 to 1, got 80"),
    "an end before the start": (("--power-kw", "7", "--soc", "0.9", "--to", "0.5"), "expected less than 0.5, got 0.9"),
    "full": (("--power-kw", "7", "--soc", "1"), "--soc: expected less than 1, got 1"),
    "heat of an oven": (("--power-kw", "7", "--ambient-c", "900"), "--ambient-c: expected a temperature"),
    "too hot": (("--power-kw", "7", "--ambient-c", "62"), "--ambient-c: expected a pack that takes charge"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_CHARGE)
def test_wrong_input_of_charge_names_the_option(name):
    arguments, told = WRONG_CHARGE[name]
    done = renkei("charge", LEAF, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_charge_tells_hours_and_only_what_charging_rests_on():
    slow, fast = (renkei("charge", LEAF, "--power-kw", *power).stdout for power in (("3",), ("50", "--dc")))
    assert re.search(r"10% to 100% in \d+ h \d\d min", slow)
    assert re.search(r"10% to 80% in \d+\.\d minutes", fast)
    for told in (slow, fast):
        assert "charging_auxiliary_power" in told
        assert not any(word in told for word in ("braking", "loss_of_power", "rotating_share", "discharge_"))
    assert ("charger_efficiency" in slow, "charger_efficiency" in fast) == (True, False)


def test_an_aged_battery_is_told():
    done = renkei("drive", LEAF, "--cycle", "udds", "--years", "8")
    assert re.search(r"after 8 years: \d\d% of the capacity, 1\d\d% of the resistance", done.stdout)


def test_a_car_of_which_too_little_is_known_is_exit_3():
    done = renkei("drive", "honda/civic-8g", "--cycle", "udds")
    assert done.returncode == 3
    assert "no battery-pack is known for it" in done.stderr


@pytest.mark.parametrize("command", [["drive", "--cycle", "udds"], ["label"]], ids=lambda c: c[0])
def test_a_combustion_car_is_called_one(command):
    word, *options = command
    done = renkei(word, "honda/civic-8g", *options)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "renkei: honda/civic-8g: a combustion car, and virtual cars are electric: no battery-pack is known for it; "
        "name one with --battery PART\n"
    )

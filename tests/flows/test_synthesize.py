"""Synthetic recordings: what a scenario says comes back when the frames are decoded."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest
from drives import BATTERY, WHEELS, drive
from running import renkei

from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import EXTENDED
from renkei.catalogue import Catalogue
from renkei.errors import InputError, UnknownName, ValueRefused
from renkei.flows.decode import decode_logs
from renkei.flows.plans import plan_of
from renkei.flows.prove import prove
from renkei.flows.synthesize import Scenario, beside, read_scenario, senders, synthesize, write_candump
from renkei.vocabulary import builtin

FIXTURES = Path(__file__).parents[1] / "fixtures"
DRIVE = Path(__file__).parents[1] / "fixtures/drive.csv"
SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"
LEAF = "nissan/leaf-ze1-40"
RAV4 = "toyota/rav4-2017"


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue([FIXTURES])


@pytest.fixture(scope="module")
def rav4(catalogue):
    return plan_of(catalogue.vehicle(RAV4).map)


CARS = [id_ for id_ in Catalogue([FIXTURES]).vehicles if Catalogue([FIXTURES]).vehicle(id_).known_map]


@pytest.mark.parametrize("vehicle", CARS)
def test_every_car_drives_the_demo_and_its_recording_decodes_to_the_scenario(catalogue, vehicle, tmp_path):
    """To half a step of the raw value, at the time of the frame. An answer in several frames comes later, so not those.

    The limits of power of the scenario are beyond what the smallest of the cars can say.
    """
    plan = plan_of(catalogue.vehicle(vehicle).map)
    whole = read_scenario(DRIVE, builtin())
    scenario = Scenario(
        whole.times_s[:17], {path: v[:17] for path, v in whole.values.items() if not path.endswith("chargePower")}
    )
    written = write_candump(synthesize(plan, scenario), plan, log := tmp_path / "synthetic.log")
    samples, summary = decode_logs([log], vehicle, catalogue)
    counts = summary.counts
    assert counts.frames == counts.decoded == written
    assert (counts.bad_checksum, counts.repeated, counts.lost, counts.short) == (0, 0, 0, 0)
    steps: dict[str, float] = {}
    for row in (row for message in plan.messages for row in message.rows):
        steps[row.signal.path] = max(abs(row.scale), steps.get(row.signal.path, 0))
    answered = {row.signal.path for answer in plan.answers for row in answer.rows}
    compared = []
    for signal, t_ns, value, text, quality in rows(samples.table()):
        if signal in scenario.values and signal not in answered and quality == "ok":
            meant = scenario.at(signal, t_ns / 1e9)
            compared.append(signal)
            if isinstance(meant, float):
                assert value == pytest.approx(meant, abs=steps[signal] / 2 + 1e-6), (signal, t_ns)
            else:
                assert (text if isinstance(meant, str) else value) == meant, (signal, t_ns)
    assert SPEED in compared
    assert set(compared) >= steps.keys() & scenario.values.keys() - answered


def rows(table):
    columns = [table[name].cast(pa.int64()) if name == "t" else table[name] for name in table.column_names[1:]]
    return zip(*(column.to_pylist() for column in columns), strict=True)


def test_frames_come_in_the_order_of_time_each_message_at_its_cycle(rav4):
    frames = list(synthesize(rav4, Scenario([0.0, 10.0], {SPEED: [0.0, 100.0], GEAR: [127, 127]})))
    assert [f.t_ns for f in frames] == sorted(f.t_ns for f in frames)
    times = {id_: [f.t_ns for f in frames if f.id == id_] for id_ in {f.id for f in frames}}
    assert set(times) == {180, 956}
    for id_, cycle_ms in ((180, 24), (956, 1000)):
        steps = {b - a for a, b in zip(times[id_], times[id_][1:], strict=False)}
        assert steps == {cycle_ms * 1_000_000}
        assert len(times[id_]) == pytest.approx(10_000 / cycle_ms, abs=1)


def test_messages_of_which_the_scenario_knows_nothing_are_not_sent(rav4):
    assert {f.id for f in synthesize(rav4, Scenario([0.0, 1.0], {SPEED: [10.0, 20.0]}))} == {180}
    assert list(synthesize(rav4, Scenario([0.0, 1.0], {}))) == []


def test_numbers_are_interpolated_and_all_else_holds_until_the_next_row():
    scenario = Scenario([0.0, 1.0, 3.0], {SPEED: [0.0, 10.0, 30.0], GEAR: [126, 127, -1]})
    assert [scenario.at(SPEED, t) for t in (-1.0, 0.5, 2.0, 9.0)] == [0.0, 5.0, 20.0, 30.0]
    assert [scenario.at(GEAR, t) for t in (-1.0, 0.0, 0.99, 1.0, 2.99, 3.0, 9.0)] == [126, 126, 126, 127, 127, -1, -1]


def heard(plan, scenario):
    """Every value of each signal that the frames of a scenario say."""
    engine, found = FrameEngine(plan), defaultdict(set)
    for frame in synthesize(plan, scenario):
        for index, value in engine.decode(frame.bus, frame.id, frame.data, frame.t_ns):
            found[builtin().signals[index].path].add(value)
    return found


def test_what_the_scenario_does_not_say_goes_out_as_not_available_where_the_car_has_a_code_for_that(catalogue):
    plan = plan_of(catalogue.vehicle(LEAF).map)
    found = heard(plan, Scenario([0.0, 0.1], {BATTERY + "CurrentVoltage": [360.0, 360.0]}))
    assert found[BATTERY + "CurrentVoltage"] == {360.0}
    assert found[BATTERY + "CurrentCurrent"] == {None}


def test_what_the_scenario_says_goes_before_codes_of_its_neighbours(catalogue):
    """The car says its cells only beside a voltage of the pack, whose code for none is 0."""
    plan = plan_of(catalogue.vehicle("mitsubishi/outlander-phev-2019").map)
    maximum = BATTERY + "CellVoltage.Max"
    assert heard(plan, Scenario([0.0, 0.1], {maximum: [4.0, 4.0]}))[maximum] == {4.0}
    assert beside(plan, {maximum})[BATTERY + "CurrentVoltage"] == pytest.approx(0.1)


def test_a_neighbour_without_a_code_follows_what_is_the_same_in_a_car_that_drives_straight(catalogue):
    plan = plan_of(catalogue.vehicle(LEAF).map)
    found = heard(plan, Scenario([0.0, 1.0], {SPEED: [41.0, 41.0]}))
    for path in (SPEED, *WHEELS[:2]):
        assert {round(v) for v in found[path]} == {41}
    assert beside(plan, {SPEED}) == dict.fromkeys(WHEELS[:2], SPEED)


def test_a_number_without_a_code_stands_at_0_and_not_at_the_end_of_its_field(catalogue):
    plan = plan_of(catalogue.vehicle("mitsubishi/i-miev").map)
    motor = "Vehicle.Powertrain.ElectricMotor."
    found = heard(plan, Scenario([0.0, 1.0], {motor + "Speed": [3000.0, 3000.0]}))
    assert found[motor + "Temperature"] == {0.0}
    assert beside(plan, {motor + "Speed"})[motor + "Temperature"] == 0


def test_of_rows_with_conditions_only_those_are_sent_that_have_a_code_for_the_value(catalogue):
    state, connected = BATTERY + "ContactorState", BATTERY + "IsPowerConnected"
    found = heard(plan_of(catalogue.vehicle(LEAF).map), Scenario([0.0, 1.0], {state: ["CLOSED", "CLOSED"]}))
    assert (found[state], found[connected]) == ({"CLOSED"}, {True})


@pytest.mark.parametrize("vehicle", [v for v in Catalogue().vehicles if Catalogue().vehicle(v).known_map])
@pytest.mark.parametrize("few", [1, 3, 5])
def test_a_recording_of_few_signals_does_not_refute_its_own_car(vehicle, few, tmp_path):
    catalogue, whole, chance = Catalogue(), drive(), random.Random(few)
    plan = plan_of(catalogue.vehicle(vehicle).map)
    able = [path for path in whole.values if senders(plan, [path])]
    named = {SPEED, *chance.sample(able, few)} if few > 1 else {SPEED}
    scenario = Scenario(whole.times_s, {path: whole.values[path] for path in named})
    write_candump(synthesize(plan, scenario), plan, log := tmp_path / "few.log")
    refuted = [check for check in prove([log], vehicle, catalogue).checks if check.level == "refutes"]
    assert refuted == []


def test_a_recording_of_five_signals_is_recognised_and_what_else_is_in_it_is_told(tmp_path):
    (tmp_path / "five.csv").write_text(
        f"t_s,{SPEED},{BATTERY}StateOfCharge.Displayed,{BATTERY}CurrentVoltage,{BATTERY}CurrentCurrent,{GEAR}\n"
        "0,0,80,370,0,126\n5,0,80,370,-2,127\n20,41,79,360,-60,127\n30,41,78.5,362,-20,127\n"
    )
    made = renkei("synthesize", LEAF, "--scenario", tmp_path / "five.csv", "--out", log := tmp_path / "five.log")
    assert made.returncode == 0
    [told] = made.stderr.splitlines()
    assert told.startswith("renkei: not in the scenario, but in its messages and without a code for 'not available': ")
    assert f"{WHEELS[0]} as {SPEED}, {WHEELS[1]} as {SPEED}" in told
    assert f"{BATTERY}IsFullyCharged as False" in told
    assert renkei("prove", LEAF, log).returncode == 0
    assert f"1. {LEAF}: supports" in renkei("identify", log).stdout


def test_a_message_whose_rows_have_different_conditions_is_sent_in_turn_for_each_of_them(rav4):
    distance = "Vehicle.TraveledDistance"
    frames = list(synthesize(rav4, Scenario([0.0, 6.0], {distance: [160_934_400.0] * 2})))
    engine, index = FrameEngine(rav4), builtin()[distance].index
    units, values = [f.data[3] >> 1 & 3 for f in frames], []
    for frame in frames:
        values += [v for i, v in engine.decode(frame.bus, frame.id, frame.data, frame.t_ns) if i == index]
    assert [unit for unit, _ in groupby(units)] == [1, 2, 1, 2, 1, 2]  # km, miles
    assert values == pytest.approx([160_934_000.0, 160_934_400.0] * 3)


def test_a_value_that_the_car_cannot_say_is_refused(rav4):
    with pytest.raises(ValueRefused, match=r"Vehicle\.Speed: expected"):
        list(synthesize(rav4, Scenario([0.0, 1.0], {SPEED: [2000.0, 2000.0]})))


def test_a_recording_is_written_as_candump_with_a_channel_for_each_bus(catalogue, tmp_path):
    plan = plan_of(catalogue.vehicle("honda/clarity-ev").map)
    frames = list(synthesize(plan, Scenario([0.0, 0.05], {SPEED: [10.0, 10.0]})))
    written = write_candump(iter(frames), plan, file := tmp_path / "a.log", start_s=1_700_000_000)
    assert written == len(frames) > 0
    for line, frame in zip(file.read_text().splitlines(), frames, strict=True):
        time, channel, text = line.split()
        id_, data = text.split("#")
        assert time == f"({1_700_000_000 + frame.t_ns / 1e9:.6f})"
        assert channel == f"can{plan.buses.index(frame.bus)}"
        assert (int(id_, 16), len(id_)) == (frame.id & ~EXTENDED, 8 if frame.id & EXTENDED else 3)
        assert bytes.fromhex(data) == frame.data


# Scenarios in files


def test_a_scenario_is_read_in_the_types_of_its_signals(tmp_path):
    (file := tmp_path / "s.csv").write_text(
        f"t_s,{SPEED},{GEAR},Vehicle.Chassis.Brake.IsPressed,Vehicle.LowVoltageSystemState\n"
        "0,0,126,true,ON\n0.5,36.5,127,false,ON\n"
    )
    scenario = read_scenario(file, builtin())
    assert scenario.times_s == [0.0, 0.5]
    assert scenario.values == {
        SPEED: [0.0, 36.5],
        GEAR: [126, 127],
        "Vehicle.Chassis.Brake.IsPressed": [True, False],
        "Vehicle.LowVoltageSystemState": ["ON", "ON"],
    }
    assert [type(v) for v in (scenario.values[SPEED][0], scenario.values[GEAR][0])] == [float, int]


BAD_SCENARIOS = {
    "a file without times": ("Vehicle.Speed\n1\n", InputError, "expected a CSV with a column t_s"),
    "an empty file": ("", InputError, "expected a CSV with a column t_s"),
    "a misspelt signal": ("t_s,Vehicle.Sped\n0,1\n", UnknownName, "did you mean 'Vehicle.Speed'"),
    "a word for a number": ("t_s,Vehicle.Speed\n0,fast\n", InputError, "Vehicle.Speed: expected a value, got 'fast'"),
    "a word for a time": ("t_s,Vehicle.Speed\nsoon,1\n", InputError, "t_s: expected a number, got 'soon'"),
    "times that step back": ("t_s,Vehicle.Speed\n1,1\n0,2\n", InputError, "t_s: expected times that go up"),
    "a row that is too short": ("t_s,Vehicle.Speed\n0,1\n1\n", InputError, "Vehicle.Speed: expected a value, got None"),
}


@pytest.mark.parametrize("case", BAD_SCENARIOS)
def test_a_scenario_with(case, tmp_path):
    text, error, message = BAD_SCENARIOS[case]
    (file := tmp_path / "bad.csv").write_text(text)
    with pytest.raises(error, match=message.replace("(", r"\(")):
        read_scenario(file, builtin())


def test_the_command_writes_a_recording_that_decodes_to_the_scenario(tmp_path):
    log, out = tmp_path / "drive.log", tmp_path / "drive.parquet"
    made = renkei("synthesize", "nissan/leaf-aze0", "--scenario", DRIVE, "--out", log)
    assert made.returncode == 0
    assert "synthetic" in made.stdout
    decoded = renkei("decode", log, "--vehicle", "nissan/leaf-aze0", "--out", out)
    assert "100.0% decoded" in decoded.stdout

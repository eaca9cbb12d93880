"""Recordings decoded, held against an independent decoder, against ground truth, and against each other."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
import textwrap
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import independent
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from independent import ROOT, shared

import renkei
from renkei.catalogue import Catalogue
from renkei.errors import LogError, UnknownName
from renkei.flows.decode import Options, decode_logs
from renkei.flows.plans import plan_of
from renkei.flows.synthesize import Scenario, synthesize, write_candump
from renkei.vocabulary import load

OUTLANDER, RAV4 = "mitsubishi/outlander-phev-2019", "toyota/rav4-2017"
OUTLANDER_LOGS = "logs/mitsubishi-outlander-phev-2019"
TWINS = ["202109061515-steering-lock-to-lock", "202109061517-parking-brake"]
SEGMENT = "logs/comma2k19-rav4/segment40.candump.log.gz"
DEMO_LOG = ROOT / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"
OUTLANDER_MAP = ROOT / "src/renkei/data/makers/mitsubishi/maps/outlander-phev-2019.toml"
FIXTURES = ROOT / "tests/fixtures"

TO_ROUNDING = 1e-12
"""Of a value, or of 1 where it is smaller: what a multiplication and an addition of doubles may cost."""


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue([FIXTURES])


def table_of(catalogue, vehicle, *logs, vocabulary=None, **options):
    samples, _ = decode_logs(logs, vehicle, catalogue, vocabulary, Options(**options))
    return samples.table()


def rows(table):
    """Signal, ns, value, text and quality of each sample in the order of the table."""
    columns = [table[name].cast(pa.int64()) if name == "t" else table[name] for name in table.column_names[1:]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def of_signal(table, path):
    """Times in ns and values of one signal."""
    found = [(t, value) for signal, t, value, _, _ in rows(table) if signal == path]
    return [t for t, _ in found], [value for _, value in found]


def renkei_decode(*arguments):
    command = [sys.executable, "-m", "renkei", "decode", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# Value by value


@pytest.mark.parametrize("name", TWINS)
def test_every_sample_of_the_outlander_is_what_an_independent_decoder_makes_of_it(catalogue, name):
    log = shared(f"{OUTLANDER_LOGS}/{name}.candump.log")
    expected = independent.decoded(log, OUTLANDER_MAP, {"c-can": "can0", "ev-can": "can1"})
    assert_same(rows(table_of(catalogue, OUTLANDER, log)), expected)


def test_with_the_plugs_bus_alone_the_copies_on_it_speak_for_the_other_bus(catalogue, tmp_path):
    lines = gzip.decompress(DEMO_LOG.read_bytes()).decode().splitlines(keepends=True)
    (log := tmp_path / "c-can.log").write_text("".join(line for line in lines if " can0 " in line))
    expected = list(independent.decoded(log, OUTLANDER_MAP, {"c-can": "can0", "ev-can": "nowhere"}))
    assert "Vehicle.Powertrain.TractionBattery.CurrentCurrent" in {sample.signal for sample in expected}
    assert_same(rows(table_of(catalogue, OUTLANDER, log)), expected)


def test_every_sample_of_the_rav4_is_what_an_independent_decoder_makes_of_it(catalogue):
    log = shared(SEGMENT)
    expected = independent.decoded(log, FIXTURES / "makers/toyota/maps/rav4-2017.toml", {"can": "can0"})
    assert_same(rows(table_of(catalogue, RAV4, log)), expected)


def assert_same(got, expected):
    """The same samples in the same order: by signal, by time, and of one time as they came."""
    expected = sorted(expected, key=lambda sample: (sample.signal, sample.t_ns))
    assert len(got) == len(expected) > 0
    for (signal, t_ns, value, text, quality), sample in zip(got, expected, strict=True):
        assert (signal, t_ns, quality) == (sample.signal, sample.t_ns, sample.quality)
        if isinstance(sample.value, Fraction):
            assert text is None
            assert abs(value - sample.value) <= TO_ROUNDING * max(1, abs(sample.value))
        else:
            assert (value, text) == (None, sample.value)


@pytest.mark.parametrize("name", TWINS)
def test_both_dialects_of_a_recording_give_the_same_table(catalogue, name):
    candump = table_of(catalogue, OUTLANDER, shared(f"{OUTLANDER_LOGS}/{name}.candump.log"))
    gvret = table_of(catalogue, OUTLANDER, shared(f"{OUTLANDER_LOGS}/{name}.gvret.csv"))
    assert candump.num_rows > 4000
    assert candump.equals(gvret)


# Ground truth


@pytest.fixture(scope="module")
def drive(catalogue):
    return table_of(catalogue, RAV4, shared(SEGMENT))


def truth(name):
    """Times in s and the other columns of a file of ground truth."""
    with shared(f"logs/comma2k19-rav4/truth_{name}.csv").open(newline="") as lines:
        times, *columns = zip(*([float(x) for x in row.values()] for row in csv.DictReader(lines)), strict=True)
    assert len(times) == 4974
    return times, columns


WHEELS = [f"Vehicle.Chassis.Axle.{at}.Speed" for at in
          ("Row1.Wheel.Left", "Row1.Wheel.Right", "Row2.Wheel.Left", "Row2.Wheel.Right")]  # fmt: skip


def test_wheel_speeds_equal_the_truth_to_rounding(drive):
    times_s, speeds_m_s = truth("wheel_speed")
    for path, expected in zip(WHEELS, speeds_m_s, strict=True):
        t_ns, km_h = of_signal(drive, path)
        assert_times_agree(t_ns, times_s)
        assert max(abs(a - 3.6 * b) for a, b in zip(km_h, expected, strict=True)) < 1e-10


def test_the_true_speed_is_the_mean_of_the_four_wheels_and_the_cars_own_speed_lies_two_percent_above_it(drive):
    times_s, (true_m_s,) = truth("speed")
    wheels_km_h = [of_signal(drive, path)[1] for path in WHEELS]
    means_km_h = [sum(four) / 4 for four in zip(*wheels_km_h, strict=True)]
    assert max(abs(a - 3.6 * b) for a, b in zip(means_km_h, true_m_s, strict=True)) < 1e-10
    t_ns, km_h = of_signal(drive, "Vehicle.Speed")
    nearest_m_s = [true_m_s[min(range(len(times_s)), key=lambda k: abs(times_s[k] - t / 1e9))] for t in t_ns[::50]]
    ratios = [shown / (3.6 * true) for shown, true in zip(km_h[::50], nearest_m_s, strict=True)]
    assert 1.00 < min(ratios) < max(ratios) < 1.04
    assert 1.015 < sum(ratios) / len(ratios) < 1.025


def test_the_steering_angle_equals_the_truth_to_rounding(drive):
    times_s, (expected,) = truth("steering_angle")
    t_ns, degrees = of_signal(drive, "Vehicle.Chassis.SteeringWheel.Angle")
    assert_times_agree(t_ns, times_s)
    assert max(abs(a - b) for a, b in zip(degrees, expected, strict=True)) < 1e-10


def assert_times_agree(t_ns, times_s):
    """The log has them rounded to microseconds."""
    assert max(abs(t - 1e9 * s) for t, s in zip(t_ns, times_s, strict=True)) <= 510


# What identifies a car


@pytest.mark.parametrize("name", TWINS)
def test_the_vehicle_identification_number_is_in_no_output(name, tmp_path):
    log = shared(f"{OUTLANDER_LOGS}/{name}.candump.log")
    parts = {f.data[0]: f.data[1:] for f in independent.frames(log) if f.id == 0x6FA}
    number = b"".join(parts[k] for k in (0, 1, 2))[:17]
    assert re.fullmatch(rb"[A-HJ-NPR-Z0-9]{17}", number)
    parquet, text, plain = (tmp_path / name for name in ("out.parquet", "out.csv", "plain.parquet"))
    shown = renkei_decode(log, "--vehicle", OUTLANDER, "--out", parquet)
    listed = renkei_decode(log, "--vehicle", OUTLANDER, "--out", text, "--json", "--keep-personal")
    assert (shown.returncode, listed.returncode) == (0, 0)
    pq.write_table(pq.read_table(parquet), plain, compression="none", use_dictionary=False)
    said = "".join([shown.stdout, shown.stderr, listed.stdout, listed.stderr]).encode()
    for output in (parquet.read_bytes(), plain.read_bytes(), text.read_bytes(), said):
        for piece in (number, number[:7], number[7:14], number.hex().encode(), number.hex().upper().encode()):
            assert piece not in output
    assert sorted(f.name for f in tmp_path.iterdir()) == ["out.csv", "out.parquet", "plain.parquet"]


@pytest.fixture
def private(tmp_path):
    """The fixture maker as a private catalogue of one's own, to be changed."""
    shutil.copytree(FIXTURES / "makers/toyota", tmp_path / "private/makers/toyota")
    return tmp_path / "private"


def edit(file, old, new):
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new))


def write_frames(file, *frames):
    """Frames as (seconds, channel, identifier, bytes)."""
    file.write_text(
        "".join(f"({t:.6f}) {channel} {id_:03X}#{data.hex().upper()}\n" for t, channel, id_, data in frames)
    )
    return file


def test_a_personal_signal_is_left_out_unless_it_is_asked_for(private, tmp_path):
    edit(private / "makers/toyota/maps/rav4-2017.toml", 'from = "can.GEAR_PACKET.GEAR",',
         'from = "can.GEAR_PACKET.GEAR", personal = true,')  # fmt: skip
    log = write_frames(tmp_path / "one.log", *((t / 10, "can0", 956, bytes(8)) for t in range(5)))
    gear = "Vehicle.Powertrain.Transmission.SelectedGear"
    catalogue = Catalogue([private])
    without, kept = (table_of(catalogue, RAV4, log, keep_personal=keep) for keep in (False, True))
    assert set(without["signal"].to_pylist()) == {"Vehicle.Powertrain.Transmission.PerformanceMode"}
    assert of_signal(kept, gear)[1] == [127.0] * 5


# The table


def test_a_table_has_six_columns_of_fixed_types(catalogue):
    table = table_of(catalogue, OUTLANDER, DEMO_LOG)
    label = pa.dictionary(pa.int32(), pa.string())
    assert {name: table.schema.field(name).type for name in table.column_names} == {
        "vehicle": label, "signal": label, "t": pa.timestamp("ns", "UTC"), "value": pa.float64(), "text": label,
        "quality": label,
    }  # fmt: skip
    assert table.column_names == ["vehicle", "signal", "t", "value", "text", "quality"]
    assert set(table["vehicle"].to_pylist()) == {OUTLANDER}
    assert set(table["quality"].to_pylist()) == {"ok", "not_available"}


def test_a_table_is_sorted_by_signal_and_then_by_time_although_the_two_buses_of_the_log_step_back(catalogue):
    times = [frame.t_ns for frame in independent.frames(DEMO_LOG)]
    assert sum(b < a for a, b in pairwise(times)) > 1000
    keys = [(signal, t) for signal, t, *_ in rows(table_of(catalogue, OUTLANDER, DEMO_LOG))]
    assert keys == sorted(keys)


def test_where_quality_is_ok_there_is_a_value_or_a_text_and_elsewhere_neither(catalogue):
    table = table_of(catalogue, OUTLANDER, DEMO_LOG)
    filled = pc.add(*(pc.cast(pc.is_valid(table[name]), pa.int8()) for name in ("value", "text")))
    assert filled.to_pylist() == [int(quality == "ok") for quality in table["quality"].to_pylist()]
    texts = {signal for signal, _, _, text, _ in rows(table) if text is not None}
    assert texts == {"Vehicle.LowVoltageSystemState"}


def test_several_logs_make_one_table(catalogue, tmp_path):
    halves = [tmp_path / "first.log", tmp_path / "second.log"]
    lines = gzip.decompress(DEMO_LOG.read_bytes()).splitlines(keepends=True)
    for half, part in zip(halves, (lines[:9000], lines[9000:]), strict=True):
        half.write_bytes(b"".join(part))
    samples, summary = decode_logs(halves, OUTLANDER, catalogue)
    whole, whole_summary = decode_logs([DEMO_LOG], OUTLANDER, catalogue)
    assert samples.table().equals(whole.table())
    assert summary.counts == whole_summary.counts
    assert [log.frames for log in summary.logs] == [9000, len(lines) - 9000]
    assert [Path(log["file"]).name for log in json.loads(summary.metadata["logs"])] == ["first.log", "second.log"]


def test_the_command_writes_the_table_that_python_gives(tmp_path):
    table = renkei.decode(DEMO_LOG, OUTLANDER)
    parquet, text = tmp_path / "drive.parquet", tmp_path / "drive.csv"
    for file in (parquet, text):
        assert renkei_decode(DEMO_LOG, "--vehicle", OUTLANDER, "--out", file).returncode == 0
    written = pq.read_table(parquet)
    assert [str(field.type) for field in written.schema] == [
        "string", "string", "timestamp[ns, tz=UTC]", "double", "string", "string",
    ]  # fmt: skip
    assert rows(written) == rows(table)
    assert set(written["vehicle"].to_pylist()) == {OUTLANDER}
    assert pq.read_metadata(parquet).metadata == table.schema.metadata
    assert written.schema.metadata[b"time_base"] == b"boot"
    with text.open(newline="") as lines:
        read = [(r["signal"], r["value"], r["text"], r["quality"]) for r in csv.DictReader(lines)]
    shown = [(s, "" if v is None else v, t or "", q) for s, _, v, t, q in rows(table)]
    assert [(s, v and float(v), t, q) for s, v, t, q in read] == shown


def test_logs_of_the_same_time_are_told_once_with_the_longest_overlap_first(catalogue, tmp_path):
    lines = gzip.decompress(DEMO_LOG.read_bytes()).decode().splitlines(keepends=True)
    half = len(lines) // 2
    parts = {"first.log": lines[:half], "second.log": lines[half:], "whole.log": lines}
    logs = [tmp_path / name for name in parts]
    for log, part in zip(logs, parts.values(), strict=True):
        log.write_text("".join(part))
    samples, summary = decode_logs(logs, OUTLANDER, catalogue)
    samples.close()
    assert {frozenset(pair[:2]) for pair in summary.overlaps} == {
        frozenset((str(logs[0]), str(logs[2]))), frozenset((str(logs[1]), str(logs[2])))
    }  # fmt: skip
    assert summary.overlaps[0][2] >= summary.overlaps[1][2] > 1
    done = subprocess.run(
        [sys.executable, "-m", "renkei", "decode", *logs, "--vehicle", OUTLANDER], capture_output=True, text=True
    )
    told = r"(?m)^  .* cover the same [\d.]+ s, as each counts from its own start, and 1 pair more"
    assert len(re.findall(told, done.stdout)) == 1
    samples, summary = decode_logs(logs[:2], OUTLANDER, catalogue)
    samples.close()
    assert summary.overlaps == []


def test_python_takes_one_path_or_several_of_logs_and_of_catalogues(tmp_path):
    log = write_frames(tmp_path / "one.log", *((t / 10, "can0", 956, bytes(8)) for t in range(5)))
    tables = [
        renkei.decode(logs, RAV4, data=data) for logs in (log, str(log), [log]) for data in (FIXTURES, str(FIXTURES))
    ]
    tables.append(renkei.decode(iter([log]), RAV4, data=iter([FIXTURES])))
    assert tables[0].num_rows
    assert all(table.equals(tables[0]) for table in tables)


def test_times_since_1970_are_kept_as_such_and_the_table_says_so(catalogue, tmp_path):
    start_s = 1_630_900_000
    log = tmp_path / "utc.log"
    lines = gzip.decompress(DEMO_LOG.read_bytes()).decode().splitlines()
    shifted = (re.sub(r"^\((\d+)", lambda m: f"({int(m[1]) + start_s}", line) for line in lines)
    log.write_text("\n".join(shifted) + "\n")
    boot, utc = renkei.decode(DEMO_LOG, OUTLANDER), renkei.decode(log, OUTLANDER)
    assert (boot.schema.metadata[b"time_base"], utc.schema.metadata[b"time_base"]) == (b"boot", b"utc")
    assert [t - start_s * 10**9 for _, t, *_ in rows(utc)] == [t for _, t, *_ in rows(boot)]
    assert utc["t"][0].as_py().year == 2021
    both = renkei.decode([DEMO_LOG, log], OUTLANDER)
    assert both.schema.metadata[b"time_base"] == b"mixed"


def test_a_time_unit_that_is_given_overrides_the_one_found(catalogue):
    log = shared(f"{OUTLANDER_LOGS}/{TWINS[0]}.gvret.csv")
    us, ms = table_of(catalogue, OUTLANDER, log), table_of(catalogue, OUTLANDER, log, time_unit="ms")
    assert [t for _, t, *_ in rows(ms)] == [1000 * t for _, t, *_ in rows(us)]
    assert us.drop(["t"]).equals(ms.drop(["t"]))


# Frames that are not as they should be


def test_one_wrong_bit_makes_one_sample_invalid(catalogue, tmp_path):
    angle = bytes([0x00, 0x10, 0, 0, 0, 0, 0])
    sealed = angle + bytes([0x25 + 8 + sum(angle) & 0xFF])
    flipped = bytes([0x00, 0x30]) + sealed[2:]
    log = write_frames(
        tmp_path / "bit.log", *((k / 100, "can0", 0x25, flipped if k == 3 else sealed) for k in range(6))
    )
    samples, summary = decode_logs([log], RAV4, catalogue)
    assert [(value, quality) for _, _, value, _, quality in rows(samples.table())] == [
        (24.0, "ok"), (24.0, "ok"), (24.0, "ok"), (None, "invalid"), (24.0, "ok"), (24.0, "ok"),
    ]  # fmt: skip
    assert (summary.counts.decoded, summary.counts.bad_checksum) == (6, 1)


def test_a_short_frame_is_counted_and_not_used_and_of_a_long_one_the_rest_is_ignored(catalogue, tmp_path):
    lever = 0x418
    log = write_frames(tmp_path / "lengths.log", *(
        (k / 10, "can0", lever, b"P".ljust(n, b"\xff")) for k, n in enumerate([7, 6, 8, 7])
    ))  # fmt: skip
    samples, summary = decode_logs([log], OUTLANDER, catalogue)
    t_ns, gears = of_signal(samples.table(), "Vehicle.Powertrain.Transmission.SelectedGear")
    assert (t_ns, gears) == ([0, 200_000_000, 300_000_000], [126.0] * 3)
    assert (summary.counts.frames, summary.counts.decoded, summary.counts.short) == (4, 3, 1)


# Buses and channels


def test_buses_named_by_hand_give_what_is_found_out(catalogue):
    named = {"c-can": "can0", "ev-can": "can1"}
    samples, summary = decode_logs([DEMO_LOG], OUTLANDER, catalogue, None, Options(buses=named))
    found, found_summary = decode_logs([DEMO_LOG], OUTLANDER, catalogue)
    assert summary.logs[0].channels == found_summary.logs[0].channels == named
    assert samples.table().equals(found.table())


def test_a_bus_is_found_by_content_whatever_its_channel_is_called(catalogue, tmp_path):
    swapped = gzip.decompress(DEMO_LOG.read_bytes()).replace(b" can0 ", b" x ").replace(b" can1 ", b" can0 ")
    (log := tmp_path / "swapped.log").write_bytes(swapped.replace(b" x ", b" vcan7 "))
    samples, summary = decode_logs([log], OUTLANDER, catalogue)
    assert summary.logs[0].channels == {"c-can": "vcan7", "ev-can": "can0"}
    assert samples.table().equals(table_of(catalogue, OUTLANDER, DEMO_LOG))


def test_a_bus_on_the_wrong_channel_carries_nothing(catalogue):
    given = {"c-can": "can0", "ev-can": "can0"}
    samples, summary = decode_logs([DEMO_LOG], OUTLANDER, catalogue, None, Options(buses=given))
    assert summary.logs[0].unused_channels == ("can1",)
    assert "Vehicle.Powertrain.ElectricMotor.Speed" not in samples.paths  # only on the ev-can
    assert "Vehicle.Speed" in samples.paths


def test_buses_that_were_all_named_wrongly_are_told_and_no_other_car(catalogue):
    told = "with c-can on can1, ev-can on can0 almost nothing in it is from .*; its messages show c-can on can0"
    with pytest.raises(LogError, match=told):
        decode_logs([DEMO_LOG], OUTLANDER, catalogue, None, Options(buses={"c-can": "can1", "ev-can": "can0"}))


def test_a_bus_that_the_car_does_not_have_is_refused(catalogue):
    with pytest.raises(UnknownName, match=r"unknown bus 'ev-kan'; did you mean 'ev-can'\?"):
        decode_logs([DEMO_LOG], OUTLANDER, catalogue, None, Options(buses={"ev-kan": "can1"}))


def test_a_channel_that_the_log_does_not_have_is_refused(catalogue):
    with pytest.raises(LogError, match="no channel 'can5' for bus ev-can; it has can0, can1"):
        decode_logs([DEMO_LOG], OUTLANDER, catalogue, None, Options(buses={"ev-can": "can5"}))


# Logs of other cars, and broken ones


def test_of_a_log_of_another_car_the_better_car_is_named(catalogue):
    told = f"almost nothing in it is from nissan/leaf-aze0: .*; {OUTLANDER} fits better, with "
    with pytest.raises(LogError, match=told):
        decode_logs([DEMO_LOG], "nissan/leaf-aze0", catalogue)


def test_a_log_of_no_known_car_is_told_to_be_that(tmp_path):
    log = write_frames(tmp_path / "none.log", *((k / 100, "can0", 0x7F0 + k % 8, bytes(8)) for k in range(100)))
    told = r"almost nothing in it is from .*: 0 of its 13 messages .*; no known vehicle fits better"
    with pytest.raises(LogError, match=told):
        decode_logs([log], OUTLANDER, Catalogue())


def test_each_of_several_logs_is_judged_and_the_wrong_one_is_named(catalogue):
    with pytest.raises(LogError, match=rf"segment40\.candump\.log\.gz: almost nothing in it is from {OUTLANDER}"):
        decode_logs([DEMO_LOG, shared(SEGMENT)], OUTLANDER, catalogue)


def test_a_log_of_another_car_is_taken_where_the_user_insists(catalogue):
    samples, summary = decode_logs([shared(SEGMENT)], OUTLANDER, catalogue, None, Options(any_car=True))
    assert 0 < summary.decoded_share < 0.03
    assert samples.count


def test_a_log_that_breaks_off_is_an_error_and_no_half_table(catalogue, tmp_path):
    (log := tmp_path / "half.log.gz").write_bytes(DEMO_LOG.read_bytes()[:40_000])
    with pytest.raises(LogError, match=r"half\.log\.gz: gzip data breaks off after \d+ unpacked bytes"):
        decode_logs([log], OUTLANDER, catalogue)


def test_scratch_files_are_gone_after_an_error(catalogue, tmp_path):
    (log := tmp_path / "half.log.gz").write_bytes(DEMO_LOG.read_bytes()[:40_000])
    with pytest.raises(LogError):
        decode_logs([log], OUTLANDER, catalogue, None, Options(scratch=tmp_path))
    assert [f.name for f in tmp_path.iterdir()] == ["half.log.gz"]


# Another VSS

I_MIEV, DISTANCE = "mitsubishi/i-miev", "Vehicle.TraveledDistance"


@pytest.fixture
def odometer_log(catalogue, tmp_path):
    """A synthetic second of an i-MiEV that has travelled 12,345 km."""
    plan = plan_of(catalogue.vehicle(I_MIEV).map)
    scenario = Scenario([0.0, 1.0], {DISTANCE: [12_345_000.0] * 2, "Vehicle.Speed": [36.0] * 2})
    write_candump(synthesize(plan, scenario), plan, log := tmp_path / "synthetic.log")
    return log


def test_values_have_the_unit_of_the_vss_that_is_chosen(catalogue, odometer_log):
    vss5 = load(shared("vss/vss_5.0.json"))
    in6, in5 = (table_of(catalogue, I_MIEV, odometer_log, vocabulary=chosen) for chosen in (None, vss5))
    assert set(of_signal(in6, DISTANCE)[1]) == {12_345_000.0}  # m
    assert set(of_signal(in5, DISTANCE)[1]) == {12_345.0}  # km
    assert of_signal(in5, "Vehicle.Speed") == of_signal(in6, "Vehicle.Speed")


def test_the_command_takes_another_vss_too(odometer_log, tmp_path):
    out = tmp_path / "out.parquet"
    vss5 = shared("vss/vss_5.0.json")
    done = renkei_decode(odometer_log, "--vehicle", I_MIEV, "--vss", vss5, "--out", out, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["set_aside"] == []
    assert set(of_signal(pq.read_table(out), DISTANCE)[1]) == {12_345.0}


def test_what_an_older_vss_lacks_is_set_aside_and_listed(catalogue, tmp_path):
    clarity, battery = "honda/clarity-ev", "Vehicle.Powertrain.TractionBattery"
    plan = plan_of(catalogue.vehicle(clarity).map)
    write_candump(
        synthesize(plan, Scenario([0.0, 1.0], {"Vehicle.Speed": [36.0] * 2})), plan, log := tmp_path / "a.log"
    )
    vss4 = shared("vss/vss_4.0.json")
    told = renkei_decode(log, "--vehicle", clarity, "--vss", vss4).stdout
    assert told.count("set aside, as this VSS does not fit: ") == 2
    assert "set aside" not in renkei_decode(log, "--vehicle", clarity).stdout
    samples, summary = decode_logs([log], clarity, catalogue, load(vss4))
    paths = {f"{battery}.CellVoltage.CellVoltages", f"{battery}.Temperature.CellTemperature"}
    assert {path for path, _ in summary.set_aside} == paths
    assert all("vocabulary" in why for _, why in summary.set_aside)
    assert "Vehicle.Speed" in samples.paths
    assert decode_logs([log], clarity, catalogue)[1].set_aside == ()


# Memory

FRAMES_A_SECOND = 10_000


def long_log(file, seconds):
    """One frame in fifty is the car's, the others nobody knows."""
    known, unknown = "can1 373#A09080000C500000", "can0 7{:02X}#{:016X}"
    lines = [f"(@@@@@@.{k * 100:06}) {unknown.format(k % 7, k) if k % 50 else known}\n" for k in range(FRAMES_A_SECOND)]
    second = "".join(lines).encode()
    with file.open("wb") as out:
        for s in range(seconds):
            out.write(second.replace(b"@@@@@@", b"%06d" % s))
    return file


PEAK = """
    import json, resource, sys
    import renkei.cli.main as command
    sys.argv[0] = "renkei"
    try:
        command.main()
    except SystemExit as e:
        assert not e.code
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
"""


def test_a_log_four_times_as_long_takes_hardly_more_memory(tmp_path):
    """What the text grows by would have to be held, or half of that as frames, if the log were not streamed."""
    sizes, peaks = [], []
    for seconds in (75, 300):
        log = long_log(tmp_path / "long.log", seconds)
        arguments = ["decode", log, "--vehicle", OUTLANDER, "--out", tmp_path / "out.parquet", "--json"]
        script = [sys.executable, "-c", textwrap.dedent(PEAK), *map(str, arguments)]
        done = subprocess.run(script, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["frames"] == seconds * FRAMES_A_SECOND
        sizes.append(log.stat().st_size)
        peaks.append(int(done.stderr))
    assert sizes[1] - sizes[0] > 90 << 20
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 4

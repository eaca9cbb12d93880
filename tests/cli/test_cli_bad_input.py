"""What is wrong is told in one line on standard error, with exit code 2 and nothing left behind."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from command import DEMO_LOG, OUTLANDER, RENKEI, renkei

DECODE = ("decode", DEMO_LOG, "--vehicle", OUTLANDER)
UP = ("up", "--grpc-port", "0", "--http-port", "0", "--no-browser")
TWO_RECORDINGS = ("--vehicle", f"{OUTLANDER}={DEMO_LOG}", "--vehicle", f"honda/civic-8g={DEMO_LOG}")


def put_wrong_files(tmp_path):
    """Wrong files of all kinds to be given to commands."""
    (tmp_path / "empty.log").touch()
    (tmp_path / "cut.log.gz").write_bytes(DEMO_LOG.read_bytes()[:30_000])
    (tmp_path / "text.log").write_text("Dear diary,\ntoday I drove.\n" * 100)
    (tmp_path / "no-frames.log").write_text("(1.000000) can0 123#R\n" * 20)
    (tmp_path / "other.log").write_text("(1.000000) can0 7F0#00\n" * 20)
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "half.json").write_text('{"Vehicle": {"children": ')
    (tmp_path / "cars").mkdir()
    (tmp_path / "wrong/makers/acme/vehicles").mkdir(parents=True)
    (tmp_path / "wrong/makers/acme/maker.toml").write_text('name = "Acme"\n')
    (tmp_path / "wrong/makers/acme/vehicles/one.toml").write_text('name = "One"\nyeers = "2020"\n')
    (tmp_path / "out.parquet").mkdir()


BAD_INPUT = {
    "an unknown command names the one that was meant": (["decoed", "x"], "no such command 'decoed'", "decode"),
    "a scenario that is not there": (
        ["synthesize", OUTLANDER, "--scenario", "nowhere.csv", "--out", "o.log"], "nowhere.csv: cannot be read as text",
    ),
    "an unknown command of a group names the one that was meant": (["list", "vehicels"], "'vehicels'", "vehicles"),
    "an unknown command with a line break in it": (["a\nb"], r"no such command 'a\nb'"),
    "an unknown option names the one that was meant": (["check", "--dat", "x"], "no such option: --dat", "--data"),
    "a missing argument is named": (["decode"], "missing argument 'LOG...'", "renkei decode --help"),
    "a missing option is named": (["decode", "x.log"], "missing option '--vehicle'"),
    "an argument too many is told": (["list", "makers", "all"], "unexpected extra argument"),
    "an unknown vehicle names the one that was meant": (
        ["decode", DEMO_LOG, "--vehicle", "mitsubishi/outlander-phev-2018"],
        "unknown vehicle 'mitsubishi/outlander-phev-2018'; did you mean 'mitsubishi/outlander-phev-2019'?",
    ),
    "an unknown vehicle is told before its recording is looked at": (
        ["decode", "nowhere.log", "--vehicle", "leaf"], "unknown vehicle 'leaf'",
    ),
    "a missing log": (
        ["decode", "nowhere.log", "--vehicle", OUTLANDER], "nowhere.log: cannot be read: No such file or directory",
    ),
    "a directory for a log": (["decode", "cars", "--vehicle", OUTLANDER], "cars: is a directory, expected a recording"),
    "an empty log": (["decode", "empty.log", "--vehicle", OUTLANDER], "empty.log: is empty, expected a recording"),
    "a log cut short": (
        ["decode", "cut.log.gz", "--vehicle", OUTLANDER, "--out", "o.parquet"], "cut.log.gz: gzip data breaks off",
    ),
    "a file that is no log": (["decode", "text.log", "--vehicle", OUTLANDER], "text.log: no known log dialect"),
    "a log without a data frame": (["decode", "no-frames.log", "--vehicle", OUTLANDER], "no-frames.log: no CAN frames"),
    "a log of another car names the car that it is of": (
        ["decode", DEMO_LOG, "--vehicle", "nissan/leaf-ze1-40", "--out", "o.parquet"],
        "almost nothing in it is from nissan/leaf-ze1-40", f"{OUTLANDER} fits better, with ",
    ),
    "the second of two logs is missing": (
        [*DECODE[:2], "nowhere.log", *DECODE[2:], "--out", "o.parquet"], "nowhere.log: cannot be read",
    ),
    "an output with another ending": (
        [*DECODE, "--out", "o.xlsx"], "o.xlsx: expected a name that ends in .parquet or .csv, got '.xlsx'",
    ),
    "an output without an ending": ([*DECODE, "--out", "drive"], "expected a name that ends in .parquet or .csv"),
    "an output in a folder that does not exist": (
        [*DECODE, "--out", "nowhere/o.parquet"], "nowhere/o.parquet: no such folder: nowhere",
    ),
    "an output that is a folder": ([*DECODE, "--out", "out.parquet"], "out.parquet: is a folder"),
    "a bus without a channel": ([*DECODE, "--bus", "ev-can"], "--bus: expected NAME=CHANNEL, such as", "got 'ev-can'"),
    "a bus without a name": ([*DECODE, "--bus", "=can1"], "got '=can1'"),
    "a bus named twice": (
        [*DECODE, "--bus", "ev-can=can1", "--bus", "ev-can=can0"], "'ev-can' given twice, as 'can1' and as 'can0'",
    ),
    "a bus that the car does not have": (
        [*DECODE, "--bus", "ev-kan=can1"], "unknown bus 'ev-kan'; did you mean 'ev-can'?", "c-can, ev-can",
    ),
    "a channel that the log does not have": (
        [*DECODE, "--bus", "ev-can=can7"], "no channel 'can7' for bus ev-can; it has can0, can1",
    ),
    "an unknown unit of time": ([*DECODE, "--time-unit", "days"], "expected one of s, ms, us, ns, got 'days'"),
    "a unit of time for a log that has its own": ([*DECODE, "--time-unit", "ms"], "have a fixed unit"),
    "a VSS file that is missing": ([*DECODE, "--vss", "nowhere.json"], "nowhere.json: No such file or directory"),
    "a VSS file without a leaf": ([*DECODE, "--vss", "empty.json"], "empty.json: no leaf found"),
    "a VSS file that breaks off": ([*DECODE, "--vss", "half.json"], "half.json: not a VSS tree in JSON"),
    "a private catalogue that is missing": ([*DECODE, "--data", "nowhere"], "nowhere: makers: expected a folder"),
    "a private catalogue without makers": ([*DECODE, "--data", "cars"], "cars: makers: expected a folder of makers"),
    "a private catalogue with a wrong key in it": (
        ["list", "signals", "acme/one", "--data", "wrong"], "one.toml: yeers: expected", "did you mean 'years'?",
    ),
    "signals of an unknown vehicle": (["list", "signals", "nissan/leef-ze0"], "did you mean 'nissan/leaf-ze0'?"),
    "nothing to bring up": ([*UP], "missing option '--vehicle'"),
    "an unknown vehicle to bring up": ([*UP, "--vehicle", "honda/clarity"], "unknown vehicle 'honda/clarity'"),
    "a vehicle twice": ([*UP, *["--vehicle", OUTLANDER] * 2], f"--vehicle {OUTLANDER}: given twice"),
    "a vehicle with nothing after the =": ([*UP, "--vehicle", f"{OUTLANDER}="], "--vehicle: expected ID=SOURCE"),
    "a log of another car to bring up": (
        [*UP, "--vehicle", f"nissan/leaf-ze1-40={DEMO_LOG}"], f"{OUTLANDER} fits better, with ",
    ),
    "a log without a data frame to bring up": (
        [*UP, "--vehicle", f"{OUTLANDER}=no-frames.log", "--loop"], "no-frames.log: no CAN frames",
    ),
    "a bus of a car that plays no recording": (
        [*UP, "--vehicle", OUTLANDER, "--bus", "ev-can=can1"], "--bus 'ev-can=can1': no recording is given",
    ),
    "a bus of one of several recordings": (
        [*UP, *TWO_RECORDINGS, "--bus", "ev-can=can1"], "several recordings are given: say of which car",
    ),
    "a bus of a car that is not brought up": (
        [*UP, *TWO_RECORDINGS, "--bus", "honda/fit:f=can1"], "no recording is given for that car",
    ),
    "a unit of time for a recording that has its own": (
        [*UP, "--vehicle", f"{OUTLANDER}={DEMO_LOG}", "--time-unit", f"{OUTLANDER}:ms"], "have a fixed unit",
    ),
    "a channel that the recording does not have": (
        [*UP, "--vehicle", f"{OUTLANDER}={DEMO_LOG}", "--bus", "ev-can=can7"],
        "no channel 'can7' for bus ev-can; it has can0, can1",
    ),
    "a port of a server that does not exist": (["get", "Vehicle.Speed", "--port", "70000"], "--port", "65535"),
    "a port of a server that is 0": (["watch", "Vehicle.Speed", "--port", "0"], "--port"),
    "a log of another car to measure": (
        ["bench", "decode", "other.log", "--vehicle", OUTLANDER], "nothing in it is from", "nothing to measure",
    ),
    "a missing log to bring up": ([*UP, "--vehicle", f"{OUTLANDER}=nowhere.log"], "nowhere.log: cannot be read"),
    "a speed of 0": (
        [*UP, "--vehicle", OUTLANDER, "--speed", "0"], "--speed: expected a number above 0, got 0",
    ),
    "a speed that is a word": ([*UP, "--vehicle", OUTLANDER, "--speed", "fast"], "invalid value for '--speed'"),
    "a port that does not exist": (["up", "--vehicle", OUTLANDER, "--grpc-port", "65536"], "--grpc-port", "65535"),
    "a server that does not answer": (
        ["get", "Vehicle.Speed", "--port", "1"], "no KUKSA server answers at 127.0.0.1:1\n",
    ),
    "watching 0 updates": (["watch", "Vehicle.Speed", "--count", "0"], "--count"),
    "a demo of 0 seconds": (["demo", "--seconds", "0"], "--seconds"),
    "a DBC file that is missing": (["dbc", "nowhere.dbc"], "nowhere.dbc: cannot be read: No such file or directory"),
    "a DBC file without a message": (["dbc", "text.log"], "text.log: expected a DBC file"),
    "a mapping that is missing": (
        ["import", "nowhere.json", "--dbc", "x.dbc", "--vehicle", "acme/two", "--out", "new"], "nowhere.json",
    ),
    "a log to measure that is missing": (
        ["bench", "decode", "nowhere.log", "--vehicle", OUTLANDER], "nowhere.log: cannot be read",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What each command ended with, and what it left in its folder beside the files that it was given."""

    def outcome(case):
        put_wrong_files(folder := tmp_path_factory.mktemp("folder"))
        before = sorted(folder.rglob("*"))
        done = renkei(*BAD_INPUT[case][0], cwd=folder)
        return done, sorted(set(folder.rglob("*")) - set(before))

    with ThreadPoolExecutor(2) as pool:  # starting Python is most of the work
        return dict(zip(BAD_INPUT, pool.map(outcome, BAD_INPUT), strict=True))


@pytest.mark.parametrize("case", BAD_INPUT)
def test_one_line_for(case, outcomes):
    done, left_behind = outcomes[case]
    assert_one_line(done, *BAD_INPUT[case][1:])
    assert left_behind == []


def assert_one_line(done, *told):
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("renkei: ")
    assert done.stderr.count("\n") == 1
    for piece in told:
        assert piece in done.stderr


def test_one_line_for_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        grpc = renkei("up", "--vehicle", f"{OUTLANDER}=none", "--grpc-port", port, "--http-port", "0", "--no-browser")
        http = renkei("up", "--vehicle", f"{OUTLANDER}=none", "--grpc-port", "0", "--http-port", port, "--no-browser")
    assert_one_line(grpc, f"cannot open port {port} on 127.0.0.1: Address already in use")
    assert_one_line(http, str(port), "in use")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the root user")
def test_one_line_for_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o555)
    assert_one_line(renkei(*DECODE, "--out", tmp_path / "o.parquet"), "permission denied")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder here in which nobody can write")
def test_one_line_for_a_folder_that_takes_no_files():
    assert_one_line(renkei(*DECODE, "--out", "/proc/o.parquet"), "/proc/o.parquet: cannot be written")


LIMITED = """
import os, resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
os.execv(sys.argv[2], sys.argv[2:])
"""


def with_files_of_at_most(size, *arguments, cwd):
    """A command whose files hold so many bytes at most; set after the fork, in which nothing else is safe to do."""
    command = [sys.executable, "-c", LIMITED, str(size), *RENKEI, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize("name", ["o.parquet", "o.csv"])
def test_one_line_for_a_disk_that_is_full(name, tmp_path):
    done = with_files_of_at_most(8192, *DECODE, "--out", name, cwd=tmp_path)
    assert_one_line(done, f"{name}: cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_stays_as_it_was_when_the_new_one_cannot_be_written(tmp_path):
    (tmp_path / "o.parquet").write_text("what was here before")
    with_files_of_at_most(8192, *DECODE, "--out", "o.parquet", cwd=tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["o.parquet"]
    assert (tmp_path / "o.parquet").read_text() == "what was here before"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_one_line_where_standard_output_has_no_room():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "renkei", "list", "makers"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "renkei: output cannot be written: No space left on device\n"


def test_text_from_files_cannot_break_the_line(tmp_path):
    """A name or a line of a log with a line break or a control character in it is still told in one line."""
    name = "a\nb\x1b[31m.log"
    assert_one_line(renkei("decode", name, "--vehicle", OUTLANDER, cwd=tmp_path))
    (tmp_path / "x.log").write_bytes(gzip.decompress(DEMO_LOG.read_bytes())[:20_000] + b"(1.0) can0 \x1b[2J#\xff\n")
    done = renkei("decode", "x.log", "--vehicle", OUTLANDER, cwd=tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert json.loads(renkei("decode", "x.log", "--vehicle", OUTLANDER, "--json", cwd=tmp_path).stdout)

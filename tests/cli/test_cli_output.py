"""What commands print for people, and what they do when nobody reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from command import DEMO_LOG, OUTLANDER, RENKEI, ROOT, renkei

from renkei.cli import say

PIPED = {
    "a long list": ["list", "signals"],
    "a short list": ["list", "makers"],
    "a document": ["list", "vehicles", "--json"],
    "a judgement": ["check"],
    "a summary": ["decode", DEMO_LOG, "--vehicle", OUTLANDER],
    "a help": ["decode", "--help"],
}


@pytest.mark.parametrize("case", PIPED)
def test_a_reader_that_goes_away_is_no_error(case):
    command = [*RENKEI, *map(str, PIPED[case])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as writer:
        writer.stdout.close()  # before anything is written
        assert writer.stderr.read() == ""
    assert writer.returncode == 141


def test_a_reader_that_goes_away_after_the_first_line_is_no_error():
    with subprocess.Popen([*RENKEI, "list", "signals"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        assert writer.stdout.readline().split() == [b"signal", b"type", b"datatype", b"unit"]
        writer.stdout.close()
        assert writer.stderr.read() == b""
    assert writer.returncode == 141


def test_a_summary_tells_of_frames_buses_signals_and_troubles(tmp_path):
    done = renkei("decode", DEMO_LOG, "--vehicle", OUTLANDER, "--out", "o.csv", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == f"{OUTLANDER}: 19,698 frames, 15.1% decoded"
    assert lines[1] == f"  {DEMO_LOG}: candump, c-can on can0, ev-can on can1"
    assert lines[2] == "    times count from the log's own start: the log has no date"
    assert lines[3].startswith("  22 signals, ")
    assert lines[3].endswith(" samples over 5.9 s")
    assert lines[-1] == "  written to o.csv"


def test_a_list_is_a_table_with_aligned_columns():
    lines = renkei("list", "vehicles").stdout.splitlines()
    starts = [lines[0].index(column) for column in ("vehicle", "name", "years", "powertrain", "signals")]
    assert lines[0].split() == ["vehicle", "name", "years", "powertrain", "signals"]
    for line in lines[1:]:
        assert all(line[start - 1] == " " != line[start] for start in starts[1:])
        assert line == line.rstrip()


def test_nothing_is_coloured_in_a_pipe():
    for arguments in (["--help"], ["list", "makers"], ["decode", DEMO_LOG, "--vehicle", OUTLANDER]):
        done = renkei(*arguments)
        assert "\x1b" not in done.stdout + done.stderr


ODD = "\x1b[31mred\x9b\u202e\r\n"


def test_no_file_steers_a_terminal(tmp_path):
    leaf = {"type": "attribute", "datatype": "string", "unit": ODD, "default": ODD, "description": ODD}
    (tmp_path / "vss.json").write_text(json.dumps({"A": {"type": "branch", "children": {"B": leaf}}}))
    table = renkei("list", "signals", "--vss", "vss.json", cwd=tmp_path)
    document = renkei("list", "signals", "--vss", "vss.json", "--json", cwd=tmp_path)
    assert table.stdout.splitlines()[1].split() == ["A.B", "attribute", "string", r"\x1b[31mred\x9b\u202e\r\n"]
    for done in (table, document):
        assert all(line.isprintable() for line in done.stdout.splitlines())
    (signal,) = (s for s in json.loads(document.stdout) if s["signal"] == "A.B")
    assert (signal["unit"], signal["default"], signal["description"]) == (ODD, ODD, ODD)


def test_no_name_of_a_file_steers_a_terminal(tmp_path):
    shutil.copytree(ROOT / "tests/fixtures/makers", tmp_path / "makers")
    (tmp_path / f"makers/toyota/{ODD.strip()}").touch()
    done = renkei("check", "--data", tmp_path)
    assert done.returncode == 1
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert r"toyota/\x1b[31mred\x9b\u202e: nothing reads this file" in done.stdout


def test_a_terminal_that_does_not_know_a_character_is_no_error(tmp_path):
    leaf = {"type": "sensor", "datatype": "float", "unit": "Ω"}
    (tmp_path / "vss.json").write_text(json.dumps({"A": {"type": "branch", "children": {"B": leaf}}}))
    done = renkei("list", "signals", "--vss", "vss.json", cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u03a9" in done.stdout


@pytest.mark.parametrize(("wide", "lines"), [(200, 3), (60, 4), (30, 5)])
def test_on_a_narrow_terminal_the_last_column_is_wrapped_and_nothing_is_lost(monkeypatch, capsys, wide, lines):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((wide, 24)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    last = "one two three four five six seven eight nine ten"
    say.table(["id", "what"], [["a-long-identifier", last], ["b", "short"]])
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == lines
    assert all(len(line) <= wide for line in shown.splitlines())
    assert " ".join(shown.split()) == f"id what a-long-identifier {last} b short"

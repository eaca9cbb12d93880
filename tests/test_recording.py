"""Recordings: what the columns hold, in which order, the same from memory and from disk, and no half files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.errors import OutputError
from renkei.recording import SCHEMA, Samples, writable, write
from renkei.samples import Column, Quality

OK, GONE, BAD = Quality.OK, Quality.NOT_AVAILABLE, Quality.INVALID
SPEED, GEAR, CELLS = "Vehicle.Speed", "Vehicle.Gear", "Vehicle.Cells"


def column(t, value, quality=None, texts=None):
    quality = [OK] * len(t) if quality is None else quality
    return Column(0, np.array(t, np.int64), np.array(value, np.float64), np.array(quality, np.int8), texts)


def drive(vehicle="acme/one", **options):
    samples = Samples(vehicle, **options)
    samples.add(SPEED, column([20, 30, 10], [2.0, 0.0, 1.5], [OK, BAD, OK]))
    samples.add(GEAR, column([5, 15], [1, 0], texts=("D", "P")))
    samples.add(SPEED, column([25, 40], [np.nan, -0.0], [GONE, OK]))
    samples.add(GEAR, column([25, 35, 45], [0, 1, 7], [OK, OK, GONE], texts=("N", "P")))
    return samples


ROWS = [
    (GEAR, 5, None, "P", "ok"),
    (GEAR, 15, None, "D", "ok"),
    (GEAR, 25, None, "N", "ok"),
    (GEAR, 35, None, "P", "ok"),
    (GEAR, 45, None, None, "not_available"),
    (SPEED, 10, 1.5, None, "ok"),
    (SPEED, 20, 2.0, None, "ok"),
    (SPEED, 25, None, None, "not_available"),
    (SPEED, 30, None, None, "invalid"),
    (SPEED, 40, -0.0, None, "ok"),
]
COLUMNS = ("signal", "t", "value", "text", "quality")


def rows(table):
    plain = table.set_column(table.schema.get_field_index("t"), "t", table["t"].cast(pa.int64()))
    return [tuple(row[c] for c in COLUMNS) for row in plain.to_pylist()]


def test_sorted_by_signal_and_then_by_time():
    samples = drive()
    assert rows(samples.table()) == ROWS
    assert (samples.count, samples.paths) == (10, [GEAR, SPEED])
    assert samples.table().schema == SCHEMA
    assert set(samples.table()["vehicle"].to_pylist()) == {"acme/one"}


def test_samples_of_one_time_stay_in_the_order_in_which_they_came():
    samples = Samples("acme/one")
    samples.add(SPEED, column([2, 1, 1], [9, 1, 2]))
    samples.add(SPEED, column([1, 0], [3, 0]))
    assert [row[2] for row in rows(samples.table())] == [0, 1, 2, 3, 9]


def test_a_parquet_file_holds_plain_strings_and_nanoseconds(tmp_path):
    file = tmp_path / "drive.parquet"
    write([drive()], file, {"time_base": "utc", "vehicle": "acme/one"})
    table = pq.ParquetFile(file).read()
    assert {f.name: f.type for f in table.schema} == {
        "vehicle": pa.string(), "signal": pa.string(), "t": pa.timestamp("ns", "UTC"), "value": pa.float64(),
        "text": pa.string(), "quality": pa.string(),
    }  # fmt: skip
    assert rows(table) == ROWS
    stated = pq.ParquetFile(file).metadata.metadata
    assert (stated[b"time_base"], stated[b"vehicle"]) == (b"utc", b"acme/one")
    assert [f.name for f in tmp_path.iterdir()] == ["drive.parquet"]


def test_several_vehicles_lie_side_by_side_within_each_signal(tmp_path):
    second = Samples("acme/two")
    second.add(SPEED, column([1], [7]))
    second.add(CELLS, column([1], [0], texts=("[1,2]",)))
    write([drive(), second], tmp_path / "two.parquet", {})
    table = pq.read_table(tmp_path / "two.parquet")
    order = [(row["signal"], row["vehicle"]) for row in table.to_pylist()]
    one, two = "acme/one", "acme/two"
    assert order == [(CELLS, two), *[(GEAR, one)] * 5, *[(SPEED, one)] * 5, (SPEED, two)]
    assert json.loads(table["text"][0].as_py()) == [1, 2]


def test_csv_says_the_same_as_parquet(tmp_path):
    files = [tmp_path / "drive.parquet", tmp_path / "drive.csv"]
    for file in files:
        write([drive()], file, {})
    types = {f.name: pa.string() if pa.types.is_dictionary(f.type) else f.type for f in SCHEMA}
    options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    from_csv = pa.csv.read_csv(files[1], convert_options=options)
    assert from_csv.equals(pq.ParquetFile(files[0]).read().replace_schema_metadata(None))
    lines = files[1].read_text().splitlines()
    assert lines[0] == '"vehicle","signal","t","value","text","quality"'
    assert lines[1] == '"acme/one","Vehicle.Gear",1970-01-01 00:00:00.000000005Z,,"P","ok"'


@pytest.mark.parametrize("name", ["drive.parquet", "drive.csv"])
def test_scratch_files_change_nothing(tmp_path, name):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for folder, options in {"memory": {}, "disk": {"limit": 0, "scratch": scratch}}.items():
        (tmp_path / folder).mkdir()
        samples = drive(**options)
        assert bool(list(scratch.iterdir())) == (folder == "disk")
        write([samples], tmp_path / folder / name, {})
        samples.close()
        assert samples.paths == []
    assert (tmp_path / "disk" / name).read_bytes() == (tmp_path / "memory" / name).read_bytes()
    assert list(scratch.iterdir()) == []


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from([SPEED, GEAR, CELLS]),
        st.lists(
            st.tuples(st.integers(-50, 50), st.integers(0, 2), st.sampled_from([OK, GONE, BAD])), min_size=1, max_size=6
        ),
    ),
    max_size=8,
)


@given(BLOCKS, st.integers(0, 300))
def test_any_samples_come_out_as_they_went_in(blocks, limit):
    texts = {GEAR: ("P", "R", "D"), CELLS: ("[0]", "[1]", "[2]")}
    samples, expected = Samples("acme/one", limit=limit), []
    for path, block in blocks:
        t, value, quality = zip(*block, strict=True)
        samples.add(path, column(t, value, quality, texts.get(path)))
        for time, v, q in block:
            number = float(v) if q == OK and path not in texts else None
            text = texts[path][v] if q == OK and path in texts else None
            expected.append((path, time, number, text, q.label))
    try:
        assert rows(samples.table()) == sorted(expected, key=lambda row: row[:2])
    finally:
        samples.close()


def test_a_value_that_is_no_number_is_kept_where_it_is_ok():
    samples = Samples("acme/one")
    samples.add(SPEED, column([1, 2], [np.inf, np.nan]))
    assert samples.table()["value"].null_count == 0
    assert np.isnan(samples.table()["value"][1].as_py())


def test_no_samples_are_a_file_too(tmp_path):
    for name in ("none.parquet", "none.csv"):
        write([Samples("acme/one")], tmp_path / name, {})
    assert pq.read_table(tmp_path / "none.parquet").shape == (0, 6)
    assert (tmp_path / "none.csv").read_text().splitlines() == ['"vehicle","signal","t","value","text","quality"']


def test_a_file_that_is_there_is_replaced(tmp_path):
    file = tmp_path / "drive.parquet"
    file.write_text("before")
    write([drive()], file, {})
    assert rows(pq.read_table(file)) == ROWS


# --- what cannot be written ------------------------------------------------------------------------------------------

NOT_WRITABLE = {
    "another ending": ("drive.json", "expected a name that ends in .parquet or .csv, got '.json'"),
    "no ending": ("drive", "expected a name that ends in .parquet or .csv, got 'drive'"),
    "an ending alone": (".parquet", "expected a name that ends in .parquet or .csv, got '.parquet'"),
    "a folder": ("folder.csv", "is a folder"),
    "no folder": ("none/drive.csv", "no such folder: "),
    "a file as folder": ("file.txt/drive.csv", "no such folder: "),
}


@pytest.mark.parametrize(("name", "sentence"), NOT_WRITABLE.values(), ids=NOT_WRITABLE)
def test_a_name_that_cannot_be_an_output(tmp_path, name, sentence):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file.txt").touch()
    for attempt in (lambda file: writable(file), lambda file: write([drive()], file, {})):
        with pytest.raises(OutputError) as refused:
            attempt(tmp_path / name)
        assert str(refused.value).startswith(f"{tmp_path / name}: {sentence}")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["file.txt", "folder.csv"]


@pytest.mark.parametrize("name", ["drive.parquet", "drive.csv"])
def test_a_folder_in_which_nobody_may_write(name):
    with pytest.raises(OutputError, match=f"^/proc/{name}: cannot "):
        write([drive()], Path("/proc") / name, {})


FILLS_THE_DISK = """
import resource
import sys
from pathlib import Path
import numpy as np
from renkei.errors import OutputError
from renkei.recording import Samples, write
from renkei.samples import Column
n, limit, file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # bytes a file
noise = np.random.default_rng(1).normal(size=n)
try:
    samples = Samples("acme/one", limit=limit, scratch=file.parent)
    try:
        samples.add("Vehicle.Speed", Column(0, np.arange(n), noise, np.zeros(n, np.int8)))
        write([samples], file, {})
    finally:
        samples.close()
except OutputError as e:
    print(e)
"""


@pytest.mark.parametrize("name", ["drive.parquet", "drive.csv"])
@pytest.mark.parametrize("limit", [0, 1 << 30], ids=["while spilling", "while writing"])
def test_a_disk_that_is_full_leaves_what_was_there(tmp_path, name, limit):
    file = tmp_path / name
    file.write_text("before")
    program = [sys.executable, "-c", FILLS_THE_DISK, "200000", str(limit), str(file)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith(str(tmp_path))
    assert "cannot be written: " in done.stdout
    assert file.read_text() == "before"
    assert [f.name for f in tmp_path.iterdir()] == [name]


def test_samples_that_fail_on_the_way_leave_no_file(tmp_path):
    samples = drive(limit=0, scratch=tmp_path)
    for scratch in Path(tmp_path).glob(".renkei-*/*"):
        scratch.unlink()
        scratch.mkdir()  # what was spilled cannot be read again
    with pytest.raises(OutputError, match=r"drive\.csv: cannot be written: "):
        write([samples], tmp_path / "drive.csv", {})
    samples.close()
    assert list(tmp_path.iterdir()) == []

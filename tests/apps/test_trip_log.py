"""The file of a trip: complete under its name, or not there."""

from __future__ import annotations

import os
import subprocess
import sys

import pyarrow.parquet
import pytest

from renkei.apps.trip_log import run
from renkei.car import Reading
from renkei.errors import DoorError, InputError, OutputError

SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"


class Told:
    """A car that tells these readings, then ends or raises."""

    vehicle = "acme/one"

    def __init__(self, *readings, wrong=None):
        self._readings, self._wrong = readings, wrong

    def has(self, *paths):
        return list(paths)

    lost = 0

    def watch(self, *paths, every=False):
        return self

    def __iter__(self):
        yield from self._readings
        if self._wrong:
            raise self._wrong


def speed(t_s, km_h, quality="ok"):
    return Reading(SPEED, km_h, "km/h", int(t_s * 1e9), quality)


def test_values_texts_lists_and_silence_each_have_their_column(tmp_path):
    car = Told(speed(1, 10.0), Reading(GEAR, "P", None, 2_000_000_000, "ok"), Reading("X", [1, 2], None, 3, "ok"),
               speed(3, None, "not available"), Reading("Y", True, None, 4, "ok"))  # fmt: skip
    (row,) = run(car, tmp_path)
    table = pyarrow.parquet.read_table(row["file"])
    columns = {name: table.column(name).to_pylist() for name in ("value", "text", "quality")}
    assert columns["value"] == [10.0, None, None, None, 1.0]
    assert columns["text"] == [None, "P", "[1, 2]", None, None]
    assert columns["quality"] == ["ok", "ok", "ok", "not_available", "ok"]


def test_a_trip_without_a_value_is_an_empty_file(tmp_path):
    (row,) = run(Told(speed(1, None, "not available")), tmp_path)
    assert (row["samples"], row["begin"], row["top_speed_km_h"]) == (0, None, None)
    assert pyarrow.parquet.read_table(row["file"]).num_rows == 0


def test_what_was_logged_is_kept_when_the_car_is_lost(tmp_path):
    with pytest.raises(DoorError):
        list(run(Told(speed(1, 10.0), wrong=DoorError("gone")), tmp_path))
    assert pyarrow.parquet.read_table(tmp_path / "acme-one.parquet").num_rows == 1


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="acme-one"):
        list(run(Told(), tmp_path / "file"))
    with pytest.raises(InputError, match="expected parquet or csv"):
        list(run(Told(), tmp_path, format="xlsx"))


def test_a_disk_that_is_full_leaves_no_half_file(tmp_path):
    """The limit of the size of a file stands for the disk."""
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_trip_log import Told, speed\n"
        "from renkei.apps.trip_log import run\n"
        "from renkei.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))\n"
        "try: list(run(Told(*(speed(n, float(n * n % 251)) for n in range(50_000))), Path(sys.argv[1])))\n"
        "except OutputError as e: print(e)\n"
    )
    here = os.path.dirname(__file__)
    done = subprocess.run([sys.executable, "-c", code, tmp_path, here], capture_output=True, text=True, timeout=60)
    assert "acme-one.parquet" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []

"""Trip log: every value of a drive in a file, with distance, time and top speed. For any car."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import renkei.car
from renkei.apps.sums import Extent, Integral, rounded
from renkei.errors import InputError, OutputError

SPEED, ODOMETER = "Vehicle.Speed", "Vehicle.TraveledDistance"
REST = (
    ODOMETER,
    "Vehicle.SpeedDisplayed",
    "Vehicle.Chassis.Accelerator.PedalPosition",
    "Vehicle.Chassis.Brake.IsPressed",
    "Vehicle.Chassis.SteeringWheel.Angle",
    "Vehicle.Powertrain.Transmission.SelectedGear",
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    "Vehicle.Exterior.AirTemperature",
)
SCHEMA = pa.schema(
    [
        ("signal", pa.string()),
        ("t", pa.timestamp("ns", "UTC")),
        ("value", pa.float64()),
        ("text", pa.string()),
        ("quality", pa.string()),
    ]
)
"""Columns as `renkei decode` writes them; the vehicle is in the name of the file."""
_BATCH = 20_000


def run(car: renkei.car.Car, out: Path, format: str = "parquet") -> Iterator[Mapping[str, object]]:
    """Log until the car is closed; then one row about the trip. `format`: parquet or csv."""
    if format not in _WRITERS:
        raise InputError(f"format: expected parquet or csv, got '{format}'")
    distance, speeds, odometer = Integral(), Extent(), Extent()
    times: list[int] = []
    with _TripFile(out / f"{(car.vehicle or 'car').replace('/', '-')}.{format}", format) as file:
        watching = car.watch(SPEED, *car.has(*REST), every=True)
        for reading in watching:
            if reading.t_ns is None or (reading.value is None and not times):
                continue
            file.add(reading)
            times = [times[0] if times else reading.t_ns, reading.t_ns]
            if reading.path == SPEED:
                distance.take(reading.t_ns, _number(reading.value))
            if reading.value is not None:
                {SPEED: speeds, ODOMETER: odometer}.get(reading.path, Extent()).take(_number(reading.value) or 0.0)
    yield {
        "file": str(file.path),
        "samples": file.rows,
        "lost": watching.lost,
        "begin": datetime.fromtimestamp(times[0] / 1e9, UTC).isoformat(timespec="seconds") if times else None,
        "time_s": round((times[1] - times[0]) / 1e9, 1) if times else 0.0,
        "distance_km": round(distance.above, 3),
        "odometer_km": None if odometer.lowest is None else round((odometer.highest or 0.0) - odometer.lowest, 3),
        "top_speed_km_h": rounded(speeds.highest, 1),
        "gaps_s": round(distance.gap_s, 1),
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


class _TripFile:
    """Rows that go to a file in batches; the file has its name only when it is complete.

    What was logged before the car was lost is kept; a file that could not be written is not.
    """

    def __init__(self, path: Path, format: str) -> None:
        self.path, self.rows = path, 0
        self._aside = path.with_name(f".{path.name}.part")
        self._waiting: list[renkei.car.Reading] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = _WRITERS[format](self._aside)
        except OSError as e:
            raise OutputError(f"{path}: {e.strerror or e}") from e

    def __enter__(self) -> _TripFile:
        return self

    def __exit__(self, _kind: object, wrong: BaseException | None, _trace: object) -> None:
        if isinstance(wrong, OutputError):
            return self._aside.unlink(missing_ok=True)
        try:
            self._write()
            self._writer.close()
            self._aside.replace(self.path)
        except OSError as e:
            self._aside.unlink(missing_ok=True)
            raise OutputError(f"{self.path}: {e.strerror or e}") from e
        except OutputError:
            self._aside.unlink(missing_ok=True)
            raise

    def add(self, reading: renkei.car.Reading) -> None:
        self.rows += 1
        self._waiting.append(reading)
        if len(self._waiting) >= _BATCH:
            self._write()

    def _write(self) -> None:
        rows = self._waiting
        columns = [
            [r.path for r in rows], [r.t_ns for r in rows], [_number(r.value) for r in rows],
            [_text(r.value) for r in rows], [r.quality.replace(" ", "_") for r in rows],
        ]  # fmt: skip
        arrays = [pa.array(c, field.type) for c, field in zip(columns, SCHEMA, strict=True)]
        try:
            self._writer.write_table(pa.table(arrays, schema=SCHEMA))
        except OSError as e:
            raise OutputError(f"{self.path}: {e.strerror or e}") from e
        self._waiting = []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, list) else None


_WRITERS: Mapping[str, Any] = {
    "parquet": lambda path: pyarrow.parquet.ParquetWriter(path, SCHEMA, compression="zstd"),
    "csv": lambda path: pyarrow.csv.CSVWriter(path, SCHEMA),
}

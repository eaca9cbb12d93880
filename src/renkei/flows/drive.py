"""Drive a car of the catalogue through a cycle, label it, charge it: the simulation tied to facts and files."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renkei.errors import InputError, SimulationError, UnknownName
from renkei.flows.virtual_car import VirtualCar, path_of
from renkei.sim.columns import Conditions
from renkei.sim.cycle import Cycle, wrong
from renkei.sim.drive import Columns, Drive, drive, sweep

MPGE_WH_PER_MI = 33705.0
"""Energy of a US gallon of gasoline, 40 CFR 600.002."""
KM_PER_MI = 1.609344

_TIME = {"time_s": 1.0, "t": 1.0, "time": 1.0, "cycSecs": 1.0, "time_seconds": 1.0, "seconds": 1.0}
_SPEED = {
    "speed_m_s": 1.0, "speed_mps": 1.0, "cycMps": 1.0, "mps": 1.0, "speed_km_h": 1 / 3.6, "speed_kmh": 1 / 3.6,
    "speed_kph": 1 / 3.6, "speed_mph": 0.44704, "mph": 0.44704, "speed_meters_per_second": 1.0,
}  # fmt: skip


class CycleFacts(NamedTuple):
    """A cycle that is carried; `authority` laid it down."""

    cycle: str
    name: str
    authority: str
    duration_s: int
    distance_km: float


@cache
def cycles() -> Mapping[str, CycleFacts]:
    """The drive cycles that are carried, by name."""
    text = (files("renkei") / "data/cycles/index.csv").read_text(encoding="utf-8")
    return {
        row["cycle"]: CycleFacts(
            row["cycle"], row["name"], row["authority"], int(row["duration_s"]), float(row["distance_km"])
        )
        for row in csv.DictReader(text.splitlines())
    }


def read_cycle(name: str) -> Cycle:
    """A cycle that is carried, by name, or one from a CSV file with a column of time and one of speed.

    Raises UnknownName, InputError, SimulationError.
    """
    if name in cycles():
        with (files("renkei") / f"data/cycles/{name}.csv").open(encoding="utf-8") as carried:
            table = np.loadtxt(carried, delimiter=",", skiprows=1)
        return Cycle(name, table[:, 0], table[:, 1])
    file = Path(name)
    if file.is_file():
        return _read_file(file)
    if name and (file.suffix or file.is_dir()):
        raise InputError(f"{name}: expected a CSV file with time_s and speed_m_s, got {_there_is(file)}")
    raise UnknownName("cycle", name, cycles(), "(or name a CSV file with time_s and speed_m_s)")


def _there_is(file: Path) -> str:
    return "a folder" if file.is_dir() else "none: there is no such file"


def _read_file(file: Path) -> Cycle:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise InputError(f"{file}: expected text in UTF-8, got bytes that are none") from e
    except OSError as e:
        raise InputError(f"{file}: cannot be read: {e.strerror or e}") from e
    rows = list(csv.reader(text.splitlines()))
    header = [name.strip() for name in rows[0]] if rows else []
    time = next((i for i, name in enumerate(header) if name in _TIME), None)
    speed = next((i for i, name in enumerate(header) if name in _SPEED), None)
    if time is None or speed is None:
        got = ",".join(header)[:80]
        raise InputError(f"{file}: header: expected time_s and speed_m_s (or speed_km_h, speed_mph), got {got!r}")
    times, speeds, lines = [], [], []
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            times.append(float(row[time]))
            speeds.append(float(row[speed]) * _SPEED[header[speed]])
        except (ValueError, IndexError):
            raise InputError(f"{file}: line {line}: expected two numbers, got {','.join(row)[:60]!r}") from None
        lines.append(line)
    time_s, speed_m_s = np.array(times), np.array(speeds)
    if (bad := wrong(time_s, speed_m_s)) is not None:
        place = "" if bad.row is None else f" line {lines[bad.row]}:"
        of_time = bad.key == "time_s"
        got = bad.got if bad.value is None or of_time else f"{bad.value / _SPEED[header[speed]]:g}"
        raise InputError(f"{file}:{place} {header[time if of_time else speed]}: expected {bad.expected}, got {got}")
    return Cycle(str(file), time_s, speed_m_s)


class Driven(NamedTuple):
    """A drive with what it rests on."""

    built: VirtualCar
    cycle: Cycle
    drive: Drive

    def as_json(self) -> dict[str, Any]:
        m = self.drive.measures
        km = m["distance_km"]
        return {
            "vehicle": self.built.vehicle.id,
            "battery": self.built.parts["battery"].id,
            "e_axle": self.built.parts["e-axle"].id,
            "cycle": self.cycle.name,
            "distance_km": m["distance_km"],
            "time_s": m["time_s"],
            "wall_wh_per_km": _number(m["wall_wh_per_km"]),
            "dc_wh_per_km": _number(m["dc_wh_per_km"]),
            "range_km": _number(m["range_km"]),
            "net_wh": m["dc_wh"],
            "regenerated_wh": m["regenerated_wh"],
            "wall_wh": m["wall_wh"],
            "losses_wh": losses(self.drive),
            "lowest_voltage_v": m["lowest_v"],
            "highest_voltage_v": m["highest_v"],
            "highest_discharge_current_a": m["highest_discharge_a"],
            "highest_charge_current_a": m["highest_charge_a"],
            "highest_temperature_c": m["highest_c"],
            "soc_start": m["start_soc"],
            "soc_end": m["end_soc"],
            "followed": self.drive.followed,
            "behind_s": m["behind_s"],
            "behind_at_s": _number(m["behind_at_s"]),
            "missed_m": m["missed_m"],
            "ran_empty": self.drive.ran_empty,
            "limits": [limit._asdict() for limit in self.drive.limits],
            "first_limit": self.drive.first_limit,
            "assumptions": [assumed._asdict() for assumed in self.built.assumed],
            "violations": [violated._asdict() for violated in self.built.violated],
            "wheel_wh_per_km": (m["driven_wh"] - m["braked_wh"] - m["friction_wh"]) / km if km else None,
        }


def losses(driven: Drive) -> dict[str, float]:
    """Where the energy went, in Wh; `charger` holds also what the car draws while it charges."""
    m = driven.measures
    return {
        "road": m["road_wh"],
        "friction_brakes": m["friction_wh"],
        "e_axle": m["axle_loss_wh"],
        "auxiliary": m["auxiliary_wh"],
        "battery": m["resistance_loss_wh"],
        "battery_charging": m["charging_resistance_loss_wh"],
        "charger": max(0.0, m["wall_wh"] - m["chemical_wh"] - m["charging_resistance_loss_wh"]),
    }


def drive_vehicle(
    built: VirtualCar, cycle: Cycle, conditions: Conditions, *, until_empty: bool = False, trace: bool = False
) -> Driven:
    """Drive a virtual car of the catalogue. Raises SimulationError."""
    try:
        return Driven(built, cycle, drive(built.car, cycle, conditions, until_empty=until_empty, trace=trace))
    except SimulationError as e:
        if (e.what, e.key) == ("conditions", "air_c"):  # users know it as another
            raise SimulationError(e.what, "ambient_c", expected=e.expected, got=e.got) from None
        raise


def sweep_vehicle(
    built: VirtualCar, cycle: Cycle, changes: Mapping[str, Iterable[float]], conditions: Conditions, *,
    until_empty: bool = False,
) -> Columns:  # fmt: skip
    """Drive a virtual car of the catalogue with columns of numbers in the places of its own."""
    columns, names = {}, {}
    for key, given in changes.items():
        path, factor = ("air_c", 1.0) if key == "ambient_c" else (key, 1.0)
        if path not in Conditions._fields:
            path, factor = path_of(key, built.car)
        names[path.rsplit(".", 1)[-1]] = key
        columns[path] = np.asarray(list(given) if not isinstance(given, np.ndarray) else given, np.float64) * factor
    try:
        return sweep(built.car, cycle, columns, conditions, until_empty=until_empty)
    except SimulationError as e:  # told by the name that the caller gave the column
        if not (named := [names[part] for part in e.key.split(", ") if part in names]):
            raise
        raise InputError(f"{', '.join(named)}: expected {e.expected}, got {e.got}") from None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

"""Drive virtual cars: one with its trace, or many as columns. The same kernel does both."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from renkei.errors import SimulationError, UnknownName
from renkei.sim.batch import drive_all
from renkei.sim.car import Car
from renkei.sim.columns import LIMITS, RESULT, TRACE, Conditions, Tables, fill, possible, rows_of
from renkei.sim.cycle import STEP_S, Cycle
from renkei.sim.eaxle import LossMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

Columns = dict[str, "NDArray[np.float64]"]

BLOCK = 65_536
"""Cars that are driven at once in a sweep; what the kernel gives of them takes 40 MB."""


class Limit(NamedTuple):
    """How long a limit bound in all, and when first."""

    limit: str
    time_s: float
    first_s: float


@dataclasses.dataclass(frozen=True)
class Drive:
    """What came of one drive. `trace`: columns of TRACE, or empty. `measures`: see `measures`."""

    measures: Mapping[str, float]
    limits: tuple[Limit, ...]
    followed: bool
    ran_empty: bool
    trace: Mapping[str, NDArray[np.float64]]

    @property
    def first_limit(self) -> str | None:
        """The limit that bound first."""
        return min(self.limits, key=lambda limit: limit.first_s).limit if self.limits else None


def drive(
    car: Car, cycle: Cycle, conditions: Conditions | None = None, *, until_empty: bool = False, trace: bool = False,
    step_s: float = STEP_S,
) -> Drive:  # fmt: skip
    """Drive one car through a cycle, or again and again `until_empty`. Raises SimulationError."""
    from renkei.sim import kernel

    conditions = _fair(conditions or Conditions())
    rows, tables = rows_of([car], conditions, step_s)
    asked = cycle.stepped(step_s)
    results = _results(1)
    rows_kept = len(asked) - 1
    if trace and until_empty:
        rows_kept = _longest(car, cycle, conditions, step_s)
    kept = np.empty((rows_kept if trace else 0, len(TRACE)))
    filled = kernel.drive_one(rows, *tables, asked, step_s, until_empty, results, kept)
    result = results[0]
    if result["empty"] and result["distance_m"] == 0:
        got = f"{conditions.soc:g} at {conditions.air_c:g} Celsius"
        expected = f"enough charge for the first metre and for {car.auxiliary_w:g} W beside driving"
        raise SimulationError("conditions", "soc", expected=expected, got=got)
    limits = tuple(
        Limit(name, float(result["limit_s"][i]), float(result["limit_at_s"][i]))
        for i, name in enumerate(LIMITS)
        if result["limit_s"][i] > 0
    )
    return Drive(
        {name: float(column[0]) for name, column in measures(results, rows, tables, [car]).items()},
        limits,
        followed=bool(result["behind_s"] == 0 and (until_empty or not result["empty"])),
        ran_empty=bool(result["empty"]),
        trace={name: kept[:filled, i] for i, name in enumerate(TRACE)} if trace else {},
    )


def drive_many(cars: Sequence[Car], cycle: Cycle, conditions: Conditions | None = None, *, until_empty: bool = False,
               step_s: float = STEP_S) -> Columns:  # fmt: skip
    """Drive several cars through a cycle on all cores; columns of `measures`, one value a car."""
    conditions = _fair(conditions or Conditions())
    rows, tables = rows_of(cars, conditions, step_s)
    return _driven(rows, tables, cars, cycle, until_empty, step_s)


def sweep(
    car: Car, cycle: Cycle, changes: Mapping[str, Sequence[float] | NDArray[np.float64]],
    conditions: Conditions | None = None, *, until_empty: bool = False, step_s: float = STEP_S,
) -> Columns:  # fmt: skip
    """Drive one car with numbers changed, such as `road.test_mass_kg`, `pack.parallel` or `air_c`; columns in and out.

    All columns of `changes` have the same length. Raises SimulationError, UnknownName.
    """
    conditions = _fair(conditions or Conditions())
    columns = {key: np.asarray(column, np.float64).ravel() for key, column in changes.items()}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise SimulationError("sweep", "changes", expected="columns of one length", got=f"lengths {sorted(lengths)}")
    for end in (np.min, np.max):
        ends = {key: float(end(column)) for key, column in columns.items()}
        changed(car, {k: v for k, v in ends.items() if k not in Conditions._fields})
        _fair(conditions._replace(**{k: v for k, v in ends.items() if k in Conditions._fields}))
    first, tables = rows_of([car], conditions, step_s)
    parts = []
    for start in range(0, lengths.pop(), BLOCK):
        part = {key: column[start : start + BLOCK] for key, column in columns.items()}
        rows = np.repeat(first, len(next(iter(part.values()))))
        shape, given = _shape(car), SimpleNamespace(**conditions._asdict())

        for key, column in part.items():
            *path, last = key.split(".")
            setattr(given if key in Conditions._fields else _at(shape, path), last, column)
        fill(rows, shape, given, step_s)
        parts.append(_driven(rows, tables, [shape], cycle, until_empty, step_s))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def changed(car: Car, changes: Mapping[str, float]) -> Car:
    """The car with numbers changed, each by its path: `road.test_mass_kg`. Raises UnknownName, SimulationError."""
    for key, value in changes.items():
        known = keys(car)
        if key not in known:
            raise UnknownName("quantity", key, known)
        car = _with(car, key.split("."), value)
    return car


def keys(noun: Any, prefix: str = "") -> list[str]:
    """Paths of all plain numbers of a car."""
    found = []
    for field in dataclasses.fields(noun):
        value = getattr(noun, field.name)
        if isinstance(value, int | float):
            found.append(prefix + field.name)
        elif dataclasses.is_dataclass(value):
            found += keys(value, f"{prefix}{field.name}.")
    return found


def _with(noun: Any, path: Sequence[str], value: float) -> Any:
    if len(path) == 1:
        return dataclasses.replace(noun, **{path[0]: value})
    return dataclasses.replace(noun, **{path[0]: _with(getattr(noun, path[0]), path[1:], value)})


def _at(shape: Any, path: Sequence[str]) -> Any:
    for name in path:
        shape = getattr(shape, name)
    return shape


def _shape(noun: Any) -> Any:
    """The noun as a tree in which columns may take the places of numbers; a loss map stays itself."""
    if not dataclasses.is_dataclass(noun) or isinstance(noun, LossMap):
        return noun
    return SimpleNamespace(**{f.name: _shape(getattr(noun, f.name)) for f in dataclasses.fields(noun)})


def _fair(conditions: Conditions) -> Conditions:
    possible(conditions)
    if conditions.soc == 0:
        raise SimulationError("conditions", "soc", expected="more than 0: an empty battery drives nothing", got=0)
    return conditions


def _results(n: int) -> NDArray[np.void]:
    results = np.zeros(n, RESULT)
    results["limit_at_s"] = math.nan
    return results


def _longest(car: Car, cycle: Cycle, conditions: Conditions, step_s: float) -> int:
    """Rows that a trace until empty needs: driven once without it."""
    once = drive(car, cycle, conditions, until_empty=True, step_s=step_s)
    return round(once.measures["time_s"] / step_s) + 1


def _driven(rows: NDArray[np.void], tables: Tables, cars: Sequence[Any], cycle: Cycle, until_empty: bool,
            step_s: float) -> Columns:  # fmt: skip
    results = _results(len(rows))
    drive_all(rows, *tables, cycle.stepped(step_s), step_s, until_empty, results)
    return measures(results, rows, tables, cars)


def measures(results: NDArray[np.void], rows: NDArray[np.void], tables: Tables, cars: Sequence[Any]) -> Columns:
    """What users ask for, of what the kernel gives. Energies in Wh; NaN for each km of a car that did not move.

    `chemical_wh` left the cells' chemistry; `dc_wh` is net at the pack's terminals. `wall_wh` is what a charger takes
    from the wall to bring the charge back: what left the cells and what their resistance takes at charging current,
    over the charger's efficiency. `range_km` is the usable energy over what
    left the chemistry for each km, or the distance driven where the battery ran empty.
    """
    km = np.where(results["distance_m"] > 0, results["distance_m"] / 1000, math.nan)
    charger_w = _column(cars, "charger_w", len(rows))
    beside = _column(cars, "charging_auxiliary_w", len(rows)) / charger_w
    efficiency = _column(cars, "charger_efficiency", len(rows)) * (1 - beside)
    chemical = results["chemical_j"]
    charging_loss = _charging_loss(rows, tables, charger_w * efficiency)
    wall = np.where(chemical > 0, chemical * (1 + charging_loss), 0.0) / efficiency
    usable = rows["usable_to"] - rows["usable_from"]
    whole = km * _usable_j(rows, tables) / np.where(chemical > 0, chemical, math.nan)
    dc = results["discharged_j"] - results["regenerated_j"]
    columns = {
        "distance_km": results["distance_m"] / 1000,
        "time_s": results["time_s"],
        "wall_wh_per_km": wall / 3600 / km,
        "dc_wh_per_km": dc / 3600 / km,
        "range_km": np.where(results["empty"] == 1, results["distance_m"] / 1000, whole),
        "wall_wh": wall / 3600,
        "dc_wh": dc / 3600,
        "charging_resistance_loss_wh": chemical * charging_loss / 3600,
    }
    for name in results.dtype.names or ():
        if name.endswith("_j"):
            columns[name[:-2] + "_wh"] = results[name] / 3600
        elif name not in ("limit_s", "limit_at_s", "empty", "distance_m", "time_s"):
            columns[name] = results[name]
    columns["start_soc"] = (results["start_soc"] - rows["usable_from"]) / usable
    columns["end_soc"] = (results["end_soc"] - rows["usable_from"]) / usable
    return columns


def _column(cars: Sequence[Any], key: str, n: int) -> NDArray[np.float64]:
    values = np.array([getattr(car, key) for car in cars], np.float64).ravel()
    return np.broadcast_to(values, n) if len(values) == 1 else values


def _charging_loss(rows: NDArray[np.void], tables: Tables, charge_w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the cells' energy that their resistance takes when charged at a power, at half charge and 25 Celsius."""
    battery = rows["battery"]
    middle = tables.circuit.shape[2] // 2
    warm = round(55 / 100 * (tables.circuit.shape[1] - 1))
    ohm = tables.circuit[battery, warm, middle, :3].sum(axis=-1) * rows["resistance_factor"] + rows["joints_ohm"]
    volts = tables.ocv_v[battery, tables.ocv_v.shape[1] // 2]
    return np.asarray(charge_w / rows["cells"] / volts * ohm / volts)


def _usable_j(rows: NDArray[np.void], tables: Tables) -> NDArray[np.float64]:
    """Energy of the usable charge at no current."""
    knots = np.linspace(0, 1, tables.ocv_v.shape[1])
    steps = (tables.ocv_v[:, 1:] + tables.ocv_v[:, :-1]) / 2 * np.diff(knots)
    summed = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    volts = np.empty(len(rows))
    for battery in range(len(summed)):
        of = rows["battery"] == battery
        ends = (np.interp(rows[key][of], knots, summed[battery]) for key in ("usable_to", "usable_from"))
        volts[of] = next(ends) - next(ends)
    return np.asarray(volts * rows["capacity_as"] * rows["cells"])

"""Simulated energy from the wall against the public dynamometer tests, car by car.

    python benchmarks/sim_truth.py               the table, as Markdown
    python benchmarks/sim_truth.py --calibrate   find the constants of all cars from half of them, judge the others
    python benchmarks/sim_truth.py --cross       find them from all makers but one, judge that one; for each maker
    python benchmarks/sim_truth.py --classes     the same by class of car: no car like those that are judged was seen
    python benchmarks/sim_truth.py --write       docs/simulation-truth.md, with FASTSim 3 beside where it has the car

Each configuration (one car, one road load) is driven through UDDS and HWFET with the test's own mass and A, B, C,
and compared with the mean of its tests. Cars of the catalogue are driven with their own parts, others with assumptions.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renkei.catalogue import Catalogue
from renkei.facts import Fact
from renkei.flows.assumed import Known
from renkei.flows.drive import read_cycle
from renkei.flows.virtual_car import assembled, virtual_car
from renkei.parts import Part
from renkei.sim.batch import drive_all
from renkei.sim.car import Car
from renkei.sim.columns import RESULT, Conditions, rows_of
from renkei.sim.cycle import STEP_S
from renkei.sim.drive import measures

DATA = Path(__file__).parent / "data"
CYCLES = ("udds", "hwfet")
MILE_KM, LB_KG, LBF_N, MPH = 1.609344, 0.45359237, 4.4482216, 0.44704
CONDITIONS = Conditions(soc=0.9)
LEAST_HP, MOST_HP = 50, 2000
"""Outside of these the listed power is a placeholder, or not the peak."""
W_PER_KG, KWH_PER_KG = 75.0, 0.025
"""Of a car of which neither is listed: power and battery for its test mass."""
GROUPS = {
    "LEXUS": "TOYOTA", "SUBARU": "TOYOTA", "POLESTAR 2": "POLESTAR", "POLESTAR2 DUAL MOTOR": "POLESTAR",
    "GENESIS": "HYUNDAI", "2022": "LUCID", "2023": "LUCID",
}  # fmt: skip
"""Makes of one group are judged together; the rows of Lucid carry a year as make."""


class Tested(NamedTuple):
    """One configuration: means of its tests in Wh/mile by cycle, NaN where there is none."""

    group: str
    name: str
    year: int
    vehicle: str | None
    machine: str
    measured: tuple[float, float]
    car: Car
    held_out: bool


def main() -> None:
    cars = tested(Catalogue())
    if "--calibrate" in sys.argv:
        return _calibrate(cars)
    if "--cross" in sys.argv:
        _crossed(cars, np.array([t.group for t in cars]))
        return None
    if "--classes" in sys.argv:
        _crossed(cars, np.array([class_of(t) for t in cars]))
        return None
    lines = list(report(cars, with_cross="--write" in sys.argv))
    if "--write" in sys.argv:
        out = Path(__file__).parents[1] / "docs" / "simulation-truth.md"
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    return None


def tested(catalogue: Catalogue) -> list[Tested]:
    """Every configuration that is not left out, with its virtual car."""
    known_cars = list(csv.DictReader((DATA / "epa_cars.csv").read_text(encoding="utf-8").splitlines()))
    tests: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    first: dict[tuple[str, ...], dict[str, str]] = {}
    for row in csv.DictReader((DATA / "epa_bev_dyno_tests.csv").read_text(encoding="utf-8").splitlines()):
        keys = ("make", "test_vehicle_id", "etw_lb", "A_lbf", "B_lbf_per_mph", "C_lbf_per_mph2")
        key = tuple(row[k] for k in keys)
        tests[key][row["cycle"]].append(float(row["wall_Wh_per_mi"]))
        first.setdefault(key, row)
    found = []
    for key, row in first.items():
        about = _about(row, known_cars)
        if about.get("left_out"):
            continue
        means = tuple(float(np.mean(tests[key][c])) if c in tests[key] else np.nan for c in ("UDDS", "HWFET"))
        held = int(hashlib.sha256((row["make"] + row["test_vehicle_id"]).encode()).hexdigest(), 16) % 2 == 1
        vehicle, machine = about.get("vehicle") or None, about.get("machine") or "permanent-magnet"
        car = _of_catalogue(catalogue, vehicle, row) if vehicle else _of_row(catalogue, row, machine, about.get("axle"))
        group = GROUPS.get(row["make"], row["make"])
        name = f"{row['model']} ({row['test_vehicle_id']})"
        found.append(Tested(group, name, int(row["model_year"]), vehicle, machine, means, car, held))  # type: ignore[arg-type]
    return sorted(found, key=lambda t: (t.group, t.year, t.name))


def _about(row: Mapping[str, str], known_cars: list[dict[str, str]]) -> dict[str, str]:
    for known in known_cars:
        wanted, _, year = known["test_vehicle_id"].partition("@")
        fits = known["make"] == row["make"] and known["model_contains"].lower() in row["model"].lower()
        if fits and wanted in ("", row["test_vehicle_id"]) and year in ("", row["model_year"]):
            return known
    return {}


def _road(row: Mapping[str, str]) -> dict[str, float]:
    return {
        "test_mass": float(row["etw_lb"]) * LB_KG,
        "road_load_a": float(row["A_lbf"]) * LBF_N,
        "road_load_b": float(row["B_lbf_per_mph"]) * LBF_N / MPH,
        "road_load_c": float(row["C_lbf_per_mph2"]) * LBF_N / MPH**2,
    }


def _of_catalogue(catalogue: Catalogue, vehicle: str, row: Mapping[str, str]) -> Car:
    return virtual_car(catalogue, vehicle, changes={k: repr(v) for k, v in _road(row).items()}).car


def _of_row(catalogue: Catalogue, row: Mapping[str, str], machine: str, axle: str | None) -> Car:
    """A car of which only the row is known, and what machine it has; `axle` where the row is wrong about it."""
    road, hp = _road(row), float(row["rated_hp"])
    power_kw = hp * 0.7457 if LEAST_HP <= hp < MOST_HP else road["test_mass"] * W_PER_KG / 1000
    listed = "both" if "2-Wheel" not in row["drive"] else "rear" if "Rear" in row["drive"] else "front"
    vehicle = replace(
        catalogue.vehicle(catalogue.vehicles[0]),
        id="tested",
        slots={},
        facts=_facts(driven_axle=axle or listed, **road),
    )
    parts = {
        "battery": _part("battery-pack", energy_gross=road["test_mass"] * KWH_PER_KG),
        "e-axle": _part("e-axle", power_peak=power_kw, machine=machine),
    }
    return assembled(vehicle, parts, Known(catalogue, {}))


def _facts(**values: Any) -> dict[str, Fact]:
    return {key: Fact(value, ("epa",), "published") for key, value in values.items()}


def _part(kind: str, **values: Any) -> Part:
    return Part("tested", kind, "as tested", "tested", Path(), _facts(**values))


class Bench:
    """All cars as rows of the kernel; constants can be changed in place and all cars driven at once."""

    def __init__(self, cars: list[Tested]) -> None:
        self.cars = [t.car for t in cars]
        self.rows, self.tables = rows_of(self.cars, CONDITIONS, STEP_S)
        self.measured = np.array([t.measured for t in cars])
        self.machine = np.array([t.machine for t in cars])
        shares = np.array([c.braking.share for c in self.cars])
        self.shares = {axle: shares == value for axle, value in _braking_shares().items()}
        self.speeds = [read_cycle(name).stepped() for name in CYCLES]

    def simulated(self, constants: Mapping[str, float] | None = None) -> np.ndarray:
        """Wh/mile from the wall, [car, cycle]."""
        rows = self.rows.copy()
        given = dict(constants or {})
        defaults = _constants()
        for key, column in (("loss_of_power", "loss_fv"), ("loss_at_peak_torque", "loss_f2")):
            rows[column] *= given.get(key, defaults[key]) / defaults[key]
        for machine in ("permanent-magnet", "induction", "wound-rotor"):
            if (key := f"loss_standing_{machine}") in given:
                of = self.machine == machine
                rows["loss_0"][of] = given[key] * rows["peak_w"][of]
        rows["auxiliary_w"] = given.get("auxiliary_power", rows["auxiliary_w"])
        for axle, of in self.shares.items():
            rows["brake_share"][of] = given.get(f"braking_share_{axle}", rows["brake_share"][of])
        out = np.empty((len(rows), len(CYCLES)))
        for i, speeds in enumerate(self.speeds):
            results = np.zeros(len(rows), RESULT)
            drive_all(rows, *self.tables, speeds, STEP_S, False, results)
            out[:, i] = measures(results, rows, self.tables, self.cars)["wall_wh_per_km"] * MILE_KM
        return out

    def errors(self, constants: Mapping[str, float] | None = None) -> np.ndarray:
        return self.simulated(constants) / self.measured - 1


CALIBRATED = {
    "auxiliary_power": (200.0, 400.0),
    "loss_of_power": (0.0, 0.1),
    "loss_at_peak_torque": (0.02, 0.2),
    "loss_standing_permanent-magnet": (0.0, 0.005),
    "loss_standing_induction": (0.0, 0.02),
    "loss_standing_wound-rotor": (0.0, 0.02),
    "braking_share_front": (0.6, 0.98),
    "braking_share_rear": (0.6, 0.98),
    "braking_share_both": (0.6, 0.98),
}
"""The constants that are found from tests, and within which bounds."""


def _constants() -> dict[str, float]:
    assumptions = Catalogue().assumptions
    return {key: float(assumptions[key].value) for key in CALIBRATED}  # type: ignore[arg-type]


def _braking_shares() -> dict[str, float]:
    return {
        key.removeprefix("braking_share_"): v for key, v in _constants().items() if key.startswith("braking_share_")
    }


UNKNOWN_BEFORE = {"loss_standing_induction": 0.0003, "loss_standing_wound-rotor": 0.0003}
"""Where a search begins that must not know what the tests of all cars have told."""


def calibrated(bench: Bench, of: np.ndarray, rounds: int = 350) -> dict[str, float]:
    """Constants with the least mean error of the cars `of`; an error counts up to 30 percent: none dominates."""
    keys = list(CALIBRATED)
    low, high = np.array([CALIBRATED[k] for k in keys]).T

    def cost(x: np.ndarray) -> float:
        inside = np.clip(x, low, high)
        error = bench.errors(dict(zip(keys, inside, strict=True)))[of]
        soft = np.sqrt(error[~np.isnan(error)] ** 2 + 0.0002)
        return float(np.mean(np.minimum(soft, 0.3)) + np.sum(abs(x - inside) / (high - low)))

    before = _constants() | UNKNOWN_BEFORE
    start = np.array([before[k] for k in keys])
    best = np.clip(least(cost, start, (high - low) * 0.12, rounds), low, high)
    return dict(zip(keys, map(float, best), strict=True))


def least(cost: Callable[[np.ndarray], float], start: np.ndarray, size: np.ndarray, rounds: int) -> np.ndarray:
    """Where the cost is least, by J. A. Nelder and R. Mead, "A simplex method", Computer Journal 7 (1965) 308-313."""
    simplex = np.array([start, *(start + np.diag(size))])
    costs = np.array([cost(x) for x in simplex])
    for _ in range(rounds):
        order = costs.argsort()
        simplex, costs = simplex[order], costs[order]
        centre = simplex[:-1].mean(axis=0)
        mirrored = 2 * centre - simplex[-1]
        value = cost(mirrored)
        if value < costs[0]:
            further = 3 * centre - 2 * simplex[-1]
            further_value = cost(further)
            better = further_value < value
            simplex[-1], costs[-1] = (further, further_value) if better else (mirrored, value)
        elif value < costs[-2]:
            simplex[-1], costs[-1] = mirrored, value
        else:
            nearer = (centre + simplex[-1]) / 2
            nearer_value = cost(nearer)
            if nearer_value < costs[-1]:
                simplex[-1], costs[-1] = nearer, nearer_value
            else:
                simplex[1:] = (simplex[1:] + simplex[0]) / 2
                costs[1:] = [cost(x) for x in simplex[1:]]
    return simplex[costs.argmin()]


def median(errors: np.ndarray) -> float:
    return float(np.nanmedian(abs(errors)))


def _calibrate(cars: list[Tested]) -> None:
    bench = Bench(cars)
    held = np.array([t.held_out for t in cars])
    constants = calibrated(bench, ~held)
    errors = bench.errors(constants)
    for key, value in constants.items():
        print(f"{key} = {value:.4g}")
    print(f"median error: calibrated half {median(errors[~held]):.1%}, held-out half {median(errors[held]):.1%}")
    errors = bench.errors()
    print(f"as rounded in assumptions.toml: {median(errors[~held]):.1%}, {median(errors[held]):.1%}")


LIGHT_KG, HEAVY_KG = 1800, 2300


def class_of(t: Tested) -> str:
    """The kind of car, by its machine, its driven axle, and for the many with magnets at both axles its mass."""
    if t.machine != "permanent-magnet":
        return t.machine.replace("-", " ")
    axle = next(axle for axle, share in _braking_shares().items() if share == t.car.braking.share)
    kg = t.car.road.test_mass_kg
    size = "light" if kg < LIGHT_KG else "heavy" if kg >= HEAVY_KG else "middling"
    return f"magnets, {axle}" + ("" if axle == "rear" else f", {size}")


def _crossed(cars: list[Tested], groups: np.ndarray) -> np.ndarray:
    """Errors of each group's cars with constants found from the others."""
    bench = Bench(cars)
    errors = np.full(bench.measured.shape, np.nan)
    for group in sorted(set(groups)):
        of = groups == group
        errors[of] = bench.errors(calibrated(bench, ~of, rounds=500))[of]
        print(f"{group}: {median(errors[of]):.1%} over {of.sum()}", file=sys.stderr, flush=True)
    print(f"cross-validated median error: {median(errors):.1%}", file=sys.stderr)
    return errors


def report(cars: list[Tested], *, with_cross: bool) -> list[str]:
    """The page: figures, table, and what remains."""
    bench = Bench(cars)
    simulated = bench.simulated()
    errors = simulated / bench.measured - 1
    named = np.array([t.vehicle is not None for t in cars])
    held = np.array([t.held_out for t in cars])
    peers = _fastsim()
    lines = [
        "# Simulation against dynamometer tests", "",
        "Made by `python benchmarks/sim_truth.py --write`; docs/simulation.md says what is compared and what remains.",
        "Energy from the wall in Wh/mile: mean of the tests of a configuration, and as simulated.",
        "", "| cars | configurations | median error | mean error |", "|---|---|---|---|",
    ]  # fmt: skip
    every = np.ones(len(cars), bool)
    parts = {"of the catalogue": named, "all": every, "calibrated half": ~held, "held-out half": held}
    for name, of in parts.items():
        mean = float(np.nanmean(abs(errors[of])))
        lines.append(f"| {name} | {of.sum()} | {median(errors[of]):.1%} | {mean:.1%} |")
    if with_cross:
        crossed = _crossed(cars, np.array([t.group for t in cars]))
        mean = float(np.nanmean(abs(crossed)))
        lines.append(f"| all, cross-validated by maker | {len(cars)} | {median(crossed):.1%} | {mean:.1%} |")
    lines += _by_class(cars, errors, held, with_cross=with_cross)
    head = "car | machine | UDDS tested | simulated | error | HWFET tested | simulated | error | FASTSim 3"
    lines += ["", f"| {head} |", "|---" * 9 + "|"]
    for i, t in enumerate(cars):
        cells = [f"{t.group.title()} {t.name} {t.year}" + (" *" if t.vehicle else ""), t.machine]
        for j in range(len(CYCLES)):
            missing = np.isnan(bench.measured[i, j])
            cells += ["", f"{simulated[i, j]:.0f}", ""] if missing else [
                f"{bench.measured[i, j]:.0f}", f"{simulated[i, j]:.0f}", f"{errors[i, j]:+.1%}"
            ]  # fmt: skip
        peer = peers.get(t.vehicle or "")
        off = [] if peer is None else [f"{p / m - 1:+.1%}" for p, m in zip(peer, t.measured, strict=True)]
        cells.append(", ".join(off))
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", "\\* a car of the catalogue, driven with its own parts; the others with assumptions alone."]


def _by_class(cars: list[Tested], errors: np.ndarray, held: np.ndarray, *, with_cross: bool) -> list[str]:
    """A table of the classes: the bias of each cycle, and errors where nothing like the car was seen before."""
    classes = np.array([class_of(t) for t in cars])
    unseen = _crossed(cars, classes) if with_cross else np.full(errors.shape, np.nan)
    lines = [
        "", "Light is under 1,800 kg, heavy from 2,300 kg on. The last column judges a class with constants found from",
        "the other classes alone.", "",
        "| class | configurations | UDDS, median | HWFET, median | median error | held-out half | class unseen |",
        "|---" * 7 + "|",
    ]  # fmt: skip
    for name in sorted(set(classes)):
        of = classes == name
        biases = [f"{np.nanmedian(errors[of, j]):+.1%}" for j in range(len(CYCLES))]
        out = f"{median(errors[of & held]):.1%}" if (of & held).any() else ""
        new = f"{median(unseen[of]):.1%}" if with_cross else ""
        lines.append(f"| {name} | {of.sum()} | {biases[0]} | {biases[1]} | {median(errors[of]):.1%} | {out} | {new} |")
    share = _between_makers(cars, errors)
    return [
        *lines,
        "",
        f"Of the mean square error, capped at 30 %, {share:.0%} is what cars of one maker have in common.",
    ]


def _between_makers(cars: list[Tested], errors: np.ndarray) -> float:
    """The part of the mean square error that is the mean error of each maker and cycle, of makers with three cars."""
    soft = np.clip(errors, -0.3, 0.3)
    whole = common = 0.0
    for group in {t.group for t in cars}:
        of = soft[[t.group == group for t in cars]]
        for column in of.T:
            some = column[~np.isnan(column)]
            if len(some) >= 3:
                whole += float(np.sum(some**2))
                common += len(some) * float(np.mean(some)) ** 2
    return common / whole


FASTSIM_CARS = {"nissan/leaf-aze0-30": "2016 Nissan Leaf 30 kWh thrml.yaml"}
"""Cars that FASTSim 3 ships and the list of tests has too."""
FASTSIM_CHARGER = 0.86
"""Charging efficiency that FASTSim's vehicles come with."""


def _fastsim() -> dict[str, tuple[float, ...]]:
    """Wh/mile from the wall by FASTSim 3, its cars as they are shipped; nothing where it is not installed."""
    try:
        import fastsim
    except ImportError:
        return {}
    found = {}
    for vehicle, file in FASTSIM_CARS.items():
        car, energies = fastsim.Vehicle.from_resource(file), []
        for name in CYCLES:
            run = fastsim.SimDrive(car.copy(), fastsim.Cycle.from_resource(f"{name}.csv"))
            run.run() if hasattr(run, "run") else run.walk()
            state = run.to_dict()["veh"]
            joules = state["pt_type"]["BEV"]["res"]["state"]["energy_out_chemical_joules"]
            energies.append(joules / 3600 / (state["state"]["dist_meters"] / 1609.344) / FASTSIM_CHARGER)
        found[vehicle] = tuple(energies)
    return found


if __name__ == "__main__":
    main()

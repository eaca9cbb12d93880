"""How fast this machine drives virtual cars: the figures of `renkei bench sim`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from renkei.flows.drive import read_cycle
from renkei.flows.virtual_car import VirtualCar
from renkei.sim.batch import LEAST, cores, drive_all
from renkei.sim.columns import RESULT, Conditions, rows_of
from renkei.sim.cycle import STEP_S

LEAST_RUNS, LEAST_S, MOST_S = 5, 1.0, 20.0
"""A figure is the best of so many runs at least, in so much time at least, and none begins after so much."""
BLOCK = 65_536


def drive_speed(built: VirtualCar, vehicles: int, cycle: str) -> dict[str, Any]:
    """Simulated seconds for each second of this machine, of cars that differ in mass, drag and auxiliaries."""
    from renkei.sim import warm

    warm.warm()
    asked = read_cycle(cycle)
    speeds = asked.stepped()
    first, tables = rows_of([built.car], Conditions(soc=0.9), STEP_S)
    rows = _varied(first, min(vehicles, BLOCK))
    results = np.zeros(len(rows), RESULT)

    def run() -> None:
        for start in range(0, vehicles, BLOCK):
            n = min(BLOCK, vehicles - start)
            drive_all(rows[:n], *tables, speeds, STEP_S, False, results[:n])

    best, runs, begun = float("inf"), 0, time.perf_counter()
    while runs == 0 or (elapsed := time.perf_counter() - begun) < LEAST_S or (runs < LEAST_RUNS and elapsed < MOST_S):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        runs += 1
    one_s = _one(first, tables, speeds)
    used = min(cores(), max(1, -(-vehicles // LEAST)))
    simulated = vehicles * (len(speeds) - 1) * STEP_S / best
    return {
        "vehicle": built.vehicle.id,
        "cycle": asked.name,
        "vehicles": vehicles,
        "runs": runs,
        "cores": used,
        "seconds": best,
        "simulated_s_per_s": simulated,
        "simulated_s_per_s_per_core": simulated / used,
        "one_car_s": one_s,
        "one_car_simulated_s_per_s": (len(speeds) - 1) * STEP_S / one_s,
    }


def _varied(first: Any, n: int) -> Any:
    """Rows of n cars that differ, always the same ones."""
    random = np.random.default_rng(7)
    rows = np.repeat(first, n)
    for key, spread in (("mass_kg", 0.1), ("c_n_per_m2_s2", 0.1), ("a_n", 0.1), ("auxiliary_w", 0.5)):
        factor = 1 + spread * random.uniform(-1, 1, n)
        rows[key] *= factor
        if key == "mass_kg":
            rows["inertia_kg"] *= factor
    return rows


def _one(first: Any, tables: Any, speeds: Any) -> float:
    """Seconds for one car, one cycle, on one core."""
    from renkei.sim import kernel

    results, best = np.zeros(1, RESULT), float("inf")
    for _ in range(30):
        start = time.perf_counter()
        kernel.drive_one(first, *tables, speeds, STEP_S, False, results, np.empty((0, 17)))
        best = min(best, time.perf_counter() - start)
    return best

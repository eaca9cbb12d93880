"""Virtual cars against FASTSim 3, in the same run on one core each; and the start of `renkei drive`."""

from __future__ import annotations

import time
import warnings
from typing import NamedTuple

import numpy as np

from renkei.catalogue import Catalogue
from renkei.flows.bench_sim import drive_speed
from renkei.flows.virtual_car import virtual_car

VEHICLE, CYCLE, CARS = "nissan/leaf-aze0-30", "udds", 1000
FASTSIM_CAR = "2016 Nissan Leaf 30 kWh thrml.yaml"


class SimSpeed(NamedTuple):
    """`fastsim_s`: seconds for one car and one cycle; NaN where it is not installed."""

    simulated_s_per_s: float
    simulated_s_per_s_per_core: float
    one_car_s: float
    fastsim_s: float
    cycle_s: float


def run() -> SimSpeed:
    """Both on the same car and cycle; FASTSim without its histories, which take time."""
    ours = drive_speed(virtual_car(Catalogue(), VEHICLE), CARS, CYCLE)
    cycle_s = ours["one_car_simulated_s_per_s"] * ours["one_car_s"]
    return SimSpeed(
        ours["simulated_s_per_s"], ours["simulated_s_per_s_per_core"], ours["one_car_s"], fastsim_seconds(), cycle_s
    )


def fastsim_seconds(runs: int = 15) -> float:
    """Seconds of FASTSim's fastest run."""
    try:
        import fastsim
    except ImportError:
        return float(np.nan)
    car, cycle = fastsim.Vehicle.from_resource(FASTSIM_CAR), fastsim.Cycle.from_resource(f"{CYCLE}.csv")
    car.set_save_interval(None)
    best = float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for _ in range(runs):
            drive = fastsim.SimDrive(car.copy(), cycle.copy())
            start = time.perf_counter()
            drive.walk()
            best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    print(run())

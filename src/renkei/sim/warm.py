"""python -m renkei.sim.warm: compile the kernel once, so that no user waits for it."""

from __future__ import annotations

import numpy as np


def warm() -> None:
    """Compile the kernel for one car and for many, or load it from numba's cache."""
    from renkei.sim.columns import (
        CAR,
        CIRCUIT,
        RESULT,
        SOC_KNOTS,
        SPEED_KNOTS,
        SURFACE_C_KNOTS,
        SURFACE_SOC_KNOTS,
        TORQUE_KNOTS,
        TRACE,
        VOLTAGE_KNOTS,
    )
    from renkei.sim.kernel import drive_one, drive_rows

    cars, results = np.ones(1, CAR), np.zeros(1, RESULT)
    cars["map"], cars["battery"], cars["usable_from"] = -1, 0, 2.0
    ocv_v, speeds = np.ones((1, SOC_KNOTS)), np.zeros(2)
    circuit = np.ones((1, SURFACE_C_KNOTS, SURFACE_SOC_KNOTS, CIRCUIT))
    loss_w = np.zeros((1, VOLTAGE_KNOTS, SPEED_KNOTS, TORQUE_KNOTS))
    drive_one(cars, ocv_v, circuit, loss_w, speeds, 1.0, False, results, np.empty((0, len(TRACE))))
    drive_rows(cars, ocv_v, circuit, loss_w, speeds, 1.0, False, results)


if __name__ == "__main__":
    warm()

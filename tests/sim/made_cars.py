"""Cars for tests of the simulation, made by hand: nothing of them comes from the catalogue."""

from __future__ import annotations

import numpy as np

from renkei.sim.battery import Cell, Cooling, Pack, Surface
from renkei.sim.car import Braking, Car, Road
from renkei.sim.cycle import Cycle
from renkei.sim.eaxle import EAxle, LossModel

SOC = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
OCV_V = (3.0, 3.42, 3.52, 3.62, 3.78, 3.95, 4.15)


def cell(**changes) -> Cell:
    values = {
        "capacity_ah": 50.0, "ocv_soc": SOC, "ocv_v": OCV_V, "min_v": 2.6, "max_v": 4.2,
        "r0_ohm": Surface((0.0, 0.3, 1.0), (0.0, 25.0), ((0.004, 0.002, 0.002), (0.002, 0.001, 0.001))),
        "r1_ohm": Surface.flat(0.0006), "tau1_s": 15.0, "r2_ohm": Surface.flat(0.0004), "tau2_s": 300.0,
    }  # fmt: skip
    return Cell(**(values | changes))


def pack(**changes) -> Pack:
    values = {"cell": cell(), "series": 96, "parallel": 2, "cooling": Cooling(2.0e5, 5.0e4, 150.0, 15.0)}
    return Pack(**(values | changes))


def e_axle(**changes) -> EAxle:
    values = {
        "peak_torque_nm": 300.0, "peak_power_w": 100e3, "max_speed_rad_s": 1100.0, "ratio": 8.0,
        "loss": LossModel(constant=0.001, torque2=0.05, torque_speed=0.1, speed=0.002),
    }  # fmt: skip
    return EAxle(**(values | changes))


def car(**changes) -> Car:
    values = {
        "pack": pack(), "e_axle": e_axle(), "road": Road(1600.0, 120.0, 2.0, 0.42, 0.03),
        "braking": Braking(0.95, 2.5, 6.0, 1.5), "tyre_radius_m": 0.31, "auxiliary_w": 300.0,
        "charger_efficiency": 0.9, "charger_w": 6600.0, "charging_auxiliary_w": 200.0,
    }  # fmt: skip
    return Car(**(values | changes))


def hills_of_speed(seconds: int = 600, top_m_s: float = 32.0) -> Cycle:
    """Smooth accelerations and stops."""
    t = np.arange(seconds + 1.0)
    speed = np.maximum(0.0, top_m_s * np.sin(t / 25) * (0.3 + 0.7 * np.abs(np.sin(t / 173 + 0.4))))
    return Cycle("hills of speed", t, speed)


CONSTANT_R = {"r0_ohm": Surface.flat(0.0012), "r1_ohm": Surface.flat(0.0008), "r2_ohm": Surface.flat(0.0006)}
MOVED_MASS_KG = 40.0


def cell_on_wheels() -> Car:
    """One cell that moves a mass without any resistance or loss: its power is that of the mass alone."""
    one = pack(cell=cell(**CONSTANT_R, capacity_ah=10.0), series=1, parallel=1, cooling=Cooling(1e9, 1e9, 0.0, 0.0))
    free = e_axle(loss=LossModel(), peak_torque_nm=1e5, peak_power_w=1e7)
    return car(
        pack=one,
        e_axle=free,
        road=Road(MOVED_MASS_KG, 0.0, 0.0, 0.0),
        braking=Braking(1.0, 9.0, 1e-9, 0.0),
        auxiliary_w=2.0,
    )

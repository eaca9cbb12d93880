"""Energy balances of a trace, told again from its columns: what the kernel adds up is not believed."""

from __future__ import annotations

import numpy as np


def worst_imbalance(trace, car, asked_start_m_s: float, step_s: float = 1.0) -> float:
    """The worst step's missing energy over what flows through it: at the wheels, in the car and in the cells."""
    road, inertia = car.road, car.road.test_mass_kg * (1 + car.road.rotating_share)
    v1 = trace["speed_m_s"]
    v0 = np.concatenate([[asked_start_m_s], v1[:-1]])
    mean = (v0 + v1) / 2
    rolling = np.where(mean > 0, road.a_n + road.b_n_per_m_s * mean + road.c_n_per_m2_s2 * mean**2, 0.0) * mean
    kinetic = inertia * (v1**2 - v0**2) / 2 / step_s
    wheels = imbalance(trace["wheel_w"] - trace["friction_w"], rolling, kinetic)
    inside = imbalance(trace["dc_w"], trace["wheel_w"], trace["axle_loss_w"], np.full(len(v0), car.auxiliary_w))
    terminals = trace["voltage_v"] * trace["current_a"]
    cells = imbalance(trace["chemical_w"], terminals, trace["resistance_loss_w"], trace["stored_w"])
    supplied = imbalance(trace["dc_w"], terminals)
    return max(wheels, inside, cells, supplied)


def imbalance(given, *taken) -> float:
    """The worst of given minus all taken, over the sum of their magnitudes."""
    through = abs(given) + sum(map(abs, taken))
    return float(np.max(abs(given - sum(taken)) / np.maximum(through, 1.0)))

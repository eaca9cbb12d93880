"""What years and kilometres leave of a battery: calendar and cycle ageing of cells with NMC and graphite.

Source: J. Schmalstieg, S. Kabitz, M. Ecker, D. U. Sauer, "A holistic aging model for Li(NiMnCo)O2 based 18650
lithium-ion batteries", J. Power Sources 257 (2014) 325-334, equations 15 to 22; cells of 2.05 Ah.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from renkei.sim.refuse import above_zero, not_negative, share

CELL_AH = 2.05
"""Capacity of the cells of the paper; charge is scaled to it."""
LEAST_RESISTANCE_GROWTH = 1.5e-5
"""For each Ah: what the paper takes where its formula gives less."""


class Use(NamedTuple):
    """How a battery is used: mean voltage of a cell at rest, temperature, depth of its cycles, full cycles a year."""

    mean_v: float
    cell_c: float
    depth: float
    full_cycles_per_year: float


class Age(NamedTuple):
    """`health`: capacity left, 1 when new; `resistance_growth`: 1 when new."""

    health: float
    resistance_growth: float


def age(use: Use, years: float) -> Age:
    """What is left after so many years of use. Raises SimulationError."""
    not_negative("ageing", years=years, full_cycles_per_year=use.full_cycles_per_year)
    above_zero("ageing", mean_v=use.mean_v)
    share("ageing", depth=use.depth)
    kelvin, days = use.cell_c + 273.15, years * 365.25
    charge_ah = 2 * CELL_AH * use.full_cycles_per_year * years
    calendar = max(0.0, 7.543 * use.mean_v - 23.75) * 1e6 * math.exp(-6976 / kelvin)
    calendar_r = max(0.0, 5.270 * use.mean_v - 16.32) * 1e5 * math.exp(-5986 / kelvin)
    cycling = 7.348e-3 * (use.mean_v - 3.667) ** 2 + 7.600e-4 + 4.081e-3 * use.depth
    cycling_r = 2.153e-4 * (use.mean_v - 3.725) ** 2 - 1.521e-5 + 2.798e-4 * use.depth
    lost = calendar * days**0.75 + cycling * math.sqrt(charge_ah)
    grown = calendar_r * days**0.75 + max(LEAST_RESISTANCE_GROWTH, cycling_r) * charge_ah
    return Age(max(0.05, 1 - lost), 1 + grown)

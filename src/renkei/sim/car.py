"""A virtual car: pack, e-axle, road load, brakes and what else draws power; all that the kernel needs of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from renkei.errors import SimulationError
from renkei.sim.battery import Pack
from renkei.sim.eaxle import EAxle
from renkei.sim.refuse import above_zero, not_negative, share

AIR_KG_PER_M3 = 1.189
"""At 20 Celsius and 100 kPa, the reference state of coast-down tests (UN GTR 15, annex 4)."""
GRAVITY_M_S2 = 9.80665
TOP_M_S = 50.0
"""Up to here a road load must hold a car back: one that pushes gives energy from nothing."""
ROAD_LOAD = "a_n, b_n_per_m_s, c_n_per_m2_s2"


@dataclass(frozen=True)
class Road:
    """Resistance on a level road, a_n + b v + c v^2 with v in m/s, as coast-down tests give it.

    `rotating_share`: inertia of wheels and driveline as a share of the mass.
    """

    test_mass_kg: float
    a_n: float
    b_n_per_m_s: float
    c_n_per_m2_s2: float
    rotating_share: float = 0.0

    def __post_init__(self) -> None:
        above_zero("road", test_mass_kg=self.test_mass_kg)
        not_negative("road", rotating_share=self.rotating_share)
        if not (math.isfinite(self.a_n) and math.isfinite(self.b_n_per_m_s) and math.isfinite(self.c_n_per_m2_s2)):
            got = f"{self.a_n:g}, {self.b_n_per_m_s:g}, {self.c_n_per_m2_s2:g}"
            raise SimulationError("road", ROAD_LOAD, expected="finite numbers", got=got)
        least_n, at_m_s = self._least_n()
        if least_n < 0:
            expected = f"a resistance of 0 or more up to {TOP_M_S * 3.6:g} km/h"
            got = f"{least_n:.4g} N at {at_m_s * 3.6:.3g} km/h"
            raise SimulationError("road", ROAD_LOAD, expected=expected, got=got)

    def _least_n(self) -> tuple[float, float]:
        """The least resistance in N between standstill and TOP_M_S, and the speed of it in m/s."""
        a, b, c = self.a_n, self.b_n_per_m_s, self.c_n_per_m2_s2
        lowest = min(max(-b / (2 * c), 0.0), TOP_M_S) if c > 0 else 0.0
        return min((a + (b + c * v) * v, v) for v in (0.0, lowest, TOP_M_S))

    @classmethod
    def of_body(
        cls, mass_kg: float, drag_area_m2: float, rolling: float, rotating_share: float = 0.0,
        air_kg_per_m3: float = AIR_KG_PER_M3,
    ) -> Road:  # fmt: skip
        """From drag coefficient times frontal area, and a rolling coefficient (force over weight)."""
        above_zero("road", mass_kg=mass_kg, drag_area_m2=drag_area_m2, rolling=rolling)
        return cls(mass_kg, rolling * mass_kg * GRAVITY_M_S2, 0.0, air_kg_per_m3 / 2 * drag_area_m2, rotating_share)


@dataclass(frozen=True)
class Braking:
    """How much of braking the e-axle takes; friction brakes take the rest.

    `share` of the braking force at the wheels, up to a deceleration of `max_m_s2` by the e-axle alone, fading to
    nothing from `fade_from_m_s` down to `fade_to_m_s`.
    """

    share: float
    max_m_s2: float
    fade_from_m_s: float
    fade_to_m_s: float

    def __post_init__(self) -> None:
        share("braking", share=self.share)
        not_negative("braking", max_m_s2=self.max_m_s2, fade_to_m_s=self.fade_to_m_s)
        if not self.fade_to_m_s < self.fade_from_m_s:
            got = f"{self.fade_from_m_s:g}"
            raise SimulationError("braking", "fade_from_m_s", expected="more than fade_to_m_s", got=got)


@dataclass(frozen=True)
class Car:
    """All of a virtual car. `auxiliary_w`: what it draws beside driving.

    `charger_efficiency`: DC for AC in the charger. `charger_w`: AC from the wall, of which `charging_auxiliary_w` goes
    into pumps, control and the 12 V side while it charges.
    """

    pack: Pack
    e_axle: EAxle
    road: Road
    braking: Braking
    tyre_radius_m: float
    auxiliary_w: float
    charger_efficiency: float
    charger_w: float = 7000.0
    charging_auxiliary_w: float = 0.0

    def __post_init__(self) -> None:
        above_zero("car", tyre_radius_m=self.tyre_radius_m, charger_efficiency=self.charger_efficiency)
        above_zero("car", charger_w=self.charger_w)
        share("car", charger_efficiency=self.charger_efficiency)
        not_negative("car", auxiliary_w=self.auxiliary_w, charging_auxiliary_w=self.charging_auxiliary_w)
        if self.charging_auxiliary_w >= self.charger_w:
            got = f"{self.charging_auxiliary_w:g}"
            raise SimulationError("car", "charging_auxiliary_w", expected="less than charger_w", got=got)

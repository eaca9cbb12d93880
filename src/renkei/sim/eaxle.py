"""E-axle as a frozen noun: what it can pull and hold back over speed, and what it loses doing so."""

from __future__ import annotations

import math
from dataclasses import dataclass

from renkei.errors import SimulationError
from renkei.sim.refuse import above_zero, not_negative, rising, same_length


@dataclass(frozen=True)
class LossModel:
    """Losses of motor, inverter and gears as a polynomial of torque and speed, for parts without a measured map.

    With t = |torque| / peak torque and n = speed / top speed, the loss is peak power times
    `constant` + `speed` n + `speed2` n^2 + `torque2` t^2 + `torque_speed` t n + `torque2_speed` t^2 n.
    Source of the form, a sum of terms speed^m torque^n: A. Mahmoudi, W. L. Soong, G. Pellegrino, E. Armando, "Loss
    function modeling of efficiency maps of electrical machines", IEEE Trans. Industry Applications 53 (2017) 4221-4231.
    """

    constant: float = 0.0
    speed: float = 0.0
    speed2: float = 0.0
    torque2: float = 0.0
    torque_speed: float = 0.0
    torque2_speed: float = 0.0

    def __post_init__(self) -> None:
        for key in self.__slots__ if hasattr(self, "__slots__") else self.__dict__:
            not_negative("loss model", **{key: getattr(self, key)})


@dataclass(frozen=True)
class LossMap:
    """Measured losses: `loss_w[voltage][speed][torque]`, torque from full braking (negative) to full driving."""

    torque_nm: tuple[float, ...]
    speed_rad_s: tuple[float, ...]
    voltage_v: tuple[float, ...]
    loss_w: tuple[tuple[tuple[float, ...], ...], ...]

    def __post_init__(self) -> None:
        what = "loss map"
        for key in ("torque_nm", "speed_rad_s", "voltage_v"):
            rising(what, key, getattr(self, key))
        same_length(what, "loss_w", self.loss_w, len(self.voltage_v))
        for layer in self.loss_w:
            same_length(what, "rows, one a speed,", layer, len(self.speed_rad_s))
            for row in layer:
                same_length(what, "columns, one a torque,", row, len(self.torque_nm))
                not_negative(what, loss_w=min(row))


@dataclass(frozen=True)
class EAxle:
    """Motor, inverter and gears of one driven axle, at the motor's shaft; it turns `ratio` times for one of the wheel.

    Up to `peak_torque_nm`, up to `peak_power_w`, up to `max_speed_rad_s`. Below `full_power_v` the peak power falls
    in proportion to the voltage; below `min_v` and above `max_v` the e-axle gives nothing.
    """

    peak_torque_nm: float
    peak_power_w: float
    max_speed_rad_s: float
    ratio: float
    loss: LossModel | LossMap
    continuous_torque_nm: float = math.nan
    continuous_power_w: float = math.nan
    min_v: float = 0.0
    full_power_v: float = 0.0
    max_v: float = math.inf
    mass_kg: float = math.nan

    def __post_init__(self) -> None:
        above_zero(
            "e-axle",
            peak_torque_nm=self.peak_torque_nm,
            peak_power_w=self.peak_power_w,
            max_speed_rad_s=self.max_speed_rad_s,
            ratio=self.ratio,
        )
        not_negative("e-axle", min_v=self.min_v, full_power_v=self.full_power_v)
        if self.max_v <= self.min_v:
            got = f"{self.max_v:g}"
            raise SimulationError("e-axle", "max_v", expected=f"more than min_v, {self.min_v:g}", got=got)

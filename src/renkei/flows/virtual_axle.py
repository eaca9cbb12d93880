"""An e-axle of the catalogue becomes one that can be simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

from renkei.errors import CannotTell, InputError
from renkei.flows.assumed import Known
from renkei.parts import Part
from renkei.sim.eaxle import EAxle, LossMap, LossModel
from renkei.vehicle import Vehicle


def e_axle_of(part: Part, vehicle: Vehicle, radius_m: float, known: Known) -> EAxle:
    facts, what = part.facts, part.id
    power_kw = known.fact(facts, "power_peak") or known.fact(vehicle.facts, "rated_power")
    if power_kw is None:
        raise CannotTell(f"{what}: its peak power is unknown; give it with --set power_peak=80")
    power_w = power_kw * 1000
    ratio = known.fact(facts, "ratio") or known.fact(vehicle.facts, "axle_ratio") or known.assume(what, "ratio")
    torque = known.fact(facts, "torque_peak")
    if torque is None and (at_wheels := known.fact(facts, "torque_peak_axle")):
        torque = at_wheels / ratio
    if torque is None:
        base_m_s = known.assume(what, "base_speed") / 3.6
        torque = power_w / base_m_s * radius_m / ratio
    rpm = known.fact(facts, "speed_max")
    top = rpm * math.pi / 30 if rpm else known.of(what, vehicle.facts, "top_speed") / 3.6 / radius_m * ratio
    lowest_v, most_v = known.fact(facts, "dc_voltage_min") or 0.0, known.fact(facts, "dc_voltage_rating") or math.inf
    if most_v <= lowest_v:
        if known.given("dc_voltage_min") is not None:
            raise known.wrong(what, "dc_voltage_min", f"less than dc_voltage_rating, {most_v:g} V", f"{lowest_v:g} V")
        raise known.wrong(what, "dc_voltage_rating", f"more than dc_voltage_min, {lowest_v:g} V", f"{most_v:g} V")
    return EAxle(
        peak_torque_nm=torque,
        peak_power_w=power_w,
        max_speed_rad_s=top,
        ratio=ratio,
        loss=_loss(part, torque, power_w, top, known),
        continuous_torque_nm=known.fact(facts, "torque_continuous") or math.nan,
        continuous_power_w=(known.fact(facts, "power_continuous") or math.nan) * 1000,
        min_v=lowest_v,
        full_power_v=known.fact(facts, "dc_voltage_full_power") or lowest_v,
        max_v=most_v,
        mass_kg=known.fact(facts, "mass") or math.nan,
    )


def together(axles: Sequence[EAxle]) -> EAxle:
    """Several e-axles as one at the wheels, torque shared in proportion to their peaks. Raises InputError for maps."""
    if len(axles) == 1:
        return axles[0]
    power_w, losses = sum(axle.peak_power_w for axle in axles), [axle.loss for axle in axles]
    torque = sum(axle.peak_torque_nm * axle.ratio for axle in axles)
    top = min(axle.max_speed_rad_s / axle.ratio for axle in axles)
    shares = [axle.peak_power_w / power_w for axle in axles]

    def mixed(key: str) -> float:
        if not all(isinstance(loss, LossModel) for loss in losses):
            raise InputError("e-axle: two e-axles of which one has a loss_map cannot be simulated together")
        slower = [top * axle.ratio / axle.max_speed_rad_s for axle in axles]
        power = {"speed": 1, "torque_speed": 1, "torque2_speed": 1, "speed2": 2}.get(key, 0)
        terms = zip(shares, losses, slower, strict=True)
        return float(sum(share * getattr(loss, key) * slow**power for share, loss, slow in terms))

    return EAxle(
        torque, power_w, top, 1.0, LossModel(**{field.name: mixed(field.name) for field in fields(LossModel)}),
        continuous_torque_nm=sum(axle.continuous_torque_nm * axle.ratio for axle in axles),
        continuous_power_w=sum(axle.continuous_power_w for axle in axles),
        min_v=max(axle.min_v for axle in axles),
        full_power_v=max(axle.full_power_v for axle in axles),
        max_v=min(axle.max_v for axle in axles),
        mass_kg=sum(axle.mass_kg for axle in axles),
    )  # fmt: skip


def _loss(part: Part, torque: float, power_w: float, top_rad_s: float, known: Known) -> LossModel | LossMap:
    table = known.fact(part.facts, "loss_map")
    if table is not None:
        return loss_map(table, part.id)
    machine = known.of(part.id, part.facts, "machine")
    of_power = known.assume(part.id, "loss_of_power")
    return LossModel(
        constant=known.assume(part.id, f"loss_standing_{machine}"),
        torque2=known.assume(part.id, "loss_at_peak_torque"),
        torque_speed=of_power * torque * top_rad_s / power_w,
    )


def loss_map(table: Mapping[str, tuple[float, ...]], what: str) -> LossMap:
    """Rows of speed (rpm), torque (Nm), voltage (V) and loss (W) as a full grid; `what` has it. Raises InputError."""
    if min(table["loss"]) < 0:
        raise InputError(f"{what}: loss_map.loss: expected numbers of 0 or more, got {min(table['loss']):g}")
    axes = [sorted(set(table[key])) for key in ("torque", "speed", "voltage")]
    torque, rpm, volts = axes
    found = {
        (v, n, t): w
        for n, t, v, w in zip(table["speed"], table["torque"], table["voltage"], table["loss"], strict=True)
    }
    if len(found) != len(torque) * len(rpm) * len(volts):
        grid = f"{len(torque)} torques, {len(rpm)} speeds and {len(volts)} voltages"
        raise InputError(f"{what}: loss_map: expected one row for each of {grid}, got {len(found)}")
    if torque[0] >= 0:  # one quadrant: braking loses what driving does
        torque = [-t for t in reversed(torque) if t > 0] + torque
    loss = tuple(
        tuple(tuple(found[v, n, abs(t) if (v, n, t) not in found else t] for t in torque) for n in rpm) for v in volts
    )
    return LossMap(tuple(torque), tuple(n * math.pi / 30 for n in rpm), tuple(volts), loss)

"""A synthetic drive in which everything hangs together as physics has it, sent as the frames of a car."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renkei.catalogue import Catalogue
from renkei.flows.plans import plan_of
from renkei.flows.synthesize import Scenario, synthesize, write_candump

SECONDS, STEP_S = 24.0, 0.25
BATTERY, MOTOR = "Vehicle.Powertrain.TractionBattery.", "Vehicle.Powertrain.ElectricMotor."
WHEELS = [f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Speed" for row in (1, 2) for side in ("Left", "Right")]
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
CAPACITY_KWH = 36.0


def drive() -> Scenario:
    """Full power, coasting and braking: 350 V, losses of a tenth, 1.5 kW for the rest of the car."""
    t = np.arange(0, SECONDS, STEP_S)
    torque_nm = np.interp(t, [0, 2, 4, 12, 14, 16, 20, 24], [0, 0, 200, 130, 0, -100, -80, 0])
    speed_km_h = np.interp(t, [0, 2, 14, 16, 24], [0, 0, 110, 108, 20])
    motor_rpm = speed_km_h * 70.5
    motor_w = torque_nm * motor_rpm * np.pi / 30
    out_w = np.where(motor_w > 0, motor_w / 0.9, motor_w * 0.9) + 1500
    voltage_v = 350 - 0.1 * out_w / 350
    current_a = -out_w / voltage_v
    left_kwh = 0.7 * CAPACITY_KWH + np.cumsum(voltage_v * current_a) * STEP_S / 3.6e6
    charge = 100 * left_kwh / CAPACITY_KWH
    fixed = {"NetCapacity": CAPACITY_KWH, "Temperature.Average": 22.0, "Temperature.Max": 24.0, "Temperature.Min": 21.0,
             "CellVoltage.Max": 3.7, "CellVoltage.Min": 3.66}  # fmt: skip
    columns = {
        "Vehicle.Speed": speed_km_h, "Vehicle.SpeedDisplayed": speed_km_h * 1.03,
        **dict.fromkeys(WHEELS, speed_km_h),
        MOTOR + "Torque": torque_nm, MOTOR + "Speed": motor_rpm, MOTOR + "DCLinkVoltage": voltage_v,
        BATTERY + "CurrentVoltage": voltage_v, BATTERY + "CurrentCurrent": current_a,
        BATTERY + "StateOfCharge.Current": charge, BATTERY + "StateOfCharge.Displayed": charge,
        BATTERY + "StateOfCharge.CurrentEnergy": left_kwh,
        **{BATTERY + name: np.full(len(t), value) for name, value in fixed.items()},
    }  # fmt: skip
    values = {path: [float(v) for v in column] for path, column in columns.items()}
    states = {BATTERY + "IsPowerConnected": True, "Vehicle.LowVoltageSystemState": "ON"}
    gear = [126 if v == 0 else 127 for v in speed_km_h]
    held = {**{path: [state] * len(t) for path, state in states.items()}, GEAR: gear}
    return Scenario(t.tolist(), {**values, **held})  # type: ignore[dict-item]


def write_drive(vehicle: str, file: Path) -> Path:
    """The drive as candump."""
    plan = plan_of(Catalogue().vehicle(vehicle).map)
    write_candump(synthesize(plan, drive()), plan, file)
    return file

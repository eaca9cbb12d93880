"""What a virtual car says: its physics and its body as values of VSS signals, each with the unit it is computed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from renkei.sim.car import Car
from renkei.sim.moving import Moment
from renkei.units import conversion
from renkei.vocabulary import Value, Vocabulary

CRUISE_ACTIVE = "Vehicle.ADAS.CruiseControl.IsActive"
CRUISE_SPEED = "Vehicle.ADAS.CruiseControl.SpeedSet"
CHARGING = "Vehicle.Powertrain.TractionBattery.Charging.StartStopCharging"
CHARGE_LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
CABIN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.Temperature"

PARK, DRIVE = 126, 127
_FULL = 0.999


class Wishes(NamedTuple):
    """What apps may set. `cabin_c` None: climate control is off."""

    cruise_active: bool = False
    cruise_km_h: float = 0.0
    charging: bool = False
    charge_limit: float = 1.0
    cabin_c: float | None = None


class State(NamedTuple):
    """A virtual car at one moment; `climate_w` warms the cabin where positive, and cools it where negative."""

    car: Car
    now: Moment
    wishes: Wishes
    parked: bool
    air_c: float
    cabin_c: float
    climate_w: float
    per_m_wh: float
    """Energy from the battery for each metre, for the range that is left."""


Said = Callable[[State], Value]


def _pedal(s: State) -> float:
    """Share of the e-axle's torque in use: what a linear pedal would show."""
    return max(0.0, min(100.0, 100 * s.now.motor_nm / s.car.e_axle.peak_torque_nm))


def _range_m(s: State) -> float:
    return s.now.soc * s.car.pack.usable_wh / s.per_m_wh if s.per_m_wh > 0 else 0.0


def _cell_v(s: State) -> float:
    return s.now.voltage_v / s.car.pack.series


_BATTERY = "Vehicle.Powertrain.TractionBattery."
_MOTOR = "Vehicle.Powertrain.ElectricMotor."
_WHEELS = [f"Vehicle.Chassis.Axle.Row{row}.Wheel.{side}.Speed" for row in (1, 2) for side in ("Left", "Right")]
_SAID: dict[str, tuple[str | None, Said]] = {
    "Vehicle.Speed": ("m/s", lambda s: s.now.speed_m_s),
    "Vehicle.SpeedDisplayed": ("m/s", lambda s: s.now.speed_m_s),
    **{wheel: ("m/s", lambda s: s.now.speed_m_s) for wheel in _WHEELS},
    "Vehicle.Acceleration.Longitudinal": ("m/s^2", lambda s: s.now.acceleration_m_s2),
    "Vehicle.Acceleration.Lateral": ("m/s^2", lambda s: 0.0),
    "Vehicle.AngularVelocity.Yaw": ("degrees/s", lambda s: 0.0),
    "Vehicle.IsMoving": (None, lambda s: s.now.speed_m_s > 0),
    "Vehicle.TraveledDistance": ("m", lambda s: s.now.distance_m),
    "Vehicle.TraveledDistanceSinceStart": ("m", lambda s: s.now.distance_m),
    "Vehicle.LowVoltageSystemState": (None, lambda s: "ON"),
    "Vehicle.Exterior.AirTemperature": ("Celsius", lambda s: s.air_c),
    "Vehicle.Cabin.HVAC.AmbientAirTemperature": ("Celsius", lambda s: s.cabin_c),
    "Vehicle.Cabin.HVAC.HeaterPower": ("W", lambda s: max(0.0, s.climate_w)),
    "Vehicle.Cabin.HVAC.CompressorPower": ("W", lambda s: max(0.0, -s.climate_w)),
    "Vehicle.Cabin.HVAC.IsAirConditioningActive": (None, lambda s: s.climate_w < 0),
    "Vehicle.Chassis.Accelerator.PedalPosition": ("percent", _pedal),
    "Vehicle.Chassis.Brake.IsPressed": (None, lambda s: s.now.friction_w > 0 or s.now.speed_m_s == 0),
    "Vehicle.Chassis.ParkingBrake.IsEngaged": (None, lambda s: s.parked),
    "Vehicle.Chassis.SteeringWheel.Angle": ("degrees", lambda s: 0.0),
    "Vehicle.Powertrain.Transmission.SelectedGear": (None, lambda s: PARK if s.parked else DRIVE),
    "Vehicle.Powertrain.Transmission.CurrentGear": (None, lambda s: PARK if s.parked else DRIVE),
    _MOTOR + "Speed": ("rad/s", lambda s: s.now.motor_rad_s),
    _MOTOR + "Torque": ("Nm", lambda s: s.now.motor_nm),
    _MOTOR + "TorqueRequest": ("Nm", lambda s: s.now.motor_nm),
    _MOTOR + "Power": ("W", lambda s: s.now.force_n * s.now.speed_m_s),
    _MOTOR + "DCLinkVoltage": ("V", lambda s: s.now.voltage_v),
    _BATTERY + "CurrentVoltage": ("V", lambda s: s.now.voltage_v),
    _BATTERY + "CurrentCurrent": ("A", lambda s: -s.now.current_a),
    _BATTERY + "CurrentPower": ("W", lambda s: -s.now.dc_w),
    _BATTERY + "StateOfCharge.Current": ("percent", lambda s: 100 * s.now.soc),
    _BATTERY + "StateOfCharge.Displayed": ("percent", lambda s: 100 * s.now.soc),
    _BATTERY + "StateOfCharge.CurrentEnergy": ("Wh", lambda s: s.now.soc * s.car.pack.usable_wh),
    _BATTERY + "NetCapacity": ("Wh", lambda s: s.car.pack.usable_wh),
    _BATTERY + "ChargeCapacity": ("Ah", lambda s: float(s.car.pack.cell.capacity_ah * s.car.pack.parallel)),
    _BATTERY + "Range": ("m", _range_m),
    "Vehicle.Powertrain.Range": ("m", _range_m),
    _BATTERY + "Temperature.Average": ("Celsius", lambda s: s.now.cells_c),
    _BATTERY + "Temperature.Max": ("Celsius", lambda s: s.now.cells_c),
    _BATTERY + "Temperature.Min": ("Celsius", lambda s: s.now.cells_c),
    _BATTERY + "CellVoltage.Max": ("V", _cell_v),
    _BATTERY + "CellVoltage.Min": ("V", _cell_v),
    _BATTERY + "MaxDischargePower": ("W", lambda s: s.now.most_discharge_w),
    _BATTERY + "MaxChargePower": ("W", lambda s: s.now.most_charge_w),
    _BATTERY + "ContactorState": (None, lambda s: "CLOSED"),
    _BATTERY + "IsInterlockClosed": (None, lambda s: True),
    _BATTERY + "IsPowerConnected": (None, lambda s: True),
    _BATTERY + "IsFullyCharged": (None, lambda s: s.now.soc >= _FULL),
    _BATTERY + "Charging.IsCharging": (None, lambda s: s.now.charging_w > 0),
    _BATTERY + "Charging.ChargingPort.AnyPosition.IsChargingCableConnected": (
        None, lambda s: s.now.charging_w > 0,
    ),
}  # fmt: skip
WISHES: dict[str, tuple[str | None, Said]] = {
    CRUISE_ACTIVE: (None, lambda s: s.wishes.cruise_active),
    CRUISE_SPEED: ("km/h", lambda s: s.wishes.cruise_km_h),
    CHARGING: (None, lambda s: "START" if s.wishes.charging else "STOP"),
    CHARGE_LIMIT: ("percent", lambda s: round(100 * s.wishes.charge_limit)),
    CABIN: ("Celsius", lambda s: s.air_c if s.wishes.cabin_c is None else s.wishes.cabin_c),
}
"""What apps may set on every virtual car, and read back."""


def wished(wishes: Wishes, path: str, value: Value) -> Wishes:
    """The wishes after one of WISHES was set, in the unit that stands there."""
    if path == CRUISE_ACTIVE:
        return wishes._replace(cruise_active=bool(value))
    if path == CRUISE_SPEED:
        return wishes._replace(cruise_km_h=float(value))  # type: ignore[arg-type]
    if path == CHARGING:
        return wishes._replace(charging=value == "START")
    if path == CHARGE_LIMIT:
        return wishes._replace(charge_limit=float(value) / 100)  # type: ignore[arg-type]
    return wishes._replace(cabin_c=float(value))  # type: ignore[arg-type]


class Voice:
    """The values of a state in the units of a vocabulary; signals that it lacks are left out."""

    def __init__(self, vocabulary: Vocabulary, sayings: Mapping[str, tuple[str | None, Said]]) -> None:
        self._sayings: dict[str, tuple[Said, float, float]] = {}
        for path, (unit, said) in sayings.items():
            if path in vocabulary:
                scale, offset = conversion(unit, vocabulary[path].unit) if unit else (1, 0)
                self._sayings[path] = said, float(scale), float(offset)

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(self._sayings)

    def say(self, path: str, state: State) -> Value:
        """The value of a signal."""
        said, scale, offset = self._sayings[path]
        value = said(state)
        if isinstance(value, bool) or not isinstance(value, int | float) or (scale, offset) == (1, 0):
            return value
        return value * scale + offset


def voice(vocabulary: Vocabulary) -> Voice:
    """For all that a virtual car says itself."""
    return Voice(vocabulary, _SAID)


def wishes_voice(vocabulary: Vocabulary) -> Voice:
    """For what apps have set."""
    return Voice(vocabulary, WISHES)

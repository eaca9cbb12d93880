"""Battery and charging report: how the traction battery is, and what charging did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import renkei.car
from renkei.apps.sums import Extent, Integral, rounded

_BATTERY = "Vehicle.Powertrain.TractionBattery."
VOLTAGE, CURRENT = _BATTERY + "CurrentVoltage", _BATTERY + "CurrentCurrent"
CHARGE, HEALTH = _BATTERY + "StateOfCharge.Current", _BATTERY + "StateOfHealth"
CELL_MIN, CELL_MAX = _BATTERY + "CellVoltage.Min", _BATTERY + "CellVoltage.Max"
CELLS = _BATTERY + "CellVoltage.CellVoltages"
COLDEST, HOTTEST = _BATTERY + "Temperature.Min", _BATTERY + "Temperature.Max"
SENSORS = _BATTERY + "Temperature.CellTemperature"
MAY_CHARGE, MAY_DISCHARGE = _BATTERY + "MaxChargePower", _BATTERY + "MaxDischargePower"
CAPACITY, IS_CHARGING = _BATTERY + "ChargeCapacity", _BATTERY + "Charging.IsCharging"
PLUGGED = _BATTERY + "Charging.ChargingPort.AnyPosition.IsChargingCableConnected"
TIME_LEFT = _BATTERY + "Charging.TimeToComplete"
REST = (
    HEALTH, CELL_MIN, CELL_MAX, CELLS, COLDEST, HOTTEST, SENSORS, MAY_CHARGE, MAY_DISCHARGE, CAPACITY, IS_CHARGING,
    PLUGGED, TIME_LEFT,
)  # fmt: skip


def run(car: renkei.car.Car, out: Path) -> Iterator[Mapping[str, object]]:
    """One row at the end; what the car never said is None, and named in `never_said`."""
    report = _Report()
    watched = (VOLTAGE, CURRENT, CHARGE, *car.has(*REST))
    for reading in car.watch(*watched, every=True):
        report.take(reading)
    yield report.row(watched)


class _Report:
    """What the battery said so far."""

    def __init__(self) -> None:
        self.latest: dict[str, Any] = {}
        self.volts, self.power_in, self.power_out = Extent(), Extent(), Extent()
        self.charges: list[Any] = []
        self.spread_v, self.warmth_c = Extent(), Extent()
        self.energy, self.charged = Integral(), Integral()

    def take(self, reading: renkei.car.Reading) -> None:
        path = reading.path
        value: Any = reading.value
        if value is None:
            if path == CURRENT:
                self.energy.take(0, None)
                self.charged.take(0, None)
            return
        self.latest[path] = value
        if path == VOLTAGE:
            self.volts.take(value)
        elif path == CHARGE:
            self.charges = [*self.charges[:1], value]
        elif path == CURRENT and VOLTAGE in self.latest and reading.t_ns is not None:
            self._take_power(reading.t_ns, self.latest[VOLTAGE] * value / 1000)
        elif path in (CELL_MIN, CELL_MAX, CELLS):
            self._take_cells(path)
        elif path in (COLDEST, HOTTEST, SENSORS):
            for each in value if isinstance(value, list) else [value]:
                self.warmth_c.take(each)

    def _take_power(self, t_ns: int, power_kw: float) -> None:
        self.power_in.take(max(power_kw, 0.0))
        self.power_out.take(max(-power_kw, 0.0))
        self.energy.take(t_ns, power_kw)
        self.charged.take(t_ns, power_kw if self.latest.get(IS_CHARGING) else None)

    def _take_cells(self, path: str) -> None:
        if path == CELLS and len(cells := [v for v in self.latest[CELLS] if v > 0]) > 1:
            self.spread_v.take(max(cells) - min(cells))
        elif path != CELLS and CELL_MIN in self.latest and CELL_MAX in self.latest:
            spread = self.latest[CELL_MAX] - self.latest[CELL_MIN]
            if spread >= 0:  # the two may come one after the other
                self.spread_v.take(spread)

    def row(self, watched: tuple[str, ...]) -> dict[str, object]:
        latest = self.latest.get
        millivolts = None if self.spread_v.highest is None else self.spread_v.highest * 1000
        return {
            "state_of_charge_begin_percent": rounded(self.charges[0] if self.charges else None, 1),
            "state_of_charge_end_percent": rounded(latest(CHARGE), 1),
            "state_of_health_percent": rounded(latest(HEALTH), 1),
            "capacity_ah": rounded(latest(CAPACITY), 1),
            "voltage_min_v": rounded(self.volts.lowest, 1),
            "voltage_max_v": rounded(self.volts.highest, 1),
            "cell_spread_max_mv": rounded(millivolts, 0),
            "temperature_min_c": rounded(self.warmth_c.lowest, 1),
            "temperature_max_c": rounded(self.warmth_c.highest, 1),
            "power_in_max_kw": rounded(self.power_in.highest, 1),
            "power_out_max_kw": rounded(self.power_out.highest, 1),
            "may_charge_kw": rounded(latest(MAY_CHARGE), 1),
            "may_discharge_kw": rounded(latest(MAY_DISCHARGE), 1),
            "energy_in_kwh": rounded(self.energy.above, 4),
            "energy_out_kwh": rounded(abs(self.energy.below), 4),
            "is_charging": latest(IS_CHARGING),
            "cable_connected": latest(PLUGGED),
            "charged_kwh": rounded(self.charged.total if IS_CHARGING in self.latest else None, 4),
            "charging_time_left_s": latest(TIME_LEFT),
            "never_said": [path.removeprefix(_BATTERY) for path in watched if path not in self.latest],
        }

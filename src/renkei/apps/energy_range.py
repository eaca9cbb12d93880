"""Energy and range: what the traction battery gave and took, per distance, and how far the rest would go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import renkei.car
from renkei.apps.sums import Integral, rounded

SPEED = "Vehicle.Speed"
_BATTERY = "Vehicle.Powertrain.TractionBattery."
VOLTAGE, CURRENT = _BATTERY + "CurrentVoltage", _BATTERY + "CurrentCurrent"
CHARGE, ENERGY = _BATTERY + "StateOfCharge.Current", _BATTERY + "StateOfCharge.CurrentEnergy"
CAPACITY, RANGE = _BATTERY + "NetCapacity", _BATTERY + "Range"
LEAST_KM = 0.5
"""On a shorter distance consumption says nothing."""


def run(car: renkei.car.Car, out: Path, every_s: float = 10.0) -> Iterator[Mapping[str, object]]:
    """A row about every `every_s` seconds of the drive, and one at its end."""
    trip, told_ns = _Trip(), 0
    for reading in car.watch(SPEED, VOLTAGE, CURRENT, *car.has(CHARGE, ENERGY, CAPACITY, RANGE), every=True):
        trip.take(reading)
        if trip.t_ns - told_ns >= every_s * 1e9 and reading.path == SPEED:
            if told_ns:
                yield trip.row()
            told_ns = trip.t_ns
    yield trip.row()


class _Trip:
    """What is known of the drive so far."""

    def __init__(self) -> None:
        self.latest: dict[str, Any] = {}
        self.t_ns = self._begin_ns = 0
        self.distance, self.power = Integral(), Integral()

    def take(self, reading: renkei.car.Reading) -> None:
        self.latest[reading.path] = reading.value
        if reading.t_ns is None or reading.value is None:
            if reading.path in (SPEED, CURRENT):  # silence is no standing still
                (self.distance if reading.path == SPEED else self.power).take(0, None)
            return
        if reading.path == SPEED:
            self.t_ns = reading.t_ns
            self._begin_ns = self._begin_ns or reading.t_ns
            self.distance.take(reading.t_ns, reading.value)  # type: ignore[arg-type]
        elif reading.path == CURRENT:
            volt = self.latest.get(VOLTAGE)
            # VSS counts current into the battery as positive; a drive is about what it gives.
            self.power.take(reading.t_ns, None if volt is None else -volt * reading.value / 1000)

    def row(self) -> dict[str, object]:
        km, given, taken = self.distance.above, self.power.above, abs(self.power.below)
        per_km = (given - taken) / km if km >= LEAST_KM else None
        rest, basis = self._rest_kwh()
        reach = rest / per_km if rest is not None and per_km and per_km > 0 else None
        return {
            "time_s": round((self.t_ns - self._begin_ns) / 1e9, 1),
            "distance_km": round(km, 3),
            "given_kwh": round(given, 4),
            "taken_kwh": round(taken, 4),
            "consumption_kwh_per_100km": rounded(per_km and per_km * 100, 2),
            "state_of_charge_percent": rounded(self.latest.get(CHARGE), 1),
            "rest_kwh": rounded(rest, 2),
            "rest_from": basis,
            "range_km": rounded(reach, 0),
            "range_of_the_car_km": rounded(self.latest.get(RANGE), 0),
        }

    def _rest_kwh(self) -> tuple[float | None, str | None]:
        """Energy left, and which signals say so."""
        if (energy := self.latest.get(ENERGY)) is not None:
            return energy, "StateOfCharge.CurrentEnergy"
        charge, capacity = self.latest.get(CHARGE), self.latest.get(CAPACITY)
        if charge is not None and capacity is not None:
            return charge / 100 * capacity, "StateOfCharge.Current and NetCapacity"
        return None, None

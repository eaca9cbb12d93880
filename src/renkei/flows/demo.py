"""The demo: cars of several makers up at once, and one small app that reads them all through the KUKSA API."""

from __future__ import annotations

import asyncio
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from renkei.catalogue import Catalogue
from renkei.doors.kuksa.client import KuksaClient
from renkei.errors import DoorError
from renkei.flows.up import Cars, Source, UpOptions, up
from renkei.flows.virtual import virtual_source
from renkei.vehicle import Vehicle

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
STEERING = "Vehicle.Chassis.SteeringWheel.Angle"
PATHS = (SPEED, CHARGE, VOLTAGE, CURRENT, GEAR, STEERING)


@dataclass(frozen=True, slots=True)
class DemoCar:
    """`kind`: recorded or virtual."""

    name: str
    kind: str
    source: Source

    @property
    def vehicle(self) -> str:
        return self.source.vehicle


def cars(catalogue: Catalogue) -> list[DemoCar]:
    """The cars of the demo."""
    data = Path(str(files("renkei") / "data/demo"))
    listed = tomllib.loads((data / "cars.toml").read_text(encoding="utf-8"))["car"]
    return [_car(catalogue.vehicle(entry["vehicle"]), data, entry) for entry in listed]


def _car(vehicle: Vehicle, data: Path, entry: dict[str, str]) -> DemoCar:
    if "recording" in entry:
        return DemoCar(vehicle.name, "recorded", Source(vehicle.id, data / entry["recording"]))
    return DemoCar(vehicle.name, "virtual", Source(vehicle.id, virtual=virtual_source(entry["virtual"])))


@contextmanager
def serving(shown: list[DemoCar], catalogue: Catalogue, speed: float) -> Iterator[Cars]:
    """The cars, up on free ports of this machine, while the context is open."""
    loop = asyncio.new_event_loop()
    ready: Future[Cars] = Future()  # not one of the loop, which has ended when cars could not come up
    done = asyncio.Event()

    async def serve() -> None:
        options = UpOptions(grpc_port=0, http_port=None, speed=speed, loop=True)
        try:
            async with up([car.source for car in shown], catalogue, options) as running:
                ready.set_result(running)
                await done.wait()
        except BaseException as e:
            if not ready.done():
                ready.set_exception(e)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="platform", daemon=True)
    thread.start()
    try:
        yield ready.result()
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


@dataclass
class Trip:
    """The app: what it saw of one car, whichever maker's it is."""

    latest: dict[str, Any] = field(default_factory=dict)
    updates: int = 0
    distance_km: float = 0.0
    energy_kwh: float = 0.0
    top_km_h: float = 0.0
    steering: list[float] = field(default_factory=list)
    _last_s: float | None = None

    def take(self, path: str, value: Any, now_s: float) -> None:
        """A new value; distance and energy are summed over the time since the one before."""
        self.updates += 1
        self.latest[path] = value
        if path == STEERING and value is not None:
            self.steering.append(value)
        if path == SPEED and value is not None:
            self.top_km_h = max(self.top_km_h, value)
            if self._last_s is not None:
                hours = (now_s - self._last_s) / 3600
                self.distance_km += value * hours
                self.energy_kwh -= (self.power_kw or 0.0) * hours
            self._last_s = now_s

    @property
    def power_kw(self) -> float | None:
        """Positive into the battery."""
        volt, ampere = self.latest.get(VOLTAGE), self.latest.get(CURRENT)
        return None if volt is None or ampere is None else volt * ampere / 1000


class App:
    """Watches the same six signals of every car, each over its own port."""

    def __init__(self, ports: dict[str, int], pace: float) -> None:
        self.trips = {vehicle: Trip() for vehicle in ports}
        self._pace = pace
        self._clients = {vehicle: KuksaClient(port) for vehicle, port in ports.items()}
        self._threads = [threading.Thread(target=self._watch, args=(v,), daemon=True) for v in ports]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for client in self._clients.values():
            client.close()
        for thread in self._threads:
            thread.join()

    def _watch(self, vehicle: str) -> None:
        trip = self.trips[vehicle]
        try:
            for readings in self._clients[vehicle].watch(PATHS):
                for reading in readings:
                    trip.take(reading.path, reading.value, time.monotonic() * self._pace)
        except (DoorError, ValueError):  # the channel was closed: the demo is over
            return

"""A car as a program sees it: VSS paths with typed values, in this process or behind a port. docs/apps.md shows it."""

from renkei.car.connect import connect, connect_async
from renkei.car.one_car import AsyncCar, Car
from renkei.car.reading import Reading, Running

__all__ = ["AsyncCar", "Car", "Reading", "Running", "connect", "connect_async"]

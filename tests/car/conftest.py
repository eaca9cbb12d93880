"""Two cars that are up, and each way to the first of them."""

import pytest
from open_car import ONE, TWO, OpenCars

import renkei
from renkei.doors.kuksa import v2

WAYS = ("in the process", "over a port", "over a port with only v1")


@pytest.fixture
def cars():
    opened = OpenCars(ONE, TWO)
    yield opened
    opened.close()


@pytest.fixture(params=WAYS)
def where(request, monkeypatch):
    """What `renkei.connect` is given, for each way to a car; with `cars` the cars themselves."""
    if request.param == WAYS[2]:
        monkeypatch.setattr(v2, "handlers", lambda house, vehicle: {})
    opened = request.getfixturevalue("cars")
    return opened if request.param == WAYS[0] else opened.ports[ONE]


@pytest.fixture
def car(where):
    with renkei.connect(where, ONE) as connected:
        yield connected

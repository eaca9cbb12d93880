"""A door on real ports, its event loop in a thread of its own, as the clients under test expect."""

import asyncio
import threading
import time
from concurrent.futures import Future

import pytest

from renkei.broker import Broker
from renkei.doors.kuksa.door import KuksaDoor
from renkei.vocabulary import builtin

PATIENCE_S = 10


class OpenDoor:
    """What tests need of a running door; every touch of the broker happens in its loop."""

    def __init__(self, vehicles, **options):
        self.vocabulary = builtin()
        self.broker = Broker(self.vocabulary, vehicles)
        self.door = KuksaDoor(self.broker, self.vocabulary, vehicles, first_port=0, **options)
        self.watched, self.unwatched = threading.Semaphore(0), threading.Semaphore(0)
        self._tell("watch", self.watched)
        self._tell("unwatch", self.unwatched)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.ports = self.wait(self.door.open())

    def _tell(self, name, semaphore):
        method = getattr(self.broker, name)

        def told(*args):
            method(*args)
            semaphore.release()

        setattr(self.broker, name, told)

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def call(self, function, *args):
        done = Future()

        def run():
            try:
                done.set_result(function(*args))
            except BaseException as e:
                done.set_exception(e)

        self.loop.call_soon_threadsafe(run)
        return done.result(PATIENCE_S)

    def publish(self, vehicle="one", **values):
        """One batch; `Vehicle.` is understood and dots are written as underscores."""
        self.publish_paths(vehicle, {"Vehicle." + name.replace("_", "."): v for name, v in values.items()})

    def publish_paths(self, vehicle, values):
        updates = [(self.vocabulary[path].index, value, time.time_ns()) for path, value in values.items()]
        self.call(self.broker.publish, vehicle, updates)

    def latest(self, path, vehicle="one"):
        return self.call(self.broker.latest, vehicle, self.vocabulary[path].index)

    def wait_watched(self):
        assert self.watched.acquire(timeout=PATIENCE_S)

    def wait_unwatched(self):
        assert self.unwatched.acquire(timeout=PATIENCE_S)

    def close(self):
        self.wait(self.door.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


@pytest.fixture
def door():
    opened = OpenDoor(["one", "two"])
    yield opened
    opened.close()


@pytest.fixture
def port(door):
    return door.ports["one"]

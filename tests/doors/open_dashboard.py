"""A dashboard door on a real port, its event loop in a thread of its own, and a plain HTTP client for it."""

import asyncio
import http.client
import json
import threading
import time
from concurrent.futures import Future

from renkei.broker import Broker
from renkei.doors.dashboard.door import Dashboard
from renkei.doors.http import HttpDoor
from renkei.vocabulary import builtin

PATIENCE_S = 10
VEHICLES = ("acme/one-2019", "other/two")
NAMES = {"acme/one-2019": "One (2019)", "other/two": "Two"}


class OpenDashboard:
    """What tests need of a running door; every touch of the broker happens in its loop."""

    def __init__(self, names=NAMES, port=0, **options):
        self.vocabulary = builtin()
        self.broker = Broker(self.vocabulary, VEHICLES)
        dashboard = Dashboard(self.broker, self.vocabulary, VEHICLES, names, **options)
        self.door = HttpDoor([dashboard], port=port)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self.wait(self.door.open())
        self.url = f"http://127.0.0.1:{self.port}/"

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def call(self, function, *args):
        done = Future()
        self.loop.call_soon_threadsafe(lambda: done.set_result(function(*args)))
        return done.result(PATIENCE_S)

    def publish(self, values, vehicle=VEHICLES[0]):
        updates = [(self.vocabulary[path].index, value, time.time_ns()) for path, value in values.items()]
        self.call(self.broker.publish, vehicle, updates)

    def watchers(self, vehicle=VEHICLES[0]):
        return self.call(self.broker.watchers, vehicle)

    def get(self, path, method="GET", **headers):
        """Status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        finally:
            connection.close()

    def json(self, path):
        status, _, body = self.get(path)
        return status, json.loads(body)

    def close(self):
        self.wait(self.door.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


def until(true, patience_s=PATIENCE_S):
    """Wait until `true()` is, and return what it gave."""
    end = time.monotonic() + patience_s
    while not (given := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return given

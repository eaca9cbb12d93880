"""Cars of a process with a KUKSA door, whose event loop runs in a thread of its own, as apps find them."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future

from renkei.broker import Broker
from renkei.doors.kuksa.door import KuksaDoor
from renkei.vocabulary import builtin

PATIENCE_S = 10
ONE, TWO = "acme/one", "acme/two"


class OpenCars:
    """`broker` and `loop` are what `renkei.connect` takes; `down` and `up` restart the door on the same port."""

    def __init__(self, *vehicles: str, **options: object) -> None:
        self.vocabulary, self._vehicles, self._options = builtin(), vehicles, options
        self.broker = Broker(self.vocabulary, vehicles)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.ports: dict[str, int] = {}
        self.up()

    def up(self) -> None:
        first = next(iter(self.ports.values()), 0)
        self._door = KuksaDoor(self.broker, self.vocabulary, self._vehicles, first_port=first, **self._options)
        self.ports = self._wait(self._door.open())

    def down(self) -> None:
        self._wait(self._door.close())

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    def call(self, function, *args, **named):
        """The result of a function that runs in the loop."""
        done: Future = Future()

        def run() -> None:
            try:
                done.set_result(function(*args, **named))
            except BaseException as e:
                done.set_exception(e)

        self.loop.call_soon_threadsafe(run)
        return done.result(PATIENCE_S)

    def publish(self, vehicle: str, values: dict[str, object], t_ns: int | None = None) -> None:
        """One batch of values by path."""
        t = time.time_ns() if t_ns is None else t_ns
        self.call(self.broker.publish, vehicle, [(self.vocabulary[p].index, v, t) for p, v in values.items()])

    def broker_publish(self, vehicle: str, path: str, value: object) -> None:
        """One value, without waiting until it is stored."""
        index = self.vocabulary[path].index
        self.loop.call_soon_threadsafe(self.broker.publish, vehicle, [(index, value, time.time_ns())])

    def carry(self, vehicle: str, path: str) -> list:
        """Carry an actuator out; the values that it was asked for."""
        taken: list = []

        def act(actuations) -> None:
            for actuation in actuations:
                if actuation.take(time.time_ns()):
                    taken.append(actuation.value)
                    actuation.finish("done")

        self.call(self.broker.claim_actuators, vehicle, [self.vocabulary[path].index], act)
        return taken

    def close(self) -> None:
        self.down()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()

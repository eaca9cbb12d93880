"""VISS beside the dashboard on a real port, its event loop in a thread of its own, and a client that holds messages to
the published schema."""

import asyncio
import http.client
import json
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jsonschema
from websockets.sync.client import connect

from renkei.broker import Broker
from renkei.doors.dashboard.door import Dashboard
from renkei.doors.http import HttpDoor
from renkei.doors.viss.door import Viss
from renkei.vocabulary import builtin

PATIENCE_S = 10
FIRST, SECOND = VEHICLES = ("acme/one-2019", "other/two")
SCHEMA = Path(__file__).parents[1] / "fixtures/viss/vissv3.0-schema.json"


class OpenViss:
    """What tests need of a running door; every touch of the broker happens in its loop."""

    def __init__(self, guard=None, **options):
        self.vocabulary = builtin()
        self.broker = Broker(self.vocabulary, VEHICLES)
        dashboard = Dashboard(self.broker, self.vocabulary, VEHICLES, {}, guard=guard)
        self.door = HttpDoor([dashboard, Viss(self.broker, self.vocabulary, VEHICLES, guard)], port=0, **options)
        self._unwatched = threading.Semaphore(0)
        self._tell_unwatched()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self.wait(self.door.open())
        self._clients = []

    def _tell_unwatched(self):
        unwatch = self.broker.unwatch

        def told(*args):
            unwatch(*args)
            self._unwatched.release()

        self.broker.unwatch = told

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

    def index(self, path):
        return self.vocabulary[path].index

    def publish(self, values, vehicle=FIRST, t_ns=None):
        updates = [(self.index(path), value, t_ns or time.time_ns()) for path, value in values.items()]
        self.call(self.broker.publish, vehicle, updates)

    def watchers(self, vehicle=FIRST):
        return self.call(self.broker.watchers, vehicle)

    def wait_unwatched(self, times=1):
        for _ in range(times):
            assert self._unwatched.acquire(timeout=PATIENCE_S)

    def carry(self, path, carry=lambda batch: None, vehicle=FIRST):
        """Claim an actuator; the batches that it is handed over."""
        batches = []

        def carried(batch):
            batches.append(batch)
            carry(batch)

        self.call(self.broker.claim_actuators, vehicle, [self.index(path)], carried)
        return batches

    def connect(self, path="/", protocol="VISSv3", **options):
        client = Client(self.port, path, protocol, **options)
        self._clients.append(client)
        return client

    def http(self, method, path, body=None, **headers):
        """Status and JSON; `body` goes as JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        try:
            connection.request(method, path, content, headers)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()

    def get(self, path, **filters):
        query = f"?filter={quote(json.dumps(filters))}" if filters else ""
        return self.http("GET", path + query)

    def close(self):
        for client in self._clients:
            client.close()
        self.wait(self.door.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


class Client:
    """A WebSocket client. Events that arrive before an answer are kept for `event`."""

    def __init__(self, port, path, protocol, **options):
        self._holds = protocol == "VISSv3"
        protocols = [protocol] if protocol else None
        self._open = ExitStack()
        connecting = connect(f"ws://127.0.0.1:{port}{path}", subprotocols=protocols, compression=None, **options)
        self.socket = self._open.enter_context(connecting)
        self._events = []
        self._asked = 0

    def receive(self):
        message = json.loads(self.socket.recv(PATIENCE_S))
        if self._holds and "action" in message:
            check(message)
        return message

    def ask(self, action, path=None, **rest):
        """The answer to a request; one of version 3 is held to the schema, as its answer is."""
        self._asked += 1
        request = {"action": action, "requestId": str(self._asked)} | ({"path": path} if path else {}) | rest
        if self._holds:
            check(request)
        answer = self.say(json.dumps(request))
        assert (answer["action"], answer["requestId"]) == (action, request["requestId"])
        return answer

    def say(self, text):
        """The answer to any message at all."""
        self.socket.send(text)
        while (answer := self.receive()).get("action") == "subscription":
            self._events.append(answer)
        return answer

    def subscribe(self, path, *filters, **rest):
        stated = {} if not filters else {"filter": filters[0] if len(filters) == 1 else list(filters)}
        return self.ask("subscribe", path, **stated, **rest)["subscriptionId"]

    def event(self):
        message = self._events.pop(0) if self._events else self.receive()
        assert message["action"] == "subscription"
        return message

    def values(self, count=1):
        """The values of so many events of one signal each."""
        return [self.event()["data"]["dp"]["value"] for _ in range(count)]

    def close(self):
        self._open.close()


@cache
def validators():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    whole = jsonschema.Draft202012Validator(schema)
    return whole, whole.evolve(schema=schema["$defs"]["https://covesa.global/vissv3.0/error.schema.json"])


def check(message):
    """Hold a message to the schema. Its oneOf takes no error of set or unsubscribe: an answer without one fits too."""
    whole, error = validators()
    if "error" in message and message["action"] in ("set", "unsubscribe"):
        error.validate(message["error"])
    else:
        whole.validate(message)


def error(answer):
    """Number and reason."""
    return answer["error"]["number"], answer["error"]["reason"]


def v3(variant, parameter):
    return {"variant": variant, "parameter": parameter}


def v2(kind, parameter):
    return {"type": kind, "parameter": parameter}

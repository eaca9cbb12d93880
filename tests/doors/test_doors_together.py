"""One `renkei up` with three cars, and everybody at its doors at once: each sees what the others publish and set.

The car of these tests has a provider that carries targets out and then publishes them as values, as a car would.
"""

import http.client
import json
import queue
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import grpc
import pytest
from databroker_stub import DatabrokerStub, point, value
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from kuksa_client.grpc import DataEntry, Datapoint, EntryUpdate, Field, SubscribeEntry, View, VSSClient, VSSClientError
from open_viss import Client as VissClient
from open_viss import v3
from provider_stub import ProviderStub, at
from velocitas_venv import VelocitasApp
from websockets.exceptions import ConnectionClosed

sys.path.append(str(Path(__file__).parents[1] / "flows"))
from running import Up

COMMAND = Path(sys.executable).parent / "kuksa-client"
DEMO_LOG = Path(__file__).parents[2] / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"
RECORDED, CAR, OTHER = "mitsubishi/outlander-phev-2019", "honda/clarity-ev", "nissan/leaf-ze1-40"
SPEED, BRAND, ANGLE = "Vehicle.Speed", "Vehicle.VehicleIdentification.Brand", "Vehicle.Chassis.SteeringWheel.Angle"
LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
APP = "the vehicle app"
PATIENCE_S = 10


class Heard:
    """What one who watches heard, in a thread of its own, until its client is closed."""

    def __init__(self, updates):
        self._updates, self._values = updates, queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        with suppress(grpc.RpcError, VSSClientError, ConnectionClosed):
            for each in self._updates:
                self._values.put(each)

    def wait_for(self, wanted):
        """Return when it heard this value, after others that may be of earlier tests; raises queue.Empty."""
        deadline = time.monotonic() + PATIENCE_S
        while self._values.get(timeout=max(0.01, deadline - time.monotonic())) != wanted:
            pass


class HeardByApp:
    """The same of the vehicle app, which has subscribed once and for all."""

    def __init__(self, app):
        self._app = app

    def wait_for(self, wanted):
        while self._app.hear("speed")["speed"] != wanted:
            pass


class CommandLine:
    """`kuksa-client` as a user types at it; to be used in a `with`."""

    def __init__(self, port, folder):
        self._process = subprocess.Popen(
            [COMMAND, f"grpc://127.0.0.1:{port}"], cwd=folder,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate("quit\n", timeout=PATIENCE_S)

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\n"))

    def say(self, line):
        """What is printed in answer: OK, or an object."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        said = []
        while not said or said[-1] not in ("OK", "}"):
            printed = self._lines.get(timeout=PATIENCE_S)
            if said or printed in ("OK", "{"):
                said.append(printed)
        return said[0] if said[0] == "OK" else json.loads("\n".join(said))


class House:
    """Everybody who is at the doors."""

    def __init__(self, up, opened, folder):
        self.up, self.port = up, up.ports[CAR]
        self.library = opened.enter_context(VSSClient("127.0.0.1", self.port))
        self.command = opened.enter_context(CommandLine(self.port, folder))
        try:
            self.app = opened.enter_context(VelocitasApp(self.port))
        except pytest.skip.Exception as e:
            self.app, self.without_app = None, e.msg
        self.feeder = opened.enter_context(DatabrokerStub(self.port))
        self.v2 = VALStub(opened.enter_context(grpc.insecure_channel(f"127.0.0.1:{self.port}")))
        self.viss = VissClient(up.http_port, f"/vehicles/{CAR}", "VISSv3")
        opened.callback(self.viss.close)
        self.ids = {m.name: m.id for m in self.feeder.metadata(SPEED, LIMIT)}

    def present(self, everybody):
        """All of these, less the vehicle app where it could not come."""
        return {who: does for who, does in everybody.items() if self.app or who != APP}

    def http(self, method, path, body=None, vehicle=CAR):
        connection = http.client.HTTPConnection("127.0.0.1", self.up.http_port, timeout=PATIENCE_S)
        try:
            content = body and json.dumps(body)
            connection.request(method, f"/vehicles/{vehicle}/{path.replace('.', '/')}", content)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    vehicles = (f"{RECORDED}={DEMO_LOG}", f"{CAR}=none", f"{OTHER}=none")
    with Up(*(part for v in vehicles for part in ("--vehicle", v)), "--loop") as up, ExitStack() as opened:
        yield House(up, opened, tmp_path_factory.mktemp("typed"))


def test_everybody_is_there(house):
    if house.app is None:
        pytest.skip(f"the tests below go without {APP}: {house.without_app}")


# Values

PUBLISHERS = {
    "the library, over v2": lambda h, v: h.library.set_current_values({SPEED: Datapoint(v)}),
    "the library, over v1": lambda h, v: set_over_v1(h, v),
    "the command line": lambda h, v: h.command.say(f"setValue {SPEED} {v}"),
    "a feeder on Collector": lambda h, v: h.feeder.update({h.ids[SPEED]: point(float_value=v)}),
    "v2": lambda h, v: publish_over_v2(h, v),
}  # fmt: skip


def set_over_v1(house, number):
    house.library.set([EntryUpdate(DataEntry(SPEED, value=Datapoint(number)), (Field.VALUE,))])


def publish_over_v2(house, number):
    stated = types.Datapoint(value=types.Value(float=number))
    house.v2.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=stated))


GETTERS = {
    "the library, over v1": lambda h: h.library.get_current_values([SPEED])[SPEED].value,
    "v2": lambda h: h.v2.GetValue(val.GetValueRequest(signal_id=at(SPEED))).data_point.value.float,
    "the command line": lambda h: h.command.say(f"getValue {SPEED}")["value"]["value"],
    "VISS over http": lambda h: float(h.http("GET", SPEED)[1]["data"]["dp"]["value"]),
    "VISS over ws": lambda h: float(h.viss.ask("get", SPEED)["data"]["dp"]["value"]),
    "Broker of sdv.databroker.v1": lambda h: value(h.feeder.get(SPEED)[SPEED]),
    APP: lambda h: h.app.do("get", "got_speed")["got_speed"],
}


def test_whoever_publishes_a_value_everybody_gets_it(house):
    for number, (who, publish) in enumerate(PUBLISHERS.items(), start=20):
        publish(house, float(number))
        got = {reader: get(house) for reader, get in house.present(GETTERS).items()}
        assert got == dict.fromkeys(got, float(number)), f"published by {who}"


def test_whoever_publishes_a_value_everybody_who_watches_hears_it(house):
    with ExitStack() as opened:
        watching = {name: Heard(updates) for name, updates in watchers(house, opened)}
        watching = house.present(watching | {APP: HeardByApp(house.app)})
        for number, (who, publish) in enumerate(PUBLISHERS.items(), start=40):
            publish(house, float(number))
            for reader, heard in watching.items():
                try:
                    heard.wait_for(float(number))
                except queue.Empty:
                    pytest.fail(f"{reader} did not hear what was published by {who}")


def watchers(house, opened):
    """Those who watch the speed, each with a client of its own where it would otherwise stop the others."""
    v2 = opened.enter_context(VSSClient("127.0.0.1", house.port)).subscribe_current_values([SPEED])
    yield "the library, over v2", (update[SPEED].value for update in v2 if update[SPEED])
    entry = SubscribeEntry(SPEED, View.CURRENT_VALUE, (Field.VALUE,))
    v1 = opened.enter_context(VSSClient("127.0.0.1", house.port)).subscribe([entry])
    yield "the library, over v1", (u.entry.value.value for updates in v1 for u in updates if u.entry.value)
    rows = opened.enter_context(DatabrokerStub(house.port)).subscribe(f"SELECT {SPEED} AS v", timeout=None)
    yield "a query of sdv.databroker.v1", iter(lambda: rows.row()["v"], object())
    viss = VissClient(house.up.http_port, f"/vehicles/{CAR}", "VISSv3")
    opened.callback(viss.close)
    viss.subscribe(SPEED, v3("change", {"logic-op": "ne", "diff": "0"}))
    yield "VISS over ws", (float(v) for v in iter(lambda: viss.event()["data"]["dp"]["value"], object()))


# Targets

SETTERS = {
    "the library, over v1": lambda h, n: h.library.set_target_values({LIMIT: Datapoint(n)}),
    "v2": lambda h, n: h.v2.Actuate(val.ActuateRequest(signal_id=at(LIMIT), value=types.Value(uint32=n))),
    "the command line": lambda h, n: h.command.say(f"setTargetValue {LIMIT} {n}"),
    "VISS over ws": lambda h, n: h.viss.ask("set", LIMIT, value=str(n)),
    "VISS over http": lambda h, n: h.http("POST", LIMIT, {"value": str(n)}),
    "Broker of sdv.databroker.v1": lambda h, n: h.feeder.set({LIMIT: point(uint32_value=n)}),
    APP: lambda h, n: h.app.do(f"set {n}", "set"),
}
TARGETS = {
    "the library, over v1": lambda h: h.library.get_target_values([LIMIT])[LIMIT].value,
    "the command line": lambda h: h.command.say(f"getTargetValue {LIMIT}")["actuator_target"]["value"],
}
LIMITS = {
    "the library, over v1": lambda h: h.library.get_current_values([LIMIT])[LIMIT].value,
    "VISS over http": lambda h: int(h.http("GET", LIMIT)[1]["data"]["dp"]["value"]),
    APP: lambda h: h.app.do("get", "got_speed")["got_limit"],
}


def test_whoever_sets_a_target_the_provider_carries_it_out_and_everybody_sees_it(house):
    with ProviderStub(house.port) as car:
        car.provide_actuators(LIMIT)
        for number, (who, set_target) in enumerate(house.present(SETTERS).items(), start=50):
            set_target(house, number)
            assert car.asked() == [(house.ids[LIMIT], number)], f"set by {who}"
            assert {get(house) for get in TARGETS.values()} == {number}, f"set by {who}"
            house.feeder.update({house.ids[LIMIT]: point(uint32_value=number)})
            got = {reader: get(house) for reader, get in house.present(LIMITS).items()}
            assert got == dict.fromkeys(got, number), f"set by {who}"


def test_a_target_reaches_one_who_subscribes_to_targets_over_v1(house):
    entry = SubscribeEntry(LIMIT, View.TARGET_VALUE, (Field.ACTUATOR_TARGET,))
    with VSSClient("127.0.0.1", house.port) as acting:
        entries = (update.entry for updates in acting.subscribe([entry]) for update in updates)
        targets = Heard(entry.actuator_target.value for entry in entries if entry.actuator_target)
        for number, (who, set_target) in enumerate(house.present(SETTERS).items(), start=70):
            set_target(house, number)
            try:
                targets.wait_for(number)
            except queue.Empty:
                pytest.fail(f"a target set by {who} did not arrive")


# Cars


def test_the_other_cars_keep_their_own_values(house):
    house.feeder.update({house.ids[SPEED]: point(float_value=77.0)})
    for vehicle, brand in ((RECORDED, "Mitsubishi"), (CAR, "Honda"), (OTHER, "Nissan")):
        with DatabrokerStub(house.up.ports[vehicle]) as own:
            assert value(own.get(BRAND)[BRAND]) == brand
        assert house.http("GET", BRAND, vehicle=vehicle)[1]["data"]["dp"]["value"] == brand
        assert value(house.feeder.get(BRAND, metadata=[("renkei-vehicle", vehicle)])[BRAND]) == brand
    with DatabrokerStub(house.up.ports[OTHER]) as other:
        assert value(other.get(SPEED)[SPEED]) is None


def test_a_recording_is_heard_through_a_query(house):
    with DatabrokerStub(house.up.ports[RECORDED]) as recorded:
        rows = recorded.subscribe(f"SELECT {ANGLE} AS angle, {SPEED} WHERE {ANGLE} <> LAG({ANGLE})")
        angles = [rows.row()["angle"] for _ in range(5)]
    assert len({*angles}) > 1
    assert all(-180 < angle < 180 for angle in angles)

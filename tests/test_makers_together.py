"""Cars of three makers behind one `renkei up`: whose token opens which car, over every door, and whether apps find what
`renkei fit` said beforehand."""

from __future__ import annotations

import http.client
import json
import sys
import time
from pathlib import Path

import grpc
import pytest
from kuksa.val.v1 import types_pb2 as types1
from kuksa.val.v1 import val_pb2 as val1
from kuksa.val.v1.val_pb2_grpc import VALStub as Stub1
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub as Stub2
from websockets.sync.client import connect

sys.path += [str(Path(__file__).parent / folder) for folder in ("doors", "flows")]
from databroker_stub import DatabrokerStub
from running import Up, renkei

from renkei.catalogue import Catalogue
from renkei.doors.kuksa.client import KuksaClient
from renkei.doors.kuksa.databroker_schema import SDV

LEAF, CLARITY, MIEV = CARS = ("nissan/leaf-ze1-40", "honda/clarity-ev", "mitsubishi/i-miev")
MAKERS = ("nissan", "honda", "mitsubishi")
SPEED, CRUISE = "Vehicle.Speed", "Vehicle.ADAS.CruiseControl.SpeedSet"
DEADLINE_S = 10
OPEN, CLOSED = "accepted", "refused"


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    for maker in MAKERS:
        assert renkei("issuer", maker, "--maker", maker, "--out", folder).returncode == 0
    return folder


def token(trust, maker, *scopes):
    """A token of a maker's issuer, for what it may at most."""
    made = renkei("token", trust / f"{maker}.key.pem", "--issuer", maker, *scopes)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def tokens(trust):
    return {maker: token(trust, maker, "--scope", "read", "--scope", "actuate") for maker in MAKERS}


@pytest.fixture(scope="module")
def up(trust):
    cars = [word for car in CARS for word in ("--vehicle", car)]
    with Up(*cars, "--speed", 20, "--trust", trust / "trust.toml") as opened:
        yield opened


class Doors:
    """What a token opens: each method reads the speed of a car, or sets its cruise speed, through one door."""

    def __init__(self, up, token):
        self.up, self.shown = up, (("authorization", f"Bearer {token}"),)
        self.header = {"Authorization": f"Bearer {token}"}

    def kuksa_v2(self, car):
        return self._called(car, lambda c, o: Stub2(c).GetValue(val.GetValueRequest(signal_id=_at(SPEED)), **o))

    def kuksa_v2_set(self, car):
        wish = val.ActuateRequest(signal_id=_at(CRUISE), value=types.Value(float=50.0))
        return self._called(car, lambda c, o: Stub2(c).Actuate(wish, **o))

    def kuksa_v1(self, car):
        wanted = val1.GetRequest(entries=[val1.EntryRequest(path=SPEED, view=types1.VIEW_CURRENT_VALUE)])
        return self._called(car, lambda c, o: Stub1(c).Get(wanted, **o))

    def kuksa_v1_set(self, car):
        entry = types1.DataEntry(path=CRUISE, actuator_target=types1.Datapoint(float=50.0))
        wish = val1.SetRequest(updates=[val1.EntryUpdate(entry=entry, fields=[types1.FIELD_ACTUATOR_TARGET])])
        return self._called(car, lambda c, o: Stub1(c).Set(wish, **o))

    def sdv_databroker(self, car):
        with DatabrokerStub(self.up.ports[car]) as stub:
            return _outcome(lambda: stub.get(SPEED, metadata=self.shown))

    def sdv_databroker_set(self, car):
        with DatabrokerStub(self.up.ports[car]) as stub:
            errors: list[object] = []
            wish = {CRUISE: SDV.Datapoint(float_value=50.0)}
            outcome = _outcome(lambda: errors.extend(stub.set(wish, metadata=self.shown)))
        assert errors == []
        return outcome

    def viss_http(self, car):
        return self._http("GET", f"/vehicles/{car}/Vehicle/Speed")

    def viss_http_set(self, car):
        return self._http("POST", f"/vehicles/{car}/{CRUISE.replace('.', '/')}", '{"value": "50"}')

    def viss_websocket(self, car):
        return self._viss(car, {"action": "get", "path": SPEED})

    def viss_websocket_set(self, car):
        return self._viss(car, {"action": "set", "path": CRUISE, "value": "50"})

    def dashboard(self, car):
        status = self._http("GET", f"/api/vehicles/{car}/signals")
        listed = json.loads(self._asked("GET", "/api/vehicles")[1])
        assert (car in [each["id"] for each in listed]) == (status == OPEN)
        return status

    def dashboard_events(self, car):
        connection = http.client.HTTPConnection("127.0.0.1", self.up.http_port, timeout=DEADLINE_S)
        connection.request("GET", "/events", headers=self.header)
        reply = connection.getresponse()
        lines = [reply.readline() for _ in range(3)]
        connection.close()
        return OPEN if car in json.loads(lines[2].removeprefix(b"data: ")) else CLOSED

    def _called(self, car, call):
        with grpc.insecure_channel(f"127.0.0.1:{self.up.ports[car]}") as channel:
            return _outcome(lambda: call(channel, {"metadata": self.shown, "timeout": DEADLINE_S}))

    def _asked(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.up.http_port, timeout=DEADLINE_S)
        connection.request(method, path, body, self.header)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, content

    def _http(self, *asked):
        # The dashboard does not tell that there is a car which a token does not reach.
        return {200: OPEN, 403: CLOSED, 404: CLOSED}[self._asked(*asked)[0]]

    def _viss(self, car, request):
        url = f"ws://127.0.0.1:{self.up.http_port}/vehicles/{car}"
        with connect(url, subprotocols=["VISSv3"], additional_headers=self.header) as socket:
            socket.send(json.dumps(request | {"requestId": "1"}))
            answer = json.loads(socket.recv(DEADLINE_S))
        return {None: OPEN, "403": CLOSED}[answer.get("error", {}).get("number")]


def _at(path):
    return types.SignalID(path=path)


def _outcome(call):
    """What came of a call, in whose reply no error may stand either."""
    try:
        reply = call()
    except grpc.RpcError as e:
        return {grpc.StatusCode.PERMISSION_DENIED: CLOSED}[e.code()]
    if isinstance(reply, val1.GetResponse | val1.SetResponse):
        assert (reply.error.code, list(reply.errors)) == (0, [])
    return OPEN


DOORS = [name for name in vars(Doors) if not name.startswith("_")]


@pytest.mark.parametrize("door", DOORS)
def test_the_token_of_a_makers_issuer_opens_the_cars_of_that_maker_and_no_other(up, tokens, door):
    opened = {(maker, car): getattr(Doors(up, shown), door)(car) for maker, shown in tokens.items() for car in CARS}
    assert opened == {(maker, car): OPEN if car.startswith(f"{maker}/") else CLOSED for maker, car in opened}


APPS = ("trip-log", "energy-range", "battery-report")


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("car", CARS)
def test_fit_says_beforehand_what_an_app_then_finds_with_the_token_of_its_manifest(up, trust, car, app):
    """What fit calls ok and required has a value in the running car; what it says is missing has none."""
    told = json.loads(renkei("fit", app, car, "--json").stdout)
    levels = {f["about"]: f["level"] for f in told["findings"] if f["rule"] == "app-signal"}
    manifest = Catalogue().app(app)
    assert set(levels) == set(manifest.needs)
    shown = token(trust, car.split("/")[0], "--app", app)
    with KuksaClient(up.ports[car], token=shown) as client:
        until_s = time.monotonic() + DEADLINE_S
        while True:
            values = {r.path: r.value for r in client.get(list(manifest.needs))}
            if all(values[path] is not None for path in manifest.requires) or time.monotonic() > until_s:
                break
            time.sleep(0.1)
    assert {path for path in manifest.requires if values[path] is None} == {
        path for path in manifest.requires if levels[path] != "ok"
    }
    assert [path for path, level in levels.items() if level != "ok" and values[path] is not None] == []
    assert told["verdict"] == ("ok" if set(levels.values()) == {"ok"} else "degrade")


@pytest.mark.parametrize("app", ["energy-range", "battery-report"])
def test_what_fit_says_cannot_run_does_not_start_and_names_the_same_signals(app):
    petrol = "honda/civic-8g"
    told = json.loads(renkei("fit", app, petrol, "--json").stdout)
    lacking = [f["about"] for f in told["findings"] if f["level"] == "break"]
    assert set(lacking) == set(Catalogue().app(app).requires) - {SPEED}
    done = renkei("run", app, "--vehicle", petrol)
    assert (done.returncode, done.stdout) == (1, "")
    assert all(path in done.stderr for path in lacking)

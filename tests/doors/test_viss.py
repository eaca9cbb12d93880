"""VISS 3 and 2 over a real port: what is read, searched, told and set, over WebSocket and HTTP."""

import json
import time
from datetime import UTC, datetime
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from open_viss import FIRST, PATIENCE_S, SECOND, OpenViss, error, v2, v3, validators
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from renkei.broker import Broker
from renkei.doors.viss.door import Viss
from renkei.errors import UnknownName
from renkei.vocabulary import builtin

SPEED = "Vehicle.Speed"
BRAKE = "Vehicle.Chassis.Brake.IsPressed"
TRACK = "Vehicle.Cabin.Infotainment.Media.Played.Track"
CELLS = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
FAN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
LOCKED = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
NOTHING = "viss-inline:Data-not-available"


@pytest.fixture
def door():
    opened = OpenViss()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def quiet_door():
    """For requests that leave no trace."""
    opened = OpenViss()
    yield opened
    opened.close()


def plain(dp):
    """Value and time at the source in ns of a data point."""
    t = datetime.strptime(dp["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return dp["value"], round(t.timestamp() * 1e6) * 1000


# --- get


def test_a_value_is_text_with_the_time_of_its_source(door):
    client = door.connect()
    before_ns = time.time_ns()
    door.publish({SPEED: 12.5}, t_ns=1_600_000_000_123_456_789)
    answer = client.ask("get", SPEED)
    assert answer["data"]["path"] == SPEED
    assert plain(answer["data"]["dp"]) == ("12.5", 1_600_000_000_123_456_000)
    assert before_ns - 1000 <= plain({"value": "", "ts": answer["data"]["dp"]["receivedTs"]})[1] <= time.time_ns()
    assert answer["ts"].endswith("Z")
    assert set(answer) == {"action", "requestId", "data", "ts"}


VALUES = {
    "a float": (SPEED, 12.5, "12.5"),
    "a whole float": (SPEED, 40.0, "40.0"),
    "true": (BRAKE, True, "true"),
    "false": (BRAKE, False, "false"),
    "text": (TRACK, "ÄÖ車\"'<>&\U0001f697", "ÄÖ車\"'<>&\U0001f697"),
    "half a character": (TRACK, "\ud800", "\ud800"),
    "empty text": (TRACK, "", ""),
    "an array": (CELLS, [3.5, 3.75], ["3.5", "3.75"]),
    "an empty array, which the schema does not know": (CELLS, [], NOTHING),
    "an integer": ("Vehicle.CurbWeight", 1580, "1580"),
    "no value": (SPEED, None, NOTHING),
}


@pytest.mark.parametrize(("path", "value", "text"), VALUES.values(), ids=VALUES)
def test_values_of_every_type(door, path, value, text):
    door.publish({path: value})
    assert door.connect().ask("get", path)["data"]["dp"]["value"] == text
    assert door.get("/" + path.replace(".", "/"))[1]["data"]["dp"]["value"] == text


def test_a_signal_that_never_came_has_no_value(quiet_door):
    assert quiet_door.connect().ask("get", SPEED)["data"]["dp"]["value"] == NOTHING


def test_every_signal_there_is_keeps_to_the_schema(quiet_door):
    answer = quiet_door.connect().ask("get", "Vehicle", filter=v3("paths", ["*"]))
    paths = [d["path"] for d in answer["data"]]
    assert len(paths) == len(set(paths)) == len([s for s in quiet_door.vocabulary if s.path.startswith("Vehicle.")])


def test_slashes_are_understood(quiet_door):
    assert quiet_door.connect().ask("get", "Vehicle/Speed")["data"]["path"] == SPEED


SEARCHES = {
    "a leaf and a branch": ("Vehicle", ["Speed", "Acceleration"], 4),
    "one level for *": ("Vehicle.Cabin.Door", ["*.*.IsLocked"], 4),
    "with slashes": ("Vehicle/Cabin/Door", ["*/*/IsLocked"], 4),
    "a branch by *": ("Vehicle.Cabin.Door", ["Row1.*.Window"], None),
    "the same twice is told once": ("Vehicle.Cabin.Door", ["Row1.DriverSide.IsLocked", "Row1.*.IsLocked"], 2),
    "* in the middle": ("Vehicle.Cabin", ["Door.*.DriverSide.IsOpen"], 2),
    "a single text": ("Vehicle", "Speed", 1),
}


@pytest.mark.parametrize(("path", "patterns", "count"), SEARCHES.values(), ids=SEARCHES)
def test_search(quiet_door, path, patterns, count):
    status, answer = quiet_door.get("/" + path.replace(".", "/"), variant="paths", parameter=patterns)
    assert status == 200
    data = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
    assert all(d["path"].startswith(path.replace("/", ".")) for d in data)
    assert count is None or len(data) == count


REFUSED_GETS = {
    "an unknown path": ("Vehicle.Spede", {}, "404", "unavailable_data"),
    "a branch": ("Vehicle.Cabin", {}, "400", "invalid_data"),
    "a wildcard in the path": ("Vehicle.*", {}, "400", "bad_request"),
    "a search that finds nothing": ("Vehicle", v3("paths", ["Speed", "Nothing.*"]), "404", "unavailable_data"),
    "two levels at once": ("Vehicle", v3("paths", ["**"]), "400", "bad_request"),
    "half a wildcard": ("Vehicle", v3("paths", ["Sp*"]), "400", "bad_request"),
    "no search paths": ("Vehicle", v3("paths", []), "400", "bad_request"),
    "too many search paths": ("Vehicle", v3("paths", ["Speed"] * 101), "400", "bad_request"),
    "a trigger": (SPEED, v3("timebased", {"period": "100"}), "400", "bad_request"),
    "history, of which there is none": (SPEED, v3("history", "P2DT12H"), "404", "unavailable_data"),
    "history without a period": (SPEED, v3("history", "P"), "400", "bad_request"),
    "history of too many days": (SPEED, v3("history", "P999D"), "400", "bad_request"),
    "metadata of nothing": ("Vehicle.Nothing", v3("metadata", "0"), "404", "unavailable_data"),
    "metadata without end": (SPEED, v3("metadata", "-1"), "400", "bad_request"),
    "an unknown filter": (SPEED, {"variant": "fancy", "parameter": ""}, "400", "bad_request"),
    "a filter of version 2": (SPEED, v2("paths", ["Speed"]), "400", "bad_request"),
}


@pytest.mark.parametrize(("path", "stated", "number", "reason"), REFUSED_GETS.values(), ids=REFUSED_GETS)
def test_what_cannot_be_read_is_refused(quiet_door, path, stated, number, reason):
    request = {"action": "get", "path": path, "requestId": "1"} | ({"filter": stated} if stated else {})
    answer = quiet_door.connect().say(json.dumps(request))
    assert error(answer) == (number, reason)
    assert answer["error"]["description"]
    assert (answer["action"], answer["requestId"]) == ("get", "1")


def test_compressed_answers_are_not_offered(quiet_door):
    assert error(quiet_door.connect().ask("get", SPEED, dc="2+1")) == ("404", "unavailable_data")


# --- metadata and the server tree


def test_metadata_of_a_leaf(quiet_door):
    signal = quiet_door.vocabulary[CHARGE]
    answer = quiet_door.connect().ask("get", CHARGE, filter=v3("metadata", "0"))
    assert answer["metadata"] == {
        "Current": {
            "type": "sensor", "datatype": "float", "unit": "percent", "min": "0", "max": "100.0",
            "description": signal.description,
        }
    }  # fmt: skip


def test_metadata_goes_down_as_many_generations_as_asked(quiet_door):
    client = quiet_door.connect()
    door = "Vehicle.Cabin.Door"
    one, two, all_ = (client.ask("get", door, filter=v3("metadata", n))["metadata"]["Door"] for n in ("1", "2", "0"))
    assert one == {"type": "branch"}
    assert two["children"] == {"Row1": {"type": "branch"}, "Row2": {"type": "branch"}}
    assert all_["children"]["Row1"]["children"]["DriverSide"]["children"]["IsLocked"]["type"] == "actuator"


def test_metadata_of_several_nodes_is_told_by_path(quiet_door):
    filters = [v3("paths", ["Speed", "Cabin.Door.*.*.IsLocked"]), v3("metadata", "0")]
    status, answer = quiet_door.http("GET", f"/Vehicle?filter={quote(json.dumps(filters))}")
    assert status == 200
    assert answer["metadata"].keys() >= {SPEED, LOCKED}
    assert len(answer["metadata"]) == 5


def test_the_server_tells_what_it_can_do(quiet_door):
    client = quiet_door.connect()
    assert client.ask("get", "Server.Support.Protocol")["data"]["dp"]["value"] == ["ws", "http"]
    told = client.ask("get", "Server", filter=v3("paths", ["Support", "Config"]))["data"]
    told = {d["path"]: d["dp"]["value"] for d in told}
    assert {"timebased", "change", "paths", "range", "curvelog", "history", "metadata"} == set(
        told["Server.Support.Filter"]
    )
    assert told["Server.Config.Protocol.Http.Primary.PortNum"] == str(quiet_door.port)
    assert quiet_door.get("/Server/Support/Protocol")[1]["data"]["dp"]["value"] == ["ws", "http"]
    assert error(client.ask("set", "Server.Support.Protocol", value=["ws"])) == ("400", "invalid_data")
    refused = client.ask("subscribe", "Server.Support.Filter", filter=v3("change", {"logic-op": "ne", "diff": "0"}))
    assert error(refused) == ("404", "unavailable_data")


# --- which car


def test_each_car_is_found_under_its_id_and_the_first_at_the_root(door):
    door.publish({SPEED: 1.0}, FIRST)
    door.publish({SPEED: 2.0}, SECOND)
    for path, value in {"": "1.0", f"/vehicles/{FIRST}": "1.0", f"/vehicles/{SECOND}": "2.0"}.items():
        assert door.connect(path or "/").ask("get", SPEED)["data"]["dp"]["value"] == value
        for spelling in ("/Vehicle/Speed", "/Vehicle.Speed"):
            assert door.get(path + spelling)[1]["data"]["dp"]["value"] == value


def test_a_header_chooses_the_car_at_the_root(door):
    door.publish({SPEED: 1.0}, FIRST)
    door.publish({SPEED: 2.0}, SECOND)
    for chosen, value in ((FIRST, "1.0"), (SECOND, "2.0")):
        header = {"renkei-vehicle": chosen}
        assert door.http("GET", "/Vehicle/Speed", **header)[1]["data"]["dp"]["value"] == value
        assert door.http("GET", f"/vehicles/{chosen}/Vehicle/Speed", **header)[0] == 200
        client = door.connect(additional_headers=header)
        assert client.ask("get", SPEED)["data"]["dp"]["value"] == value
    status, answer = door.http("GET", "/Vehicle/Speed", **{"renkei-vehicle": "acme/one-2018"})
    assert (status, error(answer)) == (404, ("404", "unavailable_data"))
    status, answer = door.http("GET", f"/vehicles/{FIRST}/Vehicle/Speed", **{"renkei-vehicle": SECOND})
    assert (status, error(answer)) == (400, ("400", "bad_request"))


@pytest.mark.parametrize("path", ["/Vehicle/Spede", "/Vehicel/Speed", "/no/such", f"/vehicles/{FIRST}/Vehicel/Speed"])
def test_a_path_that_is_none_is_refused_in_the_words_of_the_standard(quiet_door, path):
    for method, body in (("GET", None), ("POST", {"value": "1"})):
        status, answer = quiet_door.http(method, path, body)
        assert (status, error(answer)) == (404, ("404", "unavailable_data"))
        assert path.rsplit("/")[-1] in answer["error"]["description"]
        validators()[1].validate(answer["error"])


@pytest.mark.parametrize("path", ["/api/vehicle", "/api/vehicles/acme/one-2019/signal"])
def test_a_path_that_is_none_of_the_dashboard_is_told_in_a_line(quiet_door, path):
    assert quiet_door.http("GET", path) == (404, {"error": f"nothing is at '{path}'"})


def test_a_sub_protocol_that_is_unknown_is_refused(quiet_door):
    for offered in (["VISSv9"], ["soap", "wamp"]):
        with pytest.raises(InvalidStatus) as e:
            connect(f"ws://127.0.0.1:{quiet_door.port}/", subprotocols=offered)
        assert e.value.response.status_code == 400
        answer = json.loads(e.value.response.body)
        assert error(answer) == ("400", "bad_request")
        assert f"'{offered[0]}': expected VISSv3 or VISSv2" in answer["error"]["description"]
    with connect(f"ws://127.0.0.1:{quiet_door.port}/", subprotocols=["VISSv9", "VISSv2"]) as socket:
        assert socket.subprotocol == "VISSv2"


def test_an_unknown_car_is_named_with_its_nearest(quiet_door):
    status, answer = quiet_door.get("/vehicles/acme/one-2018/Vehicle/Speed")
    assert (status, error(answer)) == (404, ("404", "unavailable_data"))
    assert f"did you mean '{FIRST}'?" in answer["error"]["description"]


def test_an_unknown_car_is_refused_at_once():
    with pytest.raises(UnknownName, match="did you mean 'alpha'"):
        Viss(Broker(builtin(), ["alpha"]), builtin(), ["alfa"])


@pytest.mark.parametrize("path", ["/", "/api/vehicles", f"/api/vehicles/{FIRST}/signals"])
def test_the_dashboard_keeps_its_routes(quiet_door, path):
    with urlopen(f"http://127.0.0.1:{quiet_door.port}{path}", timeout=PATIENCE_S) as reply:
        assert reply.status == 200
    assert quiet_door.http("POST", path, {})[0] == 405


# --- set


def test_a_target_reaches_its_carrier(door):
    batches = door.carry(LOCKED)
    assert set(door.connect().ask("set", LOCKED, value="true")) == {"action", "requestId", "ts"}
    ((asked,),) = batches
    assert (asked.index, asked.value) == (door.index(LOCKED), True)
    assert asked.by.startswith("viss:127.0.0.1:")
    assert asked.deadline_ns > asked.t_ns


def test_a_target_over_http_reaches_its_carrier(door):
    batches = door.carry(FAN, vehicle=SECOND)
    status, answer = door.http("POST", f"/vehicles/{SECOND}/{FAN.replace('.', '/')}", {"value": "40"})
    assert (status, set(answer)) == (200, {"ts"})
    ((asked,),) = batches
    assert asked.value == 40


REFUSED_SETS = {
    "no such signal": ("Vehicle.Nothing", "1", "404", "unavailable_data"),
    "a branch": ("Vehicle.Cabin", "1", "400", "invalid_data"),
    "a sensor": (SPEED, "1", "400", "invalid_data"),
    "an attribute": ("Vehicle.Length", "1", "400", "invalid_data"),
    "nobody carries it out": ("Vehicle.Cabin.HVAC.IsAirConditioningActive", "true", "503", "service_unavailable"),
    "no boolean": (LOCKED, "yes", "400", "invalid_data"),
    "a boolean with a capital": (LOCKED, "True", "400", "invalid_data"),
    "no integer": (FAN, "1.5", "400", "invalid_data"),
    "an integer with a plus": (FAN, "+1", "400", "invalid_data"),
    "out of range": (FAN, "101", "400", "invalid_data"),
    "an array for a scalar": (FAN, ["1"], "400", "invalid_data"),
    "what the carrier refuses": (FAN, "66", "502", "bad_gateway"),
}


@pytest.mark.parametrize(("path", "value", "number", "reason"), REFUSED_SETS.values(), ids=REFUSED_SETS)
def test_what_cannot_be_set_is_refused(door, path, value, number, reason):
    door.carry(LOCKED)
    batches = door.carry(FAN, lambda batch: batch[0].finish("failed", "not that one"))
    assert error(door.connect().ask("set", path, value=value)) == (number, reason)
    assert error(door.http("POST", "/" + path.replace(".", "/"), {"value": value})[1]) == (number, reason)
    assert len(batches) == (2 if number == "502" else 0)


# --- version 2


def test_version_2_by_sub_protocol(door):
    client = door.connect(protocol="VISSv2")
    assert client.socket.subprotocol == "VISSv2"
    answer = client.ask("get", "Vehicle.Nothing")
    assert answer["error"].keys() == {"number", "reason", "message"}
    assert answer["error"]["number"] == 404
    identity = client.subscribe(SPEED, v2("timebased", {"period": 20}))
    assert client.event()["subscriptionId"] == identity
    assert client.ask("unsubscribe", subscriptionId=identity)["subscriptionId"] == identity
    assert error(client.ask("get", SPEED, filter=v3("paths", ["Speed"]))) == (400, "bad_request")


def test_version_2_by_its_messages(door):
    client = door.connect(protocol=None)
    assert client.socket.subprotocol is None
    assert "description" in client.ask("get", "Vehicle.Nothing")["error"]
    assert len(client.ask("get", "Vehicle", filter=v2("paths", ["Speed", "CurbWeight"]))["data"]) == 2
    assert "message" in client.ask("get", "Vehicle.Nothing")["error"]


def test_version_2_subscribes_without_a_filter_to_every_change(door):
    client = door.connect(protocol=None)
    identity = client.subscribe(SPEED)
    assert client.values() == [NOTHING]
    for value in (1.0, 2.0):
        door.publish({SPEED: value})
        assert client.values() == [str(value)]
    assert client.ask("unsubscribe", subscriptionId=identity)["subscriptionId"] == identity


def test_version_2_asks_for_metadata_in_its_own_way(quiet_door):
    client = quiet_door.connect(protocol="VISSv2")
    told = client.ask("get", CHARGE, filter=v2("static-metadata", ["type", "unit"]))["metadata"]
    assert told == {"Current": {"type": "sensor", "unit": "percent"}}
    assert client.ask("get", CHARGE, filter=v2("static-metadata", ""))["metadata"]["Current"]["datatype"] == "float"
    told = client.ask("get", "Vehicle", filter=v2("dynamic-metadata", "server_capabilities"))["metadata"]
    assert told["transport_protocol"] == ["ws", "http"]
    assert error(client.ask("get", SPEED, filter=v2("dynamic-metadata", "availability"))) == (404, "unavailable_data")
    assert "message" in quiet_door.get("/Vehicle/Nothing", type="paths", parameter=["x"])[1]["error"]


def test_version_3_is_chosen_where_both_are_offered(quiet_door):
    with connect(f"ws://127.0.0.1:{quiet_door.port}/", subprotocols=["VISSv2", "VISSv3"]) as socket:
        assert socket.subprotocol == "VISSv3"

"""KUKSA and VISS over one broker: times, sources and priorities that came in by one door are known behind the other."""

import time

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from open_viss import Client, error
from provider_stub import DEADLINE_S, ProviderStub, at, number

from renkei.doors.http import HttpDoor
from renkei.doors.viss.door import Viss

SPEED, FAN = "Vehicle.Speed", "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
TOLD = "2020-02-02T02:02:02.500000Z"


@pytest.fixture
def viss(door):
    """A VISS client of the first car."""
    web = HttpDoor([Viss(door.broker, door.vocabulary, ["one", "two"])], port=0)
    client = Client(door.wait(web.open()), "/", "VISSv3")
    yield client
    client.close()
    door.wait(web.close())


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


def test_a_value_keeps_both_times_and_its_source(door, stub, viss):
    told = Timestamp()
    told.FromJsonString(TOLD)
    before_ns = time.time_ns()
    point = types.Datapoint(timestamp=told, value=number(50.0))
    stub.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=point), timeout=DEADLINE_S)
    seen = viss.ask("get", SPEED)["data"]["dp"]
    assert (seen["value"], seen["ts"]) == ("50.0", TOLD)
    assert "127.0.0.1:" in seen["source"]
    answered = stub.GetValue(val.GetValueRequest(signal_id=at(SPEED)), timeout=DEADLINE_S).data_point.timestamp
    assert before_ns <= answered.ToNanoseconds() <= time.time_ns()
    received = Timestamp()
    received.FromJsonString(seen["receivedTs"])
    assert received.ToMicroseconds() == answered.ToMicroseconds()


def test_a_hold_over_viss_keeps_out_a_client_of_kuksa_and_the_other_way_round(port, stub, viss):
    wish = val.ActuateRequest(signal_id=at(FAN), value=types.Value(uint32=10))
    with ProviderStub(port).provide_actuators(FAN):
        viss.ask("set", FAN, value="80", **{"renkei-priority": "5"})
        with pytest.raises(grpc.RpcError) as e:
            stub.Actuate(wish, timeout=DEADLINE_S)
        assert e.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        stub.Actuate(wish, metadata=[("renkei-priority", "6")], timeout=DEADLINE_S)
        refused = viss.ask("set", FAN, value="80", **{"renkei-priority": "5"})
        assert error(refused) == ("403", "forbidden_request")


def test_the_past_is_that_of_all_doors(door, stub, viss):
    for n in range(3):
        point = types.Datapoint(value=number(float(n)))
        stub.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=point), timeout=DEADLINE_S)
        time.sleep(0.11)
    past = viss.ask("get", SPEED, filter={"variant": "history", "parameter": "PT1M"})["data"]["dp"]
    assert [p["value"] for p in past] == ["0.0", "1.0"]

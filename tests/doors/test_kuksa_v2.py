"""kuksa.val.v2 with raw stubs: status codes and texts, the first message, rates, what a slow reader gets."""

import time

import grpc
import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub

from renkei.doors.kuksa.calls import LOST_FIELD

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"  # uint8, 0 to 100
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"  # allowed values
DOORS = "Vehicle.Cabin.DoorCount"  # an attribute, 4 by default
ONE_WAY = "Vehicle.Cabin.SeatPosCount"  # uint8[]
DEADLINE_S = 10


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


def at(path):
    return types.SignalID(path=path)


def numbered(door, path):
    return door.vocabulary[path].index


def point(**value):
    return types.Datapoint(value=types.Value(**value))


def refusal(call, request):
    def whole():
        reply = call(request, timeout=DEADLINE_S)
        return list(reply if hasattr(reply, "__iter__") else ())

    with pytest.raises(grpc.RpcError) as e:
        whole()
    return e.value.code(), e.value.details()


def test_get_value_by_path_and_by_id(door, stub):
    door.publish(Speed=50.5)
    for signal_id in (at(SPEED), types.SignalID(id=numbered(door, SPEED))):
        got = stub.GetValue(val.GetValueRequest(signal_id=signal_id)).data_point
        assert got.value.float == 50.5
        assert abs(got.timestamp.ToNanoseconds() - time.time_ns()) < 5e9


def test_a_value_never_set_has_a_time_and_no_value(stub):
    got = stub.GetValue(val.GetValueRequest(signal_id=at(SPEED))).data_point
    assert got.HasField("timestamp")
    assert not got.HasField("value")


def test_the_time_given_out_is_the_time_of_receipt(door, stub):
    door.call(door.broker.publish, "one", [(numbered(door, SPEED), 1.0, 5)])
    got = stub.GetValue(val.GetValueRequest(signal_id=at(SPEED))).data_point
    assert got.timestamp.seconds > 1_000_000_000
    assert door.latest(SPEED).t_source_ns == 5


def test_get_values_keeps_order_and_duplicates(door, stub):
    door.publish(Speed=1.0)
    paths = [DOORS, SPEED, ONE_WAY, SPEED, DOORS]
    got = stub.GetValues(val.GetValuesRequest(signal_ids=[at(p) for p in paths])).data_points
    assert [d.value.WhichOneof("typed_value") for d in got] == ["uint32", "float", "uint32_array", "float", "uint32"]


def test_get_values_of_nothing_is_an_empty_list(stub):
    assert not stub.GetValues(val.GetValuesRequest()).data_points


def test_get_values_is_all_or_nothing(stub):
    request = val.GetValuesRequest(signal_ids=[at(SPEED), at("Vehicle.No")])
    assert refusal(stub.GetValues, request) == (grpc.StatusCode.NOT_FOUND, "Path not found")


NO_SIGNAL = {
    "signal_id missing": (None, grpc.StatusCode.INVALID_ARGUMENT, "No SignalId provided"),
    "oneof empty": (types.SignalID(), grpc.StatusCode.INVALID_ARGUMENT, "No SignalId provided"),
    "unknown path": (at("Vehicle.Sped"), grpc.StatusCode.NOT_FOUND, "Path not found"),
    "a branch": (at("Vehicle.Cabin"), grpc.StatusCode.NOT_FOUND, "Path not found"),
    "unknown id": (types.SignalID(id=10**6), grpc.StatusCode.NOT_FOUND, "Path not found"),
    "negative id": (types.SignalID(id=-1), grpc.StatusCode.NOT_FOUND, "Path not found"),
    "1001 characters": (at("V" * 1001), grpc.StatusCode.INVALID_ARGUMENT, "The provided path is too long"),
    "1000 characters": (at("V" * 1000), grpc.StatusCode.NOT_FOUND, "Path not found"),
}


@pytest.mark.parametrize(("signal_id", "code", "text"), NO_SIGNAL.values(), ids=NO_SIGNAL)
def test_a_request_without_a_signal(stub, signal_id, code, text):
    assert refusal(stub.GetValue, val.GetValueRequest(signal_id=signal_id)) == (code, text)
    request = val.PublishValueRequest(signal_id=signal_id, data_point=point(float=1))
    assert refusal(stub.PublishValue, request) == (code, text)


def test_list_metadata_of_one_signal(door, stub):
    (got,) = stub.ListMetadata(val.ListMetadataRequest(root=CHARGE)).metadata
    assert (got.path, got.id) == (CHARGE, numbered(door, CHARGE))
    assert (got.data_type, got.entry_type) == (types.DATA_TYPE_UINT8, types.ENTRY_TYPE_ACTUATOR)
    assert (got.min.uint32, got.max.uint32, got.unit) == (0, 100, "percent")
    assert not got.HasField("allowed_values")


def test_list_metadata_names_the_allowed_values(door, stub):
    (got,) = stub.ListMetadata(val.ListMetadataRequest(root=WIPER)).metadata
    assert tuple(got.allowed_values.string_array.values) == door.vocabulary[WIPER].allowed


@pytest.mark.parametrize("root", ["", '""', "**", "Vehicle", "Vehicle.**"])
def test_list_metadata_of_everything_fits_a_message(door, stub, root):
    got = stub.ListMetadata(val.ListMetadataRequest(root=root)).metadata
    assert len(got) == len(door.vocabulary)
    assert {m.id for m in got} == set(range(len(door.vocabulary)))


NO_METADATA = {
    "nothing there": ("Vehicle.No", grpc.StatusCode.NOT_FOUND, "Specified root branch does not exist"),
    "a bad pattern": ("Vehicle..*", grpc.StatusCode.INVALID_ARGUMENT, "Invalid Pattern Argument"),
    "too long": ("V" * 1001, grpc.StatusCode.INVALID_ARGUMENT, "The provided path is too long"),
}


@pytest.mark.parametrize(("root", "code", "text"), NO_METADATA.values(), ids=NO_METADATA)
def test_list_metadata_refuses(stub, root, code, text):
    assert refusal(stub.ListMetadata, val.ListMetadataRequest(root=root)) == (code, text)


def test_publish_value_stores_the_clients_time_as_source(door, stub):
    sent = point(uint32=40)
    sent.timestamp.FromNanoseconds(77)
    stub.PublishValue(val.PublishValueRequest(signal_id=at(CHARGE), data_point=sent))
    assert (door.latest(CHARGE).value, door.latest(CHARGE).t_source_ns) == (40, 77)


@pytest.mark.parametrize("seconds", [-5, 2**62])
def test_a_time_no_timestamp_may_hold_counts_as_none(door, stub, seconds):
    sent = point(uint32=40)
    sent.timestamp.seconds = seconds
    stub.PublishValue(val.PublishValueRequest(signal_id=at(CHARGE), data_point=sent))
    assert door.latest(CHARGE).t_source_ns == door.latest(CHARGE).t_receive_ns


@pytest.mark.parametrize("empty", [types.Datapoint(), types.Datapoint(value=types.Value())], ids=["no Value", "empty"])
@pytest.mark.parametrize("path", [SPEED, WIPER])
def test_a_value_may_become_not_available(door, stub, path, empty):
    door.publish_paths("one", {SPEED: 5.0, WIPER: door.vocabulary[WIPER].allowed[0]})
    stub.PublishValue(val.PublishValueRequest(signal_id=at(path), data_point=empty))
    assert door.latest(path).value is None


def test_publish_value_of_an_array(door, stub):
    array = types.Value(uint32_array=types.Uint32Array(values=[1, 2, 3]))
    stub.PublishValue(val.PublishValueRequest(signal_id=at(ONE_WAY), data_point=types.Datapoint(value=array)))
    assert door.latest(ONE_WAY).value == [1, 2, 3]


BAD_VALUES = {
    "another integer kind": (CHARGE, {"int32": 4}, "Wrong type provided"),
    "a float for an integer": (CHARGE, {"float": 4}, "Wrong type provided"),
    "an integer for a float": (SPEED, {"int32": 4}, "Wrong type provided"),
    "a double for a float": (SPEED, {"double": 4}, "Wrong type provided"),
    "not a number": (SPEED, {"float": float("nan")}, "Wrong type provided"),
    "above the maximum": (CHARGE, {"uint32": 101}, "Value out of min/max bounds"),
    "wider than the type": (CHARGE, {"uint32": 256}, "Value out of type bounds"),
    "not allowed": (WIPER, {"string": "SIDEWAYS"}, "Value out of allowed bounds"),
    "an array element": (ONE_WAY, {"uint32_array": types.Uint32Array(values=[1, 300])}, "Value out of type bounds"),
}


@pytest.mark.parametrize(("path", "value", "text"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_publish_value_refuses(door, stub, path, value, text):
    before = door.latest(path)
    code, details = refusal(stub.PublishValue, val.PublishValueRequest(signal_id=at(path), data_point=point(**value)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith(f"{text} (id: {numbered(door, path)})")
    assert door.latest(path) is before


def test_publish_value_without_a_datapoint(stub):
    code, details = refusal(stub.PublishValue, val.PublishValueRequest(signal_id=at(SPEED)))
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, "No datapoint provided for publish_value")


def test_server_info(stub):
    info = stub.GetServerInfo(val.GetServerInfoRequest())
    assert info.name == "renkei"
    assert info.version[0].isdigit()
    assert info.commit_hash == ""


def subscribed(door, stub, *paths, **options):
    """A subscription after its first message."""
    replies = stub.Subscribe(val.SubscribeRequest(signal_paths=paths, **options), timeout=DEADLINE_S)
    first = next(replies)
    assert set(first.entries) == set(paths)
    return replies


def floats(reply):
    return {path: d.value.float for path, d in reply.entries.items()}


def test_subscribe_gives_everything_first_and_then_what_changes(door, stub):
    door.publish(Speed=1.0)
    replies = stub.Subscribe(val.SubscribeRequest(signal_paths=[SPEED, DOORS, WIPER, SPEED]), timeout=DEADLINE_S)
    first = next(replies).entries
    assert (first[SPEED].value.float, first[DOORS].value.uint32) == (1.0, 4)
    assert not first[WIPER].HasField("value")
    door.publish(Speed=2.0, Cabin_DoorCount=4.0)
    assert floats(next(replies)) == {SPEED: 2.0}


def test_subscribe_by_id(door, stub):
    speed = numbered(door, SPEED)
    replies = stub.SubscribeById(val.SubscribeByIdRequest(signal_ids=[speed, 0]), timeout=DEADLINE_S)
    assert set(next(replies).entries) == {speed, 0}
    door.publish(Speed=2.0)
    (entry,) = next(replies).entries.items()
    assert (entry[0], entry[1].value.float) == (speed, 2.0)


def test_two_subscribers_get_the_same(door, stub):
    both = [subscribed(door, stub, SPEED) for _ in range(2)]
    door.publish(Speed=3.0)
    assert [floats(next(replies)) for replies in both] == [{SPEED: 3.0}] * 2


NO_SUBSCRIPTION = {
    "empty": ({}, grpc.StatusCode.INVALID_ARGUMENT, "No valid id or path specified"),
    "unknown": ({"signal_paths": [SPEED, "Vehicle.No"]}, grpc.StatusCode.NOT_FOUND, "Path not found"),
    "a branch": ({"signal_paths": ["Vehicle.Cabin"]}, grpc.StatusCode.NOT_FOUND, "Path not found"),
    "a wildcard": ({"signal_paths": ["Vehicle.*"]}, grpc.StatusCode.NOT_FOUND, "Path not found"),
    "buffer too large": (
        {"signal_paths": [SPEED], "buffer_size": 1001},
        grpc.StatusCode.INVALID_ARGUMENT,
        "Subscription buffer_size max allowed value is 1000",
    ),
}


@pytest.mark.parametrize(("request_", "code", "text"), NO_SUBSCRIPTION.values(), ids=NO_SUBSCRIPTION)
def test_subscribe_refuses(stub, request_, code, text):
    assert refusal(stub.Subscribe, val.SubscribeRequest(**request_)) == (code, text)


def test_subscribe_by_id_refuses(stub):
    assert refusal(stub.SubscribeById, val.SubscribeByIdRequest(signal_ids=[-1]))[0] is grpc.StatusCode.NOT_FOUND
    assert refusal(stub.SubscribeById, val.SubscribeByIdRequest())[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_an_interval_spaces_messages_and_keeps_the_newest(door, stub):
    interval = types.Filter(min_sample_interval=types.SampleInterval(interval_ms=200))
    start = time.monotonic()
    replies = subscribed(door, stub, SPEED, filter=interval, buffer_size=100)
    speed = numbered(door, SPEED)
    door.call(lambda: [door.broker.publish("one", [(speed, float(n), 0)]) for n in range(50)])
    assert floats(next(replies)) == {SPEED: 49.0}
    assert time.monotonic() - start >= 0.2


def test_a_reader_that_stops_reading_loses_the_oldest_and_gets_the_newest(door, stub):
    paths = [s.path for s in door.vocabulary if s.datatype == "float" and s.kind == "sensor" and s.minimum is None][
        :150
    ]
    replies = subscribed(door, stub, *paths, buffer_size=10)
    (watcher,) = door.broker.watchers("one")
    for n in range(4000):
        door.publish_paths("one", dict.fromkeys(paths, float(n)))
        if watcher.dropped:
            break
    door.publish_paths("one", {paths[0]: -1.0})
    assert watcher.dropped
    assert watcher.waiting <= 11
    # The rest of the server is not held up.
    assert stub.GetValue(val.GetValueRequest(signal_id=at(paths[0])), timeout=DEADLINE_S).data_point.value.float == -1.0
    latest, told = {}, []
    while latest.get(paths[0]) != -1.0:
        reply = next(replies)
        latest |= floats(reply)
        told += [f.data for f in UnknownFieldSet(reply) if f.field_number == LOST_FIELD]
    assert told[-1] == watcher.dropped
    assert set(latest) == set(paths)
    assert set(latest.values()) == {-1.0, float(n)}

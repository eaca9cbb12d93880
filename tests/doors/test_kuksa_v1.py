"""kuksa.val.v1 with raw stubs: what views and fields select, branches and patterns, errors inside the reply."""

import grpc
import pytest
from kuksa.val.v1 import types_pb2 as types
from kuksa.val.v1 import val_pb2 as val
from kuksa.val.v1.val_pb2_grpc import VALStub

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"
DEADLINE_S = 10


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


def get(stub, *paths, view=types.VIEW_UNSPECIFIED, fields=()):
    entries = [val.EntryRequest(path=p, view=view, fields=fields) for p in paths]
    return stub.Get(val.GetRequest(entries=entries), timeout=DEADLINE_S)


def test_a_value_and_one_that_is_not_available(door, stub):
    door.publish(Speed=12.5)
    speed, wiper = get(stub, SPEED, WIPER).entries
    assert (speed.path, speed.value.float) == (SPEED, 12.5)
    assert speed.value.HasField("timestamp")
    assert not speed.HasField("metadata")
    assert (wiper.path, wiper.HasField("value")) == (WIPER, False)


SELECTED = {
    "nothing said": (types.VIEW_UNSPECIFIED, (), {"value"}),
    "fields only": (types.VIEW_FIELDS, (types.FIELD_METADATA_UNIT,), {"metadata"}),
    "current value": (types.VIEW_CURRENT_VALUE, (), {"value"}),
    "target value": (types.VIEW_TARGET_VALUE, (), set()),
    "metadata": (types.VIEW_METADATA, (), {"metadata"}),
    "all": (types.VIEW_ALL, (), {"value", "metadata"}),
    "a view and a field": (types.VIEW_METADATA, (types.FIELD_VALUE,), {"value", "metadata"}),
}


@pytest.mark.parametrize(("view", "fields", "parts"), SELECTED.values(), ids=SELECTED)
def test_what_comes_back(door, stub, view, fields, parts):
    door.publish(Speed=1.0)
    (entry,) = get(stub, SPEED, view=view, fields=fields).entries
    assert {f.name for f, _ in entry.ListFields()} == parts | {"path"}


def test_an_unknown_view(stub):
    with pytest.raises(grpc.RpcError) as e:
        get(stub, SPEED, view=7)
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Invalid View (id: 7)")


def test_metadata_of_numbers_and_of_text(door, stub):
    charge, wiper, speed = (e.metadata for e in get(stub, CHARGE, WIPER, SPEED, view=types.VIEW_METADATA).entries)
    assert (charge.data_type, charge.entry_type, charge.unit) == (
        types.DATA_TYPE_UINT8,
        types.ENTRY_TYPE_ACTUATOR,
        "percent",
    )
    assert (charge.value_restriction.unsigned.min, charge.value_restriction.unsigned.max) == (0, 100)
    assert tuple(wiper.value_restriction.string.allowed_values) == door.vocabulary[WIPER].allowed
    assert not speed.HasField("value_restriction")


def test_one_field_of_metadata(stub):
    (entry,) = get(stub, CHARGE, view=types.VIEW_FIELDS, fields=[types.FIELD_METADATA_UNIT]).entries
    assert [f.name for f, _ in entry.metadata.ListFields()] == ["unit"]


def test_every_signal_has_metadata(door, stub):
    entries = get(stub, "**", view=types.VIEW_METADATA).entries
    assert len(entries) == len(door.vocabulary)
    assert all(e.metadata.data_type and e.metadata.entry_type for e in entries)


@pytest.mark.parametrize("path", ["Vehicle.Body.Windshield", "Vehicle.*.Windshield", "Vehicle.Body.Windshield.**"])
def test_branches_and_patterns(door, stub, path):
    expected = {s.path for s in door.vocabulary.branch("Vehicle.Body.Windshield")}
    assert {e.path for e in get(stub, path).entries} == expected


NO_ENTRIES = {
    "unknown": ("Vehicle.Sped", 404, "not_found", "No entries found for the provided path"),
    "malformed": ("Vehicle..*", 400, "bad_request", "Bad Wildcard Pattern Request"),
    "too long": ("V" * 1001, 400, "bad_request", "The provided path is too long"),
}


@pytest.mark.parametrize(("path", "code", "reason", "message"), NO_ENTRIES.values(), ids=NO_ENTRIES)
def test_an_error_travels_in_the_reply_beside_what_was_found(stub, path, code, reason, message):
    reply = get(stub, SPEED, path, "Vehicle.Other")
    assert [e.path for e in reply.entries] == [SPEED]
    assert [e.path for e in reply.errors] == [path[:1000], "Vehicle.Other"]
    assert (reply.error.code, reply.error.reason, reply.error.message) == (code, reason, message)
    assert reply.error == reply.errors[0].error


def test_an_empty_request(stub):
    for call, request in ((stub.Get, val.GetRequest()), (stub.Subscribe, val.SubscribeRequest())):
        with pytest.raises(grpc.RpcError) as e:
            list(call(request, timeout=DEADLINE_S))
        assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_server_info(stub):
    assert stub.GetServerInfo(val.GetServerInfoRequest()).name == "renkei"


def subscribe(stub, path, *fields, view=types.VIEW_UNSPECIFIED):
    entry = val.SubscribeEntry(path=path, view=view, fields=fields)
    return stub.Subscribe(val.SubscribeRequest(entries=[entry]), timeout=DEADLINE_S)


def test_subscribe_to_a_branch(door, stub):
    door.publish(CurrentLocation_Heading=10.0)
    replies = subscribe(stub, "Vehicle.CurrentLocation", types.FIELD_VALUE)
    first = {u.entry.path: u for u in next(replies).updates}
    assert set(first) == {s.path for s in door.vocabulary.branch("Vehicle.CurrentLocation")}
    assert first["Vehicle.CurrentLocation.Heading"].entry.value.double == 10.0
    assert not first["Vehicle.CurrentLocation.Altitude"].entry.HasField("value")
    door.publish(CurrentLocation_Heading=None, CurrentLocation_Altitude=5.0)
    heading, altitude = next(replies).updates
    assert not heading.entry.HasField("value")
    assert (altitude.entry.value.double, list(altitude.fields)) == (5.0, [types.FIELD_VALUE])


def test_subscribe_to_metadata_sends_it_once(door, stub):
    replies = subscribe(stub, SPEED, types.FIELD_METADATA_UNIT, types.FIELD_VALUE)
    assert next(replies).updates[0].entry.metadata.unit == "km/h"
    door.publish(Speed=4.0)
    (update,) = next(replies).updates
    assert (update.entry.value.float, update.entry.HasField("metadata")) == (4.0, False)


SUBSCRIBE_REFUSED = {
    "unknown": ("Vehicle.No", types.FIELD_VALUE, grpc.StatusCode.NOT_FOUND),
    "malformed": ("Vehicle..", types.FIELD_VALUE, grpc.StatusCode.INVALID_ARGUMENT),
    "too long": ("V" * 1001, types.FIELD_VALUE, grpc.StatusCode.INVALID_ARGUMENT),
}


@pytest.mark.parametrize(("path", "field", "code"), SUBSCRIBE_REFUSED.values(), ids=SUBSCRIBE_REFUSED)
def test_subscribe_refuses(stub, path, field, code):
    with pytest.raises(grpc.RpcError) as e:
        next(subscribe(stub, path, field))
    assert e.value.code() is code

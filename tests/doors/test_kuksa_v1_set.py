"""Set, StreamedUpdate and targets of kuksa.val.v1, and targets that cross between the versions."""

import threading

import grpc
import pytest
from kuksa.val.v1 import types_pb2 as types
from kuksa.val.v1 import val_pb2 as val
from kuksa.val.v1.val_pb2_grpc import VALStub
from kuksa.val.v2 import types_pb2 as types2
from kuksa.val.v2 import val_pb2 as val2
from kuksa.val.v2.val_pb2_grpc import VALStub as VALStub2
from provider_stub import ProviderStub, at

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"
BEAM = "Vehicle.Body.Lights.Beam.High.IsOn"
SEATS = "Vehicle.Cabin.SeatPosCount"
DEADLINE_S = 10
VALUE, TARGET = types.FIELD_VALUE, types.FIELD_ACTUATOR_TARGET


@pytest.fixture
def channel(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened


@pytest.fixture
def stub(channel):
    return VALStub(channel)


@pytest.fixture
def provider(port):
    with ProviderStub(port) as opened:
        yield opened


def value(path, **point):
    return val.EntryUpdate(entry=types.DataEntry(path=path, value=types.Datapoint(**point)), fields=[VALUE])


def target(path, **point):
    entry = types.DataEntry(path=path, actuator_target=types.Datapoint(**point))
    return val.EntryUpdate(entry=entry, fields=[TARGET])


def set_(stub, *updates, **options):
    return stub.Set(val.SetRequest(updates=updates), timeout=DEADLINE_S, **options)


def errors(reply):
    if reply.errors:
        assert reply.error == reply.errors[0].error
    else:
        assert not reply.HasField("error")
    return [(e.path, e.error.code, e.error.reason) for e in reply.errors]


def get(stub, path, view):
    (entry,) = stub.Get(val.GetRequest(entries=[val.EntryRequest(path=path, view=view)])).entries
    return entry


def subscribe(stub, path, *fields, view=types.VIEW_UNSPECIFIED):
    entry = val.SubscribeEntry(path=path, view=view, fields=fields)
    return stub.Subscribe(val.SubscribeRequest(entries=[entry]), timeout=DEADLINE_S)


def actuate_v2(channel, path, **typed):
    request = val2.ActuateRequest(signal_id=at(path), value=types2.Value(**typed))
    VALStub2(channel).Actuate(request, timeout=DEADLINE_S)


def wish_of(door, path):
    point = door.call(door.broker.target, "one", door.vocabulary[path].index)
    return None if point is None else point.value


def test_current_values_with_the_clients_time_as_source(door, stub):
    stamped = value(SPEED, float=4.5)
    stamped.entry.value.timestamp.FromNanoseconds(77)
    reply = set_(stub, stamped, value(SEATS, uint32_array=types.Uint32Array(values=[1, 2])))
    assert errors(reply) == []
    assert (door.latest(SPEED).value, door.latest(SPEED).t_source_ns, door.latest(SEATS).value) == (4.5, 77, [1, 2])


def test_one_request_is_one_message_to_those_who_watch(stub, channel):
    replies = VALStub2(channel).Subscribe(val2.SubscribeRequest(signal_paths=[SPEED, SEATS]), timeout=DEADLINE_S)
    next(replies)
    set_(stub, value(SPEED, float=4.5), value(SEATS, uint32_array=types.Uint32Array(values=[1])))
    assert set(next(replies).entries) == {SPEED, SEATS}


def test_a_value_may_become_not_available(door, stub):
    door.publish(Speed=1.0)
    assert errors(set_(stub, value(SPEED))) == []
    assert door.latest(SPEED).value is None


BAD = {
    "unknown": (value("Vehicle.No", float=1), 404, "not_found"),
    "a branch": (value("Vehicle.Cabin", float=1), 404, "not_found"),
    "too long a path": (value("V" * 1001, float=1), 400, "bad_request"),
    "another type": (value(CHARGE, float=1), 400, "bad_request"),
    "out of range": (value(CHARGE, uint32=101), 400, "bad_request"),
    "not allowed": (value(WIPER, string="SIDEWAYS"), 400, "bad_request"),
    "metadata": (
        val.EntryUpdate(entry=types.DataEntry(path=CHARGE), fields=[types.FIELD_METADATA_UNIT]),
        403,
        "forbidden",
    ),
    "a target out of range": (target(CHARGE, uint32=101), 400, "bad_request"),
    "a target of another type": (target(CHARGE, int32=1), 400, "bad_request"),
    "a target of nothing": (target("Vehicle.No", int32=1), 404, "not_found"),
}


@pytest.mark.parametrize(("bad", "code", "reason"), BAD.values(), ids=BAD)
def test_an_error_names_its_entry_and_the_good_values_are_stored(door, stub, bad, code, reason):
    reply = set_(stub, value(SPEED, float=1), bad)
    assert errors(reply) == [(bad.entry.path[:1000], code, reason)]
    assert (door.latest(SPEED).value, door.latest(CHARGE).value, wish_of(door, CHARGE)) == (1.0, None, None)


def test_a_claimed_signal_is_forbidden(door, stub, provider):
    provider.provide_signals(door.vocabulary[SPEED].index)
    assert errors(set_(stub, value(SPEED, float=1))) == [(SPEED, 403, "forbidden")]


def test_an_empty_request(stub):
    with pytest.raises(grpc.RpcError) as e:
        set_(stub)
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_target_on_what_is_no_actuator_refuses_the_whole_request(door, stub):
    with pytest.raises(grpc.RpcError) as e:
        set_(stub, value(CHARGE, uint32=1), target(WIPER, string="SLOW"), target(SPEED, float=1))
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert e.value.details() == f"Cannot set a target: {SPEED} is not an actuator"
    assert (door.latest(CHARGE).value, wish_of(door, WIPER)) == (None, None)


def test_a_target_is_kept_and_given_out_and_does_not_touch_the_value(door, stub):
    assert errors(set_(stub, target(CHARGE, uint32=40))) == []
    entry = get(stub, CHARGE, types.VIEW_TARGET_VALUE)
    assert (entry.actuator_target.uint32, entry.HasField("value")) == (40, False)
    assert entry.actuator_target.timestamp.seconds > 1_000_000_000
    assert get(stub, CHARGE, types.VIEW_ALL).actuator_target.uint32 == 40
    assert not get(stub, CHARGE, types.VIEW_CURRENT_VALUE).HasField("actuator_target")
    assert door.latest(CHARGE).value is None


@pytest.mark.parametrize("bad", [target(WIPER, string="SIDEWAYS"), target(WIPER), target("Vehicle.No", bool=True)])
def test_of_several_targets_all_are_handed_over_or_none(door, stub, provider, bad):
    provider.provide_actuators(CHARGE)
    told = errors(set_(stub, target(CHARGE, uint32=40), bad))
    assert [path for path, _, _ in told] == [bad.entry.path, CHARGE]
    assert wish_of(door, CHARGE) is None
    set_(stub, target(CHARGE, uint32=41))
    assert provider.asked() == [(door.vocabulary[CHARGE].index, 41)]


def test_one_state_a_target_set_through_v1_reaches_a_provider_of_v2(door, stub, provider):
    provider.provide_actuators(CHARGE, BEAM)
    set_(stub, target(CHARGE, uint32=40), target(BEAM, bool=True))
    assert provider.asked() == [(door.vocabulary[CHARGE].index, 40), (door.vocabulary[BEAM].index, True)]


@pytest.mark.parametrize("options", [{"view": types.VIEW_TARGET_VALUE}, {"fields": [TARGET]}], ids=str)
def test_one_state_a_target_set_through_v2_reaches_a_provider_of_v1(stub, channel, options):
    """A provider of v1 is one who subscribes to targets."""
    entry = val.SubscribeEntry(path=CHARGE, **options)
    replies = stub.Subscribe(val.SubscribeRequest(entries=[entry]), timeout=DEADLINE_S)
    assert not next(replies).updates[0].entry.HasField("actuator_target")
    actuate_v2(channel, CHARGE, uint32=30)
    (update,) = next(replies).updates
    assert (update.entry.path, update.entry.actuator_target.uint32) == (CHARGE, 30)
    assert (list(update.fields), update.entry.HasField("value")) == ([TARGET], False)


def test_one_who_looks_at_values_and_targets_hears_both_and_carries_nothing_out(door, stub, channel, provider):
    replies = subscribe(stub, CHARGE, view=types.VIEW_ALL)
    next(replies)
    with pytest.raises(grpc.RpcError) as e:
        actuate_v2(channel, CHARGE, uint32=30)
    assert e.value.code() is grpc.StatusCode.UNAVAILABLE
    provider.provide_actuators(CHARGE)
    actuate_v2(channel, CHARGE, uint32=31)
    (update,) = next(replies).updates
    assert (update.entry.actuator_target.uint32, list(update.fields)) == (31, [TARGET])
    door.publish(Powertrain_TractionBattery_Charging_ChargeLimit=32.0)
    (update,) = next(replies).updates
    assert (update.entry.value.uint32, list(update.fields)) == (32, [VALUE])


def test_when_the_provider_of_v1_goes_nobody_carries_out(door, stub, channel):
    replies = subscribe(stub, CHARGE, TARGET)
    next(replies)
    replies.cancel()
    door.wait_unwatched()
    with pytest.raises(grpc.RpcError) as e:
        actuate_v2(channel, CHARGE, uint32=30)
    assert e.value.code() is grpc.StatusCode.UNAVAILABLE


def test_streamed_update_answers_each_request_as_set_does(door, stub, provider):
    provider.provide_actuators(CHARGE)
    updates = [value(SPEED, float=1), value("Vehicle.No", float=1), target(CHARGE, uint32=5)]
    requests = [val.StreamedUpdateRequest(updates=[update]) for update in updates]
    replies = list(stub.StreamedUpdate(iter(requests), timeout=DEADLINE_S))
    assert [errors(r) for r in replies] == [[], [("Vehicle.No", 404, "not_found")], []]
    assert door.latest(SPEED).value == 1.0
    assert provider.asked() == [(door.vocabulary[CHARGE].index, 5)]


def test_streamed_update_ends_with_what_ends_set(stub):
    replies = stub.StreamedUpdate(iter([val.StreamedUpdateRequest(updates=[target(SPEED, float=1)])]))
    with pytest.raises(grpc.RpcError) as e:
        next(replies)
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_bytes_that_are_no_message(channel, stub, caplog, capfd):
    for call in (
        lambda: channel.unary_unary("/kuksa.val.v1.VAL/Set")(b"\xff\xff", timeout=DEADLINE_S),
        lambda: next(channel.stream_stream("/kuksa.val.v1.VAL/StreamedUpdate")(iter([b"\xff"]), timeout=DEADLINE_S)),
    ):
        with pytest.raises(grpc.RpcError) as e:
            call()
        assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert errors(set_(stub, value(SPEED, float=1))) == []
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_another_vehicle_by_metadata(door, stub):
    set_(stub, value(SPEED, float=1), target(CHARGE, uint32=5), metadata=[("renkei-vehicle", "two")])
    assert (door.latest(SPEED).value, door.latest(SPEED, "two").value, wish_of(door, CHARGE)) == (None, 1.0, None)


def test_closing_the_door_ends_a_stream_of_updates(door, stub):
    replies = stub.StreamedUpdate(waiting(), timeout=DEADLINE_S)
    next(replies)
    door.wait(door.door.close())
    with pytest.raises(grpc.RpcError) as e:
        next(replies)
    assert e.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def waiting():
    """One update, and then silence on an open stream."""
    yield val.StreamedUpdateRequest(updates=[value(SPEED, float=1)])
    threading.Event().wait(DEADLINE_S / 5)

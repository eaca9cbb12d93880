"""OpenProviderStream of kuksa.val.v2 over real ports: claims, values, filters, and how a provider ends."""

import time
from contextlib import ExitStack

import grpc
import pytest
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import ProviderStub, at, get, in_time, number

from renkei.doors.kuksa.door import MESSAGE_BYTES
from renkei.doors.kuksa.provider import OUTBOX

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"  # uint8, 0 to 100
BEAM = "Vehicle.Body.Lights.Beam.High.IsOn"
ALTITUDE = "Vehicle.CurrentLocation.Altitude"  # double
DOORS = "Vehicle.Cabin.DoorCount"
DEADLINE_S = 10
NOT_FOUND = grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


@pytest.fixture
def provider(port):
    with ProviderStub(port) as opened:
        yield opened


@pytest.fixture
def other(port):
    with ProviderStub(port) as opened:
        yield opened


@pytest.fixture
def ids(door):
    """The ids of SPEED and ALTITUDE."""
    return tuple(door.vocabulary[path].index for path in (SPEED, ALTITUDE))


def subscribe(stub, *paths, interval_ms=None):
    options = {}
    if interval_ms is not None:
        interval = types.SampleInterval(interval_ms=interval_ms)
        options["filter"] = types.Filter(min_sample_interval=interval)
    replies = stub.Subscribe(val.SubscribeRequest(signal_paths=paths, **options), timeout=DEADLINE_S)
    next(replies)
    return replies


# Claims


BAD_ACTUATORS = {
    "unknown": ([at(CHARGE), at("Vehicle.No")], NOT_FOUND, "Path not found"),
    "unknown id": ([types.SignalID(id=10**6)], NOT_FOUND, "Path not found"),
    "no id": ([types.SignalID()], INVALID, "No SignalId provided"),
    "a sensor": ([at(CHARGE), at(SPEED)], INVALID, f"{SPEED} is not an actuator but of kind sensor"),
}


@pytest.mark.parametrize(("identifiers", "code", "text"), BAD_ACTUATORS.values(), ids=BAD_ACTUATORS)
def test_a_refused_claim_of_actuators_ends_the_stream_and_claims_nothing(provider, other, identifiers, code, text):
    provider.say(provide_actuation_request=val.ProvideActuationRequest(actuator_identifiers=identifiers))
    assert provider.refusal() == (code, text)
    other.provide_actuators(CHARGE)


def test_two_providers_for_one_actuator(provider, other, stub, door):
    provider.provide_actuators(CHARGE)
    other.provide_actuators(BEAM)
    other.say(provide_actuation_request=val.ProvideActuationRequest(actuator_identifiers=[at(CHARGE)]))
    assert other.refusal() == (EXISTS, f"{CHARGE} is claimed by another provider")
    stub.Actuate(val.ActuateRequest(signal_id=at(CHARGE), value=types.Value(uint32=1)))
    assert provider.asked() == [(door.vocabulary[CHARGE].index, 1)]
    provider.provide_actuators(BEAM)


def test_claims_of_actuators_and_of_signals_can_be_extended(provider, ids):
    provider.provide_actuators(CHARGE).provide_actuators(BEAM, CHARGE)
    provider.provide_signals(ids[0]).provide_signals(*ids)


def test_two_providers_for_one_signal(provider, other, ids):
    provider.provide_signals(*ids)
    other.claim_signals(ids[1])
    assert other.refusal() == (EXISTS, f"{ALTITUDE} is claimed by another provider")


def test_a_claim_of_an_unknown_signal(provider, other, ids):
    provider.claim_signals(ids[0], 10**6)
    assert provider.refusal() == (NOT_FOUND, "Path not found")
    other.provide_signals(ids[0])


def test_a_refused_request_comes_after_what_was_answered_before(provider, ids):
    provider.claim_signals(ids[0])
    provider.claim_signals(10**6)
    provider.hear("provide_signal_response")
    assert provider.refusal() == (NOT_FOUND, "Path not found")


def test_the_vehicle_of_the_metadata(port, door, ids):
    with ProviderStub(port, metadata=[("renkei-vehicle", "two")]) as provider, ProviderStub(port) as one:
        provider.provide_signals(*ids)
        one.provide_signals(*ids)
    with ProviderStub(port, metadata=[("renkei-vehicle", "twoo")]) as nobody:
        assert nobody.refusal()[0] is NOT_FOUND


# Values


def test_published_values_arrive_and_success_is_not_answered(provider, stub, ids):
    provider.provide_signals(*ids)
    replies = subscribe(stub, SPEED, ALTITUDE)
    provider.publish(**{f"i{ids[0]}": number(1.5), f"i{ids[1]}": types.Value(double=2.5)})
    entries = next(replies).entries
    assert (entries[SPEED].value.float, entries[ALTITUDE].value.double) == (1.5, 2.5)
    provider.publish(7, **{f"i{ids[0]}": types.Value(int32=1)})
    while not (told := next(provider.call)).HasField("publish_values_response"):
        assert told.HasField("update_filter_request"), "nothing else was sent"
    assert told.publish_values_response.request_id == 7


def test_bad_values_are_named_and_good_ones_of_the_message_are_applied(provider, door, ids):
    charge = door.vocabulary[CHARGE].index
    provider.provide_signals(*ids, charge)
    values = {f"i{ids[0]}": number(4.5), f"i{ids[1]}": number(1), f"i{charge}": types.Value(uint32=101)}
    provider.publish(3, **values, i1000000=number(1))
    answer = provider.hear("publish_values_response")
    assert (answer.request_id, set(answer.status)) == (3, {ids[1], charge, 1000000})
    codes = [answer.status[i].code for i in (ids[1], charge, 1000000)]
    assert codes == [types.ERROR_CODE_INVALID_ARGUMENT] * 2 + [types.ERROR_CODE_NOT_FOUND]
    assert answer.status[charge].message.startswith(f"Value out of min/max bounds (id: {charge})")
    assert answer.status[ids[1]].message.startswith("Wrong type provided")
    assert (door.latest(SPEED).value, door.latest(CHARGE).value) == (4.5, None)


@pytest.mark.parametrize(
    "action", [{"publish_values_request": val.PublishValuesRequest()}, {"provider_error_indication": {}}], ids=str
)
def test_values_before_any_claim_abort_the_stream(provider, action):
    provider.say(**action)
    code, text = provider.refusal()
    assert code is grpc.StatusCode.ABORTED
    assert text.startswith("no signals claimed: send ProvideSignalRequest to ")


def test_values_outside_the_claim_end_the_stream_and_none_is_stored(provider, stub, ids):
    provider.provide_signals(ids[0])
    replies = subscribe(stub, SPEED)
    provider.publish(**{f"i{ids[0]}": number(1), f"i{ids[1]}": types.Value(double=1)})
    provider.hear("update_filter_request")
    assert provider.refusal() == (EXISTS, f"{ALTITUDE} (id: {ids[1]}) is outside the claim")
    stub.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=types.Datapoint(value=number(9))))
    assert next(replies).entries[SPEED].value.float == 9.0


def test_defect_i_nobody_else_may_publish_on_a_claimed_signal(provider, stub, door, ids):
    provider.provide_signals(ids[0])
    request = val.PublishValueRequest(signal_id=at(SPEED), data_point=types.Datapoint(value=number(9)))
    with pytest.raises(grpc.RpcError) as e:
        stub.PublishValue(request)
    assert (e.value.code(), e.value.details()) == (EXISTS, f"{SPEED} is claimed by another provider")
    assert door.latest(SPEED).value is None


def test_defect_e_an_error_of_the_provider_makes_its_values_not_available(provider, stub, door, ids):
    door.publish(Cabin_DoorCount=3.0)
    replies = subscribe(stub, SPEED, DOORS)
    provider.provide_signals(ids[0])
    provider.hear("update_filter_request")
    provider.publish(**{f"i{ids[0]}": number(1)})
    assert next(replies).entries[SPEED].value.float == 1.0
    provider.say(provider_error_indication=val.ProviderErrorIndication(provider_error=types.CODE_NETWORK_ERROR))
    (entry,) = next(replies).entries.items()
    assert (entry[0], entry[1].HasField("value"), entry[1].HasField("timestamp")) == (SPEED, False, True)
    provider.publish(**{f"i{ids[0]}": number(2)})
    assert next(replies).entries[SPEED].value.float == 2.0


@pytest.mark.parametrize("end", ["vanish", "finish"])
def test_defect_e_the_end_of_a_provider_frees_its_claim_and_takes_its_values_back_at_once(port, stub, ids, end):
    replies = subscribe(stub, SPEED)
    with ProviderStub(port) as provider:
        provider.provide_signals(ids[0])
        provider.publish(**{f"i{ids[0]}": number(1)})
        assert next(replies).entries[SPEED].value.float == 1.0
        start = time.monotonic()
        getattr(provider, end)()
        assert not next(replies).entries[SPEED].HasField("value")
        assert time.monotonic() - start < 1
        with ProviderStub(port) as successor:
            successor.provide_signals(ids[0])


def test_a_provider_that_says_no_more_still_carries_out(provider, stub, door, ids):
    provider.provide_signals(ids[0]).provide_actuators(CHARGE)
    provider.finish()
    stub.Actuate(val.ActuateRequest(signal_id=at(CHARGE), value=types.Value(uint32=1)))
    assert provider.asked() == [(door.vocabulary[CHARGE].index, 1)]


def test_a_stream_without_claims_ends_when_the_provider_says_no_more(provider):
    provider.finish()
    assert list(provider.call) == []


def test_an_action_that_is_not_known_is_passed_over(provider, ids):
    provider.say()
    provider.say(update_filter_response=val.UpdateFilterResponse())
    provider.say(get_provider_value_response=val.GetProviderValueResponse(request_id=99))
    provider.provide_signals(*ids)


def test_bytes_that_are_no_message(port, stub, caplog, capfd):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream("/kuksa.val.v2.VAL/OpenProviderStream")
        with pytest.raises(grpc.RpcError) as e:
            list(call(iter([b"\xff\xff"]), timeout=DEADLINE_S))
    assert e.value.code() is INVALID
    assert e.value.details() == "the request is not a kuksa.val.v2.OpenProviderStreamRequest message"
    assert get(stub, SPEED)
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_closing_the_door_ends_the_stream(door, provider, ids, caplog):
    provider.provide_signals(*ids).provide_actuators(CHARGE)
    door.wait(door.door.close())
    assert provider.refusal() == (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
    assert caplog.text == ""


# Who is interested


def filters(provider):
    """The next UpdateFilterRequest, as {id: interval in ms, None when nobody is interested}."""
    update = provider.hear("update_filter_request").filters_update
    return {
        i: f.min_sample_interval.interval_ms if f.HasField("min_sample_interval") else None for i, f in update.items()
    }


def test_the_provider_learns_the_lowest_interval_over_all_subscriptions(provider, stub, ids):
    provider.provide_signals(*ids)
    slow = subscribe(stub, SPEED, ALTITUDE, interval_ms=500)
    assert filters(provider) == dict.fromkeys(ids, 500)
    fast = subscribe(stub, SPEED, interval_ms=100)
    assert filters(provider) == {ids[0]: 100}
    middle = subscribe(stub, SPEED, interval_ms=300)
    every = subscribe(stub, ALTITUDE)
    assert filters(provider) == {ids[1]: 0}, "300 ms for the speed changed nothing"
    fast.cancel()
    assert filters(provider) == {ids[0]: 300}
    every.cancel()
    assert filters(provider) == {ids[1]: 500}
    slow.cancel()
    assert filters(provider) == {ids[1]: None}
    middle.cancel()
    assert filters(provider) == {ids[0]: None}


def test_interest_that_was_there_before_the_claim_is_told_after_it(provider, stub, ids):
    _kept = subscribe(stub, SPEED, interval_ms=250)
    provider.provide_signals(*ids)
    assert filters(provider) == {ids[0]: 250}


# What networks and providers do wrong


def test_a_provider_that_sends_without_reading_is_answered_in_full_once_it_reads(provider, stub, ids):
    """Each bad value is answered with a long text: answers pile up, then the provider has to wait."""
    provider.provide_signals(ids[0])
    messages = 3 * OUTBOX
    for n in range(messages):
        provider.publish(n, **{f"i{ids[0]}": types.Value(string="x" * 100)})
    assert in_time(lambda: get(stub, DOORS)) < 1
    assert [provider.hear("publish_values_response").request_id for _ in range(messages)] == list(range(messages))


def test_an_oversized_message_ends_the_stream_and_frees_its_claim(provider, stub, ids):
    replies = subscribe(stub, SPEED)
    provider.provide_signals(ids[0])
    provider.hear("update_filter_request")
    provider.publish(**{f"i{ids[0]}": number(1)})
    assert next(replies).entries[SPEED].value.float == 1.0
    provider.publish(**{f"i{ids[0]}": types.Value(string="x" * MESSAGE_BYTES)})
    assert provider.refusal()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not next(replies).entries[SPEED].HasField("value")


def test_many_idle_providers_hold_nobody_up(port, stub, caplog):
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(ProviderStub(port)).provide_signals()
        get(stub, SPEED)
        assert in_time(lambda: get(stub, SPEED)) < 0.1
    assert caplog.text == ""

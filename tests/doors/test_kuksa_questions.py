"""GetProviderValueRequest of kuksa.val.v2: whose value is asked for, for how long, and what readers get meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import ProviderStub, at, get, in_time, number

SPEED = "Vehicle.Speed"
ALTITUDE = "Vehicle.CurrentLocation.Altitude"  # double
DOORS = "Vehicle.Cabin.DoorCount"
DEADLINE_S = 10


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


def in_background(function, *args):
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function, *args)
    pool.shutdown(wait=False)
    return future


def test_get_value_asks_the_provider_of_the_signal(provider, stub, door, ids):
    provider.provide_signals(ids[0])
    reading = in_background(get, stub, SPEED)
    question = provider.hear("get_provider_value_request")
    assert list(question.signal_ids) == [ids[0]]
    provider.values(question.request_id, {ids[0]: number(77)})
    assert reading.result(DEADLINE_S).value.float == 77.0
    assert door.latest(SPEED).value == 77.0, "one state for everybody"


def test_defect_c_a_silent_provider_delays_only_readers_of_its_own_signal(provider, other, stub, ids):
    provider.provide_signals(ids[0])
    other.provide_signals(ids[1])
    reading = in_background(get, stub, SPEED)
    provider.hear("get_provider_value_request")
    start = time.monotonic()
    assert in_time(lambda: get(stub, DOORS)) < 0.1
    elsewhere = in_background(get, stub, ALTITUDE)
    question = other.hear("get_provider_value_request")
    other.values(question.request_id, {ids[1]: types.Value(double=5)})
    assert elsewhere.result(DEADLINE_S).value.double == 5.0
    assert not reading.done()
    assert not reading.result(DEADLINE_S).HasField("value"), "the stored value, after a second"
    assert 0.9 < time.monotonic() - start < 2
    assert in_time(lambda: get(stub, SPEED)) < 0.1, "one that is silent is not asked again"


def test_a_provider_that_answers_late_is_asked_again(provider, stub, ids):
    provider.provide_signals(ids[0])
    reading = in_background(get, stub, SPEED)
    late = provider.hear("get_provider_value_request")
    assert not reading.result(DEADLINE_S).HasField("value")
    provider.values(late.request_id, {ids[0]: number(1)})
    provider.provide_signals(ids[0])
    reading = in_background(get, stub, SPEED)
    question = provider.hear("get_provider_value_request")
    provider.values(question.request_id, {ids[0]: number(2)})
    assert reading.result(DEADLINE_S).value.float == 2.0


def test_defect_g_get_values_keeps_order_and_duplicates_when_providers_answer(provider, other, stub, door, ids):
    door.publish(Cabin_DoorCount=3.0)
    provider.provide_signals(ids[0])
    other.provide_signals(ids[1])
    paths = [ALTITUDE, SPEED, DOORS, SPEED, ALTITUDE]
    request = val.GetValuesRequest(signal_ids=[at(p) for p in paths])
    reading = in_background(lambda: stub.GetValues(request, timeout=DEADLINE_S).data_points)
    first, second = (p.hear("get_provider_value_request") for p in (provider, other))
    assert (list(first.signal_ids), list(second.signal_ids)) == ([ids[0]], [ids[1]])
    other.values(second.request_id, {ids[1]: types.Value(double=5)})
    provider.values(first.request_id, {ids[0]: number(6)})
    got = reading.result(DEADLINE_S)
    assert [getattr(d.value, d.value.WhichOneof("typed_value")) for d in got] == [5.0, 6.0, 3, 6.0, 5.0]


BAD_ANSWERS = {
    "another signal": lambda ids: {ids[1]: types.Value(double=5)},
    "another type": lambda ids: {ids[0]: types.Value(double=5)},
    "nothing": lambda ids: {},
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_gives_the_stored_value(provider, stub, door, ids, answer):
    provider.provide_signals(ids[0])
    reading = in_background(get, stub, SPEED)
    question = provider.hear("get_provider_value_request")
    provider.values(question.request_id, answer(ids))
    assert not reading.result(DEADLINE_S).HasField("value")
    assert door.latest(ALTITUDE).value is None


def test_a_provider_that_vanishes_while_it_is_asked(provider, stub, ids):
    provider.provide_signals(ids[0])
    start = time.monotonic()
    reading = in_background(get, stub, SPEED)
    provider.hear("get_provider_value_request")
    provider.vanish()
    assert not reading.result(DEADLINE_S).HasField("value")
    assert time.monotonic() - start < 0.9


def test_many_readers_at_once_are_all_answered_whatever_the_order(provider, stub, ids):
    provider.provide_signals(ids[0])

    def answer():
        questions = [provider.hear("get_provider_value_request") for _ in range(20)]
        for question in reversed(questions):
            provider.values(question.request_id, {ids[0]: number(float(question.request_id))})

    answering = in_background(answer)
    start = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        got = list(pool.map(lambda _: get(stub, SPEED).value.float, range(20)))
    answering.result(DEADLINE_S)
    assert set(got) <= {float(n) for n in range(1, 21)}
    assert time.monotonic() - start < 0.9

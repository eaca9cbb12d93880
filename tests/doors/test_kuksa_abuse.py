"""Clients that ask for too much, flood, or never read: they are refused in words, and the next client is served."""

import resource
import time
from contextlib import ExitStack

import grpc
import pytest
from http2_stub import CANCEL, CONTINUATION, DATA, END_HEADERS, HEADERS, RST_STREAM, Http2, frame, header
from kuksa.val.v1 import types_pb2 as types1
from kuksa.val.v1 import val_pb2 as val1
from kuksa.val.v1.val_pb2_grpc import VALStub as Stub1
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import DEADLINE_S, ProviderStub, at, get, in_time

from renkei.doors.guard import MOST_STREAMS
from renkei.doors.kuksa.calls import MESSAGE_BYTES, MOST_ENTRIES, MOST_PATTERNS

SPEED = "Vehicle.Speed"
TRACK = "Vehicle.Cabin.Infotainment.Media.Played.Track"
SOON_S = 0.1
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
SUBSCRIBE = "/kuksa.val.v2.VAL/Subscribe"


@pytest.fixture
def channel(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return VALStub(channel)


@pytest.fixture
def stub1(channel):
    return Stub1(channel)


def honest_is_served(port):
    """A client of its own connection gets a value at once."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        own = VALStub(channel)
        get(own, SPEED)
        return in_time(lambda: get(own, SPEED)) < SOON_S


def is_served(port):
    try:
        return honest_is_served(port)
    except grpc.RpcError:
        return False


def refusal(call, *args):
    def whole():
        reply = call(*args, timeout=DEADLINE_S)
        return list(reply if hasattr(reply, "__next__") else ())

    with pytest.raises(grpc.RpcError) as e:
        whole()
    return e.value.code()


def entries(paths, view=types1.VIEW_ALL):
    return [val1.EntryRequest(path=p, view=view) for p in paths]


# Asking for too much


def test_a_signal_that_is_named_two_thousand_times_comes_once(door, port, stub1):
    waiting = stub1.Get.future(val1.GetRequest(entries=entries(["**"] * 2000)), timeout=DEADLINE_S)
    assert honest_is_served(port)
    assert [e.path for e in waiting.result().entries] == [s.path for s in door.vocabulary]


def test_what_several_entries_ask_of_a_signal_comes_together(stub1):
    both = [*entries([SPEED], types1.VIEW_METADATA), *entries(["Vehicle.Speed", "**.Speed"], types1.VIEW_CURRENT_VALUE)]
    first = stub1.Get(val1.GetRequest(entries=both), timeout=DEADLINE_S).entries[0]
    assert (first.path, first.HasField("metadata")) == (SPEED, True)


def test_a_subscription_that_names_everything_two_thousand_times_is_one(door, port, stub1):
    wanted = [val1.SubscribeEntry(path="**", fields=[types1.FIELD_VALUE])] * 2000
    replies = stub1.Subscribe(val1.SubscribeRequest(entries=wanted), timeout=DEADLINE_S)
    assert len(next(replies).updates) == len(door.vocabulary)
    assert honest_is_served(port)


def test_patterns_that_all_differ_are_few(port, stub1):
    many = [f"**.*.{n}" for n in range(MOST_PATTERNS + 1)]
    assert refusal(stub1.Get, val1.GetRequest(entries=entries(many))) is EXHAUSTED
    waiting = stub1.Get.future(
        val1.GetRequest(entries=entries(["**." * 300 + p for p in many[1:]])), timeout=DEADLINE_S
    )
    assert honest_is_served(port)
    assert waiting.result().error.code == 404


MANY = range(MOST_ENTRIES + 1)
TOO_MANY = {
    "v1 Get": lambda s2, s1: (s1.Get, val1.GetRequest(entries=entries(map(str, MANY)))),
    "v1 Set": lambda s2, s1: (s1.Set, val1.SetRequest(updates=[val1.EntryUpdate()] * len(MANY))),
    "v1 Subscribe": lambda s2, s1: (
        s1.Subscribe,
        val1.SubscribeRequest(entries=[val1.SubscribeEntry(path=str(n)) for n in MANY]),
    ),
    "v2 GetValues": lambda s2, s1: (s2.GetValues, val.GetValuesRequest(signal_ids=[at(SPEED) for _ in MANY])),
    "v2 Subscribe": lambda s2, s1: (s2.Subscribe, val.SubscribeRequest(signal_paths=[SPEED for _ in MANY])),
    "v2 SubscribeById": lambda s2, s1: (s2.SubscribeById, val.SubscribeByIdRequest(signal_ids=[1 for _ in MANY])),
    "v2 BatchActuate": lambda s2, s1: (
        s2.BatchActuate,
        val.BatchActuateRequest(actuate_requests=[val.ActuateRequest() for _ in MANY]),
    ),
}


@pytest.mark.parametrize("made", TOO_MANY.values(), ids=TOO_MANY)
def test_a_request_of_too_many_entries(port, stub, stub1, made):
    assert refusal(*made(stub, stub1)) is EXHAUSTED
    assert honest_is_served(port)


PROVIDED = {
    "actuators": {
        "provide_actuation_request": val.ProvideActuationRequest(actuator_identifiers=[at(SPEED) for _ in MANY])
    },
    "signals": {
        "provide_signal_request": val.ProvideSignalRequest(
            signals_sample_intervals={n: types.SampleInterval() for n in MANY}
        )
    },
}


@pytest.mark.parametrize("said", PROVIDED.values(), ids=PROVIDED)
def test_a_provider_of_too_much(port, said):
    with ProviderStub(port) as provider:
        provider.say(**said)
        assert provider.refusal()[0] is EXHAUSTED


def test_ten_thousand_unknown_paths_cost_little(port, stub1):
    waiting = stub1.Get.future(val1.GetRequest(entries=entries(f"Vehicle.{n}" for n in MANY[1:])), timeout=DEADLINE_S)
    assert honest_is_served(port)
    assert len(waiting.result().errors) == MOST_ENTRIES


def test_a_reply_longer_than_a_client_takes_is_refused_in_words(door, stub, stub1):
    door.publish_paths("one", {TRACK: "x" * (MESSAGE_BYTES // 4)})
    assert stub.GetValues(val.GetValuesRequest(signal_ids=[at(TRACK)] * 3), timeout=DEADLINE_S).data_points
    assert refusal(stub.GetValues, val.GetValuesRequest(signal_ids=[at(TRACK)] * 1000)) is EXHAUSTED
    door.publish_paths("one", {TRACK: "x" * MESSAGE_BYTES})
    assert refusal(stub1.Get, val1.GetRequest(entries=entries([TRACK]))) is EXHAUSTED


def test_a_connection_has_so_many_streams(port, stub):
    request = val.SubscribeRequest(signal_paths=[SPEED])
    streams = [stub.Subscribe(request, timeout=DEADLINE_S) for _ in range(MOST_STREAMS)]
    for stream in streams:
        next(stream)
    assert refusal(stub.Subscribe, request) is EXHAUSTED
    with ProviderStub(port) as provider:  # the clients of one process share a connection
        assert provider.refusal()[0] is EXHAUSTED
    assert honest_is_served(port)
    for stream in streams[:2]:
        stream.cancel()
    again = [stub.Subscribe(request, timeout=DEADLINE_S) for _ in range(2)]
    assert all(next(stream) for stream in again)


# Floods


def test_metadata_that_is_too_long(port, stub):
    flood = [(f"name-{n}", "x" * 90) for n in range(1000)]
    request = val.GetValueRequest(signal_id=at(SPEED))
    with pytest.raises(grpc.RpcError) as e:
        stub.GetValue(request, metadata=flood, timeout=DEADLINE_S)
    assert e.value.code() is EXHAUSTED
    assert honest_is_served(port)


def test_headers_without_end(port):
    """A hundred thousand fields in one block: the block is not kept."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Http2(port) as client:
        more = b"".join(header(f"name-{n}", "x" * 100) for n in range(100))
        client.send(frame(HEADERS, 1, client.headers(SUBSCRIBE)))
        sent = [client.send(frame(CONTINUATION, 1, more)) for _ in range(1000)]
        assert honest_is_served(port)
        client.send(frame(CONTINUATION, 1, flags=END_HEADERS))
    assert len(sent) == 1000 or not sent[-1]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_streams_that_are_reset_at_once(port):
    with Http2(port) as client:
        for stream in range(1, 20_001, 2):
            opened = frame(HEADERS, stream, client.headers(SUBSCRIBE), END_HEADERS) + frame(RST_STREAM, stream, CANCEL)
            if not client.send(opened):
                break
        assert honest_is_served(port)


def test_ten_thousand_streams_that_say_nothing(port):
    """While they come, a call may be turned away; as soon as they are there, everyone is served."""
    with ExitStack() as stack:
        for _ in range(40):
            client = stack.enter_context(Http2(port))
            opened = client.headers(SUBSCRIBE)
            client.send(b"".join(frame(HEADERS, 2 * n + 1, opened, END_HEADERS) for n in range(250)))
        end = time.monotonic() + DEADLINE_S
        while not is_served(port):
            assert time.monotonic() < end
        assert honest_is_served(port)
    assert honest_is_served(port)


def test_a_message_that_says_it_is_a_gibibyte_long(port):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Http2(port) as client:
        client.send(frame(HEADERS, 1, client.headers("/kuksa.val.v2.VAL/GetValue"), END_HEADERS))
        client.send(frame(DATA, 1, b"\0" + (1 << 30).to_bytes(4, "big") + bytes(1000)))
        said = client.until(b"grpc-status")
        assert b"RESOURCE_EXHAUSTED" in said or b"larger than max" in said or b"grpc-status\x018" in said
        assert honest_is_served(port)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_frames_that_are_none(port):
    for content in (frame(99, 1, b"x" * 100), frame(HEADERS, 0, b""), frame(HEADERS, 2, b"\xff" * 50, END_HEADERS),
                    frame(RST_STREAM, 7, b"x"), b"\xff" * 1000):  # fmt: skip
        with Http2(port) as client:
            client.send(content)
            assert honest_is_served(port)

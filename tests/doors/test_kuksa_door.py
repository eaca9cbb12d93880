"""Ports, vehicles, and what people and networks do wrong: the door keeps serving."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub

from renkei.broker import Broker
from renkei.doors.kuksa.door import MESSAGE_BYTES, KuksaDoor
from renkei.errors import DoorError, UnknownName
from renkei.vocabulary import Signal, Vocabulary

SPEED = "Vehicle.Speed"
ASK = val.GetValueRequest(signal_id=types.SignalID(path=SPEED))
SMALL = Vocabulary([Signal(0, SPEED, "sensor", "float")], "test")
DEADLINE_S = 10


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


def speed(stub, **options):
    return stub.GetValue(ASK, timeout=DEADLINE_S, **options).data_point.value.float


def test_each_vehicle_has_its_own_port(door):
    door.publish("one", Speed=1.0)
    door.publish("two", Speed=2.0)
    for vehicle, expected in (("one", 1.0), ("two", 2.0)):
        with grpc.insecure_channel(f"127.0.0.1:{door.ports[vehicle]}") as channel:
            assert speed(VALStub(channel)) == expected


def test_metadata_chooses_another_vehicle_on_any_port(door, stub):
    door.publish("two", Speed=2.0)
    assert speed(stub, metadata=[("renkei-vehicle", "two")]) == 2.0
    replies = stub.Subscribe(
        val.SubscribeRequest(signal_paths=[SPEED]), metadata=[("renkei-vehicle", "two")], timeout=DEADLINE_S
    )
    assert next(replies).entries[SPEED].value.float == 2.0


def test_an_unknown_vehicle_is_named_with_its_nearest(stub):
    for call in (lambda m: speed(stub, metadata=m), lambda m: next(stub.Subscribe(val.SubscribeRequest(), metadata=m))):
        with pytest.raises(grpc.RpcError) as e:
            call([("renkei-vehicle", "twoo")])
        assert e.value.code() is grpc.StatusCode.NOT_FOUND
        assert e.value.details() == "unknown vehicle 'twoo'; did you mean 'two'?"


def two_free_ports():
    """Two ports in a row that nobody has."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def opened(first_port, vehicles=("a", "b"), host="127.0.0.1"):
    """Open a door and close it again; the ports it had."""

    async def session():
        door = KuksaDoor(Broker(SMALL, vehicles), SMALL, vehicles, host, first_port)
        try:
            return await door.open()
        finally:
            await door.close()

    return asyncio.run(session())


def test_ports_count_up_from_the_first_and_are_free_again_afterwards():
    port = two_free_ports()
    assert opened(port) == opened(port) == {"a": port, "b": port + 1}


def test_a_port_in_use_by_another_door(port, capfd):
    with pytest.raises(DoorError) as e:
        opened(port)
    assert str(e.value) == (
        f"cannot open port {port} on 127.0.0.1: Address already in use; stop what uses it or choose another first port"
    )
    assert capfd.readouterr() == ("", "")


def test_no_later_server_can_share_our_port(port):
    later = grpc.server(ThreadPoolExecutor(1))
    with pytest.raises(RuntimeError, match="Failed to bind"):
        later.add_insecure_port(f"127.0.0.1:{port}")


def test_when_the_second_port_is_taken_the_first_is_not_kept():
    port = two_free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        with pytest.raises(DoorError, match=f"port {port + 1} on"):
            opened(port)
        assert opened(port, ["a"]) == {"a": port}


NO_PORT = {
    "above the last": ("127.0.0.1", 65535, "port 65536 does not exist"),
    "below 0": ("127.0.0.1", -5, "port -5 does not exist"),
    "no such host": ("no-host.invalid", 0, "cannot open a port on 'no-host.invalid'"),
    "the host of someone else": (
        "203.0.113.1",
        0,
        "cannot open port 0 on 203.0.113.1: Cannot assign requested address",
    ),
}


@pytest.mark.parametrize(("host", "first_port", "text"), NO_PORT.values(), ids=NO_PORT)
def test_a_port_that_cannot_be_had(host, first_port, text):
    with pytest.raises(DoorError, match=text) as e:
        opened(first_port, host=host)
    assert "\n" not in str(e.value)


def test_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert opened(0, ["a"], host="::1")["a"] > 0


def test_a_vehicle_the_broker_does_not_have():
    with pytest.raises(UnknownName, match="unknown vehicle 'b'"):
        KuksaDoor(Broker(SMALL, ["a"]), SMALL, ["b"])


def test_closing_ends_streams_with_unavailable(door, stub):
    replies = stub.Subscribe(val.SubscribeRequest(signal_paths=[SPEED]), timeout=DEADLINE_S)
    next(replies)
    door.wait(door.door.close())
    with pytest.raises(grpc.RpcError) as e:
        next(replies)
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
    door.wait_unwatched()


def test_a_door_can_be_opened_again(door):
    door.wait(door.door.close())
    ports = door.wait(door.door.open())
    with grpc.insecure_channel(f"127.0.0.1:{ports['one']}") as channel:
        assert next(VALStub(channel).Subscribe(val.SubscribeRequest(signal_paths=[SPEED]), timeout=DEADLINE_S)).entries


def test_a_subscriber_that_cancels_is_forgotten(door, stub):
    replies = stub.Subscribe(val.SubscribeRequest(signal_paths=[SPEED]))
    next(replies)
    replies.cancel()
    door.wait_unwatched()
    assert door.call(door.broker.watchers, "one") == ()


SUBSCRIBER = """
import sys, time, grpc
from kuksa.val.v2 import val_pb2
from kuksa.val.v2.val_pb2_grpc import VALStub
stub = VALStub(grpc.insecure_channel("127.0.0.1:" + sys.argv[1]))
for reply in stub.Subscribe(val_pb2.SubscribeRequest(signal_paths=["Vehicle.Speed"], buffer_size=5)):
    print("got one", flush=True)
"""


def test_a_subscriber_that_is_killed_is_forgotten(door, port, stub):
    process = subprocess.Popen([sys.executable, "-c", SUBSCRIBER, str(port)], stdout=subprocess.PIPE)
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    door.wait_unwatched()
    process.communicate()
    door.publish(Speed=5.0)
    assert door.call(door.broker.watchers, "one") == ()
    assert speed(stub) == 5.0


def test_a_subscriber_killed_with_messages_waiting_is_forgotten(door, port, stub):
    process = subprocess.Popen([sys.executable, "-c", SUBSCRIBER, str(port)], stdout=subprocess.PIPE)
    process.stdout.readline()
    os.kill(process.pid, signal.SIGSTOP)
    for n in range(300):
        door.publish(Speed=float(n))
    os.kill(process.pid, signal.SIGKILL)
    door.wait_unwatched()
    process.communicate()
    assert speed(stub) == 299.0


def test_garbage_on_the_port(door, port, stub):
    door.publish(Speed=5.0)
    for garbage in (
        b"\x00" * 1000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
    ):
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert speed(stub) == 5.0


def raw(port, method, message, shape="unary_unary"):
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1)]) as channel:
        reply = getattr(channel, shape)(method)(message, timeout=DEADLINE_S)
        return reply if shape == "unary_unary" else next(reply)


@pytest.mark.parametrize(
    ("method", "shape"),
    [("v2.VAL/GetValue", "unary_unary"), ("v2.VAL/Subscribe", "unary_stream"), ("v1.VAL/Get", "unary_unary")],
)
def test_bytes_that_are_no_message(port, stub, caplog, capfd, method, shape):
    with pytest.raises(grpc.RpcError) as e:
        raw(port, f"/kuksa.val.{method}", b"\xff\xff\xff", shape)
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the request is not a kuksa.val." in e.value.details()
    assert speed(stub) == 0
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_an_oversized_message(port, stub):
    with pytest.raises(grpc.RpcError) as e:
        raw(port, "/kuksa.val.v2.VAL/GetValue", b"\x0a" + bytes(MESSAGE_BYTES))
    assert e.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert speed(stub) == 0


@pytest.mark.parametrize("method", ["v1.VAL/Query", "v2.VAL/Set", "v3.VAL/GetValue"])
def test_an_rpc_we_do_not_have(port, method):
    with pytest.raises(grpc.RpcError) as e:
        raw(port, f"/kuksa.val.{method}", b"")
    assert e.value.code() is grpc.StatusCode.UNIMPLEMENTED

"""Our client, against our door over v2 and v1, and against servers that answer otherwise or not at all."""

import asyncio
import socket
import struct
import subprocess
import sys

import grpc
import pytest

from renkei.doors.kuksa import v2
from renkei.doors.kuksa.client import KuksaClient, Reading, _shortest
from renkei.errors import DoorError, UnknownName

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"


@pytest.fixture(params=["v2", "v1 only"])
def client(request, monkeypatch):
    """The client on vehicle one, over each version of the interface."""
    if request.param == "v1 only":
        monkeypatch.setattr(v2, "handlers", lambda house, vehicle: {})
    door = request.getfixturevalue("door")
    with KuksaClient(door.ports["one"]) as connected:
        yield connected


def plain(readings):
    return [(r.path, r.value) for r in readings]


def test_get_keeps_the_order_of_the_paths(door, client):
    door.publish(Speed=36.6, Powertrain_TractionBattery_Charging_ChargeLimit=55.0)
    assert plain(client.get([CHARGE, SPEED, WIPER])) == [(CHARGE, 55), (SPEED, 36.6), (WIPER, None)]
    assert client.get([SPEED])[0].t_ns == door.latest(SPEED).t_receive_ns


@pytest.mark.parametrize("path", ["Vehicle.CurrentLocation", "Vehicle.CurrentLocation.**", "**.CurrentLocation.**"])
def test_get_a_branch_or_a_pattern(door, client, path):
    expected = [s.path for s in door.vocabulary.branch("Vehicle.CurrentLocation")]
    assert [r.path for r in client.get([path, path])] == expected


def test_get_an_array(door, client):
    assert plain(client.get(["Vehicle.Cabin.SeatPosCount"])) == [("Vehicle.Cabin.SeatPosCount", [2, 3])]


def test_get_nothing(client):
    assert client.get([]) == []


def test_watch_gives_everything_and_then_changes(door, client):
    door.publish(Speed=1.0)
    messages = client.watch([SPEED, CHARGE])
    assert dict(plain(next(messages))) == {SPEED: 1.0, CHARGE: None}
    door.publish(Speed=2.0)
    assert plain(next(messages)) == [(SPEED, 2.0)]
    messages.close()
    door.wait_unwatched()


def test_metadata_is_the_vocabulary(door, client):
    charge, wiper = client.metadata(CHARGE)[0], client.metadata(WIPER)[0]
    ours = door.vocabulary[CHARGE]
    for field in ("path", "kind", "datatype", "unit", "minimum", "maximum", "description"):
        assert getattr(charge, field) == getattr(ours, field)
    assert wiper.allowed == door.vocabulary[WIPER].allowed
    assert {s.path for s in client.metadata()} == {s.path for s in door.vocabulary}


UNKNOWN = {
    "a leaf": ("Vehicle.Sped", "unknown signal 'Vehicle.Sped'; did you mean 'Vehicle.Speed'?"),
    "a branch": ("Vehicle.Cabbin", "unknown signal 'Vehicle.Cabbin'; did you mean 'Vehicle.Cabin'?"),
}


@pytest.mark.parametrize(("path", "text"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_path_is_named_with_its_nearest(client, path, text):
    for call in (client.get, client.watch):
        with pytest.raises(UnknownName) as e:
            call([SPEED, path])
        assert str(e.value) == text


def test_a_malformed_path(client):
    with pytest.raises(DoorError, match=r"'Vehicle\.\.Speed' is no path or pattern"):
        client.get(["Vehicle..Speed"])


def test_another_vehicle(door, port):
    door.publish("two", Speed=2.0)
    with KuksaClient(port, vehicle="two") as two:
        assert plain(two.get([SPEED])) == [(SPEED, 2.0)]
    with KuksaClient(port, vehicle="tow") as nobody, pytest.raises(DoorError, match=r"did you mean 'two'\?"):
        nobody.get([SPEED])
    with pytest.raises(UnknownName, match="unknown vehicle '連携'"):
        KuksaClient(port, vehicle="連携")


def test_a_server_that_stops(door, port):
    with KuksaClient(port) as client:
        messages = client.watch([SPEED])
        next(messages)
        door.wait(door.door.close())
        with pytest.raises(DoorError, match=r"the server is stopping \(UNAVAILABLE\)"):
            next(messages)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nobody_at_the_port():
    port = free_port()
    with KuksaClient(port) as client, pytest.raises(DoorError) as e:
        client.get([SPEED])
    assert str(e.value) == f"no KUKSA server answers at 127.0.0.1:{port}"


def test_a_port_that_never_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with KuksaClient(port, timeout_s=0.3) as client, pytest.raises(DoorError, match="no KUKSA server answers"):
            client.get([SPEED])


def test_another_kind_of_grpc_server():
    async def session():
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            return await asyncio.to_thread(ask, port)
        finally:
            await server.stop(None)

    def ask(port):
        with KuksaClient(port) as client, pytest.raises(DoorError) as e:
            client.metadata()
        return str(e.value)

    assert "UNIMPLEMENTED" in asyncio.run(session())


SHORTEST = [0.0, 36.6, -0.1, 1e-30, 16777215.0, 3.4028234663852886e38, 1 / 3, float("inf")]


@pytest.mark.parametrize("value", SHORTEST)
def test_a_float_shows_the_digits_it_was_sent_with(value):
    single = struct.unpack("<f", struct.pack("<f", value))[0]
    short = _shortest(single)
    assert struct.pack("<f", short) == struct.pack("<f", single)
    assert len(repr(short)) <= len(repr(single))


def test_a_reading_is_plain():
    assert Reading(SPEED, None, None)._fields == ("path", "value", "t_ns")


def test_the_kuksa_client_may_be_imported_in_the_same_process():
    code = "import renkei.doors.kuksa.client, kuksa_client.grpc, renkei.doors.kuksa.door"
    subprocess.run([sys.executable, "-c", code], check=True)

"""TLS and mutual TLS at the KUKSA and HTTP ports, and how wide a server opens."""

import http.client
import ssl

import grpc
import pytest
from certified import Certified
from conftest import OpenDoor
from cryptography.hazmat.primitives import serialization
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from open_viss import OpenViss
from provider_stub import at
from websockets.sync.client import connect

from renkei.doors.kuksa.client import KuksaClient
from renkei.doors.tls import Tls
from renkei.errors import DoorError

SPEED = "Vehicle.Speed"
DEADLINE_S = 10


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return Certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=[False, True], ids=["TLS", "mutual TLS"])
def mutual(request):
    return request.param


@pytest.fixture
def tls(certified, mutual):
    return Tls(*certified.server, certified.folder / "ca.pem" if mutual else None)


def ask(port, credentials):
    """The status of a GetValue."""
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        try:
            VALStub(channel).GetValue(val.GetValueRequest(signal_id=at(SPEED)), timeout=DEADLINE_S)
        except grpc.RpcError as e:
            return e.code()
    return grpc.StatusCode.OK


def test_grpc_speaks_tls_and_knows_its_clients_where_it_must(certified, tls, mutual):
    door = OpenDoor(["one"], tls=tls)
    try:
        port = door.ports["one"]
        key, cert = certified.client[1].read_bytes(), certified.client[0].read_bytes()
        assert ask(port, grpc.ssl_channel_credentials(certified.roots, key, cert)) is grpc.StatusCode.OK
        stranger = ask(port, grpc.ssl_channel_credentials(certified.roots))
        assert stranger is (grpc.StatusCode.UNAVAILABLE if mutual else grpc.StatusCode.OK)
        with pytest.raises(DoorError), KuksaClient(port, timeout_s=2) as plain:
            plain.get([SPEED])
        if not mutual:
            with KuksaClient(port, ca=certified.roots) as own:
                assert own.get([SPEED])[0].path == SPEED
    finally:
        door.close()


def test_http_and_websocket_speak_tls_and_know_their_clients_where_they_must(certified, tls, mutual):
    door = OpenViss(tls=tls)
    try:
        assert get(door.port, certified.context(with_client=True)) == 200
        url = f"wss://localhost:{door.port}/"
        with connect(url, subprotocols=["VISSv3"], ssl=certified.context(with_client=True)) as socket:
            socket.send('{"action": "get", "path": "Vehicle.Speed", "requestId": "1"}')
            assert '"Vehicle.Speed"' in socket.recv(DEADLINE_S)
        if mutual:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                get(door.port, certified.context())
        else:
            assert get(door.port, certified.context()) == 200
    finally:
        door.close()


def get(port, context):
    connection = http.client.HTTPSConnection("localhost", port, timeout=DEADLINE_S, context=context)
    try:
        connection.request("GET", "/Vehicle/Speed")
        return connection.getresponse().status
    finally:
        connection.close()


def test_files_that_are_no_certificates_are_told_by_name(certified, tmp_path):
    nonsense, (cert, key) = tmp_path / "nonsense.pem", certified.server
    nonsense.write_text("nothing")
    for tls, told in (
        (Tls(nonsense, key), "--tls-cert"),
        (Tls(cert, nonsense), "--tls-key"),
        (Tls(cert, certified.client[1]), "--tls-key"),
        (Tls(cert, key, nonsense), "--tls-client-ca"),
        (Tls(tmp_path / "none.pem", key), "none.pem"),
    ):
        with pytest.raises(DoorError, match=told):
            tls.context()


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(certified, tmp_path):
    cert, key = certified.server
    locked = tmp_path / "locked.pem"
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    with pytest.raises(DoorError, match="without a password"):
        Tls(cert, locked).context()


def test_a_port_that_is_open_everywhere_answers_to_addresses_and_to_no_foreign_name():
    door = OpenViss(host="0.0.0.0")
    try:
        assert door.http("GET", "/Vehicle/Speed", Host="192.0.2.7:8090")[0] == 200
        assert door.http("GET", "/Vehicle/Speed", Host="rebound.example")[0] == 403
    finally:
        door.close()

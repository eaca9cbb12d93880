"""TLS and mutual TLS at the KUKSA and HTTP ports, and how wide a server opens."""

import http.client
import ssl
import time

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
from renkei.doors.tls import LOOK_S, Certificates, Tls
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
    return Certificates(Tls(*certified.server, certified.folder / "ca.pem" if mutual else None))


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


# Files that change while the server runs


class Renewed:
    """A server whose files are replaced: `put` writes aside and renames, as a careful owner does."""

    def __init__(self, folder, certified, mutual):
        self.files = Tls(folder / "server.pem", folder / "server.key", folder / "ca.pem" if mutual else None)
        self.told = []
        self.put(certified)
        self.tls = Certificates(self.files, self.told.append)

    def put(self, certified):
        content = dict(zip(self.files, (*certified.server, certified.folder / "ca.pem"), strict=True))
        for file, source in content.items():
            if file:
                file.with_suffix(".new").write_bytes(source.read_bytes())
                file.with_suffix(".new").replace(file)

    def wait(self):
        """Until the files are looked at again."""
        time.sleep(LOOK_S + 0.1)


@pytest.fixture
def foreign(tmp_path):
    return Certified(tmp_path)


@pytest.fixture
def renewed(tmp_path_factory, certified, mutual):
    return Renewed(tmp_path_factory.mktemp("server"), certified, mutual)


def over_grpc(port, certified):
    key, cert = certified.client[1].read_bytes(), certified.client[0].read_bytes()
    return ask(port, grpc.ssl_channel_credentials(certified.roots, key, cert)) is grpc.StatusCode.OK


def over_http(port, certified):
    try:
        return get(port, certified.context(with_client=True)) == 200
    except (ssl.SSLError, ConnectionError):
        return False


def test_new_certificates_are_shown_and_asked_for_without_a_restart(certified, foreign, renewed):
    kuksa, viss = OpenDoor(["one"], tls=renewed.tls), OpenViss(tls=renewed.tls)
    ways = (lambda who: over_grpc(kuksa.ports["one"], who)), (lambda who: over_http(viss.port, who))
    url, context = f"wss://localhost:{viss.port}/", certified.context(with_client=True)
    try:
        with connect(url, subprotocols=["VISSv3"], ssl=context) as opened:
            assert [(way(certified), way(foreign)) for way in ways] == [(True, False)] * 2
            renewed.put(foreign)
            renewed.wait()
            assert [(way(certified), way(foreign)) for way in ways] == [(False, True)] * 2
            opened.send('{"action": "get", "path": "Vehicle.Speed", "requestId": "1"}')
            assert '"Vehicle.Speed"' in opened.recv(DEADLINE_S)  # who was let in stays
        renewed.put(certified)
        renewed.wait()
        assert [(way(certified), way(foreign)) for way in ways] == [(True, False)] * 2
        assert renewed.told == []
    finally:
        kuksa.close()
        viss.close()


def test_new_files_that_are_wrong_change_nothing_and_are_told_once(certified, foreign, renewed):
    door = OpenDoor(["one"], tls=renewed.tls)
    try:
        renewed.files.key.write_bytes(foreign.server[1].read_bytes())
        for _ in range(2):
            renewed.wait()
            assert over_grpc(door.ports["one"], certified)
        (told,) = renewed.told
        assert told.startswith("--tls-cert ")
        assert told.endswith("; the certificates from before stay in force")
        renewed.put(foreign)
        renewed.wait()
        assert over_grpc(door.ports["one"], foreign)
    finally:
        door.close()


def test_a_client_whose_authority_is_no_longer_believed_does_not_get_in(certified, foreign, tmp_path_factory):
    """The server's own certificate stays; only who may sign clients changes."""
    renewed = Renewed(tmp_path_factory.mktemp("server"), certified, True)
    kuksa, viss = OpenDoor(["one"], tls=renewed.tls), OpenViss(tls=renewed.tls)
    try:
        assert over_grpc(kuksa.ports["one"], certified)
        assert over_http(viss.port, certified)
        renewed.files.client_ca.write_bytes(foreign.roots)
        renewed.wait()
        assert not over_grpc(kuksa.ports["one"], certified)
        assert not over_http(viss.port, certified)
        context = certified.context()
        context.load_cert_chain(*foreign.client)
        assert get(viss.port, context) == 200
    finally:
        kuksa.close()
        viss.close()

"""Clients that do wrong, by mistake or on purpose: each is refused, and the next honest one is served."""

import json
import socket
import time

import pytest
from open_viss import FIRST, PATIENCE_S, OpenViss, error, v3
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from renkei.doors.viss.session import MOST_SUBSCRIPTIONS

SPEED = "Vehicle.Speed"
TRACK = "Vehicle.Cabin.Infotainment.Media.Played.Track"
LOCKED = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
ANY = v3("change", {"logic-op": "ne", "diff": "0"})


@pytest.fixture
def door():
    opened = OpenViss()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared():
    opened = OpenViss()
    yield opened
    opened.close()


@pytest.fixture
def quiet_door(shared):
    """For what leaves no trace: afterwards an honest client is served."""
    yield shared
    assert shared.connect().ask("get", SPEED)["data"]["path"] == SPEED
    assert shared.get("/Vehicle/Speed")[0] == 200
    assert shared.watchers() == ()


NONSENSE = {
    "nothing": "",
    "no JSON": "get me the speed",
    "half a message": '{"action": "get", "path":',
    "a list": "[]",
    "a number": "5",
    "null": "null",
    "not a number": '{"action": "get", "path": NaN}',
    "a name twice": '{"action": "get", "action": "set", "path": "Vehicle.Speed"}',
    "a name twice, deep down": '{"action": "get", "path": "Vehicle.Speed", "filter": {"variant": "a", "variant": "b"}}',
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 30_000,
    "deep filters": '{"action": "get", "path": "Vehicle.Speed", "filter": ' + "[" * 5000 + "]" * 5000 + "}",
    "a huge number": '{"action": "get", "path": ' + "9" * 100_000 + "}",
    "no action": '{"path": "Vehicle.Speed"}',
    "an unknown action": '{"action": "delete", "path": "Vehicle.Speed"}',
    "an action that is a list": '{"action": ["get"], "path": "Vehicle.Speed"}',
    "no path": '{"action": "get"}',
    "a path that is a number": '{"action": "get", "path": 5}',
    "an empty path": '{"action": "get", "path": ""}',
    "a filter that is text": '{"action": "get", "path": "Vehicle.Speed", "filter": "paths"}',
    "a filter that is null": '{"action": "get", "path": "Vehicle.Speed", "filter": null}',
    "paths that are numbers": '{"action": "get", "path": "Vehicle", "filter": {"variant": "paths", "parameter": [5]}}',
    "a variant that is a list": '{"action": "get", "path": "Vehicle", "filter": {"variant": [], "parameter": "x"}}',
    "a request id that is an object": '{"action": "get", "path": "Vehicle.Speed", "requestId": {}}',
    "a set without a value": '{"action": "set", "path": "' + LOCKED + '"}',
    "a value that is a number": '{"action": "set", "path": "' + LOCKED + '", "value": 1}',
    "a value that is an object": '{"action": "set", "path": "' + LOCKED + '", "value": {"a": "b"}}',
    "the end of nothing": '{"action": "unsubscribe"}',
    "the end of a number": '{"action": "unsubscribe", "subscriptionId": 1}',
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_answered_and_the_connection_goes_on(quiet_door, text):
    client = quiet_door.connect()
    client._holds = False
    assert error(client.say(text)) == ("400", "bad_request")
    assert client.ask("get", SPEED)["data"]["path"] == SPEED


def test_bytes_are_no_message(quiet_door):
    client = quiet_door.connect()
    assert error(client.say(b'{"action": "get", "path": "Vehicle.Speed"}')) == ("400", "bad_request")


def test_half_a_character_survives(quiet_door):
    client = quiet_door.connect()
    answer = client.say(r'{"action": "get", "path": "Vehicle.\ud800", "requestId": "\udc00"}')
    assert (answer["requestId"], error(answer)) == ("\udc00", ("404", "unavailable_data"))


def test_what_is_no_text_at_all_ends_the_connection_without_a_word(quiet_door, capfd):
    client = quiet_door.connect()
    client.socket.send(b"\xff\xfe", text=True)
    with pytest.raises(ConnectionClosed):
        client.socket.recv(PATIENCE_S)
    assert capfd.readouterr() == ("", "")


def test_a_message_too_long_ends_the_connection(quiet_door, capfd):
    client = quiet_door.connect()
    with pytest.raises(ConnectionClosed):
        client.say(json.dumps({"action": "get", "path": "x" * 300_000}))
    assert client.socket.close_code == 1009
    assert capfd.readouterr() == ("", "")


def test_a_message_of_the_longest_kind_is_read(quiet_door):
    answer = quiet_door.connect().say(json.dumps({"action": "get", "path": "x" * 200_000}))
    assert error(answer) == ("404", "unavailable_data")
    assert len(answer["error"]["description"]) < 300


def test_many_search_paths_cost_little(quiet_door):
    began = time.monotonic()
    client = quiet_door.connect()
    paths = [".".join(["*"] * n) for n in range(1, 7)] * 16 + ["*." * 5000 + "*"]
    assert error(client.ask("get", "Vehicle", filter=v3("paths", paths))) == ("404", "unavailable_data")
    assert time.monotonic() - began < 3


def test_a_thousand_subscriptions_meet_their_quota(door):
    client = door.connect()
    client._holds = False  # a thousand looks at the schema take seconds
    answers = [client.ask("subscribe", SPEED, filter=ANY) for _ in range(1000)]
    assert all("subscriptionId" in a for a in answers[:MOST_SUBSCRIPTIONS])
    assert {error(a) for a in answers[MOST_SUBSCRIPTIONS:]} == {("429", "too_many_requests")}
    assert len(door.watchers()) == MOST_SUBSCRIPTIONS
    client.ask("unsubscribe", subscriptionId=answers[0]["subscriptionId"])
    assert "subscriptionId" in client.ask("subscribe", SPEED, filter=ANY)
    client.close()
    door.wait_unwatched(MOST_SUBSCRIPTIONS + 1)
    assert door.watchers() == ()


def vanish(client):
    """Leave without a word, as a process that is killed does."""
    client.socket.socket.shutdown(socket.SHUT_RDWR)
    client.socket.socket.close()


def test_a_client_that_vanishes_is_forgotten(door, capfd):
    client = door.connect()
    for stated in (ANY, v3("timebased", {"period": "10"}), v3("curvelog", {"maxerr": "1", "bufsize": "10"})):
        client.subscribe(SPEED, stated)
    client.event()
    assert len(door.watchers()) == 2
    vanish(client)
    door.wait_unwatched(2)
    assert door.watchers() == ()
    door.publish({SPEED: 1.0})
    assert door.connect().ask("get", SPEED)["data"]["dp"]["value"] == "1.0"
    assert capfd.readouterr() == ("", "")


def test_clients_that_leave_in_mid_stream_leave_no_word(door, capfd):
    fast = v3("timebased", {"period": "10"})
    for _ in range(10):
        client = door.connect()
        for stated in (fast, fast, ANY):
            client.subscribe(SPEED, stated)
        client.event()
        client.close()
    door.wait_unwatched(10)
    assert capfd.readouterr() == ("", "")


class Idle:
    """A client that asks and then reads nothing, over a plain socket that takes little."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.open = connect(f"ws://127.0.0.1:{port}/", sock=self.socket, subprotocols=["VISSv3"], compression=None,
                            max_queue=1, ping_interval=None)  # fmt: skip
        self.client = self.open.__enter__()

    def recv(self):
        return json.loads(self.client.recv(PATIENCE_S))


def stall(door):
    """Publish until the reader's network takes no more."""
    (watcher,) = door.watchers()
    end, held = time.monotonic() + PATIENCE_S, 0
    while held < 5:
        assert time.monotonic() < end, "the reader took it all"
        dropped = watcher.dropped
        door.publish({TRACK: str(time.monotonic_ns()) + "x" * 1_000_000})
        time.sleep(0.02)
        held = held + 1 if watcher.dropped > dropped else 0
    return watcher


def test_a_slow_reader_gets_the_newest_value_and_slows_nobody(door):
    slow, quick = Idle(door.port), door.connect()
    slow.client.send(json.dumps({"action": "subscribe", "path": TRACK, "filter": ANY}))
    assert "subscriptionId" in slow.recv()
    watcher = stall(door)
    for i in range(200):
        door.publish({TRACK: f"{i}"})
    assert watcher.waiting <= 65
    assert quick.ask("get", TRACK)["data"]["dp"]["value"] == "199"
    seen = []
    while "199" not in seen:
        seen.append(slow.recv()["data"]["dp"]["value"])
    assert [v for v in seen if len(v) < 1000] == ["199"]
    slow.open.__exit__(None, None, None)


def test_a_slow_reader_that_vanishes_is_forgotten(door):
    slow = Idle(door.port)
    slow.client.send(json.dumps({"action": "subscribe", "path": TRACK, "filter": ANY}))
    slow.recv()
    stall(door)
    slow.socket.shutdown(socket.SHUT_RDWR)
    slow.socket.close()
    door.wait_unwatched()
    assert door.watchers() == ()


def test_a_reader_that_takes_nothing_for_long_is_forgotten(door, monkeypatch):
    monkeypatch.setattr("renkei.doors.viss.session.STALLED_S", 0.3)
    slow = Idle(door.port)
    slow.client.send(json.dumps({"action": "subscribe", "path": TRACK, "filter": ANY}))
    slow.recv()
    stall(door)
    door.wait_unwatched()
    assert door.watchers() == ()
    slow.socket.close()


def test_it_closes_at_once_under_clients(capfd):
    door = OpenViss()
    live = door.connect()
    live.subscribe(SPEED, v3("timebased", {"period": "10"}))
    live.event()
    slow = Idle(door.port)
    slow.client.send(json.dumps({"action": "subscribe", "path": TRACK, "filter": ANY}))
    slow.recv()
    stall(door)
    began = time.monotonic()
    door.wait(door.door.close())
    assert time.monotonic() - began < 4
    assert door.broker.watchers(FIRST) == ()
    vanish(live)
    slow.socket.close()
    door.close()
    assert capfd.readouterr() == ("", "")


# --- HTTP


BODIES = {
    "nothing": b"",
    "no JSON": b"true, please",
    "a list": b'["true"]',
    "no value": b"{}",
    "a value that is no text": b'{"value": true}',
    "a value twice": b'{"value": "true", "value": "false"}',
    "no UTF-8": b'{"value": "\xff"}',
    "deep": b"[" * 100_000,
    "too long": b'{"value": "' + b"x" * 300_000 + b'"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_wrong_bodies_are_refused(quiet_door, body):
    status, answer = quiet_door.http("POST", "/" + LOCKED.replace(".", "/"), body)
    assert (status, error(answer)) == (400, ("400", "bad_request"))


QUERIES = ["filter=", "filter=paths", "filter=%5B%5D", "filter=%7B%7D", "filter=%7B%7D&filter=%7B%7D", "filter=%FF"]


@pytest.mark.parametrize("query", QUERIES)
def test_wrong_queries_are_refused(quiet_door, query):
    status, answer = quiet_door.http("GET", f"/Vehicle/Speed?{query}")
    assert (status, error(answer)) == (400, ("400", "bad_request"))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(quiet_door, method):
    for path in ("/Vehicle/Speed", f"/vehicles/{FIRST}/Vehicle/Speed"):
        status, answer = quiet_door.http(method, path)
        assert (status, error(answer)) == (405, ("400", "bad_request"))
        assert answer["error"]["description"] == f"Unknown method '{method}': expected GET to read, POST to set"
        assert "ts" in answer


# --- whom it answers


HOSTS = {
    "another name": {"Host": "evil.example"},
    "another address": {"Host": "192.168.0.1"},
}


@pytest.mark.parametrize("headers", HOSTS.values(), ids=HOSTS)
def test_other_hosts_are_refused(quiet_door, headers):
    assert quiet_door.http("GET", "/Vehicle/Speed", **headers)[0] == 403
    assert handshake(quiet_door, **headers).startswith(b"HTTP/1.1 403 ")


def handshake(door, path="/", **headers):
    """The first bytes of the answer to a WebSocket that is asked for."""
    stated = {
        "Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    } | headers  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in stated.items())
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE_S) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return s.recv(200)


ORIGINS = {
    "this machine by address": ("http://127.0.0.1:1234", True),
    "this machine by name": ("http://localhost", True),
    "IPv6": ("http://[::1]:80", True),
    "elsewhere": ("http://evil.example", False),
    "a name that begins alike": ("http://localhost.evil.example", False),
    "a page without an origin": ("null", False),
    "nonsense": ("http://[", False),
}


@pytest.mark.parametrize(("origin", "answered"), ORIGINS.values(), ids=ORIGINS)
def test_pages_from_elsewhere_open_no_websocket_and_set_nothing(quiet_door, origin, answered):
    assert handshake(quiet_door, Origin=origin).startswith(b"HTTP/1.1 101 " if answered else b"HTTP/1.1 403 ")
    status, _ = quiet_door.http("POST", "/" + LOCKED.replace(".", "/"), {"value": "true"}, Origin=origin)
    assert status == (503 if answered else 403)


@pytest.mark.parametrize("path", ["/vehicles/no/such", f"/vehicles/{FIRST}/Vehicle/Speed", "/vehicles/"])
def test_a_websocket_where_there_is_none(quiet_door, path):
    with pytest.raises(InvalidStatus) as e:
        quiet_door.connect(path)
    assert e.value.response.status_code == 404

"""The dashboard door over a real port: its JSON, its events, whom it answers, and how it opens and closes."""

import asyncio
import http.client
import json
import signal
import socket
import time

import pytest
from open_dashboard import NAMES, PATIENCE_S, VEHICLES, OpenDashboard, until

from renkei.broker import Broker
from renkei.can.load import Load
from renkei.can.meter import BusState
from renkei.doors.dashboard.door import Dashboard
from renkei.doors.http import HttpDoor
from renkei.errors import DoorError, UnknownName
from renkei.samples import STALE
from renkei.vocabulary import Signal, Vocabulary

SPEED = "Vehicle.Speed"
TEXT = "Vehicle.Cabin.Infotainment.Media.Played.Track"
FIRST, SECOND = VEHICLES
SMALL = Vocabulary([Signal(0, SPEED, "sensor", "float")], "test")


@pytest.fixture
def door():
    opened = OpenDashboard()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def quiet_door():
    """For requests that leave no trace."""
    opened = OpenDashboard()
    yield opened
    opened.close()


class Reader:
    """A reader of /events."""

    def __init__(self, door):
        self._connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=PATIENCE_S)
        self._connection.request("GET", "/events")
        self.reply = self._connection.getresponse()

    def next(self):
        """Name and data of the next event."""
        lines = {}
        while line := self.reply.readline().decode().rstrip("\n"):
            key, _, value = line.partition(": ")
            lines[key] = value
        return lines["event"], json.loads(lines["data"])

    def speeds(self, last):
        """Speeds of the first vehicle as they come, until `last`."""
        seen = []
        while last not in seen:
            seen += [c[FIRST][SPEED] for _, c in [self.next()] if SPEED in c.get(FIRST, {})]
        return seen

    def close(self):
        self.reply.close()
        self._connection.close()


@pytest.fixture
def reader(door):
    opened = Reader(door)
    yield opened
    opened.close()


def signals(door, vehicle=FIRST):
    status, answer = door.json(f"/api/vehicles/{vehicle}/signals")
    assert status == 200
    return {row["path"]: row for row in answer["signals"]}


# --- what it tells


def test_vehicles_are_told_by_id_and_name(door):
    assert door.json("/api/vehicles") == (200, [{"id": v, "name": NAMES[v], "is_live": False} for v in VEHICLES])


def test_a_vehicle_with_a_kuksa_door_tells_its_port_and_one_without_a_name_its_id():
    door = OpenDashboard(names={}, ports={FIRST: 55555})
    try:
        told = door.json("/api/vehicles")[1]
    finally:
        door.close()
    assert told == [
        {"id": FIRST, "name": FIRST, "is_live": False, "kuksa_port": 55555},
        {"id": SECOND, "name": SECOND, "is_live": False},
    ]


def test_the_buses_of_a_live_car_are_told_with_what_they_carry():
    full = BusState("ev-can", "socketcan", "can0", 500_000, is_high=True, load=Load(4100.04, 0.912345, 1.1))
    lost = BusState("car-can", "slcan", "/dev/x", None, is_lost=True, error_frames=3)
    door = OpenDashboard(buses=lambda vehicle: (full, lost) if vehicle == FIRST else ())
    try:
        assert [v["is_live"] for v in door.json("/api/vehicles")[1]] == [True, False]
        told = door.json(f"/api/vehicles/{FIRST}/buses")[1]
        assert door.json(f"/api/vehicles/{SECOND}/buses") == (200, {"vehicle": SECOND, "buses": []})
        assert door.json("/api/vehicles/none/such/buses")[0] == 404
    finally:
        door.close()
    assert told == {
        "vehicle": FIRST,
        "buses": [
            {"bus": "ev-can", "interface": "socketcan", "channel": "can0", "bitrate": 500_000, "is_lost": False,
             "is_high": True, "error_frames": 0, "frames_per_s": 4100.04, "load_least": 0.9123, "load_most": 1.1},
            {"bus": "car-can", "interface": "slcan", "channel": "/dev/x", "bitrate": None, "is_lost": True,
             "is_high": False, "error_frames": 3, "frames_per_s": None, "load_least": None, "load_most": None},
        ],
    }  # fmt: skip


def test_a_signal_is_told_with_what_it_means(door):
    before_ns = time.time_ns()
    door.publish({SPEED: 12.5})
    row = signals(door)[SPEED]
    assert before_ns <= row.pop("t_source_ns") <= row.pop("t_receive_ns") <= time.time_ns()
    assert row.pop("description") == door.vocabulary[SPEED].description != ""
    assert row == {
        "path": SPEED, "value": 12.5, "unit": "km/h", "datatype": "float", "kind": "sensor", "is_default": False,
        "quality": "ok", "source": "",
    }  # fmt: skip


def test_a_signal_that_never_came_is_left_out_and_one_not_available_is_null(door):
    assert SPEED not in signals(door)
    door.publish({SPEED: None})
    assert signals(door)[SPEED]["value"] is None
    assert signals(door)[SPEED]["quality"] == "not available"
    assert SPEED not in signals(door, SECOND)


def test_a_signal_that_is_no_longer_said_is_told_as_stale_with_its_source(door):
    door.call(door.broker.publish, FIRST, [(door.vocabulary[SPEED].index, STALE, 5)], None, "live on can0")
    row = signals(door)[SPEED]
    assert (row["value"], row["quality"], row["source"], row["t_source_ns"]) == (None, "stale", "live on can0", 5)


def test_what_the_tree_presumes_of_every_car_is_marked(door):
    assert signals(door)["Vehicle.Length"]["is_default"]
    door.publish({"Vehicle.Length": 4490})
    assert not signals(door)["Vehicle.Length"]["is_default"]


def test_values_of_every_type_arrive(door):
    cells = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
    values = {
        TEXT: "ÄÖ車\"'<>&",
        "Vehicle.Chassis.Brake.IsPressed": True,
        cells: [3.5, 3.75],
        "Vehicle.CurbWeight": 1580,
    }
    door.publish(values)
    told = signals(door)
    assert {path: told[path]["value"] for path in values} == values


def test_an_unknown_vehicle_is_named_with_its_nearest(door):
    status, answer = door.json("/api/vehicles/acme/one-2018/signals")
    assert (status, answer) == (404, {"error": f"unknown vehicle 'acme/one-2018'; did you mean '{FIRST}'?"})


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/vehicles//signals", "/page.js", "/..%2f..%2fpyproject.toml"]
)
def test_nothing_else_is_there(quiet_door, path):
    status, _, body = quiet_door.get(path)
    assert status == 404
    assert "error" in json.loads(body)


# --- events


def test_first_the_full_picture_then_only_what_changed(door):
    door.publish({SPEED: 1.0, TEXT: None})
    reader = Reader(door)
    name, picture = reader.next()
    assert name == "picture"
    assert set(picture) == set(VEHICLES)
    assert picture[FIRST][SPEED] == 1.0
    assert picture[FIRST][TEXT] is None
    assert SPEED not in picture[SECOND]
    door.publish({SPEED: 2.0}, SECOND)
    assert reader.next() == ("changes", {SECOND: {SPEED: 2.0}})
    reader.close()


def test_at_most_five_events_a_second_and_the_last_value_arrives(door, reader):
    reader.next()
    began = time.monotonic()
    for i in range(100):
        door.publish({SPEED: float(i)})
        time.sleep(0.01)
    seen = reader.speeds(99.0)
    assert 3 <= len(seen) <= 1 + 5 * (time.monotonic() - began)
    assert seen == sorted(seen)


def test_changes_of_several_vehicles_travel_together(door, reader):
    reader.next()
    door.publish({SPEED: 1.0})
    reader.next()
    door.publish({SPEED: 2.0})
    door.publish({SPEED: 3.0}, SECOND)
    assert reader.next() == ("changes", {FIRST: {SPEED: 2.0}, SECOND: {SPEED: 3.0}})


def stall(door):
    """Publish until the reader's network takes no more; how the watcher of the first vehicle looks then."""
    (watcher,) = door.watchers()
    held = 0
    while held < 5:
        door.publish({TEXT: "x" * 1_000_000})
        time.sleep(0.1)
        held = held + 1 if watcher.waiting else 0
    return watcher


def test_a_slow_reader_gets_the_newest_values_only(door, reader):
    reader.next()
    watcher = stall(door)
    for i in range(1, 51):
        door.publish({SPEED: float(i)})
    assert watcher.waiting == 1
    assert reader.speeds(50.0) == [50.0]
    assert door.call(door.broker.dropped, FIRST) == 0


def test_a_reader_that_left_is_forgotten(door):
    readers = [Reader(door) for _ in range(3)]
    until(lambda: len(door.watchers()) == 3)
    for reader in readers:
        reader.close()
    until(lambda: not any(door.watchers(v) for v in VEHICLES))


def test_a_stalled_reader_that_left_is_forgotten(door):
    reader = Reader(door)
    reader.next()
    stall(door)
    reader.close()
    until(lambda: not door.watchers())


# --- whom it answers


HOSTS = {
    "the address": ("127.0.0.1:{port}", 200),
    "without a port": ("127.0.0.1", 200),
    "by name": ("LocalHost:{port}", 200),
    "IPv6": ("[::1]:{port}", 200),
    "another name": ("evil.example:{port}", 403),
    "a name that begins alike": ("localhost.evil.example", 403),
    "a name that ends alike": ("evil.localhost", 403),
    "a port in the middle": ("localhost:80.evil.example", 403),
    "another address": ("192.168.0.1:{port}", 403),
    "an empty one": ("", 403),
}


@pytest.mark.parametrize(("host", "expected"), HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/vehicles", "/events"])
def test_only_hosts_of_this_machine_are_answered(quiet_door, path, host, expected):
    with socket.create_connection(("127.0.0.1", quiet_door.port), PATIENCE_S) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: {host.format(port=quiet_door.port)}\r\n\r\n".encode())
        assert s.recv(100).startswith(f"HTTP/1.1 {expected} ".encode())


def test_a_request_without_a_host_is_refused(quiet_door):
    with socket.create_connection(("127.0.0.1", quiet_door.port), PATIENCE_S) as s:
        s.sendall(b"GET /api/vehicles HTTP/1.0\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/events", "/api/vehicles"])
def test_only_get_is_understood(quiet_door, method, path):
    status, headers, _ = quiet_door.get(path, method)
    assert (status, headers["Allow"]) == (405, "GET")


def test_no_other_site_may_read_and_no_cache_keeps(door):
    for path in ("/", "/api/vehicles", f"/api/vehicles/{FIRST}/signals"):
        _, headers, _ = door.get(path, Origin="http://evil.example")
        assert not [h for h in headers if h.lower().startswith("access-control")]
        assert headers["Cache-Control"] == "no-store"


def test_the_page_is_one_document_that_may_load_nothing_else(door):
    status, headers, body = door.get("/")
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not [word for word in (" src=", "@import", "url(") if word in body]


# --- opening and closing


def serve(port=0, host="127.0.0.1", during=lambda port: None):
    """Open a door in this thread and close it again."""

    async def session():
        door = HttpDoor([Dashboard(Broker(SMALL, ["a"]), SMALL, ["a"], {})], host, port)
        opened = await door.open()
        try:
            return await asyncio.to_thread(during, opened) or opened
        finally:
            await door.close()

    return asyncio.run(session())


def test_the_port_is_free_again_afterwards():
    port = serve()
    assert serve(port) == serve(port) == port


def test_a_port_in_use(door, capfd):
    with pytest.raises(DoorError) as e:
        serve(door.port)
    assert str(e.value) == (
        f"cannot open port {door.port} on 127.0.0.1: Address already in use; stop what uses it or choose another port"
    )
    assert capfd.readouterr() == ("", "")


REFUSED = {
    "a port that does not exist": ({"port": 65536}, "port 65536 does not exist: ports end at 65535"),
    "a host that does not exist": (
        {"host": "nowhere.invalid"},
        "cannot open a port on 'nowhere.invalid': no such host",
    ),
    "the host of another": ({"host": "192.0.2.1"}, "cannot open port 0 on 192.0.2.1: Cannot assign requested address"),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_opened_is_one_clear_line(options, text):
    with pytest.raises(DoorError) as e:
        serve(**options)
    assert str(e.value) == text


def test_an_unknown_vehicle_is_refused_at_once():
    with pytest.raises(UnknownName, match="did you mean 'alpha'"):
        Dashboard(Broker(SMALL, ["alpha"]), SMALL, ["alfa"], {})


def test_closing_twice_or_before_opening_is_no_fault():
    async def session():
        door = HttpDoor([Dashboard(Broker(SMALL, ["a"]), SMALL, ["a"], {})], port=0)
        await door.close()
        await door.open()
        await door.close()
        await door.close()

    asyncio.run(session())


def test_signals_stay_with_the_owner_of_the_process():
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    seen = []
    # The handler of SIGINT is asyncio's own while a loop runs in the main thread.
    serve(during=lambda port: seen.append(signal.getsignal(signal.SIGTERM)))
    assert seen == [handlers[1]]
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_it_closes_at_once_under_readers_stalled_readers_and_idle_connections(capfd):
    door = OpenDashboard()
    stalled, idle = Reader(door), socket.create_connection(("127.0.0.1", door.port))
    stall(door)
    live = Reader(door)
    live.next()
    began = time.monotonic()
    door.close()
    assert time.monotonic() - began < 3
    assert door.broker.watchers(FIRST) == ()
    assert live.reply.read() == b""
    for connection in (stalled, live, idle):
        connection.close()
    assert serve(door.port) == door.port
    assert capfd.readouterr() == ("", "")


def test_nonsense_on_the_wire_is_refused_without_a_word(door, capfd):
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE_S) as s:
        s.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 400 ")
    assert door.json("/api/vehicles")[0] == 200
    assert capfd.readouterr() == ("", "")

"""Tokens of two makers at the VISS door, over WebSocket and HTTP, and at the dashboard, on a real port."""

import http.client
import json
import time

import pytest
from bad_tokens import BAD
from open_viss import FIRST, PATIENCE_S, SECOND, OpenViss, error, v3
from tokens import Issuer, write_trust
from websockets.exceptions import ConnectionClosed

from renkei.authority.audit import AuditLog, check
from renkei.authority.authority import Authority
from renkei.doors.guard import LOOK_S, Guard
from renkei.doors.http import COOKIE
from renkei.doors.viss import session

SPEED, FAN = "Vehicle.Speed", "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
ANY = v3("change", {"logic-op": "ne", "diff": "0"})
MISSING, FORBIDDEN = ("401", "invalid_token"), ("403", "forbidden_request")
AT = {SPEED: "/Vehicle/Speed", FAN: "/" + FAN.replace(".", "/")}


class House:
    def __init__(self, folder, **options):
        self.folder = folder
        self.issuers = {FIRST: Issuer("https://id.acme.example", ("acme",)), SECOND: Issuer("other-cars", ("other",))}
        write_trust(folder, *self.issuers.values())
        self.audit = AuditLog(folder / "audit.jsonl")
        self.guard = Guard(Authority(folder / "trust.toml"), self.audit, **options)
        self.door = OpenViss(guard=self.guard)
        self.batches = {vehicle: self.door.carry(FAN, vehicle=vehicle) for vehicle in (FIRST, SECOND)}
        for vehicle in (FIRST, SECOND):
            self.door.publish({SPEED: 50.0, FAN: 7}, vehicle)

    def rewrite(self):
        write_trust(self.folder, *self.issuers.values())

    def http(self, method, path, vehicle=FIRST, token=None, body=None):
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        return self.door.http(method, f"/vehicles/{vehicle}{path}", body, **shown)

    def socket(self, vehicle=FIRST, token=None):
        shown = {"additional_headers": {"Authorization": f"Bearer {token}"}} if token else {}
        return self.door.connect(f"/vehicles/{vehicle}", **shown)

    def target(self, vehicle):
        return self.door.call(self.door.broker.target, vehicle, self.door.index(FAN))

    def close(self):
        self.door.close()
        self.guard.close()
        self.audit.close()


@pytest.fixture
def house(tmp_path):
    opened = House(tmp_path)
    yield opened
    opened.close()


def test_each_makers_token_is_accepted_for_its_own_car_and_refused_for_the_others_over_http(house):
    for mine, theirs in ((FIRST, SECOND), (SECOND, FIRST)):
        token, before = house.issuers[mine].token(), house.target(theirs)
        assert house.http("GET", AT[SPEED], mine, token)[0] == 200
        assert house.http("POST", AT[FAN], mine, token, {"value": "40"})[0] == 200
        assert house.target(mine).value == 40
        status, answer = house.http("GET", AT[SPEED], theirs, token)
        assert (status, error(answer)) == (403, FORBIDDEN)
        status, answer = house.http("POST", AT[FAN], theirs, token, {"value": "90"})
        assert (status, error(answer)) == (403, FORBIDDEN)
        assert house.target(theirs) == before
    assert [len(batches) for batches in house.batches.values()] == [1, 1]


def test_each_makers_token_is_accepted_for_its_own_car_and_refused_for_the_others_over_websocket(house):
    for mine, theirs in ((FIRST, SECOND), (SECOND, FIRST)):
        token, before = house.issuers[mine].token(), house.target(theirs)
        own, foreign = house.socket(mine, token), house.socket(theirs, token)
        assert own.ask("get", SPEED)["data"]["dp"]["value"] == "50.0"
        assert "error" not in own.ask("set", FAN, value="40")
        assert house.target(mine).value == 40
        assert error(foreign.ask("get", SPEED)) == FORBIDDEN
        assert error(foreign.ask("set", FAN, value="90")) == FORBIDDEN
        assert error(foreign.ask("subscribe", SPEED, filter=ANY)) == FORBIDDEN
        assert house.target(theirs) == before


def test_without_a_token_or_with_a_bad_one_nothing_is_told_and_nothing_moves(house):
    for token in (None, "abc", house.issuers[FIRST].token(lasts_s=-1)):
        status, answer = house.http("GET", AT[SPEED], FIRST, token)
        assert (status, error(answer)) == (401, MISSING)
        assert house.http("POST", AT[FAN], FIRST, token, {"value": "9"})[0] == 401
        socket = house.socket(FIRST, token)
        for answer in (
            socket.ask("get", SPEED),
            socket.ask("set", FAN, value="9"),
            socket.ask("subscribe", SPEED, filter=ANY),
        ):
            assert error(answer) == MISSING
    assert house.target(FIRST) is None
    assert house.socket(FIRST, house.issuers[FIRST].token()).ask("get", SPEED)["data"]["path"] == SPEED


def test_every_token_that_does_not_hold_is_refused_and_moves_nothing(house):
    issuer = house.issuers[FIRST]
    issuer.revoked = ("bad",)
    house.rewrite()
    time.sleep(LOOK_S)
    socket = house.socket()
    for name, (make, why) in BAD.items():
        token = make(issuer)
        status, answer = house.http("GET", AT[SPEED], FIRST, token)
        assert (status, error(answer)) == (401, MISSING), name
        assert why in answer["error"]["description"] or not token, name
        assert house.http("POST", AT[FAN], FIRST, token, {"value": "9"})[0] == 401, name
        assert error(socket.ask("set", FAN, value="9", authorization=token)) == MISSING, name
        assert Browser(house.door.port).ask("POST", "/token", token).status == 401, name
    assert house.target(FIRST) is None


def test_a_stranger_learns_of_no_car_by_guessing(house):
    status, answer = house.http("GET", AT[SPEED], "other/tow")
    assert (status, "other/two" in json.dumps(answer)) == (404, False)


def test_a_message_may_show_a_token_of_its_own(house):
    socket = house.socket()
    assert error(socket.ask("get", SPEED)) == MISSING
    token = house.issuers[FIRST].token(f"read:{SPEED}")
    assert socket.ask("get", SPEED, authorization=token)["data"]["dp"]["value"] == "50.0"
    assert error(socket.ask("set", FAN, value="9", authorization=token)) == FORBIDDEN
    assert error(socket.ask("get", SPEED)) == MISSING
    socket.ask("subscribe", SPEED, filter=ANY, authorization=token)
    house.door.publish({SPEED: 60.0})
    assert socket.values() == ["60.0"]


def test_what_a_scope_does_not_name_is_refused(house):
    token = house.issuers[FIRST].token(f"read:{SPEED} actuate:Vehicle.Cabin.Door")
    socket = house.socket(FIRST, token)
    assert error(socket.ask("get", FAN)) == FORBIDDEN
    assert error(socket.ask("set", FAN, value="9")) == FORBIDDEN
    assert error(socket.ask("get", "Vehicle", filter=v3("paths", ["Speed", FAN.removeprefix("Vehicle.")]))) == FORBIDDEN
    assert error(socket.ask("subscribe", FAN, filter=ANY)) == FORBIDDEN
    assert error(socket.ask("get", FAN, filter=v3("history", "P0DT00H01M00S"))) == FORBIDDEN
    assert house.http("GET", AT[FAN], FIRST, token)[0] == 403
    assert error(socket.ask("get", "Vehicle.NoSuchThing")) == ("404", "unavailable_data")
    assert house.target(FIRST) is None


def test_a_subscription_ends_when_its_token_expires_and_says_why(house):
    socket = house.socket(FIRST, house.issuers[FIRST].token(lasts_s=2))
    identity = socket.subscribe(SPEED, ANY)
    ended = socket.event()
    assert (ended["subscriptionId"], error(ended)) == (identity, MISSING)
    assert ended["error"]["description"] == "Invalid auth token: expired"
    assert error(socket.ask("get", SPEED)) == MISSING
    assert house.door.watchers() == ()


def test_a_subscription_ends_when_its_token_is_revoked_and_others_go_on(house):
    issuer = house.issuers[FIRST]
    revoked, kept = house.socket(FIRST, issuer.token(jti="a")), house.socket(FIRST, issuer.token(jti="b"))
    revoked.subscribe(SPEED, ANY)
    kept.subscribe(SPEED, ANY)
    issuer.revoked = ("a",)
    house.rewrite()
    assert revoked.event()["error"]["description"] == "Invalid auth token: revoked"
    house.door.publish({SPEED: 70.0})
    assert kept.values() == ["70.0"]


def test_a_websocket_that_never_shows_a_token_is_closed_and_who_shows_one_stays(house, monkeypatch):
    monkeypatch.setattr(session, "UNSHOWN_S", 0.4)
    issuer = house.issuers[FIRST]
    stranger, liar = house.socket(), house.socket(FIRST, "nonsense")
    by_header, by_message, subscribed = house.socket(FIRST, issuer.token()), house.socket(), house.socket()
    assert error(stranger.ask("get", SPEED)) == MISSING
    assert "data" in by_message.ask("get", SPEED, authorization=issuer.token(lasts_s=2))
    subscribed.subscribe(SPEED, ANY, authorization=issuer.token())
    for client in (stranger, liar):
        with pytest.raises(ConnectionClosed) as e:
            client.receive()
        assert e.value.rcvd.code == 1008
        assert e.value.rcvd.reason.startswith("no token that holds was shown in 0.4 s: ")
    with pytest.raises(ConnectionClosed) as e:
        by_message.receive()  # once its token has expired
    assert e.value.rcvd.reason.endswith("expired")
    assert "data" in by_header.ask("get", SPEED)
    house.door.publish({SPEED: 71.0})
    assert subscribed.values() == ["71.0"]


class Browser:
    """The dashboard's requests, with the cookie that the server gave."""

    def __init__(self, port):
        self.port, self.headers = port, {}

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path, body, self.headers | headers)
        return connection.getresponse()

    def get(self, path):
        reply = self.ask("GET", path)
        return reply.status, json.loads(reply.read())


def test_the_dashboard_keeps_the_token_of_a_browser_and_shows_what_it_covers(house):
    browser = Browser(house.door.port)
    assert browser.ask("GET", "/").status == 200
    assert browser.get("/api/vehicles")[0] == 401
    assert browser.ask("GET", "/events").status == 401
    assert browser.ask("POST", "/token", "nonsense").status == 401
    kept = browser.ask("POST", "/token", house.issuers[FIRST].token(f"read:{SPEED}"))
    assert kept.status == 204
    cookie = kept.getheader("Set-Cookie")
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    browser.headers["Cookie"] = cookie.split(";")[0]
    assert [v["id"] for v in browser.get("/api/vehicles")[1]] == [FIRST]
    assert [s["path"] for s in browser.get(f"/api/vehicles/{FIRST}/signals")[1]["signals"]] == [SPEED]
    assert browser.get(f"/api/vehicles/{SECOND}/signals")[0] == 404
    events = browser.ask("GET", "/events")
    lines = [events.readline() for _ in range(3)]
    assert lines[1] == b"event: picture\n"
    assert json.loads(lines[2].removeprefix(b"data: ")) == {FIRST: {SPEED: 50.0}}
    house.door.publish({FAN: 8})
    house.door.publish({SPEED: 51.0})
    assert [events.readline() for _ in range(3)][2] == b'data: {"acme/one-2019":{"Vehicle.Speed":51.0}}\n'
    events.close()


def test_events_of_the_dashboard_end_with_their_token_and_say_why(house):
    issuer = house.issuers[FIRST]
    events = Browser(house.door.port).ask("GET", "/events", Authorization=f"Bearer {issuer.token(jti='x')}")
    for _ in range(4):
        events.readline()
    issuer.revoked = ("x",)
    house.rewrite()
    assert events.read() == b'event: ended\ndata: {"error":"Invalid auth token: revoked"}\n\n'


def test_a_page_of_another_site_cannot_use_the_cookie(house):
    browser = Browser(house.door.port)
    browser.headers["Cookie"] = f"{COOKIE}={house.issuers[FIRST].token()}"
    body = json.dumps({"value": "9"})
    assert browser.ask("POST", f"/vehicles/{FIRST}{AT[FAN]}", body, Origin="https://evil.example").status == 403
    assert house.target(FIRST) is None


def test_a_client_that_asks_too_often_waits_and_others_are_served(tmp_path):
    house = House(tmp_path, requests_per_s=20)
    try:
        issuer = house.issuers[FIRST]
        greedy, honest = (
            house.socket(FIRST, issuer.token(sub="greedy")),
            house.socket(FIRST, issuer.token(sub="honest")),
        )
        answers = [greedy.ask("get", SPEED) for _ in range(60)]
        assert ("429", "too_many_requests") in [error(a) for a in answers if "error" in a]
        start = time.monotonic()
        assert "data" in honest.ask("get", SPEED)
        assert time.monotonic() - start < 1
        time.sleep(0.2)
        assert "data" in greedy.ask("get", SPEED)
    finally:
        house.close()


def test_actuations_and_refusals_are_written_down(house):
    token = house.issuers[FIRST].token(sub="app-1", jti="t-9")
    house.http("POST", AT[FAN], FIRST, token, {"value": "40"})
    house.http("POST", AT[FAN], SECOND, token, {"value": "90"})
    house.http("GET", AT[SPEED], FIRST)
    house.door.call(house.batches[FIRST][0][0].finish, "done")
    written = [json.loads(line) for line in (house.folder / "audit.jsonl").read_text().splitlines()]
    asked, foreign, missing, ended = written[1:]
    assert (asked["event"], asked["vehicle"], asked["paths"], asked["values"]) == ("asked", FIRST, [FAN], [40])
    assert (asked["by"], asked["token"]) == ("app-1 (https://id.acme.example)", "t-9")
    assert (foreign["event"], foreign["status"]) == ("refused", 403)
    assert (missing["event"], missing["why"]) == ("refused", "No auth token provided")
    assert (ended["event"], ended["path"], ended["state"]) == ("ended", FAN, "done")
    assert check(house.folder / "audit.jsonl").broken is None

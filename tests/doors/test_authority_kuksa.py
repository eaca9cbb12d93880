"""Tokens of two makers at the KUKSA door: kuksa.val.v2, kuksa.val.v1 and sdv.databroker.v1, on real ports."""

import threading
import time

import grpc
import pytest
from bad_tokens import BAD
from conftest import OpenDoor
from databroker_stub import DatabrokerStub, point
from kuksa.val.v1 import types_pb2 as types1
from kuksa.val.v1 import val_pb2 as val1
from kuksa.val.v1.val_pb2_grpc import VALStub as V1Stub
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import ProviderStub, at, in_time, number
from tokens import Issuer, write_trust

from renkei.authority.audit import AuditLog
from renkei.authority.authority import Authority
from renkei.doors import guard as guard_module
from renkei.doors.guard import Guard
from renkei.doors.kuksa.databroker_schema import SDV

SPEED, FAN = "Vehicle.Speed", "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
ACME, OTHER = "acme/one", "other/two"
DEADLINE_S, SOON_S = 10, 0.1
OK, UNAUTHENTICATED, FORBIDDEN, EXHAUSTED = (
    grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)  # fmt: skip


class House:
    """Two cars, an issuer for each of their makers, a carrier for the fan of each."""

    def __init__(self, folder):
        self.folder = folder
        self.issuers = {ACME: Issuer("https://id.acme.example", ("acme",)), OTHER: Issuer("other-cars", ("other",))}
        self.trust = write_trust(folder, *self.issuers.values())
        self.audit = AuditLog(folder / "audit.jsonl")
        self.guard = Guard(Authority(self.trust), self.audit)
        self.door = OpenDoor([ACME, OTHER], guard=self.guard)
        self.batches = {v: [] for v in (ACME, OTHER)}
        for vehicle, batches in self.batches.items():
            index = self.door.vocabulary[FAN].index
            self.door.call(self.door.broker.claim_actuators, vehicle, [index], batches.append)
            self.door.publish_paths(vehicle, {SPEED: 50.0})

    def rewrite(self):
        write_trust(self.folder, *self.issuers.values())

    def said(self, vehicle, token):
        return (("renkei-vehicle", vehicle), *bearing(token))

    def target(self, vehicle):
        return self.door.call(self.door.broker.target, vehicle, self.door.vocabulary[FAN].index)

    def close(self):
        self.door.close()
        self.guard.close()
        self.audit.close()


def bearing(token):
    return () if token is None else (("authorization", f"Bearer {token}"),)


@pytest.fixture
def house(tmp_path):
    opened = House(tmp_path)
    yield opened
    opened.close()


class Ways:
    """Reading the speed and setting the fan over each service: a status, and what of a refusal stands in a reply."""

    def __init__(self, port, metadata):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        self.v2, self.v1, self.metadata = VALStub(self.channel), V1Stub(self.channel), metadata
        self.port, self.options = port, {"metadata": metadata, "timeout": DEADLINE_S}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def read_v2(self):
        return self._code(lambda: self.v2.GetValue(val.GetValueRequest(signal_id=at(SPEED)), **self.options))

    def set_v2(self, value):
        request = val.ActuateRequest(signal_id=at(FAN), value=types.Value(uint32=value))
        return self._code(lambda: self.v2.Actuate(request, **self.options))

    def read_v1(self):
        entries = [val1.EntryRequest(path=SPEED, view=types1.VIEW_CURRENT_VALUE)]
        return self._code(lambda: self.v1.Get(val1.GetRequest(entries=entries), **self.options))

    def set_v1(self, value):
        entry = types1.DataEntry(path=FAN, actuator_target=types1.Datapoint(uint32=value))
        update = val1.EntryUpdate(entry=entry, fields=[types1.FIELD_ACTUATOR_TARGET])
        return self._code(lambda: self.v1.Set(val1.SetRequest(updates=[update]), **self.options))

    def read_sdv(self):
        with DatabrokerStub(self.port) as stub:
            return self._code(lambda: stub.get(SPEED, metadata=self.metadata))

    def set_sdv(self, value):
        with DatabrokerStub(self.port) as stub:
            return self._code(lambda: stub.set({FAN: point(uint32_value=value)}, metadata=self.metadata))

    def _code(self, call):
        try:
            reply = call()
        except grpc.RpcError as e:
            return e.code()
        if isinstance(reply, val1.SetResponse | val1.GetResponse) and reply.error.code:
            return reply.error.code
        return OK


SERVICES = ("v2", "v1", "sdv")


@pytest.mark.parametrize("service", SERVICES)
def test_each_makers_token_is_accepted_for_its_own_car_and_refused_for_the_others(house, service):
    port = house.door.ports[ACME]
    for mine, theirs in ((ACME, OTHER), (OTHER, ACME)):
        token = house.issuers[mine].token()
        with Ways(port, house.said(mine, token)) as own, Ways(port, house.said(theirs, token)) as foreign:
            assert getattr(own, f"read_{service}")() is OK
            assert getattr(own, f"set_{service}")(40) is OK
            before = house.target(theirs)
            assert getattr(foreign, f"read_{service}")() is FORBIDDEN
            assert getattr(foreign, f"set_{service}")(90) is FORBIDDEN
            assert house.target(theirs) == before
            assert house.target(mine).value == 40
    assert [len(batches) for batches in house.batches.values()] == [1, 1]


@pytest.mark.parametrize("service", SERVICES)
def test_without_a_token_or_with_a_bad_one_nothing_is_told_and_nothing_moves(house, service):
    issuer = house.issuers[ACME]
    bad = {
        "none": None,
        "nonsense": "abc",
        "expired": issuer.token(lasts_s=-1),
        "foreign audience": issuer.token(aud="x"),
    }
    for name, token in bad.items():
        with Ways(house.door.ports[ACME], house.said(ACME, token)) as ways:
            assert getattr(ways, f"read_{service}")() is UNAUTHENTICATED, name
            assert getattr(ways, f"set_{service}")(90) is UNAUTHENTICATED, name
    assert house.target(ACME) is None
    with Ways(house.door.ports[ACME], house.said(ACME, issuer.token())) as honest:
        assert honest.read_v2() is OK


@pytest.mark.parametrize("service", SERVICES)
def test_every_token_that_does_not_hold_is_refused_and_moves_nothing(house, service):
    issuer = house.issuers[ACME]
    issuer.revoked = ("bad",)
    house.rewrite()
    time.sleep(guard_module.LOOK_S)
    for name, (make, _) in BAD.items():
        token = make(issuer)
        expected = EXHAUSTED if len(token) > 16 * 1024 else UNAUTHENTICATED  # longer than metadata may be
        with Ways(house.door.ports[ACME], house.said(ACME, token)) as ways:
            assert getattr(ways, f"read_{service}")() is expected, name
            assert getattr(ways, f"set_{service}")(90) is expected, name
    assert house.target(ACME) is None
    with Ways(house.door.ports[ACME], house.said(ACME, issuer.token())) as honest:
        assert honest.read_v2() is OK


def test_every_call_needs_a_token(house):
    with Ways(house.door.ports[ACME], ()) as ways:
        for call, request in (
            (ways.v2.GetServerInfo, val.GetServerInfoRequest()),
            (ways.v2.ListMetadata, val.ListMetadataRequest()),
            (ways.v2.PublishValue, val.PublishValueRequest()),
            (ways.v2.BatchActuate, val.BatchActuateRequest()),
            (ways.v1.GetServerInfo, val1.GetServerInfoRequest()),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request, timeout=DEADLINE_S)
            assert (refused.value.code(), refused.value.details()) == (UNAUTHENTICATED, "No auth token provided")
        for stream in (
            ways.v2.Subscribe(val.SubscribeRequest(signal_paths=[SPEED]), timeout=DEADLINE_S),
            ways.v2.OpenProviderStream(iter(()), timeout=DEADLINE_S),
            ways.v1.StreamedUpdate(iter(()), timeout=DEADLINE_S),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                next(stream)
            assert refused.value.code() is UNAUTHENTICATED
        with pytest.raises(grpc.RpcError) as refused:
            ways.v2.ActuateStream(iter(()), timeout=DEADLINE_S)
        assert refused.value.code() is UNAUTHENTICATED


def test_a_stranger_learns_of_no_car_by_guessing(house):
    said = house.said("other/tow", house.issuers[ACME].token())
    with Ways(house.door.ports[ACME], ()) as ways, pytest.raises(grpc.RpcError) as refused:
        ways.v2.GetValue(val.GetValueRequest(signal_id=at(SPEED)), metadata=said, timeout=DEADLINE_S)
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.NOT_FOUND, "unknown vehicle 'other/tow'")


@pytest.fixture
def reader(house):
    """Who may read the speed and nothing else, at the door of the first car."""
    with Ways(house.door.ports[ACME], bearing(house.issuers[ACME].token(f"read:{SPEED}"))) as ways:
        yield ways


def status(call, *arguments, **options):
    """How a call ends that is refused, at once or as a stream."""
    try:
        next(call(*arguments, timeout=DEADLINE_S, **options))
    except grpc.RpcError as e:
        return e.code()
    raise AssertionError("it was not refused")


def test_what_a_scope_does_not_name_is_refused_over_v2(house, reader):
    said = {"metadata": reader.metadata}
    assert reader.read_v2() is OK
    assert reader.set_v2(10) is FORBIDDEN
    assert status(reader.v2.GetValue, val.GetValueRequest(signal_id=at(FAN)), **said) is FORBIDDEN
    assert status(reader.v2.GetValues, val.GetValuesRequest(signal_ids=[at(SPEED), at(FAN)]), **said) is FORBIDDEN
    assert status(reader.v2.Subscribe, val.SubscribeRequest(signal_paths=[SPEED, FAN]), **said) is FORBIDDEN
    request = val.SubscribeByIdRequest(signal_ids=[house.door.vocabulary[FAN].index])
    assert status(reader.v2.SubscribeById, request, **said) is FORBIDDEN
    request = val.PublishValueRequest(signal_id=at(SPEED), data_point=types.Datapoint(value=number(99)))
    assert status(reader.v2.PublishValue, request, **said) is FORBIDDEN
    assert house.door.latest(SPEED, ACME).value == 50
    assert house.target(ACME) is None
    assert house.batches[ACME] == []


def test_what_there_is_not_is_told_before_what_is_forbidden(reader):
    said = {"metadata": reader.metadata}
    request = val.GetValueRequest(signal_id=at("Vehicle.NoSuchThing"))
    assert status(reader.v2.GetValue, request, **said) is grpc.StatusCode.NOT_FOUND


def test_what_a_scope_does_not_name_is_refused_over_v1(house, reader):
    assert (reader.read_v1(), reader.set_v1(10)) == (OK, 403)
    entries = [val1.EntryRequest(path=path, view=types1.VIEW_CURRENT_VALUE) for path in (SPEED, FAN)]
    reply = reader.v1.Get(val1.GetRequest(entries=entries), **reader.options)
    assert [(e.path, e.error.code, e.error.reason) for e in reply.errors] == [(FAN, 403, "forbidden")]
    assert not reply.entries
    subscribed = [val1.SubscribeEntry(path=p, view=types1.VIEW_CURRENT_VALUE) for p in (SPEED, FAN)]
    assert status(reader.v1.Subscribe, val1.SubscribeRequest(entries=subscribed), metadata=reader.metadata) is FORBIDDEN
    all_of_it = [val1.SubscribeEntry(path="Vehicle.**", view=types1.VIEW_CURRENT_VALUE)]
    updates = reader.v1.Subscribe(val1.SubscribeRequest(entries=all_of_it), **reader.options)
    assert [u.entry.path for u in next(updates).updates] == [SPEED]
    updates.cancel()
    entry = types1.DataEntry(path=SPEED, value=types1.Datapoint(float=99))
    update = val1.EntryUpdate(entry=entry, fields=[types1.FIELD_VALUE])
    assert reader.v1.Set(val1.SetRequest(updates=[update]), **reader.options).error.code == 403
    assert house.door.latest(SPEED, ACME).value == 50


def test_what_a_scope_does_not_name_is_refused_over_sdv_databroker(house, reader):
    speed = house.door.vocabulary[SPEED].index
    with DatabrokerStub(reader.port) as stub:
        said = {"metadata": reader.metadata}
        assert stub.get(SPEED, FAN, **said)[FAN].failure_value == SDV.Datapoint.ACCESS_DENIED
        assert stub.set({FAN: point(uint32_value=3)}, **said) == {FAN: "ACCESS_DENIED"}
        assert stub.update({speed: point(float_value=99)}, **said) == {speed: "ACCESS_DENIED"}
        with pytest.raises(grpc.RpcError) as refused:
            stub.subscribe(f"SELECT {SPEED} WHERE {FAN} > 3", **said).row()
        assert refused.value.code() is FORBIDDEN
    assert house.door.latest(SPEED, ACME).value == 50
    assert house.target(ACME) is None


def test_a_provider_needs_the_right_to_provide(house):
    port = house.door.ports[ACME]
    speed, fan = house.door.vocabulary[SPEED].index, at("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked")
    actuating = bearing(house.issuers[ACME].token("actuate provide:data"))
    with ProviderStub(port, metadata=actuating) as provider:
        provider.provide_signals(speed)
        provider.say(provide_actuation_request=val.ProvideActuationRequest(actuator_identifiers=[fan]))
        assert provider.refusal()[0] is FORBIDDEN
    with ProviderStub(port, metadata=bearing(house.issuers[ACME].token("actuate provide:actuation"))) as provider:
        provider.provide_actuators(fan.path)
        provider.claim_signals(speed)
        assert provider.refusal()[0] is FORBIDDEN


class Listening:
    """A subscription that is read in a thread of its own, until it ends."""

    def __init__(self, call):
        self.call, self.ended = call, None
        self.first = next(call)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        try:
            for _ in self.call:
                pass
        except grpc.RpcError as e:
            self.ended = e

    def end(self):
        self._thread.join(DEADLINE_S)
        return self.ended.code(), self.ended.details()


def subscribed(house, token):
    channel = grpc.insecure_channel(f"127.0.0.1:{house.door.ports[ACME]}")
    request = val.SubscribeRequest(signal_paths=[SPEED])
    return Listening(VALStub(channel).Subscribe(request, metadata=bearing(token), timeout=DEADLINE_S))


def test_a_stream_ends_when_its_token_expires_and_says_why(house):
    listening = subscribed(house, house.issuers[ACME].token(lasts_s=2))
    assert listening.end() == (UNAUTHENTICATED, "Invalid auth token: expired")
    assert house.door.call(house.door.broker.watchers, ACME) == ()


def test_a_stream_ends_when_its_token_is_revoked_and_others_go_on(house):
    issuer = house.issuers[ACME]
    revoked, kept = subscribed(house, issuer.token(jti="t-1")), subscribed(house, issuer.token(jti="t-2"))
    issuer.revoked = ("t-1",)
    house.rewrite()
    assert revoked.end() == (UNAUTHENTICATED, "Invalid auth token: revoked")
    assert len(house.door.call(house.door.broker.watchers, ACME)) == 1
    assert kept.ended is None
    kept.call.cancel()


def test_the_stream_of_a_provider_ends_with_its_token_and_its_claims_are_free(house):
    issuer, locked = house.issuers[ACME], "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
    with ProviderStub(house.door.ports[ACME], metadata=bearing(issuer.token(jti="p"))) as provider:
        provider.provide_actuators(locked)
        issuer.revoked = ("p",)
        house.rewrite()
        assert provider.refusal() == (UNAUTHENTICATED, "Invalid auth token: revoked")
    with ProviderStub(house.door.ports[ACME], metadata=bearing(issuer.token())) as provider:
        provider.provide_actuators(locked)


def test_keys_are_changed_while_the_server_runs(house):
    issuer = house.issuers[ACME]
    old = issuer.token(kid="k1")
    listening = subscribed(house, old)
    issuer.keys = {"k2": Issuer("x", ()).keys["k1"]}
    house.rewrite()
    assert listening.end() == (UNAUTHENTICATED, f"Invalid auth token: key 'k1' is none of issuer '{issuer.name}'")
    with (
        Ways(house.door.ports[ACME], bearing(old)) as before,
        Ways(house.door.ports[ACME], bearing(issuer.token())) as now,
    ):
        assert (before.read_v2(), now.read_v2()) == (UNAUTHENTICATED, OK)


def test_a_trust_file_that_breaks_changes_nothing(house):
    issuer = house.issuers[ACME]
    token = issuer.token()
    house.trust.write_text("[[issuer]]\nname = ")
    time.sleep(1)
    with Ways(house.door.ports[ACME], bearing(token)) as ways:
        assert ways.read_v2() is OK


def test_a_token_says_how_urgent_its_app_may_be(house):
    issuer = house.issuers[ACME]
    issuer.highest_priority = 5
    house.rewrite()
    time.sleep(1)
    port = house.door.ports[ACME]
    rescue, game = issuer.token(sub="rescue", renkei_priority=9), issuer.token(sub="game")
    with Ways(port, bearing(rescue)) as high, Ways(port, bearing(game)) as low:
        assert high.set_v2(80) is OK
        assert low.set_v2(10) is grpc.StatusCode.FAILED_PRECONDITION
    with Ways(port, (*bearing(game), ("renkei-priority", "5"))) as low:
        assert low.set_v2(10) is FORBIDDEN
    with Ways(port, (*bearing(rescue), ("renkei-priority", "9"))) as too_high:
        assert too_high.set_v2(10) is FORBIDDEN
    assert [a.value for batch in house.batches[ACME] for a in batch] == [80]


def test_a_token_may_name_the_cars_that_it_is_for(house):
    port, issuer = house.door.ports[ACME], house.issuers[ACME]
    with Ways(port, bearing(issuer.token(renkei_vehicles=["acme/three"]))) as ways:
        assert ways.read_v2() is FORBIDDEN
    with Ways(port, bearing(issuer.token(renkei_vehicles=[ACME]))) as ways:
        assert ways.read_v2() is OK


def test_a_client_has_so_many_streams_over_all_its_connections(house, monkeypatch):
    monkeypatch.setattr(guard_module, "MOST_STREAMS", 4)
    issuer = house.issuers[ACME]
    greedy = [subscribed(house, issuer.token(sub="greedy", jti=str(n))) for n in range(4)]
    with pytest.raises(grpc.RpcError) as refused:
        subscribed(house, issuer.token(sub="greedy"))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.value.details() == f"4 streams of client greedy ({issuer.name}) are open"
    for each in (subscribed(house, issuer.token(sub="honest")), *greedy):
        each.call.cancel()


def test_a_client_that_asks_too_often_is_told_and_others_are_served(house):
    house.guard.requests_per_s = 20
    issuer = house.issuers[ACME]
    with Ways(house.door.ports[ACME], bearing(issuer.token(sub="greedy"))) as greedy:
        assert grpc.StatusCode.RESOURCE_EXHAUSTED in [greedy.read_v2() for _ in range(60)]
        with Ways(house.door.ports[ACME], bearing(issuer.token(sub="honest"))) as honest:
            assert honest.read_v2() is OK
        time.sleep(0.2)
        assert greedy.read_v2() is OK


def test_a_flood_of_bad_tokens_holds_nobody_up_and_leaves_nothing_behind(house):
    honest = bearing(house.issuers[ACME].token())
    with Ways(house.door.ports[ACME], bearing(house.issuers[ACME].token(aud="x"))) as flood:
        assert {flood.read_v2() for _ in range(500)} == {UNAUTHENTICATED}
    with Ways(house.door.ports[ACME], honest) as ways:
        ways.read_v2()
        assert in_time(ways.read_v2) < SOON_S
    assert len(house.guard.authority._known) == 1


def test_what_cannot_be_written_down_is_not_carried_out(house):
    house.audit.close()
    with Ways(house.door.ports[ACME], bearing(house.issuers[ACME].token())) as ways:
        assert ways.set_v2(10) is grpc.StatusCode.UNAVAILABLE
    assert house.target(ACME) is None
    assert house.batches[ACME] == []
    house.audit = AuditLog(house.folder / "audit.jsonl")

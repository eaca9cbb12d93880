"""Who goes before whom at an actuator, and requests that come too late, over KUKSA and VISS alike."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from kuksa.val.v1 import types_pb2 as types1
from kuksa.val.v1 import val_pb2 as val1
from kuksa.val.v1.val_pb2_grpc import VALStub as Stub1
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from open_viss import OpenViss, error
from provider_stub import DEADLINE_S, at

from renkei.doors.asking import Asking, asking_of
from renkei.errors import InputError

FAN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
PAST = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
FUTURE = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


@pytest.fixture
def batches(door):
    handed = []
    door.call(door.broker.claim_actuators, "one", [door.vocabulary[FAN].index], handed.append)
    return handed


def values(batches):
    return [a.value for batch in batches for a in batch]


class App:
    """A client with a connection of its own."""

    def __init__(self, port, **said):
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self._said = [("renkei-" + key.replace("_", "-"), text) for key, text in said.items()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def actuate(self, value):
        request = val.ActuateRequest(signal_id=at(FAN), value=types.Value(uint32=value))
        return self._code(VALStub(self._channel).Actuate, request)

    def target(self, value, **at):
        entry = types1.DataEntry(path=FAN, actuator_target=types1.Datapoint(uint32=value, **at))
        update = val1.EntryUpdate(entry=entry, fields=[types1.FIELD_ACTUATOR_TARGET])
        reply = Stub1(self._channel).Set(val1.SetRequest(updates=[update]), metadata=self._said, timeout=DEADLINE_S)
        return reply.error.code

    def _code(self, call, request):
        try:
            call(request, metadata=self._said, timeout=DEADLINE_S)
        except grpc.RpcError as e:
            return e.code(), e.details()
        return grpc.StatusCode.OK, ""


def test_an_app_with_a_lower_priority_is_refused_while_one_with_a_higher_holds(port, batches):
    with App(port, priority="3") as rescue, App(port) as game:
        assert rescue.actuate(80)[0] is grpc.StatusCode.OK
        refused = (
            grpc.StatusCode.FAILED_PRECONDITION, f"{FAN} is held by a client with priority 3, asked with priority 0",
        )  # fmt: skip
        assert game.actuate(10) == refused
        assert game.target(10) == 403
        assert rescue.actuate(70)[0] is grpc.StatusCode.OK
    assert values(batches) == [80, 70]


def test_a_priority_that_is_none(port, batches):
    for text in ("10", "-1", "high", ""):
        with App(port, priority=text) as app:
            code, details = app.actuate(1)
            assert code is grpc.StatusCode.INVALID_ARGUMENT
            assert details == f"renkei-priority: expected a number from 0 to 9, got '{text}'"
    assert batches == []


def test_a_request_that_comes_too_late(port, batches):
    with App(port, not_after=PAST) as late, App(port, not_after=FUTURE) as early, App(port, not_after="soon") as odd:
        assert late.actuate(1)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
        assert late.target(1) == 408
        assert odd.actuate(1)[0] is grpc.StatusCode.INVALID_ARGUMENT
        assert early.actuate(2)[0] is grpc.StatusCode.OK
    assert values(batches) == [2]


def test_a_target_of_v1_that_is_old_by_its_own_time(port, batches):
    old, new = Timestamp(), Timestamp()
    old.FromDatetime(datetime.now(UTC) - timedelta(seconds=30))
    new.GetCurrentTime()
    with App(port) as app:
        assert app.target(1, timestamp=old) == 408
        assert app.target(2, timestamp=new) == 0
    assert values(batches) == [2]


@pytest.fixture
def viss():
    opened = OpenViss()
    yield opened
    opened.close()


def test_the_same_over_viss(viss):
    batches = viss.carry(FAN)
    rescue, game = viss.connect(), viss.connect()
    assert "error" not in rescue.ask("set", FAN, value="80", **{"renkei-priority": "3"})
    assert error(game.ask("set", FAN, value="10")) == ("403", "forbidden_request")
    status, answer = viss.http("POST", "/" + FAN.replace(".", "/"), {"value": "10"})
    assert (status, error(answer)) == (403, ("403", "forbidden_request"))
    status, _ = viss.http("POST", "/" + FAN.replace(".", "/"), {"value": "60"}, **{"Renkei-Priority": "4"})
    assert status == 200
    assert values(batches) == [80, 60]


def test_a_client_may_state_its_priority_once_for_its_connection(viss):
    batches = viss.carry(FAN)
    viss.connect(additional_headers={"renkei-priority": "3"}).ask("set", FAN, value="80")
    assert error(viss.connect().ask("set", FAN, value="10")) == ("403", "forbidden_request")
    assert values(batches) == [80]


@pytest.mark.parametrize("said", [{"renkei-priority": "ten"}, {"renkei-priority": 3}, {"renkei-not-after": "soon"}])
def test_nonsense_over_viss(viss, said):
    batches = viss.carry(FAN)
    assert error(viss.connect().ask("set", FAN, value="80", **said)) == ("400", "bad_request")
    assert batches == []


def test_too_late_over_viss(viss):
    batches = viss.carry(FAN)
    assert error(viss.connect().ask("set", FAN, value="80", **{"renkei-not-after": PAST})) == ("504", "gateway_timeout")
    status, _ = viss.http("POST", "/" + FAN.replace(".", "/"), {"value": "1"}, **{"Renkei-Not-After": PAST})
    assert (status, batches) == (504, [])


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_read_as_it_is_written(time):
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    written = time.isoformat().replace("+00:00", "Z")
    assert asking_of("x", None, written).deadline_ns == since // timedelta(microseconds=1) * 1000


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text):
    with suppress(InputError):
        assert asking_of("x", None, text).deadline_ns is not None


def test_the_earlier_deadline_holds():
    assert [Asking("x", 0, d).until(5).deadline_ns for d in (None, 4, 6)] == [5, 4, 5]
    assert Asking("x", 0, 4).until(None).deadline_ns == 4

"""Actuate, BatchActuate and ActuateStream of kuksa.val.v2 against providers on real ports."""

import queue
import subprocess
import sys
import threading
import time

import grpc
import pytest
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import ProviderStub, at, record_claims

from renkei.doors.kuksa.provider import OUTBOX

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"  # uint8, 0 to 100
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"  # allowed values
BEAM = "Vehicle.Body.Lights.Beam.High.IsOn"  # boolean
DOORS = "Vehicle.Cabin.DoorCount"  # an attribute
SEATS = "Vehicle.Cabin.SeatPosCount"  # an attribute of datatype uint8[]
DEADLINE_S = 10
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def stub(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


@pytest.fixture
def provider(port):
    with ProviderStub(port) as opened:
        yield opened


def wish(path, **value):
    return val.ActuateRequest(signal_id=at(path), value=types.Value(**value))


def actuate(stub, path, **value):
    return stub.Actuate(wish(path, **value), timeout=DEADLINE_S)


def batch(stub, *requests, **options):
    return stub.BatchActuate(val.BatchActuateRequest(actuate_requests=requests), timeout=DEADLINE_S, **options)


def refusal(call, *args, **options):
    with pytest.raises(grpc.RpcError) as e:
        call(*args, **options)
    return e.value.code(), e.value.details()


def index(door, path):
    return door.vocabulary[path].index


def target(door, path, vehicle="one"):
    point = door.call(door.broker.target, vehicle, index(door, path))
    return None if point is None else point.value


def run(door, path, value):
    """Ask through the broker, where the end of the actuation can be seen; a queue that gets it."""
    ends = queue.Queue()
    (actuation,) = door.call(door.broker.actuate, "one", [(index(door, path), value)])
    door.call(actuation.on_end, lambda a: ends.put((a.state, a.why)))
    return ends


def test_actuate_reaches_the_provider_by_id_and_is_not_stored(door, stub, provider):
    provider.provide_actuators(CHARGE)
    actuate(stub, CHARGE, uint32=50)
    assert provider.asked() == [(index(door, CHARGE), 50)]
    stub.Actuate(val.ActuateRequest(signal_id=types.SignalID(id=index(door, CHARGE)), value=types.Value(uint32=60)))
    assert provider.asked() == [(index(door, CHARGE), 60)]
    assert door.latest(CHARGE).value is None
    assert target(door, CHARGE) == 60
    assert target(door, CHARGE, "two") is None


def test_actuate_on_the_vehicle_that_the_metadata_names(door, stub, port):
    metadata = [("renkei-vehicle", "two")]
    with ProviderStub(port, metadata=metadata) as provider:
        provider.provide_actuators(CHARGE)
        stub.Actuate(wish(CHARGE, uint32=5), metadata=metadata)
        assert provider.asked() == [(index(door, CHARGE), 5)]
        assert refusal(actuate, stub, CHARGE, uint32=5)[0] is grpc.StatusCode.UNAVAILABLE


REFUSED = {
    "no signal_id": (val.ActuateRequest(value=types.Value(uint32=1)), INVALID, "No SignalId provided"),
    "no value": (val.ActuateRequest(signal_id=at(CHARGE)), INVALID, "No value provided"),
    "unknown": (wish("Vehicle.No", uint32=1), grpc.StatusCode.NOT_FOUND, "Path not found"),
    "too long a path": (wish("V" * 1001, uint32=1), INVALID, "The provided path is too long"),
    "a sensor": (wish(SPEED, float=1), INVALID, f"{SPEED} is not an actuator but of kind sensor"),
    "an attribute": (wish(DOORS, uint32=1), INVALID, f"{DOORS} is not an actuator but of kind attribute"),
    "another type": (wish(CHARGE, int32=1), INVALID, "Wrong type provided"),
    "not a number": (wish(CHARGE, float=float("nan")), INVALID, "Wrong type provided"),
    "out of range": (wish(CHARGE, uint32=101), INVALID, "Value out of min/max bounds"),
    "out of the type": (wish(CHARGE, uint32=256), INVALID, "Value out of type bounds"),
    "not allowed": (wish(WIPER, string="SIDEWAYS"), INVALID, "Value out of allowed bounds"),
    "no provider": (
        wish(BEAM, bool=True),
        grpc.StatusCode.UNAVAILABLE,
        f"no provider carries out actuations of {BEAM}",
    ),
}


@pytest.mark.parametrize(("request_", "code", "text"), REFUSED.values(), ids=REFUSED)
def test_actuate_refuses(stub, provider, request_, code, text):
    provider.provide_actuators(CHARGE, WIPER)
    got = refusal(stub.Actuate, request_)
    assert got[0] is code
    assert got[1].startswith(text)


@pytest.mark.parametrize("path", [CHARGE, SPEED, WIPER])
def test_defect_f_an_empty_value_is_an_invalid_argument(stub, provider, path):
    provider.provide_actuators(CHARGE)
    code, details = refusal(actuate, stub, path)
    assert code is INVALID
    assert details.startswith("No value provided (id: ")
    actuate(stub, CHARGE, uint32=1)


def test_batch_actuate_gives_each_provider_one_message(door, stub, port, provider):
    provider.provide_actuators(CHARGE, BEAM)
    with ProviderStub(port) as other:
        other.provide_actuators(WIPER)
        batch(stub, wish(CHARGE, uint32=1), wish(WIPER, string="SLOW"), wish(BEAM, bool=True), wish(CHARGE, uint32=2))
        charge, beam, wiper = (index(door, p) for p in (CHARGE, BEAM, WIPER))
        assert provider.asked() == [(charge, 1), (beam, True), (charge, 2)]
        assert other.asked() == [(wiper, "SLOW")]


def test_an_empty_batch_is_fine(stub):
    batch(stub)


BAD_BESIDE_GOOD = {name: row for name, row in REFUSED.items() if name != "too long a path"}


@pytest.mark.parametrize(("bad", "code", "_text"), BAD_BESIDE_GOOD.values(), ids=BAD_BESIDE_GOOD)
def test_defect_h_a_bad_batch_moves_nothing(door, stub, provider, bad, code, _text):
    provider.provide_actuators(CHARGE, WIPER)
    assert refusal(batch, stub, wish(CHARGE, uint32=7), bad)[0] is code
    assert target(door, CHARGE) is None
    actuate(stub, CHARGE, uint32=8)
    assert provider.asked() == [(index(door, CHARGE), 8)], "the first thing the provider hears"


def test_actuate_stream_answers_once_at_the_end(door, stub, provider):
    provider.provide_actuators(CHARGE)
    stub.ActuateStream(iter([wish(CHARGE, uint32=n) for n in range(3)]), timeout=DEADLINE_S)
    assert [provider.asked() for _ in range(3)] == [[(index(door, CHARGE), n)] for n in range(3)]


def test_actuate_stream_ends_with_the_first_error(door, stub, provider):
    provider.provide_actuators(CHARGE)
    wishes = [wish(CHARGE, uint32=1), wish(CHARGE, uint32=101), wish(CHARGE, uint32=2)]
    code, text = refusal(stub.ActuateStream, iter(wishes), timeout=DEADLINE_S)
    assert code is INVALID
    assert text.startswith("Value out of min/max bounds")
    assert (provider.asked(), target(door, CHARGE)) == ([(index(door, CHARGE), 1)], 1)


@pytest.mark.parametrize("method", ["Actuate", "BatchActuate", "ActuateStream"])
def test_bytes_that_are_no_message(port, stub, provider, method, caplog, capfd):
    provider.provide_actuators(CHARGE)
    shape = "stream_unary" if method == "ActuateStream" else "unary_unary"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = getattr(channel, shape)(f"/kuksa.val.v2.VAL/{method}")
        sent = iter([b"\xff\xff"]) if method == "ActuateStream" else b"\xff\xff"
        code, text = refusal(call, sent, timeout=DEADLINE_S)
    assert code is INVALID
    assert text.startswith("the request is not a kuksa.val.v2.")
    actuate(stub, CHARGE, uint32=1)
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_the_provider_says_how_each_actuation_ended(door, provider):
    provider.provide_actuators(CHARGE)
    first, second = run(door, CHARGE, 1), run(door, CHARGE, 2)
    provider.asked(), provider.asked()
    provider.answer(at(CHARGE))
    provider.answer(types.SignalID(id=index(door, CHARGE)), types.ERROR_CODE_INVALID_ARGUMENT, "the plug is out")
    assert first.get(timeout=DEADLINE_S) == ("done", "")
    assert second.get(timeout=DEADLINE_S) == ("failed", "the plug is out")


def test_answers_to_nothing_are_passed_over(door, provider):
    provider.provide_actuators(CHARGE)
    for odd in (at(CHARGE), at("Vehicle.No"), types.SignalID(), types.SignalID(id=-5)):
        provider.answer(odd)
    ends = run(door, CHARGE, 1)
    provider.asked()
    provider.answer(at(CHARGE))
    assert ends.get(timeout=DEADLINE_S) == ("done", "")


def test_a_provider_that_dies_in_the_middle_leaves_unknown_and_a_free_actuator(door, port, stub):
    with ProviderStub(port) as provider:
        provider.provide_actuators(CHARGE)
        ends = run(door, CHARGE, 1)
        provider.asked()
    assert ends.get(timeout=DEADLINE_S) == ("unknown", "its carrier is gone")
    assert refusal(actuate, stub, CHARGE, uint32=1)[0] is grpc.StatusCode.UNAVAILABLE
    with ProviderStub(port) as successor:
        successor.provide_actuators(CHARGE)


KILLED = """
import sys, grpc
from provider_stub import ProviderStub
provider = ProviderStub(int(sys.argv[1])).provide_actuators(sys.argv[2])
provider.asked()
print("asked", flush=True)
sys.stdin.read()
"""


def test_a_provider_whose_process_is_killed(door, port, stub, caplog, capfd):
    claims = record_claims(door)
    command = [sys.executable, "-c", KILLED, str(port), CHARGE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=__file__.rpartition("/")[0]
    ) as process:
        claims.get(timeout=DEADLINE_S)
        actuate(stub, CHARGE, uint32=1)
        assert process.stdout.readline() == b"asked\n"
        ends = run(door, CHARGE, 2)
        process.kill()
    assert ends.get(timeout=DEADLINE_S) == ("unknown", "its carrier is gone")
    assert refusal(actuate, stub, CHARGE, uint32=1)[0] is grpc.StatusCode.UNAVAILABLE
    assert caplog.text == ""


def test_a_provider_that_never_answers_holds_nobody_up(door, stub, provider):
    provider.provide_actuators(CHARGE)
    times = []
    for n in range(50):
        start = time.monotonic()
        actuate(stub, CHARGE, uint32=n)
        times.append(time.monotonic() - start)
    assert sorted(times)[25] < 0.1
    assert door.latest(CHARGE).value is None


LONG = "x" * 65536


@pytest.fixture
def text(door):
    """An actuator that takes any text: long ones fill a connection whose other end does not read."""
    return next(s.path for s in door.vocabulary if s.kind == "actuator" and s.datatype == "string" and not s.allowed)


def fill(door, text, claim):
    """Ask until something waits because the connection is full, not because it has just been asked for."""

    def waiting():
        return sum(not a.taken for a in door.call(lambda: claim.running))

    while True:
        if waiting() < 20:
            door.call(door.broker.actuate, "one", [(index(door, text), LONG)])
        else:
            time.sleep(0.2)
            if waiting() >= 20:
                return


def test_a_provider_that_does_not_read_costs_bounded_memory_and_the_caller_is_told(door, stub, provider, text):
    claims = record_claims(door)
    provider.provide_actuators(text)
    fill(door, text, claims.get(timeout=DEADLINE_S))
    told = None
    for _ in range(10 * OUTBOX):  # the connection may still take some of them
        try:
            actuate(stub, text, string="x")
        except grpc.RpcError as e:
            told = e.code(), e.details()
            break
    assert told == (grpc.StatusCode.DATA_LOSS, f"{text}: its provider does not read")
    assert stub.GetValue(val.GetValueRequest(signal_id=at(SPEED)), timeout=DEADLINE_S)


def test_long_texts_that_a_provider_does_not_read_cost_bounded_memory_too(door, provider, text):
    claims = record_claims(door)
    provider.provide_actuators(text)
    fill(door, text, claims.get(timeout=DEADLINE_S))
    handed = [door.call(door.broker.actuate, "one", [(index(door, text), LONG * 16)])[0] for _ in range(30)]
    told = [a.why for a in handed]
    assert told[0] == ""
    assert told[-1] == "its provider does not read"


def test_nothing_is_carried_out_later_than_the_client_waits(door, stub, provider, text):
    """While the provider does not read, an actuation with a deadline waits; when it reads again, that one is gone."""
    claims = record_claims(door)
    provider.provide_actuators(text, CHARGE)
    claim = claims.get(timeout=DEADLINE_S)
    fill(door, text, claim)
    stub.Actuate(wish(CHARGE, uint32=1), timeout=0.3)
    (waiting,) = [a for a in door.call(lambda: claim.running) if a.index == index(door, CHARGE)]
    ended = threading.Event()
    door.call(waiting.on_end, lambda _: ended.set())
    assert ended.wait(DEADLINE_S)
    assert (waiting.state, waiting.why) == ("failed", "its deadline passed before it could be carried out")
    actuate(stub, CHARGE, uint32=2)
    heard = None
    while heard != [(index(door, CHARGE), 2)]:
        heard = provider.asked()
        assert heard != [(index(door, CHARGE), 1)]


def test_of_two_deadlines_the_earlier_ends_first_although_asked_for_later(door, stub, provider):
    claims = record_claims(door)
    provider.provide_actuators(CHARGE)
    claim = claims.get(timeout=DEADLINE_S)
    stub.Actuate(wish(CHARGE, uint32=1), timeout=DEADLINE_S)
    stub.Actuate(wish(CHARGE, uint32=2), timeout=0.2)
    late, early = door.call(lambda: claim.running)
    ended = threading.Event()
    door.call(early.on_end, lambda _: ended.set())
    assert ended.wait(DEADLINE_S)
    assert (early.state, early.why) == ("unknown", "no answer before its deadline")
    assert late.state == "handed over"

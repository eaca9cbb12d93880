"""Broker and Collector of sdv.databroker.v1 over a real port, and the one state that they share with kuksa.val."""

import time

import grpc
import pytest
from databroker_stub import DEADLINE_S, DatabrokerStub, point, registration, value
from kuksa.val.v2 import types_pb2 as types
from kuksa.val.v2 import val_pb2 as val
from kuksa.val.v2.val_pb2_grpc import VALStub
from provider_stub import ProviderStub, at, get, number

from renkei.doors.kuksa.databroker_schema import DATA_TYPES, POINT_FIELDS, SDV
from renkei.samples import INVALID, STALE

SPEED = "Vehicle.Speed"
CHARGE = "Vehicle.Powertrain.TractionBattery.Charging.ChargeLimit"
WIPER = "Vehicle.Body.Windshield.Front.Wiping.Mode"
DOORS = "Vehicle.Cabin.DoorCount"
SEATS = "Vehicle.Cabin.SeatPosCount"
BRAND = "Vehicle.VehicleIdentification.Brand"


@pytest.fixture
def stub(port):
    with DatabrokerStub(port) as opened:
        yield opened


@pytest.fixture
def v2(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield VALStub(channel)


@pytest.fixture
def index(door):
    return {s.path: s.index for s in door.vocabulary}


# What apps ask


def test_get_gives_values_with_the_time_of_receipt(door, stub):
    door.publish(Speed=12.5)
    got = stub.get(SPEED, DOORS, SEATS)
    assert {name: value(p) for name, p in got.items()} == {SPEED: 12.5, DOORS: 4, SEATS: [2, 3]}
    assert got[SPEED].WhichOneof("value") == "float_value"
    assert got[SPEED].timestamp.ToNanoseconds() == door.latest(SPEED).t_receive_ns


def test_get_says_in_the_reply_what_is_missing(stub):
    got = stub.get(SPEED, "Vehicle.Sped", "", "x" * 5000)
    assert {name: value(p) for name, p in got.items()} == {
        SPEED: None, "Vehicle.Sped": "UNKNOWN_DATAPOINT", "": "UNKNOWN_DATAPOINT", "x" * 5000: "UNKNOWN_DATAPOINT"
    }  # fmt: skip
    assert got[SPEED].HasField("timestamp")
    assert not got["Vehicle.Sped"].HasField("timestamp")


SAID = {"not available": (None, None), "stale": (STALE, None), "invalid": (INVALID, "INVALID_VALUE")}


@pytest.mark.parametrize(("published", "shown"), SAID.values(), ids=SAID)
def test_why_there_is_no_value(door, stub, published, shown):
    door.publish(Speed=1.0)
    rows = stub.subscribe(f"SELECT {SPEED}")
    rows.row()
    door.wait_watched()
    door.publish(Speed=published)
    assert value(stub.get(SPEED)[SPEED]) == shown
    assert rows.row() == {SPEED: shown}


def test_an_empty_get_is_refused(stub):
    with pytest.raises(grpc.RpcError) as e:
        stub.get()
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "No datapoints requested")


VALUES = {
    "float": 1.5, "double": 48.25, "boolean": True, "string": "text", "uint8": 200, "uint16": 60000,
    "uint32": 2**32 - 1,
    "int8": -100, "int16": -30000, "int32": -(2**31), "string[]": ["a", "b"], "float[]": [1.5, -2.0], "uint8[]": [1, 2],
}  # fmt: skip


def roomy(vocabulary, datatype):
    """A signal that admits the value above."""
    for signal in vocabulary:
        if signal.datatype == datatype and (signal.minimum, signal.maximum, signal.allowed, signal.pattern) == (
            None, None, None, None
        ):  # fmt: skip
            return signal
    pytest.skip(f"no plain signal of datatype {datatype}")


@pytest.mark.parametrize("datatype", VALUES)
def test_a_value_of_each_datatype_comes_back_as_it_went(door, stub, datatype):
    signal, field = roomy(door.vocabulary, datatype), POINT_FIELDS[datatype]
    sent = point(**{field: {"values": VALUES[datatype]} if datatype.endswith("[]") else VALUES[datatype]})
    assert stub.update({signal.index: sent}) == {}
    got = stub.get(signal.path)[signal.path]
    assert (got.WhichOneof("value"), value(got)) == (field, VALUES[datatype])


def test_metadata_of_some_signals(stub, index):
    charge, wiper, brand = stub.metadata(CHARGE, "Vehicle.Nowhere", WIPER, BRAND, CHARGE)
    assert (charge.id, charge.name, charge.data_type) == (index[CHARGE], CHARGE, SDV.UINT8)
    assert (charge.entry_type, charge.change_type) == (SDV.ENTRY_TYPE_ACTUATOR, SDV.CONTINUOUS)
    assert (charge.min.uint32, charge.max.uint32) == (0, 100)
    assert "SLOW" in wiper.allowed.string_values.values
    assert (brand.entry_type, brand.change_type) == (SDV.ENTRY_TYPE_ATTRIBUTE, SDV.STATIC)


def test_metadata_of_all_signals_when_none_is_named(door, stub):
    everything = stub.metadata()
    assert [(m.id, m.name, m.data_type) for m in everything] == [
        (s.index, s.path, DATA_TYPES[s.datatype]) for s in door.vocabulary
    ]


def test_any_port_gives_every_vehicle_that_is_asked_for_by_name(door, stub):
    door.publish("two", Speed=22.0)
    other = [("renkei-vehicle", "two")]
    assert value(stub.get(SPEED, metadata=other)[SPEED]) == 22.0
    assert value(stub.get(SPEED)[SPEED]) is None
    assert stub.subscribe(f"SELECT {SPEED}", metadata=other).row() == {SPEED: 22.0}
    with pytest.raises(grpc.RpcError) as e:
        stub.get(SPEED, metadata=[("renkei-vehicle", "three")])
    assert e.value.code() is grpc.StatusCode.NOT_FOUND


# Targets


def test_a_target_reaches_the_provider_of_v2(stub, port):
    with ProviderStub(port).provide_actuators(CHARGE, WIPER) as provider:
        assert stub.set({CHARGE: point(uint32_value=70)}) == {}
        ((_, asked),) = provider.asked()
        assert asked == 70


def test_targets_of_one_request_are_one_batch(stub, port):
    with ProviderStub(port).provide_actuators(CHARGE, WIPER) as provider:
        assert stub.set({CHARGE: point(uint32_value=70), WIPER: point(string_value="SLOW")}) == {}
        assert {asked for _, asked in provider.asked()} == {70, "SLOW"}


def test_a_target_is_kept_where_nobody_carries_it_out(door, stub, index):
    assert stub.set({CHARGE: point(uint32_value=50)}) == {}
    assert door.call(door.broker.target, "one", index[CHARGE]).value == 50
    assert door.latest(CHARGE).value is None


REFUSED = {
    "a sensor": (SPEED, point(float_value=1.0), "ACCESS_DENIED"),
    "an attribute": (DOORS, point(uint32_value=5), "ACCESS_DENIED"),
    "an unknown name": ("Vehicle.Nowhere", point(float_value=1.0), "UNKNOWN_DATAPOINT"),
    "the field of another type": (CHARGE, point(int32_value=50), "INVALID_TYPE"),
    "above the maximum": (CHARGE, point(uint32_value=101), "OUT_OF_BOUNDS"),
    "too wide for the type": (CHARGE, point(uint32_value=300), "OUT_OF_BOUNDS"),
    "a text that is not allowed": (WIPER, point(string_value="SIDEWAYS"), "OUT_OF_BOUNDS"),
    "no value": (CHARGE, point(), "INVALID_TYPE"),
    "a failure": (CHARGE, point(failure_value=SDV.Datapoint.NOT_AVAILABLE), "INVALID_TYPE"),
}


@pytest.mark.parametrize(("name", "target", "error"), REFUSED.values(), ids=REFUSED)
def test_a_target_is_refused_and_so_are_those_beside_it(door, stub, index, name, target, error):
    beside = "Vehicle.Cabin.Infotainment.Media.Volume"
    assert stub.set({name: target, beside: point(uint32_value=30)}) == {name: error, beside: "INTERNAL_ERROR"}
    for path in (name, beside):
        if path in index:
            assert door.call(door.broker.target, "one", index[path]) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_no_target(stub, bad):
    path = "Vehicle.ADAS.CruiseControl.SpeedSet"
    assert stub.set({path: point(float_value=bad)}) == {path: "INVALID_TYPE"}


def test_an_app_with_a_higher_priority_holds_the_actuator(stub, port):
    with DatabrokerStub(port) as urgent:
        assert urgent.set({CHARGE: point(uint32_value=40)}, metadata=[("renkei-priority", "5")]) == {}
    both = {CHARGE: point(uint32_value=50), WIPER: point(string_value="SLOW")}
    assert stub.set(both) == {CHARGE: "ACCESS_DENIED", WIPER: "INTERNAL_ERROR"}
    assert stub.set({CHARGE: point(uint32_value=60)}, metadata=[("renkei-priority", "6")]) == {}
    with pytest.raises(grpc.RpcError) as e:
        stub.set({CHARGE: point(uint32_value=70)}, metadata=[("renkei-priority", "high")])
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def old(seconds):
    target = point(uint32_value=40)
    target.timestamp.FromNanoseconds(time.time_ns() - seconds * 10**9)
    return target


LATE = {
    "its own time is old": (old(60), ()),
    "it said until when": (old(0), [("renkei-not-after", "2026-01-31T12:00:00Z")]),
}


@pytest.mark.parametrize(("target", "metadata"), LATE.values(), ids=LATE)
def test_a_target_that_comes_too_late_is_refused(door, stub, index, target, metadata):
    with pytest.raises(grpc.RpcError) as e:
        stub.set({CHARGE: target}, metadata=metadata)
    assert e.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert door.call(door.broker.target, "one", index[CHARGE]) is None


def test_a_target_that_its_provider_cannot_take_is_told(door, stub, index):
    def cannot(actuations):
        for actuation in actuations:
            actuation.finish("failed", "out of order")

    door.call(door.broker.claim_actuators, "one", [index[CHARGE]], cannot)
    assert stub.set({CHARGE: point(uint32_value=40)}) == {CHARGE: "INTERNAL_ERROR"}


def test_a_target_set_over_v2_is_seen_as_value_only_when_the_car_says_so(stub, v2, port, index):
    with ProviderStub(port).provide_actuators(CHARGE) as provider:
        v2.Actuate(val.ActuateRequest(signal_id=at(CHARGE), value=types.Value(uint32=40)), timeout=DEADLINE_S)
        assert provider.asked() == [(index[CHARGE], 40)]
        assert value(stub.get(CHARGE)[CHARGE]) is None
        assert stub.update({index[CHARGE]: point(uint32_value=40)}) == {}
        assert value(stub.get(CHARGE)[CHARGE]) == 40


# Feeders


def test_a_feeder_registers_and_updates_and_every_door_sees_it(door, stub, v2):
    ids = stub.register(registration(SPEED, SDV.FLOAT), registration(CHARGE, SDV.UINT32))
    assert stub.update({ids[SPEED]: point(float_value=33.5), ids[CHARGE]: point(uint32_value=80)}) == {}
    assert get(v2, SPEED).value.float == 33.5
    assert door.latest(CHARGE).value == 80


def test_what_another_door_publishes_is_seen_here(stub, v2):
    stated = types.Datapoint(value=number(7.5))
    v2.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=stated), timeout=DEADLINE_S)
    assert value(stub.get(SPEED)[SPEED]) == 7.5


def test_the_source_and_its_time_are_kept(door, stub, index):
    sent = point(float_value=1.0)
    sent.timestamp.FromNanoseconds(1_600_000_000_123_456_789)
    stub.update({index[SPEED]: sent})
    assert door.latest(SPEED).t_source_ns == 1_600_000_000_123_456_789
    assert "127.0.0.1" in door.latest(SPEED).source
    assert abs(stub.get(SPEED)[SPEED].timestamp.ToNanoseconds() / 1e9 - time.time()) < 60


NOT_REGISTERED = {
    "an unknown name": (registration("Vehicle.Sped", SDV.FLOAT), "unknown signal 'Vehicle.Sped'; did you mean"),
    "a type that travels in another field": (registration(SPEED, SDV.INT32), f"{SPEED}: it is float, got int32"),
    "a type there is not": (registration(SPEED, 77), f"Unsupported data type provided for {SPEED}"),
    "a change type there is not": (registration(SPEED, SDV.FLOAT, 9), f"Unsupported change type provided for {SPEED}"),
}


@pytest.mark.parametrize(("asked", "text"), NOT_REGISTERED.values(), ids=NOT_REGISTERED)
def test_a_registration_is_refused(stub, asked, text):
    with pytest.raises(grpc.RpcError) as e:
        stub.register(registration(CHARGE, SDV.UINT8), asked)
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert text in e.value.details()


def test_good_values_are_stored_beside_bad_ones(door, stub, index):
    refused = stub.update(
        {index[SPEED]: point(float_value=5.0), index[CHARGE]: point(uint32_value=101),
         index[WIPER]: point(int32_value=1),
         999_999: point(float_value=1.0), -1: point(float_value=1.0)}
    )  # fmt: skip
    assert refused == {
        index[CHARGE]: "OUT_OF_BOUNDS", index[WIPER]: "INVALID_TYPE", 999_999: "UNKNOWN_DATAPOINT",
        -1: "UNKNOWN_DATAPOINT",
    }  # fmt: skip
    assert door.latest(SPEED).value == 5.0


@pytest.mark.parametrize("nothing", [point(), point(failure_value=SDV.Datapoint.NOT_AVAILABLE)])
def test_a_feeder_may_say_that_a_value_is_not_available(door, stub, index, nothing):
    stub.update({index[SPEED]: point(float_value=5.0)})
    assert stub.update({index[SPEED]: nothing}) == {}
    assert door.latest(SPEED).value is None


def test_what_a_provider_claimed_is_not_for_others(door, stub, port, index):
    with ProviderStub(port).provide_signals(index[SPEED]):
        assert stub.update({index[SPEED]: point(float_value=5.0)}) == {index[SPEED]: "ACCESS_DENIED"}
    assert door.latest(SPEED).value is None


def test_a_stream_of_values_is_answered_only_where_one_is_refused(door, stub, index):
    replies = stub.stream(
        iter([
            SDV.StreamDatapointsRequest(datapoints={index[SPEED]: point(float_value=1.0)}),
            SDV.StreamDatapointsRequest(datapoints={index[CHARGE]: point(uint32_value=101)}),
            SDV.StreamDatapointsRequest(datapoints={index[SPEED]: point(float_value=3.0)}),
        ])
    )  # fmt: skip
    (only,) = list(replies)
    assert dict(only.errors) == {index[CHARGE]: SDV.OUT_OF_BOUNDS}
    assert door.latest(SPEED).value == 3.0


# Rows


def test_a_row_at_once_and_then_with_each_change(door, stub):
    rows = stub.subscribe(f"SELECT {SPEED}, {CHARGE} AS charge")
    assert rows.row() == {SPEED: None, "charge": None}
    door.wait_watched()
    door.publish(Speed=1.5)
    assert rows.row() == {SPEED: 1.5, "charge": None}
    door.publish_paths("one", {SPEED: 2.5, CHARGE: 60})
    assert rows.row() == {SPEED: 2.5, "charge": 60}


def test_rows_only_while_the_condition_holds(door, stub):
    door.publish(Speed=10.0)
    rows = stub.subscribe(f"SELECT {SPEED} AS v WHERE {SPEED} > 50 AND {CHARGE} BETWEEN 20 AND 80")
    door.wait_watched()
    for values in ({SPEED: 60.0}, {CHARGE: 90}, {CHARGE: 50}, {SPEED: 40.0}, {SPEED: 70.0}):
        door.publish_paths("one", values)
    assert [rows.row(), rows.row()] == [{"v": 60.0}, {"v": 70.0}]


def test_a_condition_that_holds_for_a_moment_makes_a_row(door, stub):
    rows = stub.subscribe(f"SELECT {SPEED} AS v WHERE {SPEED} > 50 AND {CHARGE} > 20")
    door.wait_watched()
    moments = [{CHARGE: 30}, {SPEED: 60.0}, {CHARGE: 10}, {SPEED: 70.0}, {CHARGE: 40}, {SPEED: 1.0}]
    updates = [[(door.vocabulary[path].index, v, 1) for path, v in moment.items()] for moment in moments]
    door.call(lambda: [door.broker.publish("one", each) for each in updates])  # the subscriber has no turn in between
    assert [rows.row(), rows.row()] == [{"v": 60.0}, {"v": 70.0}]


def test_an_unrelated_signal_makes_no_row(door, stub):
    rows = stub.subscribe(f"SELECT {SPEED}")
    rows.row()
    door.wait_watched()
    door.publish_paths("one", {CHARGE: 50})
    door.publish(Speed=1.0)
    assert rows.row() == {SPEED: 1.0}


def test_a_query_sees_what_any_door_publishes(door, stub, v2):
    rows = stub.subscribe(f"SELECT {SPEED}")
    rows.row()
    door.wait_watched()
    stated = types.Datapoint(value=number(7.5))
    v2.PublishValue(val.PublishValueRequest(signal_id=at(SPEED), data_point=stated), timeout=DEADLINE_S)
    assert rows.row() == {SPEED: 7.5}


def test_each_field_carries_the_time_at_which_it_was_received(door, stub):
    door.publish(Speed=60.0)
    message = stub.subscribe(f"SELECT {SPEED} AS v, ({SPEED} > 50) AS fast").message()
    received = {message[name].timestamp.ToNanoseconds() for name in ("v", "fast")}
    assert received == {door.latest(SPEED).t_receive_ns}


def test_lag_is_the_row_that_this_subscriber_got_last(door, stub):
    query = f"SELECT {SPEED} AS v, LAG({SPEED}) AS before WHERE {SPEED} <> LAG({SPEED})"
    door.publish(Speed=1.0)
    rows, others = stub.subscribe(query), stub.subscribe(f"SELECT {SPEED}")
    assert rows.row() == {"v": 1.0, "before": None}
    others.row()
    door.wait_watched()
    door.wait_watched()
    for speed in (1.0, 2.0, 2.0, 3.0):
        door.publish(Speed=speed)
    assert [rows.row(), rows.row()] == [{"v": 2.0, "before": 1.0}, {"v": 3.0, "before": 2.0}]


def test_a_query_that_cannot_be_read_tells_the_character(stub):
    with pytest.raises(grpc.RpcError) as e:
        stub.subscribe(f"SELECT {SPEED} WHERE Vehicle.Sped > 5").row()
    assert e.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert e.value.details() == "query, character 28: unknown signal 'Vehicle.Sped'; did you mean 'Vehicle.Speed'?"

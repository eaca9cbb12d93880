"""Bytes encoded by hand say what the official protobuf classes say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kuksa.val.v1 import types_pb2 as types_v1
from kuksa.val.v2 import types_pb2 as types_v2
from kuksa.val.v2 import val_pb2 as val_v2

from renkei.broker import Datapoint
from renkei.doors.kuksa.schema import FIELDS
from renkei.doors.kuksa.wire import Encoder, repeated, varint
from renkei.vocabulary import FLOAT32_MAX, INTEGERS, Signal, Vocabulary

VOCABULARY = Vocabulary(
    [Signal(0, f"Vehicle.{'Deep.' * 40 if n % 2 else ''}Signal{n}", "sensor", d) for n, d in enumerate(FIELDS)], "test"
)
ENCODER = Encoder(VOCABULARY)
SCALARS = {
    "boolean": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "float": st.floats(-FLOAT32_MAX, FLOAT32_MAX),
    "double": st.floats(allow_nan=False),
} | {d: st.integers(low, high) | st.sampled_from([low, high, 0]) for d, (low, high) in INTEGERS.items()}
TIMES_NS = st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 999_999_999, 1_000_000_000])


def values(datatype):
    scalar = SCALARS[datatype.removesuffix("[]")]
    return st.none() | (st.lists(scalar, max_size=200) if datatype.endswith("[]") else scalar)


@st.composite
def changes(draw):
    signals = draw(st.lists(st.sampled_from(VOCABULARY.signals), unique_by=lambda s: s.index, max_size=8))
    return {s.index: Datapoint(draw(values(s.datatype)), 0, draw(TIMES_NS)) for s in signals}


def official(index, point, message, value):
    """Fills a Datapoint of either version; `value` is the message that has the oneof."""
    message.timestamp.seconds, message.timestamp.nanos = divmod(point.t_receive_ns, 1_000_000_000)
    if point.value is None:
        return
    name = FIELDS[VOCABULARY.signals[index].datatype]
    if name.endswith("_array"):
        getattr(value, name).SetInParent()
        getattr(value, name).values.extend(point.value)
    else:
        setattr(value, name, point.value)


@given(changes())
def test_a_message_by_path(points):
    expected = val_v2.SubscribeResponse()
    for index, point in points.items():
        message = expected.entries[VOCABULARY.signals[index].path]
        official(index, point, message, message.value)
        if point.value is None:
            message.ClearField("value")
    for _ in ("encoded now", "kept from before"):
        assert val_v2.SubscribeResponse.FromString(ENCODER.by_path(points)) == expected


@given(changes())
def test_a_message_by_id(points):
    expected = val_v2.SubscribeByIdResponse()
    for index, point in points.items():
        official(index, point, expected.entries[index], expected.entries[index].value)
        if point.value is None:
            expected.entries[index].ClearField("value")
    assert val_v2.SubscribeByIdResponse.FromString(ENCODER.by_id(points)) == expected


@given(changes())
def test_a_single_datapoint_of_either_version(points):
    for index, point in points.items():
        v2, v1 = types_v2.Datapoint(), types_v1.Datapoint()
        official(index, point, v2, v2.value)
        if point.value is None:
            v2.ClearField("value")
        else:
            official(index, point, v1, v1)
        assert types_v2.Datapoint.FromString(ENCODER.v2_datapoint(index, point)) == v2
        assert types_v1.Datapoint.FromString(ENCODER.v1_datapoint(index, point)) == v1


@pytest.mark.parametrize("datatype", FIELDS)
def test_not_available_has_a_time_and_no_value(datatype):
    index = list(FIELDS).index(datatype)
    message = types_v2.Datapoint.FromString(ENCODER.v2_datapoint(index, Datapoint(None, 0, 5)))
    assert message.timestamp.nanos == 5
    assert not message.HasField("value")


def test_text_without_a_utf8_form_does_not_break_the_stream():
    index = list(FIELDS).index("string")
    message = types_v2.Datapoint.FromString(ENCODER.v2_datapoint(index, Datapoint("a\ud800b", 0, 0)))
    assert message.value.string == "a?b"


def test_one_encoding_serves_every_subscriber():
    point = Datapoint(True, 0, 1)
    index = list(FIELDS).index("boolean")
    ENCODER.by_path({index: point})
    kept = point.entry
    ENCODER.by_path({index: point})
    assert point.entry is kept


def test_lengths_beyond_the_table():
    assert varint(1023) + varint(1024) + varint(2**64 - 1) == b"\xff\x07\x80\x08" + b"\xff" * 9 + b"\x01"
    assert repeated(1, [b"x" * 2000])[:3] == b"\x0a\xd0\x0f"

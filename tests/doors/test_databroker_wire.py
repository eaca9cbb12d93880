"""Rows as bytes are what the protobuf classes make of them, for every datatype and name."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from renkei.doors.kuksa.databroker_schema import POINT_FIELDS, SDV
from renkei.doors.kuksa.databroker_wire import metadata, row
from renkei.doors.kuksa.query import Cell
from renkei.vocabulary import INTEGERS, Signal

LAST_NS = 253_402_300_799_999_999_999
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = {
    "string": TEXTS,
    "boolean": st.booleans(),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    **{name: st.integers(*limits) for name, limits in INTEGERS.items()},
}
VALUES = SCALARS | {f"{name}[]": st.lists(values, max_size=5) for name, values in SCALARS.items()}


def cells_of(datatype):
    held = st.tuples(VALUES[datatype], st.just("ok"))
    missing = st.tuples(st.none(), st.sampled_from(["not available", "stale", "invalid"]))
    return st.builds(
        lambda name, t_ns, valued: Cell(name, datatype, valued[0], t_ns, valued[1]),
        TEXTS, st.integers(0, LAST_NS), st.one_of(held, missing),
    )  # fmt: skip


def stated(cell):
    point = SDV.Datapoint()
    point.timestamp.FromNanoseconds(cell.t_ns)
    field = POINT_FIELDS[cell.datatype]
    if cell.value is None:
        point.failure_value = 0 if cell.quality == "invalid" else 1
    elif cell.datatype.endswith("[]"):
        getattr(point, field).values.extend(cell.value)
        getattr(point, field).SetInParent()
    else:
        setattr(point, field, cell.value)
    return point


@given(st.lists(st.sampled_from(sorted(VALUES)).flatmap(cells_of), max_size=6, unique_by=lambda cell: cell.name))
def test_a_row(cells):
    assert SDV.SubscribeReply.FromString(row(cells)) == SDV.SubscribeReply(fields={c.name: stated(c) for c in cells})


@given(st.sampled_from(sorted(INTEGERS)), st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_a_limit_outside_the_type_says_no_more_than_the_type(datatype, low, high):
    said = SDV.Metadata.FromString(metadata(Signal(7, "Vehicle.X", "sensor", datatype, None, low, high)))
    first, last = INTEGERS[datatype]
    limits = [getattr(limit, limit.WhichOneof("typed_value")) for limit in (said.min, said.max)]
    assert limits == [min(max(low, first), last), min(max(high, first), last)]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_limit_of_a_float_is_that_float(limit):
    said = SDV.Metadata.FromString(metadata(Signal(7, "Vehicle.X", "sensor", "float", None, limit, None)))
    assert said.min.float == struct.unpack("<f", struct.pack("<f", limit))[0]
    assert not said.HasField("max")


def test_allowed_values_of_each_datatype():
    for datatype, allowed in (("string", ("A", "B")), ("int8", (-1, 2)), ("uint64", (0, 2**64 - 1)), ("float", (0.5,))):
        said = SDV.Metadata.FromString(metadata(Signal(7, "Vehicle.X", "sensor", datatype, allowed=allowed)))
        assert tuple(getattr(said.allowed, said.allowed.WhichOneof("values")).values) == allowed

"""Our .proto files of sdv.databroker.v1, what was compiled from them, the facts of the interface, and the descriptors
that the Velocitas SDK ships say the same."""

import json
import re
from itertools import groupby
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from velocitas_venv import run_in_velocitas

from renkei.doors.kuksa import schema
from renkei.doors.kuksa.databroker_schema import ALLOWED_FIELDS, DATA_TYPES, POINT_FIELDS, SDV

HERE = Path(schema.__file__).parent
FACTS = Path(__file__).parents[3] / "shared/facts/kuksa-viss.md"
NAMES = [f"sdv/databroker/v1/{part}.proto" for part in ("types", "broker", "collector")]


def test_the_compiled_descriptors_are_those_of_the_proto_files(tmp_path):
    out = tmp_path / "databroker.binpb"
    google = Path(grpc_tools.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{HERE / 'proto'}", f"-I{google}", f"--descriptor_set_out={out}", *NAMES]) == 0
    fresh, kept = (FileDescriptorSet.FromString(f.read_bytes()) for f in (out, HERE / "databroker.binpb"))
    assert fresh == kept


TYPES = {getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower() for name in dir(FieldDescriptor)
         if name.startswith("TYPE_")}  # fmt: skip


def plain(files):
    """Messages, enumerations and RPCs of files as plain values, {name: ...}, in the words of the facts."""
    messages, enums, rpcs = {}, {}, {}
    for file in files:
        for message in file.message_types_by_name.values():
            messages[message.name] = {f.name: (f.number, *_kind(f), _oneof(f)) for f in message.fields}
            enums |= {f"{message.name}.{e.name}": _values(e) for e in message.enum_types}
        enums |= {e.name: _values(e) for e in file.enum_types_by_name.values()}
        for service in file.services_by_name.values():
            rpcs |= {(service.full_name, m.name): _rpc(m) for m in service.methods}
    return messages, enums, rpcs


def _kind(field):
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map<{_type(key)}, {_type(value).removeprefix('enum ')}>", "map"
    return _type(field), "repeated" if field.is_repeated else ""


def _type(field):
    if field.enum_type:
        return "enum " + field.enum_type.full_name.removeprefix("sdv.databroker.v1.")
    if field.message_type:
        return field.message_type.full_name.removeprefix("sdv.databroker.v1.")
    return TYPES[field.type]


def _oneof(field):
    return field.containing_oneof.name if field.containing_oneof else ""


def _values(enum):
    return {v.name: v.number for v in enum.values}


def _rpc(method):
    stated = method.client_streaming, method.input_type.name, method.server_streaming, method.output_type.name
    return tuple(("stream " if streams else "") + name for streams, name in (stated[:2], stated[2:]))


@pytest.fixture(scope="module")
def ours():
    return plain(schema.POOL.FindFileByName(name) for name in NAMES)


def facts():
    if not FACTS.exists():
        pytest.skip("the facts of the interface are not on this machine")
    text = FACTS.read_text(encoding="utf-8").split("### sdv.databroker.v1\n")[1]
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    services = [r for r in rows if r[0].startswith("sdv.databroker.v1.")]
    fields = [r for r in rows if len(r) == 6 and r[2].isdigit()]
    enums = [r for r in rows if len(r) == 2 and " = " in r[1]]
    return (
        {message: {f[1]: (int(f[2]), f[3], f[4], f[5]) for f in group}
         for message, group in groupby(fields, key=lambda f: f[0])},
        {name: {k: int(v) for k, v in re.findall(r"(\w+) = (\d+)", values)} for name, values in enums},
        {(r[0], r[1]): (r[2], r[3]) for r in services},
    )  # fmt: skip


@pytest.mark.parametrize("which", [0, 1, 2], ids=["fields", "enumerations", "RPCs"])
def test_they_say_what_the_facts_say(ours, which):
    stated = facts()[which]
    assert len(stated) >= 5
    assert ours[which] == stated


DESCRIBE = Path(__file__).with_name("velocitas_describe.py")


def test_they_say_what_the_velocitas_sdk_says(ours):
    """Its metadata is that of an older server: fewer fields, and a datatype for times that no signal of VSS has."""
    theirs = json.loads(run_in_velocitas(DESCRIBE))
    messages, _, rpcs = ours
    assert {f"{service}/{name}": list(kind) for (service, name), kind in rpcs.items()} == theirs["rpcs"]
    assert messages.keys() - theirs["fields"].keys() == {"Allowed", "ValueRestriction"}
    for message, fields in theirs["fields"].items():
        for name, stated in fields.items():
            number, type_, label, oneof = messages[message][name]
            assert stated == [number, type_, label, oneof], f"{message}.{name}"
        assert message == "Metadata" or fields.keys() == messages[message].keys()
    for name, values in theirs["enums"].items():
        assert {n: v for n, v in values.items() if not n.startswith("TIMESTAMP")} == ours[1][name]


def test_every_vss_datatype_has_a_field_and_a_data_type():
    for datatype, field in POINT_FIELDS.items():
        assert field in SDV.Datapoint.DESCRIPTOR.fields_by_name
        assert datatype in DATA_TYPES
    assert len(set(DATA_TYPES.values())) == len(POINT_FIELDS) == 24
    assert {*ALLOWED_FIELDS.values()} == set(SDV.Allowed.DESCRIPTOR.fields_by_name)

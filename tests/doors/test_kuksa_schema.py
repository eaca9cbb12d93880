"""Our .proto files, what was compiled from them, and the descriptors that the KUKSA client ships say the same."""

from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from kuksa.val.v1 import types_pb2 as types_v1
from kuksa.val.v1 import val_pb2 as val_v1
from kuksa.val.v2 import types_pb2 as types_v2
from kuksa.val.v2 import val_pb2 as val_v2

from renkei.doors.kuksa import schema

HERE = Path(schema.__file__).parent
THEIRS = {m.DESCRIPTOR.name: m.DESCRIPTOR for m in (types_v1, val_v1, types_v2, val_v2)}


def test_the_compiled_descriptors_are_those_of_the_proto_files(tmp_path):
    out = tmp_path / "kuksa.binpb"
    google = Path(grpc_tools.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{HERE / 'proto'}", f"-I{google}", f"--descriptor_set_out={out}", *THEIRS]) == 0
    fresh, kept = (FileDescriptorSet.FromString(f.read_bytes()) for f in (out, HERE / "kuksa.binpb"))
    assert fresh == kept


def described(file):
    """A file's messages, enumerations and services as plain values, order aside."""
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return (
        dict(_message("", m) for m in proto.message_type),
        {e.name: {v.name: v.number for v in e.value} for e in proto.enum_type},
        {s.name: {m.name: (m.input_type, m.output_type, m.client_streaming, m.server_streaming) for m in s.method}
         for s in proto.service},
    )  # fmt: skip


def _message(parent, message):
    oneofs = [o.name for o in message.oneof_decl]
    fields = {
        f.name: (f.number, f.type, f.type_name, f.label, f.proto3_optional,
                 oneofs[f.oneof_index] if f.HasField("oneof_index") else None)
        for f in message.field
    }  # fmt: skip
    nested = dict(_message(message.name, m) for m in message.nested_type)
    return parent + message.name, (fields, nested, message.options.map_entry)


@pytest.mark.parametrize("name", THEIRS)
def test_a_file_says_what_the_clients_file_says(name):
    for ours, theirs in zip(described(schema.POOL.FindFileByName(name)), described(THEIRS[name]), strict=True):
        assert ours == theirs


def test_ours_and_the_clients_live_in_one_process():
    assert schema.V2.Datapoint.DESCRIPTOR.full_name == types_v2.Datapoint.DESCRIPTOR.full_name
    assert schema.V2.Datapoint is not types_v2.Datapoint


def test_every_vss_datatype_has_a_field_and_a_data_type():
    for datatype, field in schema.FIELDS.items():
        assert field in schema.V2.Value.DESCRIPTOR.fields_by_name
        assert hasattr(schema.V2, schema.DATA_TYPES[datatype])
    assert len(schema.FIELDS) == 24

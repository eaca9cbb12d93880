"""The messages of kuksa.val.v1 and kuksa.val.v2 as protobuf classes, in a descriptor pool of our own.

In the default pool they would collide with those of a KUKSA client in the same process.
"""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

SCALARS = {
    "string": "string",
    "boolean": "bool",
    **dict.fromkeys(("int8", "int16", "int32"), "int32"),
    "int64": "int64",
    **dict.fromkeys(("uint8", "uint16", "uint32"), "uint32"),
    "uint64": "uint64",
    "float": "float",
    "double": "double",
}
FIELDS = SCALARS | {f"{datatype}[]": f"{field}_array" for datatype, field in SCALARS.items()}
"""The field of the Value oneof for each VSS datatype."""
DATA_TYPES = {d: "DATA_TYPE_" + d.upper().replace("[]", "_ARRAY") for d in FIELDS}
"""The name in the DataType enumeration for each VSS datatype."""


def _load() -> DescriptorPool:
    pool = DescriptorPool()
    pool.AddSerializedFile(TIMESTAMP.serialized_pb)
    compiled = (files(__package__) / "kuksa.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(compiled).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _namespace(version: str) -> SimpleNamespace:
    """Message classes and enumeration values of one version, by their names."""
    found = SimpleNamespace()
    for part in ("types", "val"):
        file = POOL.FindFileByName(f"kuksa/val/{version}/{part}.proto")
        for name, message in file.message_types_by_name.items():
            setattr(found, name, GetMessageClass(message))
        for enum in file.enum_types_by_name.values():
            for value in enum.values:
                setattr(found, value.name, value.number)
    return found


POOL = _load()
V1 = _namespace("v1")
V2 = _namespace("v2")

"""The messages of sdv.databroker.v1 as protobuf classes, beside those of kuksa.val in our own descriptor pool."""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass

from renkei.doors.kuksa.schema import FIELDS, POOL, SCALARS

POINT_FIELDS = {d: field if field.endswith("_array") else f"{field}_value" for d, field in FIELDS.items()}
"""The field of the Datapoint oneof for each VSS datatype."""
ALLOWED_FIELDS = {d: f"{field}_values" for d, field in SCALARS.items() if d != "boolean"}
"""The field of the Allowed oneof for each scalar datatype that has one."""


def _load() -> SimpleNamespace:
    """Message classes and the values of top enumerations, by their names."""
    found = SimpleNamespace()
    compiled = (files(__package__) / "databroker.binpb").read_bytes()
    for proto in FileDescriptorSet.FromString(compiled).file:
        POOL.AddSerializedFile(proto.SerializeToString())
        file: Any = POOL.FindFileByName(proto.name)
        for name, message in file.message_types_by_name.items():
            setattr(found, name, GetMessageClass(message))
        for enum in file.enum_types_by_name.values():
            for value in enum.values:
                setattr(found, value.name, value.number)
    return found


SDV = _load()
DATA_TYPES = {d: getattr(SDV, d.upper().replace("BOOLEAN", "BOOL").replace("[]", "_ARRAY")) for d in FIELDS}
"""The value of the DataType enumeration for each VSS datatype."""

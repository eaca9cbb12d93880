"""What the Velocitas SDK's descriptors say, as JSON; to be run where that SDK is installed."""

import json
import sys

from google.protobuf.descriptor import FieldDescriptor
from velocitas_sdk.proto import broker_pb2, collector_pb2, types_pb2

TYPES = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


def short(thing):
    return thing.full_name.removeprefix("sdv.databroker.v1.")


def type_of(field):
    if field.enum_type:
        return "enum " + short(field.enum_type)
    return short(field.message_type) if field.message_type else TYPES[field.type]


def described(field):
    label = "repeated" if field.label == FieldDescriptor.LABEL_REPEATED else ""
    oneof = field.containing_oneof.name if field.containing_oneof else ""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return field.number, f"map<{type_of(key)}, {type_of(value).removeprefix('enum ')}>", "map", oneof
    return field.number, type_of(field), label, oneof


def rpc(method):
    asked = "stream " * method.client_streaming + method.input_type.name
    return asked, "stream " * method.server_streaming + method.output_type.name


files = [module.DESCRIPTOR for module in (types_pb2, broker_pb2, collector_pb2)]
messages = [m for f in files for m in f.message_types_by_name.values()]
enums = [e for f in files for e in f.enum_types_by_name.values()] + [e for m in messages for e in m.enum_types]
services = [s for f in files for s in f.services_by_name.values()]
said = {
    "fields": {m.name: {f.name: described(f) for f in m.fields} for m in messages},
    "enums": {short(e): {v.name: v.number for v in e.values} for e in enums},
    "rpcs": {f"{s.full_name}/{m.name}": rpc(m) for s in services for m in s.methods},
}
json.dump(said, sys.stdout)

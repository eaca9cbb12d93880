"""Values, datapoints and map entries as protobuf bytes, encoded by hand because a subscriber takes 100,000 a second.

A test holds every encoder to the official protobuf classes. Field numbers come from the compiled descriptors.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from renkei.broker import Changes, Datapoint
from renkei.doors.kuksa.schema import FIELDS, V2
from renkei.vocabulary import Value, Vocabulary

_VARINT, _BYTES, _FIXED64, _FIXED32 = 0, 2, 1, 5
_SECOND_NS = 1_000_000_000


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


_SMALL = [_varint(n) for n in range(1024)]
_SHORT = 100
"""A value of fewer bytes, and with it its Datapoint, has a length of one byte."""
_VALUE = [b"\x12" + _varint(n) for n in range(_SHORT)]
"""How the field of a value of n bytes begins in a Datapoint."""


def varint(n: int) -> bytes:
    """A whole number from 0 on, 7 bits a byte, low bits first."""
    return _SMALL[n] if n < 1024 else _varint(n)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field: text, bytes or a message."""
    return varint(number << 3 | _BYTES) + varint(len(content)) + content


def _zigzag(n: int) -> bytes:
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def _text(value: str) -> bytes:
    # A lone surrogate has no UTF-8 form; a question mark is better than a broken stream.
    content = value.encode("utf-8", "replace")
    return varint(len(content)) + content


_PLAIN: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "string": (_BYTES, _text),
    "bool": (_VARINT, lambda value: b"\x01" if value else b"\x00"),
    "int32": (_VARINT, lru_cache(4096)(_zigzag)),
    "int64": (_VARINT, _zigzag),
    "uint32": (_VARINT, varint),
    "uint64": (_VARINT, varint),
    "float": (_FIXED32, struct.Struct("<f").pack),
    "double": (_FIXED64, struct.Struct("<d").pack),
}
_FIXED = {"float": "f", "double": "d"}


def encoder(datatype: str) -> Callable[[Any], bytes]:
    """Encodes a value of `datatype` as its field of the Value oneof (v2) or of a Datapoint (v1): the numbers agree."""
    name = FIELDS[datatype]
    number = V2.Value.DESCRIPTOR.fields_by_name[name].number
    scalar = name.removesuffix("_array")
    kind, plain = _PLAIN[scalar]
    if name == scalar:
        tag = varint(number << 3 | kind)
        if scalar in _FIXED:  # tag and number in one call
            return partial(struct.Struct(f"<{len(tag)}s{_FIXED[scalar]}").pack, tag)
        return lambda value: tag + plain(value)
    if scalar == "string":
        return lambda values: field(number, b"".join([b"\x0a" + plain(v) for v in values]))
    return lambda values: field(number, field(1, b"".join([plain(v) for v in values])) if values else b"")


@lru_cache(64)
def timestamp(t_ns: int) -> bytes:
    """Field 1 of a Datapoint, from ns since 1970; the cache makes it once a batch."""
    seconds, nanos = divmod(t_ns, _SECOND_NS)
    content = (b"\x08" + varint(seconds) if seconds else b"") + (b"\x10" + varint(nanos) if nanos else b"")
    return field(1, content)


class Encoder:
    """Datapoints of one vocabulary as bytes; the time given out is the time of receipt."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._values = [encoder(s.datatype) for s in vocabulary.signals]
        self._keys = [field(1, s.path.encode()) + b"\x12" for s in vocabulary.signals]

    def v1_datapoint(self, index: int, point: Datapoint) -> bytes:
        """A kuksa.val.v1 Datapoint; empty when not available, as v1 has no other word for it."""
        if point.value is None:
            return b""
        return timestamp(point.t_receive_ns) + self._values[index](point.value)

    def v2_datapoint(self, index: int, point: Datapoint) -> bytes:
        """A kuksa.val.v2 Datapoint; without a value when not available."""
        if point.value is None:
            return timestamp(point.t_receive_ns)
        value = self._values[index](point.value)
        return timestamp(point.t_receive_ns) + b"\x12" + varint(len(value)) + value

    def value(self, index: int, value: Value) -> bytes:
        """A kuksa.val.v2 Value."""
        return self._values[index](value)

    def by_path(self, changes: Changes) -> bytes:
        """A SubscribeResponse; each entry is made once and serves every subscriber."""
        return b"".join([point.entry or self._entry(index, point) for index, point in changes.items()])

    def _entry(self, index: int, point: Datapoint) -> bytes:
        if point.value is not None and len(value := self._values[index](point.value)) < _SHORT:
            stamp, key = timestamp(point.t_receive_ns), self._keys[index]
            size = len(stamp) + 2 + len(value)
            parts = (b"\x0a", varint(len(key) + 1 + size), key, _SMALL[size], stamp, _VALUE[len(value)], value)
            point.entry = b"".join(parts)
            return point.entry
        content = self.v2_datapoint(index, point)
        key, length = self._keys[index], varint(len(content))
        point.entry = b"".join((b"\x0a", varint(len(key) + len(length) + len(content)), key, length, content))
        return point.entry

    def by_id(self, changes: Changes) -> bytes:
        """A SubscribeByIdResponse."""
        return b"".join(
            [
                field(1, b"\x08" + varint(index) + field(2, self.v2_datapoint(index, point)))
                for index, point in changes.items()
            ]
        )


def value_of(message: Any, oneof: str) -> Any:
    """The Python value that a parsed message holds in `oneof`, lists for arrays, or None when nothing is set."""
    kind = message.WhichOneof(oneof)
    if kind is None:
        return None
    value = getattr(message, kind)
    return list(value.values) if kind.endswith("_array") else value


def repeated(number: int, contents: Iterable[bytes]) -> bytes:
    """A repeated field of messages."""
    return b"".join([field(number, content) for content in contents])

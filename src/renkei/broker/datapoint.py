"""One value of one signal at one time, with where it came from and whether it can be believed. No wire format here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from renkei.vocabulary import Value

Quality = Literal["ok", "not available", "invalid", "stale"]
"""`not available`: the source does not know. `invalid`: what came cannot be true. `stale`: it is no longer said."""


class Datapoint:
    """Never changed once stored; `value` is None unless `quality` is ok.

    Times are ns since 1970. `source` names who said it: a recording, a bus, a client; empty for what the tree presumes.
    `entry` belongs to the doors: the encoded form, made when first needed and shared by all who watch.
    """

    __slots__ = ("entry", "quality", "source", "t_receive_ns", "t_source_ns", "value")

    def __init__(
        self,
        value: Value | None,
        t_source_ns: int,
        t_receive_ns: int,
        source: str = "",
        why_none: Quality = "not available",
    ) -> None:
        self.value = value
        self.t_source_ns = t_source_ns
        self.t_receive_ns = t_receive_ns
        self.source = source
        self.quality: Quality = why_none if value is None else "ok"
        self.entry: bytes | None = None


Changes = Mapping[int, Datapoint]
"""What one batch changed, by index."""


def bulk(value: Value | None) -> int:
    """How much of a buffer a value takes, in numbers: a text or an array takes as much as it is long."""
    return 1 + len(value) // 16 if isinstance(value, str | list) else 1

"""What a Signal is, as Metadata messages of kuksa.val.v2 and kuksa.val.v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from renkei.doors.kuksa.schema import DATA_TYPES, SCALARS, V1, V2
from renkei.vocabulary import INTEGERS, Signal

V1_FIELDS: dict[str, tuple[str, ...]] = {
    "FIELD_METADATA_DATA_TYPE": ("data_type",),
    "FIELD_METADATA_DESCRIPTION": ("description",),
    "FIELD_METADATA_ENTRY_TYPE": ("entry_type",),
    "FIELD_METADATA_COMMENT": (),
    "FIELD_METADATA_DEPRECATION": (),
    "FIELD_METADATA_UNIT": ("unit",),
    "FIELD_METADATA_VALUE_RESTRICTION": ("value_restriction",),
    "FIELD_METADATA_ACTUATOR": (),
    "FIELD_METADATA_SENSOR": (),
    "FIELD_METADATA_ATTRIBUTE": (),
}
"""What each metadata Field of v1 selects; the empty ones exist on the wire and are served empty."""


def v2_metadata(signal: Signal) -> Any:
    """A kuksa.val.v2 Metadata message."""
    message = V2.Metadata(
        path=signal.path,
        id=signal.index,
        data_type=getattr(V2, DATA_TYPES[signal.datatype]),
        entry_type=getattr(V2, f"ENTRY_TYPE_{signal.kind.upper()}"),
        description=signal.description,
        unit=signal.unit or "",
    )
    field, number = SCALARS[signal.scalar], _number(signal)
    if signal.minimum is not None:
        setattr(message.min, field, number(signal.minimum))
    if signal.maximum is not None:
        setattr(message.max, field, number(signal.maximum))
    if signal.allowed is not None:
        getattr(message.allowed_values, f"{field}_array").values.extend(signal.allowed)
    return message


def v1_metadata(signal: Signal, fields: frozenset[int]) -> Any:
    """A kuksa.val.v1 Metadata message with what `fields` select, or None when they select nothing of it."""
    names = V1_FIELDS if V1.FIELD_METADATA in fields else [n for n in V1_FIELDS if getattr(V1, n) in fields]
    if not names:
        return None
    parts = {part for name in names for part in V1_FIELDS[name]}
    message = V1.Metadata()
    if "data_type" in parts:
        message.data_type = getattr(V1, DATA_TYPES[signal.datatype])
    if "entry_type" in parts:
        message.entry_type = getattr(V1, f"ENTRY_TYPE_{signal.kind.upper()}")
    if "description" in parts:
        message.description = signal.description
    if "unit" in parts and signal.unit is not None:
        message.unit = signal.unit
    if "value_restriction" in parts:
        _restrict(message, signal)
    return message


def _restrict(message: Any, signal: Signal) -> None:
    if signal.scalar == "boolean" or (signal.minimum, signal.maximum, signal.allowed) == (None, None, None):
        return
    if signal.scalar == "string":
        message.value_restriction.string.allowed_values.extend(signal.allowed or ())
        return
    kind = "floating_point" if signal.scalar not in INTEGERS else "unsigned" if signal.scalar[0] == "u" else "signed"
    restriction, number = getattr(message.value_restriction, kind), _number(signal)
    if signal.minimum is not None:
        restriction.min = number(signal.minimum)
    if signal.maximum is not None:
        restriction.max = number(signal.maximum)
    restriction.allowed_values.extend(signal.allowed or ())


def _number(signal: Signal) -> Callable[[float], float]:
    """A limit in the wire type; one outside the integer type says no more than the type does."""
    if signal.scalar not in INTEGERS:
        return float
    low, high = INTEGERS[signal.scalar]
    return lambda limit: min(max(int(limit), low), high)

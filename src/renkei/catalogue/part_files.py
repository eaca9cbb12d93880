"""The form of the TOML files of parts, slots, standards and assumptions. docs/parts.md is the reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from renkei.catalogue.maker_files import OneValue, Scalar, VehicleFile
from renkei.facts import CONFIDENCES
from renkei.toml_file import File

FactConfidence = Literal[
    "maker", "measured", "recorded", "published", "reported", "reverse-engineered", "derived", "disputed"
]
assert set(FactConfidence.__args__) == set(CONFIDENCES)  # type: ignore[attr-defined]
Otherwise = Literal["break", "degrade"]
PartKind = Literal["battery-cell", "battery-module", "battery-pack", "motor", "inverter", "e-axle"]


def _fact_value(given: Any) -> Any:
    match given:
        case bool() | int() | float() | str():
            return given
        case list() if given and all(isinstance(each, Scalar) for each in given):
            return given
        case dict() if given and all(isinstance(column, list) for column in given.values()):
            return given
    raise PydanticCustomError("fact_value", "a value, a list of values, or a table of columns")


FactValueGiven = Annotated[Any, PlainValidator(_fact_value)]


class ClaimTable(File):
    value: FactValueGiven
    unit: str | None = None
    source: list[str] = Field(min_length=1)


class PartFactTable(File):
    value: FactValueGiven
    unit: str | None = None
    units: dict[str, str] = Field(default_factory=dict)
    source: list[str] = Field(min_length=1)
    confidence: FactConfidence = "published"
    note: str | None = None
    disputed: list[ClaimTable] = Field(default_factory=list)


class LimitTable(File):
    min: float | None = None
    max: float | None = None
    one_of: list[OneValue] = Field(default_factory=list)
    stated: Literal[True] | None = None
    unit: str | None = None
    otherwise: Otherwise = "break"
    reason: str | None = None
    source: list[str] = Field(default_factory=list)
    confidence: FactConfidence = "published"


class PartMessageTable(File):
    map: str | None = None
    cycle_ms: float | None = Field(default=None, gt=0)
    timeout_ms: float | None = Field(default=None, gt=0)
    checksum: str | None = None
    counter: str | None = None
    otherwise: Otherwise = "break"
    lost: str | None = None
    source: list[str] = Field(min_length=1)
    confidence: FactConfidence = "published"


class TalkTable(File):
    provides: dict[str, PartMessageTable] = Field(default_factory=dict)
    requires: dict[str, PartMessageTable] = Field(default_factory=dict)


class SlotTable(File):
    kind: PartKind | None = None
    fitted: str | None = None
    without: list[str] = Field(default_factory=list)
    facts: dict[str, PartFactTable] = Field(default_factory=dict)
    requires: dict[str, LimitTable] = Field(default_factory=dict)
    messages: TalkTable | None = None


class PartFile(File):
    kind: PartKind | None = None
    name: str
    like: str | None = None
    without: list[str] = Field(default_factory=list)
    note: str | None = None
    facts: dict[str, PartFactTable] = Field(default_factory=dict)
    requires: dict[str, dict[str, LimitTable]] = Field(default_factory=dict)
    messages: TalkTable | None = None
    made_of: dict[PartKind, str] = Field(default_factory=dict)
    slots: dict[str, SlotTable] = Field(default_factory=dict)


class CarFile(VehicleFile):
    """A vehicle's file with what its body and its slots state. `without`: inherited facts that do not hold for it."""

    without: list[str] = Field(default_factory=list)
    facts: dict[str, PartFactTable] = Field(default_factory=dict)
    slots: dict[str, SlotTable] = Field(default_factory=dict)


class ClauseTable(File):
    title: str
    fact: str
    per: str | None = None
    of: str | None = None
    min: float | None = None
    max: float | None = None
    one_of: list[OneValue] = Field(default_factory=list)
    stated: Literal[True] | None = None
    unit: str | None = None
    otherwise: Otherwise = "break"
    checked: Literal["compared", "recording", "statement"]
    reason: str


class StandardFile(File):
    name: str
    kind: Literal["battery-module", "battery-pack", "e-axle", "vehicle"]
    text: str
    clauses: dict[Annotated[str, Field(pattern=r"^[A-K][1-9][0-9]*$")], ClauseTable]


class AssumptionTable(File):
    value: FactValueGiven
    unit: str | None = None
    kinds: list[str] = Field(default_factory=list)
    reason: str
    source: str


class AssumptionsFile(File):
    assumptions: dict[str, AssumptionTable]

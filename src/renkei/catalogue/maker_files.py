"""The form of a maker's TOML files. docs/maps.md is the reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from renkei.toml_file import File

Scalar = bool | int | float | str


def _span(given: Any) -> int | tuple[int, int]:
    match given:
        case bool():
            pass
        case int():
            return given
        case [int(first), int(last)] if first <= last:
            return first, last
    raise PydanticCustomError("span", "a raw value or [first, last]")


def _scalar(given: Any) -> Scalar:
    if not isinstance(given, Scalar):
        raise PydanticCustomError("scalar", "true, false, a number or a text")
    return given


def _scalar_or_list(given: Any) -> Scalar | list[Scalar]:
    return [_scalar(each) for each in given] if isinstance(given, list) else _scalar(given)


RawSpan = Annotated[int | tuple[int, int], PlainValidator(_span)]
RawSpans = Annotated[list[RawSpan], Field(min_length=1), BeforeValidator(lambda v: [v] if isinstance(v, int) else v)]
OneValue = Annotated[Scalar, PlainValidator(_scalar)]
Several = BeforeValidator(lambda v: v if isinstance(v, list) else [v])
Confidence = Literal["recorded", "published", "disputed"]


def _not_zero(scale: float) -> float:
    if scale == 0:
        raise PydanticCustomError("scale", "a number other than 0")
    return scale


Scale = Annotated[float, AfterValidator(_not_zero)]


LONGEST_CYCLE_MS = 86_400_000
"""A day: what comes less often has no cycle."""


class SourceTable(File):
    title: str
    where: str
    licence: str


class OriginTable(File):
    licence: str
    source: list[str] = Field(min_length=1)


class MakerFile(File):
    name: str
    sources: dict[str, SourceTable] = {}
    files: dict[str, OriginTable] = {}


class BusTable(File):
    dbc: list[str] = []
    bitrate: int | None = Field(default=None, gt=0, le=20_000_000)


class MessageTable(File):
    checksum: str | None = None
    counter: str | None = None
    cycle_ms: float | None = Field(default=None, gt=0, le=LONGEST_CYCLE_MS)


class UdsSignalTable(File):
    start: int = Field(ge=0)
    length: int = Field(ge=1, le=64)
    signed: bool = False
    scale: Scale = 1.0
    offset: float = 0.0
    unit: str | None = None
    count: int | None = Field(default=None, ge=1, le=8 * 4095)


class UdsTable(File):
    request: int = Field(ge=0, le=0x1FFFFFFF)
    response: int = Field(ge=0, le=0x1FFFFFFF)
    service: int = Field(ge=0, le=0xBF)
    identifier: int | None = Field(default=None, ge=0, le=0xFFFF)
    lengths: list[Annotated[int, Field(ge=1, le=4095)]] = []
    every_ms: float | None = Field(default=None, ge=100, le=LONGEST_CYCLE_MS)
    signals: dict[str, UdsSignalTable] = {}


class RowTable(File):
    from_: str = Field(alias="from", pattern=r"^[^.\s]+\.[^.\s]+\.[^.\s]+$")
    scale: Scale = 1.0
    offset: float = 0.0
    unit: str | None = None
    values: dict[str, OneValue] | None = None
    other: OneValue | None = None
    invalid: list[RawSpan] = []
    when: dict[str, RawSpans] = {}
    unless: dict[str, RawSpans] = {}
    element: int | None = Field(default=None, ge=0, le=9999)
    plus: str | None = None
    backup: bool = False
    role: Literal["report", "command"] = "report"
    personal: bool = False
    source: list[str] = Field(min_length=1)
    confidence: Confidence = "published"
    note: str | None = None


class MapFile(File):
    like: str | None = None
    without: list[str] = []
    buses: dict[str, BusTable] = {}
    messages: dict[str, MessageTable] = {}
    uds: dict[str, dict[str, UdsTable]] = {}
    signals: dict[str, Annotated[list[RowTable], Field(min_length=1), Several]] = {}


class FactTable(File):
    value: Annotated[Scalar | list[Scalar], PlainValidator(_scalar_or_list)]
    source: list[str] = Field(min_length=1)
    confidence: Confidence = "published"
    note: str | None = None


class VehicleFile(File):
    name: str | None = None
    years: str | None = None
    powertrain: Literal["electric", "plug-in hybrid", "hybrid", "combustion", "unknown"] | None = None
    map: str | None = None
    like: str | None = None
    attributes: dict[str, FactTable] = {}

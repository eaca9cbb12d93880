"""The catalogue: makers, vehicles and maps, read from TOML files, checked and frozen. docs/maps.md is the reference.

Files are read when they are first asked for. A private catalogue of the same shape is laid over the built-in one:
what it defines under the same name replaces the built-in file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from renkei.errors import CatalogueError, UnknownName, nearest
from renkei.vehicle import (
    Bus,
    Condition,
    Fact,
    Maker,
    Map,
    MessageRule,
    Ranges,
    Row,
    Source,
    UdsAnswer,
    UdsSignal,
    Vehicle,
)
from renkei.vocabulary import Value

_EXTENDED = 0x8000_0000  # set in identifiers of 29 bits, as in a DBC file
_HIGHEST_BASE_ID = 0x7FF

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


class _File(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


class _Source(_File):
    title: str
    where: str
    licence: str


class _Origin(_File):
    licence: str
    source: list[str] = Field(min_length=1)


class _Maker(_File):
    name: str
    sources: dict[str, _Source] = {}
    files: dict[str, _Origin] = {}


class _Bus(_File):
    dbc: list[str] = []
    bitrate: int | None = Field(default=None, gt=0)


class _Message(_File):
    checksum: str | None = None
    counter: str | None = None
    cycle_ms: float | None = Field(default=None, gt=0)


class _UdsSignal(_File):
    start: int = Field(ge=0)
    length: int = Field(ge=1, le=64)
    signed: bool = False
    scale: Scale = 1.0
    offset: float = 0.0
    unit: str | None = None
    count: int | None = Field(default=None, ge=1)


class _Uds(_File):
    request: int = Field(ge=0, le=0x1FFFFFFF)
    response: int = Field(ge=0, le=0x1FFFFFFF)
    service: int = Field(ge=0, le=0xBF)
    identifier: int | None = Field(default=None, ge=0, le=0xFFFF)
    lengths: list[int] = []
    every_ms: float | None = Field(default=None, ge=100)
    signals: dict[str, _UdsSignal] = {}


class _Row(_File):
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
    personal: bool = False
    source: list[str] = Field(min_length=1)
    confidence: Confidence = "published"
    note: str | None = None


class _Map(_File):
    like: str | None = None
    without: list[str] = []
    buses: dict[str, _Bus] = {}
    messages: dict[str, _Message] = {}
    uds: dict[str, dict[str, _Uds]] = {}
    signals: dict[str, Annotated[list[_Row], Field(min_length=1), Several]] = {}


class _Fact(_File):
    value: Annotated[Scalar | list[Scalar], PlainValidator(_scalar_or_list)]
    source: list[str] = Field(min_length=1)
    confidence: Confidence = "published"
    note: str | None = None


class _Vehicle(_File):
    name: str | None = None
    years: str | None = None
    powertrain: Literal["electric", "plug-in hybrid", "hybrid", "combustion", "unknown"] | None = None
    map: str | None = None
    like: str | None = None
    attributes: dict[str, _Fact] = {}


F = TypeVar("F", bound=_File)


class Catalogue:
    """All of the data: the built-in files, under those of each private folder in turn.

    A folder holds `makers/`. Raises UnknownName for what is not there and CatalogueError for a file that is wrong.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.private = tuple(Path(f) for f in folders)
        for folder in self.private:
            if not (folder / "makers").is_dir():
                raise CatalogueError(folder, "makers", expected="a folder of makers", got="nothing there")
        self.folders = (Path(str(files("renkei") / "data")), *self.private)
        self._cache: dict[tuple[str, str], Any] = {}

    @cached_property
    def makers(self) -> tuple[str, ...]:
        """Ids of all makers, sorted."""
        found = {f.parent.name for folder in self.folders for f in (folder / "makers").glob("*/maker.toml")}
        return tuple(sorted(found))

    @cached_property
    def vehicles(self) -> tuple[str, ...]:
        """Ids of all vehicles, `maker/vehicle`, sorted."""
        return tuple(sorted(f"{m}/{v}" for m in self.makers for v in self._names(m, "vehicles")))

    def maker(self, maker: str) -> Maker:
        if maker not in self.makers:
            raise UnknownName("maker", maker, self.makers)
        return self._once("maker", maker, lambda: self._read_maker(maker))  # type: ignore[no-any-return]

    def vehicle(self, vehicle: str) -> Vehicle:
        """The vehicle with that id, its map read with it."""
        if vehicle not in self.vehicles:
            raise UnknownName("vehicle", vehicle, self.vehicles, "('renkei list vehicles' shows all)")
        return self._once("vehicle", vehicle, lambda: self._read_vehicle(vehicle))  # type: ignore[no-any-return]

    def map(self, maker: str, name: str) -> Map:
        return self._once("map", f"{maker}/{name}", lambda: self._read_map(maker, name))  # type: ignore[no-any-return]

    def maps(self, maker: str) -> tuple[str, ...]:
        """Names of a maker's maps."""
        return tuple(sorted(self._names(maker, "maps")))

    def private_files(self) -> Iterator[Path]:
        """Every file of the private folders, sorted."""
        for folder in self.private:
            yield from sorted(f for f in (folder / "makers").rglob("*") if f.is_file())

    def _once(self, kind: str, name: str, read: Any) -> Any:
        if (kind, name) not in self._cache:
            self._cache[kind, name] = read()
        return self._cache[kind, name]

    def _names(self, maker: str, kind: str) -> set[str]:
        return {f.stem for folder in self.folders for f in (folder / "makers" / maker / kind).glob("*.toml")}

    def _file(self, maker: str, relative: str) -> Path | None:
        """The topmost file of that name."""
        for folder in reversed(self.folders):
            if (file := folder / "makers" / maker / relative).is_file():
                return file
        return None

    def _read_maker(self, maker: str) -> Maker:
        file = self._file(maker, "maker.toml")
        assert file is not None  # `makers` lists only those that have one
        read = _read(file, _Maker)
        sources = {key: Source(s.title, s.where, s.licence) for key, s in read.sources.items()}
        for name, origin in read.files.items():
            _known_sources(file, f"files.{name}.source", origin.source, sources)
            if self._file(maker, name) is None:
                raise CatalogueError(file, f"files.{name}", expected="a file in the maker's folder", got="no such file")
        return Maker(maker, read.name, file, sources, {n: (o.licence, tuple(o.source)) for n, o in read.files.items()})

    def _read_vehicle(self, id_: str, below: tuple[str, ...] = ()) -> Vehicle:
        maker_id, name = id_.split("/", 1)
        file = self._required(maker_id, "vehicles", name)
        if id_ in below:
            raise CatalogueError(file, "like", expected="no circle", got=" -> ".join([*below, id_]))
        maker, read = self.maker(maker_id), _read(file, _Vehicle)
        like = None
        if read.like:
            self._known(file, "like", read.like, self._names(maker_id, "vehicles"))
            like = self._read_vehicle(f"{maker_id}/{read.like}", (*below, id_))
        for path, fact in read.attributes.items():
            _known_sources(file, f"attributes.{path}.source", fact.source, maker.sources)
        attributes = {p: Fact(f.value, tuple(f.source), f.confidence) for p, f in read.attributes.items()}
        fields: dict[str, Any] = {}
        for key in ("name", "years", "powertrain"):
            fields[key] = getattr(read, key) or (getattr(like, key) if like else None)
            if fields[key] is None:
                raise CatalogueError(file, key, expected="a text", got=None)
        if read.map:
            self._known(file, "map", read.map, self._names(maker_id, "maps"))
        elif like is None:
            raise CatalogueError(file, "map", expected="the name of a map", got=None)
        chosen = self.map(maker_id, read.map) if read.map else like.map  # type: ignore[union-attr]
        inherited = dict(like.attributes) if like else {}
        return Vehicle(id_, maker=maker, map=chosen, attributes=inherited | attributes, **fields)

    def _read_map(self, maker_id: str, name: str, below: tuple[str, ...] = ()) -> Map:
        file = self._required(maker_id, "maps", name)
        if name in below:
            raise CatalogueError(file, "like", expected="no circle", got=" -> ".join([*below, name]))
        maker, read = self.maker(maker_id), _read(file, _Map)
        like = None
        if read.like:
            self._known(file, "like", read.like, self._names(maker_id, "maps"))
            like = self._read_map(maker_id, read.like, (*below, name))
        buses = (dict(like.buses) if like else {}) | {
            bus: Bus(bus, tuple(self._dbc(file, maker_id, bus, d) for d in b.dbc), b.bitrate)
            for bus, b in read.buses.items()
        }
        rules = (dict(like.messages) if like else {}) | {
            _bus_and_name(file, "messages", key, buses): MessageRule(m.checksum, m.counter, m.cycle_ms)
            for key, m in read.messages.items()
        }
        uds = dict(like.uds) if like else {}
        for bus, answers in read.uds.items():
            self._known(file, "uds", bus, buses)
            uds |= {(bus, answer): _uds(file, bus, answer, u) for answer, u in answers.items()}
        rows: dict[str, list[Row]] = {}
        for row in like.rows if like else ():
            rows.setdefault(row.path, []).append(row)
        for path in read.without:
            self._known(file, "without", path, rows)
            del rows[path]
        for path, given in read.signals.items():
            rows[path] = [_row(file, path, r, buses, maker) for r in given]
        return Map(
            f"{maker_id}/{name}", file, buses, rules, uds, tuple(r for several in rows.values() for r in several)
        )

    def _dbc(self, file: Path, maker: str, bus: str, name: str) -> Path:
        found = self._file(maker, f"can/{name}") if Path(name).name == name else None
        if found is None:
            near = nearest(name, {f.name for d in self.folders for f in (d / "makers" / maker / "can").glob("*.dbc")})
            raise CatalogueError(file, f"buses.{bus}.dbc", expected="a file in can/", got=name, near=near)
        return found

    def _required(self, maker: str, kind: str, name: str) -> Path:
        file = self._file(maker, f"{kind}/{name}.toml")
        if file is None:
            raise UnknownName(
                kind.removesuffix("s"), f"{maker}/{name}", {f"{maker}/{n}" for n in self._names(maker, kind)}
            )
        return file

    @staticmethod
    def _known(file: Path, key: str, name: str, known: Iterable[str]) -> None:
        if name not in known:
            raise CatalogueError(file, key, expected="a name that exists", got=name, near=nearest(name, known))


def _read(file: Path, model: type[F]) -> F:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise CatalogueError(file, "(file)", expected="a readable file", got=e.strerror) from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as e:
        raise CatalogueError(file, "(file)", expected="TOML", got=str(e)) from e
    try:
        return model.model_validate(content)
    except ValidationError as e:
        first = e.errors()[0]
        loc = _as_written(first["loc"], content)
        raise _as_catalogue_error(file, model, loc, first["type"], first["msg"], first["input"]) from e


_EXPECTED = {
    "dict_type": "a table",
    "list_type": "a list",
    "missing": "a value",
    "model_type": "a table",
    "string_pattern_mismatch": "BUS.MESSAGE.SIGNAL",
    "too_short": "at least one",
}
"""What pydantic says in its own terms."""


def _as_written(loc: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """A place in a file without the numbers that reading adds, such as that of a row that is not in a list."""
    kept: list[int | str] = []
    for part in loc:
        if isinstance(part, str) or isinstance(content, list):
            kept.append(part)
            try:
                content = content[part]
            except (LookupError, TypeError):
                content = None
    return tuple(kept)


def _as_catalogue_error(
    file: Path, model: type[BaseModel], loc: tuple[int | str, ...], kind: str, message: str, got: object
) -> CatalogueError:
    key = ".".join(map(str, loc))
    if kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        expected = "one of the keys " + ", ".join(sorted(known))
        return CatalogueError(file, key, expected=expected, got=loc[-1], near=nearest(str(loc[-1]), known))
    expected = _EXPECTED.get(kind) or message.removeprefix("Input should be ")
    return CatalogueError(file, key, expected=expected, got=None if kind == "missing" else got)


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> set[str]:
    """The keys that the model at `loc` knows; each level is found by what its annotation names."""
    for part in loc:
        if isinstance(part, str) and (field := _field(model, part)) is not None:
            inner = [c for c in _File.__subclasses__() if c.__name__ in _names_in(field.annotation)]
            model = inner[0] if inner else model
    return {field.alias or name for name, field in model.model_fields.items()}


def _field(model: type[BaseModel], key: str) -> Any:
    return next((f for name, f in model.model_fields.items() if key in (name, f.alias)), None)


def _names_in(annotation: object) -> set[str]:
    inner = getattr(annotation, "__args__", ())
    return {getattr(annotation, "__name__", "")} | {n for a in inner for n in _names_in(a)}


def _known_sources(file: Path, key: str, used: Iterable[str], known: Mapping[str, Source]) -> None:
    for source in used:
        if source not in known:
            near = nearest(source, known)
            raise CatalogueError(file, key, expected="a source of maker.toml", got=source, near=near)


def _bus_and_name(file: Path, section: str, key: str, buses: Mapping[str, Bus]) -> tuple[str, str]:
    bus, _, name = key.partition(".")
    if bus not in buses or not name:
        near = nearest(bus, buses)
        raise CatalogueError(file, f"{section}.{key}", expected="BUS.MESSAGE with a bus of [buses]", got=key, near=near)
    return bus, name


def _uds(file: Path, bus: str, name: str, read: _Uds) -> UdsAnswer:
    key = f"uds.{bus}.{name}"
    prefix = bytes([read.service + 0x40])  # a positive answer repeats the service with 0x40 added
    if read.identifier is not None:
        wide = read.service == 0x22 or read.identifier > 0xFF
        prefix += read.identifier.to_bytes(2 if wide else 1, "big")
    signals = {
        n: UdsSignal(s.start, s.length, s.signed, s.scale, s.offset, s.unit, s.count) for n, s in read.signals.items()
    }
    for n, s in signals.items():
        end = s.start + s.length * (s.elements or 1)
        if s.start < 8 * len(prefix) or end > 8 * 4095:
            raise CatalogueError(
                file, f"{key}.signals.{n}", expected=f"bits from {8 * len(prefix)} to {8 * 4095}", got=s.start
            )
    return UdsAnswer(
        bus, name, _id(read.request), _id(read.response), prefix, tuple(read.lengths), signals, read.every_ms
    )


def _id(identifier: int) -> int:
    return identifier | _EXTENDED if identifier > _HIGHEST_BASE_ID else identifier


def _row(file: Path, path: str, read: _Row, buses: Mapping[str, Bus], maker: Maker) -> Row:
    key = f"signals.{path}"
    bus, message, signal = read.from_.split(".")
    if bus not in buses:
        raise CatalogueError(file, f"{key}.from", expected="a bus of [buses]", got=bus, near=nearest(bus, buses))
    _known_sources(file, f"{key}.source", read.source, maker.sources)
    values = _values(file, key, read)

    def conditions(given: Mapping[str, list[RawSpan]], name: str) -> tuple[Condition, ...]:
        return tuple(_condition(file, f"{key}.{name}", (bus, message), k, v) for k, v in given.items())

    return Row(
        path,
        bus,
        message,
        signal,
        tuple(read.source),
        read.confidence,
        read.note,
        read.scale,
        read.offset,
        read.unit,
        values,
        read.other,
        _spans(read.invalid),
        conditions(read.when, "when"),
        conditions(read.unless, "unless"),
        read.element,
        read.personal,
        read.plus,
        read.backup,
    )


def _values(file: Path, key: str, read: _Row) -> dict[int, Value] | None:
    if read.values is None:
        if read.other is not None:
            raise CatalogueError(file, f"{key}.other", expected="only beside values", got=read.other)
        return None
    given = {"scale", "offset", "unit"} & read.model_fields_set
    if given:
        raise CatalogueError(
            file, f"{key}.{min(given)}", expected="nothing beside values", got=getattr(read, min(given))
        )
    values: dict[int, Value] = {}
    for text, value in read.values.items():
        try:
            raw = int(text, 0)
        except ValueError:
            raise CatalogueError(file, f"{key}.values", expected="raw integers as keys", got=text) from None
        if raw in values:
            raise CatalogueError(file, f"{key}.values", expected="every raw value once", got=text)
        values[raw] = value
    return values


def _condition(file: Path, key: str, own: tuple[str, str], name: str, raws: Iterable[RawSpan]) -> Condition:
    parts = name.split(".")
    if len(parts) not in (1, 3):
        raise CatalogueError(file, key, expected="SIGNAL or BUS.MESSAGE.SIGNAL", got=name)
    bus, message = own if len(parts) == 1 else (parts[0], parts[1])
    return Condition(bus, message, parts[-1], _spans(raws))


def _spans(given: Iterable[RawSpan]) -> Ranges:
    return tuple((s, s) if isinstance(s, int) else (s[0], s[1]) for s in given)

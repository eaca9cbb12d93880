"""The catalogue: makers, vehicles and maps, read from TOML files, checked and frozen. docs/maps.md is the reference.

Files are read when they are first asked for. A private catalogue of the same shape is laid over the built-in one:
what it defines under the same name replaces the built-in file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from renkei.aid import Aid
from renkei.app import App
from renkei.catalogue.aid_files import read_aid
from renkei.catalogue.app_files import read_app
from renkei.catalogue.contradictions import judge_together
from renkei.catalogue.maker_files import MakerFile, MapFile
from renkei.catalogue.map_rows import bus_and_name, known_sources, row_of, uds_answer
from renkei.catalogue.part_files import AssumptionsFile, CarFile, PartFile, StandardFile
from renkei.catalogue.part_reading import (
    assumptions_of,
    facts_of,
    full_id,
    inherited,
    over,
    requires_of,
    slots_of,
    standard_of,
    talk_of,
)
from renkei.errors import CatalogueError, Mistakes, UnknownName, nearest
from renkei.facts import Fact
from renkei.parts import Assumption, Part, Standard, Talk
from renkei.toml_file import read_file
from renkei.vehicle import Bus, Maker, Map, MessageRule, Row, Source, UdsAnswer, Vehicle

_ID = re.compile(r"[a-z0-9][\w.-]*", re.ASCII | re.IGNORECASE)
"""Of a maker, vehicle or map: it is typed in a shell, and stands in addresses and in metadata of gRPC."""


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
        return self.once("maker", maker, lambda: self._read_maker(maker))  # type: ignore[no-any-return]

    def vehicle(self, vehicle: str) -> Vehicle:
        """The vehicle with that id, its map read with it."""
        if vehicle not in self.vehicles:
            raise UnknownName("vehicle", vehicle, self.vehicles, "('renkei list vehicles' shows all)")
        return self.once("vehicle", vehicle, lambda: self._read_vehicle(vehicle))  # type: ignore[no-any-return]

    def map(self, maker: str, name: str) -> Map:
        return self.once("map", f"{maker}/{name}", lambda: self._read_map(maker, name))  # type: ignore[no-any-return]

    def maps(self, maker: str) -> tuple[str, ...]:
        """Names of a maker's maps."""
        return tuple(sorted(self._names(maker, "maps")))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Ids of all parts, `maker/part`, sorted."""
        return tuple(sorted(f"{m}/{p}" for m in self.makers for p in self._part_files(m)))

    def part(self, part: str) -> Part:
        """The part with that id; raises UnknownName."""
        if part not in self.parts:
            raise UnknownName("part", part, self.parts, "('renkei list parts' shows all)")
        return self.once("part", part, lambda: self._read_part(part))  # type: ignore[no-any-return]

    @cached_property
    def standards(self) -> tuple[str, ...]:
        """Ids of all standards, sorted."""
        return self._stems("standards")

    def standard(self, standard: str) -> Standard:
        """The standard with that id; raises UnknownName."""
        if standard not in self.standards:
            raise UnknownName("standard", standard, self.standards, "('renkei list standards' shows all)")
        return self.once("standard", standard, lambda: self._read_standard(standard))  # type: ignore[no-any-return]

    @cached_property
    def aids(self) -> tuple[str, ...]:
        """Ids of all aids, sorted."""
        return self._stems("aids")

    def aid(self, aid: str) -> Aid:
        """The aid with that id; raises UnknownName."""
        if aid not in self.aids:
            raise UnknownName("aid", aid, self.aids, "('renkei list aids' shows all)")
        return self.once("aid", aid, lambda: read_aid(self._topmost("aids", aid)))  # type: ignore[no-any-return]

    @cached_property
    def apps(self) -> tuple[str, ...]:
        """Ids of all apps, sorted."""
        return self._stems("apps")

    def app(self, app: str) -> App:
        """The app with that id; raises UnknownName."""
        if app not in self.apps:
            raise UnknownName("app", app, self.apps, "('renkei list apps' shows all)")
        return self.once("app", app, lambda: read_app(self._topmost("apps", app)))  # type: ignore[no-any-return]

    @cached_property
    def assumptions(self) -> Mapping[str, Assumption]:
        """What a simulation takes where a fact is unknown, by key; private folders add to it and replace."""
        found: dict[str, Assumption] = {}
        for folder in self.folders:
            if (file := folder / "assumptions.toml").is_file():
                found |= assumptions_of(file, read_file(file, AssumptionsFile))
        return found

    def private_files(self) -> Iterator[Path]:
        """Every file of the private folders, sorted."""
        for folder in self.private:
            yield from sorted(f for f in (folder / "makers").rglob("*") if f.is_file())

    def once(self, kind: str, name: str, read: Callable[[], Any]) -> Any:
        """What `read` gives; kept, so that what is of this `kind` and `name` is read or judged only once."""
        if (kind, name) not in self._cache:
            self._cache[kind, name] = read()
        return self._cache[kind, name]

    def _names(self, maker: str, kind: str) -> set[str]:
        return {f.stem for folder in self.folders for f in (folder / "makers" / maker / kind).glob("*.toml")}

    def _stems(self, kind: str) -> tuple[str, ...]:
        return tuple(sorted({f.stem for folder in self.folders for f in (folder / kind).glob("*.toml")}))

    def _topmost(self, kind: str, name: str) -> Path:
        return next(f for d in reversed(self.folders) if (f := d / kind / f"{name}.toml").is_file())

    def file(self, maker: str, relative: str) -> Path | None:
        """The topmost file of that name below a maker's folder."""
        for folder in reversed(self.folders):
            with suppress(OSError):  # a name that no file can have
                if (file := folder / "makers" / maker / relative).is_file():
                    return file
        return None

    def _read_maker(self, maker: str) -> Maker:
        file = self.file(maker, "maker.toml")
        assert file is not None  # `makers` lists only those that have one
        _judge_id(file, maker)
        read, mistakes = read_file(file, MakerFile), Mistakes()
        sources = {key: Source(s.title, s.where, s.licence) for key, s in read.sources.items()}
        for name, origin in read.files.items():
            key = f"files.{name}"
            with mistakes.gathered():
                known_sources(file, f"{key}.source", origin.source, sources)
            with mistakes.gathered():
                if self.file(maker, name) is None:
                    raise CatalogueError(file, key, expected="a file in the maker's folder", got="no such file")
        mistakes.tell()
        return Maker(maker, read.name, file, sources, {n: (o.licence, tuple(o.source)) for n, o in read.files.items()})

    def _read_vehicle(self, id_: str, below: tuple[str, ...] = ()) -> Vehicle:
        maker_id, name = id_.split("/", 1)
        file = self._required(maker_id, "vehicles", name)
        if id_ in below:
            raise CatalogueError(file, "like", expected="no circle", got=" -> ".join([*below, id_]))
        maker, read, mistakes = self.maker(maker_id), read_file(file, CarFile), Mistakes()
        like = None
        if read.like:
            _known(file, "like", read.like, self._names(maker_id, "vehicles"))
            like = self._read_vehicle(f"{maker_id}/{read.like}", (*below, id_))
        for path, fact in read.attributes.items():
            with mistakes.gathered():
                known_sources(file, f"attributes.{path}.source", fact.source, maker.sources)
        attributes = {p: Fact(f.value, tuple(f.source), f.confidence, None, f.note) for p, f in read.attributes.items()}
        fields: dict[str, Any] = {}
        for key in ("name", "years", "powertrain"):
            fields[key] = getattr(read, key) or (getattr(like, key) if like else None)
            with mistakes.gathered():
                if fields[key] is None:
                    raise CatalogueError(file, key, expected="a text", got=None)
        with mistakes.gathered():
            if read.map:
                _known(file, "map", read.map, self._names(maker_id, "maps"))
                fields["known_map"] = self.map(maker_id, read.map)
            else:
                fields["known_map"] = like.known_map if like else None
        with mistakes.gathered():
            facts = facts_of(file, "facts", read.facts, "vehicle", maker.sources)
            fields["facts"] = inherited(file, like.facts if like else {}, read.without) | facts
            judge_together(file, "facts", fields["facts"], facts)
        with mistakes.gathered():
            fields["slots"] = slots_of(file, maker_id, read.slots, like.slots if like else {}, maker.sources)
        mistakes.tell()
        attributes = (dict(like.attributes) if like else {}) | attributes
        return Vehicle(id_, maker=maker, attributes=attributes, **fields)

    def _part_files(self, maker: str) -> dict[str, Path]:
        """The topmost file of each part of a maker; folders below parts/ only keep order."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            own: dict[str, Path] = {}
            for file in sorted((folder / "makers" / maker / "parts").rglob("*.toml")):
                if file.stem in own:
                    raise CatalogueError(file, "(name)", expected="a name of its own", got=f"that of {own[file.stem]}")
                own[file.stem] = file
            found |= own
        return found

    def _read_part(self, id_: str, below: tuple[str, ...] = ()) -> Part:
        maker_id, name = id_.split("/", 1)
        file, maker, mistakes = self._part_files(maker_id)[name], self.maker(maker_id), Mistakes()
        _judge_id(file, name)
        if id_ in below:
            raise CatalogueError(file, "like", expected="no circle", got=" -> ".join([*below, id_]))
        read = read_file(file, PartFile)
        like = None
        if read.like:
            _known(file, "like", read.like, self._part_files(maker_id))
            like = self._read_part(f"{maker_id}/{read.like}", (*below, id_))
        kind = read.kind or (like.kind if like else None)
        if kind is None:
            raise CatalogueError(file, "kind", expected="the kind of part", got=None)
        made: dict[str, Any] = {"messages": like.messages if like else Talk()}
        with mistakes.gathered():
            facts = facts_of(file, "facts", read.facts, kind, maker.sources)
            made["facts"] = inherited(file, like.facts if like else {}, read.without) | facts
            judge_together(file, "facts", made["facts"], facts, kind)
        with mistakes.gathered():
            made["requires"] = over(like.requires if like else (), requires_of(file, read.requires, maker.sources))
        with mistakes.gathered():
            if read.messages:
                made["messages"] = talk_of(file, "messages", read.messages, maker.sources)
        with mistakes.gathered():
            made["slots"] = slots_of(file, maker_id, read.slots, like.slots if like else {}, maker.sources)
        inside: dict[str, str] = {k: full_id(maker_id, p) for k, p in read.made_of.items()}
        for inner_kind, inner in inside.items():
            with mistakes.gathered():
                _known(file, f"made_of.{inner_kind}", inner, self.parts)
        mistakes.tell()
        inside = (dict(like.made_of) if like else {}) | inside
        return Part(id_, kind, read.name, maker_id, file, made_of=inside, note=read.note, **made)

    def _read_standard(self, name: str) -> Standard:
        file = self._topmost("standards", name)
        return standard_of(file, read_file(file, StandardFile))

    def _read_map(self, maker_id: str, name: str, below: tuple[str, ...] = ()) -> Map:
        file = self._required(maker_id, "maps", name)
        if name in below:
            raise CatalogueError(file, "like", expected="no circle", got=" -> ".join([*below, name]))
        maker, read, mistakes = self.maker(maker_id), read_file(file, MapFile), Mistakes()
        like = None
        if read.like:
            _known(file, "like", read.like, self._names(maker_id, "maps"))
            like = self._read_map(maker_id, read.like, (*below, name))
        buses = self._buses(file, maker_id, read, like, mistakes)
        rules, uds = _rules(file, read, like, buses, mistakes), _answers(file, read, like, buses, mistakes)
        rows: dict[str, list[Row]] = {}
        for row in like.rows if like else ():
            rows.setdefault(row.path, []).append(row)
        for path in dict.fromkeys(read.without):
            with mistakes.gathered():
                _known(file, "without", path, rows)
                del rows[path]
        for path, given in read.signals.items():
            rows[path] = []
            for each_row in given:
                with mistakes.gathered():
                    rows[path].append(row_of(file, path, each_row, buses, maker))
        mistakes.tell()
        own = (f"signals.{path}" for path in read.signals), (f"messages.{key}" for key in read.messages)
        return Map(
            f"{maker_id}/{name}", file, buses, rules, uds, tuple(r for several in rows.values() for r in several),
            (dict(like.said_in) if like else {}) | {key: file for keys in own for key in keys},
        )  # fmt: skip

    def _buses(self, file: Path, maker: str, read: MapFile, like: Map | None, mistakes: Mistakes) -> dict[str, Bus]:
        buses = dict(like.buses) if like else {}
        for name, bus in read.buses.items():
            dbc: list[Path] = []
            for each in bus.dbc:
                with mistakes.gathered():
                    dbc.append(self._dbc(file, maker, name, each))
            buses[name] = Bus(name, tuple(dbc), bus.bitrate)
        return buses

    def _dbc(self, file: Path, maker: str, bus: str, name: str) -> Path:
        found = self.file(maker, f"can/{name}") if Path(name).name == name else None
        if found is None:
            near = nearest(name, {f.name for d in self.folders for f in (d / "makers" / maker / "can").glob("*.dbc")})
            raise CatalogueError(file, f"buses.{bus}.dbc", expected="a file in can/", got=name, near=near)
        return found

    def _required(self, maker: str, kind: str, name: str) -> Path:
        file = self.file(maker, f"{kind}/{name}.toml")
        if file is None:
            raise UnknownName(
                kind.removesuffix("s"), f"{maker}/{name}", {f"{maker}/{n}" for n in self._names(maker, kind)}
            )
        _judge_id(file, name)
        return file


def _rules(
    file: Path, read: MapFile, like: Map | None, buses: Mapping[str, Bus], mistakes: Mistakes
) -> dict[tuple[str, str], MessageRule]:
    rules = dict(like.messages) if like else {}
    for key, m in read.messages.items():
        with mistakes.gathered():
            rules[bus_and_name(file, "messages", key, buses)] = MessageRule(m.checksum, m.counter, m.cycle_ms)
    return rules


def _answers(
    file: Path, read: MapFile, like: Map | None, buses: Mapping[str, Bus], mistakes: Mistakes
) -> dict[tuple[str, str], UdsAnswer]:
    uds = dict(like.uds) if like else {}
    for bus, answers in read.uds.items():
        with mistakes.gathered():
            _known(file, "uds", bus, buses)
        for name, answer in answers.items():
            with mistakes.gathered():
                uds[bus, name] = uds_answer(file, bus, name, answer)
    return uds


def _known(file: Path, key: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise CatalogueError(file, key, expected="a name that exists", got=name, near=nearest(name, known))


def _judge_id(file: Path, name: str) -> None:
    if not _ID.fullmatch(name):
        raise CatalogueError(file, "(name)", expected="letters of ASCII, digits, '.', '_' and '-'", got=name)

"""What parts and slots say on their buses, with each field that a DBC file or a map describes."""

from __future__ import annotations

from collections.abc import Iterator

from renkei.can.dbc import DbcMessage, DbcSignal
from renkei.catalogue import Catalogue
from renkei.catalogue.part_reading import full_id
from renkei.flows.plans import database
from renkei.flows.talk import on_bus
from renkei.parts import Message, Talk
from renkei.rules.pair import Field, Line, Ranges, Spoken
from renkei.vehicle import Map, Row


def spoken(catalogue: Catalogue, maker: str, talk: Talk) -> Spoken:
    """The messages of a part or slot of a maker; raises InputError for one that its map does not have."""
    return Spoken(
        tuple(_line(catalogue, maker, message) for message in talk.provides),
        tuple(_line(catalogue, maker, message) for message in talk.requires),
    )


def _line(catalogue: Catalogue, maker: str, message: Message) -> Line:
    found = on_bus(catalogue, maker, message)
    if message.map is None or message.name is None:
        return Line(found)
    id_ = full_id(maker, message.map)
    found, map_ = found._replace(map=id_), catalogue.map(*id_.split("/", 1))
    known: dict[str, DbcMessage] = {}
    for file in map_.buses[message.bus].dbc:
        known |= database(file).messages
    return Line(found, tuple(fields(known[message.name], map_, message.bus)))


def fields(message: DbcMessage, map_: Map, bus: str) -> Iterator[Field]:
    """Each field of a message as a map reads it; where no signal of VSS comes from it, as its DBC file does."""
    rows = {row.signal: row for row in reversed(map_.rows) if (row.bus, row.message) == (bus, message.name)}
    bits = {signal.name: places(signal) for signal in message.signals}
    for signal in message.signals:
        when = tuple((bits[switch.signal], switch.ranges) for switch in signal.switches)
        yield _field(signal, rows.get(signal.name), when)


def _field(signal: DbcSignal, row: Row | None, when: tuple[tuple[tuple[int, ...], Ranges], ...]) -> Field:
    scale = signal.scale * (row.scale if row else 1.0)
    offset = signal.offset * (row.scale if row else 1.0) + (row.offset if row else 0.0)
    unit = row.unit or signal.unit if row else signal.unit
    return Field(
        signal.name, places(signal), signal.signed, scale, offset, unit, row.path if row else None,
        dict(row.values or {}) if row else {}, dict(signal.values), row.invalid if row else (), when,
    )  # fmt: skip


def places(signal: DbcSignal) -> tuple[int, ...]:
    """The bits of the payload that a field takes, `8 * byte + bit`, most significant first."""
    if signal.little_endian:
        return tuple(reversed(range(signal.start, signal.start + signal.length)))
    found, place = [], signal.start
    for _ in range(signal.length):
        found.append(place)
        place = place - 1 if place % 8 else place + 15
    return tuple(found)

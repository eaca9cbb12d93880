"""Messages of parts and slots as they go over a bus: what a part says by the name of a map is looked up there."""

from __future__ import annotations

from collections.abc import Iterable

from renkei.can.checks import CHECKSUMS
from renkei.can.dbc import DbcMessage
from renkei.catalogue import Catalogue
from renkei.catalogue.part_reading import full_id, judge_timeout
from renkei.errors import CatalogueError, Mistakes, nearest
from renkei.flows.plans import database
from renkei.parts import Message, Talk
from renkei.vehicle import Map


def talk_on_bus(catalogue: Catalogue, maker: str, talk: Talk) -> Talk:
    """The same messages, each with its identifier, cycle and checks. Raises as `on_bus`, with all mistakes."""
    mistakes, sides = Mistakes(), list[tuple[Message, ...]]()
    for messages in (talk.provides, talk.requires):
        found: list[Message] = []
        for message in messages:
            with mistakes.gathered():
                found.append(on_bus(catalogue, maker, message))
        sides.append(tuple(found))
    mistakes.tell()
    return Talk(*sides)


def on_bus(catalogue: Catalogue, maker: str, message: Message) -> Message:
    """A message with what its map and the DBC files of its bus say; what the part itself states goes before.

    Raises CatalogueError, with the place of the message, for a checksum, map, bus or message that there is not.
    """
    if message.checksum is not None:
        _known(message, ".checksum", "a checksum of 'renkei list checksums'", message.checksum, CHECKSUMS)
    if message.map is None or message.name is None:
        return message
    map_ = _map_of(catalogue, maker, message)
    _known(message, "", f"a bus of map {map_.id}", message.bus, map_.buses)
    known: dict[str, DbcMessage] = {}
    for file in map_.buses[message.bus].dbc:
        known |= database(file).messages
    _known(message, "", f"a message on {message.bus} of map {map_.id}", message.name, known)
    found, rule = known[message.name], map_.messages.get((message.bus, message.name))
    whole = message._replace(
        id=found.id,
        cycle_ms=message.cycle_ms or (rule.cycle_ms if rule else None) or found.cycle_ms,
        checksum=message.checksum or (rule.checksum if rule else None),
        counter=message.counter or (rule.counter if rule else None),
    )
    judge_timeout(whole)
    return whole


def _map_of(catalogue: Catalogue, maker: str, message: Message) -> Map:
    maker_id, name = full_id(maker, message.map or "").split("/", 1)
    if catalogue.file(maker_id, f"maps/{name}.toml") is None:
        known = {f"{m}/{each}" for m in catalogue.makers for each in catalogue.maps(m)}
        _known(message, ".map", "a map that exists", f"{maker_id}/{name}", known)
    return catalogue.map(maker_id, name)


def _known(message: Message, below: str, expected: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        file, at = message.said_in
        raise CatalogueError(file, f"{at}{below}", expected=expected, got=name, near=nearest(name, known))

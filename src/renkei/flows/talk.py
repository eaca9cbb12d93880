"""Messages of parts and slots as they go over a bus: what a part says by the name of a map is looked up there."""

from __future__ import annotations

from renkei.can.dbc import DbcMessage
from renkei.catalogue import Catalogue
from renkei.catalogue.part_reading import full_id
from renkei.errors import UnknownName
from renkei.flows.plans import database
from renkei.parts import Message, Talk


def talk_on_bus(catalogue: Catalogue, maker: str, talk: Talk) -> Talk:
    """The same messages, each with its identifier, cycle and checks; raises InputError for one that does not exist."""
    return Talk(
        tuple(on_bus(catalogue, maker, m) for m in talk.provides),
        tuple(on_bus(catalogue, maker, m) for m in talk.requires),
    )


def on_bus(catalogue: Catalogue, maker: str, message: Message) -> Message:
    """A message with what its map and the DBC files of its bus say; what the part itself states goes before."""
    if message.map is None or message.name is None:
        return message
    maker_id, name = full_id(maker, message.map).split("/", 1)
    map_ = catalogue.map(maker_id, name)
    if message.bus not in map_.buses:
        raise UnknownName("bus", message.bus, map_.buses)
    known: dict[str, DbcMessage] = {}
    for file in map_.buses[message.bus].dbc:
        known |= database(file).messages
    if message.name not in known:
        raise UnknownName("message", message.name, known)
    found, rule = known[message.name], map_.messages.get((message.bus, message.name))
    return message._replace(
        id=found.id,
        cycle_ms=message.cycle_ms or (rule.cycle_ms if rule else None) or found.cycle_ms,
        checksum=message.checksum or (rule.checksum if rule else None),
        counter=message.counter or (rule.counter if rule else None),
    )

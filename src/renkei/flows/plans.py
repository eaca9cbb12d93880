"""A vehicle of the catalogue as a compiled plan."""

from __future__ import annotations

from pathlib import Path

from renkei.can import dbc
from renkei.can.plan import Plan, compile_plan
from renkei.errors import DbcError
from renkei.vehicle import Map
from renkei.vocabulary import Vocabulary, builtin


def plan_of(map_: Map, vocabulary: Vocabulary | None = None, *, keep_personal: bool = False) -> Plan:
    """The plan of a map; rows that a vocabulary other than the built-in one cannot take are set aside in it."""
    chosen = vocabulary or builtin()
    databases = {bus.name: [database(file) for file in bus.dbc] for bus in map_.buses.values()}
    return compile_plan(map_, databases, chosen, keep_personal=keep_personal, lenient=chosen is not builtin())


def database(file: Path) -> dbc.Database:
    """A DBC file of the catalogue, read."""
    try:
        return dbc.load(file)
    except OSError as e:
        raise DbcError(f"{file}: {e.strerror or e}") from e

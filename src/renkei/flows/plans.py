"""A vehicle of the catalogue as a compiled plan. What DBC files say is kept, so that cantools is rarely needed."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from renkei.can import dbc, dbc_draft, dbc_signal, dbc_text, mend
from renkei.can.compile import compile_plan
from renkei.can.plan import Plan
from renkei.errors import DbcError
from renkei.vehicle import Map
from renkei.vocabulary import Vocabulary, builtin


def plan_of(map_: Map, vocabulary: Vocabulary | None = None, *, keep_personal: bool = False) -> Plan:
    """The plan of a map; rows that a vocabulary other than the built-in one cannot take are set aside in it."""
    chosen = vocabulary or builtin()
    databases = {bus.name: [database(file) for file in bus.dbc] for bus in map_.buses.values()}
    return compile_plan(map_, databases, chosen, keep_personal=keep_personal, lenient=chosen is not builtin())


def database(file: Path) -> dbc.Database:
    """A DBC file of the catalogue, read; kept by content, as reading one costs more than all the rest of a start."""
    try:
        digest = hashlib.sha256(_loader() + file.read_bytes()).hexdigest()
    except OSError as e:
        raise DbcError(f"{file}: {e.strerror or e}") from e
    kept = user_cache_path("renkei") / "dbc" / f"{digest}.json"
    with suppress(OSError, ValueError, TypeError):  # a cache that cannot be read is no trouble, only slower
        return _from_json(str(file), json.loads(kept.read_text(encoding="utf-8")))
    read = dbc.load(file)
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = kept.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps([[*read.messages.values()], read.repairs]), encoding="utf-8")
        aside.replace(kept)
    return read


def _loader() -> bytes:
    """Changes when the loader does."""
    stats = [Path(str(module.__file__)).stat() for module in (dbc, dbc_draft, dbc_signal, dbc_text, mend)]
    return repr([(s.st_size, s.st_mtime_ns) for s in stats]).encode()


def _from_json(file: str, content: Any) -> dbc.Database:
    messages, repairs = content
    return dbc.Database(
        file, {m[0]: _message(*m) for m in messages}, tuple(dbc.Repair(line, *rest) for line, *rest in repairs)
    )


def _message(name: str, id_: int, length: int, cycle_ms: float | None, signals: Any, *rest: Any) -> dbc.DbcMessage:
    return dbc.DbcMessage(name, id_, length, cycle_ms, tuple(_signal(*s) for s in signals), *rest)


def _signal(*fields: Any) -> dbc.DbcSignal:
    signal = dbc.DbcSignal(*fields)
    switches = tuple(dbc.Switch(name, tuple((low, high) for low, high in ranges)) for name, ranges in signal.switches)
    return signal._replace(values={int(raw): name for raw, name in signal.values.items()}, switches=switches)

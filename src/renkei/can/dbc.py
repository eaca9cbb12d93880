"""DBC files as facts: messages, signals, multiplexing. What a file gets wrong is mended, and listed, in `mend`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from renkei.can.dbc_text import Repair, remark
from renkei.can.frames import EXTENDED
from renkei.can.mend import HEADER, MendedMessage, Switch, mend
from renkei.errors import DbcError

__all__ = ["Database", "DbcMessage", "DbcSignal", "Repair", "Switch", "load", "parse"]


class DbcSignal(NamedTuple):
    """A signal as its DBC states it; physical = raw × scale + offset.

    `start` is the DBC's own start bit: the lowest bit of a little-endian signal, the highest of a big-endian one.
    `values` names raw values. All `switches` must hold for the signal to be present, the outermost first.
    """

    name: str
    start: int
    length: int
    little_endian: bool
    signed: bool
    is_float: bool
    scale: float
    offset: float
    minimum: float | None
    maximum: float | None
    unit: str | None
    values: Mapping[int, str]
    comment: str | None
    switches: tuple[Switch, ...]


class DbcMessage(NamedTuple):
    """A message; `id` has EXTENDED set for 29 bits, `length` is in bytes, `cycle_ms` is GenMsgCycleTime."""

    name: str
    id: int
    length: int
    cycle_ms: float | None
    signals: tuple[DbcSignal, ...]
    comment: str | None
    is_fd: bool


class Database(NamedTuple):
    """All messages of one file by name, in the order of the file, and what was wrong in it by line."""

    file: str
    messages: Mapping[str, DbcMessage]
    repairs: tuple[Repair, ...]


def load(path: str | PathLike[str]) -> Database:
    """The DBC file at `path`, as UTF-8 or else as cp1252. Raises DbcError for no file, and for what is no DBC file."""
    try:
        data = Path(path).read_bytes()
    except OSError as err:
        raise DbcError(f"{path}: cannot be read: {err.strerror or err}") from err
    try:
        return parse(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
    database = parse(data.decode("cp1252", errors="replace"), str(path))
    note = Repair(line, "repaired", "the file is not UTF-8: read as cp1252")
    return database._replace(repairs=tuple(sorted((note, *database.repairs))))


def parse(text: str, file: str) -> Database:
    """The DBC in `text`; `file` names it in errors. Raises DbcError when there is no message in it at all."""
    mended = mend(text)
    if mended is None:
        raise DbcError(f"{file}: expected a DBC file, found no line that begins with BO_")
    read, refused = _read(mended.messages)
    messages = {name: _message(read[name], source) for name, source in mended.messages.items() if name in read}
    return Database(file, messages, tuple(sorted((*mended.repairs, *refused))))


def _read(messages: Mapping[str, MendedMessage]) -> tuple[dict[str, Any], list[Repair]]:
    """What cantools makes of the mended text, by name, and the messages that it refuses even so."""
    try:
        return _cantools(messages.values()), []
    except _refusals():
        pass
    read: dict[str, Any] = {}
    refused: list[Repair] = []
    for name, message in messages.items():
        try:
            read |= _cantools([message])
        except _refusals() as err:
            reason = " ".join(str(err).split())
            refused.append(remark(message.line, "dropped", f"message {name}: {reason}"))
    return read, refused


def _cantools(messages: Iterable[MendedMessage]) -> dict[str, Any]:
    # Not at the top: the import takes most of a second. And not cantools.database.load_string, which logs to stderr.
    from cantools.database.can.formats.dbc import load_string

    text = HEADER + "".join(message.text for message in messages)
    return {message.name: message for message in load_string(text, strict=False, sort_signals=None).messages}


def _refusals() -> tuple[type[Exception], ...]:
    import cantools
    import textparser

    return (cantools.Error, textparser.Error, ValueError, ArithmeticError, LookupError, AssertionError)


def _message(read: Any, source: MendedMessage) -> DbcMessage:
    return DbcMessage(
        name=read.name,
        id=read.frame_id | (EXTENDED if read.is_extended_frame else 0),
        length=read.length,
        cycle_ms=None if read.cycle_time is None else float(read.cycle_time),
        signals=tuple(_signal(signal, source.switches.get(signal.name, ())) for signal in read.signals),
        comment=read.comment,
        is_fd=source.is_fd,
    )


def _signal(read: Any, switches: tuple[Switch, ...]) -> DbcSignal:
    return DbcSignal(
        name=read.name,
        start=read.start,
        length=read.length,
        little_endian=read.byte_order == "little_endian",
        signed=read.is_signed,
        is_float=read.is_float,
        scale=float(read.scale),
        offset=float(read.offset),
        minimum=None if read.minimum is None else float(read.minimum),
        maximum=None if read.maximum is None else float(read.maximum),
        unit=read.unit,
        values={raw: str(named) for raw, named in (read.choices or {}).items()},
        comment=read.comment,
        switches=switches,
    )

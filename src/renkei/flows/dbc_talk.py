"""The messages of a part out of a DBC file: those that its node sends, and those that it receives."""

from __future__ import annotations

import re
from pathlib import Path

from renkei.can.dbc import DbcMessage, load
from renkei.can.frames import EXTENDED
from renkei.errors import DbcError, UnknownName

_MESSAGE = re.compile(r"^[ \t]*BO_[ \t]+(\d+)[ \t]+\w+[ \t]*:[ \t]*\d+[ \t]+(\w+)", re.MULTILINE)
_SIGNAL = re.compile(r"^[ \t]*SG_ [^\n]*\"[ \t]+([\w ,\t]+)$", re.MULTILINE)
_NOBODY = "Vector__XXX"


def talk_tables(file: Path, node: str, bus: str, source: str) -> str:
    """`[messages.provides]` and `[messages.requires]` of a part file, in TOML.

    Raises DbcError for a file that cannot be read, UnknownName for a node that the file does not name.
    """
    messages = {m.id: m for m in load(file).messages.values()}
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise DbcError(f"{file}: {e.strerror or e}") from e
    sent, received = _senders(text), _receivers(text)
    nodes = {*sent.values(), *(n for several in received.values() for n in several)} - {_NOBODY}
    if node not in nodes:
        raise UnknownName("node", node, nodes, f"(of {file.name}: {', '.join(sorted(nodes)) or 'none'})")
    provides = [m for id_, m in messages.items() if sent.get(id_) == node]
    requires = [m for id_, m in messages.items() if node in received.get(id_, set()) and sent.get(id_) != node]
    sides = (("provides", provides), ("requires", requires))
    return "\n".join(_table(side, found, bus, source) for side, found in sides if found)


def _senders(text: str) -> dict[int, str]:
    return {_id(int(m[1])): m[2] for m in _MESSAGE.finditer(text)}


def _receivers(text: str) -> dict[int, set[str]]:
    """Nodes that receive any signal of a message, by its identifier."""
    starts = [*_MESSAGE.finditer(text)]
    found: dict[int, set[str]] = {}
    for k, start in enumerate(starts):
        end = starts[k + 1].start() if k + 1 < len(starts) else len(text)
        for signal in _SIGNAL.finditer(text, start.end(), end):
            found.setdefault(_id(int(start[1])), set()).update(re.split(r"[ ,\t]+", signal[1].strip()))
    return found


def _id(written: int) -> int:
    return (written & 0x1FFF_FFFF) | EXTENDED if written & EXTENDED else written


def _table(side: str, messages: list[DbcMessage], bus: str, source: str) -> str:
    lines = [f"[messages.{side}]"]
    for m in sorted(messages, key=lambda m: m.id & 0x1FFF_FFFF):
        cycle = f"cycle_ms = {m.cycle_ms:g}, " if m.cycle_ms else ""
        lines.append(f'"{bus}.0x{m.id & 0x1FFF_FFFF:03X}" = {{ {cycle}source = ["{source}"] }}  # {m.name}')
    return "\n".join(lines) + "\n"

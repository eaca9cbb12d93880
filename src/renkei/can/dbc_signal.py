"""One signal of a DBC text, the line that begins with SG_, read as leniently as it can be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from renkei.can.dbc_text import TEXT, Action, number, short, unquoted

Ranges = tuple[tuple[int, int], ...]
Note = Callable[[int, Action, str], None]
"""Takes the line, what was done, and what was wrong there."""

SIGNAL = re.compile(
    r"""SG_\s*(?P<name>[^\s:"][^:"]*?)(?:\s+(?P<marker>[mM]\s*+\d{0,18}+\s*+M?))?\s*:
        \s*(?P<start>\d{1,5})\s*\|\s*(?P<length>\d{1,5})\s*@\s*(?P<order>[01])\s*(?P<sign>[-+]?)
        \s*(?:\((?P<scaling>[^()]*)\))?\s*(?:\[(?P<limits>[^\[\]]*)\])?\s*(?P<tail>.*)""",
    re.S | re.X,
)
_MARKER = re.compile(r"(?:m\d+)?M?")
_UNIT = re.compile(rf"{TEXT}(.*)", re.S)
_RECEIVERS = re.compile(r"\s*\w+(?:\s*,\s*\w+)*\s*")


@dataclass
class DraftSignal:
    """A signal as written; its numbers are texts that any reader of numbers takes."""

    line: int
    name: str
    marker: str
    start: int
    length: int
    little: bool
    sign: str
    scale: str
    offset: str
    limits: tuple[str, str]
    unit: str
    comment: str | None = None
    values: dict[int, str] = field(default_factory=dict)
    float_type: int = 0
    selectors: dict[str, Ranges] = field(default_factory=dict)  # SG_MUL_VAL_: ranges by multiplexer


def read_signal(line: int, match: re.Match[str], note: Note) -> DraftSignal | None:
    """The signal in a match of SIGNAL; None where its scale or its marker can be read in two ways or in none."""
    scaling, marker = _scaling(note, line, match), _marker(note, line, match)
    if scaling is None or marker is None:
        return None
    signal = DraftSignal(
        line=line,
        name=" ".join(match["name"].split()),
        marker=marker,
        start=int(match["start"]),
        length=int(match["length"]),
        little=match["order"] == "1",
        sign=match["sign"] or "+",
        scale=scaling[0],
        offset=scaling[1],
        limits=_limits(note, line, match),
        unit=_unit(note, line, match),
    )
    if not match["sign"]:
        note(line, "repaired", f"signal {signal.name}: no sign after @{match['order']}: unsigned")
    return signal


def _marker(note: Note, line: int, match: re.Match[str]) -> str | None:
    """M, m1, m1M or nothing; None for a marker that says none of these."""
    marker = "".join((match["marker"] or "").split())
    if marker == "m":  # multiplexed, but by no value: a multiplexer
        note(line, "repaired", f"signal {match['name']}: marked m without a value: read as M")
        return "M"
    return marker if _MARKER.fullmatch(marker) else None


def _scaling(note: Note, line: int, match: re.Match[str]) -> tuple[str, str] | None:
    """Scale and offset; None for what cannot be told apart, as in (1,5,40) with commas for points."""
    if match["scaling"] is None:
        note(line, "repaired", f"signal {match['name']}: no scale and offset: taken as 1 and 0")
        return "1", "0"
    parts = [part.strip() for part in match["scaling"].split(",")]
    likely = _likely_scalings(parts)
    if len(likely) != 1:
        return None
    scale, offset = likely[0]
    if [scale, offset] != parts:
        note(line, "repaired", f"signal {match['name']}: ({match['scaling']}) read as scale {scale}, offset {offset}")
    return scale, offset


def _likely_scalings(parts: list[str]) -> list[tuple[str, str]]:
    """The ways to read (scale,offset) if some of the commas in it may stand for decimal points."""
    pairs: list[tuple[str, str]] = []
    for cut in (1, 2):
        if cut <= len(parts) - 1 <= cut + 1:
            scale, offset = number(".".join(parts[:cut])), number(".".join(parts[cut:]))
            if scale is not None and offset is not None:
                pairs.append((scale, offset))
    if len(pairs) > 1:  # nobody writes a scale of 0, or an offset of 5,0
        pairs = [(a, b) for a, b in pairs if float(a) != 0 and not b.endswith(".0")]
    return pairs


def _limits(note: Note, line: int, match: re.Match[str]) -> tuple[str, str]:
    """Minimum and maximum; 0 and 0, which say nothing, when they cannot be read."""
    written = match["limits"]
    low, _, high = (written or "").partition("|")
    limits = number(low.strip()), number(high.strip())
    if limits[0] is None or limits[1] is None or float(limits[0]) > float(limits[1]):
        note(line, "repaired", f"signal {match['name']}: the range [{written or ''}] says nothing: left out")
        return "0", "0"
    if limits != (low.strip(), high.strip()):
        note(line, "repaired", f"signal {match['name']}: range [{written}] read as [{limits[0]}|{limits[1]}]")
    return limits[0], limits[1]


def _unit(note: Note, line: int, match: re.Match[str]) -> str:
    tail = match["tail"]
    found = _UNIT.fullmatch(tail)
    if found is None:
        unit = tail[1:].split(" ")[0] if tail.startswith('"') else ""
        note(line, "repaired", f"signal {match['name']}: no unit in quotes, in {short(tail)}: {unit or 'no unit'}")
        return unit
    if not _RECEIVERS.fullmatch(found.group(2)):
        receivers = f"receivers {short(found.group(2))} not read" if found.group(2).strip() else "no receiver"
        note(line, "repaired", f"signal {match['name']}: {receivers}")
    return unquoted(found.group(1))

"""A DBC text as found made into one that any reader takes, with a list of what was changed.

Two rules hold throughout: what is plain is repaired and what is not is dropped, never guessed; and of two definitions
of one thing the later holds, as in the tools that most files were written for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from renkei.can.dbc_draft import Draft, DraftMessage, draft
from renkei.can.dbc_signal import DraftSignal, Ranges
from renkei.can.dbc_text import KEYWORDS, Repair, number, statements
from renkei.can.frames import EXTENDED

HEADER = 'BU_: X\nBA_DEF_ BO_ "GenMsgCycleTime" FLOAT 0 0;\n'
"""What the texts of messages rest on: goes before them, once."""

_NAME = re.compile(r"[A-Za-z_]\w*", re.A)
_FORMATS = (
    "StandardCAN",
    "ExtendedCAN",
    "reserved",
    "J1939PG",
    *("reserved",) * 10,
    "StandardCAN_FD",
    "ExtendedCAN_FD",
)
_FLOAT_BITS = (32, 64)
LONGEST_BYTES = 4095
"""What ISO-TP carries in one message; on a bus there are none longer."""
_DEEPEST = 8
"""Multiplexers below multiplexers; files in use have two or three."""
_MOST_COMPARED = 50_000
"""Pairs of signals of a message: more than any real message has."""
_Conditions = tuple[tuple[str, Ranges], ...]


class Switch(NamedTuple):
    """A condition of multiplexing: the signal is there while the raw value of `signal` lies in one of `ranges`.

    Ranges include both of their ends.
    """

    signal: str
    ranges: Ranges


class MendedMessage(NamedTuple):
    """A message as clean DBC text, and what that text leaves out: its multiplexing and its kind of frame."""

    line: int
    name: str
    text: str
    switches: Mapping[str, tuple[Switch, ...]]
    is_fd: bool


class Mended(NamedTuple):
    """The messages of a text by name, in its order, and what was wrong in it by line."""

    messages: Mapping[str, MendedMessage]
    repairs: tuple[Repair, ...]


def mend(text: str) -> Mended | None:
    """The messages of a DBC text, mended, and what was wrong in it; None when the text has no message."""
    found, repairs = statements(text)
    if not any(statement.keyword == "BO_" for statement in found):
        return None
    drafts = draft(found, repairs)
    _drop_endless(drafts)
    names = _message_names(drafts)
    messages = {names[message.id]: _mended(drafts, message, names[message.id]) for message in drafts.messages.values()}
    return Mended(messages, tuple(sorted(drafts.repairs)))


def _drop_endless(drafts: Draft) -> None:
    for message in list(drafts.messages.values()):
        if message.length > LONGEST_BYTES:
            what = f"message {message}: {message.length} bytes, and no message has more than {LONGEST_BYTES}"
            drafts.note(message.line, "dropped", what)
            del drafts.messages[message.id]


def _mended(drafts: Draft, message: DraftMessage, name: str) -> MendedMessage:
    # Before any multiplexer is dropped: what it selects must not fall to another one.
    multiplexers = [signal for signal in message.signals.values() if signal.marker.endswith("M")]
    direct = {signal.name: tuple(_direct(drafts, message, signal, multiplexers)) for signal in message.signals.values()}
    _drop_impossible(drafts, message)
    switches = _switches(drafts, message, direct)
    _notice_overlaps(drafts, message, switches)
    names = _signal_names(drafts, message)
    return MendedMessage(
        line=message.line,
        name=name,
        text=_text(message, name, names, _cycle_ms(drafts, message)),
        switches={
            names[signal]: tuple(Switch(names[by], ranges) for by, ranges in conditions)
            for signal, conditions in switches.items()
        },
        is_fd=_is_fd(drafts, message),
    )


def _drop_impossible(drafts: Draft, message: DraftMessage) -> None:
    if message.length == 0 and message.signals:
        message.length = min(max(_bytes(signal) for signal in message.signals.values()), LONGEST_BYTES)
        what = f"message {message}: a length of 0 bytes, but signals: taken to have {message.length}"
        drafts.note(message.line, "repaired", what)
    for signal in list(message.signals.values()):
        wrong = _impossible(signal, message)
        if wrong:
            message.drop(signal)
            drafts.note(signal.line, "dropped", f"signal {signal.name} of message {message}: {wrong}")


def _impossible(signal: DraftSignal, message: DraftMessage) -> str:
    """What makes a signal one that nothing can be read from; empty if nothing does."""
    if signal.length == 0:
        return "it has no bits"
    if float(signal.scale) == 0:
        return "its scale is 0, so that every raw value would mean the same"
    if signal.float_type in (1, 2) and signal.length not in _FLOAT_BITS:
        return f"a floating-point number of {signal.length} bits"
    # A longer message is not made of it: where the length is right, every frame would then count as cut short.
    if _bytes(signal) > message.length:
        return f"it ends in byte {_bytes(signal)} of a message of {message.length}"
    return ""


def _bytes(signal: DraftSignal) -> int:
    first = signal.start if signal.little else _sent_before(signal)
    return (first + signal.length + 7) // 8


def _sent_before(signal: DraftSignal) -> int:
    """Bits that are sent before the first, highest one of a big-endian signal."""
    return 8 * (signal.start // 8) + 7 - signal.start % 8


def _bits(signal: DraftSignal) -> int:
    """The bits that a signal takes, as a mask: bit number = 8 × byte + bit in byte."""
    mask = (1 << signal.length) - 1
    if signal.little:
        return mask << signal.start
    size = _bytes(signal)
    mask <<= 8 * size - _sent_before(signal) - signal.length
    return int.from_bytes(mask.to_bytes(size, "big"), "little")


def _switches(drafts: Draft, message: DraftMessage, direct: Mapping[str, _Conditions]) -> dict[str, _Conditions]:
    """By signal all that must hold for it, the outermost first; signals without a clear answer are dropped."""
    pending = {name: conditions for name, conditions in direct.items() if name in message.signals}
    found: dict[str, _Conditions] = {}
    for _ in range(_DEEPEST):
        ready = [name for name, conditions in pending.items() if all(by in found for by, _ in conditions)]
        for name in ready:
            every = [condition for by, ranges in pending.pop(name) for condition in (*found[by], (by, ranges))]
            found[name] = tuple(dict.fromkeys(every))
    for name in pending:  # below a multiplexer that is missing, or that selects itself, or below too many
        what = f"signal {name} of message {message}: nothing says clearly when it is there"
        drafts.note(message.signals[name].line, "dropped", what)
        message.drop(message.signals[name])
    return found


def _direct(
    drafts: Draft, message: DraftMessage, signal: DraftSignal, multiplexers: list[DraftSignal]
) -> Iterator[tuple[str, Ranges]]:
    """The conditions on a signal itself; one on the signal `""` when it is multiplexed by none that is known."""
    value = signal.marker.strip("mM")
    if signal.selectors:
        yield from signal.selectors.items()
    elif value:
        others = _two(s for s in multiplexers if s is not signal)
        roots = _two(s for s in multiplexers if s is not signal and s.marker == "M")
        by = others if len(others) == 1 else roots
        if len(by) == 1 and len(others) > 1:
            what = f"signal {signal.name} of message {message}: which multiplexer is not said: taken to be {by[0].name}"
            drafts.note(signal.line, "repaired", what)
        yield by[0].name if len(by) == 1 else "", ((int(value), int(value)),)


def _two(signals: Iterable[DraftSignal]) -> list[DraftSignal]:
    """The first two: enough to see whether there is just one."""
    return list(islice(signals, 2))


def _notice_overlaps(drafts: Draft, message: DraftMessage, switches: Mapping[str, _Conditions]) -> None:
    """Overlaps are kept: many files describe one field in two ways, and only a recording tells which is right."""
    pairs = list(islice(_side_by_side(message, switches), _MOST_COMPARED))
    found = [(one, other) for one, other, exclusive in pairs if not exclusive]
    all_compared = len(pairs) < _MOST_COMPARED
    if found:
        one, other = found[0]
        more = f" (and {'' if all_compared else 'at least '}{len(found) - 1} more pairs)" if len(found) > 1 else ""
        what = f"signals {one.name} and {other.name}{more} of message {message} overlap: all kept"
        drafts.note(other.line, "noticed", what)
    elif not all_compared:
        what = f"message {message}: too many signals in the same bits to tell whether they overlap: all kept"
        drafts.note(message.line, "noticed", what)


def _side_by_side(
    message: DraftMessage, switches: Mapping[str, _Conditions]
) -> Iterator[tuple[DraftSignal, DraftSignal, bool]]:
    """Pairs of signals that share bits, and whether multiplexing keeps them from ever being in one frame."""
    taken = 0
    placed: list[tuple[DraftSignal, int, dict[str, Ranges]]] = []
    for signal in message.signals.values():
        bits, conditions = _bits(signal), dict(switches.get(signal.name, ()))
        if bits & taken:
            for other, mask, others in placed:
                if bits & mask:
                    yield other, signal, _exclusive(conditions, others)
        taken |= bits
        placed.append((signal, bits, conditions))


def _exclusive(one: Mapping[str, Ranges], other: Mapping[str, Ranges]) -> bool:
    return any(
        by in other and not any(low <= last and first <= high for low, high in ranges for first, last in other[by])
        for by, ranges in one.items()
    )


def _message_names(drafts: Draft) -> dict[int, str]:
    wanted = [(m.id, m.line, m.attributes.get("SystemMessageLongSymbol") or m.name) for m in drafts.messages.values()]
    return _names(drafts, "message", wanted, lambda id: f"_{id & ~EXTENDED:X}")


def _signal_names(drafts: Draft, message: DraftMessage) -> dict[str, str]:
    wanted = [(s.name, s.line, message.long_names.get(s.name) or s.name) for s in message.signals.values()]
    return _names(drafts, f"message {message}, signal", wanted, lambda _: "")


_Key = TypeVar("_Key")


def _names(
    drafts: Draft, what: str, wanted: list[tuple[_Key, int, str]], suffix: Callable[[_Key], str]
) -> dict[_Key, str]:
    """By key a name that any reader takes and no other has; names that need no repair have the first choice."""
    names: dict[_Key, str] = {}
    taken: set[str] = set()
    copies: dict[str, int] = {}
    for key, line, written in sorted(wanted, key=lambda row: _NAME.fullmatch(row[2]) is None):
        name = re.sub(r"\W", "_", written, flags=re.A)
        name = name if _NAME.fullmatch(name) and name not in KEYWORDS else f"_{name}"
        if name in taken:
            stem = name = name + suffix(key)
            while name in taken:
                copies[stem] = copies.get(stem, 1) + 1
                name = f"{stem}_{copies[stem]}"
        if name != written:
            drafts.note(line, "repaired", f"{what} '{written}': called {name}")
        taken.add(name)
        names[key] = name
    return names


def _cycle_ms(drafts: Draft, message: DraftMessage) -> str | None:
    """GenMsgCycleTime; None for 0, which stands for messages that are not periodic."""
    written = message.attributes.get("GenMsgCycleTime", drafts.defaults.get("GenMsgCycleTime"))
    if written is None or not written.strip():
        return None
    value = number(written)
    if value is None or float(value) < 0:
        drafts.note(message.line, "dropped", f"GenMsgCycleTime of message {message}: '{written}' is no time in ms")
        return None
    return value if float(value) else None


def _is_fd(drafts: Draft, message: DraftMessage) -> bool:
    written = message.attributes.get("VFrameFormat", drafts.defaults.get("VFrameFormat"))
    formats = drafts.choices.get("VFrameFormat") or _FORMATS
    if written is not None and written.isdigit() and int(written) < len(formats):
        written = formats[int(written)]
    if written is None:  # many files of CAN FD cars have no such attribute; a classical frame ends at 8 bytes
        return 8 < message.length <= 64
    return written.endswith("CAN_FD")


def _text(message: DraftMessage, name: str, names: Mapping[str, str], cycle_ms: str | None) -> str:
    lines = [f"BO_ {message.id} {name}: {message.length} X"]
    lines += [_signal_line(signal, names[signal.name]) for signal in message.signals.values()]
    if message.comment is not None:
        lines.append(f"CM_ BO_ {message.id} {_quoted(message.comment)};")
    if cycle_ms is not None:
        lines.append(f'BA_ "GenMsgCycleTime" BO_ {message.id} {cycle_ms};')
    for signal in message.signals.values():
        about = f"{message.id} {names[signal.name]}"
        if signal.comment is not None:
            lines.append(f"CM_ SG_ {about} {_quoted(signal.comment)};")
        if signal.values:
            pairs = " ".join(f"{raw} {_quoted(text)}" for raw, text in signal.values.items())
            lines.append(f"VAL_ {about} {pairs} ;")
        if signal.float_type in (1, 2):
            lines.append(f"SIG_VALTYPE_ {about} : {_FLOAT_BITS.index(signal.length) + 1};")
    return "\n".join(lines) + "\n"


def _signal_line(signal: DraftSignal, name: str) -> str:
    place = f"{signal.start}|{signal.length}@{'1' if signal.little else '0'}{signal.sign}"
    low, high = signal.limits
    if float(low) == float(high) == 0:  # [0|0] says that no range is known
        low = high = "0"
    return f" SG_ {name} : {place} ({signal.scale},{signal.offset}) [{low}|{high}] {_quoted(signal.unit)} X"


def _quoted(text: str) -> str:
    # A backslash before the closing quote would escape it.
    return '"' + text.rstrip("\\").replace('"', '\\"') + '"'

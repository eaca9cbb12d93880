"""Drafts of the messages in a DBC text: each statement read as leniently as it can be. What contradicts what is not
judged here, but in `mend`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from renkei.can.dbc_signal import SIGNAL, DraftSignal, read_signal
from renkei.can.dbc_text import TEXT, Action, Repair, Statement, integer, remark, short, unquoted
from renkei.can.frames import EXTENDED

Ranges = tuple[tuple[int, int], ...]

_REFERENCE = re.compile(r"(BU_|EV_|BO_|SG_)\s+(\w+)(?:\s+(.*))?", re.S)
_MESSAGE = re.compile(r"BO_\s*(\w+)(?:\s++([^:\"\s][^:\"]*?))?\s*(?::\s*|\s)(\d{1,9})(?:\s+(.*))?", re.S)
_ATTRIBUTE = re.compile(rf"BA_\s*{TEXT}\s*([^\"]*+)(?:{TEXT}\s*)?")
_DEFINITION = re.compile(rf"BA_DEF_\s*(?:(?:BU_|BO_|SG_|EV_)\s*)?{TEXT}\s*(\w+)(.*)", re.S)
_DEFAULT = re.compile(rf"BA_DEF_DEF_\s*{TEXT}\s*(?:{TEXT}|([^\s\"]+))", re.S)
_VALUES = re.compile(r"VAL_\s*(\d\w*)\s+(\S.*)", re.S)
_TABLE = re.compile(r"VAL_TABLE_\s*(\S+)\s*(.*)", re.S)
_WRITTEN_RAW = re.compile(r"[-+]?\d[\w.]*")
_PAIR = re.compile(rf"\s*([^\s\"]+)\s*{TEXT}\s*")
_TYPE = re.compile(r"SIG_VALTYPE_\s*(\w+)\s+(\S.*?)\s*+(?::\s*+)?([0-3])", re.S)
_MULTIPLEXING = re.compile(r"SG_MUL_VAL_\s*(\w+)\s+(\S+)\s+(\S+)\s+([\d\s,-]+)", re.S)
_RANGE = re.compile(r"(\d{1,18})\s*-\s*(\d{1,18})")

_UNASSIGNED = "VECTOR__INDEPENDENT_SIG_MSG"
_OURS = ("GenMsgCycleTime", "VFrameFormat", "SystemMessageLongSymbol", "SystemSignalLongSymbol")


@dataclass
class DraftMessage:
    """A message as written. `gone` are its dropped signals: what refers to them goes with them."""

    line: int
    id: int
    name: str
    length: int
    signals: dict[str, DraftSignal] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    comment: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    long_names: dict[str, str] = field(default_factory=dict)  # of its signals
    copies: dict[str, int] = field(default_factory=dict)  # how often a name of a signal stood so far

    def __str__(self) -> str:
        return f"{self.name} (0x{self.id & ~EXTENDED:X})"

    def drop(self, signal: DraftSignal) -> None:
        del self.signals[signal.name]
        self.gone.add(signal.name)


@dataclass
class Draft:
    """What the statements of a text say, and what was wrong in them."""

    repairs: list[Repair]
    messages: dict[int, DraftMessage] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)  # identifiers of dropped messages
    tables: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)  # of defined attributes; empty if not an ENUM
    defaults: dict[str, str] = field(default_factory=dict)
    current: DraftMessage | None = None
    previous: str = ""

    def note(self, line: int, action: Action, what: str) -> None:
        self.repairs.append(remark(line, action, what))


def draft(found: list[Statement], repairs: list[Repair]) -> Draft:
    """The drafts of all messages in statements; `repairs` grows by what was wrong in them."""
    result = Draft(repairs)
    for readers in (_DEFINING, _REFERRING):  # in two rounds: a file may speak of a message before it defines it
        for statement in found:
            if statement.keyword in readers and not readers[statement.keyword](result, statement):
                _unreadable(result, statement)
            result.previous = statement.keyword
    return result


def _unreadable(into: Draft, statement: Statement) -> None:
    into.note(statement.line, "dropped", f"{statement.keyword} that cannot be read: {short(statement.text)}")
    if statement.keyword == "BO_":
        into.current = None


def _message(into: Draft, statement: Statement) -> bool:
    match = _MESSAGE.fullmatch(statement.text)
    if match is None:
        return False
    written, name, length, sender = match.group(1), (match.group(2) or "").strip(), match.group(3), match.group(4)
    id = _identifier(written)
    if id is None and name != _UNASSIGNED:
        into.note(statement.line, "dropped", f"message {name}: {written} is no identifier of 11 or 29 bits")
    if id is None or name == _UNASSIGNED:
        into.gone.add(integer(written) or 0)
        into.current = DraftMessage(statement.line, -1, name, 0)  # takes its signals along
        return True
    if str(id) != written:
        into.note(statement.line, "repaired", f"identifier {written} of message {name}: read as {_described(id)}")
    if ":" not in statement.text or not sender:
        missing = "sender" if ":" in statement.text else "colon"
        into.note(statement.line, "repaired", f"no {missing} in {short(statement.text)}: read without")
    message = DraftMessage(statement.line, id, name, int(length))
    earlier = into.messages.pop(id, None)
    if earlier:
        into.note(earlier.line, "dropped", f"message {earlier}: stands again in line {statement.line}, which holds")
    into.messages[id] = into.current = message
    return True


def _signal(into: Draft, statement: Statement) -> bool:
    match = SIGNAL.fullmatch(statement.text)
    if match is None:
        return False
    if into.current is None or into.current.id < 0:
        if into.current is None:
            into.note(statement.line, "dropped", f"signal {match['name']}: belongs to no message")
        return True
    if into.previous not in ("BO_", "SG_"):
        into.note(
            statement.line, "repaired", f"signal {match['name']}: apart from its message {into.current}: taken in"
        )
    signal = read_signal(statement.line, match, into.note)
    if signal is None:
        into.current.gone.add(match["name"])
        return False
    _add(into, into.current, signal)
    return True


def _add(into: Draft, message: DraftMessage, signal: DraftSignal) -> None:
    """A name that stands twice is mostly two signals whose long names some tool cut short: both are kept."""
    earlier = message.signals.get(signal.name)
    if earlier and replace(earlier, line=signal.line) == signal:
        into.note(
            signal.line, "dropped", f"signal {signal.name} of message {message}: the same as in line {earlier.line}"
        )
        return
    written = signal.name
    while signal.name in message.signals:
        message.copies[written] = message.copies.get(written, 1) + 1
        signal.name = f"{written}_{message.copies[written]}"
    if earlier:
        what = (
            f"a second signal {written} in message {message}, other than in line {earlier.line}: called {signal.name}"
        )
        into.note(signal.line, "repaired", what)
    message.signals[signal.name] = signal


def _table(into: Draft, statement: Statement) -> bool:
    match = _TABLE.fullmatch(statement.text)
    if match:
        into.tables[match.group(1)] = match.group(2)
    return match is not None


def _definition(into: Draft, statement: Statement) -> bool:
    match = _DEFINITION.fullmatch(statement.text)
    if match:
        into.choices[match.group(1)] = re.findall(TEXT, match.group(3)) if match.group(2) == "ENUM" else []
    return match is not None


def _default(into: Draft, statement: Statement) -> bool:
    match = _DEFAULT.fullmatch(statement.text)
    if match:
        into.defaults[match.group(1)] = match.group(2) if match.group(3) is None else match.group(3)
    return match is not None


def _comment(into: Draft, statement: Statement) -> bool:
    about, quote, text = statement.text.removeprefix("CM_").partition('"')
    reference = _REFERENCE.fullmatch(about.strip())
    if not quote or not (reference or about.isspace() or not about):
        return False
    if reference is None or reference[1] not in ("BO_", "SG_"):
        return True
    kind, id, name = reference.groups()
    target = _target(into, statement, "comment", id, name, kind)
    if target is None:
        return True
    text = text.removesuffix('"')
    if re.search(r'(?<!\\)"', text):
        into.note(statement.line, "repaired", f"quotes inside the comment on {target.name}: kept as part of it")
    target.comment = unquoted(text)
    return True


def _values(into: Draft, statement: Statement) -> bool:
    if re.match(r"VAL_\s+[A-Za-z_]", statement.text):  # of an environment variable
        return True
    match = _VALUES.fullmatch(statement.text)
    if match is None:
        return False
    before, quote, rest = match[2].partition('"')
    words, pairs = before.split(), ""
    if quote:
        if len(words) < 2 or not _WRITTEN_RAW.fullmatch(words[-1]):
            return False
        pairs = f"{words.pop()} {quote}{rest}"
    elif len(words) == 2 and words[1] in into.tables:
        pairs = into.tables[words.pop()]
        into.note(statement.line, "repaired", f"values of signal {words[0]}: taken from table {before.split()[1]}")
    signal = _target(into, statement, "value table", match[1], " ".join(words), "SG_")
    if isinstance(signal, DraftSignal):
        signal.values = _pairs(into, statement.line, signal.name, pairs)
    return True


def _pairs(into: Draft, line: int, name: str, text: str) -> dict[int, str]:
    values: dict[int, str] = {}
    position = 0
    while match := _PAIR.match(text, position):
        position, raw = match.end(), integer(match.group(1))
        if raw is None:
            into.note(line, "dropped", f"value {match.group(1)} of signal {name}: not a whole number")
        else:
            values[raw] = unquoted(match.group(2))
    if text[position:].strip():
        into.note(line, "dropped", f"values of signal {name} from {short(text[position:])} on: cannot be read")
    return values


def _value_type(into: Draft, statement: Statement) -> bool:
    match = _TYPE.fullmatch(statement.text)
    if match is None:
        return False
    signal = _target(into, statement, "value type", match.group(1), match.group(2), "SG_")
    if isinstance(signal, DraftSignal):
        signal.float_type = int(match.group(3))
    return True


def _multiplexing(into: Draft, statement: Statement) -> bool:
    match = _MULTIPLEXING.fullmatch(statement.text)
    if match is None:
        return False
    ranges = tuple((int(low), int(high)) for low, high in _RANGE.findall(match.group(4)))
    if not ranges or any(low > high for low, high in ranges):
        return False
    id, name, by, _ = match.groups()
    signal = _target(into, statement, "multiplexing", id, name, "SG_")
    if isinstance(signal, DraftSignal) and _target(into, statement, "multiplexing", id, by, "SG_"):
        signal.selectors[by] = signal.selectors.get(by, ()) + ranges
    return True


def _attribute(into: Draft, statement: Statement) -> bool:
    match = _ATTRIBUTE.fullmatch(statement.text)
    if match is None:
        return False
    attribute, about, quoted = match.groups()
    words = about.split()
    value = unquoted(quoted) if quoted is not None else words.pop() if words else None
    reference = _REFERENCE.fullmatch(" ".join(words))
    if value is None or (words and reference is None):
        return False
    if attribute not in into.choices:
        into.choices[attribute] = []  # said once
        action: Action = "repaired" if attribute in _OURS else "dropped"
        into.note(statement.line, action, f"attribute {attribute} is set and nowhere defined (BA_DEF_)")
    if reference is None or reference[1] not in ("BO_", "SG_"):
        return True
    kind, id, name = reference.groups()
    target = _target(into, statement, f"attribute {attribute}", id, name, kind)
    if isinstance(target, DraftMessage):
        target.attributes[attribute] = value
    elif target is not None and attribute == "SystemSignalLongSymbol":
        into.messages[_identifier(id) or 0].long_names[target.name] = value
    return True


def _target(
    into: Draft, statement: Statement, what: str, id: str, name: str | None, kind: str
) -> DraftMessage | DraftSignal | None:
    """The message, or for kind SG_ the signal in it, that a statement refers to; a note and None if it is not there."""
    number = _identifier(id)
    message = None if number is None else into.messages.get(number)
    if message is None:
        if number not in into.gone and integer(id) not in into.gone:
            into.note(statement.line, "dropped", f"{what} on message {id}: no such message")
        return None
    if kind == "BO_":
        return message
    signal = message.signals.get(" ".join((name or "").split()))
    if signal is None and name not in message.gone:
        signals = f"signal {name}: none in" if name else "a signal without its name, in"
        into.note(statement.line, "dropped", f"{what} on {signals} message {message}")
    return signal


_Reader = Callable[[Draft, Statement], bool]
_DEFINING: dict[str, _Reader] = {
    "BO_": _message,
    "SG_": _signal,
    "VAL_TABLE_": _table,
    "BA_DEF_": _definition,
    "BA_DEF_DEF_": _default,
}
_REFERRING: dict[str, _Reader] = {
    "CM_": _comment,
    "VAL_": _values,
    "SIG_VALTYPE_": _value_type,
    "SG_MUL_VAL_": _multiplexing,
    "BA_": _attribute,
}


def _identifier(text: str) -> int | None:
    """A CAN identifier with EXTENDED set above 11 bits, whether or not the text has it; None above 29 bits."""
    number = integer(text)
    if number is None or number < 0 or number >> 32 or number & 0x6000_0000:
        return None
    return number | EXTENDED if number > 0x7FF else number


def _described(id: int) -> str:
    return f"0x{id & ~EXTENDED:X} with {29 if id & EXTENDED else 11} bits"

"""The log dialects as data: name, what it is, how its header and its lines look. Detection is by content alone.

Imports nothing heavy: `renkei list dialects` reads this table.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD = 1 << 16
"""Bytes of a log, after unpacking, that detection looks at."""

_LINES = 400

LONE_RETURN = re.compile(rb"\r(?![\r\n])")
"""A carriage return that alone ends a line."""


class Layout(NamedTuple):
    """Fixed columns of a line, a letter each, for the `columns` kernel.

    T time, W time of day, I identifier, E extended, B bus, l length, L length code, K kind of row, r remote or error
    flag, - anything, ? a word that may be missing, D bytes one by one, P bytes without separators, 6 bytes in base64.
    `separator` " " stands for any run of blanks, tabs and NUL bytes. `id_rule`: 29 bits are told by "value" above
    0x7FF, by more than 4 "digits", or by "column" E. `chatter`: lines between frames are the logger's own talk.
    """

    columns: str
    separator: str = " "
    id_rule: str = "value"
    chatter: bool = False


class Dialect(NamedTuple):
    """One way to write a CAN log as text.

    `header` (searched in the head) settles the dialect; without one, the dialect whose `line` fits most lines of the
    head wins. `unit` of the times is s, ms, us, ns or "clock" for a time of day, None where it must be found out;
    `bare` where the log writes whole numbers and no unit, so that a user may know better. `translate` maps bytes
    before reading.
    """

    name: str
    sentence: str
    line: str
    header: str | None = None
    kernel: str = "columns"
    unit: str | None = "s"
    bare: bool = False
    layout: Layout | None = None
    translate: tuple[bytes, bytes] | None = None


_TRC = r"\d+\)?[ \t]+\d+(\.\d+)?[ \t]+"
_BYTES = r"([ \t]+[0-9A-F]{1,2})*\s*$"

TEXT = (
    Dialect(
        "candump",
        "candump -L of can-utils: (seconds) interface id#data",
        r"\(-?\d+\.\d+\)[ \t]+\S+[ \t]+[0-9A-F]{1,8}#",
        kernel="candump",
    ),
    Dialect(
        "candump-screen",
        "candump on the screen, any or no time in front, and serial logs written alike: interface id [length] bytes",
        r"(\([-\d: .]+\)[ \t]+)?\S+[ \t]+(\S+[ \t]+){0,3}[0-9A-F]{1,8}[ \t]+\[\d+\]",
        kernel="screen",
    ),
    Dialect(
        "asc",
        "Vector ASC, classic and CAN FD, hexadecimal or decimal, absolute or relative times",
        r"\d+\.\d+[ \t]+(\d+[ \t]+[0-9A-F]+x?[ \t]+[RT]x[ \t]+[dr]|CANFD[ \t]+\d+[ \t]+[RT]x)",
        header=r"base[ \t]+(hex|dec)[ \t]+timestamps[ \t]+(absolute|relative)",
        kernel="asc",
    ),
    Dialect(
        "trc-1.0",
        "PEAK TRC 1.0: number, ms, id, length, bytes",
        _TRC + r"[0-9A-F]{4,8}[ \t]+\d" + _BYTES,
        unit="ms",
        layout=Layout("-TIlD", id_rule="digits"),
    ),
    Dialect(
        "trc-1.1",
        "PEAK TRC 1.1: with a column for direction or kind of row",
        _TRC + r"\w+[ \t]+[0-9A-F]{4,8}[ \t]+\d" + _BYTES,
        header=r";\$FILEVERSION=1\.1",
        unit="ms",
        layout=Layout("-TKIlD", id_rule="digits"),
    ),
    Dialect(
        "trc-1.2",
        "PEAK TRC 1.2: with a column for the bus",
        _TRC + r"\d+[ \t]+(Rx|Tx|Warng|Error)[ \t]+[0-9A-F]{4,8}[ \t]+\d" + _BYTES,
        header=r";\$FILEVERSION=1\.2",
        unit="ms",
        layout=Layout("-TBKIlD", id_rule="digits"),
    ),
    Dialect(
        "trc-1.3",
        "PEAK TRC 1.3: with a column for the bus and a reserved one",
        _TRC + r"\d+[ \t]+(Rx|Tx|Warng|Error)[ \t]+[0-9A-F]{4,8}[ \t]+-[ \t]+\d" + _BYTES,
        header=r";\$FILEVERSION=1\.3",
        unit="ms",
        layout=Layout("-TBKI-LD", id_rule="digits"),
    ),
    Dialect(
        "trc-2.0",
        "PEAK TRC 2.0, also CAN FD; the header says which columns",
        _TRC + r"(DT|FD|FB|FE|BI|RR|ST|ER)[ \t]+[0-9A-F]{4,8}[ \t]+[RT]x[ \t]+\d+",
        header=r";\$FILEVERSION=2\.0",
        unit="ms",
        layout=Layout("-TKI-lD", id_rule="digits"),
    ),
    Dialect(
        "trc-2.1",
        "PEAK TRC 2.1, with a column for the bus; the header says which columns",
        _TRC + r"(DT|FD|FB|FE|BI|RR|ST|ER)[ \t]+\d+[ \t]+[0-9A-F]{4,8}[ \t]+[RT]x[ \t]+-[ \t]+\d+",
        header=r";\$FILEVERSION=2\.1",
        unit="ms",
        layout=Layout("-TKBI--LD", id_rule="digits"),
    ),
    Dialect(
        "python-can-csv",
        "csv as python-can writes it: data in base64",
        r"\d+\.\d+(e-\d+)?,0x[0-9A-F]+,[01],[01],[01],\d+,[0-9A-Z+/=]*\s*$",
        header=r"timestamp,arbitration_id,extended,remote,error,dlc,data",
        layout=Layout("TIErrl6", separator=",", id_rule="column"),
    ),
    Dialect(
        "gvret",
        "GVRET csv of SavvyCAN, with or without the Dir column; times in us, ms or before a negative epoch",
        r"-?\d+(\.\d+)?,[0-9A-F]{1,8},(true|false|0|1),([RT]x,)?\d+,\d{1,2}(,[0-9A-F ]{0,2})*,?\s*$",
        header=r"Time ?Stamp,ID,Extended,",
        unit=None,
        bare=True,
        layout=Layout("TIEBlD", separator=",", id_rule="column"),
    ),
    Dialect(
        "crtd",
        "CRTD of OVMS, version 3 (with a bus number) and older",
        r"\d+\.\d+[ \t]+\d*([RT](11|29)[ \t]+[0-9A-F]+|C(XX|VR|EV|ST)\b)",
        kernel="crtd",
    ),
    Dialect(
        "microchip",
        "text of the Microchip CAN analyser (ParserFlags), times in ms of its clock",
        r"\d+\t\d+\t\d+\t[RT]X\t\d+\t[^\t]*\t0x[0-9A-F]{8}\t\d+\t0x",
        header=r"ParserFlags\tCh\tCounter\t",
        unit="ms",
        bare=True,
        layout=Layout("-B--T-IlD", separator="\t"),
    ),
    Dialect(
        "canary",
        "CANARY text or csv: seconds from the start, id, flags where there is a header, length, bytes",
        r"\d{4}\.\d{6} [0-9A-F]{8} ([0-9A-F]{2} )?\d( [0-9A-F]{2})*\s*$",
        header=r";CANARY",
        layout=Layout("TIlD"),
    ),
    Dialect(
        "usb-can",
        "text of the USB-CAN tool, a NUL byte before each field; time of day without a date",
        r"\d+\s+\0?Receive|\d+\s+\0?Send",
        header=r"NO\s+Direction\s+Time Scale",
        unit="clock",
        layout=Layout("--WK-E-IlD", id_rule="column"),
    ),
    Dialect(
        "esp",
        "dump of an ESP chip over its serial port, boot messages in between: L, us since boot, id, length, bytes",
        r"(L )?\d{11} [0-9A-F]{8} \d\d( [0-9A-F]{2})*\s*$",
        unit="us",
        bare=True,
        layout=Layout("?TIlD", chatter=True),
    ),
    Dialect(
        "arduino-csv",
        "csv of an Arduino sketch: millis(), id with 0x, length, as many bytes",
        r"\d+,0x[0-9A-F]{1,8},\d(,[0-9A-F]{1,2}){0,8}\s*$",
        header=r"mill?i?s\(\),ID,Length",
        unit="ms",
        bare=True,
        layout=Layout("TIlD", separator=","),
    ),
    Dialect(
        "css-csv",
        "csv of the CSS Electronics converters: epoch seconds, data as one string",
        r"\d+\.\d+;\d+;[0-9A-F]+;[01];",
        header=r"TimestampEpoch;",
        layout=Layout("TBIE-l---P", separator=";", id_rule="column"),
    ),
    Dialect(
        "busmaster",
        "BUSMASTER text in hexadecimal; time of day",
        r"\d+:\d+:\d+:\d+ [RT]x \d+ 0x[0-9A-F]+ [sx]r? \d",
        header=r"\*\*\*BUSMASTER[^\n]*(\n[^\n]*){0,8}\*\*\*HEX\*\*\*",
        unit="clock",
        layout=Layout("WKBIElD", id_rule="column"),
    ),
    Dialect(
        "bustools",
        "BusTools text, lines end with a carriage return, comma as decimal sign",
        r"\d+,\d+\t\d+\t[0-9A-F]{8}\t[0-9A-F]{3,8}\t\d+\t",
        header=r"@ TEXT @ ",
        layout=Layout("TB-IlD", separator="\t"),
        translate=(b"\r,", b"\n."),
    ),
)

BINARY: dict[str, str] = {
    "blf": "Vector BLF, read through python-can",
    "mf4": "ASAM MDF 4 with bus logging, read through asammdf: pip install 'renkei[mf4]'",
}

DIALECTS: dict[str, str] = {dialect.name: dialect.sentence for dialect in TEXT} | BINARY
"""Each dialect that can be read, by name, with one sentence."""


def recognise(head: bytes) -> Dialect | None:
    """The text dialect of a log whose first bytes are `head`; None when nothing fits."""
    for dialect in TEXT:
        if dialect.header and re.search(rb"(?im)^(?:\xef\xbb\xbf)?[ \t\0]*" + dialect.header.encode(), head):
            return dialect
    lines = re.split(rb"[\r\n]+", head)[:_LINES]
    fits = [sum(_fits(dialect, line) for line in lines) for dialect in TEXT]
    best = fits.index(max(fits))
    return TEXT[best] if fits[best] else None


def recognise_binary(head: bytes) -> str | None:
    """The binary dialect of a log by its first bytes; None when it is none."""
    if head.startswith(b"LOGG"):
        return "blf"
    return "mf4" if head.startswith((b"MDF     4", b"UnFinMF ")) else None


def _fits(dialect: Dialect, line: bytes) -> bool:
    return re.match(rb"(?i)(?:\xef\xbb\xbf)?[ \t\0]*(?:" + dialect.line.encode() + rb")", line) is not None

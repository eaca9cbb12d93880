"""Where the shared recordings lie, how tests read a log in one piece, and small writers of every text dialect."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from renkei.can.frames import EXTENDED, Frames
from renkei.can.logs import Log, open_log

LOGS = Path(__file__).parents[4] / "shared" / "data" / "logs"


def recording(name: str) -> Path:
    """A shared recording, or a skipped test where the shared data are absent."""
    path = LOGS / name
    if not path.exists():
        pytest.skip(f"the shared recording {name} is absent")
    return path


def joined(log: Log, frames: int = 1 << 18, chunk: int = 4 << 20) -> Frames:
    """All frames of a log in one piece, 64 bytes wide."""
    blocks = list(log.blocks(frames, chunk=chunk))
    if not blocks:
        return Frames(*(np.empty(0, kind) for kind in ("i8", "u1", "u4", "u1")), np.empty((0, 64), "u1"), ())
    data = np.zeros((sum(map(len, blocks)), 64), np.uint8)
    row = 0
    for block in blocks:
        data[row : row + len(block), : block.data.shape[1]] = block.data
        row += len(block)
    t, channel, id, length = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("t", "channel", "id", "length")
    )
    return Frames(t, channel, id, length, data, blocks[-1].channels)


def same(a: Frames, b: Frames) -> bool:
    """Whether two logs hold the same frames, however their channels are called."""
    return all(np.array_equal(getattr(a, k), getattr(b, k)) for k in ("t", "channel", "id", "length", "data"))


class F(NamedTuple):
    """One frame as a test writes it; `us` is its time in microseconds."""

    us: int
    bus: int
    id: int
    extended: bool
    data: bytes
    fd: bool = False


def read(path: Path, text: str | bytes, **options: object) -> tuple[Log, list[tuple[int, str, int, bytes]]]:
    """Write a log, read it: the Log and its frames as (ns, channel name, id as in Frames, bytes)."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    log = open_log(path, **options)
    return log, rows(joined(log))


def rows(frames: Frames) -> list[tuple[int, str, int, bytes]]:
    """Frames as (ns, channel name, id as in Frames, bytes); what lies beyond the length must be zero."""
    assert not frames.data[np.arange(64) >= frames.length[:, None]].any()
    return [
        (t, frames.channels[c], i, bytes(d[:n]))
        for t, c, i, n, d in zip(
            frames.t.tolist(), frames.channel, frames.id.tolist(), frames.length, frames.data, strict=True
        )
    ]


def wire_id(frame: F) -> int:
    """The id as Frames hold it."""
    return frame.id | (EXTENDED if frame.extended else 0)


def seconds(us: int) -> str:
    return f"{us // 1_000_000}.{us % 1_000_000:06}"


def millis(us: int) -> str:
    return f"{us // 1000}.{us % 1000:03}"


def _hex_id(f: F) -> str:
    return f"{f.id:08X}" if f.extended else f"{f.id:03X}"


def candump(frames: list[F]) -> str:
    return "".join(
        f"({seconds(f.us)}) can{f.bus} {_hex_id(f)}{'##1' if f.fd else '#'}{f.data.hex().upper()}\n" for f in frames
    )


def candump_screen(frames: list[F]) -> str:
    return "".join(
        f" ({f.us // 1_000_000:03}.{f.us % 1_000_000:06})  can{f.bus}  {_hex_id(f)}   "
        f"[{len(f.data):0{2 if f.fd else 1}}]  {f.data.hex(' ').upper()}\n"
        for f in frames
    )


def asc(frames: list[F]) -> str:
    lines = ["date Sat Sep 30 03:06:13.191 pm 2023", "base hex  timestamps absolute", "internal events logged"]
    for f in frames:
        number = f"{f.id:X}" + ("x" if f.extended else "")
        data = f.data.hex(" ").upper()
        if f.fd:
            n = len(f.data)
            lines.append(
                f"{seconds(f.us)} CANFD {f.bus} Rx {number} {'':32} 1 0 8 {n} {data} 130000 130 200040 0 0 0 0 0"
            )
        else:
            lines.append(
                f"   {seconds(f.us)} {f.bus}  {number:15} Rx   d {len(f.data)} {data}  Length = 1 BitCount = 2"
            )
    return "\n".join(lines) + "\n"


def _trc_id(f: F) -> str:
    return f"{f.id:08X}" if f.extended else f"{f.id:04X}"


def trc_1_0(frames: list[F]) -> str:
    return ";comment\n" + "".join(
        f"{n:6})  {millis(f.us)}  {_trc_id(f)}  {len(f.data)}  {f.data.hex(' ').upper()}\n"
        for n, f in enumerate(frames, 1)
    )


def trc_1_1(frames: list[F]) -> str:
    return ";$FILEVERSION=1.1\n;$STARTTIME=45799.6880723843\n;\n" + "".join(
        f"{n:6})  {millis(f.us)}  Rx   {_trc_id(f)}  {len(f.data)}  {f.data.hex(' ').upper()} \n"
        for n, f in enumerate(frames, 1)
    )


def trc_1_3(frames: list[F]) -> str:
    return ";$FILEVERSION=1.3\n" + "".join(
        f"{n:6})  {millis(f.us)} {f.bus}  Tx   {_trc_id(f)} -  {len(f.data)}  {f.data.hex(' ').upper()} \n"
        for n, f in enumerate(frames, 1)
    )


FD_CODE = {12: 9, 16: 10, 20: 11, 24: 12, 32: 13, 48: 14, 64: 15}


def trc_2_1(frames: list[F]) -> str:
    return ";$FILEVERSION=2.1\n;$STARTTIME=44548.6028595139\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n" + "".join(
        f"{n:7} {millis(f.us)} {'FB' if f.fd else 'DT'} {f.bus} {_trc_id(f)} Rx -  "
        f"{FD_CODE.get(len(f.data), len(f.data))}  {f.data.hex(' ').upper()} \n"
        for n, f in enumerate(frames, 1)
    )


def trc_2_0(frames: list[F]) -> str:
    """With columns in an order of its own."""
    return ";$FILEVERSION=2.0\n;$COLUMNS=O,N,T,I,d,l,D\n" + "".join(
        f"{millis(f.us)} {n} {'FD' if f.fd else 'DT'} {_trc_id(f)} Tx {len(f.data)}  {f.data.hex(' ').upper()} \n"
        for n, f in enumerate(frames, 1)
    )


def python_can_csv(frames: list[F]) -> str:
    return "timestamp,arbitration_id,extended,remote,error,dlc,data\n" + "".join(
        f"{f.us / 1e6!r},0x{f.id:x},{f.extended:d},0,0,{len(f.data)},{base64.b64encode(f.data).decode()}\n"
        for f in frames
    )


def gvret(frames: list[F]) -> str:
    return "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n" + "".join(
        f"{f.us},{f.id:08X},{str(f.extended).lower()},Rx,{f.bus},{len(f.data)},"
        + "".join(f"{byte:02X}," for byte in f.data)
        + "\n"
        for f in frames
    )


def gvret_without_dir(frames: list[F]) -> str:
    """Short ids and bytes, upper-case flags, padded to eight columns, CRLF."""
    return "Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\r\n" + "".join(
        f"{f.us},{f.id:X},{str(f.extended).upper()},{f.bus},{len(f.data)},"
        + ",".join(f"{byte:X}" for byte in f.data.ljust(8, b"\0"))
        + "\r\n"
        for f in frames
    )


def crtd(frames: list[F]) -> str:
    return "1632426775.935928 CXX OVMS CRTD\n1632426775.935928 CVR 3.0\n" + "".join(
        f"{seconds(f.us)} {f.bus}R{29 if f.extended else 11} {_hex_id(f)} {f.data.hex(' ').upper()}\n" for f in frames
    )


def microchip(frames: list[F]) -> str:
    return "ParserFlags\tCh\tCounter\tT/R\tTime\tFlags\tCAN ID\tLen\tData\tParser Name\tdefault\n" + "".join(
        f"1\t{f.bus}\t{n}\tRX\t{f.us // 1000}\t\t0x{f.id:08x}\t{len(f.data)}\t0x{f.data.hex(' ')} \tDefault Parser\t\n"
        for n, f in enumerate(frames)
    )


def canary(frames: list[F]) -> str:
    return ";CANARY V2.3\r\n;TIME_us.d  ID       FL L DATA\r\n" + "".join(
        f"{f.us // 1_000_000:04}.{f.us % 1_000_000:06} {f.id:08X} 00 {len(f.data)} {f.data.hex(' ').upper():23}\r\n"
        for f in frames
    )


def canary_without_header(frames: list[F]) -> str:
    return "".join(
        f"{f.us // 1_000_000:04}.{f.us % 1_000_000:06} {f.id:08X} {len(f.data)} {f.data.hex(' ').upper():23}\r\n"
        for f in frames
    )


def esp(frames: list[F]) -> str:
    return "load:0x40875730,len:0x175c\r\n" + "".join(
        f"L {f.us:011} {f.id:08X} {len(f.data):02} {f.data.hex(' ').upper()}\r\nentry 0x4086c3b0\r\n" for f in frames
    )


def arduino(frames: list[F]) -> str:
    return " millis(),ID,Length,Data0,Data1,Data2,Data3,Data4,Data5,Data6,Data7\n" + "".join(
        ",".join([str(f.us // 1000), f"0x{f.id:X}", str(len(f.data)), *(f"{byte:02X}" for byte in f.data)]) + "\n"
        for f in frames
    )


def css(frames: list[F]) -> str:
    return "TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes\n" + "".join(
        f"{seconds(f.us)};{f.bus};{f.id:x};{f.extended:d};{FD_CODE.get(len(f.data), len(f.data))};{len(f.data)};0;0;0;"
        f"{f.data.hex()}\n"
        for f in frames
    )


def usb_can(frames: list[F]) -> str:
    head = (
        "NO    Direction  Time Scale        Frame Type      Frame Format        Frame ID    Length        \0 Data \r\n"
    )
    return head + "".join(
        f"{n}     \0Receive     \0{clock(f.us)}     \0Data frame     \0{'Extended' if f.extended else 'Standard'} frame"
        f"     \0{f.id:08x}     \0{len(f.data)}     \0{f.data.hex(' ')}      \0\r\n"
        for n, f in enumerate(frames)
    )


def busmaster(frames: list[F]) -> str:
    return "***BUSMASTER Ver 3.2.0***\n***PROTOCOL CAN***\n***HEX***\n***SYSTEM MODE***\n" + "".join(
        f"{clock(f.us)} Rx {f.bus} 0x{f.id:X} {'x' if f.extended else 's'} {len(f.data)} {f.data.hex(' ').upper()} \n"
        for f in frames
    )


def bustools(frames: list[F]) -> str:
    return "@ TEXT @ 3 @ 64 @ 0 @ 930 @ 1500 @ 00:00:01.500 @\r# $LocalTime=10:51:34.569\r" + "".join(
        f"{seconds(f.us).replace('.', ',')}\t{f.bus}\t00000004\t{f.id:X}\t{len(f.data)}\t{f.data.hex(' ').upper()}"
        "\t00000000\t     r  \t\r"
        for f in frames
    )


def clock(us: int) -> str:
    """Milliseconds since midnight as HH:MM:SS:mmm."""
    ms = us // 1000
    return f"{ms // 3_600_000 % 24:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}:{ms % 1000:03}"

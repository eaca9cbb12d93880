"""The tools that a user would take instead, doing the same work. Run as a program it is the whole rival command:

python benchmarks/peers.py LOG DBC...     decode a candump file with python-can and cantools, into nothing
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def cantools_database(dbc: Iterable[str]) -> Any:
    """All messages of some DBC files; of a message in several files the last one holds, as in renkei."""
    import cantools

    logging.getLogger("cantools").setLevel(logging.ERROR)
    database = cantools.database.Database(strict=False)
    for file in dbc:
        database.add_dbc_file(file)
    return database


def decode_text(log: str, dbc: Sequence[str]) -> int:
    """python-can reads, cantools decodes; how many frames were decoded."""
    import can

    return _decode_all(can.CanutilsLogReader(log), cantools_database(dbc))


def decode_text_with(log: str, database: Any) -> int:
    """The same with a database that is already loaded."""
    import can

    return _decode_all(can.CanutilsLogReader(log), database)


def _decode_all(messages: Iterable[Any], database: Any) -> int:
    decode, n = database.decode_message, 0
    for message in messages:
        try:
            decode(message.arbitration_id, message.data)
        except KeyError:  # not in the DBC files
            continue
        n += 1
    return n


def decode_frames(frames: Iterable[tuple[int, bytes]], database: Any) -> int:
    """cantools alone, frames already in memory."""
    decode, n = database.decode_message, 0
    for id_, data in frames:
        try:
            decode(id_, data)
        except KeyError:
            continue
        n += 1
    return n


def write_mf4(frames: Iterable[tuple[float, int, bytes]], file: Path) -> None:
    """A bus-logging MF4 of all frames on channel 1, by python-can's writer."""
    import can

    with can.MF4Writer(file) as out:
        for t_s, id_, data in frames:
            out.on_message_received(
                can.Message(timestamp=t_s, arbitration_id=id_, is_extended_id=False, data=data, channel=1)
            )


def asammdf_extract(file: Path, dbc: Sequence[str]) -> int:
    """asammdf's bus extraction: all signals of the DBC files as columns in memory."""
    from asammdf import MDF

    logging.getLogger("asammdf").setLevel(logging.ERROR)
    with MDF(file) as recording:
        extracted = recording.extract_bus_logging({"CAN": [(name, 0) for name in dbc]})
        return len(extracted.groups)


if __name__ == "__main__":
    print(decode_text(sys.argv[1], sys.argv[2:]))

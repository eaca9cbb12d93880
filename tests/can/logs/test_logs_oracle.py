"""python-can's own writers and readers as a second opinion; MF4 and BLF live from them."""

from __future__ import annotations

import builtins
import gc
import random

import can
import numpy as np
import pytest
from log_files import joined, recording, same

from renkei.can.frames import EXTENDED
from renkei.can.logs import open_log
from renkei.errors import LogError


def messages(n: int, fd: bool) -> list[can.Message]:
    """Data, remote and error frames on two channels."""
    dice, out = random.Random(2), []
    for k in range(n):
        extended, wide = dice.random() < 0.4, fd and dice.random() < 0.5
        # No empty CAN FD frames: python-can takes their rows in ASC for remote frames.
        size = dice.choice((1, 8, 12, 64)) if wide else dice.randrange(9)
        common = {"timestamp": 1_700_000_000 + k / 1000, "channel": dice.randrange(2), "is_extended_id": extended}
        number = dice.randrange(0x2000_0000 if extended else 0x800)
        remote = not wide and dice.random() < 0.05
        data = None if remote else dice.randbytes(size)
        out.append(
            can.Message(
                arbitration_id=number, data=data, dlc=size, is_fd=wide, is_remote_frame=remote, is_rx=True, **common
            )
        )
    out.append(can.Message(timestamp=1_700_000_000 + n / 1000, is_error_frame=True, channel=0))
    return out


def data_frames(found: list[can.Message]) -> list[tuple[int, bytes]]:
    """(id as in Frames, bytes) of the data frames."""
    return [
        (m.arbitration_id | (EXTENDED if m.is_extended_id else 0), bytes(m.data))
        for m in found
        if not m.is_remote_frame and not m.is_error_frame
    ]


WRITERS = {
    "asc": (can.ASCWriter, can.ASCReader, True),
    "blf": (can.BLFWriter, can.BLFReader, True),
    "trc": (can.TRCWriter, can.TRCReader, False),
    "candump": (can.CanutilsLogWriter, can.CanutilsLogReader, True),
    "python-can-csv": (can.CSVWriter, can.CSVReader, False),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_python_can_writes_both_read_alike(kind, tmp_path):
    writer, reader, fd = WRITERS[kind]
    suffix = {"candump": ".log", "python-can-csv": ".csv"}.get(kind, f".{kind}")
    path = tmp_path / f"log{suffix}"
    written = messages(500, fd)
    with writer(path) as out:
        for message in written:
            out(message)
    with reader(path) as back:
        theirs = list(back)
    log = open_log(path)
    ours = joined(log, frames=100)
    assert log.dialect.startswith(kind)
    assert [(i, bytes(d[:n])) for i, n, d in zip(ours.id.tolist(), ours.length, ours.data, strict=True)] == data_frames(
        theirs
    )
    # TRC writes no error frames in its data rows, so fewer may stand in the file than were written.
    assert len(ours) == len(data_frames(written))
    steps = [m.timestamp for m in theirs if not m.is_remote_frame and not m.is_error_frame]
    assert np.allclose(np.diff(ours.t) / 1e9, np.diff(steps), atol=2e-6)
    assert log.skipped == 0


def test_blf_names_its_start_and_counts_from_it(tmp_path):
    with can.BLFWriter(tmp_path / "log.blf") as out:
        for message in messages(10, False):
            out(message)
    log = open_log(tmp_path / "log.blf")
    assert log.time_base == "boot"
    assert log.start_text == "2023-11-14 22:13:20.000"
    assert abs(int(joined(log).t[0])) < 20_000_000


def test_a_truncated_blf_gives_what_is_good_and_then_an_error(tmp_path):
    with can.BLFWriter(tmp_path / "log.blf") as out:
        for message in messages(20_000, True):
            out(message)
    whole = (tmp_path / "log.blf").read_bytes()
    (tmp_path / "cut.blf").write_bytes(whole[: len(whole) // 2])
    lengths = []
    with pytest.raises(LogError, match=r"cut\.blf: BLF breaks off or is corrupt after \d+ bytes, \d+ frames read"):
        lengths.extend(map(len, open_log(tmp_path / "cut.blf").blocks(frames=500)))
    assert 1000 < sum(lengths) < 19_000


def test_a_blf_of_a_header_alone_is_an_error(tmp_path):
    (tmp_path / "log.blf").write_bytes(b"LOGG" + bytes(10))
    with pytest.raises(LogError, match="BLF breaks off"):
        joined(open_log(tmp_path / "log.blf"))


def test_mf4_is_read_in_order_of_time_with_remote_frames_counted(tmp_path):
    pytest.importorskip("asammdf")
    path = tmp_path / "log.mf4"
    written = messages(200, True)
    with can.MF4Writer(path) as out:
        start = out._start_time
        for message in written:
            message.timestamp += start - 1_700_000_000
            out(message)
    log = open_log(path)
    ours = joined(log, frames=64)
    assert [(i, bytes(d[:n])) for i, n, d in zip(ours.id.tolist(), ours.length, ours.data, strict=True)] == data_frames(
        written
    )
    assert log.ignored == sum(m.is_remote_frame or m.is_error_frame for m in written)
    kept = [m.timestamp for m in written if not m.is_remote_frame and not m.is_error_frame]
    assert np.allclose(np.diff(ours.t) / 1e9, np.diff(kept), atol=1e-6)
    assert (log.dialect, log.position) == ("mf4", log.size)


def test_an_unfinalised_mf4_is_repaired_while_reading_and_left_as_it_is(tmp_path):
    pytest.importorskip("asammdf")
    path = tmp_path / "log.mf4"
    with can.MF4Writer(path, compression_level=0) as out:
        for message in messages(50, False):
            out(message)
    finished = joined(open_log(path))
    raw = bytearray(path.read_bytes())
    raw[:8], raw[60:62] = b"UnFinMF ", b"\1\0"  # flag 1: the record counters were not updated
    path.write_bytes(raw)
    assert same(joined(open_log(path)), finished)
    assert path.read_bytes() == raw


def test_without_asammdf_the_missing_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "log.mf4").write_bytes(b"MDF     4.10    " + bytes(200))
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "asammdf":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LogError, match=r"log\.mf4: reading MF4 needs asammdf: pip install 'renkei\[mf4\]'"):
        open_log(tmp_path / "log.mf4")


BROKEN_MF4 = {
    "cut off after its first block": b"MDF     4.10    " + bytes(30),
    "with an address that leads nowhere": b"MDF     4.10    " + bytes(48) + b"##HD" + b"\xff" * 2000,
    "of zeros": b"MDF     4.10    " + bytes(5000),
}


@pytest.mark.parametrize("case", BROKEN_MF4)
def test_a_broken_mf4_is_an_error_of_one_line_and_nothing_else_is_said(case, tmp_path, capfd):
    pytest.importorskip("asammdf")
    (tmp_path / "log.mf4").write_bytes(BROKEN_MF4[case])
    with pytest.raises(LogError, match=r"log\.mf4: (asammdf cannot read it|MF4)") as error:
        list(open_log(tmp_path / "log.mf4").blocks())
    assert "\n" not in str(error.value)
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_an_mf4_with_wrong_bytes_in_it_is_read_or_an_error_of_one_line(tmp_path, capfd):
    pytest.importorskip("asammdf")
    path = tmp_path / "log.mf4"
    with can.MF4Writer(path) as out:
        for message in messages(200, True):
            message.timestamp += out._start_time - 1_700_000_000
            out(message)
    sound = path.read_bytes()
    dice, told = random.Random(5), []
    for _ in range(16):  # make fuzz throws many more
        raw = bytearray(sound)
        for _ in range(dice.choice((1, 3, 30))):
            raw[dice.randrange(64, len(raw))] = dice.randrange(256)
        path.write_bytes(raw)
        try:
            list(open_log(path).blocks())
        except LogError as error:
            told.append(str(error))
    assert not any("\n" in text for text in told)
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_python_can_reads_the_candump_recording_alike():
    path = recording("mitsubishi-outlander-phev-2019/202109061517-parking-brake.candump.log")
    ours = joined(open_log(path))
    with can.CanutilsLogReader(path) as reader:
        theirs = list(reader)
    assert ours.id.tolist() == [m.arbitration_id for m in theirs]
    assert [bytes(d[:n]) for n, d in zip(ours.length, ours.data, strict=True)] == [bytes(m.data) for m in theirs]
    assert np.allclose(ours.t / 1e9, [m.timestamp for m in theirs], atol=1e-6)

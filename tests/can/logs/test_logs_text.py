"""Streaming: chunks, blocks, memory, broken files."""

from __future__ import annotations

import gzip
import random
import tracemalloc

import log_files as w
import pytest
from log_files import F, joined, same

from renkei.can.logs import open_log, warm
from renkei.errors import LogError


def many(n: int, fd: bool = False) -> list[F]:
    """Frames on three buses, some of 29 bits, some wide when `fd`."""
    dice = random.Random(1)
    return [
        F(k * 100, dice.randrange(3), dice.randrange(0x800), dice.random() < 0.3, dice.randbytes(size), size > 8)
        for k in range(n)
        for size in [dice.choice((0, 8, 12, 64) if fd else (0, 3, 8))]
    ]


@pytest.mark.parametrize("chunk", [16, 17, 100, 1000, 4096])
@pytest.mark.parametrize("write", [w.candump, w.asc, w.gvret, w.trc_2_1, w.usb_can], ids=lambda f: f.__name__)
def test_the_result_does_not_depend_on_the_chunk_size(chunk, write, tmp_path):
    fd = write in (w.candump, w.asc, w.trc_2_1)
    (tmp_path / "log").write_text(write(many(200, fd)) + "1.0 1 broken line\n")
    whole, cut = open_log(tmp_path / "log"), open_log(tmp_path / "log")
    a, b = joined(whole), joined(cut, frames=37, chunk=chunk)
    assert len(a) == 200
    assert same(a, b)
    assert a.channels == b.channels
    assert (whole.skipped, whole.first_skipped) == (cut.skipped, cut.first_skipped)
    assert whole.skipped == 1


def test_a_last_line_without_newline_counts(tmp_path):
    (tmp_path / "log").write_text("(1.0) can0 1DB#00\n(2.0) can0 1DB#01")
    assert len(joined(open_log(tmp_path / "log"))) == 2


def test_blocks_are_no_longer_than_asked_and_position_ends_at_the_size(tmp_path):
    (tmp_path / "log").write_text(w.candump(many(1000)))
    log = open_log(tmp_path / "log")
    lengths = [len(block) for block in log.blocks(frames=300)]
    assert lengths == [300, 300, 300, 100]
    assert log.position == log.size


def test_position_grows_while_blocks_are_consumed(tmp_path):
    (tmp_path / "log").write_text(w.candump(many(3000)))
    log = open_log(tmp_path / "log")
    positions = [log.position for _ in log.blocks(frames=100, chunk=4096)]
    assert positions == sorted(positions)
    assert 0 < positions[0] < positions[-1] <= log.size


def test_wide_frames_make_wide_blocks_only_from_there_on(tmp_path):
    (tmp_path / "log").write_text(w.candump([*many(10), F(5, 0, 1, False, bytes(64), True), *many(10)]))
    assert [block.data.shape for block in open_log(tmp_path / "log").blocks()] == [(10, 8), (11, 64)]


def test_memory_is_bounded_by_the_block_not_by_the_file(tmp_path):
    (tmp_path / "log").write_text(w.candump(many(2000)) * 50)
    log = open_log(tmp_path / "log")
    warm()
    tracemalloc.start()
    try:
        frames = sum(len(block) for block in log.blocks(frames=1000, chunk=1 << 16))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert frames == 100_000
    assert peak < 500_000 < log.size / 5


def test_a_log_may_be_read_twice(tmp_path):
    (tmp_path / "log").write_text(w.candump(many(100)))
    log = open_log(tmp_path / "log")
    assert same(joined(log), joined(log))


@pytest.mark.parametrize("write", [w.candump, w.gvret, w.bustools], ids=lambda f: f.__name__)
def test_gzip_is_found_by_content(write, tmp_path):
    text = write(many(500)).encode()
    (tmp_path / "plain").write_bytes(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text[:3000]) + gzip.compress(text[3000:]))
    log = open_log(tmp_path / "packed")
    assert same(joined(log), joined(open_log(tmp_path / "plain")))
    assert log.position == log.size


def test_a_truncated_gzip_gives_what_is_good_and_then_says_where_it_breaks(tmp_path):
    packed = gzip.compress(w.candump(many(5000)).encode())
    (tmp_path / "log").write_bytes(packed[: len(packed) // 2])
    lengths = []
    with pytest.raises(LogError, match=r"log: gzip data breaks off after \d+ unpacked bytes, \d+ lines read"):
        lengths.extend(map(len, open_log(tmp_path / "log").blocks(frames=100)))
    assert 1000 < sum(lengths) < 4000


def test_a_corrupt_gzip_is_an_error(tmp_path):
    packed = bytearray(gzip.compress(w.candump(many(5000)).encode()))
    packed[-6] ^= 0xFF
    (tmp_path / "log").write_bytes(packed)
    with pytest.raises(LogError, match="gzip data is corrupt"):
        joined(open_log(tmp_path / "log"))


REFUSED = {
    "an empty file": (b"", "is empty, expected a recording"),
    "an empty gzip": (gzip.compress(b""), "is empty, expected a recording"),
    "an unknown binary": (bytes(range(256)) * 10, "no known log dialect; see 'renkei list dialects'"),
    "one line without end": (b"(1.0) can0 1DB#00\n" + b"A" * (5 << 20), "line 2 is longer than 1048576 bytes"),
    "mostly damage": (b"(1.0) can0 1DB#00\n" + b"damage\n" * 3, "3 lines cannot be read, only 1 can; first line 2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what, tmp_path):
    (tmp_path / "log").write_bytes(REFUSED[what][0])
    with pytest.raises(LogError, match=f"log: {REFUSED[what][1]}"):
        joined(open_log(tmp_path / "log"), chunk=1 << 16)


def test_a_directory_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(LogError, match="is a directory"):
        open_log(tmp_path)
    with pytest.raises(LogError, match=r"nothing\.log: cannot be read: No such file"):
        open_log(tmp_path / "nothing.log")


def test_channels_keep_their_index_and_the_251st_is_refused(tmp_path):
    (tmp_path / "log").write_text("".join(f"(1.0) can{k % 260} 1DB#00\n" for k in range(520)))
    log = open_log(tmp_path / "log")
    frames = joined(log, frames=100)
    assert frames.channels == tuple(f"can{k}" for k in range(250))
    assert [frames.channels[c] for c in frames.channel[250:260]] == [f"can{k}" for k in range(10)]
    assert (log.skipped, log.first_skipped.reason) == (20, "more than 250 channels")


def test_the_first_skipped_line_is_cut_to_120_characters(tmp_path):
    (tmp_path / "log").write_text("(1.0) can0 1DB#00\n" * 3 + "x" * 500 + "\n")
    log = open_log(tmp_path / "log")
    joined(log)
    assert log.first_skipped == (4, "x" * 120, "not a line of this dialect")


@pytest.mark.parametrize("chunk", [16, 17, 100, 4096])
@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n\r", "\r\r\n", "\n and \r in turn"])
@pytest.mark.parametrize("write", [w.candump, w.asc, w.gvret], ids=lambda f: f.__name__)
def test_whatever_ends_lines_no_frame_is_lost(write, ends, chunk, tmp_path):
    text = write(many(100))
    (tmp_path / "plain").write_text(text, newline="")
    lines = text.splitlines()
    several = ends.split(" and ")
    between = [several[k % len(several)].split(" ")[0] for k in range(len(lines))]
    (tmp_path / "log").write_text("".join(map("".join, zip(lines, between, strict=True))), newline="")
    plain, log = open_log(tmp_path / "plain"), open_log(tmp_path / "log")
    assert same(joined(log, frames=37, chunk=chunk), joined(plain))
    assert log.skipped == 0

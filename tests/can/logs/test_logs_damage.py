"""Damaged logs: no byte makes a reader crash, run past a line, or depend on where a chunk ends."""

from __future__ import annotations

import log_files as w
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import F, joined, same

from renkei.can.logs import open_log
from renkei.errors import LogError

WRITERS = [
    w.candump,
    w.candump_screen,
    w.asc,
    w.trc_1_1,
    w.trc_2_1,
    w.python_can_csv,
    w.gvret,
    w.crtd,
    w.microchip,
    w.canary,
    w.usb_can,
    w.esp,
    w.arduino,
    w.css,
    w.busmaster,
    w.bustools,
]
FRAMES = [F(k * 1000, k % 2, 0x100 + k, k % 3 == 0, bytes(range(k % 9)), False) for k in range(20)]


@pytest.mark.parametrize("write", WRITERS, ids=lambda f: f.__name__)
def test_damaged_bytes_cost_only_their_own_lines(write, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log"
    sound, header = write(FRAMES).encode(), len(write([]).encode())
    path.write_bytes(sound)
    dialect = open_log(path).dialect

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, len(sound) - 1), st.binary(max_size=3)), min_size=1, max_size=3))
    def holds(damage: list[tuple[int, bytes]]) -> None:
        raw = bytearray(sound)
        for at, wrong in damage:
            raw[at : at + len(wrong) or at + 1] = wrong
        path.write_bytes(raw)
        try:
            whole, cut = open_log(path), open_log(path)
            a, b = joined(whole), joined(cut, frames=3, chunk=16)
        except LogError:
            return  # the header itself was hit
        assert same(a, b)
        assert (whole.skipped, whole.ignored, whole.first_skipped) == (cut.skipped, cut.ignored, cut.first_skipped)
        # A place of damage breaks one line, or two where it takes a newline away; one in the header may break any.
        if whole.dialect == dialect and min(at for at, _ in damage) >= header:
            assert len(a) >= len(FRAMES) - 2 * len(damage)

    holds()

"""What bare numbers are taken to mean, and that it is said."""

from __future__ import annotations

import pytest
from log_files import F, gvret, read

from renkei.errors import LogError


def cyclic(cycle: int, first: int = 0, ids: int = 5, n: int = 20) -> list[F]:
    """`ids` messages, each every `cycle` of whatever unit."""
    return [F(first + k * cycle, 0, 0x100 + i, False, b"") for k in range(n) for i in range(ids)]


RULES = {
    "messages every 10,000 are every 10 ms in us": (cyclic(10_000), "us", "boot"),
    "messages every 10 are every 10 ms in ms": (cyclic(10), "ms", "boot"),
    "messages every 10,000,000 are every 10 ms in ns": (cyclic(10_000_000), "ns", "boot"),
    "us since 1970 are utc": (cyclic(10_000, 1_700_000_000_000_000), "us", "utc"),
    "ms since 1970 are utc": (cyclic(10, 1_700_000_000_000), "ms", "utc"),
    "one id flooding the bus every 275 is in us": (cyclic(275, ids=1), "us", "boot"),
    "frames closer than the shortest frame in us are in ms": (cyclic(20, ids=1), "ms", "boot"),
    "a log too short to judge is in us": (cyclic(10, n=2), "us", "boot"),
}


@pytest.mark.parametrize("rule", RULES)
def test_gvret(rule, tmp_path):
    frames, unit, base = RULES[rule]
    log, got = read(tmp_path / "log", gvret(frames))
    assert (log.time_unit, log.time_base) == (unit, base)
    assert log.assumed[0].startswith(f"time unit {unit}: ")
    scale = {"us": 1_000, "ms": 1_000_000, "ns": 1}[unit]
    assert [t for t, *_ in got] == [f.us * scale for f in frames]


def test_a_negative_epoch_is_shifted_to_zero_and_no_date_is_invented(tmp_path):
    log, got = read(tmp_path / "log", gvret(cyclic(10_000, -1_688_467_643_383_897)))
    assert (got[0][0], got[-1][0]) == (0, 190_000_000)
    assert log.time_base == "boot"
    assert "first frame is at 0" in log.assumed[1]


def test_rows_stay_in_file_order_when_times_step_back(tmp_path):
    frames = [F(5000, 0, 1, False, b""), F(2000, 1, 2, False, b""), F(9000, 0, 1, False, b"")]
    _, got = read(tmp_path / "log", gvret(frames))
    assert [(t, name) for t, name, *_ in got] == [(5_000_000, "0"), (2_000_000, "1"), (9_000_000, "0")]


def test_the_user_knows_better(tmp_path):
    log, got = read(tmp_path / "log", gvret(cyclic(10)), time_unit="s")
    assert (log.time_unit, got[-1][0], log.assumed) == ("s", 190_000_000_000, ())


def test_a_unit_is_refused_where_the_dialect_fixes_it(tmp_path):
    with pytest.raises(LogError, match="the times of candump have a fixed unit, so time unit 'ms' cannot be set"):
        read(tmp_path / "log", "(1.0) can0 1DB#00\n", time_unit="ms")


def test_a_unit_that_is_none_is_refused(tmp_path):
    with pytest.raises(LogError, match="expected one of s, ms, us, ns, got 'min'"):
        read(tmp_path / "log", gvret(cyclic(10)), time_unit="min")


def test_a_time_beyond_int64_is_a_skipped_line_not_a_wrong_time(tmp_path):
    log, got = read(tmp_path / "log", "(1.5) can0 1DB#00\n(1.123456789123) can0 1DB#00\n(99999999999.0) can0 1DB#00\n")
    assert [t for t, *_ in got] == [1_500_000_000, 1_123_456_789]
    assert log.first_skipped == (3, "(99999999999.0) can0 1DB#00", "time not readable")

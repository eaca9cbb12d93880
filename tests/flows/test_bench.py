"""The figures of `renkei bench decode`; how large they are is the machine's affair."""

from __future__ import annotations

from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import LogError, UnknownName
from renkei.flows.bench import decode_speed
from renkei.flows.decode import decode_logs

OUTLANDER = "mitsubishi/outlander-phev-2019"
DEMO_LOG = Path(__file__).parents[2] / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"


def test_speeds_are_given_with_what_was_decoded():
    figures = decode_speed(DEMO_LOG, OUTLANDER, Catalogue(), runs=1)
    _, summary = decode_logs([DEMO_LOG], OUTLANDER, Catalogue())
    speeds = [figures.pop(f"{what}_frames_per_s") for what in ("text_to_columns", "engine", "live")]
    assert figures == {
        "log": str(DEMO_LOG),
        "vehicle": OUTLANDER,
        "dialect": "candump",
        "frames": summary.counts.frames,
        "samples": summary.samples,
    }
    assert all(isinstance(speed, int) and speed > 0 for speed in speeds)


def test_a_log_that_cannot_be_read_or_a_car_that_nobody_knows_is_told(tmp_path):
    with pytest.raises(LogError, match=r"nowhere\.log: cannot be read"):
        decode_speed(tmp_path / "nowhere.log", OUTLANDER, Catalogue())
    with pytest.raises(UnknownName, match=f"did you mean '{OUTLANDER}'"):
        decode_speed(DEMO_LOG, OUTLANDER + "x", Catalogue())

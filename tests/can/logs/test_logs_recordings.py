"""The shared recordings of real cars."""

from __future__ import annotations

import pytest
from log_files import joined, recording, same

from renkei.can.frames import EXTENDED
from renkei.can.logs import open_log

OUTLANDER = "mitsubishi-outlander-phev-2019"
TWINS = {"202109061515-steering-lock-to-lock": 19_871, "202109061517-parking-brake": 17_279}


@pytest.mark.parametrize("name", TWINS)
def test_the_gvret_and_candump_twins_hold_the_same_frames(name):
    gvret = open_log(recording(f"{OUTLANDER}/{name}.gvret.csv"))
    candump = open_log(recording(f"{OUTLANDER}/{name}.candump.log"))
    assert (gvret.dialect, candump.dialect) == ("gvret", "candump")
    a, b = joined(gvret), joined(candump)
    assert len(a) == TWINS[name]
    assert same(a, b)
    assert gvret.skipped == candump.skipped == 0


def test_a_gzipped_recording_is_read_to_its_end():
    log = open_log(recording("comma2k19-rav4/segment40.candump.log.gz"))
    assert len(joined(log)) == 135_468
    assert (log.dialect, log.time_base, log.position) == ("candump", "boot", log.size)


RIDGELINE = {"ACCLotsOfLockRelatedActions": 731, "AccDriverDoor": 703, "AllTheCodes2": 16_437, "DoorTest": 97}


@pytest.mark.parametrize("name", RIDGELINE)
def test_the_ridgeline_recordings_are_read_whole(name):
    log = open_log(recording(f"honda-ridgeline-2006/{name}.csv"))
    frames = joined(log)
    assert (log.dialect, log.time_unit, len(frames), log.skipped) == ("arduino-csv", "ms", RIDGELINE[name], 0)
    assert (frames.id & EXTENDED).all()


def test_the_broken_row_of_the_ridgeline_is_named_by_its_line():
    log = open_log(recording("honda-ridgeline-2006/test.csv"))
    assert len(joined(log)) == 3
    assert log.skipped == 1
    assert (log.first_skipped.line, log.first_skipped.text) == (5, "OxAF8111,20,10,10")

"""Files appear whole or not at all."""

import pytest

from renkei.aside import aside
from renkei.errors import OutputError


def test_a_file_appears_when_it_is_whole(tmp_path):
    file = tmp_path / "drive.csv"
    with aside(file) as beside:
        beside.write_text("whole")
        assert beside.suffix == ".csv"
        assert not file.exists()
    assert [f.name for f in tmp_path.iterdir()] == ["drive.csv"]


def write(file, text, broken=None):
    with aside(file) as beside:
        beside.write_text(text)
        if broken:
            raise broken


def test_what_stood_there_stays_when_writing_breaks_off(tmp_path):
    file = tmp_path / "drive.csv"
    file.write_text("before")
    with pytest.raises(KeyError):
        write(file, "hal", KeyError("x"))
    assert file.read_text() == "before"
    assert [f.name for f in tmp_path.iterdir()] == ["drive.csv"]


@pytest.mark.parametrize("folder", ["none", "a-file"])
def test_what_the_system_refuses_is_told_with_the_file(tmp_path, folder):
    (tmp_path / "a-file").touch()
    with pytest.raises(OutputError, match=rf"{folder}/drive\.csv: cannot be written: N"):
        write(tmp_path / folder / "drive.csv", "x")


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "drive.csv"
    link.symlink_to(tmp_path / "disk/real.csv")
    write(link, "whole")
    assert link.is_symlink()
    assert (tmp_path / "disk/real.csv").read_text() == "whole"


def test_a_device_is_no_file_to_replace(tmp_path):
    link = tmp_path / "full.csv"
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="/dev/full: cannot be written: not a regular file"):
        write(link, "x")

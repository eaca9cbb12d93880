"""The audit log: every change, gap and cut of it is found."""

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.authority.audit import REFUSALS_PER_S, AuditLog, check, check_parts, head_of
from renkei.errors import CannotTell, InputError, OutputError


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "audit.jsonl"
    opened = AuditLog(file)
    for number in range(5):
        opened.record("asked", by=f"app {number}", values=[number, 1.5, "x", True])
    opened.close()
    return file


def test_a_log_goes_on_where_it_ended(log):
    AuditLog(log).close()
    assert (check(log).lines, check(log).broken) == (9, None)


def lines_of(file):
    return file.read_bytes().splitlines(keepends=True)


def forged(lines, number, **changes):
    """A line with other content and a hash that fits it."""
    entry = json.loads(lines[number]) | changes
    del entry["hash"]
    plain = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    entry["hash"] = hashlib.sha256(plain).hexdigest()
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"


BROKEN = {
    "a line erased": (lambda ls: ls[:3] + ls[4:], "line 4"),
    "the first line erased": (lambda ls: ls[1:], "line 1"),
    "two lines exchanged": (lambda ls: [*ls[:2], ls[3], ls[2], *ls[4:]], "line 3"),
    "a line twice": (lambda ls: [*ls[:3], ls[2], *ls[3:]], "line 4"),
    "a value changed": (lambda ls: [*ls[:2], ls[2].replace(b"app 1", b"app 9"), *ls[3:]], "line 3"),
    "a value changed and hashed anew": (lambda ls: [*ls[:2], forged(ls, 2, by="app 9"), *ls[3:]], "line 4"),
    "the last line forged": (lambda ls: [*ls[:-1], forged(ls, -1, event="x")], "line 7"),
    "the end cut off": (lambda ls: ls[:-2], "cut off"),
    "everything erased": (lambda ls: [], "cut off"),
    "a blank line": (lambda ls: [*ls[:2], b"\n", *ls[2:]], "line 3"),
    "nonsense at the end": (lambda ls: [*ls, b"x\n"], "line 8"),
    "spaces in a line": (lambda ls: [*ls[:2], ls[2].replace(b",", b", "), *ls[3:]], "line 3"),
}


@pytest.mark.parametrize(("spoil", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_chain_is_found(log, spoil, told):
    log.write_bytes(b"".join(spoil(lines_of(log))))
    assert told in check(log).broken
    with pytest.raises(InputError, match="name another"):
        AuditLog(log)


@given(st.data())
def test_any_changed_byte_is_found(data):
    content = FIXED["content"]
    at = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != content[at]))
    FIXED["file"].write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
    assert check(FIXED["file"]).broken


FIXED = {}


@pytest.fixture(autouse=True, scope="module")
def fixed(tmp_path_factory):
    file = tmp_path_factory.mktemp("fixed") / "audit.jsonl"
    opened = AuditLog(file)
    opened.record("asked", by="someone")
    opened.close()
    FIXED.update(file=file, content=file.read_bytes())


def test_a_log_or_a_head_that_is_gone_is_missed(log):
    content = log.read_bytes()
    log.unlink()
    with pytest.raises(InputError, match="missing"):
        AuditLog(log)
    log.write_bytes(content)
    head_of(log).unlink()
    assert "head is missing" in check(log).broken


def test_a_line_that_was_written_in_part_is_taken_off_and_told_of(log):
    with log.open("ab") as out:
        out.write(b'{"before":"12')
    assert check(log).broken == "line 8: no whole line"
    AuditLog(log).close()
    assert check(log).broken is None
    assert json.loads(lines_of(log)[7])["torn_bytes"] == 13


def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_disk(tmp_path):
    now = [1000.0]
    opened = AuditLog(tmp_path / "a", now_s=lambda: now[0])
    for _ in range(REFUSALS_PER_S + 50):
        opened.refusal(why="no")
    now[0] += 1
    opened.refusal(why="no")
    opened.close()
    entries = [json.loads(line) for line in lines_of(tmp_path / "a")]
    assert len(entries) == REFUSALS_PER_S + 3
    assert entries[-2]["left_out"] == 50


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.text() | st.floats() | st.integers() | st.booleans() | st.none() | st.lists(st.floats()),
    )
)
def test_whatever_is_written_down_can_be_followed(facts):
    file = FIXED["file"].with_name("any.jsonl")
    for each in (file, head_of(file)):
        each.unlink(missing_ok=True)
    opened = AuditLog(file)
    opened.record("asked", **facts)
    opened.close()
    assert check(file).broken is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "a").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="cannot be written"):
        AuditLog(tmp_path / "a")


# Rotation


@pytest.fixture
def rotated(tmp_path):
    """A log whose file was renamed twice while it was written: the parts, the oldest first."""
    file = tmp_path / "audit.jsonl"
    opened = AuditLog(file)
    for number in (2, 1):
        for _ in range(3):
            opened.record("asked", by="an app")
        file.rename(tmp_path / f"audit.jsonl.{number}")
    opened.record("asked", by="an app")
    opened.close()
    return [tmp_path / "audit.jsonl.2", tmp_path / "audit.jsonl.1", file]


def events(file):
    return [json.loads(line)["event"] for line in lines_of(file)]


def test_a_log_that_is_renamed_goes_on_in_a_new_file(rotated):
    asked = ["asked"] * 3
    assert list(map(events, rotated)) == [
        ["opened", *asked, "renamed"],
        ["opened", *asked, "renamed"],
        ["opened", "asked", "closed"],
    ]
    assert [part.broken for part in check_parts(rotated)] == [None] * 3
    AuditLog(rotated[-1]).close()  # the next server goes on with it
    assert [part.broken for part in check_parts(rotated)] == [None] * 3


def test_an_empty_file_that_was_made_in_its_place_is_used(tmp_path):
    file = tmp_path / "a"
    opened = AuditLog(file)
    file.rename(tmp_path / "a.1")
    file.touch()
    opened.record("asked")
    opened.close()
    assert [part.broken for part in check_parts([tmp_path / "a.1", file])] == [None, None]


def test_a_file_with_content_that_was_put_in_its_place_is_not_written_to(log):
    opened = AuditLog(log)
    content = log.read_bytes()
    log.rename(log.with_name("moved"))
    log.write_bytes(content)
    with pytest.raises(OutputError, match="is another file than the one that was written"):
        opened.record("asked")
    assert log.read_bytes() == content


def test_a_part_that_is_missing_is_missed(rotated):
    with pytest.raises(CannotTell, match=r"goes on from a file of 5 lines: name that one before it"):
        check_parts(rotated[1:])
    found = check_parts([rotated[0], rotated[2]])
    assert "cut off, or" in found[-1].broken


def test_a_part_that_was_cut_changed_or_exchanged_is_found(rotated, tmp_path):
    first, content = rotated[0], rotated[0].read_bytes()
    first.write_bytes(b"".join(lines_of(first)[:-1]))
    assert check_parts(rotated)[-1].broken.startswith("line 5: cut off")
    first.write_bytes(content.replace(b"an app", b"nobody", 1))
    assert "changed after it was written" in check_parts(rotated)[-1].broken
    AuditLog(tmp_path / "other").close()
    assert check_parts([tmp_path / "other", *rotated[1:]])[-1].broken

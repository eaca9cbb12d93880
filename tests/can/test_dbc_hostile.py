"""Texts that are made to trouble the DBC loader: it says what it could not use, and neither breaks nor takes long."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.dbc import Database, Repair, parse
from renkei.can.plan import field_of
from renkei.errors import DbcError

SIGNAL = ' SG_ {} : {}|{}@1+ (1,0) [0|0] "" X\n'
MOST_CPU_S = 5.0
"""Processor time for one text of a few hundred kilobytes: a small part of a second here, minutes where it gets out of
hand."""


@contextmanager
def bounded() -> Iterator[None]:
    """Fails what takes more processor time than that."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"more than {MOST_CPU_S:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def read(text: str) -> Database:
    with bounded():
        return parse(text, "x.dbc")


def test_a_message_longer_than_any_bus_carries_is_dropped_with_its_signals() -> None:
    text = "BO_ 1 A: 999999999 X\n" + SIGNAL.format("S", 0, 8) + 'BO_ 2 B: 8 X\nCM_ SG_ 1 S "gone";\n'
    database = read(text)
    assert list(database.messages) == ["B"]
    assert database.repairs[0] == Repair(
        1, "dropped", "message A (0x1): 999999999 bytes, and no message has more than 4095"
    )


def test_a_message_of_length_0_is_not_taken_to_be_longer_than_any_bus_carries() -> None:
    text = "BO_ 1 A: 0 X\n" + SIGNAL.format("S", 99999, 8) + SIGNAL.format("T", 32759, 1)
    message = read(text).messages["A"]
    assert (message.length, [s.name for s in message.signals]) == (4095, ["T"])


def test_of_thousands_of_signals_in_one_place_not_all_pairs_are_counted() -> None:
    database = read("BO_ 1 A: 8 X\n" + "".join(SIGNAL.format(f"S{n}", 0, 64) for n in range(3000)))
    assert len(database.messages["A"].signals) == 3000
    what = "signals S0 and S1 (and at least 49999 more pairs) of message A (0x1) overlap: all kept"
    assert database.repairs == (Repair(3, "noticed", what),)


def test_of_thousands_of_signals_on_pages_of_their_own_it_is_said_that_not_all_were_compared() -> None:
    pages = "".join(SIGNAL.format(f"S{n} m{n}", 16, 16) for n in range(3000))
    database = read("BO_ 1 A: 8 X\n" + SIGNAL.format("PAGE M", 0, 16) + pages)
    assert len(database.messages["A"].signals) == 3001
    what = "message A (0x1): too many signals in the same bits to tell whether they overlap: all kept"
    assert database.repairs == (Repair(1, "noticed", what),)


def test_multiplexers_below_multiplexers_without_end_are_dropped_beyond_the_eighth() -> None:
    chain = "".join(SIGNAL.format(f"S{n} m1M", 8, 8) for n in range(1, 3000))
    selections = "".join(f"SG_MUL_VAL_ 1 S{n} S{n - 1} 1-1;\n" for n in range(1, 3000))
    database = read("BO_ 1 A: 8 X\n" + SIGNAL.format("S0 M", 0, 8) + chain + selections)
    assert [s.name for s in database.messages["A"].signals] == [f"S{n}" for n in range(8)]
    assert Repair(10, "dropped", "signal S8 of message A (0x1): nothing says clearly when it is there") in (
        database.repairs
    )


def test_thousands_of_signals_of_one_name_get_names_of_their_own() -> None:
    same = "".join(SIGNAL.format("S", 0, 64).replace("(1,0)", f"(1,{n})") for n in range(2000))
    written_alike = "".join(SIGNAL.format("T" + "-" * (n % 2) + "+" * n, 0, 64) for n in range(400))
    names = [s.name for s in read(f"BO_ 1 A: 8 X\n{same}BO_ 2 B: 8 X\n{written_alike}").messages["A"].signals]
    assert names[:3] == ["S", "S_2", "S_3"]
    assert len(set(names)) == 2000


HOSTILE = {
    "blanks before a statement": " " * 300_000 + "BU_: X\n",
    "tabs among the new symbols": "NS_ :\n" + "\t" * 300_000 + "CM_ x\n",
    "signals without end in one line": " SG_ S : " * 30_000 + "\n",
    "an identifier far from its text": "CM_ SG_ 1" + " \n" * 100_000 + 'S "far";\n',
    "a value far from its attribute": 'BA_ "Gen" BO_ BO_ BO_' + " " * 100_000 + "1 10;\n",
    "quotes that are never closed": 'VAL_ 1 S 1 "a" ' + '\\"' * 100_000 + ";\n",
    "a type that is none": "SIG_VALTYPE_ 1 S " + "[" * 300_000 + ": 1;\n",
    "words without end": "BO_ 1 " + "a " * 100_000 + "\n",
    "digits without end": "BO_ " + "1" * 300_000 + " A: 8 X\nVAL_ 1 S " + "1" * 300_000 + ' "a";\n',
    "statements without end in one line": "CM_ " * 100_000 + "\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_goes_before_or_after_is_read_in_spite_of(case: str) -> None:
    good = "BO_ 7 GOOD: 8 X\n" + SIGNAL.format("S", 0, 8)
    for text in (f"{good}\n{HOSTILE[case]}", f"{HOSTILE[case]}\n{good}"):
        assert "GOOD" in read(text).messages


def test_what_a_report_repeats_of_a_file_fits_a_line_of_a_terminal() -> None:
    database = read("BO_ 1 A\x1b[31m\x07: 8 X\n" + SIGNAL.format("S" * 5000 + "-\u202e", 0, 8))
    assert all(repair.what.isprintable() and len(repair.what) <= 300 for repair in database.repairs)
    assert [repair.line for repair in database.repairs] == [1, 2]


# Our own files, damaged at random


@cache
def own_files() -> list[str]:
    found = Path(str(files("renkei") / "data/makers")).glob("*/can/*.dbc")
    return [path.read_text(encoding="utf-8") for path in sorted(found)]


PIECES = (
    '"', ";", ":", "|", "@", ",", "(", ")", "[", "]", " ", "\n", "0", "M", "9" * 12, "/", "//", "\\", "\\\"", "\x00",
    "\ufeff", "é", "SG_ ", "\n SG_ ", "BO_ ", "\nBO_ ", "BA_ ", "VAL_ ", "m1 ", "m1M ", "0|8@1+ ", "-", "1e400", "nan",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A part of one of our files, pieces of it lost, doubled, moved or overwritten."""
    lines = draw(st.sampled_from(own_files())).splitlines(keepends=True)
    chance = draw(st.randoms(use_true_random=False))
    text = "".join(lines[:12] + chance.sample(lines, min(60, len(lines))))
    for _ in range(draw(st.integers(1, 40))):
        text = damage(text, chance)
    return text


def damage(text: str, chance: random.Random) -> str:
    a = chance.randrange(len(text) + 1)
    b = min(a + chance.choice((0, 1, 3, 30)), len(text))
    c = chance.randrange(len(text) + 1)
    put = chance.choice((chance.choice(PIECES), text[c : c + 30], ""))
    return text[:a] + put * chance.choice((1, 1, 1, 40)) + text[b:]


@settings(deadline=None, max_examples=150)
@given(damaged())
def test_a_damaged_file_of_ours_is_read_as_far_as_it_goes(text: str) -> None:
    try:
        database = read(text)
    except DbcError:  # of all its messages none is left
        return
    last = text.replace("\r\n", "\n").count("\n") + text.replace("\r\n", "\n").count("\r") + 1
    assert list(database.repairs) == sorted(database.repairs)
    for repair in database.repairs:
        assert 1 <= repair.line <= last
        assert repair.what.isprintable()
    for name, message in database.messages.items():
        assert message.name == name
        names = [s.name for s in message.signals]
        assert len(set(names)) == len(names)
        for s in message.signals:
            assert field_of(s).end <= message.length
            assert s.scale != 0
            assert {switch.signal for switch in s.switches} <= set(names) - {s.name}

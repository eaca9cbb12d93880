"""What errors say: the name that was meant, only as much of a value as fits a line, all mistakes together."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.errors import CatalogueError, Mistakes, ValueRefused, clipped, nearest

NEAREST = {
    "another case": ("vehicle.speed", ["Vehicle.Speed", "Vehicle.SpeedLimit"], "Vehicle.Speed"),
    "of two that case tells apart the one with fewer letters of another": (
        "vehicle.speed", ["vehicle.SPEED", "Vehicle.Speed"], "Vehicle.Speed",
    ),
    "whatever their order": ("vehicle.speed", ["Vehicle.Speed", "vehicle.SPEED"], "Vehicle.Speed"),
    "of two as near the one in the case of VSS": ("Vehicle.speed", ["vehicle.speed", "Vehicle.Speed"], "Vehicle.Speed"),
    "the last step alone": ("speed", ["Vehicle.Speed", "Vehicle.Width"], "Vehicle.Speed"),
    "nothing near": ("xyz", ["Vehicle.Speed"], None),
    "nothing known": ("xyz", [], None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "known", "near"), NEAREST.values(), ids=NEAREST)
def test_the_nearest_name(name, known, near):
    assert nearest(name, known) == near


LETTERS = st.text("abAB.", max_size=8)


@given(LETTERS, st.lists(LETTERS.map(str.lower), max_size=30, unique=True))
def test_the_nearest_of_few_names_is_the_one_that_difflib_finds(name, known):
    """Of many, the letter counts choose which are compared."""
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    assert not found or nearest(name, known) == found[0]


def test_a_name_of_a_million_letters_takes_no_time_to_look_up():
    assert nearest("Vehicle." * 200_000, ["Vehicle.Speed"] * 1000) is None


CLIPPED = {
    "a text": ("on", "'on'"),
    "a long text": ("x" * 100, "'" + "x" * 55 + "...'"),
    "a long list": ([1] * 100, "[" + "1, " * 18 + "1...]"),
    "a number of 5000 digits": (10**5000, "a int too large to be shown"),
    "control characters": ("\x1b[0m\n", r"'\x1b[0m\n'"),
}


@pytest.mark.parametrize(("got", "text"), CLIPPED.values(), ids=CLIPPED)
def test_a_value_is_shown_in_part(got, text):
    assert clipped(got) == text


@given(st.text() | st.integers() | st.floats() | st.lists(st.text()))
def test_errors_are_one_line_that_can_be_printed(got):
    for error in (
        CatalogueError("f.toml", "k", expected="x", got=got),
        ValueRefused("A.B", "type", expected="x", got=got),
    ):
        assert str(error).isprintable()
        assert len(str(error)) < 110


def test_mistakes_are_gathered_and_told_together():
    mistakes, inner = Mistakes(), Mistakes()
    mistakes.tell()
    for key in "ab":
        with inner.gathered():
            raise CatalogueError("f", key, expected="x", got=1)
    with mistakes.gathered():
        inner.tell()
    with mistakes.gathered():
        raise CatalogueError("g", "c", expected="x", got=1)
    with pytest.raises(CatalogueError) as told:
        mistakes.tell()
    assert [(e.file, e.key) for e in (told.value, *told.value.others)] == [("f", "a"), ("f", "b"), ("g", "c")]


def test_other_errors_are_not_gathered():
    with pytest.raises(ZeroDivisionError), Mistakes().gathered():
        1 / 0  # noqa: B018

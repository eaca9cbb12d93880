"""The query language: what it takes, what a row holds and when there is one, what it refuses and where."""

import itertools
import math
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.broker.datapoint import Datapoint
from renkei.doors.kuksa.query import Query
from renkei.doors.kuksa.query_syntax import DEPTH, QUERY_LENGTH, parse
from renkei.errors import InputError
from renkei.vocabulary import Signal, Vocabulary, builtin

VOCABULARY = Vocabulary(
    [
        Signal(0, "A", "sensor", "float"),
        Signal(0, "Car.B", "sensor", "uint8"),
        Signal(0, "Car.Is", "sensor", "boolean"),
        Signal(0, "Car.Text", "sensor", "string"),
        Signal(0, "Car.List", "sensor", "float[]"),
        Signal(0, "Car.D", "sensor", "double"),
        Signal(0, "Car.Select.As", "sensor", "int64"),
    ],
    "test",
)
PATHS = {s.path: s.index for s in VOCABULARY}


def points(values):
    """Inputs of a row: all signals, None where nothing is given; each received at its index + 1."""
    return {index: Datapoint(values.get(path), 0, index + 1) for path, index in PATHS.items()}


def row(query, last=None, **values):
    """The row that a query makes, by name; `A` and, below Car, the last part of the path."""
    named = {path: values[path.rsplit(".", 1)[-1]] for path in PATHS if path.rsplit(".", 1)[-1] in values}
    before = {} if last is None else points(last)
    cells = Query(query, VOCABULARY).row(points(named), before)
    return None if cells is None else {cell.name: cell.value for cell in cells}


# What holds

HOLDS = [
    ("A > 5", {"A": 6.0}, True),
    ("A > 5", {"A": 5.0}, False),
    ("A >= 5", {"A": 5.0}, True),
    ("5 > A", {"A": 4.0}, True),
    ("A < -5.5", {"A": -6.0}, True),
    ("A <= +5", {"A": 5.0}, True),
    ("A = 1e3", {"A": 1000.0}, True),
    ("A <> 5", {"A": 6.0}, True),
    ("A != 5", {"A": 5.0}, False),
    ("Car.B > 1000", {"B": 200}, False),
    ("Car.B = 50.5", {"B": 50}, False),
    ("A = Car.B", {"A": 7.0, "B": 7}, True),
    ("Car.Is", {"Is": True}, True),
    ("Car.Is = false", {"Is": False}, True),
    ("NOT Car.Is", {"Is": True}, False),
    ("NOT NOT Car.Is", {"Is": True}, True),
    ("not not not Car.Is", {"Is": False}, True),
    ("Car.Text = 'it''s'", {"Text": "it's"}, True),
    ("Car.Text <> ''", {"Text": "x"}, True),
    ("A BETWEEN 1 AND 2", {"A": 1.0}, True),
    ("A BETWEEN 1 AND 2", {"A": 2.5}, False),
    ("A NOT BETWEEN 1 AND 2", {"A": 2.5}, True),
    ("A BETWEEN 1 AND 2 AND Car.Is", {"A": 1.5, "Is": False}, False),
    ("A BETWEEN Car.B AND Car.D", {"A": 5.0, "B": 1, "D": 9.0}, True),
    ("A > 1 AND A < 3 OR Car.Is", {"A": 9.0, "Is": True}, True),
    ("A > 1 AND (A < 3 OR Car.Is)", {"A": 0.0, "Is": True}, False),
    ("(A > 1) = Car.Is", {"A": 2.0, "Is": True}, True),
    ("TRUE", {}, True),
    ("Car.Select.As = 9223372036854775807", {"As": 2**63 - 1}, True),
    ('"Car.Select.As" > 1', {"As": 2}, True),
]


@pytest.mark.parametrize(("condition", "values", "holds"), HOLDS, ids=[f"{c} {v}" for c, v, _ in HOLDS])
def test_a_condition(condition, values, holds):
    assert (row(f"SELECT A WHERE {condition}", **values) is not None) is holds
    assert row(f"SELECT ({condition}) AS x, A", **values)["x"] is holds


MISSING = [
    ("A > 5", {}, None),
    ("A = 5", {}, False),
    ("A <> 5", {}, True),
    ("A = Car.D", {}, None),
    ("NOT A > 5", {}, None),
    ("A BETWEEN 1 AND 2", {}, None),
    ("A > 5 OR Car.Is", {"Is": True}, True),
    ("A > 5 AND Car.Is", {"Is": True}, None),
    ("A > 5 AND Car.Is", {"Is": False}, False),
]


@pytest.mark.parametrize(("condition", "values", "holds"), MISSING, ids=[f"{c} {v}" for c, v, _ in MISSING])
def test_a_condition_on_what_is_missing_holds_only_when_it_must(condition, values, holds):
    assert row(f"SELECT ({condition}) AS x, Car.Text", **values)["x"] is holds
    assert (row(f"SELECT Car.Text WHERE {condition}", **values) is not None) is (holds is True)


def test_a_float_is_compared_as_every_client_sees_it():
    (seen,) = struct.unpack("<f", struct.pack("<f", 36.6))
    assert row("SELECT A WHERE A = 36.6", A=36.6) is not None
    assert row("SELECT A WHERE A = 36.6", A=seen) is not None
    assert row("SELECT Car.D WHERE Car.D = 36.6", D=seen) is None
    assert row("SELECT A WHERE A < 1e300", A=3.4e38) is not None


# What a row holds


def test_columns_are_named_by_path_by_as_or_by_place():
    query = "SELECT A, Car.B AS b, Car.B > 3, LAG(Car.D) AS before, LAG(Car.Is), 'x' AS t, 2 AS n, 1.5 AS f"
    assert row(query, {"Car.D": 4.5}, A=1.0, B=4, D=5.5, Is=True) == {
        "A": 1.0, "b": 4, "field_2": True, "before": 4.5, "Car.Is": None, "t": "x", "n": 2, "f": 1.5
    }  # fmt: skip


def test_a_list_may_be_a_column():
    assert row("SELECT Car.List, LAG(Car.List) AS before", {"Car.List": [0.5]}, List=[1.5, 2.5]) == {
        "Car.List": [1.5, 2.5], "before": [0.5]
    }  # fmt: skip


def test_a_value_carries_its_datatype_and_when_it_was_received():
    cells = Query("SELECT Car.B, (A > Car.B) AS x, 3 AS n, 1.5 AS f", VOCABULARY).row(
        points({"A": 1.0, "Car.B": 1}), {}
    )
    assert [(c.datatype, c.t_ns) for c in cells[:2]] == [("uint8", 2), ("boolean", 2)]
    assert [c.datatype for c in cells[2:]] == ["int64", "double"]


def test_lag_is_what_was_in_the_row_before():
    changed = "SELECT A WHERE A <> LAG(A)"
    assert row(changed, A=1.0) == {"A": 1.0}
    assert row(changed, {"A": 1.0}, A=1.0) is None
    assert row(changed, {"A": 1.0}, A=2.0) == {"A": 2.0}
    assert row(changed) is None
    crossed = "SELECT A WHERE (A > 5) <> LAG(A > 5)"
    assert row(crossed, {"A": 6.0}, A=7.0) is None
    assert row(crossed, {"A": 5.0}, A=7.0) == {"A": 7.0}


def test_a_subquery_adds_its_columns_when_its_condition_holds():
    query = "SELECT (SELECT A, Car.Is WHERE A > 5), (SELECT Car.B WHERE Car.Is) AS ignored, Car.D"
    assert row(query, A=6.0, B=2, Is=False, D=1.5) == {"A": 6.0, "Car.Is": False, "Car.D": 1.5}
    assert row(query, A=1.0, B=2, Is=True, D=1.5) == {"Car.B": 2, "Car.D": 1.5}
    assert row("SELECT (SELECT A WHERE A > 5), (SELECT Car.B WHERE Car.Is)", A=1.0, B=1, Is=False) is None
    assert row("SELECT (SELECT A WHERE A > 5) WHERE Car.Is", A=6.0, Is=False) is None
    assert row("SELECT (SELECT (SELECT A WHERE A <> LAG(A)))", {"A": 1.0}, A=2.0) == {"A": 2.0}


def test_the_inputs_are_all_signals_that_are_named():
    query = Query("SELECT A, (SELECT Car.B WHERE LAG(Car.Is)) WHERE Car.D > 1", VOCABULARY)
    assert query.inputs == {PATHS[p] for p in ("A", "Car.B", "Car.Is", "Car.D")}


def test_layout_is_free():
    spread = "-- all of it\nselect\tA /* the\nfirst */ As first,\n Car.B where(A>1)And not Car.Is ; -- end"
    assert row(spread, A=2.0, B=1, Is=False) == {"first": 2.0, "Car.B": 1}


def test_the_query_of_the_documentation_can_be_asked():
    text = (Path(__file__).parents[2] / "docs/databroker.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"(?m)^    SELECT .*\n(?:    .*\n)*", text)
    assert len(Query(query, builtin()).inputs) == 3


# What is refused

REFUSED = {
    "": "query, character 1: expected SELECT, got the end of the query",
    "A": "query, character 1: expected SELECT, got 'A'",
    "SELECT": "query, character 7: expected a path, a number, a text or '(', got the end of the query",
    "SELECT *": "query, character 8: expected a path, a number, a text or '(', got '*'",
    "SELECT A,": "query, character 10: expected a path, a number, a text or '(', got the end of the query",
    "SELECT A Car.B": "query, character 10: expected ',', WHERE, AND, OR, a comparison or the end",
    "SELECT A FROM Car.B": "query, character 10: expected ',', WHERE, AND",
    "SELECT A AS": "query, character 12: expected a name for the column, got the end of the query",
    "SELECT A AS 5": "query, character 13: expected a name for the column, got '5'",
    "SELECT A AS WHERE": "query, character 13: expected a name for the column, got 'WHERE'",
    "SELECT A WHERE": "query, character 15: expected a path",
    "SELECT A WHERE A": "query, character 16: expected a condition after WHERE, got a number",
    "SELECT A WHERE Car.Text": "query, character 16: expected a condition after WHERE, got a text",
    "SELECT A WHERE A > ": "query, character 20: expected a path",
    "SELECT A WHERE A > 'x'": "query, character 18: expected numbers beside >, got a text",
    "SELECT A WHERE A = 'x'": "query, character 18: expected the same kind on both sides, got a number = a text",
    "SELECT A WHERE Car.Is < TRUE": "query, character 23: expected numbers beside <, got true or false",
    "SELECT A WHERE Car.Text > 'a'": "query, character 25: expected numbers beside >, got a text",
    "SELECT A WHERE A > 1 < 2": "query, character 22: expected ',', WHERE",
    "SELECT A WHERE A AND Car.Is": "query, character 16: expected a condition beside AND, got a number",
    "SELECT A WHERE NOT A": "query, character 20: expected a condition after NOT, got a number",
    "SELECT A WHERE A NOT 5": "query, character 22: expected BETWEEN, got '5'",
    "SELECT A WHERE A BETWEEN 1": "query, character 27: expected AND and the upper limit, got the end of the query",
    "SELECT A WHERE A BETWEEN 1 OR 2": "query, character 28: expected AND and the upper limit, got 'OR'",
    "SELECT A WHERE Car.List = 5": "query, character 16: expected a single value in a condition, got Car.List,",
    "SELECT A WHERE (A > 5": "query, character 22: expected ')', got the end of the query",
    "SELECT A WHERE A > 5)": "query, character 21: expected ',', WHERE",
    "SELECT A WHERE A + 1 > 5": "query, character 18: expected ',', WHERE",
    "SELECT A WHERE (SELECT Car.Is)": "query, character 17: expected a subquery among the columns only",
    "SELECT A, (SELECT A WHERE A > 1) > 5": "query, character 12: expected a subquery among the columns only",
    "SELECT LAG A": "query, character 12: expected '(', got 'A'",
    "SELECT LAG(LAG(A))": "query, character 8: expected one LAG, got LAG of LAG",
    "SELECT Car": "query, character 8: unknown signal 'Car'",
    "SELECT Car.Bb": "query, character 8: unknown signal 'Car.Bb'; did you mean 'Car.B'?",
    "SELECT car.B": "query, character 8: unknown signal 'car.B'; did you mean 'Car.B'?",
    'SELECT A WHERE Car.Text = "x"': "query, character 27: unknown signal 'x'",
    "SELECT 'A": 'query, character 8: expected a word, number, text or sign of the query language, got "\'A"',
    "SELECT A /* no end": "query, character 10: expected ',', WHERE",
    "SELECT A; SELECT A": "query, character 11: expected ',', WHERE",
    "SELECT A WHERE A > 1e400": "query, character 20: expected a number that fits 64-bit floating point, got '1e400'",
    "SELECT 5 AS five": "query, character 1: expected a query that names a signal, got none",
    "SELECT A, Car.B AS A": "query, character 11: expected a name of its own for each column (give one with AS)",
    "SELECT A, LAG(A)": "query, character 11: expected a name of its own for each column",
    "SELECT A WHERE A > 5\x00": "query, character 21: expected a word",
    "SELECT 'x' WHERE é > 1": "query, character 18: unknown signal 'é'",
}


@pytest.mark.parametrize(("query", "text"), REFUSED.items(), ids=map(repr, REFUSED))
def test_a_query_is_refused_at_a_character(query, text):
    with pytest.raises(InputError) as e:
        Query(query, VOCABULARY)
    assert str(e.value).startswith(text)
    assert "\n" not in str(e.value)


HUGE = {
    "100,000 brackets": "SELECT A WHERE " + "(" * 100_000 + "Car.Is" + ")" * 100_000,
    "brackets up to the length": "SELECT A WHERE " + "(" * (QUERY_LENGTH - 100),
    "brackets in LAG": "SELECT " + "LAG(" * 8000 + "A" + ")" * 100,
    "queries in queries": "SELECT " + "(SELECT " * 4000 + "A",
    "a number of 30,000 digits": "SELECT A WHERE A > " + "9" * 30_000,
    "a path of 30,000 characters": "SELECT " + "x" * 30_000,
    "too long": "SELECT A WHERE Car.Is" + " OR Car.Is" * 10_000,
}


@pytest.mark.parametrize("query", HUGE.values(), ids=HUGE)
def test_a_huge_query_is_refused(query):
    with pytest.raises(InputError) as e:
        Query(query, VOCABULARY)
    assert len(str(e.value)) < 200


def test_as_deep_and_as_long_as_can_be():
    assert row("SELECT A WHERE " + "(" * DEPTH + "Car.Is" + ")" * DEPTH, Is=True) is not None
    assert row("SELECT A WHERE " + "NOT (" * DEPTH + "Car.Is" + ")" * DEPTH, Is=True) is not None
    assert row("SELECT A WHERE " + "NOT " * 8000 + "Car.Is", Is=True) is not None
    assert row("SELECT A WHERE Car.Is" + " AND Car.Is" * 2900, Is=True) is not None


# Properties

NUMBERS = st.one_of(st.integers(-(2**31), 2**31), st.floats(-1e9, 1e9, allow_nan=False))


@given(NUMBERS, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]))
def test_comparisons_of_doubles_are_those_of_numbers(left, right, sign):
    python = {"=": "==", "<>": "!="}.get(sign, sign)
    expected = eval(f"left {python} right", {"left": float(left), "right": right})
    assert row(f"SELECT (Car.D {sign} {right!r}) AS x, Car.B", D=float(left))["x"] is expected


LOGIC = st.recursive(
    st.sampled_from(["Car.Is", "Car.B > 3", "A > 0"]),
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
    ),
    max_leaves=20,
)
VALUES = {"Is": [None, True, False], "B": [None, 1, 9], "A": [None, -1.0, 1.0]}


def certain(condition, values):
    """What every way to fill in what is missing agrees on, None when they disagree."""
    python = condition.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    ways = itertools.product(*[[v for v in options if v is not None] if values[k] is None else [values[k]]
                               for k, options in VALUES.items()])  # fmt: skip
    said = set()
    for way in ways:
        filled = dict(zip(VALUES, way, strict=True))
        text = python.replace("Car.Is", str(filled["Is"])).replace("Car.B", str(filled["B"]))
        said.add(bool(eval(text, {"A": filled["A"]})))
    return said.pop() if len(said) == 1 else None


@given(LOGIC, st.fixed_dictionaries({k: st.sampled_from(v) for k, v in VALUES.items()}))
def test_what_a_condition_says_is_so_whatever_the_missing_values_are(condition, values):
    said = row(f"SELECT ({condition}) AS x, Car.Text", **values)["x"]
    assert said in (None, certain(condition, values))
    if None not in values.values():
        assert said is certain(condition, values)


@given(st.text(max_size=60))
def test_any_text_at_all_is_a_query_or_refused(text):
    for query in (text, f"SELECT A WHERE {text}", f"SELECT {text}, A"):
        said = ""
        try:
            Query(query, VOCABULARY)
        except InputError as e:
            said = str(e)
        assert not said or said.startswith("query, character ")


WORDS = ["SELECT", "WHERE", "AS", "AND", "OR", "NOT", "BETWEEN", "LAG", "TRUE", "(", ")", ",", "=", "<>", "<", ";", "-",
         "A", "Car.B", "Car.Is", "Car.Text", "Car.List", "5", "1.5", "'x'"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_any_row_of_words_is_a_query_or_refused(text):
    for query in (text, f"SELECT A , {text}", f"SELECT A WHERE Car.Is {text}"):
        try:
            compiled = Query(query, VOCABULARY)
        except InputError:
            continue
        for values in ({}, {"A": 1.0, "Car.B": 1, "Car.Is": True, "Car.Text": "x", "Car.List": [1.0], "Car.D": 1.0}):
            for cell in compiled.row(points(values), points({})) or []:
                assert not (isinstance(cell.value, float) and math.isnan(cell.value))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_can_be_written_in_quotes(text):
    quoted = text.replace("'", "''")
    assert parse(f"SELECT '{quoted}'").columns[0].of.value == text

"""Formulas of one unknown: what is a line, what is not, and that nothing else is ever understood."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.errors import InputError
from renkei.flows.formula import Formula, Line

LINES = {
    "x": (1, 0),
    "x*1.6": ("1.6", 0),
    "x-40": (1, -40),
    "0.1*x+3": ("0.1", 3),
    "x/10": ("1/10", 0),
    "x/3": ("1/3", 0),
    " ( x * 40 ) - 100 ": (40, -100),
    "-x": (-1, 0),
    "-(x - 2)/4": ("-1/4", "1/2"),
    "x + x - 0.5*x": ("1.5", 0),
    "2*(x+1)*3": (6, 6),
    "x*1e-3": ("1/1000", 0),
    "x*floor(2.5)": (2, 0),
    "x + max(1, 2, min(5, 4))": (1, 4),
    "7": (0, 7),
    "x - x": (0, 0),
    "x*PI": ("3.141592653589793", 0),
    "x*9007199254740993": (9007199254740993, 0),
}


@pytest.mark.parametrize(("text", "line"), LINES.items(), ids=LINES)
def test_a_line(text, line):
    assert Formula(text).line() == Line(*map(Fraction, line))


NO_LINES = ["floor(x)", "abs(x*1.852)", "floor(abs(x*1.852))", "x*x", "1/x", "x/0", "x/(1-1)", "x + 1/0", "min(x, 5)"]


@pytest.mark.parametrize("text", NO_LINES)
def test_no_line(text):
    assert Formula(text).line() is None


VALUES = {
    "floor(x)": (Fraction(-5, 2), -3),
    "ceil(x)": (Fraction(-5, 2), -2),
    "round(x)": (Fraction(5, 2), 2),
    "abs(x*2)": (Fraction(-5, 2), 5),
    "floor((x*40)-100)": (Fraction("0.02") * 126, 0),
    "max(x, 0)": (Fraction(-1), 0),
    "x*x": (Fraction(3), 9),
}


@pytest.mark.parametrize(("text", "x_and_value"), VALUES.items(), ids=VALUES)
def test_a_value(text, x_and_value):
    x, value = x_and_value
    assert Formula(text).at(x) == value


def test_division_by_zero_has_no_value():
    with pytest.raises(ZeroDivisionError):
        Formula("1/x").at(Fraction(0))


NOT_FORMULAS = {
    "nothing": "",
    "half of one": "x*",
    "two": "x; x",
    "a name": "y",
    "a condition": "if(x > 3, 1, 0)",
    "a comparison": "x > 3",
    "a power": "x ** 2",
    "py-expression-eval's power": "x^2",
    "a remainder": "x % 2",
    "a text": "'x'",
    "true": "True",
    "a complex number": "x*1j",
    "an endless number": "x*1e999",
    "a call of something else": "__import__('os').system('true')",
    "an attribute": "x.real",
    "an index": "x[0]",
    "a lambda": "(lambda: x)()",
    "a keyword argument": "round(x, ndigits=2)",
    "a missing argument": "abs()",
    "one too many": "floor(x, 2)",
    "one too few": "max(x)",
    "a starred argument": "max(*x)",
    "brackets without end": "(" * 99 + "x" + ")" * 98,
    "signs without end": "-" * 499 + "x",
    "as many as are read": "-" * 199 + "y",
    "more than anybody writes": "x" + "+1" * 300,
    "an unprintable character": "x\0",
    "a line break": "x +\n1",
}


@pytest.mark.parametrize("text", NOT_FORMULAS.values(), ids=NOT_FORMULAS)
def test_not_a_formula(text):
    with pytest.raises(InputError) as wrong:
        Formula(text)
    assert "\n" not in str(wrong.value)
    assert len(str(wrong.value)) < 300


DECIMALS = st.decimals(-1000, 1000, places=3).map(lambda d: f"{d:f}")


@st.composite
def written_lines(draw):
    """A formula and the scale and offset that it must have, each step of which is done by hand beside the text."""
    text, scale, offset = "x", Fraction(1), Fraction(0)
    for _ in range(draw(st.integers(0, 6))):
        step, number = draw(st.sampled_from("+-*/rn")), draw(DECIMALS)
        n = Fraction(number)
        match step:
            case "+":
                text, offset = f"({text} + {number})", offset + n
            case "-":
                text, offset = f"({text}-({number}))", offset - n
            case "*":
                text, scale, offset = f"{number}*({text})", scale * n, offset * n
            case "/" if n:
                text, scale, offset = f"({text}) / ({number})", scale / n, offset / n
            case "r":
                text, scale, offset = f"({number} - {text})", -scale, n - offset
            case "n":
                text, scale, offset = f"-{text}", -scale, -offset
    return text, Line(scale, offset)


@given(written_lines(), st.fractions(-1000, 1000))
def test_scale_and_offset_are_exact(written, x):
    text, line = written
    formula = Formula(text)
    assert formula.line() == line
    assert formula.at(x) == line.scale * x + line.offset


@given(st.text("x0123456789.+-*/() efloorabsminmax,", max_size=30))
def test_whatever_is_written_is_a_formula_or_refused(text):
    try:
        formula = Formula(text)
    except InputError:
        return
    line = formula.line()
    try:
        value = formula.at(Fraction(7, 3))
    except ZeroDivisionError:
        assert line is None
        return
    assert line is None or line.scale * Fraction(7, 3) + line.offset == value

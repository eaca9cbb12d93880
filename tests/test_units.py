"""Units against the definitions of the SI and of the inch, mile and pound; conversion exact there and back."""

import csv
from fractions import Fraction
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.errors import InputError, UnknownName
from renkei.units import conversion, exact, unit
from renkei.vocabulary import builtin

ROWS = list(csv.DictReader((files("renkei") / "data/vocabulary/units.csv").read_text().splitlines()))
NAMES = [row["unit"] for row in ROWS]

KNOWN = {
    "a mile is 1609.344 m": ("mile", "m", 1, "1609.344"),
    "36 km/h are 10 m/s": ("km/h", "m/s", 36, 10),
    "60 mph": ("mph", "km/h", 60, "96.56064"),
    "water freezes": ("Fahrenheit", "Celsius", 32, 0),
    "water boils": ("Celsius", "Fahrenheit", 100, 212),
    "the same in both": ("Fahrenheit", "Celsius", -40, -40),
    "absolute zero": ("K", "Celsius", 0, "-273.15"),
    "a whole": ("ratio", "percent", 1, 100),
    "one turn a second": ("rpm", "degrees/s", 60, 360),
    "one joule a second for an hour": ("kWh", "MJ", 1, "3.6"),
    "an atmosphere and a bit": ("bar", "kPa", 1, 100),
    "a pound a square inch": ("psi", "Pa", 1, "6894.757293168"),
    "milliamperes": ("mA", "A", 2500, "2.5"),
    "cubic centimetres": ("l", "cm^3", "1.5", 1500),
    "kilovolts": ("kV", "V", "0.4", 400),
    "millivolts": ("mV", "V", 4200, "4.2"),
    "microamperes": ("µA", "mA", 250, "0.25"),
    "the same with the other sign for micro": ("\N{GREEK SMALL LETTER MU}A", "mA", 250, "0.25"),
    "kiloamperes": ("kA", "A", "1.5", 1500),
    "megawatts": ("MW", "kW", "0.15", 150),
    "megawatt hours": ("MWh", "kWh", "0.06", 60),
    "a watt second": ("J", "kWh", 3_600_000, 1),
    "milliohms": ("mOhm", "Ohm", 55, "0.055"),
    "microohms": ("uOhm", "Ohm", 55, "0.000055"),
    "kiloohms": ("kOhm", "Ohm", 220, 220_000),
    "megaohms": ("MΩ", "Ohm", 1, 1_000_000),
    "microfarads": ("uF", "nF", "0.1", 100),
    "picofarads": ("pF", "nF", 4700, "4.7"),
    "tonnes": ("t", "kg", "1.7", 1700),
    "kilonewton metres": ("kNm", "Nm", "2.8", 2800),
    "a pound-force at a foot": ("lbf.ft", "Nm", 1, "1.3558179483314004"),
    "hectopascals": ("hPa", "kPa", 1013, "101.3"),
    "megabits a second": ("Mbit/s", "kbit/s", "0.5", 500),
    "half a turn": ("rad", "degrees", "3.14159265358979", 180),
}


@pytest.mark.parametrize(("source", "target", "value", "converted"), KNOWN.values(), ids=KNOWN)
def test_converts(source, target, value, converted):
    scale, offset = conversion(source, target)
    assert float(Fraction(value) * scale + offset) == pytest.approx(float(Fraction(converted)), rel=1e-12, abs=1e-12)


def test_every_unit_converts_to_every_other_of_its_quantity_and_back_exactly():
    for a in NAMES:
        for b in (b for b in NAMES if unit(a).quantity == unit(b).quantity):
            there, back = conversion(a, b), conversion(b, a)
            assert (there[0] * back[0], back[0] * there[1] + back[1]) == (1, 0), (a, b)


def test_names_and_aliases_are_told_apart():
    spelt = [name for row in ROWS for name in (row["unit"], *row["aliases"].split())]
    assert len(spelt) == len(set(spelt))
    assert unit("°C") is unit("Celsius")


def test_every_unit_of_the_vocabulary_is_known():
    assert {s.unit for s in builtin() if s.unit} <= {
        name for row in ROWS for name in (row["unit"], *row["aliases"].split())
    }


@pytest.mark.parametrize(
    ("source", "target"), [(None, "km"), ("km", None), ("", "km"), (None, None), ("furlong", "furlong")]
)
def test_without_a_unit_on_either_side_nothing_is_converted(source, target):
    assert conversion(source, target) == (1, 0)


def test_a_unit_in_the_wrong_case_names_the_right_one():
    with pytest.raises(UnknownName, match=r"unknown unit 'KV'; did you mean 'kV'\?"):
        unit("KV")


def test_other_quantities_and_unknown_units_are_refused():
    with pytest.raises(InputError, match=r"kWh \(energy\) does not convert to kW \(power\)"):
        conversion("kWh", "kW")
    with pytest.raises(UnknownName, match="unknown unit 'kilometer'"):
        conversion("kilometer", "m")
    with pytest.raises(UnknownName, match=r"unknown unit 'Celcius'; did you mean '[cC]elsius'\?"):
        unit("Celcius")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_a_number_is_the_decimal_that_was_written(decimal):
    assert exact(float(decimal)) == Fraction(decimal)


def test_a_tenth_is_a_tenth():
    assert exact(0.1) * 10 == 1
    assert exact(3) == 3

"""Facts of one thing held against each other: what cannot be, although each fact by itself could."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import pairwise
from math import inf, prod
from pathlib import Path
from typing import NamedTuple

from renkei.errors import CatalogueError, Mistakes
from renkei.facts import Fact, fact_keys, number


class Ladder(NamedTuple):
    """Facts of which none lies above a later one by more than `slack`; `rising`: nor are two alike."""

    keys: tuple[str, ...]
    rising: bool = False
    slack: float = 1.0


ROUNDED = 1.02
"""How far a usable energy may lie above the gross one: some sources round one of the two."""

LADDERS = (
    Ladder(("voltage_min", "voltage_nominal", "voltage_max"), rising=True),
    Ladder(("cell_voltage_min", "cell_voltage_nominal", "cell_voltage_max"), rising=True),
    Ladder(("dc_voltage_min", "dc_voltage_max"), rising=True),
    Ladder(("dc_voltage_min", "dc_voltage_full_power", "dc_voltage_max", "dc_voltage_rating")),
    Ladder(("low_voltage_min", "low_voltage_max"), rising=True),
    Ladder(("temperature_min", "temperature_max"), rising=True),
    Ladder(("coolant_inlet_min", "coolant_inlet_max"), rising=True),
    Ladder(("soc_min", "soc_max"), rising=True),
    Ladder(("power_continuous", "power_30s", "power_10s", "power_2s", "power_peak")),
    Ladder(("current_continuous", "current_peak")),
    Ladder(("charge_current_continuous", "charge_current_peak")),
    Ladder(("torque_continuous", "torque_peak")),
    Ladder(("energy_usable", "energy_gross"), slack=ROUNDED),
    Ladder(("curb_mass", "gross_mass")),
)


class Product(NamedTuple):
    """A fact that lies between `low` and `high` times the product of others; `unit`: of that product in its unit."""

    fact: str
    of: tuple[str, ...]
    low: float = 0.9
    high: float = 1.1
    unit: float = 1.0


KILO = 0.001
"""V x Ah and V x A in kWh and kW."""


PRODUCTS = (
    Product("voltage_max", ("cells_series", "cell_voltage_max")),
    Product("voltage_nominal", ("cells_series", "cell_voltage_nominal")),
    # a pack may stop well above what its cells would bear: published windows do, and lose nothing but charge
    Product("voltage_min", ("cells_series", "cell_voltage_min"), high=inf),
    Product("voltage_min", ("cells_series", "cell_voltage_nominal"), low=0.0),
    Product("capacity", ("cells_parallel", "cell_capacity")),
    Product("cells", ("cells_series", "cells_parallel"), 1.0, 1.0),
    Product("modules", ("modules_series", "modules_parallel"), 1.0, 1.0),
    # sources round each of them, and some state the energy at another rate of discharge than the capacity
    Product("energy_gross", ("voltage_nominal", "capacity"), 0.75, 1.25, KILO),
    Product("energy_gross", ("cells", "cell_voltage_nominal", "cell_capacity"), 0.75, 1.25, KILO),
    Product("energy_usable", ("voltage_nominal", "capacity"), 0.0, 1.25, KILO),
    # no part gives more than its largest current at its highest voltage, and under load its voltage is lower still
    *(
        Product(power, ("voltage_max", "current_peak"), low=0.0, unit=KILO)
        for power in ("power_continuous", "power_30s", "power_10s", "power_2s", "power_peak")
    ),
    Product("charge_power_peak", ("voltage_max", "charge_current_peak"), low=0.0, unit=KILO),
)


def judge_together(
    file: Path, at: str, facts: Mapping[str, Fact], own: Collection[str], kind: str | None = None
) -> None:
    """Raises CatalogueError, with all mistakes, where facts of one thing contradict each other.

    `own`: those that the file states itself; what is wrong is told of them, and not of what was inherited. `kind`: of
    the part, where it is one.
    """
    mistakes = Mistakes()
    for ladder in LADDERS:
        known = [(key, value) for key in ladder.keys if (value := number(facts, key)) is not None]
        for low, high in pairwise(known):
            with mistakes.gathered():
                _in_order(file, at, low, high, ladder, own)
    for product in PRODUCTS:
        with mistakes.gathered():
            _agrees(file, at, product, facts, own)
    with mistakes.gathered():
        _at_rest(file, f"{at}.open_circuit_voltage.value", facts, kind)
    mistakes.tell()


def _in_order(
    file: Path, at: str, low: tuple[str, float], high: tuple[str, float], ladder: Ladder, own: Collection[str]
) -> None:
    (lower, x), (upper, y) = low, high
    if x < y or (not ladder.rising and x <= y * ladder.slack):
        return
    if lower in own or upper not in own:
        expected = f"{'less than' if ladder.rising else 'at most'} {upper}, {_with_unit(upper, y)}"
        raise CatalogueError(file, f"{at}.{lower}", expected=expected, got=_plain(x))
    expected = f"{'more than' if ladder.rising else 'at least'} {lower}, {_with_unit(lower, x)}"
    raise CatalogueError(file, f"{at}.{upper}", expected=expected, got=_plain(y))


def _agrees(file: Path, at: str, product: Product, facts: Mapping[str, Fact], own: Collection[str]) -> None:
    value = number(facts, product.fact)
    factors = {key: x for key in product.of if (x := number(facts, key)) is not None}
    if value is None or len(factors) < len(product.of):
        return
    gives = product.unit * prod(factors.values())
    if product.low * gives <= value <= product.high * gives:
        return
    told = " x ".join(product.of)
    factor = next((key for key in product.of if key in own), None)
    if product.fact in own or factor is None:
        expected = f"{_span(product, gives)}, as {told} is {_with_unit(product.fact, gives)}"
        raise CatalogueError(file, f"{at}.{product.fact}", expected=expected, got=_plain(value))
    expected = f"a number with which {told} agrees with {product.fact}, {_with_unit(product.fact, value)}"
    raise CatalogueError(file, f"{at}.{factor}", expected=expected, got=_plain(factors[factor]))


_NEAR = 1.1
"""How far a curve may lie beyond a voltage that it is held against, which others measured or rounded."""


def _at_rest(file: Path, at: str, facts: Mapping[str, Fact], kind: str | None) -> None:
    """The voltage at rest is known from empty to full, never falls, and is that of the terminals, not of one cell."""
    curve = facts["open_circuit_voltage"].value if "open_circuit_voltage" in facts else None
    if not isinstance(curve, Mapping):
        return
    soc, volts = curve["soc"], curve["voltage"]
    if (soc[0], soc[-1]) != (0, 100):
        raise CatalogueError(file, f"{at}.soc", expected="0 to 100 percent", got=f"{soc[0]:g} to {soc[-1]:g}")
    for before, after in pairwise(volts):
        if after < before:
            expected = "numbers that rise with the charge"
            raise CatalogueError(file, f"{at}.voltage", expected=expected, got=f"{before:g}, then {after:g}")
    low, nominal, high = (_of_terminals(facts, which, kind) for which in ("min", "nominal", "max"))
    too_low = volts[0] * _NEAR < low[1] or volts[-1] * _NEAR < nominal[1]
    if too_low or volts[-1] > high[1] * _NEAR or volts[0] > nominal[1] * _NEAR:
        window = " to ".join(f"{told} ({v:g} V)" for told, v in (low, nominal, high) if told)
        expected = f"the voltage at the terminals, within 10 percent of {window}"
        raise CatalogueError(file, f"{at}.voltage", expected=expected, got=f"{volts[0]:g} to {volts[-1]:g}")


def _of_terminals(facts: Mapping[str, Fact], which: str, kind: str | None) -> tuple[str, float]:
    """The lowest, nominal or highest voltage of a part and what says it; what no voltage contradicts where unknown."""
    stated, cell = number(facts, f"voltage_{which}"), number(facts, f"cell_voltage_{which}")
    cells = 1 if kind == "battery-cell" else number(facts, "cells_series")
    if stated is not None:
        return f"voltage_{which}", stated
    if cell is not None and cells is not None:
        return (
            f"cell_voltage_{which}" if kind == "battery-cell" else f"cells_series x cell_voltage_{which}",
            cells * cell,
        )
    return "", {"min": 0.0, "max": inf}.get(which, math.nan)


def _span(product: Product, gives: float) -> str:
    low, high = f"{product.low * gives:.4g}", f"{product.high * gives:.4g}"
    if product.low == product.high:
        return f"{gives:g}"
    if product.high == inf:
        return f"{low} or more"
    return f"{low} to {high}" if product.low else f"{high} or less"


def _with_unit(key: str, value: float) -> str:
    return f"{value:g} {fact_keys()[key].unit or ''}".strip()


def _plain(value: float) -> float | int:
    """As people write it: 500, not 500.0."""
    return int(value) if value.is_integer() else value

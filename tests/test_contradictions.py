"""Facts that cannot hold together are refused where their file is read; those that can are let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from renkei.catalogue import Catalogue
from renkei.catalogue.contradictions import LADDERS, PRODUCTS, judge_together
from renkei.errors import CatalogueError
from renkei.facts import Fact, fact_key, keys_of

MAKER = 'name = "Acme"\nsources.book = { title = "The book", where = "acme/book", licence = "MIT" }\n'


def catalogue(folder, *, kind="battery-pack", head="", **facts):
    home = folder / "makers/acme"
    (home / "parts").mkdir(parents=True, exist_ok=True)
    (home / "maker.toml").write_text(MAKER)
    (home / "parts/one.toml").write_text(f'name = "One"\nkind = "{kind}"\n{head}\n[facts]\n{rows(facts)}')
    return Catalogue([folder])


def rows(facts):
    return "".join(f"{key} = {{ value = {value}, source = ['book'] }}\n" for key, value in facts.items())


CONTRADICT = {
    "a lowest voltage above the nominal one": (
        {"voltage_min": 360, "voltage_nominal": 350, "voltage_max": 400},
        "facts.voltage_min", "expected less than voltage_nominal, 350 V, got 360"),
    "a lowest voltage above the highest": (
        {"voltage_min": 500, "voltage_max": 400}, "facts.voltage_min", "less than voltage_max, 400 V, got 500"),
    "a window without width": (
        {"voltage_min": 400, "voltage_max": 400}, "facts.voltage_min", "less than voltage_max, 400 V, got 400"),
    "a cell that is empty above what is full": (
        {"cell_voltage_min": 4.2, "cell_voltage_max": 2.5},
        "facts.cell_voltage_min", "expected less than cell_voltage_max, 2.5 V, got 4.2"),
    "cold above warm": (
        {"temperature_min": 60, "temperature_max": -20},
        "facts.temperature_min", "expected less than temperature_max, -20 Celsius, got 60"),
    "a supply upside down": (
        {"low_voltage_min": 16, "low_voltage_max": 9}, "facts.low_voltage_min", "less than low_voltage_max, 9 V"),
    "coolant colder at its warmest": (
        {"coolant_inlet_min": 40, "coolant_inlet_max": 20}, "facts.coolant_inlet_min", "less than coolant_inlet_max"),
    "empty above full": ({"soc_min": 95, "soc_max": 5}, "facts.soc_min", "less than soc_max, 5 percent, got 95"),
    "more energy to use than there is": (
        {"energy_usable": 61.3, "energy_gross": 60},
        "facts.energy_usable", "expected at most energy_gross, 60 kWh, got 61.3"),
    "more charging current without end than at the peak": (
        {"charge_current_continuous": 300, "charge_current_peak": 200},
        "facts.charge_current_continuous", "expected at most charge_current_peak, 200 A, got 300"),
    "more current without end than at the peak": (
        {"current_continuous": 300, "current_peak": 200}, "facts.current_continuous", "at most current_peak, 200 A"),
    "more power for 30 s than for 10 s": (
        {"power_30s": 120, "power_10s": 110}, "facts.power_30s", "expected at most power_10s, 110 kW, got 120"),
    "more power for 10 s than for 2 s": (
        {"power_10s": 120, "power_2s": 110}, "facts.power_10s", "expected at most power_2s, 110 kW, got 120"),
    "more power without end than at the peak": (
        {"power_continuous": 120, "power_peak": 110},
        "facts.power_continuous", "expected at most power_peak, 110 kW, got 120"),
    "96 cells of 2 V that make 400 V": (
        {"cells_series": 96, "cell_voltage_max": 2.0, "voltage_max": 400},
        "facts.voltage_max", "expected 172.8 to 211.2, as cells_series x cell_voltage_max is 192 V, got 400"),
    "cells whose nominal voltage is not that of the pack": (
        {"cells_series": 96, "cell_voltage_nominal": 3.65, "voltage_nominal": 400},
        "facts.voltage_nominal", "expected 315.4 to 385.4, as cells_series x cell_voltage_nominal is 350.4 V, got 400"),
    "a pack that lets its cells go lower than they may": (
        {"cells_series": 96, "cell_voltage_min": 3.0, "voltage_min": 240},
        "facts.voltage_min", "expected 259.2 or more, as cells_series x cell_voltage_min is 288 V, got 240"),
    "a pack that is empty above the nominal voltage of its cells": (
        {"cells_series": 96, "cell_voltage_nominal": 3.0, "voltage_min": 400},
        "facts.voltage_min", "expected 316.8 or less, as cells_series x cell_voltage_nominal is 288 V, got 400"),
    "cells side by side that hold less than the pack": (
        {"cells_parallel": 2, "cell_capacity": 50, "capacity": 150},
        "facts.capacity", "expected 90 to 110, as cells_parallel x cell_capacity is 100 Ah, got 150"),
    "more energy than the pack has charge for": (
        {"energy_gross": 400, "voltage_nominal": 350, "capacity": 115},
        "facts.energy_gross", "30.19 to 50.31, as voltage_nominal x capacity is 40.25 kWh, got 400"),
    "less energy than the pack has charge for": (
        {"energy_gross": 20, "voltage_nominal": 350, "capacity": 115},
        "facts.energy_gross", "30.19 to 50.31, as voltage_nominal x capacity is 40.25 kWh, got 20"),
    "more energy to use than the pack has charge for": (
        {"energy_usable": 60, "voltage_nominal": 350, "capacity": 115},
        "facts.energy_usable", "expected 50.31 or less, as voltage_nominal x capacity is 40.25 kWh, got 60"),
    "more energy than its cells hold": (
        {"energy_gross": 80, "cells": 192, "cell_voltage_nominal": 3.65, "cell_capacity": 56.3},
        "facts.energy_gross", "as cells x cell_voltage_nominal x cell_capacity is 39.455 kWh, got 80"),
    "more power for 2 s than its current gives": (
        {"power_2s": 200, "voltage_max": 400, "current_peak": 400},
        "facts.power_2s", "expected 176 or less, as voltage_max x current_peak is 160 kW, got 200"),
    "more power for 10 s than its current gives": (
        {"power_10s": 200, "voltage_max": 400, "current_peak": 400}, "facts.power_10s", "expected 176 or less"),
    "more power for 30 s than its current gives": (
        {"power_30s": 200, "voltage_max": 400, "current_peak": 400}, "facts.power_30s", "expected 176 or less"),
    "more power at the peak than its current gives": (
        {"power_peak": 200, "voltage_max": 400, "current_peak": 400}, "facts.power_peak", "expected 176 or less"),
    "more power without end than its largest current gives": (
        {"power_continuous": 200, "voltage_max": 400, "current_peak": 400},
        "facts.power_continuous", "expected 176 or less"),
    "more power into it than its charge current gives": (
        {"charge_power_peak": 90, "voltage_max": 400, "charge_current_peak": 200},
        "facts.charge_power_peak", "expected 88 or less, as voltage_max x charge_current_peak is 80 kW, got 90"),
    "a module more than its strings have": (
        {"modules": 25, "modules_series": 12, "modules_parallel": 2},
        "facts.modules", "expected 24, as modules_series x modules_parallel is 24, got 25"),
    "a cell less than its groups have": (
        {"cells": 191, "cells_series": 96, "cells_parallel": 2},
        "facts.cells", "expected 192, as cells_series x cells_parallel is 192, got 191"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "key", "told"), CONTRADICT.values(), ids=CONTRADICT)
def test_is_refused(tmp_path, facts, key, told):
    with pytest.raises(CatalogueError) as e:
        catalogue(tmp_path, **facts).part("acme/one")
    assert e.value.key == key
    assert told in str(e.value)
    assert str(tmp_path / "makers/acme/parts/one.toml") in str(e.value)
    assert "\n" not in str(e.value)


AGREE = {
    "energies of which one was rounded": {"energy_usable": 61, "energy_gross": 60},
    "as much power without end as at the peak": {"power_continuous": 80, "power_peak": 80},
    "cells within a tenth": {"cells_series": 96, "cell_voltage_max": 4.2, "voltage_max": 390},
    "a pack that stops well above what its cells bear": {
        "cells_series": 88, "cell_voltage_min": 2.3, "cell_voltage_nominal": 3.7, "voltage_min": 275},
    "a capacity within a tenth": {"cells_parallel": 2, "cell_capacity": 32.5, "capacity": 66},
    "an energy within a quarter": {"energy_gross": 50, "voltage_nominal": 350, "capacity": 115},
    "a power within a tenth": {"power_10s": 175, "voltage_max": 400, "current_peak": 400},
    "a power far below what the current would give": {"power_10s": 40, "voltage_max": 400, "current_peak": 400},
    "cells without their count": {"cell_voltage_max": 2.0, "voltage_max": 400},
    "one end of a window": {"voltage_min": 500},
}  # fmt: skip


@pytest.mark.parametrize("facts", AGREE.values(), ids=AGREE)
def test_is_read(tmp_path, facts):
    assert set(catalogue(tmp_path, **facts).part("acme/one").facts) == set(facts)


def test_e_axles_are_judged_as_packs_are(tmp_path):
    made = catalogue(tmp_path, kind="e-axle", torque_peak=200, torque_continuous=250, dc_voltage_max=420,
                     dc_voltage_full_power=430)  # fmt: skip
    with pytest.raises(CatalogueError) as e:
        made.part("acme/one")
    assert {each.key for each in (e.value, *e.value.others)} == {
        "facts.torque_continuous",
        "facts.dc_voltage_full_power",
    }


def test_a_window_of_an_inverter_upside_down(tmp_path):
    made = catalogue(tmp_path, kind="inverter", dc_voltage_min=420, dc_voltage_max=420)
    with pytest.raises(CatalogueError, match="dc_voltage_min: expected less than dc_voltage_max, 420 V, got 420"):
        made.part("acme/one")


def test_what_a_place_offers_is_judged_too(tmp_path):
    slot = "[slots.inverter]\nkind = 'inverter'\n[slots.inverter.facts]\n"
    made = catalogue(tmp_path, kind="e-axle", head=slot + rows({"power_continuous": 90, "power_peak": 80}))
    with pytest.raises(CatalogueError, match="at most power_peak, 80 kW, got 90") as e:
        made.part("acme/one")
    assert e.value.key == "slots.inverter.facts.power_continuous"


def test_a_car_that_weighs_more_empty_than_full(tmp_path):
    made = catalogue(tmp_path)
    car = tmp_path / "makers/acme/vehicles/car.toml"
    car.parent.mkdir()
    head = 'name = "Car"\nyears = "2020"\npowertrain = "electric"\n[facts]\n'
    car.write_text(head + rows({"curb_mass": 1800, "gross_mass": 1700}))
    with pytest.raises(CatalogueError, match="curb_mass: expected at most gross_mass, 1700 kg, got 1800"):
        made.vehicle("acme/car")


CURVES = {
    "in one cell's volts for a pack": (
        (3.0, 4.2), {"voltage_min": 280, "voltage_nominal": 350, "voltage_max": 403},
        "value.voltage: expected the voltage at the terminals, within 10 percent of voltage_min (280 V) to "
        "voltage_nominal (350 V) to voltage_max (403 V), got '3 to 4.2'"),
    "in one cell's volts where cells in series tell": (
        (3.0, 4.2), {"cells_series": 96, "cell_voltage_nominal": 3.65},
        "within 10 percent of cells_series x cell_voltage_nominal (350.4 V), got '3 to 4.2'"),
    "above the highest": (
        (280, 450), {"voltage_max": 403}, "within 10 percent of voltage_max (403 V), got '280 to 450'"),
    "that falls": ((400, 300), {}, "value.voltage: expected numbers that rise with the charge, got '400, then 300'"),
}  # fmt: skip


def curve(volts, soc=(0, 100)):
    return f"{{ soc = {list(soc)}, voltage = {list(volts)} }}"


@pytest.mark.parametrize(("volts", "facts", "told"), CURVES.values(), ids=CURVES)
def test_a_voltage_at_rest_is_refused(tmp_path, volts, facts, told):
    with pytest.raises(CatalogueError) as e:
        catalogue(tmp_path, open_circuit_voltage=curve(volts), **facts).part("acme/one")
    assert told in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("soc", [(0, 90), (10, 100), (0, 1)])
def test_a_voltage_at_rest_is_known_from_empty_to_full(tmp_path, soc):
    with pytest.raises(CatalogueError, match=r"value\.soc: expected 0 to 100 percent, got"):
        catalogue(tmp_path, open_circuit_voltage=curve((300, 400), soc)).part("acme/one")


@pytest.mark.parametrize(("kind", "volts", "facts"), [
    ("battery-pack", (275, 430), {"voltage_min": 280, "voltage_nominal": 350, "voltage_max": 403}),
    ("battery-pack", (300, 300), {"voltage_nominal": 310}),
    ("battery-cell", (3.0, 4.2), {"cell_voltage_min": 2.5, "cell_voltage_max": 4.2}),
    ("battery-module", (24, 33), {"cell_voltage_max": 4.2}),
])  # fmt: skip
def test_a_voltage_at_rest_of_the_terminals_is_read(tmp_path, kind, volts, facts):
    made = catalogue(tmp_path, kind=kind, open_circuit_voltage=curve(volts), **facts).part("acme/one")
    assert made.facts["open_circuit_voltage"].value["voltage"] == volts


def test_a_voltage_at_rest_of_a_cell_is_held_to_that_cell(tmp_path):
    made = catalogue(tmp_path, kind="battery-cell", open_circuit_voltage=curve((280, 400)), cell_voltage_max=4.2)
    with pytest.raises(CatalogueError, match=r"within 10 percent of cell_voltage_max \(4\.2 V\), got '280 to 400'"):
        made.part("acme/one")


INHERITED = {
    "the lower of two": ({"voltage_min": 450}, "facts.voltage_min", "less than voltage_nominal, 350 V, got 450"),
    "the higher of two": ({"voltage_max": 200}, "facts.voltage_max", "more than voltage_nominal, 350 V, got 200"),
    "a factor": (
        {"cells_series": 50}, "facts.cells_series",
        "a number with which cells_series x cell_voltage_max agrees with voltage_max, 400 V, got 50"),
    "a capacity too large for the energy": (
        {"capacity": 400}, "facts.capacity",
        "a number with which voltage_nominal x capacity agrees with energy_gross, 40 kWh, got 400"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "key", "told"), INHERITED.values(), ids=INHERITED)
def test_a_part_like_another_is_told_of_what_it_states_itself(tmp_path, own, key, told):
    made = catalogue(tmp_path, voltage_min=280, voltage_max=400, cells_series=96, cell_voltage_max=4.2,
                     voltage_nominal=350, energy_gross=40)  # fmt: skip
    two = tmp_path / "makers/acme/parts/two.toml"
    two.write_text(f'name = "Two"\nlike = "one"\n[facts]\n{rows(own)}')
    with pytest.raises(CatalogueError) as e:
        made.part("acme/two")
    assert (e.value.key, e.value.file) == (key, str(two))
    assert told in str(e.value)


def test_every_fact_that_is_held_against_another_exists_in_the_same_unit_and_in_one_kind_of_part():
    for ladder in LADDERS:
        assert len({fact_key(key).unit for key in ladder.keys}) == 1
        assert all(set(fact_key(a).kinds) & set(fact_key(b).kinds) for a in ladder.keys for b in ladder.keys)
    for product in PRODUCTS:
        pack = {key.name for key in keys_of("battery-pack")}
        assert {product.fact, *product.of} <= pack


def stated(values):
    return {key: Fact(value, ("book",), "published") for key, value in values.items()}


@given(st.sampled_from(LADDERS), st.data())
def test_numbers_that_rise_along_a_ladder_agree_and_any_that_falls_is_refused(ladder, data):
    steps = data.draw(
        st.lists(st.integers(1, 10**6), min_size=len(ladder.keys), max_size=len(ladder.keys), unique=True)
    )
    rising = stated(dict(zip(ladder.keys, sorted(steps), strict=True)))
    judge_together(Path("one.toml"), "facts", rising, rising)
    low, high = sorted(data.draw(st.lists(st.sampled_from(range(len(steps))), min_size=2, max_size=2, unique=True)))
    a, b = ladder.keys[low], ladder.keys[high]
    assume(rising[b].value > rising[a].value * ladder.slack)
    swapped = {a: rising[b], b: rising[a]}
    with pytest.raises(CatalogueError, match=a):
        judge_together(Path("one.toml"), "facts", swapped, swapped)

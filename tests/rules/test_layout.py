"""Modules laid out in a host: in its window, under its ceiling of mass, in its box; and the pack that they make."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pairs import OWN, fact, limit, part, place

from renkei.rules.layout import Window, as_pack, laid_out, window

NOTHING = Window(None, None, None, None, None, None, None, None, None)
CELLS = {"cells_series": 8, "cell_voltage_min": 2.5, "cell_voltage_nominal": 3.7, "cell_voltage_max": 4.2}


def module(**more):
    """Of 20 to 33.6 V, nominally 29.6."""
    return part("battery-module", "acme/module", **(CELLS | more))


def host(**known) -> Window:
    return NOTHING._replace(**({"nominal_v": 355} | known))


# --- how many in series ----------------------------------------------------------------------------------------------

SERIES = {
    "as many as come nearest to the nominal voltage": ({"nominal_v": 355}, 12, {}),
    "no more than the highest voltage allows": (
        {"nominal_v": 355, "highest_v": 390},
        11,
        {"series": "highest voltage"},
    ),
    "no fewer than the lowest voltage asks for": (
        {"nominal_v": 300, "lowest_v": 240},
        12,
        {"series": "lowest voltage"},
    ),
    "the highest voltage alone is filled": ({"nominal_v": None, "highest_v": 410}, 12, {"series": "highest voltage"}),
    "at least one, even where one is too much": ({"nominal_v": 12, "highest_v": 14}, 1, {}),
}


@pytest.mark.parametrize(("known", "series", "bound"), SERIES.values(), ids=SERIES)
def test_how_many_in_series(known, series, bound):
    found = laid_out(module(), host(**known))
    assert (found.series, {k: v for k, v in found.bound_by.items() if k == "series"}) == (series, bound)


def test_the_counts_that_the_window_allows_are_told():
    found = laid_out(module(), host(lowest_v=240, highest_v=420))
    assert (found.series_least, found.series_most) == (12, 12)
    assert found.plain()["series_allowed"] == [12, 12]


@pytest.mark.parametrize(("given_", "host_", "lacks"), [
    ({"cells_series": 8}, {}, "acme/module states neither its voltage nor that of its cells"),
    (CELLS, {"nominal_v": None}, "no voltage of the host is known"),
])  # fmt: skip
def test_without_voltages_there_is_no_layout_and_it_says_why(given_, host_, lacks):
    assert lacks in laid_out(part("battery-module", "acme/module", **given_), host(**host_))


# --- how many side by side -------------------------------------------------------------------------------------------

STRINGS = {
    "one where nothing asks for more": ({}, {}, 1, "energy as sold"),
    "as many as the energy as sold": ({"energy_gross": 2}, {"energy_kwh": 48}, 2, "energy as sold"),
    "as many as the current asks for": ({"current_peak": 100}, {"power_kw": 100}, 3, "current"),
    "no more than the mass allows": ({"energy_gross": 2, "mass": 10}, {"energy_kwh": 96, "mass_kg": 300}, 2, "mass"),
    "no more than lie in the box": (
        {"energy_gross": 2, "length": 500, "width": 300, "height": 125},
        {"energy_kwh": 96, "box_mm": (1500, 1200, 250)}, 2, "envelope",
    ),
    "what mass and box both allow is filled": (
        {"mass": 5, "length": 500, "width": 300, "height": 60},
        {"mass_kg": 300, "box_mm": (1500, 1200, 250)}, 4, "envelope",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("own", "known", "parallel", "by"), STRINGS.values(), ids=STRINGS)
def test_how_many_side_by_side(own, known, parallel, by):
    found = laid_out(module(**own), host(**known))
    assert (found.parallel, found.bound_by["parallel"]) == (parallel, by)


def test_a_current_within_two_percent_of_one_string_needs_no_second():
    """100 kW at 355.2 V are 281.5 A."""
    needed = [laid_out(module(current_peak=amps), host(power_kw=100)).parallel_least for amps in (276, 275)]
    assert needed == [1, 2]


# --- properties ------------------------------------------------------------------------------------------------------

volts = st.floats(2, 120)


@st.composite
def modules(draw, surely=()):
    """What is in `surely` is known of each; else half of them state it."""
    low = draw(volts)
    high = low * draw(st.floats(1.05, 2))
    known = {"voltage_min": low, "voltage_nominal": draw(st.floats(low, high)), "voltage_max": high}
    numbers = {
        "mass": st.floats(1, 100), "energy_gross": st.floats(0.1, 10), "current_peak": st.floats(10, 600),
        "capacity": st.floats(10, 300), "resistance": st.floats(1e-4, 0.1), "cells_series": st.integers(1, 24),
    }  # fmt: skip
    known |= {key: draw(values) for key, values in numbers.items() if key in surely or draw(st.booleans())}
    if "size" in surely or draw(st.booleans()):
        known |= {key: draw(st.floats(50, 800)) for key in ("length", "width", "height")}
    return part("battery-module", "acme/module", **known)


@st.composite
def windows(draw, surely=()):
    """Of each a voltage is known, and what is in `surely`."""

    def perhaps(values, name=""):
        return draw(values if name in surely else st.one_of(st.none(), values))

    low = perhaps(st.floats(50, 500))
    high = perhaps(st.floats(60, 900))
    if low is not None and high is not None and low > high:
        low, high = high, low
    nominal = draw(st.floats(100, 600)) if high is None else perhaps(st.floats(100, 600))
    box = perhaps(st.tuples(st.floats(500, 2500), st.floats(500, 1800), st.floats(80, 400)), "box")
    known = nominal, perhaps(st.floats(10, 200)), perhaps(st.floats(10, 100)), perhaps(st.floats(50, 800), "mass")
    return Window(low, high, *known, perhaps(st.floats(0, 60)), box, perhaps(st.floats(50, 600)))


@given(modules(), windows())
def test_the_pack_keeps_to_the_window_whenever_a_count_exists_that_does(one, allowed):
    found = laid_out(one, allowed)
    low, high = one.facts["voltage_min"].value, one.facts["voltage_max"].value
    lowest, highest = allowed.lowest_v or 0.0, allowed.highest_v or math.inf
    assert found.series >= 1
    if any(n * low >= lowest and n * high <= highest for n in range(1, 600)):
        assert found.series * low >= lowest * (1 - 1e-6)
        assert found.series * high <= highest * (1 + 1e-6)


@given(modules(surely=("mass",)), windows(surely=("mass",)))
def test_the_mass_stays_under_the_ceiling_whenever_one_string_does(one, allowed):
    found, kg = laid_out(one, allowed), one.facts["mass"].value
    case_kg = allowed.case_kg or 0.0
    assert found.parallel >= 1
    if found.series * kg + case_kg <= allowed.mass_kg:
        assert found.modules * kg + case_kg <= allowed.mass_kg * (1 + 1e-6)


@given(modules(surely=("size",)), windows(surely=("box",)))
def test_no_more_modules_than_the_volume_of_the_box_holds_whenever_one_string_lies_in_it(one, allowed):
    found = laid_out(one, allowed)
    volume = math.prod(one.facts[key].value for key in ("length", "width", "height"))
    assert found.surely_in_box <= found.at_most_in_box
    if found.series * volume <= math.prod(allowed.box_mm):
        assert found.modules * volume <= math.prod(allowed.box_mm) * (1 + 1e-6)


@given(modules(), windows())
def test_the_numbers_of_the_pack_are_those_of_the_module_times_their_count(one, allowed):
    found = laid_out(one, allowed)
    pack = as_pack(one, found, None, allowed)
    series, parallel = found.series, found.parallel
    times = {
        "voltage_min": series, "voltage_nominal": series, "voltage_max": series, "capacity": parallel,
        "energy_gross": series * parallel, "current_peak": parallel, "resistance": series / parallel,
        "cells_series": series,
    }  # fmt: skip
    for key, factor in times.items():
        assert (key in pack.facts) == (key in one.facts)
        if key in one.facts:
            assert pack.facts[key].value == pytest.approx(one.facts[key].value * factor, abs=1e-6)
            assert pack.facts[key].confidence == "derived"
    assert pack.kind == "battery-pack"


# --- the pack --------------------------------------------------------------------------------------------------------


def test_case_connectors_and_controller_stay_those_of_the_pack_that_is_replaced():
    fitted = part(id_=OWN, hv_connector="theirs", protocol="theirs", cell_maker="Theirs", mass=300)
    one = module(hv_connector="ours", protocol="ours", cell_maker="Ours", terminal="M6")
    pack = as_pack(one, laid_out(one, host()), fitted, host())
    assert {key: pack.facts[key].value for key in ("hv_connector", "protocol", "cell_maker")} == {
        "hv_connector": "theirs", "protocol": "theirs", "cell_maker": "Ours"
    }  # fmt: skip
    assert "mass" not in pack.facts, "what a case for these modules weighs is not known"


def test_with_the_mass_of_the_case_the_pack_has_a_mass():
    found = laid_out(module(mass=10), host(case_kg=50))
    assert as_pack(module(mass=10), found, None, host(case_kg=50)).facts["mass"].value == 170


def test_modules_that_weigh_too_much_even_without_a_case_have_a_mass():
    one, allowed = module(mass=40), host(mass_kg=300)
    assert as_pack(one, laid_out(one, allowed), None, allowed).facts["mass"].value == 480


def test_the_source_of_the_modules_fact_stays():
    one = module(capacity=fact("capacity", 60, "their page", confidence="maker"))
    pack = as_pack(one, laid_out(one, host()), None, host())
    assert (pack.facts["capacity"].source, pack.facts["capacity"].confidence) == (("their page",), "derived")


# --- what a host allows ----------------------------------------------------------------------------------------------


def test_the_window_is_the_narrowest_of_all_that_ask_for_one():
    drive = part("e-axle", "zeta/axle", [limit("voltage_max", "battery-pack", maximum=420),
                                         limit("voltage_min", "battery-pack", minimum=250)], power_peak=80)  # fmt: skip
    slot = place(
        requires=[limit("mass", "battery-pack", maximum=315), limit("voltage_max", "battery-pack", maximum=410)]
    )
    own = part(id_=OWN, voltage_min=240, voltage_nominal=350, voltage_max=400, energy_gross=40)
    found = window(slot, own, None, [drive], 200)
    assert (found.lowest_v, found.highest_v, found.nominal_v) == (250, 404, 350), "one percent above the own pack"
    assert (found.power_kw, found.energy_kwh, found.mass_kg, found.string_a) == (80, 40, 315, 200)


def test_what_drive_and_place_state_as_facts_narrows_it_too():
    drive = part("e-axle", "zeta/axle", dc_voltage_min=260, dc_voltage_rating=405)
    found = window(place(voltage_max=400), part(id_=OWN, voltage_nominal=350), None, [drive], None)
    assert (found.lowest_v, found.highest_v) == (260, 400)


def test_the_case_weighs_what_the_pack_weighs_without_its_modules():
    own, inside = part(id_=OWN, mass=300, modules=24), part("battery-module", "zeta/module", mass=8)
    found = window(place(), own, inside, [], None)
    assert (found.case_kg, found.mass_kg) == (108, 300)
    assert window(place(), own, None, [], None).case_kg is None


def test_of_two_e_axles_the_powers_add_and_an_inverter_inside_adds_nothing():
    drives = [
        part(k, f"zeta/{n}", power_peak=kw)
        for n, (k, kw) in enumerate([("e-axle", 80), ("e-axle", 60), ("inverter", 80)])
    ]
    assert window(place(), None, None, drives, None).power_kw == 140


def test_a_car_without_an_e_axle_is_driven_by_its_inverter():
    drives = [part("inverter", "zeta/inverter", power_peak=80), part("motor", "zeta/motor", power_peak=70)]
    assert window(place(), None, None, drives, None).power_kw == 80


def test_the_voltage_that_a_place_states_goes_before_that_of_the_own_pack():
    own = part(id_=OWN, voltage_min=240, voltage_max=400)
    found = window(place(voltage_min=200, voltage_max=450), own, None, [], None)
    assert (found.lowest_v, found.highest_v) == (200, 450)


def test_the_numbers_of_the_whole_are_told():
    one = module(capacity=60, energy_gross=2, mass=10, current_peak=200)
    told = laid_out(one, host(power_kw=100, case_kg=50)).plain()
    numbers = {"voltage_min_v": 240, "voltage_nominal_v": 355.2, "voltage_max_v": 403.2, "capacity_ah": 120,
               "energy_gross_kwh": 48, "modules_mass_kg": 240, "mass_kg": 290, "current_asked_a": 281.532,
               "current_known_a": 400}  # fmt: skip
    assert {key: told[key] for key in numbers} == pytest.approx(numbers)
    assert (told["series"], told["parallel"], told["modules"]) == (12, 2, 24)


def test_the_own_pack_sets_the_highest_voltage_as_closely_as_a_verdict_does_and_no_lowest():
    """Its lowest voltage is where it is empty, and no bound."""
    found = window(place(), part(id_=OWN, voltage_min=250, voltage_max=400), None, [], None)
    assert (found.lowest_v, found.highest_v, found.nominal_v) == (None, 404, 325)
    assert window(place(), part(id_=OWN, voltage_min=250), None, [], None).nominal_v is None


def test_a_module_without_a_nominal_voltage_is_taken_at_the_middle_of_its_window():
    plain = part("battery-module", "acme/module", voltage_min=20, voltage_max=30)
    assert laid_out(plain, host(nominal_v=250)).series == 10


def test_a_bay_of_which_a_side_is_missing_has_no_box():
    assert window(place(length=1, width=1), None, None, [], None).box_mm is None
    assert window(None, None, None, [], None) == NOTHING

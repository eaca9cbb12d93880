"""Voltage: the window of the pack in that of its host, layouts of modules, cells under another controller."""

from __future__ import annotations

import pytest
from pairs import HOST, OWN, PART, at_home, found, laid, levels, limit, one, pair, part, place, sources

WINDOW = {"voltage_min": 240, "voltage_max": 400}

# --- voltage window --------------------------------------------------------------------------------------------------


def _found(given):
    """Without what is told of a drive of which nothing is known."""
    silent = "the drive of", "what voltage"
    return [f for f in found("voltage-window", given) if not f.message.startswith(silent)]


def _levels(given):
    return [(f.about, f.level) for f in _found(given)]


def _window(low, high, **more):
    return at_home(here={"voltage_min": low, "voltage_max": high}, fitted=WINDOW, **more)


BORDERS = {
    "the window of the pack as sold": (240, 400, "ok", "ok"),
    "one percent beyond it is another reading of the same": (237.6, 404, "ok", "ok"),
    "a wider one is not known to work": (237.5, 404.1, "unknown", "unknown"),
    "a narrower one lies within": (300, 350, "ok", "ok"),
}


@pytest.mark.parametrize(("low", "high", "lowest", "highest"), BORDERS.values(), ids=BORDERS)
def test_charger_and_converter_are_known_to_work_in_the_window_as_sold(low, high, lowest, highest):
    given = _window(low, high)
    assert _levels(given) == [("voltage_max", highest), ("voltage_min", lowest)]


def test_the_margin_in_volts_says_how_far_inside_it_lies():
    most, least = _found(_window(230, 390))
    assert (most.margin, most.bound, most.unit) == (10, "at most", "V")
    assert (least.margin, least.bound, least.required, least.provided) == (-10, "at least", 240, 230)
    assert sources(least) == {"on voltage_min", "own"}


def test_a_voltage_that_nobody_states_is_unknown_on_either_side():
    assert _levels(at_home(fitted=WINDOW)) == [("voltage_max", "unknown"), ("voltage_min", "unknown")]
    assert {f.level for f in found("voltage-window", at_home(here=WINDOW))} == {"unknown"}


def test_the_rating_of_the_weakest_component_breaks_and_is_named_first():
    cap = limit("voltage_max", "battery-pack", maximum=600, reason="The capacitor is rated for 600 V.")
    weak = limit("voltage_min", "battery-pack", minimum=240, otherwise="degrade")
    drive = part("e-axle", "zeta/axle", [weak, cap])
    given = pair(part(voltage_min=620, voltage_max=806), partners=(drive,))
    first = found("voltage-window", given)[0]
    assert (first.level, first.about, first.margin) == ("break", "voltage_max", -206)
    assert first.message == "The capacitor is rated for 600 V."


def test_a_pack_that_ends_below_full_power_degrades_by_the_volts_that_it_lacks():
    weak = limit("voltage_min", "battery-pack", minimum=240, otherwise="degrade")
    given = pair(part(voltage_min=218, voltage_max=400), partners=(part("e-axle", "zeta/axle", [weak]),))
    (finding,) = _found(given)
    assert (finding.level, finding.margin) == ("degrade", -22)


@pytest.mark.parametrize(("full", "expected"), [(239.9, "break"), (240, None)])
def test_a_pack_that_lies_below_it_even_full_never_gives_full_power(full, expected):
    weak = limit("voltage_min", "battery-pack", minimum=240, otherwise="degrade")
    given = pair(part(voltage_min=150, voltage_max=full), partners=(part("e-axle", "zeta/axle", [weak]),))
    assert [lv for about, lv in _levels(given) if about == "voltage_max"] == ([expected] if expected else [])


def test_an_e_axle_whose_cars_pack_lies_below_it_even_full_never_gives_full_power():
    weak = limit("voltage_min", "battery-pack", minimum=240, otherwise="degrade")
    small = part("battery-pack", "zeta/pack", source="small", voltage_min=100, voltage_max=201)
    given = pair(part("e-axle", requires=[weak]), place("e-axle"), partners=(small,))
    (finding,) = [f for f in _found(given) if f.about == "voltage_max"]
    assert (finding.level, finding.provided, finding.margin) == ("break", 201, -39)
    assert "small" in sources(finding)


@pytest.mark.parametrize(("full", "expected"), [(400, "ok"), (400.5, "degrade")])
def test_fast_charging_ends_early_where_the_car_asks_for_less(full, expected):
    given = _window(240, full, car={"dc_charge_voltage_max": 400})
    charging = _found(given)[-1]
    assert (charging.level, charging.required, charging.bound) == (expected, 400, "at most")
    assert "car" in sources(charging)


DRIVES = {
    "more than its weakest component bears": ("dc_voltage_rating", 400, (300, 400.1), "voltage_max", "break", -0.1),
    "as much as its weakest component bears": ("dc_voltage_rating", 400, (300, 400), "voltage_max", "ok", 0),
    "more than it works with": ("dc_voltage_max", 400, (300, 401), "voltage_max", "break", -1),
    "even full, less than it works with": ("dc_voltage_min", 240, (200, 239), "voltage_max", "break", -1),
    "even full, too little for its full power": ("dc_voltage_full_power", 240, (200, 239), "voltage_max", "break", -1),
    "it stops before the pack is empty": ("dc_voltage_min", 240, (239, 400), "voltage_min", "degrade", -1),
    "it cuts back before the pack is empty": ("dc_voltage_full_power", 240, (218, 400), "voltage_min", "degrade", -22),
    "it gives full power to the end": ("dc_voltage_full_power", 240, (240, 400), "voltage_min", "ok", 0),
}


@pytest.mark.parametrize(("key", "volts", "window", "about", "expected", "margin"), DRIVES.values(), ids=DRIVES)
@pytest.mark.parametrize("pack_is_judged", [True, False])
def test_what_a_drive_states_of_its_voltage_is_kept_to_the_volt(
    key, volts, window, about, expected, margin, pack_is_judged
):
    low, high = window
    drive = part("inverter", "zeta/drive" if pack_is_judged else PART, source="drive", **{key: volts})
    pack = part("battery-pack", PART if pack_is_judged else "zeta/pack", voltage_min=low, voltage_max=high)
    given = pair(pack, partners=(drive,)) if pack_is_judged else pair(drive, place("inverter"), partners=(pack,))
    (finding,) = [f for f in found("voltage-window", given) if f.about == about and f.required == volts]
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "V")
    assert sources(finding) == {f"on {about}", "drive"}


def test_what_an_e_axle_and_its_inverter_state_alike_is_told_once():
    drives = [part(kind, f"zeta/{kind}", dc_voltage_rating=600) for kind in ("e-axle", "inverter")]
    given = pair(part(voltage_min=300, voltage_max=806), partners=tuple(drives))
    assert levels("voltage-window", given) == [("voltage_max", "break")]


@pytest.mark.parametrize(("allowed", "otherwise", "expected"), [
    (440, "break", ["break"]), (450, "break", ["break"]), (500, "break", ["ok", "break"]),
    (440, "degrade", ["degrade", "break"]),
])  # fmt: skip
def test_a_rating_is_judged_unless_a_limit_of_the_drive_is_as_strict(allowed, otherwise, expected):
    weak = limit("voltage_max", "battery-pack", maximum=allowed, otherwise=otherwise)
    drive = part("e-axle", "zeta/axle", [weak], dc_voltage_rating=450)
    given = pair(part(voltage_min=300, voltage_max=460), partners=(drive,))
    assert [lv for about, lv in levels("voltage-window", given)] == expected


def test_a_lowest_voltage_for_full_power_is_judged_as_the_limit_that_the_drive_sets_on_it():
    weak = limit("voltage_min", "battery-pack", minimum=240, otherwise="degrade")
    drive = part("e-axle", "zeta/axle", [weak], dc_voltage_full_power=250)
    given = pair(part(voltage_min=245, voltage_max=400), partners=(drive,))
    assert [lv for about, lv in levels("voltage-window", given) if about == "voltage_min"] == ["ok"]


SLOTS = {
    "within": ((240, 400), (240, 400), "ok", "ok"), "more than it bears": ((240, 400.1), (240, 400), "break", "ok"),
    "less than it works with": ((239, 400), (240, 400), "ok", "degrade"),
    "even full less than it works with": ((200, 239), (240, 400), "ok", "break"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "there", "most", "least"), SLOTS.values(), ids=SLOTS)
def test_a_place_that_states_its_window_goes_before_the_pack_as_sold_and_is_exact(own, there, most, least):
    here, slot = ({"voltage_min": low, "voltage_max": high} for low, high in (own, there))
    given = at_home(here=here, there=slot, fitted={"voltage_min": 1, "voltage_max": 9999})
    assert _levels(given) == [("voltage_max", most), ("voltage_min", least)]
    assert sources(_found(given)[0]) == {"on voltage_max", "place"}


def test_of_a_pack_without_a_voltage_in_a_place_that_states_one_it_is_unknown():
    assert ("voltage_max", "unknown") in _levels(at_home(there={"voltage_max": 400}))


def test_a_drive_that_does_not_state_what_it_bears_is_known_to_bear_the_pack_that_it_is_sold_with():
    window, silent = {"voltage_min": 300, "voltage_max": 400}, part("e-axle", "zeta/axle")
    given = [
        at_home(here=window, fitted=window, partners=(silent,)),
        at_home(here=window, fitted=window, partners=(silent,), brought=("zeta/axle",)),
        pair(part(**window), partners=(silent,)),
    ]
    assert [[f.level for f in found("voltage-window", g) if f.message.startswith("what voltage")] for g in given] == [
        [], ["unknown"], ["unknown"]
    ]  # fmt: skip


def test_of_a_car_whose_drive_nobody_knows_it_is_unknown_what_it_bears():
    finding = found("voltage-window", _window(240, 400))[0]
    assert (finding.level, finding.message) == ("unknown", f"the drive of {HOST} is not known")


# --- layout ----------------------------------------------------------------------------------------------------------

CELLS = {"cells_series": 8, "cell_voltage_min": 2.5, "cell_voltage_nominal": 3.7, "cell_voltage_max": 4.2}


def _module(**more):
    return part("battery-module", "acme/module", **(CELLS | more))


def test_a_module_is_told_with_its_layout():
    finding = one("layout", laid(_module(), part("battery-pack", OWN, voltage_nominal=355)))
    assert (finding.level, finding.provided, finding.message) == ("ok", 12, "12 in series, 1 side by side")


def test_a_module_that_cannot_be_laid_out_is_unknown_and_says_why():
    finding = one("layout", laid(_module(), part("battery-pack", OWN)))
    assert (finding.level, "no voltage of the host is known" in finding.message) == ("unknown", True)


def test_a_pack_has_no_layout():
    assert found("layout", at_home()) == ()


# --- cells -----------------------------------------------------------------------------------------------------------

OWN_CELLS = {"voltage_nominal": 355, "cells_series": 96, "cell_voltage_min": 2.5, "cell_voltage_max": 4.2}

CELL_LIMITS = {
    "the same cells": (2.5, 4.2, "ok", "ok"),
    "a hundredth of a volt is how well controllers measure": (2.509, 4.191, "ok", "ok"),
    "cells that bear less are overcharged": (2.5, 4.18, "break", "ok"),
    "cells that must not be emptied so far": (2.52, 4.2, "ok", "break"),
    "cells that bear more are not filled": (2.5, 4.3, "degrade", "ok"),
    "cells that could be emptied further": (2.0, 4.2, "ok", "degrade"),
}


@pytest.mark.parametrize(("low", "high", "full", "empty"), CELL_LIMITS.values(), ids=CELL_LIMITS)
def test_the_controller_of_the_case_was_made_for_other_cells(low, high, full, empty):
    module = _module(cell_voltage_min=low, cell_voltage_max=high)
    given = laid(module, part("battery-pack", OWN, source="own", **OWN_CELLS))
    assert levels("cell-voltage", given) == [("cell_voltage_max", full), ("cell_voltage_min", empty)]
    assert sources(found("cell-voltage", given)[0]) == {"on cell_voltage_max", "own"}


def test_of_cells_that_one_side_does_not_state_it_is_unknown_and_it_is_named():
    findings = found("cell-voltage", laid(_module(), part("battery-pack", OWN, voltage_nominal=355)))
    assert [(f.about, f.level, OWN in f.message) for f in findings] == [
        ("cell_voltage_max", "unknown", True), ("cell_voltage_min", "unknown", True)
    ]  # fmt: skip


def test_a_cells_voltage_is_that_of_the_pack_over_its_cells():
    own = {"voltage_nominal": 355, "voltage_min": 240, "voltage_max": 403.2, "cells_series": 96}
    given = laid(_module(), part("battery-pack", OWN, **own))
    assert levels("cell-voltage", given) == [("cell_voltage_max", "ok"), ("cell_voltage_min", "ok")]


def test_a_pack_watches_its_own_cells():
    assert found("cell-voltage", at_home(here={"cell_voltage_max": 3.65}, fitted={"cell_voltage_max": 4.2})) == ()

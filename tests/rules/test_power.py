"""Rules of group C: power and current over time, charge and temperature; torque and speed; range by simulation."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from pairs import HOST, OWN, PART, at_home, found, laid, level, levels, limit, one, pair, part, place, sources

from renkei.rules.pair import Driven, Shown

DRIVE = part("e-axle", "zeta/axle", source="drive", power_peak=100)

# --- peak current ----------------------------------------------------------------------------------------------------


def _feeds(*drives, there=None, **pack):
    """A pack that feeds drives; 100 kW at 400 V are 250 A."""
    return at_home(here={"voltage_nominal": 400, **pack}, there=there, partners=drives or (DRIVE,))


CURRENTS = {
    "as much as the drive asks for": (250, "ok", 0),
    "two percent less is rounding": (245, "ok", -5),
    "less is a loss of power": (244.9, "degrade", -5.1),
}


@pytest.mark.parametrize(("amps", "expected", "margin"), CURRENTS.values(), ids=CURRENTS)
def test_the_pack_gives_the_current_that_the_drive_asks_for(amps, expected, margin):
    finding = one("peak-current", _feeds(current_peak=amps))
    assert (finding.level, finding.margin, finding.unit, finding.required) == (expected, margin, "A", 250)
    assert sources(finding) == {"on current_peak", "drive"}
    assert "250 A: 100 kW at 400 V" in finding.message


@drawn(st.floats(50, 300), st.floats(100, 800), st.floats(50, 1000))
def test_the_current_is_power_over_voltage(power_kw, volts, amps):
    drive = part("e-axle", "zeta/axle", power_peak=power_kw)
    finding = one("peak-current", at_home(here={"voltage_nominal": volts, "current_peak": amps}, partners=(drive,)))
    asked = power_kw * 1000 / volts
    assert finding.required == pytest.approx(asked, abs=0.001)
    if abs(amps / asked - 0.98) > 1e-6:
        assert finding.level == ("ok" if amps > 0.98 * asked else "degrade")


@pytest.mark.parametrize(("amps", "expected"), [(250, "ok"), (300, "ok"), (200, "degrade")])
def test_a_drive_that_draws_no_more_current_gives_less_power_at_a_lower_voltage(amps, expected):
    """100 kW as sold at 400 V; what the drive may draw at 400 V is the same, at a lower voltage it is less power."""
    drive = part("e-axle", "zeta/axle", power_peak=100, dc_current_max=amps)
    given = at_home(here={"voltage_nominal": 400 if amps > 200 else 300, "current_peak": 900},
                    fitted={"voltage_nominal": 400}, partners=(drive,))  # fmt: skip
    told = [f for f in found("peak-current", given) if f.about == "dc_current_max"]
    assert [f.level for f in told] == [expected]


def test_of_a_pack_of_which_nothing_is_known_it_is_unknown_but_what_is_asked_for_is_told():
    finding = one("peak-current", _feeds())
    assert (finding.level, finding.required, finding.provided) == ("unknown", 250, None)


def test_without_a_power_or_a_voltage_it_is_unknown_and_says_which_is_missing():
    assert "the power of zeta/axle" in one("peak-current", _feeds(part("e-axle", "zeta/axle"))).message
    finding = one("peak-current", at_home(partners=(DRIVE,)))
    assert (finding.level, finding.message) == ("unknown", f"the voltage of {PART} is not known")


def test_the_middle_of_its_window_stands_for_a_nominal_voltage():
    given = at_home(here={"voltage_min": 300, "voltage_max": 500, "current_peak": 250}, partners=(DRIVE,))
    assert one("peak-current", given).required == 250


def test_the_least_current_that_is_stated_binds_and_powers_count_where_there_is_none():
    known = {"current_peak": 260, "current_limit_announced": 250, "power_10s": 96, "power_peak": 92}
    gives = []
    while known:
        gives.append(one("peak-current", _feeds(**known)).provided)
        del known[next(iter(known))]
    assert gives == [250, 250, 240, 230]


def test_a_pack_is_known_to_give_what_it_gives_in_the_car_that_it_is_sold_in():
    uses = Shown("zeta/small", 60, ("small",)), Shown("zeta/large", 110, ("large",))
    given = at_home(here={"voltage_nominal": 400}, partners=(DRIVE,), shown=uses)
    finding = one("peak-current", given)
    assert (finding.level, finding.provided, sources(finding)) == ("ok", 275, {"large", "drive"})
    assert "zeta/large" in finding.message


def test_two_e_axles_draw_together_and_an_inverter_inside_draws_no_more():
    rear = part("e-axle", "zeta/rear", power_peak=60)
    inside = part("inverter", "zeta/inverter", power_peak=100)
    assert one("peak-current", _feeds(DRIVE, rear, inside, current_peak=400)).required == 400


def test_the_load_of_a_single_cell_is_told_as_a_multiple_of_its_capacity():
    finding = one("peak-current", _feeds(current_peak=250, cell_capacity=50, cells_parallel=1))
    assert "250 A through each cell of 50 Ah (5.0C)" in finding.message
    finding = one("peak-current", _feeds(current_peak=250, cell_capacity=50, cells_parallel=2))
    assert "125 A through each cell of 50 Ah (2.5C)" in finding.message


def test_cells_of_which_nobody_says_how_many_lie_side_by_side_are_taken_as_one():
    assert "250 A through each cell of 50 Ah" in one("peak-current", _feeds(current_peak=250, cell_capacity=50)).message


def test_a_drive_that_limits_its_current_draws_no_more():
    assert one("peak-current", _feeds(part("e-axle", "zeta/axle", power_peak=100, dc_current_max=200))).required == 200


def test_a_place_that_states_its_current_goes_before_the_power_of_the_drive():
    finding = one("peak-current", _feeds(current_peak=250, there={"dc_current_max": 300}))
    assert (finding.level, finding.required, sources(finding)) == ("degrade", 300, {"on current_peak", "place"})


@pytest.mark.parametrize(("amps", "expected"), [(500, "ok"), (400, "degrade")])
def test_a_limit_on_what_the_pack_announces_is_enough(amps, expected):
    asks = limit("current_limit_announced", "battery-pack", minimum=500, otherwise="degrade")
    strong = part("e-axle", "zeta/axle", [asks], power_peak=160)
    given = at_home(here={"voltage_nominal": 350, "current_limit_announced": amps}, partners=(strong,))
    finding = one("peak-current", given)
    assert (finding.level, finding.margin) == (expected, amps - 500)


def _stronger(announced, sold_kw, **more):
    """A stronger drive in a car; 400 A at 350 V are 140 kW."""
    asks = limit(
        "current_limit_announced", "battery-pack", minimum=500, otherwise="degrade", reason="It asks for more."
    )
    own = part("battery-pack", "zeta/pack", voltage_nominal=350, current_limit_announced=announced)
    strong = part("e-axle", PART, [asks], power_peak=160)
    return pair(strong, place("e-axle"), fitted=part("e-axle", OWN, power_peak=sold_kw), partners=(own,), **more)


def test_the_cars_own_pack_behind_a_stronger_drive_is_no_loss():
    assert levels("peak-current", _stronger(400, 140)) == [("current_limit_announced", "ok")]
    assert levels("peak-current", _stronger(400, 145)) == [("current_limit_announced", "degrade")]
    assert levels("peak-current", _stronger(400, 140, brought=("zeta/pack",))) == [
        ("current_limit_announced", "degrade")
    ], "another pack was chosen for it"


# --- peak power ------------------------------------------------------------------------------------------------------

POWERS = {"as much": (110, "ok"), "two percent less": (107.8, "ok"), "less": (107.7, "degrade"), "more": (160, "ok")}


@pytest.mark.parametrize(("power_kw", "expected"), POWERS.values(), ids=POWERS)
@pytest.mark.parametrize("kind", ["e-axle", "inverter", "motor"])
def test_a_drive_gives_the_power_that_the_car_is_sold_with(kind, power_kw, expected):
    finding = one("peak-power", at_home(kind, {"power_peak": power_kw}, fitted={"power_peak": 110}))
    assert (finding.level, finding.unit, sources(finding)) == (expected, "kW", {"on power_peak", "own"})


def test_a_motor_of_less_torque_is_a_loss():
    given = at_home("motor", {"power_peak": 80, "torque_peak": 250}, fitted={"power_peak": 80, "torque_peak": 280})
    assert levels("peak-power", given) == [("power_peak", "ok"), ("torque_peak", "degrade")]
    assert one("peak-power", given, "torque_peak").margin == -30


@pytest.mark.parametrize(("here", "own", "named"), [({}, {"power_peak": 80}, PART), ({"power_peak": 80}, {}, HOST)])
def test_power_that_one_side_does_not_state_is_unknown(here, own, named):
    finding = one("peak-power", at_home("e-axle", here, fitted=own))
    assert (finding.level, named in finding.message) == ("unknown", True)


def test_torque_that_one_side_does_not_state_is_no_finding():
    given = at_home("motor", {"power_peak": 80, "torque_peak": 250}, fitted={"power_peak": 80})
    assert [about for about, _ in levels("peak-power", given)] == ["power_peak"]


@pytest.mark.parametrize(
    ("rule", "key"),
    [("peak-power", "power_10s"), ("continuous-power", "power_continuous"), ("continuous-power", "current_continuous"),
     ("charge-and-regeneration", "charge_power_peak"), ("charge-and-regeneration", "charge_current_continuous")],
)  # fmt: skip
def test_what_a_place_states_that_it_draws_or_charges_with_the_pack_must_bear(rule, key):
    values = [({key: 98}, "ok"), ({key: 97.9}, "degrade"), ({}, "unknown")]
    assert [level(rule, at_home(here=here, there={key: 100}), key) for here, _ in values] == [lv for _, lv in values]
    assert found(rule, at_home(here={key: 1})) == (), "where the place states nothing, nothing is found"


# --- power without end -----------------------------------------------------------------------------------------------


def _without_end(amps, **drive):
    words = {"power_continuous": 40, "source": "drive"}
    return at_home(here={"voltage_nominal": 400, "current_continuous": amps},
                   partners=(part("e-axle", "zeta/axle", **(words | drive)),))  # fmt: skip


@pytest.mark.parametrize(("amps", "expected"), [(100, "ok"), (98, "ok"), (97, "degrade")])
def test_a_motorway_is_longer_than_any_peak(amps, expected):
    finding = one("continuous-power", _without_end(amps))
    assert (finding.level, finding.required, finding.unit) == (expected, 100, "A")
    assert sources(finding) == {"on current_continuous", "drive"}


def test_where_one_side_does_not_state_it_nothing_is_found():
    assert found("continuous-power", at_home(here={"voltage_nominal": 400, "current_continuous": 1})) == ()
    drive = part("e-axle", "zeta/axle", power_continuous=40)
    assert found("continuous-power", at_home(here={"voltage_nominal": 400}, partners=(drive,))) == ()


# --- cold or empty ---------------------------------------------------------------------------------------------------

TABLE = {
    "temperature": (25, 25, -20, -20), "soc": (50, 10, 50, 10), "time": (10, 10, 10, 10), "power": (110, 60, 45, 20),
}  # fmt: skip


def test_with_a_table_of_limits_the_lowest_power_binds_and_its_place_is_told():
    finding = one("power-when-cold-or-empty", _feeds(discharge_limit=TABLE))
    assert (finding.level, finding.required, finding.provided, finding.margin) == ("degrade", 100, 20, -80)
    assert finding.message == "20 kW at -20 Celsius and 10 percent for 10 s"


def test_a_pack_that_is_strong_enough_everywhere_is_ok():
    assert level("power-when-cold-or-empty", _feeds(discharge_limit=TABLE | {"power": (120, 110, 101, 99)})) == "ok"


CURVE = {"soc": (0, 10, 100), "voltage": (300, 340, 400)}


@pytest.mark.parametrize(("ohm", "kw"), [(0.1, 120), (0.2, 60), (0.12, 100), (0.1225, 97.96)])
def test_with_resistance_and_open_circuit_voltage_it_is_the_power_at_the_lowest_voltage(ohm, kw):
    """Vmin (OCV - Vmin) / R at 10 percent of charge: 300 V x 40 V / R."""
    finding = one("power-when-cold-or-empty", _feeds(open_circuit_voltage=CURVE, resistance=ohm, voltage_min=300))
    assert finding.provided == pytest.approx(kw, abs=0.01)
    assert (finding.level, finding.about) == ("ok" if kw >= 98 else "degrade", "resistance")


def test_a_pack_of_which_neither_is_known_is_not_judged_cold():
    assert found("power-when-cold-or-empty", _feeds(resistance=0.1, voltage_min=300)) == ()
    assert found("power-when-cold-or-empty", _feeds(open_circuit_voltage=CURVE, voltage_min=300)) == ()


# --- charge and regeneration -----------------------------------------------------------------------------------------


def _charged(amps, car=None, **drive):
    words = {"regeneration_power_max": 40, "source": "drive"}
    return at_home(here={"voltage_nominal": 400, "charge_current_peak": amps}, car=car,
                   partners=(part("e-axle", "zeta/axle", **(words | drive)),))  # fmt: skip


@pytest.mark.parametrize(("amps", "expected"), [(100, "ok"), (98, "ok"), (97, "degrade")])
def test_what_is_braked_into_the_pack_must_stay_within_what_it_takes(amps, expected):
    finding = one("charge-and-regeneration", _charged(amps))
    assert (finding.level, finding.required, finding.unit) == (expected, 100, "A")
    assert sources(finding) == {"on charge_current_peak", "drive"}


def test_fast_charging_and_braking_are_judged_apart():
    given = _charged(110, {"dc_charge_power_max": 50})
    assert [(f.required, f.level) for f in found("charge-and-regeneration", given)] == [(100, "ok"), (125, "degrade")]


def test_a_pack_that_does_not_state_what_it_takes_is_not_judged():
    drive = part("e-axle", "zeta/axle", regeneration_power_max=40)
    assert found("charge-and-regeneration", at_home(here={"voltage_nominal": 400}, partners=(drive,))) == ()


# --- limit signals ---------------------------------------------------------------------------------------------------

ZERO = [
    ("stop", "stop", "ok"), ("stop", "limp", "break"), ("limp", "ignored", "break"), ("ignored", "ignored", "break"),
    ("stop", None, "unknown"), (None, "limp", "unknown"), (None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("here", "there", "expected"), ZERO)
def test_a_host_must_obey_a_limit_of_0_and_do_what_the_pack_expects(here, there, expected):
    given = at_home(here={"limit_zero": here} if here else {}, there={"limit_zero": there} if there else {})
    assert level("limit-signals", given) == expected


def test_how_often_limits_come_is_a_limit():
    asks = limit("limit_rate", "battery-pack", maximum=100)
    given = [pair(part(limit_rate=ms), place(requires=[asks])) for ms in (100, 101)]
    assert [level("limit-signals", g) for g in given] == ["ok", "break"]


# --- fast charging ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["there", "fitted", "car"])
def test_ways_of_charging_that_the_pack_does_not_know_are_lost(where):
    given = at_home(here={"charge_modes": ["ac"]}, **{where: {"charge_modes": ["ac", "dc", "v2h"]}})
    finding = one("dc-charging", given)
    assert (finding.level, finding.message) == ("degrade", "lost: dc, v2h")


def test_a_pack_that_knows_all_ways_or_more_loses_none():
    given = at_home(here={"charge_modes": ["dc", "ac", "v2h"]}, there={"charge_modes": ["ac", "dc"]})
    assert level("dc-charging", given) == "ok"


@pytest.mark.parametrize(("kw", "expected", "margin"), [(50, "ok", 0), (49, "ok", -1), (48.9, "degrade", -1.1)])
def test_a_pack_that_takes_less_charges_more_slowly(kw, expected, margin):
    given = at_home(here={"dc_charge_power_max": kw}, car={"dc_charge_power_max": 50})
    finding = one("dc-charging", given)
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "kW")
    assert sources(finding) == {"on dc_charge_power_max", "car"}


def test_where_one_side_says_nothing_of_fast_charging_nothing_is_found():
    assert found("dc-charging", at_home(here={"charge_modes": ["ac"], "dc_charge_power_max": 1})) == ()


# --- drive train -----------------------------------------------------------------------------------------------------

AXLES = [
    ("front", "front", "ok"), ("front", "rear", "break"), ("both", "rear", "break"), ("rear", "both", "ok"),
    ("front", None, "unknown"), (None, "front", "unknown"), (None, None, "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("own", "car", "expected"), AXLES)
def test_an_e_axle_is_made_for_an_axle(own, car, expected):
    given = at_home("e-axle", {"drives_axle": own} if own else {}, car={"driven_axle": car} if car else {})
    assert level("drive-train", given) == expected


def test_who_does_not_state_the_axle_is_named():
    assert PART in one("drive-train", at_home("e-axle", car={"driven_axle": "front"})).message
    assert HOST in one("drive-train", at_home("e-axle", {"drives_axle": "front"})).message


def _axle(here, fitted=None, **car):
    return at_home("e-axle", {"drives_axle": "front", **here}, car={"driven_axle": "front", **car}, fitted=fitted)


TORQUES = {
    "as stated": ({"torque_peak_axle": 2000}, {"torque_peak_axle": 2000}, "ok", 0),
    "torque times ratio": ({"torque_peak": 250, "ratio": 8}, {"torque_peak_axle": 2000}, "ok", 0),
    "two percent less": ({"torque_peak_axle": 1960}, {"torque_peak_axle": 2000}, "ok", -40),
    "less at the wheels by its ratio": ({"torque_peak": 280, "ratio": 7}, {"torque_peak": 280, "ratio": 8},
                                        "degrade", -280),
}  # fmt: skip


@pytest.mark.parametrize(("here", "own", "expected", "margin"), TORQUES.values(), ids=TORQUES)
def test_torque_is_compared_at_the_wheels(here, own, expected, margin):
    finding = one("drive-train", _axle(here, own), "torque_peak_axle")
    assert (finding.level, finding.margin, finding.unit) == (expected, margin, "Nm")


def test_torque_at_the_wheels_that_cannot_be_told_is_no_finding():
    assert [a for a, _ in levels("drive-train", _axle({"torque_peak": 250}, {"torque_peak_axle": 1}))] == [
        "drives_axle"
    ]


@pytest.mark.parametrize(("rpm", "expected"), [(10610, "ok"), (10400, "ok"), (10390, "degrade")])
def test_the_top_speed_is_that_of_the_motor_through_ratio_and_tyres(rpm, expected):
    """10,610 rpm / 8 x 2 pi x 0.3 m are 150 km/h."""
    finding = one("drive-train", _axle({"speed_max": rpm, "ratio": 8}, tyre_radius=0.3, top_speed=150), "top_speed")
    assert (finding.level, finding.required, finding.unit) == (expected, 150, "km/h")
    assert finding.provided == pytest.approx(rpm * 150 / 10610, abs=0.01)


# --- driving ---------------------------------------------------------------------------------------------------------


def _driven(with_part, as_sold=200.0, behind=(0.0, 0.0), **more):
    return at_home(driven=Driven("some-cycle", (with_part, as_sold), behind, **more))


@pytest.mark.parametrize(("km", "expected"), [(200, "ok"), (196, "ok"), (195, "degrade"), (300, "ok")])
def test_a_range_shorter_by_more_than_two_percent_degrades(km, expected):
    finding = one("driving", _driven(km))
    assert (finding.level, finding.unit, finding.required) == (expected, "km", 200)
    assert finding.facts[0].confidence == "derived"


def test_how_many_assumptions_a_simulation_rests_on_is_told():
    assert "on 2 assumptions" in one("driving", _driven(200, assumed=("a: x", "a: y"))).facts[0].value


@pytest.mark.parametrize(("behind", "expected"), [((1.0, 0.0), None), ((1.1, 0.0), "degrade"), ((500.0, 499.9), None)])
def test_a_car_that_falls_short_of_a_cycle_which_it_followed_before_is_a_loss(behind, expected):
    assert level("driving", _driven(200, behind=behind), "cycle") == expected


def test_what_cannot_be_simulated_is_unknown_and_says_why():
    finding = one("driving", _driven(None, why_not="no open-circuit voltage is known"))
    assert (finding.level, finding.message) == ("unknown", "no open-circuit voltage is known")


def test_a_simulation_never_breaks_anything():
    given = _driven(0.1, behind=(1e6, 0.0))
    assert {f.level for f in found("driving", given)} == {"degrade"}


def test_what_is_not_simulated_is_not_judged():
    assert found("driving", at_home()) == ()


# --- modules ---------------------------------------------------------------------------------------------------------


def test_what_the_replaced_pack_announces_says_nothing_of_the_modules_in_its_case():
    module = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6)
    fitted = part("battery-pack", OWN, voltage_nominal=355, current_limit_announced=500)
    assert level("peak-current", laid(module, fitted, partners=(DRIVE,))) == "unknown"


def test_the_cars_own_pack_is_no_loss_either_where_no_limit_names_what_it_announces():
    own = part("battery-pack", "zeta/pack", voltage_nominal=400, current_peak=250)
    strong = part("e-axle", PART, power_peak=160)
    for sold_kw, expected in ((100, "ok"), (120, "degrade")):
        given = pair(strong, place("e-axle"), fitted=part("e-axle", OWN, power_peak=sold_kw), partners=(own,))
        assert levels("peak-current", given) == [("current_peak", expected)]

"""Pairs of the catalogue as rules see them: places, partners, what is sold together, uses, layouts, simulation."""

from __future__ import annotations

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.judge import judge
from renkei.flows.pairs import Pairs
from renkei.rules.judge import part_in_host
from renkei.rules.pair import SILENT
from renkei.rules.register import RULES

ALL = Catalogue()
PAIRS = Pairs(ALL, simulated=False)


def in_car(part: str, car: str, pairs: Pairs = PAIRS):
    return pairs.in_vehicle(ALL.part(part), ALL.vehicle(car))


def in_part(part: str, host: str, pairs: Pairs = PAIRS):
    return pairs.in_part(ALL.part(part), ALL.part(host))


def ids(parts):
    return {part.id for part in parts}


# --- places and partners ---------------------------------------------------------------------------------------------


def test_a_pack_works_together_with_e_axle_and_the_inverter_inside():
    pair = in_car("nissan/leaf-40-pack", "nissan/leaf-aze0")
    assert (pair.slot.name, pair.fitted.id) == ("battery", "nissan/leaf-24-aze0-pack")
    assert ids(pair.partners) == {"nissan/em57-80-e-axle", "nissan/em57-80-inverter"}
    assert ids(pair.drives) == ids(pair.partners)
    assert ids(pair.packs) == {"nissan/leaf-40-pack"}


def test_an_e_axle_works_together_with_the_pack():
    pair = in_car("nissan/em57-160-e-axle", "nissan/leaf-aze0")
    assert (pair.fitted.id, ids(pair.partners)) == ("nissan/em57-80-e-axle", {"nissan/leaf-24-aze0-pack"})


def test_an_inverter_of_a_car_goes_into_its_e_axle_beside_the_motor():
    pair = in_car("nissan/em57-160-inverter", "nissan/leaf-aze0")
    assert pair.fitted.id == "nissan/em57-80-inverter"
    assert ids(pair.partners) == {"nissan/em57-motor", "nissan/leaf-24-aze0-pack"}
    assert pair.host_kind == "vehicle"


def test_an_inverter_in_an_e_axle_alone_has_no_pack():
    pair = in_part("nissan/em57-160-inverter", "nissan/em57-80-e-axle")
    assert (ids(pair.partners), pair.host_kind) == ({"nissan/em57-motor"}, "e-axle")


def test_a_pack_on_an_inverter_meets_it_at_the_terminals_alone():
    pair = in_part("nissan/leaf-40-pack", "nissan/em57-80-inverter")
    assert (pair.slot, ids(pair.partners), pair.said_by_host) == (None, {"nissan/em57-80-inverter"}, SILENT)


@pytest.mark.parametrize("car", ["honda/civic-8g", "nissan/e-nv200"])
@pytest.mark.parametrize("part", ["nissan/leaf-40-pack", "nissan/em57-80-e-axle", "nissan/em57-80-inverter"])
def test_a_car_of_which_no_place_is_known_has_none_and_it_says_why(part, car):
    pair = in_car(part, car)
    assert pair.slot is None
    assert car in pair.no_place
    engine_alone = ALL.vehicle(car).powertrain == "combustion"
    assert judge(ALL, part, car).level == ("break" if engine_alone else "unknown")


def test_an_e_axle_of_which_no_inverter_is_known_has_no_place_for_one():
    pair = in_part("nissan/em57-80-inverter", "honda/fit-ev-e-axle")
    assert pair.no_place == "honda/fit-ev-e-axle states no inverter of its own"


@pytest.mark.parametrize(("part", "slot"), [
    ("mitsubishi/y61-e-axle", "rear-e-axle"), ("mitsubishi/i-miev-e-axle", "rear-e-axle"),
    ("nissan/em57-80-e-axle", "front-e-axle"), ("nidec/ni100-e-axle", "front-e-axle"),
])  # fmt: skip
def test_of_two_e_axles_the_place_is_that_of_the_same_axle(part, slot):
    assert in_car(part, "mitsubishi/outlander-phev-2019").slot.name == slot


@pytest.mark.parametrize(("part", "host", "told"), [
    ("nissan/aesc-32-cell", "nissan/leaf-aze0", "expected a battery module or pack, an e-axle"),
])  # fmt: skip
def test_a_part_that_no_car_has_a_place_for_is_refused(part, host, told):
    with pytest.raises(InputError, match=told):
        in_car(part, host)


@pytest.mark.parametrize(("part", "host"), [
    ("nissan/em57-80-inverter", "nissan/leaf-40-pack"), ("nissan/leaf-40-pack", "nissan/em57-motor"),
    ("nissan/leaf-40-module", "nissan/em57-80-inverter"), ("nissan/em57-80-e-axle", "nissan/em57-80-e-axle"),
])  # fmt: skip
def test_a_part_that_goes_into_no_such_part_is_refused_and_both_kinds_are_named(part, host):
    with pytest.raises(InputError) as e:
        in_part(part, host)
    assert ALL.part(part).kind in str(e.value)
    assert ALL.part(host).kind in str(e.value)


# --- sold together ---------------------------------------------------------------------------------------------------

CARS = [(slot.fitted, car) for car in ALL.vehicles for slot in ALL.vehicle(car).slots.values() if slot.fitted]


@pytest.mark.parametrize(("part", "car"), CARS)
def test_a_part_in_the_car_that_its_maker_fits_it_to_is_sold_with_it_and_fits(part, car):
    pair = in_car(part, car)
    assert pair.is_sold
    assert part_in_host(pair).level in ("ok", "degrade"), "nothing unknown, and nothing that breaks"


def test_inverter_and_motor_are_sold_with_their_e_axle_and_module_with_its_pack():
    assert in_car("nissan/em57-80-inverter", "nissan/leaf-aze0").is_sold
    assert in_part("nissan/em57-motor", "nissan/em57-160-e-axle").is_sold
    assert in_car("nissan/leaf-24-module", "nissan/leaf-aze0").is_sold


def test_nothing_else_is_sold_together():
    for part, car in (("nissan/leaf-40-pack", "nissan/leaf-aze0"), ("nissan/em57-160-inverter", "nissan/leaf-aze0"),
                      ("nissan/leaf-40-module", "nissan/leaf-aze0")):  # fmt: skip
        assert not in_car(part, car).is_sold


# --- other parts in the host -----------------------------------------------------------------------------------------


def test_another_part_stands_in_the_host_instead_of_its_own_and_is_known_to_be_brought():
    other = Pairs(ALL, [ALL.part("nissan/leaf-40-pack")], simulated=False)
    pair = in_car("nissan/em57-160-e-axle", "nissan/leaf-aze0", other)
    assert ids(pair.packs) == {"nissan/leaf-40-pack"}
    assert pair.brought == ("nissan/leaf-40-pack",)
    assert in_car("nissan/em57-160-e-axle", "nissan/leaf-aze0").brought == ()


def test_another_part_must_not_stand_where_the_judged_one_is_to_stand():
    other = Pairs(ALL, [ALL.part("nissan/leaf-40-pack")], simulated=False)
    with pytest.raises(InputError, match="nissan/leaf-24-aze0-pack is to stand there"):
        in_car("nissan/leaf-24-aze0-pack", "nissan/leaf-aze0", other)


# --- uses ------------------------------------------------------------------------------------------------------------


def test_the_uses_of_a_pack_are_the_cars_that_it_is_sold_in_with_their_power():
    for pair in (
        in_car("nissan/leaf-62-pack", "nissan/leaf-aze0"),
        in_part("nissan/leaf-62-pack", "nissan/em57-80-inverter"),
    ):
        (use,) = pair.shown
        assert (use.host, use.power_kw) == ("nissan/leaf-ze1-62", 160)
        assert use.source, "it rests on the source of that power"


def test_a_pack_that_is_sold_in_no_car_of_the_catalogue_has_no_uses():
    assert in_car("nissan/leaf-cz1-60-pack", "nissan/leaf-aze0").shown == ()


# --- modules ---------------------------------------------------------------------------------------------------------


def test_a_module_is_judged_as_the_pack_that_it_makes_in_the_case_of_the_cars_own():
    pair = in_car("nissan/leaf-40-module", "nissan/leaf-aze0")
    assert (pair.module.id, pair.part.id, pair.part.kind) == ("nissan/leaf-40-module",) * 2 + ("battery-pack",)
    assert pair.part.facts["hv_connector"].value == pair.fitted.facts["hv_connector"].value
    count = pair.layout.modules
    assert pair.part.facts["energy_gross"].value == pytest.approx(pair.module.facts["energy_gross"].value * count)
    assert pair.said_by_part == in_car(pair.fitted.id, "nissan/leaf-aze0").said_by_part, "its controller stays"


def test_the_own_modules_make_the_own_pack():
    pair = in_car("nissan/leaf-24-module", "nissan/leaf-aze0")
    own = pair.fitted.facts
    assert (pair.layout.series, pair.layout.parallel) == (48, 1)
    assert pair.part.facts["cells_series"].value == own["cells_series"].value
    assert pair.part.facts["voltage_max"].value == pytest.approx(own["voltage_max"].value, rel=0.02)
    assert pair.part.facts["mass"].value == pytest.approx(own["mass"].value, rel=0.02)


MODULES = [p for p in ALL.parts if ALL.part(p).kind == "battery-module"]
WITH_PLACE = [v for v in ALL.vehicles if any(s.kind == "battery-pack" for s in ALL.vehicle(v).slots.values())]


@pytest.mark.parametrize("car", WITH_PLACE)
def test_every_module_of_the_catalogue_is_laid_out_in_every_car_or_it_says_why_not(car):
    laid = 0
    for module in MODULES:
        pair = in_car(module, car)
        assert (pair.layout is None) == bool(pair.no_layout)
        if pair.layout is None:
            continue
        laid += 1
        made, volts = pair.layout, pair.layout.numbers
        assert made.series >= 1
        assert made.parallel >= 1
        if made.series_least and made.series_most and made.series_least <= made.series_most:
            assert made.series_least <= made.series <= made.series_most
        assert volts["voltage_min_v"] <= volts["voltage_nominal_v"] <= volts["voltage_max_v"]
    own = in_car(MODULES[0], car).fitted
    known = own is not None and {"voltage_nominal", "voltage_max"} & set(own.facts)
    assert bool(laid) == bool(known), "without any voltage of its own pack no module can be laid out"


# --- simulation ------------------------------------------------------------------------------------------------------


def test_a_pair_is_driven_with_the_part_and_as_sold_and_what_is_sold_together_is_not():
    driven = in_car("nissan/leaf-40-pack", "nissan/leaf-aze0", Pairs(ALL)).driven
    with_part, as_sold = driven.range_km
    assert with_part > as_sold * 1.3, "a pack of 40 kWh instead of one of 24"
    assert driven.why_not is None
    assert in_car("nissan/leaf-24-aze0-pack", "nissan/leaf-aze0", Pairs(ALL)).driven is None
    assert in_car("nissan/leaf-40-pack", "nissan/leaf-aze0").driven is None, "it was not asked for"


@pytest.mark.parametrize(("part", "car", "told"), [
    ("nissan/leaf-40-pack", "mitsubishi/outlander-phev-2019", "no battery-pack is known for it"),
    ("relion/lv-window", "nissan/leaf-aze0", "energy and cells are unknown"),
])  # fmt: skip
def test_what_cannot_be_simulated_is_unknown_and_says_why(part, car, told):
    pair = in_car(part, car, Pairs(ALL))
    assert (pair.driven.range_km, told in pair.driven.why_not) == ((None, None), True)
    (finding,) = [f for f in part_in_host(pair).findings if f.rule == "driving"]
    assert (finding.level, finding.message) == ("unknown", pair.driven.why_not)


# --- every pair ------------------------------------------------------------------------------------------------------

WAIVED = "not stated, but the two are sold together", "The pack is the car's own"
"""What findings say that are ok though a bound is not kept."""
SUBJECTS = [p for p in ALL.parts if ALL.part(p).kind not in ("battery-cell",)]


@pytest.mark.parametrize("car", ALL.vehicles)
def test_every_finding_of_every_part_in_a_car_says_what_it_rests_on_and_its_margin_agrees_with_its_level(car):
    for part in SUBJECTS:
        for f in part_in_host(in_car(part, car)).findings:
            where = f"{part} in {car}: {f}"
            assert f.rule in RULES, where
            assert f.message.strip() == f.message != "", where
            assert "\n" not in f.message, where
            assert all(ground.value for ground in f.facts), where
            if f.level in ("break", "degrade") and f.rule not in ("place", "layout"):
                assert any(ground.source for ground in f.facts), where
            if (
                f.margin is not None
                and f.bound in ("at least", "at most")
                and not any(words in f.message for words in WAIVED)
            ):
                slack = 0.02 * abs(f.required) + 1e-6
                assert f.margin >= -slack if f.level == "ok" else f.margin < 0, where
                gap = f.provided - f.required if f.bound == "at least" else f.required - f.provided
                assert f.margin == pytest.approx(gap, abs=0.01), where


# --- published failures of messages ----------------------------------------------------------------------------------


def test_packs_of_2013_and_later_wait_for_a_charger_that_the_first_car_does_not_have():
    """Its charger sends 0x380 and 0x5BF; they wait for 0x390 and 0x393, and tell P3196."""
    for pack in ("nissan/leaf-24-aze0-pack", "nissan/leaf-30-pack", "nissan/leaf-40-pack", "nissan/leaf-62-pack"):
        pair = in_car(pack, "nissan/leaf-ze0")
        sends = {line.message.id for line in pair.said_by_host.provides}
        assert {0x380, 0x5BF} <= sends
        assert not sends & {0x390, 0x393}
        lost = {f.about: f for f in part_in_host(pair).findings if f.rule == "messages-to-part" and f.level == "break"}
        assert set(lost) == {"0x390", "0x393"}
        assert all("P3196" in f.message and f.facts[0].source for f in lost.values())


def test_later_cars_send_what_these_packs_wait_for():
    for pack, car in (("nissan/leaf-24-aze0-pack", "nissan/leaf-aze0"), ("nissan/leaf-40-pack", "nissan/leaf-ze1-40")):
        levels = {f.about: f.level for f in part_in_host(in_car(pack, car)).findings if f.rule == "messages-to-part"}
        heard = {about.split()[0] for about, level in levels.items() if level == "ok"}
        assert {"0x390", "0x393"} <= heard


def test_the_pack_of_the_first_car_does_not_wait_for_them():
    found = part_in_host(in_car("nissan/leaf-24-ze0-pack", "nissan/leaf-ze0")).findings
    assert all(f.level == "ok" for f in found if f.rule == "messages-to-part")

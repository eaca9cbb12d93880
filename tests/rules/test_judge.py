"""All rules over a pair: order, what is sold together, aids; and a thing against a standard."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairs import HOST, PART, at_home, laid, limit, pair, part, place

from renkei.aid import Aid, Mend
from renkei.parts import Clause, Standard
from renkei.rules.finding import LEVELS
from renkei.rules.judge import against_standard, part_in_host
from renkei.rules.register import PART_RULES

ORDER = [rule.id for rule in PART_RULES]


def finding(verdict, rule, about=None):
    (single,) = [f for f in verdict.findings if f.rule == rule and about in (None, f.about)]
    return single


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_the_rules_and_the_heaviest_is_the_verdict():
    asks = limit("mass", "battery-pack", maximum=300), limit("hv_connector", "battery-pack", one_of=("a",))
    verdict = part_in_host(pair(part(mass=310, hv_connector="b"), place(requires=asks)))
    assert verdict.level == "break"
    assert verdict.first_limit.rule == "mass", "mass is asked before connectors"
    places = [ORDER.index(f.rule) for f in verdict.findings]
    assert places == sorted(places)


def test_of_a_part_without_a_place_nothing_more_is_judged():
    verdict = part_in_host(pair(part(pairing="cryptographic"), no_place="there is no place"))
    assert [(f.rule, f.level) for f in verdict.findings] == [("place", "unknown")]


def test_of_modules_that_cannot_be_laid_out_nothing_of_a_pack_is_judged():
    module = part("battery-module", "acme/module", mass=10)
    verdict = part_in_host(laid(module, part(id_="zeta/own")))
    assert (verdict.subject, verdict.layout) == ("acme/module", None)
    assert verdict.findings[-1].rule == "layout"
    assert verdict.level == "unknown"


def test_a_module_is_judged_under_its_own_name_with_its_layout():
    module = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6)
    verdict = part_in_host(laid(module, part(id_="zeta/own", voltage_nominal=355)))
    assert (verdict.subject, verdict.host) == ("acme/module", HOST)
    assert (verdict.layout["series"], verdict.layout["parallel"]) == (12, 1)


def test_facts_that_nobody_states_and_nobody_asks_for_are_listed_and_not_judged():
    verdict = part_in_host(at_home(here={"mass": 300}))
    assert "stiffness" in verdict.unstated
    assert "mass" not in verdict.unstated, "it is stated"
    assert "mounting" not in verdict.unstated, "it is asked for"
    assert "torque_peak" not in verdict.unstated, "a pack has none"


# --- sold together ---------------------------------------------------------------------------------------------------


def test_what_is_sold_together_is_known_to_work_though_nobody_says_how():
    apart, together = (part_in_host(at_home(is_sold=sold)) for sold in (False, True))
    assert (apart.level, together.level) == ("unknown", "ok")
    assert finding(together, "mounting").message.startswith("not stated, but the two are sold together")


def test_a_break_stays_a_break_and_a_loss_a_loss_even_between_what_is_sold_together():
    asks = [limit("mass", "battery-pack", maximum=300), limit("height", "battery-pack", maximum=1, otherwise="degrade")]
    verdict = part_in_host(pair(part(mass=310, height=2), place(requires=asks), is_sold=True))
    assert finding(verdict, "mass").level == "break"
    assert finding(verdict, "envelope").level == "degrade"
    assert {f.level for f in verdict.findings} == {"ok", "degrade", "break"}


# --- aids ------------------------------------------------------------------------------------------------------------


def mend(*rules, to="ok", why="It mends that.", here=None, there=None, at_most=None) -> Mend:
    return Mend(rules, to, here or {}, there or {}, at_most or {}, why)


def aid(*mends, id_="spring", kinds=("battery-pack",)) -> Aid:
    return Aid(id_, f"The {id_}", kinds, ("a shop",), "reported", mends, Path("aid.toml"))


HEAVY = pair(
    part(mass=310, protocol="ours"), place(requires=[limit("mass", "battery-pack", maximum=300, reason="It sags.")]),
    {"generation": "one"},
)  # fmt: skip


def mass(given, *aids, chosen=()):
    return finding(part_in_host(given, aids, chosen), "mass")


def test_an_aid_that_is_not_there_is_named_and_changes_nothing():
    found = mass(HEAVY, aid(mend("mass")))
    assert (found.level, found.message, found.mends) == (
        "break",
        "It sags",
        ("spring",),
    )


def test_an_aid_that_is_there_changes_the_level_and_is_told_with_its_source():
    verdict = part_in_host(HEAVY, [aid(mend("mass", to="degrade"))], ["spring"])
    found = finding(verdict, "mass")
    assert (found.level, found.message, found.mends) == ("degrade", "It sags. With spring: It mends that.", ())
    assert (found.facts[-1].value, found.facts[-1].source) == ("The spring: It mends that.", ("a shop",))
    assert verdict.aids == ("spring",)
    assert (found.required, found.provided, found.margin) == (300, 310, -10), "what was found stays"


def test_an_aid_for_another_rule_does_nothing():
    assert mass(HEAVY, aid(mend("mounting")), chosen=["spring"]).level == "break"


@pytest.mark.parametrize("to", ["ok", "degrade"])
@pytest.mark.parametrize("otherwise", ["break", "degrade"])
def test_an_aid_makes_nothing_worse_and_leaves_what_is_as_good_as_it_makes_it(to, otherwise):
    asks = limit("mass", "battery-pack", maximum=300, otherwise=otherwise)
    for kg in (290, 310):
        given = pair(part(mass=kg), place(requires=[asks]))
        before, after = mass(given), mass(given, aid(mend("mass", to=to)), chosen=["spring"])
        assert LEVELS.index(after.level) <= LEVELS.index(before.level)
        if LEVELS.index(before.level) > LEVELS.index(to):
            assert after.level == to
        else:
            assert (after.level, after.message, after.mends) == (before.level, before.message, ())


def test_an_aid_answers_what_nobody_states_only_where_it_says_so():
    silent, stated = at_home(there={"protocol": "ours"}), at_home(here={"protocol": "ours"})
    bold = mend("protocol")._replace(unknown=True)
    for given, with_, expected in (
        (silent, mend("protocol"), "unknown"),
        (silent, bold, "ok"),
        (stated, bold, "unknown"),
    ):
        assert finding(part_in_host(given, [aid(with_)], ["spring"]), "protocol").level == expected


def test_an_aid_that_is_about_one_thing_leaves_the_others_of_the_same_rule():
    asks = [limit(key, "battery-pack", maximum=100) for key in ("height", "width")]
    given = pair(part(height=110, width=110), place(requires=asks))
    verdict = part_in_host(given, [aid(mend("envelope")._replace(about=("height",)))], ["spring"])
    assert {f.about: f.level for f in verdict.findings if f.rule == "envelope"} == {"height": "ok", "width": "break"}


CONDITIONS = {
    "the part has the value": ({"here": {"protocol": ("ours", "other")}}, True),
    "the part has another value": ({"here": {"protocol": ("other",)}}, False),
    "the part does not state it": ({"here": {"mounting": ("any",)}}, False),
    "the host has the value": ({"there": {"generation": ("one",)}}, True),
    "the host has another value": ({"there": {"generation": ("two",)}}, False),
    "the host does not state it": ({"there": {"protocol": ("any",)}}, False),
    "the part is light enough": ({"at_most": {"mass": 310}}, True),
    "the part is too heavy": ({"at_most": {"mass": 309.9}}, False),
    "how long it is nobody states": ({"at_most": {"length": 9999}}, False),
    "one of two does not hold": ({"here": {"protocol": ("ours",)}, "there": {"generation": ("two",)}}, False),
}


@pytest.mark.parametrize(("how", "helps"), CONDITIONS.values(), ids=CONDITIONS)
def test_an_aid_helps_only_parts_and_hosts_that_have_its_values(how, helps):
    one = aid(mend("mass", **how))
    assert mass(HEAVY, one).mends == (("spring",) if helps else ())
    assert mass(HEAVY, one, chosen=["spring"]).level == ("ok" if helps else "break")


def test_the_place_speaks_before_the_car():
    slot = place(requires=[limit("mass", "battery-pack", maximum=300)], generation="two")
    given = pair(part(mass=310), slot, {"generation": "one"})
    assert mass(given, aid(mend("mass", there={"generation": ("one",)}))).mends == ()
    assert mass(given, aid(mend("mass", there={"generation": ("two",)}))).mends == ("spring",)


def test_an_aid_for_packs_does_not_help_modules():
    """Twelve of 10 kg weigh too much, whatever their case weighs."""
    module = part("battery-module", "acme/module", voltage_min=20, voltage_nominal=29.6, voltage_max=33.6, mass=10)
    slot = place(requires=[limit("mass", "battery-pack", maximum=100)])
    given = laid(module, part(id_="zeta/own", voltage_nominal=355), slot)
    for kinds, mends in ((("battery-pack",), ()), (("battery-module",), ("spring",))):
        assert mass(given, aid(mend("mass"), kinds=kinds)).mends == mends


def test_of_two_aids_that_are_there_the_better_one_counts():
    aids = aid(mend("mass", to="degrade"), id_="spring"), aid(mend("mass"), id_="hoist")
    assert set(mass(HEAVY, *aids).mends) == {"hoist", "spring"}
    assert mass(HEAVY, *aids, chosen=["spring"]).level == "degrade"
    assert mass(HEAVY, *aids, chosen=["spring", "hoist"]).level == "ok"


def test_an_aid_is_named_once_though_several_of_its_mends_help():
    assert mass(HEAVY, aid(mend("mass"), mend("mass", to="degrade"))).mends == ("spring",)


# --- standards -------------------------------------------------------------------------------------------------------


def _standard(*clauses):
    made = [
        Clause(number, f"Title of {number}", bound, "compared", f"Reason of {number}.") for number, bound in clauses
    ]
    return Standard("ours-1", "Ours 1", "battery-module", "ours.md", Path("ours.toml"), tuple(made))


def _clause(key, otherwise="break", of="battery-module", **how):
    return limit(key, of, otherwise=otherwise, **how)


def test_a_part_against_a_standard_clause_by_clause():
    ours = _standard(
        ("B1", _clause("cells_series", maximum=8)), ("B2", _clause("voltage_max", maximum=60)),
        ("B3", _clause("capacity", "degrade", minimum=50)), ("E1", _clause("mass", maximum=20)),
    )  # fmt: skip
    stated = part("battery-module", cells_series=8, voltage_max=61, capacity=40).facts
    verdict = against_standard(PART, {"battery-module": stated}, ours)
    assert [(f.about, f.level, f.rule) for f in verdict.findings] == [
        ("B1 cells_series", "ok", "series-count"), ("B2 voltage_max", "break", "voltage-window"),
        ("B3 capacity", "degrade", "energy"), ("E1 mass", "unknown", "mass"),
    ]  # fmt: skip
    assert (verdict.subject, verdict.host, verdict.level) == (PART, "ours-1", "break")
    assert verdict.first_limit.message == "Title of B2: Reason of B2."
    assert verdict.first_limit.margin == -1


def test_what_a_part_does_not_state_it_does_not_meet():
    verdict = against_standard(PART, {"battery-module": {}}, _standard(("K1", _clause("documents", stated=True))))
    assert (verdict.level, verdict.findings[0].message) == ("unknown", f"{PART} does not state its documents")


def test_a_clause_may_ask_for_a_fact_of_the_battery_slot():
    ours = _standard(("E2", _clause("length", of="slot", minimum=1000)))
    facts = {"vehicle": {}, "slot": place(length=1500).facts}
    assert against_standard("zeta/car", facts, ours).level == "ok"
    assert against_standard("zeta/car", {"vehicle": facts["slot"]}, ours).level == "unknown"

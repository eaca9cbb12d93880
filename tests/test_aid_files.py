"""Files of aids: the ones of the catalogue hold, and what is wrong in one is named to the key."""

from __future__ import annotations

import pytest

from renkei.catalogue import Catalogue
from renkei.catalogue.aid_files import read_aid
from renkei.errors import CatalogueError, UnknownName
from renkei.facts import fact_key
from renkei.flows.check import check
from renkei.flows.judge import judge
from renkei.flows.pairs import Pairs
from renkei.rules.judge import part_in_host
from renkei.rules.register import RULES

ALL = Catalogue()
AIDS = [ALL.aid(a) for a in ALL.aids]
each_aid = pytest.mark.parametrize("aid", AIDS, ids=lambda aid: aid.id)

# --- the data --------------------------------------------------------------------------------------------------------


@each_aid
def test_every_rule_that_an_aid_mends_exists(aid):
    assert {rule for mend in aid.mends for rule in mend.rules} <= set(RULES)


@each_aid
def test_an_aid_says_where_it_is_known_from_and_why_it_helps(aid):
    assert aid.source
    assert all(mend.why.endswith(".") for mend in aid.mends)


@each_aid
def test_values_that_an_aid_asks_for_are_such_as_parts_and_hosts_may_state(aid):
    for mend in aid.mends:
        for key in (*mend.part, *mend.at_most):
            assert set(fact_key(key).kinds) & set(aid.kinds), key
        for key in mend.host:
            assert set(fact_key(key).kinds) & {"slot", "vehicle"}, key
        for key, values in (*mend.part.items(), *mend.host.items()):
            stated = {p.facts[key].value for p in map(ALL.part, ALL.parts) if key in p.facts}
            cars = [ALL.vehicle(v) for v in ALL.vehicles]
            stated |= {place.facts[key].value for car in cars for place in (car, *car.slots.values())
                       if key in place.facts}  # fmt: skip
            assert set(values) <= stated, f"{key}: nothing in the catalogue has a value that the aid names"


@each_aid
def test_every_aid_of_the_catalogue_mends_something_in_it(aid):
    pairs = Pairs(ALL, simulated=False)

    def helps(part, vehicle):
        return any(f.mends for f in part_in_host(pairs.in_vehicle(part, vehicle), [aid]).findings)

    parts = [part for part in map(ALL.part, ALL.parts) if part.kind in aid.kinds]
    assert any(helps(part, ALL.vehicle(car)) for part in parts for car in ALL.vehicles)


# --- files -----------------------------------------------------------------------------------------------------------

HEAD = 'name = "Hoist"\nkinds = ["battery-pack"]\nsource = ["a shop"]\n'
MEND = '[[mends]]\nrules = ["mass"]\nwhy = "It carries it."\n'


def read(folder, text):
    file = folder / "hoist.toml"
    file.write_text(text)
    return read_aid(file)


def test_an_aid_is_called_as_its_file(tmp_path):
    aid = read(tmp_path, HEAD + MEND + 'part = { protocol = ["a", "b"] }\nat_most = { mass = 410 }\nto = "degrade"\n')
    (mend,) = aid.mends
    assert (aid.id, aid.name, aid.kinds, aid.confidence) == ("hoist", "Hoist", ("battery-pack",), "reported")
    assert (mend.rules, mend.to, mend.part, mend.at_most) == (
        ("mass",),
        "degrade",
        {"protocol": ("a", "b")},
        {"mass": 410},
    )
    assert aid.file == tmp_path / "hoist.toml"


def test_what_an_aid_mends_is_ok_unless_it_says_less(tmp_path):
    assert read(tmp_path, HEAD + MEND).mends[0].to == "ok"


WRONG = {
    "without a name": (MEND, "name"),
    "without a source": ('name = "Hoist"\nkinds = ["battery-pack"]\n' + MEND, "source"),
    "for a part that there is not": (HEAD.replace("battery-pack", "batery-pack") + MEND, "kinds"),
    "that mends nothing": (HEAD, "mends"),
    "without a reason": (HEAD + '[[mends]]\nrules = ["mass"]\n', "why"),
    "of no rule": (HEAD + '[[mends]]\nrules = []\nwhy = "So."\n', "rules"),
    "that makes a break of it": (HEAD + MEND + 'to = "break"\n', "to"),
    "that asks for a misspelt fact": (HEAD + MEND + 'part = { protocl = ["a"] }\n', "did you mean 'protocol'?"),
    "with a misspelt ceiling": (HEAD + MEND + "at_most = { mas = 1 }\n", "mends.0.at_most.mas"),
    "with a misspelt host": (HEAD + MEND + 'host = { generatoin = ["a"] }\n', "did you mean 'generation'?"),
    "that asks for a value that there is not": (
        HEAD + MEND + 'host = { cooling = ["liqiud"] }\n', "expected one of passive, air, liquid, refrigerant, got "
        "'liqiud'; did you mean 'liquid'?"),
    "that asks for the text of a number": (
        HEAD + MEND + 'part = { mass = ["303"] }\n', "mends.0.part.mass: expected a fact that is a text"),
    "with a ceiling of a text": (
        HEAD + MEND + "at_most = { protocol = 1 }\n", "mends.0.at_most.protocol: expected a fact that is a number"),
    "with a word for a number": (HEAD + MEND + 'at_most = { mass = "heavy" }\n', "mass"),
    "with a key that there is not": (HEAD + 'colour = "red"\n' + MEND, "colour"),
    "that is no TOML": (HEAD + "[[mends", "expected TOML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_named_with_its_key(tmp_path, text, told):
    with pytest.raises(CatalogueError) as e:
        read(tmp_path, text)
    assert told in str(e.value)
    assert "hoist.toml" in str(e.value)
    assert "\n" not in str(e.value)


def test_all_misspelt_facts_of_a_file_are_told_at_once(tmp_path):
    text = HEAD + MEND + 'part = { protocl = ["a"] }\nat_most = { mas = 1 }\n'
    with pytest.raises(CatalogueError) as e:
        read(tmp_path, text)
    assert {each.key for each in (e.value, *e.value.others)} == {"mends.0.part.protocl", "mends.0.at_most.mas"}


@pytest.fixture
def private(tmp_path):
    (tmp_path / "makers").mkdir()
    (tmp_path / "aids").mkdir()
    return tmp_path


def test_a_private_aid_is_laid_beside_the_built_in_ones_and_helps(private):
    (private / "aids/hoist.toml").write_text(HEAD + MEND)
    catalogue = Catalogue([private])
    assert {"hoist", "springs"} <= set(catalogue.aids)
    pair = "nissan/leaf-62-pack", "nissan/leaf-ze1-40"
    levels = {aid: next(f.level for f in judge(catalogue, *pair, [aid]).findings if f.rule == "mass")
              for aid in ("hoist", "springs")}  # fmt: skip
    assert levels == {"hoist": "ok", "springs": "degrade"}


def test_a_private_aid_of_the_same_name_stands_for_the_built_in_one(private):
    (private / "aids/springs.toml").write_text(HEAD + MEND)
    assert Catalogue([private]).aid("springs").name == "Hoist"


def test_the_check_finds_a_rule_that_there_is_not(private):
    (private / "aids/hoist.toml").write_text(HEAD + MEND.replace('"mass"', '"mas"'))
    faults = [fault for fault in check(Catalogue([private]), only_private=True).faults if "hoist" in fault.file]
    assert [(fault.key, "did you mean 'mass'?" in fault.what) for fault in faults] == [("mends.0.rules", True)]


def test_a_verdict_is_refused_with_the_same_words(private):
    file = private / "aids/hoist.toml"
    file.write_text(HEAD + MEND.replace('"mass"', '"mas"'))
    with pytest.raises(CatalogueError) as e:
        judge(Catalogue([private]), "nissan/leaf-62-pack", "nissan/leaf-ze1-40")
    assert str(e.value) == (
        f"{file}: mends.0.rules: expected a rule of 'renkei list rules', got 'mas'; did you mean 'mass'?"
    )


def test_an_aid_that_does_not_exist():
    with pytest.raises(UnknownName, match="did you mean 'springs'"):
        ALL.aid("sprigs")

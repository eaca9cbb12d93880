"""Standards: the text and its twin say the same, every group has clauses, and what is unknown is never met."""

import re
from pathlib import Path

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, UnknownName
from renkei.facts import GROUPS, fact_keys
from renkei.flows.standing import as_markdown, standings

ROOT = Path(__file__).parents[1]
ALL = Catalogue()
STANDARDS = [ALL.standard(s) for s in ALL.standards]
ROW = re.compile(
    r"^\| ([A-K]\d+) \| (.+?) \| `(\w+)`( of the battery slot| per `\w+`)? \| (.+?) \| (\w+) \| (\w+) \| (.+) \|$", re.M
)

each_standard = pytest.mark.parametrize("standard", STANDARDS, ids=lambda s: s.id)


def text_of(standard):
    return (ROOT / standard.text).read_text(encoding="utf-8")


def test_there_are_the_three_standards():
    assert ALL.standards == ("battery-module-1.0", "e-axle-1.0", "vehicle-profile-1.0")


@each_standard
def test_text_and_twin_have_the_same_clauses_and_limits(standard):
    twin = [
        (
            c.number,
            c.title,
            c.limit.fact,
            " of the battery slot" if c.limit.of == "slot" else f" per `{c.per}`" if c.per else "",
            _with_unit(c.limit),
            c.limit.otherwise,
            c.checked,
            c.reason,
        )
        for c in standard.clauses
    ]
    assert ROW.findall(text_of(standard)) == twin


def _with_unit(limit):
    unit = fact_keys()[limit.fact].unit
    bounded = limit.minimum is not None or limit.maximum is not None
    return f"{limit.text} {unit}" if unit and bounded else limit.text


@each_standard
def test_every_group_has_clauses_and_a_heading(standard):
    groups = [number[0] for number in (c.number for c in standard.clauses)]
    assert groups == sorted(groups)
    assert set(groups) == set(GROUPS)
    assert re.findall(r"^### ([A-K]) (.+)$", text_of(standard), re.M) == [
        (g, name[0].upper() + name[1:]) for g, name in GROUPS.items()
    ]


@each_standard
def test_every_clause_gives_a_reason_and_asks_each_fact_once(standard):
    assert all(c.reason.endswith(".") for c in standard.clauses)
    facts = [(c.limit.of, c.limit.fact) for c in standard.clauses]
    assert len(facts) == len(set(facts))


@each_standard
def test_the_document_shows_where_the_catalogue_stands(standard):
    assert as_markdown(standings(ALL, standard)) in text_of(standard)


@each_standard
def test_what_is_unknown_is_never_met(standard):
    for found in standings(ALL, standard):
        things = [ALL.part(i) if i in ALL.parts else ALL.vehicle(i) for i in found.unknown]
        for thing in things:
            slot = thing.slots.get("battery")
            facts = thing.facts if found.clause.limit.of != "slot" else slot.facts if slot else {}
            assert found.clause.limit.fact not in facts


STAND = {
    "a module of two cells in series serves": ("B1", "nissan/leaf-24-module", "meets"),
    "a module of eight does not": ("B1", "honda/ultium-module", "misses"),
    "a module of 300 Ah is too large for a small car": ("B5", "honda/ultium-module", "misses"),
    "a module of 50 Ah is not too small": ("B5", "mitsubishi/lev50n-module", "meets"),
    "nobody has published its inner resistance": ("B7", "nissan/leaf-40-module", "unknown"),
    "one module is known to fit the envelope": ("E2", "nissan/leaf-24-module", "meets"),
}


@pytest.mark.parametrize(("clause", "module", "stands"), STAND.values(), ids=STAND)
def test_modules_of_today(clause, module, stands):
    found = {s.clause.number: s for s in standings(ALL, ALL.standard("battery-module-1.0"))}[clause]
    assert module in getattr(found, stands)


def test_the_limits_of_the_module_serve_the_cars_of_the_catalogue():
    """96 groups keep to the window of every car that the catalogue knows, and counts in use are multiples of four."""
    clauses = {c.limit.fact: c.limit for c in ALL.standard("battery-module-1.0").clauses}
    assert 96 * clauses["cell_voltage_min"].minimum == 240
    assert 96 * clauses["cell_voltage_max"].maximum < 420
    counts = {p.facts["cells_series"].value for p in map(ALL.part, ALL.parts)
              if p.kind == "battery-pack" and "cells_series" in p.facts}  # fmt: skip
    assert counts
    assert all(n % 4 == 0 for n in counts)


def test_a_standard_that_does_not_exist():
    with pytest.raises(UnknownName, match=r"did you mean 'battery-module-1.0'\?"):
        ALL.standard("battery-modul-1.0")


WRONG = {
    "a clause of a fact that is none": ("B1", "fact = 'voltage_mx'\nmax = 1", "did you mean 'voltage_max'"),
    "a clause in the group of another": ("A1", "fact = 'voltage_max'\nmax = 1", "a clause of group B"),
    "a clause without a limit": ("B1", "fact = 'voltage_max'", "min, max or both"),
    "a clause of two limits": ("B1", "fact = 'voltage_max'\nmax = 1\nstated = true", "min, max or both"),
    "a clause of another unit": ("B1", "fact = 'voltage_max'\nmax = 1\nunit = 'kg'", "converts to V"),
    "a clause of no group": ("X1", "fact = 'voltage_max'\nmax = 1", "X1"),
}


@pytest.mark.parametrize(("number", "text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_standard_is_named_with_its_clause(tmp_path, number, text, expected):
    (tmp_path / "makers").mkdir()
    (tmp_path / "standards").mkdir()
    head = "name = 'Ours'\nkind = 'battery-module'\ntext = 'spec/ours.md'\n"
    clause = f"[clauses.{number}]\ntitle = 'A title'\nchecked = 'compared'\nreason = 'So.'\n{text}\n"
    (tmp_path / "standards/ours.toml").write_text(head + clause)
    with pytest.raises(CatalogueError) as e:
        Catalogue([tmp_path]).standard("ours")
    assert expected in str(e.value)
    assert number in str(e.value)


def test_a_private_standard_is_laid_beside_the_built_in_ones(tmp_path):
    (tmp_path / "makers").mkdir()
    (tmp_path / "standards").mkdir()
    (tmp_path / "standards/ours.toml").write_text(
        "name = 'Ours'\nkind = 'battery-module'\ntext = 'ours.md'\n"
        "[clauses.B1]\ntitle = 'Voltage'\nfact = 'voltage_max'\nmax = 60000\nunit = 'mV'\nchecked = 'compared'\n"
        "reason = 'So.'\n"
    )
    (clause,) = Catalogue([tmp_path]).standard("ours").clauses
    assert (clause.limit.maximum, clause.limit.text) == (60, "at most 60")


def test_every_assumption_has_a_reason_and_a_source():
    assert ALL.assumptions
    assert all(a.reason and a.source for a in ALL.assumptions.values())


def test_a_limit_per_group_is_held_against_as_many_groups_as_the_module_has():
    clause = next(c for c in ALL.standard("battery-module-1.0").clauses if c.per == "cells_series")
    number = dict(ALL.part("nissan/leaf-24-module").facts)["cells_series"]

    def met(groups, power_kw):
        facts = {"cells_series": number._replace(value=groups), clause.limit.fact: number._replace(value=power_kw)}
        return clause.limit.met_by(clause.fact_of(facts))

    assert [met(2, 1.8), met(4, 1.8), met(4, 3.4)] == [True, False, True]
    assert clause.limit.met_by(clause.fact_of({clause.limit.fact: number})) is None

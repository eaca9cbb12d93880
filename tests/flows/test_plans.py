"""Plans of the catalogue's cars, and the store of what their DBC files say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from renkei.can import dbc
from renkei.catalogue import Catalogue
from renkei.errors import CatalogueError, DbcError
from renkei.flows.plans import database, plan_of
from renkei.vocabulary import load

FIXTURES = Path(__file__).parents[1] / "fixtures"
MAKERS = Path(__file__).parents[2] / "src/renkei/data/makers"
FILES = [*sorted(MAKERS.glob("*/can/*.dbc")), FIXTURES / "makers/toyota/can/rav4-2017.dbc"]


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A folder of one's own to keep databases in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    return tmp_path / "kept"


def kept_files(store):
    return [f for f in store.rglob("*") if f.is_file()]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_database_that_was_kept_is_the_one_that_was_read(file, store):
    first = database(file)
    assert [f.suffix for f in kept_files(store)] == [".json"]
    assert database(file) == first == dbc.load(file)


def test_a_kept_database_names_the_file_that_is_asked_for(tmp_path):
    database(FILES[-1])
    copy = Path(shutil.copy(FILES[-1], tmp_path / "copy.dbc"))
    assert database(copy).file == str(copy)


def test_a_file_that_changed_is_read_again(tmp_path, store):
    file = Path(shutil.copy(FILES[-1], tmp_path / "car.dbc"))
    before = database(file)
    file.write_text(file.read_text().replace("(0.01,-67.67)", "(0.02,-67.67)"))
    after = database(file)
    assert (before.messages["WHEEL_SPEEDS"].signals[0].scale, after.messages["WHEEL_SPEEDS"].signals[0].scale) == (
        0.01,
        0.02,
    )
    assert len(kept_files(store)) == 2


BROKEN = {
    "nothing": "",
    "half of it": None,
    "another shape": json.dumps({"messages": []}),
    "lists that are too short": json.dumps([[["SPEED", 1]], []]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_where_the_store_holds(case, store):
    """... the file itself is read, and what is kept is mended."""
    good = database(FILES[-1])
    (kept,) = kept_files(store)
    whole = kept.read_text()
    kept.write_text(whole[: len(whole) // 2] if BROKEN[case] is None else BROKEN[case])
    assert database(FILES[-1]) == good
    assert kept.read_text() == whole


def test_without_a_place_to_keep_databases_they_are_read_all_the_same(store):
    store.write_text("a file where the folder should be")
    assert database(FILES[-1]) == dbc.load(FILES[-1])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DbcError, match=r"nowhere\.dbc: No such file"):
        database(tmp_path / "nowhere.dbc")


def test_rows_of_personal_signals_come_only_when_asked_for(tmp_path):
    shutil.copytree(FIXTURES / "makers/toyota", tmp_path / "makers/toyota")
    file = tmp_path / "makers/toyota/maps/rav4-2017.toml"
    file.write_text(file.read_text().replace('SPEED", unit', 'SPEED", personal = true, unit', 1))
    map_ = Catalogue([tmp_path]).vehicle("toyota/rav4-2017").map
    paths = [{row.signal.path for row in plan_of(map_, keep_personal=keep).rows} for keep in (False, True)]
    assert paths[1] - paths[0] == {"Vehicle.Speed"}


def test_what_a_chosen_vocabulary_cannot_take_is_set_aside_but_for_the_built_in_one_it_is_an_error(tmp_path):
    shutil.copytree(FIXTURES / "makers/toyota", tmp_path / "makers/toyota")
    file = tmp_path / "makers/toyota/maps/rav4-2017.toml"
    file.write_text(file.read_text().replace('"Vehicle.Speed" =', '"Vehicle.Pace" ='))
    map_ = Catalogue([tmp_path]).vehicle("toyota/rav4-2017").map
    with pytest.raises(CatalogueError, match=r"signals\.Vehicle\.Pace"):
        plan_of(map_)
    leaf = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "x"}
    (tree := tmp_path / "vss.json").write_text(
        json.dumps({"Vehicle": {"type": "branch", "children": {"Pace": leaf, "Speed": leaf}}})
    )
    plan = plan_of(map_, load(tree))
    assert "Vehicle.Pace" in {row.signal.path for row in plan.rows}
    assert "Vehicle.Chassis.SteeringWheel.Angle" in {path for path, _ in plan.set_aside}

"""Parts and standards on the command line: list, show, new, export."""

import json

from command import renkei

from renkei.catalogue import Catalogue
from renkei.facts import fact_keys


def test_parts_of_one_kind_are_listed():
    done = renkei("list", "parts", "--kind", "battery-module", "--json")
    rows = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert {r["kind"] for r in rows} == {"battery-module"}
    assert all(list(r) == ["id", "kind", "name", "facts"] for r in rows)
    catalogue = Catalogue()
    assert [r["id"] for r in rows] == [p for p in catalogue.parts if catalogue.part(p).kind == "battery-module"]


def test_a_misspelt_kind_is_one_line():
    done = renkei("list", "parts", "--kind", "battery-modul")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown kind of part 'battery-modul'; did you mean 'battery-module'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_fact_is_listed():
    rows = json.loads(renkei("list", "facts", "--json").stdout)
    assert [r["name"] for r in rows] == list(fact_keys())


def test_a_part_is_shown_with_its_sources_and_what_is_unknown():
    done = renkei("show", "nissan/leaf-24-module")
    assert done.returncode == 0
    assert "disputed: height: 55 by mobility-lk; believed: 35." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("unknown: part_number, ")
    shown = json.loads(renkei("show", "nissan/leaf-24-module", "--json").stdout)
    height = next(f for f in shown["facts"] if f["fact"] == "height")
    assert (height["value"], height["unit"], height["disputed"]) == (
        35,
        "mm",
        [{"value": 55, "source": ["mobility-lk"]}],
    )


def test_a_car_without_a_map_is_shown_and_refuses_to_decode(tmp_path):
    shown = json.loads(renkei("show", "nissan/ariya-63", "--json").stdout)
    assert (shown["map"], shown["kind"]) == (None, "vehicle")
    (tmp_path / "a.log").write_text("(0.0) can0 123#00\n")
    done = renkei("decode", tmp_path / "a.log", "--vehicle", "nissan/ariya-63", "--out", tmp_path / "o.parquet")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "nissan/ariya-63 has no CAN map in this catalogue" in done.stderr


def test_the_clauses_of_a_standard_are_shown():
    rows = json.loads(renkei("show", "battery-module-1.0", "--json").stdout)
    assert {"clause", "fact", "limit", "unit", "meets", "misses", "unknown"} <= set(rows[0])
    text = renkei("show", "battery-module-1.0").stdout
    assert text.splitlines()[0].split()[:2] == ["clause", "fact"]


def test_a_new_part_is_written_once(tmp_path):
    for written, code in ((2, 0), (0, 2)):
        done = renkei("new", "battery", "acme/one", "--out", "mine", cwd=tmp_path)
        assert (done.stdout.count("written: "), done.returncode) == (written, code)
    assert "is there already; nothing was written" in done.stderr
    assert renkei("check", "--data", "mine", cwd=tmp_path).returncode == 0


def test_bpx_gives_a_cell_and_nothing_else(tmp_path):
    done = renkei("new", "e-axle", "acme/one", "--bpx", "cell.json", "--out", "mine", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "renkei: --bpx gives a battery-cell, not e-axle\n")


def test_a_passport_is_written_and_says_how_much_is_missing(tmp_path):
    done = renkei("export", "nissan/leaf-40-pack", "--battery-passport", "--out", "pass.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "a draft: " in done.stderr
    content = json.loads((tmp_path / "pass.json").read_text())
    assert content == json.loads(renkei("export", "nissan/leaf-40-pack", "--battery-passport").stdout)
    assert content["performance"]["rated"]["voltage"]["max"] == 405.5


def test_an_export_without_a_format_is_one_line():
    done = renkei("export", "nissan/leaf-40-pack")
    assert (done.returncode, done.stderr) == (2, "renkei: choose a format: --battery-passport\n")

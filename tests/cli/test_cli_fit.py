"""renkei fit, explain, list rules, list aids, verify of a verdict: as commands."""

from __future__ import annotations

import json

import pytest
from command import renkei
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from renkei.catalogue import Catalogue
from renkei.rules.register import RULES

PACK, CAR = "nissan/leaf-40-pack", "nissan/leaf-aze0"


@pytest.mark.parametrize(
    ("arguments", "verdict", "code"),
    [
        ([PACK, CAR], "break", 1),
        ([PACK, CAR, "--with", "bridge"], "ok", 0),
        ([PACK, "nissan/leaf-ze0", "--with", "bridge", "--with", "connector-adaptor"], "degrade", 0),
        (["nissan/leaf-24-module", "nissan/leaf-ze1-40"], "unknown", 3),
        (["nissan/leaf-24-module", "battery-module-1.0"], "unknown", 3),
        (["nissan/leaf-ze1-40", "vehicle-profile-1.0"], "unknown", 3),
    ],
)
def test_the_exit_code_is_that_of_the_verdict_with_json_and_without(arguments, verdict, code):
    done = renkei("fit", *arguments, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["verdict"]) == (code, "", verdict)
    assert (report["first_limit"] is None) == (verdict == "ok")
    told = renkei("fit", *arguments)
    assert (told.returncode, told.stderr) == (code, "")
    aids = f" with {', '.join(arguments[3::2])}" if "--with" in arguments else ""
    assert told.stdout.startswith(f"{arguments[0]} on {arguments[1]}{aids}: {verdict}, ")


def test_findings_carry_rule_values_units_margin_and_sourced_facts():
    report = json.loads(renkei("fit", "nissan/leaf-62-pack", "nissan/leaf-ze1-40", "--json").stdout)
    first = next(f for f in report["findings"] if f["rule"] == report["first_limit"])
    assert (first["rule"], first["required"], first["provided"], first["unit"]) == ("mass", 315, 410, "kg")
    assert (first["bound"], first["margin"], first["mends"]) == ("at most", -95, ["springs"])
    assert all(fact["source"] and fact["confidence"] for fact in first["facts"])
    assert set(RULES) >= {f["rule"] for f in report["findings"]}
    assert "mass" not in report["unstated"]


def test_what_two_sources_contradict_each_other_on_is_told_with_the_value_believed():
    told = renkei("fit", "nissan/leaf-62-pack", "nissan/leaf-ze1-40").stdout
    assert "energy_usable of nissan/leaf-40-pack is disputed: 39 kWh is believed, not 38 kWh (open-ev-data)." in told


def test_a_module_is_laid_out_first():
    report = json.loads(renkei("fit", "nissan/leaf-24-module", "nissan/leaf-ze0", "--json").stdout)
    assert report["verdict"] == "ok"
    layout = report["layout"]
    assert (layout["series"], layout["parallel"], layout["modules"]) == (48, 1, 48)
    assert layout["voltage_max_v"] == pytest.approx(48 * 2 * 4.2, rel=0.01)
    assert "laid out: 48 modules in series, 1 side by side" in renkei(
        "fit", "nissan/leaf-24-module", "nissan/leaf-ze0"
    ).stdout  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nissan/leaf-40-pak", CAR], "unknown subject 'nissan/leaf-40-pak'; did you mean 'nissan/leaf-40-pack'?"),
        ([PACK, "nissan/leaf-aze"], "unknown host 'nissan/leaf-aze'; did you mean 'nissan/leaf-aze0'?"),
        ([PACK, CAR, "--with", "brige"], "unknown aid 'brige'; did you mean 'bridge'?"),
        (["nissan/aesc-32-cell", CAR], "expected a battery module or pack"),
        ([PACK, "nissan/em57-motor"], "a battery-pack does not go into a motor"),
        ([PACK, "battery-module-1.0"], "is a standard for a battery-module"),
        (["trip-log", CAR, "--with", "bridge"], "an app is judged without aids"),
        ([PACK, CAR, "--with", "nissan/leaf-62-pack"], "nissan/leaf-40-pack is to stand there"),
        ([PACK, CAR, "--with", "nissan/aesc-32-cell"], "a battery-cell has no place of its own in a host"),
        ([PACK, "nissan/em57-80-inverter", "--with", "nissan/em57-160-e-axle"], "it has no place in"),
        (["nissan/leaf-24-module", "battery-module-1.0", "--with", "bridge"], "a standard is judged without aids"),
        (["nissan/leaf-ze1-40", "nissan/leaf-ze1-62"], "is a vehicle: it is judged by a standard"),
        ([PACK, CAR, "--sign", "key.pem"], "expected --out FILE.json too"),
        (["battery", "vehicles", "--matrix", "--out", "m.json"], "one verdict is sealed, not a matrix"),
        (["batery", "vehicles", "--matrix"], "unknown kind 'batery'; did you mean 'battery'?"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_code_2(arguments, told, tmp_path):
    done = renkei("fit", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_a_verdict_is_sealed_signed_and_verified_on_the_other_side(tmp_path):
    key = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "pub.pem").write_bytes(
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    done = renkei("fit", PACK, CAR, "--with", "bridge", "--out", "v.json", "--sign", "key.pem", cwd=tmp_path)
    assert done.returncode == 0
    checked = renkei("verify", "v.json", "--key", "pub.pem", "--here", "--json", cwd=tmp_path)
    report = json.loads(checked.stdout)
    assert (checked.returncode, report["holds"], report["kind"]) == (0, True, "verdict on fit")
    assert report["body"]["verdict"] == "ok"
    assert {PACK, CAR, "bridge", "nissan/em57-80-e-axle"} <= set(report["subjects"])


def test_a_verdict_does_not_hold_here_where_a_part_is_stated_otherwise(tmp_path):
    renkei("fit", PACK, CAR, "--with", "bridge", "--out", "v.json", cwd=tmp_path)
    own = tmp_path / "own/makers/nissan/parts"
    own.mkdir(parents=True)
    text = Catalogue().part(PACK).file.read_text(encoding="utf-8")
    assert "value = 303" in text
    (own / "leaf-40-pack.toml").write_text(text.replace("value = 303", "value = 313"), encoding="utf-8")
    checked = renkei("verify", "v.json", "--here", "--data", "own", cwd=tmp_path)
    assert checked.returncode == 1
    assert f"{PACK}: it is stated otherwise here" in checked.stdout


def test_explain_shows_the_manual_page_of_a_rule_with_its_facts_and_clauses():
    told = renkei("explain", "mass").stdout
    assert told.startswith("mass (group E, mechanical)")
    assert "The part must not weigh more than its place" in told
    assert "Clauses of battery-module-1.0: E1" in told
    report = json.loads(renkei("explain", "mass", "--json").stdout)
    assert (report["id"], report["clauses"]["vehicle-profile-1.0"]) == ("mass", ["E1", "E8", "E9", "E10"])
    wrong = renkei("explain", "mas")
    assert (wrong.returncode, wrong.stderr.startswith("renkei: unknown rule 'mas'; did you mean 'mass'?")) == (2, True)


def test_explain_without_a_rule_lists_all_as_list_rules_does():
    listed = json.loads(renkei("list", "rules", "--json").stdout)
    assert [each["id"] for each in listed] == list(RULES)
    assert json.loads(renkei("explain", "--json").stdout) == listed


def test_list_aids_names_the_rules_whose_findings_they_mend():
    found = {each["id"]: each for each in json.loads(renkei("list", "aids", "--json").stdout)}
    assert set(found) == set(Catalogue().aids)
    assert found["springs"]["mends"] == ["mass"]
    assert all(each["source"] for each in found.values())


def test_the_matrix_is_printed_whole_and_as_json():
    report = json.loads(renkei("fit", "--matrix", "inverters", "vehicles", "--json").stdout)
    assert len(report["verdicts"]) == len(report["subjects"]) * len(report["hosts"]) > 0
    told = renkei("fit", "--matrix", "inverters", "vehicles").stdout.splitlines()
    assert told[0] == f"1: {report['hosts'][0]}"
    assert told[-1].startswith(f"{len(report['verdicts'])} pairs: ")

"""prove, identify, verify and vss diff as users run them: what they print, and how they exit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command import DEMO_LOG, OUTLANDER, ROOT, renkei
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
from drives import write_drive


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "key.pem", tmp_path / "pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_evidence_goes_from_one_maker_to_the_other(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    out = tmp_path / "evidence.json"
    proved = renkei("prove", OUTLANDER, DEMO_LOG, "--out", out, "--sign", private)
    assert (proved.returncode, proved.stderr) == (0, "")
    assert proved.stdout.startswith(f"{OUTLANDER}: supported\n")
    assert f"written to {out}" in proved.stdout
    verified = renkei("verify", out, "--key", public, "--log", DEMO_LOG)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert f"states: {OUTLANDER}: supports" in verified.stdout
    assert renkei("verify", out, "--vehicle", OUTLANDER).returncode == 0
    other = renkei("verify", out, "--log", out, "--vehicle", "nissan/leaf-ze1-40")
    assert other.returncode == 1
    assert f"it does not speak of {out}\n" in other.stdout
    assert "it does not speak of the map that nissan/leaf-ze1-40 has here\n" in other.stdout


def test_the_json_of_prove_lists_every_check() -> None:
    proved = renkei("prove", OUTLANDER, DEMO_LOG, "--json")
    told = json.loads(proved.stdout)
    assert (proved.returncode, told["vehicle"], told["verdict"]) == (0, OUTLANDER, "supports")
    assert {"check", "level", "measured", "expected"} <= set(told["checks"][0])


def test_a_refuted_map_exits_1_and_one_that_cannot_be_judged_3(tmp_path: Path) -> None:
    refuted = renkei("prove", "nissan/leaf-ze1-40", DEMO_LOG)
    assert refuted.returncode == 1
    assert "refutes  checksum" in refuted.stdout
    assert refuted.stderr.startswith("renkei: hardly anything in it is from nissan/leaf-ze1-40")
    (tmp_path / "few.log").write_text("(1.000000) can0 1DB#0000000000000000\n")
    unknown = renkei("prove", "nissan/leaf-ze1-40", tmp_path / "few.log")
    assert unknown.returncode == 3
    assert unknown.stderr.startswith("renkei: too little of nissan/leaf-ze1-40 is in it to judge its map")
    assert unknown.stderr.count("\n") == 1


def test_identify_ranks_the_cars_as_a_list() -> None:
    found = renkei("identify", DEMO_LOG, "--json")
    ranked = json.loads(found.stdout)
    assert (found.returncode, ranked[0]["vehicle"], ranked[0]["verdict"]) == (0, OUTLANDER, "supports")
    assert all(candidate["reasons"] for candidate in ranked)
    told = renkei("identify", DEMO_LOG).stdout
    assert told.startswith(f"1. {OUTLANDER}: supports\n")
    assert told.endswith("cars refuted; see --all\n")
    assert ": refutes" not in told
    assert any(candidate["verdict"] == "refutes" for candidate in ranked)
    assert ": refutes" in renkei("identify", DEMO_LOG, "--all").stdout


def test_identify_gives_cars_that_it_cannot_tell_apart_one_place(tmp_path: Path) -> None:
    log = write_drive("nissan/leaf-ze1-40", tmp_path / "drive.log")
    told = renkei("identify", log).stdout
    assert "1. nissan/leaf-ze1-40: supports\n" in told
    assert "1. nissan/leaf-ze1-62: supports\n" in told
    assert "not told apart from nissan/leaf-ze1-62 by this recording; what would: energy_gross of its battery" in told


def test_a_recording_of_no_known_car_exits_3(tmp_path: Path) -> None:
    (tmp_path / "none.log").write_text("(1.000000) can0 7FF#00\n" * 30)
    found = renkei("identify", tmp_path / "none.log")
    assert (found.returncode, found.stdout) == (3, "")
    assert found.stderr.endswith("none.log: no known vehicle fits it\n")


def test_changed_evidence_exits_1_and_no_evidence_2(tmp_path: Path) -> None:
    out = tmp_path / "evidence.json"
    renkei("prove", "nissan/leaf-ze1-40", DEMO_LOG, "--out", out)
    out.write_bytes(out.read_bytes().replace(b'"verdict":"refutes"', b'"verdict":"unknown"'))
    changed = renkei("verify", out)
    assert (changed.returncode, changed.stderr) == (1, "")
    assert "the content has been changed" in changed.stdout
    none = renkei("verify", DEMO_LOG)
    assert (none.returncode, none.stdout, none.stderr.count("\n")) == (2, "", 1)


WRONG = {
    "an unknown vehicle": (["prove", "nissan/leaf-ze140", DEMO_LOG], "did you mean 'nissan/leaf-ze1-40'?"),
    "a log that is not there": (["prove", OUTLANDER, "nowhere.log"], "nowhere.log"),
    "a key without a file to sign": (["prove", OUTLANDER, DEMO_LOG, "--sign", "k.pem"], "expected --out FILE.json too"),
    "a key that is none": (
        ["prove", OUTLANDER, DEMO_LOG, "--out", "/tmp/never.json", "--sign", DEMO_LOG],
        "gz: expected an ed25519 private key",
    ),
    "a file that breaks off": (["verify", ROOT / "pyproject.toml"], "expected JSON, which breaks at line 1, column 2"),
    "a folder as evidence": (["verify", "/"], "/: Is a directory"),
    "a VSS file that is not there": (["vss", "diff", "nowhere.json", "built-in"], "nowhere.json: no such file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_one_line_and_exit_2(what: str) -> None:
    arguments, told = WRONG[what]
    done = renkei(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr


def test_vss_diff_tells_the_change_and_whom_it_hits(tmp_path: Path) -> None:
    leaf = {"type": "sensor", "datatype": "float", "unit": "km"}
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"Vehicle": {"type": "branch", "children": {"TraveledDistance": leaf}}}))
    done = renkei("vss", "diff", old, "built-in", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    units = [c for c in told["changed"] if (c["signal"], c["key"]) == ("Vehicle.TraveledDistance", "unit")]
    assert [(c["before"], c["after"]) for c in units] == [("km", "m")]
    assert any(e["map"].startswith("nissan/") for e in told["maps"])
    back = renkei("vss", "diff", "built-in", old)
    assert back.returncode == 1
    assert "changed  Vehicle.TraveledDistance: unit m -> km (1 m is 0.001 km)" in back.stdout

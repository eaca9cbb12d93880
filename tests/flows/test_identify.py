"""All known cars are tried on a recording; the one it is of comes first, with its reasons."""

from __future__ import annotations

from pathlib import Path

import pytest
from drives import write_drive

from renkei.catalogue import Catalogue
from renkei.errors import LogError
from renkei.flows.identify import identify

SHARED = Path(__file__).parents[3] / "shared/data/logs"

CARS = ["nissan/leaf-aze0", "nissan/leaf-ze0", "honda/clarity-ev", "mitsubishi/outlander-phev-2019"]


@pytest.mark.parametrize("vehicle", CARS)
def test_the_car_of_a_synthetic_drive_comes_first(vehicle: str, tmp_path: Path) -> None:
    found = identify(write_drive(vehicle, tmp_path / "drive.log"), Catalogue())
    assert found[0].vehicle == vehicle


def test_of_two_generations_the_right_one_comes_first_and_the_others_are_refuted(tmp_path: Path) -> None:
    found = {c.vehicle: c for c in identify(write_drive("nissan/leaf-ze1-40", tmp_path / "drive.log"), Catalogue())}
    assert next(iter(found)).startswith("nissan/leaf-ze1")
    assert found["nissan/leaf-ze1-40"].verdict == "supports"
    assert found["nissan/leaf-aze0"].verdict == "refutes"
    assert any(reason.startswith("against: physics") for reason in found["nissan/leaf-aze0"].reasons)
    assert any("physical relations as stated" in reason for reason in found["nissan/leaf-ze1-40"].reasons)


def test_cars_with_the_same_evidence_are_told_with_what_would_decide(tmp_path: Path) -> None:
    found = {c.vehicle: c for c in identify(write_drive("nissan/leaf-ze1-40", tmp_path / "drive.log"), Catalogue())}
    facts = found["nissan/leaf-ze1-40"].ties["nissan/leaf-ze1-62"]
    assert facts[0] == "energy_gross of its battery-pack, 39.46 or 59.2 kWh"
    assert list(found["nissan/leaf-ze1-62"].ties) == ["nissan/leaf-ze1-40"]
    assert not found["nissan/leaf-ze0"].ties
    row = found["nissan/leaf-ze1-40"].as_json()
    assert row["ties"] == [{"vehicle": "nissan/leaf-ze1-62", "told_apart_by": list(facts)}]


PUBLIC = {
    "mitsubishi-outlander-phev-2019/202109061517-parking-brake.gvret.csv": "mitsubishi/outlander-phev-2019",
    "comma2k19-rav4/segment40.candump.log.gz": "toyota/rav4-2017",
}


@pytest.mark.parametrize("log", PUBLIC)
def test_the_car_of_a_public_recording_comes_first(log: str) -> None:
    if not (SHARED / log).exists():
        pytest.skip(f"{log} is not there")
    found = identify(SHARED / log, Catalogue([Path(__file__).parents[1] / "fixtures"]))
    assert (found[0].vehicle, found[0].verdict) == (PUBLIC[log], "supports")


def test_a_recording_of_no_known_car_gives_none_that_fits(tmp_path: Path) -> None:
    log = tmp_path / "other.log"
    log.write_text("".join(f"({k / 100:.6f}) can0 7F{k % 8:X}#{k % 256:02X}11223344556677\n" for k in range(2000)))
    assert all(candidate.verdict != "supports" for candidate in identify(log, Catalogue()))


def test_an_empty_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("")
    with pytest.raises(LogError, match="is empty"):
        identify(tmp_path / "empty.log", Catalogue())

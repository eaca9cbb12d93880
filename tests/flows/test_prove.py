"""Recordings tell the right map from a wrong one: by checksums, counters, periods, multiplexors and physics."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from drives import BATTERY, MOTOR, WHEELS, write_drive
from hypothesis import given, settings
from hypothesis import strategies as st

import renkei
from renkei import evidence
from renkei.catalogue import Catalogue
from renkei.errors import InputError, LogError, UnknownName
from renkei.flows.plans import plan_of
from renkei.flows.prove import Proof, map_digest, physical, prove, try_on, verdict
from renkei.flows.prove_bus import COVERAGE, Check
from renkei.flows.prove_physics import Judgement, Relation, relations
from renkei.vehicle import Map, Row
from renkei.vocabulary import builtin

SHARED = Path(__file__).parents[3] / "shared/data/logs"
ZE1, AZE0, ZE0 = "nissan/leaf-ze1-40", "nissan/leaf-aze0", "nissan/leaf-ze0"


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The synthetic drive of a car, made once."""
    folder, made = tmp_path_factory.mktemp("drives"), {}

    def of(vehicle: str) -> Path:
        if vehicle not in made:
            made[vehicle] = write_drive(vehicle, folder / f"{vehicle.replace('/', '-')}.log")
        return made[vehicle]

    return of


def refuting(proof: Proof) -> set[str]:
    return {c.check for c in proof.of("refutes")}


@pytest.mark.parametrize("vehicle", [ZE1, AZE0, ZE0, "honda/clarity-ev"])
def test_the_right_map_is_supported(drive: Callable[[str], Path], vehicle: str) -> None:
    proof = prove([drive(vehicle)], vehicle, Catalogue())
    assert (proof.verdict, refuting(proof)) == ("supports", set())


WRONG = {
    "an AZE0 map on a ZE1 drive": (ZE1, AZE0, "physics displayed-charge-against-charge"),
    "a ZE0 map on a ZE1 drive": (ZE1, ZE0, "multiplexor ev-can.PACK_TEMPERATURES"),
    "a ZE1 map on an AZE0 drive": (AZE0, ZE1, "multiplexor ev-can.PACK_TEMPERATURES"),
    "a ZE0 map on an AZE0 drive": (AZE0, ZE0, "period ev-can.PACK_ENERGY"),
    "an AZE0 map on a ZE0 drive": (ZE0, AZE0, "physics displayed-charge-against-charge"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_map_of_another_generation_is_refuted(drive: Callable[[str], Path], what: str) -> None:
    of, vehicle, check = WRONG[what]
    proof = prove([drive(of)], vehicle, Catalogue())
    assert proof.verdict == "refutes"
    assert check in refuting(proof)


def test_a_field_that_holds_two_quantities_in_turn_is_refuted_by_physics(
    drive: Callable[[str], Path], tmp_path: Path
) -> None:
    """A newer pack says in every second frame how much it can hold; the oldest map takes that for what is left."""
    lines, turn = [], 0
    for line in drive(ZE1).read_text().splitlines():
        if " 5BC#" in line:
            turn += 1
            if turn % 2:
                head, data = line.split("#")
                frame = bytearray.fromhex(data)
                frame[0], frame[1], frame[5] = 500 >> 2, (500 & 3) << 6 | frame[1] & 0x3F, frame[5] | 0x10
                line = f"{head}#{frame.hex().upper()}"
        lines.append(line)
    log = tmp_path / "newer.log"
    log.write_text("\n".join(lines) + "\n")
    assert prove([log], ZE1, Catalogue()).verdict == "supports"
    assert "physics energy-left-is-steady" in refuting(prove([log], ZE0, Catalogue()))


MISTAKES = {
    "current with the sign turned": (BATTERY + "CurrentCurrent", {"scale": -1}, "battery-power-against-motor-power"),
    "current in halves": (BATTERY + "CurrentCurrent", {"scale": 0.5}, "battery-power-against-motor-power"),
    "torque with the sign turned": (MOTOR + "Torque", {"scale": -1}, "battery-power-against-motor-power"),
    "pack voltage in tenths": (BATTERY + "CurrentVoltage", {"scale": 0.1}, "link-voltage-against-pack-voltage"),
    "speed in miles an hour": ("Vehicle.Speed", {"scale": 1 / 1.609344}, "wheel-speed-row1-left"),
    "one wheel in miles an hour": (WHEELS[3], {"scale": 1 / 1.609344}, "wheel-speed-row2-right"),
    "motor speed without its sign": (MOTOR + "Speed", {"scale": -1}, "motor-speed-against-vehicle-speed"),
    "charge in halves": (BATTERY + "StateOfCharge.Current", {"scale": 0.5}, "displayed-charge-against-charge"),
    "energy of another unit": (BATTERY + "StateOfCharge.CurrentEnergy", {"scale": 2.0}, "energy-left-against-charge"),
    "the lower cell above the higher": (BATTERY + "CellVoltage.Min", {"offset": 0.5}, "highest-cell"),
    "a mean temperature above the highest": (BATTERY + "Temperature.Average", {"offset": -9}, "mean-against-coldest"),
}


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_one_row_is_found_by_physics(drive: Callable[[str], Path], what: str) -> None:
    path, change, relation = MISTAKES[what]
    car = Catalogue().vehicle(ZE1)

    def changed(row: Row) -> Row:
        return replace(row, **change) if row.path == path else row  # type: ignore[arg-type]

    map_: Map = replace(car.map, rows=tuple(changed(row) for row in car.map.rows))
    _, [trial] = try_on(drive(ZE1), [(car, plan_of(map_))], {})
    checks = list(trial.checks())
    assert verdict(checks) == "refutes"
    assert f"physics {relation}" in {c.check for c in checks if c.level == "refutes"}


def test_a_wrong_checksum_algorithm_is_refuted(drive: Callable[[str], Path]) -> None:
    car = Catalogue().vehicle(ZE1)
    rules = dict(car.map.messages)
    rules["ev-can", "PACK_STATUS"] = rules["ev-can", "PACK_STATUS"]._replace(checksum="id-byte-sum")
    _, [trial] = try_on(drive(ZE1), [(car, plan_of(replace(car.map, messages=rules)))], {})
    check = next(c for c in trial.checks() if c.check == "checksum ev-can.PACK_STATUS")
    assert (check.level, check.expected) == ("refutes", "none fails")


def test_a_counter_that_stands_still_is_refuted(drive: Callable[[str], Path]) -> None:
    car = Catalogue().vehicle(ZE1)
    rules = dict(car.map.messages)
    rules["ev-can", "PACK_STATUS"] = rules["ev-can", "PACK_STATUS"]._replace(counter="RELAY_CUT_REQUEST")
    _, [trial] = try_on(drive(ZE1), [(car, plan_of(replace(car.map, messages=rules)))], {})
    levels = {c.check: c.level for c in trial.checks()}
    assert levels["counter ev-can.PACK_STATUS"] == "refutes"


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_comes_is_judged(data: st.DataObject) -> None:
    """Frames of the car with any content, length and time, some of them many times over."""
    plan = plan_of(Catalogue().vehicle(ZE1).map)
    ids = st.sampled_from([*(m.id for m in plan.messages), *(a.id for a in plan.answers), 0x7FF])
    frame = st.tuples(ids, st.binary(max_size=8), st.sampled_from([0.0, 0.01, 0.5, 30.0, 1e6]), st.integers(1, 60))
    with tempfile.TemporaryDirectory() as folder:
        log, t = Path(folder) / "any.log", 1e9
        with log.open("w") as out:
            for id_, content, step_s, times in data.draw(st.lists(frame, min_size=1, max_size=40)):
                for _ in range(times):
                    t += step_s
                    out.write(f"({t:.6f}) can0 {id_:03X}#{content.hex().upper()}\n")
        proof = prove([log], ZE1, Catalogue())
    assert proof.verdict in ("supports", "refutes", "unknown")
    assert all(" nan" not in f" {c.measured}" for c in proof.checks)
    assert evidence.verify(proof.sealed())[1] == []


def test_a_short_recording_holds_too_little(drive: Callable[[str], Path], tmp_path: Path) -> None:
    log = tmp_path / "short.log"
    log.write_text("\n".join(drive(ZE1).read_text().splitlines()[:40]) + "\n")
    proof = prove([log], ZE1, Catalogue())
    assert proof.verdict == "unknown"
    assert all(c.level != "refutes" for c in proof.checks)


def test_a_recording_of_quite_another_car_never_supports(drive: Callable[[str], Path]) -> None:
    for vehicle in ("honda/civic-8g", "mitsubishi/outlander-phev-2019", "mitsubishi/i-miev"):
        assert prove([drive(ZE1)], vehicle, Catalogue()).verdict != "supports"


def test_several_recordings_are_judged_together(drive: Callable[[str], Path]) -> None:
    proof = prove([drive(ZE1), drive(ZE0)], ZE1, Catalogue())
    assert (proof.verdict, len(proof.recordings)) == ("refutes", 2)
    refuted = {c.check: c.measured for c in proof.of("refutes")}
    assert refuted["multiplexor ev-can.PACK_TEMPERATURES"].startswith("log 2: ")


def test_every_check_says_what_was_measured_and_what_was_expected(drive: Callable[[str], Path]) -> None:
    checks = prove([drive(ZE1)], ZE1, Catalogue()).as_json()["checks"]
    assert checks
    for check in checks:
        assert set(check) == {"check", "level", "measured", "expected", "what"}
        assert check["level"] in ("supports", "refutes", "unknown", "note")
        assert check["measured"]
        assert check["expected"]
    names = [check["check"] for check in checks]
    assert len(set(names)) == len(names)


def test_what_never_came_and_what_never_changed_is_told(drive: Callable[[str], Path]) -> None:
    checks = {c.check: c for c in prove([drive(ZE1)], ZE1, Catalogue()).checks}
    assert checks["came ev-can.ODOMETER"].measured == "never"
    assert checks["came Vehicle.TraveledDistance"].level == "unknown"
    assert checks[f"changes {BATTERY}NetCapacity"].level == "note"
    assert checks["period ev-can.PACK_STATUS"].expected == "10 ms"


def test_a_compressed_log_is_judged_alike(drive: Callable[[str], Path], tmp_path: Path) -> None:
    packed = tmp_path / "drive.log.gz"
    packed.write_bytes(gzip.compress(drive(ZE1).read_bytes(), 1))
    assert prove([packed], ZE1, Catalogue()).checks == prove([drive(ZE1)], ZE1, Catalogue()).checks


def test_evidence_holds_verdict_and_digests_and_nothing_of_the_recording(drive: Callable[[str], Path]) -> None:
    log = drive(ZE1)
    content = prove([log], ZE1, Catalogue()).sealed()
    found, wrong = evidence.verify(content)
    assert wrong == []
    assert found.body["verdict"] == "supports"
    assert found.subjects["map"] == found.body["map"]
    assert found.subjects["log 1"] == evidence.digest(log.read_bytes())
    assert str(log).encode() not in content
    assert log.name.encode() not in content
    assert content == prove([log], ZE1, Catalogue()).sealed()


def test_the_digest_of_a_map_changes_with_whatever_decides_what_a_frame_means() -> None:
    map_ = Catalogue().vehicle(ZE1).map
    rules = {**map_.messages, ("ev-can", "SHIFT"): map_.messages["ev-can", "SHIFT"]._replace(checksum=None)}
    digests = {
        map_digest(map_, builtin()),
        map_digest(replace(map_, rows=map_.rows[1:]), builtin()),
        map_digest(replace(map_, messages=rules), builtin()),
        map_digest(Catalogue().vehicle(AZE0).map, builtin()),
    }
    assert len(digests) == 4
    assert map_digest(map_, builtin()) == map_digest(Catalogue().vehicle(ZE1).map, builtin())


def test_a_notebook_proves_as_the_command_does(drive: Callable[[str], Path]) -> None:
    assert renkei.prove(drive(ZE1), ZE1).as_json() == prove([drive(ZE1)], ZE1, Catalogue()).as_json()


def test_bad_input_is_named(drive: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("")
    with pytest.raises(UnknownName, match="did you mean 'nissan/leaf-ze1-40'"):
        prove([drive(ZE1)], "nissan/leaf-ze140", Catalogue())
    with pytest.raises(LogError, match="is empty"):
        prove([tmp_path / "empty.log"], ZE1, Catalogue())
    with pytest.raises(LogError, match="no channel 'can7'; it has can0"):
        prove([drive(ZE1)], ZE1, Catalogue(), buses={"ev-can": "can7"})
    with pytest.raises(InputError, match="no log given"):
        prove([], ZE1, Catalogue())


REAL = {
    "mitsubishi/outlander-phev-2019": "mitsubishi-outlander-phev-2019/202109061515-steering-lock-to-lock.candump.log",
    "toyota/rav4-2017": "comma2k19-rav4/segment40.candump.log.gz",
}


@pytest.mark.parametrize("vehicle", REAL)
def test_a_public_recording_supports_the_map_of_its_car_and_no_other(vehicle: str) -> None:
    log = SHARED / REAL[vehicle]
    if not log.exists():
        pytest.skip(f"{log} is not there")
    catalogue = Catalogue([Path(__file__).parents[1] / "fixtures"])
    verdicts = {v: prove([log], v, catalogue).verdict for v in catalogue.vehicles if catalogue.vehicle(v).known_map}
    assert verdicts.pop(vehicle) == "supports"
    assert "supports" not in verdicts.values()


def test_the_identity_of_a_real_car_is_not_in_its_evidence() -> None:
    log = SHARED / REAL["mitsubishi/outlander-phev-2019"]
    if not log.exists():
        pytest.skip(f"{log} is not there")
    proof = prove([log], "mitsubishi/outlander-phev-2019", Catalogue())
    told = json.dumps(proof.as_json())
    assert "VehicleIdentification.VIN" not in told
    assert "JA4" not in told


def test_that_a_field_changes_slowly_refutes_and_never_supports() -> None:
    for relation in relations():
        held = physical(relation, Judgement("supports", "", ""))
        assert held.strong == (relation.kind != "rate" and not relation.numbers.get("weak")), relation.name
    steady = [physical(r, Judgement("supports", "", "")) for r in relations() if r.kind == "rate"]
    covered = Check(f"{COVERAGE} can", "supports", "", "", "")
    assert verdict([covered, *steady]) == "unknown"
    assert verdict([covered, *steady, physical(steady_of("rate"), Judgement("refutes", "", ""))]) == "refutes"


def steady_of(kind: str) -> Relation:
    return next(r for r in relations() if r.kind == kind)


def test_signals_that_no_relation_was_decided_on_are_named(drive: Callable[[str], Path]) -> None:
    proof = prove([drive(ZE1)], ZE1, Catalogue())
    assert "Vehicle.Speed" not in proof.unjudged
    assert "Vehicle.Powertrain.Transmission.SelectedGear" in proof.unjudged
    assert proof.as_json()["unjudged"] == list(proof.unjudged)

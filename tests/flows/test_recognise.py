"""Whether a recording is one of a car: every recording here tried as each car of the catalogue."""

from __future__ import annotations

import gzip

import pytest
from independent import ROOT, shared

from renkei.can.logs import open_log
from renkei.catalogue import Catalogue
from renkei.errors import LogError, NoMap
from renkei.flows.buses import found
from renkei.flows.gist import Beginning, whole
from renkei.flows.plans import plan_of
from renkei.flows.recognise import Car, Likeness, car_of, judged, likeness, must_be
from renkei.flows.synthesize import Scenario, synthesize, write_candump

OUTLANDER, RAV4 = "mitsubishi/outlander-phev-2019", "toyota/rav4-2017"
DEMO_LOG = ROOT / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"
FOLDER = "logs/mitsubishi-outlander-phev-2019"
RIDGELINE = "logs/honda-ridgeline-2006"
CATALOGUE = Catalogue([ROOT / "tests/fixtures"])

RECORDINGS = {
    "logs/comma2k19-rav4/segment40.candump.log.gz": RAV4,
    f"{FOLDER}/202109061515-steering-lock-to-lock.candump.log": OUTLANDER,
    f"{FOLDER}/202109061515-steering-lock-to-lock.gvret.csv": OUTLANDER,
    f"{FOLDER}/202109061517-parking-brake.candump.log": OUTLANDER,
    f"{FOLDER}/202109061517-parking-brake.gvret.csv": OUTLANDER,
    f"{RIDGELINE}/AllTheCodes2.csv": None,
    f"{RIDGELINE}/CylinderLock.csv": None,
    f"{RIDGELINE}/KeyInserted_CarOff_ToAccNothing.csv": None,
}
"""Public recordings and the car of this catalogue that they are from, if any."""


def with_map():
    plans = {}
    for vehicle in CATALOGUE.vehicles:
        try:
            plans[vehicle] = plan_of(CATALOGUE.vehicle(vehicle).map)
        except NoMap:
            continue
    return plans


PLANS = with_map()


def taken(log):
    """The cars for which a recording is taken, with what is said of the others."""
    gist = whole(open_log(log).blocks())
    cars = {v: Car(v, [other for other in PLANS if other != v], PLANS.__getitem__) for v in PLANS}
    refusals = {v: judged(car, log, gist, {}) for v, car in cars.items()}
    return {v for v, refused in refusals.items() if not refused}, {v: str(e) for v, e in refusals.items() if e}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_taken_for_its_own_car_alone(name):
    accepted, refused = taken(shared(name))
    own = RECORDINGS[name]
    assert accepted == {own} - {None}
    assert all(f"; {own} fits better, with " in text for text in refused.values() if own)
    assert own or all(text.endswith("; no known vehicle fits better") for text in refused.values())


def middles(plan):
    """For each numeric signal of a car the value in the middle of what it can say."""
    values = {}
    for row in plan.rows:
        if row.table is None and row.signal.scalar in ("float", "double") and row.array < 0 and not row.elements:
            low, high = sorted(raw * row.scale + row.offset for raw in row.field.raws)
            values.setdefault(row.signal.path, [(max(low, row.low) + min(high, row.high)) / 2] * 2)
    return values


@pytest.mark.parametrize("vehicle", PLANS)
def test_a_synthetic_recording_is_taken_for_its_own_car_and_others_of_the_maker_alone(vehicle, tmp_path):
    plan = PLANS[vehicle]
    write_candump(synthesize(plan, Scenario([0.0, 2.0], middles(plan))), plan, log := tmp_path / "synthetic.log")
    accepted, _ = taken(log)
    assert vehicle in accepted
    assert {v.partition("/")[0] for v in accepted} == {vehicle.partition("/")[0]}


def test_cars_of_one_maker_with_other_messages_are_told_apart():
    _, refused = taken(DEMO_LOG)
    assert "; mitsubishi/outlander-phev-2019 fits better, with " in refused["mitsubishi/i-miev"]


# What makes a message right

ANGLE = 0x25


def sealed(count, raw=0x10):
    """The steering angle of the fixture car, with its sum; the counter of the message has no row."""
    data = bytes([0, raw, count % 16, 0, 0, 0, 0])
    return data + bytes([ANGLE + 8 + sum(data) & 0xFF])


def of(tmp_path, *frames):
    log = tmp_path / "some.log"
    log.write_text("".join(f"({k / 100:.6f}) can0 {id_:03X}#{data.hex().upper()}\n" for k, (id_, data) in
                           enumerate(frames)))  # fmt: skip
    return likeness(whole(open_log(log).blocks()), PLANS[RAV4])


def broken(data):
    return data[:-1] + bytes([data[-1] ^ 1])


JUDGED = {
    "with its checksum": ([(ANGLE, sealed(k)) for k in range(9)], (1, 0)),
    "without": ([(ANGLE, broken(sealed(k))) for k in range(9)], (0, 1)),
    "with its checksum now and then": ([(ANGLE, broken(sealed(k)) if k % 4 else sealed(k)) for k in range(12)], (0, 1)),
    "written twice each": ([(ANGLE, sealed(k // 2)) for k in range(18)], (1, 0)),
    "without a checksum, as long as it": ([(956, bytes(8))] * 5, (1, 0)),
    "shorter than it": ([(956, bytes(7))] * 5, (0, 0)),
    "of no message": ([(0x7F0, bytes(8))] * 5, (0, 0)),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_a_message(case, tmp_path):
    frames, (right, wrong) = JUDGED[case]
    assert of(tmp_path, *frames)[:2] == (right, wrong)


ENOUGH = {
    "nothing": (Likeness(0, 0, 20, 0), False),
    "a single message of the car and no other": (Likeness(1, 0, 20, 1), True),
    "a few among many identifiers": (Likeness(3, 0, 20, 50), False),
    "a quarter": (Likeness(5, 0, 20, 50), False),
    "more than a quarter": (Likeness(6, 0, 20, 50), True),
    "as many wrong as right": (Likeness(6, 6, 20, 50), False),
}


@pytest.mark.parametrize("case", ENOUGH)
def test_enough(case):
    like, enough = ENOUGH[case]
    assert like.is_enough == enough


def test_another_car_is_far_better_only_with_far_more():
    own = Likeness(6, 0, 20, 50)
    assert Likeness(9, 0, 20, 50).is_far_better_than(own)
    assert not Likeness(8, 0, 20, 50).is_far_better_than(own)  # one and a half times
    assert not Likeness(7, 0, 10, 50).is_far_better_than(own)  # two messages
    assert Likeness(6, 0, 10, 50).is_far_better_than(Likeness(7, 1, 25, 50))  # none of them wrong


# How much of a recording is looked at


def test_a_recording_that_begins_with_other_things_is_looked_at_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("renkei.flows.gist.STEP", 100)
    lines = gzip.decompress(DEMO_LOG.read_bytes()).decode()
    quiet = "".join(f"(0.{k:06}) can1 {0x700 + k % 90:X}#00\n" for k in range(1000))
    (log := tmp_path / "quiet.log").write_text(quiet + lines)
    opened, car = open_log(log), car_of(CATALOGUE, OUTLANDER)
    beginning = Beginning(opened.blocks(50))
    buses = found(beginning, PLANS[OUTLANDER], {})
    assert buses.channels == {}
    must_be(car, opened, beginning, buses)
    assert buses.channels == {"c-can": "can0", "ev-can": "can1"}


def test_a_recording_that_breaks_off_at_its_beginning_is_told_as_that_and_not_as_one_of_another_car(tmp_path):
    (log := tmp_path / "half.log.gz").write_bytes(DEMO_LOG.read_bytes()[:40_000])
    opened = open_log(log)
    beginning = Beginning(opened.blocks())
    buses = found(beginning, PLANS["honda/civic-8g"], {})
    with pytest.raises(LogError, match="breaks off"):
        must_be(car_of(CATALOGUE, "honda/civic-8g"), opened, beginning, buses)

"""Relations and the moments they are judged in: what holds, what does not, what a recording is too short for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.frames import Frames
from renkei.can.tally import Tally
from renkei.flows import prove_moments
from renkei.flows.prove_moments import ActiveTime, Moments
from renkei.flows.prove_physics import Judgement, Relation, Term, judge, relations
from renkei.samples import Column, Quality
from renkei.units import conversion
from renkei.vocabulary import builtin

SPEED, WHEEL = "Vehicle.Speed", "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"
ODOMETER = "Vehicle.TraveledDistance"
CELLS = "Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages"
PACK = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
CHARGE = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current"
NET = "Vehicle.Powertrain.TractionBattery.NetCapacity"
ENERGY = "Vehicle.Powertrain.TractionBattery.StateOfCharge.CurrentEnergy"


def column(t_s: np.ndarray, values: np.ndarray | float, texts: list[str] | None = None) -> Column:
    t = np.asarray(t_s, float)
    return Column(0, (t * 1e9).astype(np.int64), np.broadcast_to(values, t.shape).astype(float),
                  np.zeros(len(t), np.int8), texts)  # fmt: skip


def judged(name: str, columns: dict[str, Column], attributes: dict[str, float] | None = None) -> Judgement | None:
    relation = next(r for r in relations() if r.name == name)
    moments = Moments(relation.wanted)
    for path, one in columns.items():
        moments.add(builtin()[path], one)
    return judge(relation, moments, attributes or {})


def level(name: str, columns: dict[str, Column], attributes: dict[str, float] | None = None) -> str | None:
    found = judged(name, columns, attributes)
    return found.level if found else None


t = np.arange(0, 600, 0.1)
slow = np.arange(0, 600, 1.0)
cruising = 90 + 10 * np.sin(t / 20)
kilometres = 1000 * np.floor(np.cumsum(cruising[::10] / 3.6) / 1000)


def test_distance_follows_speed() -> None:
    assert (
        level("distance-against-speed", {SPEED: column(t, cruising), ODOMETER: column(slow, kilometres)}) == "supports"
    )


def test_distance_in_miles_called_kilometres_does_not_follow_speed() -> None:
    miles = 1000 * np.floor(np.cumsum(cruising[::10] / 3.6) / 1609.344)
    assert level("distance-against-speed", {SPEED: column(t, cruising), ODOMETER: column(slow, miles)}) == "refutes"


def test_an_odometer_that_stands_while_the_car_moves_is_refuted() -> None:
    stands = {SPEED: column(t, cruising), ODOMETER: column(slow, 5000.0)}
    assert level("distance-against-speed", stands) == "refutes"


def test_an_odometer_says_nothing_over_a_kilometre() -> None:
    short = {SPEED: column(t[:300], cruising[:300]), ODOMETER: column(slow[:30], kilometres[:30])}
    found = judged("distance-against-speed", short)
    assert found is not None
    assert found.level == "unknown"
    assert "no more than" in found.measured


def test_the_cells_add_up_to_the_pack() -> None:
    times = np.arange(0, 10, 1.0)
    cells = [f"[{','.join(['3.7'] * 96)}]"] * len(times)
    places = np.arange(len(times), dtype=float)
    pack = {PACK: column(np.arange(0, 10, 0.1), 355.2), CELLS: column(times, places, cells)}
    assert level("cells-against-pack-voltage", pack) == "supports"
    missing = pack | {CELLS: column(times, places, [f"[{','.join(['3.7'] * 80)}]"] * len(times))}
    assert level("cells-against-pack-voltage", missing) == "refutes"


def test_energy_left_is_charge_times_capacity() -> None:
    columns = {CHARGE: column(t, 50.0), ENERGY: column(t, 18.0)}
    assert level("energy-left-against-charge", columns | {NET: column(slow, 36.0)}) == "supports"
    assert level("energy-left-against-charge", columns | {NET: column(slow, 24.0)}) == "refutes"


def test_what_is_fixed_in_the_car_stands_in_for_a_signal_that_never_came() -> None:
    columns = {CHARGE: column(t, 50.0), ENERGY: column(t, 18.0)}
    assert level("energy-left-against-charge", columns) is None
    assert level("energy-left-against-charge", columns, {NET: 36.0}) == "supports"


def test_values_that_are_not_available_say_nothing() -> None:
    some = column(t, 500.0)
    none = Column(0, some.t, some.value, np.full(len(t), Quality.NOT_AVAILABLE, np.int8))
    assert level("wheel-speed-row1-left", {SPEED: column(t, cruising), WHEEL: none}) is None


def test_another_pack_than_the_catalogue_states_is_told_and_refutes_nothing() -> None:
    found = level("net-capacity-against-gross-capacity", {NET: column(slow, 55.0)}, {
        "Vehicle.Powertrain.TractionBattery.GrossCapacity": 39.0})  # fmt: skip
    assert found == "note"


def test_a_few_jumps_at_waking_are_forgiven_and_many_are_not() -> None:
    waking = np.where(t < 0.2, 0.0, 70.0)
    assert level("charge-is-steady", {CHARGE: column(t, waking)}) == "supports"
    assert level("charge-is-steady", {CHARGE: column(t, 70.0 * (np.arange(len(t)) % 2))}) == "refutes"
    assert level("charge-is-steady", {CHARGE: column(t, 70.0)}) == "unknown"


def test_every_relation_names_signals_of_the_vocabulary_and_can_be_told() -> None:
    names = [r.name for r in relations()]
    assert len(set(names)) == len(names) > 20
    for r in relations():
        assert r.what
        assert r.kind in ("band", "line", "integral", "rate")
        conversion(r.unit, r.unit)
        for path, how in r.wanted:
            assert builtin()[path].is_array == bool(how), path
        y = builtin()[r.y.signals[0][0]]
        if len(r.y.signals) == 1 and r.y.factor == 1.0 and not r.y.signals[0][1]:
            assert r.unit == y.unit, r.name


def test_a_relation_needs_all_of_its_signals() -> None:
    assert judged("wheel-speed-row1-left", {SPEED: column(t, cruising)}) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 3000), min_size=1, max_size=60), st.integers(0, 3))
def test_moments_keep_the_mean_however_coarse_they_become(times: list[float], halvings: int) -> None:
    most, prove_moments.MOST_MOMENTS = prove_moments.MOST_MOMENTS, max(30_001 >> halvings, 16)
    try:
        moments = Moments([(SPEED, "")])
        for second in sorted(times):
            moments.add(builtin()[SPEED], column(np.array([second]), second))
        found = moments.series(SPEED, "", 0.0, held=False)
    finally:
        prove_moments.MOST_MOMENTS = most
    assert found is not None
    width_s = moments.step_ns / 1e9
    places = np.flatnonzero(~np.isnan(found))
    assert set(places) == {int(s * 1e9) // moments.step_ns for s in times}
    assert all(place * width_s - 1e-6 <= found[place] <= (place + 1) * width_s + 1e-6 for place in places)


def frames(*times_s: float) -> Frames:
    n = len(times_s)
    return Frames(np.array([int(s * 1e9) for s in times_s], np.int64), np.zeros(n, np.uint8), np.zeros(n, np.uint32),
                  np.full(n, 8, np.uint8), np.zeros((n, 8), np.uint8), ("can0",))  # fmt: skip


def test_long_silences_and_jumps_of_the_clock_become_short_gaps() -> None:
    active = ActiveTime()
    first = active.of(frames(1e9, 1e9 + 1, 1e9 + 5000, 1e9 + 5001))
    second = active.of(frames(1e9 + 5002, 100, 101))
    assert (first.t / 1e9).tolist() == [0, 1, 16, 17]
    assert (second.t / 1e9).tolist() == [18, 33, 34]


def test_frames_that_come_a_little_out_of_order_stay_where_they_are() -> None:
    assert (ActiveTime().of(frames(10, 10.5, 10.4, 11)).t / 1e9).tolist() == pytest.approx([0, 0.5, 0.4, 1])


def test_the_distance_of_frames_is_known_to_a_few_percent_in_several_blocks() -> None:
    tally = Tally(2)
    for block in (np.arange(0, 1, 0.01), np.arange(1, 2, 0.01), [5.0]):
        tally.add(frames(*block), np.zeros(len(block), np.int16))
    found = tally[0]
    assert found.frames == 201
    assert found.median_ns == pytest.approx(10e6, rel=0.05)
    assert found.largest_ns == pytest.approx(3.01e9, rel=1e-6)
    assert tally[1] == (0, 0, 0, 0)


def test_a_logger_that_writes_frames_twice_shows_in_the_median_and_not_in_three_quarters() -> None:
    tally = Tally(1)
    times = np.sort(np.concatenate([np.arange(0, 2, 0.01), np.arange(0, 2, 0.01) + 0.0001]))
    tally.add(frames(*times), np.zeros(len(times), np.int16))
    assert tally[0].upper_ns == pytest.approx(9.9e6, rel=0.05)


def test_relations_hold_in_the_units_of_another_vocabulary() -> None:
    relation = next(r for r in relations() if r.name == "distance-against-speed")
    moments = Moments(relation.wanted)
    moments.add(builtin()[SPEED], column(t, cruising))
    moments.add(replace(builtin()[ODOMETER], unit="km"), column(slow, kilometres / 1000))
    found = judge(relation, moments, {})
    assert found is not None
    assert found.level == "supports"


def test_a_relation_can_be_written_in_place() -> None:
    twice = Relation("x", "what", "band", Term(((WHEEL, ""),)), Term(((SPEED, ""),), 2.0), "km/h",
                     {"low": [1, 0], "high": [1, 0], "for_s": 1.0})  # fmt: skip
    moments = Moments(twice.wanted)
    moments.add(builtin()[SPEED], column(t, 30.0))
    moments.add(builtin()[WHEEL], column(t, 60.0))
    found = judge(twice, moments, {})
    assert found is not None
    assert found.level == "supports"

"""The broker alone: what is stored, who is told and when, what a slow reader loses."""

import itertools
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.broker import Broker, Watcher, _wire
from renkei.errors import UnknownName, ValueRefused
from renkei.samples import INVALID, STALE
from renkei.vocabulary import Signal, Vocabulary, builtin

SPEED, GEAR, CHARGE, BRAND, MODE, DOORS, BAD = range(7)
VOCABULARY = Vocabulary(
    [
        Signal(0, "Vehicle.Speed", "sensor", "float", "km/h"),
        Signal(0, "Vehicle.Gear", "sensor", "int8"),
        Signal(0, "Vehicle.Charge", "actuator", "uint8", "percent", 0, 100, default=80),
        Signal(0, "Vehicle.Brand", "attribute", "string"),
        Signal(0, "Vehicle.Mode", "actuator", "string", allowed=("ECO", "SPORT")),
        Signal(0, "Vehicle.Doors", "attribute", "uint8", default=4),
        Signal(0, "Vehicle.Bad", "attribute", "uint8", default=300),
    ],
    "test",
)


@pytest.fixture
def broker():
    clock = itertools.count(1000)
    return Broker(VOCABULARY, ["a", "b"], now_ns=lambda: next(clock))


def watch(broker, *indices, vehicle="a", **options):
    watcher = Watcher(indices, **options)
    broker.watch(vehicle, watcher)
    return watcher


def taken(watcher, now_ns=0):
    changes = watcher.take(now_ns)
    return None if changes is None else {i: point.value for i, point in changes.items()}


def test_an_attribute_starts_with_its_default_and_nothing_else_does(broker):
    values = [broker.latest("a", i).value for i in range(len(VOCABULARY))]
    assert values == [None, None, None, None, None, 4, None]


def test_a_default_that_its_signal_refuses_is_counted(broker):
    assert broker.refused("a") == {("Vehicle.Bad", "range"): 1}


def test_a_value_is_kept_with_both_times_and_its_quality(broker):
    assert broker.latest("a", SPEED).quality == "not available"
    broker.publish("a", [(SPEED, 50.5, 7)])
    point = broker.latest("a", SPEED)
    assert (point.value, point.t_source_ns, point.t_receive_ns, point.quality) == (50.5, 7, 1001, "ok")


WITHOUT_VALUE = {"not available": None, "invalid": INVALID, "stale": STALE}


@pytest.mark.parametrize(("quality", "said"), WITHOUT_VALUE.items())
def test_a_value_that_is_missing_says_why(broker, quality, said):
    broker.publish("a", [(SPEED, 1.0, 1), (GEAR, 2, 1), (MODE, "ECO", 1)])
    watcher = watch(broker, SPEED, GEAR, MODE)
    broker.publish("a", [(SPEED, said, 2), (GEAR, said, 2), (MODE, said, 2)])
    for index in (SPEED, GEAR, MODE):
        point = broker.latest("a", index)
        assert (point.value, point.quality, point.t_source_ns) == (None, quality, 2)
    assert taken(watcher) == {SPEED: None, GEAR: None, MODE: None}
    assert broker.refused("a") == {("Vehicle.Bad", "range"): 1}


def test_a_value_names_its_source(broker):
    assert broker.latest("a", SPEED).source == ""
    broker.publish("a", [(SPEED, 1.0, 1)], source="drive.log")
    assert broker.latest("a", SPEED).source == "drive.log"
    broker.put("a", SPEED, 2.0, source="a client")
    assert broker.latest("a", SPEED).source == "a client"
    claim = broker.claim_signals("a", [SPEED], by="a provider")
    for publish in (
        lambda: broker.put("a", SPEED, 3.0, claim=claim),
        lambda: broker.publish("a", [(SPEED, 3.0, 1)], claim),
        claim.invalidate,
    ):
        publish()
        assert broker.latest("a", SPEED).source == "a provider"


def test_what_was_before_is_kept(broker):
    for n in range(3):
        broker.publish("a", [(SPEED, float(n), n)])
    assert [point.value for point in broker.past("a", SPEED, 0)] == [0.0]
    assert broker.past("b", SPEED, 0) == broker.past("a", GEAR, 0) == []


def test_one_batch_has_one_time_of_receipt(broker):
    broker.publish("a", [(SPEED, 1.0, 1), (GEAR, 2.0, 2)])
    assert broker.latest("a", SPEED).t_receive_ns == broker.latest("a", GEAR).t_receive_ns


def test_vehicles_share_nothing(broker):
    watcher = watch(broker, SPEED, vehicle="b")
    broker.publish("a", [(SPEED, 50.0, 0)])
    assert broker.latest("b", SPEED).value is None
    assert taken(watcher) is None


def test_an_unknown_vehicle_is_named_with_its_nearest():
    with pytest.raises(UnknownName, match="unknown vehicle 'leav'; did you mean 'leaf'"):
        Broker(VOCABULARY, ["leaf"]).publish("leav", [])


PHYSICAL = {
    "rounded half to even, down": (GEAR, 2.5, 2),
    "rounded half to even, up": (GEAR, 3.5, 4),
    "a negative half": (GEAR, -0.5, 0),
    "just inside once rounded": (CHARGE, 99.7, 100),
    "an integer": (CHARGE, 55, 55),
    "text": (MODE, "ECO", "ECO"),
    "not available": (CHARGE, None, None),
    "not available although only some values are allowed": (MODE, None, None),
}


@pytest.mark.parametrize(("index", "physical", "stored"), PHYSICAL.values(), ids=PHYSICAL)
def test_physical_values_become_the_wire_type(broker, index, physical, stored):
    broker.publish("a", [(index, physical, 0)])
    value = broker.latest("a", index).value
    assert (value, type(value)) == (stored, type(stored))


REFUSED = {
    "above the maximum": (CHARGE, 100.6, "range"),
    "too wide for the type": (GEAR, 128.0, "range"),
    "not a number": (SPEED, math.nan, "type"),
    "infinite": (GEAR, math.inf, "type"),
    "text for a number": (SPEED, "fast", "type"),
    "not allowed": (MODE, "TURBO", "allowed"),
}


@pytest.mark.parametrize(("index", "physical", "why"), REFUSED.values(), ids=REFUSED)
def test_what_a_signal_refuses_is_counted_and_not_stored(broker, index, physical, why):
    watcher = watch(broker, index, SPEED)
    broker.publish("a", [(index, physical, 0)])
    assert broker.refused("a")[VOCABULARY.signals[index].path, why] == 1
    assert broker.refused("b").total() == 1, "only the bad default"
    assert broker.latest("a", index).value is None
    assert taken(watcher) is None


def test_the_rest_of_a_batch_survives_a_refused_value(broker):
    broker.publish("a", [(CHARGE, 500.0, 0), (SPEED, 3.0, 0)])
    assert broker.latest("a", SPEED).value == 3.0


@given(
    st.sampled_from(VOCABULARY.signals),
    st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.booleans(), st.text(max_size=3), st.floats(-200, 200)),
)
def test_the_short_way_to_the_wire_type_is_the_signals_own(signal, value):
    assert outcome(_wire(signal), value) == outcome(signal.wire, value)


def outcome(wire, value):
    """The value with its type, or why it was refused."""
    try:
        result = wire(value)
    except ValueRefused as refused:
        return refused.why, None
    return result, type(result)


def test_a_watcher_is_told_once_a_batch_and_only_of_its_signals(broker):
    watcher = watch(broker, SPEED, GEAR, buffer_size=10)
    broker.publish("a", [(SPEED, 1.0, 0), (CHARGE, 5.0, 0), (GEAR, 1.0, 0)])
    broker.publish("a", [(CHARGE, 6.0, 0)])
    assert taken(watcher) == {SPEED: 1.0, GEAR: 1}
    assert taken(watcher) is None


def test_the_same_value_again_notifies_for_a_sensor_and_not_for_an_attribute(broker):
    watcher = watch(broker, SPEED, DOORS, buffer_size=10)
    broker.publish("a", [(SPEED, 1.0, 0), (DOORS, 4.0, 0)])
    broker.publish("a", [(SPEED, 1.0, 0), (DOORS, 5.0, 0)])
    broker.publish("a", [(DOORS, 5.0, 0)])
    assert [taken(watcher) for _ in range(3)] == [{SPEED: 1.0}, {SPEED: 1.0, DOORS: 5}, None]


def test_the_last_of_two_updates_in_a_batch_stands(broker):
    watcher = watch(broker, SPEED)
    broker.publish("a", [(SPEED, 1.0, 0), (SPEED, 2.0, 0)])
    assert taken(watcher) == {SPEED: 2.0}


@pytest.mark.parametrize("buffer_size", [0, 1, 5])
def test_a_full_buffer_keeps_the_newest_and_counts_what_it_dropped(broker, buffer_size):
    watcher = watch(broker, SPEED, buffer_size=buffer_size)
    for n in range(10):
        broker.publish("a", [(SPEED, float(n), 0)])
    kept = [{SPEED: float(n)} for n in range(10)][-(buffer_size + 1) :]
    assert [taken(watcher) for _ in range(buffer_size + 2)] == [*kept, None]
    assert watcher.dropped == broker.dropped("a") == 10 - len(kept)


def test_a_full_buffer_never_loses_the_last_value_of_a_signal(broker):
    watcher = watch(broker, SPEED, GEAR)
    broker.publish("a", [(GEAR, 3.0, 0)])
    for n in range(5):
        broker.publish("a", [(SPEED, float(n), 0)])
    assert taken(watcher) == {GEAR: 3, SPEED: 4.0}
    assert watcher.dropped == 4


def test_a_reader_of_long_texts_has_fewer_of_them_waiting(broker):
    """However large its buffer, what waits for a reader that never reads is bounded."""
    watcher = watch(broker, BRAND, SPEED, buffer_size=1000)
    for n in range(500):
        broker.publish("a", [(BRAND, f"{n}" + "x" * 16_000, 0), (SPEED, float(n), 0)])
    assert watcher.waiting < 25
    assert watcher.dropped > 2 * 470
    last = {}
    while (changes := taken(watcher)) is not None:
        last |= changes
    assert (last[SPEED], last[BRAND][:3]) == (499.0, "499")


@given(st.lists(st.one_of(st.none(), st.sets(st.sampled_from([SPEED, GEAR, CHARGE]), min_size=1)), max_size=60))
def test_a_reader_that_lags_misses_nothing_however_its_messages_are_joined(steps):
    """None: the reader takes a message; else a batch of these signals, whose values count up."""
    broker = Broker(VOCABULARY, ["a"])
    watcher = watch(broker, SPEED, GEAR, CHARGE, buffer_size=1000)
    said = {SPEED: [], GEAR: [], CHARGE: []}
    heard = {SPEED: [], GEAR: [], CHARGE: []}

    def hear():
        changes = taken(watcher)
        for index, value in (changes or {}).items():
            heard[index].append(value)
        return changes

    for n, indices in enumerate(steps):
        if indices is None:
            hear()
        else:
            broker.publish("a", [(i, float(n), 0) for i in indices])
            for i in indices:
                said[i].append(n)
    while hear():
        pass
    assert heard == said
    assert watcher.dropped == 0


def test_messages_that_are_taken_make_room(broker):
    watcher = watch(broker, SPEED, buffer_size=10)
    for n in range(1000):
        broker.publish("a", [(SPEED, float(n), 0)])
        broker.publish("a", [(SPEED, float(n), 1)])
        assert [taken(watcher), taken(watcher), taken(watcher)] == [{SPEED: float(n)}, {SPEED: float(n)}, None]
    assert watcher.dropped == 0


def test_drops_stay_counted_when_the_watcher_is_gone(broker):
    watcher = watch(broker, SPEED)
    broker.publish("a", [(SPEED, 1.0, 0)])
    broker.publish("a", [(SPEED, 2.0, 0)])
    broker.unwatch("a", watcher)
    assert broker.watchers("a") == ()
    assert broker.dropped("a") == 1


def test_the_reader_is_woken_by_each_message(broker):
    woken = []
    watch(broker, SPEED).wake = lambda: woken.append(True)
    broker.publish("a", [(SPEED, 1.0, 0), (GEAR, 1.0, 0)])
    broker.publish("a", [(GEAR, 1.0, 0)])
    assert woken == [True]


def test_an_interval_delays_the_newest_value_to_its_end(broker):
    watcher = watch(broker, SPEED, GEAR, min_interval_ns=100, buffer_size=10)
    watcher.sent(1000)
    broker.publish("a", [(SPEED, 1.0, 0), (GEAR, 1.0, 0)])
    broker.publish("a", [(SPEED, 2.0, 0)])
    assert watcher.wait_ns(1030) == 70
    assert taken(watcher, 1099) is None
    assert watcher.wait_ns(1100) == 0
    assert taken(watcher, 1100) == {SPEED: 2.0, GEAR: 1}
    assert watcher.wait_ns(1100) is None
    assert watcher.dropped == 0, "values within the interval were not asked for"


def test_after_a_quiet_interval_a_value_goes_at_once(broker):
    watcher = watch(broker, SPEED, min_interval_ns=100)
    watcher.sent(1000)
    broker.publish("a", [(SPEED, 1.0, 0)])
    assert taken(watcher, 5000) == {SPEED: 1.0}
    broker.publish("a", [(SPEED, 2.0, 0)])
    assert watcher.wait_ns(5001) == 99


def test_put_takes_wire_types_only(broker):
    broker.put("a", CHARGE, 40, 9)
    assert (broker.latest("a", CHARGE).value, broker.latest("a", CHARGE).t_source_ns) == (40, 9)
    for value, why in ((40.0, "type"), (101, "range"), (True, "type")):
        with pytest.raises(ValueRefused) as e:
            broker.put("a", CHARGE, value)
        assert e.value.why == why
    assert broker.latest("a", CHARGE).value == 40


def test_put_notifies_like_publish(broker):
    watcher = watch(broker, DOORS, MODE, buffer_size=10)
    broker.put("a", DOORS, 4)
    broker.put("a", DOORS, 2)
    broker.put("a", MODE, None)
    assert [taken(watcher) for _ in range(2)] == [{DOORS: 2, MODE: None}, None]


def test_without_a_source_time_the_time_of_receipt_stands_for_it(broker):
    broker.put("a", DOORS, 3)
    point = broker.latest("a", DOORS)
    assert point.t_source_ns == point.t_receive_ns


def test_a_fleet_of_vehicles_that_say_nothing_takes_little_memory():
    """Under 100 kB each is asked for, with their ports; the broker's part is what it presumes, kept once."""
    vocabulary = builtin()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        many = Broker(vocabulary, [f"fleet/{n}" for n in range(101)])
        each = (tracemalloc.get_traced_memory()[0] - before) / 100
    finally:
        tracemalloc.stop()
    assert each < 30_000
    assert many.latest("fleet/1", SPEED) is many.latest("fleet/2", SPEED)


def test_what_one_vehicle_says_is_not_said_by_another_of_its_fleet():
    fleet = Broker(VOCABULARY, ["a", "b"])
    fleet.publish("a", [(SPEED, 5.0, 1)])
    assert (fleet.latest("a", SPEED).value, fleet.latest("b", SPEED).value) == (5.0, None)
    fleet.refused("a")["Vehicle.Speed", "range"] += 1
    assert fleet.refused("b")["Vehicle.Speed", "range"] == 0

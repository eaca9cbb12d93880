"""Claims and actuations over the broker alone: who may, who is asked, and how it ends."""

import pytest

from renkei.broker import HOLD_NS, Broker, Watcher
from renkei.broker.claims import Actuation
from renkei.errors import Claimed, Held, NoCarrier, NotActuator, TooLate, UnknownName, ValueRefused
from renkei.vocabulary import Signal, Vocabulary

SPEED, CHARGE, LAMP, BRAND = range(4)
VOCABULARY = Vocabulary(
    [
        Signal(0, "Vehicle.Speed", "sensor", "float", "km/h"),
        Signal(0, "Vehicle.Charge", "actuator", "uint8", "percent", 0, 100),
        Signal(0, "Vehicle.Lamp", "actuator", "boolean"),
        Signal(0, "Vehicle.Brand", "attribute", "string", default="X"),
    ],
    "test",
)


class Clock:
    def __init__(self):
        self.now_ns = 1000

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def broker(clock):
    return Broker(VOCABULARY, ["a", "b"], now_ns=clock)


def carrier(broker, *indices, vehicle="a"):
    """A claim, and the batches that its carrier got."""
    batches = []
    return broker.claim_actuators(vehicle, indices, batches.append), batches


def targets(broker, *indices):
    return [broker.target("a", i) for i in indices]


def asked(actuations):
    return [(a.index, a.value) for a in actuations]


def test_each_carrier_gets_one_batch(broker):
    _, first = carrier(broker, CHARGE)
    _, second = carrier(broker, LAMP)
    handed = broker.actuate("a", [(CHARGE, 50), (LAMP, True), (CHARGE, 60)], by="an app")
    assert [asked(b) for b in first] == [[(CHARGE, 50), (CHARGE, 60)]]
    assert [asked(b) for b in second] == [[(LAMP, True)]]
    assert {(a.state, a.t_ns, a.by) for a in handed} == {("handed over", 1000, "an app")}
    assert [(t.value, t.t_receive_ns) for t in targets(broker, CHARGE, LAMP)] == [(60, 1000), (True, 1000)]


def test_an_actuation_does_not_touch_the_current_value(broker):
    carrier(broker, CHARGE)
    broker.actuate("a", [(CHARGE, 50)])
    assert broker.latest("a", CHARGE).value is None
    assert broker.target("b", CHARGE) is None


REFUSED = {
    "a sensor": ((SPEED, 5.0), NotActuator),
    "an attribute": ((BRAND, "Y"), NotActuator),
    "no such signal": ((99, 1), UnknownName),
    "a negative number": ((-1, 1), UnknownName),
    "out of range": ((CHARGE, 101), ValueRefused),
    "another type": ((CHARGE, 5.0), ValueRefused),
    "no value": ((CHARGE, None), ValueRefused),
    "no carrier": ((LAMP, True), NoCarrier),
}


@pytest.mark.parametrize(("bad", "error"), REFUSED.values(), ids=REFUSED)
def test_defect_h_a_batch_with_one_bad_target_leaves_nothing_half_done(broker, bad, error):
    _, batches = carrier(broker, CHARGE)
    watcher = Watcher([CHARGE])
    broker.watch_targets("a", watcher)
    with pytest.raises(error):
        broker.actuate("a", [(CHARGE, 50), bad])
    assert (batches, broker.target("a", CHARGE), watcher.waiting) == ([], None, 0)


def test_a_deadline_that_has_passed(broker):
    _, batches = carrier(broker, CHARGE)
    with pytest.raises(TooLate):
        broker.actuate("a", [(CHARGE, 50)], deadline_ns=999)
    assert (batches, broker.target("a", CHARGE)) == ([], None)


def test_nothing_is_carried_out_after_its_deadline(broker, clock):
    carrier(broker, CHARGE)
    (late,) = broker.actuate("a", [(CHARGE, 50)], deadline_ns=1100)
    assert broker.expire() == 1100
    clock.now_ns = 1101
    assert not late.take(clock())
    assert (late.state, late.why) == ("failed", "its deadline passed before it could be carried out")
    assert broker.expire() is None


def test_an_overdue_actuation_ends_although_its_carrier_is_silent(broker, clock):
    carrier(broker, CHARGE)
    waiting, begun = broker.actuate("a", [(CHARGE, 50), (CHARGE, 60)], deadline_ns=1100)
    assert begun.take(clock())
    ends = []
    waiting.on_end(lambda a: ends.append(a.state))
    begun.on_end(lambda a: ends.append(a.state))
    clock.now_ns = 1101
    broker.expire()
    assert ends == ["failed", "unknown"]


def test_an_actuation_ends_once_and_tells_everyone():
    actuation, ends = Actuation(CHARGE, 50, 0), []
    actuation.on_end(ends.append)
    actuation.finish("done")
    actuation.finish("failed", "too late to say")
    actuation.on_end(ends.append)
    assert (actuation.state, actuation.why, ends) == ("done", "", [actuation, actuation])
    assert not actuation.take(0)


def test_a_second_carrier_is_refused_and_changes_nothing(broker):
    first, batches = carrier(broker, CHARGE)
    with pytest.raises(Claimed, match=r"Vehicle\.Charge is claimed"):
        carrier(broker, LAMP, CHARGE)
    carrier(broker, LAMP)
    broker.actuate("a", [(CHARGE, 1)])
    assert asked(batches[0]) == [(CHARGE, 1)]
    assert first.indices == (CHARGE,)
    carrier(broker, CHARGE, vehicle="b")


def test_only_actuators_can_be_carried_out(broker):
    with pytest.raises(NotActuator, match=r"Vehicle\.Speed is not an actuator but of kind sensor"):
        carrier(broker, CHARGE, SPEED)
    carrier(broker, CHARGE)


def test_a_claim_can_be_extended_with_all_or_nothing(broker):
    claim, batches = carrier(broker, CHARGE)
    with pytest.raises(NotActuator):
        claim.extend([LAMP, SPEED])
    claim.extend([LAMP, CHARGE])
    broker.actuate("a", [(LAMP, True)])
    assert asked(batches[0]) == [(LAMP, True)]


def test_a_carrier_that_goes_ends_what_runs_as_unknown_and_frees_its_claim(broker):
    claim, _ = carrier(broker, CHARGE, LAMP)
    running, ended = broker.actuate("a", [(CHARGE, 1), (LAMP, True)])
    ended.finish("done")
    claim.release()
    claim.release()
    assert [(a.state, a.why) for a in (running, ended)] == [("unknown", "its carrier is gone"), ("done", "")]
    with pytest.raises(NoCarrier):
        broker.actuate("a", [(CHARGE, 1)])
    carrier(broker, CHARGE)
    with pytest.raises(ValueError, match="released"):
        claim.extend([LAMP])


def test_a_carrier_that_never_answers_costs_bounded_memory(broker):
    claim, _ = carrier(broker, CHARGE)
    first = broker.actuate("a", [(CHARGE, 0)])[0]
    for n in range(1000):
        broker.actuate("a", [(CHARGE, n % 100)])
    assert (first.state, len(claim.running)) == ("unknown", 1000)


def test_a_target_may_be_set_where_none_is_needed_to_carry_it_out(broker):
    (noted,) = broker.actuate("a", [(CHARGE, 50)], needs_carrier=False)
    assert (noted.state, broker.target("a", CHARGE).value) == ("unknown", 50)


def test_a_later_carrier_is_not_given_what_was_asked_for_before(broker):
    broker.actuate("a", [(CHARGE, 50)], needs_carrier=False)
    assert carrier(broker, CHARGE)[1] == []


def test_watchers_of_targets_are_told_and_may_stand_for_a_carrier(broker):
    onlooker, acting = Watcher([CHARGE]), Watcher([CHARGE, LAMP])
    broker.watch_targets("a", onlooker)
    with pytest.raises(NoCarrier):
        broker.actuate("a", [(CHARGE, 1)])
    broker.watch_targets("a", acting, carries=True)
    broker.actuate("a", [(CHARGE, 1), (LAMP, True)])
    assert {i: p.value for i, p in acting.take(0).items()} == {CHARGE: 1, LAMP: True}
    assert {i: p.value for i, p in onlooker.take(0).items()} == {CHARGE: 1}
    broker.unwatch_targets("a", acting)
    with pytest.raises(NoCarrier):
        broker.actuate("a", [(CHARGE, 1)])


def test_values_lost_by_slow_readers_of_targets_are_counted(broker):
    watcher = Watcher([CHARGE])
    broker.watch_targets("a", watcher, carries=True)
    broker.actuate("a", [(CHARGE, 1)])
    broker.actuate("a", [(CHARGE, 2)])
    assert broker.dropped("a") == 1
    broker.unwatch_targets("a", watcher)
    assert broker.dropped("a") == 1


def test_defect_i_nobody_else_publishes_on_a_claimed_signal(broker):
    claim = broker.claim_signals("a", [SPEED])
    with pytest.raises(Claimed):
        broker.put("a", SPEED, 1.0)
    assert set(broker.put_all("a", [(CHARGE, 1, None), (SPEED, 1.0, None)])) == {SPEED}
    broker.publish("a", [(SPEED, 1.0, 0), (LAMP, True, 0)])
    assert [broker.latest("a", i).value for i in (SPEED, CHARGE, LAMP)] == [None, 1, True]
    assert broker.refused("a") == {("Vehicle.Speed", "claimed"): 1}
    broker.put("a", SPEED, 2.0, claim=claim)
    assert broker.latest("a", SPEED).value == 2.0
    broker.publish("a", [(SPEED, 3.0, 0)], claim)
    assert broker.latest("a", SPEED).value == 3.0


def test_defect_e_values_of_a_source_that_goes_are_not_available(broker):
    claim = broker.claim_signals("a", [SPEED, LAMP])
    broker.put("a", SPEED, 2.0, claim=claim)
    watcher = Watcher([SPEED, LAMP])
    broker.watch("a", watcher)
    claim.release()
    assert {i: p.value for i, p in watcher.take(0).items()} == {SPEED: None}, "LAMP never had a value"
    assert broker.latest("a", SPEED).quality == "not available"
    broker.put("a", SPEED, 4.0)


def test_a_source_learns_the_shortest_interval_anybody_wants(broker):
    told = []
    claim = broker.claim_signals("a", [SPEED], told.append)
    assert told == [], "nobody watches"
    slow, fast = Watcher([SPEED, LAMP], min_interval_ns=500), Watcher([SPEED], min_interval_ns=100)
    broker.watch("a", slow)
    broker.watch("a", fast)
    broker.watch("a", Watcher([LAMP]))
    broker.unwatch("a", fast)
    broker.unwatch("a", slow)
    assert told == [{SPEED: 500}, {SPEED: 100}, {SPEED: 500}, {SPEED: None}]
    claim.extend([LAMP])
    assert told[-1] == {LAMP: 0}
    claim.release()
    broker.watch("a", Watcher([SPEED]))
    assert len(told) == 5


# Order by priority


def ask(broker, value, priority=0, by="", **options):
    (asked,) = broker.actuate("a", [(CHARGE, value)], priority=priority, by=by, **options)
    return asked


def test_a_client_with_a_lower_priority_is_kept_out_for_a_while(broker, clock):
    _, batches = carrier(broker, CHARGE)
    ask(broker, 80, priority=5, by="rescue")
    for priority in (0, 4):
        with pytest.raises(Held, match="held by a client with priority 5, asked with priority"):
            ask(broker, 10, priority, by="game")
    assert broker.target("a", CHARGE).value == 80
    clock.now_ns += HOLD_NS
    ask(broker, 10, by="game")
    assert [a.value for b in batches for a in b] == [80, 10]


def test_an_equal_or_higher_priority_and_the_holder_itself_are_let_in(broker):
    carrier(broker, CHARGE)
    ask(broker, 80, priority=5, by="one")
    ask(broker, 70, priority=5, by="two")
    ask(broker, 60, priority=0, by="two")
    ask(broker, 50, priority=9, by="three")
    with pytest.raises(Held):
        ask(broker, 40, priority=5, by="two")


def test_without_a_priority_nobody_is_kept_out(broker):
    carrier(broker, CHARGE)
    ask(broker, 1, by="one")
    assert ask(broker, 2, by="two").state == "handed over"


def test_what_waits_gives_way_to_a_higher_priority(broker, clock):
    """Nobody has begun the one; the other is being carried out already."""
    carrier(broker, CHARGE)
    begun, waits = ask(broker, 1, by="game"), ask(broker, 2, by="game")
    begun.take(clock())
    ask(broker, 3, priority=1, by="rescue")
    assert (begun.state, waits.state) == ("handed over", "failed")
    assert waits.why == "it gave way to a client with priority 1"
    assert not waits.take(clock())


def test_a_batch_of_which_one_is_held_moves_nothing(broker):
    _, batches = carrier(broker, CHARGE, LAMP)
    ask(broker, 80, priority=5, by="rescue")
    with pytest.raises(Held):
        broker.actuate("a", [(LAMP, True), (CHARGE, 10)], by="game")
    assert len(batches) == 1
    assert broker.target("a", LAMP) is None


def test_a_car_holds_nothing_of_another(broker):
    carrier(broker, CHARGE)
    carrier(broker, CHARGE, vehicle="b")
    ask(broker, 80, priority=5, by="rescue")
    broker.actuate("b", [(CHARGE, 10)], by="game")

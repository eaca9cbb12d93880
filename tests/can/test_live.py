"""Live buses: reading and recovery, what goes stale, what is asked for."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, pairwise

import can
import pytest
from can.interfaces import BACKENDS

from renkei.can.frames import EXTENDED
from renkei.can.freshness import Freshness
from renkei.can.isotp import frames_of
from renkei.can.live import Back, Heard, Line, Lost, Reader, counted_by
from renkei.can.load import kind
from renkei.can.plan import Plan, PlanMessage
from renkei.can.poll import ANSWER_S, LONGEST_S, PAUSE_S, PENDING_S, Poller
from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.flows.plans import plan_of

PATIENCE_S = 10
_channels = count()


@pytest.fixture
def channel() -> str:
    return f"live-{next(_channels)}"


def line(channel, interface="virtual", **more) -> Line:
    return Line("can", interface, channel, **more)


# Reading


@pytest.fixture
def events() -> queue.Queue:
    return queue.Queue()


@pytest.fixture
def readers(events) -> Iterator:
    """Makes readers and stops them."""
    made = []

    def make(line: Line, **options) -> Reader:
        made.append(Reader(line, events.put, **options))
        return made[-1]

    yield make
    for reader in made:
        reader.stop()


def test_frames_come_with_bus_identifier_and_time_of_receipt(channel, events, readers):
    reader = readers(line(channel))
    reader.open()
    reader.start()
    with can.Bus(interface="virtual", channel=channel) as tester:
        before = time.time_ns()
        tester.send(can.Message(arbitration_id=0x123, is_extended_id=False, data=b"ab"))
        tester.send(can.Message(arbitration_id=0x123, is_extended_id=True, data=b""))
        tester.send(can.Message(arbitration_id=0x1, is_remote_frame=True))
        tester.send(can.Message(arbitration_id=0x2, is_error_frame=True))
        tester.send(can.Message(arbitration_id=0x124, is_extended_id=False, data=b"c"))
        got = [events.get(timeout=PATIENCE_S) for _ in range(3)]
    assert [e[:3] for e in got] == [("can", 0x123, b"ab"), ("can", 0x123 | EXTENDED, b""), ("can", 0x124, b"c")]
    assert all(before - 1_000_000 <= e.t_ns <= time.time_ns() for e in got)


def test_options_go_to_the_interface_as_they_are(channel, events, readers):
    reader = readers(line(channel, options=(("receive_own_messages", True),)))
    reader.open()
    reader.start()
    reader.send(0x123, b"ab")
    assert events.get(timeout=PATIENCE_S)[:3] == ("can", 0x123, b"ab")


def test_an_option_that_the_interface_refuses_is_told_in_one_line(channel, readers):
    reader = readers(line(channel, options=(("channel", "other"),)))
    with pytest.raises(InputError, match=r"^virtual:.*: cannot be opened: [^\n]*channel[^\n]*$"):
        reader.open()


def test_only_what_is_of_interest_comes(channel, events, readers):
    reader = readers(line(channel, ids=(0x124, 0x123 | EXTENDED)))
    reader.open()
    reader.start()
    with can.Bus(interface="virtual", channel=channel) as tester:
        for id_, extended in ((0x123, False), (0x124, True), (0x123, True), (0x124, False)):
            tester.send(can.Message(arbitration_id=id_, is_extended_id=extended, data=b""))
        assert [events.get(timeout=PATIENCE_S).id for _ in range(2)] == [0x123 | EXTENDED, 0x124]


def test_frames_that_nobody_decodes_count_for_the_load(channel, events, readers):
    reader = readers(line(channel, ids=(0x124,), bitrate=500_000))
    reader.open()
    reader.start()
    reader.meter.load(0.0)
    with can.Bus(interface="virtual", channel=channel) as tester:
        for _ in range(30):
            tester.send(can.Message(arbitration_id=0x7, is_extended_id=True, data=bytes(5)))
        tester.send(can.Message(arbitration_id=0x1, is_remote_frame=True, dlc=8, is_extended_id=False))
        tester.send(can.Message(arbitration_id=0x2, data=bytes(64), is_fd=True, bitrate_switch=True))
        tester.send(can.Message(arbitration_id=0x3, is_error_frame=True))
        tester.send(can.Message(arbitration_id=0x124, is_extended_id=False, data=bytes(8)))
        assert events.get(timeout=PATIENCE_S).id == 0x124
    reader.send(0x124, bytes(2))
    heard = {k: n for k, n in enumerate(reader.meter.heard) if n}
    assert heard == {
        kind(5, extended=True): 30, kind(0): 1, kind(64, extended=True, fd=True, switched=True): 1, kind(8): 1
    }  # fmt: skip
    assert reader.meter.sent[kind(2)] == 1
    assert reader.meter.error_frames == 1
    assert reader.meter.load(1.0).frames_per_s == 34


def test_an_interface_that_hears_itself_counts_what_is_sent_once(channel, events, readers):
    reader = readers(line(channel, options=(("receive_own_messages", True),)))
    reader.open()
    reader.start()
    reader.send(0x123, b"ab")
    events.get(timeout=PATIENCE_S)
    assert (reader.meter.heard[kind(2)], reader.meter.sent[kind(2)]) == (1, 0)


def test_what_an_interface_of_linux_has_carried(tmp_path):
    counters = {"rx_packets": 40, "rx_bytes": 320, "tx_packets": 2, "tx_bytes": 9}
    (tmp_path / "statistics").mkdir()
    for name, count_ in counters.items():
        (tmp_path / "statistics" / name).write_text(f"{count_}\n")
    assert counted_by(tmp_path) == (40, 320)  # vcan: what is sent is received too
    (tmp_path / "device").mkdir()
    assert counted_by(tmp_path) == (42, 329)
    (tmp_path / "statistics" / "rx_bytes").write_text("")
    assert counted_by(tmp_path) is None
    assert counted_by(tmp_path / "none") is None


UNOPENABLE = {
    "an interface that is none": (line("x", "socketcn"), "unknown CAN interface 'socketcn'; did you mean 'socketcan'?"),
    "a channel that is not there": (line("nobody0", "socketcan"), "socketcan:nobody0: cannot be opened: "),
    "a driver that is not installed": (line("0", "vector"), "vector:0: cannot be opened: "),
    "a group that is none": (
        line("nobody.invalid", "udp_multicast"),
        "udp_multicast:nobody.invalid: cannot be opened: ",
    ),
}


@pytest.mark.parametrize("wrong", UNOPENABLE)
def test_what_cannot_be_opened_is_told_in_one_line(wrong, readers):
    at, told = UNOPENABLE[wrong]
    with pytest.raises(InputError) as e:
        readers(at).open()
    assert str(e.value).startswith(told)
    assert "\n" not in str(e.value)


def test_a_counting_adapter_gets_the_time_of_this_machine(channel, events, readers):
    reader = readers(line(channel))
    reader.open()
    reader._bus.recv = _once(reader, can.Message(timestamp=12.5, arbitration_id=1, data=b""))
    before = time.time_ns()
    reader.start()
    assert before <= events.get(timeout=PATIENCE_S).t_ns <= time.time_ns()


def _once(reader, message):
    messages = [message]

    def recv(_timeout):
        if messages:
            return messages.pop()
        reader._stop.wait(PATIENCE_S)
        return None

    return recv


class FlakyBus(can.BusABC):
    """A bus that a script leads: each opening takes an action, and each read one of its actions; the last one stays."""

    script: list = []  # noqa: RUF012
    opened: list = []  # noqa: RUF012
    sent: list = []  # noqa: RUF012

    def __init__(self, channel, **_):
        super().__init__(channel)
        self.channel_info = channel
        FlakyBus.opened.append(time.monotonic())
        self.reads = FlakyBus.script.pop(0)
        if isinstance(self.reads, Exception):
            raise self.reads

    def _recv_internal(self, timeout):
        if not self.reads:
            time.sleep(0.005)  # a bus on which nothing comes blocks for a while
            return None, False
        action = self.reads.pop(0)
        if isinstance(action, Exception):
            raise action
        return can.Message(arbitration_id=action, is_extended_id=False, data=b"", timestamp=time.time()), False

    def send(self, msg, timeout=None):
        FlakyBus.sent.append(msg)


@pytest.fixture
def flaky(monkeypatch) -> type[FlakyBus]:
    monkeypatch.setitem(BACKENDS, "flaky", (__name__, "FlakyBus"))
    FlakyBus.opened, FlakyBus.sent = [], []
    return FlakyBus


def test_a_lost_bus_is_told_once_and_opened_again_with_back_off(flaky, events, readers):
    gone = can.CanInitializationError("no such device")
    flaky.script = [[1, can.CanOperationError("the interface\nwent away")], gone, OSError("still gone"), gone, [2], []]
    reader = readers(line("x", "flaky"), first_wait_s=0.02)
    reader.open()
    reader.start()
    got = [events.get(timeout=PATIENCE_S) for _ in range(4)]
    assert [type(e) for e in got] == [Heard, Lost, Back, Heard]
    assert got[1] == Lost("can", "the interface went away")
    waits = [b - a for a, b in pairwise(flaky.opened)]
    assert [wait >= least for wait, least in zip(waits, (0.02, 0.04, 0.08, 0.16), strict=True)] == [True] * 4


def test_a_bus_that_opens_but_cannot_be_read_is_not_back(flaky, events, readers):
    down = can.CanOperationError("network is down")
    flaky.script = [[down], [down], [down], [7]]
    reader = readers(line("x", "flaky"), first_wait_s=0.01)
    reader.open()
    reader.start()
    assert [events.get(timeout=PATIENCE_S)[0:2] for _ in range(3)] == [("can", "network is down"), ("can",), ("can", 7)]
    assert len(flaky.opened) == 4


def test_a_reader_that_only_listens_sends_nothing(flaky, readers):
    flaky.script = [[], []]
    listening, talking = readers(line("x", "flaky"), listen_only=True), readers(line("y", "flaky"))
    listening.open()
    talking.open()
    with pytest.raises(InputError, match="only listened to"):
        listening.send(1, b"a")
    assert flaky.sent == []
    talking.send(0x18DA01F1 | EXTENDED, b"a")
    assert [(m.arbitration_id, m.is_extended_id, bytes(m.data)) for m in flaky.sent] == [(0x18DA01F1, True, b"a")]
    talking.stop()
    with pytest.raises(InputError, match="away"):
        talking.send(1, b"a")


# What goes stale


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(Catalogue().map("honda", "clarity-ev"))


def message_of(plan: Plan, name: str) -> PlanMessage:
    return next(m for m in (*plan.messages, *plan.answers) if m.name == name)


def said(message: PlanMessage) -> list:
    return [(row.index, 1.0) for row in message.rows]


def test_a_signal_is_stale_after_five_cycles_and_a_second(plan):
    fast = message_of(plan, "POWERTRAIN_DATA")
    slow = replace(fast, cycle_ns=1_000_000_000)
    for message, limit_s in ((fast, 1.0), (slow, 5.0)):
        fresh = Freshness(replace(plan, messages=(message,), answers=()), is_asked=True)
        fresh.heard(message, said(message), 10.0)
        assert fresh.gone(10.0 + limit_s).signals == []
        assert fresh.gone(10.0 + limit_s + 0.01).signals == sorted({row.index for row in message.rows})
        assert fresh.gone(99.0).signals == []  # told once
        fresh.heard(message, said(message), 100.0)
        assert fresh.gone(100.5).signals == []  # and alive again


def test_a_message_of_unknown_cycle_goes_only_with_its_bus(plan):
    message = replace(plan.messages[0], cycle_ns=0)
    fresh = Freshness(replace(plan, messages=(message,), answers=()), is_asked=True)
    fresh.heard(message, said(message), 0.0)
    assert fresh.gone(1e9).signals == []
    assert fresh.bus_lost("another").signals == []
    assert fresh.bus_lost(message.bus).signals == sorted({row.index for row in message.rows})


def test_what_a_message_said_is_not_said_again_once_it_is_silent(plan):
    known = message_of(plan, "POWERTRAIN_DATA")
    unknown = replace(known, name="TWIN", cycle_ns=0)
    fresh = Freshness(replace(plan, messages=(known, unknown), answers=()), is_asked=True)
    assert fresh.silent_s(known, 10.0) == math.inf
    for message, limit_s in ((known, 1.0), (unknown, 5.0)):
        fresh.heard(message, said(message), 10.0)
        assert fresh.silent_s(message, 10.0 + limit_s) is None
        assert fresh.silent_s(message, 10.1 + limit_s) == pytest.approx(limit_s + 0.1)
    fresh.bus_lost(known.bus)
    assert fresh.silent_s(known, 10.5) == pytest.approx(0.5)
    fresh.heard(known, said(known), 20.0)
    assert fresh.silent_s(known, 20.5) is None


def test_a_signal_lives_as_long_as_one_of_its_messages(plan):
    first = plan.messages[0]
    second = replace(first, name="TWIN")
    fresh = Freshness(replace(plan, messages=(first, second), answers=()), is_asked=True)
    fresh.heard(first, said(first), 0.0)
    fresh.heard(second, said(second), 0.9)
    assert fresh.gone(1.5).signals == []
    assert fresh.gone(2.0).signals == sorted({row.index for row in first.rows})


def test_a_signal_goes_with_the_message_that_said_it_last(plan):
    """A message that comes but does not say the signal, as with a row that waits, does not keep it alive."""
    first = plan.messages[0]
    backup = replace(first, name="BACKUP")
    fresh = Freshness(replace(plan, messages=(first, backup), answers=()), is_asked=True)
    fresh.heard(first, said(first), 0.0)
    fresh.heard(backup, [], 0.9)
    silence = fresh.gone(1.5)
    assert silence.messages == [first]
    assert silence.signals == sorted({row.index for row in first.rows})


def test_answers_nobody_asks_for_here_have_no_cycle(plan):
    answer = message_of(plan, "BATTERY_STATE")
    for is_asked, stale in ((True, sorted({row.index for row in answer.rows})), (False, [])):
        fresh = Freshness(plan, is_asked=is_asked)
        fresh.heard(answer, said(answer), 0.0)
        assert fresh.gone(6.0).signals == stale


# What is asked for


@pytest.fixture
def answer(plan) -> PlanMessage:
    return message_of(plan, "BATTERY_STATE")


REQUEST = bytes.fromhex("0322202a00000000")
GO_ON = bytes.fromhex("3000000000000000")


def poller_of(*answers: PlanMessage) -> Poller:
    return Poller(answers, 0.0)


def whole(answer: PlanMessage) -> list[bytes]:
    return frames_of(answer.prefix.ljust(20, b"x"))


def test_an_answer_in_many_frames_gets_one_flow_control(answer):
    poller = poller_of(answer)
    assert poller.next(0.0) == (answer.request, REQUEST)
    first, *rest = whole(answer)
    assert poller.heard(answer.id, first, 0.1) == (answer.request, GO_ON)
    assert [poller.heard(answer.id, data, 0.2) for data in rest] == [None] * len(rest)
    assert (poller.counts.requests, poller.counts.answers, poller.counts.timeouts) == (1, 1, 0)
    assert poller.next(0.9) is None
    assert poller.next(1.0) == (answer.request, REQUEST)


def test_one_at_a_time_with_a_pause_between(plan, answer):
    cells = message_of(plan, "BATTERY_CELLS")
    poller = poller_of(answer, cells)
    assert poller.next(0.0) == (answer.request, REQUEST)
    assert poller.next(0.5) is None
    for data in whole(answer):
        poller.heard(answer.id, data, 0.5)
    assert poller.next(0.5 + PAUSE_S / 2) is None
    assert poller.next(0.5 + PAUSE_S) == (cells.request, bytes.fromhex("0322202800000000"))


def test_what_the_map_does_not_want_is_not_asked_for(answer):
    assert poller_of(replace(answer, cycle_ns=0)).next(0.0) is None


def test_timeouts_are_counted_and_asked_less_and_less_often(answer):
    poller, asked_s, now_s = poller_of(answer), list[float](), 0.0
    while len(asked_s) < 9:
        if poller.next(now_s):
            asked_s.append(now_s)
        now_s += 0.0625
    waits = [b - a for a, b in pairwise(asked_s)]
    assert all(a <= b + 0.1 for a, b in pairwise(waits))
    assert waits[0] > ANSWER_S
    assert waits[-1] == pytest.approx(LONGEST_S + ANSWER_S, abs=0.2)
    assert poller.counts.timeouts == 8


def test_response_pending_waits_longer_and_a_refusal_is_counted(answer):
    poller = poller_of(answer)
    poller.next(0.0)
    poller.heard(answer.id, bytes.fromhex("037f227800000000"), 0.5)
    assert poller.next(0.5 + PENDING_S - 0.1) is None
    assert poller.counts.timeouts == 0
    poller.heard(answer.id, bytes.fromhex("037f223100000000"), 1.0)
    assert (poller.counts.refused, poller.counts.timeouts) == (1, 0)
    assert poller.next(1.5) is None


def test_answers_to_others_are_left_alone(plan, answer):
    poller = poller_of(answer)
    assert poller.heard(answer.id, whole(answer)[0], 0.0) is None  # nothing was asked
    poller.next(0.0)
    assert poller.heard(answer.id ^ 1, whole(answer)[0], 0.1) is None
    assert poller.heard(answer.id, whole(message_of(plan, "BATTERY_CELLS"))[0], 0.1) is None
    assert poller.heard(answer.id, b"", 0.1) is None
    assert poller.next(ANSWER_S + 0.01) is None
    assert poller.counts.timeouts == 1

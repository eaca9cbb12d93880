"""Which channel of a recording is which bus of the car."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renkei.can.frames import EXTENDED, Frames
from renkei.catalogue import Catalogue
from renkei.errors import UnknownName
from renkei.flows.buses import Buses, found
from renkei.flows.gist import STEP, Beginning, Gist
from renkei.flows.plans import plan_of

MAP = """
[buses.car]
dbc = ["car.dbc"]
[buses.ev]
dbc = ["ev.dbc"]
[buses.tail]
dbc = ["tail.dbc"]
[uds.ev.CELLS]
request = 0x79B
response = 0x7BB
service = 0x21
identifier = 2
signals.CELL = { start = 16, length = 16, unit = "V" }
[signals]
"Vehicle.Speed" = [
  { from = "car.A.S", unit = "km/h", source = ["x"] },
  { from = "car.B.S", unit = "km/h", source = ["x"] },
  { from = "ev.A.S", unit = "km/h", source = ["x"] },
  { from = "ev.C.S", unit = "km/h", source = ["x"] },
  { from = "ev.D.S", unit = "km/h", source = ["x"] },
  { from = "tail.T.S", unit = "km/h", source = ["x"] },
]
"Vehicle.Powertrain.TractionBattery.CurrentVoltage" = { from = "ev.CELLS.CELL", source = ["x"] }
"""
A, B, C, D, T, ANSWER, OTHER = 0x100, 0x101, 0x200, 0x201, 0x300, 0x7BB, 0x555
MESSAGES = {"car": {"A": A, "B": B}, "ev": {"A": A, "C": C, "D": D}, "tail": {"T": T | EXTENDED}}


IDS = st.sampled_from([A, B, C, D, T, T | EXTENDED, ANSWER, OTHER])


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A car with the buses car (A, B), ev (A, C, D, answers of diagnostics) and tail (T, of 29 bits); all 6 bytes."""
    folder = tmp_path_factory.mktemp("cars")
    maker = folder / "makers/acme"
    for kind in ("can", "maps"):
        (maker / kind).mkdir(parents=True)
    (maker / "maker.toml").write_text('name = "Acme"\nsources.x = { title = "x", where = "x", licence = "x" }\n')
    (maker / "maps/one.toml").write_text(MAP)
    for bus, messages in MESSAGES.items():
        lines = [f'BO_ {id_} {name}: 6 X\n SG_ S : 0|8@1+ (1,0) [0|0] "" X\n' for name, id_ in messages.items()]
        (maker / f"can/{bus}.dbc").write_text("BU_: X\n" + "".join(lines))
    return plan_of(Catalogue([folder]).map("acme", "one"))


def frames(*seen, channels=("can0", "can1", "can2")):
    """One frame for each (channel, id) or (channel, id, length); the length is 8 where it is not said."""
    full = [(*frame, 8)[:3] for frame in seen]
    return Frames(
        np.arange(len(full), dtype=np.int64),
        np.array([channels.index(channel) for channel, _, _ in full], np.uint8),
        np.array([id_ for _, id_, _ in full], np.uint32),
        np.array([length for *_, length in full], np.uint8),
        np.zeros((len(full), 8), np.uint8),
        channels,
    )


def gist(block):
    """What is to be known of a log of these frames alone."""
    of_all = Gist()
    of_all.add(block)
    return of_all


def looked(plan, given, block):
    """The buses as they are found in a log of these frames, and those on each channel."""
    buses = Buses(plan, given)
    buses.look(gist(block))
    return buses, buses.of(block)


FOUND = {
    "each bus where most of its messages are": (
        [("can0", A), ("can0", B), ("can1", A), ("can1", C), ("can1", D)],
        {"car": "can0", "ev": "can1"},
    ),
    "one message is enough": ([("can2", C)], {"ev": "can2"}),
    "how often a message comes says nothing": (
        [*[("can0", A)] * 9, ("can1", A), ("can1", B)],
        {"car": "can1", "ev": "can0"},
    ),
    "of two that show as many, the first": ([("can1", B), ("can0", B)], {"car": "can0"}),
    "several on one channel": ([("can0", B), ("can0", C), ("can0", T | EXTENDED)], dict.fromkeys(MESSAGES, "can0")),
    "what the bus with most messages explains speaks for no other": ([("can0", A), ("can0", B)], {"car": "can0"}),
    "an answer of diagnostics shows its bus": ([("can1", ANSWER)], {"ev": "can1"}),
    "11 bits are not 29": ([("can0", T), ("can0", B | EXTENDED)], {}),
    "a frame shorter than its message shows nothing": ([("can0", B, 5), ("can1", B, 6)], {"car": "can1"}),
    "messages of another car": ([("can0", OTHER)], {}),
    "no frames": ([], {}),
}


@pytest.mark.parametrize(("seen", "channels"), FOUND.values(), ids=FOUND)
def test_buses_are_found_by_their_messages(plan, seen, channels):
    buses, carried = looked(plan, {}, frames(*seen))
    assert buses.channels == channels
    assert {
        bus: channel for channel, on in zip(("can0", "can1", "can2"), carried, strict=True) for bus in on
    } == channels


def test_on_a_shared_channel_the_bus_with_more_messages_comes_first(plan):
    _, carried = looked(plan, {}, frames(*(("can0", id_) for id_ in (A, B, C, D, T | EXTENDED))))
    assert carried == [("ev", "car", "tail"), (), ()]


def test_what_was_named_holds_and_no_other_bus_takes_its_channel(plan):
    buses, carried = looked(plan, {"ev": "can0"}, frames(("can0", B), ("can0", A), ("can1", C)))
    assert carried == [("ev",), (), ()]
    assert buses.of(frames(("can1", B))) == [("ev",), ("car",), ()]
    assert buses.channels == {"ev": "can0", "car": "can1"}


def test_two_buses_named_for_one_channel_keep_the_order_in_which_they_were_named(plan):
    assert Buses(plan, {"tail": "can1", "car": "can1"}).of(frames(("can1", A))) == [(), ("tail", "car"), ()]


def test_a_channel_that_the_log_does_not_have_carries_nothing(plan):
    buses = Buses(plan, {"car": "can9"})
    assert buses.of(frames(("can0", B))) == [(), (), ()]
    assert buses.channels == {"car": "can9"}


def test_a_bus_of_which_nothing_was_heard_at_the_beginning_goes_where_it_is_first_heard(plan):
    buses, carried = looked(plan, {}, frames(("can0", B)))
    assert carried == [("car",), (), ()]
    assert buses.of(frames(("can1", A), ("can0", A), ("can2", C))) == [("car",), ("ev",), ()]
    assert buses.of(frames(("can2", C), ("can2", D))) == [("car",), ("ev",), ()]
    assert buses.of(frames()) == [("car",), ("ev",), ()]


def test_a_bus_of_which_more_is_heard_elsewhere_is_not_tied_to_the_first_channel(plan):
    seen = [("can0", A), *[("can2", OTHER)] * STEP, ("can1", A), ("can1", C), ("can1", D), ("can0", B)]
    buses = found(Beginning(iter([frames(*seen)])), plan, {})
    assert buses.channels == {"car": "can0", "ev": "can1"}


def test_channels_that_appear_later_are_looked_at_too(plan):
    buses = Buses(plan, {})
    assert buses.of(frames(("can0", OTHER), channels=("can0",))) == [()]
    assert buses.of(frames(("can0", OTHER), ("vcan", B), channels=("can0", "vcan"))) == [(), ("car",)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["can0", "can1", "can2"]), IDS), max_size=40), st.data())
def test_however_long_the_blocks_are_each_frame_has_the_same_buses(plan, monkeypatch, log, data):
    """Of a log that is many steps long, of which the buses appear at any place."""
    monkeypatch.setattr("renkei.flows.gist.STEP", data.draw(st.integers(1, 12)))

    def buses_of_each(size):
        beginning = Beginning(iter([frames(*log[at : at + size]) for at in range(0, len(log), size)]))
        buses = found(beginning, plan, {})
        carried = []
        for block in beginning.blocks():
            at = buses.of(block)
            for channel, id_ in zip(block.channel.tolist(), block.id.tolist(), strict=True):
                carried.append([bus for bus in at[channel] if id_ in {*MESSAGES[bus].values()}][:1])
        return carried, buses.channels

    assert buses_of_each(data.draw(st.integers(1, 40))) == buses_of_each(40)


def test_a_bus_that_the_car_does_not_have(plan):
    with pytest.raises(UnknownName, match=r"unknown bus 'cra'; did you mean 'car'\? \(this car has car, ev, tail\)"):
        Buses(plan, {"cra": "can0"})


LOGS = st.lists(st.lists(st.tuples(st.sampled_from(["can0", "can1", "can2"]), IDS), max_size=6), max_size=4)


@given(LOGS, st.dictionaries(st.sampled_from(["car", "ev"]), st.sampled_from(["can0", "can2"])))
def test_every_bus_lies_on_one_channel_that_shows_one_of_its_messages(plan, log, given):
    buses, shown = Buses(plan, given), set()
    for block in log:
        carried = buses.of(frames(*block))
        shown |= set(block)
        on = [bus for channel in carried for bus in channel]
        assert sorted(on) == sorted(buses.channels)
        for bus, channel in buses.channels.items():
            known = {*MESSAGES[bus].values()} | ({ANSWER} if bus == "ev" else set())
            assert given.get(bus, channel) == channel
            assert bus in given or (channel not in given.values() and any((channel, id_) in shown for id_ in known))

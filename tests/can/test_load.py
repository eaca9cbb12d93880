"""The load of a bus: bits of frames between their bounds, shares of the bit rate, and when a bus is nearly full."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.frames import EXTENDED, Frames
from renkei.can.load import CALM, HIGH, KINDS, Load, bits, kind, of_counts, of_sums, table
from renkei.can.meter import Counted, Meter
from renkei.can.tally import Carried

LENGTHS = st.integers(0, 8)
FD_LENGTHS = st.sampled_from([*range(9), 12, 16, 20, 24, 32, 48, 64])
BITRATE = 500_000


def numbers(value, width):
    return [value >> i & 1 for i in reversed(range(width))]


def crc_15(stream):
    """ISO 11898-1: x^15 + x^14 + x^10 + x^8 + x^7 + x^4 + x^3 + 1, from 0."""
    register = 0
    for bit in stream:
        top = register >> 14 & 1
        register = register << 1 & 0x7FFF
        if bit != top:
            register ^= 0x4599
    return numbers(register, 15)


def stuffed(stream):
    """After five equal bits one of the other kind, which counts among the next five."""
    out, run = [], 0
    for bit in stream:
        run = run + 1 if out and out[-1] == bit else 1
        out.append(bit)
        if run == 5:
            out.append(1 - bit)
            run = 1
    return out


def on_the_wire(id_, data, extended):
    """A classical data frame, bit by bit, with the three bits of pause after it."""
    if extended:
        head = [0, *numbers(id_ >> 18, 11), 1, 1, *numbers(id_ & 0x3FFFF, 18), 0, 0, 0]
    else:
        head = [0, *numbers(id_, 11), 0, 0, 0]
    body = [*head, *numbers(len(data), 4), *(bit for byte in data for bit in numbers(byte, 8))]
    return len(stuffed([*body, *crc_15(body)])) + 1 + 2 + 7 + 3


@given(st.integers(0, 2**29 - 1), st.binary(max_size=8), st.booleans())
def test_a_frame_as_it_is_on_the_wire_lies_between_the_bounds(id_, data, extended):
    id_ = id_ if extended else id_ & 0x7FF
    least, most = bits(kind(len(data), extended=extended))
    assert least <= on_the_wire(id_, data, extended) <= most


def test_the_published_length_of_the_longest_frames():
    # Davis, Burns, Bril, Lukkien: Controller Area Network schedulability analysis, Real-Time Systems 35 (2007), 3.1
    assert [bits(kind(n)).most for n in (0, 8)] == [55, 135]
    assert [bits(kind(n, extended=True)).most for n in (0, 8)] == [80, 160]


@given(FD_LENGTHS, st.booleans(), st.floats(1, 16))
def test_switching_makes_a_frame_shorter_and_an_unknown_rate_is_bounded_by_every_known_one(length, extended, rate):
    plain = bits(kind(length, extended=extended, fd=True))
    switched = kind(length, extended=extended, fd=True, switched=True)
    known, unknown = bits(switched, rate), bits(switched)
    assert known.least <= known.most
    assert unknown.least <= known.least <= plain.least + 1e-9
    assert known.most <= unknown.most <= plain.most + 1


@given(st.lists(st.tuples(LENGTHS, st.booleans()), min_size=1, max_size=30))
def test_what_only_the_interface_counted_has_wider_bounds(frames):
    counts = [0] * KINDS
    for length, extended in frames:
        counts[kind(length, extended=extended)] += 1
    exact = of_counts(counts, table(), 1.0, BITRATE)
    rough = of_sums(len(frames), sum(n for n, _ in frames), 1.0, BITRATE)
    assert rough.frames_per_s == exact.frames_per_s == len(frames)
    assert rough.least <= exact.least <= exact.most <= rough.most


@given(st.lists(st.tuples(FD_LENGTHS, st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_the_same_for_can_fd(frames):
    counts = [0] * KINDS
    for length, extended, switched in frames:
        counts[kind(length, extended=extended, fd=True, switched=switched)] += 1
    exact = of_counts(counts, table(), 1.0, BITRATE)
    rough = of_sums(len(frames), sum(n for n, *_ in frames), 1.0, BITRATE, fd=True)
    assert rough.least <= exact.least + 1e-12
    assert exact.most <= rough.most + 1e-12


def test_every_kind_has_a_place_of_its_own():
    kinds = [
        kind(n, extended=e, fd=f, switched=s)
        for n in range(65)
        for e in (False, True)
        for f in (False, True)
        for s in (False, True)
    ]
    assert sorted(kinds) == list(range(KINDS))


def test_a_load_as_text():
    assert str(Load(4100.2, 0.911, 1.108)) == "91 to 111 % of its bit rate, 4,100 frames/s"
    assert str(Load(12.0, None, None)) == "12 frames/s"


def carried(meter, share, now_s):
    """Let a bus carry standard frames of 8 bytes that take at least this share of its rate for a second."""
    meter.heard[kind(8)] += round(share * BITRATE / bits(kind(8)).least)
    return meter.load(now_s)


def test_the_load_is_that_of_the_time_since_the_last_one():
    meter = Meter(BITRATE)
    assert meter.load(10.0) is None  # from here on
    assert meter.load(10.9) is None  # too soon
    assert carried(meter, 0.5, 11.0).least == pytest.approx(0.5, abs=0.001)
    assert meter.load(12.0) == Load(0.0, 0.0, 0.0)
    assert carried(meter, 0.5, 14.0).least == pytest.approx(0.25, abs=0.001)
    assert Meter(None).load(0) is None


def test_what_is_sent_counts_too_and_without_a_bit_rate_there_is_no_share():
    meter = Meter(None)
    meter.load(0.0)
    meter.heard[kind(8)] += 3
    meter.sent[kind(1)] += 2
    assert meter.load(1.0) == Load(5.0, None, None)


def test_a_bus_is_nearly_full_at_once_and_has_room_after_some_seconds():
    meter, seen = Meter(BITRATE), []
    meter.load(0.0)
    for second, share in enumerate((0.5, HIGH + 0.01, 0.2, 0.75, HIGH + 0.01, *[CALM - 0.01] * 7), 1):
        carried(meter, share, second)
        seen.append(meter.is_high)
    assert seen == [False, *[True] * 9, False, False]


def test_what_the_interface_counted_is_believed_until_it_begins_anew():
    said = iter([Counted(1000, 8000), Counted(1100, 8800), Counted(3, 24), Counted(13, 104), None, None])
    meter = Meter(BITRATE, counted=lambda: next(said))
    meter.load(0.0)
    loads = []
    for second in range(1, 6):
        meter.heard[kind(8)] += 7  # what the filter lets through
        loads.append(meter.load(float(second)).frames_per_s)
    assert loads == [100, 7, 10, 7, 7]


# In recordings


@settings(deadline=None)  # the first example may load the compiled kernel
@given(
    st.lists(
        st.tuples(st.integers(0, 4_000_000_000), st.integers(0, 2), st.booleans(), FD_LENGTHS), min_size=1, max_size=60
    ),
    st.integers(1, 60),
)
def test_what_a_recording_carried_however_long_its_blocks_are(given_frames, block):
    frames = sorted(given_frames)
    carried = Carried()
    for at in range(0, len(frames), block):
        carried.add(in_columns(frames[at : at + block]))
    for channel in range(3):
        own = [(t, kind(n, extended=e, fd=n > 8)) for t, c, e, n in frames if c == channel]
        found = carried.load(channel, BITRATE)
        span_ns = own[-1][0] - own[0][0] if own else 0
        if span_ns < 1_000_000_000:
            assert found is None
            continue
        least = [bits(k).least / BITRATE for _, k in own]
        assert found.frames_per_s == pytest.approx(len(own) / span_ns * 1e9)
        assert found.least == pytest.approx(sum(least) / span_ns * 1e9)
        assert found.busiest_second_least == pytest.approx(busiest([t for t, _ in own], least))
        assert found.least <= found.most
        assert found.busiest_second_least <= found.busiest_second_most


def busiest(times_ns, amounts):
    """The largest sum of a second; a second begins with the first frame after the one before has ended."""
    sums, begins = [0.0], times_ns[0]
    for t_ns, amount in zip(times_ns, amounts, strict=True):
        if t_ns - begins >= 1_000_000_000:
            sums.append(0.0)
            begins = t_ns
        sums[-1] += amount
    return max(sums)


def in_columns(frames):
    t, channel, extended, length = zip(*frames, strict=True)
    n = len(frames)
    return Frames(
        np.array(t, np.int64), np.array(channel, np.uint8),
        np.where(extended, np.uint32(EXTENDED), np.uint32(0)).astype(np.uint32),
        np.array(length, np.uint8), np.zeros((n, 64), np.uint8), ("a", "b", "c"),
    )  # fmt: skip

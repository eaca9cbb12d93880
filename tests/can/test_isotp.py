"""ISO-TP: what is taken apart comes together again; what is lost, swapped or doubled never becomes a wrong message."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.can.isotp import LONGEST, Reassembly, frames_of

FAST = settings(deadline=None, max_examples=200)
FLOW_CONTROL = bytes.fromhex("30 00 00 00 00 00 00 00")


def payloads(low: int = 1, high: int = LONGEST) -> st.SearchStrategy[bytes]:
    """Messages of any length, also at the edges between a single frame, a first one, and the next turn of the count."""
    edges = [n for n in (1, 6, 7, 8, 13, 14, 15, 6 + 16 * 7, 7 + 16 * 7, 4094, 4095) if low <= n <= high]
    length = st.one_of(st.integers(low, high), st.sampled_from(edges))
    return st.builds(
        lambda n, seed: bytes((seed + 7 * k + k // 256) % 256 for k in range(n)), length, st.integers(0, 255)
    )


def fed(reassembly: Reassembly, frames: list[bytes]) -> list[bytes]:
    """The messages that these frames complete."""
    return [whole for frame in frames if (whole := reassembly.feed(frame)) is not None]


@FAST
@given(payloads())
def test_a_message_taken_apart_comes_together_again_with_its_last_frame(payload: bytes) -> None:
    reassembly, frames = Reassembly(), frames_of(payload)
    assert {len(frame) for frame in frames} == {8}
    assert fed(reassembly, frames[:-1]) == []
    assert reassembly.feed(frames[-1]) == payload
    assert reassembly.broken == 0


FRAMES = {
    "one byte is a single frame": (b"\x3e", ["013e000000000000"]),
    "seven bytes fill a single frame": (bytes(range(1, 8)), ["0701020304050607"]),
    "eight bytes take a first frame and one more": (bytes(range(1, 9)), ["1008010203040506", "2107080000000000"]),
    "the longest message says so in twelve bits": (bytes(4095), ["1fff000000000000"]),
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_are_laid_out_as_in_ISO_15765_2(case: str) -> None:
    payload, frames = FRAMES[case]
    assert [frame.hex() for frame in frames_of(payload)][: len(frames)] == frames


def test_the_sequence_number_counts_from_one_and_wraps_to_zero() -> None:
    numbers = [frame[0] for frame in frames_of(bytes(6 + 17 * 7))]
    assert numbers == [0x10, *range(0x21, 0x30), 0x20, 0x21]


@pytest.mark.parametrize("length", [0, 4096])
def test_no_frames_are_made_of_messages_that_ISO_TP_with_twelve_bits_has_not(length: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 4095 bytes, got {length}"):
        frames_of(bytes(length))


@FAST
@given(payloads(8), st.data())
def test_a_missing_frame_loses_the_message_and_is_counted_once(payload: bytes, data: st.DataObject) -> None:
    frames = frames_of(payload)
    gone = data.draw(st.integers(0, len(frames) - 1))
    reassembly = Reassembly()
    assert fed(reassembly, frames[:gone] + frames[gone + 1 :]) == []
    assert fed(reassembly, frames_of(b"\x7e")) == [b"\x7e"]
    # Without its first frame a message is nothing that began.
    assert reassembly.broken == (0 if gone == 0 else 1)


@FAST
@given(payloads(15, 600), st.data())
def test_swapped_neighbours_lose_the_message_and_are_counted_once(payload: bytes, data: st.DataObject) -> None:
    frames = frames_of(payload)
    k = data.draw(st.integers(1, len(frames) - 2))
    frames[k], frames[k + 1] = frames[k + 1], frames[k]
    reassembly = Reassembly()
    assert fed(reassembly, frames) == []
    assert reassembly.broken == 1


@FAST
@given(payloads(15, 600), st.data())
def test_a_frame_that_comes_twice_loses_the_message_unless_it_is_the_first_or_last(
    payload: bytes, data: st.DataObject
) -> None:
    frames = frames_of(payload)
    k = data.draw(st.integers(0, len(frames) - 1))
    reassembly = Reassembly()
    whole = fed(reassembly, frames[: k + 1] + frames[k:])
    assert whole == ([payload] if k in (0, len(frames) - 1) else [])
    assert reassembly.broken == (0 if k == len(frames) - 1 else 1)


@FAST
@given(st.lists(payloads(1, 60), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_of_messages_in_a_row_those_come_out_that_lost_nothing(messages: list[bytes], rng: random.Random) -> None:
    """While first frames are there: two in a row of which one lost its end and one its beginning look like one."""
    sent, whole = list[bytes](), list[bytes]()
    for message in messages:
        frames = frames_of(message)
        kept = [frames[0], *(frame for frame in frames[1:] if rng.random() < 0.8)]
        sent += kept
        whole += [message] if kept == frames else []
    reassembly = Reassembly()
    assert fed(reassembly, [*sent, *frames_of(b"\x7e")]) == [*whole, b"\x7e"]
    assert reassembly.broken == len(messages) - len(whole)


@FAST
@given(payloads(8, 600), payloads(), st.data())
def test_a_recording_may_begin_in_the_middle_of_a_message(first: bytes, second: bytes, data: st.DataObject) -> None:
    frames = frames_of(first)
    begin = data.draw(st.integers(1, len(frames)))
    reassembly = Reassembly()
    assert fed(reassembly, frames[begin:] + frames_of(second)) == [second]
    assert reassembly.broken == 0


@FAST
@given(payloads(8, 600), st.data())
def test_flow_control_in_between_changes_nothing(payload: bytes, data: st.DataObject) -> None:
    reassembly, frames = Reassembly(), frames_of(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        frames.insert(data.draw(st.integers(0, len(frames))), FLOW_CONTROL)
    assert fed(reassembly, frames) == [payload]
    assert reassembly.broken == 0


@FAST
@given(payloads(8, 600), payloads(1, 7), st.data())
def test_a_single_frame_in_between_ends_the_message_before_it(long: bytes, short: bytes, data: st.DataObject) -> None:
    reassembly, frames = Reassembly(), frames_of(long)
    frames.insert(data.draw(st.integers(1, len(frames) - 1)), *frames_of(short))
    assert fed(reassembly, frames) == [short]
    assert reassembly.broken == 1


NO_MESSAGE = {
    "an empty frame": ("", 0),
    "a single frame of no length": ("00 00 00 00 00 00 00 00", 1),
    "a single frame longer than what came": ("07 01 02 03", 1),
    "a first frame of CAN FD, with its length in 32 bits": ("10 00 00 00 10 00 00 00", 1),
    "a first frame whose length fits into it": ("10 05 01 02 03 04 05 06", 1),
    "a first frame without its length": ("10", 1),
    "a kind of frame that is not defined": ("40 01 02 03 04 05 06 07", 0),
    "a consecutive frame alone": ("21 01 02 03 04 05 06 07", 0),
}


@pytest.mark.parametrize("case", NO_MESSAGE)
def test_frames_that_begin_no_message(case: str) -> None:
    text, broken = NO_MESSAGE[case]
    reassembly = Reassembly()
    assert reassembly.feed(bytes.fromhex(text)) is None
    assert reassembly.feed(bytes.fromhex("21 00 00 00 00 00 00 00")) is None
    assert reassembly.broken == broken
    assert fed(reassembly, frames_of(b"\x62\xf1\x90")) == [b"\x62\xf1\x90"]


@FAST
@given(st.lists(st.binary(max_size=8), max_size=60))
def test_any_bytes_are_taken_and_what_comes_out_has_a_length_that_can_be(frames: list[bytes]) -> None:
    assert all(1 <= len(whole) <= LONGEST for whole in fed(Reassembly(), frames))

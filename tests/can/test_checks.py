"""Checksums: known answers, other implementations, the compiled twins in both engines, recordings of cars."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from databases import FILE, VOCABULARY, Sent, blocks
from hypothesis import given, settings
from hypothesis import strategies as st
from opendbc.car.honda.hondacan import honda_checksum
from opendbc.car.toyota.toyotacan import toyota_checksum

from renkei.can.checks import CHECKSUMS
from renkei.can.columns import ColumnEngine
from renkei.can.compile import compile_plan
from renkei.can.dbc import parse
from renkei.can.frame_engine import FrameEngine
from renkei.can.frames import EXTENDED
from renkei.can.plan import Plan
from renkei.samples import INVALID, Quality
from renkei.vehicle import Bus, Map, Row

RAV4 = Path(__file__).parents[3] / "shared" / "data" / "logs" / "comma2k19-rav4" / "segment40.candump.log.gz"

KNOWN = {
    # Nissan Leaf, recorded: the CRC leaves the identifier out
    "seven zeros have CRC 0": ("crc8-0x85", 0x1DB, "00 00 00 00 00 00 00 00"),
    "pack status of a Leaf": ("crc8-0x85", 0x1DB, "FF E0 C2 2B 5B 00 01 2D"),
    "motor status of a Leaf": ("crc8-0x85", 0x1DA, "C1 32 18 00 00 01 01 66"),
    "gear lever of a Leaf": ("crc8-0x85", 0x11A, "01 40 04 AA C0 00 00 D5"),
    # 1 + 15 + 2 of the identifier and 52 of the data are 70
    "charge command of a Leaf": ("id-nibble-sum", 0x1F2, "10 64 00 78 00 1E 03 86"),
    # 8 - (1 + 7 + 12 of the identifier and 1 of the data) is -13
    "power train of a Honda": ("nibble-sum-from-8", 0x17C, "00 00 00 00 00 00 00 13"),
    # Toyota RAV4 2017, the first frames of the comma2k19 recording
    "steering torque of a RAV4": ("id-length-byte-sum", 0x260, "08 FF FB 00 00 00 18 84"),
    "accelerator of a RAV4": ("id-length-byte-sum", 0x2C1, "00 14 DF 14 BB CA 3A 91"),
    "speed of a RAV4": ("id-length-byte-sum", 0x0B4, "00 00 00 00 1D 0B 7A 5E"),
}


@pytest.mark.parametrize("case", KNOWN)
def test_known_answers_hold_and_any_changed_bit_breaks_them(case: str) -> None:
    name, id_, text = KNOWN[case]
    data = bytes.fromhex(text)
    assert CHECKSUMS[name].holds(id_, data)
    for bit in range(8 * len(data)):
        if bit < 8 * len(data) - 8 or CHECKSUMS[name].mask >> (bit % 8) & 1:
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            assert not CHECKSUMS[name].holds(id_, bytes(changed)), bit


def crc_bit_by_bit(data: bytes) -> int:
    """CRC-8, polynomial 0x85, start 0, not reflected, of all bytes but the last."""
    crc = 0
    for byte in data[:-1]:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 & 0xFF) ^ 0x85 if crc & 0x80 else crc << 1 & 0xFF
    return crc


def digit_sum(id_: int, data: bytes) -> int:
    """All hex digits of identifier and data but the last one, modulo 16."""
    return sum(int(digit, 16) for digit in f"{id_:x}{data.hex()[:-1]}") % 16


def byte_sum(id_: int, data: bytes) -> int:
    """All bytes of identifier and data but the last one, modulo 256."""
    return sum(bytes.fromhex(f"{id_:08x}") + data[:-1]) % 256


OTHERS: dict[str, Callable[[int, bytes], int]] = {
    "crc8-0x85": lambda _id, data: crc_bit_by_bit(data),
    "id-nibble-sum": digit_sum,
    "nibble-sum-from-8": lambda id_, data: honda_checksum(id_, None, bytearray(data)),
    "id-length-byte-sum": lambda id_, data: toyota_checksum(id_, None, bytearray(data)),
    "id-byte-sum": byte_sum,
}
"""Other implementations of the same: opendbc for Honda and Toyota."""

IDS = st.one_of(st.integers(0, 0x7FF), st.integers(0x800, 0x1FFFFFFF).map(lambda i: i | EXTENDED))


def test_every_algorithm_has_another_implementation_to_be_held_against() -> None:
    assert OTHERS.keys() == CHECKSUMS.keys()


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(OTHERS)), IDS, st.binary(min_size=1, max_size=64))
def test_checksums_equal_other_implementations(name: str, id_: int, data: bytes) -> None:
    assert CHECKSUMS[name].compute(id_, data) == OTHERS[name](id_ & ~EXTENDED, data)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(OTHERS)), IDS, st.binary(min_size=1, max_size=64))
def test_sealing_changes_only_the_place_of_the_checksum(name: str, id_: int, data: bytes) -> None:
    check = CHECKSUMS[name]
    sealed = check.sealed(id_, data)
    assert check.holds(id_, sealed)
    assert sealed[:-1] == data[:-1]
    assert (sealed[-1] ^ data[-1]) & ~check.mask == 0


@cache
def one_row(length: int) -> Plan:
    """One message of that length in bytes, with one row: its first byte as a double."""
    text = f'BO_ 1 M: {length} X\n SG_ BYTE : 0|8@1+ (1,0) [0|0] "" X\n'
    row = Row("Car.Number0", "can", "M", "BYTE", ("test",))
    map_ = Map("test", FILE, {"can": Bus("can", (), None)}, {}, {}, (row,))
    return compile_plan(map_, {"can": [parse(text, "can.dbc")]}, VOCABULARY)


def plan_of(messages: list[tuple[str, int, int]]) -> Plan:
    """Messages of given checksum, identifier and length in bytes."""
    made = tuple(
        replace(one_row(length).messages[0], number=n, id=id_, checksum=checksum)
        for n, (checksum, id_, length) in enumerate(messages)
    )
    return replace(one_row(1), messages=made)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wide", [False, True], ids=["11 bits", "29 bits"])
def test_the_compiled_twins_of_every_algorithm_agree_at_every_length(seed: int, wide: bool) -> None:
    rng = random.Random(seed)
    numbers = iter(rng.sample(range(0x800, 0x20000000) if wide else range(0x800), 64 * len(CHECKSUMS)))
    flag = EXTENDED if wide else 0
    messages = [(name, next(numbers) | flag, length) for name in CHECKSUMS for length in range(1, 65)]
    plan = plan_of(messages)
    sent: list[Sent] = []
    for name, id_, length in messages:
        good = CHECKSUMS[name].sealed(id_, rng.randbytes(length))
        spoilt = bytearray(good)
        spoilt[rng.randrange(length)] ^= 1 << rng.randrange(8)
        sent += [
            Sent(len(sent) + k, 0, id_, data) for k, data in enumerate((good, bytes(spoilt), rng.randbytes(length)))
        ]
    rng.shuffle(sent)

    engine, columns = FrameEngine(plan), ColumnEngine(plan)
    (frames,) = blocks(sent)
    bad = {
        t
        for c in columns.decode(frames, [("can",)])
        for t, q in zip(c.t, c.quality, strict=True)
        if q == Quality.INVALID
    }
    algorithm = {id_: name for name, id_, _ in messages}
    wrong = [s for s in sent if not CHECKSUMS[algorithm[s.id]].holds(s.id, s.data)]
    assert bad == {s.t for s in wrong}
    assert [s for s in sent if engine.decode("can", s.id, s.data, s.t) == [(0, INVALID)]] == wrong
    assert columns.counts == engine.counts
    assert columns.counts.bad_checksum == len(wrong)


@cache
def rav4_frames() -> list[tuple[str, int, bytes]]:
    """The comma2k19 recording: interface, identifier, data."""
    if not RAV4.exists():
        pytest.skip("the comma2k19 recording is absent")
    with gzip.open(RAV4, "rt") as file:
        parts = [line.split()[1:] for line in file]
    return [(bus, int(id_, 16), bytes.fromhex(data)) for bus, (id_, data) in ((b, x.split("#")) for b, x in parts)]


@pytest.mark.parametrize("id_", [0x025, 0x0B4, 0x1D2, 0x260, 0x2C1])
def test_every_recorded_frame_of_a_rav4_holds(id_: int) -> None:
    check = CHECKSUMS["id-length-byte-sum"]
    holds = [check.holds(id_, data) for bus, i, data in rav4_frames() if i == id_ and bus == "can0"]
    assert len(holds) > 500
    assert all(holds)


def test_frames_of_a_rav4_that_were_shorter_on_the_wire_hold_at_their_own_length() -> None:
    """The recording pads all frames to eight bytes; steering commands have five."""
    check = CHECKSUMS["id-length-byte-sum"]
    holds = [check.holds(id_, data[:5]) for bus, id_, data in rav4_frames() if id_ == 0x2E4 and bus == "can128"]
    assert len(holds) > 500
    assert all(holds)

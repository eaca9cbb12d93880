"""Checksums of CAN messages: a table of algorithms by name. The compiled twins of these functions are in kernels.py.

An algorithm covers the bytes of the message as the DBC gives its length; the result stands in the last byte, or in
its low nibble.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from renkei.can.frames import EXTENDED

NIBBLES = tuple((b >> 4) + (b & 15) for b in range(256))
"""Sum of the two nibbles of each byte."""


def crc_table(polynomial: int) -> tuple[int, ...]:
    """The 256 steps of a CRC-8 that is not reflected."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (polynomial if byte & 0x80 else 0)
        table.append(byte & 0xFF)
    return tuple(table)


CRC8_85 = crc_table(0x85)


def crc8_85(_id: int, data: bytes) -> int:
    """CRC-8, polynomial 0x85, start 0, over all bytes but the last; the identifier is no part of it."""
    crc = 0
    for byte in data[:-1]:
        crc = CRC8_85[crc ^ byte]
    return crc


def id_nibble_sum(id_: int, data: bytes) -> int:
    """Hex digits of the identifier plus all nibbles but the last, modulo 16."""
    return (_digits(id_) + sum(map(NIBBLES.__getitem__, data[:-1])) + (data[-1] >> 4)) & 15


def nibble_sum_from_8(id_: int, data: bytes) -> int:
    """8 minus (hex digits of the identifier plus all nibbles but the last), 3 more for 29 bits, modulo 16."""
    return (8 + (3 if id_ & EXTENDED else 0) - id_nibble_sum(id_, data)) & 15


def id_length_byte_sum(id_: int, data: bytes) -> int:
    """Bytes of the identifier plus the message length plus all bytes but the last, modulo 256."""
    return (sum((id_ & ~EXTENDED).to_bytes(4, "big")) + len(data) + sum(data[:-1])) & 0xFF


def id_byte_sum(id_: int, data: bytes) -> int:
    """Bytes of the identifier plus all bytes but the last, modulo 256."""
    return (sum((id_ & ~EXTENDED).to_bytes(4, "big")) + sum(data[:-1])) & 0xFF


def _digits(id_: int) -> int:
    return sum(map(NIBBLES.__getitem__, (id_ & ~EXTENDED).to_bytes(4, "big")))


class Checksum(NamedTuple):
    """`code` names the algorithm in compiled kernels; `mask` is the part of the last byte that holds the result."""

    code: int
    mask: int
    compute: Callable[[int, bytes], int]

    def holds(self, id_: int, data: bytes) -> bool:
        return data[-1] & self.mask == self.compute(id_, data)

    def sealed(self, id_: int, data: bytes) -> bytes:
        """`data` with the right checksum in it."""
        return data[:-1] + bytes([data[-1] & ~self.mask | self.compute(id_, data)])


CHECKSUMS: Mapping[str, Checksum] = MappingProxyType(
    {
        "crc8-0x85": Checksum(1, 0xFF, crc8_85),
        "id-nibble-sum": Checksum(2, 0x0F, id_nibble_sum),
        "nibble-sum-from-8": Checksum(3, 0x0F, nibble_sum_from_8),
        "id-length-byte-sum": Checksum(4, 0xFF, id_length_byte_sum),
        "id-byte-sum": Checksum(5, 0xFF, id_byte_sum),
    }
)


def expression(name: str, id_: int, length: int) -> str:
    """Python source that is true where a payload `d` of `length` bytes fails the checksum; it uses `terms`."""
    mask, last = CHECKSUMS[name].mask, f"d[{length - 1}]"
    kept = CHECKSUMS[name].compute(id_, bytes(length))  # what does not depend on the payload
    if name == "crc8-0x85":
        right = " ^ ".join(f"crc{length - 2 - k}[d[{k}]]" for k in range(length - 1)) or "0"
        return f"({right}) != {last}"
    part = " + ".join(f"nibbles[d[{k}]]" if mask == 15 else f"d[{k}]" for k in range(length - 1)) or "0"
    if mask == 15:
        part += f" + ({last} >> 4)"
    sign = "-" if name == "nibble-sum-from-8" else "+"
    return f"{kept} {sign} ({part}) & {mask} != {last}" + (" & 15" if mask == 15 else "")


def terms(name: str, length: int) -> dict[str, tuple[int, ...]]:
    """The tables that `expression` uses: sums of nibbles, or what a byte adds to the CRC when so many follow it."""
    if name != "crc8-0x85":
        return {"nibbles": NIBBLES}
    tables = {"crc0": CRC8_85}
    for k in range(1, length - 1):
        tables[f"crc{k}"] = tuple(CRC8_85[x] for x in tables[f"crc{k - 1}"])
    return tables

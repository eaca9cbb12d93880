"""CAN frames in columns: what every log reader yields and every columnar engine takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXTENDED = 0x8000_0000
"""Set in a frame's id when the identifier has 29 bits, as in a DBC file."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Data frames in the order of the recording; remote and error frames are not among them.

    `t` int64 ns (since 1970 UTC, or since the log's own start); `channel` uint8, an index into `channels`;
    `id` uint32 with EXTENDED set for 29 bits; `length` uint8, bytes 0 to 64; `data` uint8 of shape (n, width),
    width 8 or 64, zero after `length`; all C-contiguous. `channels` are the names that the log gives to its buses.
    """

    t: NDArray[np.int64]
    channel: NDArray[np.uint8]
    id: NDArray[np.uint32]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]
    channels: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.t.shape[0])

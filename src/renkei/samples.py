"""Samples: values of signals at times, singly and in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # numpy is needed by no command that only lists or asks
    import numpy as np
    from numpy.typing import NDArray


class Quality(IntEnum):
    """`NOT_AVAILABLE`: the car says that it does not know. `INVALID`: what came cannot be true."""

    OK = 0
    NOT_AVAILABLE = 1
    INVALID = 2

    @property
    def label(self) -> str:
        """As recordings write it."""
        return self.name.lower()


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


class _Stale:
    def __repr__(self) -> str:
        return "STALE"


INVALID: Final = _Invalid()
"""Stands in the place of a value that cannot be true; None stands for one that is not available."""
STALE: Final = _Stale()
"""Stands in the place of a value that a live source no longer says; no recording has such a sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Samples of one signal in the order in which they came.

    `index` of the Signal; `t` int64 ns; `value` float64 in the unit of the Signal, booleans 0 and 1, without meaning
    where `quality` (int8) is not OK. With `texts` the values are places in it: of enum names, or of arrays as JSON.
    """

    index: int
    t: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    texts: Sequence[str] | None = None

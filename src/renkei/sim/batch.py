"""Many cars through the kernel on all cores: plain threads, for the kernel leaves the interpreter's lock alone."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST, MOST = 8, 128
"""Cars that a thread takes at a time: so few that all cores end together, so many that taking them costs nothing."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def drive_all(
    cars: NDArray[Any], ocv_v: NDArray[Any], circuit: NDArray[Any], loss_w: NDArray[Any], asked: NDArray[Any],
    step_s: float, until_empty: bool, results: NDArray[Any],
) -> None:  # fmt: skip
    """Drive every car through the same speeds; `results` is filled in place."""
    from renkei.sim.kernel import drive_rows

    size = max(LEAST, min(MOST, len(cars) // (4 * cores())))

    def run(start: int) -> None:
        part = slice(start, start + size)
        drive_rows(cars[part], ocv_v, circuit, loss_w, asked, step_s, until_empty, results[part])

    starts = range(0, len(cars), size)
    if len(starts) == 1 or cores() == 1:
        for start in starts:
            run(start)
        return
    with ThreadPoolExecutor(min(cores(), len(starts))) as pool:
        list(pool.map(run, starts))

"""python -m renkei.can.warm: compile all kernels once, so that no user waits for it."""

from __future__ import annotations


def warm() -> None:
    """Compile the kernels of engine and log readers, or load them from numba's cache."""
    from renkei.can import columns, logs, tally

    columns.warm()
    tally.warm()
    logs.warm()


if __name__ == "__main__":
    warm()

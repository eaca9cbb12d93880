"""Recordings of CAN traffic: finds a log's dialect by content and streams it as Frames.

    log = open_log("drive.log")
    for frames in log.blocks(): ...

Importing this loads nothing heavy: kernels, python-can and asammdf are loaded when a log needs them.
"""

from __future__ import annotations

from renkei.can.logs.dialects import DIALECTS
from renkei.can.logs.log import Log, open_log
from renkei.can.logs.skipped import Skipped

__all__ = ["DIALECTS", "Log", "Skipped", "open_log", "warm"]


def warm() -> None:
    """Compile every kernel, or load it from numba's cache; afterwards the first log opens at once."""
    from renkei.can.logs.text import warm as warm_kernels

    warm_kernels()

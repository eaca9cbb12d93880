"""A line that could not be read."""

from __future__ import annotations

from typing import NamedTuple


class Skipped(NamedTuple):
    """A line that could not be read: its number from 1, its text (at most 120 characters), why."""

    line: int
    text: str
    reason: str

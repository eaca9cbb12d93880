"""Who asks for an actuation, how urgently, and until when it counts; read here alike for every door.

The priority is what the request says of itself. Once apps are known by a token, it is looked up here instead.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from renkei.errors import InputError

VEHICLE_KEY = "renkei-vehicle"
"""Metadata of a call, header of a request: which vehicle, where a port serves several."""
PRIORITY_KEY, NOT_AFTER_KEY = "renkei-priority", "renkei-not-after"
HIGHEST_PRIORITY = 9
_SECOND_NS = 1_000_000_000


class Asking(NamedTuple):
    """`deadline_ns` after when it must not be carried out, ns since 1970; None: without a deadline."""

    by: str
    priority: int = 0
    deadline_ns: int | None = None

    def until(self, deadline_ns: int | None) -> Asking:
        """The same with this deadline where it is the earlier one."""
        known = [d for d in (self.deadline_ns, deadline_ns) if d is not None]
        return self._replace(deadline_ns=min(known, default=None))


def asking_of(by: str, priority: str | None, not_after: str | None) -> Asking:
    """What two texts of a request say; raises InputError that names the key."""
    return Asking(by, _priority(priority), None if not_after is None else _time_ns(not_after))


def _priority(text: str | None) -> int:
    if text is None:
        return 0
    if not (len(text) == 1 and text.isascii() and text.isdigit()):
        raise InputError(f"{PRIORITY_KEY}: expected a number from 0 to {HIGHEST_PRIORITY}, got '{text[:40]}'")
    return int(text)


def _time_ns(text: str) -> int:
    try:
        stated = datetime.fromisoformat(text[:40])
        since = stated - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, TypeError):  # a time without a zone cannot be subtracted
        example = "2026-01-31T12:00:00.500Z"
        raise InputError(f"{NOT_AFTER_KEY}: expected a time such as {example}, got '{text[:40]}'") from None
    return (since.days * 86_400 + since.seconds) * _SECOND_NS + since.microseconds * 1000

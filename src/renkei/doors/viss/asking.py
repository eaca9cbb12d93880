"""How urgent a VISS request is and until when it counts: members of the message, else headers of its connection."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection

from renkei.doors.asking import NOT_AFTER_KEY, PRIORITY_KEY, Asking, asking_of
from renkei.doors.guard import Guard, Guest
from renkei.doors.viss.refusals import bad_request
from renkei.errors import InputError


def asking_in(connection: HTTPConnection, request: dict[str, Any], guest: Guest, guard: Guard) -> Asking:
    """Raises Refused for what cannot be read, NotPermitted for a priority above that of the token."""
    stated = {key: request.get(key, connection.headers.get(key)) for key in (PRIORITY_KEY, NOT_AFTER_KEY)}
    for key, text in stated.items():
        if not isinstance(text, str | None):
            raise bad_request(f"The request is malformed: expected {key} to be a string")
    priority = stated[PRIORITY_KEY]
    try:
        asking = asking_of(guest.name, priority, stated[NOT_AFTER_KEY])
    except InputError as e:
        raise bad_request(str(e)) from None
    return guard.ranked(guest, asking, priority)

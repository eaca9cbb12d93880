"""How urgent a VISS request is and until when it counts: members of the message, else headers of its connection."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection

from renkei.doors.asking import NOT_AFTER_KEY, PRIORITY_KEY, Asking, asking_of
from renkei.doors.viss.refusals import bad_request
from renkei.errors import InputError


def asking_in(connection: HTTPConnection, request: dict[str, Any]) -> Asking:
    """Raises Refused for what cannot be read."""
    stated = {key: request.get(key, connection.headers.get(key)) for key in (PRIORITY_KEY, NOT_AFTER_KEY)}
    for key, text in stated.items():
        if not isinstance(text, str | None):
            raise bad_request(f"The request is malformed: expected {key} to be a string")
    client = connection.client
    by = f"viss:{client.host}:{client.port}" if client else "viss"
    try:
        return asking_of(by, stated[PRIORITY_KEY], stated[NOT_AFTER_KEY])
    except InputError as e:
        raise bad_request(str(e)) from None

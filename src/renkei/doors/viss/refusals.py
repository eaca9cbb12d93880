"""Why a request is refused, in the numbers and reasons of VISS; nothing is sent here.

Source: COVESA, Vehicle Information Service Specification 3.0, Transport, "Status Codes" and "Common Error Scenarios".
"""

from __future__ import annotations

from typing import Any, Literal

from renkei.errors import Exhausted, InputError, NotAuthenticated, NotPermitted, ValueRefused

Version = Literal[2, 3]


class Refused(Exception):
    """A request that is not carried out."""

    def __init__(self, number: int, reason: str, description: str) -> None:
        super().__init__(description)
        self.number, self.reason, self.description = number, reason, description

    def told(self, version: Version) -> dict[str, Any]:
        """The error object of a message."""
        if version == 2:
            return {"number": self.number, "reason": self.reason, "message": self.description}
        return {"number": str(self.number), "reason": self.reason, "description": self.description}


def bad_request(description: str) -> Refused:
    """The message breaks the schema."""
    return Refused(400, "bad_request", description)


def invalid_data(description: str) -> Refused:
    """The message keeps the schema and breaks what the tree says of the signal."""
    return Refused(400, "invalid_data", description)


def forbidden(description: str) -> Refused:
    return Refused(403, "forbidden_request", description)


def unavailable(description: str) -> Refused:
    return Refused(404, "unavailable_data", description)


def too_many(description: str) -> Refused:
    return Refused(429, "too_many_requests", description)


def refused_by_guard(refused: InputError) -> Refused:
    """The same in the terms of VISS."""
    match refused:
        case NotAuthenticated():
            return Refused(401, "invalid_token", str(refused))
        case NotPermitted():
            return forbidden(str(refused))
        case Exhausted():
            return too_many(str(refused))
    return Refused(503, "service_unavailable", str(refused))


def refused_value(refused: ValueRefused) -> Refused:
    """A value that its signal does not admit."""
    kind = "Incorrect data type" if refused.why == "type" else "Data value outside limit"
    return invalid_data(f"{kind}: {str(refused)[:300]}")

"""JSON, values and times as VISS writes them.

Source: COVESA, Vehicle Information Service Specification 3.0, Core, "Data representation" and "Timestamps".
"""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from typing import Any

from renkei.broker import Datapoint
from renkei.doors.viss.refusals import Version, bad_request, invalid_data, refused_value
from renkei.errors import ValueRefused
from renkei.vocabulary import INTEGERS, Signal, Value

NOT_AVAILABLE = "viss-inline:Data-not-available"
MOST_BYTES = 256 * 1024
"""Longest message or body that is read."""
_LAST_S = 253402300799  # the year 9999 ends
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def read(text: str | bytes) -> dict[str, Any]:
    """The object that a message is; raises Refused for anything else, also for a name that comes twice."""
    message = read_any(text)
    if not isinstance(message, dict):
        raise bad_request("The request is malformed: expected a JSON object")
    return message


def read_any(text: str | bytes) -> Any:
    """Any value in JSON; raises Refused."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as e:
        raise bad_request(f"The request is malformed: {str(e)[:200]}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name comes twice in one object")
    return made


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def write(message: dict[str, Any]) -> str:
    return json.dumps(message, allow_nan=False, separators=(",", ":"))


def stamp(t_ns: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    seconds, ns = divmod(t_ns, 1_000_000_000)
    return f"{_second(min(max(seconds, 0), _LAST_S))}.{ns // 1000:06d}Z"


@lru_cache(1024)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def now() -> str:
    return stamp(time.time_ns())


def point(datapoint: Datapoint, version: Version) -> dict[str, Any]:
    """A data point: `ts` is the time at the source. Fields of our own, which the schema admits, say more.

    `receivedTs`: when it came to renkei; `source`: who said it, where known; `quality`: why there is no value.
    """
    told: dict[str, Any] = {
        "value": spelt(datapoint.value, version),
        "ts": stamp(datapoint.t_source_ns),
        "receivedTs": stamp(datapoint.t_receive_ns),
    }
    if datapoint.source:
        told["source"] = datapoint.source
    if datapoint.quality != "ok":
        told["quality"] = datapoint.quality
    return told


def spelt(value: Value | None, version: Version) -> str | list[str]:
    """A value as text, an array as a list of texts."""
    if value is None:
        return NOT_AVAILABLE
    if not isinstance(value, list):
        return _spelt_one(value)
    # The schema of version 3 has no empty array.
    return [_spelt_one(v) for v in value] if value or version == 2 else NOT_AVAILABLE


def _spelt_one(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def value_of(signal: Signal, text: Any) -> Value:
    """What a client wrote, in the wire type of the signal; raises Refused."""
    if signal.is_array != isinstance(text, list):
        raise invalid_data(f"Incorrect data type: {signal.path} is {signal.datatype}")
    value = [_one(signal, t) for t in text] if isinstance(text, list) else _one(signal, text)
    try:
        return signal.check(value)
    except ValueRefused as refused:
        raise refused_value(refused) from None


def _one(signal: Signal, text: Any) -> Any:
    if not isinstance(text, str):
        raise bad_request("Missing or invalid value: expected a string, or an array of strings")
    if signal.scalar == "string":
        return text
    if signal.scalar == "boolean" and text in ("true", "false"):
        return text == "true"
    if signal.scalar in INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    if signal.scalar in ("float", "double") and _NUMBER.fullmatch(text):
        return float(text)
    raise invalid_data(f"Incorrect data type: {signal.path} is {signal.datatype}, got {text[:100]!r}")


def number_of(text: Any, what: str) -> float:
    """A number that a filter states; raises Refused. Version 2 servers also take plain numbers, so this does."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = json.dumps(text)
    if not isinstance(text, str) or len(text) > 40 or not _NUMBER.fullmatch(text):
        raise bad_request(f"Missing or invalid filter: {what} is no number")
    return float(text)

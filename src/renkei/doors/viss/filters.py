"""What a client's filter asks for, read from either version; nothing is evaluated here.

Source: COVESA, Vehicle Information Service Specification 3.0, Core, "Filter Request".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from renkei.doors.viss.refusals import Refused, Version, bad_request
from renkei.doors.viss.tree import MOST_PATHS
from renkei.doors.viss.wire import number_of

Comparison = Callable[[Any, Any], bool]
COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {"eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
)
SHORTEST_PERIOD_MS = 10
"""A shorter period is served at this one: a server may limit how many events it sends."""
LONGEST_PERIOD_MS = 86_400_000
MOST_POINTS = 1000
"""Longest buffer of a curve log."""
_DURATION = re.compile(r"P(?=.)(\d{1,3}D)?(T(?=.)(\d{1,2}H)?(\d{1,2}M)?(\d{1,2}S)?)?")
_KEYS: Mapping[Version, str] = MappingProxyType({2: "type", 3: "variant"})


@dataclass(frozen=True, slots=True)
class Paths:
    """Relative paths, one * a level."""

    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timebased:
    """An event every `period_ms`."""

    period_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """An event when value less earlier value compares so with `diff`."""

    compare: Comparison
    diff: float


@dataclass(frozen=True, slots=True)
class Range:
    """An event for a value that all boundaries admit, or with `either` one of two."""

    boundaries: tuple[tuple[Comparison, float], ...]
    either: bool


@dataclass(frozen=True, slots=True)
class Curvelog:
    """An event when `bufsize` points have come, without those that lines within `maxerr` stand for."""

    maxerr: float
    bufsize: int


@dataclass(frozen=True, slots=True)
class History:
    """Points of the past, from so many seconds ago on."""

    period_s: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the tree says, down to so many generations (0: all), of leaves only `keys` (None: all)."""

    generations: int
    keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do, as version 2 asks for it."""


Trigger = Timebased | Change | Range | Curvelog
Filter = Paths | Trigger | History | Metadata | Capabilities


@dataclass(frozen=True, slots=True)
class Filters:
    """The paths of a request, if it has any, and the one other filter, if it has one."""

    paths: Paths | None = None
    other: Trigger | History | Metadata | Capabilities | None = None


def version_of(stated: Any) -> Version | None:
    """The version that the keys of a filter give away, None when they do not."""
    first = stated[0] if isinstance(stated, list) and stated else stated
    if isinstance(first, dict):
        for version, key in _KEYS.items():
            if key in first:
                return version
    return None


def read_filters(stated: Any, version: Version) -> Filters:
    """At most one filter of paths and one other; raises Refused."""
    filters = [_read(f, version) for f in (stated if isinstance(stated, list) else [stated])]
    paths = [f for f in filters if isinstance(f, Paths)]
    others = [f for f in filters if not isinstance(f, Paths)]
    if not filters or len(paths) > 1 or len(others) > 1:
        raise bad_request("Missing or invalid filter: expected at most one of paths and one other")
    return Filters(paths[0] if paths else None, others[0] if others else None)


def _read(stated: Any, version: Version) -> Filter:
    key = _KEYS[version]
    if not isinstance(stated, dict):
        raise bad_request("Missing or invalid filter: expected an object")
    read = _READERS[version].get(stated[key]) if isinstance(stated.get(key), str) else None
    if read is None:
        known = ", ".join(_READERS[version])
        raise bad_request(f"Missing or invalid filter: expected {key} to be one of {known}")
    if "parameter" not in stated:
        raise bad_request("Missing or invalid filter: expected a parameter")
    return read(stated["parameter"])


def _paths(parameter: Any) -> Paths:
    patterns = [parameter] if isinstance(parameter, str) else parameter
    if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
        raise bad_request("Missing or invalid filter: expected paths as strings")
    if len(patterns) > MOST_PATHS:
        raise bad_request(f"Missing or invalid filter: more than {MOST_PATHS} paths")
    return Paths(tuple(patterns))


def _timebased(parameter: Any) -> Timebased:
    period = number_of(_object(parameter).get("period"), "period")
    if not period.is_integer() or not 1 <= period <= LONGEST_PERIOD_MS:
        raise bad_request(f"Missing or invalid filter: expected a period of 1 to {LONGEST_PERIOD_MS} ms")
    return Timebased(max(int(period), SHORTEST_PERIOD_MS))


def _change(parameter: Any) -> Change:
    stated = _object(parameter)
    return Change(_comparison(stated), number_of(stated.get("diff"), "diff"))


def _range(parameter: Any) -> Range:
    stated = parameter if isinstance(parameter, list) else [parameter]
    if isinstance(parameter, list) and len(parameter) != 2:
        raise bad_request("Missing or invalid filter: expected one boundary or two")
    boundaries = tuple((_comparison(_object(b)), number_of(b.get("boundary"), "boundary")) for b in stated)
    combination = stated[0].get("combination-op", "AND")
    if combination not in ("AND", "OR"):
        raise bad_request("Missing or invalid filter: expected combination-op to be AND or OR")
    return Range(boundaries, combination == "OR")


def _curvelog(parameter: Any) -> Curvelog:
    stated = _object(parameter)
    maxerr, bufsize = number_of(stated.get("maxerr"), "maxerr"), number_of(stated.get("bufsize"), "bufsize")
    if not maxerr >= 0 or not bufsize.is_integer() or not 2 <= bufsize <= MOST_POINTS:
        raise bad_request(f"Missing or invalid filter: expected maxerr from 0 and bufsize from 2 to {MOST_POINTS}")
    return Curvelog(maxerr, int(bufsize))


def _history(parameter: Any) -> History:
    found = _DURATION.fullmatch(parameter) if isinstance(parameter, str) else None
    if not found or found[1] == "999D":
        raise bad_request("Missing or invalid filter: expected a period such as P1DT2H30M5S, below 999 days")
    days, hours, minutes, seconds = (int((found[n] or "0D")[:-1]) for n in (1, 3, 4, 5))
    return History(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _metadata(parameter: Any) -> Metadata:
    depth = parameter[0] if isinstance(parameter, list) and len(parameter) == 1 else parameter
    if not isinstance(depth, str) or not re.fullmatch(r"[0-9]{1,3}", depth):
        raise bad_request("Missing or invalid filter: expected how many generations, 0 for all")
    return Metadata(int(depth))


def _static_metadata(parameter: Any) -> Metadata:
    keys = [parameter] if isinstance(parameter, str) and parameter else parameter or None
    if keys is not None and not (isinstance(keys, list) and all(isinstance(k, str) for k in keys)):
        raise bad_request("Missing or invalid filter: expected names of metadata")
    return Metadata(0, None if keys is None else frozenset(keys))


def _dynamic_metadata(parameter: Any) -> Capabilities:
    if parameter not in ("server_capabilities", ["server_capabilities"]):
        raise Refused(404, "unavailable_data", "Unsupported feature: only server_capabilities is known")
    return Capabilities()


def _object(parameter: Any) -> dict[str, Any]:
    if not isinstance(parameter, dict):
        raise bad_request("Missing or invalid filter: expected the parameter to be an object")
    return parameter


def _comparison(stated: dict[str, Any]) -> Comparison:
    name = stated.get("logic-op")
    if not isinstance(name, str) or name not in COMPARISONS:
        raise bad_request(f"Missing or invalid filter: expected logic-op to be one of {', '.join(COMPARISONS)}")
    return COMPARISONS[name]


_COMMON: dict[str, Callable[[Any], Filter]] = {
    "paths": _paths,
    "timebased": _timebased,
    "change": _change,
    "range": _range,
    "curvelog": _curvelog,
    "history": _history,
}
_READERS: Mapping[Version, Mapping[str, Callable[[Any], Filter]]] = MappingProxyType(
    {
        2: {**_COMMON, "static-metadata": _static_metadata, "dynamic-metadata": _dynamic_metadata},
        3: {**_COMMON, "metadata": _metadata},
    }
)

"""The battery passport of a part: facts in the properties of the Catena-X battery pass, unknowns left out."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from renkei.errors import InputError
from renkei.facts import Fact, fact_keys
from renkei.parts import Part
from renkei.units import conversion, exact

MODEL = "urn:samm:io.catenax.battery.battery_pass:6.0.0#BatteryPass"

_KINDS = ("battery-module", "battery-pack")
_UUID = re.compile(r"(urn:uuid:)?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Passport(NamedTuple):
    """`content`: JSON of the aspect. `missing`: single properties that the model requires and nobody has stated."""

    content: dict[str, Any]
    missing: tuple[str, ...]


class Property(NamedTuple):
    """`fact` fills it, in `unit`; `constant` is written instead where the fact is known."""

    path: str
    type: str
    required: bool
    fact: str
    unit: str
    constant: str


def battery_passport(part: Part) -> Passport:
    """What is known of a battery module or pack in the form of the battery pass; raises InputError for another kind.

    Every property that is written has the type that the model asks for. A passport is complete when nothing is missing;
    properties in lists, such as documents, are not counted.
    """
    if part.kind not in _KINDS:
        raise InputError(f"{part.id} is of kind {part.kind}; only a {' or '.join(_KINDS)} has a battery passport")
    content: dict[str, Any] = {"metadata": {"status": "draft"}}
    missing: list[str] = []
    for p in properties():
        value = _value(p, part.facts)
        if value is not None:
            _put(content, p.path.split("."), value)
        elif p.required:
            missing.append(p.path)
    code = [{"key": "renkei", "value": part.id}]
    content.setdefault("identification", {}).setdefault("identification", {})["codes"] = code
    return Passport(content, tuple(missing))


@cache
def properties() -> tuple[Property, ...]:
    """The properties of data/passport/battery-pass.csv."""
    text = (files("renkei") / "data/passport/battery-pass.csv").read_text(encoding="utf-8")
    return tuple(
        Property(r["property"], r["type"], r["required"] == "yes", r["fact"], r["unit"], r["constant"])
        for r in csv.DictReader(text.splitlines())
    )


def _value(p: Property, facts: Mapping[str, Fact]) -> Any:
    fact = facts.get(p.fact)
    if fact is None:
        return None
    if p.constant:
        return p.constant
    if p.type == "number":
        assert isinstance(fact.value, int | float)
        scale, offset = conversion(fact_keys()[p.fact].unit, p.unit or None)
        number = exact(fact.value) * scale + offset
        return int(number) if number.denominator == 1 else float(number)
    if p.fact == "passport_id" and not _UUID.fullmatch(str(fact.value)):
        return None
    return str(fact.value)


def _put(content: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        content = content.setdefault(name, {})
    content[path[-1]] = value

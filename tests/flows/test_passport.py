"""Battery passports: what is known stands where the battery pass wants it, in its unit; what is unknown is left out."""

import re

import pytest

from renkei.catalogue import Catalogue
from renkei.errors import InputError
from renkei.facts import Fact, fact_keys
from renkei.flows.passport import battery_passport, properties
from renkei.units import conversion

ALL = Catalogue()
BATTERIES = [p for p in map(ALL.part, ALL.parts) if p.kind in ("battery-module", "battery-pack")]


def leaves(content, path=()):
    for name, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield ".".join((*path, name)), value


def test_a_pack_as_a_passport():
    content = battery_passport(ALL.part("bmw/i3-60ah-pack")).content
    assert content["performance"]["rated"] == {
        "voltage": {"min": 259, "max": 396, "nominal": 360}, "energy": {"value": 21.8}, "power": {"value": 147_000},
    }  # fmt: skip
    assert content["characteristics"]["physicalDimension"]["weight"] == {"value": 233, "unit": "unit:kilogram"}
    assert content["characteristics"]["physicalDimension"]["length"] == {"value": 1584, "unit": "unit:millimetre"}
    assert content["identification"]["identification"]["codes"] == [{"key": "renkei", "value": "bmw/i3-60ah-pack"}]


@pytest.mark.parametrize("part", BATTERIES, ids=lambda p: p.id)
def test_every_property_has_the_type_that_the_model_asks_for_and_none_is_empty(part):
    known = {p.path: p.type for p in properties()} | {"metadata.status": "string"}
    right = {"string": str, "number": (int, float), "boolean": bool}
    made = battery_passport(part)
    for path, value in leaves(made.content):
        if path != "identification.identification.codes":
            assert isinstance(value, right[known[path]]), path
            assert value not in ("", None)
    assert not {path for path, _ in leaves(made.content)} & set(made.missing)


def test_what_is_required_and_unknown_is_counted():
    made = battery_passport(ALL.part("tesla/model-3-y-window-1"))
    assert "identification.chemistry" in made.missing
    assert "performance.rated.voltage.nominal" in made.missing
    assert "performance.rated.voltage.min" not in made.missing
    assert "identification" in made.content
    assert "category" not in made.content["identification"]


def test_every_property_is_filled_by_a_fact_that_exists_and_converts():
    for p in properties():
        if p.fact:
            assert p.fact in fact_keys()
            assert conversion(fact_keys()[p.fact].unit, p.unit or None)[1] == 0
        assert re.fullmatch(r"[\w.]+", p.path)


def test_an_identifier_that_is_none_is_left_out():
    part = ALL.part("nissan/leaf-40-pack")
    right = "urn:uuid:8cb5d2b5-9d4a-4e0c-8f3e-6f0e5a1f2b3c"
    for value, kept in ((right, right), ("12", None)):
        facts = dict(part.facts) | {"passport_id": Fact(value, ("book",), "published")}
        made = battery_passport(type(part)(part.id, part.kind, part.name, part.maker, part.file, facts))
        assert made.content["metadata"].get("passportIdentifier") == kept


def test_an_e_axle_has_no_battery_passport():
    with pytest.raises(InputError, match="nissan/em57-110-e-axle is of kind e-axle"):
        battery_passport(ALL.part("nissan/em57-110-e-axle"))

"""The registry of facts: every key has a group, a meaning and a unit that exists; misspelt ones find the nearest."""

import pytest

from renkei.errors import UnknownName
from renkei.facts import GROUPS, KINDS, PART_KINDS, fact_key, fact_keys, keys_of
from renkei.units import unit

TYPES = {"number", "integer", "boolean", "text", "choice", "list", "curve", "grid"}


@pytest.mark.parametrize("key", fact_keys().values(), ids=lambda key: key.name)
def test_a_key_says_what_it_means(key):
    assert key.type in TYPES
    assert key.group in GROUPS
    assert key.meaning.endswith(".")
    assert key.kinds
    assert set(key.kinds) <= set(KINDS)
    for name in filter(None, [key.unit, *key.columns.values()]):
        assert unit(name)
    assert bool(key.choices) == (key.type == "choice")
    assert bool(key.columns) == (key.type in ("curve", "grid"))


def test_a_battery_module_an_e_axle_and_a_vehicle_can_state_facts_of_every_group():
    for kind in ("battery-module", "e-axle"):
        assert {key.group for key in keys_of(kind)} == set(GROUPS)
    assert {key.group for key in (*keys_of("vehicle"), *keys_of("slot"))} == set(GROUPS)


def test_keys_come_in_the_order_of_the_groups():
    groups = [key.group for key in fact_keys().values()]
    assert groups == sorted(groups)


def test_every_kind_of_part_has_a_mass():
    assert set(PART_KINDS) <= set(fact_key("mass").kinds)


def test_a_misspelt_key_gives_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown fact 'voltage_mx'; did you mean 'voltage_max'\?"):
        fact_key("voltage_mx")


def test_a_range_is_read_from_its_text():
    assert (fact_key("mass").above, fact_key("mass").lowest, fact_key("mass").highest) == (0, None, None)
    assert (fact_key("quiescent_current").lowest, fact_key("quiescent_current").above) == (0, None)
    assert (fact_key("soc_min").lowest, fact_key("soc_min").highest) == (0, 100)

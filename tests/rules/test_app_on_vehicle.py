"""Rules for an app on a vehicle, each shown by what it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from renkei.app import App, Need, scopes_of
from renkei.rules.app_on_vehicle import Offered, app_on_vehicle
from renkei.rules.register import RULES

SPEED, CHARGE, LIGHT = "Vehicle.Speed", "Vehicle.Charge", "Vehicle.Light"


def _app(requires=(), uses=(), actuates=()) -> App:
    needs = [{n.path: n for n in group} for group in (requires, uses, actuates)]
    return App("one", "One", Path("one.toml"), "one.py", *needs)


def _offers(*offered: Offered) -> dict[str, Offered]:
    return {o.path: o for o in offered}


def _offered(path: str, unit="km/h", rate_hz=50.0, access="broadcast", settable="no") -> Offered:
    return Offered(path, unit, rate_hz, access, settable, "MESSAGE.SIGNAL", ("book",), "published")


def _found(app: App, offers) -> dict[tuple[str, str], str]:
    return {(f.rule, f.about): f.level for f in app_on_vehicle(app, "acme/one", offers, "6.0").findings}


def test_a_required_signal_that_is_missing_breaks_and_a_used_one_degrades():
    app = _app(requires=[Need(SPEED)], uses=[Need(CHARGE)])
    assert _found(app, {}) == {("app-signal", SPEED): "break", ("app-signal", CHARGE): "degrade"}


def test_a_car_that_offers_all_is_ok():
    app = _app(requires=[Need(SPEED, "km/h", 10)])
    assert app_on_vehicle(app, "acme/one", _offers(_offered(SPEED)), "6.0").level == "ok"


def test_of_a_car_whose_buses_nobody_has_mapped_nothing_is_known():
    verdict = app_on_vehicle(_app(requires=[Need(SPEED)], actuates=[Need(LIGHT)]), "acme/one", None, "6.0")
    assert {f.level for f in verdict.findings} == {"unknown"}


def test_what_can_only_be_set_is_not_there_to_be_read():
    app = _app(requires=[Need(LIGHT)])
    assert _found(app, _offers(_offered(LIGHT, None, access="set only"))) == {("app-signal", LIGHT): "break"}


def test_a_rate_that_is_too_low_breaks_a_required_signal_and_names_both_rates():
    app = _app(requires=[Need(SPEED, rate_hz=10)])
    verdict = app_on_vehicle(app, "acme/one", _offers(_offered(SPEED, rate_hz=2)), "6.0")
    limit = verdict.first_limit
    assert (limit.rule, limit.required, limit.provided, limit.unit) == ("app-rate", 10, 2, "Hz")


def test_a_rate_that_is_not_known_is_unknown_and_what_is_fixed_needs_none():
    app = _app(requires=[Need(SPEED, rate_hz=1)])
    assert _found(app, _offers(_offered(SPEED, rate_hz=None)))["app-rate", SPEED] == "unknown"
    assert ("app-rate", SPEED) not in _found(app, _offers(_offered(SPEED, rate_hz=None, access="fixed")))


def test_units_that_convert_are_ok_and_those_of_another_quantity_break():
    assert _found(_app(requires=[Need(SPEED, "m/s")]), _offers(_offered(SPEED)))["app-unit", SPEED] == "ok"
    assert _found(_app(requires=[Need(SPEED, "V")]), _offers(_offered(SPEED)))["app-unit", SPEED] == "break"
    assert _found(_app(uses=[Need(SPEED, "V")]), _offers(_offered(SPEED)))["app-unit", SPEED] == "degrade"


def test_a_unit_for_a_signal_that_has_none_breaks():
    assert _found(_app(requires=[Need(LIGHT, "V")]), _offers(_offered(LIGHT, None)))["app-unit", LIGHT] == "break"


def test_an_actuator_is_ok_by_a_command_unknown_by_a_report_and_else_breaks():
    app = _app(actuates=[Need(LIGHT)])
    levels = [_found(app, _offers(_offered(LIGHT, None, settable=s))) for s in ("command", "report", "no")]
    assert [found["app-actuator", LIGHT] for found in levels] == ["ok", "unknown", "break"]
    assert _found(app, {}) == {("app-actuator", LIGHT): "break"}


def test_findings_rest_on_the_source_of_the_row():
    verdict = app_on_vehicle(_app(requires=[Need(SPEED)]), "acme/one", _offers(_offered(SPEED)), "6.0")
    ground = verdict.findings[0].facts[0]
    assert ("MESSAGE.SIGNAL" in ground.value, ground.source, ground.confidence) == (True, ("book",), "published")


def test_scopes_allow_what_the_manifest_names_and_no_more():
    app = _app(requires=[Need(SPEED)], uses=[Need(CHARGE)], actuates=[Need(LIGHT)])
    assert scopes_of(app) == (f"actuate:{LIGHT}", f"read:{CHARGE}", f"read:{LIGHT}", f"read:{SPEED}")


def test_every_rule_has_a_manual_page():
    for rule in RULES.values():
        assert rule.manual.count("\n") >= 2, rule.id


@pytest.mark.parametrize(
    ("unit", "served", "level"), [("km/h", "5.0", "ok"), (None, "6.0.1", "ok"), (None, "5.0", "unknown")]
)
def test_in_another_version_of_the_vocabulary_only_a_signal_with_a_named_unit_is_understood(unit, served, level):
    app = replace(_app(requires=[Need(SPEED, unit)]), vocabulary="6.0")
    findings = app_on_vehicle(app, "acme/one", _offers(_offered(SPEED)), served).findings
    (found,) = (f for f in findings if f.rule == "app-vocabulary")
    assert (found.level, found.required, found.provided) == (level, "6.0", served)
    assert (SPEED in found.message) == (level == "unknown")


def test_an_app_that_names_no_version_is_not_judged_by_it():
    findings = app_on_vehicle(_app(requires=[Need(SPEED)]), "acme/one", _offers(_offered(SPEED)), "5.0").findings
    assert "app-vocabulary" not in {f.rule for f in findings}

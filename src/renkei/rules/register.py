"""Every rule by its id, in the order in which rules are asked: by group, and within one by what binds first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from renkei.errors import UnknownName
from renkei.rules import app_on_vehicle as app
from renkei.rules import body, current, driving, electrical, identity, messages, power, signals, statements, voltage
from renkei.rules.rule import Rule

PART_RULES: tuple[Rule, ...] = (
    identity.place, identity.identity, identity.registration, identity.motor_interface, identity.generation,
    identity.software_version, identity.vocabulary_version, identity.calibration, identity.resolver,
    identity.known_rating,
    voltage.layout, voltage.voltage_window, voltage.series_count, voltage.cell_voltage, electrical.precharge,
    current.contactors, electrical.insulation, electrical.low_voltage_supply, electrical.energy,
    electrical.resistance, power.ac_charging,
    current.peak_current, power.peak_power, current.continuous_power, power.power_when_cold_or_empty,
    current.charge_and_regeneration, power.limit_signals, power.dc_charging, driving.drive_train, driving.losses,
    body.cooling, body.heat, body.venting,
    body.mass, body.envelope, body.mounting, body.connectors, body.road_load,
    messages.protocol, messages.messages_to_part, messages.messages_to_host, messages.message_timing,
    messages.message_checks,
    signals.message_meaning, signals.signal_unit, signals.signal_scale, signals.signal_sign, signals.signal_values,
    signals.signal_definition,
    statements.state_machine, statements.diagnostics, statements.safety, statements.approval, statements.life_cycle,
    statements.provenance,
    driving.driving,
)  # fmt: skip

APP_RULES: tuple[Rule, ...] = (
    Rule("app-vocabulary", "A", (), app.app_vocabulary),
    Rule("app-signal", "F", (), app.app_signal),
    Rule("app-unit", "F", (), app.app_unit),
    Rule("app-rate", "F", (), app.app_rate),
    Rule("app-actuator", "F", (), app.app_actuator),
)

RULES: Mapping[str, Rule] = {rule.id: rule for rule in (*PART_RULES, *APP_RULES)}


def rule_named(name: str) -> Rule:
    """The rule with that id; raises UnknownName with the nearest."""
    try:
        return RULES[name]
    except KeyError:
        raise UnknownName("rule", name, RULES, "('renkei list rules' shows all)") from None


@cache
def rule_of(fact: str) -> Rule | None:
    """The rule that judges limits and clauses on a fact; None where nobody wrote one."""
    return next((rule for rule in PART_RULES if fact in rule.keys), None)

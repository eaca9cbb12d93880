"""Every rule by its id; the docstring of the function is its manual page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from renkei.fit.app_on_vehicle import app_actuator, app_rate, app_signal, app_unit

RULES: Mapping[str, Callable[..., Any]] = {
    "app-signal": app_signal,
    "app-unit": app_unit,
    "app-rate": app_rate,
    "app-actuator": app_actuator,
}

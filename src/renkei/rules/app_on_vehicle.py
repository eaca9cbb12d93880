"""Rules for an app on a vehicle: is each signal that it names there, in its unit, often enough, and can it be set?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple

from renkei.app import App, Need
from renkei.errors import InputError
from renkei.rules.finding import Finding, Ground, Level, Verdict
from renkei.units import conversion

Weight = Literal["requires", "uses", "actuates"]
"""How an app names a signal: what fails without it follows from that."""


class Offered(NamedTuple):
    """A signal that a vehicle offers. `rate_hz` None: not stated; infinite: fixed in this car.

    `access`: broadcast, on request, fixed, set only. `settable`: by a "command", by sending the car's own "report", no.
    """

    path: str
    unit: str | None
    rate_hz: float | None
    access: str
    settable: str
    origin: str
    source: tuple[str, ...]
    confidence: str

    @property
    def ground(self) -> Ground:
        return Ground(f"{self.path} from {self.origin}", self.source, self.confidence)


Offers = Mapping[str, Offered]


def app_on_vehicle(app: App, vehicle: str, offers: Offers | None, vocabulary: str) -> Verdict:
    """What an app will meet in a vehicle, signal by signal; `offers` None: nobody has mapped its buses.

    `vocabulary`: the version of VSS that the vehicle is served in.
    """
    named = [("requires", n) for n in app.requires.values()]
    named += [("uses", n) for n in app.uses.values()] + [("actuates", n) for n in app.actuates.values()]
    found = [*app_vocabulary(app, offers, vocabulary)]
    for weight, need in named:
        found += judged(need, weight, offers)  # type: ignore[arg-type]
    return Verdict(app.id, vehicle, tuple(found))


def judged(need: Need, weight: Weight, offers: Offers | None) -> Iterator[Finding]:
    """What all rules find of one signal; where it is not there, nothing more is asked of it."""
    if offers is None:
        yield Finding("app-signal", "unknown", need.path, need.path, None, None,
                      "nobody has mapped the buses of this car")  # fmt: skip
        return
    offered = offers.get(need.path)
    for rule in _RULES:
        if finding := rule(need, weight, offered):
            yield finding
            if offered is None:
                return


def app_vocabulary(app: App, offers: Offers | None, served: str) -> Iterator[Finding]:
    """An app must mean by a path what the vehicle means, so it must know in which version of VSS that is.

    VSS 5.0 has the distance travelled in km and VSS 6.0 in m, under one path. Judged where the manifest names the
    version that the app was written for. In another one, a signal whose unit the manifest names comes in that unit all
    the same; of one that it takes as it comes the meaning is unknown. `renkei vss diff` names what changed.
    """
    if app.vocabulary is None:
        return
    needs = {path: need for group in (app.requires, app.uses, app.actuates) for path, need in group.items()}
    bare = [path for path, need in needs.items() if need.unit is None and _has_unit(offers, path)]
    same = served.split(".")[:2] == app.vocabulary.split(".")[:2]
    said = "the version that it was written for" if same else "every signal names its unit"
    if bare and not same:
        said = f"names no unit: {', '.join(bare)}"
    level: Level = "unknown" if bare and not same else "ok"
    yield Finding("app-vocabulary", level, "vocabulary", app.vocabulary, served, None, said)


def _has_unit(offers: Offers | None, path: str) -> bool:
    return offers is not None and path in offers and offers[path].unit is not None


def app_signal(need: Need, weight: Weight, offered: Offered | None) -> Finding | None:
    """The car must offer every signal that the app requires.

    A required signal that the map of the car does not have breaks the app: it would wait for ever. One that it would
    only use degrades it. Actuators have a rule of their own.
    """
    if weight == "actuates":
        return None
    if offered is None or offered.access == "set only":
        said = "the car takes it and does not report it" if offered else "not in the map of this car"
        return _finding("app-signal", _otherwise(weight), need, None, None, said, offered)
    said = f"fixed in this car: {offered.origin}" if offered.access == "fixed" else f"from {offered.origin}"
    return _finding("app-signal", "ok", need, offered.path, None, said, offered)


def app_unit(need: Need, weight: Weight, offered: Offered | None) -> Finding | None:
    """A unit that the app names must convert exactly to that of VSS.

    The app is then given every value in its own unit. A unit of another quantity breaks the app, or degrades it where
    it would only use the signal: its numbers would mean nothing. What is not named is given in the unit of VSS.
    """
    if need.unit is None or offered is None:
        return None
    try:
        if offered.unit is None:
            raise InputError(f"the signal has no unit, so none converts to {need.unit}")
        conversion(offered.unit, need.unit)
    except InputError as e:
        return _finding("app-unit", _otherwise(weight), need, offered.unit, None, str(e), offered, need.unit)
    how = "the same unit" if offered.unit == need.unit else f"{offered.unit} is converted to {need.unit}"
    return _finding("app-unit", "ok", need, offered.unit, None, how, offered, need.unit)


def app_rate(need: Need, weight: Weight, offered: Offered | None) -> Finding | None:
    """The car must say a signal at least as often as the app needs it.

    The rate is that of the message that carries the signal. Where the map does not state it, or the signal comes only
    when it is asked for, it is unknown. What is fixed in a car is always at hand.
    """
    if need.rate_hz is None or weight == "actuates" or offered is None or offered.access in ("set only", "fixed"):
        return None
    rate, asked = offered.rate_hz, need.rate_hz
    if rate is None:
        why = "it comes only when asked for" if offered.access == "on request" else "its rate is not known"
        return _finding("app-rate", "unknown", need, None, "Hz", why, offered, asked)
    level = "ok" if rate >= asked else _otherwise(weight)
    said = "often enough" if level == "ok" else f"{rate:.3g} Hz is less than {asked:.3g} Hz"
    return _finding("app-rate", level, need, rate, "Hz", said, offered, asked)


def app_actuator(need: Need, weight: Weight, offered: Offered | None) -> Finding | None:
    """What the app sets the car must carry out.

    A message that commands the actuator is enough. Where only the report is known with which the car itself says its
    state, sending it contradicts the car, and whether it obeys is unknown. Nothing at all breaks the app.
    """
    if weight != "actuates":
        return None
    settable = offered.settable if offered else "no"
    level, said = _SETTABLE[settable]
    return _finding("app-actuator", level, need, settable, None, said, offered, "command")


_SETTABLE: dict[str, tuple[Level, str]] = {
    "command": ("ok", "the car takes a command for it"),
    "report": ("unknown", "only the car's own report is known: a real car seldom obeys it"),
    "no": ("break", "nothing in the map of this car carries it out"),
}

_RULES: tuple[Callable[[Need, Weight, Offered | None], Finding | None], ...] = (
    app_signal, app_actuator, app_unit, app_rate,
)  # fmt: skip


def _otherwise(weight: Weight) -> Level:
    return "degrade" if weight == "uses" else "break"


def _finding(
    rule: str,
    level: Level,
    need: Need,
    provided: object,
    unit: str | None,
    message: str,
    offered: Offered | None,
    required: object = None,
) -> Finding:
    facts = (offered.ground,) if offered else ()
    return Finding(rule, level, need.path, required or need.path, provided, unit, message, facts)

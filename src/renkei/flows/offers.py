"""What a car offers: the signals that apps can read, with unit, rate and where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from renkei.can.actuate import carriers
from renkei.can.plan import PlanMessage, PlanRow, SetAside
from renkei.facts import Fact
from renkei.flows.plans import plan_of
from renkei.vehicle import Vehicle
from renkei.vocabulary import Signal, Vocabulary


class Offer(NamedTuple):
    """`rate_hz` None: not stated; on request: asked for by diagnostics; fixed: an attribute of this car.

    `access` is "set only" for what the car does not report. `settable` on the live car: "command", by the messages
    `set_with`, which command it; "report", by sending what otherwise the car itself reports with; "no".
    `settable_virtual`: apps can set it where the car is simulated.
    """

    signal: str
    type: str
    datatype: str
    unit: str | None
    rate_hz: float | None
    bus: str | None
    origin: str | None
    access: str
    settable: str
    set_with: str | None
    confidence: str
    source: tuple[str, ...]
    note: str | None
    description: str
    settable_virtual: bool = False

    @property
    def settable_text(self) -> str:
        return {"command": f"yes, by {self.set_with}", "report": f"by its report {self.set_with}"}.get(
            self.settable, "no"
        )

    @property
    def virtual_text(self) -> str:
        return "settable" if self.settable_virtual else ""

    @property
    def rate_text(self) -> str:
        if self.access != "broadcast":
            return self.access
        return f"{self.rate_hz:.3g} Hz" if self.rate_hz else "?"


_Carrier = tuple[PlanMessage, PlanRow]


def offers(vehicle: Vehicle, vocabulary: Vocabulary | None = None) -> tuple[list[Offer], tuple[SetAside, ...]]:
    """The signals of a car, sorted by path; what a chosen vocabulary lacks is set aside."""
    plan = plan_of(vehicle.map, vocabulary)
    found: dict[str, list[_Carrier]] = {}
    for message in (*plan.messages, *plan.answers):
        for row in (*message.rows, *message.commands):
            found.setdefault(row.signal.path, []).append((message, row))
    carried = [_offer(several, carriers(plan, several[0][1].signal)) for several in found.values()]
    attributes = [fixed(plan.vocabulary[p], fact) for p, fact in vehicle.attributes.items() if p in plan.vocabulary]
    return sorted([*carried, *attributes], key=lambda o: o.signal), plan.set_aside


def _offer(known: list[_Carrier], setting: list[_Carrier]) -> Offer:
    s = known[0][1].signal
    said = [(m, r) for m, r in known if not r.row.command]
    rates = [1e9 / message.cycle_ns for message, _ in said if message.cycle_ns]
    access = "set only" if not said else "on request" if said[0][0].prefix else "broadcast"
    settable = "no" if not setting else "command" if setting[0][1].row.command else "report"
    return Offer(
        s.path, s.kind, s.datatype, s.unit, max(rates, default=None), _joined(m.bus for m, _ in known),
        _joined(f"{m.name}.{r.row.signal}" for m, r in said) or None, access, settable,
        _joined(f"{m.bus}.{m.name}" for m, _ in setting) or None,
        max((r.row.confidence for _, r in known), key=("recorded", "published", "disputed").index),
        tuple(dict.fromkeys(key for _, r in known for key in r.row.source)),
        next((r.row.note for _, r in known if r.row.note), None), s.description,
    )  # fmt: skip


def fixed(s: Signal, fact: Fact) -> Offer:
    """An attribute of a car."""
    return Offer(
        s.path, s.kind, s.datatype, s.unit, None, None, str(fact.value), "fixed", "no", None, fact.confidence,
        fact.source, None, s.description,
    )  # fmt: skip


def _joined(names: Iterable[str]) -> str:
    several = list(dict.fromkeys(names))
    return ", ".join(several) if len(several) < 4 else f"{several[0]} and {len(several) - 1} more"

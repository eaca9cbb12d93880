"""What a car offers: the signals that apps can read, with unit, rate and where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from renkei.can.plan import PlanMessage, PlanRow, SetAside
from renkei.facts import Fact
from renkei.flows.plans import plan_of
from renkei.vehicle import Vehicle
from renkei.vocabulary import Signal, Vocabulary


class Offer(NamedTuple):
    """`rate_hz` None: not stated; on request: asked for by diagnostics; fixed: an attribute of this car."""

    signal: str
    type: str
    datatype: str
    unit: str | None
    rate_hz: float | None
    bus: str | None
    origin: str
    access: str
    confidence: str
    source: tuple[str, ...]
    note: str | None
    description: str

    @property
    def rate_text(self) -> str:
        if self.access != "broadcast":
            return self.access
        return f"{self.rate_hz:.3g} Hz" if self.rate_hz else "?"


def offers(vehicle: Vehicle, vocabulary: Vocabulary | None = None) -> tuple[list[Offer], tuple[SetAside, ...]]:
    """The signals of a car, sorted by path; what a chosen vocabulary lacks is set aside."""
    plan = plan_of(vehicle.map, vocabulary)
    found: dict[str, list[tuple[PlanMessage, PlanRow]]] = {}
    for message in (*plan.messages, *plan.answers):
        for row in message.rows:
            found.setdefault(row.signal.path, []).append((message, row))
    carried = [_offer(carriers) for carriers in found.values()]
    fixed = [_fixed(plan.vocabulary[p], fact) for p, fact in vehicle.attributes.items() if p in plan.vocabulary]
    return sorted([*carried, *fixed], key=lambda o: o.signal), plan.set_aside


def _offer(carriers: list[tuple[PlanMessage, PlanRow]]) -> Offer:
    s = carriers[0][1].signal
    rates = [1e9 / message.cycle_ns for message, _ in carriers if message.cycle_ns]
    access = "on request" if carriers[0][0].prefix else "broadcast"
    return Offer(
        s.path, s.kind, s.datatype, s.unit, max(rates, default=None), _joined(m.bus for m, _ in carriers),
        _joined(f"{m.name}.{r.row.signal}" for m, r in carriers), access,
        max((r.row.confidence for _, r in carriers), key=("recorded", "published", "disputed").index),
        tuple(dict.fromkeys(key for _, r in carriers for key in r.row.source)),
        next((r.row.note for _, r in carriers if r.row.note), None), s.description,
    )  # fmt: skip


def _fixed(s: Signal, fact: Fact) -> Offer:
    return Offer(
        s.path, s.kind, s.datatype, s.unit, None, None, str(fact.value), "fixed", fact.confidence, fact.source, None,
        s.description,
    )  # fmt: skip


def _joined(names: Iterable[str]) -> str:
    several = list(dict.fromkeys(names))
    return ", ".join(several) if len(several) < 4 else f"{several[0]} and {len(several) - 1} more"

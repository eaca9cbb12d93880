"""The latest value and target of every signal of every vehicle, who watches, who carries out; one event loop owns it.

Physical values from cars meet their signal's wire type here and nowhere else. No wire format here.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from renkei.broker.claims import Actuation, ActuatorClaim, Claim, Hold, SignalClaim
from renkei.broker.datapoint import Changes, Datapoint, Quality
from renkei.broker.past import Past
from renkei.broker.watcher import Watcher
from renkei.errors import Claimed, Held, NoCarrier, NotActuator, TooLate, UnknownName, ValueRefused
from renkei.samples import INVALID, STALE
from renkei.vocabulary import FLOAT32_MAX, INTEGERS, Signal, Value, Vocabulary

__all__ = ["HOLD_NS", "Broker", "Changes", "Datapoint", "Quality", "Update", "Watcher"]

Update = tuple[int, Any, int]
"""Index of a signal, its physical value, time at its source in ns since 1970.

In place of a value None says that it is not available, and INVALID and STALE of `renkei.samples` say so of it.
"""
HOLD_NS = 5_000_000_000
"""So long after its last actuation a client with a priority holds an actuator against those with a lower one."""


class Broker:
    """Latest values of several vehicles over one vocabulary. Every method may raise UnknownName for the vehicle."""

    def __init__(
        self, vocabulary: Vocabulary, vehicles: Iterable[str], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.vocabulary = vocabulary
        self._now_ns = now_ns
        self._wires = [_wire(s) for s in vocabulary.signals]
        self._checks = [_check(s) for s in vocabulary.signals]
        self._static = [s.kind == "attribute" for s in vocabulary.signals]
        presumed = _Presumed(vocabulary, now_ns())
        self._vehicles = {v: _Vehicle(presumed) for v in vehicles}

    @property
    def vehicles(self) -> tuple[str, ...]:
        return tuple(self._vehicles)

    def publish(
        self, vehicle: str, updates: Iterable[Update], claim: Claim | None = None, source: str | None = None
    ) -> None:
        """Store a batch of physical values and notify each watcher once; `source` names who says it, else the claim.

        A value that its signal refuses, or that another one than `claim` has the right to publish, is counted in
        `refused` and not stored. An attribute notifies only when its value is new; of two updates of one signal in a
        batch the last one stands.
        """
        state = self._state(vehicle)
        latest, sources, now_ns, changes = state.latest, state.sources, self._now_ns(), {}
        said_by, keep = _named(source, claim), state.past.keep
        for index, value, t_source_ns in updates:
            why_none: Quality = "not available"
            if sources and sources.get(index, claim) is not claim:
                state.refused[self.vocabulary.signals[index].path, "claimed"] += 1
                continue
            if value is not None:
                try:
                    value = self._wires[index](value)
                except ValueRefused as refused:
                    if value is not STALE and value is not INVALID:
                        state.refused[refused.path, refused.why] += 1
                        continue
                    value, why_none = None, "stale" if value is STALE else "invalid"
            before = latest[index]
            if self._static[index] and value == before.value:
                continue
            keep(index, before)
            changes[index] = latest[index] = Datapoint(value, t_source_ns, now_ns, said_by, why_none)
        state.notify(changes)

    def put(
        self,
        vehicle: str,
        index: int,
        value: Value | None,
        t_source_ns: int | None = None,
        claim: Claim | None = None,
        source: str | None = None,
    ) -> None:
        """Store one value that came over a door in its wire type; raises ValueRefused, and Claimed for another's claim.

        None (not available) is always taken; without `t_source_ns` the time of receipt stands for it.
        """
        for refused in self.put_all(vehicle, [(index, value, t_source_ns)], claim, source).values():
            raise refused

    def put_all(
        self,
        vehicle: str,
        updates: Iterable[tuple[int, Value | None, int | None]],
        claim: Claim | None = None,
        source: str | None = None,
    ) -> dict[int, ValueRefused | Claimed]:
        """Store values as `put` does and notify each watcher once; what was refused, by index."""
        state, now_ns, said_by = self._state(vehicle), self._now_ns(), _named(source, claim)
        changes: dict[int, Datapoint] = {}
        refused: dict[int, ValueRefused | Claimed] = {}
        for index, value, t_source_ns in updates:
            try:
                if state.sources.get(index, claim) is not claim:
                    raise Claimed(self.vocabulary.signals[index].path)
                if value is not None:
                    value = self._checks[index](value)
            except (ValueRefused, Claimed) as e:
                refused[index] = e
                continue
            before = state.latest[index]
            if not (self._static[index] and value == before.value):
                state.past.keep(index, before)
                t_ns = now_ns if t_source_ns is None else t_source_ns
                changes[index] = state.latest[index] = Datapoint(value, t_ns, now_ns, said_by)
        state.notify(changes)
        return refused

    def latest(self, vehicle: str, index: int) -> Datapoint:
        return self._state(vehicle).latest[index]

    def past(self, vehicle: str, index: int, since_ns: int) -> list[Datapoint]:
        """What a signal was since a time of receipt (ns since 1970), oldest first, without what it is now."""
        return self._state(vehicle).past.since(index, since_ns)

    def refused(self, vehicle: str) -> Counter[tuple[str, str]]:
        """How many published values were refused, by path and reason (type, range, allowed)."""
        return self._state(vehicle).refused

    def watch(self, vehicle: str, watcher: Watcher) -> None:
        state = self._state(vehicle)
        state.watchers.append(watcher)
        state.tell_interest(watcher.indices)

    def unwatch(self, vehicle: str, watcher: Watcher) -> None:
        """Forget a watcher; what it lost stays counted in `dropped`."""
        state = self._state(vehicle)
        state.watchers.remove(watcher)
        state.dropped += watcher.dropped
        state.tell_interest(watcher.indices)

    def watch_targets(self, vehicle: str, watcher: Watcher, carries: bool = False) -> None:
        """Tell a watcher of targets; one that `carries` stands for a carrier where an actuator has no other."""
        self._state(vehicle).target_watchers[watcher] = carries

    def unwatch_targets(self, vehicle: str, watcher: Watcher) -> None:
        state = self._state(vehicle)
        del state.target_watchers[watcher]
        state.dropped += watcher.dropped

    def watchers(self, vehicle: str) -> tuple[Watcher, ...]:
        return tuple(self._state(vehicle).watchers)

    def dropped(self, vehicle: str) -> int:
        """Values that slow readers never saw, over all watchers there were."""
        state = self._state(vehicle)
        return state.dropped + sum(w.dropped for w in [*state.watchers, *state.target_watchers])

    def claim_actuators(
        self, vehicle: str, indices: Iterable[int], carry: Callable[[Sequence[Actuation]], None]
    ) -> ActuatorClaim:
        """Become the carrier of actuators; raises Claimed when one of them has a carrier, and NotActuator.

        `carry` gets one batch for each call of `actuate`, asks each Actuation to `take` right before it acts, and
        finishes it when it knows how it ended. A release ends what still runs as unknown.
        """
        claim = ActuatorClaim(self._state(vehicle).carriers, self._actuator, carry)
        claim.extend(indices)
        return claim

    def claim_signals(
        self,
        vehicle: str,
        indices: Iterable[int],
        on_interest: Callable[[Mapping[int, int | None]], object] | None = None,
        by: str = "",
    ) -> SignalClaim:
        """The exclusive right to publish signals, by giving the claim to `publish` or `put`; raises Claimed.

        `by` names the source of what is published so. On release the values become not available.
        """
        state = self._state(vehicle)
        claim = SignalClaim(
            state.sources, self._signal, state.interval_ns, on_interest, partial(self._invalidate, vehicle, by)
        )
        claim.by = by
        claim.extend(indices)
        return claim

    def actuate(
        self,
        vehicle: str,
        targets: Iterable[tuple[int, Value]],
        *,
        deadline_ns: int | None = None,
        by: str = "",
        priority: int = 0,
        needs_carrier: bool = True,
    ) -> list[Actuation]:
        """Record targets, tell who watches them, hand one batch to each carrier; checks all before it does anything.

        `deadline_ns` (ns since 1970) is when an Actuation dies that nobody has begun. Where a target needs no carrier
        and has none, or its carrier only watches targets, the Actuation ends as unknown at once. Who has a `priority`
        above 0 holds its actuators for HOLD_NS: others with a lower one are refused, and what they asked for before and
        nobody has begun is ended. Raises UnknownName, NotActuator, ValueRefused, NoCarrier, Held, TooLate.
        """
        state, now_ns = self._state(vehicle), self._now_ns()
        self.expire()
        asked = [
            Actuation(i, self._actuator(i).check(value), now_ns, deadline_ns, by, priority) for i, value in targets
        ]
        for a in asked:
            path = self.vocabulary.signals[a.index].path
            if needs_carrier and not state.carries(a.index):
                raise NoCarrier(path)
            if (hold := state.holds.get(a.index)) and hold.keeps_out(a):
                raise Held(path, hold.priority, priority)
        if deadline_ns is not None and deadline_ns < now_ns:
            raise TooLate("the deadline had passed before anything was handed over")
        state.set_targets({a.index: Datapoint(a.value, now_ns, now_ns, by) for a in asked})
        if priority:
            state.hold({a.index: Hold(priority, now_ns + HOLD_NS, by) for a in asked})
        batches: dict[ActuatorClaim, list[Actuation]] = {}
        for a in asked:
            if carrier := state.carriers.get(a.index):
                batches.setdefault(carrier, []).append(a)
            else:
                a.finish("unknown", "nobody answers for this actuator")
        for carrier, batch in batches.items():
            carrier.hand_over(batch)
        return asked

    def expire(self) -> int | None:
        """End actuations whose deadline has passed; when the next deadline passes, None when there is none."""
        carriers = {c for state in self._vehicles.values() for c in state.carriers.values()}
        ahead = [a.deadline_ns for c in carriers for a in c.expire(self._now_ns()) if a.deadline_ns is not None]
        return min(ahead, default=None)

    def target(self, vehicle: str, index: int) -> Datapoint | None:
        """What an actuator was last asked for, None when it never was."""
        return self._state(vehicle).targets.get(index)

    def _invalidate(self, vehicle: str, by: str, indices: Iterable[int]) -> None:
        state, now_ns = self._state(vehicle), self._now_ns()
        known = [i for i in indices if state.latest[i].value is not None]
        changes = {i: Datapoint(None, now_ns, now_ns, by) for i in known}
        for index, point in changes.items():
            state.past.keep(index, state.latest[index])
            state.latest[index] = point
        state.notify(changes)

    def _signal(self, index: int) -> Signal:
        if not 0 <= index < len(self.vocabulary.signals):
            raise UnknownName("signal", f"number {index}", ())
        return self.vocabulary.signals[index]

    def _actuator(self, index: int) -> Signal:
        signal = self._signal(index)
        if signal.kind != "actuator":
            raise NotActuator(signal.path, signal.kind)
        return signal

    def _state(self, vehicle: str) -> _Vehicle:
        try:
            return self._vehicles[vehicle]
        except KeyError:
            raise UnknownName("vehicle", vehicle, self._vehicles) from None


class _Presumed:
    """What every vehicle begins with; kept once, for a fleet has many."""

    def __init__(self, vocabulary: Vocabulary, now_ns: int) -> None:
        self.refused: Counter[tuple[str, str]] = Counter()
        self.points = [Datapoint(self._default(s), now_ns, now_ns) for s in vocabulary.signals]

    def _default(self, signal: Signal) -> Value | None:
        # Only an attribute is known before anything was measured.
        if signal.kind != "attribute" or signal.default is None:
            return None
        try:
            return signal.check(signal.default)
        except ValueRefused as refused:
            self.refused[refused.path, refused.why] += 1
            return None


class _Vehicle:
    """What the broker keeps for one vehicle."""

    def __init__(self, presumed: _Presumed) -> None:
        self.refused = Counter(presumed.refused)
        self.latest = list(presumed.points)
        self.watchers: list[Watcher] = []
        self.dropped = 0
        self.targets: dict[int, Datapoint] = {}
        self.target_watchers: dict[Watcher, bool] = {}
        self.carriers: dict[int, ActuatorClaim] = {}
        self.sources: dict[int, SignalClaim] = {}
        self.holds: dict[int, Hold] = {}
        self.past = Past()

    def notify(self, changes: Changes) -> None:
        if changes:
            for watcher in self.watchers:
                watcher.push(changes)

    def set_targets(self, targets: Changes) -> None:
        self.targets.update(targets)
        for watcher in self.target_watchers:
            watcher.push(targets)

    def hold(self, holds: Mapping[int, Hold]) -> None:
        self.holds.update(holds)
        for index, hold in holds.items():
            if carrier := self.carriers.get(index):
                carrier.give_way(index, hold.priority)

    def carries(self, index: int) -> bool:
        """Whether somebody carries out what this actuator is asked to do."""
        return index in self.carriers or any(c and index in w.indices for w, c in self.target_watchers.items())

    def interval_ns(self, index: int) -> int | None:
        """The shortest interval at which somebody watches a signal; None when nobody does."""
        return min((w.min_interval_ns for w in self.watchers if index in w.indices), default=None)

    def tell_interest(self, indices: frozenset[int]) -> None:
        for claim in {c for i, c in self.sources.items() if i in indices}:
            claim.interest_changed(indices)


def _named(source: str | None, claim: Claim | None) -> str:
    return source if source is not None else claim.by if claim else ""


def _wire(signal: Signal) -> Callable[[Any], Value]:
    """`signal.wire`, with a short way for the plain float inside the limits that nearly every update is."""
    slow = signal.wire
    if (limits := _limits(signal)) is None:
        return slow
    low, high = limits
    if signal.scalar in INTEGERS:
        return lambda value: round(value) if type(value) is float and low <= value <= high else slow(value)
    return lambda value: value if type(value) is float and low <= value <= high else slow(value)


def _check(signal: Signal) -> Callable[[Any], Value]:
    """`signal.check`, with a short way for the plain number inside the limits."""
    slow = signal.check
    if (limits := _limits(signal)) is None:
        return slow
    low, high = limits
    plain = int if signal.scalar in INTEGERS else float
    return lambda value: value if type(value) is plain and low <= value <= high else slow(value)


def _limits(signal: Signal) -> tuple[float, float] | None:
    """Between which plain numbers all are admitted; None where there is more to a value than its limits."""
    if signal.is_array or signal.allowed is not None or signal.scalar in ("string", "boolean"):
        return None
    if signal.scalar in INTEGERS:
        low, high = _narrowed(signal, *INTEGERS[signal.scalar])
        return math.ceil(low), math.floor(high)
    widest = FLOAT32_MAX if signal.scalar == "float" else math.nextafter(math.inf, 0)
    return _narrowed(signal, -widest, widest)


def _narrowed(signal: Signal, low: float, high: float) -> tuple[float, float]:
    return (
        low if signal.minimum is None else max(low, signal.minimum),
        high if signal.maximum is None else min(high, signal.maximum),
    )

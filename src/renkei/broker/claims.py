"""Who may publish a signal, who carries an actuation out, and what became of it. No wire format, no clock here.

A carrier queues what it is given as it likes; right before it acts on an Actuation it calls `take`, so that nothing is
carried out later than it was asked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from renkei.errors import Claimed
from renkei.vocabulary import Signal, Value

State = Literal["handed over", "done", "failed", "unknown"]
End = Literal["done", "failed", "unknown"]
_MOST_RUNNING = 1000
"""Actuations that one carrier may leave without an answer; a carrier need not answer at all."""


class Actuation:
    """One value that one actuator is asked to take; it ends once, and the first end stands.

    `t_ns` is when it was asked, `deadline_ns` after when it must not be carried out, both ns since 1970; `by` says who
    asked, with which `priority`; `why` explains an end other than done.
    """

    def __init__(
        self, index: int, value: Value, t_ns: int, deadline_ns: int | None = None, by: str = "", priority: int = 0
    ) -> None:
        self.index, self.value, self.t_ns = index, value, t_ns
        self.deadline_ns, self.by, self.priority = deadline_ns, by, priority
        self.state: State = "handed over"
        self.why = ""
        self.taken = False
        self._told: list[Callable[[Actuation], object]] = []

    @property
    def ended(self) -> bool:
        return self.state != "handed over"

    def finish(self, state: End, why: str = "") -> None:
        """End it and tell those who wait; without effect when it has ended."""
        if self.ended:
            return
        self.state, self.why = state, why
        told, self._told = self._told, []
        for callback in told:
            callback(self)

    def on_end(self, callback: Callable[[Actuation], object]) -> None:
        """Call back with this Actuation when it ends, at once when it has."""
        if self.ended:
            callback(self)
        else:
            self._told.append(callback)

    def take(self, now_ns: int) -> bool:
        """True when it may be carried out now; its carrier asks right before it acts."""
        self.expire(now_ns)
        self.taken = not self.ended
        return self.taken

    def expire(self, now_ns: int) -> None:
        """End it when its deadline has passed: failed if nobody took it, unknown if its carrier has not answered."""
        if self.deadline_ns is None or now_ns <= self.deadline_ns:
            return
        if self.taken:
            self.finish("unknown", "no answer before its deadline")
        else:
            self.finish("failed", "its deadline passed before it could be carried out")


class Hold(NamedTuple):
    """An actuator that one client with a priority set a while ago, until a time in ns since 1970."""

    priority: int
    until_ns: int
    by: str

    def keeps_out(self, actuation: Actuation) -> bool:
        """Whether what this one asks for has to wait; who holds an actuator is never kept out."""
        is_holder = bool(self.by) and actuation.by == self.by
        return actuation.t_ns < self.until_ns and actuation.priority < self.priority and not is_holder


class Claim:
    """The exclusive right to some signals of one vehicle, until it is released; the broker makes it."""

    def __init__(self, taken: dict[int, Any], signal: Callable[[int], Signal]) -> None:
        self._taken, self._signal = taken, signal
        self._indices: dict[int, None] = {}
        self.released = False
        self.by = ""

    def covers(self, indices: Iterable[int]) -> bool:
        """Whether all of these are claimed."""
        return all(map(self._indices.__contains__, indices))

    @property
    def indices(self) -> tuple[int, ...]:
        """What is claimed, in the order of claiming."""
        return tuple(self._indices)

    def extend(self, indices: Iterable[int]) -> None:
        """Claim more, all or none; what is claimed already stays. Raises Claimed, UnknownName and NotActuator."""
        if self.released:
            raise ValueError("the claim was released")
        wanted = dict.fromkeys(indices)
        for index in wanted:
            signal = self._signal(index)
            if self._taken.get(index, self) is not self:
                raise Claimed(signal.path)
        new = [i for i in wanted if i not in self._indices]
        self._indices.update(dict.fromkeys(new))
        self._taken.update(dict.fromkeys(new, self))
        self._extended(new)

    def release(self) -> None:
        """Give everything back; without effect the second time."""
        if self.released:
            return
        self.released = True
        for index in self._indices:
            del self._taken[index]
        self._ended()

    def _extended(self, indices: Sequence[int]) -> None:
        """What an extension brings with it."""

    def _ended(self) -> None:
        """What a release brings with it."""


class ActuatorClaim(Claim):
    """A carrier of actuations. `carry` gets each batch; it finishes at once what it cannot take."""

    def __init__(
        self, taken: dict[int, Any], signal: Callable[[int], Signal], carry: Callable[[Sequence[Actuation]], None]
    ) -> None:
        super().__init__(taken, signal)
        self._carry = carry
        self._running: deque[Actuation] = deque()

    @property
    def running(self) -> tuple[Actuation, ...]:
        """What was handed over and has not ended."""
        return tuple(a for a in self._running if not a.ended)

    def expire(self, now_ns: int) -> tuple[Actuation, ...]:
        """End what is overdue; what still runs."""
        for actuation in self.running:
            actuation.expire(now_ns)
        return self.running

    def hand_over(self, actuations: Sequence[Actuation]) -> None:
        """One batch; the broker calls this after all checks."""
        self._running = deque([*self.running, *actuations])
        while len(self._running) > _MOST_RUNNING:
            self._running.popleft().finish("unknown", "its carrier does not answer")
        self._carry(actuations)

    def give_way(self, index: int, priority: int) -> None:
        """End what was asked for with a lower priority and nobody has begun."""
        for actuation in self.running:
            if actuation.index == index and actuation.priority < priority and not actuation.taken:
                actuation.finish("failed", f"it gave way to a client with priority {priority}")

    def _ended(self) -> None:
        running, self._running = self._running, deque()
        for actuation in running:
            actuation.finish("unknown", "its carrier is gone")


class SignalClaim(Claim):
    """A source of values. `on_interest` learns how often those who watch want each signal.

    It gets the shortest interval in ns by index, 0 for every value and None when nobody watches: when that changes, and
    after each extension for what is watched.
    """

    def __init__(
        self,
        taken: dict[int, Any],
        signal: Callable[[int], Signal],
        interest: Callable[[int], int | None],
        on_interest: Callable[[Mapping[int, int | None]], object] | None,
        invalidate: Callable[[Iterable[int]], object],
    ) -> None:
        super().__init__(taken, signal)
        self._interest, self._on_interest, self._invalidate = interest, on_interest, invalidate
        self._told: dict[int, int | None] = {}

    def invalidate(self) -> None:
        """Make every claimed value not available, as when the source cannot measure."""
        self._invalidate(self._indices)

    def interest_changed(self, indices: Iterable[int]) -> None:
        """Tell what is new about these; the broker calls this when watchers come and go."""
        if self._on_interest is None or self.released:
            return
        now = {i: self._interest(i) for i in indices if i in self._indices}
        new = {i: interval for i, interval in now.items() if interval != self._told.get(i)}
        if new:
            self._told.update(new)
            self._on_interest(new)

    def _extended(self, indices: Sequence[int]) -> None:
        self.interest_changed(indices)

    def _ended(self) -> None:
        self._invalidate(self._indices)

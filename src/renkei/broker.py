"""The latest value of every signal of every vehicle, and who watches; one event loop owns it. No wire format here.

Physical values from cars meet their signal's wire type here and nowhere else.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from renkei.errors import UnknownName, ValueRefused
from renkei.vocabulary import FLOAT32_MAX, INTEGERS, Signal, Value, Vocabulary

Quality = Literal["ok", "not available"]
Update = tuple[int, Any, int]
"""Index of a signal, its physical value (None: not available), time at its source in ns since 1970."""


class Datapoint:
    """One value of one signal, never changed once stored; `value` None means not available.

    `entry` belongs to the doors: the encoded form, made when first needed and shared by all who watch.
    """

    __slots__ = ("entry", "t_receive_ns", "t_source_ns", "value")

    def __init__(self, value: Value | None, t_source_ns: int, t_receive_ns: int) -> None:
        self.value = value
        self.t_source_ns = t_source_ns
        self.t_receive_ns = t_receive_ns
        self.entry: bytes | None = None

    @property
    def quality(self) -> Quality:
        return "not available" if self.value is None else "ok"


Changes = Mapping[int, Datapoint]
"""What one batch changed, by index."""


class Watcher:
    """Changes of some signals, waiting for their reader: the newest message and up to `buffer_size` older ones.

    When the reader is slow, the oldest message is folded into the next: a value gives way only to a newer value of the
    same signal, so the last value of each signal always arrives. `dropped` counts the values that gave way. With
    `min_interval_ns` messages are at least that far apart, and the newest values wait for the end of the interval.
    """

    def __init__(self, indices: Iterable[int], buffer_size: int = 0, min_interval_ns: int = 0) -> None:
        self.indices = frozenset(indices)
        self.dropped = 0
        self.wake: Callable[[], object] = _nobody
        self._buffer: deque[Changes] = deque()
        self._buffer_size = buffer_size
        self._min_interval_ns = min_interval_ns
        self._sent_ns: int | None = None

    @property
    def waiting(self) -> int:
        """Messages not yet taken."""
        return len(self._buffer)

    def push(self, changes: Changes) -> None:
        """Queue what `changes` holds for this watcher; the broker calls this once a batch."""
        if len(self.indices) < len(changes):
            mine: Changes = {i: changes[i] for i in self.indices if i in changes}
        else:
            mine = {i: point for i, point in changes.items() if i in self.indices}
        if not mine:
            return
        if self._min_interval_ns and self._buffer:
            self._buffer[-1] = {**self._buffer[-1], **mine}
        else:
            self._buffer.append(mine)
            if len(self._buffer) > self._buffer_size + 1:
                self._fold()
        self.wake()

    def _fold(self) -> None:
        oldest, following = self._buffer.popleft(), self._buffer.popleft()
        self.dropped += len(oldest.keys() & following.keys())
        self._buffer.appendleft({**oldest, **following})

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until a message may be taken (0: now), or None while there is none; any steady clock."""
        if not self._buffer:
            return None
        if self._sent_ns is None:
            return 0
        return max(0, self._sent_ns + self._min_interval_ns - now_ns)

    def take(self, now_ns: int) -> Changes | None:
        """The next message, or None when there is none or the interval has not passed."""
        if self.wait_ns(now_ns) != 0:
            return None
        self._sent_ns = now_ns
        return self._buffer.popleft()

    def sent(self, now_ns: int) -> None:
        """Start the interval: a message outside the buffer, such as the first, went out."""
        self._sent_ns = now_ns


class Broker:
    """Latest values of several vehicles over one vocabulary. Every method may raise UnknownName for the vehicle."""

    def __init__(
        self, vocabulary: Vocabulary, vehicles: Iterable[str], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.vocabulary = vocabulary
        self._now_ns = now_ns
        self._wires = [_wire(s) for s in vocabulary.signals]
        self._static = [s.kind == "attribute" for s in vocabulary.signals]
        self._vehicles = {v: _Vehicle(vocabulary, now_ns()) for v in vehicles}

    @property
    def vehicles(self) -> tuple[str, ...]:
        return tuple(self._vehicles)

    def publish(self, vehicle: str, updates: Iterable[Update]) -> None:
        """Store a batch of physical values and notify each watcher once.

        A value that its signal refuses is counted in `refused` and not stored. An attribute notifies only when its
        value is new; of two updates of one signal in a batch the last one stands.
        """
        state = self._state(vehicle)
        latest, now_ns, changes = state.latest, self._now_ns(), {}
        for index, value, t_source_ns in updates:
            if value is not None:
                try:
                    value = self._wires[index](value)
                except ValueRefused as refused:
                    state.refused[refused.path, refused.why] += 1
                    continue
            if self._static[index] and value == latest[index].value:
                continue
            changes[index] = latest[index] = Datapoint(value, t_source_ns, now_ns)
        state.notify(changes)

    def put(self, vehicle: str, index: int, value: Value | None, t_source_ns: int | None = None) -> None:
        """Store one value that came over a door in its wire type; raises ValueRefused.

        None (not available) is always taken; without `t_source_ns` the time of receipt stands for it.
        """
        state, now_ns = self._state(vehicle), self._now_ns()
        if value is not None:
            value = self.vocabulary.signals[index].check(value)
        if self._static[index] and value == state.latest[index].value:
            return
        state.latest[index] = Datapoint(value, now_ns if t_source_ns is None else t_source_ns, now_ns)
        state.notify({index: state.latest[index]})

    def latest(self, vehicle: str, index: int) -> Datapoint:
        return self._state(vehicle).latest[index]

    def refused(self, vehicle: str) -> Counter[tuple[str, str]]:
        """How many published values were refused, by path and reason (type, range, allowed)."""
        return self._state(vehicle).refused

    def watch(self, vehicle: str, watcher: Watcher) -> None:
        self._state(vehicle).watchers.append(watcher)

    def unwatch(self, vehicle: str, watcher: Watcher) -> None:
        """Forget a watcher; what it lost stays counted in `dropped`."""
        state = self._state(vehicle)
        state.watchers.remove(watcher)
        state.dropped += watcher.dropped

    def watchers(self, vehicle: str) -> tuple[Watcher, ...]:
        return tuple(self._state(vehicle).watchers)

    def dropped(self, vehicle: str) -> int:
        """Values that slow readers never saw, over all watchers there were."""
        state = self._state(vehicle)
        return state.dropped + sum(w.dropped for w in state.watchers)

    def _state(self, vehicle: str) -> _Vehicle:
        try:
            return self._vehicles[vehicle]
        except KeyError:
            raise UnknownName("vehicle", vehicle, self._vehicles) from None


class _Vehicle:
    """What the broker keeps for one vehicle."""

    def __init__(self, vocabulary: Vocabulary, now_ns: int) -> None:
        self.refused: Counter[tuple[str, str]] = Counter()
        self.latest = [Datapoint(self._default(s), now_ns, now_ns) for s in vocabulary.signals]
        self.watchers: list[Watcher] = []
        self.dropped = 0

    def _default(self, signal: Signal) -> Value | None:
        # Only an attribute is known before anything was measured.
        if signal.kind != "attribute" or signal.default is None:
            return None
        try:
            return signal.check(signal.default)
        except ValueRefused as refused:
            self.refused[refused.path, refused.why] += 1
            return None

    def notify(self, changes: Changes) -> None:
        if changes:
            for watcher in self.watchers:
                watcher.push(changes)


def _wire(signal: Signal) -> Callable[[Any], Value]:
    """`signal.wire`, with a short way for the plain float inside the limits that nearly every update is."""
    slow = signal.wire
    if signal.is_array or signal.allowed is not None:
        return slow
    if signal.scalar in INTEGERS:
        low, high = _limits(signal, *INTEGERS[signal.scalar])
        low, high = math.ceil(low), math.floor(high)
        return lambda value: round(value) if type(value) is float and low <= value <= high else slow(value)
    if signal.scalar in ("float", "double"):
        widest = FLOAT32_MAX if signal.scalar == "float" else math.nextafter(math.inf, 0)
        low, high = _limits(signal, -widest, widest)
        return lambda value: value if type(value) is float and low <= value <= high else slow(value)
    return slow


def _limits(signal: Signal, low: float, high: float) -> tuple[float, float]:
    return (
        low if signal.minimum is None else max(low, signal.minimum),
        high if signal.maximum is None else min(high, signal.maximum),
    )


def _nobody() -> None:
    """The wake of a watcher whose reader only polls."""

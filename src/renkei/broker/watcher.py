"""Changes that wait for a reader who may be slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from renkei.broker.datapoint import Changes, bulk

MOST_WAITING = 20_000
"""Values that may wait for one reader, long texts and arrays counted as several."""


class Watcher:
    """Changes of some signals, waiting for their reader: the newest message and up to `buffer_size` older ones.

    When the reader is slow, the oldest message is folded into the next: a value gives way only to a newer value of the
    same signal, so the last value of each signal always arrives. That is also so when more than MOST_WAITING values
    wait. `dropped` counts the values that gave way. With `min_interval_ns` messages are at least that far apart, and
    the newest values wait for the end of the interval. With `apart` no batch comes together with another one.
    """

    def __init__(
        self, indices: Iterable[int], buffer_size: int = 0, min_interval_ns: int = 0, *, apart: bool = False
    ) -> None:
        self.indices = frozenset(indices)
        self.dropped = 0
        self.wake: Callable[[], object] = _nobody
        self._buffer: deque[Changes] = deque()
        self._bulks: deque[int] = deque()
        self._buffer_size = buffer_size
        self.min_interval_ns = min_interval_ns
        self._apart = apart
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
        if self.min_interval_ns and self._buffer:
            self._buffer[-1] = {**self._buffer[-1], **mine}
        else:
            self._buffer.append(mine)
            if len(self._buffer) > 1:
                self._make_room()
        self.wake()

    def _make_room(self) -> None:
        for changes in list(self._buffer)[len(self._bulks) :]:
            self._bulks.append(_bulk(changes))
        while len(self._buffer) > self._buffer_size + 1 or (len(self._buffer) > 1 and sum(self._bulks) > MOST_WAITING):
            self._fold()

    def _fold(self) -> None:
        oldest, following = self._buffer.popleft(), self._buffer.popleft()
        self.dropped += len(oldest.keys() & following.keys())
        folded = {**oldest, **following}
        self._buffer.appendleft(folded)
        self._bulks.popleft()
        self._bulks[0] = _bulk(folded)

    def wait_ns(self, now_ns: int) -> int | None:
        """How long until a message may be taken (0: now), or None while there is none; any steady clock."""
        if not self._buffer:
            return None
        if self._sent_ns is None:
            return 0
        return max(0, self._sent_ns + self.min_interval_ns - now_ns)

    def take(self, now_ns: int) -> Changes | None:
        """The next message, or None when there is none or the interval has not passed.

        Messages in a row that name different signals come as one: nothing is lost by it, and a reader that lags catches
        up.
        """
        if self.wait_ns(now_ns) != 0:
            return None
        self._sent_ns = now_ns
        changes = self._pop()
        if self._buffer and not self._apart and changes.keys().isdisjoint(self._buffer[0]):
            changes = dict(changes)
            while self._buffer and changes.keys().isdisjoint(self._buffer[0]):
                changes.update(self._pop())
        return changes

    def _pop(self) -> Changes:
        if self._bulks:
            self._bulks.popleft()
        return self._buffer.popleft()

    def sent(self, now_ns: int) -> None:
        """Start the interval: a message outside the buffer, such as the first, went out."""
        self._sent_ns = now_ns


def _bulk(changes: Changes) -> int:
    return sum([bulk(point.value) for point in changes.values()])


def _nobody() -> None:
    """The wake of a watcher whose reader only polls."""

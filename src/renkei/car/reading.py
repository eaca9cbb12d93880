"""What a car says, and the ways to one: a port of a server, or the broker of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from renkei.broker import Broker
from renkei.broker.datapoint import Quality
from renkei.vocabulary import Signal, Value


class Reading(NamedTuple):
    """`value` is in `unit` and None unless `quality` is ok.

    `t_ns`, since 1970: the time at its source in this process, that of receipt by the server over a port; None where
    there is none.
    """

    path: str
    value: Value | None
    unit: str | None
    t_ns: int | None
    quality: Quality


class Running(Protocol):
    """Cars that are up in this process."""

    @property
    def broker(self) -> Broker: ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one that owns the broker."""


class Watch(Protocol):
    """Readings in the units of their signals, in batches; `cancel` ends the iteration, from any thread."""

    @property
    def lost(self) -> int:
        """How many values gave way to newer ones so far, because the reader was slow."""

    def __iter__(self) -> Iterator[Sequence[Reading]]: ...

    def cancel(self) -> None: ...


class Way(Protocol):
    """How one car is reached. Every method may raise DoorError and UnknownName, and is safe in any thread."""

    def signals(self, root: str) -> list[Signal]:
        """The signals at a path, below it, or of a pattern."""

    def read(self, signal: Signal) -> Reading: ...

    def watch(self, signals: Sequence[Signal], buffer_size: int) -> Watch: ...

    def set(self, signal: Signal, value: Value) -> None: ...

    def close(self) -> None: ...

"""Which channel of a recording is which bus of the car."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from renkei.can.frames import Frames
from renkei.can.plan import Plan
from renkei.errors import LogError, UnknownName, clipped
from renkei.flows.gist import STEPS, Beginning, Gist

FEW = 3
"""A bus of which fewer messages were heard may still be found on another channel."""


class Buses:
    """The buses of a car on the channels of one recording.

    What the user named holds. Any other bus goes to the channel that shows most of its messages at the beginning;
    several buses may share a channel, and then of two messages with one identifier that of the bus with more messages
    seen holds and speaks for that bus alone. A bus of which nothing was heard by then goes to the channel that first
    shows a message of it. How long the blocks of the log are changes nothing.
    """

    def __init__(self, plan: Plan, given: Mapping[str, str]) -> None:
        for bus in given:
            if bus not in plan.buses:
                raise UnknownName("bus", bus, plan.buses, f"(this car has {', '.join(plan.buses)})")
        self.given = dict(given)
        self._ids = {
            bus: {m.id: m.length for m in (*plan.messages, *plan.answers) if m.bus == bus} for bus in plan.buses
        }
        self._seen: dict[str, tuple[str, int]] = {}

    @property
    def channels(self) -> dict[str, str]:
        """The channel of each bus that has one."""
        found = self.given | {bus: channel for bus, (channel, _) in self._seen.items()}
        return self.given | {bus: found[bus] for bus in self._ids if bus in found}

    @property
    def few(self) -> bool:
        """Whether of any bus so few messages were heard that it may lie elsewhere."""
        return any(
            self._seen.get(bus, ("", 0))[1] < min(FEW, len(ids))
            for bus, ids in self._ids.items()
            if bus not in self.given
        )

    def check(self, log: Path, channels: Sequence[str]) -> None:
        """Raise LogError where the user named a channel that the log does not have."""
        for bus, channel in self.given.items():
            if channel not in channels:
                raise LogError(f"{log}: no channel {clipped(channel)} for bus {bus}; it has {', '.join(channels)}")

    def look(self, gist: Gist) -> None:
        """Find the buses anew, the one with most messages on a channel first."""
        self._seen = {}
        taken = set(self.given.values())
        shown = {
            (bus, channel): {
                id_ for at, id_, length in gist.identifiers if at == channel and length >= ids.get(id_, 65)
            }
            for bus, ids in self._ids.items()
            for channel in gist.channels
            if bus not in self.given and channel not in taken
        }
        while any(shown.values()):
            bus, channel = max(shown, key=lambda pair: len(shown[pair]))
            ids = shown[bus, channel]
            self._seen[bus] = (channel, len(ids))
            shown = {
                (other, at): left - ids if at == channel else left
                for (other, at), left in shown.items()
                if other != bus
            }

    def of(self, frames: Frames) -> list[tuple[str, ...]]:
        """The buses on each channel of these frames."""
        while (late := self._late(frames)) is not None:
            bus, channel = late
            self._seen[bus] = (channel, -len(self._seen))  # behind those that were there before
        ranked = sorted(self.channels.items(), key=lambda item: -self._seen.get(item[0], ("", 1 << 30))[1])
        return [tuple(bus for bus, at in ranked if at == channel) for channel in frames.channels]

    def _late(self, frames: Frames) -> tuple[str, str] | None:
        """The first bus, of those of which nothing was heard so far, that a frame speaks for, and its channel."""
        first = len(frames), "", ""
        for bus in [bus for bus in self._ids if bus not in self.given and bus not in self._seen]:
            for number, channel in enumerate(frames.channels):
                if channel in self.given.values():
                    continue
                others = [self._ids[other] for other, at in self.channels.items() if at == channel]
                own = {id_: n for id_, n in self._ids[bus].items() if not any(id_ in ids for ids in others)}
                heard = np.isin(frames.id, np.array([*own], np.uint32)) & (frames.channel == number)
                for place in np.flatnonzero(heard).tolist():
                    if frames.length[place] >= own[int(frames.id[place])]:
                        first = min(first, (place, bus, channel), key=lambda found: found[0])
                        break
        return first[1:] if first[1] else None


def found(beginning: Beginning, plan: Plan, given: Mapping[str, str]) -> Buses:
    """The buses of a recording, looked for until enough of each was heard; a few hundred thousand frames at most."""
    buses = Buses(plan, given)
    for _ in range(STEPS):
        if not beginning.look():
            break
        buses.look(beginning.gist)
        if not buses.few:
            break
    return buses

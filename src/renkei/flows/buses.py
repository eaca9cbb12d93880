"""Which channel of a recording is which bus of the car."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from renkei.can.frames import Frames
from renkei.can.plan import Plan
from renkei.errors import UnknownName


class Buses:
    """The buses of a car on the channels of one recording.

    What the user named holds. Any other bus goes to the channel that shows most of its messages, as soon as one shows
    any; several buses may share a channel, and then of two messages with one identifier that of the bus with more
    messages seen holds.
    """

    def __init__(self, plan: Plan, given: Mapping[str, str]) -> None:
        for bus in given:
            if bus not in plan.buses:
                raise UnknownName("bus", bus, plan.buses, f"(this car has {', '.join(plan.buses)})")
        self._given = dict(given)
        self._ids = {
            bus: {m.id: m.length for m in (*plan.messages, *plan.answers) if m.bus == bus} for bus in plan.buses
        }
        self._seen: dict[str, tuple[str, int]] = {}

    @property
    def channels(self) -> dict[str, str]:
        """The channel of each bus that has one."""
        return self._given | {bus: channel for bus, (channel, _) in self._seen.items()}

    def of(self, frames: Frames) -> list[tuple[str, ...]]:
        """The buses on each channel of these frames."""
        missing = [bus for bus in self._ids if bus not in self._given and bus not in self._seen]
        if missing:
            self._look(frames, missing)
        ranked = sorted(self.channels.items(), key=lambda item: -self._seen.get(item[0], ("", 1 << 30))[1])
        return [tuple(bus for bus, at in ranked if at == channel) for channel in frames.channels]

    def _look(self, frames: Frames, missing: list[str]) -> None:
        keys = np.unique(frames.channel.astype(np.int64) << 40 | frames.id.astype(np.int64) << 8 | frames.length)
        taken = set(self._given.values())
        shown: dict[str, dict[str, set[int]]] = {}
        for key in keys.tolist():
            channel, id_, length = frames.channels[key >> 40], key >> 8 & 0xFFFFFFFF, key & 0xFF
            for bus in missing:
                if length >= self._ids[bus].get(id_, 65) and channel not in taken:
                    shown.setdefault(bus, {}).setdefault(channel, set()).add(id_)
        for bus, channels in shown.items():
            best = max(channels, key=lambda c: len(channels[c]))
            self._seen[bus] = (best, len(channels[best]))

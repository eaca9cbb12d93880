"""Whether a recording is one of a car, and of which other car it may be.

The rule. A message of the map is *right* in a recording if a good part of its frames have its length, hold its
checksum, move its counter, and carry values that can be true; *wrong* if it is there and is not right. An answer on
diagnostics that can be read is right too. The car is recognised if more of its messages are right than wrong, and the
right ones are more than a quarter of all messages of its map, or of all identifiers on the channels of its buses (so a
recording of a single message of it is one of the car). Another car is far better if its part is one and a half times
that of the car and it has two right messages more, or fewer wrong ones. What a recording shows at its beginning
settles it; only where that is not enough, all of the recording is looked at.

The quarter lies between the recordings of catalogue cars (0.29 and above) and those of other cars (0.25 and below, for
cars that share a platform; 0.23 for others), of some 450 public recordings each tried as each car.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from renkei.can.frame_engine import FrameEngine
from renkei.can.logs import Log, open_log
from renkei.can.plan import Plan, PlanMessage
from renkei.catalogue import Catalogue
from renkei.errors import LogError, RenkeiError
from renkei.flows.buses import Buses
from renkei.flows.gist import Beginning, Gist, whole
from renkei.flows.plans import plan_of
from renkei.samples import INVALID

ENOUGH = 0.25
"""The part of the messages, or of the identifiers, of which more must be right."""
FAR_MORE, MORE_MESSAGES = 1.5, 2
MOST = 1 / 3
"""Part of the frames of a message that must be good; loggers that write every frame twice leave one half."""


class Likeness(NamedTuple):
    """How much of a recording looks like a car: messages right and wrong, all that its map has, identifiers heard."""

    right: int
    wrong: int
    known: int
    heard: int

    @property
    def part(self) -> float:
        return max(self.right / max(self.known, 1), self.right / max(self.heard, 1))

    @property
    def is_enough(self) -> bool:
        return self.right > self.wrong and self.part > ENOUGH

    def is_far_better_than(self, other: Likeness) -> bool:
        if not self.is_enough or self.part < FAR_MORE * other.part:
            return False
        cleaner = self.wrong < other.wrong and self.right - self.wrong >= other.right - other.wrong
        return cleaner or self.right >= other.right + MORE_MESSAGES or not other.right


def likeness(gist: Gist, plan: Plan, given: Mapping[str, str] | None = None) -> Likeness:
    """How much of a recording looks like the car of a plan."""
    buses = Buses(plan, given or {})
    buses.look(gist)
    channels = buses.channels
    heard = {(channel, id_) for channel, id_, _ in gist.identifiers if channel in channels.values()}
    engine = FrameEngine(plan)
    right = wrong = 0
    messages = [m for m in plan.messages if m.rows]  # what only carries commands is not sent by the car
    for message in messages:
        if (channel := channels.get(message.bus)) and (channel, message.id) in heard:
            is_right = _is_right(engine, message, gist.frames(channel, message.id))
            right, wrong = right + is_right, wrong + (not is_right)
    for bus, id_ in {(a.bus, a.id) for a in plan.answers}:
        if channel := channels.get(bus):
            right += any(engine.decode(bus, id_, data, t) for t, data in gist.frames(channel, id_))
    return Likeness(right, wrong, len(messages), len(heard))


def _is_right(engine: FrameEngine, message: PlanMessage, frames: Iterable[tuple[int, bytes]]) -> bool:
    good = seen = 0
    for t, data in frames:
        seen += 1
        before = replace(engine.counts)
        pairs = engine.decode(message.bus, message.id, data, t)
        after = engine.counts
        fine = after.bad_checksum == before.bad_checksum and after.repeated == before.repeated
        good += fine and len(data) == message.length and not any(value is INVALID for _, value in pairs)
    return good > MOST * seen


class Car(NamedTuple):
    """Whose recording it is said to be, among which others. `plan_of` gives the plan of any of them."""

    vehicle: str
    others: Sequence[str]
    plan_of: Callable[[str], Plan]


def car_of(catalogue: Catalogue, vehicle: str) -> Car:
    """A car of the catalogue and its others, by all that their maps have in the built-in vocabulary."""

    @cache
    def plan(id_: str) -> Plan:
        return plan_of(catalogue.vehicle(id_).map)

    return Car(vehicle, [id_ for id_ in catalogue.vehicles if id_ != vehicle], plan)


def must_be(car: Car | None, log: Log, beginning: Beginning, buses: Buses) -> None:
    """Raise LogError for a recording without frames or, with a car, one of another car.

    The buses are found anew where more of the recording had to be looked at.
    """
    if not beginning.gist:
        raise beginning.broken or LogError(f"{log.path}: no CAN frames in it")
    is_right = car is None or not judged(car, log.path, beginning.gist, buses.given)
    if is_right and {*buses.given.values()} <= {*beginning.gist.channels}:
        return
    if beginning.broken:
        raise beginning.broken
    all_of_it = whole(open_log(log.path).blocks())
    buses.check(log.path, all_of_it.channels)
    if car and (error := judged(car, log.path, all_of_it, buses.given)):
        raise _misnamed(car, log.path, all_of_it, buses.given) or error
    buses.look(all_of_it)


def _misnamed(car: Car, log: Path, gist: Gist, given: Mapping[str, str]) -> LogError | None:
    """The error for a recording of the car of which the user named the buses wrongly, if it is one."""
    plan = car.plan_of(car.vehicle)
    if not given or not likeness(gist, plan).is_enough:
        return None
    found = Buses(plan, {})
    found.look(gist)
    named, shown = (", ".join(f"{bus} on {at}" for bus, at in x.items()) for x in (given, found.channels))
    return LogError(f"{log}: with {named} almost nothing in it is from {car.vehicle}; its messages show {shown}")


def judged(car: Car, log: Path, gist: Gist, given: Mapping[str, str]) -> LogError | None:
    """What is wrong with taking a recording for one of the car: nothing, or the error that says so.

    The other cars are asked only where one of them could be far better.
    """
    own = likeness(gist, car.plan_of(car.vehicle), given)
    if own.is_enough and own.part * FAR_MORE > 1:
        return None
    others: dict[str, Likeness] = {}
    for other in car.others:
        with suppress(RenkeiError):  # what is wrong with the file of another car is not told here
            others[other] = likeness(gist, car.plan_of(other))
    better = [v for v in others if others[v].is_far_better_than(own)]
    if own.is_enough and not better:
        return None
    found = f"{own.right} of its {own.known} messages {'is' if own.right == 1 else 'are'} in it as they should be"
    found += f", {own.wrong} as they should not" if own.wrong else ""
    fits = "no known vehicle fits better"
    if better:
        best = max(better, key=lambda v: (others[v].part, others[v].right))
        fits = f"{best} fits better, with {others[best].right} of {others[best].known}"
    amount = "little" if own.is_enough else "almost nothing"
    return LogError(f"{log}: {amount} in it is from {car.vehicle}: {found}; {fits}")

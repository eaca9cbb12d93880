"""A virtual car on the platform: it drives its cycle, what it says goes out as frames of its maker and comes back in.

So the map, the encoder and the decoder of the car are exercised; from the API it cannot be told from a real one.
"""

from __future__ import annotations

import asyncio
import math
import queue
import re
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from renkei.broker.claims import Actuation
from renkei.can.frame_engine import FrameEngine
from renkei.can.plan import Plan
from renkei.catalogue import Catalogue
from renkei.errors import InputError, ValueRefused
from renkei.flows.assumed import Known
from renkei.flows.drive import read_cycle
from renkei.flows.feeds import TICK_S, Publish, Updates, updates_of
from renkei.flows.synthesize import Sender, senders
from renkei.flows.virtual_car import VirtualCar, virtual_car
from renkei.flows.virtual_values import CHARGING, CRUISE_SPEED, WISHES, State, Wishes, voice, wished, wishes_voice
from renkei.sim.car import Car
from renkei.sim.columns import Conditions
from renkei.sim.cycle import Cycle
from renkei.sim.drive import drive
from renkei.sim.moving import STEP_S, Moving
from renkei.vocabulary import Value, Vocabulary

SYNTAX = "virtual[:CYCLE][,soc=SHARE][,air=CELSIUS]"

_CYCLE_M_S2 = 4.0
_OTHERWISE_M_S2 = 1.5
"""How hard the driver accelerates and brakes: in a cycle as it asks, else as drivers are used to."""
_BEHIND_S = 0.5
"""A car that falls behind its clock by so much of real time lets the clock slip."""
_SETTLES_S = 60.0
UNMAPPED_S = 0.1
_EXPECTED_M = 10_000.0
"""The consumption that the range rests on is that of the last so many metres, at the start those of the cycle."""


@dataclass(frozen=True, slots=True)
class VirtualSource:
    """How a virtual car starts: the cycle that it drives again and again, its charge, the air around it."""

    cycle: str = "udds"
    soc: float = 0.8
    air_c: float = 20.0

    def __str__(self) -> str:
        return self.cycle


def is_virtual(text: str) -> bool:
    """Whether a source is a simulation, not a file."""
    return re.match(r"virtual(?:[:,]|$)", text) is not None


def virtual_source(text: str) -> VirtualSource:
    """The source that SYNTAX writes. Raises InputError."""
    found = re.fullmatch(r"virtual(?::([^,]+))?((?:,[a-z]+=[^,]+)*)", text)
    if not found:
        raise InputError(f"--vehicle: expected {SYNTAX}, got '{text}'")
    given = dict(part.split("=", 1) for part in found[2].split(",") if part)
    try:
        soc, air_c = float(given.pop("soc", 0.8)), float(given.pop("air", 20.0))
    except ValueError:
        raise InputError(f"--vehicle: expected {SYNTAX}, got '{text}'") from None
    if given or not 0 < soc <= 1 or not -40 <= air_c <= 60:
        raise InputError(f"--vehicle: expected {SYNTAX} with soc above 0 up to 1, air from -40 to 60, got '{text}'")
    return VirtualSource(found[1] or "udds", soc, air_c)


class _Cabin:
    """The air of the cabin, and what climate control does to it."""

    def __init__(self, known: Known, what: str, air_c: float) -> None:
        self.now_c = air_c
        self._loss_w_per_k: float = known.assume(what, "cabin_heat_loss")
        self._j_per_k: float = known.assume(what, "cabin_heat_capacity")
        self._most_w: float = known.assume(what, "climate_heat_max") * 1000
        self._performance: float = known.assume(what, "climate_performance")

    def step(self, air_c: float, wished_c: float | None) -> float:
        """Go on by STEP_S; electric power of climate control in W, negative where it cools."""
        heat_w = 0.0
        if wished_c is not None:
            asked_w = self._loss_w_per_k * (wished_c - air_c) + self._j_per_k * (wished_c - self.now_c) / _SETTLES_S
            heat_w = max(-self._most_w, min(self._most_w, asked_w))
        self.now_c += (heat_w - self._loss_w_per_k * (self.now_c - air_c)) * STEP_S / self._j_per_k
        return heat_w / self._performance


class Driven:
    """A virtual car, its driver and its cabin: what they do next, and what apps wish of them. No thread, no clock."""

    def __init__(self, built: VirtualCar, cycle: Cycle, source: VirtualSource, catalogue: Catalogue) -> None:
        self.built, self._cycle, self._air_c = built, cycle, source.air_c
        self._moving = Moving(built.car, Conditions(soc=source.soc, air_c=source.air_c))
        self._cabin = _Cabin(Known(catalogue, {}), built.vehicle.id, source.air_c)
        self._cycle_s, self._climate_w = 0.0, 0.0
        self._most_w = _most_w(built)
        self._per_m_wh = _per_m_wh(built.car, cycle, source)
        self.wishes = Wishes()

    @property
    def state(self) -> State:
        now, (most_out_w, most_in_w) = self._moving.now, self._most_w
        now = now._replace(
            most_discharge_w=min(now.most_discharge_w, most_out_w), most_charge_w=min(now.most_charge_w, most_in_w)
        )
        parked = now.empty or (self.wishes.charging and now.speed_m_s == 0)
        return State(
            self.built.car, now, self.wishes, parked, self._air_c, self._cabin.now_c, self._climate_w, self._per_m_wh
        )

    def step(self) -> None:
        """Go on by STEP_S."""
        car, now, wishes = self.built.car, self._moving.now, self.wishes
        self._climate_w = self._cabin.step(self._air_c, None if now.empty else wishes.cabin_c)
        if wishes.charging and now.soc >= wishes.charge_limit:
            self.wishes = wishes = wishes._replace(charging=False)
        charging_w = 0.0
        if wishes.charging:
            asked, most = 0.0, _OTHERWISE_M_S2
            charging_w = (car.charger_w - car.charging_auxiliary_w) * car.charger_efficiency
        elif wishes.cruise_active:
            asked, most = wishes.cruise_km_h / 3.6, _OTHERWISE_M_S2
        else:
            self._cycle_s = (self._cycle_s + STEP_S) % self._cycle.duration_s
            at_s = self._cycle.time_s[0] + self._cycle_s
            asked, most = float(np.interp(at_s, self._cycle.time_s, self._cycle.speed_m_s)), _CYCLE_M_S2
        change = max(-most * STEP_S, min(most * STEP_S, asked - now.speed_m_s))
        after = self._moving.step(now.speed_m_s + change, car.auxiliary_w + abs(self._climate_w), charging_w)
        if (way_m := after.distance_m - now.distance_m) > 0:
            share = way_m / (_EXPECTED_M + way_m)
            self._per_m_wh += share * ((after.energy_wh - now.energy_wh) / way_m - self._per_m_wh)


def _most_w(built: VirtualCar) -> tuple[float, float]:
    """Most power in W out of the pack and into it where no fact of the pack says it: what the e-axle can take or give.

    Else cells without a known limit would announce what would burn them.
    """
    pack, axle_w = built.car.pack, float(built.car.e_axle.peak_power_w)
    currents = (pack.max_discharge_a, pack.cell.max_discharge_a, pack.max_discharge_w.values[0][0])
    is_charge_assumed = math.isinf(pack.max_charge_a) and any(a.key == "charge_rate_max" for a in built.assumed)
    return axle_w if all(map(math.isinf, currents)) else math.inf, axle_w if is_charge_assumed else math.inf


def _per_m_wh(car: Car, cycle: Cycle, source: VirtualSource) -> float:
    """Energy from the battery for each metre of a cycle, or of the usual one where this one says nothing of that."""
    for one in (cycle, read_cycle(VirtualSource().cycle)):
        measures = drive(car, one, Conditions(soc=VirtualSource().soc, air_c=source.air_c)).measures
        if measures["distance_km"] > 0 and measures["dc_wh_per_km"] > 0:
            return float(measures["dc_wh_per_km"]) / 1000
    return 0.0


class VirtualFeed:
    """A virtual car in a thread of its own, at its pace (times `speed`), or as fast as this machine can.

    `plan` None: the car has no map; then its values go out as they are.
    """

    def __init__(
        self, driven: Driven, plan: Plan | None, vocabulary: Vocabulary, publish: Publish, *, speed: float = 1.0
    ) -> None:
        self._driven, self._plan, self._vocabulary, self._publish = driven, plan, vocabulary, publish
        self._speed = speed
        self._voice, self._wishes = voice(vocabulary), wishes_voice(vocabulary)
        self._set: dict[str, Value] = {}
        self._orders: queue.SimpleQueue[tuple[Actuation, asyncio.AbstractEventLoop]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual car", daemon=True)

    @property
    def actuators(self) -> tuple[int, ...]:
        """What apps may set: what every virtual car offers, and the actuators of its map that no physics decide."""
        return tuple(self._vocabulary[path].index for path in settable_paths(self._plan, self._vocabulary))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def carry(self, actuations: Sequence[Actuation]) -> None:
        """Take what the broker was asked for; it ends in the event loop, which must be running."""
        loop = asyncio.get_running_loop()
        for actuation in actuations:
            self._orders.put((actuation, loop))

    def _run(self) -> None:
        frames = _Frames(self._plan, self._voice.paths, self._set) if self._plan else None
        begun, slipped_s, steps, unmapped_s = time.monotonic(), 0.0, 0, -1.0
        self._publish(self._wishes_now())
        while not self._stop.wait(TICK_S):
            self._carry_out()
            updates: Updates = []
            real_s = time.monotonic() - begun - slipped_s
            while (steps + 1) * STEP_S <= real_s * self._speed:
                self._driven.step()
                steps += 1
                if time.monotonic() - begun - slipped_s - real_s > _BEHIND_S:
                    slipped_s = time.monotonic() - begun - steps * STEP_S / self._speed
                    break
            at_s = min(real_s * self._speed, (steps + 1) * STEP_S)
            state = self._driven.state
            if frames:
                updates += frames.due(round(at_s * 1e9), partial(self._voice.say, state=state))
            elif real_s - unmapped_s >= UNMAPPED_S:
                unmapped_s, now = real_s, time.time_ns()
                updates += [(self._vocabulary[p].index, self._voice.say(p, state), now) for p in self._voice.paths]
            if state.wishes != self._driven_wishes:
                updates += self._wishes_now()
            if updates:
                self._publish(updates)

    def _wishes_now(self) -> Updates:
        state, now = self._driven.state, time.time_ns()
        self._driven_wishes = state.wishes
        return [(self._vocabulary[path].index, self._wishes.say(path, state), now) for path in self._wishes.paths]

    def _carry_out(self) -> None:
        while not self._orders.empty():
            actuation, loop = self._orders.get()
            if not actuation.take(time.time_ns()):
                continue
            path = self._vocabulary.signals[actuation.index].path
            if path in WISHES:
                if why := self._against(path, actuation.value):
                    loop.call_soon_threadsafe(actuation.finish, "failed", f"{path}: {why}")
                    continue
                self._driven.wishes = wished(self._driven.wishes, path, actuation.value)
            else:
                self._set[path] = actuation.value
            loop.call_soon_threadsafe(actuation.finish, "done")

    def _against(self, path: str, value: Value) -> str | None:
        """What keeps the car from doing as an app wishes."""
        if path == CRUISE_SPEED and float(value) < 0:  # type: ignore[arg-type]
            return "expected a speed of 0 or more"
        if path == CHARGING and value == "START" and self._driven.state.now.soc >= self._driven.wishes.charge_limit:
            return "the charge limit is reached"
        return None


def settable_paths(plan: Plan | None, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What apps may set on a virtual car: what each of them offers, and what its map has and no physics decide."""
    rows = [r.signal for m in (plan.messages if plan else ()) for r in m.rows if r.array < 0]
    decided = voice(vocabulary).paths
    free = [s.path for s in rows if s.kind == "actuator" and s.path not in decided]
    return tuple(dict.fromkeys((*wishes_voice(vocabulary).paths, *free)))


def said_by(plan: Plan | None, vocabulary: Vocabulary) -> tuple[int, ...]:
    """All signals that a virtual car says: those of its map, or what is simulated where it has none, and the wishes."""
    rows = [row for m in (*plan.messages, *plan.answers) for row in m.rows] if plan else []
    own = wishes_voice(vocabulary).paths | (frozenset() if plan else voice(vocabulary).paths)
    return tuple(dict.fromkeys([*(row.index for row in rows), *(vocabulary[path].index for path in own)]))


class _Frames:
    """The messages of a car: which are due, encoded through its map and decoded again.

    What only stands in a frame beside what the car says is dropped: bits that mean nothing are no values.
    """

    def __init__(self, plan: Plan, said: frozenset[str], set_: dict[str, Value]) -> None:
        self._engine, self._said, self._set = FrameEngine(plan), said, set_
        self._plan = plan
        self._senders: list[Sender] = []
        self._due: list[int] = []
        self._sent: list[int] = []
        self._unsaid: list[frozenset[int]] = []
        self._paths: set[str] = set()

    def due(self, t_ns: int, say: partial[Value]) -> Updates:
        """What the frames say that fell due up to a time; each message once, however late it is."""
        if self._paths != self._said | self._set.keys():
            self._listed(t_ns)
        updates: Updates = []
        now = time.time_ns()
        for k, sender in enumerate(self._senders):
            if self._due[k] > t_ns:
                continue
            with suppress(ValueRefused):  # of several forms of a message not each can say how things stand
                for frame in sender.frames(self._sent[k], self._due[k], partial(self._value, say), saturate=True):
                    heard = updates_of(self._engine.decode(frame.bus, frame.id, frame.data, frame.t_ns), now)
                    updates += [update for update in heard if update[0] not in self._unsaid[k]]
            self._sent[k] += 1
            cycle = sender.cycle_ns
            self._due[k] += cycle * max(1, (t_ns - self._due[k]) // cycle)
        return updates

    def _value(self, say: partial[Value], path: str) -> Value:
        return self._set[path] if path in self._set else say(path)

    def _listed(self, t_ns: int) -> None:
        """A signal that an app set for the first time may bring a message with it."""
        self._paths = {*self._said, *self._set}
        known = {s.message: (due, sent) for s, due, sent in zip(self._senders, self._due, self._sent, strict=True)}
        self._senders = senders(self._plan, self._paths)
        self._unsaid = [sender.unsaid for sender in self._senders]
        self._due = [known.get(s.message, (t_ns + s.offset_ns, 0))[0] for s in self._senders]
        self._sent = [known.get(s.message, (0, 0))[1] for s in self._senders]


def driven_car(catalogue: Catalogue, vehicle: str, source: VirtualSource) -> Driven:
    """The virtual car of a vehicle at its start. Raises UnknownName, CannotTell where too little is known of it."""
    return Driven(virtual_car(catalogue, vehicle), read_cycle(source.cycle), source, catalogue)

"""One app on several cars at once: judged first, then run on each in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from renkei.app import App
from renkei.car import Car, connect
from renkei.catalogue import Catalogue
from renkei.doors.tls import Pem
from renkei.errors import AppFailed, DoorError, NoMap, RenkeiError, Unreachable
from renkei.flows.app_code import Row, code_of, options_of, rows_of
from renkei.flows.judge_app import judge_app
from renkei.flows.replay import Replay
from renkei.flows.up import Cars, Source, UpOptions, up
from renkei.flows.virtual_offers import offers_with_virtual
from renkei.rules.finding import Verdict
from renkei.vocabulary import Vocabulary

_LOOK_S = 0.05
_PATIENCE_S = 10.0
"""So long all apps together may take for their last words."""
_LAST_VALUES_S = 0.2
"""So long after the end of a recording its last values are on their way."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """`out`: where apps put their files; `options` of the app; `seconds`: end after so long; None: with the sources."""

    out: Path = Path()
    options: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Who hears what an app says of a vehicle, and what went wrong there, both from any thread; and that all run."""

    row: Callable[[str, Row], None]
    failed: Callable[[RenkeiError], None]
    started: Callable[[], None] = lambda: None


class Certified(NamedTuple):
    """As `renkei.connect` takes them: who signed the server's certificate, and what the server is shown."""

    ca: Pem | None = None
    cert: Pem | None = None
    key: Pem | None = None


NOT_CERTIFIED = Certified()


def verdicts(catalogue: Catalogue, app: App, vehicles: Sequence[str], vocabulary: Vocabulary | None) -> list[Verdict]:
    """What the app will meet on each of these vehicles; raises UnknownName."""
    return [judge_app(catalogue, app, vehicle, vocabulary) for vehicle in vehicles]


def as_virtual_car(catalogue: Catalogue, app: App, verdict: Verdict, vocabulary: Vocabulary | None) -> Verdict:
    """A verdict without what it says of actuators that the virtual car of the host takes, whatever its map has."""
    if not app.actuates:
        return verdict
    try:
        offered, _ = offers_with_virtual(catalogue, verdict.host, vocabulary)
    except NoMap:  # too little is known of it to simulate it
        return verdict
    taken = {o.signal for o in offered if o.settable_virtual}
    return verdict._replace(
        findings=tuple(f for f in verdict.findings if f.rule != "app-actuator" or f.about not in taken)
    )


def lacking(verdict: Verdict, *, and_actuators: bool = True) -> str:
    """The signals that break an app, each with why, in one line; empty where none does."""
    breaks = [f for f in verdict.findings if f.level == "break" and (and_actuators or f.rule != "app-actuator")]
    return "; ".join(f"{f.about}: {f.message}" for f in breaks)


async def run_here(
    app: App,
    sources: Sequence[Source],
    catalogue: Catalogue,
    wishes: Wishes,
    heard: Heard,
    stop: asyncio.Event,
    options: UpOptions,
    vocabulary: Vocabulary | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Bring the cars up in this process and run the app on each, until `stop` or until all recordings are over."""
    runs = Runs(app, wishes, heard)
    async with up(sources, catalogue, options, vocabulary, failed=heard.failed, tell=tell) as cars:
        runs.start({s.vehicle: connect(cars, s.vehicle, app=app, pace=_pace(cars, s, options)) for s in sources})
        try:
            await _until(stop, runs, cars, wishes.seconds)
        finally:
            await asyncio.to_thread(runs.stop)


async def run_there(
    app: App,
    server: str,
    vehicles: Sequence[str | None],
    wishes: Wishes,
    heard: Heard,
    stop: asyncio.Event,
    tokens: Mapping[str | None, str] | None = None,
    pace: float = 1.0,
    certified: Certified = NOT_CERTIFIED,
) -> None:
    """Run the app on cars behind a server, until `stop`. A car that refuses it is told, and the others go on.

    `tokens` by vehicle; the one of None is shown for all others. Raises DoorError and UnknownName before anything runs,
    where the server is not there or the only car refuses.
    """
    shown = tokens or {}
    runs = Runs(app, wishes, heard)
    cars = {
        vehicle or server: connect(
            server, vehicle, token=shown.get(vehicle, shown.get(None)), app=app, pace=pace, **certified._asdict()
        )
        for vehicle in vehicles
    }
    able: dict[str, Car] = {}
    for name, car in cars.items():
        try:
            for path in (*app.requires, *app.actuates):
                await asyncio.to_thread(car.signal, path)
        except RenkeiError as e:
            if isinstance(e, Unreachable) or len(cars) == 1:
                raise
            car.close()
            heard.failed(e if name in str(e) else DoorError(f"{name}: {e}"))
        else:
            able[name] = car
    if not able:
        return
    runs.start(able)
    try:
        await _until(stop, runs, None, wishes.seconds)
    finally:
        await asyncio.to_thread(runs.stop)


async def _until(stop: asyncio.Event, runs: Runs, cars: Cars | None, seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while not stop.is_set() and not runs.are_over:
        if end is not None and loop.time() >= end:
            return
        if cars is not None and _are_played(cars):
            await asyncio.sleep(_LAST_VALUES_S)
            return
        await asyncio.sleep(_LOOK_S)


def _pace(cars: Cars, source: Source, options: UpOptions) -> float:
    """By how much times are to be stretched: not at all where they are those of the recording."""
    feed = cars.feeds.get(source.vehicle)
    return 1.0 if isinstance(feed, Replay) and feed.tells_recorded_time else options.speed


def _are_played(cars: Cars) -> bool:
    """Whether every source was a recording that has come to its end."""
    return bool(cars.feeds) and all(isinstance(feed, Replay) and feed.is_over for feed in cars.feeds.values())


class Runs:
    """The runs of one app; what one car makes of it does not touch the others. Raises AppFailed, InputError."""

    def __init__(self, app: App, wishes: Wishes, heard: Heard) -> None:
        self._app, self._out, self._heard = app, wishes.out, heard
        self._run = code_of(app)
        self._options: dict[str, Any] = options_of(app, self._run, wishes.options)
        self._threads: list[threading.Thread] = []
        self._cars: Mapping[str, Car] = {}

    @property
    def are_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def start(self, cars: Mapping[str, Car]) -> None:
        self._cars = cars
        self._threads = [
            threading.Thread(target=self._on, args=item, name=f"{self._app.id} on {item[0]}", daemon=True)
            for item in cars.items()
        ]
        for thread in self._threads:
            thread.start()
        self._heard.started()

    def stop(self) -> None:
        """End what the apps watch, and wait until each has said its last."""
        for car in self._cars.values():
            car.close()
        deadline = time.monotonic() + _PATIENCE_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self._heard.failed(AppFailed(f"{thread.name} does not end; what it would have said is lost"))

    def _on(self, vehicle: str, car: Car) -> None:
        try:
            for row in rows_of(self._app, self._run, car, self._out, self._options):
                self._heard.row(vehicle, row)
        except RenkeiError as e:
            self._heard.failed(e)

"""renkei run and renkei list apps: apps on the cars of the catalogue."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from renkei.cli import ask, say
from renkei.cli.catalogue import lists
from renkei.cli.decode import AnyCar, pairs
from renkei.cli.up import source_of
from renkei.errors import InputError, RenkeiError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from renkei.app import App
    from renkei.catalogue import Catalogue
    from renkei.vocabulary import Vocabulary


def add_to(app: typer.Typer) -> None:
    app.command()(run)


@lists.command()
def apps(data: say.Data = None, json: say.AsJson = False) -> None:
    """List the apps, with the signals that each requires, would use and sets.

    Example: renkei list apps
    """
    from renkei.app import scopes_of
    from renkei.catalogue import Catalogue

    catalogue = Catalogue(data or [])
    found = [catalogue.app(a) for a in catalogue.apps]
    if json:
        keys = ("requires", "uses", "actuates")
        return say.as_json(
            [
                {"id": a.id, "name": a.name, "about": a.about, "priority": a.priority, "scopes": scopes_of(a)}
                | {key: [_need(n) for n in getattr(a, key).values()] for key in keys}
                for a in found
            ]
        )
    rows = [[a.id, a.name, len(a.requires), len(a.uses), len(a.actuates), a.about] for a in found]
    say.table(["app", "name", "requires", "uses", "sets", "what it does"], rows)


def _need(need: Any) -> dict[str, object]:
    return {"signal": need.path, "unit": need.unit, "rate_hz": need.rate_hz}


def run(
    app: Annotated[str, typer.Argument(metavar="APP", help="An app, by its id or the path of its manifest.")],
    vehicle: Annotated[
        list[str],
        typer.Option(metavar="ID[=SOURCE]", help="A car, and its source as 'renkei up' takes it; repeat for several."),
    ],
    server: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The cars are behind this server; no sources then.")
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="As --server, with --port.")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="P", min=1, max=65535, help="As --server, with --host or on this machine.")
    ] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ID=]TOKEN|FILE",
            envvar="RENKEI_TOKEN",
            help="A token, or a file with one, that is shown to the server, for all cars or for one.",
        ),
    ] = None,
    tls_ca: ask.Ca = None,
    tls_cert: ask.Cert = None,
    tls_key: ask.Key = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the app puts its files.")] = Path(),
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the app; repeat for several.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="End after so long; else with the recordings or Ctrl-C.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="X", help="Times the recorded or simulated pace, also of cars behind a server.")
    ] = 1.0,
    any_car: AnyCar = False,
    data: say.Data = None,
    vss: say.Vss = None,
    json: say.AsJson = False,
) -> None:
    """Run an app on several cars at once, in this process or against a server.

    It is judged on each car first, as 'renkei fit' does: where a required signal is missing it does not run, and the
    others go on. What it said last of each car is printed at the end. Exit 1 where it cannot run on one of them.

    Example: renkei run trip-log --vehicle mitsubishi/outlander-phev-2019=drive.log --out trips
    """
    import asyncio

    from renkei import vocabulary
    from renkei.catalogue import Catalogue
    from renkei.flows.judge_app import chosen_app
    from renkei.flows.run import Certified, Heard, Wishes, run_here, run_there
    from renkei.flows.up import UpOptions

    catalogue, chosen = Catalogue(data or []), vocabulary.load(vss) if vss else None
    found = chosen_app(catalogue, app, chosen)
    is_remote = any(given is not None for given in (server, host, port))
    fit = _judged(catalogue, found, vehicle, chosen, is_remote=is_remote)
    said, wishes = _Said(json, [text.partition("=")[0] for text in vehicle]), Wishes(out, pairs(option or []), seconds)
    ends = seconds is not None or (not is_remote and all(source_of(text).log for text in fit))
    heard = Heard(
        said.row, said.failed, lambda: None if ends or json else say.note(f"{found.id} runs; stop with Ctrl-C")
    )
    if fit:
        if not is_remote:
            options = UpOptions(0, None, speed, any_car=any_car)
            sources = [source_of(text) for text in fit]
            asyncio.run(
                _stoppable(
                    lambda stop: run_here(found, sources, catalogue, wishes, heard, stop, options, chosen, say.note)
                )
            )
        else:
            shown = _tokens(token or [], fit)
            at, number = ask.address_of(server, host, port)
            where = f"[{at}]:{number}" if ":" in at else f"{at}:{number}"
            certified = Certified(tls_ca, tls_cert, tls_key)
            asyncio.run(
                _stoppable(lambda stop: run_there(found, where, fit, wishes, heard, stop, shown, speed, certified))
            )
    said.last_words()
    if said.worst or len(fit) < len(vehicle):
        raise typer.Exit(said.worst or 1)


def _tokens(texts: Sequence[str], vehicles: Sequence[str]) -> dict[str | None, str]:
    """Tokens by vehicle; None stands for all others."""
    found: dict[str | None, str] = {}
    for text in texts:
        id_, equals, told = text.partition("=")
        vehicle = id_ if equals and "/" in id_ and id_ in vehicles else None
        found[vehicle] = ask.token_of(told if vehicle else text)
    return found


def _judged(
    catalogue: Catalogue, app: App, vehicles: Sequence[str], chosen: Vocabulary | None, *, is_remote: bool
) -> list[str]:
    """Those vehicles on which the app can run; of the others it is said why not."""
    from renkei.flows.run import as_virtual_car, lacking, verdicts

    kept = []
    names = [text.partition("=")[0] for text in vehicles]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"--vehicle {min(twice)}: given twice")
    for text in vehicles:
        id_, equals, _ = text.partition("=")
        if is_remote and equals:
            raise InputError(f"--vehicle {text}: with --server cars have no source")
        if is_remote and id_ not in catalogue.vehicles:
            kept.append(text)  # a server of others: what it has it says itself
            continue
        [verdict] = verdicts(catalogue, app, [id_], chosen)
        others = is_remote or _is_without_bus(text)
        if not is_remote and source_of(text).virtual is not None:
            verdict = as_virtual_car(catalogue, app, verdict, chosen)
        if lacks := lacking(verdict, and_actuators=not others):
            say.note(f"{app.id} cannot run on {id_}: {lacks}")
            continue
        simulated = others and catalogue.vehicle(id_).known_map is None  # then it says all that is simulated
        if verdict.first_limit and verdict.level in ("break", "unknown") and not simulated:
            say.note(f"{app.id} on {id_}: {verdict.first_limit.about}: {verdict.first_limit.message}")
        kept.append(text)
    return kept


def _is_without_bus(text: str) -> bool:
    """Whether a car is virtual or has no source: then more may carry actuations out than the messages of its map."""
    source = source_of(text)
    return source.log is None and source.live is None


async def _stoppable(running: Any) -> None:
    import asyncio
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await running(stop)


class _Said:
    """What the app says of each car: each row as it comes in JSON, the last one of each as a table at the end.

    `order`: that of the cars in the table, whichever of them spoke first.
    """

    def __init__(self, json: bool, order: Sequence[str]) -> None:
        self._json, self._order, self._lock = json, order, threading.Lock()
        self._last: dict[str, Mapping[str, object]] = {}
        self.worst = 0

    def row(self, vehicle: str, row: Mapping[str, object]) -> None:
        with self._lock:
            self._last[vehicle] = row
            if self._json:
                print(say.json_text({"vehicle": vehicle, **row}), flush=True)

    def failed(self, e: RenkeiError) -> None:
        with self._lock:
            self.worst = max(self.worst, e.exit_code)
            say.note(str(e))

    def last_words(self) -> None:
        """A table of what was said last, a column for each car; lists stand below it."""
        if self._json or not self._last:
            return
        last = {car: self._last[car] for car in (*self._order, *self._last) if car in self._last}
        keys = dict.fromkeys(k for row in last.values() for k, v in row.items() if not isinstance(v, list))
        say.table(["", *last], [[key, *(_cell(row.get(key)) for row in last.values())] for key in keys])
        for vehicle, row in last.items():
            for key, value in row.items():
                if isinstance(value, list) and value:
                    say.line(f"{key}, {vehicle}: {', '.join(map(str, value))}")


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else value

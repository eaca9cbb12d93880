"""An app of the catalogue, or of a file, judged on a vehicle before it runs there."""

from __future__ import annotations

from pathlib import Path

from renkei.app import App
from renkei.catalogue import Catalogue
from renkei.catalogue.app_files import judge_paths, read_app
from renkei.flows.offers import offers
from renkei.rules.app_on_vehicle import Offered, app_on_vehicle
from renkei.rules.finding import Verdict
from renkei.vocabulary import Vocabulary, builtin


def chosen_app(catalogue: Catalogue, app: str, vocabulary: Vocabulary | None = None) -> App:
    """The app with that id, or of the manifest at that path. Raises UnknownName, and CatalogueError for a wrong one."""
    found = read_app(Path(app)) if app.endswith(".toml") else catalogue.app(app)
    judge_paths(found, vocabulary or builtin())
    return found


def judge_app(catalogue: Catalogue, app: App, vehicle: str, vocabulary: Vocabulary | None = None) -> Verdict:
    """What the app will meet in that vehicle; raises UnknownName."""
    car, version = catalogue.vehicle(vehicle), (vocabulary or builtin()).version
    if car.known_map is None:
        return app_on_vehicle(app, car.id, None, version)
    offered = {
        o.signal: Offered(
            o.signal, o.unit, o.rate_hz, o.access, o.settable, o.origin or o.set_with or "the map", o.source,
            o.confidence,
        )
        for o in offers(car, vocabulary)[0]
    }  # fmt: skip
    return app_on_vehicle(app, car.id, offered, version)

"""renkei list apps: what runs on the cars of the catalogue."""

from __future__ import annotations

import typer

from renkei.cli import say
from renkei.cli.catalogue import lists


def add_to(app: typer.Typer) -> None:
    """The commands of this family."""


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
                | {key: [n._asdict() for n in getattr(a, key).values()] for key in keys}
                for a in found
            ]
        )
    rows = [[a.id, a.name, len(a.requires), len(a.uses), len(a.actuates), a.about] for a in found]
    say.table(["app", "name", "requires", "uses", "sets", "what it does"], rows)

"""renkei vss: what changed between two VSS trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from renkei.cli import say

if TYPE_CHECKING:
    from renkei.flows.vss_diff import Difference

vss = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Compare versions of the vocabulary.\n\nExample: renkei vss diff old.json built-in",
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(vss, name="vss")


@vss.command()
def diff(
    a: Annotated[str, typer.Argument(help="A VSS JSON file, an overlay in YAML, or built-in.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    data: say.Data = None,
    json: say.AsJson = False,
) -> None:
    """Name what was removed, renamed or changed from A to B, and what that does; exit 1 if a map or an app loses by it.

    Example: renkei vss diff vss_5.0.json built-in
    """
    from renkei.catalogue import Catalogue
    from renkei.flows import vss_diff

    found = vss_diff.difference(vss_diff.read(a), vss_diff.read(b), Catalogue(data or []))
    if json:
        say.as_json(found.as_json())
    else:
        _tell(found)
    raise typer.Exit(1 if any(e.breaks for e in (*found.maps, *found.apps)) else 0)


def _tell(found: Difference) -> None:
    say.line(
        f"from {found.a} to {found.b}: {len(found.removed):,} removed, {len(found.renamed):,} renamed, "
        f"{len({c.signal for c in found.changed}):,} changed, {len(found.added):,} added"
    )
    for path in found.removed:
        say.line(f"  removed  {path}")
    for r in found.renamed:
        say.line(f"  renamed  {r.signal} -> {r.to} ({r.why})")
    for c in found.changed:
        say.line(f"  changed  {c.signal}: {c.key} {c.before} -> {c.after}" + (f" ({c.note})" if c.note else ""))
    for kind, effects in (("map", found.maps), ("app", found.apps)):
        for e in effects:
            say.line(f"  {kind}{' loses' if e.breaks else ''}  {e.user}: {e.signal}: {e.what}")

"""The command line: all commands, and how an error becomes a line and an exit code."""

from __future__ import annotations

import os
import sys

import typer
from typer.core import TyperGroup

from renkei.cli import ask, bench, catalogue, check, decode, demo, files, up
from renkei.errors import RenkeiError, nearest


class _Group(TyperGroup):
    """Names the nearest command for a misspelt one."""

    def resolve_command(self, ctx, args):  # type: ignore[no-untyped-def]
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = nearest(args[0], self.commands)
            ctx.fail(f"no command '{args[0]}'" + (f"; did you mean '{near}'?" if near else "; see renkei --help"))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Group,
    name="renkei",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="""One vehicle API above the cars of several makers.

    Example: renkei decode drive.log --vehicle nissan/leaf-aze0 --out drive.parquet
    """,
)


for family in (decode, up, ask, catalogue, check, files, bench, demo):
    family.add_to(app)


def main() -> None:
    """Run a command; a RenkeiError becomes one line on standard error and its exit code."""
    try:
        app()
    except RenkeiError as e:
        print(f"renkei: {e}", file=sys.stderr)
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)

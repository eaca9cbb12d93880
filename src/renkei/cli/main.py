"""The command line: all commands, and how an error becomes a line and an exit code."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from renkei.cli import (
    apps,
    ask,
    authority,
    bench,
    catalogue,
    check,
    decode,
    demo,
    drive,
    files,
    fit,
    parts,
    prove,
    say,
    up,
    vss,
)
from renkei.errors import OutputError, RenkeiError


class _Group(TyperGroup):
    """Runs commands; what becomes of their output is settled here, where typer has not yet made an exit code of it."""

    def invoke(self, ctx):  # type: ignore[no-untyped-def]
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except OSError as e:  # not one of ours, which name their file: output has nowhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(e, BrokenPipeError):  # the reader has gone, as `| head` does
                raise typer.Exit(141) from None
            raise OutputError(f"output cannot be written: {e.strerror or e}") from e


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


for family in (decode, up, ask, catalogue, check, prove, vss, parts, apps, fit, files, bench, drive, demo, authority):
    family.add_to(app)


_UsageError: Any = typer.BadParameter.__mro__[1]  # typer exports none of its other errors


def main() -> None:
    """Run a command; what is wrong with its input becomes one line on standard error and an exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that does not know a character is no error
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # else each stranger who speaks no TLS makes a line of its own
    gc.set_threshold(100_000, 20, 20)  # what imports make is never garbage; looking for it takes a fifth of a start
    try:
        sys.exit(app(standalone_mode=False))
    except RenkeiError as e:
        say.note(str(e))
        sys.exit(e.exit_code)
    except _UsageError as e:
        _tell(e)
        sys.exit(e.exit_code)


def _tell(usage: Any) -> None:
    message = usage.format_message()
    if message.startswith("Usage: "):  # the help of a group that was called without a command
        usage.show()
        return
    if usage.ctx and not message.endswith("?"):
        message = f"{message.removesuffix('.')}; see '{usage.ctx.command_path} --help'"
    say.note(message[:1].lower() + message[1:])

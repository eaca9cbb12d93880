"""The executable as users run it, and what the tests give it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.main import get_command

from renkei.cli.main import app

ROOT = Path(__file__).parents[2]
RENKEI = [sys.executable, "-m", "renkei"]
DEMO_LOG = ROOT / "src/renkei/data/demo/outlander-phev-2019-steering.candump.log.gz"
OUTLANDER = "mitsubishi/outlander-phev-2019"
DEADLINE_S = 60


def renkei(*arguments: object, **options) -> subprocess.CompletedProcess:
    """A command to its end."""
    return subprocess.run(
        [*RENKEI, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S, **options
    )


def tree() -> dict[str, object]:
    """Every command by its words, such as `list signals`."""
    found: dict[str, object] = {}

    def walk(words: list[str], command: object) -> None:
        inner = getattr(command, "commands", None)
        if words:
            found[" ".join(words)] = command
        for name, child in (inner or {}).items():
            walk([*words, name], child)

    walk([], get_command(app))
    return found


COMMANDS = {name: command for name, command in tree().items() if not hasattr(command, "commands")}
GROUPS = [name for name, command in tree().items() if hasattr(command, "commands")]

"""The Velocitas SDK in an environment of its own: it pins another protobuf than ours.

The environment is kept in the user's cache, so that it is made once.
"""

import fcntl
import subprocess
import sys
from functools import cache

import platformdirs
import pytest

SDK = "velocitas-sdk==0.15.7"
INSTALL_S = 180
PATIENCE_S = 30


@cache
def velocitas_python():
    """The interpreter that has the SDK; skips where it cannot be installed."""
    folder = platformdirs.user_cache_path("renkei") / f"tests-{SDK}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / "ready"
        if not ready.exists():
            _install(folder)
            ready.touch()
    return folder / "bin/python"


def _install(folder):
    for command in (
        [sys.executable, "-m", "venv", "--clear", folder],
        [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{SDK} could not be installed in {INSTALL_S} s")
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            pytest.skip(f"{SDK} cannot be installed here: {said[-1] if said else 'no reason given'}")


def run_in_velocitas(script, *arguments, **options):
    """What a script prints that runs to its end there."""
    command = [velocitas_python(), script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout

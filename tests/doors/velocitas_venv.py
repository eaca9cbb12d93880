"""The Velocitas SDK in an environment of its own: it pins another protobuf than ours.

The environment is kept in the user's cache, so that it is made once.
"""

import fcntl
import json
import os
import queue
import subprocess
import sys
import threading
from collections import defaultdict
from functools import cache
from pathlib import Path

import platformdirs
import pytest

SDK = "velocitas-sdk==0.15.7"
INSTALL_S = 90
PATIENCE_S = 15


def velocitas_python():
    """The interpreter that has the SDK; skips where it cannot be installed."""
    python, why_not = _made()
    if why_not:
        pytest.skip(why_not)
    return python


@cache
def _made():
    """The interpreter, and why there is none; made once, and tried once."""
    folder = platformdirs.user_cache_path("renkei") / f"tests-{SDK}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / "ready"
        why_not = "" if ready.exists() else _install(folder)
        if not why_not:
            ready.touch()
    return folder / "bin/python", why_not


def _install(folder):
    for command in (
        [sys.executable, "-m", "venv", "--clear", folder],
        [
            folder / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries",
            "1",
            SDK,
        ],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            return f"{SDK} could not be installed in {INSTALL_S} s"
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"{SDK} cannot be installed here: {said[-1] if said else 'no reason given'}"
    return ""


def run_in_velocitas(script, *arguments, **options):
    """What a script prints that runs to its end there."""
    command = [velocitas_python(), script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


class VelocitasApp:
    """The app of velocitas_app.py on a port, in a process of its own; to be used in a `with`."""

    def __init__(self, port):
        self._port = port
        self._heard = defaultdict(queue.SimpleQueue)

    def __enter__(self):
        address = f"grpc://127.0.0.1:{self._port}"
        self._process = subprocess.Popen(
            [velocitas_python(), Path(__file__).with_name("velocitas_app.py")],
            env=os.environ | {"SDV_VEHICLEDATABROKER_ADDRESS": address, "no_proxy": "127.0.0.1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=lambda: self._said.append(self._process.stderr.read()), daemon=True),
        ]
        self._said = []
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.stdin.write("quit\n")
            self._process.stdin.flush()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._process.stdin.close()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            self._heard[next(iter(said))].put(said)

    def hear(self, key):
        """The next thing told whose first key is this."""
        try:
            return self._heard[key].get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"the app does not tell {key}: {''.join(self._said)}") from None

    def do(self, command, key):
        """What the app tells under this key after a command."""
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.hear(key)

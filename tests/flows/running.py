"""renkei as users run it: the executable in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

RENKEI = [sys.executable, "-m", "renkei"]
PATIENCE_S = 15


def renkei(*arguments: object, **options) -> subprocess.CompletedProcess:
    """A command to its end."""
    return subprocess.run(
        [*RENKEI, *map(str, arguments)], capture_output=True, text=True, timeout=4 * PATIENCE_S, **options
    )


class Up:
    """`renkei up` on free ports without a browser; in a `with`, ready when entered, ended when left."""

    def __init__(self, *arguments: object, https: bool = False, command: Sequence[str] = RENKEI) -> None:
        self._arguments, self._scheme = [*map(str, arguments)], "https" if https else "http"
        self._command = command
        self.ports: dict[str, int] = {}
        self.http_port = 0

    def __enter__(self) -> Self:
        command = [*self._command, "up", *self._arguments, "--grpc-port", "0", "--http-port", "0", "--no-browser"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._watchdog = threading.Timer(4 * PATIENCE_S, self.process.kill)  # a read that waits in vain ends too
        self._watchdog.start()
        for line in self.process.stdout:
            if found := re.fullmatch(r"(\S+)  kuksa\.val\.v2 and v1 on 127\.0\.0\.1:(\d+)\n", line):
                self.ports[found[1]] = int(found[2])
            elif found := re.fullmatch(rf"dashboard  {self._scheme}://127\.0\.0\.1:(\d+)/\n", line):
                self.http_port = int(found[1])
            elif line.startswith("stop with"):
                return self
        self.__exit__()
        raise AssertionError(f"renkei up did not come up: {self.process.stderr.read()}")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE_S)
        self._watchdog.cancel()

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; the exit code and what was said on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said

    def said(self) -> str:
        """The next line on standard error."""
        return self.process.stderr.readline()


def wheel_log(file: Path, times_s: list[float], speeds_km_h: list[float]) -> Path:
    """Frames 0x0AA of the fixture car in which the front left wheel has these speeds."""
    lines = []
    for t_s, km_h in zip(times_s, speeds_km_h, strict=True):
        raw = round((km_h + 67.67) / 0.01)
        lines.append(f"({t_s:.6f}) can0 0AA#0000{raw:04X}00000000\n")
    file.write_text("".join(lines))
    return file

"""A headless Chromium, told what to do over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import base64
import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from websockets.sync.client import connect

PATIENCE_S = 30
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def executable():
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One running Chromium with a fresh profile in `folder`."""

    def __init__(self, folder: Path):
        self._process = subprocess.Popen(
            [executable(), *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with ExitStack() as starting:
            starting.callback(self._end)
            port, path = self._address(folder / "DevToolsActivePort")
            address = f"ws://127.0.0.1:{port}{path}"
            self._socket = starting.enter_context(connect(address, max_size=None, open_timeout=PATIENCE_S))
            self._open = starting.pop_all()
        self._count = 0
        self.pages = {}

    def _address(self, file):
        end = time.monotonic() + PATIENCE_S
        while not (file.exists() and len(lines := file.read_text().split()) == 2):
            assert self._process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < end, "Chromium does not start"
            time.sleep(0.05)
        return lines

    def ask(self, method, session=None, **params):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params} | ({"sessionId": session} if session else {})
        self._socket.send(json.dumps(message))
        while True:
            reply = json.loads(self._socket.recv(PATIENCE_S))
            if reply.get("id") == self._count:
                assert "error" not in reply, reply["error"]
                return reply["result"]
            if page := self.pages.get(reply.get("sessionId")):
                page.hear(reply["method"], reply["params"])

    def open(self, url, *, width=1280, height=900, scheme="light"):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        for domain in ("Runtime", "Log", "Page"):
            page.ask(f"{domain}.enable")
        page.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.ask("Page.navigate", url=url)
        return page

    def close(self):
        self._open.close()

    def _end(self):
        self._process.terminate()
        self._process.wait(PATIENCE_S)


class Page:
    """A tab; `complaints` are what its console shows as errors."""

    def __init__(self, browser, session, target):
        self._browser, self._session, self._target = browser, session, target
        self.complaints = []

    def ask(self, method, **params):
        return self._browser.ask(method, self._session, **params)

    def hear(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"])

    def js(self, expression):
        """The value of a JavaScript expression."""
        reply = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def until(self, expression, patience_s=PATIENCE_S):
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + patience_s
        while not self.js(expression):
            assert time.monotonic() < end, f"never true: {expression}\n{self.js('document.body.innerText')[:2000]}"
            time.sleep(0.05)

    def shoot(self, file):
        """A picture of the whole page, as PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        Path(file).write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self._browser.ask("Target.closeTarget", targetId=self._target)
        self._browser.pages.pop(self._session)

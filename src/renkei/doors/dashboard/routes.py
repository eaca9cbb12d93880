"""What the dashboard door answers, and to whom."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renkei.doors.dashboard.events import Events
from renkei.doors.dashboard.view import View
from renkei.errors import UnknownName

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def application(view: View, events: Events, host: str) -> ASGIApp:
    """The whole door as an ASGI application that answers requests for `host` and for this machine only."""
    page, policy = _page()

    async def show_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def list_vehicles(request: Request) -> Response:
        return JSONResponse(view.vehicles())

    async def list_signals(request: Request) -> Response:
        try:
            return JSONResponse(view.signals(request.path_params["vehicle"]))
        except UnknownName as unknown:
            return _refusal(404, str(unknown))

    routes = [
        Route("/", show_page),
        Route("/api/vehicles", list_vehicles),
        Route("/api/vehicles/{vehicle:path}/signals", list_signals),
        Route("/events", events),
    ]
    handlers = {HTTPException: lambda request, e: _refusal(e.status_code, e.detail)}
    return Gate(Starlette(routes=routes, exception_handlers=handlers), host)


class Gate:
    """Lets through what a page of our own, or a tool on this machine, would ask.

    A page from elsewhere whose name was turned to this machine's address (DNS rebinding) is told by the Host header
    that its browser sends along.
    """

    def __init__(self, inner: ASGIApp, host: str) -> None:
        self._inner = inner
        self._hosts = LOCAL_HOSTS | {f"[{host}]".lower() if ":" in host else host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on and mark the answer as one that no cache keeps and no other site embeds."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        await (self._refused(scope) or self._inner)(scope, receive, marked)

    def _refused(self, scope: Scope) -> Response | None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        name = re.sub(r":\d*$", "", hosts[0]).lower() if len(hosts) == 1 else ""
        if name not in self._hosts:
            return _refusal(403, f"this dashboard does not answer for the host '{name[:100]}'")
        if scope["method"] != "GET":
            return _refusal(405, "only GET is understood here", {"Allow": "GET"})
        return None


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers)


def _page() -> tuple[str, str]:
    """The page as one document, and the Content-Security-Policy under which only its own script and style run."""
    here = files("renkei") / "doors/dashboard"
    page, style, script = ((here / f"page.{x}").read_text(encoding="utf-8") for x in ("html", "css", "js"))
    page = page.replace("<style></style>", f"<style>{style}</style>", 1)
    page = page.replace("<script></script>", f"<script>{script}</script>", 1)
    policy = (
        f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

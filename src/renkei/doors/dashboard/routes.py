"""What the dashboard answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from renkei.doors.dashboard.events import Events
from renkei.doors.dashboard.view import View
from renkei.doors.http import refusal
from renkei.errors import UnknownName


def routes(view: View, events: Events) -> list[BaseRoute]:
    """All that the dashboard answers; it understands GET only."""
    page, policy = _page()

    async def show_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def list_vehicles(request: Request) -> Response:
        return JSONResponse(view.vehicles())

    async def list_signals(request: Request) -> Response:
        try:
            return JSONResponse(view.signals(request.path_params["vehicle"]))
        except UnknownName as unknown:
            return refusal(404, str(unknown))

    return [
        _get("/", show_page),
        _get("/api/vehicles", list_vehicles),
        _get("/api/vehicles/{vehicle:path}/signals", list_signals),
        _get("/events", events),
    ]


def _get(path: str, endpoint: Callable[..., Any]) -> Route:
    route = Route(path, endpoint, methods=["GET"])
    route.methods = {"GET"}  # Starlette would add HEAD
    return route


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

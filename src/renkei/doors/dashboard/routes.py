"""What the dashboard answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from renkei.authority.tokens import LONGEST, Grant
from renkei.doors.dashboard.events import Events
from renkei.doors.dashboard.view import View
from renkei.doors.guard import GUARDED, Guard
from renkei.doors.http import COOKIE, guest_of, peer_of, refusal, refused_by_guard
from renkei.errors import UnknownName


def routes(view: View, events: Events, guard: Guard) -> list[BaseRoute]:
    """All that the dashboard answers; it understands GET, and POST of a token that the browser shall keep."""
    page, policy = _page()

    async def show_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def list_vehicles(request: Request) -> Response:
        try:
            return JSONResponse(view.vehicles(guest_of(guard, request).grant))
        except GUARDED as e:
            return refused_by_guard(e)

    def of_a_vehicle(look: Callable[[str, Grant], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return JSONResponse(look(request.path_params["vehicle"], guest_of(guard, request).grant))
            except GUARDED as e:
                return refused_by_guard(e)
            except UnknownName as unknown:
                return refusal(404, str(unknown))

        return answer

    async def keep_token(request: Request) -> Response:
        token = (await _text(request)).strip()
        try:
            guard.admit(token, peer_of(request, "dashboard"), "dashboard")
        except GUARDED as e:
            return refused_by_guard(e)
        kept = Response(status_code=204)
        secure = request.url.scheme == "https"
        kept.set_cookie(COOKIE, token, secure=secure, httponly=True, samesite="strict")
        return kept

    return [
        _get("/", show_page),
        Route("/token", keep_token, methods=["POST"]),
        _get("/api/vehicles", list_vehicles),
        _get("/api/vehicles/{vehicle:path}/signals", of_a_vehicle(view.signals)),
        _get("/api/vehicles/{vehicle:path}/buses", of_a_vehicle(view.buses)),
        _get("/events", events),
    ]


def _get(path: str, endpoint: Callable[..., Any]) -> Route:
    route = Route(path, endpoint, methods=["GET"])
    route.methods = {"GET"}  # Starlette would add HEAD
    return route


async def _text(request: Request) -> str:
    """The body as text, no longer than a token may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return ""
    return body.decode("ascii", "replace")


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

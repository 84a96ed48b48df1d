"""The HTTP application: REST from the table of operations, the page, and what holds for every answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from ..access.throttle import Throttled
from ..clock import CLOCK_HEADER, iso
from ..errors import Ambiguous, CpetwinError, Unauthenticated
from . import page
from .routes import SERVICES, add_routes, json_response
from .services import Services
from .system import STREAMS, Streams

log = logging.getLogger("cpetwin.api")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "cpetwin",
}
"""On every answer that does not say otherwise. No script may run, nothing comes from elsewhere."""

Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(services: Services) -> web.Application:
    """The application, ready for a runner. It opens no socket by itself."""
    app = web.Application(middlewares=[_errors])
    app[SERVICES] = services
    app[STREAMS] = Streams()
    add_routes(app)
    page.add_routes(app)
    app.on_response_prepare.append(_headers)
    app.on_shutdown.append(_end_streams)
    return app


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        if name not in response.headers or name == "Server":
            response.headers[name] = value
    if not page.is_page(request):
        response.headers[CLOCK_HEADER] = iso(request.app[SERVICES].clock.now())


async def _end_streams(app: web.Application) -> None:
    streams = set(app[STREAMS])
    for task in streams:
        task.cancel()
    if streams:
        await asyncio.wait(streams)


@web.middleware
async def _errors(request: web.Request, handler: Next) -> web.StreamResponse:
    """Every error has one form: JSON for programs, a page for people."""
    try:
        return await handler(request)
    except CpetwinError as error:
        return _answer(request, error.status, error.code, error.message, error.hint, _extra_headers(error), error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        code, message, hint = _HTTP.get(error.status, (f"http-{error.status}", error.reason, ""))
        return _answer(request, error.status, code, message, hint, allow)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        message = "the server made an error; its log says more"
        return _answer(request, 500, "internal", message, "report it with the log")


_HTTP = {
    404: ("not-found", "there is nothing at this address", "/api/v1/openapi.json says what there is"),
    405: ("method-not-allowed", "this address does not answer this method", "/api/v1/openapi.json says what there is"),
}


def _extra_headers(error: CpetwinError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="cpetwin"'}
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _answer(
    request: web.Request,
    status: int,
    code: str,
    message: str,
    hint: str,
    headers: dict[str, str] | None = None,
    error: CpetwinError | None = None,
) -> web.StreamResponse:
    if page.is_page(request):
        return page.error_page(request, status, message, hint, headers or {})
    body: dict[str, object] = {"code": code, "message": message, "hint": hint}
    if isinstance(error, Ambiguous):
        body["candidates"] = error.candidates
    return json_response({"error": body}, status, headers)

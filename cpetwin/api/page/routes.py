"""Addresses of the page: what is shown where, and logging in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from aiohttp import web

from ... import __version__
from ...access.principal import Principal
from ...access.throttle import Throttled
from ...errors import BadInput, CpetwinError, NotFound
from ..routes import SERVICES
from . import session, views, words

HERE = Path(__file__).parent.parent
API_PREFIXES = ("/api/", "/healthz", "/readyz", "/metrics", "/tmf-api/")
STYLE = "/static/cpetwin.css"

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
_templates.filters.update(
    span=words.span, local=words.local, clock=words.clock, count=words.count, fault=words.fault,
    wish=words.wish, id=lambda text: quote(text, safe=""),
)  # fmt: skip
_templates.globals.update(version=__version__, style=STYLE)


def is_page(request: web.Request) -> bool:
    """Whether a person looks at this address with a browser."""
    return not request.path.startswith(API_PREFIXES)


def render(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> web.Response:
    """A template as an answer."""
    values.setdefault("who", None)
    text = _templates.get_template(template).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers or {})


def error_page(request: web.Request, status: int, message: str, hint: str, headers: dict[str, str]) -> web.Response:
    """An error for people."""
    word = {403: "denied", 404: "not found"}.get(status, "that did not work")
    return render("error.html", status, headers, word=word, message=message, hint=hint, title=word)


Page = Callable[[web.Request, Principal], Awaitable[web.Response]]


def _for_people(view: Page) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Ask for a login first."""

    async def handle(request: web.Request) -> web.Response:
        who = await session.principal_of(request)
        if who is None:
            raise web.HTTPSeeOther("/login?" + urlencode({"to": request.raw_path}))
        return await view(request, who)

    return handle


async def fleet(request: web.Request, who: Principal) -> web.Response:
    query = request.query
    q = query.get("q", "").strip()[:256]
    shown = await views.fleet(
        request.app[SERVICES], who, q, query.get("sort", "id"), query.get("cursor", "")[:512] or None
    )
    if q and shown["total"] == 1:
        raise web.HTTPSeeOther("/devices/" + quote(shown["rows"][0].device.id, safe=""))
    return render("fleet.html", who=who, title="fleet", **shown)


async def device(request: web.Request, who: Principal) -> web.Response:
    id, query = request.match_info["device"], request.query
    start = query.get("start", "0")
    if not start.isdecimal() or len(start) > 9:
        raise BadInput("start must be a number")
    text = query.get("text", "").strip()[:256]
    shown = await views.device(request.app[SERVICES], who, id, text, int(start))
    return render("device.html", who=who, title=shown["device"].id, q="", **shown)


async def login_form(request: web.Request) -> web.Response:
    return render("login.html", title="log in", to=request.query.get("to", "/"), problem="", user="")


async def login(request: web.Request) -> web.Response:
    fields = await session.form(request)
    user, to = fields.get("user", ""), fields.get("to", "/")
    try:
        made = await request.app[SERVICES].users.login(user, fields.get("password", ""), request.remote or "")
    except CpetwinError as error:
        if error.status not in (401, 429):
            raise
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Throttled) else {}
        problem = f"{error.message}; {error.hint}"
        return render("login.html", error.status, headers, title="log in", to=to, problem=problem, user=user[:64])
    # Only an address of this server: "//elsewhere" and "/\elsewhere" lead away.
    there = to if to.startswith("/") and to[1:2] not in ("/", "\\") and to.isprintable() else "/"
    response = web.Response(status=303, headers={"Location": there})
    session.keep(request, response, made.token)
    return response


async def logout(request: web.Request) -> web.Response:
    await session.form(request)
    who = await session.principal_of(request)
    if who is not None:
        try:
            await request.app[SERVICES].tokens.revoke(who, who.token)
        except NotFound:
            who = None  # revoked meanwhile: what was wanted
    response = web.Response(status=303, headers={"Location": "/login"})
    session.drop(response)
    return response


async def password_form(request: web.Request) -> web.Response:
    who = await session.principal_of(request)
    if who is None:
        raise web.HTTPSeeOther("/login")
    return render("password.html", who=who, title="new password", problem="")


async def password(request: web.Request) -> web.Response:
    fields = await session.form(request)
    who = await session.principal_of(request)
    if who is None:
        raise web.HTTPSeeOther("/login")
    try:
        if fields.get("new", "") != fields.get("again", ""):
            raise BadInput("the two new passwords differ", "type it twice the same")
        await request.app[SERVICES].users.passwd(who, fields.get("old", ""), fields.get("new", ""))
    except CpetwinError as error:
        if error.status not in (400, 401, 429):
            raise
        problem = f"{error.message}; {error.hint}"
        return render("password.html", error.status, who=who, title="new password", problem=problem)
    raise web.HTTPSeeOther("/")


async def style(request: web.Request) -> web.Response:
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(text=_STYLE, content_type="text/css", headers=headers)


_STYLE = (HERE / "static" / "cpetwin.css").read_text()


def add_routes(app: web.Application) -> None:
    app.router.add_get("/", _for_people(fleet))
    app.router.add_get("/devices/{device}", _for_people(device))
    app.router.add_get("/login", login_form)
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout)
    app.router.add_get("/password", password_form)
    app.router.add_post("/password", password)
    app.router.add_get(STYLE, style)

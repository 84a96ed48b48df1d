"""The login of the page: a token in a cookie that scripts cannot read and other sites cannot send."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from ...access.principal import Principal
from ...errors import BadInput, Denied, Unauthenticated
from ..routes import SERVICES, read_bounded

COOKIE = "cpetwin_login"
MAX_FORM = 16 << 10
MAX_FIELDS = 16


async def principal_of(request: web.Request) -> Principal | None:
    """Who is logged in here; None without a valid login."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    try:
        return await request.app[SERVICES].tokens.authenticate(token)
    except Unauthenticated:
        return None


def keep(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Remember the login until the browser closes or the token ends."""
    response.set_cookie(COOKIE, token, path="/", httponly=True, samesite="Strict", secure=request.scheme == "https")


def drop(response: web.StreamResponse) -> None:
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")


async def form(request: web.Request) -> dict[str, str]:
    """The fields of a form that was sent from this page. Raises Denied when it came from another site."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc != request.host
    ):
        raise Denied("this form was sent from another site", "open the page itself and try again")
    raw = await read_bounded(request, MAX_FORM)
    try:
        fields = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadInput("the form cannot be read") from error
    return {name: values[-1] for name, values in fields.items()}

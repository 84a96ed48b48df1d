"""Operation: one line of the API. Router, access check, input check and OpenAPI document all come from it.

``Call`` is what a handler gets: who asks, with which checked parameters and body. ``Answer`` is what it
gives when a bare value (status 200) is not enough.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from aiohttp import web

from ..access.auditing import entry
from ..access.principal import Principal
from ..errors import NotFound, Stale
from ..twin.audit import AuditEntry
from ..twin.store.base import Device
from .schema import TEXT, Schema
from .services import Services

PUBLIC = "-public-"
"""Instead of a permission: no login is needed."""

ANY_LOGIN = "-login-"
"""Instead of a permission: any login will do, also one that must change its password first."""

JSON_LIMIT = 1 << 20
"""Largest JSON body in bytes."""


@dataclass(frozen=True)
class Parameter:
    """A query or path parameter. ``many`` may be given several times and is a list."""

    name: str
    says: str
    schema: Schema = field(default_factory=lambda: TEXT)
    required: bool = False
    many: bool = False
    place: Literal["query", "path"] = "query"


@dataclass(frozen=True)
class Answer:
    """A body with another status than 200, or with headers."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """One request on its way: ``principal`` is None for public operations only."""

    services: Services
    request: web.Request
    who: Principal | None
    parameters: dict[str, Any]
    body: Any = None

    @property
    def principal(self) -> Principal:
        assert self.who is not None, "a public operation has no principal"
        return self.who

    @property
    def now(self) -> int:
        return self.services.clock.now()

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default when it was not given."""
        return self.parameters.get(name, default)

    async def device(self) -> Device:
        """The device of the path. Ids contain ``%2D``; one that was put into a URL without escaping is understood."""
        given = self.parameters["device"]
        store = self.services.store
        try:
            return await store.resolve(given)
        except NotFound:
            raw = self.request.raw_path.partition("?")[0].split("/devices/", 1)[-1].split("/")[0]
            if "%" not in raw or raw == given or unquote(raw) != given:
                raise
            return await store.resolve(raw)

    def entry(self, action: str, subject: str = "", read: bool = False, **detail: object) -> AuditEntry:
        """The audit entry of an act of this principal."""
        return entry(self.principal, action, subject, detail, at=self.now, read=read)

    def check_revision(self, revision: int) -> None:
        """``If-Match`` must name the revision, when it was sent. Raises Stale."""
        wanted = self.request.headers.get("If-Match")
        if wanted is None or wanted.strip() == "*":
            return
        if etag(revision) not in [tag.strip() for tag in wanted.split(",")]:
            raise Stale(f"the revision is {revision} now", "read it again and decide anew")


def etag(revision: int) -> str:
    """The revision of a twin as an ETag."""
    return f'"{revision}"'


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """``answers`` maps the statuses of success to (what it means, schema); ``errors`` are further ones that can come.

    ``body`` is the schema of a JSON body. ``content`` names another content type, whose body reaches the handler
    as bytes (at most ``limit``).
    """

    method: str
    path: str
    name: str
    permission: str
    says: str
    handler: Handler
    answers: Mapping[int, tuple[str, Schema]]
    parameters: Sequence[Parameter] = ()
    body: Schema | None = None
    content: str = "application/json"
    limit: int = JSON_LIMIT
    errors: Sequence[int] = ()
    writes: bool = False
    stream: str = ""

    @property
    def statuses(self) -> dict[int, str]:
        """Every status that can come, with its meaning."""
        codes = {status: says for status, (says, _) in self.answers.items()}
        expected = set(self.errors) | {500, 503}
        if self.permission != PUBLIC:
            expected |= {401, 403}
        if self.parameters or self.body is not None or self.content != "application/json":
            expected.add(400)
        if any(parameter.name == "device" for parameter in self.parameters):
            expected |= {404, 409}
        if self.body is not None or self.content != "application/json":
            expected |= {408, 413, 415}
        if self.writes:
            expected.add(412)
        return {**codes, **{status: ERRORS[status] for status in sorted(expected)}}


ERRORS = {
    400: "the request is wrong",
    401: "login or token is missing or wrong",
    403: "denied",
    404: "not found",
    408: "the body did not come in time",
    409: "conflict, or a short id that fits several devices",
    412: "the revision named by If-Match is not the current one",
    413: "the body is too large",
    415: "the content type is not understood",
    429: "too many attempts",
    500: "an error of the server; it is logged",
    503: "the server cannot do it now",
}

DEVICE = Parameter("device", "id, serial, or a unique prefix or suffix of the id", place="path", required=True)

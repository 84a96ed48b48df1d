"""The table of all operations, and how one of them answers a request."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from ..access.principal import Principal
from ..errors import BadInput, CpetwinError, Unauthenticated
from . import accounts, commands, devices, openapi, system, twins
from .operation import ANY_LOGIN, PUBLIC, Answer, Call, Operation, Parameter
from .schema import ANY, Schema, from_text, mapping, problems
from .services import Services
from .shapes import COMPONENTS
from .system import bearer

MAX_PROBLEMS = 5
BODY_S = 60.0
"""A body must have come within this time (seconds)."""
SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
DOCUMENT: web.AppKey[bytes] = web.AppKey("openapi", bytes)


async def show_document(call: Call) -> web.Response:
    return web.Response(body=call.request.app[DOCUMENT], content_type="application/json")


OPERATIONS: tuple[Operation, ...] = (
    *system.OPERATIONS,
    *devices.OPERATIONS,
    *twins.OPERATIONS,
    *commands.OPERATIONS,
    *accounts.OPERATIONS,
    Operation(
        "GET", "/api/v1/openapi.json", "openapi", PUBLIC, "this document", show_document,
        {200: ("OpenAPI 3.1", mapping(ANY))},
    ),
)  # fmt: skip


class TooLarge(CpetwinError):
    code = "too-large"
    status = 413


class TooSlow(CpetwinError):
    code = "too-slow"
    status = 408


class WrongContent(CpetwinError):
    code = "unsupported-content"
    status = 415


def add_routes(app: web.Application) -> None:
    """The router and the document, both from the table."""
    app[DOCUMENT] = msgspec.json.encode(openapi.document(OPERATIONS))
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, _handler(operation))


def _handler(operation: Operation) -> Any:
    async def handle(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        who = await _principal(operation, request, services)
        call = Call(services, request, who, read_parameters(operation, request))
        call.body = await _body(operation, request)
        result = await operation.handler(call)
        if isinstance(result, web.StreamResponse):
            return result
        answer = result if isinstance(result, Answer) else Answer(result)
        return json_response(answer.body, answer.status, dict(answer.headers))

    return handle


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers or {}
    )


async def _principal(operation: Operation, request: web.Request, services: Services) -> Principal | None:
    if operation.permission == PUBLIC:
        return None
    token = bearer(request)
    if not token:
        raise Unauthenticated("a token is needed", "send Authorization: Bearer TOKEN; cpetwin login gives one")
    who = await services.tokens.authenticate(token)
    if operation.permission != ANY_LOGIN:
        who.require(operation.permission)
    return who


def read_parameters(operation: Operation, request: web.Request) -> dict[str, Any]:
    """Path and query parameters by their schemas. Raises BadInput, also for ones that are not known."""
    known = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
    for name in request.query:
        if name not in known:
            raise BadInput(f"there is no parameter {name[:64]!r}", "parameters: " + ", ".join(sorted(known)))
    found: dict[str, Any] = {}
    for parameter in operation.parameters:
        if parameter.place == "path":
            found[parameter.name] = _parameter(parameter, parameter.schema, [request.match_info[parameter.name]])
        elif given := _given(request, parameter):
            found[parameter.name] = _parameter(parameter, parameter.schema, given)
        elif parameter.required:
            raise BadInput(f"the parameter {parameter.name} is missing", parameter.says)
    return found


def _given(request: web.Request, parameter: Parameter) -> list[str]:
    given = request.query.getall(parameter.name, [])
    if len(given) > (twins.MAX_PATHS if parameter.many else 1):
        raise BadInput(f"the parameter {parameter.name} is given too often")
    return list(given)


def _parameter(parameter: Parameter, schema: Schema, given: list[str]) -> Any:
    try:
        values = [from_text(text, schema) for text in given]
    except BadInput as error:
        raise BadInput(f"{parameter.name}: {error.message}", parameter.says) from None
    for value in values:
        wrong = next(problems(value, schema, COMPONENTS, parameter.name), None)
        if wrong:
            raise BadInput(wrong, parameter.says)
    return values if parameter.many else values[0]


async def _body(operation: Operation, request: web.Request) -> Any:
    if operation.body is None and operation.content == "application/json":
        return None
    raw = await read_bounded(request, operation.limit)
    if operation.content != "application/json":
        return raw
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise WrongContent(f"{request.content_type} is not understood here", "send Content-Type: application/json")
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is no JSON: {error}") from None
    assert operation.body is not None
    wrong = [
        problem for problem, _ in zip(problems(body, operation.body, COMPONENTS), range(MAX_PROBLEMS), strict=False)
    ]
    if wrong:
        raise BadInput("; ".join(wrong))
    return body


async def read_bounded(request: web.Request, limit: int) -> bytes:
    """The body of a request, at most ``limit`` bytes. Raises TooLarge before more is in memory, and TooSlow."""
    if (request.content_length or 0) > limit:
        raise TooLarge(f"the body has more than {limit} bytes")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_chunked(64 << 10):
                raw += part
                if len(raw) > limit:
                    raise TooLarge(f"the body has more than {limit} bytes")
    except TimeoutError:
        raise TooSlow(f"the body did not come within {BODY_S:.0f} s") from None
    return bytes(raw)

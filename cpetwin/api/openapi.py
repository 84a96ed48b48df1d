"""The OpenAPI 3.1 document, made from the table of operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import __version__
from .operation import ANY_LOGIN, PUBLIC, Operation, Parameter
from .schema import Schema, array
from .shapes import COMPONENTS, ERROR

ABOUT = (
    "Bearer token in Authorization. Instants are ISO 8601 with offset, ages and lengths of time in seconds. The"
    " revision of a twin is its ETag; writes take If-Match. Lists page by an opaque cursor."
)


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "cpetwin", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "security": [] if operation.permission == PUBLIC else [{"token": []}],
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {str(status): _response(operation, status, says) for status, says in operation.statuses.items()},
    }
    if operation.permission not in (PUBLIC, ANY_LOGIN):
        shown["x-permission"] = operation.permission
    if operation.writes:
        shown["parameters"].append(
            {"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
             "description": "the ETag of the revision that is expected"}
        )  # fmt: skip
    if operation.body is not None or operation.content != "application/json":
        schema = operation.body if operation.body is not None else {"type": "string"}
        shown["requestBody"] = {"required": True, "content": {operation.content: {"schema": schema}}}
    return shown


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.says,
        "schema": array(parameter.schema) if parameter.many else parameter.schema,
    }


def _response(operation: Operation, status: int, says: str) -> dict[str, Any]:
    if status not in operation.answers:
        return {"description": says, "content": _content("application/json", ERROR)}
    schema = operation.answers[status][1]
    content = {} if operation.stream == "text/plain" else _content("application/json", schema)
    if operation.stream:
        content |= _content(operation.stream, {"type": "string"})
    return {"description": says, "content": content}


def _content(kind: str, schema: Schema) -> dict[str, Any]:
    return {kind: {"schema": schema}}

"""JSON Schema as OpenAPI 3.1 uses it: words to write one shortly, and a checker for the part we use.

The same schemas describe the API, check what comes in, and in the tests check what goes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..errors import BadInput

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
ANY: Schema = {}
INSTANT: Schema = {"type": "string", "format": "date-time"}
"""ISO 8601 with offset."""


def text(most: int = 1024, least: int = 0, **more: Any) -> Schema:
    return {"type": "string", "minLength": least, "maxLength": most, **more}


def integer(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*words: object) -> Schema:
    return {"enum": list(words)}


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items} | ({} if most is None else {"maxItems": most})


def mapping(values: Schema, most: int | None = None) -> Schema:
    return {"type": "object", "additionalProperties": values} | ({} if most is None else {"maxProperties": most})


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with exactly these fields; the optional ones may be absent."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
    "object": (dict,), "array": (list, tuple),
}  # fmt: skip


def problems(value: Any, schema: Schema, components: Mapping[str, Schema], where: str = "") -> Iterator[str]:
    """What of ``value`` does not fit, each with its place. Nothing: it fits."""
    if "$ref" in schema:
        yield from problems(value, components[schema["$ref"].rpartition("/")[2]], components, where)
        return
    place = where or "the body"
    if "anyOf" in schema:
        tried = [list(problems(value, part, components, where)) for part in schema["anyOf"]]
        if all(tried):
            yield from min(tried, key=len)
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: one of {', '.join(map(str, schema['enum']))} is expected"
        return
    kind = schema.get("type")
    if kind is None:
        return
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{place}: {kind} is expected"
        return
    yield from _BY_TYPE.get(kind, _nothing)(value, schema, components, where)


def _nothing(value: Any, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    yield from ()


def _text(value: str, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if len(value) < least or (most is not None and len(value) > most):
        yield f"{where or 'the body'}: {least} to {most} characters are expected"
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield f"{where or 'the body'}: {schema['pattern']} is expected"


def _number(value: float, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        yield f"{where or 'the body'}: {schema.get('minimum', '...')} to {schema.get('maximum', '...')} is expected"


def _array(value: Any, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{where or 'the body'}: at most {schema['maxItems']} items are expected"
        return
    for position, item in enumerate(value):
        yield from problems(item, schema["items"], components, f"{where}[{position}]")


def _object(value: Any, schema: Schema, components: Mapping[str, Schema], where: str) -> Iterator[str]:
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{where or 'the body'}: at most {schema['maxProperties']} fields are expected"
        return
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where or 'the body'}: the field {name} is missing"
    more = schema.get("additionalProperties", True)
    for name, item in value.items():
        inside = f"{where}.{name}" if where else str(name)
        if name in known:
            yield from problems(item, known[name], components, inside)
        elif more is False:
            yield f"{inside[:200]}: there is no such field; fields: {', '.join(known)}"
        elif isinstance(more, dict):
            yield from problems(item, more, components, inside)


_BY_TYPE: dict[str, Callable[[Any, Schema, Mapping[str, Schema], str], Iterator[str]]] = {
    "string": _text, "integer": _number, "number": _number, "array": _array, "object": _object,
}  # fmt: skip


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def from_text(raw: str, schema: Schema) -> object:
    """The value that a query parameter stands for by its schema. Raises BadInput."""
    kind = schema.get("type")
    try:
        if kind == "integer":
            return int(raw)
        if kind == "number":
            return float(raw)
    except ValueError:
        raise BadInput(f"{kind} is expected, not {raw[:64]!r}") from None
    if kind == "boolean":
        if raw.lower() not in ("true", "false", "1", "0", ""):
            raise BadInput(f"true or false is expected, not {raw[:64]!r}")
        return raw.lower() in ("true", "1", "")
    return raw

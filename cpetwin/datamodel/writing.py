"""Whether a value can be written to a parameter, by the schema and by what the device itself says.

The device has the last word on what is writable; the schema on what a value may be. What a device reports now can
always be written back, and vendor values (``X_``) and vendor parameters are as good as any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..errors import BadInput
from .element import Parameter
from .facts import Range, Size, Syntax
from .lexical import INTEGERS, canonical, octets, parse_integer, split_list
from .schema import schema
from .value import Value

MAX_SHOWN = 12
"""Values of an enumeration that a sentence lists."""
MAX_PATTERN_TEXT = 4096
"""Longer texts are not held against a pattern: they are refused."""

Lookup = Callable[[str], str | None]
"""What the device has at a path, None when that is not known."""

_WORDS = {
    "boolean": "true or false",
    "int": "a whole number",
    "long": "a whole number",
    "unsignedInt": "a whole number from 0",
    "unsignedLong": "a whole number from 0",
    "decimal": "a decimal number",
    "dateTime": "a date and time like 2026-01-31T18:00:00Z",
    "hexBinary": "pairs of hexadecimal digits",
    "base64": "base64",
    "base64Binary": "base64",
    "MACAddress": "a MAC address like 00:11:22:33:44:55",
    "IPAddress": "an IPv4 or IPv6 address",
    "IPv4Address": "an IPv4 address like 192.0.2.1",
    "IPv6Address": "an IPv6 address like 2001:db8::1",
    "IPPrefix": "an address with prefix length like 192.0.2.0/24",
    "IPv4Prefix": "an IPv4 prefix like 192.0.2.0/24",
    "IPv6Prefix": "an IPv6 prefix like 2001:db8::/32",
    "UUID": "a UUID",
}
_STRICT_BOOLEAN = frozenset(("0", "1", "true", "false"))


def check_write(
    path: str,
    text: str,
    device_writable: bool | None = None,
    *,
    reported: Value | None = None,
    protocol: str | None = None,
    lookup: Lookup | None = None,
) -> None:
    """Raise BadInput, with a sentence that says what would be allowed, when ``text`` cannot be written to ``path``.

    ``device_writable`` is what the device says (None: unknown, then the schema decides). ``reported`` is the value and
    type it reports now. ``lookup`` finds other values of the device, for parameters whose values are listed by
    another one (``ModeEnabled`` by ``ModesSupported``).
    """
    parameter = schema().parameter(path, protocol) or schema().parameter(path)
    if device_writable is False:
        raise BadInput(f"the device says that {path} is read-only", "it would refuse the change")
    if parameter is None:
        if schema().object(path if path.endswith(".") else path + ".") is not None:
            raise BadInput(f"{path} is an object, it has no value", "name a parameter of it")
        _check_type(path, text, reported.type if reported else "")
        return
    if device_writable is None and not parameter.writable:
        raise BadInput(f"{path} is read-only", f"{parameter.model} defines it as {parameter.access}")
    if reported is not None:
        if text == reported.text:
            return
        if _foreign(reported.type, parameter) or _dialect(reported.text, parameter, path):
            # The device does not keep to the model here: its own type is all that is known of what it takes.
            _check_type(path, text, reported.type or parameter.base)
            return
    wrong = _wrong(text, parameter, path, lookup)
    if wrong:
        raise BadInput(f"{_shown(text, parameter)} is no value for {path}: {wrong}", allowed(parameter))


def allowed(parameter: Parameter) -> str:
    """What can be written to a parameter, as a sentence without a full stop."""
    syntax = parameter.syntax
    if syntax.reference is not None and syntax.reference.kind == "enumeration":
        listed = _choices(parameter, parameter.template, None)
        one = "one of the values of " + syntax.reference.targets[0] + (f": {_listed(listed)}" if listed else "")
    elif syntax.enumeration:
        words = [item.value for item in syntax.enumeration if item.access != "readOnly" and item.status != "deleted"]
        one = "one of " + _listed(words)
    else:
        one = _type_words(syntax)
    if syntax.list is None:
        return f"it takes {one}"
    count = ""
    if syntax.list.low or syntax.list.high is not None:
        count = f" of {_span(syntax.list.low, syntax.list.high)} items"
    return f"it takes a comma-separated list{count}, each {one}"


def _type_words(syntax: Syntax) -> str:
    kind = next((name for name in syntax.types if name in _WORDS), syntax.base)
    words = _WORDS.get(kind, "text")
    bounds = []
    if syntax.ranges:
        words = "a whole number" if syntax.base in INTEGERS else words
        bounds.append(" or ".join(_range_words(r, syntax.base) for r in syntax.ranges))
    if syntax.sizes and (kind == syntax.base or kind not in _WORDS):
        unit = "octets" if syntax.base in ("hexBinary", "base64") else "characters"
        bounds.append(f"of {_sizes(syntax.sizes)} {unit}")
    if syntax.patterns and (kind == syntax.base or kind not in _WORDS):
        bounds.append("that matches " + " or ".join(p or "nothing (empty)" for p in syntax.patterns[:MAX_SHOWN]))
    if syntax.reference is not None and syntax.reference.kind == "path":
        words = "the path of " + (" or ".join(syntax.reference.targets) or "an object or parameter")
    if syntax.units:
        bounds.append(f"in {syntax.units}")
    return " ".join([words, *bounds])


def _range_words(one: Range, base: str) -> str:
    low, high = one.low, one.high
    if low is None and base.startswith("unsigned"):
        low = 0
    if low is not None and high is not None:
        words = f"from {low} to {high}" if low != high else f"{low}"
    else:
        words = f"from {low}" if low is not None else f"up to {high}"
    return words + (f" in steps of {one.step}" if one.step else "")


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return str(low) if low == high else f"{low} to {high}" if low else f"at most {high}"


def _sizes(sizes: Sequence[Size]) -> str:
    return " or ".join(_span(size.low, size.high) for size in sizes)


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MAX_SHOWN} more" if len(words) > MAX_SHOWN else ""
    return ", ".join(word or '""' for word in words[:MAX_SHOWN]) + more


def _shown(text: str, parameter: Parameter) -> str:
    if parameter.hidden or parameter.secured:
        return "that"
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _foreign(said: str, parameter: Parameter) -> bool:
    """Whether the type a device reports is of another family than the model's."""
    return bool(said) and _FAMILY.get(said, "text") != _FAMILY.get(parameter.base if not parameter.list else "", "text")


def _dialect(said: str, parameter: Parameter, path: str) -> bool:
    """Whether a device reports what the model does not allow: ``ac`` among the standards of TR-098."""
    if not said or any(item.value == said for item in parameter.enumeration):
        return False
    return bool(_wrong(said, parameter, path, None))


_FAMILY = {"boolean": "boolean", "dateTime": "time", "decimal": "number", **dict.fromkeys(INTEGERS, "number")}


def _check_type(path: str, text: str, kind: str) -> None:
    """A value against a bare type that a device named."""
    if kind == "boolean" and text not in _STRICT_BOOLEAN:
        raise BadInput(f"{text[:80]!r} is no value for {path}: it is a boolean", f"it takes {_WORDS[kind]}")
    try:
        if kind in _FAMILY:
            canonical(text, kind)
    except ValueError as error:
        raise BadInput(f"{text[:80]!r} is no value for {path}: {error}", f"it takes {_WORDS[kind]}") from error


def _wrong(text: str, parameter: Parameter, path: str, lookup: Lookup | None) -> str:
    """What is wrong with a value, empty when nothing is."""
    syntax = parameter.syntax
    choices = _choices(parameter, path, lookup)
    if syntax.list is None:
        return _wrong_item(text, syntax, choices)
    sizes, items = syntax.list.sizes, split_list(text)
    if sizes and not _fits(len(text), sizes):
        return f"it has {len(text)} characters, the list may have {_sizes(sizes)}"
    if len(items) < syntax.list.low or (syntax.list.high is not None and len(items) > syntax.list.high):
        return f"it has {len(items)} items, {_span(syntax.list.low, syntax.list.high)} are possible"
    for item in items:
        if item.startswith("[") and item.endswith("]") and syntax.list.nested:
            continue
        wrong = _wrong_item(item, syntax, choices)
        if wrong:
            return f"{item!r}: {wrong}" if len(items) > 1 and not parameter.hidden else wrong
    return ""


def _choices(parameter: Parameter, path: str, lookup: Lookup | None) -> list[str] | None:
    """The values that another parameter of the device lists, None when there is no such list or nobody knows it."""
    reference = parameter.reference
    if reference is None or reference.kind != "enumeration":
        return None
    found = lookup(_beside(path, reference.targets[0])) if lookup else None
    if found is None:
        holder = schema().parameter(reference.targets[0])
        words = [item.value for item in holder.enumeration] if holder else []
        if not words:
            return None
    else:
        words = split_list(found)
        if not words:
            return None
    return words + ([reference.null_value] if reference.null_value is not None else [])


def _beside(path: str, target: str) -> str:
    """The parameter meant by a template for somebody at ``path``: with his own instances as far as they go."""
    own, segments = path.split("."), target.split(".")
    for position, segment in enumerate(segments):
        if segment == "{i}" and own[:position] == segments[:position] and position < len(own):
            segments[position] = own[position]
    return ".".join(segments)


def _wrong_item(text: str, syntax: Syntax, choices: list[str] | None) -> str:
    base = syntax.base
    if choices is not None and text not in choices and not text.startswith("X_"):
        return "the choice is " + _listed(choices)
    if syntax.enumeration:
        return _wrong_word(text, syntax)
    if base == "boolean" and text not in _STRICT_BOOLEAN:
        return "it is a boolean"
    try:
        canonical(text, base)
        kind = next((name for name in syntax.types if name in _WORDS), base)
        canonical(text, kind)
    except ValueError as error:
        return str(error)
    if syntax.ranges and base in INTEGERS:
        number = parse_integer(text)
        if not any(_within(number, one) for one in syntax.ranges):
            return "it must be " + " or ".join(_range_words(one, base) for one in syntax.ranges)
    if syntax.sizes:
        length = octets(text, base) if base in ("hexBinary", "base64") else len(text)
        if not _fits(length, syntax.sizes):
            unit = "octets" if base in ("hexBinary", "base64") else "characters"
            return f"it has {length} {unit}, {_sizes(syntax.sizes)} are possible"
    if syntax.patterns and not any(_matches(pattern, text) for pattern in syntax.patterns):
        return "it must match " + " or ".join(p or "the empty text" for p in syntax.patterns[:MAX_SHOWN])
    return ""


def _wrong_word(text: str, syntax: Syntax) -> str:
    item = next((item for item in syntax.enumeration if item.value == text), None)
    if item is not None:
        return "only the device may say so" if item.access == "readOnly" else ""
    if text.startswith("X_") or any(_matches(pattern, text) for pattern in syntax.patterns):
        return ""
    near = next((one.value for one in syntax.enumeration if one.value.lower() == text.strip().lower()), None)
    return f"did you mean {near}" if near else "it is none of the values"


def _within(number: int, one: Range) -> bool:
    if (one.low is not None and number < one.low) or (one.high is not None and number > one.high):
        return False
    return not one.step or (number - (one.low or 0)) % one.step == 0


def _fits(length: int, sizes: Sequence[Size]) -> bool:
    return any(size.low <= length and (size.high is None or length <= size.high) for size in sizes)


def _matches(pattern: str, text: str) -> bool:
    return len(text) <= MAX_PATTERN_TEXT and _compiled(pattern).match(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    """An XML Schema pattern: anchored at both ends; those of the models need no other translation."""
    return re.compile(rf"(?:{pattern})\Z", re.ASCII)

"""Audit entries without secrets, and how they look to people.

The chain itself is written by the store, in the transaction of the act (``twin.audit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec

from ..datamodel import MASK, is_secret
from ..twin.audit import AuditEntry
from .principal import Principal

MAX_TEXT = 1024
"""Characters kept of one text in ``detail``."""
MAX_ITEMS = 200
"""Items kept of one list or mapping in ``detail``."""
MAX_DEPTH = 6

_SECRET_WORDS = frozenset(
    "password new_password old_password passwd passphrase secret secrets token credentials credential authorization "
    "ha1 key_material cookie".split()
)
_VALUE_FIELDS = frozenset({"value", "old", "new", "text", "from", "to"})

COLUMNS = ("at", "actor", "action", "subject", "detail")


def entry(
    principal: Principal,
    action: str,
    subject: str = "",
    detail: Mapping[str, object] | None = None,
    *,
    at: int,
    read: bool = False,
) -> AuditEntry:
    """An entry for one act at ``at`` (ms). Secrets in ``detail`` become ``***``; oversized parts are cut and say so."""
    plain = _clean(detail or {}, MAX_DEPTH)
    assert isinstance(plain, dict)
    return AuditEntry(at, principal.user, action, subject[:MAX_TEXT], plain, read)


def _clean(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, bytes | bytearray):
        return f"({len(value)} bytes)"
    if depth == 0:
        return "(too deep)"
    if isinstance(value, Mapping):
        return _clean_mapping(value, depth)
    if isinstance(value, Iterable):
        items = list(value)
        out = [_clean(item, depth - 1) for item in items[:MAX_ITEMS]]
        return [*out, f"({len(items) - MAX_ITEMS} more)"] if len(items) > MAX_ITEMS else out
    return _clean_text(str(value))


def _clean_text(text: str) -> str:
    """Cut to MAX_TEXT; the value in ``PATH=VALUE`` goes when the path is secret."""
    path, equals, _ = text.partition("=")
    if equals and _is_secret_name(path.strip()):
        return f"{path[:MAX_TEXT]}={MASK}"
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... ({len(text)} characters)"


def _clean_mapping(mapping: Mapping[object, object], depth: int) -> dict[str, object]:
    about = next((mapping[field] for field in ("path", "name") if isinstance(mapping.get(field), str)), "")
    hide_values = _is_secret_name(str(about))
    out: dict[str, object] = {}
    for key, value in list(mapping.items())[:MAX_ITEMS]:
        name = str(key)[:MAX_TEXT]
        if value is not None and (_is_secret_name(name) or (hide_values and name in _VALUE_FIELDS)):
            out[name] = MASK
        else:
            out[name] = _clean(value, depth - 1)
    if len(mapping) > MAX_ITEMS:
        out["..."] = f"({len(mapping) - MAX_ITEMS} more)"
    return out


def _is_secret_name(name: str) -> bool:
    return name.lower() in _SECRET_WORDS or is_secret(name)


def as_json(item: AuditEntry, zone: tzinfo = UTC) -> dict[str, object]:
    """The entry as ``audit show --json`` prints it."""
    return {
        "at": _time(item.at, zone),
        "actor": item.actor,
        "action": item.action,
        "subject": item.subject,
        "detail": item.detail,
        "read": item.read,
    }


def as_rows(entries: Sequence[AuditEntry], zone: tzinfo = UTC) -> list[tuple[str, ...]]:
    """Rows of a table with COLUMNS. Control characters are escaped: names may come from devices and files."""
    return [
        (
            _time(item.at, zone),
            _printable(item.actor),
            _printable(item.action) + (" (read)" if item.read else ""),
            _printable(item.subject),
            _printable(_in_words(item.detail)),
        )
        for item in entries
    ]


def _in_words(detail: Mapping[str, object]) -> str:
    parts = []
    for name, value in detail.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        parts.append(f"{name}={text}")
    return " ".join(parts)


def _time(at: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).isoformat(timespec="milliseconds")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)

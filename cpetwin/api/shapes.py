"""Shapes: how devices, parameters and commands look in JSON, each function beside the schema it fulfils."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..access.auditing import as_json as audit_json
from ..access.principal import Principal
from ..datamodel import MASK, is_secret
from ..queue import FINAL_STATES, TRANSITIONS, masked_command
from ..twin.audit import AuditEntry
from ..twin.contact import CONTACTS, contact, next_contact
from ..twin.event import Event
from ..twin.store.base import Change, Device, Parameter, StoredCommand, TwinView
from . import columns
from .columns import instant
from .schema import (
    ANY,
    BOOLEAN,
    INSTANT,
    INTEGER,
    NUMBER,
    TEXT,
    Schema,
    array,
    mapping,
    nullable,
    one_of,
    record,
    ref,
)

VALUE_STATES = ("known", "never-read", "unsupported", "secret")

COMPONENTS: dict[str, Schema] = {}
"""Schemas by name, for ``#/components/schemas/NAME``."""


def component(name: str, schema: Schema) -> Schema:
    """Register a schema and return the reference to it."""
    COMPONENTS[name] = schema
    return ref(name)


ERROR = component(
    "Error", record({"error": record({"code": TEXT, "message": TEXT, "hint": TEXT}, {"candidates": array(TEXT)})})
)

# -- devices

DEVICE = component(
    "Device",
    record(
        {
            "id": TEXT, "identity": TEXT, "vendor": nullable(TEXT), "model": nullable(TEXT), "oui": TEXT,
            "product_class": TEXT, "serial": TEXT, "hardware": nullable(TEXT), "firmware": nullable(TEXT),
            "protocols": array(TEXT), "state": TEXT, "contact": one_of(*CONTACTS), "online": BOOLEAN,
            "first_seen": nullable(INSTANT), "last_contact": nullable(INSTANT), "next_contact": nullable(INSTANT),
            "interval": nullable(INTEGER), "home": nullable(TEXT), "parent": nullable(TEXT),
            "inventory": mapping(TEXT), "facts": mapping(TEXT), "tags": mapping(TEXT), "queue": mapping(INTEGER),
            "quirks": mapping(ANY),
            "supported": record({"root": nullable(TEXT), "parameters": INTEGER, "objects": INTEGER}),
            "revision": INTEGER,
        }
    ),
)  # fmt: skip


def device(row: Device, twin: TwinView, commands: list[StoredCommand], quirks: object, who: Principal, now: int) -> Any:
    """``device show``."""
    inventory = columns.inventory_for(row, who)
    counts: dict[str, int] = {}
    for command in commands:
        counts[command.state] = counts.get(command.state, 0) + 1
    word = contact(row, now)
    return {
        "id": row.id, "identity": row.identity, "vendor": row.facts.get("vendor"), "model": row.facts.get("model"),
        "oui": row.oui, "product_class": row.product_class, "serial": row.serial,
        "hardware": row.facts.get("hardware"), "firmware": row.facts.get("firmware"), "protocols": [row.protocol],
        "state": row.state, "contact": word, "online": word in ("connected", "due"),
        "first_seen": instant(row.first_seen), "last_contact": instant(row.last_contact),
        "next_contact": instant(next_contact(row, now)), "interval": row.interval or None,
        "home": inventory.get("home"), "parent": inventory.get("parent"), "inventory": inventory,
        "facts": row.facts, "tags": row.tags, "queue": counts, "quirks": quirks,
        "supported": {
            "root": row.facts.get("root"), "parameters": len(twin.parameters()), "objects": len(twin.objects()),
        },
        "revision": row.revision,
    }  # fmt: skip


TABLE = component(
    "Table",
    record(
        {
            "columns": array(TEXT), "rows": array(array(ANY)), "total": INTEGER, "next": nullable(TEXT),
            "as_of": INSTANT,
        }
    ),
)  # fmt: skip


def table(names: list[str], rows: list[Device], total: int, following: str | None, now: int) -> Any:
    """``device list``."""
    chosen = [columns.column(name) for name in names]
    return {
        "columns": names,
        "rows": [[column.value(row, now) for column in chosen] for row in rows],
        "total": total,
        "next": following,
        "as_of": instant(now),
    }


# -- twins

VALUE = component(
    "Value",
    record(
        {
            "path": TEXT, "native_path": nullable(TEXT), "value": nullable(TEXT), "type": nullable(TEXT),
            "observed_at": nullable(INSTANT), "age_s": nullable(NUMBER), "source": nullable(TEXT),
            "state": one_of(*VALUE_STATES),
        },
        {"writable": BOOLEAN},
    ),
)  # fmt: skip
VALUES = array(VALUE)


def age_s(observed_at: int, now: int) -> float | None:
    """Seconds since a value was observed; None when it never was."""
    return max(0, now - observed_at) / 1000 if observed_at else None


def value(found: Parameter, now: int) -> Any:
    """One line of ``twin get``. Secrets are masked here for everybody; ``twin export --secrets`` shows them."""
    state = "never-read" if found.text is None else "secret" if is_secret(found.path) else "known"
    return {
        "path": found.path,
        "native_path": found.path,
        "value": MASK if state == "secret" else found.text,
        "type": found.type or None,
        "observed_at": instant(found.observed_at),
        "age_s": age_s(found.observed_at, now),
        "source": found.source,
        "state": state,
        "writable": found.writable,
    }


def unknown_value(path: str, state: str) -> Any:
    """A line of ``twin get`` for a path that the twin does not have."""
    return {
        "path": path, "native_path": None, "value": None, "type": None, "observed_at": None, "age_s": None,
        "source": None, "state": state,
    }  # fmt: skip


EXPORT = component(
    "Export",
    record(
        {
            "device": TEXT, "protocol": TEXT, "revision": INTEGER, "as_of": INSTANT,
            "parameters": mapping(
                record(
                    {"value": nullable(TEXT), "type": nullable(TEXT), "writable": BOOLEAN, "age_s": nullable(NUMBER)}
                )
            ),
        }
    ),
)  # fmt: skip


def export(row: Device, twin: TwinView, under: str, secrets: bool, now: int) -> Any:
    """``twin export``."""
    return {
        "device": row.id,
        "protocol": row.protocol,
        "revision": twin.revision,
        "as_of": instant(now),
        "parameters": {
            p.path: {
                "value": MASK if p.text is not None and not secrets and is_secret(p.path) else p.text,
                "type": p.type or None,
                "writable": p.writable,
                "age_s": age_s(p.observed_at, now),
            }
            for p in twin.parameters(under)
        },
    }


NODES = array(
    component(
        "Node",
        record(
            {"path": TEXT, "kind": one_of("object", "parameter"), "writable": BOOLEAN}, {"below": INTEGER, "type": TEXT}
        ),
    )
)

CHANGES = array(
    component(
        "Change",
        record({"at": INSTANT, "path": TEXT, "old": nullable(TEXT), "new": nullable(TEXT), "cause": TEXT}),
    )
)


def change(line: Change) -> Any:
    """One line of ``twin history``; secrets masked."""
    hide = is_secret(line.path)
    return {
        "at": instant(line.at),
        "path": line.path,
        "old": MASK if hide and line.old is not None else line.old,
        "new": MASK if hide and line.new is not None else line.new,
        "cause": line.cause,
    }


# -- commands

COMMAND = component(
    "Command",
    record(
        {
            "id": TEXT, "device": TEXT, "kind": TEXT, "args": mapping(ANY), "state": one_of(*TRANSITIONS),
            "created": INSTANT, "expires": INSTANT, "next_contact": nullable(INSTANT),
            "attempts": array(record({"at": nullable(INSTANT), "action": ANY, "fault": ANY})), "result": ANY,
            "verified": {"enum": [True, False, None, "unreadable"]}, "actor": TEXT, "when": TEXT,
            "not_before": nullable(INSTANT), "if": TEXT, "verify": TEXT, "reason": TEXT, "key": nullable(TEXT),
            "changed": nullable(INSTANT),
        },
        {"contact": one_of(*CONTACTS), "last_contact": nullable(INSTANT), "interval": nullable(INTEGER)},
    ),
)  # fmt: skip
COMMANDS = array(COMMAND)


def command(stored: StoredCommand, row: Device, now: int) -> Any:
    """Every ``command``, ``queue show``. Secrets in arguments and results are masked."""
    wish = masked_command(stored.body)
    return {
        "id": stored.id,
        "device": row.id,
        "kind": stored.kind,
        "args": mask({name: part for name, part in wish.args.items() if name != "types"}),
        "state": stored.state,
        "created": instant(stored.created),
        "expires": instant(stored.expires),
        "next_contact": None if stored.state in FINAL_STATES else instant(next_contact(row, now)),
        "attempts": [
            {"at": instant(_milliseconds(a.get("at"))), "action": a.get("action"), "fault": a.get("fault")}
            for a in stored.attempts
        ],
        "result": mask(stored.result),
        "verified": stored.verified,
        "actor": stored.actor,
        "when": wish.when,
        "not_before": instant(stored.not_before),
        "if": wish.condition,
        "verify": wish.verify,
        "reason": wish.reason,
        "key": stored.key or None,
        "changed": instant(stored.changed),
        "contact": contact(row, now),
        "last_contact": instant(row.last_contact),
        "interval": row.interval or None,
    }


def _milliseconds(at: object) -> int | None:
    return at if isinstance(at, int) else None


def mask(part: Any, depth: int = 8) -> Any:
    """Plain JSON with the values of secret parameters replaced: by path as key, or by a field ``path`` or ``name``."""
    if depth == 0:
        return None
    if isinstance(part, Mapping):
        about = part.get("path", part.get("name", ""))
        hide = isinstance(about, str) and is_secret(about)
        return {
            key: MASK
            if isinstance(inner, str) and (is_secret(str(key)) or (hide and key in ("value", "old", "new", "text")))
            else mask(inner, depth - 1)
            for key, inner in part.items()
        }
    if isinstance(part, (list, tuple)):
        return [mask(inner, depth - 1) for inner in part]
    return part


# -- the rest

AUDIT = array(
    component(
        "AuditEntry",
        record(
            {"at": INSTANT, "actor": TEXT, "action": TEXT, "subject": TEXT, "detail": mapping(ANY), "read": BOOLEAN}
        ),
    )
)


def audit(line: AuditEntry) -> Any:
    """One line of ``audit show``."""
    return audit_json(line)


EVENT = component(
    "Event", record({"device": TEXT, "revision": INTEGER, "at": INSTANT, "kind": TEXT, "detail": mapping(ANY)})
)
EVENTS = component("Events", record({"events": array(EVENT), "next": TEXT}))


def event(line: Event) -> Any:
    """One event of the log."""
    return {
        "device": line.device,
        "revision": line.revision,
        "at": instant(line.at),
        "kind": line.kind,
        "detail": mask(line.detail),
    }

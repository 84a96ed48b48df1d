"""Words of the page: ages, instants and states as people read them. Most are filters of the templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from ...clock import iso
from ...twin.contact import ONLINE

SIGNS = {"ok": "+", "warn": "!", "bad": "x", "none": "·"}
"""A status is never told by colour alone."""

CONTACT = {"connected": "ok", "due": "ok", "overdue": "warn", "lost": "bad", "never": "none"}
COMMAND = {
    "held": "warn", "queued": "none", "sent": "none", "verifying": "none", "done": "ok", "failed": "bad",
    "expired": "warn", "cancelled": "none", "superseded": "none", "unknown": "bad",
}  # fmt: skip
DEVICE = {"active": "ok", "pending": "warn", "denied": "bad", "expected": "none", "replaced": "none"}


class Sign(NamedTuple):
    """How a status looks: its class and its sign."""

    level: str
    sign: str


def sign(word: str, table: dict[str, str]) -> Sign:
    level = table.get(word, "none")
    return Sign(level, SIGNS[level])


def span(milliseconds: int) -> str:
    """``40 s``, ``3 min``, ``5 h``, ``12 d``."""
    seconds = max(0, milliseconds) // 1000
    for factor, unit, until in ((1, "s", 120), (60, "min", 7200), (3600, "h", 172_800)):
        if seconds < until:
            return f"{seconds // factor} {unit}"
    return f"{seconds // 86_400:,} d"


def local(at: int) -> str:
    """ISO 8601 to the second in the zone of the server."""
    return iso(at, None)[:19].replace("T", " ") + iso(at, None)[23:]


def clock(at: int, now: int) -> str:
    """``02:14`` on the same day, else with the date."""
    moment, today = (datetime.fromisoformat(iso(t, None)) for t in (at, now))
    return moment.strftime("%H:%M" if moment.date() == today.date() else "%Y-%m-%d %H:%M")


def presence(word: str, last: int, interval_ms: int | None, expected: int | None, now: int) -> tuple[str, str]:
    """The headline of a device and what follows it."""
    usual = f"usual contact every {span(interval_ms)}" if interval_ms else "usual contact not known yet"
    if word == "never":
        return "NEVER HEARD", "known from the inventory; it has not called in yet"
    by = f" · expected by {clock(expected, now)}" if expected else ""
    if word in ONLINE:
        return "ONLINE", f"heard {span(now - last)} ago · {usual}{by}"
    return "OFFLINE", f"since {clock(last, now)} ({span(now - last)}) · {usual}{by}"


def count(number: int) -> str:
    """Thousands with a comma."""
    return f"{number:,}"


def fault(attempts: list[dict[str, Any]]) -> str:
    """What went wrong last, in one line; empty when nothing did."""
    for attempt in reversed(attempts):
        found = attempt.get("fault")
        if not found:
            continue
        if isinstance(found, dict):
            found = " ".join(str(found[name]) for name in ("code", "text", "reason") if found.get(name)) or str(found)
        return f"not woken: {found}" if attempt.get("action") == "wake" else str(found)
    return ""


def wish(args: dict[str, Any]) -> list[str]:
    """The arguments of a command, one line each."""
    lines = [f"{path} = {text}" for path, text in args.get("values", {}).items()]
    lines += [str(path) for path in args.get("paths", [])]
    return lines + [str(args[name]) for name in ("table", "path") if name in args]

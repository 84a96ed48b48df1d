"""What each page shows, gathered from the store as far as the person may see it."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from ...access.principal import Principal
from ...clock import DAY
from ...datamodel import is_secret
from ...twin.contact import CONTACTS, contact, interval_of, next_contact
from ...twin.store.base import Device, Parameter, TwinView
from .. import shapes
from ..columns import inventory_for
from ..devices import found_by_technical
from ..services import Services
from . import words

PAGE = 50
"""Devices on one page."""
PARAMETERS = 200
"""Parameters on one page."""
COMMANDS = 12
CHANGES = 30
HISTORY = 30 * DAY
"""How far back the page looks (ms)."""
SORTS = {
    "id": "id",
    "last": "last_contact",
    "model": "model",
    "firmware": "firmware",
    "home": "home",
    "region": "region",
}
LEVELS = ("ok", "warn", "bad")


class Row(NamedTuple):
    """A device in the list."""

    device: Device
    contact: str
    sign: words.Sign
    state: words.Sign
    inventory: dict[str, str]


class Line(NamedTuple):
    """A parameter in the table; ``state`` is known, empty, secret or never read."""

    parameter: Parameter
    state: str
    name: str
    under: str


def row(device: Device, who: Principal, now: int) -> Row:
    word = contact(device, now)
    state = words.sign(device.state, words.DEVICE)
    return Row(device, word, words.sign(word, words.CONTACT), state, inventory_for(device, who))


async def fleet(services: Services, who: Principal, q: str, sort: str, cursor: str | None) -> dict[str, Any]:
    """The list: everything a page at a time, or what was found."""
    now = services.clock.now()
    who.require("device.read")
    counts = await services.store.count_contacts(now)
    strip = [(word, counts[word], words.sign(word, words.CONTACT)) for word in CONTACTS]
    following = None
    if q:
        found = await services.store.search(q, PAGE)
        if not who.may("inventory.read"):
            found = [device for device in found if found_by_technical(device, q)]
        total = len(found)
    else:
        column = SORTS.get(sort.removeprefix("-"), "id")
        order = ("-" if sort.startswith("-") else "") + column
        found, total, following = await services.store.devices({}, order, PAGE, cursor)
    return {
        "rows": [row(device, who, now) for device in found],
        "strip": strip,
        "everything": sum(counts.values()),
        "total": total,
        "next": following,
        "q": q,
        "sort": sort,
        "now": now,
    }


def line(parameter: Parameter) -> Line:
    state = "known"
    if parameter.text is None:
        state = "never read"
    elif is_secret(parameter.path):
        state = "secret"
    elif not parameter.text:
        state = "empty"
    under, _, name = parameter.path.rpartition(".")
    return Line(parameter, state, name, under + "." if under else "")


def choose(twin: TwinView, text: str) -> list[Parameter]:
    """Parameters whose path or value holds every word of ``text``. Values of secrets are not searched."""
    wanted = text.lower().split()
    if not wanted:
        return twin.parameters()

    def fits(parameter: Parameter) -> bool:
        value = "" if is_secret(parameter.path) else parameter.text or ""
        held = f"{parameter.path} {value}".lower()
        return all(word in held for word in wanted)

    return [parameter for parameter in twin.parameters() if fits(parameter)]


def groups(twin: TwinView) -> list[tuple[str, int]]:
    """The objects of the second level and how many parameters are in each: ``Device.WiFi.`` 312."""
    counted: Counter[str] = Counter()
    for parameter in twin.parameters():
        segments = parameter.path.split(".")
        if len(segments) > 2:
            counted[".".join(segments[:2]) + "."] += 1
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))


async def device(services: Services, who: Principal, id: str, text: str, start: int) -> dict[str, Any]:
    """One device: headline, facts, parameters, commands, history."""
    who.require("device.read")
    now = services.clock.now()
    found = await services.store.resolve(id)
    shown = row(found, who, now)
    interval = interval_of(found) if found.interval else None
    expected = next_contact(found, now)
    page: dict[str, Any] = {
        "row": shown,
        "device": found,
        "presence": words.presence(shown.contact, found.last_contact, interval, expected, now),
        "now": now,
        "text": text,
        "start": start,
        "step": PARAMETERS,
        "lines": None,
        "commands": None,
        "changes": None,
    }
    if who.may("twin.read"):
        twin = await services.store.twin(found.key)
        chosen = choose(twin, text)
        history = await services.store.history(found.key, since=now - HISTORY)
        page |= {
            "lines": [line(parameter) for parameter in chosen[start : start + PARAMETERS]],
            "chosen": len(chosen),
            "parameters": len(twin.parameters()),
            "groups": groups(twin),
            "read": twin.first_seen,
            "changes": [shapes.change(c) | {"ms": c.at} for c in reversed(history) if c.old is not None][:CHANGES],
        }
    if who.may("command.read"):
        stored = await services.store.commands(found.key, limit=10_000)
        page["queue"] = Counter(command.state for command in stored)
        page["commands"] = [
            shapes.command(command, found, now)
            | {"ms": command.created, "sign": words.sign(command.state, words.COMMAND)}
            for command in stored[::-1][:COMMANDS]
        ]
    return page

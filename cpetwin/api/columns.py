"""Columns of the device list: each name with where its value comes from, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from ..access.principal import Principal
from ..clock import iso
from ..errors import BadInput, Denied
from ..twin.contact import ONLINE, contact, next_contact
from ..twin.store.base import Device

PERSONAL = frozenset("home customer account phone name address".split())
"""Columns that say who lives where: they need the permission ``inventory.read``."""

DEFAULT = ("id", "vendor", "model", "firmware", "contact", "last_contact", "home", "region")


class Column(NamedTuple):
    """``value`` is given the device and the time (ms). ``field`` is the store's name where it can filter and sort."""

    value: Callable[[Device, int], object]
    says: str
    field: str = ""


def _own(name: str, says: str) -> tuple[str, Column]:
    return name, Column(lambda device, now: getattr(device, name), says, name)


def _fact(name: str, says: str) -> tuple[str, Column]:
    return name, Column(lambda device, now: device.facts.get(name), says, name)


def _told(name: str, says: str) -> tuple[str, Column]:
    return name, Column(lambda device, now: device.inventory.get(name), says, name)


def instant(at: int | None) -> str | None:
    """ISO 8601, None for never."""
    return iso(at) if at else None


COLUMNS: dict[str, Column] = dict(
    (
        _own("id", "OUI-ProductClass-Serial"),
        _own("oui", "the manufacturer's identifier"),
        _own("product_class", "what the manufacturer calls the product"),
        _own("serial", "serial number"),
        _own("protocol", "cwmp or usp"),
        _own("state", "active, pending, denied, expected or replaced"),
        _fact("vendor", "manufacturer, as the device says"),
        _fact("model", "model name, as the device says"),
        _fact("hardware", "hardware version"),
        _fact("firmware", "software version"),
        _fact("ip", "address that the device was last heard from"),
        _fact("wan_ip", "address on the line"),
        _fact("mac", "MAC address"),
        _fact("pppoe_user", "PPPoE user name"),
        _fact("auth", "how the device proved itself: digest, basic, bootstrap, none"),
        _told("home", "from the inventory"),
        _told("customer", "from the inventory"),
        _told("account", "from the inventory"),
        _told("phone", "from the inventory"),
        _told("name", "from the inventory"),
        _told("address", "from the inventory"),
        _told("region", "from the inventory"),
        _told("access_node", "from the inventory"),
        _told("parent", "identity of the device this one hangs on"),
        _told("plan", "from the inventory"),
        ("first_seen", Column(lambda d, now: instant(d.first_seen), "when it became known", "first_seen")),
        ("last_contact", Column(lambda d, now: instant(d.last_contact), "when it was last heard", "last_contact")),
        ("next_contact", Column(lambda d, now: instant(next_contact(d, now)), "when it is expected")),
        ("interval", Column(lambda d, now: d.interval or None, "usual time between contacts in seconds")),
        ("contact", Column(lambda d, now: contact(d, now), "connected, due, overdue, lost or never")),
        ("online", Column(lambda d, now: contact(d, now) in ONLINE, "connected or due")),
        ("revision", Column(lambda d, now: d.revision, "revision of the twin")),
    )
)


def column(name: str) -> Column:
    """A column by name; ``tag.NAME`` is one too. Raises BadInput with the nearest name."""
    if name.startswith("tag.") and len(name) > 4:
        return Column(lambda device, now: device.tags.get(name[4:]), "a tag", name)
    found = COLUMNS.get(name)
    if found is None:
        near = get_close_matches(name, COLUMNS, n=1)
        hint = f"did you mean {near[0]}?" if near else "columns: " + ", ".join((*COLUMNS, "tag.NAME"))
        raise BadInput(f"there is no column {name[:64]!r}", hint)
    return found


def stored(name: str, what: str) -> str:
    """The store's name of a column to filter or sort by. Raises BadInput."""
    found = column(name)
    if not found.field:
        usable = ", ".join(n for n, c in COLUMNS.items() if c.field)
        raise BadInput(f"{name} is worked out for each answer; it cannot be used to {what}", f"columns: {usable}")
    return found.field


def check_seen(principal: Principal, *names: str) -> None:
    """Raises Denied when a column is personal and the principal may not see it."""
    for name in names:
        if name in PERSONAL and not principal.may("inventory.read"):
            raise Denied(f"the column {name} needs the permission inventory.read", "leave it out")


def inventory_for(device: Device, principal: Principal) -> dict[str, str]:
    """The inventory of a device as far as the principal may see it."""
    may = principal.may("inventory.read")
    return {name: text for name, text in device.inventory.items() if may or name not in PERSONAL}

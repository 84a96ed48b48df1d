"""The columns of a fleet expression: bare names, each with its type and where its value comes from.

One table for list, query, watch and plans. A family such as ``tag.NAME`` is one row for all its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Literal, NamedTuple

ColumnType = Literal["text", "number", "boolean", "instant"]

Cell = str | int | float | bool | None
"""The value of a column by type: ``str``, a number, ``bool``, ms since 1970. None, and an empty text, are missing."""


class Column(NamedTuple):
    """``source`` is a sentence for people. ``choices`` are the only texts it can have (empty: any).

    ``derived``: it has no place of its own, but is what this expression's operand says of the twin.
    ``later``: why it cannot be used yet. ``personal``: it says who lives where.
    """

    type: ColumnType
    source: str
    choices: tuple[str, ...] = ()
    derived: str = ""
    later: str = ""
    personal: bool = False


_ANALYTICS = "it comes with the analytics of lines and Wi-Fi, which this version does not have"
_CUSTOMERS = "it comes with customer twins, which this version does not have"


def _inventory(what: str, personal: bool = False) -> Column:
    return Column("text", f"{what}, from the imported inventory", personal=personal)


_TABLE: dict[str, Column] = {
    "id": Column("text", "OUI-ProductClass-Serial, or the endpoint id of a USP agent without them"),
    "oui": Column("text", "the manufacturer's identifier in the device's identity"),
    "product_class": Column("text", "the product class in the device's identity"),
    "serial": Column("text", "the serial number in the device's identity"),
    "protocol": Column("text", "what the device speaks", choices=("cwmp", "usp")),
    "state": Column(
        "text", "whether the device is let in", choices=("active", "pending", "denied", "expected", "replaced")
    ),
    "vendor": Column("text", "Device.DeviceInfo.Manufacturer as last reported"),
    "model": Column("text", "Device.DeviceInfo.ModelName as last reported"),
    "hardware": Column("text", "Device.DeviceInfo.HardwareVersion as last reported"),
    "firmware": Column("text", "Device.DeviceInfo.SoftwareVersion as last reported"),
    "ip": Column("text", "the address that the device was last heard from"),
    "wan_ip": Column("text", "the address on the line as last reported"),
    "mac": Column("text", "the MAC address of the first Ethernet interface as last reported"),
    "pppoe_user": Column("text", "the PPPoE user name as last reported"),
    "auth": Column(
        "text", "how the device proved itself at its last contact", choices=("digest", "basic", "bootstrap", "none")
    ),
    "contact": Column(
        "text",
        "the last contact against the usual interval",
        choices=("connected", "due", "overdue", "lost", "never"),
    ),
    "online": Column("boolean", "contact is connected or due"),
    "first_seen": Column("instant", "when the device became known"),
    "last_contact": Column("instant", "when the device was last heard"),
    "next_contact": Column("instant", "when the device is expected, from its last contact and interval"),
    "interval": Column("number", "seconds between contacts, ManagementServer.PeriodicInformInterval"),
    "revision": Column("number", "how often the twin has changed"),
    "home": _inventory("the home", personal=True),
    "customer": _inventory("the customer", personal=True),
    "account": _inventory("the account", personal=True),
    "phone": _inventory("the phone number", personal=True),
    "name": _inventory("the name", personal=True),
    "address": _inventory("the address", personal=True),
    "parent": _inventory("the identity of the device that this one hangs on"),
    "region": _inventory("the region"),
    "access_node": _inventory("the access node"),
    "plan": _inventory("the plan"),
    "uptime": Column("number", "Device.DeviceInfo.UpTime as last read, in seconds", derived="Device.DeviceInfo.UpTime"),
    "clients": Column(
        "number",
        "rows of Device.Hosts.Host. that are Active, as last read",
        derived="count(Device.Hosts.Host.[Active==true].)",
    ),
    "churn": Column("number", "the probability that the customer leaves", later=_CUSTOMERS, personal=True),
    "complaint": Column("number", "the probability of a complaint", later=_CUSTOMERS, personal=True),
    "value": Column("number", "what the customer is worth", later=_CUSTOMERS, personal=True),
    "value_at_risk": Column("number", "value times churn", later=_CUSTOMERS, personal=True),
    "decile": Column("number", "the tenth of all customers by value", later=_CUSTOMERS, personal=True),
    "stage": Column("text", "the customer's stage of life", later=_CUSTOMERS, personal=True),
    "qoe": Column("number", "the quality of experience", later=_CUSTOMERS, personal=True),
    "usage_shift": Column("number", "how far the usage has moved", later=_CUSTOMERS, personal=True),
    "segment": Column("text", "the customer's segment", later=_CUSTOMERS, personal=True),
}

_FAMILIES: dict[str, Column] = {
    "tag": Column("text", "a tag that somebody gave the device"),
    "kpi": Column("number", "a measured indicator of the device", later=_ANALYTICS),
    "anomaly": Column("boolean", "whether an anomaly of that kind is open on the device", later=_ANALYTICS),
}
"""``FAMILY.NAME`` for any NAME."""


class Columns(Mapping[str, Column]):
    """Names and what they are; a member of a family is found, but only its family is listed (as ``tag.NAME``)."""

    def __init__(self, table: Mapping[str, Column], families: Mapping[str, Column]) -> None:
        self._table = dict(table)
        self._families = dict(families)

    def __getitem__(self, name: str) -> Column:
        found = self._table.get(name)
        if found is not None:
            return found
        family, dot, member = name.partition(".")
        if not dot or not member:
            raise KeyError(name)
        return self._families[family]

    def __iter__(self) -> Iterator[str]:
        yield from self._table
        yield from (f"{family}.NAME" for family in self._families)

    def __len__(self) -> int:
        return len(self._table) + len(self._families)

    def nearest(self, name: str) -> str | None:
        """The valid name that ``name`` was probably meant to be."""
        family, dot, member = name.partition(".")
        if dot:
            near = _near(family, self._families)
            return f"{near}.{member or 'NAME'}" if near else None
        return _near(name, (*self._table, *self)) if name not in self._families else f"{name}.NAME"


def _near(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name[:64].lower(), list(names), n=1, cutoff=0.5)), None)


COLUMNS = Columns(_TABLE, _FAMILIES)
"""Every column of a device."""

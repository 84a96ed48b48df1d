"""Made-up households: gateways of many models and firmwares with the entropy of real ones, from the two dumps.

A *family* is a dump with its own vendor prefix, its own few parameters missing, and its own firmware. A device of
it has its own serial, addresses, names, keys, counters and hosts, and a few settings of its own.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from cpetwin.datamodel import is_volatile
from cpetwin.simulators.trees import BUILTIN, builtin

PARAMETERS = 1500
FAMILIES = 24
_FIRST = "anna ben cem dora emil fatma georg hanna ivan julia karl lena mia noah olga paul".split()
_THINGS = "phone laptop tv tablet printer camera speaker console watch desktop".split()
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_HOST = (
    ("Active", "boolean"), ("AddressSource", "string"), ("HostName", "string"), ("IPAddress", "string"),
    ("InterfaceType", "string"), ("Layer2Interface", "string"), ("LeaseTimeRemaining", "int"), ("MACAddress", "string"),
    ("VendorClassID", "string"),
)  # fmt: skip


class Family(NamedTuple):
    """A model with a firmware: what its devices have. ``rows``: (path, type, writable, text)."""

    number: int
    root: str
    rows: list[tuple[str, str, bool, str]]
    objects: dict[str, bool]


class Household(NamedTuple):
    """One device: all it has, in the order of GetParameterNames (objects end in a dot) and of the values."""

    serial: str
    names: list[str]
    writable: list[bool]
    leaves: list[str]
    texts: list[str]
    types: list[str]
    informed: list[int]


def family(number: int) -> Family:
    """The same number always gives the same family."""
    random = Random(f"family {number}")
    tree = builtin(BUILTIN[number % 2])
    vendor, firmware = f"X_V{number:02d}_", f"{random.randrange(1, 9)}.{random.randrange(20)}.{random.randrange(100)}"
    lost = {path for path in tree.paths if random.random() < 0.04 and "DeviceInfo" not in path}
    rows = []
    for path in tree.paths:
        if path in lost:
            continue
        leaf = tree.leaves[path]
        text = firmware if path.endswith("SoftwareVersion") else leaf.text
        rows.append((path.replace("X_TP_", vendor), leaf.type, leaf.writable, text))
    objects = {path.replace("X_TP_", vendor): writable for path, writable in tree.objects.items()}
    for extra in range(PARAMETERS):
        if len(rows) >= PARAMETERS - 90:
            break
        table, row = f"{tree.root}{vendor}Ext{extra % 700 // 35}.Item.", extra // 700 * 35 + extra % 35 // 7 + 1
        objects |= {table: False, f"{table}{row}.": False}
        name = ("Enable", "Status", "Mode", "Limit", "Name", "Alias", "Server")[extra % 7]
        text = {"Enable": "true", "Status": "Enabled", "Mode": "Auto", "Limit": "300"}.get(name, f"{name} {extra}")
        rows.append((f"{table}{row}.{name}", "string", extra % 2 == 0, text))
    return Family(number, tree.root, rows, objects)


class _Home:
    """The secrets and habits of one household."""

    def __init__(self, random: Random, number: int) -> None:
        self.random = random
        self.oui = f"{number * 7919 % 256:02X}:A{number % 10}:F4"
        self.person = random.choice(_FIRST)

    def mac(self) -> str:
        return self.oui + "".join(f":{self.random.randrange(256):02X}" for _ in range(3))

    def word(self, length: int) -> str:
        return "".join(self.random.choices(_LETTERS, k=length))

    def number(self) -> str:
        return str(int(2 ** self.random.uniform(0, 36)))

    def text(self, path: str, type_: str, text: str) -> str:
        """What this household has where the dump has ``text``."""
        random, name = self.random, path.rpartition(".")[2]
        if name in ("MACAddress", "BSSID", "PhysAddress"):
            return self.mac()
        if name == "SerialNumber":
            return self.word(13)
        if name == "SSID":
            return f"{self.person}-{self.word(4)}"
        if name in ("KeyPassphrase", "PreSharedKey", "Password", "ConnectionRequestPassword"):
            return self.word(16)
        if name in ("Username", "ConnectionRequestUsername"):
            return f"{self.person}.{self.word(6)}@isp.example"
        if name in ("ExternalIPAddress", "DefaultGateway", "LocalIPAddress", "DNSServers"):
            return f"100.{random.randrange(64, 128)}.{random.randrange(256)}.{random.randrange(256)}"
        if type_ == "dateTime":
            return f"2026-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}T{random.randrange(24):02d}:15:00Z"
        if is_volatile(path):
            return self.number() if text != "0" or random.random() < 0.3 else text
        if random.random() < 0.02:
            if type_ == "boolean":
                return random.choice(("true", "false"))
            if type_ in ("int", "unsignedInt"):
                return str(random.randrange(200))
        return text

    def host(self) -> dict[str, str]:
        random = self.random
        return {
            "Active": random.choice(("true", "false")),
            "AddressSource": "DHCP",
            "HostName": f"{self.person}s-{random.choice(_THINGS)}-{self.word(3)}",
            "IPAddress": f"192.168.0.{random.randrange(2, 254)}",
            "InterfaceType": random.choice(("802.11", "Ethernet")),
            "LeaseTimeRemaining": str(random.randrange(86400)),
            "MACAddress": ":".join(f"{random.randrange(256):02X}" for _ in range(6)),
        }


def household(of: Family, number: int) -> Household:
    """Device ``number`` of a family: about 1,500 parameters, a few of them hosts that only it has."""
    random = Random(f"household {of.number} {number}")
    home = _Home(random, of.number)
    rows = [(path, type_, writable, home.text(path, type_, text)) for path, type_, writable, text in of.rows]
    objects = dict(of.objects)
    table = f"{of.root}X_Hosts.Host."
    objects[table] = False
    for host in range(1, random.randrange(4, 16)):
        objects[f"{table}{host}."] = False
        known = home.host()
        rows += [(f"{table}{host}.{name}", type_, False, known.get(name, "")) for name, type_ in _HOST]
    rows.sort()
    leaves = [path for path, *_ in rows]
    informed = [i for i, path in enumerate(leaves) if ".DeviceInfo." in path or ".ManagementServer." in path][:18]
    names = [*objects, *leaves]
    writable = [*objects.values(), *(w for _, _, w, _ in rows)]
    serial = home.word(12)
    return Household(serial, names, writable, leaves, [t for *_, t in rows], [t for _, t, *_ in rows], informed)

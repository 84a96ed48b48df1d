"""Made-up trees of a wanted size, with the entropy of real ones: half counters and states, long strings, addresses.

For load tests: 5, 300, 1,500 or 5,000 parameters. The same size and seed always give the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

from ..errors import BadInput
from .trees import Columns, Tree

MINIMUM = 5
Row = tuple[str, str, str, bool]
"""Name, type, value, writable."""

_WORDS = "alpha bravo delta echo gamma kilo lima oscar sierra tango victor zulu".split()

HEADS: dict[str, tuple[tuple[str, str], ...]] = {
    "tr181": (
        ("DeviceInfo.HardwareVersion", "G1"),
        ("DeviceInfo.SoftwareVersion", "1.0.{seed}"),
        ("DeviceInfo.ProvisioningCode", ""),
        ("RootDataModelVersion", "2.12"),
        ("DeviceInfo.SerialNumber", "{serial}"),
        ("DeviceInfo.ManufacturerOUI", "00D09E"),
        ("DeviceInfo.ProductClass", "GEN{size}"),
        ("DeviceInfo.Manufacturer", "Generated"),
        ("DeviceInfo.ModelName", "Generated {size}"),
    ),
    "tr098": (
        ("DeviceInfo.HardwareVersion", "G1"),
        ("DeviceInfo.SoftwareVersion", "1.0.{seed}"),
        ("DeviceInfo.ProvisioningCode", ""),
        ("DeviceSummary", "InternetGatewayDevice:1.14[](Baseline:1)"),
        ("DeviceInfo.SpecVersion", "1.0"),
        ("DeviceInfo.SerialNumber", "{serial}"),
        ("DeviceInfo.ManufacturerOUI", "00D09E"),
        ("DeviceInfo.ProductClass", "GEN{size}"),
        ("DeviceInfo.Manufacturer", "Generated"),
        ("DeviceInfo.ModelName", "Generated {size}"),
    ),
}
"""The first leaves of every made-up tree, the most needed first."""

ROOTS = {"tr181": "Device.", "tr098": "InternetGatewayDevice."}
TABLES: dict[str, tuple[str, ...]] = {
    "tr181": ("WiFi.SSID", "WiFi.Radio", "Ethernet.Interface", "IP.Interface", "Hosts.Host", "NAT.PortMapping"),
    "tr098": (
        "LANDevice.1.WLANConfiguration",
        "LANDevice.1.LANEthernetInterfaceConfig",
        "LANDevice.1.Hosts.Host",
        "WANDevice.1.WANConnectionDevice",
    ),
}
"""Tables whose rows fill the tree up."""

GROWING = ("Hosts.Host", "NAT.PortMapping", "LANDevice.1.Hosts.Host")
"""Tables that take AddObject."""


def _mac(random: Random) -> str:
    return ":".join(f"{random.randrange(256):02X}" for _ in range(6))


def _row(random: Random) -> Iterator[Row]:
    yield "Enable", "boolean", random.choice(("true", "false")), True
    yield "Status", "string", random.choice(("Up", "Down", "Dormant")), False
    yield "Alias", "string", f"cpe-{random.choice(_WORDS)}-{random.randrange(100)}", True
    yield "Name", "string", f"{random.choice(_WORDS)}{random.randrange(10)}", False
    yield "MACAddress", "string", _mac(random), False
    yield "IPAddress", "string", f"192.168.{random.randrange(256)}.{random.randrange(1, 255)}", True
    yield "LastChange", "unsignedInt", str(random.randrange(1 << 20)), False
    yield "MaxBitRate", "int", str(random.choice((-1, 100, 1000))), True
    yield "Description", "string", " ".join(random.choices(_WORDS, k=random.randrange(1, 7))), True
    for way in ("Sent", "Received"):
        yield f"Stats.Bytes{way}", "unsignedLong", str(random.randrange(1 << 40)), False
        yield f"Stats.Packets{way}", "unsignedLong", str(random.randrange(1 << 30)), False
        yield f"Stats.Errors{way}", "unsignedInt", str(random.choice((0, 0, 0, random.randrange(5000)))), False


def _filling(root: str, random: Random) -> Iterator[Row]:
    for number in count(1):
        for table in TABLES[root]:
            for name, type_, text, writable in _row(random):
                yield f"{table}.{number}.{name}", type_, text, writable


def generate(parameters: int, seed: int = 0, root: str = "tr181") -> Tree:
    """A tree of about ``parameters`` leaves besides those that every CPE has below ManagementServer.

    Raises BadInput for fewer than 5, or an unknown ``root`` (``tr181`` or ``tr098``).
    """
    if parameters < MINIMUM or root not in ROOTS:
        raise BadInput(f"a made-up tree has at least {MINIMUM} parameters below tr181 or tr098")
    random = Random(f"{parameters}:{seed}:{root}")
    words = {"seed": seed, "size": parameters, "serial": f"GEN{parameters}S{seed}"}
    prefix = ROOTS[root]
    columns = Columns(f"generated-{root}-{parameters}", [], [], [], [], [], [])
    rows: list[Row] = [
        (name, "string", text.format(**words), name.endswith("ProvisioningCode")) for name, text in HEADS[root]
    ]
    filling = _filling(root, random)
    while len(rows) < parameters:
        rows.append(next(filling))
    objects: dict[str, bool] = {prefix: False}
    for name, type_, text, writable in rows[:parameters]:
        columns.leaves.append(prefix + name)
        columns.types.append(type_)
        columns.texts.append(text)
        columns.writable.append(writable)
        segments = name.split(".")
        for depth in range(1, len(segments)):
            path = ".".join(segments[:depth])
            table = path.rpartition(".")[0] if segments[depth - 1].isdigit() else path
            objects[f"{prefix}{path}."] = table in GROWING
    columns.objects, columns.object_writable = list(objects), list(objects.values())
    return Tree(columns)

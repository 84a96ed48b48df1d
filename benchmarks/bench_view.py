"""The Device:2 view of TR-098: ``python -m benchmarks.bench_view`` (CPU time, best of twenty)."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from cpetwin.datamodel.view import InstanceMap, Native, View, plan_write, table

PARAMETERS = 1500
ROWS = {"WLANConfiguration.{i}": 8, "Hosts.Host.{i}": 24, "LANEthernetInterfaceConfig.{i}": 4, "PortMapping.{i}": 4}
"""How many rows the tables of the made-up gateway have; all others have one."""
LEFT_OUT = ("VoiceService", "FAP.", "WANDSL", "WANATM", "WANPTM", "QueueManagement", "SoftwareModules", "UPnP", "Fault")
CHANNEL = "Device.WiFi.Radio.1.Channel"


def gateway() -> dict[str, Native]:
    """A Wi-Fi router of 1,500 parameters, a quarter of them its vendor's own."""
    values: dict[str, Native] = {}

    def add(path: str, type_: str) -> None:
        text = {"unsignedInt": "6", "int": "6", "boolean": "1"}.get(type_, "a")
        values[path] = Native("WPAand11i" if path.endswith("BeaconType") else text, type_, True)

    for row in sorted(table().rows, key=lambda row: not any(name in row.native for name in ROWS)):
        if any(name in row.native for name in LEFT_OUT) or len(values) >= PARAMETERS * 3 // 4:
            continue
        many = next((name for name in ROWS if name in row.native), "")
        for n in range(1, ROWS.get(many, 1) + 1):
            path = row.native.replace(many, many.replace("{i}", str(n))) if many else row.native
            add(path.replace("{i}", "1"), row.native_type)
    for n in range(PARAMETERS - len(values)):
        add(f"InternetGatewayDevice.LANDevice.1.WLANConfiguration.{n % 8 + 1}.X_VND_Part{n % 5}.Value{n}", "string")
    return values


def best(work: Callable[[], object], times: int = 1) -> float:
    """Milliseconds of one call."""
    found = []
    for _ in range(20):
        start = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - start) / times * 1000)
    return min(found)


def main() -> None:
    table.cache_clear()
    start = time.process_time()
    table()
    load = (time.process_time() - start) * 1000
    values = gateway()
    start = time.process_time()
    View(values, InstanceMap()).values()
    first = (time.process_time() - start) * 1000
    instances = InstanceMap()
    view = View(values, instances)
    view.get(CHANNEL)
    paths = list(view.paths())

    def fresh() -> None:
        one = View(values, instances)
        for path in paths:
            one.get(path)

    rows: list[tuple[str, float, str]] = [
        ("table read", load, "ms"),
        ("first twin of a model, all values", first, "ms"),
        ("new device, all values", best(lambda: View(values, InstanceMap()).values()), "ms"),
        ("known device, all values", best(lambda: View(values, instances).values()), "ms"),
        ("known device, all entries", best(fresh), "ms"),
        ("one path, seen", best(lambda: view.get(CHANNEL), 10_000) * 1000, "us"),
        ("a write planned", best(lambda: plan_write(view, CHANNEL, "11"), 1000) * 1000, "us"),
    ]
    print(f"{len(values)} native parameters, {len(paths)} in the view, "
          f"instance map {len(msgspec.msgpack.encode(instances.saved()))} bytes")  # fmt: skip
    for name, value, unit in rows:
        print(f"{name:<36} {value:8.2f} {unit}")


if __name__ == "__main__":
    main()

"""The schema: loading, looking up, checking. ``python -m benchmarks.bench_schema`` (CPU time, best of five)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from cpetwin.datamodel import facts, is_secret, is_volatile
from cpetwin.datamodel.schema import TABLE, Schema, schema
from cpetwin.datamodel.writing import check_write

CHANNEL = "Device.WiFi.Radio.1.Channel"


def best(work: Callable[[], object], times: int = 1) -> float:
    """Milliseconds of one call."""
    found = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            work()
        found.append((time.process_time() - start) / times * 1000)
    return min(found)


def main() -> None:
    known = schema()
    number = itertools.count(1)
    row = "Device.WiFi.AccessPoint.1.AssociatedDevice."
    rows: list[tuple[str, float, str]] = [
        ("table read, nothing decoded", best(lambda: facts.read(TABLE)), "ms"),
        ("load and first look-up", best(lambda: Schema.load(TABLE).parameter(CHANNEL)), "ms"),
        ("load and all parameters", best(lambda: sum(1 for _ in Schema.load(TABLE).parameters())), "ms"),
        ("look-up, path seen", best(lambda: known.parameter(CHANNEL), 20_000) * 1000, "us"),
        (
            "look-up, new instance",
            best(lambda: known.parameter(f"{row}{next(number)}.MACAddress"), 10_000) * 1000,
            "us",
        ),
        (
            "look-up, new vendor path",
            best(lambda: known.parameter(f"Device.X_V.{next(number)}.Name"), 10_000) * 1000,
            "us",
        ),
        ("is_secret, path seen", best(lambda: is_secret(CHANNEL), 20_000) * 1000, "us"),
        ("is_volatile, new instance", best(lambda: is_volatile(f"{row}{next(number)}.Noise"), 10_000) * 1000, "us"),
        ("check_write, range", best(lambda: check_write(CHANNEL, "6", True), 10_000) * 1000, "us"),
        ("nearest", best(lambda: known.nearest("Device.WiFi.Radio.1.Chanel")), "ms"),
    ]
    print(f"{TABLE.name}: {TABLE.stat().st_size} bytes")
    for name, value, unit in rows:
        print(f"{name:<28} {value:8.2f} {unit}")


if __name__ == "__main__":
    main()

"""Two real gateways over real sockets: the twin has every parameter as the device has it, also when it is off."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

from e2e import Fleet, World, discovered, until

from cpetwin.datamodel import MASK, is_secret

DUMPS = ("tr098-tplink-ec220g5v2-2023", "tr181-tplink-ec220g5v3-2023")


def truth_of_csv(file: Path) -> dict[str, tuple[str, str, bool]]:
    """path -> (value, type, writable) of a dump; an empty type is served as string."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as opened:
        return {
            row["path"]: (row["value"], row["type"] or "string", row["writable"] == "1")
            for row in csv.DictReader(opened)
            if row["object"] != "1"
        }  # fmt: skip


def truth_of_device(fleet: Fleet, device: str) -> dict[str, tuple[str, str, bool]]:
    parameters = fleet.state(device)["parameters"]
    return {path: (leaf["value"], leaf["type"], leaf["writable"]) for path, leaf in parameters.items()}


def export(world: World, device: str, *options: str) -> dict[str, Any]:
    ran = world.cli("twin", "export", device, "--native", "--json", *options)
    assert ran.code == 0, ran.err
    parameters: dict[str, Any] = ran.json["parameters"]
    return parameters


def own(tree: dict[str, Any]) -> dict[str, Any]:
    """Without ManagementServer, which belongs to the simulator and the server."""
    return {path: leaf for path, leaf in tree.items() if ".ManagementServer." not in path}


def plain(parameters: dict[str, Any]) -> dict[str, tuple[str, str, bool]]:
    return {path: (p["value"], p["type"], p["writable"]) for path, p in parameters.items()}


def check(world: World, fleet: Fleet, device: str, truth: dict[str, tuple[str, str, bool]]) -> None:
    """The twin is the truth, whether the device is on or off; then its ages grow; secrets are masked."""
    on = export(world, device, "--secrets")
    assert own(plain(on)) == own(truth)
    assert set(on) == set(truth_of_device(fleet, device))  # ManagementServer is complete, too
    fleet.power(device, "off")
    off = export(world, device, "--secrets")
    assert own(plain(off)) == own(truth)
    assert all(off[path]["age_s"] >= on[path]["age_s"] >= 0 for path in on)
    older = until(lambda: _older(world, device, on), "the ages to grow")
    assert own(plain(older)) == own(truth)
    masked = export(world, device)
    assert set(masked) == set(on)
    for path, (value, _, _) in own(truth).items():
        assert masked[path]["value"] == (MASK if is_secret(path) else value), path


def _older(world: World, device: str, on: dict[str, Any]) -> dict[str, Any] | None:
    """The export, once every value is at least half a second older than it was."""
    now = export(world, device, "--secrets")
    return now if all(now[path]["age_s"] - on[path]["age_s"] >= 0.5 for path in on) else None


def test_the_twin_is_the_device_value_for_value(tmp_path: Path) -> None:
    """Every parameter with value, type, writability; secrets masked unless asked for; the same with the power off."""
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "required")
        fleet = world.simulate("--frozen", "--interval", "1h")
        devices = fleet.ids(2)
        discovered(server, 2)
        for device in devices:
            check(world, fleet, device, truth_of_device(fleet, device))


def test_the_twin_is_the_dump_value_for_value(tmp_path: Path, shared: Path) -> None:
    """The same against the CSV files themselves, which no code of ours has touched."""
    files = [shared / "datamodel" / "dumps" / f"{name}.csv.gz" for name in DUMPS]
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "off")
        fleet = world.simulate(
            "--frozen", "--interval", "1h", *(word for file in files for word in ("--dump", str(file)))
        )
        devices = sorted(fleet.ids(2), key=lambda device: "-IGD-" not in device)
        discovered(server, 2)
        for device, file in zip(devices, files, strict=True):
            check(world, fleet, device, truth_of_csv(file))

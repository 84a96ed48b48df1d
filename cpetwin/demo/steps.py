"""The five commands of the demo and the world they play in, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One command a newcomer types. ``line`` follows ``cpetwin ``; ``{names}`` come from the offline home."""

    says: str
    line: str


STEPS = (
    Step("find the home that is off", "find {phone}"),
    Step("read its Wi-Fi channel; the answer has an age, the gateway is off", "twin get {id} {path} --native"),
    Step(
        "queue a change, and what proves it",
        "command set {id} {path}={value} --verify '{path} == {value}' --reason 'crowded channel'",
    ),
    Step(
        "switch the gateway on: it executes the change once and the server reads it back", "simulate power on {serial}"
    ),
    Step("ask the fleet", "device list --limit 8"),
)

ROLES = ("l1", "noc", "firmware", "marketing", "privacy", "approver")
"""One user per role under the role's name; the server makes ``admin`` itself."""

PRODUCT_CLASS = "EC220-G5"
"""The offline home has this gateway: of the two real ones that which speaks Device:2 itself."""

CHANNEL = "Device.WiFi.Radio.1.Channel"
NEW_CHANNEL = "11"

REGIONS = ("north", "south")
PLANS = ("Fibre 100", "Fibre 500", "Fibre 1000")

OFF = (
    "The server is not told: it finds out when the gateway does not come when called, and calls it `overdue` once it"
    " has missed its next report."
)

MISSING = (
    "Not there yet: the homes have no history but what they said since the start; the fleet speaks CWMP alone"
    " (no USP); no region is crowded, no line is failing and no firmware is bad."
)

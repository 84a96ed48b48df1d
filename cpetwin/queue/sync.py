"""Sync policy: which subtrees of a twin may become how old before they are read again.

Data per model: the first row whose model matches is used. Paths are relative to the device's root.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..clock import DAY, HOUR


class Rule(NamedTuple):
    """``subtree`` below the root ("" is everything, read with its structure); ``max_age`` in ms."""

    subtree: str
    max_age: int


class Policy(NamedTuple):
    """``model`` is a regular expression on ``vendor model firmware``."""

    model: str
    rules: tuple[Rule, ...]


POLICIES: tuple[Policy, ...] = (
    Policy(
        r".*",
        (
            Rule("", 7 * DAY),
            Rule("WiFi.", DAY),
            Rule("Hosts.", DAY),
            Rule("DeviceInfo.", DAY),
            Rule("IP.", DAY),
            Rule("PPP.", DAY),
            Rule("DSL.", DAY),
            Rule("Optical.", DAY),
            Rule("LANDevice.", DAY),
            Rule("WANDevice.", DAY),
        ),
    ),
)
RETRY_AFTER = HOUR
"""A sweep that could not be finished is tried again after this time (ms)."""


def policy_for(vendor: str, model: str, firmware: str, policies: tuple[Policy, ...] = POLICIES) -> Policy:
    """The policy of a device; the last row of the table fits everything."""
    name = f"{vendor} {model} {firmware}"
    return next((p for p in policies if re.fullmatch(p.model, name, re.DOTALL)), policies[-1])


def overdue(policy: Policy, ages: dict[str, int], now: int) -> tuple[list[str], int]:
    """Subtrees to read now, and when (ms) the next one is due.

    ``ages`` gives the oldest observation time (ms) per subtree of the policy; subtrees that the
    device does not have are absent. When everything is due, nothing else needs to be read.
    """
    late: list[str] = []
    due = now + max(rule.max_age for rule in policy.rules)
    for rule in policy.rules:
        if rule.subtree not in ages:
            continue
        at = ages[rule.subtree] + rule.max_age
        if at <= now:
            late.append(rule.subtree)
            at = now + rule.max_age
        due = min(due, at)
    return ([""] if "" in late else late), due

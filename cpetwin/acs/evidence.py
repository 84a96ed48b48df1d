"""What the next Inform says about commands whose outcome we did not hear (architecture: never twice, never lost).

A command in state ``sent`` was durable before its bytes left. One row per kind tells what to look
at: ParameterKey for SetParameterValues, AddObject and DeleteObject, ``M Reboot`` for Reboot,
``0 BOOTSTRAP`` for FactoryReset. Reading again does no harm. A reset wipes ParameterKey, so after one it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..clock import MINUTE
from ..queue.command import RETRIED
from ..twin.report import CommandUpdate, DeviceEvent
from ..twin.store.base import StoredCommand

MAX_DELIVERIES = 10
"""A command is sent at most so often when the evidence says each time that it was not executed."""
MAX_BLIND = 2
"""Without evidence, what may be repeated is sent at most so often."""
IDEMPOTENT = frozenset(("set", "get", "refresh"))
"""Kinds that may be repeated without evidence."""
RESTART_MS = 15 * MINUTE
"""A device that accepted a restart, and still talks to us after this time as if there had been none, did not obey."""

VALUES_SUFFIX = "v"
"""Ends the key of the SetParameterValues that fills a row just added, so that both steps can be told apart."""


class Evidence(NamedTuple):
    """What an Inform tells. ``parameter_key`` is None when the Inform had none. ``repeated``: its events had been
    told before, perhaps before the command was sent."""

    parameter_key: str | None
    events: tuple[DeviceEvent, ...]
    repeated: bool = False

    def event(self, number: str) -> bool:
        """Whether a numeric event such as ``1`` (BOOT) is news."""
        return not self.repeated and any(code.split(" ", 1)[0] == number for code, _ in self.events)

    def method(self, name: str, key: str) -> bool:
        """Whether ``M name`` was reported for this command key."""
        return any(code == f"M {name}" and command_key == key for code, command_key in self.events)


Verdict = str
"""``executed``, ``not executed``, ``restarted`` (it did, but did not say why), ``no evidence`` or ``pending`` (too
early to say)."""


def _by_parameter_key(evidence: Evidence, key: str, accepted: bool) -> Verdict:
    if evidence.parameter_key in (key, key + VALUES_SUFFIX):
        return "executed"
    return "no evidence" if evidence.parameter_key is None or evidence.event("0") else "not executed"


def _by_reboot(evidence: Evidence, key: str, accepted: bool) -> Verdict:
    if evidence.method("Reboot", key):
        return "executed"
    if evidence.event("1"):
        return "executed" if accepted else "restarted"
    return "pending" if accepted else "not executed"


def _by_bootstrap(evidence: Evidence, key: str, accepted: bool) -> Verdict:
    if evidence.event("0"):
        return "executed"
    return "pending" if accepted else "not executed"


def _harmless(evidence: Evidence, key: str, accepted: bool) -> Verdict:
    return "not executed"


RULES: dict[str, Callable[[Evidence, str, bool], Verdict]] = {
    "set": _by_parameter_key,
    "add": _by_parameter_key,
    "delete": _by_parameter_key,
    "get": _harmless,
    "refresh": _harmless,
    "reboot": _by_reboot,
    "factory-reset": _by_bootstrap,
}
"""kind -> (evidence, delivery key, accepted by the device) -> verdict."""


def deliveries_of(command: StoredCommand) -> int:
    """How often the command was sent since it was queued, or queued again by somebody (``queue retry``)."""
    actions = [attempt.get("action") for attempt in command.attempts]
    last = max((at for at, action in enumerate(actions) if action == RETRIED), default=-1)
    return actions[last + 1 :].count("sent")


def resolve(command: StoredCommand, key: str, evidence: Evidence, at: int) -> CommandUpdate | None:
    """The step that the evidence gives a command in ``sent`` or ``verifying``; None when nothing changes."""
    accepted = command.state == "verifying"
    if accepted and command.kind not in ("reboot", "factory-reset"):
        return None
    verdict = RULES[command.kind](evidence, key, accepted)
    deliveries = deliveries_of(command)
    note: dict[str, object] = {"at": at, "action": verdict, "fault": None}
    expect = (command.state,)
    if verdict == "pending":
        if at - command.changed < RESTART_MS:
            return None
        reason = {"reason": f"the device accepted the {command.kind}, but did not restart"}
        return CommandUpdate(command.id, expect, "failed", note, reason, verified=False)
    if verdict == "restarted":
        return CommandUpdate(command.id, expect, "done", note, {"reason": "the device restarted, it did not say why"})
    if verdict == "executed":
        if command.kind in ("reboot", "factory-reset"):
            return CommandUpdate(command.id, expect, "done", note, verified=True)
        return CommandUpdate(command.id, expect, "verifying", note)
    if verdict == "not executed" and deliveries < MAX_DELIVERIES:
        return CommandUpdate(command.id, expect, "queued", note)
    if verdict == "no evidence" and command.kind in IDEMPOTENT and deliveries < MAX_BLIND:
        return CommandUpdate(command.id, expect, "queued", note)
    return CommandUpdate(command.id, expect, "failed" if verdict == "not executed" else "unknown", note)

"""Contact: what the jobs of one session know about the device they talk to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..clock import Clock
from ..queue.command import RETRIED, Command
from ..twin.report import CommandUpdate, Report
from ..twin.store.base import Known, StoredCommand
from .codec import messages
from .quirks import Quirks


class Contact:
    """One session's device. ``tag`` makes delivery keys unique to this store; ``quirks`` grows by learning."""

    def __init__(
        self,
        device: Known,
        root: str,
        clock: Clock,
        tag: str,
        quirks: Quirks,
        decode: Callable[[StoredCommand], Command],
        model: str,
        parameter_key: str | None,
    ) -> None:
        self.device = device
        self.root = root
        self.quirks = quirks
        self.decode = decode
        self.model = model
        self.parameter_key = parameter_key
        """ParameterKey as the Inform told it, None when it did not."""
        self.epoch = 0
        self.ending = False
        """Set by a job after which the device must be let go (Reboot, FactoryReset)."""
        self._clock = clock
        self._tag = tag

    def now(self) -> int:
        return self._clock.now()

    def key(self, command: StoredCommand) -> str:
        """ParameterKey or CommandKey of a delivery: the same for every attempt, at most 32 characters. What was
        queued again by hand is another delivery: the device may still show the key of the first."""
        again = sum(1 for attempt in command.attempts if attempt.get("action") == RETRIED)
        return f"{command.id}-{self._tag}-{again}" if again else f"{command.id}-{self._tag}"

    def report(self, **parts: Any) -> Report:
        """A Report about this device in this session."""
        return Report(device=self.device.key, at=self.now(), epoch=self.epoch, **parts)

    def attempt(self, action: str, fault: messages.Fault | None = None) -> dict[str, object]:
        """A line for the attempts of a command."""
        return {"at": self.now(), "action": action, "fault": describe_fault(fault) if fault else None}

    def failed(self, command: StoredCommand, reason: str, result: object = None) -> CommandUpdate:
        """The command came to nothing for a reason that is no fault of the device."""
        return CommandUpdate(
            command.id, (command.state, "sent"), "failed", self.attempt(reason), result=result or {"reason": reason}
        )

    def faulted(self, command: StoredCommand, fault: messages.Fault, result: object = None) -> CommandUpdate:
        """The device answered with a fault."""
        return CommandUpdate(command.id, (command.state, "sent"), "failed", self.attempt("fault", fault), result=result)


def describe_fault(fault: messages.Fault) -> dict[str, object]:
    """A device fault as plain JSON: code, text, and one line per parameter."""
    shown: dict[str, object] = {"code": fault.code, "text": fault.text or fault.faultstring}
    if fault.set_faults:
        shown["parameters"] = [
            {"path": f.parameter_name, "code": f.fault_code, "text": f.fault_string} for f in fault.set_faults
        ]
    return shown

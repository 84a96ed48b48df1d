"""What can go wrong on purpose. ``FAULTS`` is the registry; a session asks the plan it was given at each stage.

A fault *strikes* at one stage of one session: then the session counts as injected, whatever becomes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from random import Random

from ..errors import BadInput


class Stage(Enum):
    """Where in a session a fault strikes."""

    INFORM = "the Inform is out, its answer not yet read"
    REQUEST = "a request of the ACS came, nothing is done yet"
    ANSWER = "the request is executed, the answer not yet sent"
    BEGIN = "the next session is about to start"


@dataclass(frozen=True)
class Fault:
    """One kind of fault. ``weight`` is its share among those drawn at random."""

    kind: str
    stage: Stage
    what: str
    weight: int = 1


FAULTS: dict[str, Fault] = {
    fault.kind: fault
    for fault in (
        Fault("drop-inform", Stage.INFORM, "cuts TCP after the Inform", 2),
        Fault("drop-before", Stage.REQUEST, "cuts TCP instead of executing a request", 2),
        Fault("drop-after", Stage.ANSWER, "executes a request and cuts TCP before the answer", 2),
        Fault("slow", Stage.ANSWER, "answers some seconds late", 2),
        Fault("wrong-id", Stage.ANSWER, "answers with another cwmp:ID"),
        Fault("empty-answer", Stage.ANSWER, "executes a request and sends an empty POST for an answer"),
        Fault("late-answer", Stage.ANSWER, "answers every request of the session one POST late"),
        Fault("bad-xml", Stage.ANSWER, "executes a request and sends half of the answer's XML"),
        Fault("fault-9002", Stage.REQUEST, "refuses a request with 9002; any 9001 to 9899 can be named"),
        Fault("reboot", Stage.INFORM, "reboots by itself in the middle of a session"),
        Fault("offline", Stage.BEGIN, "loses its line for a spell"),
        Fault("char-length", Stage.BEGIN, "counts characters, not bytes, in Content-Length"),
    )
}
ALIASES = {"drop": "drop-after", "late": "late-answer", "empty": "empty-answer", "fault": "fault-9002"}
"""Shorter names that can be given for a kind."""
_NUMBERED = re.compile(r"fault-(9[0-8]\d\d)\Z")


def find_fault(kind: str) -> Fault:
    """The fault of a name. Raises BadInput that lists the names."""
    kind = ALIASES.get(kind, kind)
    if kind in FAULTS:
        return FAULTS[kind]
    if _NUMBERED.match(kind):
        return Fault(kind, Stage.REQUEST, FAULTS["fault-9002"].what)
    raise BadInput(f"there is no fault {kind!r}", "one of " + ", ".join(FAULTS))


def draw(random: Random, probability: float) -> Fault | None:
    """With a probability (0 to 1) one of the faults, by weight."""
    if random.random() >= probability:
        return None
    known = list(FAULTS.values())
    return random.choices(known, [fault.weight for fault in known])[0]


class Plan:
    """The faults of one session: at most one strikes, once (``late-answer`` stays)."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.struck = False

    def strike(self, stage: Stage) -> str:
        """The kind that strikes now, or an empty string."""
        fault = self.fault
        if fault is None or fault.stage is not stage or (self.struck and fault.kind != "late-answer"):
            return ""
        self.struck = True
        return fault.kind

    @property
    def number(self) -> int:
        """The fault code of ``fault-9xxx``."""
        return int(self.fault.kind[6:]) if self.fault else 0

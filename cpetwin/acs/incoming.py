"""Requests that a CPE may send besides Inform, and what is answered: one row each (TR-069 A.3.3, A.4.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from .codec import NO_ARGUMENTS, messages

MAX_NOTE = 64 << 10
"""Bytes of one request that the event log keeps. A larger one is refused (8004), not acknowledged and cut."""


class Answer(NamedTuple):
    """The response, and facts for the event log that must be durable before it is sent."""

    name: str
    body: object
    notes: dict[str, object]


def _methods(body: object) -> Answer:
    return Answer("GetRPCMethodsResponse", messages.GetRPCMethodsResponse(("Inform", *ANSWERS)), {})


def _noted(kind: str, response: str, empty: object = NO_ARGUMENTS) -> Callable[[object], Answer | None]:
    """The request is written to the event log as it came, then acknowledged."""

    def answer(body: object) -> Answer | None:
        if len(msgspec.json.encode(body)) > MAX_NOTE:
            return None
        return Answer(response, empty, {kind: msgspec.to_builtins(body)})

    return answer


ANSWERS: dict[str, Callable[[object], Answer | None]] = {
    "GetRPCMethods": _methods,
    "TransferComplete": _noted("transfer", "TransferCompleteResponse"),
    "AutonomousTransferComplete": _noted("autonomous-transfer", "AutonomousTransferCompleteResponse"),
    "RequestDownload": _noted("request-download", "RequestDownloadResponse"),
    "DUStateChangeComplete": _noted("du-state-change", "DUStateChangeCompleteResponse"),
    "AutonomousDUStateChangeComplete": _noted("autonomous-du-state-change", "AutonomousDUStateChangeCompleteResponse"),
    "Kicked": _noted("kicked", "KickedResponse", messages.KickedResponse()),
}
"""RPC of the CPE -> what is answered. What they ask for beyond the acknowledgement comes with transfers."""

"""The step before bytes leave: the command is durably ``sent``, or it is not sent at all."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ...twin.report import CommandUpdate
from ...twin.store.base import StoredCommand
from ..contact import Contact
from ..effects import Commit, Lost


def claim(contact: Contact, command: StoredCommand) -> Generator[Any, Any, bool]:
    """Commit ``queued`` -> ``sent``. False when it was cancelled or expired meanwhile."""
    step = CommandUpdate(command.id, ("queued",), "sent", contact.attempt("sent"))
    committed = yield Commit(contact.report(updates=(step,), cause=command.id))
    return command.id not in committed.refused


def unanswered(contact: Contact, command: StoredCommand, lost: Lost) -> Generator[Any, Any, bool]:
    """The device went on without an answer. True when its ParameterKey says that it executed the call.

    When the key says it did not, the command is queued again; without evidence it stays ``sent`` for
    the next Inform.
    """
    key = contact.key(command)
    if lost.parameter_key == key:
        return True
    if lost.parameter_key is not None:
        step = CommandUpdate(command.id, ("sent",), "queued", contact.attempt("not executed"))
        yield Commit(contact.report(updates=(step,), cause=command.id))
    return False

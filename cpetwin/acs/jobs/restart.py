"""``reboot`` and ``factory-reset`` (TR-069 A.3.2.9, A.4.1.6): done when the device says so at its next Inform."""

from __future__ import annotations

from ...datamodel import parse_condition
from ...twin.report import CommandUpdate
from ...twin.store.base import StoredCommand
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Job, Lost, Reopen
from .condition import precondition
from .delivery import claim

_RPCS = {"reboot": "Reboot", "factory-reset": "FactoryReset"}


def restart(contact: Contact, stored: StoredCommand) -> Job:
    """Send it and let the device go: it acts when the session has ended."""
    if stored.state == "verifying":
        return
    command = contact.decode(stored)
    if not (yield from precondition(contact, stored, parse_condition(command.condition))):
        return
    if not (yield from claim(contact, stored)):
        return
    name = _RPCS[stored.kind]
    if name == "FactoryReset":
        yield Reopen()
    args = messages.CommandKeyCall(contact.key(stored)) if name == "Reboot" else messages.NO_ARGUMENTS
    answer = yield Call(name, args)
    if isinstance(answer, messages.Fault):
        yield Commit(contact.report(updates=(contact.faulted(stored, answer),), cause=stored.id))
        return
    contact.ending = True
    if not isinstance(answer, Lost):
        step = CommandUpdate(stored.id, ("sent",), "verifying", contact.attempt("accepted"))
        yield Commit(contact.report(updates=(step,), cause=stored.id))

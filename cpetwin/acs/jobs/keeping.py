"""Work nobody queued: the first full read of a device, sweeps by the sync policy, and its credentials."""

from __future__ import annotations

from ...queue.sync import RETRY_AFTER, Policy, overdue, policy_for
from ...twin.report import Observations
from ..codec import messages
from ..contact import Contact
from ..effects import Call, Commit, Job, LoadTwin, RenewCredentials
from .get_values import read_subtree
from .reading import read_values


def discover(contact: Contact) -> Job:
    """First contact: the whole tree, names, values and writability."""
    policy = _policy(contact)
    due = contact.now() + min(rule.max_age for rule in policy.rules)
    yield from read_subtree(contact, contact.root, "discovery", due)


def sweep(contact: Contact) -> Job:
    """Read again what became too old; the whole tree with its structure when that is due."""
    twin = yield LoadTwin()
    policy = _policy(contact)
    parameters = twin.parameters()
    ages: dict[str, int] = {}
    for rule in policy.rules:
        below = [p.observed_at for p in parameters if p.path.startswith(contact.root + rule.subtree) and p.text]
        if below:
            ages[rule.subtree] = min(below)
    late, due = overdue(policy, ages, contact.now())
    if late == [""]:
        yield from read_subtree(contact, contact.root, "sweep", due)
        return
    values = Observations([], [], [])
    complete = tuple(contact.root + subtree for subtree in late)
    leaves = [p.path for p in parameters if p.path.startswith(complete)] if late else []
    if leaves:
        reading = yield from read_values(contact, contact.root, leaves, values)
        if len(reading.unreadable) > len(leaves) // 2:
            due = contact.now() + RETRY_AFTER
    yield Commit(contact.report(values=values if values.names else None, sweep_due=due, cause="sweep"))


def provision(contact: Contact) -> Job:
    """Give the device credentials of its own for both directions. The old ones stay valid until it uses the new."""
    new = yield RenewCredentials()
    prefix = contact.root + "ManagementServer."
    rows = [
        (prefix + "Username", new.username, "string"),
        (prefix + "Password", new.password, "string"),
        (prefix + "ConnectionRequestUsername", new.connection_request_username, "string"),
        (prefix + "ConnectionRequestPassword", new.connection_request_password, "string"),
    ]
    answer = yield Call("SetParameterValues", messages.SetParameterValues(rows, "enrol"))
    accepted = isinstance(answer, messages.StatusResponse)
    yield Commit(contact.report(notes={"credentials": "accepted" if accepted else "not accepted"}, cause="enrolment"))


def _policy(contact: Contact) -> Policy:
    facts = contact.device.facts
    return policy_for(facts.get("vendor", ""), facts.get("model", ""), facts.get("firmware", ""))

"""The CWMP session as the ACS sees it (TR-069 section 3.7), sans-I/O.

Theory of operation: every POST of the CPE is one *input*; the table says for each state which
handler makes the answer. A handler is a generator that yields ``Effect``s (for the endpoint to
perform) and returns exactly one ``Reply``. What the ACS wants of the device is done by *jobs*, one
at a time; a job's ``Call`` becomes the answer to the present POST and is resumed by a later one.

A call that is not answered in its turn is not given up at once: devices answer one POST late, or
send an empty POST instead. The session then sends a *probe*, a harmless GetParameterValues of
ParameterKey. Either the late answer comes after all, or the probe's answer tells whether the device
executed the call.

This file does not know sockets, HTTP or time-outs; it never sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any

from ..queue.codec import carries_secrets
from ..twin.report import CommandUpdate
from ..twin.store.base import Committed, StoredCommand
from .codec import Message, envelope, fault, messages
from .contact import Contact
from .effects import Call, Commit, Job, LoadCommands, Lost, Reply, SessionLost, Steps
from .evidence import Evidence, resolve
from .incoming import ANSWERS
from .jobs import DELIVERIES, discover, provision, sweep

MAX_LOST = 8
"""Calls that may stay unanswered in one session before it is ended."""
MAX_REQUESTS = 100
"""Requests of the CPE (TransferComplete ...) in one session."""
_DELIVERABLE = frozenset(("queued", "verifying"))
_BLOCKING = frozenset(("sent",))


class State(Enum):
    """Where the session stands between two POSTs."""

    INFORM = "the Inform has to come"
    CPE = "the CPE may send requests; an empty POST hands over"
    CALL = "an RPC of ours waits for its answer"
    PROBE = "an RPC of ours was passed over; a probe was sent after it"
    ENDED = "we sent 204; late requests are still answered"


class Input(Enum):
    """What a POST can hold."""

    INFORM = "Inform"
    REQUEST = "another RPC of the CPE"
    ANSWER = "a response or fault"
    EMPTY = "nothing"


def classify(message: Message) -> Input:
    """The kind of input a message is."""
    if message.name == "empty":
        return Input.EMPTY
    if message.name == "Inform":
        return Input.INFORM
    if message.name == "Fault" or message.name.endswith("Response"):
        return Input.ANSWER
    return Input.REQUEST


class Session:
    """One session with one device. ``handle`` answers a POST, ``lost`` ends it in the middle."""

    def __init__(self, contact: Contact, message: Message, facts: dict[str, str], renew: bool, trusted: bool) -> None:
        """``facts``: what the endpoint knows of the device; ``renew``: give it credentials of its own;
        ``trusted``: commands that carry secrets may be delivered (not while the device waits for approval)."""
        self.contact = contact
        self.namespace = message.namespace
        self.state = State.INFORM
        self.poked = False
        """Set by the endpoint when something was queued for the device during the session."""
        self.touched: list[str] = []
        """Commands whose state changed; the endpoint tells their waiters and empties the list."""
        self._facts = facts
        self._renew = renew
        self._trusted = trusted
        self._committed: Committed | None = None
        self._job: Job | None = None
        self._call: Call | None = None
        self._call_id = ""
        self._probe_id = ""
        self._stale: set[str] = set()
        self._answer: object = None
        self._number = 0
        self._requests = 0
        self._lost = 0
        self._done: set[str] = set()
        self._commands: list[StoredCommand] | None = None
        self._states: dict[str, str] = {}
        self._kept = False
        self._cut = False

    @property
    def open(self) -> bool:
        """False once 204 was sent and everything is settled."""
        return self.state is not State.ENDED

    def handle(self, message: Message) -> Steps:
        """The answer to one POST."""
        handler = _TABLE[self.state, classify(message)]
        return (yield from handler(self, message))

    def lost(self) -> Generator[Any, Any, None]:
        """The device is gone: the running job may still commit what it has."""
        job, self._job = self._job, None
        self.state = State.ENDED
        self._cut = True
        if job is None:
            return
        try:
            effect = job.throw(SessionLost())
            while True:
                if isinstance(effect, Call):
                    effect = job.throw(SessionLost())
                    continue
                effect = job.send((yield effect))
        except (StopIteration, SessionLost):
            return

    # -- handlers
    def _open(self, message: Message) -> Steps:
        inform = message.body
        assert isinstance(inform, messages.Inform)
        committed: Committed = yield Commit(
            self.contact.report(
                events=inform.events, retry_count=inform.retry_count, inform=inform.parameters, facts=self._facts
            )
        )
        self._committed = committed
        self.contact.epoch = committed.epoch
        if committed.pending:
            yield from self._resolve(inform)
        self.state = State.CPE
        version = _highest(message.supported_versions) if message.supported_versions else None
        body = envelope(
            "InformResponse", _INFORM_RESPONSE, id=message.id, namespace=message.namespace, use_version=version
        )
        return Reply(200, body)

    def _resolve(self, inform: messages.Inform) -> Generator[Any, Any, None]:
        """Commands whose outcome was not heard meet the evidence of this Inform."""
        commands: list[StoredCommand] = yield LoadCommands()
        assert self._committed is not None
        evidence = Evidence(self.contact.parameter_key, inform.events, self._committed.duplicate)
        now = self.contact.now()
        steps: list[CommandUpdate] = []
        for command in commands:
            if command.state in ("sent", "verifying"):
                step = resolve(command, self.contact.key(command), evidence, now)
                if step is not None:
                    steps.append(step)
        if steps:
            yield Commit(self.contact.report(updates=tuple(steps), cause="evidence"))
            self.touched += [step.command for step in steps]
        else:
            self._commands = commands

    def _request(self, message: Message) -> Steps:
        """A request of the CPE is answered whatever else is going on."""
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            return Reply(200, fault(8004, message.id, message.namespace))
        respond = ANSWERS.get(message.name)
        if respond is None:
            return Reply(200, fault(8000, message.id, message.namespace))
        answer = respond(message.body)
        if answer is None:
            return Reply(200, fault(8004, message.id, message.namespace))
        name, body, notes = answer
        if notes:
            yield Commit(self.contact.report(notes=notes))
        return Reply(200, envelope(name, body, id=message.id, namespace=message.namespace))

    def _second_inform(self, message: Message) -> Steps:
        """The endpoint opens a new session for a second Inform; one that comes here is out of order."""
        return Reply(200, fault(8003, message.id, message.namespace))
        yield

    def _hand_over(self, message: Message) -> Steps:
        return (yield from self._pump(None))

    def _answered(self, message: Message) -> Steps:
        """An answer while a call (and perhaps a probe) is out."""
        assert self._call is not None
        identifier = message.id or ""
        probing = self.state is State.PROBE
        if identifier in self._stale:
            return (yield from self._passed_over(message))
        if probing and (identifier == self._probe_id or (identifier != self._call_id and self._is_probe(message))):
            return (yield from self._resume(Lost(self._key_in(message))))
        if identifier != self._call_id and not self._fits(message):
            return (yield from self._passed_over(message))
        if probing:
            self._stale.add(self._probe_id)
        return (yield from self._resume(message.body))

    def _passed_over(self, message: Message) -> Steps:
        """No answer to our call in this POST: probe once, then give the call up."""
        assert self._call is not None
        if self.state is State.PROBE:
            return (yield from self._resume(Lost(None)))
        self.state = State.PROBE
        self._probe_id = self._next_id()
        path = self.contact.root + "ManagementServer.ParameterKey"
        return Reply(200, self._envelope("GetParameterValues", messages.GetParameterValues((path,)), self._probe_id))

    def _stray(self, message: Message) -> Steps:
        """An answer nobody waits for: a late one. It changes nothing; work goes on."""
        return (yield from self._pump(None))

    def _end_again(self, message: Message) -> Steps:
        if self.poked:
            return (yield from self._pump(None))
        return Reply(204)

    # -- jobs
    def _resume(self, answer: object) -> Steps:
        if isinstance(answer, Lost):
            self._lost += 1
            self._stale |= {self._call_id, self._probe_id} - {""}
            if self._lost > MAX_LOST:
                yield from self.lost()
                return Reply(204)
        self._call = None
        self._probe_id = ""
        return (yield from self._pump(answer))

    def _pump(self, answer: object) -> Steps:
        """Run jobs until one calls the device or none is left. A session that was cut while a step of it was
        under way (the device opened another one) sends nothing more."""
        while not self._cut:
            if self._job is None:
                job = yield from self._next_job()
                if self._cut:
                    break
                if job is None:
                    self.state = State.ENDED
                    return Reply(204)
                self._job, answer = job, None
            try:
                effect = self._job.send(answer)
            except StopIteration:
                self._job = None
                continue
            if isinstance(effect, Call):
                self._call, self._call_id = effect, self._next_id()
                self.state = State.CALL
                return Reply(200, self._envelope(effect.name, effect.args, self._call_id))
            answer = yield effect
            if isinstance(effect, Commit):
                assert isinstance(answer, Committed)
                self._note(effect.report.updates, answer)
        return Reply(400)

    def _note(self, steps: tuple[CommandUpdate, ...], committed: Committed) -> None:
        """What a job did to commands, so that they need not be loaded again."""
        for step in steps:
            self.touched.append(step.command)
            if step.command not in committed.refused:
                self._states[step.command] = step.state

    def _next_job(self) -> Generator[Any, Any, Job | None]:
        """Credentials first, then commands in their order, then what keeps the twin fresh."""
        committed = self._committed
        assert committed is not None
        if self.contact.ending:
            return None
        if self._renew:
            self._renew = False
            return provision(self.contact)
        if committed.pending or self.poked:
            command = yield from self._next_command()
            if command is not None:
                self._done.add(command.id)
                return DELIVERIES[command.kind](self.contact, command)
        if not self._kept:
            self._kept = True
            if not committed.discovered:
                return discover(self.contact)
            if committed.sweep_due <= self.contact.now():
                return sweep(self.contact)
        if self.poked:
            return (yield from self._next_job())
        return None

    def _next_command(self) -> Generator[Any, Any, StoredCommand | None]:
        """The first command that may go out now; one whose outcome is open holds back those behind it."""
        if self._commands is None or self.poked:
            self.poked = False
            self._commands = yield LoadCommands()
            self._states.clear()
        now = self.contact.now()
        for command in self._commands:
            state = self._states.get(command.id, command.state)
            if state in _BLOCKING or (state == "verifying" and command.id in self._done):
                return None
            if state not in _DELIVERABLE or command.id in self._done or command.not_before > now:
                continue
            if command.state == "verifying" and command.kind in ("reboot", "factory-reset"):
                return None
            if not self._trusted and carries_secrets(command.body):
                continue
            if command.expires > now or command.state == "verifying":
                return command
        return None

    # -- helpers
    def _next_id(self) -> str:
        self._number += 1
        return str(self._number)

    def _envelope(self, name: str, args: object, id: str) -> bytes:
        return envelope(name, args, id=id, namespace=self.namespace)

    def _fits(self, message: Message) -> bool:
        """Whether a message without a usable ID can be the answer to our call, going by its name."""
        assert self._call is not None
        return message.name in ("Fault", self._call.name + "Response")

    def _is_probe(self, message: Message) -> bool:
        if message.name != "GetParameterValuesResponse":
            return False
        assert self._call is not None
        return self._call.name != "GetParameterValues" or self._key_in(message) is not None

    @staticmethod
    def _key_in(message: Message) -> str | None:
        body = message.body
        if isinstance(body, messages.GetParameterValuesResponse):
            return parameter_key(body.parameters.names, body.parameters.texts)
        return None


_INFORM_RESPONSE = messages.InformResponse()
_KNOWN_VERSIONS = ("1.4", "1.3", "1.2", "1.1", "1.0")


def _highest(supported: tuple[str, ...]) -> str | None:
    """The highest common version (TR-069 3.7.2.1 in version 1.4); None when the CPE did not ask."""
    return next((version for version in _KNOWN_VERSIONS if version in supported), None)


def parameter_key(names: Any, texts: Any) -> str | None:
    """The value of ParameterKey among these values."""
    for name, text in zip(names, texts, strict=True):
        if name.endswith("ManagementServer.ParameterKey"):
            return str(text)
    return None


Handler = Callable[[Session, Message], Steps]

_TABLE: dict[tuple[State, Input], Handler] = {
    (State.INFORM, Input.INFORM): Session._open,
    (State.CPE, Input.REQUEST): Session._request,
    (State.CPE, Input.EMPTY): Session._hand_over,
    (State.CPE, Input.ANSWER): Session._stray,
    (State.CALL, Input.ANSWER): Session._answered,
    (State.CALL, Input.EMPTY): Session._passed_over,
    (State.CALL, Input.REQUEST): Session._request,
    (State.PROBE, Input.ANSWER): Session._answered,
    (State.PROBE, Input.EMPTY): Session._passed_over,
    (State.PROBE, Input.REQUEST): Session._request,
    (State.ENDED, Input.REQUEST): Session._request,
    (State.ENDED, Input.EMPTY): Session._end_again,
    (State.ENDED, Input.ANSWER): Session._end_again,
    **{(state, Input.INFORM): Session._second_inform for state in State if state is not State.INFORM},
}
"""state x input -> handler. What is missing cannot happen: before the Inform the endpoint has no session."""

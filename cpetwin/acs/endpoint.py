"""The ACS: HTTP requests in, sessions driven, effects performed, HTTP responses out.

This is where the sans-I/O session meets store, credentials and clock. Device input that cannot be
understood is counted, logged with device and reason, and answered with the protocol's own fault.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Hashable
from typing import Any

from ..access.credentials import Credentials
from ..access.enrolment import Admission, Mode, Reenrol, admit, must_challenge
from ..clock import Clock
from ..datamodel import root_of
from ..errors import CpetwinError, Stale, Unavailable
from ..queue import Command, Queue
from ..twin.audit import AuditEntry
from ..twin.identity import DeviceId
from ..twin.store.base import ACTIVE_STATES, Device, Known, Store
from .authentication import Authentication, Proof
from .codec import CodecError, KnownAnswers, Message, fault, messages
from .contact import Contact
from .effects import Commit, Learn, LoadCommands, LoadTwin, NewCredentials, RenewCredentials, Reopen, Reply, Steps
from .http_message import HttpRequest, HttpResponse, Respond
from .quirks import QuirkBook, Quirks, model_key
from .session import Session, parameter_key
from .sessions import Entry, Sessions

log = logging.getLogger("cpetwin.acs")

MAX_BUSY = 4000
"""POSTs being answered at one time; above it new sessions are told to come back (503)."""
MAX_SESSIONS = 200_000
"""Sessions kept in memory, ended ones waiting for late requests included; above it new ones are told the same."""
MAX_LAG_S = 2.0
_SWEEP_S = 1.0
_MAX_COMMANDS = 200
QUIRKS = "quirks"


class Endpoint:
    """Implements ``http_message.Handler``. ``tag`` makes delivery keys unique to this store."""

    def __init__(
        self,
        store: Store,
        queue: Queue,
        credentials: Credentials,
        authentication: Authentication,
        clock: Clock,
        mode: Mode,
        reenrol: Reenrol,
        tag: str,
        quirks: QuirkBook,
        counters: Counter[str],
    ) -> None:
        self._store = store
        self._queue = queue
        self._credentials = credentials
        self._authentication = authentication
        self._clock = clock
        self._mode: Mode = mode
        self._reenrol: Reenrol = reenrol
        self._tag = tag
        self._quirks = quirks
        self.counters = counters
        self.sessions = Sessions()
        self._answers = KnownAnswers()
        self._busy = 0
        self._lag = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep, self._loop.time() + _SWEEP_S)
        self.stopping = False
        queue.on_queued.append(self._poke)
        self.wake: Callable[[int, Command], None] | None = None
        """Called when a command was queued for a device that is not in a session."""
        self.wake_again: Callable[[int], None] | None = None
        """Called when a device fell silent in a session: what it was woken for may not have happened."""

    # -- Handler
    def overloaded(self) -> bool:
        """Whether new sessions should be told to come back later."""
        full = self._busy > MAX_BUSY or len(self.sessions) > MAX_SESSIONS
        return self.stopping or full or self._lag > MAX_LAG_S

    def authorize(self, request: HttpRequest) -> HttpResponse | None:
        """Nobody sends a body before the challenge, but who has a session or shows an answer to it."""
        headers = request.headers
        entry = self.sessions.find(headers.get(b"cookie"), request.connection)
        request.context = entry
        if entry is not None or b"authorization" in headers or not must_challenge(self._mode, None, False):
            return None
        return self._challenge(request, Proof())

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        """One POST. Whatever a session can answer without waiting is answered at once."""
        entry = request.context
        assert entry is None or isinstance(entry, Entry)
        if entry is None and self._mode != "off" and b"authorization" in request.headers:
            self._start(self._prove_first(request, respond))
            return
        self._parsed(request, respond, entry, Proof())

    def lost(self, connection: Hashable) -> None:
        """TCP is gone; the session waits for its cookie until its time-out."""
        self.sessions.unbind(connection)

    # -- one POST
    async def _prove_first(self, request: HttpRequest, respond: Respond) -> None:
        proof = await self._authentication.prove(request.headers.get(b"authorization"), request.method, request.secure)
        if must_challenge(self._mode, proof.principal, proof.wrong):
            if proof.wrong and not proof.stale:
                self._refused("wrong-credentials", request)
            respond(self._challenge(request, proof))
            return
        self._parsed(request, respond, None, proof)

    def _parsed(self, request: HttpRequest, respond: Respond, entry: Entry | None, proof: Proof) -> None:
        try:
            message = self._answers.parse(request.body)
        except CodecError as error:
            self._unreadable(request, respond, entry, error)
            return
        if message.name == "Inform" and entry is not None and self._mode != "off":
            self._start(self._prove_first(request, respond))  # a cookie kept from an earlier session proves nothing
        elif message.name == "Inform":
            self._start(self._open(request, respond, message, proof))
        elif entry is None:
            if message.name == "empty":
                respond(HttpResponse(204))
            else:
                self._refused("no-session", request)
                respond(HttpResponse(400, close=True))
        elif entry.busy:
            self._refused("two-posts", request)
            respond(HttpResponse(400, close=True))
        else:
            self.sessions.rebind(entry, request.connection)
            self._run(entry, entry.session.handle(message), respond, b"")

    def _unreadable(self, request: HttpRequest, respond: Respond, entry: Entry | None, error: CodecError) -> None:
        device = entry.session.contact.device.id if entry is not None else "-"
        self.counters[f"bad.{error.code}"] += 1
        log.warning("refused device=%s peer=%s reason=%s: %s", device, request.peer[0], error.code, error.text)
        if error.code == "invalid-arguments" and error.namespace:
            respond(HttpResponse(200, fault(8003, error.id, error.namespace)))
            return
        if entry is not None and not entry.busy:
            self._end(entry, "unreadable")
        respond(HttpResponse(400, close=True))

    async def _open(self, request: HttpRequest, respond: Respond, message: Message, proof: Proof) -> None:
        inform = message.body
        assert isinstance(inform, messages.Inform)
        identity = inform.device
        try:
            known = await self._store.recognise(identity.identity)
            admission = await self._admit(identity, known, inform, proof)
            if not admission.allow:
                self._refused(f"refused-{admission.status}", request, identity.text, admission.reason)
                denied = self._challenge(request, proof) if admission.status == 401 else HttpResponse(403, close=True)
                respond(denied)
                return
            device = await self._enrol(identity, known, inform, admission, request.peer[0])
        except Unavailable as error:
            self._refused("store", request, identity.text, error.message)
            respond(_later())
            return
        except CpetwinError as error:
            self._refused(error.code, request, identity.text, error.message)
            respond(HttpResponse(200, fault(8002, message.id, message.namespace)))
            return
        if proof.principal is not None:
            await self._credentials.used(proof.principal, proof.generation)
        old = self.sessions.of_device(device.key)
        if old is not None:
            self._replace(old)
        entry = self._entry(request, message, inform, device, admission)
        self.sessions.add(entry)
        self.counters["sessions"] += 1
        entry.busy = True
        steps = entry.session.handle(message)
        await self._drive(entry, steps, next(steps), respond, entry.cookie)

    async def _admit(self, identity: DeviceId, known: Known | None, inform: messages.Inform, proof: Proof) -> Admission:
        if self._mode == "off" and known is not None and known.state == "active":
            return _OPEN
        bootstrap = any(code.startswith("0 ") for code, _ in inform.events)
        proven = False
        if proof.principal is not None and proof.principal.kind == "bootstrap":
            proven = await self._credentials.is_proven(identity.identity)
        admission = admit(
            self._mode, proof.principal, identity, known, bootstrap, self._reenrol,
            wrong=proof.wrong, proven=proven, scheme=proof.scheme,
        )  # fmt: skip
        if admission.audit:
            await self._store.add_audit(
                AuditEntry(self._clock.now(), "device", admission.audit, identity.text, {"reason": admission.reason})
            )
        if admission.reopen:
            await self._credentials.reopen(identity.identity)
        return admission

    async def _enrol(
        self, identity: DeviceId, known: Known | None, inform: messages.Inform, admission: Admission, peer: str
    ) -> Known:
        if known is None:
            facts = {"vendor": inform.manufacturer[:64], "model": identity.product_class[:64], "ip": peer}
            now = self._clock.now()
            audit = AuditEntry(now, "device", "device.enrol", identity.text, {"auth": admission.mark})
            state = admission.device_state or "active"
            return _known(await self._store.enrol(identity, now, "cwmp", state, facts, audit=audit))
        if admission.device_state is not None and admission.device_state != known.state:
            known = _known(await self._store.update_device(known.key, state=admission.device_state))
        if known.product_class != identity.product_class:
            known = _known(await self._store.update_identity(known.key, identity, self._clock.now()))
        return known

    def _entry(
        self, request: HttpRequest, message: Message, inform: messages.Inform, device: Known, admission: Admission
    ) -> Entry:
        names, _, _ = inform.parameters
        root = next((r for r in map(root_of, names) if r is not None), device.facts.get("root") or "Device.")
        model = model_key(device.oui, device.product_class, device.facts.get("firmware", ""))
        contact = Contact(
            device, root, self._clock, self._tag, self._quirks.of(model), self._queue.decode, model,
            parameter_key(names, inform.parameters.texts),
        )  # fmt: skip
        facts = {"ip": request.peer[0], "auth": admission.mark, "root": root}
        if inform.manufacturer:
            facts["vendor"] = inform.manufacturer[:64]
        session = Session(contact, message, facts, admission.renew, trusted=device.state == "active")
        return Entry(session, device.key, request.connection, self._loop.time(), message.session_timeout)

    def _replace(self, entry: Entry) -> None:
        """A new Inform ends the session before it; an unfinished one has failed."""
        if entry.session.open:
            self._end(entry, "replaced")
        else:
            self.sessions.remove(entry)

    # -- driving
    def _run(self, entry: Entry, steps: Steps, respond: Respond, cookie: bytes) -> None:
        """Step a handler; only when it has to wait does it become a task."""
        entry.busy = True
        entry.last = self._loop.time()
        try:
            effect = next(steps)
        except StopIteration as finished:
            self._finish(entry, finished.value, respond, cookie)
        except Exception:  # noqa: BLE001 - logged with its traceback and answered as fault 8002
            self._failed(entry, respond)
        else:
            self._start(self._drive(entry, steps, effect, respond, cookie))

    async def _drive(self, entry: Entry, steps: Steps, effect: Any, respond: Respond, cookie: bytes) -> None:
        try:
            while True:
                effect = steps.send(await self._perform(entry, effect))
        except StopIteration as finished:
            self._finish(entry, finished.value, respond, cookie)
        except Stale as stale:
            self._refused_session(entry, "stale", stale.message)
            self.sessions.remove(entry)
            respond(HttpResponse(400, close=True))
        except Unavailable as error:
            self._refused_session(entry, "store", error.message)
            self.sessions.remove(entry)
            respond(_later())
        except Exception:  # noqa: BLE001 - logged with its traceback and answered as fault 8002
            self._failed(entry, respond)

    def _finish(self, entry: Entry, reply: Reply, respond: Respond, cookie: bytes) -> None:
        entry.busy = False
        entry.last = self._loop.time()
        session = entry.session
        if session.touched:
            for command in session.touched:
                self._queue.touched(command)
            session.touched.clear()
        if reply.status == 204:
            self.counters["sessions.ended"] += 1
        respond(HttpResponse(reply.status, reply.body, ((b"Set-Cookie", cookie),) if cookie else ()))

    def _failed(self, entry: Entry, respond: Respond) -> None:
        """A mistake of ours: the device gets fault 8002, the log the traceback, the session ends."""
        session = entry.session
        self.counters["internal-errors"] += 1
        log.exception("failed device=%s", session.contact.device.id)
        self.sessions.remove(entry)
        respond(HttpResponse(200, fault(8002, None, session.namespace), close=True))

    async def _perform(self, entry: Entry, effect: Any) -> object:
        return await _PERFORM[type(effect)](self, entry, effect)

    async def _commit(self, entry: Entry, effect: Commit) -> object:
        return await self._store.commit(effect.report)

    async def _load_twin(self, entry: Entry, effect: LoadTwin) -> object:
        return await self._store.twin(entry.device)

    async def _load_commands(self, entry: Entry, effect: LoadCommands) -> object:
        return await self._store.commands(entry.device, ACTIVE_STATES, limit=_MAX_COMMANDS)

    async def _renew(self, entry: Entry, effect: RenewCredentials) -> object:
        identity = entry.session.contact.device.identity
        own = await self._credentials.rotate(identity)
        request = await self._credentials.issue_connection_request(identity)
        return NewCredentials(own.username, own.password, request.username, request.password)

    async def _reopen(self, entry: Entry, effect: Reopen) -> object:
        if self._mode != "off":
            await self._credentials.reopen(entry.session.contact.device.identity)
        return None

    async def _learn(self, entry: Entry, effect: Learn) -> object:
        assert isinstance(effect.quirks, Quirks)
        model = entry.session.contact.model
        record = self._quirks.learn(model, effect.quirks)
        if record is not None:
            await self._store.put_records(QUIRKS, {model: record})
        return None

    # -- ends
    def _end(self, entry: Entry, reason: str) -> None:
        """The device did not finish: what its job has is still committed."""
        self.sessions.remove(entry)
        if entry.session.open:
            self.counters[f"sessions.{reason}"] += 1
            log.info("session lost device=%s reason=%s", entry.session.contact.device.id, reason)
        self._start(self._salvage(entry, entry.session.lost()))

    async def _salvage(self, entry: Entry, steps: Generator[Any, Any, None]) -> None:
        try:
            effect = next(steps)
            while True:
                effect = steps.send(await self._perform(entry, effect))
        except StopIteration:
            return
        except CpetwinError as error:
            self._refused_session(entry, error.code, error.message)

    def _sweep(self, expected: float) -> None:
        now = self._loop.time()
        self._lag = now - expected
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep, now + _SWEEP_S)
        for entry in self.sessions.silent(now):
            lost = entry.session.open
            self._end(entry, "timed-out")
            if lost and self.wake_again is not None:
                self.wake_again(entry.device)

    def _poke(self, device: int, command: Command) -> None:
        """Something was queued: a session under way takes it, otherwise the device is woken."""
        entry = self.sessions.of_device(device)
        if entry is not None and entry.session.open:
            entry.session.poked = True
        elif self.wake is not None:
            self.wake(device, command)

    async def close(self, grace_s: float) -> None:
        """No new sessions; those under way may finish for ``grace_s`` seconds of real time."""
        self.stopping = True
        deadline = self._loop.time() + grace_s
        while self.sessions.open_count and self._loop.time() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.05)
        self._sweeper.cancel()
        for entry in self.sessions.all():
            self._end(entry, "stopped")
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    # -- small things
    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy += 1
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy -= 1
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.counters["internal-errors"] += 1
            log.error("a request failed", exc_info=task.exception())

    def _challenge(self, request: HttpRequest, proof: Proof) -> HttpResponse:
        self.counters["challenges"] += 1
        return HttpResponse(401, headers=self._authentication.challenge(request.secure, proof.stale))

    def _refused(self, reason: str, request: HttpRequest, device: str = "-", detail: str = "") -> None:
        self.counters[f"refused.{reason}"] += 1
        log.warning("refused device=%s peer=%s reason=%s %s", device, request.peer[0], reason, detail)

    def _refused_session(self, entry: Entry, reason: str, detail: str) -> None:
        self.counters[f"refused.{reason}"] += 1
        log.warning("refused device=%s reason=%s %s", entry.session.contact.device.id, reason, detail)


def _known(device: Device) -> Known:
    return Known(device.key, device.id, device.identity, device.oui, device.product_class, device.state, device.facts)


_OPEN = Admission(True, 200, "authentication is off", mark="none")
"""What ``admit`` says of every active device in mode ``off``."""


def _later() -> HttpResponse:
    return HttpResponse(503, headers=((b"Retry-After", b"60"),), close=True)


_PERFORM: dict[type, Callable[[Endpoint, Entry, Any], Coroutine[Any, Any, object]]] = {
    Commit: Endpoint._commit,
    LoadTwin: Endpoint._load_twin,
    LoadCommands: Endpoint._load_commands,
    RenewCredentials: Endpoint._renew,
    Reopen: Endpoint._reopen,
    Learn: Endpoint._learn,
}
"""effect -> who performs it."""

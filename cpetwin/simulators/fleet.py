"""The fleet: devices put on sockets, each with one timer; sessions counted; a summary at the end."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from random import Random

from ..clock import Clock, SystemClock
from ..errors import Ambiguous, BadInput, Conflict, NotFound
from .client import Conversation
from .cpe import BOOTSTRAP, CONNECTION_REQUEST, PERIODIC, SCHEDULED, Device
from .faults import Fault, Plan, draw, find_fault
from .httpd import serve
from .journal import Journal
from .listener import ConnectionRequests
from .memory import MemoryStore
from .physics import Moment
from .session import Finish, Session, asking
from .trees import Tree

POLL = 0.5
"""Seconds between two looks at ``server.json``."""
DRAIN = 8.0
"""Seconds that running sessions get to end when the fleet stops."""
ARRIVALS = 100
"""First contacts per second, unless told otherwise."""
ASK_METHODS = "ask-methods"


@dataclass(frozen=True)
class Options:
    """How to run a fleet. Durations in seconds; ``interval`` None obeys PeriodicInformInterval, ``spread`` None lets
    devices come up at about ``ARRIVALS`` a second; ``data`` is the server's folder, else ``acs``, user, password."""

    trees: tuple[Tree, ...]
    devices: int = 1
    data: FilePath | None = None
    acs: str = ""
    user: str = ""
    password: str = ""
    interval: float | None = None
    faults: float = 0.0
    seed: int = 0
    prefix: str = ""
    frozen: bool = False
    duration: float | None = None
    state: FilePath | None = None
    journal: FilePath | None = None
    spread: float | None = None
    concurrency: int = 500
    boot_time: float = 2.0
    retry_minimum: float | None = None
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class Target:
    """Where the ACS is and what proves a new device."""

    url: str
    user: str
    password: str


def read_target(folder: FilePath) -> Target | None:
    """The ACS as the server's ``server.json`` names it; None while there is none."""
    try:
        found = json.loads((folder / "server.json").read_bytes())
        return Target(found["cwmp"], found.get("cpe_user") or "", found.get("cpe_password") or "")
    except (FileNotFoundError, KeyError, json.JSONDecodeError):
        return None


class Fleet:
    """``emit`` gets each line for people and programs (ids when they first connect) as an object."""

    def __init__(
        self, options: Options, *, clock: Clock | None = None, emit: Callable[[dict[str, object]], None] | None = None
    ) -> None:
        self.options = options
        self.clock: Clock = clock or SystemClock()
        self.journal = Journal(options.journal)
        self.sessions: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.reasons: Counter[str] = Counter()
        self.stopping = asyncio.Event()
        self._emit = emit or (lambda line: None)
        self._random = Random(options.seed)
        self._store = MemoryStore(options.state) if options.state is not None else None
        self._target: Target | None = None
        self._running: dict[int, Conversation] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._waiting: deque[Device] = deque()
        self._seen: set[int] = set()
        self._idle = asyncio.Event()
        self._began = time.monotonic()
        self._requests = ConnectionRequests(f"connection-request:{options.seed}", self._requested)
        self.devices = [self._make(number) for number in range(1, options.devices + 1)]
        self._known: dict[str, list[Device]] = {}
        for device in self.devices:
            for name in {device.key, device.serial, device.ident.identity}:
                self._known.setdefault(name, []).append(device)

    def _make(self, number: int) -> Device:
        options = self.options
        tree = options.trees[(number - 1) % len(options.trees)]
        device = Device(tree, number, prefix=options.prefix, seed=options.seed, frozen=options.frozen)
        memory = self._store.load(device.key) if self._store is not None else None
        if memory is not None:
            device.memory = memory
        return device

    def find(self, text: str) -> Device:
        """The device of a serial number, an id, or a unique beginning or end of one.

        Raises NotFound, or Ambiguous with candidates.
        """
        found = self._known.get(text, [])
        if not found and text:
            found = [d for d in self.devices if any(n.startswith(text) or n.endswith(text) for n in (d.key, d.serial))]
        if not found:
            raise NotFound(f"no simulated device {text!r}", "its id is printed when it first connects")
        if len(found) > 1:
            raise Ambiguous(f"{text!r} fits {len(found)} devices", [device.key for device in found[:8]])
        return found[0]

    # Life of the fleet

    async def run(self) -> dict[str, object]:
        """Run until ``stopping`` is set or the time is over; returns the summary."""
        loop = asyncio.get_running_loop()
        listener, port = await serve(self._requests.handle, self.options.host, 0)
        watcher = loop.create_task(self._watch(port))
        stop = loop.create_task(self.stopping.wait())
        await asyncio.wait({watcher, stop}, timeout=self.options.duration, return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        await stop
        listener.close()
        if watcher.done():
            await watcher  # it only ends by an error, which is raised here
        watcher.cancel()
        await self._drain()
        for device in self.devices:
            self._save(device)
        if self._store is not None:
            self._store.close()
        self.journal.close()
        return self.summary()

    async def _drain(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        self._idle.clear()
        if self._running:
            try:
                await asyncio.wait_for(self._idle.wait(), DRAIN)
            except TimeoutError:
                for number, conversation in list(self._running.items()):
                    conversation.abort()
                    self.sessions["cut"] += 1
                    del self._running[number]

    async def _watch(self, port: int) -> None:
        """Wait for the server, switch the devices on, and follow the server to another address."""
        options = self.options
        wait = 0.05
        while True:
            target = Target(options.acs, options.user, options.password)
            if options.data is not None:
                target = read_target(options.data) or self._target or Target("", "", "")
            if target.url and target != self._target:
                first, self._target = self._target is None, target
                for device in self.devices:
                    device.configure("URL", target.url)
                    device.credentials = (target.user, target.password)
                if first:
                    self._switch_on_all(port)
            if self._target is None:
                wait = min(POLL, wait * 1.5)
            await asyncio.sleep(wait if self._target is None else POLL)

    def _switch_on_all(self, port: int) -> None:
        spread = self.options.spread
        if spread is None:
            spread = len(self.devices) / ARRIVALS
            if self.options.interval is not None:
                spread = min(spread, self.options.interval)
        for index, device in enumerate(self.devices):
            url = f"http://{self.options.host}:{port}{self._requests.path(device)}"
            if device.memory.bootstrapped and device.management("ConnectionRequestURL") != url:
                device.set_own(device.tree.management + "ConnectionRequestURL", url)
            device.configure("ConnectionRequestURL", url)
            self._later(device, spread * index / len(self.devices), self._boot)

    def _boot(self, device: Device) -> None:
        device.boot(self.clock.now())
        self._save(device)
        self._start(device)

    def _reset(self, device: Device) -> None:
        url = device.management("ConnectionRequestURL")
        device.factory_reset(self.clock.now())
        device.configure("ConnectionRequestURL", url)
        if self._target is not None:
            device.configure("URL", self._target.url)
        self._save(device)
        self._start(device)

    def _save(self, device: Device) -> None:
        if device.dirty and self._store is not None:
            self._store.save(device.key, device.memory)
        device.dirty = False

    # Timers and sessions

    def _later(self, device: Device, delay: float, then: Callable[[Device], None]) -> None:
        self._cancel(device)
        if not self.stopping.is_set():
            self._timers[device.number] = asyncio.get_running_loop().call_later(delay, self._fire, device, then)

    def _fire(self, device: Device, then: Callable[[Device], None]) -> None:
        self._timers.pop(device.number, None)
        then(device)

    def _cancel(self, device: Device) -> None:
        timer = self._timers.pop(device.number, None)
        if timer is not None:
            timer.cancel()

    def _start(self, device: Device) -> None:
        """A session now, or as soon as fewer than ``concurrency`` run."""
        if not device.power or device.number in self._running or self.stopping.is_set():
            return
        self._cancel(device)
        if len(self._running) >= self.options.concurrency:
            self._waiting.append(device)
            return
        if not device.memory.events and not device.requests:
            self._later(device, self._quiet(device), self._due)
            return
        plan = Plan(self._fault_for(device))
        session = Session(device, self.clock, self._random, self.journal, plan, self._save)
        loop = asyncio.get_running_loop()
        conversation = Conversation(loop, session, lambda finish: self._ended(device, session, finish))
        self._running[device.number] = conversation
        conversation.start()

    def _fault_for(self, device: Device) -> Fault | None:
        if device.armed:
            return find_fault(device.armed[0])
        return draw(self._random, self.options.faults) if self.options.faults else None

    def _ended(self, device: Device, session: Session, finish: Finish) -> None:
        del self._running[device.number]
        if not self._running:
            self._idle.set()
        for violation in session.violations:
            self.violations[violation] += 1
            self.examples.setdefault(violation, device.key)
        if session.plan.struck and device.armed:
            device.armed.popleft()
        outcome = "injected" if session.plan.struck else "failed" if finish.reason else "ok"
        self.sessions[outcome] += 1
        device.counters[f"sessions-{outcome}"] += 1
        if outcome == "failed":
            self.reasons[finish.reason[:80]] += 1
        if session.informed and device.number not in self._seen:
            self._seen.add(device.number)
            who = device.ident
            self._emit(
                {"id": device.key, "oui": who.oui, "product_class": who.product_class, "serial": who.serial,
                 "device": device.number, "tree": device.tree.name}
            )  # fmt: skip
        self._next(device, finish, session.informed)
        self._save(device)
        while self._waiting and len(self._running) < self.options.concurrency:
            self._start(self._waiting.popleft())

    def _next(self, device: Device, finish: Finish, informed: bool) -> None:
        """What a device does after a session."""
        if finish.reason:
            device.session_failed()
            if informed and not device.memory.events:
                device.announce(PERIODIC)  # a broken session is tried again, though its events are delivered
        else:
            device.retries = 0
        if device.reboot_after is not None:
            device.power = False
            then = self._reset if device.reboot_after == "factory-reset" else self._boot
            self._later(device, self.options.boot_time, then)
        elif finish.reason and device.memory.events:
            wait = device.retry_wait(self.options.retry_minimum, self._random.random())
            self._later(device, max(wait, finish.retry_after or 0.0, finish.offline), self._start)
        elif device.memory.events or (device.requests and not finish.reason):
            self._later(device, 0.0, self._start)
        else:
            self._later(device, self._quiet(device), self._due)

    def _quiet(self, device: Device) -> float:
        """Seconds until the next periodic or scheduled Inform; the period keeps a phase of its own."""
        now = self.clock.now()
        waits = [max(0.0, (due - now) / 1000) for due, _ in device.memory.informs]
        interval = self.options.interval if self.options.interval is not None else device.interval()
        if interval is not None:
            waits.append(device.until_periodic(now, interval))
        return min(waits, default=86400.0)

    def _due(self, device: Device) -> None:
        now, memory = self.clock.now(), device.memory
        scheduled = [inform for inform in memory.informs if inform[0] <= now + 5]
        for inform in scheduled:
            memory.informs.remove(inform)
            device.announce(SCHEDULED)
            device.announce("M ScheduleInform", inform[1])
        if not scheduled:
            device.announce(PERIODIC)
        self._start(device)

    # Things that happen to a device

    def _requested(self, device: Device) -> bool:
        if device.number in self._running:
            return False
        device.announce(CONNECTION_REQUEST)
        self._later(device, 0.0, self._start)
        return True

    def power(self, device: Device, action: str) -> None:
        """``off`` cuts what runs, ``on`` boots at once, ``reset`` is off and, after the boot time, on."""
        if self._target is None:
            raise Conflict("the fleet still waits for the server", "try again when ids are printed")
        if action not in ("on", "off", "reset"):
            raise BadInput(f"power is on, off or reset, not {action!r}")
        if action == "on":
            if not device.power:
                self._later(device, 0.0, self._boot)
            return
        self._cancel(device)
        conversation = self._running.pop(device.number, None)
        if conversation is not None:
            conversation.abort()
            self.sessions["cut"] += 1
            if not self._running:
                self._idle.set()
        pending, device.reboot_after, device.power = device.reboot_after, None, False
        if action == "reset":
            self._later(device, self.options.boot_time, self._boot)
        elif pending == "factory-reset":
            self._forget(device)
        self._save(device)

    def _forget(self, device: Device) -> None:
        """Power went off before an accepted FactoryReset was carried out: it is carried out at the next start."""
        url, target = device.management("ConnectionRequestURL"), device.management("URL")
        device.factory_reset(self.clock.now())
        device.power = False
        device.configure("ConnectionRequestURL", url)
        device.configure("URL", target)

    def inject(self, device: Device, kind: str) -> None:
        """Arm a fault; it waits for the first session in which it can strike. Raises BadInput."""
        if kind == ASK_METHODS:
            device.requests.append(asking("GetRPCMethods"))
        else:
            device.armed.append(find_fault(kind).kind)

    def set(self, device: Device, path: str, text: str) -> None:
        """The device changes a value itself. Raises NotFound when it has no such parameter."""
        if device.view(self.clock.now()).leaf(path) is None:
            raise NotFound(f"{device.key} has no parameter {path}")
        device.set_own(path, text)
        self._save(device)
        if device.power and device.memory.events and device.number not in self._running:
            self._later(device, 0.0, self._start)

    # What there is to know

    def state(self, device: Device) -> dict[str, object]:
        """The device's own truth. Written credentials are shown as empty, as the device itself shows them."""
        now = self.clock.now()
        view = device.view(now)
        values: dict[str, dict[str, object]] = {}
        for path in sorted(view.leaves("")):
            leaf = view.leaf(path)
            if leaf is not None:
                values[path] = {"value": leaf.text, "type": leaf.type, "writable": leaf.writable}
        return {
            "id": device.key,
            "serial": device.serial,
            "oui": device.ident.oui,
            "product_class": device.ident.product_class,
            "tree": device.tree.name,
            "power": "on" if device.power else "off",
            "in_session": device.number in self._running,
            "uptime_s": Moment(device, now).uptime if device.power else None,
            "parameter_key": device.management("ParameterKey"),
            "events": [{"code": code, "command_key": key} for code, key in device.memory.events],
            "bootstrapped": device.memory.bootstrapped and (BOOTSTRAP, "") not in device.memory.events,
            "retry_count": device.retries,
            "faults_armed": list(device.armed),
            "counters": dict(device.counters),
            "parameters": values,
        }

    def summary(self) -> dict[str, object]:
        """Counts of the whole run; ``cpu_s`` is this process's own time, so that a load figure means something."""
        total = sum(self.sessions.values())
        cpu = time.process_time()
        return {
            "devices": len(self.devices),
            "connected": len(self._seen),
            "running": len(self._running),
            "sessions": {"ok": 0, "failed": 0, "injected": 0, "cut": 0, **self.sessions},
            "failures": dict(self.reasons.most_common(10)),
            "rpcs": dict(self.journal.counts),
            "violations": dict(self.violations),
            "violation_examples": dict(self.examples),
            "wall_s": round(time.monotonic() - self._began, 3),
            "cpu_s": round(cpu, 3),
            "cpu_ms_per_session": round(1000 * cpu / total, 3) if total else None,
            "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


def print_line(line: dict[str, object]) -> None:
    """One JSON object on stdout, flushed."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()

"""The device: identity, memory, pending events, power. It knows no sockets and no clock of its own.

What survives what (TR-069 table 7, events): 0 BOOTSTRAP and M events are kept until acknowledged, 1 BOOT and
4 VALUE CHANGE until the next boot, 6 CONNECTION REQUEST is announced once and never again.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import cache
from zlib import crc32

from ..twin.identity import DeviceId
from .memory import Memory
from .physics import Moment
from .trees import Tree
from .view import View
from .wire import array, escape, value_struct

BOOTSTRAP = "0 BOOTSTRAP"
BOOT = "1 BOOT"
PERIODIC = "2 PERIODIC"
SCHEDULED = "3 SCHEDULED"
VALUE_CHANGE = "4 VALUE CHANGE"
CONNECTION_REQUEST = "6 CONNECTION REQUEST"

UNTIL_BOOT = frozenset((BOOT, VALUE_CHANGE, PERIODIC, CONNECTION_REQUEST))
"""Events that a reboot forgets."""
NEVER_RETRIED = frozenset((CONNECTION_REQUEST,))
MAX_EVENTS = 64

FORCED = {
    "Device.": (
        "RootDataModelVersion",
        "DeviceInfo.HardwareVersion",
        "DeviceInfo.SoftwareVersion",
        "DeviceInfo.ProvisioningCode",
        "ManagementServer.ParameterKey",
        "ManagementServer.ConnectionRequestURL",
        "ManagementServer.AliasBasedAddressing",
    ),
    "InternetGatewayDevice.": (
        "DeviceSummary",
        "DeviceInfo.SpecVersion",
        "DeviceInfo.HardwareVersion",
        "DeviceInfo.SoftwareVersion",
        "DeviceInfo.ProvisioningCode",
        "ManagementServer.ParameterKey",
        "ManagementServer.ConnectionRequestURL",
    ),
}
"""Parameters of every Inform (TR-181 and TR-098, forcedInform); the WAN address of TR-098 is added by the device."""

ALWAYS_ACTIVE = ("DeviceInfo.SoftwareVersion", "DeviceInfo.ProvisioningCode")
"""Active notification that cannot be switched off."""
ACTIVE = (*ALWAYS_ACTIVE, "ManagementServer.ConnectionRequestURL")

ACTIVE_LEVELS = frozenset((2, 4, 5, 6))
"""Values of the Notification attribute that open a session (TR-069 A.3.2.4)."""
NEVER_TOLD = "\0"
"""Stands for the last value told to the ACS when none was; no XML text equals it."""
RETRY_CAP = 10


class Device:
    """One simulated CPE. ``number`` counts from 1; ``key`` is the id that the server prints."""

    __slots__ = (
        "armed",
        "boot_at",
        "counters",
        "credentials",
        "dirty",
        "frozen",
        "ident",
        "key",
        "manufacturer",
        "memory",
        "number",
        "power",
        "reboot_after",
        "requests",
        "retries",
        "seed",
        "serial",
        "tree",
    )

    def __init__(self, tree: Tree, number: int, *, prefix: str = "", seed: int = 0, frozen: bool = False) -> None:
        manufacturer, oui, product_class, serial = tree.identity
        self.tree = tree
        self.number = number
        self.serial = (prefix + serial if number == 1 else f"{prefix}{serial}-{number}")[:64]
        self.ident = DeviceId(oui=oui, product_class=product_class, serial=self.serial)
        self.key = self.ident.text
        self.manufacturer = manufacturer
        self.seed = crc32(f"{seed}:{self.serial}".encode())
        self.frozen = frozen
        self.memory = Memory()
        self.power = False
        self.boot_at = 0
        self.retries = 0
        self.reboot_after: str | None = None
        """What follows the running session: ``reboot``, ``factory-reset`` or nothing."""
        self.requests: deque[tuple[str, str]] = deque()
        """Requests that the device itself wants to make: method, body."""
        self.armed: deque[str] = deque()
        """Faults to inject, in order, given by name."""
        self.credentials: tuple[str, str] = ("", "")
        """Bootstrap credentials, used until the ACS sets others."""
        self.counters: Counter[str] = Counter()
        self.dirty = True

    @property
    def boots(self) -> int:
        return self.memory.boots

    def setting(self, path: str) -> str:
        written = self.memory.values.get(path)
        if written is not None:
            return written
        leaf = self.tree.leaves.get(path)
        return leaf.text if leaf else ""

    def management(self, name: str) -> str:
        """A parameter below ManagementServer."""
        return self.setting(self.tree.management + name)

    def configure(self, name: str, text: str) -> None:
        """The device itself sets a parameter below ManagementServer."""
        path = self.tree.management + name
        if self.setting(path) != text:
            self.memory.values[path] = text
            self.dirty = True

    @property
    def login(self) -> tuple[str, str]:
        """Username and password for the next session: those the ACS set, else the bootstrap credential."""
        path = self.tree.management + "Password"
        if path in self.memory.values:
            return self.management("Username"), self.memory.values[path]
        return self.credentials

    def view(self, now: int) -> View:
        return View(self.tree, self.memory, None if self.frozen else Moment(self, now))

    # Power and events

    def boot(self, now: int) -> None:
        """Switch on: forget what a reboot forgets and announce it. The very first boot is a BOOTSTRAP."""
        memory = self.memory
        memory.events = [event for event in memory.events if event[0] not in UNTIL_BOOT]
        memory.boots += 1
        self.boot_at = now
        self.retries = 0
        self.power = True
        self.reboot_after = None
        if not memory.bootstrapped:
            self.announce(BOOTSTRAP)
        self.announce(BOOT)

    def factory_reset(self, now: int) -> None:
        """Back to what the dump says, with the bootstrap credential; then a BOOTSTRAP."""
        self.memory = Memory(boots=self.memory.boots)
        self.requests.clear()
        self.boot(now)

    def bootstrap(self) -> None:
        """The ACS URL changed: everything undelivered is dropped and a BOOTSTRAP is due."""
        self.memory.events.clear()
        self.memory.bootstrapped = False
        self.announce(BOOTSTRAP)

    def announce(self, code: str, command_key: str = "") -> None:
        """Add an event; a single one (not ``M ...``) stands only once in the list."""
        events = self.memory.events
        if (code, command_key) in events and not code.startswith("M "):
            return
        if len(events) < MAX_EVENTS:
            events.append((code, command_key))
            self.dirty = True

    def acknowledged(self, events: list[tuple[str, str]]) -> None:
        """The InformResponse came: these events are delivered."""
        for event in events:
            if event in self.memory.events:
                self.memory.events.remove(event)
        if any(code == BOOTSTRAP for code, _ in events):
            self.memory.bootstrapped = True
        self.dirty = True

    def session_failed(self) -> None:
        self.retries += 1
        self.memory.events = [event for event in self.memory.events if event[0] not in NEVER_RETRIED]

    def retry_wait(self, minimum: float | None, draw: float) -> float:
        """Seconds before the next attempt (TR-069 3.2.1.1); ``draw`` is random in [0, 1)."""
        first = self._number("CWMPRetryMinimumWaitInterval", 5) if minimum is None else minimum
        factor = self._number("CWMPRetryIntervalMultiplier", 2000) / 1000
        low = first * factor ** (min(max(self.retries, 1), RETRY_CAP) - 1)
        return low + draw * (low * factor - low)

    def _number(self, name: str, default: int) -> float:
        text = self.management(name)
        return int(text) if text.isdigit() and int(text) > 0 else default

    def interval(self) -> float | None:
        """Seconds between periodic Informs, None when they are switched off."""
        if self.management("PeriodicInformEnable") not in ("1", "true"):
            return None
        return self._number("PeriodicInformInterval", 300)

    def until_periodic(self, now: int, interval: float) -> float:
        """Seconds to the device's own phase of the interval. One that is nearly here has just been served (a timer
        may fire a little early), so it is the one after that."""
        phase = self.seed / 4294967296 * interval
        wait = interval - (now / 1000 - phase) % interval
        return wait if wait > interval / 10 else wait + interval

    # Notification

    def notification(self, path: str) -> int:
        default = 2 if path[len(self.tree.root) :] in ACTIVE else 0
        return self.memory.notify.get(path, default)

    def set_own(self, path: str, text: str) -> None:
        """The device changes a value itself (somebody at its local page): 4 VALUE CHANGE where it is active."""
        self.memory.values[path] = text
        if self.notification(path) in ACTIVE_LEVELS:
            self.announce(VALUE_CHANGE)
        if self.notification(path):
            self.memory.reported[path] = NEVER_TOLD
        self.dirty = True

    def watched(self, view: View) -> list[str]:
        """Parameters with a notification whose value the ACS has not been told yet."""
        changed = []
        for path in {**self.memory.notify, **self.memory.reported}:
            leaf = view.leaf(path)
            if leaf is None or self.notification(path) == 0:
                continue
            if self.memory.reported.get(path, leaf.text) != leaf.text:
                changed.append(path)
                if self.notification(path) in ACTIVE_LEVELS:
                    self.announce(VALUE_CHANGE)
            elif path in self.memory.notify:
                self.memory.reported[path] = leaf.text
        return changed

    # Inform

    def forced(self, view: View) -> list[str]:
        paths = [self.tree.root + name for name in FORCED[self.tree.root]]
        if self.tree.root == "InternetGatewayDevice.":
            address = self._default_route_address()
            if address:
                paths.append(address)
        return [path for path in paths if view.leaf(path) is not None]

    def _default_route_address(self) -> str:
        """ExternalIPAddress of the default route's connection, else of the first one that has an address."""
        service = self.setting("InternetGatewayDevice.Layer3Forwarding.DefaultConnectionService").rstrip(".")
        if service and f"{service}.ExternalIPAddress" in self.tree.leaves:
            return f"{service}.ExternalIPAddress"
        return _first_address(self.tree)

    def inform(self, view: View, now_text: str) -> tuple[str, list[tuple[str, str]], list[str]]:
        """The Inform's body, the events in it, and the notified parameters in it."""
        changed = self.watched(view)
        events = list(self.memory.events)
        paths = dict.fromkeys([*self.forced(view), *changed])
        parameters = []
        for path in paths:
            leaf = view.leaf(path)
            if leaf is not None:
                parameters.append(value_struct(path, leaf.text, leaf.type))
        structs = [
            f"<EventStruct><EventCode>{code}</EventCode><CommandKey>{escape(key)}</CommandKey></EventStruct>"
            for code, key in events
        ]
        who = self.ident
        body = (
            f"<cwmp:Inform><DeviceId><Manufacturer>{escape(self.manufacturer)}</Manufacturer><OUI>{escape(who.oui)}</OUI>"
            f"<ProductClass>{escape(who.product_class)}</ProductClass>"
            f"<SerialNumber>{escape(who.serial)}</SerialNumber></DeviceId>"
            f"{array('Event', 'cwmp:EventStruct', structs)}<MaxEnvelopes>1</MaxEnvelopes>"
            f"<CurrentTime>{now_text}</CurrentTime><RetryCount>{self.retries}</RetryCount>"
            f"{array('ParameterList', 'cwmp:ParameterValueStruct', parameters)}</cwmp:Inform>"
        )
        return body, events, changed

    def told(self, view: View, paths: list[str]) -> None:
        """The ACS acknowledged an Inform with these notified parameters."""
        for path in paths:
            leaf = view.leaf(path)
            if leaf is None or path not in self.memory.notify:
                self.memory.reported.pop(path, None)
            else:
                self.memory.reported[path] = leaf.text


@cache
def _first_address(tree: Tree) -> str:
    found = (path for path in tree.paths if path.endswith(".ExternalIPAddress"))
    return next((path for path in found if tree.leaves[path].text not in ("", "0.0.0.0")), "")

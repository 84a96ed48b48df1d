"""The Store: what every room above asks of persistence, whatever engine stands behind it.

Promises, the same for every engine:

* ``commit`` is atomic per device and durable when it returns; per device, reports apply in the order given.
* A report or step with an older session epoch than the device's is refused with ``Stale``.
* Device keys, command ids and cursors are opaque to callers and stay valid for ever.
* Writes take the audit entry of the act, and it is stored in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from ..audit import AuditEntry
from ..event import Event
from ..identity import DeviceId
from ..report import CommandUpdate, Report


class Device(msgspec.Struct, frozen=True):
    """The device row: identity and the attributes people list and search by.

    ``key`` is the store's handle. Times are ms; 0 means never. ``interval`` is the expected time
    between contacts in seconds (0: unknown). ``facts`` holds what the device says of itself
    (see FACTS) and ``inventory`` what the operator imported (see INVENTORY); empty ones are absent.
    """

    key: int
    id: str
    identity: str
    oui: str
    product_class: str
    serial: str
    protocol: str
    first_seen: int
    last_contact: int
    interval: int
    epoch: int
    revision: int
    state: str
    facts: dict[str, str]
    inventory: dict[str, str]
    tags: dict[str, str]


class Known(msgspec.Struct, frozen=True):
    """What a wire room needs of a device at every contact. ``facts``: vendor, model, firmware and root."""

    key: int
    id: str
    identity: str
    oui: str
    product_class: str
    state: str
    facts: dict[str, str]


FACTS = (
    "vendor", "model", "hardware", "firmware", "root", "ip", "wan_ip", "mac", "pppoe_user", "connection_request_url",
    "parameter_key", "provisioning_code", "auth",
)  # fmt: skip
"""What the device says of itself. ``auth`` is how it proved itself: digest, basic, bootstrap, none."""

INVENTORY = ("home", "customer", "account", "phone", "name", "address", "region", "access_node", "parent", "plan")
"""What the operator says of it."""

DEVICE_STATES = ("active", "pending", "denied", "expected", "replaced")
"""``expected``: imported, not seen yet. ``pending``: waits for approval. Normal is ``active``."""


class StoredCommand(msgspec.Struct, frozen=True):
    """A command as the store keeps it; ``body`` is the immutable part, encoded by the queue room.

    Times are ms. ``not_before`` 0 means at once. ``attempts`` is a list of {"at","action","fault"}.
    """

    id: str
    device: int
    state: str
    kind: str
    created: int
    expires: int
    not_before: int
    actor: str
    key: str
    body: bytes
    attempts: list[dict[str, object]] = []
    result: object = None
    verified: bool | str | None = None
    changed: int = 0


ACTIVE_STATES = ("held", "queued", "sent", "verifying", "unknown")


class NewCommand(msgspec.Struct, frozen=True):
    """A command to be stored; the store gives it an id and the state ``queued``."""

    device: int
    kind: str
    created: int
    expires: int
    not_before: int
    actor: str
    key: str
    body: bytes


class Committed(msgspec.Struct, frozen=True):
    """Answer to a commit.

    ``refused`` names commands whose step did not fit their state. ``pending`` tells, when a session is
    opened, whether the device has active commands; ``discovered`` when its whole tree was first read
    (ms, 0: never) and ``sweep_due`` when the sync policy wants the next sweep (ms). ``duplicate``: the
    announcement had been stored before, its events were not repeated.
    """

    revision: int
    epoch: int
    pending: bool
    discovered: int = 0
    sweep_due: int = 0
    refused: tuple[str, ...] = ()
    duplicate: bool = False


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a twin. ``text`` is None when it exists but was never read. ``observed_at`` in ms."""

    path: str
    text: str | None
    type: str
    writable: bool
    observed_at: int
    source: str


class Change(msgspec.Struct, frozen=True):
    """One line of history. ``old`` is None for the first report of a path."""

    at: int
    path: str
    old: str | None
    new: str | None
    cause: str


class TwinView(Protocol):
    """A whole twin in memory, decoded from the store."""

    @property
    def revision(self) -> int: ...

    @property
    def first_seen(self) -> int:
        """When the whole tree had first been read (ms), 0 while it has not: an unknown path may still exist."""
        ...

    def get(self, path: str) -> Parameter | None: ...

    def parameters(self, under: str = "") -> list[Parameter]:
        """All parameters below a path prefix, sorted by natural path order (Radio.2 before Radio.10)."""
        ...

    def objects(self, under: str = "") -> dict[str, bool]:
        """Object paths (ending in a dot) below a prefix and whether each is writable (Add/Delete allowed)."""
        ...

    def values(self) -> dict[str, str]:
        """path -> text of every value that was read."""
        ...


class Store(Protocol):
    # -- devices
    async def enrol(
        self,
        identity: DeviceId,
        at: int,
        protocol: str,
        state: str = "active",
        facts: dict[str, str] | None = None,
        inventory: dict[str, str] | None = None,
        audit: AuditEntry | None = None,
    ) -> Device:
        """Make the device known (or return the known one)."""
        ...

    async def device(self, key: int) -> Device: ...
    async def recognise(self, identity: str) -> Known | None:
        """The quick look-up at every contact, by ``DeviceId.identity``."""
        ...

    async def find_identity(self, identity: str) -> Device | None:
        """Exact look-up by ``DeviceId.identity``."""
        ...

    async def resolve(self, text: str) -> Device:
        """Full id, identity, serial, or a unique prefix or suffix of the id. Raises NotFound or Ambiguous."""
        ...

    async def search(self, text: str, limit: int = 50) -> list[Device]:
        """phone, account, customer, home, serial, MAC, IP, name, address or id, exact first, then prefix/part."""
        ...

    async def devices(
        self, where: dict[str, str] | None = None, sort: str = "id", limit: int = 100, cursor: str | None = None
    ) -> tuple[list[Device], int, str | None]:
        """A page of devices, their total number, and the cursor of the next page. ``limit`` 0 is all."""
        ...

    async def count_contacts(self, now: int) -> dict[str, int]:
        """How many devices each word of ``twin.contact`` fits by what is stored (``connected`` is not)."""
        ...

    async def update_device(
        self,
        key: int,
        *,
        state: str | None = None,
        inventory: dict[str, str] | None = None,
        tags: dict[str, str | None] | None = None,
        audit: AuditEntry | None = None,
    ) -> Device: ...

    async def update_identity(self, key: int, identity: DeviceId, at: int) -> Device:
        """The device reports another ProductClass: same twin, new printed id, and an event."""
        ...

    async def forget(self, key: int, audit: AuditEntry) -> None:
        """Remove the device, its twin, history, commands and events; one event ``forgotten`` stays."""
        ...

    # -- twins
    async def commit(self, report: Report) -> Committed: ...
    async def twin(self, key: int) -> TwinView: ...
    async def history(self, key: int, path: str | None = None, since: int = 0) -> list[Change]:
        """Changes in order of time; ``path`` may be a prefix ending in a dot."""
        ...

    # -- commands
    async def add_commands(
        self, commands: Sequence[NewCommand], audit: AuditEntry | None = None
    ) -> list[StoredCommand]:
        """Durable when it returns, atomic per device. A known idempotency key of the same device returns the first
        command, and neither event nor audit entry is written again; with another body it raises Conflict."""
        ...

    async def command(self, id: str) -> StoredCommand:
        """Raises NotFound."""
        ...

    async def commands(
        self,
        device: int | None = None,
        states: Sequence[str] | None = None,
        actor: str | None = None,
        since: int = 0,
        limit: int = 100,
    ) -> list[StoredCommand]:
        """Oldest first within a device; newest first across devices."""
        ...

    async def update_command(self, update: CommandUpdate, at: int, audit: AuditEntry | None = None) -> StoredCommand:
        """Apply one step outside a session (cancel, expire, retry). Raises Conflict when the state does not fit."""
        ...

    async def expire_commands(self, at: int) -> list[StoredCommand]:
        """Move every queued or held command past its expiry to ``expired``; they are returned once."""
        ...

    # -- log
    async def events(self, cursor: str | None = None, limit: int = 1000) -> tuple[list[Event], str]: ...
    async def audit(
        self, since: int = 0, subject: str | None = None, reads: bool = False, limit: int = 1000
    ) -> list[AuditEntry]: ...
    async def add_audit(self, entry: AuditEntry) -> None: ...
    async def verify_audit(self) -> tuple[int, str | None]:
        """Number of entries checked, and what is broken (None: nothing)."""
        ...

    # -- small records: users, tokens, credentials, learnt quirks, policies
    async def record(self, kind: str, key: str) -> bytes | None: ...
    async def records(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]: ...
    async def put_records(self, kind: str, items: dict[str, bytes | None], audit: AuditEntry | None = None) -> None:
        """Write (or with None delete) records of one kind atomically."""
        ...

    # -- care
    async def stats(self) -> dict[str, object]: ...
    async def close(self) -> None: ...

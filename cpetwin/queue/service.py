"""The offline queue: what shall happen to a device, durable from the moment it is accepted.

The queue never touches a wire. It stores commands, tells listeners that a device has work (they may
wake it), and tells waiters what became of a command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ..clock import Clock
from ..errors import BadInput, Conflict
from ..twin.audit import AuditEntry
from ..twin.report import CommandUpdate
from ..twin.store.base import Device, NewCommand, Store, StoredCommand
from .codec import Box, decode_command, encode_command, masked_command, same_command
from .command import DEFAULT_EXPIRY, FINAL_STATES, RETRIED, Command
from .rules import check

MAX_KEY = 128
MAX_WAIT_S = 600.0
_RECHECK_S = 5.0
"""A waiter looks again after this time even if nobody told it anything (another process may have acted)."""

Listener = Callable[[int, Command], None]


class Queue:
    """Commands of all devices. ``on_queued`` hears (device key, command) after it is durable."""

    def __init__(self, store: Store, clock: Clock, box: Box) -> None:
        self._store = store
        self._clock = clock
        self._box = box
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self.on_queued: list[Listener] = []

    async def submit(
        self,
        device: Device,
        command: Command,
        *,
        actor: str,
        expires_in: int | None = None,
        key: str | None = None,
        not_before: int = 0,
    ) -> StoredCommand:
        """Queue a command; it is durable when this returns. ``expires_in`` in ms.

        The same ``key`` for the same device gives the command that was queued first; Conflict when it
        asked for something else. Raises BadInput when the device cannot do it.
        """
        if device.state in ("denied", "replaced"):
            raise Conflict(f"{device.id} is {device.state}; nothing can be queued for it")
        if key is not None and not 0 < len(key) <= MAX_KEY:
            raise BadInput(f"an idempotency key has 1 to {MAX_KEY} characters")
        command = check(command, device, await self._store.twin(device.key))
        body = encode_command(command, self._box)
        now = self._clock.now()
        if key:
            body = await self._body_of_key(device, key, body)
        if expires_in is None:
            expires_in = DEFAULT_EXPIRY[command.kind]
        if expires_in <= 0:
            raise BadInput("the command would have expired before it was queued", "give a later --expires")
        new = NewCommand(device.key, command.kind, now, now + expires_in, not_before, actor, key or "", body)
        shown = masked_command(body)
        audit = AuditEntry(
            now, actor, f"command.{command.kind}", device.id, {"args": shown.args, "reason": command.reason}
        )
        stored = (await self._store.add_commands([new], audit))[0]
        if stored.state == "queued" and not stored.attempts:
            for listener in self.on_queued:
                listener(device.key, command)
        return stored

    async def _body_of_key(self, device: Device, key: str, body: bytes) -> bytes:
        """Sealed secrets differ each time; a repeated wish takes the body that is stored already."""
        for known in await self._store.commands(device.key, limit=10_000):
            if known.key == key and same_command(known.body, body, self._box):
                return known.body
        return body

    def decode(self, stored: StoredCommand) -> Command:
        """The command with its secrets, for delivery."""
        return decode_command(stored.body, self._box)

    async def show(self, id: str) -> StoredCommand:
        """Raises NotFound."""
        return await self._store.command(id)

    async def list(
        self,
        device: int | None = None,
        states: tuple[str, ...] | None = None,
        actor: str | None = None,
        since: int = 0,
        limit: int = 100,
    ) -> list[StoredCommand]:
        return await self._store.commands(device, states, actor, since, limit)

    async def cancel(self, id: str, actor: str) -> StoredCommand:
        """Before delivery only. Raises Conflict when it is on its way or finished."""
        return await self._step(CommandUpdate(id, ("held", "queued", "unknown"), "cancelled"), actor, "cancel")

    async def retry(self, id: str, actor: str) -> StoredCommand:
        """Queue a failed, expired, cancelled or unknown command again under its id."""
        known = await self._store.command(id)
        if known.expires <= self._clock.now():
            raise Conflict(f"{id} has passed its expiry", "queue a new command")
        again: dict[str, object] = {"at": self._clock.now(), "action": RETRIED, "fault": None}
        update = CommandUpdate(id, ("failed", "expired", "cancelled", "unknown"), "queued", again, result={})
        stored = await self._step(update, actor, "retry")
        for listener in self.on_queued:
            listener(stored.device, masked_command(stored.body))
        return stored

    async def _step(self, update: CommandUpdate, actor: str, action: str) -> StoredCommand:
        known = await self._store.command(update.command)
        device = await self._store.device(known.device)
        now = self._clock.now()
        audit = AuditEntry(now, actor, f"queue.{action}", device.id, {"command": update.command})
        stored = await self._store.update_command(update, now, audit)
        self.touched(update.command)
        return stored

    async def expire(self) -> Sequence[StoredCommand]:
        """Expire what was not delivered in time; the scheduler calls this."""
        expired = await self._store.expire_commands(self._clock.now())
        for command in expired:
            self.touched(command.id)
        return expired

    def touched(self, id: str) -> None:
        """Wire rooms say that a command changed; waiters look again."""
        for event in self._waiters.get(id, ()):
            event.set()

    async def wait(self, id: str, timeout_s: float) -> StoredCommand:
        """The command when it is finished, or as it is after ``timeout_s`` seconds of real time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(timeout_s, MAX_WAIT_S)
        event = asyncio.Event()
        self._waiters.setdefault(id, set()).add(event)
        try:
            while True:
                event.clear()
                stored = await self._store.command(id)
                left = deadline - loop.time()
                if stored.state in FINAL_STATES or stored.state == "unknown" or left <= 0:
                    return stored
                try:
                    await asyncio.wait_for(event.wait(), min(left, _RECHECK_S))
                except TimeoutError:
                    continue
        finally:
            waiting = self._waiters[id]
            waiting.discard(event)
            if not waiting:
                del self._waiters[id]

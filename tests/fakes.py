"""FakeStore: the few Store methods that the access room calls, in memory.

It stands in until every test can run on the embedded store, and keeps tests of access free of disks.
Reads and writes yield to the loop once, so that races between coroutines show as they would on a real store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from cpetwin.errors import Ambiguous, NotFound
from cpetwin.twin.audit import AuditEntry
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.store.base import Device


class FakeStore:
    """``reads`` counts record look-ups, ``writes`` every durable write; ``audited`` holds the entries in order."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, bytes]] = {}
        self.rows: dict[int, Device] = {}
        self.audited: list[AuditEntry] = []
        self.reads = 0
        self.writes = 0

    # -- small records

    async def record(self, kind: str, key: str) -> bytes | None:
        await asyncio.sleep(0)
        self.reads += 1
        return self.kinds.get(kind, {}).get(key)

    async def records(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        await asyncio.sleep(0)
        return sorted((key, data) for key, data in self.kinds.get(kind, {}).items() if key.startswith(prefix))

    async def put_records(self, kind: str, items: Mapping[str, bytes | None], audit: AuditEntry | None = None) -> None:
        await asyncio.sleep(0)
        self._written(audit)
        records = self.kinds.setdefault(kind, {})
        for key, data in items.items():
            if data is None:
                records.pop(key, None)
            else:
                records[key] = data

    # -- audit

    async def add_audit(self, entry: AuditEntry) -> None:
        await asyncio.sleep(0)
        self._written(entry)

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
        known = await self.find_identity(identity.identity)
        if known is not None:
            return known
        self._written(audit)
        key = len(self.rows) + 1
        row = Device(
            key, identity.text, identity.identity, identity.clean_oui, identity.product_class, identity.serial,
            protocol, 0, 0, 0, 0, 0, state, dict(facts or {}), dict(inventory or {}), {},
        )  # fmt: skip
        self.rows[key] = row
        return row

    async def find_identity(self, identity: str) -> Device | None:
        await asyncio.sleep(0)
        return next((row for row in self.rows.values() if row.identity == identity), None)

    async def resolve(self, text: str) -> Device:
        await asyncio.sleep(0)
        found = [row for row in self.rows.values() if text in (row.id, row.identity, row.serial)]
        if not found:
            raise NotFound(f"no device {text}")
        if len(found) > 1:
            raise Ambiguous(f"{text} fits several devices", [row.id for row in found])
        return found[0]

    async def devices(
        self, where: dict[str, str] | None = None, sort: str = "id", limit: int = 100, cursor: str | None = None
    ) -> tuple[list[Device], int, str | None]:
        await asyncio.sleep(0)
        wanted = (where or {}).items()
        found = [row for row in self.rows.values() if all(getattr(row, name) == value for name, value in wanted)]
        found.sort(key=lambda row: str(getattr(row, sort)))
        return found[: limit or None], len(found), None

    async def update_device(
        self,
        key: int,
        *,
        state: str | None = None,
        inventory: dict[str, str] | None = None,
        tags: dict[str, str | None] | None = None,
        audit: AuditEntry | None = None,
    ) -> Device:
        await asyncio.sleep(0)
        self._written(audit)
        row = self.rows[key]
        changes = {"state": state, "inventory": None if inventory is None else dict(inventory)}
        self.rows[key] = msgspec.structs.replace(row, **{k: v for k, v in changes.items() if v is not None})
        return self.rows[key]

    def _written(self, audit: AuditEntry | None) -> None:
        self.writes += 1
        if audit is not None:
            self.audited.append(audit)

    def everything(self) -> bytes:
        """All that is stored, as one heap of bytes to look for secrets in."""
        heap = [
            data for records in self.kinds.values() for pair in records.items() for data in (pair[0].encode(), pair[1])
        ]
        return b"\n".join([*heap, msgspec.json.encode(self.audited), msgspec.json.encode(list(self.rows.values()))])

"""Inventory import: what the operator knows of devices, before or after they are first heard.

A device that was never heard is made known in the state ``expected``. An empty cell leaves alone what
is stored. Importing the same file again changes nothing. A device is found by OUI and serial, or by
the serial alone where the file has no OUI and exactly one known device has that serial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from ..errors import Ambiguous, BadInput, Conflict, NotFound
from ..twin.audit import AuditEntry
from ..twin.store.base import Device, Store
from .auditing import entry
from .credentials import Credentials
from .inventory_file import LineError, Parsed, Row, parse_inventory, shorten
from .principal import Principal

__all__ = ["ImportResult", "LineError", "Parsed", "Row", "apply", "parse_inventory"]

_T = TypeVar("_T")

BATCH = 256
"""Rows under way at once; the store commits them together."""
MAX_NAMESAKES = 50
"""Devices looked at for one serial."""


class ImportResult(msgspec.Struct, frozen=True):
    """Counts of devices, and the lines that were left out (at most MAX_ERRORS of them listed)."""

    created: int
    updated: int
    unchanged: int
    errors: list[LineError]


class _Target(NamedTuple):
    """A row and the device it speaks of; ``known`` is None before first contact and first import."""

    row: Row
    identity: str
    known: Device | None


async def apply(
    store: Store, credentials: Credentials, rows: Iterable[Row], principal: Principal, at: int
) -> ImportResult:
    """Write the rows. ``at`` is the time of the import (ms).

    ``parent`` names another device by serial or id, known already or in the same import; its identity is stored.
    Every device written has an audit entry with the names (not the values) of what changed. Raises Denied.
    """
    principal.require("inventory.write")
    errors: list[LineError] = []
    targets = _without_repeats(await _each((_find(store, row) for row in rows), errors), errors)
    targets = await _with_parents(store, targets, errors)
    work = _Import(store, credentials, principal, at)
    outcomes = await _each((work.write(target) for target in targets), errors)
    counts = {outcome: outcomes.count(outcome) for outcome in ("created", "updated", "unchanged")}
    await store.add_audit(entry(principal, "inventory.import", "", {**counts, "errors": len(errors)}, at=at))
    return ImportResult(counts["created"], counts["updated"], counts["unchanged"], shorten(errors))


class _RowError(Exception):
    def __init__(self, row: Row, reason: str) -> None:
        super().__init__(reason)
        self.error = LineError(row.line, reason)


async def _each(work: Iterable[Coroutine[Any, Any, _T]], errors: list[LineError]) -> list[_T]:
    """Results of the work that went well, in order, BATCH at a time; a _RowError goes to ``errors``.

    Anything else ends the import when its batch is through: the rows written so far stay, and importing the
    file again completes it.
    """
    results: list[_T] = []
    source = iter(work)
    while batch := list(islice(source, BATCH)):
        for outcome in await asyncio.gather(*batch, return_exceptions=True):
            if isinstance(outcome, _RowError):
                errors.append(outcome.error)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                results.append(outcome)
    return results


async def _find(store: Store, row: Row) -> _Target:
    if row.oui:
        identity = row.device.identity
        return _Target(row, identity, await store.find_identity(identity))
    # A store may match capitals and small letters alike; a serial that differs in them is another device.
    listed, _, _ = await store.devices({"serial": row.serial}, limit=MAX_NAMESAKES)
    found = [device for device in listed if device.serial == row.serial]
    if len(found) == 1 and len(listed) < MAX_NAMESAKES:
        return _Target(row, found[0].identity, found[0])
    if not found:
        raise _RowError(row, "no known device has this serial; give the OUI of a device that was not heard yet")
    raise _RowError(row, "several devices have this serial; give the OUI")


def _without_repeats(targets: Sequence[_Target], errors: list[LineError]) -> list[_Target]:
    """A device may stand in the file once; else the result would depend on which line came last."""
    first: dict[str, _Target] = {}
    for target in targets:
        other = first.setdefault(target.identity, target)
        if other is not target:
            errors.append(LineError(target.row.line, f"the same device as in line {other.row.line}"))
    return list(first.values())


async def _with_parents(store: Store, targets: list[_Target], errors: list[LineError]) -> list[_Target]:
    """Replace ``parent`` by the identity it means; rows whose parent is nobody fall out, and their children too."""
    while True:
        inside = _names(targets)
        kept = await _each((_with_parent(store, target, inside) for target in targets), errors)
        if len(kept) == len(targets):
            return kept
        # A parent that just fell out will not be written: ask again with the rows that are left.
        remaining = {target.identity for target in kept}
        targets = [target for target in targets if target.identity in remaining]


def _names(targets: Iterable[_Target]) -> dict[str, set[str]]:
    """serial, identity or id -> identities of the rows of this file that it may mean."""
    names: dict[str, set[str]] = {}
    for row, identity, known in targets:
        for name in {row.serial, identity, known.id if known else row.device.text}:
            names.setdefault(name, set()).add(identity)
    return names


async def _with_parent(store: Store, target: _Target, inside: dict[str, set[str]]) -> _Target:
    row = target.row
    name = row.inventory.get("parent")
    if name is None:
        return target
    try:
        identities = inside.get(name) or {await _known_as(store, name)}
    except NotFound:
        raise _RowError(row, f"the parent {name[:64]!r} is no device, neither known nor in this file") from None
    except Ambiguous as error:
        raise _RowError(row, f"the parent {name[:64]!r} fits several devices: {error.hint}") from None
    if len(identities) > 1:
        raise _RowError(row, f"the parent {name[:64]!r} fits several devices: " + ", ".join(sorted(identities)[:5]))
    parent = next(iter(identities))
    if parent == target.identity:
        raise _RowError(row, "the device is its own parent")
    return target._replace(row=row._replace(inventory={**row.inventory, "parent": parent}))


async def _known_as(store: Store, name: str) -> str:
    """Identity of the device with exactly this serial, identity or id. Raises NotFound or Ambiguous."""
    device = await store.resolve(name)
    # People may shorten an id where they see at once what it meant; a file of thousands may not.
    if name not in (device.serial, device.identity, device.id):
        raise NotFound(f"no device is called {name[:64]!r}")
    return device.identity


class _Import:
    """Writes one row after the other on behalf of somebody."""

    def __init__(self, store: Store, credentials: Credentials, principal: Principal, at: int) -> None:
        self._store = store
        self._credentials = credentials
        self._principal = principal
        self._at = at

    async def write(self, target: _Target) -> str:
        """ "created", "updated" or "unchanged". Raises _RowError."""
        row, identity, known = target
        try:
            # First, so that a username of somebody else leaves the whole line out.
            new_credentials = row.credentials is not None and await self._credentials.set_preshared(
                identity, *row.credentials, principal=self._principal
            )
            if known is None:
                audit = self._audit("inventory.create", identity, row.inventory)
                known = await self._store.enrol(row.device, self._at, "cwmp", "expected", None, row.inventory, audit)
                outcome = "created"
            else:
                outcome = "updated" if new_credentials else "unchanged"
            # Also for a device that was heard between our look and its creation: enrol returned the known one.
            changed = {name: value for name, value in row.inventory.items() if known.inventory.get(name) != value}
            if changed:
                audit = self._audit("inventory.update", identity, changed)
                await self._store.update_device(known.key, inventory={**known.inventory, **changed}, audit=audit)
                outcome = outcome if outcome == "created" else "updated"
        except (BadInput, Conflict) as error:
            raise _RowError(row, error.message) from error
        return outcome

    def _audit(self, action: str, identity: str, changed: dict[str, str]) -> AuditEntry:
        return entry(self._principal, action, identity, {"columns": sorted(changed)}, at=self._at)

"""Every line of the API: the document, the router and the answers say the same.

``World.call`` holds every answer of every test against the table: documented status, body that fits its schema.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from api_world import World, in_world

from cpetwin.access.roles import PERMISSIONS
from cpetwin.api.operation import ANY_LOGIN, PUBLIC, Operation
from cpetwin.api.routes import OPERATIONS

IDS = [operation.name for operation in OPERATIONS]
SAMPLES: dict[str, Any] = {
    "search": {"q": "SN1"},
    "getValues": {"path": "Device.WiFi.Radio.1.Channel"},
    "tagDevice": {"tags": {"vip": "yes"}},
    "refreshTwin": {"paths": ["Device.WiFi."]},
    "queueCommand": {"kind": "reboot"},
    "login": {"user": "noc", "password": "a long password for noc"},
    "changePassword": {"old": "a long password for noc", "new": "another long password"},
    "addUser": {"name": "somebody", "role": "l1"},
    "setRole": {"role": "l1"},
    "createToken": {"label": "test"},
    "advanceClock": {"seconds": 60},
    "importInventory": b"serial,oui,home\nSN1,001122,home-1\n",
}
"""operation -> its body, or its query where it has no body."""


async def address(operation: Operation, world: World) -> str:
    """The path with things that exist in it."""
    found = {"device": "001122-EC220%252DG5-SN1", "user": "noc"}
    if "{command}" in operation.path:
        _, queued, _ = await world.call("POST", "/api/v1/devices/SN1/commands", json={"kind": "reboot"})
        if operation.name == "retryCommand":
            await world.call("POST", f"/api/v1/commands/{queued['id']}/cancel")
        found["command"] = queued["id"]
    if "{token}" in operation.path:
        _, made, _ = await world.call("POST", "/api/v1/tokens", json={})
        found["token"] = made["id"]
    return re.sub(r"\{(\w+)\}", lambda match: found[match[1]], operation.path)


async def ask(world: World, operation: Operation, token: str | None = "owner") -> int:
    """One request as the table describes it."""
    sample = SAMPLES.get(operation.name)
    more: dict[str, Any] = {"headers": {"Accept": "application/json"}}
    if isinstance(sample, bytes):
        more |= {"data": sample, "headers": {"Content-Type": operation.content}}
    elif operation.body is not None:
        more["json"] = sample
    elif sample:
        more["params"] = sample
    status, _, _ = await world.call(operation.method, await address(operation, world), token=token, **more)
    return status


@pytest.mark.parametrize("operation", OPERATIONS, ids=IDS)
def test_every_operation_answers_as_documented(operation: Operation, tmp_path: Path) -> None:
    """With permission: a documented success whose body fits. Without a token: 401. With a poor role: 403."""

    async def test(world: World) -> None:
        noc, marketing = await world.token("noc"), await world.token("marketing")
        if operation.permission != PUBLIC:
            assert await ask(world, operation, None) == 401
            assert await ask(world, operation, "cpt_wrong") == 401
        if operation.permission in PERMISSIONS and operation.permission != "status.read":
            assert await ask(world, operation, marketing) == 403
        own = operation.name in ("changePassword", "logout")
        assert await ask(world, operation, noc if own else "owner") in operation.answers

    in_world(tmp_path, test)


def test_permissions_in_the_table_exist() -> None:
    assert {operation.permission for operation in OPERATIONS} <= {*PERMISSIONS, PUBLIC, ANY_LOGIN}


def test_the_document_lists_exactly_the_router(tmp_path: Path) -> None:
    """OpenAPI 3.1, readable without login; every address of the router under /api is in it."""

    async def test(world: World) -> None:
        status, document, _ = await world.call("GET", "/api/v1/openapi.json", token=None)
        assert status == 200 and document["openapi"].startswith("3.1")
        described = {(m.upper(), path) for path, item in document["paths"].items() for m in item}
        routed = {
            (route.method, resource.canonical)
            for resource in world.client.app.router.resources()  # type: ignore[union-attr]
            for route in resource
            if resource.canonical.startswith(("/api/", "/healthz", "/readyz", "/metrics")) and route.method != "HEAD"
        }
        assert described == routed == {(o.method, o.path) for o in OPERATIONS}
        names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
        assert len(names) == len(set(names))
        refs = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
        assert refs <= set(document["components"]["schemas"])
        for item in document["paths"].values():
            for operation in item.values():
                public = operation["security"] == []
                assert public or {"401", "403"} <= set(operation["responses"])

    in_world(tmp_path, test, populate=False)


COMMANDS = "/api/v1/devices/SN1/commands"
AS_JSON = {"Content-Type": "application/json"}
STALE = {"If-Match": '"99"'}
BAD_REQUESTS = [
    ("GET", "/api/v1/nothing", {}, 404, "not-found"),
    ("DELETE", "/api/v1/status", {}, 405, "method-not-allowed"),
    ("GET", "/api/v1/devices?wher=x", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?limit=many", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?limit=-1", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?limit=1&limit=2", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?columns=id,contct", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?sort=contact", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?cursor=%00%ff", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices?where=region+like+x", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices/nosuch", {}, 404, "not-found"),
    ("GET", "/api/v1/devices/001122", {}, 409, "ambiguous"),
    ("GET", "/api/v1/devices/SN1/twin/values", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices/SN1/twin/history?since=yesterday", {}, 400, "bad-input"),
    ("GET", "/api/v1/devices/SN1/twin/tree?under=Device.Nothing.", {}, 404, "not-found"),
    ("GET", "/api/v1/devices/SN2/twin", {}, 400, "bad-input"),
    ("GET", "/api/v1/commands/c999999", {}, 404, "not-found"),
    ("GET", "/api/v1/commands/%F0%9F%92%A9", {}, 404, "not-found"),
    ("GET", "/api/v1/events?from=nonsense", {"headers": {"Accept": "application/json"}}, 400, "bad-input"),
    ("POST", COMMANDS, {"data": b"{", "headers": AS_JSON}, 400, "bad-input"),
    ("POST", COMMANDS, {"data": b"[" * 100_000, "headers": AS_JSON}, 400, "bad-input"),
    ("POST", COMMANDS, {"data": b"\xff", "headers": AS_JSON}, 400, "bad-input"),
    ("POST", COMMANDS, {"data": "<xml/>", "headers": {"Content-Type": "text/xml"}}, 415, "unsupported-content"),
    ("POST", COMMANDS, {"json": {"kind": "explode"}}, 400, "bad-input"),
    ("POST", COMMANDS, {"json": {"kind": "set", "argz": {}}}, 400, "bad-input"),
    ("POST", COMMANDS, {"json": {"kind": "set", "args": {"values": {}}}}, 400, "bad-input"),
    ("POST", COMMANDS, {"json": {"kind": "reboot", "expires_in": True}}, 400, "bad-input"),
    ("POST", COMMANDS, {"json": {"kind": "reboot", "reason": "x" * 2_000_000}}, 413, "too-large"),
    ("POST", COMMANDS, {"json": {"kind": "reboot"}, "headers": STALE}, 412, "stale"),
    ("DELETE", "/api/v1/devices/SN1", {"headers": STALE}, 412, "stale"),
    ("DELETE", "/api/v1/users/admin", {}, 409, "conflict"),
    ("POST", "/api/v1/users", {"json": {"name": "x y", "role": "l1"}}, 400, "bad-input"),
    ("POST", "/api/v1/tokens", {"json": {"scopes": ["everything"]}}, 400, "bad-input"),
    ("POST", "/api/v1/login", {"json": {"user": "admin", "password": "wrong"}}, 401, "unauthenticated"),
    ("POST", "/api/v1/inventory", {"data": b"what is this", "headers": {"Content-Type": "text/csv"}}, 400, "bad-input"),
]  # fmt: skip


def test_every_mistake_has_the_same_form(tmp_path: Path) -> None:
    """Code, sentence and status; never a traceback, whatever is sent."""

    async def test(world: World) -> None:
        for method, path, more, wanted, code in BAD_REQUESTS:
            status, body, _ = await world.call(method, path, **more)
            assert (status, body["error"]["code"]) == (wanted, code), f"{method} {path} {str(more)[:80]}: {body}"
            assert body["error"]["message"]
        _, body, _ = await world.call("GET", "/api/v1/devices/001122")
        assert len(body["error"]["candidates"]) == 3

    in_world(tmp_path, test)


def test_an_error_of_ours_is_logged_and_tells_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(world: World) -> None:
        world.store.devices = None  # type: ignore[assignment,method-assign]
        status, body, _ = await world.call("GET", "/api/v1/devices")
        assert status == 500 and "Traceback" not in str(body) and "sqlite" not in str(body).lower()

    in_world(tmp_path, test)
    assert any(record.exc_info for record in caplog.records)


def test_ready_only_when_every_part_is_up(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        assert (await world.call("GET", "/readyz", token=None))[0] == 200
        world.ready = False
        status, body, _ = await world.call("GET", "/readyz", token=None)
        assert status == 503 and body["parts"] == {"store": True, "cwmp": False}

    in_world(tmp_path, test, populate=False)

"""A small world for tests of the API: real store, real access, real queue, the application on a free loopback port."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from yarl import URL

from cpetwin import config
from cpetwin.access.credentials import Credentials
from cpetwin.access.secrets import open_box
from cpetwin.access.tokens import Tokens
from cpetwin.access.users import Users
from cpetwin.api.app import build_app
from cpetwin.api.operation import Operation
from cpetwin.api.routes import OPERATIONS
from cpetwin.api.schema import problems
from cpetwin.api.services import Services
from cpetwin.api.shapes import COMPONENTS, ERROR
from cpetwin.clock import HOUR, MINUTE, ManualClock
from cpetwin.queue import Queue
from cpetwin.twin.identity import DeviceId
from cpetwin.twin.report import DeviceEvent, Names, Observations, Report
from cpetwin.twin.store.base import Device
from cpetwin.twin.store.sqlite import SqliteStore

T0 = 1_767_268_800_000  # 2026-01-01T12:00Z
ONLINE, OFFLINE, EXPECTED = (
    DeviceId("00:11:22", "EC220-G5", "SN1"),
    DeviceId("001122", "H199A", "SN2"),
    DeviceId("001122", "", "SN3"),
)
TREE = {
    "Device.DeviceInfo.Manufacturer": ("Acme <b>&", "string", False),
    "Device.DeviceInfo.ModelName": ("EC220", "string", False),
    "Device.DeviceInfo.SoftwareVersion": ("1.2.3", "string", False),
    "Device.DeviceInfo.Description": ("", "string", False),
    "Device.ManagementServer.PeriodicInformInterval": ("3600", "unsignedInt", True),
    "Device.WiFi.Radio.1.Channel": ("6", "unsignedInt", True),
    "Device.WiFi.Radio.2.Channel": ("36", "unsignedInt", True),
    "Device.WiFi.AccessPoint.1.Security.KeyPassphrase": ("correct horse", "string", True),
    "Device.WiFi.SSID.1.SSID": ("home", "string", True),
}  # fmt: skip
NEVER_READ = "Device.WiFi.SSID.1.Unread"


class World:
    """What a test needs. ``owner`` is the token of the data folder's owner, with every permission."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self) -> None:
        self.clock = ManualClock(T0)
        self.store = SqliteStore(self.folder / "data")
        box = open_box(self.folder / "data", self.folder / "key")
        self.credentials = Credentials(self.store, box, self.clock)
        await self.credentials.prepare(("boot", "strap-secret"))
        self.tokens = Tokens(self.store, self.clock)
        self.users = Users(self.store, self.clock, self.tokens)
        self.password = await self.users.prepare(self.folder / "data" / "cli.token") or ""
        self.owner = (self.folder / "data" / "cli.token").read_text().strip()
        self.ready = True
        self.services = Services(
            store=self.store, queue=Queue(self.store, self.clock, box), users=self.users, tokens=self.tokens,
            credentials=self.credentials, clock=self.clock, settings=config.load(),
            addresses=lambda: {"cwmp": "http://127.0.0.1:7547/", "api": "http://127.0.0.1:8080"},
            readiness=lambda: {"store": True, "cwmp": self.ready}, metrics=CollectorRegistry(),
        )  # fmt: skip
        self.client: TestClient[web.Request, web.Application] = TestClient(TestServer(build_app(self.services)))
        await self.client.start_server()

    async def stop(self) -> None:
        await self.client.close()
        await self.store.close()

    async def populate(self) -> None:
        """One device that is online and read whole, one that is off and not read, one that is only expected."""
        self.online = await self.store.enrol(ONLINE, T0 - 48 * HOUR, "cwmp")
        await self.tell(self.online, T0 - 2 * HOUR, {path: text for path, (text, _, _) in TREE.items()})
        paths = [*TREE, NEVER_READ]
        writable = [*(w for _, _, w in TREE.values()), True]
        names = Names("Device.", ["Device.WiFi.SSID.", "Device.WiFi.SSID.1.", *paths], [True, False, *writable])
        await self.store.commit(
            Report(device=self.online.key, at=T0 - 2 * HOUR, names=names, discovered=True, cause="discovery")
        )
        self.clock.advance(0)
        await self.store.commit(
            Report(device=self.online.key, at=T0 - 3 * MINUTE, events=(DeviceEvent("2 PERIODIC"),),
                   inform=Observations(["Device.DeviceInfo.SoftwareVersion"], ["1.2.4"], ["string"]))
        )  # fmt: skip
        self.offline = await self.store.enrol(
            OFFLINE, T0 - 48 * HOUR, "cwmp", facts={"model": "H199A", "root": "InternetGatewayDevice."}
        )
        interval = Observations(
            ["InternetGatewayDevice.ManagementServer.PeriodicInformInterval"], ["3600"], ["unsignedInt"]
        )
        await self.store.commit(Report(device=self.offline.key, at=T0 - 10 * HOUR, inform=interval))
        await self.store.update_device(
            self.offline.key, inventory={"home": "home-7", "phone": "+44 1632 960007", "region": "north"}
        )
        self.expected = await self.store.enrol(EXPECTED, T0 - HOUR, "cwmp", state="expected")
        self.online, self.offline = [await self.store.device(d.key) for d in (self.online, self.offline)]

    async def tell(self, device: Device, at: int, values: dict[str, str]) -> None:
        """The device was read completely."""
        types = [TREE[path][1] if path in TREE else "string" for path in values]
        observed = Observations(list(values), list(values.values()), types)
        writable = [TREE[path][2] if path in TREE else True for path in values]
        await self.store.commit(
            Report(device=device.key, at=at, names=Names("Device.", list(values), writable), values=observed,
                   complete=("Device.",), discovered=True, facts={"root": "Device."}, cause="discovery")
        )  # fmt: skip

    async def token(self, role: str) -> str:
        """A token of a user with that role."""
        principal = await self.tokens.authenticate(self.owner)
        await self.users.add_user(principal, role, role, "a long password for " + role)
        return (await self.users.login(role, "a long password for " + role)).token

    async def call(
        self, method: str, path: str, *, token: str | None = "owner", json: Any = None, **more: Any
    ) -> tuple[int, Any, ClientResponse]:
        """Status, body and response of one request. What came is held against the table of operations."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {self.owner if token == 'owner' else token}"
        if json is not None:
            more["data"], headers["Content-Type"] = msgspec.json.encode(json), "application/json"
        # encoded: what the test wrote is what goes over the wire
        async with self.client.request(method, URL(path, encoded=True), headers=headers, **more) as response:
            raw = await response.read()
        body = msgspec.json.decode(raw) if response.content_type == "application/json" and raw else raw
        check_answer(method, path.partition("?")[0], response, body)
        return response.status, body, response


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that answers, if one does."""
    for operation in OPERATIONS:
        pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        if operation.method == method and re.fullmatch(pattern, path):
            return operation
    return None


def check_answer(method: str, path: str, response: ClientResponse, body: Any) -> None:
    """The status is documented, and the body fits the schema that is documented for it."""
    operation = operation_of(method, path)
    if operation is None:
        schema = ERROR if path.startswith("/api/") else None
    else:
        assert response.status in operation.statuses, f"{operation.name}: {response.status} is not documented: {body}"
        known = operation.answers.get(response.status)
        schema = known[1] if known else ERROR
    if schema is not None and response.content_type == "application/json":
        assert list(problems(body, schema, COMPONENTS)) == [], f"{method} {path}: {body}"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def in_world(folder: Path, test: Callable[[World], Awaitable[None]], populate: bool = True) -> None:
    """Run one test in a world of its own."""

    async def run() -> None:
        world = World(folder)
        await world.start()
        try:
            if populate:
                await world.populate()
            await test(world)
        finally:
            await world.stop()

    asyncio.run(run())

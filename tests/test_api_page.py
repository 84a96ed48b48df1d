"""The page: what a person sees, without scripts; first its HTML, then in a real browser where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from api_world import T0, World, in_world
from browser import browser

from cpetwin.api.page.words import presence, span
from cpetwin.clock import HOUR, MINUTE, iso
from cpetwin.twin.report import CommandUpdate

DEVICE = "/devices/001122-EC220%252DG5-SN1"


async def log_in(world: World, role: str = "noc") -> str:
    """The cookie of a login on the page."""
    await world.token(role)
    form = {"user": role, "password": "a long password for " + role, "to": "/"}
    response = await world.client.post("/login", data=form, allow_redirects=False)
    assert response.status == 303 and response.headers["Location"] == "/"
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    return cookie.partition(";")[0]


async def look(world: World, path: str, cookie: str, **more: Any) -> tuple[ClientResponse, str]:
    from yarl import URL

    headers = {"Cookie": cookie, **more.pop("headers", {})}
    response = await world.client.get(URL(path, encoded=True), headers=headers, allow_redirects=False, **more)
    return response, await response.text()


def test_nothing_is_seen_without_login(tmp_path: Path) -> None:
    """Every page leads to the login and back; a wrong password says so and nothing else."""

    async def test(world: World) -> None:
        response, _ = await look(world, f"{DEVICE}?text=WiFi", "")
        assert response.status == 303
        _, form = await look(world, response.headers["Location"], "")
        assert f'name="to" value="{DEVICE}?text=WiFi"' in form
        wrong = await world.client.post("/login", data={"user": "admin", "password": "x"}, allow_redirects=False)
        assert wrong.status == 401 and "user or password is wrong" in await wrong.text()
        world.client.session.cookie_jar.clear()
        cookie = await log_in(world)
        world.client.session.cookie_jar.clear()
        response, _ = await look(world, "/", "cpetwin_login=" + cookie.partition("=")[2][:-1])
        assert response.status == 303

    in_world(tmp_path, test)


def test_a_login_leads_only_to_this_server(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        await world.token("noc")
        for to in ("//evil.example/", "/\\evil.example", "https://evil.example/", "\r\nX: y"):
            form = {"user": "noc", "password": "a long password for noc", "to": to}
            response = await world.client.post("/login", data=form, allow_redirects=False)
            assert response.headers["Location"] == "/", to
        foreign = {"Origin": "https://evil.example"}
        response = await world.client.post("/login", data=form, headers=foreign, allow_redirects=False)
        assert response.status == 403
        response = await world.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}, allow_redirects=False)
        assert response.status == 403

    in_world(tmp_path, test)


def test_a_one_time_password_is_told_to_be_replaced(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        form = {"user": "admin", "password": world.password}
        response = await world.client.post("/login", data=form, allow_redirects=False)
        assert response.status == 303
        assert "was for one time" in await (await world.client.get("/", allow_redirects=False)).text()
        change = {"old": world.password, "new": "correct horse battery", "again": "something else"}
        assert "differ" in await (await world.client.post("/password", data=change)).text()
        change["again"] = change["new"]
        response = await world.client.post("/password", data=change, allow_redirects=False)
        assert response.status == 303
        assert "was for one time" not in await (await world.client.get("/", allow_redirects=False)).text()

    in_world(tmp_path, test)


def test_the_list_shows_the_fleet_and_finds(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        cookie = await log_in(world)
        response, page = await look(world, "/", cookie)
        assert response.status == 200 and "<script" not in page
        for part in ("home-7", "H199A", "10 h", "3 min", f'title="{iso(T0 - 3 * MINUTE, None)[:10]}', "expected"):
            assert part in page, part
        response, _ = await look(world, "/?q=960007", cookie)
        assert response.status == 303 and response.headers["Location"].startswith("/devices/001122-H199A-SN2")
        _, page = await look(world, "/?q=%3Cscript%3E", cookie)
        assert "Nothing fits" in page and "<script" not in page

    in_world(tmp_path, test)


def test_a_device_page_says_what_it_knows_and_what_not(tmp_path: Path) -> None:
    """never read, secret, empty and not supported are different words; hostile text stays text."""

    async def test(world: World) -> None:
        queue = world.services.queue
        from cpetwin.queue import Command

        failed = await queue.submit(world.online, Command(kind="reboot", args={}, reason="noisy"), actor="noc")
        await world.store.update_command(CommandUpdate(failed.id, ("queued",), "sent"), T0)
        fault = {"at": T0, "action": "Reboot", "fault": {"code": 9002, "text": "Internal error"}}
        await world.store.update_command(CommandUpdate(failed.id, ("sent",), "failed", fault), T0)
        cookie = await log_in(world)
        response, page = await look(world, DEVICE, cookie)
        assert response.status == 200
        for part in ("never read", "secret", "empty", "ONLINE", "usual contact every 60 min", "Acme &lt;b&gt;&amp;",
                     "9002 Internal error", "x</b> failed", "noisy", "1.2.3"):  # fmt: skip
            assert part in page, part
        assert "correct horse" not in page and "<b>&" not in page
        _, page = await look(world, f"{DEVICE}?text=Channel+36", cookie)
        assert "1 fit" in page and "Radio.2." in page and "Radio.1." not in page
        _, page = await look(world, f"{DEVICE}?text=correct+horse", cookie)
        assert "not supported by this device" in page, "secrets are not searched"
        _, page = await look(world, "/devices/SN2", cookie)
        assert "OFFLINE" in page and "since" in page and "(10 h)" in page and "expected by" in page
        _, page = await look(world, "/devices/SN3?text=WiFi", cookie)
        assert "NEVER HEARD" in page and "never read" in page
        for path, status in (("/devices/nosuch", 404), ("/devices/SN1?start=x", 400), ("/nothing", 404)):
            response, page = await look(world, path, cookie)
            assert response.status == status and response.content_type == "text/html", path

    in_world(tmp_path, test)


def test_what_a_role_may_not_see_is_called_denied(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        privacy = await log_in(world, "privacy")
        _, page = await look(world, "/devices/SN1", privacy)
        assert "denied: the role privacy may not see the values" in page and "1.2.3" not in page
        world.client.session.cookie_jar.clear()
        firmware = await log_in(world, "firmware")
        _, page = await look(world, "/devices/SN2", firmware)
        assert "960007" not in page and "home-7" not in page
        world.client.session.cookie_jar.clear()
        response, page = await look(world, "/", await log_in(world, "marketing"))
        assert response.status == 403 and "denied" in page

    in_world(tmp_path, test)


@pytest.mark.parametrize(
    ("word", "silent", "head", "tail"),
    [
        ("due", 3 * MINUTE, "ONLINE", "heard 3 min ago · usual contact every 60 min · expected by"),
        ("lost", 10 * HOUR, "OFFLINE", "(10 h) · usual contact every 60 min · expected by"),
        ("never", 0, "NEVER HEARD", "inventory"),
    ],
)
def test_the_headline_of_a_device(word: str, silent: int, head: str, tail: str) -> None:
    said = presence(word, T0 - silent, HOUR, T0 + HOUR, T0)
    assert said[0] == head and tail in said[1]


def test_spans_use_one_unit() -> None:
    assert [span(s * 1000) for s in (0, 119, 120, 7199, 7200, 172_799, 172_800, 86_400 * 4000)] == [
        "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d", "4,000 d",
    ]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_a_real_browser(tmp_path: Path, chromium: str, dark: bool) -> None:
    """Log in, find by phone, filter: with scripts off, nothing from elsewhere, nothing wider than the screen."""

    async def test(world: World) -> None:
        await world.token("noc")
        here = str(world.client.make_url("/")).rstrip("/")
        async with browser(chromium, tmp_path, dark=dark) as tab:
            await tab.open(here + "/")
            await tab.type("input[name=user]", "noc")
            await tab.type("input[name=password]", "a long password for noc")
            await tab.press_enter()
            text = await tab.text()
            assert "3 devices" in text and "home-7" in text
            await tab.type("input[name=q]", "960007")
            await tab.press_enter()
            text = await tab.text()
            assert "OFFLINE" in text and "(10 h)" in text and "H199A" in text
            await tab.open(here + DEVICE)
            await tab.type("input[name=text]", "radio.1 channel")
            await tab.press_enter()
            text = await tab.text()
            assert "1 fit" in text and "Device.WiFi.Radio.1.Channel 6 unsignedInt 2 h w" in text
            assert await tab.measure("document.documentElement.scrollWidth") <= 1366
            lightness = await tab.measure("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")
            assert (lightness < 64) == dark
            await tab.click("header form[action='/logout'] button")
            assert "Log in" in await tab.text()
            assert all(url.startswith((here, "data:")) for url in tab.requests), tab.requests
            assert tab.complaints == []

    in_world(tmp_path, test)


def test_the_style_is_cached_and_the_pages_are_not(tmp_path: Path) -> None:
    async def test(world: World) -> None:
        style = await world.client.get("/static/cpetwin.css")
        assert style.content_type == "text/css" and "max-age" in style.headers["Cache-Control"]
        assert "url(" not in await style.text()
        page = await world.client.get("/login")
        assert page.headers["Cache-Control"] == "no-store" and "script" not in page.headers["Content-Security-Policy"]

    in_world(tmp_path, test, populate=False)

"""A headless Chromium for tests of the page, steered over its DevTools socket: real clicks, real rendering."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip
START_S = 60.0
LOAD_S = 30.0


class Tab:
    """One tab. ``requests`` are the URLs it asked for, ``complaints`` the errors it found."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._loaded = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())
        self.requests: list[str] = []
        self.complaints: list[str] = []

    async def _read(self) -> None:
        async for message in self._socket:
            said = msgspec.json.decode(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif said["method"] == "Network.requestWillBeSent":
                self.requests.append(said["params"]["request"]["url"])
            elif said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
                self.complaints.append(said["params"]["entry"]["text"])

    async def do(self, method: str, **parameters: Any) -> Any:
        """One DevTools command."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(
            msgspec.json.encode({"id": self._number, "method": method, "params": parameters}).decode()
        )
        said = await asyncio.wait_for(answer, LOAD_S)
        assert "error" not in said, said
        return said["result"]

    async def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self._loaded.clear()
        await self.do("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), LOAD_S)

    async def press_enter(self) -> None:
        """Send the form of the field that has the focus, and wait for the next page."""
        self._loaded.clear()
        for kind in ("keyDown", "keyUp"):
            await self.do("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r",
                          windowsVirtualKeyCode=13)  # fmt: skip
        await asyncio.wait_for(self._loaded.wait(), LOAD_S)

    async def type(self, selector: str, text: str) -> None:
        """Focus a field and type, as a person does."""
        root = (await self.do("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.do("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.do("DOM.focus", nodeId=node)
        await self.do("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Click in the middle of an element and wait for the next page."""
        root = (await self.do("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.do("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.do("DOM.scrollIntoViewIfNeeded", nodeId=node)
        box = (await self.do("DOM.getBoxModel", nodeId=node))["model"]["content"]
        x, y = (box[0] + box[2]) / 2, (box[1] + box[5]) / 2
        self._loaded.clear()
        for kind in ("mousePressed", "mouseReleased"):
            await self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        await asyncio.wait_for(self._loaded.wait(), LOAD_S)

    async def text(self) -> str:
        """What a person can read, in one line."""
        found = await self.do("Runtime.evaluate", expression="document.body.innerText")
        return " ".join(found["result"]["value"].split())

    async def measure(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return (await self.do("Runtime.evaluate", expression=expression, returnByValue=True))["result"]["value"]

    async def picture(self, file: Path) -> None:
        file.write_bytes(base64.b64decode((await self.do("Page.captureScreenshot"))["data"]))

    async def close(self) -> None:
        await self._socket.close()
        await self._reader


@contextlib.asynccontextmanager
async def browser(
    program: str, profile: Path, width: int = 1366, height: int = 768, dark: bool = False
) -> AsyncIterator[Tab]:
    """A fresh browser with scripts of pages switched off, as the page promises to work."""
    home = {**os.environ, "HOME": str(profile), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)}
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={profile / 'profile'}", f"--window-size={width},{height}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=home,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        address = ""
        async with asyncio.timeout(START_S):
            while not address:
                line = (await process.stderr.readline()).decode()
                assert line, "the browser ended before it was ready"
                address = line.partition("DevTools listening on ")[2].strip()
        drain = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session:
            place = address.replace("ws://", "http://").partition("/devtools")[0]
            async with session.get(f"{place}/json/list") as answer:
                page = next(one for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=64 << 20) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Network", "Log", "DOM"):
                    await tab.do(f"{domain}.enable")
                await tab.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                             mobile=False)  # fmt: skip
                await tab.do("Emulation.setScriptExecutionDisabled", value=True)
                scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
                await tab.do("Emulation.setEmulatedMedia", features=[scheme])
                yield tab
                await tab.close()
        drain.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()

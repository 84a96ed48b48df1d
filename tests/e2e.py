"""Real processes for end-to-end tests: a server and a simulated fleet, started, steered, stopped and killed.

Everything is on loopback with free ports, in a folder of the test. Nothing sleeps and hopes: a wait is a condition
that is looked at often, with a limit, and it fails at once when the process it waits for has died.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from cpetwin.simulators.control import ask

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parent.parent
CPETWIN = (sys.executable, "-m", "cpetwin")
LIMIT_S = 30.0
"""Seconds any wait may take, unless the caller knows better."""
LOOK_EVERY_S = 0.01
FINAL = ("done", "failed", "expired", "cancelled", "superseded")


def until(
    condition: Callable[[], T],
    what: str,
    limit_s: float = LIMIT_S,
    alive: Process | None = None,
    every_s: float = LOOK_EVERY_S,
) -> T:
    """The first true value of ``condition``; fails after the limit, or when the process ``alive`` has ended."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if alive is not None and alive.process.poll() is not None:
            raise AssertionError(f"ended with {alive.process.returncode} while waiting for {what}:\n{alive.errors()}")
        if time.monotonic() > deadline:
            raise AssertionError(
                f"waited {limit_s:.0f} s in vain for {what}" + (f"\n{alive.errors()}" if alive else "")
            )
        time.sleep(every_s)


class Ran(NamedTuple):
    """A command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Process:
    """A child process with its output in files, so that no full pipe can stop it."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str], words: Iterable[str]) -> None:
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                (*CPETWIN, *words), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def lines(self) -> list[str]:
        """Whole lines on stdout so far."""
        return [line[:-1] for line in self.out.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def errors(self) -> str:
        return self.err.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self, limit_s: float = LIMIT_S) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)


class Server(Process):
    """``cpetwin serve``, once it said ``ready``."""

    def __init__(self, world: World, number: int, options: tuple[str, ...]) -> None:
        words = ("serve", "--data", str(world.data), "--cwmp-port", "0", "--http-port", "0", *options)
        super().__init__(f"server-{number}", world.folder, world.environment, words)
        self._connection: http.client.HTTPConnection | None = None
        said = until(self._ready, "the server to be ready", alive=self)
        self.ready: dict[str, Any] = json.loads(said.removeprefix("ready "))
        assert self.ready["pid"] == self.pid
        self.told: dict[str, Any] = json.loads((world.data / "server.json").read_text())
        self.token = (world.data / "cli.token").read_text().strip()
        acs = urlsplit(self.ready["cwmp"])
        self.cwmp = (str(acs.hostname), int(acs.port or 0))

    def _ready(self) -> str | None:
        return next((line for line in self.lines() if line.startswith("ready ")), None)

    def api(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """The JSON answer of an operation below /api/v1; fails on a status of 400 and above."""
        status, answer = self.ask(method, "/api/v1/" + path + ("?" + urlencode(query) if query else ""), body)
        assert status < 400, (method, path, status, answer)
        return json.loads(answer)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and text of any request to the HTTP port. A broken connection raises OSError or HTTPException."""
        if self._connection is None:
            api = urlsplit(self.ready["api"])
            self._connection = http.client.HTTPConnection(str(api.hostname), api.port, timeout=LIMIT_S)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise

    def counters(self) -> Counter[str]:
        """What /metrics says of the CWMP endpoint, by name; ``sessions in memory`` is the gauge."""
        found: Counter[str] = Counter()
        status, text = self.ask("GET", "/metrics")
        assert status == 200
        for line in text.splitlines():
            name, _, value = line.rpartition(" ")
            if name.startswith('cpetwin_cwmp_total{what="'):
                found[name.partition('"')[2].rpartition('"')[0]] = int(float(value))
            elif name == "cpetwin_cwmp_sessions":
                found["sessions in memory"] = int(float(value))
        return found


class Fleet(Process):
    """``cpetwin simulate cwmp``, once its control API answers."""

    def __init__(self, world: World, name: str, options: tuple[str, ...]) -> None:
        self._journal = world.folder / f"{name}.jsonl"
        words = (
            "simulate", "cwmp", "--data", str(world.data), "--state", str(world.folder / f"{name}-state"),
            "--journal", str(self._journal), "--spread", "0s", "--boot-time", "100ms", "--retry-minimum", "200ms",
            *options,
        )  # fmt: skip
        super().__init__(name, world.folder, world.environment, words)
        said = until(lambda: self._said("control: "), "the control API of the fleet", alive=self)
        self.control = said.removeprefix("control: ").strip()

    def _said(self, start: str) -> str | None:
        return next((line for line in self.errors().splitlines() if line.startswith(start)), None)

    def ids(self, count: int) -> list[str]:
        """The ids of the first ``count`` devices that connected, once there are so many."""

        def printed() -> list[str]:
            rows = [json.loads(line) for line in self.lines()]
            found = [str(row["id"]) for row in rows if "id" in row]
            return found if len(found) >= count else []

        return until(printed, f"{count} devices to connect", alive=self)

    def power(self, device: str, action: str) -> None:
        ask(self.control, "POST", "/power", {"device": device, "action": action})

    def fault(self, device: str, kind: str) -> None:
        ask(self.control, "POST", "/fault", {"device": device, "kind": kind})

    def state(self, device: str) -> dict[str, Any]:
        return ask(self.control, "GET", "/state", {"device": device})

    def lines_in_journal(self) -> int:
        return self._journal.read_bytes().count(b"\n") if self._journal.exists() else 0

    def journal(self) -> list[dict[str, Any]]:
        """Every RPC that a device executed or refused."""
        lines = self._journal.read_text().splitlines(keepends=True) if self._journal.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def executed(self) -> Counter[tuple[str, str, str]]:
        """(device, RPC, key) -> how often it was executed with success."""
        return Counter(
            (row["device"], row["rpc"], row["key"])
            for row in self.journal()
            if not (isinstance(row["result"], dict) and "fault" in row["result"])
        )

    def summary(self) -> dict[str, Any]:
        """End the fleet in order; its last word."""
        assert self.stop() == 0, self.errors()
        summary: dict[str, Any] = json.loads(self.lines()[-1])["summary"]
        return summary


class World:
    """A data folder with whatever runs on it. At the end all is stopped, and no traceback may have been logged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CPETWIN_")}
        self.environment = kept | {
            "CPETWIN_KEY_FILE": str(folder / "key"), "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self._processes: list[Process] = []
        self._servers = 0

    def __enter__(self) -> World:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        for process in reversed(self._processes):
            if process.process.poll() is None:
                process.kill()
        if failed is None:
            for process in self._processes:
                assert "Traceback" not in process.errors(), process.errors()

    def serve(self, *options: str) -> Server:
        """Start a server and wait until it is ready."""
        self._servers += 1
        server = Server(self, self._servers, options)
        self._processes.append(server)
        return server

    def simulate(self, *options: str, name: str = "fleet") -> Fleet:
        """Start a fleet that follows the server of this folder."""
        fleet = Fleet(self, name, options)
        self._processes.append(fleet)
        return fleet

    def cli(self, *words: str, limit_s: float = LIMIT_S) -> Ran:
        """A command line, as people type it."""
        ran = subprocess.run(
            (*CPETWIN, *words, "--data", str(self.data)), cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=limit_s,
        )  # fmt: skip
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def seed() -> int:
    """A random seed, printed with a failure; E2E_SEED repeats one."""
    chosen = int(os.environ.get("E2E_SEED") or Random().randrange(10**6))
    print(f"E2E_SEED={chosen}")
    return chosen


def queue(server: Server, device: str, kind: str, args: dict[str, object], **more: object) -> str:
    """Queue a command over REST; its id. It is durable when this returns."""
    return str(server.api("POST", f"devices/{device}/commands", {"kind": kind, "args": args, **more})["id"])


def show(server: Server, command: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.api("GET", f"commands/{command}")
    return shown


def finished(server: Server, command: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """The command once it has ended."""
    ends = (*FINAL, "unknown")
    return until(lambda: (c := show(server, command))["state"] in ends and c, f"{command} to end", limit_s, server)  # type: ignore[return-value]


def discovered(server: Server, devices: int, limit_s: float = LIMIT_S) -> None:
    """Wait until the whole trees of so many devices have been read."""
    until(
        lambda: server.api("GET", "status")["store"]["with_full_tree"] >= devices, f"{devices} trees", limit_s, server
    )

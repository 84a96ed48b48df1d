"""The client of the REST API: where the server is, who asks, and what its errors mean.

On the server's machine address and token come from the data folder; elsewhere from ``--server`` and
``--token``, or from a login that ``cpetwin login`` stored. Flags win over the environment.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from ..clock import CLOCK_HEADER, from_iso
from ..errors import BadInput, CpetwinError, Unauthenticated
from ._options import Everywhere

TIMEOUT_S = 120.0
"""Longer than any request the server holds back on purpose."""

EXIT_CODES = {400: 2, 401: 4, 403: 4, 404: 3, 409: 5, 412: 5, 429: 4, 503: 6}
"""HTTP status -> exit code; every other error is 1."""

Query = Mapping[str, str | int | bool | Sequence[str] | None]


class Unreachable(CpetwinError):
    code = "unreachable"
    status = 503
    exit_code = 6


class Refused(CpetwinError):
    """The server answered with an error."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
        self.exit_code = 2 if code == "ambiguous" else EXIT_CODES.get(status, 1)


class Target(NamedTuple):
    """Where to ask and with which token ("" for none)."""

    url: str
    token: str


def logins_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where logins are stored: ``$XDG_CONFIG_HOME/cpetwin/logins.json``, else below ``~/.config``."""
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "cpetwin" / "logins.json"


def read_logins(file: Path) -> dict[str, dict[str, str]]:
    """server URL -> user -> token."""
    try:
        stored = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(
            f"cannot read the stored logins in {file}: {error}", "remove the file and log in again"
        ) from error
    return stored if isinstance(stored, dict) else {}


def store_login(file: Path, server: str, user: str, token: str) -> None:
    """Keep a login for ``--as``; only the owner of the file can read it."""
    logins = read_logins(file)
    logins.setdefault(server, {})[user] = token
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump(logins, opened, indent=1)
    draft.replace(file)


def find_server(everywhere: Everywhere, environment: Mapping[str, str] = os.environ) -> tuple[str, Path | None]:
    """The server's URL, and the file with the token where the data folder told it."""
    if everywhere.server:
        return _base(everywhere.server), None
    if not everywhere.data and environment.get("CPETWIN_SERVER"):
        return _base(environment["CPETWIN_SERVER"]), None
    folder = everywhere.folder(environment)
    file = folder / "server.json"
    try:
        told = json.loads(file.read_text())
        return _base(told["api"]), Path(told.get("token_file") or folder / "cli.token")
    except FileNotFoundError:
        raise Unreachable(
            f"no server runs with the data folder {folder}",
            "start one with cpetwin serve, or name another with --data DIR or --server URL",
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise Unreachable(
            f"cannot read {file}: {error}", "run as the user that runs the server, or use --server"
        ) from error


def find_target(everywhere: Everywhere, environment: Mapping[str, str] = os.environ) -> Target:
    """Server and token; the only stored login of the server when nothing else was given. Raises Unauthenticated."""
    url, token_file = find_server(everywhere, environment)
    if everywhere.token:
        return Target(url, everywhere.token)
    if everywhere.user:
        stored = read_logins(logins_file(environment)).get(url, {}).get(everywhere.user)
        if not stored:
            raise Unauthenticated(
                f"no login of {everywhere.user} on {url} is stored", f"cpetwin login {everywhere.user}"
            )
        return Target(url, stored)
    if token_file is not None:
        try:
            return Target(url, token_file.read_text().strip())
        except OSError as error:
            raise Unauthenticated(
                f"cannot read the token {token_file}: {error.strerror}", "use --token T or --as USER"
            ) from error
    if environment.get("CPETWIN_TOKEN"):
        return Target(url, environment["CPETWIN_TOKEN"])
    logins = read_logins(logins_file(environment)).get(url, {})
    # Without any token the server itself says that one is needed, or is not there at all.
    return Target(url, next(iter(logins.values())) if len(logins) == 1 else "")


def _base(url: str) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{url!r} is no address of a server", "write it like http://127.0.0.1:8080")
    return f"{parts.scheme}://{parts.netloc}"


class Client:
    """Asks one server, with one token. Connections are kept for the next request."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._connection: http.client.HTTPConnection | None = None
        self._now: int | None = None

    @property
    def now(self) -> int:
        """The time on the server's clock (ms), which may not be ours; as of its last answer."""
        if self._now is None:
            self.get("me")
        assert self._now is not None
        return self._now

    def get(self, *path: str, query: Query | None = None) -> Any:
        return self.ask("GET", *path, query=query)

    def post(self, *path: str, body: Any = None, query: Query | None = None) -> Any:
        return self.ask("POST", *path, query=query, body=body)

    def ask(
        self,
        method: str,
        *path: str,
        query: Query | None = None,
        body: Any = None,
        raw: bytes | None = None,
        content: str = "application/json",
    ) -> Any:
        """The JSON answer of ``/api/v1/...`` with each part of ``path`` escaped. Raises Refused, Unreachable."""
        address = "/api/v1/" + "/".join(quote(part, safe="") for part in path)
        pairs = [(name, _text(one)) for name, value in (query or {}).items() for one in _each(value)]
        if pairs:
            address += "?" + urlencode(pairs)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if self.target.token:
            headers["Authorization"] = f"Bearer {self.target.token}"
        if data is not None:
            headers["Content-Type"] = content
        status, answer = self._send(method, address, data, headers)
        try:
            decoded = json.loads(answer)
        except ValueError:
            raise Refused(
                status, "no-json", f"{self.target.url} answered {status}, and not as cpetwin does", ""
            ) from None
        if status >= 400:
            error = decoded.get("error", {}) if isinstance(decoded, dict) else {}
            raise Refused(
                status, error.get("code", "failed"), error.get("message", f"status {status}"), error.get("hint", "")
            )
        return decoded

    def _send(self, method: str, address: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(method, address, data, headers)
            response = self._connection.getresponse()
            told = response.getheader(CLOCK_HEADER)
            self._now = from_iso(told) if told else time.time_ns() // 1_000_000
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            reason = "it does not answer" if isinstance(error, socket.timeout) else str(error) or type(error).__name__
            raise Unreachable(
                f"the server at {self.target.url} cannot be reached: {reason}",
                "is it running? cpetwin serve starts one",
            ) from error

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.target.url)
        assert parts.hostname is not None
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname, parts.port, timeout=TIMEOUT_S)


def connect(everywhere: Everywhere) -> Client:
    """A client for what was given on the line."""
    return Client(find_target(everywhere))


def _each(value: object) -> Sequence[object]:
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

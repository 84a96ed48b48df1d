"""The control API of a running fleet: small JSON over HTTP on a loopback address, and its client.

GET  /state                     the fleet's counts so far
GET  /state?device=SERIAL       one device's own truth
POST /power {"device","action"} on, off, reset
POST /fault {"device","kind"}   arm a fault
POST /set   {"device","path","value"}
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path as FilePath
from urllib.parse import parse_qs, quote, urlsplit

from ..errors import Ambiguous, BadInput, Conflict, CpetwinError, Denied, NotFound, Unavailable
from .fleet import Fleet
from .httpd import Reply, Request

STATE_FILE = "simulator.json"
TIMEOUT = 10.0

_STATUS = {400: "400 Bad Request", 403: "403 Forbidden", 404: "404 Not Found", 409: "409 Conflict"}
_EXIT_CODES = {error.code: error.exit_code for error in (Ambiguous, BadInput, Conflict, Denied, NotFound)}


def parse_address(text: str) -> tuple[str, int]:
    """``ADDR:PORT`` of a loopback address. Raises BadInput."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]") or "127.0.0.1")
    except ValueError:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else "0.0.0.0")
    if not address.is_loopback or not port.isdigit() or int(port) > 65535:
        raise BadInput(f"{text!r} is no loopback ADDR:PORT", "such as 127.0.0.1:7999")
    return str(address), int(port)


class Control:
    """The HTTP handler of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._acts: dict[tuple[str, str], Callable[[dict[str, str]], dict[str, object]]] = {
            ("GET", "/state"): self._state,
            ("POST", "/power"): self._power,
            ("POST", "/fault"): self._fault,
            ("POST", "/set"): self._set,
        }

    def handle(self, request: Request) -> Reply:
        try:
            status, answer = "200 OK", self._answer(request)
        except CpetwinError as error:
            status = _STATUS.get(error.status, "400 Bad Request")
            answer = {"error": {"code": error.code, "message": error.message, "hint": error.hint}}
        body = json.dumps(answer, ensure_ascii=False).encode()
        return Reply(status, body, (("Content-Type", "application/json"),))

    def _answer(self, request: Request) -> dict[str, object]:
        if "origin" in request.headers:
            raise Denied("the control API is not for web pages")
        url = urlsplit(request.target)
        act = self._acts.get((request.method, url.path))
        if act is None:
            raise NotFound(f"there is no {request.method} {url.path}")
        fields = {name: values[0] for name, values in parse_qs(url.query).items()}
        if request.body:
            try:
                sent = json.loads(request.body)
            except ValueError as error:
                raise BadInput(f"the body is no JSON: {error}") from error
            if not isinstance(sent, dict):
                raise BadInput("the body is no JSON object")
            fields.update((name, str(value)) for name, value in sent.items())
        return act(fields)

    def _state(self, fields: dict[str, str]) -> dict[str, object]:
        if "device" in fields:
            return self._fleet.state(self._fleet.find(fields["device"]))
        return {"summary": self._fleet.summary()}

    def _power(self, fields: dict[str, str]) -> dict[str, object]:
        device = self._fleet.find(fields.get("device", ""))
        self._fleet.power(device, fields.get("action", ""))
        return {"id": device.key, "power": fields["action"]}

    def _fault(self, fields: dict[str, str]) -> dict[str, object]:
        device = self._fleet.find(fields.get("device", ""))
        self._fleet.inject(device, fields.get("kind", ""))
        return {"id": device.key, "armed": fields["kind"]}

    def _set(self, fields: dict[str, str]) -> dict[str, object]:
        device = self._fleet.find(fields.get("device", ""))
        self._fleet.set(device, fields.get("path", ""), fields.get("value", ""))
        return {"id": device.key, "path": fields.get("path", ""), "events": len(device.memory.events)}


def announce(folder: FilePath, address: str) -> FilePath:
    """Write where the control API is into the server's folder, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / STATE_FILE
    new = file.with_suffix(".json.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"pid": os.getpid(), "control": address}, stream)
    new.replace(file)
    return file


def find_control(folder: FilePath) -> str:
    """The address a fleet left in a folder. Raises Unavailable when there is none."""
    try:
        return str(json.loads((folder / STATE_FILE).read_bytes())["control"])
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(
            f"no running fleet is known in {folder}", "start it with the same --data, or give --control ADDR:PORT"
        ) from error


def ask(address: str, method: str, path: str, fields: dict[str, str]) -> dict[str, object]:
    """Call a fleet's control API. Raises the error it answers with, Unavailable when nobody answers."""
    host, port = parse_address(address)
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    query = "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items()) if fields else ""
    try:
        if method == "GET":
            connection.request(method, path + query)
        else:
            connection.request(method, path, json.dumps(fields), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError) as error:
        raise Unavailable(f"no fleet answers at {address}: {error}") from error
    finally:
        connection.close()
    if "error" in answer:
        said = answer["error"]
        raised = CpetwinError(said["message"], said["hint"])
        raised.exit_code = _EXIT_CODES.get(said["code"], 1)
        raise raised
    return dict(answer)

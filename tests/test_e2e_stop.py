"""Stopping and starting: sessions finish, nothing is left, one server per folder, a port in use is said plainly."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from e2e import Server, World, discovered, queue, show, until
from raw_cpe import RawCpe, fault_response, inform


def leftovers(world: World) -> list[str]:
    return [file.name for file in world.data.rglob("*") if file.name.endswith(("-wal", "-shm"))]


def test_sigterm_ends_in_order(tmp_path: Path) -> None:
    """A busy fleet, a reader that waits, connections that say nothing: exit code 0 within 10 s, server.json gone, no
    write-ahead log left, no session of the fleet failed in the middle, and everything is there after the next start."""
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "off")
        fleet = world.simulate("--devices", "20", "--generate", "60", "--interval", "500ms")
        devices = fleet.ids(20)
        discovered(server, 20)
        path = "Device.DeviceInfo.ProvisioningCode"
        fleet.power(devices[0], "off")
        waits = queue(server, devices[0], "set", {"values": {path: "x"}})
        ids = [queue(server, device, "set", {"values": {path: "y"}}) for device in devices[1:]]
        silent = [socket.create_connection(server.cwmp) for _ in range(3)]
        silent[1].sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        reader = threading.Thread(target=_long_poll, args=(server, waits))
        reader.start()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0, server.errors()
        assert time.monotonic() - began < 10
        reader.join()
        for connection in silent:
            connection.close()
        assert not (world.data / "server.json").exists()
        assert not leftovers(world)
        assert world.cli("store", "check", str(world.data)).code == 0
        server = world.serve("--cpe-auth", "off")
        assert show(server, waits)["state"] == "queued"
        until(lambda: all(show(server, id)["state"] == "done" for id in ids), "the commands", alive=server, every_s=0.1)
        executed = [times for (_, rpc, _), times in fleet.executed().items() if rpc == "SetParameterValues"]
        assert executed == [1] * len(ids)
        summary = fleet.summary()
        assert not [reason for reason in summary["failures"] if not reason.startswith(("cannot connect", "HTTP 503"))]


def _long_poll(server: Server, command: str) -> None:
    """Somebody who waits for a command that will not come, while the server stops."""
    connection = http.client.HTTPConnection(server.ready["api"].removeprefix("http://"), timeout=30)
    headers = {"Authorization": f"Bearer {server.token}"}
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", f"/api/v1/commands/{command}?wait=60", headers=headers)
        connection.getresponse().read()
    connection.close()


def test_a_session_under_way_may_finish(tmp_path: Path) -> None:
    """SIGTERM in the middle of a session: it goes on to its 204; a new one is told to come back (503)."""
    with World(tmp_path) as world:
        server = world.serve("--cpe-auth", "off")
        cpe, late = RawCpe(server.cwmp), RawCpe(server.cwmp)
        assert late.post().status == 204  # its connection is open already
        assert cpe.post(inform("S1")).rpc == "InformResponse"
        asked = cpe.post()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: late.post().status == 503, "the server to turn new sessions away", 5)
        while asked.status == 200:
            asked = cpe.post(fault_response(asked.id, 9005))
        assert asked.status == 204
        cpe.close()
        late.close()
        assert server.process.wait(10) == 0, server.errors()


def test_one_server_per_folder(tmp_path: Path) -> None:
    """A second server on the same folder says so in a sentence and exits with 5; the first is not disturbed."""
    with World(tmp_path) as world:
        server = world.serve()
        second = world.cli("serve", "--cwmp-port", "0", "--http-port", "0")
        assert second.code == 5 and "another server runs on" in second.err
        assert "Traceback" not in second.err and len(second.err.splitlines()) <= 3
        assert (world.data / "server.json").exists()
        assert world.cli("status").code == 0
        assert server.stop() == 0
        assert world.cli("status").code == 6


@pytest.mark.parametrize("option", ["--cwmp-port", "--http-port"])
def test_a_port_in_use_is_a_clear_error(tmp_path: Path, option: str) -> None:
    """A sentence with the port, exit code 1, no traceback, nothing left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken, World(tmp_path) as world:
        port = taken.getsockname()[1]
        others = [word for name in ("--cwmp-port", "--http-port") if name != option for word in (name, "0")]
        ran = world.cli("serve", option, str(port), *others)
        assert ran.code == 1, ran
        assert str(port) in ran.err and "in use" in ran.err
        assert "Traceback" not in ran.err and len(ran.err.splitlines()) <= 3, ran.err
        assert not (world.data / "server.json").exists() and not leftovers(world)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, no folder")
    with World(tmp_path) as world:
        ran = world.cli("serve", "--cwmp-port", "0", "--http-port", "0")
    assert ran.code == 1 and "data folder" in ran.err and "Traceback" not in ran.err, ran.err

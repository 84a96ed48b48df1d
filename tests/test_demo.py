"""``make demo`` over real processes and sockets, with a small fleet."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO = (sys.executable, "-u", "-m", "cpetwin.demo", "--devices", "4")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Free ports, no settings of the caller, a key of its own, and the package of this tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CPETWIN_")}
    ports = {f"CPETWIN_{name}_PORT": "0" for name in ("CWMP", "USP", "HTTP", "FILE")}
    return kept | ports | {"CPETWIN_KEY_FILE": str(tmp_path / "key"), "PYTHONPATH": str(REPOSITORY)}


def lines_until(process: subprocess.Popen[str], wanted: str) -> Iterator[str]:
    """Lines of the demo up to the one that contains ``wanted``."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if wanted in line:
            return
    raise AssertionError(f"the demo ended without {wanted!r}")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_demo_ends_with_a_verified_change(tmp_path: Path, environment: dict[str, str]) -> None:
    """With --for it runs the five commands, prints what a newcomer needs, and exits 0 because a change was verified."""
    run = subprocess.run(
        (*DEMO, "--for", "6"), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^page +http://\S+$", run.stdout, re.M)
    assert re.search(r"^CWMP +http://\S+", run.stdout, re.M)
    assert len(re.findall(r"^login: \S+ / \S+$", run.stdout, re.M)) == 7
    assert len(re.findall(r"^cpetwin ", run.stdout, re.M)) == 5
    assert re.search(r"^verified", run.stdout, re.M)
    assert {path.name for path in tmp_path.iterdir()} == {".demo", "key"}


def test_the_demo_leaves_no_process_behind(tmp_path: Path, environment: dict[str, str]) -> None:
    """Ctrl-C ends the server and the fleet in order; the exit code is 0, because nobody asked for more."""
    with subprocess.Popen(DEMO, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        try:
            for _ in lines_until(demo, "Ctrl-C"):
                pass
            server = json.loads((tmp_path / ".demo/data/server.json").read_text())
            demo.send_signal(signal.SIGINT)
            assert demo.wait(30) == 0
        finally:
            demo.kill()
    assert gone(server["pid"])
    assert not (tmp_path / ".demo/data/server.json").exists()

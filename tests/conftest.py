"""What all tests share: hypothesis profiles, the folder ../shared, a data folder, a browser, and honest skips.

A skip's reason is written ``WHAT: WHY``. After pytest's own summary one line ``skipped: WHAT: WHY`` is printed for
each, and for every part that ``make test`` could not set up. With CI in the environment a skip is a failure, but for
``shared`` (files that live beside the repository, which a lone clone does not have).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeStore
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
SETUP_SKIPS = REPOSITORY / ".venv" / "setup-skips"
"""Lines ``WHAT: WHY`` of tools/debian-packages: what could not be set up."""

NEVER_A_FAILURE = ("shared",)
"""What may be absent even in continuous integration."""

settings.register_profile(
    "ci", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", parent=settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ../shared (specifications, schemas, dumps); skips the test where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("shared: the folder ../shared is absent")
    return SHARED


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that does not exist yet, with its key beside it, and no CPETWIN_* of the caller left."""
    for name in [name for name in os.environ if name.startswith("CPETWIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CPETWIN_KEY_FILE", str(tmp_path / "key"))
    folder = tmp_path / "data"
    monkeypatch.setenv("CPETWIN_DATA", str(folder))
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium, for tests of the page; skips with the reason why there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip(
        f"chromium: {dict(setup_skips()).get('chromium', 'not installed (make test installs it where it may)')}"
    )


def setup_skips() -> list[tuple[str, str]]:
    """(WHAT, WHY) of every part that ``make test`` could not set up."""
    if not SETUP_SKIPS.exists():
        return []
    return [what_and_why(line) for line in SETUP_SKIPS.read_text().splitlines() if line]


def what_and_why(reason: str, default: str = "a test") -> tuple[str, str]:
    """Split ``WHAT: WHY``; a reason without WHAT gets ``default``."""
    what, colon, why = reason.removeprefix("Skipped: ").partition(": ")
    return (what, why) if colon else (default, what)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """After pytest's closing line: one line for each thing that was skipped; with CI set they fail the run."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped: Counter[tuple[str, str]] = Counter()
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[what_and_why(reason, report.nodeid)] += 1
    for what, why in setup_skips():
        if not any(seen == what for seen, _ in skipped):
            skipped[what, why] = 0
    for (what, why), tests in sorted(skipped.items()):
        count = f" ({tests} test{'s' * (tests != 1)})" if tests else ""
        reporter.write_line(f"skipped: {what}: {why}{count}")
    failing = sorted({what for what, _ in skipped if what not in NEVER_A_FAILURE})
    if failing and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"CI is set, so these skips fail the run: {', '.join(failing)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for a test that is not itself a coroutine: ``runner.run(coroutine)``."""
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture
def store() -> FakeStore:
    """A store for what needs records, devices' rows and the audit only."""
    return FakeStore()

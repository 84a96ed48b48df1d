"""The root command: fast, lazy, options anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cpetwin.cli import NOUNS, cli, leaf, run
from cpetwin.commands._options import Everywhere, give_back, take
from cpetwin.errors import BadInput

HEAVY = ("aiohttp", "twisted", "lxml", "rich", "jinja2", "argon2", "cryptography", "msgspec", "sqlite3", "asyncio")


def modules_after(code: str) -> set[str]:
    """Top-level packages that a fresh Python has loaded after running ``code``."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    """What keeps ``--help`` within 300 ms: no command's module, no server library."""
    loaded = modules_after("from cpetwin.cli import run; run(['--help'])")
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)


@pytest.mark.parametrize("noun", sorted(set(NOUNS) - {"simulate"}))
def test_help_of_a_command_loads_no_server(noun: str) -> None:
    loaded = modules_after(f"from cpetwin.cli import run; run(['{noun}', '--help'])")
    assert loaded.isdisjoint({"aiohttp", "twisted", "lxml", "jinja2", "argon2", "cryptography", "rich"})


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_a_command_with_help(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([noun, "--help"]) == 0
    assert "Usage: cpetwin " + noun in capsys.readouterr().out
    command = leaf([noun])
    children = command.commands.values() if isinstance(command, click.Group) else [command]
    assert all(child.help for child in children)


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devise", "list"]) == 2
    assert "did you mean device" in capsys.readouterr().err
    assert cli.get_command(click.Context(cli), "plan") is None, "commands of later issues do not exist"


@pytest.mark.parametrize(
    ("line", "rest", "found"),
    [
        ("device list --json", "device list", Everywhere(json=True)),
        ("--data d device --tz UTC list", "device list", Everywhere(data="d", tz="UTC")),
        ("device list --data=a=b --as u --server s --token t", "device list",
         Everywhere(data="a=b", user="u", server="s", token="t")),
        ("command set X A=1 -- --json", "command set X A=1 -- --json", Everywhere()),
        ("x --data one --data two", "x", Everywhere(data="two")),
    ],
)  # fmt: skip
def test_options_are_taken_from_anywhere(line: str, rest: str, found: Everywhere) -> None:
    assert take(line.split()) == (rest.split(), found)


def test_an_option_without_its_value_is_an_error() -> None:
    with pytest.raises(BadInput):
        take(["status", "--data"])


def test_a_command_that_declares_an_option_gets_it_back() -> None:
    """``serve`` and ``simulate`` have a --data of their own; where it stood on the line does not matter."""
    everywhere = Everywhere(data="d", json=True, token="t")
    assert give_back(everywhere, {"--data", "--json"}) == ["--data", "d", "--json"]
    assert give_back(everywhere, set()) == []


def test_inspect_needs_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty POST is fine, rubbish is a row that is not ok and exit code 1, an absent file exit code 3."""
    empty, rubbish = tmp_path / "empty", tmp_path / "rubbish"
    empty.write_bytes(b"")
    rubbish.write_bytes(b"<soap")
    assert run(["inspect", str(empty), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["message"] == "empty"
    assert run(["inspect", str(empty), str(rubbish), "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["file"], row["ok"]) for row in rows] == [(str(empty), True), (str(rubbish), False)]
    assert run(["inspect", str(rubbish)]) == 1 and "not-well-formed" in capsys.readouterr().out
    assert run(["inspect", str(tmp_path / "absent")]) == 3


def test_store_commands_need_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["store", "stats", str(tmp_path)]) == 3
    assert "no data folder" in capsys.readouterr().err


def test_serve_refuses_wrong_settings_before_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cpetwin.toml"
    file.write_text("cwmp_prot = 1\n")
    assert run(["serve", "--config", str(file)]) == 2
    assert "cwmp_port" in capsys.readouterr().err
    assert run(["serve", "--workers", "4"]) == 2
    assert "one process" in capsys.readouterr().err

"""The documentation is held against the code: commands exist, links lead somewhere, nothing names a machine."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("**/*.md")])
IDS = [str(page.relative_to(REPOSITORY)) for page in PAGES]

CODE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`(cpetwin [^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.M)
HERE = re.compile(
    b"|".join(
        [rb"/(?:home|Users)/[a-z][\w.-]*/", *(re.escape(f"{place}/".encode()) for place in (REPOSITORY, Path.home()))]
    )
)
EVERYWHERE = {"--help", "--json", "--data", "--server", "--token", "--as", "--tz"}
"""Options that every command takes, also after its last argument."""

INDEX = re.compile(rb"--(?:extra-)?index-url|--find-links|registry[=]")


def command_lines(page: Path) -> Iterator[str]:
    """Every ``cpetwin ...`` line of code blocks, continuation lines joined, and every inline one."""
    text = page.read_text()
    for block in CODE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip().removeprefix("$ ")
            if line.startswith("cpetwin "):
                yield line.partition(" #")[0]
    yield from INLINE.findall(CODE.sub("", text))


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that ``words`` name, and the words left for it. Raises LookupError at a wrong one."""
    from cpetwin.cli import cli

    command: click.Command = cli
    context = click.Context(command, info_name="cpetwin")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        child = command.get_command(context, words[0])
        if child is None:
            raise LookupError(f"{context.command_path} has no command {words[0]!r}")
        context = click.Context(child, info_name=words[0], parent=context)
        command, words = child, words[1:]
    return command, words


def options_of(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def check(line: str) -> None:
    """Fail unless the line names a real command and only options that it has."""
    command, rest = resolve(shlex.split(line)[1:])
    options = {word.partition("=")[0] for word in rest if word.startswith("--") and len(word) > 2}
    assert options <= options_of(command) | EVERYWHERE, f"{line}: no option {sorted(options)}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_in_the_docs_exists(page: Path) -> None:
    """A line that a reader may copy names a real command, and options which that command has."""
    for line in command_lines(page):
        check(line)


def test_every_command_of_the_demo_exists() -> None:
    """The five commands that ``make demo`` prints are real before anybody runs it."""
    from cpetwin.demo.steps import STEPS

    assert len(STEPS) == 5
    for step in STEPS:
        check(f"cpetwin {step.line} --data .demo/data")


def anchor(heading: str) -> str:
    """The anchor that a heading gets on the usual hosts."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_between_pages_resolve(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), f"{target} does not exist"
        if fragment:
            assert fragment in {anchor(heading) for heading in HEADING.findall(other.read_text())}, target


def test_every_page_is_reachable_from_the_readme() -> None:
    seen, todo = set(), [REPOSITORY / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())
                     if not re.match(r"[a-z]+:", link) and link.partition("#")[0]]  # fmt: skip
    assert set((REPOSITORY / "docs").glob("**/*.md")) <= seen


def test_every_capability_names_a_test_that_exists() -> None:
    """docs/capabilities.md: one line per feature, each with its test."""
    rows = re.findall(r"^\| (?!feature)(\w.*) \|$", (REPOSITORY / "docs/capabilities.md").read_text(), re.M)
    assert rows
    for row in rows:
        feature, _, tests, _ = row.split(" | ")
        assert all((REPOSITORY / test).is_file() for test in tests.split(", ")), f"{feature}: {tests}"


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(
        r"\bmake ([a-z][a-z-]*)\b", "\n".join(CODE.findall((REPOSITORY / "README.md").read_text()))
    ):
        assert re.search(rf"^{target}:", makefile, re.M), f"make {target}"


def test_the_tree_names_no_machine() -> None:
    """No path of a developer's machine, and no package index, is in a file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    files = [REPOSITORY / name.decode() for name in listed.split(b"\0") if name]
    guilty = {
        str(file.relative_to(REPOSITORY)): found.group().decode()
        for file in files
        if file.is_file() and file.suffix != ".zst" and file != Path(__file__)
        if (found := HERE.search(data := file.read_bytes()) or INDEX.search(data))
    }
    assert guilty == {}

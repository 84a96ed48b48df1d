"""The rules of the house (docs/architecture.md): a change that breaks one fails here, not in a review."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "cpetwin"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 500
LEAVES = {"__init__", "__main__", "clock", "errors", "datamodel", "simulators"}
"""What the simulators may import, themselves, and what nobody imports."""

IMPORT_NAMES = {
    "argon2-cffi": "argon2",
    "import-linter": "importlinter",
    "prometheus-client": "prometheus_client",
    "zope.interface": "zope",
}
"""distribution -> the name it is imported under, where they differ."""

REACTOR = re.compile(r"twisted\.internet\s+import\s+.*\breactor\b|twisted\.internet\.reactor")


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg")
    return parser


def distributions(value: str) -> set[str]:
    """Import names of the requirements of one setup.cfg value."""
    names = {re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0].lower() for line in value.split("\n") if line.strip()}
    return {IMPORT_NAMES.get(name, name) for name in names}


def imports(file: Path) -> set[str]:
    """Top-level packages that a file imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_import_contracts_are_kept() -> None:
    """Layers, the simulators' independence and the sans-I/O rooms, as written in setup.cfg."""
    # import-linter adds the working directory to the path; a child keeps this process clean.
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_simulators_are_kept_from_every_room() -> None:
    """A new room is forbidden to the simulators until somebody decides otherwise."""
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    forbidden = setup_cfg()["importlinter:contract:simulators"]["forbidden_modules"].split()
    assert set(forbidden) == {f"cpetwin.{room}" for room in rooms - LEAVES}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_file_holds_one_idea(file: Path) -> None:
    """Short enough to read in one go, and its docstring says what for."""
    text = file.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text)), "no docstring"


def test_requirements_are_exactly_what_is_imported() -> None:
    """install_requires is what the package imports; optional libraries are in the extra ``all``."""
    parser = setup_cfg()
    required = distributions(parser["options"]["install_requires"])
    optional = distributions(parser["options.extras_require"]["all"])
    used = set().union(*map(imports, MODULES)) - set(sys.stdlib_module_names) - {"cpetwin"}
    assert used - required - optional == set(), "imported, but not required"
    assert required - used == set(), "required, but never imported"


def test_the_extras_exist() -> None:
    """``pip install .[all]``, ``[test]`` and ``[dev]`` are promised by README and Makefile."""
    assert {"all", "test", "dev"} <= set(setup_cfg()["options.extras_require"])


def test_the_reactor_is_installed_in_one_module() -> None:
    """Twisted keeps the first reactor that is imported: nobody does it on import, and one module installs ours."""
    at_import = [
        str(file.relative_to(PACKAGE))
        for file in MODULES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom)) and REACTOR.search(ast.unparse(node))
    ]
    assert at_import == []
    installing = [str(file.relative_to(PACKAGE)) for file in MODULES if "reactor.install(" in file.read_text()]
    assert len(installing) <= 1, installing


def test_no_deferred_style_coroutines() -> None:
    """Coroutines are written with async and await; no inlineCallbacks."""
    assert [str(file) for file in MODULES if "inlineCallbacks" in file.read_text()] == []

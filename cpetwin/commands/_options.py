"""Options that are accepted anywhere on the line, also after the last argument: taken out before click looks at it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ..errors import BadInput

DEFAULT_DATA = "cpetwin-data"


@dataclass(frozen=True)
class Everywhere:
    """What was given of them. ``user`` is ``--as``; None means not given."""

    data: str | None = None
    server: str | None = None
    token: str | None = None
    user: str | None = None
    tz: str | None = None
    json: bool = False

    def folder(self, environment: Mapping[str, str] = os.environ) -> Path:
        """The data folder: ``--data``, ``CPETWIN_DATA``, else ``./cpetwin-data``."""
        return Path(self.data or environment.get("CPETWIN_DATA") or DEFAULT_DATA).expanduser()

    @property
    def zone(self) -> tzinfo | None:
        """The zone of ``--tz``; None is the user's own. Raises BadInput."""
        from ._time import parse_zone

        return parse_zone(self.tz)


VALUES = {"--data": "data", "--server": "server", "--token": "token", "--as": "user", "--tz": "tz"}
FLAGS = {"--json": "json"}
HELP = (
    ("--data DIR", "the server's data folder on this machine: address and token come from it"),
    ("--server URL", "the address of a server elsewhere"),
    ("--token T", "the token for it"),
    ("--as USER", "act with the stored login of this user"),
    ("--tz ZONE", "zone of times without one, and of those printed"),
    ("--json", "one JSON document on standard output"),
)


def take(line: Sequence[str]) -> tuple[list[str], Everywhere]:
    """The line without these options, and what they said. After ``--`` everything stays. Raises BadInput."""
    rest: list[str] = []
    found: dict[str, Any] = {}
    words = iter(line)
    for word in words:
        if word == "--":
            return [*rest, word, *words], Everywhere(**found)
        name, equals, value = word.partition("=")
        if word in FLAGS:
            found[FLAGS[word]] = True
        elif name in VALUES:
            if not equals:
                given = next(words, None)
                if given is None:
                    raise BadInput(f"{name} needs a value")
                value = given
            found[VALUES[name]] = value
        else:
            rest.append(word)
    return rest, Everywhere(**found)


def give_back(everywhere: Everywhere, declared: set[str]) -> list[str]:
    """The options that a command declares for itself, to stand at the end of its line."""
    line: list[str] = []
    for option, name in VALUES.items():
        value = getattr(everywhere, name)
        if option in declared and value is not None:
            line += [option, value]
    return line + [option for option, name in FLAGS.items() if option in declared and getattr(everywhere, name)]

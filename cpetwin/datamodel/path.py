"""Parameter and object paths (TR-106 section 3.2, TR-369 section 2.5).

On hot paths a path stays a plain ``str``; ``Path`` is its checked form at the edges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from ..errors import BadInput

MAX_PATH = 256
"""Longest path in characters (TR-069 A.3.2: names are at most 256)."""

_SEGMENT = re.compile(r"[A-Za-z_][\w\-]*\Z|[0-9]+\Z|\{i\}\Z")
ROOTS = ("Device.", "InternetGatewayDevice.")


@dataclass(frozen=True)
class Path:
    """A concrete path. ``text`` ends in ``.`` for an object, otherwise it names a parameter."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Path:
        """Check ``text`` and return it as a path. Raises BadInput that says what is wrong."""
        if not text or len(text) > MAX_PATH:
            raise BadInput(f"a path has 1 to {MAX_PATH} characters, this one {len(text)}")
        for segment in text.rstrip(".").split(".") if not text.endswith("..") else [""]:
            if not _SEGMENT.match(segment):
                raise BadInput(
                    f"{text!r} is no path: {segment!r} is neither a name nor an instance number",
                    "write it like Device.WiFi.Radio.1.Channel; objects end in a dot",
                )
        return cls(text)

    @property
    def is_object(self) -> bool:
        return self.text.endswith(".")

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.text.rstrip(".").split("."))

    @cached_property
    def template(self) -> str:
        """The path with every instance number replaced by ``{i}``."""
        return template_of(self.text)

    def __str__(self) -> str:
        return self.text


def template_of(path: str) -> str:
    """``A.1.B.2.C`` -> ``A.{i}.B.{i}.C`` (the last segment of a table row included)."""
    return ".".join("{i}" if s.isdigit() else s for s in path.split("."))


def root_of(path: str) -> str | None:
    """The data-model root a path belongs to (``Device.``, ``InternetGatewayDevice.``) or None."""
    for root in ROOTS:
        if path.startswith(root):
            return root
    return None

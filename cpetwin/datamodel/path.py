"""Parameter and object paths (TR-106 section 3.2, TR-369 section 2.5).

On hot paths a path stays a plain ``str``; ``Path`` is its checked form at the edges. ``Pattern`` is a path
of the whole grammar, which may stand for several: ``path_parser`` reads one, ``matching`` finds what it means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ..errors import BadInput
from .comparing import Constant

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


# -- the segments of a pattern


@dataclass(frozen=True, slots=True)
class Name:
    """An object or parameter, vendor names with ``-`` included."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance number."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``*``: every instance (TR-369 section 2.5.3)."""

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """``{i}``: the instances of the supported data model (TR-106 section 3.2)."""

    def __str__(self) -> str:
        return "{i}"


@dataclass(frozen=True, slots=True)
class Alias:
    """``[wan-1]``: the row with that Alias (TR-069 section 3.6.1). At most 64 characters."""

    text: str

    def __str__(self) -> str:
        return f"[{self.text}]"


@dataclass(frozen=True, slots=True)
class Reference:
    """``Interface+``: the object that a parameter refers to (TR-369 section 2.5.2).

    ``item`` says which of a list: None is the first (nothing is written), a number from 1, or ``*`` all.
    """

    name: str
    item: int | Literal["*"] | None = None

    def __str__(self) -> str:
        return self.name + ("" if self.item is None else f"#{self.item}") + "+"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One comparison of a search expression; ``path`` is relative to the row, ``at`` its place in the text."""

    path: tuple[Name | Reference, ...]
    op: str
    constant: Constant
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return ".".join(map(str, self.path)) + self.op + quoted(self.constant)


@dataclass(frozen=True, slots=True)
class Search:
    """``[A==1&&B.C!="x"]``: the rows for which all comparisons hold. Unique keys are addressed the same way."""

    criteria: tuple[Criterion, ...]

    def __str__(self) -> str:
        return "[" + "&&".join(map(str, self.criteria)) + "]"


@dataclass(frozen=True, slots=True)
class Command:
    """``Reboot()``: a USP command."""

    name: str

    def __str__(self) -> str:
        return self.name + "()"


@dataclass(frozen=True, slots=True)
class Event:
    """``Boot!``: a USP event."""

    name: str

    def __str__(self) -> str:
        return self.name + "!"


Segment = Name | Instance | Wildcard | Placeholder | Alias | Search | Reference | Command | Event


def quoted(constant: Constant) -> str:
    """A constant as TR-369 paths write it: texts in double quotes with ``%22`` and ``%25`` (section 2.5.3)."""
    if constant.kind != "text":
        return constant.text
    return '"' + constant.text.replace("%", "%25").replace('"', "%22") + '"'


@dataclass(frozen=True)
class Pattern:
    """A path of the whole grammar. ``str()`` writes it in its one canonical form, which parses to itself."""

    segments: tuple[Segment, ...]
    is_object: bool = False

    def __str__(self) -> str:
        return self.text

    @cached_property
    def text(self) -> str:
        return ".".join(map(str, self.segments)) + "." * self.is_object

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it names exactly one path, whatever a device has."""
        return all(isinstance(segment, (Name, Instance, Command, Event)) for segment in self.segments)

    @cached_property
    def is_static(self) -> bool:
        """Whether it can be matched without any value of the device."""
        return not any(isinstance(segment, (Alias, Search, Reference)) for segment in self.segments)

    @cached_property
    def prefix(self) -> str:
        """The longest object path that is the same for everything it matches; empty when there is none."""
        fixed: list[str] = []
        for segment in self.segments if self.is_object else self.segments[:-1]:
            if not isinstance(segment, (Name, Instance)):
                break
            fixed.append(f"{segment}.")
        return "".join(fixed)

    @cached_property
    def template(self) -> str | None:
        """The path in the data model with ``{i}`` for each instance; None when it follows a reference."""
        if any(isinstance(segment, Reference) for segment in self.segments):
            return None
        instance = (Instance, Wildcard, Placeholder, Alias, Search)
        return ".".join("{i}" if isinstance(s, instance) else str(s) for s in self.segments) + "." * self.is_object

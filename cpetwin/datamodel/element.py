"""What the schema answers: parameters, objects, commands, events and their arguments as small frozen facts.

A template is a path with ``{i}`` for every instance. ``since`` is the version of the model that brought the element
(``2.12``; empty where the document does not say), ``status`` one of current, deprecated, obsoleted, deleted.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from .facts import Item, KeyRow, ListOf, Range, Reference, Size, Syntax

_INTEGERS = frozenset(("int", "long", "unsignedInt", "unsignedLong"))


class Element(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What all have in common. ``protocols`` is a subset of ``("cwmp", "usp")``, ``model`` like ``Device:2.19``."""

    template: str
    since: str
    status: str
    protocols: tuple[str, ...]
    model: str

    @cached_property
    def name(self) -> str:
        """The last name: of an object without the dot and ``{i}``."""
        return self.template.rstrip(".").removesuffix(".{i}").rpartition(".")[2]


class Typed:
    """A value with a syntax; the facets at first hand."""

    syntax: Syntax

    @property
    def base(self) -> str:
        """The primitive type: string, unsignedInt, boolean ..."""
        return self.syntax.base

    @property
    def type(self) -> str:
        """The declared type: a named one (``IPv4Address``, ``StatsCounter64``) or else the primitive one."""
        return self.syntax.types[0] if self.syntax.types else self.syntax.base

    @property
    def types(self) -> tuple[str, ...]:
        """The named types, the most special first: ``("IPv4Address", "IPAddress")``."""
        return self.syntax.types

    @property
    def list(self) -> ListOf | None:
        """Bounds of the list when the value is one; the other facets then bound its items."""
        return self.syntax.list

    @property
    def ranges(self) -> tuple[Range, ...]:
        return self.syntax.ranges

    @property
    def sizes(self) -> tuple[Size, ...]:
        return self.syntax.sizes

    @property
    def patterns(self) -> tuple[str, ...]:
        """XML Schema patterns, one of which must match the whole value."""
        return self.syntax.patterns

    @property
    def enumeration(self) -> tuple[Item, ...]:
        return self.syntax.enumeration

    @property
    def units(self) -> str:
        return self.syntax.units

    @property
    def reference(self) -> Reference | None:
        """Where the path in the value leads, or which parameter holds the values to choose from."""
        return self.syntax.reference

    @property
    def is_integer(self) -> bool:
        return self.syntax.base in _INTEGERS

    @property
    def hidden(self) -> bool:
        """Reads as empty, whatever it is (TR-106 ``hidden``)."""
        return self.syntax.hidden

    @property
    def secured(self) -> bool:
        """Readable only with a special role in USP, hidden in CWMP (TR-106 ``secured``)."""
        return self.syntax.secured

    @property
    def is_command(self) -> bool:
        """Writing starts something; reading says nothing (TR-106 ``command``)."""
        return self.syntax.command


class Parameter(Element, Typed, frozen=True, kw_only=True, dict=True):
    """``access``: readOnly, readWrite or writeOnceReadOnly. ``notify``: normal, forceEnabled, forceDefaultEnabled,
    canDeny (CWMP active notification). ``default_type``: object, factory, implementation or empty."""

    syntax: Syntax
    access: str
    notify: str
    forced_inform: bool
    default_type: str
    default: str

    @property
    def writable(self) -> bool:
        return self.access != "readOnly"


class Argument(msgspec.Struct, Typed, frozen=True, kw_only=True):
    """An argument; ``path`` is below its command or event, through argument objects (``Result.{i}.BSSID``)."""

    path: str
    syntax: Syntax
    mandatory: bool
    since: str
    status: str
    default: str


class Object(Element, frozen=True, kw_only=True, dict=True):
    """An object, or a table with its rows. ``high`` None is unbounded; ``access`` readWrite: rows can be added and
    deleted. ``count_parameter`` (NumberOfEntries) is a parameter of the parent."""

    access: str
    low: int
    high: int | None
    keys: tuple[KeyRow, ...]
    count_parameter: str
    enable_parameter: str
    discriminator: str
    mount: str
    fixed: bool
    parameters: tuple[str, ...]
    objects: tuple[str, ...]
    commands: tuple[str, ...]
    events: tuple[str, ...]

    @property
    def is_table(self) -> bool:
        return self.template.endswith(".{i}.")

    @property
    def writable(self) -> bool:
        """Whether rows can be added and deleted."""
        return self.access != "readOnly"


class Command(Element, frozen=True, kw_only=True, dict=True):
    asynchronous: bool
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]


class Event(Element, frozen=True, kw_only=True, dict=True):
    arguments: tuple[Argument, ...]

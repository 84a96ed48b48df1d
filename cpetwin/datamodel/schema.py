"""The schema: what the Broadband Forum data models say about a path, without loading what nobody asks for.

``schema()`` is the one of this program, from the committed table (Device:2.19 for CWMP and USP,
InternetGatewayDevice:1.14, VoiceService:1.1 and :2.0). Paths may be templates (``{i}``), concrete (``1``) or carry
wildcards (``*``). Vendor and unknown paths are answered with None: they are as good as any other, only unknown here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path as File
from typing import NamedTuple

from msgspec.structs import replace

from . import facts
from .element import Argument, Command, Element, Event, Object, Parameter
from .facts import CWMP, USP, ArgumentsRow, ModelRow, ObjectRow, ParameterRow, RootRow, Syntax, Table
from .instances import without_instances

TABLE = File(__file__).parent / "data" / "schema.msgpack.zst"
"""The committed table."""
MAX_CACHED = 65_536
"""Paths whose answer is kept."""
NEAR = 5
"""Suggestions of ``nearest`` at most."""

SERVICES = "Services."
"""Where services hang below a root (TR-106 section 3.1.2)."""

_PROTOCOLS = {"cwmp": CWMP, "usp": USP}
_BOTH = {bits: tuple(name for name, bit in _PROTOCOLS.items() if bits & bit) for bits in range(4)}


class _Source(NamedTuple):
    """The model something comes from: where it hangs (``Device.Services.``) and its name per protocol."""

    prefix: str
    models: dict[int, str]

    def model(self, protocols: int) -> str:
        return self.models.get(CWMP if protocols & CWMP else USP) or next(iter(self.models.values()), "")


class _Place(NamedTuple):
    """An object with its members by name, as loaded."""

    template: str
    row: ObjectRow
    source: _Source
    parameters: dict[str, tuple[ParameterRow, _Source]]


class Schema:
    """Answers about paths; every answer is made once and kept."""

    def __init__(self, table: Table) -> None:
        self.models: tuple[ModelRow, ...] = table.models
        self.types: dict[str, Syntax] = table.types
        self._table = table
        self._roots = {root.name: root for root in table.roots if not root.service}
        self._services = [root for root in table.roots if root.service]
        self._syntaxes: dict[int, Syntax] = {}
        self._blocks: dict[tuple[str, str], dict[str, _Place]] = {}
        self._parameter = lru_cache(MAX_CACHED)(self._find_parameter)
        self._made = lru_cache(MAX_CACHED)(self._make_parameter)
        self._object = lru_cache(MAX_CACHED // 8)(self._find_object)

    @classmethod
    def load(cls, file: File) -> Schema:
        """The schema of a table that ``datamodel compile`` wrote. Raises BadInput, OSError."""
        return cls(facts.read(file))

    # -- answers

    def parameter(self, path: str, protocol: str | None = None) -> Parameter | None:
        """The parameter at a path, as ``protocol`` (``cwmp``, ``usp``) sees it; without one CWMP goes first.

        None when the model, or that protocol, does not know it.
        """
        return self._parameter(path, protocol)

    def object(self, path: str, protocol: str | None = None) -> Object | None:
        """The object at a path that ends in a dot. A table and its row are one: the template ends in ``{i}.``."""
        return self._object(path, protocol)

    def command(self, path: str) -> Command | None:
        """The USP command at a path such as ``Device.IP.Diagnostics.IPPing()``."""
        owner, _, name = path.rpartition(".")
        place = self._place(without_instances(owner + ".")) if name.endswith("()") else None
        for row in place.row.commands if place else ():
            if place and row.name == name:
                return Command(
                    template=place.template + name, since=row.since, status=row.status,
                    protocols=_BOTH[row.protocols], model=place.source.model(row.protocols),
                    asynchronous=row.asynchronous, inputs=self._arguments(place.source, row.inputs),
                    outputs=self._arguments(place.source, row.outputs),
                )  # fmt: skip
        return None

    def event(self, path: str) -> Event | None:
        """The USP event at a path such as ``Device.Boot!``."""
        owner, _, name = path.rpartition(".")
        place = self._place(without_instances(owner + ".")) if name.endswith("!") else None
        for row in place.row.events if place else ():
            if place and row.name == name:
                return Event(
                    template=place.template + name, since=row.since, status=row.status,
                    protocols=_BOTH[row.protocols], model=place.source.model(row.protocols),
                    arguments=self._arguments(place.source, row.arguments),
                )  # fmt: skip
        return None

    def find(self, path: str, protocol: str | None = None) -> Element | None:
        """Whatever is at a path: parameter, object, command or event."""
        if path.endswith("()"):
            return self.command(path)
        if path.endswith("!"):
            return self.event(path)
        if path.endswith("."):
            return self.object(path, protocol)
        return self.parameter(path, protocol) or self.object(path + ".", protocol)

    def children(self, path: str) -> tuple[str, ...]:
        """Templates directly below an object: parameters, objects, commands, events. Empty when it is unknown."""
        found = self.object(path if path.endswith(".") else path + ".")
        return (*found.parameters, *found.objects, *found.commands, *found.events) if found else ()

    def nearest(self, path: str, count: int = NEAR) -> list[str]:
        """Valid templates that somebody who wrote ``path`` may have meant, the likeliest first."""
        wanted = without_instances(path.strip())
        root = wanted.split(".", 1)[0]
        if root not in self._roots:
            steps = [step for step in wanted.split(".") if step not in ("", "{i}")]
            ends = [self._deepest(name + ".", steps) for name in self._roots]
            whole = [end for end, missing in ends if steps and not missing]
            return whole[:count] or self._by_last_name(_own(wanted).rpartition(".")[2], list(self._roots), count)
        deepest, rest = self._deepest(root + ".", [step for step in wanted.split(".")[1:] if step not in ("", "{i}")])
        if not rest or not deepest.endswith("."):
            return [deepest]
        names = {_own(child, deepest).lower(): child for child in self.children(deepest)}
        near = [names[name] for name in _close(rest[0].lower(), names, count, 0.6)]
        if len(rest) > 1:
            # An object on the way is misspelled: the same members below the likely ones.
            ends = [self._deepest(child, rest[1:]) for child in near if child.endswith(".")]
            near = [end for end, missing in ends if not missing] or near
        return (
            near
            or self._by_last_name(rest[-1], [root], count)
            or [names[name] for name in _close(rest[0].lower(), names, count, 0.3)]
        )

    def _deepest(self, template: str, steps: list[str]) -> tuple[str, list[str]]:
        """How far names lead from an object (instances are understood), and the names that lead nowhere."""
        for position, step in enumerate(steps):
            child = next((c for c in self.children(template) if _own(c, template) == step), None)
            if child is None:
                return template, steps[position:]
            template = child
        return template, []

    def templates(self, root: str | None = None) -> Iterator[str]:
        """Every object of the models, in their order; a loaded schema decodes all of it."""
        for name in [root.rstrip(".")] if root else self._roots:
            for block in self._root_blocks(name):
                yield from self._block(name, block)

    def parameters(self, root: str | None = None, protocol: str | None = None) -> Iterator[Parameter]:
        """Every parameter of the models as ``protocol`` sees it."""
        for template in list(self.templates(root)):
            place = self._place(template)
            for name in place.parameters if place else ():
                found = self._made(template, name, protocol)
                if found is not None:
                    yield found

    def _by_last_name(self, name: str, roots: list[str], count: int) -> list[str]:
        """Elements anywhere whose last name is, or is nearly, ``name``; short paths first."""
        places: dict[str, list[str]] = {}
        for root in roots:
            for template in self.templates(root):
                for child in (template, *self.children(template)):
                    places.setdefault(_own(child).rpartition(".")[2].lower(), []).append(child)
        near = _close(name.lower(), places, count, 0.75)
        return [found for last in near for found in sorted(set(places[last]), key=lambda t: (t.count("."), t))][:count]

    # -- making

    def _find_parameter(self, path: str, protocol: str | None) -> Parameter | None:
        template = without_instances(path)
        owner, _, name = template.rpartition(".")
        return self._made(owner + ".", name, protocol)

    def _make_parameter(self, owner: str, name: str, protocol: str | None) -> Parameter | None:
        place = self._place(owner)
        known = place.parameters.get(name) if place else None
        if known is None:
            return None
        row, source = known
        protocols = row.protocols
        if protocol is not None and not protocols & _PROTOCOLS[protocol]:
            return None
        since = row.since
        if protocol == "usp" and protocols & CWMP:
            since = row.usp.since if row.usp else facts.usp_since(since)
            row = row.usp or row
        return Parameter(
            template=owner + name, since=since, status=row.status, protocols=_BOTH[protocols],
            model=source.model(protocols), syntax=self._syntax(row.syntax, source.prefix), access=row.access,
            notify=row.notify, forced_inform=row.forced, default_type=row.default_type, default=row.default,
        )  # fmt: skip

    def _find_object(self, path: str, protocol: str | None) -> Object | None:
        template = without_instances(path)
        place = self._place(template) or self._place(template + "{i}.")
        if place is None:
            return None
        row, protocols = place.row, place.row.protocols
        if protocol is not None and not protocols & _PROTOCOLS[protocol]:
            return None
        since = row.since
        if protocol == "usp" and protocols & CWMP:
            since = row.usp.since if row.usp else facts.usp_since(since)
            row = row.usp or row
        own = place.template
        bit = _PROTOCOLS[protocol] if protocol else CWMP | USP
        return Object(
            template=own, since=since, status=row.status, protocols=_BOTH[protocols],
            model=place.source.model(protocols), access=row.access, low=row.low, high=row.high, keys=row.keys,
            count_parameter=row.count_parameter, enable_parameter=row.enable_parameter,
            discriminator=row.discriminator, mount=row.mount, fixed=row.fixed,
            parameters=tuple(own + n for n, (p, _) in place.parameters.items() if p.protocols & bit),
            objects=self._below(own, bit),
            commands=tuple(own + c.name for c in place.row.commands if c.protocols & bit),
            events=tuple(own + e.name for e in place.row.events if e.protocols & bit),
        )  # fmt: skip

    def _below(self, template: str, bit: int) -> tuple[str, ...]:
        """Objects directly below one."""
        root, _, rest = template.partition(".")
        blocks = [rest.split(".", 1)[0]] if rest else self._root_blocks(root)
        depth = len(template)
        return tuple(
            other
            for block in blocks
            for other, place in self._block(root, block).items()
            if len(other) > depth
            and other.startswith(template)
            and other[depth:].removesuffix("{i}.").count(".") == 1
            and place.row.protocols & bit
        )

    def _arguments(self, source: _Source, row: ArgumentsRow) -> tuple[Argument, ...]:
        return tuple(
            Argument(
                path=a.path, syntax=self._syntax(a.syntax, source.prefix), mandatory=a.mandatory, since=a.since,
                status=a.status, default=a.default,
            )
            for a in row.arguments
        )  # fmt: skip

    def _syntax(self, number: int, prefix: str) -> Syntax:
        """One syntax; ``prefix`` is where the service it belongs to hangs."""
        found = self._syntaxes.get(number)
        if found is None:
            found = self._syntaxes[number] = facts.decode_syntax(self._table.syntaxes[number])
        if not prefix.endswith(SERVICES) or found.reference is None:
            return found
        targets = tuple(t if t.startswith(("Device.", "Internet")) else prefix + t for t in found.reference.targets)
        return replace(found, reference=replace(found.reference, targets=targets))

    # -- loading

    def _place(self, template: str) -> _Place | None:
        root, _, rest = template.partition(".")
        return self._block(root, rest.split(".", 1)[0] if "." in rest else "").get(template)

    def _root_blocks(self, root: str) -> list[str]:
        return list(self._roots[root].blocks) if root in self._roots else []

    def _block(self, root: str, name: str) -> dict[str, _Place]:
        """Places below one top-level name by template; empty for an unknown one."""
        known = self._blocks.get((root, name))
        if known is not None:
            return known
        row = self._roots.get(root)
        if row is None or name not in row.blocks:
            return {}
        places = self._load(row, name, f"{root}.")
        if name + "." == SERVICES:
            for service in self._service_order(root):
                for block in service.blocks:
                    for template, place in self._load(service, block, f"{root}.{SERVICES}").items():
                        self._join(places, template, place)
        self._blocks[root, name] = places
        return places

    def _load(self, row: RootRow, block: str, prefix: str) -> dict[str, _Place]:
        base, _, major = row.name.partition(":")
        names = {_PROTOCOLS[m.protocol]: m.name for m in self.models if m.name.startswith(f"{base}:{major}")}
        source = _Source(prefix, names)
        return {
            prefix + o.path: _Place(prefix + o.path, o, source, {p.name: (p, source) for p in o.parameters})
            for o in facts.decode_block(row.blocks[block])
        }

    def _service_order(self, root: str) -> list[RootRow]:
        """A TR-098 device speaks the oldest version of a service, a Device:2 one the newest, if in doubt."""
        return sorted(self._services, key=lambda row: row.name, reverse=root == "Device")

    @staticmethod
    def _join(places: dict[str, _Place], template: str, place: _Place) -> None:
        """Add what a service version brings; what an earlier one in the order said stands."""
        there = places.get(template)
        if there is None:
            places[template] = place
            return
        for name, known in place.parameters.items():
            there.parameters.setdefault(name, known)


@lru_cache(maxsize=1)
def schema() -> Schema:
    """The schema of this program; loaded at the first call."""
    return Schema.load(TABLE)


def _own(child: str, parent: str = "") -> str:
    """The name of a child below its parent, without dot and ``{i}``."""
    return child[len(parent) :].rstrip(".").removesuffix(".{i}")


def _close(word: str, names: Iterable[str], count: int, cutoff: float) -> list[str]:
    from difflib import get_close_matches  # only errors need it

    return get_close_matches(word, names, count, cutoff)

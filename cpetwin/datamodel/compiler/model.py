"""One document as objects, parameters, commands and events, each with its syntax in full."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree
from msgspec.structs import replace

from ..facts import (
    CWMP,
    USP,
    ArgumentObjectRow,
    ArgumentRow,
    ArgumentsRow,
    CommandRow,
    EventRow,
    KeyRow,
    ModelRow,
    ObjectRow,
    ParameterRow,
    ProfileRow,
    Syntax,
)
from .document import Document, children, local, read_document, report_flag
from .syntax import STATUSES, Types

ACCESS = ("readOnly", "readWrite", "writeOnceReadOnly")
MAX_MEMBERS = 100_000
"""Objects, parameters and arguments of one document at most."""

_NAME = r"[A-Za-z_][\w\-]*"
_OBJECT = re.compile(rf"({_NAME}\.(\{{i\}}\.)?)+\Z")
_PARAMETER = re.compile(rf"{_NAME}\Z")
_COMMAND = re.compile(rf"{_NAME}\(\)\Z")
_EVENT = re.compile(rf"{_NAME}!\Z")


@dataclass
class Model:
    """What one document says. ``syntaxes`` are the distinct ones; rows refer to them by position."""

    row: ModelRow
    root: str
    types: dict[str, Syntax]
    objects: list[ObjectRow] = field(default_factory=list)
    syntaxes: dict[Syntax, int] = field(default_factory=dict)


def read_model(file: Path) -> Model:
    """Read the model of one full document. Raises BadModel with file, line and what is wrong."""
    return model_of(read_document(file))


def model_of(document: Document) -> Model:
    """The one model of a document. Raises BadModel."""
    models = []
    for child in children(document.root):
        kind = local(child)
        if kind in ("import", "component"):
            raise document.error(child, f"<{kind}>: give the full (flattened) document, not one with imports")
        if kind == "model":
            models.append(child)
    if len(models) != 1:
        raise document.error(document.root, f"a document holds one model, this one {len(models)}")
    return _Reader(document, models[0]).model


class _Reader:
    def __init__(self, document: Document, element: etree._Element) -> None:
        self.document = document
        self.members = 0
        name = document.attribute(element, "name")
        if not re.fullmatch(rf"{_NAME}:\d+(\.\d+)*", name):
            raise document.error(element, f"{name!r} is no name of a model: write it like Device:2.19")
        service = document.flag(element, "isService")
        spec, file = document.root.get("spec", ""), document.root.get("file", document.name)
        self.protocol = USP if "-usp" in spec or "-usp" in file else CWMP
        first = name.partition(":")[0]
        self.types = Types(document, f"{first}.{{i}}." if service else f"{first}.")
        profiles = tuple(self._profile(child) for child in children(element) if local(child) == "profile")
        row = ModelRow(name, "usp" if self.protocol == USP else "cwmp", file, spec, service, profiles)
        self.model = Model(row, first, self.types.named)
        self._read(element, service)

    def _read(self, element: etree._Element, service: bool) -> None:
        loose: list[ParameterRow] = []
        seen: set[str] = set()
        for child in children(element):
            kind = local(child)
            if kind == "object":
                made = self._object(child)
                if made.path in seen:
                    raise self.document.error(child, f"the object {made.path} is defined twice")
                seen.add(made.path)
                self.model.objects.append(made)
            elif kind == "parameter":
                loose.append(self._parameter(child, "", ""))
            elif kind not in ("description", "profile"):
                raise self.document.error(child, f"<{kind}> has no place in a model")
        if loose:
            # A service's count of instances stands beside its object, not in one.
            if not service:
                raise self.document.error(element, f"the parameter {loose[0].name} is in no object")
            holder = ObjectRow("", "readOnly", 1, 1, (), "", "", "", "", False, "", "current", self.protocol)
            self.model.objects.insert(0, replace(holder, parameters=tuple(loose)))

    def _object(self, element: etree._Element) -> ObjectRow:
        document = self.document
        path = document.attribute(element, "name")
        self._count(element)
        if not _OBJECT.match(path) or path.split(".", 1)[0] != self.model.root:
            raise document.error(element, f"{path!r} is no object of {self.model.row.name}")
        since = element.get("version", "")
        keys: list[KeyRow] = []
        parameters: list[ParameterRow] = []
        commands: list[CommandRow] = []
        events: list[EventRow] = []
        for child in children(element):
            kind = local(child)
            if kind == "parameter":
                parameters.append(self._parameter(child, path, since))
            elif kind == "uniqueKey":
                keys.append(self._key(child))
            elif kind == "command":
                commands.append(self._command(child, path, since))
            elif kind == "event":
                events.append(self._event(child, path, since))
            elif kind != "description":
                raise document.error(child, f"<{kind}> has no place in an object")
        names = [p.name for p in parameters] + [c.name for c in commands] + [e.name for e in events]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise document.error(element, f"{path}{twice} is defined twice")
        known = {parameter.name for parameter in parameters}
        for key in keys:
            missing = [name for name in key.parameters if name not in known and "." not in name]
            if missing:
                raise document.error(element, f"a unique key of {path} names {missing[0]}, which is no parameter of it")
        return ObjectRow(
            path if self.model.row.service else path.partition(".")[2],
            document.choice(element, "access", ACCESS, "readOnly"),
            self._low(element),
            document.number(element, "maxEntries", 1),
            tuple(keys),
            element.get("numEntriesParameter", ""),
            element.get("enableParameter", ""),
            element.get("discriminatorParameter", ""),
            element.get("mountType", ""),
            report_flag(element, "fixedObject"),
            since,
            document.choice(element, "status", STATUSES, "current"),
            self.protocol,
            tuple(parameters),
            tuple(commands),
            tuple(events),
        )

    def _parameter(self, element: etree._Element, owner: str, since: str) -> ParameterRow:
        document = self.document
        self._count(element)
        name = self._named(element, _PARAMETER, "parameter")
        syntax, default = self._syntax(element, owner)
        return ParameterRow(
            name,
            syntax,
            document.choice(element, "access", ACCESS, "readOnly"),
            element.get("version", since),
            document.choice(element, "status", STATUSES, "current"),
            element.get("activeNotify", "normal"),
            document.flag(element, "forcedInform"),
            *default,
            self.protocol,
        )

    def _syntax(self, element: etree._Element, owner: str) -> tuple[int, tuple[str, str]]:
        """(position of the syntax, (default type, default)) of a parameter or argument."""
        found = [child for child in children(element) if local(child) == "syntax"]
        if len(found) != 1:
            raise self.document.error(element, f"{element.get('name')} needs one <syntax>, it has {len(found)}")
        syntax = self.types.syntax(found[0], owner)
        kind, default = self.types.default(found[0])
        if syntax.list is not None and default.startswith("[") and default.endswith("]"):
            default = default[1:-1]  # the documents write a list's default in brackets (TR-106 A.2.2.1)
        known = self.model.syntaxes
        return known.setdefault(syntax, len(known)), (kind, default)

    def _key(self, element: etree._Element) -> KeyRow:
        names = [self.document.attribute(child, "ref") for child in children(element) if local(child) == "parameter"]
        if not names:
            raise self.document.error(element, "a <uniqueKey> names no parameter")
        return KeyRow(self.document.flag(element, "functional", True), tuple(names))

    def _command(self, element: etree._Element, owner: str, since: str) -> CommandRow:
        name = self._named(element, _COMMAND, "command")
        since = element.get("version", since)
        parts = {"input": ArgumentsRow(), "output": ArgumentsRow()}
        for child in children(element):
            kind = local(child)
            if kind in parts:
                parts[kind] = self._arguments(children(child), f"{owner}{name}.", since)
            elif kind != "description":
                raise self.document.error(child, f"<{kind}> has no place in a command")
        return CommandRow(
            name,
            self.document.flag(element, "async"),
            since,
            self.document.choice(element, "status", STATUSES, "current"),
            self.protocol,
            parts["input"],
            parts["output"],
        )

    def _event(self, element: etree._Element, owner: str, since: str) -> EventRow:
        name = self._named(element, _EVENT, "event")
        since = element.get("version", since)
        return EventRow(
            name,
            since,
            self.document.choice(element, "status", STATUSES, "current"),
            self.protocol,
            self._arguments(children(element), f"{owner}{name}.", since),
        )

    def _arguments(self, elements: Iterable[etree._Element], owner: str, since: str, below: str = "") -> ArgumentsRow:
        """Arguments and argument objects; objects are named from the command (``Result.{i}.Hop.{i}.``)."""
        arguments: list[ArgumentRow] = []
        objects: list[ArgumentObjectRow] = []
        for child in elements:
            kind = local(child)
            version = child.get("version", since)
            if kind == "parameter":
                self._count(child)
                syntax, default = self._syntax(child, owner)
                arguments.append(
                    ArgumentRow(
                        below + self._named(child, _PARAMETER, "argument"),
                        syntax,
                        self.document.flag(child, "mandatory"),
                        version,
                        self.document.choice(child, "status", STATUSES, "current"),
                        *default,
                    )
                )
            elif kind == "object":
                self._count(child)
                path = below + self._named(child, _OBJECT, "argument object")
                inner = list(children(child))
                keys = tuple(self._key(key) for key in inner if local(key) == "uniqueKey")
                objects.append(
                    ArgumentObjectRow(
                        path, self._low(child), self.document.number(child, "maxEntries", 1), keys, version
                    )
                )
                nested = self._arguments(
                    (part for part in inner if local(part) != "uniqueKey"), f"{owner}{path}", version, path
                )
                arguments += nested.arguments
                objects += nested.objects
            elif kind != "description":
                raise self.document.error(child, f"<{kind}> has no place among arguments")
        return ArgumentsRow(tuple(arguments), tuple(objects))

    def _profile(self, element: etree._Element) -> ProfileRow:
        return ProfileRow(
            self.document.attribute(element, "name"),
            element.get("version", ""),
            self.document.choice(element, "status", STATUSES, "current"),
        )

    def _low(self, element: etree._Element) -> int:
        low = self.document.number(element, "minEntries", 1)
        high = self.document.number(element, "maxEntries", 1)
        if low is None or low < 0 or (high is not None and low > high):
            raise self.document.error(element, "minEntries is above maxEntries, or no count")
        return low

    def _named(self, element: etree._Element, pattern: re.Pattern[str], what: str) -> str:
        name = self.document.attribute(element, "name")
        if not pattern.match(name):
            raise self.document.error(element, f"{name!r} is no name of a {what}")
        return name

    def _count(self, element: etree._Element) -> None:
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise self.document.error(element, f"more than {MAX_MEMBERS} objects, parameters and arguments")

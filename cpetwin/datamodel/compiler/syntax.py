"""Types of values: primitive types, named data types with their bases, and the facets that bound both."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree
from msgspec.structs import replace

from ..facts import Item, ListOf, Range, Reference, Size, Syntax
from .document import Document, children, local

PRIMITIVES = frozenset(
    ("base64", "boolean", "dateTime", "decimal", "hexBinary", "int", "long", "string", "unsignedInt", "unsignedLong")
)
"""Types with lexical forms of their own (TR-106 table 3)."""

STATUSES = ("current", "deprecated", "obsoleted", "deleted")
MAX_BASES = 8
"""Data types derived from each other at most."""


class Types:
    """The named data types of one document; resolved when asked for, so their order does not matter.

    ``root`` is the object that references with a leading dot start from (``Device.``, ``VoiceService.{i}.``).
    """

    def __init__(self, document: Document, root: str) -> None:
        self.document = document
        self.root = root
        self.named: dict[str, Syntax] = {}
        self._elements: dict[str, etree._Element] = {}
        for element in children(document.root):
            if local(element) == "dataType":
                name = document.attribute(element, "name")
                if name in self._elements:
                    raise document.error(element, f"the data type {name} is defined twice")
                self._elements[name] = element
        for name, element in self._elements.items():
            self._named(name, element, ())

    def syntax(self, element: etree._Element, owner: str) -> Syntax:
        """A <syntax> element; ``owner`` is the object that relative references start from. Raises BadModel."""
        document = self.document
        found = self._typed(element, owner, ())
        if found is None:
            raise document.error(element, "<syntax> names no type")
        return replace(
            found,
            hidden=document.flag(element, "hidden"),
            secured=document.flag(element, "secured"),
            command=document.flag(element, "command"),
        )

    def default(self, element: etree._Element) -> tuple[str, str]:
        """(type, value) of the <default> of a <syntax>, two empty texts without one. Deleted ones count as none."""
        for child in children(element):
            if local(child) == "default" and child.get("status", "current") != "deleted":
                return self.document.attribute(child, "type"), child.get("value", "")
        return "", ""

    def _named(self, name: str, at: etree._Element, below: tuple[str, ...]) -> Syntax:
        known = self.named.get(name)
        if known is not None:
            return known
        element = self._elements.get(name)
        if element is None:
            raise self.document.error(at, f"there is no data type {name}")
        if name in below or len(below) >= MAX_BASES:
            raise self.document.error(element, f"the data type {name} is derived from itself or too deeply")
        base = element.get("base")
        if base is not None:
            start = self._named(base, element, (*below, name))
            facets = [child for child in children(element) if local(child) != "description"]
            found: Syntax | None = self._bounded(start, facets, "")
        else:
            found = self._typed(element, "", (*below, name))
        if found is None:
            raise self.document.error(element, f"the data type {name} has neither a base nor a type")
        found = replace(found, types=(name, *found.types))
        self.named[name] = found
        return found

    def _typed(self, element: etree._Element, owner: str, below: tuple[str, ...]) -> Syntax | None:
        """``<list/>? <type>facets</type> <default/>?``"""
        list_of: ListOf | None = None
        found: Syntax | None = None
        for child in children(element):
            kind = local(child)
            if kind in ("description", "default"):
                continue
            if kind == "list":
                list_of = self._list(child)
            elif found is not None:
                raise self.document.error(child, f"<{kind}>: there is a type already")
            elif kind == "dataType":
                name = child.get("ref") or child.get("base") or ""
                found = self._bounded(self._named(name, child, below), children(child), owner)
            elif kind in PRIMITIVES:
                found = self._bounded(Syntax(kind), children(child), owner)
            else:
                raise self.document.error(child, f"<{kind}> is no type")
        if found is not None and list_of is not None:
            # A list of a type that is a list itself: the outer bounds are those of the whole value.
            found = replace(found, list=list_of)
        return found

    def _list(self, element: etree._Element) -> ListOf:
        document = self.document
        facets = [child for child in children(element) if local(child) != "description"]
        for facet in facets:
            if local(facet) != "size":
                raise document.error(facet, f"<{local(facet)}> cannot bound a list")
        return ListOf(
            tuple(self._size(facet) for facet in facets if facet.get("status") != "deleted"),
            document.number(element, "minItems", 0) or 0,
            document.number(element, "maxItems", None),
            element.get("nestedBrackets", ""),
        )

    def _bounded(self, start: Syntax, facets: Iterable[etree._Element], owner: str) -> Syntax:
        """``start`` with facets; a kind of facet given here replaces the inherited ones of that kind."""
        ranges: list[Range] = []
        sizes: list[Size] = []
        patterns: list[str] = []
        items: list[Item] = []
        units, reference = start.units, start.reference
        for facet in facets:
            kind = local(facet)
            if kind == "description" or (facet.get("status") == "deleted" and kind != "enumeration"):
                continue
            if kind == "range":
                ranges.append(self._range(facet))
            elif kind == "size":
                sizes.append(self._size(facet))
            elif kind == "pattern":
                patterns.append(facet.get("value", ""))
            elif kind == "enumeration":
                items.append(self._item(facet))
            elif kind == "units":
                units = self.document.attribute(facet, "value")
            elif kind in ("pathRef", "enumerationRef"):
                reference = self._reference(facet, owner)
            else:
                raise self.document.error(facet, f"<{kind}> is no facet")
        return replace(
            start,
            ranges=tuple(ranges) or start.ranges,
            sizes=tuple(sizes) or start.sizes,
            patterns=tuple(patterns) or start.patterns,
            enumeration=tuple(items) or start.enumeration,
            units=units,
            reference=reference,
        )

    def _range(self, facet: etree._Element) -> Range:
        number = self.document.number
        low, high = number(facet, "minInclusive", None), number(facet, "maxInclusive", None)
        if low is not None and high is not None and low > high:
            raise self.document.error(facet, f"the range {low} to {high} is empty")
        return Range(low, high, number(facet, "step", None))

    def _size(self, facet: etree._Element) -> Size:
        number = self.document.number
        low, high = number(facet, "minLength", 0) or 0, number(facet, "maxLength", None)
        if low < 0 or (high is not None and low > high):
            raise self.document.error(facet, f"the size {low} to {high} is empty")
        return Size(low, high)

    def _item(self, facet: etree._Element) -> Item:
        if facet.get("value") is None:
            raise self.document.error(facet, "<enumeration> needs the attribute value")
        return Item(
            facet.get("value", ""),
            self.document.choice(facet, "access", ("readOnly", "readWrite"), "readWrite"),
            self.document.flag(facet, "optional"),
            self.document.choice(facet, "status", STATUSES, "current"),
            self.document.number(facet, "code", None),
            facet.get("version", ""),
        )

    def _reference(self, facet: etree._Element, owner: str) -> Reference:
        if local(facet) == "enumerationRef":
            target = self.document.attribute(facet, "targetParam")
            return Reference("enumeration", (self._absolute(facet, target, owner),), null_value=facet.get("nullValue"))
        return Reference(
            "path",
            tuple(self._absolute(facet, target, owner) for target in facet.get("targetParent", "").split()),
            self.document.choice(facet, "refType", ("strong", "weak"), "weak"),
            self.document.choice(facet, "targetType", ("any", "parameter", "object", "single", "table", "row"), "any"),
        )

    def _absolute(self, facet: etree._Element, path: str, owner: str) -> str:
        """A reference as a template below the root (TR-106 A.2.3.4): ``.`` root, ``#`` one object up, else here.

        Instances and their table are one object for ``#``.
        """
        if path.startswith("."):
            return self.root + path[1:]
        ups = len(path) - len(path.lstrip("#"))
        rest = path[ups:].removeprefix(".")
        if ups == 0 and (path.startswith((self.root, "Device.", "InternetGatewayDevice."))):
            return path
        segments = owner.rstrip(".").split(".")
        for _ in range(ups):
            if segments and segments[-1] == "{i}":
                segments.pop()
            if len(segments) < 2:
                raise self.document.error(facet, f"{path} leads above the root")
            segments.pop()
        return ".".join(segments) + "." + rest

"""A device's parameters as they read at one moment: the shared tree, the device's own memory, and physics.

The order of precedence for a value is: what was written, what physics says, what the dump says.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..datamodel import is_secret
from .memory import Memory
from .physics import Moment, Rows, rules_of
from .trees import Leaf, Tree
from .wire import name_struct, value_struct

_NO_ROWS = Rows()
_GUEST = ".AssociatedDevice."
_COUNTED = ("NumberOfEntries", "TotalAssociations")
_RULED = (".Channel", ".Status")
"""Leaves where physics answers even after a write; it takes the written value into account."""


class View:
    """``moment`` is None for a frozen device: then the tree answers exactly the dump and what was written."""

    def __init__(self, tree: Tree, memory: Memory, moment: Moment | None) -> None:
        self.tree = tree
        self.memory = memory
        self.moment = moment
        self._rules = rules_of(tree) if moment is not None else {}

    @property
    def rows(self) -> Rows:
        return self.moment.rows if self.moment is not None else _NO_ROWS

    def _gone(self, path: str) -> bool:
        if self.memory.gone and path.startswith(tuple(self.memory.gone)):
            return True
        return _GUEST in path and path.startswith(tuple(self.rows.hidden))

    def leaf(self, path: str) -> Leaf | None:
        """The parameter at a path, or None. Written credentials read as empty (TR-069 A.3.2.2)."""
        base = self.tree.leaves.get(path)
        if base is not None:
            return None if self._gone(path) else self._now(path, base)
        added = self.memory.added.get(path)
        if added is not None:
            return self._now(path, Leaf("", *added))
        return self.rows.leaves.get(path)

    def _now(self, path: str, base: Leaf) -> Leaf:
        rule = self._rules.get(path)
        written = self.memory.values.get(path)
        if rule is not None and self.moment is not None and (written is None or path.endswith(_RULED)):
            return base._replace(text=rule(self.moment, path, base))
        if written is not None:
            return base._replace(text="" if is_secret(path) else written)
        if not path.endswith(_COUNTED):
            return base
        count = self.rows.counts.get(path)
        return base if count is None else base._replace(text=count)

    def object(self, path: str) -> bool | None:
        """Whether the object at a path (with its final dot) is writable; None when there is no such object."""
        for known in (self.memory.objects, self.rows.objects):
            if path in known:
                return known[path]
        if path not in self.tree.objects or self._gone(path):
            return None
        return self.tree.objects[path]

    def leaves(self, prefix: str) -> Iterator[str]:
        """Paths of all parameters below an object."""
        hidden = (*self.memory.gone, *self.rows.hidden)
        for path in self.tree.below(prefix):
            if not hidden or not path.startswith(hidden):
                yield path
        for extra in (self.memory.added, self.rows.leaves):
            yield from (path for path in extra if path.startswith(prefix))

    def objects(self, prefix: str) -> Iterator[str]:
        """Paths of all objects below an object, itself included."""
        hidden = (*self.memory.gone, *self.rows.hidden)
        for path in self.tree.objects_below(prefix):
            if not hidden or not path.startswith(hidden):
                yield path
        for extra in (self.memory.objects, self.rows.objects):
            yield from (path for path in extra if path.startswith(prefix))

    def value_xml(self, path: str) -> str | None:
        """The parameter as a ParameterValueStruct; None when it does not exist."""
        leaf = self.leaf(path)
        if leaf is None:
            return None
        if leaf is self.tree.leaves.get(path):
            return self.tree.value_xml[path]
        return value_struct(path, leaf.text, leaf.type)

    def values_xml(self, prefix: str) -> Iterator[str]:
        """All parameters below an object as ParameterValueStructs; what equals the dump is rendered only once."""
        rules, written, counts = self._rules, self.memory.values, self.rows.counts
        ready = self.tree.value_xml
        for path in self.leaves(prefix):
            xml = None if path in rules or path in written or path in counts else ready.get(path)
            if xml is None:
                xml = self.value_xml(path)
            if xml is not None:
                yield xml

    def name_xml(self, path: str) -> str:
        """An existing parameter or object as a ParameterInfoStruct."""
        known = self.tree.name_xml.get(path)
        if known is not None:
            return known
        if path.endswith("."):
            return name_struct(path, bool(self.object(path)))
        leaf = self.leaf(path)
        return name_struct(path, leaf is not None and leaf.writable)

"""Snapshot: a twin as expressions see it, put together from a tree and a few look-ups."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..columns import Cell
from ..matching import Tree, resolve
from ..path import Pattern
from ..value import Value


def _unknown(name: str) -> None:
    return None


class Snapshot:
    """A ``Subject``. What is not given is missing.

    ``column`` knows the cells; ``age`` the seconds since one parameter was last known (None: never);
    ``desired`` what is wanted of one.
    """

    def __init__(
        self,
        tree: Tree,
        column: Callable[[str], Cell] = _unknown,
        age: Callable[[str], float | None] = _unknown,
        desired: Callable[[str], Value | None] = _unknown,
    ) -> None:
        self._tree = tree
        self._age = age
        self.column = column
        self.value = tree.value
        self.desired = desired

    def rows(self, pattern: Pattern) -> Sequence[str]:
        return resolve(pattern, self._tree)

    def age(self, path: str) -> float | None:
        """The age of an object is that of its oldest leaf; leaves that were never read do not count."""
        if not path.endswith("."):
            return self._age(path)
        return max((age for leaf in self._tree.below(path) if (age := self._age(leaf)) is not None), default=None)

"""Twin: the device as we know it, assembled from document, overlay and the values of the last Inform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

from .document import Document
from .layout import EMPTY, natural
from .overlay import UNKNOWN, Overlay, Ref
from .store.base import Change, Parameter


class LastInform(NamedTuple):
    """The parameters of the last Inform and when it came (ms). They are newer than document and overlay."""

    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    texts: Sequence[str] = ()
    at: int = 0


NO_DOCUMENT = Document(EMPTY, [], [], {})


class Twin:
    """All parameters of one device. Values win in the order: last Inform, overlay, document."""

    def __init__(
        self,
        revision: int,
        document: Document | None,
        overlay: Overlay,
        inform: LastInform,
        path_text: Callable[[Ref], str],
        first_seen: int = 0,
    ) -> None:
        self._revision = revision
        self._first_seen = first_seen
        self._document = document or NO_DOCUMENT
        self._overlay = overlay
        self._inform = inform
        self._path_text = path_text
        self._changed = {path_text(ref): value for ref, value in overlay.values.items()}
        self._informed = {name: position for position, name in enumerate(inform.names)}

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def first_seen(self) -> int:
        """When the whole tree had first been read (ms), 0 while it has not."""
        return self._first_seen

    @property
    def document(self) -> Document:
        return self._document

    @property
    def overlay(self) -> Overlay:
        return self._overlay

    @property
    def inform(self) -> LastInform:
        return self._inform

    @property
    def changed(self) -> Mapping[str, tuple[str, int, str]]:
        """The overlay by path: (text, time ms, type or "")."""
        return self._changed

    def values(self) -> dict[str, str]:
        """path -> text of every value that was read, in no particular order."""
        document = self._document
        everything = dict(zip(document.layout.paths, document.values, strict=True))
        for path, (text, _, _) in self._changed.items():
            everything[path] = text
        everything.update(zip(self._inform.names, self._inform.texts, strict=True))
        if None in everything.values():
            return {path: text for path, text in everything.items() if text is not None}
        return cast("dict[str, str]", everything)

    def paths(self) -> list[str]:
        """Every known parameter path in natural order."""
        layout = self._document.layout
        others = {path for path in (*self._changed, *self._informed) if path not in layout.index}
        return sorted([*layout.ordered, *others], key=natural) if others else list(layout.ordered)

    def get(self, path: str) -> Parameter | None:
        """One parameter, or None when the device is not known to have it."""
        document = self._document
        position = document.layout.index.get(path)
        text, type_, writable, at, source = None, "", False, 0, "document"
        if position is not None:
            type_, writable = document.layout.attributes[position]
            group = document.layout.numbers[position]
            text = document.values[position]
            at = max(document.exceptions.get(position, document.times[group]), self._overlay.ages.get(group, 0))
        change = self._changed.get(path)
        if change is not None:
            text, at, source = change[0], change[1], "overlay"
            type_ = change[2] or type_
        informed = self._informed.get(path)
        if informed is not None:
            text, source = self._inform.texts[informed], "inform"
            type_ = self._inform.types[informed] or type_
            at = max(at, self._inform.at)
        if position is None and change is None and informed is None:
            return None
        return Parameter(path, text, type_, writable, at if text is not None else 0, source)

    def parameters(self, under: str = "") -> list[Parameter]:
        """All parameters whose path begins with ``under``, in natural order."""
        document = self._document
        columns = zip(
            document.layout.paths,
            document.values,
            document.layout.attributes,
            document.seen(self._overlay.ages),
            strict=True,
        )
        found = {
            path: Parameter(path, text, type_, writable, at if text is not None else 0, "document")
            for path, text, (type_, writable), at in columns
            if path.startswith(under)
        }
        for path in (*self._changed, *self._informed):
            if path.startswith(under) and (parameter := self.get(path)) is not None:
                found[path] = parameter
        if len(found) < len(document.values) // 2:
            return [found[path] for path in sorted(found, key=natural)]
        return [found[path] for path in self.paths() if path in found]

    def objects(self, under: str = "") -> dict[str, bool]:
        """Object path -> whether AddObject (a table) or DeleteObject (a row) is allowed."""
        return {path: w for path, w in self._document.layout.objects.items() if path.startswith(under)}

    def recent_changes(self) -> list[Change]:
        """The unpacked log as history: old values resolved by replay, entries that changed nothing left out."""
        index, values = self._document.layout.index, self._document.values
        current: dict[str, str | None] = {}
        changes: list[Change] = []
        for at, ref, old, new, cause in self._overlay.log:
            path = self._path_text(ref)
            if path in current:
                before = current[path]
            elif old == UNKNOWN:
                position = index.get(path)
                before = values[position] if position is not None else None
            else:
                before = old if isinstance(old, str) else None
            current[path] = new
            if before != new:
                changes.append(Change(at, path, before, new, cause))
        return changes

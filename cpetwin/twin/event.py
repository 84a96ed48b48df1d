"""Event: an immutable fact in the log, ordered per device, read with an opaque cursor."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True):
    """``kind`` is a dotted word such as ``session``, ``boot``, ``values``, ``command.done``.

    ``revision`` is that of the twin after the fact; ``detail`` holds plain JSON values.
    """

    device: str
    revision: int
    at: int
    kind: str
    detail: dict[str, object] = {}

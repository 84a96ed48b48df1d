"""One native parameter behind a Device:2 parameter."""

from __future__ import annotations

from typing import NamedTuple

from .table import Mapped, Parsed


class Source(NamedTuple):
    """``shown`` is the Device:2 path; ``item`` the position in a native list that becomes several rows."""

    mapped: Mapped
    parsed: Parsed
    shown: str
    item: int = 0

    @property
    def path(self) -> str:
        """The native path."""
        return self.parsed.path

"""Scanner: a position in a text that is being parsed, and errors that name it."""

from __future__ import annotations

import re

from ..errors import BadInput

_SHOWN = 60
"""Characters of the text shown on either side of an error."""
_FOUND = re.compile(r'[\w.\-]+|"[^"]{0,20}"?|[&|=<>!~]+|.', re.DOTALL)
BLANKS = re.compile(r"[ \t\r\n]*")


def wrong(at: int, sentence: str, hint: str = "") -> BadInput:
    """An error about the character at offset ``at`` (people count from 1)."""
    return BadInput(f"at character {at + 1}: {sentence}", hint)


class Scanner:
    """``text`` is read from ``at`` on; nothing before ``at`` is looked at again."""

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    @property
    def next(self) -> str:
        """The next character, empty at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """What matches here, and step over it; None (and stay) when nothing does."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def skip(self, literal: str) -> bool:
        """Step over ``literal`` if it stands here."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def blanks(self) -> None:
        self.take(BLANKS)

    def expected(self, what: str, hint: str = "") -> BadInput:
        """The error that something else was expected here."""
        match = _FOUND.match(self.text, self.at)
        found = repr(match[0][:40]) if match else "the end"
        begin, end = max(0, self.at - _SHOWN), self.at + _SHOWN
        shown = "..." * (begin > 0) + self.text[begin:end] + "..." * (end < len(self.text))
        return wrong(self.at, f"expected {what}, found {found} in {shown!r}", hint)

"""Conditions on one twin: ``PATH == VALUE`` joined by ``&&``.

VALUE is a string in double quotes (with ``\\"`` and ``\\\\``) or a bare word such as ``6`` or ``true``.
A missing value makes a comparison false. This is the small form that stored commands carry on native paths;
``Expression`` is the whole language.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ...errors import BadInput
from ..path import Path
from ..value import Value, same_value

MAX_EXPRESSION = 4096
"""Longest expression in characters."""

_COMPARISON = re.compile(
    r"\s*(?P<path>[A-Za-z][\w.\-]*)\s*==\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s\"&|=<>!()]+))\s*"
)
_ESCAPE = re.compile(r"\\(.)")

Lookup = Callable[[str], Value | None]


class Comparison(NamedTuple):
    path: str
    expected: str

    def holds(self, lookup: Lookup) -> bool:
        value = lookup(self.path)
        return value is not None and same_value(value.text, self.expected, value.type)


class Condition(NamedTuple):
    """All comparisons must hold."""

    comparisons: tuple[Comparison, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The parameters that must be known to evaluate it."""
        return tuple(dict.fromkeys(comparison.path for comparison in self.comparisons))

    def failing(self, lookup: Lookup) -> Comparison | None:
        """The first comparison that does not hold, None when the condition does."""
        return next((c for c in self.comparisons if not c.holds(lookup)), None)


def parse_condition(text: str) -> Condition:
    """Parse an expression; an empty one always holds. Raises BadInput with the position and what was expected."""
    if len(text) > MAX_EXPRESSION:
        raise BadInput(f"an expression has at most {MAX_EXPRESSION} characters")
    comparisons: list[Comparison] = []
    position = 0
    while text.strip():
        match = _COMPARISON.match(text, position)
        if match is None:
            raise BadInput(
                f"at character {position + 1} of {text!r}: expected PATH == VALUE",
                'write it like Device.WiFi.Radio.1.Channel == 6 && Device.WiFi.SSID.1.SSID == "home"',
            )
        quoted = match["quoted"]
        expected = _ESCAPE.sub(r"\1", quoted) if quoted is not None else match["bare"]
        comparisons.append(Comparison(Path.parse(match["path"]).text, expected))
        position = match.end()
        if position == len(text):
            break
        if not text.startswith("&&", position):
            raise BadInput(f"at character {position + 1} of {text!r}: expected && or the end")
        position += 2
    return Condition(tuple(comparisons))

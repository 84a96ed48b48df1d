"""What Device:2 is: paths, values and which of them are secret.

This room imports nothing of ours. The compiled schema, the path grammar with expressions and the
TR-098 view join it later; today it holds the words that every other room speaks.
"""

from .expression import Condition, parse_condition
from .path import MAX_PATH, ROOTS, Path, root_of, template_of
from .secrets import MASK, is_secret
from .value import XSD_TYPES, Value, same_value
from .volatile import is_volatile

__all__ = [
    "MASK",
    "MAX_PATH",
    "ROOTS",
    "XSD_TYPES",
    "Condition",
    "Path",
    "Value",
    "is_secret",
    "is_volatile",
    "parse_condition",
    "root_of",
    "same_value",
    "template_of",
]

"""Fleet expressions: one language for list, query, watch, plans, groups and policies.

``Expression.parse(text)`` reads and checks one against the columns and, where given, a schema. It is evaluated on
a twin through ``Subject``, and ``to_sql`` compiles what the store's columns can answer. ``ast`` is the tree,
``parser`` and ``canonical`` read and write it, ``check`` knows names and types, ``cells`` what a column's
constants mean. ``Condition`` is the older, smaller form on native paths only.
"""

from .ast import ALWAYS, Node
from .canonical import canonical
from .check import SchemaEntry, SchemaLookup, check
from .condition import Condition, parse_condition
from .evaluate import Predicate, Subject, predicate
from .expression import Expression
from .parser import MAX_EXPRESSION, parse
from .snapshot import Snapshot
from .sql import Compiled, SqlColumn, to_sql

__all__ = [
    "ALWAYS",
    "MAX_EXPRESSION",
    "Compiled",
    "Condition",
    "Expression",
    "Node",
    "Predicate",
    "SchemaEntry",
    "SchemaLookup",
    "Snapshot",
    "SqlColumn",
    "Subject",
    "canonical",
    "check",
    "parse",
    "parse_condition",
    "predicate",
    "to_sql",
]

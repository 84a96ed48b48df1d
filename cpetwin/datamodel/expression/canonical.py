"""Writing a tree as text, always the same way: for plan hashes, explanations and errors. It parses to the same tree."""

from __future__ import annotations

from ..comparing import Constant
from .ast import And, Call, ColumnRef, Comparison, Exists, Node, Not, Operand, Or, PathRef, Truth


def canonical(node: Node | Operand) -> str:
    """The text of a tree, or of one operand: blanks around operators, no needless parentheses."""
    if isinstance(node, And):
        return " && ".join(f"({canonical(part)})" if isinstance(part, Or) else canonical(part) for part in node.parts)
    if isinstance(node, Or):
        return " || ".join(map(canonical, node.parts))
    if isinstance(node, Not):
        plain = isinstance(node.part, (Truth, Exists, Not))
        return "!" + canonical(node.part) if plain else f"!({canonical(node.part)})"
    if isinstance(node, Comparison):
        values = ", ".join(map(constant, node.constants))
        return f"{canonical(node.left)} {node.op} " + (f"({values})" if node.op == "in" else values)
    if isinstance(node, Exists):
        return f"exists({canonical(node.operand)})"
    if isinstance(node, Truth):
        return canonical(node.operand)
    if isinstance(node, ColumnRef):
        return node.name
    if isinstance(node, PathRef):
        return node.pattern.text
    assert isinstance(node, Call)
    return f"{node.function}({node.pattern.text})"


def constant(value: Constant) -> str:
    """A constant as an expression writes it."""
    if value.kind != "text":
        return value.text
    return '"' + value.text.replace("\\", "\\\\").replace('"', '\\"') + '"'

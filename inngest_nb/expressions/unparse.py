"""A syntax tree as readable text, for people; waits are rebuilt from their stored text and event, never from this."""

from __future__ import annotations

import json

from inngest_nb.expressions.nodes import Call, Choice, Const, Fold, Glued, Has, Ident, ListOf, Logic, MapOf, Node, Path
from inngest_nb.expressions.values import UInt, go_text


def unparse(node: Node) -> str:
    """The text of a tree, with parentheses where they help."""
    match node:
        case Const(value=value):
            return literal(value)
        case Glued(text=text):
            return text
        case Ident(name=name):
            return name
        case Path(base=base, quals=quals):
            return _inner(base) + "".join(f".{q}" if isinstance(q, str) else f"[{unparse(q)}]" for q in quals)
        case Has(path=path):
            return f"has({unparse(path)})"
        case Call():
            return _call(node)
        case Logic(is_or=is_or, terms=terms):
            return (" || " if is_or else " && ").join(map(_inner, terms))
        case Choice(test=test, then=then, other=other):
            return f"{_inner(test)} ? {_inner(then)} : {_inner(other)}"
        case ListOf(items=items):
            return f"[{', '.join(map(unparse, items))}]"
        case MapOf(pairs=pairs):
            return "{" + ", ".join(f"{unparse(key)}: {unparse(value)}" for key, value in pairs) + "}"
        case Fold(kind=kind, over=over, var=var, body=body, where=where):
            middle = f"{unparse(where)}, " if where is not None else ""
            return f"{_inner(over)}.{kind}({var}, {middle}{unparse(body)})"
    raise AssertionError(node)


def literal(value: object) -> str:
    """A value as it would be written."""
    if isinstance(value, UInt):
        return f"{value}u"
    if value is None or isinstance(value, (bool, str, int, float, list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return go_text(value)


def _inner(node: Node) -> str:
    text = unparse(node)
    compound = isinstance(node, (Logic, Choice)) or (
        isinstance(node, Call) and not node.name.isidentifier() and len(node.args) == 2
    )
    return f"({text})" if compound or (isinstance(node, Call) and node.name == "in") else text


def _call(node: Call) -> str:
    if node.name in ("!", "-") and len(node.args) == 1:
        return node.name + _inner(node.args[0])
    if node.name == "in" or not node.name.isidentifier():
        return f"{_inner(node.args[0])} {node.name} {_inner(node.args[1])}"
    args = list(map(unparse, node.args))
    if node.member:
        return f"{_inner(node.args[0])}.{node.name}({', '.join(args[1:])})"
    return f"{node.name}({', '.join(args)})"

"""How Inngest's server deviates from CEL when a function meets missing attributes, nulls and mixed types.

A call first looks at the types of its arguments. One known type: plain CEL. Two types: plain CEL, and where that fails
`+` joins texts. Anything missing or failed: a fixed answer for each operator, so that expressions over incomplete data
go on. Null in an ordering counts as the zero of the other side's type.
"""

from __future__ import annotations

from collections.abc import Sequence

from inngest_nb.expressions.functions import BINARY, Function
from inngest_nb.expressions.values import UNKNOWN, Failure, UInt, go_text, type_of

_ZEROS: dict[str, object] = {"int": 0, "uint": UInt(0), "double": 0.0, "string": ""}
_ORDERINGS = frozenset({"<", "<=", ">", ">="})


def call(name: str, function: Function, args: Sequence[object]) -> object:
    """The result of a function or operator in Inngest's dialect."""
    kinds = {type_of(arg) for arg in args}
    missing = "unknown" in kinds or "error" in kinds
    if len(kinds) == 1 and not missing:
        return function(*args)
    if len(kinds) == 2 and "unknown" not in kinds:
        result = _strict(function, args)
        if not isinstance(result, Failure):
            return result
        if name == "+":
            return "".join(map(go_text, args))
    if missing:
        if any(isinstance(arg, Failure) and arg.is_unbound for arg in args):
            return _strict(function, args)
        return _with_missing(name, args, has_null="null_type" in kinds)
    if "null_type" in kinds and len(args) == 2 and name in _ORDERINGS:
        return _ordered_with_null(name, args, (kinds - {"null_type"}).pop())
    return _strict(function, args)


def _strict(function: Function, args: Sequence[object]) -> object:
    for arg in args:
        if arg is UNKNOWN or isinstance(arg, Failure):
            return arg
    return function(*args)


def _with_missing(name: str, args: Sequence[object], *, has_null: bool) -> object:
    match name:
        case "+":
            return next((arg for arg in args if arg is not UNKNOWN), False)
        case "==":
            return has_null
        case "!=":
            return not has_null
        case "<" | "<=" | ">" | ">=":  # what is missing is less than anything
            first_is_missing = args[0] is UNKNOWN or isinstance(args[0], Failure)
            return first_is_missing == (name in ("<", "<="))
        case "size":
            return 0
    return False


def _ordered_with_null(name: str, args: Sequence[object], other_kind: str) -> object:
    zero = _ZEROS.get(other_kind)
    return BINARY[name](*(zero if arg is None else arg for arg in args))

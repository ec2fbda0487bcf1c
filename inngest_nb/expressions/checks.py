"""What registration says about an expression before any event arrives: unknown names, wrong types of literals, limits."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.expression import compiled
from inngest_nb.expressions.functions import CLOCK, FIELDS, TYPE_NAMES, known_names
from inngest_nb.expressions.lexer import fail
from inngest_nb.expressions.nodes import (
    Call,
    Choice,
    Const,
    Fold,
    Has,
    Ident,
    ListOf,
    Logic,
    MapOf,
    Node,
    Path,
    children,
)
from inngest_nb.expressions.values import type_of

DYN = "dyn"
_FORMS = """
! : bool -> bool
- : int -> int; double -> double; int int -> int; uint uint -> uint; double double -> double; time time -> span
- : time span -> time; span span -> span
* : int int -> int; uint uint -> uint; double double -> double
/ : int int -> int; uint uint -> uint; double double -> double
% : int int -> int; uint uint -> uint
in : dyn list -> bool; dyn map -> bool
size : string -> int; bytes -> int; list -> int; map -> int
contains : string string -> bool
startsWith : string string -> bool
endsWith : string string -> bool
matches : string string -> bool
lowercase : string -> string
uppercase : string -> string
b64decode : string -> string
json_parse : string -> dyn
date : dyn -> time
now : -> time
now_plus : string -> time
now_minus : string -> time
int : int -> int; uint -> int; double -> int; string -> int; time -> int; span -> int
uint : uint -> uint; int -> uint; double -> uint; string -> uint
double : double -> double; int -> double; uint -> double; string -> double
string : string -> string; bool -> string; int -> string; uint -> string; double -> string; bytes -> string
string : time -> string; span -> string
bytes : bytes -> bytes; string -> bytes
bool : bool -> bool; string -> bool
timestamp : time -> time; string -> time; int -> time
duration : span -> span; string -> span; int -> span
dyn : dyn -> dyn
type : dyn -> type
"""
_MEMBER_ONLY = frozenset({"contains", "startsWith", "endsWith", *FIELDS})
_EITHER = frozenset({"size", "matches"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_STRICT_CALLS = _COMPARISONS | {"!", "in", "int", "uint", "double"}
_CEL_TYPES = {"google.protobuf.Timestamp": "time", "google.protobuf.Duration": "span", "null_type": "null"}


def _forms() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    table: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for line in _FORMS.strip().splitlines():
        name, _, forms = line.partition(" : ")
        for form in forms.split(";"):
            args, _, result = form.partition("->")
            table.setdefault(name.strip(), []).append((tuple(args.split()), result.strip()))
    for name in FIELDS:
        spans = (
            ["time"] if name not in ("getHours", "getMinutes", "getSeconds", "getMilliseconds") else ["time", "span"]
        )
        table[name] = [*(((kind,), "int") for kind in spans), (("time", "string"), "int")]
    return table


_TABLE = _forms()


def check(text: str, *, variables: Collection[str], strict: bool = False) -> None:
    """Refuse what registration refuses; `strict` are the rules of cancel conditions (no macros, no function calls).

    Raises:
        ExpressionError: the message says what is wrong, what was expected, and shows where.
    """
    expression = compiled(text)
    for problem in expression.problems:
        raise fail(text, problem.at, problem.message)
    try:
        _Checker(text, frozenset(variables), strict=strict).kind(expression.node)
    except RecursionError:
        raise ExpressionError("an expression is nested too deeply for this stack") from None


class _Checker:
    def __init__(self, text: str, names: frozenset[str], *, strict: bool) -> None:
        self.text = text
        self.names = names
        self.strict = strict

    def error(self, node: Node, message: str) -> ExpressionError:
        return fail(self.text, node.at, message)

    def kind(self, node: Node) -> str:
        """The type that `node` must have, or dyn when only the event tells."""
        match node:
            case Const(value=value):
                return _CEL_TYPES.get(type_of(value), type_of(value))
            case Ident(name=name):
                return self.name(node, name)
            case Path() | Has():
                return self.path(node)
            case Call():
                return self.call(node)
            case Logic(terms=terms):
                return self.booleans(terms)
            case Choice(test=test, then=then, other=other):
                self.booleans((test,))
                return self.same(node, self.kind(then), self.kind(other))
            case Fold():
                return self.fold(node)
            case ListOf() | MapOf():
                for child in children(node):
                    self.kind(child)
                return "list" if isinstance(node, ListOf) else "map"
        raise AssertionError(node)

    def name(self, node: Node, name: str) -> str:
        if name in self.names:
            return DYN
        if name in TYPE_NAMES:
            return "type"
        known = sorted(name for name in self.names if name != "vars")
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise self.error(node, f"unknown name {name!r}, expected {' or '.join(known)}{hint}")

    def path(self, node: Path | Has) -> str:
        if isinstance(node, Has):
            if self.strict:
                raise self.error(node, "has() cannot be used in a cancel condition; compare with null instead")
            self.path(node.path)
            return "bool"
        base = self.kind(node.base)
        if base not in (DYN, "map", "list"):
            raise self.error(node, f"nothing can be selected from a {base}")
        for qualifier in node.quals:
            if isinstance(qualifier, Node):
                self.kind(qualifier)
        return DYN

    def booleans(self, terms: Iterable[Node]) -> str:
        for term in terms:
            found = self.kind(term)
            if found not in (DYN, "bool"):
                raise self.error(term, f"expected a condition, found a {found}")
        return "bool"

    def same(self, node: Node, then: str, other: str) -> str:
        if DYN in (then, other) or "null" in (then, other):
            return DYN
        if then != other:
            raise self.error(node, f"both results of ? : must have one type, these are {then} and {other}")
        return then

    def fold(self, node: Fold) -> str:
        if self.strict:
            raise self.error(node, f"{node.kind}() cannot be used in a cancel condition; use comparisons")
        over = self.kind(node.over)
        if over not in (DYN, "list", "map"):
            raise self.error(node, f"{node.kind}() goes over a list or a map, not a {over}")
        inner = _Checker(self.text, self.names | {node.var}, strict=self.strict)
        if node.where is not None:
            inner.booleans((node.where,))
        if node.kind == "map":
            inner.kind(node.body)
            return "list"
        inner.booleans((node.body,))
        return "list" if node.kind == "filter" else "bool"

    def call(self, node: Call) -> str:
        if self.strict and node.name not in _STRICT_CALLS:
            what = f"{node.name}()" if node.name.isidentifier() else f"the operator {node.name}"
            raise self.error(node, f"{what} cannot be used in a cancel condition; use comparisons, &&, || and !")
        args = [self.kind(arg) for arg in node.args]
        if node.name in _COMPARISONS:
            return "bool"
        if node.name == "+":
            return DYN
        forms = _TABLE.get(node.name)
        if forms is None:
            close = difflib.get_close_matches(node.name, known_names(), 1)
            raise self.error(
                node, f"unknown function {node.name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
            )
        self.spelling(node)
        fitting = [result for wanted, result in forms if _fits(wanted, args)]
        if not fitting:
            wanted = " or ".join(sorted({f"({', '.join(form)})" for form, _ in forms}))
            raise self.error(node, f"{node.name} takes {wanted}, found ({', '.join(args)})")
        return fitting[0] if len(set(fitting)) == 1 else DYN

    def spelling(self, node: Call) -> None:
        """Functions and methods are two spellings; most names have only one."""
        name = node.name
        if not name.isidentifier() or name == "in" or name in _EITHER or node.member == (name in _MEMBER_ONLY):
            return
        right = f"x.{name}(...)" if name in _MEMBER_ONLY else f"{name}({'' if name in CLOCK else 'x'})"
        raise self.error(node, f"{name} is written {right}")


def _fits(wanted: tuple[str, ...], found: list[str]) -> bool:
    return len(wanted) == len(found) and all(
        DYN in (want, have) or want == have for want, have in zip(wanted, found, strict=True)
    )

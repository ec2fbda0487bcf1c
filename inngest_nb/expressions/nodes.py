"""The syntax tree of an expression: small immutable values that the evaluator, the checker and the wait index read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Value = object  # what an expression can hold; see values.py


@dataclass(frozen=True, slots=True)
class Node:
    """Any part of an expression; `at` is where it begins in the text."""

    at: int


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A literal, or a value put in the place of `event.…` when a wait is bound."""

    value: Value


@dataclass(frozen=True, slots=True)
class Ident(Node):
    """A bare name, with nothing selected from it."""

    name: str


@dataclass(frozen=True, slots=True)
class Path(Node):
    """`base.a[1].b`: each qualifier is a field name, or a node for what stands in brackets."""

    base: Node
    quals: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Has(Node):
    """The macro `has(path.field)`."""

    path: Path


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function or operator; a receiver (`text.contains(x)`) is the first argument."""

    name: str
    args: tuple[Node, ...]
    member: bool = False


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`a && b && …` (is_or false) or `a || b || …`."""

    is_or: bool
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`test ? then : other`."""

    test: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    """`{k: v}`."""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Fold(Node):
    """A macro over a list or map: all, exists, exists_one, map or filter."""

    kind: str
    over: Node
    var: str
    body: Node
    where: Node | None = None  # the filter of the three-argument map


@dataclass(frozen=True, slots=True)
class Glued(Node):
    """Text such as `1.5.2` or `'it''s'`, which Inngest's evaluator takes for a name that is never there."""

    text: str


def children(node: Node) -> Iterator[Node]:
    """Every node directly inside `node`, left to right."""
    match node:
        case Path(base=base, quals=quals):
            yield base
            yield from (q for q in quals if isinstance(q, Node))
        case Has(path=path):
            yield path
        case Call(args=nodes) | Logic(terms=nodes) | ListOf(items=nodes):
            yield from nodes
        case Choice(test=test, then=then, other=other):
            yield from (test, then, other)
        case MapOf(pairs=pairs):
            for pair in pairs:
                yield from pair
        case Fold(over=over, body=body, where=where):
            yield over
            yield body
            if where is not None:
                yield where
        case _:
            return


def walk(node: Node) -> Iterator[Node]:
    """`node` and everything inside it, without recursion."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(children(current))

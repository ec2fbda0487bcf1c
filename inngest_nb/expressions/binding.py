"""Waits and cancellations: an expression whose `event.…` is known now, and whose `async.…` arrives later.

`bind` puts the values of the trigger event (values, never text) into the tree and works out what is then fixed. What
remains is matched against arriving events. As on Inngest's server, a missing `event.x` left of a comparison with
`async.y` compares `async.y` with null; anywhere else it stays missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.expression import Event, compiled, run
from inngest_nb.expressions.functions import CLOCK
from inngest_nb.expressions.nodes import Call, Choice, Const, Fold, Has, Ident, ListOf, Logic, MapOf, Node, Path, walk
from inngest_nb.expressions.program import Scope, Step, build, used_paths
from inngest_nb.expressions.unparse import unparse
from inngest_nb.expressions.values import UNKNOWN, Failure, adapt, is_truthy

#: (path below async, canonical value): an event can only match when its value there has this key.
Term = tuple[tuple[str, ...], object]

_NONE: frozenset[str] = frozenset()
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


class Bound:
    """The condition of one wait. Small until it is first matched, since most waits never are."""

    __slots__ = ("_compiled", "index_terms", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.index_terms: tuple[Term | None, ...] = _index_terms(node)
        self._compiled: tuple[Step, frozenset[tuple[str, ...]]] | None = None

    def __repr__(self) -> str:
        return f"Bound({self.residual!r})"

    @property
    def residual(self) -> str:
        """What is left to be matched, as readable text."""
        return unparse(self.node)

    @property
    def never(self) -> bool:
        """Whether no event can match any more."""
        return not _possible(self.node)

    def evaluate(self, async_event: Event, *, now_ns: Callable[[], int] = time.time_ns) -> object:
        """The value for an arriving event.

        Raises:
            ExpressionError: the evaluation fails.
        """
        if self._compiled is None:
            self._compiled = (build(self.node), used_paths(self.node))
        step, used = self._compiled
        return run(step, {"async": async_event}, used, now_ns, lambda: self.residual)

    def matches(self, async_event: Event) -> bool:
        """Whether an arriving event satisfies the wait; a failing evaluation does not."""
        try:
            return self.evaluate(async_event) is True
        except ExpressionError:
            return False


def bind(text: str | None, event: Event) -> Bound:
    """The condition `text` of a wait whose run was triggered by `event`; None matches every event.

    Raises:
        ExpressionError: it is not an expression; the message shows where.

    >>> bind("event.data.id == async.data.id", {"data": {"id": "u_1"}}).residual
    '"u_1" == async.data.id'
    """
    if text is None:
        return ANY
    expression = compiled(text)
    if not expression.uses_event:
        return Bound(expression.node)  # this node is shared by all waits with this text
    try:
        return Bound(_Binder(event).bound(expression.node, _NONE)[0])
    except RecursionError:
        raise ExpressionError("an expression is nested too deeply for this stack") from None


class _Binder:
    """Replaces what depends on the trigger event alone by its value, from the leaves up.

    Every method returns the new node and the names it still waits for: variables of macros, async, the clock.
    """

    def __init__(self, event: Mapping[str, object]) -> None:
        self.roots = {"event": event}

    def bound(self, node: Node, shadowed: frozenset[str]) -> tuple[Node, frozenset[str]]:
        """`node` with everything fixed worked out; `shadowed` are the variables of the macros around it."""
        if isinstance(node, Const):
            return node, _NONE
        new, waits_for = self.rebuilt(node, shadowed)
        if waits_for or isinstance(new, Const):
            return new, waits_for
        value = self.value(new)
        known = value is not UNKNOWN and not isinstance(value, Failure)
        return (Const(node.at, value), _NONE) if known else (new, _NONE)

    def value(self, node: Node) -> object:
        if isinstance(node, Path) and all(isinstance(qual, str) for qual in node.quals):
            value = value_at(self.roots, ("event", *node.quals), UNKNOWN)  # most of what is bound
            return value if value is UNKNOWN else adapt(value)
        return build(node)(Scope(self.roots, used_paths(node), time.time_ns))

    def all(self, nodes: Iterable[Node], shadowed: frozenset[str]) -> tuple[tuple[Node, ...], frozenset[str]]:
        pairs = [self.bound(node, shadowed) for node in nodes]
        return tuple(node for node, _ in pairs), _NONE.union(*(names for _, names in pairs))

    def rebuilt(self, node: Node, shadowed: frozenset[str]) -> tuple[Node, frozenset[str]]:
        match node:
            case Ident(name=name):
                return node, _NONE if name == "event" and name not in shadowed else frozenset({name})
            case Path():
                return self.path(node, shadowed)
            case Has(path=path):
                inner, names = self.path(path, shadowed)
                return replace(node, path=inner), names
            case Call(name=name):
                args, names = self.all(node.args, shadowed)
                return _compared(replace(node, args=args)), names | {"now()"} if name in CLOCK else names
            case Logic():
                terms, names = self.all(node.terms, shadowed)
                return _decided(node, terms), names
            case Choice():
                (test, then, other), names = self.all((node.test, node.then, node.other), shadowed)
                if isinstance(test, Const):
                    return (then if is_truthy(test.value) else other), names
                return Choice(node.at, test, then, other), names
            case ListOf(items=items):
                values, names = self.all(items, shadowed)
                return ListOf(node.at, values), names
            case MapOf(pairs=pairs):
                flat, names = self.all((part for pair in pairs for part in pair), shadowed)
                return MapOf(node.at, tuple(zip(flat[::2], flat[1::2], strict=True))), names
            case Fold():
                return self.fold(node, shadowed)
        return node, _NONE

    def path(self, path: Path, shadowed: frozenset[str]) -> tuple[Path, frozenset[str]]:
        base, names = (
            self.rebuilt(path.base, shadowed) if isinstance(path.base, Ident) else self.bound(path.base, shadowed)
        )
        indexes, more = self.all((qual for qual in path.quals if isinstance(qual, Node)), shadowed)
        remaining = iter(indexes)
        quals = tuple(qual if isinstance(qual, str) else next(remaining) for qual in path.quals)
        return Path(path.at, base, quals), names | more

    def fold(self, node: Fold, shadowed: frozenset[str]) -> tuple[Node, frozenset[str]]:
        over, names = self.bound(node.over, shadowed)
        inside = (node.body,) if node.where is None else (node.body, node.where)
        inner, more = self.all(inside, shadowed | {node.var})
        where = inner[1] if len(inner) == 2 else None
        return replace(node, over=over, body=inner[0], where=where), names | (more - {node.var})


def _names(node: Node) -> set[str]:
    return {part.name for part in walk(node) if isinstance(part, Ident)}


def _compared(node: Call) -> Call:
    """A comparison whose left side is a missing value of the trigger event."""
    if node.name not in _COMPARISONS or len(node.args) != 2:
        return node
    left, right = node.args
    if not isinstance(left, Path) or _names(left) != {"event"}:
        return node
    null = Const(left.at, None)
    if isinstance(right, Path) and _names(right) == {"async"}:
        return replace(node, args=(right, null))  # the operator is not turned round: that is how the server does it
    return replace(node, args=(null, right)) if isinstance(right, Const) else node


def _decided(node: Logic, terms: tuple[Node, ...]) -> Node:
    """Leave out the fixed terms that decide nothing, and everything after one that decides."""
    kept: list[Node] = []
    for position, term in enumerate(terms):
        decides = isinstance(term, Const) and is_truthy(term.value) is node.is_or
        if isinstance(term, Const) and not decides and position < len(terms) - 1:
            continue
        kept.append(term)
        if decides:
            break
    return kept[0] if len(kept) == 1 else replace(node, terms=tuple(kept))


def _possible(node: Node) -> bool:
    """Whether the value can be exactly true."""
    if isinstance(node, Const):
        return node.value is True
    if isinstance(node, Logic):
        if node.is_or:
            return any(map(_possible, node.terms))
        return all(is_truthy(term.value) for term in node.terms if isinstance(term, Const)) and _possible(
            node.terms[-1]
        )
    return True


def _index_terms(node: Node) -> tuple[Term | None, ...]:
    """For each alternative of a condition, one of which must be true, what an event needs for it."""
    found = tuple(map(_term, node.terms if isinstance(node, Logic) and node.is_or else (node,)))
    if all(term is None or term[1] != (None,) for term in found):
        return found
    used = used_paths(node)  # a longer selection that leads nowhere hides this one, which then equals null
    return tuple(term if term is None or not _may_hide(used, term) else None for term in found)


def _may_hide(used: frozenset[tuple[str, ...]], term: Term) -> bool:
    path = ("async", *term[0])
    return term[1] == (None,) and any(len(other) > len(path) and other[: len(path)] == path for other in used)


def _term(branch: Node) -> Term | None:
    """The first `async.path == literal` that a branch needs."""
    for part in branch.terms if isinstance(branch, Logic) and not branch.is_or else (branch,):
        if isinstance(part, Call) and part.name == "==" and len(part.args) == 2:
            left, right = part.args
            found = _equality(left, right) or _equality(right, left)
            if found:
                return found
    return None


def _equality(path: Node, value: Node) -> Term | None:
    if not isinstance(value, Const) or not isinstance(path, Path):
        return None
    if not isinstance(path.base, Ident) or path.base.name != "async":
        return None
    names = tuple(_field_name(qual) for qual in path.quals)
    key = canonical(value.value)
    return None if key is None or None in names else (tuple(name for name in names if name is not None), key)


def _field_name(qual: str | Node) -> str | None:
    if isinstance(qual, str):
        return qual
    return qual.value if isinstance(qual, Const) and isinstance(qual.value, str) else None


def canonical(value: object) -> object:
    """A key that is the same for values that compare equal; None for what has no such key (lists and maps)."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return (value,)
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def value_at(event: Mapping[str, object], path: tuple[Any, ...], missing: object = None) -> object:
    """The value under `path` of an event, or `missing` when it leads nowhere."""
    here: object = event
    for name in path:
        here = here.get(name, missing) if isinstance(here, Mapping) else missing
        if here is missing:
            break
    return here


#: The condition that every event satisfies.
ANY = Bound(Const(0, True))

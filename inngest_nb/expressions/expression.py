"""A compiled expression: what a text evaluates to for an event, for keys, for conditions."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

from inngest_nb.errors import ExpressionError
from inngest_nb.expressions.lexer import Problem
from inngest_nb.expressions.nodes import Ident, Node, walk
from inngest_nb.expressions.parser import parse
from inngest_nb.expressions.program import Scope, build, used_paths
from inngest_nb.expressions.values import UNKNOWN, Failure, go_text

Event = Mapping[str, Any]


class Expression:
    """An immutable expression; get one from `compiled`, which keeps those it has made."""

    __slots__ = ("_run", "_used", "node", "problems", "text", "uses_event")

    def __init__(self, text: str) -> None:
        self.text = text
        self.node, self.problems = _parsed(text)
        self._run, self._used = _built(self.node)
        self.uses_event = any(isinstance(node, Ident) and node.name == "event" for node in walk(self.node))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(
        self, event: Event | None, async_event: Event | None = None, *, now_ns: Callable[[], int] = time.time_ns
    ) -> object:
        """The value for these events; false when the whole expression is missing data.

        Raises:
            ExpressionError: the evaluation fails.
        """
        roots = {name: value for name, value in (("event", event), ("async", async_event)) if value is not None}
        return run(self._run, roots, self._used, now_ns, lambda: self.text)

    def matches(
        self, event: Event | None, async_event: Event | None = None, *, now_ns: Callable[[], int] = time.time_ns
    ) -> bool:
        """Whether the value is exactly true."""
        return self.evaluate(event, async_event, now_ns=now_ns) is True


def _parsed(text: str) -> tuple[Node, list[Problem]]:
    try:
        return parse(text)
    except RecursionError:
        raise ExpressionError("an expression is nested too deeply for this stack") from None


def _built(node: Node) -> tuple[Callable[[Scope], object], frozenset[tuple[str, ...]]]:
    try:
        return build(node), used_paths(node)
    except RecursionError:
        raise ExpressionError("an expression is nested too deeply for this stack") from None


def run(
    step: Callable[[Scope], object],
    roots: Mapping[str, object],
    used: frozenset[tuple[str, ...]],
    now_ns: Callable[[], int],
    describe: Callable[[], str],
) -> object:
    """Evaluate with these variables; a missing result is false.

    Raises:
        ExpressionError: the evaluation fails.
    """
    try:
        value = step(Scope(roots, used, now_ns))
    except RecursionError:
        raise ExpressionError(f"the data are nested too deeply to evaluate {describe()[:200]!r}") from None
    if isinstance(value, Failure):
        raise ExpressionError(f"{describe()[:200]!r} fails for this event: {value.message}")
    return False if value is UNKNOWN else value


@functools.lru_cache(maxsize=1_000)
def compiled(text: str) -> Expression:
    """The expression of a text, made once.

    Raises:
        ExpressionError: it is not an expression; the message shows where.
    """
    return Expression(text)


def matches(text: str, event: Event, async_event: Event | None = None) -> bool:
    """Whether the expression is exactly true for these events.

    Raises:
        ExpressionError: it is not an expression, or it fails for these events.

    >>> matches("event.data.n > 3", {"data": {"n": 5}})
    True
    """
    return compiled(text).matches(event, async_event)


def key(text: str, event: Event) -> str:
    """The text of a concurrency, throttle, debounce or batch key; "false" where the data are missing or it fails.

    Raises:
        ExpressionError: it is not an expression.

    >>> key("event.data.user", {"data": {"user": "u_1"}})
    'u_1'
    """
    try:
        found = key_or_off(text, event)
    except ExpressionError:
        compiled(text)  # a malformed text is the author's mistake and is shown; a failing one is a bucket of its own
        return "false"
    return "false" if found is None else found


def key_or_off(text: str, event: Event) -> str | None:
    """The text of a rate limit, idempotency or singleton key; None (off) when the value is false.

    Raises:
        ExpressionError: it is not an expression, or it fails for this event.
    """
    value = compiled(text).evaluate(event)
    return None if value is False else go_text(value)

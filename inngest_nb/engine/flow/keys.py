"""From an event to the bucket, the priority and the conditions that flow control goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inngest_nb import expressions
from inngest_nb.errors import ExpressionError

INVALID = "<invalid>"
MAX_FACTOR_S = 12 * 3600

Event = Mapping[str, Any]


def bucket(expression: str | None, event: Event) -> str:
    """The text of a concurrency, throttle or batch key: "" without one, "false" where it cannot be evaluated."""
    if not expression:
        return ""
    try:
        return expressions.key(expression, event)
    except ExpressionError:
        return "false"


def debounce_bucket(expression: str | None, event: Event) -> str:
    """The text of a debounce key; all events whose key fails share one bucket."""
    if not expression:
        return ""
    try:
        return expressions.key_or_off(expression, event) or "false"
    except ExpressionError:
        return INVALID


def limiter_bucket(expression: str | None, event: Event) -> str | None:
    """The text of a rate limit, idempotency or singleton key; None where it is off for this event.

    Raises:
        ExpressionError: it cannot be evaluated; what that means is for the caller to say.
    """
    return expressions.key_or_off(expression, event) if expression else ""


def priority_factor(expression: str | None, event: Event) -> tuple[int, str | None]:
    """Seconds by which a run overtakes others (negative: falls back), and why it is 0 when the expression is unusable."""
    if not expression:
        return 0, None
    try:
        value = expressions.compile(expression).evaluate(event)
    except ExpressionError as exc:
        return 0, str(exc)
    if type(value) is not int:
        return (
            0,
            f"the priority {expression!r} is not a whole number but {value!r}; write int(...) around a number of the event",
        )
    return max(-MAX_FACTOR_S, min(MAX_FACTOR_S, value)), None


def holds(expression: str | None, event: Event) -> bool:
    """Whether a condition over an event is exactly true; one that fails is not."""
    if not expression:
        return True
    try:
        return expressions.matches(expression, event)
    except ExpressionError:
        return False

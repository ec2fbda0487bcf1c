"""What registration says about a function: every rule of Inngest's server, with an error that names function and field."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Sequence
from typing import Any

from inngest_nb import cron, expressions
from inngest_nb.durations import Duration, to_wire
from inngest_nb.errors import ExpressionError, FunctionConfigInvalidError
from inngest_nb.jsontext import is_text
from inngest_nb.options import Batch, Cancel, Concurrency, Debounce, Options, milliseconds
from inngest_nb.triggers import TriggerCron, TriggerEvent

MAX_TRIGGERS, MAX_CANCELS, MAX_CONCURRENCY = 10, 5, 2
MAX_EVENT_NAME = 255
MAX_RETRIES = 20
MAX_BACKOFF_S = 366 * 86_400
DEBOUNCE_MS = (1000, 7 * 86_400_000)
RATE_LIMIT_MAX_MS = 86_400_000
JITTER_MS = (1000, 300_000)
LEAST_BATCH = 2
_NOT_WITH_BATCH = ("cancel", "debounce", "priority", "singleton")

Trigger = TriggerEvent | TriggerCron


def check_function(fn_id: str, *, name: str, triggers: Sequence[Trigger], options: Options) -> list[str]:
    """Refuse what Inngest's server refuses; return sentences about what it accepts although it cannot work.

    Raises:
        FunctionConfigInvalidError: the message names the function, the field, and what is wanted.
    """
    checker = _Checker(fn_id)
    for field, text in (("fn_id", fn_id), ("name", name)):
        if not isinstance(text, str) or not text or not is_text(text):
            raise checker.error(field, f"must be a non-empty text, not {text!r}")
    checker.triggers(triggers)
    checker.cancels(options.cancel or [])
    checker.batch(options)
    checker.concurrency(options.concurrency or [])
    checker.debounce(options.debounce)
    checker.rates(options)
    checker.durations(options)
    return checker.doubts


def check_retrying(fn_id: str, retries: object, backoff: object) -> None:
    """Refuse numbers that no run can be retried with; the engine asks again, as other programs may register functions.

    Raises:
        FunctionConfigInvalidError: `retries` is no whole number from 0 to 20, or `backoff` none of its forms.
    """
    error = _Checker(fn_id).error
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= MAX_RETRIES:
        raise error("retries", f"must be a whole number from 0 to {MAX_RETRIES}, not {retries!r}")
    if isinstance(backoff, (int, float)) and not isinstance(backoff, bool):
        known = 0 <= backoff <= MAX_BACKOFF_S
    else:
        known = backoff is None or backoff == "inngest"
    if not known:
        raise error("backoff", f'must be None, "inngest" or a number of seconds up to a year, not {backoff!r}')


def check_handler(fn_id: str, what: str, handler: Any, *, optional: bool = False) -> None:
    """Refuse what could not be entered with a context, or would not come to an end.

    Raises:
        FunctionConfigInvalidError: it is no function of one argument.
    """
    error = _Checker(fn_id).error
    if optional and handler is None:
        return
    if not callable(handler):
        raise error(what, f"must be a function, not {handler!r}")
    if inspect.isasyncgenfunction(handler) or inspect.isgeneratorfunction(handler):
        raise error(
            what, "must return its result, but it yields; publish what comes on the way with ctx.publish or ctx.stream"
        )
    try:
        signature = inspect.signature(handler, follow_wrapped=False)
    except (TypeError, ValueError):  # it does not tell
        return
    try:
        signature.bind(None)
    except TypeError:
        name = getattr(handler, "__name__", type(handler).__name__)
        raise error(what, f"takes one argument, the context; write {name}(ctx) instead of {name}{signature}") from None


class _Checker:
    def __init__(self, fn_id: str) -> None:
        self.fn_id = fn_id
        self.doubts: list[str] = []

    def error(self, field: str, message: str) -> FunctionConfigInvalidError:
        return FunctionConfigInvalidError(f"function {self.fn_id!r}: {field} {message}")

    def expression(self, field: str, text: str | None, variables: Collection[str], *, strict: bool = False) -> None:
        if text is None:
            return
        try:
            expressions.check(text, variables=variables, strict=strict)
        except ExpressionError as exc:
            raise self.error(field, f"is not a valid expression: {exc}") from None

    def doubtful(self, field: str, text: str | None) -> None:
        """An expression that the server does not look at before the first event."""
        try:
            self.expression(field, text or None, ("event",))
        except FunctionConfigInvalidError as exc:
            self.doubts.append(f"{exc}\nIt will have no effect, or put all events into one bucket.")

    def span(self, field: str, duration: Duration) -> int:
        return milliseconds(self.fn_id, field, duration)

    def triggers(self, triggers: Sequence[Trigger]) -> None:
        if len(triggers) > MAX_TRIGGERS:
            raise self.error("trigger", f"may have {MAX_TRIGGERS} entries, this one has {len(triggers)}")
        seen: set[tuple[str | None, ...]] = set()
        for position, trigger in enumerate(triggers):
            field = f"trigger {position}" if len(triggers) > 1 else "trigger"
            if isinstance(trigger, TriggerEvent):
                self.event_name(field, trigger.event)
                self.expression(f"{field}, expression", trigger.expression, ("event",))
                identity: tuple[str | None, ...] = ("event", trigger.event, trigger.expression)
            else:
                self.cron(field, trigger)
                identity = ("cron", trigger.cron)
            if identity in seen:
                raise self.error(field, f"is there twice: {identity[1]!r}")
            seen.add(identity)

    def event_name(self, field: str, name: str) -> None:
        if not name or not is_text(name):
            raise self.error(field, 'needs the name of an event, such as "app/user.created"')
        if len(name) > MAX_EVENT_NAME:
            raise self.error(field, f"has an event name of {len(name)} characters, {MAX_EVENT_NAME} are possible")
        if re.search(r"\*(?!$)", name) or re.search(r"(?<![/.])\*$", name):
            self.doubts.append(
                f"function {self.fn_id!r}: {field} {name!r}: * stands for anything only at the end, after / or ."
            )

    def cron(self, field: str, trigger: TriggerCron) -> None:
        try:
            cron.parse(trigger.cron)
        except ValueError as exc:
            raise self.error(field, f"cannot be used: {exc}") from None
        jitter = self.span(f"{field}, jitter", trigger.jitter) if trigger.jitter is not None else 0
        if jitter and not JITTER_MS[0] <= jitter <= JITTER_MS[1]:
            raise self.error(f"{field}, jitter", f"must be between 1s and 5m, not {trigger.jitter!r}")

    def cancels(self, cancels: Sequence[Cancel]) -> None:
        if len(cancels) > MAX_CANCELS:
            raise self.error("cancel", f"may have {MAX_CANCELS} entries, this one has {len(cancels)}")
        for position, cancel in enumerate(cancels):
            field = f"cancel {position}"
            if not cancel.event:
                raise self.error(field, "needs the name of an event")
            self.expression(f"{field}, if_exp", cancel.if_exp, ("event", "async"), strict=True)

    def batch(self, options: Options) -> None:
        batch: Batch | None = options.batch_events
        if batch is None:
            return
        if batch.max_size < LEAST_BATCH:
            raise self.error("batch_events, max_size", f"must be at least {LEAST_BATCH}, not {batch.max_size}")
        self.expression("batch_events, key", batch.key or None, ("event",))
        self.expression("batch_events, if_exp", batch.if_exp, ("event",))
        for other in _NOT_WITH_BATCH:
            if getattr(options, other):
                raise self.error("batch_events", f"and {other} cannot be used together; leave one of them out")
        if options.effective_rate_limit() is not None:
            self.doubts.append(
                f"function {self.fn_id!r}: rate_limit and idempotency have no effect together with batch_events"
            )

    def concurrency(self, limits: Sequence[Concurrency]) -> None:
        if len(limits) > MAX_CONCURRENCY:
            raise self.error("concurrency", f"may have {MAX_CONCURRENCY} entries, this one has {len(limits)}")
        for position, limit in enumerate(limits):
            field = f"concurrency {position}"
            if limit.limit < 0:
                raise self.error(f"{field}, limit", f"must be 0 (none) or more, not {limit.limit}")
            if limit.key is None and limit.scope in ("env", "account"):
                raise self.error(
                    f"{field}, key",
                    f"is needed for the scope {limit.scope!r}; functions share it by the text of the key",
                )
            self.concurrency_key(f"{field}, key", limit.key)

    def concurrency_key(self, field: str, key: str | None) -> None:
        """The server parses this key but does not look for unknown names."""
        if key is None:
            return
        try:
            problems = expressions.compile(key).problems
        except ExpressionError as exc:
            raise self.error(field, f"is not a valid expression: {exc}") from None
        if problems:
            raise self.error(field, f"is not a valid expression: {problems[0].message}")
        self.doubtful(field, key)

    def debounce(self, debounce: Debounce | None) -> None:
        if debounce is None:
            return
        period = self.span("debounce, period", debounce.period)
        if not DEBOUNCE_MS[0] <= period <= DEBOUNCE_MS[1]:
            raise self.error("debounce, period", f"must be between 1s and 7d, not {debounce.period!r}")
        self.expression("debounce, key", debounce.key or None, ("event",))

    def rates(self, options: Options) -> None:
        if options.rate_limit is not None:
            if options.rate_limit.limit < 1:
                raise self.error("rate_limit, limit", f"must be at least 1, not {options.rate_limit.limit}")
            if self.span("rate_limit, period", options.rate_limit.period) > RATE_LIMIT_MAX_MS:
                raise self.error("rate_limit, period", f"must be at most 24h, not {options.rate_limit.period!r}")
            self.doubtful("rate_limit, key", options.rate_limit.key)
        if options.throttle is not None:
            if options.throttle.limit < 1:
                raise self.error("throttle, limit", f"must be at least 1, not {options.throttle.limit}")
            if (options.throttle.burst or 0) < 0:
                raise self.error("throttle, burst", f"must be 0 or more, not {options.throttle.burst}")
            self.doubtful("throttle, key", options.throttle.key)
        self.doubtful("idempotency", options.idempotency)
        self.doubtful("singleton, key", options.singleton.key if options.singleton else None)
        self.doubtful("priority, run", options.priority.run if options.priority else None)

    def durations(self, options: Options) -> None:
        """Every duration must be one that can be registered."""
        parts = {
            "batch_events": options.batch_events, "debounce": options.debounce, "rate_limit": options.rate_limit,
            "throttle": options.throttle, "timeouts": options.timeouts,
            **{f"cancel {n}": cancel for n, cancel in enumerate(options.cancel or [])},
        }  # fmt: skip
        for name, part in parts.items():
            for field, value in part.spans() if part else ():
                try:
                    to_wire(value, field=f"{name}, {field}")
                except ValueError as exc:
                    raise FunctionConfigInvalidError(f"function {self.fn_id!r}: {exc}") from None

"""Flow control of one function, read from its registered options (Inngest's names, durations as text)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inngest_nb.durations import to_milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A GCRA limit: `limit` in `period_ms`, by key."""

    limit: int
    period_ms: int
    key: str | None
    burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Events collected into one run."""

    max_size: int
    timeout_ms: int
    key: str | None
    condition: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debouncing:
    """The latest of a burst of events starts the run."""

    period_ms: int
    key: str | None
    timeout_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOn:
    """An event that cancels runs."""

    event: str
    condition: str | None
    timeout_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimit:
    """At most `limit` runs execute at once, by key within `scope`."""

    limit: int
    key: str | None
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Everything a function asks for; `plain` when it asks for nothing."""

    batch: Batching | None = None
    cancel: tuple[CancelOn, ...] = ()
    concurrency: tuple[ConcurrencyLimit, ...] = ()
    debounce: Debouncing | None = None
    priority: str | None = None
    rate_limit: Rate | None = None
    singleton: tuple[str, str | None] | None = None
    throttle: Rate | None = None
    start_timeout_ms: int | None = None
    finish_timeout_ms: int | None = None


PLAIN = Flow()
_DAY_MS = 86_400_000


def read_flow(options: dict[str, Any]) -> Flow:
    """The flow control that registered options describe."""
    if not options:
        return PLAIN
    timeouts = options.get("timeouts") or {}
    singleton = options.get("singleton")
    return Flow(
        batch=_batch(options.get("batchEvents")),
        cancel=tuple(_cancel(item) for item in options.get("cancel") or ()),
        concurrency=tuple(_concurrency(item) for item in _listed(options.get("concurrency"))),
        debounce=_debounce(options.get("debounce")),
        priority=(options.get("priority") or {}).get("run"),
        rate_limit=_rate_limit(options),
        singleton=(singleton["mode"], singleton.get("key")) if singleton else None,
        throttle=_rate(options.get("throttle")),
        start_timeout_ms=_ms(timeouts.get("start")),
        finish_timeout_ms=_ms(timeouts.get("finish")),
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _ms(value: Any) -> int | None:
    return None if value is None else to_milliseconds(value)


def _rate(item: dict[str, Any] | None) -> Rate | None:
    if not item:
        return None
    return Rate(
        limit=item["limit"],
        period_ms=to_milliseconds(item["period"]),
        key=item.get("key"),
        burst=1 if item.get("burst") is None else item["burst"],
    )


def _rate_limit(options: dict[str, Any]) -> Rate | None:
    """`idempotency` is a rate limit of one in 24 hours, and wins over a declared one."""
    if options.get("idempotency"):
        return Rate(limit=1, period_ms=_DAY_MS, key=options["idempotency"])
    return _rate(options.get("rateLimit"))


def _batch(item: dict[str, Any] | None) -> Batching | None:
    if not item:
        return None
    timeout = to_milliseconds(item["timeout"])
    return Batching(max_size=item["maxSize"], timeout_ms=timeout, key=item.get("key"), condition=item.get("if"))


def _debounce(item: dict[str, Any] | None) -> Debouncing | None:
    if not item:
        return None
    return Debouncing(
        period_ms=to_milliseconds(item["period"]), key=item.get("key"), timeout_ms=_ms(item.get("timeout"))
    )


def _cancel(item: dict[str, Any]) -> CancelOn:
    return CancelOn(event=item["event"], condition=item.get("if"), timeout_ms=_ms(item.get("timeout")))


def _concurrency(item: Any) -> ConcurrencyLimit:
    if isinstance(item, int):
        return ConcurrencyLimit(limit=item, key=None, scope="fn")
    return ConcurrencyLimit(limit=item["limit"], key=item.get("key"), scope=item.get("scope") or "fn")

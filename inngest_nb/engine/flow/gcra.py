"""Rates: how a rate limit lets events through and a throttle lets runs start, evenly spaced after a first burst.

Both are the generic cell rate algorithm. `next_free` is when all that was admitted has drained; one more is admitted
when that leaves no more than `capacity` to drain. Times are nanoseconds, since both round there as Inngest does.
"""

from __future__ import annotations

from dataclasses import dataclass

from inngest_nb.errors import FunctionConfigInvalidError

_SECOND = 10**9
_MS = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One admission every `interval_ns`, and up to `capacity_ns` worth of them at once."""

    interval_ns: int
    capacity_ns: int
    #: Whether the state is forgotten after the whole seconds of what was left to drain, as Inngest's rate limiter does.
    forgets: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What is kept for one key."""

    next_free_ns: int
    forgotten_at_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether it was admitted, the bucket to keep, and otherwise when to try again."""

    admitted: bool
    bucket: Bucket
    retry_at_ns: int = 0

    @property
    def retry_at_ms(self) -> float:
        return self.retry_at_ns / _MS


def rate_limit(limit: int, period_ms: float) -> Rate:
    """At most limit // 10 + 1 at once, then one per period / limit; the rest is dropped.

    Raises:
        FunctionConfigInvalidError: limit or period is not positive.
    """
    return _rate(limit, period_ms, limit // 10 + 1, forgets=True)


def throttle(limit: int, period_ms: float, burst: int = 1) -> Rate:
    """At most limit + burst at once, then one per period / limit; the rest waits.

    Raises:
        FunctionConfigInvalidError: limit or period is not positive.
    """
    return _rate(limit, period_ms, limit + burst, forgets=False)


def _rate(limit: int, period_ms: float, at_once: int, *, forgets: bool) -> Rate:
    if limit <= 0 or period_ms <= 0:
        raise FunctionConfigInvalidError(f"a rate needs a limit and a period above 0, not {limit} per {period_ms} ms")
    period = round(period_ms * _MS)
    return Rate(interval_ns=_nearest(period, limit), capacity_ns=_nearest(period * at_once, limit), forgets=forgets)


def _nearest(value: int, by: int) -> int:
    return (2 * value + by) // (2 * by)


def admit(rate: Rate, bucket: Bucket | None, now_ns: int) -> Decision:
    """Decide about one more, now; what is refused takes nothing."""
    if bucket is not None and bucket.forgotten_at_ns is not None and now_ns >= bucket.forgotten_at_ns:
        bucket = None
    free = max(now_ns, bucket.next_free_ns) if bucket else now_ns
    after = free + rate.interval_ns
    admitted_from = after - rate.capacity_ns
    if now_ns < admitted_from:
        return Decision(admitted=False, bucket=bucket or Bucket(next_free_ns=now_ns), retry_at_ns=admitted_from)
    kept_s = (after - now_ns) // _SECOND
    forgotten = now_ns + kept_s * _SECOND if rate.forgets and kept_s else None
    return Decision(admitted=True, bucket=Bucket(next_free_ns=after, forgotten_at_ns=forgotten))

"""Debounce: of events that come close together, the latest starts one run when they pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The event that will start the run, and when; times in milliseconds."""

    event_id: str
    event_ts: int
    first_at: float
    fires_at: float


def debounce(
    pending: Pending | None,
    *,
    event_id: str,
    event_ts: int,
    now_ms: float,
    period_ms: float,
    timeout_ms: float | None = None,
) -> Pending:
    """What is pending after one more event.

    Each event starts the wait of `period_ms` anew, at most until `timeout_ms` after the first. An event that is older
    by its own time than the pending one changes nothing. When it is already due, the caller fires first.
    """
    if pending is not None and event_ts < pending.event_ts:
        return pending
    first_at = now_ms if pending is None else pending.first_at
    fires_at = now_ms + period_ms
    if timeout_ms is not None:
        fires_at = min(fires_at, first_at + timeout_ms)
    return Pending(event_id=event_id, event_ts=event_ts, first_at=first_at, fires_at=fires_at)

"""Batches: events that are collected for one run, until there are enough or the first has waited long enough."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The events of one key so far, and when they go at the latest (milliseconds)."""

    event_ids: tuple[str, ...]
    size_bytes: int
    fires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The batch after an event, and whether it goes now; a key whose batch goes starts empty again."""

    batch: Collected
    is_full: bool


def collect(
    batch: Collected | None, *, event_id: str, event_bytes: int, now_ms: float, max_size: int, timeout_ms: float
) -> Outcome:
    """Append an event; one that is already in the batch changes nothing."""
    if batch is None:
        batch = Collected(event_ids=(), size_bytes=0, fires_at=now_ms + timeout_ms)
    if event_id not in batch.event_ids:
        ids, size = (*batch.event_ids, event_id), batch.size_bytes + event_bytes
        batch = Collected(event_ids=ids, size_bytes=size, fires_at=batch.fires_at)
    return Outcome(batch=batch, is_full=len(batch.event_ids) >= max_size or batch.size_bytes >= MAX_BYTES)

"""When a failed attempt is tried again."""

from __future__ import annotations

import datetime
import random
import re

from inngest_nb.times import parse_rfc3339

#: Inngest's delay after failed attempt 0, 1, 2, … in milliseconds; the last one stays.
TABLE_MS = tuple(seconds * 1000 for seconds in (15, 30, 60, 120, 300, 600, 1200, 2400, 3600, 7200))
TABLE_JITTER_MS = 30_000
NOTEBOOK_FIRST_MS, NOTEBOOK_MOST_MS = 1000, 30_000
LEAST_RETRY_AFTER_MS, MOST_RETRY_AFTER_MS = 1000, 86_400_000

Policy = str | float | None

_SECONDS = re.compile(r"[+-]?[0-9]+")


def base_delay_ms(policy: Policy, attempt: int) -> float:
    """The delay after failed `attempt` (from 0) before any jitter.

    `policy` is "inngest" for the production table, a number for constant seconds, None for the notebook's own: 1 s
    doubling up to 30 s.
    """
    if policy is None:
        return min(NOTEBOOK_FIRST_MS * 2.0 ** min(attempt, 32), NOTEBOOK_MOST_MS)
    if isinstance(policy, str):
        return TABLE_MS[min(attempt, len(TABLE_MS) - 1)]
    return policy * 1000


def retry_delay_ms(policy: Policy, attempt: int, rng: random.Random) -> float:
    """The delay after failed `attempt` (from 0), jitter included: up to 30 s in the table, up to a tenth in a notebook."""
    base = base_delay_ms(policy, attempt)
    if policy is None:
        return base * (0.9 + 0.1 * rng.random())
    return base + rng.randrange(TABLE_JITTER_MS) if isinstance(policy, str) else base


def clip_retry_after_ms(wanted_ms: float) -> float:
    """A delay asked for by user code, between 1 second and 24 hours."""
    return min(max(wanted_ms, LEAST_RETRY_AFTER_MS), MOST_RETRY_AFTER_MS)


def retry_after_header_ms(header: str, now_ms: int) -> float | None:
    """What a Retry-After header asks for, clipped; None where Inngest ignores it.

    That is whole seconds from 1 with up to seven digits, or a date.
    """
    if _SECONDS.fullmatch(header):
        seconds = int(header)
        return clip_retry_after_ms(seconds * 1000) if 0 < seconds < 10_000_000 and len(header) < 8 else None
    at_ms = _date_ms(header)
    return None if at_ms is None else clip_retry_after_ms(at_ms - now_ms)


def _date_ms(text: str) -> float | None:
    moment = parse_rfc3339(text) or parse_rfc3339(f"{text}T00:00:00Z")
    if moment is not None:
        return moment.ns / 1e6
    try:
        found = datetime.datetime.strptime(f"{text} +0000", "%a, %d %b %Y %H:%M:%S GMT %z")
    except ValueError:
        return None
    return found.timestamp() * 1000

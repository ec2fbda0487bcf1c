"""How numbers, times and ids are written; the same rules as in the live views."""

from __future__ import annotations

import datetime as dt
import re

__all__ = ["NBSP", "WITHIN", "channel_label", "clock", "count", "duration", "exact", "hour_minute", "short_id"]

NBSP = "\u00a0"
#: Between a thing and what it is in.
WITHIN = " \u203a "
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_LONGEST_PART = 20


def duration(ms: float | None) -> str:
    """Return a length of time, from tenths of a millisecond to days.

    >>> duration(8440) == f"8.44{NBSP}s"
    True
    """
    if ms is None:
        return "—"
    ms = max(0.0, ms)
    for below, text in (
        (1, f"{ms:.1f}{NBSP}ms"),
        (999.5, f"{ms:.0f}{NBSP}ms"),
        (9_995, f"{ms / 1e3:.2f}{NBSP}s"),
        (59_950, f"{ms / 1e3:.1f}{NBSP}s"),
    ):
        if ms < below:
            return text
    seconds = round(ms / 1000)
    minutes, hours, days = seconds // 60, round(seconds / 60) // 60, seconds // 86_400
    if minutes < 60:
        return f"{minutes}{NBSP}m {seconds % 60}{NBSP}s"
    if not days:
        return f"{hours}{NBSP}h {round(seconds / 60) % 60:02d}{NBSP}m"
    return f"{days}{NBSP}d {seconds // 3600 % 24}{NBSP}h"


def count(number: int, unit: str = "") -> str:
    """Return a number with its unit in the right number.

    >>> count(1, "step"), count(1284, "token")
    ('1 step', '1,284 tokens')
    """
    return f"{number:,}{f' {unit}' if unit else ''}{'s' if unit and number != 1 else ''}"


def clock(ms: float | None, now: float) -> str:
    """Return the time of day; with the day when it is not that of `now`."""
    if ms is None:
        return "—"
    at, today = _local(ms), _local(now).date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at.day} {at:%b %H:%M}"


def hour_minute(ms: float) -> str:
    """Return hours and minutes, as in "Saved 14:06"."""
    return f"{_local(ms):%H:%M}"


def exact(ms: float | None) -> str:
    """Return the time as ISO 8601 with its offset, for titles."""
    return "" if ms is None else _local(ms).isoformat(timespec="milliseconds")


def short_id(value: str) -> str:
    """Return the end of a ULID or the start of a UUID."""
    if _ULID.fullmatch(value):
        return f"…{value[-6:]}"
    return f"{value[:4]}…" if _UUID.match(value) else value


def channel_label(name: str) -> str:
    """Return a channel's name with long ids shortened in the middle."""
    parts = name.split(":")
    return ":".join(part if len(part) <= _LONGEST_PART else f"{part[:6]}…{part[-6:]}" for part in parts)


def _local(ms: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).astimezone()

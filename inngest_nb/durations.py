"""Durations as users write them: a timedelta, whole milliseconds, or a text such as "15m", "1h30m", "7d" or "1 hour"."""

from __future__ import annotations

import datetime
import re

from inngest_nb import times
from inngest_nb.goduration import GO_UNITS, LONG_UNITS, parse_ns

#: What every option and step takes.
Duration = int | datetime.timedelta | str

MAX_WAIT_MS = 366 * 86_400_000
_NS = 10**6  # nanoseconds of a millisecond
_WIRE_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
_WORDS = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?![a-z])\s*(?:,|and\b)?",
    re.ASCII,
)
_HELP = 'write a timedelta, whole milliseconds, or a text such as "15m", "1h30m", "7d" or "1 hour"'


def to_milliseconds(duration: Duration, *, field: str = "the duration") -> int:
    """Whole milliseconds, never fewer than asked; a negative duration is none.

    Raises:
        ValueError: it is not a duration; the message names `field`.

    >>> to_milliseconds("1h30m"), to_milliseconds("1 hour")
    (5400000, 3600000)
    """
    match duration:
        case bool() | float():
            raise ValueError(f"{field} must be a duration, not {duration!r}; {_HELP}")
        case int():
            return max(0, duration)
        case datetime.timedelta():
            us = (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds
            return max(0, -(-us // 1000))
        case str():
            ns = parse_ns(duration, LONG_UNITS)
            ns = _words_ns(duration) if ns is None else ns
            if ns is not None:
                return max(0, -(-ns // _NS))
    raise ValueError(f"{field} must be a duration, not {duration!r}; {_HELP}")


def to_wire(duration: Duration, *, field: str = "the duration", days: bool = True) -> str:
    """As the official SDK registers it: the largest unit (w d h m s, or without `days` h m s) that divides it evenly.

    Raises:
        ValueError: it is not a duration, or not a whole number of seconds from 1.

    >>> to_wire("90m"), to_wire(86_400_000)
    ('90m', '1d')
    """
    milliseconds = to_milliseconds(duration, field=field)
    seconds, rest = divmod(milliseconds, 1000)
    if rest or not seconds:
        raise ValueError(f"{field} must be a whole number of seconds from 1, not {duration!r}")
    units = _WIRE_UNITS if days else _WIRE_UNITS[2:]
    return next(f"{seconds // size}{unit}" for unit, size in units if seconds % size == 0)


def general_ms(text: str) -> float:
    """What Inngest reads nearly everywhere: Go's durations with days and weeks; may be negative.

    Raises:
        ValueError: it is not one.
    """
    return _ms(text, LONG_UNITS, "ns, us, ms, s, m, h, d and w")


def batch_timeout_ms(text: str) -> float:
    """What Inngest reads as the timeout of a batch: Go's own durations, without days and weeks.

    Raises:
        ValueError: it is not one.
    """
    return _ms(text, GO_UNITS, "ns, us, ms, s, m and h")


def expires_at_ms(text: str, now_ms: int) -> int:
    """When a wait with this timeout, a duration or an RFC 3339 date, ends.

    Raises:
        ValueError: it is neither.
    """
    if "T" in text:
        return _date_ms(text)
    return now_ms + int(general_ms(text))


def sleep_ms(text: str, now_ms: int) -> float:
    """How long a sleep until a date, or for a duration, takes; an empty text is none, a past date negative.

    Raises:
        ValueError: it is neither, or more than 366 days.
    """
    ns = 0 if text == "" else parse_ns(text, LONG_UNITS)
    found = ns / _NS if ns is not None else _any_date_ms(text) - now_ms
    if found > MAX_WAIT_MS:
        raise ValueError(f"a sleep of {text!r} is longer than 366 days")
    return found


def _ms(text: str, units: dict[str, int], names: str) -> float:
    ns = parse_ns(text, units)
    if ns is None:
        raise ValueError(f"{text!r} is not a duration; units are {names}, as in 1h30m")
    return ns / _NS


def _date_ms(text: str) -> int:
    moment = times.parse_rfc3339(text)
    if moment is None:
        raise ValueError(f"{text!r} is neither a duration nor a date such as 2026-01-31T12:00:00Z")
    return moment.ns // _NS


def _any_date_ms(text: str) -> float:
    moment = times.parse_date(text)
    if moment is None:
        raise ValueError(f"{text!r} is neither a duration such as 1h30m nor a date")
    return moment.ns / _NS


def _words_ns(text: str) -> int | None:
    """Durations in words, which the JavaScript SDK takes; they never reach a server like that."""
    at, total = 0, 0
    while at < len(text):
        part = _WORDS.match(text, at)
        if part is None:
            return None
        unit = "ms" if part[2].startswith(("ms", "milli")) else part[2][0]
        total += parse_ns(f"{part[1]}{unit}", LONG_UNITS) or 0
        at = part.end()
    return total if text else None

"""Durations as Go writes and reads them, in whole nanoseconds; what expressions, options and headers are built on."""

from __future__ import annotations

import re

_SMALL_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
#: Go's own units: time.ParseDuration.
GO_UNITS = _SMALL_UNITS
#: Inngest's parser nearly everywhere also knows days and weeks.
LONG_UNITS = {**_SMALL_UNITS, "d": 24 * 3600 * 10**9, "w": 7 * 24 * 3600 * 10**9}
MAX_NS = (1 << 63) - 1

_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")


def parse_ns(text: str, units: dict[str, int]) -> int | None:
    """Nanoseconds of a text such as `1h30m`, or None when it is not a duration in these units."""
    negative, body = text.startswith("-"), text[1:] if text[:1] in ("-", "+") else text
    if body == "0":
        return 0
    total, at = 0, 0
    while at < len(body):
        part = _PART.match(body, at)
        if part is None or not (part[1] or part[2]) or part[3] not in units or len(part[1]) > 20:
            return None
        total += _part_ns(part[1], part[2] or "", units[part[3]])
        at = part.end()
    if not body or total > MAX_NS + negative:
        return None
    return -total if negative else total


def _part_ns(whole: str, fraction: str, unit: int) -> int:
    digits = fraction[:18]
    return int(whole or "0") * unit + (int(digits) * unit // 10 ** len(digits) if digits else 0)


def go_string(ns: int) -> str:
    """As Go prints a duration: `1h30m0s`, `1.5s`, `100ms`, `0s`."""
    if ns == 0:
        return "0s"
    sign, left = ("-" if ns < 0 else ""), abs(ns)
    if left < 10**9:
        name, unit = next((n, u) for n, u in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if left >= u)
        return f"{sign}{_decimal(left, unit)}{name}"
    minutes, rest = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return f"{sign}{parts}{_decimal(rest, 10**9)}s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)

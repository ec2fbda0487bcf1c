"""Points in time and spans as Go has them: nanoseconds, the zone they were written in, and the texts that Inngest reads."""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo
from dataclasses import dataclass

from inngest_nb.errors import ListingError
from inngest_nb.goduration import go_string

_DAY_NS = 86_400 * 10**9
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OLDEST, _NEWEST = -62_135_596_800 * 10**9, 253_402_300_800 * 10**9  # CEL's timestamps: years 1 to 9999


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time."""

    ns: int

    def __str__(self) -> str:
        return go_string(self.ns)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time; the zone is only for printing."""

    ns: int
    offset_s: int = 0
    zone: str = "UTC"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __lt__(self, other: Timestamp) -> bool:
        return self.ns < other.ns

    def __gt__(self, other: Timestamp) -> bool:
        return self.ns > other.ns

    def __str__(self) -> str:
        """As Go prints a time."""
        hours, minutes = divmod(abs(self.offset_s) // 60, 60)
        offset = f"{'-' if self.offset_s < 0 else '+'}{hours:02d}{minutes:02d}"
        return f"{self._local(' ')} {offset} {self.zone or offset}"

    @property
    def in_range(self) -> bool:
        return _OLDEST <= self.ns < _NEWEST

    def rfc3339(self) -> str:
        """As Go's RFC3339Nano."""
        hours, minutes = divmod(abs(self.offset_s) // 60, 60)
        offset = f"{'-' if self.offset_s < 0 else '+'}{hours:02d}:{minutes:02d}" if self.offset_s else "Z"
        return self._local("T") + offset

    def _local(self, between: str) -> str:
        days, rest = divmod(self.ns + self.offset_s * 10**9, _DAY_NS)
        year, month, day = _civil(days)
        seconds, nanos = divmod(rest, 10**9)
        fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"
        return f"{year:04d}-{month:02d}-{day:02d}{between}{clock}"


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number (0 is 1970-01-01) in the proleptic Gregorian calendar."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def _day_number(year: int, month: int, day: int) -> int:
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _layout(pattern: str) -> re.Pattern[str]:
    fields = {
        "YYYY": r"(?P<year>\d{4})", "YY": r"(?P<short_year>\d{2})", "MM": r"(?P<month>\d{2})",
        "MON": rf"(?P<month_name>{'|'.join(_MONTHS)})", "DD": r"(?P<day>\d{2})", "_D": r" ?(?P<day>\d{1,2})",
        "TIME": r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?",
        "HM": r"(?P<hour>\d{1,2}):(?P<minute>\d{2})", "WEEKDAY": "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day",
        "WKD": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "Z": r"(?P<zone>Z|[+-]\d{2}:\d{2})", "OFF": r"(?P<zone>[+-]\d{4})",
        "ABC": r"(?P<name>[A-Z]{3,4})",
    }  # fmt: skip
    words = re.split(r"([A-Z_]+)", pattern)
    return re.compile("".join(fields.get(word, re.escape(word)) for word in words))


@functools.cache
def _rfc3339() -> re.Pattern[str]:
    return re.compile(_layout("YYYY-MM-DD").pattern + "T" + _layout("TIME").pattern + _layout("Z").pattern)


@functools.cache  # compiled when the first text is read, not with every import
def _layouts() -> tuple[re.Pattern[str], ...]:
    texts = (
        "WKD, DD MON YYYY TIME ABC", "DD MON YY HM ABC", "DD MON YY HM OFF", "WEEKDAY, DD-MON-YY TIME ABC",
        "WKD MON DD TIME OFF YYYY", "WKD MON _D TIME ABC YYYY", "WKD MON _D TIME YYYY", "MON _D TIME",
        "YYYY-MM-DD TIME OFF ABC", "YYYY-MM-DD",
    )  # fmt: skip
    local = re.compile(_layout("YYYY-MM-DD").pattern + "T" + _layout("TIME").pattern)
    return _rfc3339(), local, *map(_layout, texts)


def parse_rfc3339(text: str) -> Timestamp | None:
    """The time that an RFC 3339 text names, or None."""
    match = _rfc3339().fullmatch(text)
    return _from_match(match) if match else None


def parse_date(text: str) -> Timestamp | None:
    """The time of a text in one of the forms that `date()` reads, or None."""
    for layout in _layouts():
        if (match := layout.fullmatch(text)) and (found := _from_match(match)):
            return found
    return None


def date_of_int(value: int) -> Timestamp | None:
    """Unix seconds, milliseconds or nanoseconds, told apart by size; None before the year 2000."""
    if value < 946_684_800:
        return None
    unit = 10**9 if value < 9_999_999_999 else 10**6 if value < 9_999_999_999_999 else 1
    return Timestamp(value * unit)


def _from_match(match: re.Match[str]) -> Timestamp | None:
    parts = match.groupdict()
    year = int(parts.get("year") or _century(parts.get("short_year")))
    name = parts.get("month_name")
    month, day = _MONTHS.index(name) + 1 if name else int(parts.get("month") or 1), int(parts["day"])
    hour, minute, second = (int(parts.get(part) or 0) for part in ("hour", "minute", "second"))
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return None
    days = _day_number(year, month, day)
    if day < 1 or _civil(days) != (year, month, day):
        return None
    nanos = int((parts.get("fraction") or "")[:9].ljust(9, "0"))
    offset = _offset_s(parts.get("zone") or "Z")
    ns = (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 10**9 + nanos
    return Timestamp(ns, offset, parts.get("name") or ("UTC" if offset == 0 else ""))


def _century(short: str | None) -> int:
    if short is None:
        return 0
    return int(short) + (1900 if int(short) >= 69 else 2000)


def _offset_s(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return (int(digits[:2]) * 3600 + int(digits[2:4]) * 60) * (-1 if zone[0] == "-" else 1)


def fields_at(moment: Timestamp, zone: str) -> datetime.datetime | None:
    """The calendar fields of a moment in an IANA zone or at an offset such as +02:00; None for an unknown zone."""
    offset = re.fullmatch(r"([+-]?)(\d{2}):(\d{2})", zone)
    try:
        tz: datetime.tzinfo
        if offset:
            tz = datetime.timezone(datetime.timedelta(seconds=_offset_s((offset[1] or "+") + offset[2] + offset[3])))
        else:
            tz = zoneinfo.ZoneInfo(zone)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        return (epoch + datetime.timedelta(microseconds=moment.ns // 1000)).astimezone(tz)
    except (ValueError, OSError, OverflowError):  # unknown zones are ValueErrors or file errors
        return None


def to_us(moment: datetime.datetime | None, *, field: str = "a time") -> int | None:
    """Microseconds since the epoch; a time without a zone is local.

    Raises:
        ListingError: it is no time; the message names `field`.
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime.datetime):
        raise ListingError(f"{field} must be a datetime, not {moment!r}; write datetime.datetime.now(datetime.UTC) - …")
    return int(moment.timestamp() * 1_000_000)

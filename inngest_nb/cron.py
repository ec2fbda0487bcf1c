"""Cron schedules by Inngest's rules: five fields, Vixie day-of-month or day-of-week, a time zone as prefix.

A schedule fires at every minute whose wall clock in its zone matches: times that the clock skips in spring do not fire,
times that it shows twice in autumn fire twice.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LENGTH = 255
_YEARS = 5  # how far a next fire is looked for
_MINUTE, _HOUR, _DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES: dict[str, dict[str, int]] = {
    "month": {name: number for number, name in enumerate(_MONTHS, 1)},
    "day of week": {name: number for number, name in enumerate(_WEEKDAYS)},
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed schedule; `zone` is None where the text names none."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool  # both day fields are restricted, so one of them is enough
    zone: datetime.tzinfo | None

    def on(self, date: datetime.date) -> bool:
        """Whether it fires on this date at all."""
        if date.month not in self.months:
            return False
        by_day, by_weekday = date.day in self.days, date.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday

    def next(self, after: datetime.datetime) -> datetime.datetime | None:
        """The first fire later than `after` in UTC, or None when there is none within five years.

        A schedule without a zone is read in the zone of `after`.
        """
        zone = self.zone or after.tzinfo or datetime.UTC
        local = after.astimezone(zone)
        after = after.astimezone(datetime.UTC)
        # An hour earlier, since a clock that goes back shows times again that this date seems to have passed.
        start = local.replace(tzinfo=None, minute=0, second=0, microsecond=0) - 3 * _HOUR
        for hour in self._hours_from(start, local.year + _YEARS):
            fires = sorted(
                fire for minute in self.minutes for fire in _instants(hour.replace(minute=minute), zone) if fire > after
            )
            if fires:
                return self._earliest(fires[0], hour, zone, after)
        return None

    def _earliest(
        self, found: datetime.datetime, hour: datetime.datetime, zone: datetime.tzinfo, after: datetime.datetime
    ) -> datetime.datetime:
        """Of this hour and the next two on the wall clock, since a repeated hour overlaps its neighbours."""
        later = [hour + n * _HOUR for n in (1, 2)]
        others = (
            fire for near in later if near.hour in self.hours and self.on(near.date())
            for minute in self.minutes for fire in _instants(near.replace(minute=minute), zone) if fire > after
        )  # fmt: skip
        return min([found, *others])

    def _hours_from(self, hour: datetime.datetime, last_year: int) -> Iterator[datetime.datetime]:
        while hour.year <= min(last_year, datetime.MAXYEAR - 1):
            if not self.on(hour.date()):
                hour = (hour + _DAY).replace(hour=0)
                continue
            if hour.hour in self.hours:
                yield hour
            hour += _HOUR


def _instants(wall: datetime.datetime, zone: datetime.tzinfo) -> list[datetime.datetime]:
    """The points in time at which the clock of the zone shows `wall`: none, one or two."""
    found = []
    for fold in (0, 1):
        moment = wall.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall and moment not in found:
            found.append(moment)
    return found


def parse(text: str) -> Schedule:
    """The schedule of a text such as `30 9 * * 1-5` or `TZ=Europe/Paris 0 12 * * 5`.

    Raises:
        ValueError: registration refuses it; the message says which part is wrong.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a cron schedule may have {MAX_LENGTH} characters, this one has {len(text)}")
    zone, rest = _zone(text)
    fields = rest.split()
    if text.lstrip().startswith("@"):
        raise ValueError(
            f"{text!r} is not a cron schedule here: write the five fields instead, such as 0 0 * * * for @daily"
        )
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{text!r} is not a cron schedule: it needs five fields (minute hour day month weekday), not {len(fields)}"
        )
    try:
        parsed = [_field(field, *spec) for field, spec in zip(fields, _FIELDS, strict=True)]
    except ValueError as exc:
        raise ValueError(f"{text!r} is not a cron schedule: {exc}") from None
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = parsed
    return Schedule(minutes, hours, days, months, weekdays, not any_day and not any_weekday, zone)


def _zone(text: str) -> tuple[datetime.tzinfo | None, str]:
    if not text.startswith(("TZ=", "CRON_TZ=")):
        return None, text
    name, space, rest = text.partition("=")[2].partition(" ")
    if not space:
        raise ValueError(f"{text!r} is not a cron schedule: after the time zone come five fields")
    if name in ("", "Local"):
        return datetime.UTC, rest
    try:
        return zoneinfo.ZoneInfo(name), rest
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(
            f"{text!r} is not a cron schedule: there is no time zone {name!r}; write one such as Europe/Paris"
        ) from None


def _field(text: str, name: str, least: int, most: int) -> tuple[frozenset[int], bool]:
    """The values of one field, and whether it says nothing (a star)."""
    found: set[int] = set()
    is_star = False
    parts = [part for part in text.split(",") if part]
    if not parts:
        raise ValueError(f"the {name} is empty, so it would never fire")
    for part in parts:
        values, star = _range(part, name, least, most)
        found.update(values)
        is_star = is_star or star
    return frozenset(found), is_star


def _range(part: str, name: str, least: int, most: int) -> tuple[range, bool]:
    span, slash, step_text = part.partition("/")
    low_text, dash, high_text = span.partition("-")
    star = low_text in ("*", "?")
    low, high = least, most
    if not star:
        low = _number(low_text, name)
        high = _number(high_text, name) if dash else most if slash else low
    step = _number(step_text, name) if slash else 1
    if low < least or high > most:
        raise ValueError(f"the {name} goes from {least} to {most}, found {part!r}")
    if low > high or step == 0:
        raise ValueError(f"the {name} has an empty range, {part!r}")
    return range(low, high + 1, step), star and step == 1


def _number(text: str, name: str) -> int:
    named = _NAMES.get(name, {}).get(text.lower())
    if named is not None:
        return named
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise ValueError(f"the {name} cannot be {text!r}")
    return int(digits)

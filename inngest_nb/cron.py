"""Cron schedules by Inngest's rules: five fields, Vixie day-of-month or day-of-week, a time zone as prefix.

A schedule fires at every minute whose wall clock in its zone matches: times that the clock skips in spring do not fire,
times that it shows twice in autumn fire twice. Where a clock is changed at midnight or by half an hour, the next fire is the
one that Inngest's scheduler finds, which looks by months, days, hours and minutes and may step over a match.
"""

from __future__ import annotations

import datetime
import zoneinfo
from dataclasses import dataclass

MAX_LENGTH = 255
_YEARS = 5  # how far a next fire is looked for
_SECOND, _MINUTE, _HOUR, _DAY = (datetime.timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
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

    def next(self, after: datetime.datetime) -> datetime.datetime | None:
        """The first fire later than `after` in UTC, or None when there is none within five years.

        A schedule without a zone is read in the zone of `after`.
        """
        zone = self.zone or after.tzinfo or datetime.UTC
        try:
            search = _Search(after.astimezone(datetime.UTC).replace(microsecond=0) + _SECOND, zone)
            last_year = search.wall.year + _YEARS
            while search.wall.year <= last_year:
                if self._is_found(search):
                    return search.at
        except OverflowError:  # the calendar ends
            pass
        return None

    def _is_found(self, search: _Search) -> bool:
        """Go on to a match; False where a greater unit has begun on the way, so that it has to be looked at again."""
        return (
            self._find_month(search) and self._find_day(search) and self._find_hour(search)
            and self._find_minute(search) and self._find_second(search)
        )  # fmt: skip

    def _find_month(self, search: _Search) -> bool:
        while search.wall.month not in self.months:
            search.begin(day=1, hour=0, minute=0, second=0)
            following = (search.wall.replace(day=1) + 31 * _DAY).replace(day=1)
            search.on_to(following + (search.wall.day - 1) * _DAY)
            if search.wall.month == 1:
                return False
        return True

    def _find_day(self, search: _Search) -> bool:
        while not self._on(search.wall):
            search.begin(hour=0, minute=0, second=0)
            search.on_to(search.wall + _DAY)
            if off := search.wall.hour:  # there is no midnight on this day
                search.go((24 - off if off > 12 else -off) * _HOUR)
            if search.wall.day == 1:
                return False
        return True

    def _on(self, wall: datetime.datetime) -> bool:
        by_day, by_weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday

    def _find_hour(self, search: _Search) -> bool:
        while search.wall.hour not in self.hours:
            search.begin(minute=0, second=0)
            search.go(_HOUR)
            if search.wall.hour == 0:
                return False
        return True

    def _find_minute(self, search: _Search) -> bool:
        while search.wall.minute not in self.minutes:
            search.begin()
            search.go(_MINUTE - search.wall.second * _SECOND)
            if search.wall.minute == 0:
                return False
        return True

    def _find_second(self, search: _Search) -> bool:
        if search.wall.second == 0:
            return True
        search.begin()
        search.go((60 - search.wall.second) * _SECOND)
        return False


class _Search:
    """Where a search is: a point in time, and what the clock of the zone shows then."""

    __slots__ = ("_moved", "_zone", "at", "wall")

    def __init__(self, at: datetime.datetime, zone: datetime.tzinfo) -> None:
        self._zone, self._moved = zone, False
        self._be(at)

    def _be(self, at: datetime.datetime) -> None:
        self.at, self.wall = at, at.astimezone(self._zone).replace(tzinfo=None)

    def go(self, span: datetime.timedelta) -> None:
        """Let time pass."""
        self._be(self.at + span)

    def to(self, wall: datetime.datetime) -> None:
        """Go to where the clock shows `wall`; one that is skipped is read with the offset from before or after."""
        guess = wall.replace(tzinfo=datetime.UTC)
        near = guess - _offset(guess, self._zone)
        self._be(guess - _offset(near, self._zone))

    def on_to(self, wall: datetime.datetime) -> None:
        """Go on to where the clock shows `wall`, or past it: a zone may have left out a whole day."""
        before, span = self.at, wall - self.wall
        self.to(wall)
        if self.at <= before:
            self._be(before + span)

    def begin(self, **unit: int) -> None:
        """The first move is from the beginning of a unit; all that follow are in whole ones."""
        if not self._moved:
            self._moved = True
            if unit:
                self.to(self.wall.replace(**unit))  # type: ignore[arg-type]  # none of them is the zone


def _offset(at: datetime.datetime, zone: datetime.tzinfo) -> datetime.timedelta:
    return at.astimezone(zone).utcoffset() or datetime.timedelta()


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

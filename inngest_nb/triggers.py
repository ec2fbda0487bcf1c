"""What starts a function: events by name and condition, and cron schedules."""

from __future__ import annotations

import datetime

import pydantic

from inngest_nb.xxh64 import xxh64

_SEPARATORS = "/."


class _Trigger(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class TriggerEvent(_Trigger):
    """Start a function with every event of this name whose data fit `expression`.

    `*` as the last part of the name, after `/` or `.`, stands for anything: "app/*", "app/user.*".
    """

    event: str
    expression: str | None = None


class TriggerCron(_Trigger):
    """Start a function on a schedule such as "0 9 * * 1-5" or "TZ=Europe/Paris 0 9 * * *".

    `jitter`, such as "30s", delays each start by up to that long.
    """

    cron: str
    jitter: str | None = None


def candidates(event_name: str) -> list[str]:
    """The event names that a trigger may have so that this event starts it: the name and its wildcard patterns.

    >>> candidates("app/user.created")
    ['app/user.created', 'app/*', 'app/user.*']
    """
    found = [event_name]
    for separator in _SEPARATORS:
        ends = (at for at, char in enumerate(event_name) if char == separator)
        found += [f"{event_name[:at]}{separator}*" for at in ends]
    return found


def next_fires(cron: str, after: datetime.datetime, count: int) -> list[datetime.datetime]:
    """The next `count` fires later than `after`, in UTC; fewer when there are none within five years of the last.

    Raises:
        ValueError: registration refuses the schedule, or `after` has no time zone.

    >>> next_fires("0 9 * * *", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), 1)
    [datetime.datetime(2026, 1, 1, 9, 0, tzinfo=datetime.timezone.utc)]
    """
    if after.tzinfo is None:
        raise ValueError("next_fires needs a time with a time zone, such as datetime.now(datetime.UTC)")
    from inngest_nb import cron as cron_module  # with the zones of the world, for those who have a schedule

    schedule = cron_module.parse(cron)
    fires: list[datetime.datetime] = []
    while len(fires) < count and (fire := schedule.next(fires[-1] if fires else after)) is not None:
        fires.append(fire)
    return fires


def cron_jitter_ns(seed: str, least_ms: int, most_ms: int) -> int:
    """How many nanoseconds the tick named by `seed` is delayed: always the same for the same seed."""
    least, most = least_ms * 10**6, most_ms * 10**6
    return least + xxh64(seed.encode()) % (most - least) if most > least else least

"""A clock that stands still until it is moved."""

from __future__ import annotations

import datetime
import time

from inngest_nb.clock import Clock
from inngest_nb.durations import Duration, to_milliseconds


class TestClock(Clock):
    """Starts at `start` (default: now). Its engine looks at it when something is moved with `TestEngine.advance`.

    >>> clock = TestClock(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
    >>> clock.advance("7d")
    >>> clock.time.isoformat()
    '2026-01-08T00:00:00+00:00'
    """

    __test__ = False  # pytest: no case, in spite of its name

    def __init__(self, start: datetime.datetime | None = None) -> None:
        super().__init__()
        self._now = time.time_ns() // 1000 if start is None else int(start.timestamp() * 1e6)

    def now(self) -> int:
        """Microseconds since the epoch."""
        return self._now

    def elapsed(self) -> int:
        """As much as it was moved."""
        return self._now

    @property
    def time(self) -> datetime.datetime:
        """What the clock shows, in UTC."""
        return datetime.datetime.fromtimestamp(self._now / 1e6, datetime.UTC)

    def advance(self, duration: Duration) -> None:
        """Move forward; use `TestEngine.advance` to have what comes due on the way happen at its time."""
        self._now += to_milliseconds(duration) * 1000

    def move_to(self, now_us: int) -> None:
        """Move forward to a time; never back."""
        self._now = max(self._now, now_us)

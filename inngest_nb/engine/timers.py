"""One heap of due times: sleeps, timeouts, retries and delayed starts, on the wall clock."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import NamedTuple

from inngest_nb.clock import Clock

_LONGEST_S = 5.0  # look at the time of day at least this often: it may have been set, or the machine was asleep
SET_US = 100_000  # less than this is a clock that is being adjusted
_BY_THE_CLOCK = frozenset({"until", "start", "cron"})  # named by a time of day, not by how long it takes
_CLAIMED = frozenset(
    {"wait_for_event", "invoke"}
)  # who comes first takes these: an entry that is there twice does no harm


class Due(NamedTuple):
    """Something to do at a time (microseconds)."""

    at: int
    kind: str
    run_id: str
    hash: str = ""
    attempt: int = 0


class _Age:
    """What was added between two times that the clock was set back; `ahead` is by how much since."""

    def __init__(self) -> None:
        self.heap: list[Due] = []
        self.ahead = 0

    @property
    def next_at(self) -> int:
        return self.heap[0].at - self.ahead


class Timers:
    """Calls `fire(due)` for every entry whose time has come. Stale entries are the callee's to ignore.

    Where the time of day is set forward, what has become due fires soon. Where it is set back, what was there before is not
    late for it: it fires after as long as it would have, unless it is named by a time of day. `was_set(back, since)` hears
    by how much the time of day was set back (or forward: less than 0), and how long ago that was at most.
    """

    def __init__(
        self,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        fire: Callable[[Due], None],
        was_set: Callable[[int, int], None] = lambda back, since: None,
    ) -> None:
        self._clock, self._loop, self._fire, self._was_set = clock, loop, fire, was_set
        self._by_the_clock = _Age()
        self._ages = [self._by_the_clock, _Age()]  # the last one is of now
        self._pending: set[Due] = set()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0
        self._seen = (clock.now(), clock.elapsed())

    @property
    def next_at(self) -> int | None:
        """When the next entry is due."""
        return min((age.next_at for age in self._ages if age.heap), default=None)

    def add(self, due: Due) -> None:
        """Remember `due`, once; due times in the past fire soon."""
        if due in self._pending:
            return
        if due.kind not in _CLAIMED:
            self._pending.add(due)
        self._look()
        age = self._by_the_clock if due.kind in _BY_THE_CLOCK else self._ages[-1]
        heapq.heappush(age.heap, due)
        if self._handle is None or due.at < self._armed_for:
            self._arm()

    def move(self, due: Due, at: int) -> None:
        """Fire `due` at another time."""
        self._pending.discard(due)
        self.add(due._replace(at=at))

    def poke(self) -> None:
        """Look at the clock again now (it was moved)."""
        self._arm()

    def close(self) -> None:
        """Fire nothing more."""
        self._by_the_clock = _Age()
        self._ages = [self._by_the_clock, _Age()]
        self._pending.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _look(self) -> int:
        """The time of day; when it was set back, the age of what is there ends."""
        now, elapsed = self._clock.now(), self._clock.elapsed()
        since = elapsed - self._seen[1]
        back = since - (now - self._seen[0])
        self._seen = (now, elapsed)
        if back > SET_US:
            for age in self._ages[1:]:
                age.ahead += back
            self._ages = [self._by_the_clock, *(age for age in self._ages[1:] if age.heap), _Age()]
        if abs(back) > SET_US:
            self._was_set(back, since)
        return now

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        now, following = self._look(), self.next_at
        if following is not None:
            self._armed_for = following
            self._handle = self._loop.call_later(min(max((following - now) / 1e6, 0.0), _LONGEST_S), self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._look()
        for age in list(self._ages):
            while age.heap and age.next_at <= now:
                due = heapq.heappop(age.heap)
                if due.kind in _CLAIMED or due in self._pending:  # else it was moved
                    self._pending.discard(due)
                    self._fire(due)
        self._arm()

"""One heap of due times: sleeps, timeouts, retries and delayed starts, on the wall clock."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import NamedTuple

from inngest_nb.clock import Clock

_LONGEST_S = 30.0  # look at the wall clock at least this often: it may have been set


class Due(NamedTuple):
    """Something to do at a time (microseconds)."""

    at: int
    kind: str
    run_id: str
    hash: str = ""
    attempt: int = 0


class Timers:
    """Calls `fire(due)` for every entry whose time has come. Stale entries are the callee's to ignore."""

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop, fire: Callable[[Due], None]) -> None:
        self._clock, self._loop, self._fire = clock, loop, fire
        self._heap: list[Due] = []
        self._pending: set[Due] = set()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def add(self, due: Due) -> None:
        """Remember `due`, once; due times in the past fire soon."""
        if due in self._pending:
            return
        self._pending.add(due)
        heapq.heappush(self._heap, due)
        if self._handle is None or due.at < self._armed_for:
            self._arm()

    def poke(self) -> None:
        """Look at the clock again now (it was moved)."""
        self._arm()

    def close(self) -> None:
        """Fire nothing more."""
        self._heap.clear()
        self._pending.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._armed_for = self._heap[0].at
            delay = (self._armed_for - self._clock.now()) / 1e6
            self._handle = self._loop.call_later(min(max(delay, 0.0), _LONGEST_S), self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self._clock.now()
        while self._heap and self._heap[0].at <= now:
            due = heapq.heappop(self._heap)
            self._pending.discard(due)
            self._fire(due)
        self._arm()

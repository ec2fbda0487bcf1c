"""Concurrency: how many runs may execute at once, by function and key; who waits goes on by priority, then by age.

A run counts while something of it executes. A sleeping or waiting run counts nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from inngest_nb.engine.records import Run

Slot = tuple[str, int]  # what is limited, and how many may hold it


@dataclass(order=True, slots=True)
class Waiter:
    """A run that wants all of its slots."""

    score: int
    run_id: str
    run: Run = field(compare=False)
    go: Callable[[], None] = field(compare=False)
    dropped: bool = field(default=False, compare=False)


class Capacity:
    """Hands out slots. A run gets all of its slots together or waits."""

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}
        self._by_run: dict[str, tuple[Slot, ...]] = {}
        self._waiting: dict[str, list[Waiter]] = {}  # by the name of the first slot that was full
        self._waiters: dict[str, Waiter] = {}

    def acquire(self, run: Run, slots: tuple[Slot, ...], go: Callable[[], None]) -> bool:
        """Call `go` now or when the slots are free; returns whether it was called now."""
        if not slots or run.id in self._by_run:
            go()
            return True
        full = self._first_full(slots)
        if full is None:
            self._take(run.id, slots)
            go()
            return True
        waiter = Waiter(run.queued_at - run.priority_us, run.id, run, go)
        self._waiters[run.id] = waiter
        self._by_wanted(waiter, slots, full)
        return False

    def _by_wanted(self, waiter: Waiter, slots: tuple[Slot, ...], full: str) -> None:
        waiter.run.slots = slots
        heapq.heappush(self._waiting.setdefault(full, []), waiter)

    def release(self, run_id: str) -> None:
        """The run executes nothing any more, or does not want to."""
        waiter = self._waiters.pop(run_id, None)
        if waiter is not None:
            waiter.dropped = True
        for name, _ in self._by_run.pop(run_id, ()):
            self._held[name].discard(run_id)
            self._admit(name)

    def ahead_of(self, run_id: str) -> int:
        """How many runs hold what this one waits for."""
        waiter = self._waiters.get(run_id)
        if waiter is None:
            return 0
        full = self._first_full(waiter.run.slots)
        return len(self._held.get(full, ())) if full else 0

    def _first_full(self, slots: tuple[Slot, ...]) -> str | None:
        return next((name for name, limit in slots if len(self._held.get(name, ())) >= limit), None)

    def _take(self, run_id: str, slots: tuple[Slot, ...]) -> None:
        self._by_run[run_id] = slots
        for name, _ in slots:
            self._held.setdefault(name, set()).add(run_id)

    def _admit(self, name: str) -> None:
        queue = self._waiting.get(name, [])
        while queue:
            waiter = heapq.heappop(queue)
            if waiter.dropped:
                continue
            full = self._first_full(waiter.run.slots)
            if full == name:
                heapq.heappush(queue, waiter)
                return
            if full is not None:  # the next slot is the one to wait for now
                self._by_wanted(waiter, waiter.run.slots, full)
                continue
            del self._waiters[waiter.run_id]
            self._take(waiter.run_id, waiter.run.slots)
            waiter.go()

"""Concurrency: how many runs may execute at once, by function and key; who waits goes on by priority, then by age.

A run counts while something of it executes. A sleeping or waiting run counts nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from inngest_nb.engine.records import Run

Slot = tuple[str, int]  # what is limited, and how many may hold it
Go = Callable[[], None]


@dataclass(order=True, slots=True)
class Waiter:
    """A run that wants all of its slots."""

    score: int
    run_id: str
    slots: tuple[Slot, ...] = field(compare=False)
    go: list[Go] = field(compare=False)
    dropped: bool = field(default=False, compare=False)


class Capacity:
    """Hands out slots. A run gets all of its slots together or waits."""

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}
        self._by_run: dict[str, tuple[Slot, ...]] = {}
        self._queues: dict[str, list[Waiter]] = {}  # by the name of the first slot that was full
        self._most: dict[str, int] = {}  # the highest limit that anybody has for a slot: functions may differ
        self._waiters: dict[str, Waiter] = {}

    def acquire(self, run: Run, slots: tuple[Slot, ...], go: Go) -> bool:
        """Call `go` now or when the slots are free; returns whether it was called now."""
        waiter = self._waiters.get(run.id)
        if waiter is not None:
            waiter.go.append(go)
            return False
        if not slots or run.id in self._by_run:
            go()
            return True
        full = self._first_full(slots)
        if full is None:
            self._take(run.id, slots)
            go()
            return True
        waiter = self._waiters[run.id] = Waiter(run.queued_at - run.priority_us, run.id, slots, [go])
        self._enqueue(waiter, full)
        return False

    def occupy(self, run_id: str, slots: tuple[Slot, ...]) -> None:
        """The run executes already, whatever the limits say."""
        if run_id not in self._by_run and run_id not in self._waiters:
            self._take(run_id, slots)

    def holds(self, run_id: str) -> bool:
        """Whether the run has its slots."""
        return run_id in self._by_run

    def has_waiter(self, run_id: str) -> bool:
        """Whether the run waits for its slots."""
        return run_id in self._waiters

    def release(self, run_id: str) -> None:
        """The run executes nothing any more, or does not want to."""
        waiter = self._waiters.pop(run_id, None)
        if waiter is not None:
            waiter.dropped = True
        slots = self._by_run.pop(run_id, ())
        for name, _ in slots:
            self._held[name].discard(run_id)
        for name, _ in slots:
            self._admit(name)

    def ahead_of(self, run_id: str) -> int:
        """How many runs hold what this one waits for."""
        waiter = self._waiters.get(run_id)
        if waiter is None:
            return 0
        full = self._first_full(waiter.slots)
        return len(self._held.get(full, ())) if full else 0

    def _first_full(self, slots: tuple[Slot, ...]) -> str | None:
        return next((name for name, limit in slots if len(self._held.get(name, ())) >= limit), None)

    def _take(self, run_id: str, slots: tuple[Slot, ...]) -> None:
        self._by_run[run_id] = slots
        for name, _ in slots:
            self._held.setdefault(name, set()).add(run_id)

    def _enqueue(self, waiter: Waiter, full: str) -> None:
        heapq.heappush(self._queues.setdefault(full, []), waiter)
        limit = next(limit for name, limit in waiter.slots if name == full)
        self._most[full] = max(limit, self._most.get(full, 0))

    def _admit(self, name: str) -> None:
        """Let go who can; one whose own limit is lower holds up nobody whose limit is higher."""
        queue = self._queues.get(name, [])
        held_up: list[Waiter] = []
        going: list[Go] = []
        while queue and len(self._held[name]) < self._most[name]:
            waiter = heapq.heappop(queue)
            if waiter.dropped:
                continue
            full = self._first_full(waiter.slots)
            if full == name:
                held_up.append(waiter)
            elif full is not None:  # the next slot is the one to wait for now
                self._enqueue(waiter, full)
            else:
                del self._waiters[waiter.run_id]
                self._take(waiter.run_id, waiter.slots)
                going += waiter.go
        for waiter in held_up:
            heapq.heappush(queue, waiter)
        if not queue and not self._held.get(name):
            self._forget(name)
        for go in going:
            go()

    def _forget(self, name: str) -> None:
        self._held.pop(name, None)
        self._queues.pop(name, None)
        self._most.pop(name, None)

"""Open waits for events, found by what an event holds: the cost of an event is what its matches cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from inngest_nb.engine.records import StoredEvent
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import Bound, WaitIndex, bind

WaitId = tuple[str, str]  # run id, step hash


class OpenWait(NamedTuple):
    """A wait: what it is called, the event it is for, and what must hold (None: nothing)."""

    id: WaitId
    event_name: str
    bound: Bound | None


class Waits:
    """The open waits of all runs; each is claimed by the first event that matches it.

    A condition that is in the journal is not kept in memory: `load` brings it back for an event that may match it.
    """

    def __init__(self, load: Callable[[WaitId], Bound | None]) -> None:
        self._load = load
        self._index: WaitIndex[WaitId] = WaitIndex()
        self._open: dict[WaitId, OpenWait | None] = {}  # None: its condition is in the journal
        self._by_run: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, wait: WaitId) -> bool:
        return wait in self._open

    def add(self, wait: WaitId, event_name: str, expression: str | None, trigger: dict[str, Any]) -> None:
        """Open a wait; `event.*` in its expression is the run's trigger event.

        Raises:
            ExpressionError: the expression cannot be understood.
        """
        self.open(OpenWait(wait, event_name, bind(expression, trigger) if expression is not None else None))

    def open(self, wait: OpenWait) -> None:
        """Open a wait, or open it again after its claim could not be written."""
        if wait.id in self._open:
            return
        self._index.add(wait.id, wait.event_name, wait.bound)
        self._open[wait.id] = wait
        run_id, step_hash = wait.id
        self._by_run[run_id] = (*self._by_run.get(run_id, ()), step_hash)

    def kept(self, wait: WaitId) -> None:
        """The wait is in the journal now."""
        if self._open.get(wait) is not None:
            self._open[wait] = None
            self._index.lighten(wait)

    def claim(self, event: StoredEvent) -> list[OpenWait]:
        """Close and return every wait that the event ends."""
        matched = self._matched(event)
        for wait in matched:
            self.discard(wait.id)
        return matched

    def matching(self, event: StoredEvent) -> list[WaitId]:
        """Every wait that the event would end."""
        return [wait.id for wait in self._matched(event)]

    def _matched(self, event: StoredEvent) -> list[OpenWait]:
        view = event.as_object()
        candidates = (self._condition(wait, event.name) for wait in self._index.candidates(view))
        return [wait for wait in candidates if _matches(wait.bound, view)]

    def _condition(self, wait: WaitId, event_name: str) -> OpenWait:
        return self._open[wait] or OpenWait(wait, event_name, self._load(wait))

    def discard(self, wait: WaitId) -> bool:
        """Close a wait; returns whether it was open."""
        if wait not in self._open:
            return False
        del self._open[wait]
        self._index.remove(wait)
        run_id, step_hash = wait
        left = tuple(other for other in self._by_run[run_id] if other != step_hash)
        if left:
            self._by_run[run_id] = left
        else:
            del self._by_run[run_id]
        return True

    def discard_run(self, run_id: str) -> None:
        """Close every wait of a run."""
        for step_hash in self._by_run.get(run_id, ()):
            self.discard((run_id, step_hash))


def _matches(bound: Bound | None, event: dict[str, Any]) -> bool:
    if bound is None:
        return True
    try:
        return bound.matches(event)
    except ExpressionError:  # an expression that fails on this event does not match it
        return False

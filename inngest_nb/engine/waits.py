"""Open waits for events, found by what an event holds: the cost of an event is what its matches cost."""

from __future__ import annotations

from typing import Any, NamedTuple

from inngest_nb.engine.records import StoredEvent
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import Bound, WaitIndex, bind

WaitId = tuple[str, str]  # run id, step hash


class OpenWait(NamedTuple):
    """A wait: what it is called, the event it is for, and what must hold."""

    id: WaitId
    event_name: str
    bound: Bound | None


class Waits:
    """The open waits of all runs; each is claimed by the first event that matches it."""

    def __init__(self) -> None:
        self._index: WaitIndex[WaitId] = WaitIndex()
        self._open: dict[WaitId, OpenWait] = {}
        self._by_run: dict[str, set[str]] = {}

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
        self._by_run.setdefault(wait.id[0], set()).add(wait.id[1])

    def claim(self, event: StoredEvent) -> list[OpenWait]:
        """Close and return every wait that the event ends."""
        view = event.as_object()
        matched = [self._open[wait] for wait in self._index.candidates(view) if self._matches(wait, view)]
        for wait in matched:
            self.discard(wait.id)
        return matched

    def _matches(self, wait: WaitId, event: dict[str, Any]) -> bool:
        bound = self._open[wait].bound
        if bound is None:
            return True
        try:
            return bound.matches(event)
        except ExpressionError:  # an expression that fails on this event does not match it
            return False

    def discard(self, wait: WaitId) -> bool:
        """Close a wait; returns whether it was open."""
        if wait not in self._open:
            return False
        del self._open[wait]
        self._index.remove(wait)
        hashes = self._by_run[wait[0]]
        hashes.discard(wait[1])
        if not hashes:
            del self._by_run[wait[0]]
        return True

    def discard_run(self, run_id: str) -> None:
        """Close every wait of a run."""
        for step_hash in list(self._by_run.get(run_id, ())):
            self.discard((run_id, step_hash))

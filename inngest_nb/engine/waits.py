"""Open waits for events, found by what an event holds: the cost of an event is what its matches cost."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from inngest_nb.engine.records import StoredEvent
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import Bound, WaitIndex, bind
from inngest_nb.expressions.wait_index import Terms, terms_of

WaitId = tuple[str, str]  # run id, step hash
_log = logging.getLogger("inngest_nb")


class OpenWait(NamedTuple):
    """A wait: what it is called, the event it is for, and what must hold (None: nothing)."""

    id: WaitId
    event_name: str
    bound: Bound | None


class _Kept:
    """An open wait as it is in memory, where there may be many: what finds it, and only until the journal has it its condition."""

    __slots__ = ("bound", "event_name", "hash", "in_memory", "run_id", "terms")

    def __init__(self, wait: WaitId, event_name: str, terms: Terms) -> None:
        run_id, step_hash = wait
        self.run_id, self.hash, self.event_name = run_id, sys.intern(step_hash), sys.intern(event_name)
        self.terms, self.in_memory = terms, False
        self.bound: Bound | None = None

    @property
    def id(self) -> WaitId:
        return (self.run_id, self.hash)


class Waits:
    """The open waits of all runs; each is claimed by the first event that matches it.

    A condition that is in the journal is not kept in memory: `load` brings it back for an event that may match it.
    """

    def __init__(self, load: Callable[[WaitId], Bound | None]) -> None:
        self._load = load
        self._index: WaitIndex[_Kept] = WaitIndex()
        self._by_run: dict[str, _Kept | dict[str, _Kept]] = {}  # most runs are in one wait
        self._count = 0
        self._paths: dict[tuple[str, ...], tuple[str, ...]] = {}  # there are few, and many waits for each

    def __len__(self) -> int:
        return self._count

    def __contains__(self, wait: WaitId) -> bool:
        return self._find(wait) is not None

    def add(self, wait: WaitId, event_name: str, expression: str | None, trigger: dict[str, Any]) -> Terms:
        """Open a wait; `event.*` in its expression is the run's trigger event. Returns what finds it.

        Raises:
            ExpressionError: the expression cannot be understood.
        """
        bound = bind(expression, trigger) if expression is not None else None
        self.open(OpenWait(wait, event_name, bound))
        return terms_of(bound)

    def open(self, wait: OpenWait) -> None:
        """Open a wait, or open it again after its claim could not be written."""
        kept = self.recall(wait.id, wait.event_name, terms_of(wait.bound))
        kept.bound, kept.in_memory = wait.bound, True

    def recall(self, wait: WaitId, event_name: str, terms: Terms) -> _Kept:
        """Open a wait whose condition is in the journal."""
        known = self._find(wait)
        if known is not None:
            return known
        if not self._count:
            self._paths.clear()
        terms = tuple((self._paths.setdefault(path, path), value) for path, value in terms)
        kept = _Kept(wait, event_name, terms)
        self._index.add(kept, kept.event_name, terms)
        self._count += 1
        others = self._by_run.setdefault(kept.run_id, kept)
        if isinstance(others, dict):
            others[kept.hash] = kept
        elif others is not kept:
            self._by_run[kept.run_id] = {others.hash: others, kept.hash: kept}
        return kept

    def kept(self, wait: WaitId) -> None:
        """The wait is in the journal now."""
        kept = self._find(wait)
        if kept is not None:
            kept.bound, kept.in_memory = None, False

    def _find(self, wait: WaitId) -> _Kept | None:
        run_id, step_hash = wait
        found = self._by_run.get(run_id)
        if isinstance(found, dict):
            return found.get(step_hash)
        return found if found is not None and found.hash == step_hash else None

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
        candidates = (self._matched_by(wait, view) for wait in self._index.candidates(view))
        return [wait for wait in candidates if wait is not None]

    def _matched_by(self, kept: _Kept, event: dict[str, Any]) -> OpenWait | None:
        try:
            wait = self._condition(kept)
            return wait if _matches(wait.bound, event) else None
        except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, ExpressionError):
            _log.exception(
                "wait %s of run %s is passed over", kept.hash, kept.run_id
            )  # the others, and the event, must not suffer
            return None

    def _condition(self, wait: _Kept) -> OpenWait:
        return OpenWait(wait.id, wait.event_name, wait.bound if wait.in_memory else self._load(wait.id))

    def discard(self, wait: WaitId) -> bool:
        """Close a wait; returns whether it was open."""
        kept = self._find(wait)
        if kept is None:
            return False
        self._count -= 1
        self._index.remove(kept, kept.event_name, kept.terms)
        others = self._by_run[kept.run_id]
        if isinstance(others, dict):
            del others[kept.hash]
        if not isinstance(others, dict) or not others:
            del self._by_run[kept.run_id]
        return True

    def discard_run(self, run_id: str) -> None:
        """Close every wait of a run."""
        found = self._by_run.get(run_id)
        for kept in list(found.values()) if isinstance(found, dict) else [found] if found is not None else []:
            self.discard(kept.id)


def _matches(bound: Bound | None, event: dict[str, Any]) -> bool:
    if bound is None:
        return True
    try:
        return bound.matches(event)
    except ExpressionError:  # an expression that fails on this event does not match it
        return False

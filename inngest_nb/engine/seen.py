"""Event ids that a function has run for: the same id starts it once in 24 hours, and joins its batches once in 30 minutes."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import StoredEvent

_RUNS_US = 24 * 3600 * 1_000_000
_BATCHES_US = 1800 * 1_000_000


class Seen:
    """What the journal knows, and what is on its way there."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way: set[tuple[str, str]] = set()

    def has_run(self, function: Function, event: StoredEvent) -> bool:
        """Whether a run of the function began with an event of this id."""
        return self._has(function, event, SQL.ran_for, _RUNS_US)

    def was_collected(self, function: Function, event: StoredEvent, pending: tuple[str, ...]) -> bool:
        """Whether an event of this id is or was in a batch of the function; `pending`: internal ids of the current one."""
        if event.event_id == event.id:
            return False
        if self._has(function, event, SQL.collected_for, _BATCHES_US):
            return True
        since = event.received_at - _BATCHES_US
        same = {row[0] for row in self._core.journal.rows(SQL.events_of_id, event.event_id, since)}
        return not same.isdisjoint(pending)

    def mark(self, function: Function, event: StoredEvent, plan: Plan) -> None:
        """The plan uses the event's id for the function."""
        if event.event_id == event.id:
            return
        key = (function.id, event.event_id)
        self._under_way.add(key)
        plan.after.append(lambda: self._under_way.discard(key))
        plan.undo.append(lambda: self._under_way.discard(key))

    def _has(self, function: Function, event: StoredEvent, sql: str, window_us: int) -> bool:
        if event.event_id == event.id:
            return False
        if (function.id, event.event_id) in self._under_way:
            return True
        return bool(self._core.journal.rows(sql, event.event_id, function.id, event.received_at - window_us))

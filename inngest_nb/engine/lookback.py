"""`since="run"`: a wait that also takes an event that came before it, but after the run began to exist."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import SQL, event_of
from inngest_nb.engine.records import Run, StoredEvent
from inngest_nb.expressions import bind
from inngest_nb.protocol import Message


def earlier_match(core: Core, run: Run, message: Message) -> StoredEvent | None:
    """The oldest event that the wait would have taken, had it been there, and that no other wait of the run has had."""
    bound = bind(message.get("if_exp"), run.event.as_object())
    used = {row[0] for row in core.journal.rows(SQL.matched_events, run.id)}
    for event_id, *row in core.journal.rows(SQL.events_since, message["event"], run.id):
        event = event_of(event_id, tuple(row))
        if event.id not in used and bound.matches(event.as_object()):
            return event
    return None

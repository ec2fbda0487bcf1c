"""What ends runs from outside: cancelling events and timeouts, listening from the moment a run exists."""

from __future__ import annotations

from functools import partial

from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import ENDED, Run, StoredEvent
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import OpenWait
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import bind
from inngest_nb.store import Write

CANCEL = "$cancel"


def is_cancel(wait: OpenWait) -> bool:
    """Whether the wait is for an event that cancels its run."""
    return wait.id[1].startswith(CANCEL)


def plan_cancel(wait: OpenWait, event: StoredEvent) -> Write:
    """The end of the run is decided with the event."""
    return (SQL.doom_run, (_reason(event), wait.id[0]))


def _reason(event: StoredEvent) -> str:
    return f"cancelled by event {event.name} ({event.id})"


class Lifetime:
    """Registers and applies `cancel` and `timeouts` of functions."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def planned(self, run: Run, function: Function, plan: Plan) -> None:
        """A run is on its way into the journal: events that come from now on may cancel it."""
        if not function.has_flow:
            return
        for wait in self._listen(run, function):
            plan.undo.append(partial(self._core.waits.discard, wait.id))
        plan.after.append(lambda: self._time(run, function))

    def recalled(self, run: Run, function: Function) -> None:
        """After a restart: a run that has not ended."""
        self._listen(run, function)
        self._time(run, function)
        if run.started_at is not None:
            self.started(run, function)

    def _time(self, run: Run, function: Function) -> None:
        flow = function.flow
        if flow.start_timeout_ms is not None and run.started_at is None:
            ready_at = max(run.queued_at, run.wake_at or 0)
            self._core.timers.add(Due(ready_at + flow.start_timeout_ms * 1000, "start-timeout", run.id))
        for index, cancel in enumerate(flow.cancel):
            if cancel.timeout_ms is not None:
                due = Due(run.queued_at + cancel.timeout_ms * 1000, "cancel-off", run.id, f"{CANCEL}:{index}")
                self._core.timers.add(due)

    def started(self, run: Run, function: Function) -> None:
        """The body was entered for the first time."""
        if function.flow.finish_timeout_ms is not None and run.started_at is not None:
            at = run.started_at + function.flow.finish_timeout_ms * 1000
            self._core.timers.add(Due(at, "finish-timeout", run.id))

    def _listen(self, run: Run, function: Function) -> list[OpenWait]:
        """Open what the run is cancelled by; not for batches."""
        opened: list[OpenWait] = []
        if not function.flow.cancel or len(run.events) > 1:
            return opened
        view, now = run.event.as_object(), self._core.clock.now()
        for index, cancel in enumerate(function.flow.cancel):
            if cancel.timeout_ms is not None and run.queued_at + cancel.timeout_ms * 1000 <= now:
                continue
            try:
                bound = bind(cancel.condition, view)
            except ExpressionError as exc:
                self._core.log.warning("%s: cancel on %s is not possible: %s", run.fn_id, cancel.event, exc.message)
                continue
            if bound.never:
                continue
            wait = OpenWait((run.id, f"{CANCEL}:{index}"), cancel.event, bound)
            self._core.waits.open(wait)
            opened.append(wait)
        return opened

    def matched(self, wait: OpenWait, event: StoredEvent) -> None:
        """A cancelling event is in the journal."""
        run = self._core.find(wait.id[0])
        if run is not None and run.status not in ENDED:
            self._core.progress.end(run, "cancelled", reason=_reason(event))

    def due(self, due: Due) -> None:
        """A timeout has come."""
        if due.kind == "cancel-off":
            self._core.waits.discard((due.run_id, due.hash))
            return
        run = self._core.find(due.run_id)
        if run is None or run.status in ENDED or (due.kind == "start-timeout" and run.started_at is not None):
            return
        which = "start" if due.kind == "start-timeout" else "finish"
        self._core.progress.end(run, "cancelled", reason=f"timeouts.{which} was exceeded")

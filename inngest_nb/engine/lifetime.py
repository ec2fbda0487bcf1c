"""What ends runs from outside: cancelling events and timeouts, listening from the moment a run exists."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.records import ENDED, Run, StoredEvent
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import OpenWait
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import bind

CANCEL = "$cancel"


class Lifetime:
    """Registers and applies `cancel` and `timeouts` of functions."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def created(self, run: Run, function: Function | None) -> None:
        """The run is in the journal, now or since before a restart."""
        if function is None or not function.has_flow:
            return
        self._listen(run, function)
        if function.flow.start_timeout_ms is not None and run.started_at is None:
            self._core.timers.add(Due(run.queued_at + function.flow.start_timeout_ms * 1000, "start-timeout", run.id))
        if run.started_at is not None:
            self.started(run, function)

    def started(self, run: Run, function: Function) -> None:
        """The body was entered for the first time."""
        if function.flow.finish_timeout_ms is not None and run.started_at is not None:
            at = run.started_at + function.flow.finish_timeout_ms * 1000
            self._core.timers.add(Due(at, "finish-timeout", run.id))

    def _listen(self, run: Run, function: Function) -> None:
        if not function.flow.cancel or len(run.events) > 1:
            return
        view = run.event.as_object()
        for index, cancel in enumerate(function.flow.cancel):
            try:
                bound = bind(cancel.condition, view)
            except ExpressionError as exc:
                self._core.log.warning("%s: cancel on %s is not possible: %s", run.fn_id, cancel.event, exc.message)
                continue
            if bound.never:
                continue
            wait = OpenWait((run.id, f"{CANCEL}:{index}"), cancel.event, bound)
            self._core.waits.open(wait)
            if cancel.timeout_ms is not None:
                self._core.timers.add(Due(run.queued_at + cancel.timeout_ms * 1000, "cancel-off", *wait.id))

    def matched(self, wait: OpenWait, event: StoredEvent) -> bool:
        """Whether the wait was for a cancelling event; the run is cancelled then."""
        if not wait.id[1].startswith(CANCEL):
            return False
        run = self._core.find(wait.id[0])
        if run is not None and run.status not in ENDED:
            self._core.progress.end(run, "cancelled", reason=f"cancelled by event {event.name} ({event.id})")
        return True

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

"""Runs whose start a throttle delays: first in, first out for each key, with one timer for the head."""

from __future__ import annotations

from inngest_nb.engine.admission import throttle_bucket
from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.engine.timers import Due


class Throttled:
    """Holds runs back until the rate of their key admits them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[tuple[str, str], dict[str, None]] = {}

    def hold(self, run: Run, function: Function) -> bool:
        """Whether the run has to wait; if so, it is brought on later."""
        if function.flow.throttle is None or run.started_at is not None or run.passed_throttle:
            return False
        bucket = throttle_bucket(run)
        queue = self._waiting.setdefault((run.fn_id, bucket), {})
        if run.id in queue:
            return True
        at = None if queue else self._core.admission.throttle(run, function)
        if not queue and at is None:
            return False
        queue[run.id] = None
        if at is not None:
            self._core.timers.add(Due(at, "throttle", run.fn_id, bucket))
        run.reason = "delayed by its throttle"
        self._core.lifecycle.run_changed(run, function)
        return True

    def due(self, due: Due) -> None:
        """Let go what the rate admits by now."""
        queue = self._waiting.get((due.run_id, due.hash), {})
        function = self._core.functions.get(due.run_id)
        for run_id in list(queue):
            run = self._core.find(run_id)
            at = None
            if function is not None and run is not None and run.status not in ENDED:
                at = self._core.admission.throttle(run, function)
            if at is not None:
                self._core.timers.add(Due(at, "throttle", due.run_id, due.hash))
                return
            del queue[run_id]
            if run is not None and run.status not in ENDED:
                self._core.dispatch.pass_throttle(run)
        if not queue:
            self._waiting.pop((due.run_id, due.hash), None)

"""Runs whose start a throttle delays: first in, first out for each key, with one timer for the head."""

from __future__ import annotations

from collections import deque

import orjson

from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.engine.timers import Due


class Throttled:
    """Holds runs back until the rate of their key admits them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[tuple[str, str], deque[str]] = {}

    def hold(self, run: Run, function: Function) -> bool:
        """Whether the run has to wait; if so, it is brought on later."""
        if function.flow.throttle is None or run.started_at is not None:
            return False
        bucket = orjson.loads(run.keys).get("throttle", "") if run.keys else ""
        queue = self._waiting.setdefault((run.fn_id, bucket), deque())
        if run.id in queue:
            return True
        at = None if queue else self._core.admission.throttle(run, function)
        if not queue and at is None:
            return False
        queue.append(run.id)
        if at is not None:
            self._core.timers.add(Due(at, "throttle", run.fn_id, bucket))
        run.reason = "delayed by its throttle"
        self._core.lifecycle.run_changed(run, function)
        return True

    def due(self, due: Due) -> None:
        """Let go what the rate admits by now."""
        queue = self._waiting.get((due.run_id, due.hash), deque())
        function = self._core.functions.get(due.run_id)
        while queue and function is not None:
            run = self._core.find(queue[0])
            if run is not None and run.status not in ENDED:
                at = self._core.admission.throttle(run, function)
                if at is not None:
                    self._core.timers.add(Due(at, "throttle", due.run_id, due.hash))
                    return
                queue.popleft()
                self._core.dispatch.pass_throttle(run)
            else:
                queue.popleft()

"""The parts of one engine, as they see each other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from inngest_nb.clock import Clock
from inngest_nb.engine import setbacks
from inngest_nb.engine.capacity import Capacity
from inngest_nb.engine.functions import Functions
from inngest_nb.engine.journal.journal import Journal
from inngest_nb.engine.lifecycle import Lifecycle
from inngest_nb.engine.peers import Peers
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.engine.timers import Due, Timers
from inngest_nb.engine.waits import Waits
from inngest_nb.hub import Hub

if TYPE_CHECKING:
    from inngest_nb.engine.admission import Admission
    from inngest_nb.engine.dispatch import Dispatch
    from inngest_nb.engine.forks import Forks
    from inngest_nb.engine.intake import Intake
    from inngest_nb.engine.lifetime import Lifetime
    from inngest_nb.engine.progress import Progress
    from inngest_nb.engine.schedules import Schedules
    from inngest_nb.engine.waiting import Waiting


class Core:
    """Journal, hub, clock and registries; `dispatch`, `progress` and `intake` act on them."""

    dispatch: Dispatch
    progress: Progress
    waiting: Waiting
    admission: Admission
    lifetime: Lifetime
    schedules: Schedules
    forks: Forks
    intake: Intake

    def __init__(
        self, *, journal: Journal, hub: Hub, clock: Clock, loop: asyncio.AbstractEventLoop, rng: random.Random
    ) -> None:
        self.journal, self.hub, self.clock, self.loop, self.rng = journal, hub, clock, loop, rng
        self.functions = Functions()
        self.peers = Peers()
        self.waits = Waits(journal.condition)
        self.capacity = Capacity()
        self.log = logging.getLogger("inngest_nb")
        self.lifecycle = Lifecycle(hub, clock)
        self.timers = Timers(clock, loop, self._fire, partial(setbacks.noticed, self))
        self.runs: dict[str, Run] = {}  # runs in memory: queued, leased, or just touched
        self.tasks: set[asyncio.Task[object]] = set()
        self.ended: Callable[[Run], None] = lambda run: None

    def find(self, run_id: str) -> Run | None:
        """The run, to act on it: one object in memory for each run that has not ended."""
        run = self.runs.get(run_id) or self.journal.run(run_id)
        if run is not None and run.status not in ENDED:
            self.runs[run_id] = run
        return run

    def peek(self, run_id: str) -> Run | None:
        """The run, to look at it."""
        return self.runs.get(run_id) or self.journal.run(run_id)

    def spawn(self, work: Awaitable[object]) -> None:
        """Run engine work in the background and keep hold of it."""
        task: asyncio.Task[object] = self.loop.create_task(self._noticed(work))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _noticed(self, work: Awaitable[object]) -> None:
        with self.apart("in the background"):
            await work

    @contextlib.contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """What goes wrong inside is logged, and nothing else suffers from it."""
        try:
            yield
        except Exception:  # whatever it was
            self.log.exception("inngest_nb: the engine failed %s", what)

    def _fire(self, due: Due) -> None:
        with self.apart(f"when {due.kind} of {due.run_id} was due"):
            self._act_on(due)

    def _act_on(self, due: Due) -> None:
        if due.kind in ("start", "rerun"):
            self.dispatch.due(due.run_id)
        elif due.kind == "throttle":
            self.dispatch.throttle_due(due)
        elif due.kind == "retry":
            self.progress.retry_due(due)
        elif due.kind in ("batch", "debounce"):
            self.admission.due(due)
        elif due.kind in ("start-timeout", "finish-timeout", "cancel-off"):
            self.lifetime.due(due)
        elif due.kind == "cron":
            self.schedules.due(due)
        else:
            self.waiting.due(due)

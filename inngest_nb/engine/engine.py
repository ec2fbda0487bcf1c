"""The durable runtime of one data directory: plain asyncio, nothing of Jupyter, no code of users."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from inngest_nb.clock import Clock
from inngest_nb.engine import hurrying
from inngest_nb.engine.admission import Admission
from inngest_nb.engine.authority import Authority
from inngest_nb.engine.bulk import Bulk
from inngest_nb.engine.core import Core
from inngest_nb.engine.dispatch import Dispatch
from inngest_nb.engine.forks import Forks
from inngest_nb.engine.functions import encode_config, from_config
from inngest_nb.engine.garbage import collect_less_often
from inngest_nb.engine.intake import Intake
from inngest_nb.engine.journal.journal import SQL, Journal
from inngest_nb.engine.lifetime import Lifetime
from inngest_nb.engine.listing import Listings
from inngest_nb.engine.overview import Overview
from inngest_nb.engine.progress import Progress
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.engine.recovery import take_up
from inngest_nb.engine.schedules import Schedules
from inngest_nb.engine.waiting import Waiting
from inngest_nb.errors import FunctionConfigInvalidError, JournalUnavailable, RunNotFoundError
from inngest_nb.hub import Hub
from inngest_nb.protocol import FunctionConfig
from inngest_nb.retention import Retention
from inngest_nb.store import DataDirLock, Write
from inngest_nb.store.database import explain


class Engine:
    """Owns `data_dir` while it runs. Create, `await start()`, use from its loop only, `await stop()`.

    Raises (from `start`):
        DataDirLocked: another engine owns the directory.
        JournalUnavailable, JournalCorrupt: its files cannot be used.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        holder: str = "an engine",
        clock: Clock | None = None,
        seed: int | None = None,
        retention: Retention | None = None,
    ) -> None:
        self.data_dir, self._retention = Path(data_dir), retention or Retention()
        self._holder, self._clock, self._rng = holder, clock or Clock(), random.Random(seed)  # noqa: S311  # jitter
        self._watchers: dict[str, list[asyncio.Future[Run]]] = {}
        self._lock: DataDirLock | None = None
        self.core: Core
        self.bulk = Bulk(self)
        self.tokens = Authority(self.data_dir)
        self.api_base_url: str | None = None  # where clients that do not know Jupyter reach this engine, if anywhere
        self.id = self._clock.ulid()

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the files, and take up everything that was under way."""
        loop = asyncio.get_running_loop()
        collect_less_often()
        _make_dir(self.data_dir)
        async with contextlib.AsyncExitStack() as undo:  # nothing stays open when the rest cannot be had
            self._lock = DataDirLock(self.data_dir, self._holder, self.id)
            undo.callback(self._lock.release)
            journal = Journal(self.data_dir / "journal.db", loop=loop)
            undo.push_async_callback(journal.abandon)
            hub = Hub(self.data_dir / "messages.db", clock=self._clock, loop=loop, retention=self._retention)
            undo.push_async_callback(hub.close)
            self._take_up(journal, hub, loop)
            undo.pop_all()

    def _take_up(self, journal: Journal, hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
        core = self.core = Core(journal=journal, hub=hub, clock=self._clock, loop=loop, rng=self._rng)
        core.dispatch, core.progress = Dispatch(core), Progress(core)
        core.waiting, core.intake, core.admission = Waiting(core), Intake(core), Admission(core)
        core.lifetime, core.schedules, core.forks = Lifetime(core), Schedules(core), Forks(core)
        self.listings = Listings(core)
        self.overview = Overview(core, Listings(core), self.data_dir)
        core.ended = self._run_ended
        try:
            take_up(core)
        except sqlite3.Error as exc:
            raise explain(exc, journal.path) from exc

    async def stop(self) -> None:
        """Write what is queued, close the files, give the directory back."""
        core = self.core
        core.timers.close()
        for task in list(core.tasks):
            task.cancel()
        await asyncio.gather(*core.tasks, return_exceptions=True)
        for futures in self._watchers.values():
            for future in futures:
                future.cancel()
        await self.listings.close()
        await self.overview.close()
        await core.journal.close()
        await core.hub.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def outage(self) -> str | None:
        """Why nothing is acknowledged at the moment, if so."""
        error = self.core.journal.writer.outage
        return error.message if error else None

    # -- functions -----------------------------------------------------------------------------

    def register(self, configs: list[FunctionConfig]) -> list[str]:
        """Keep functions, new or replaced; returns their ids."""
        writes: list[Write] = []
        for config in configs:
            if not config["triggers"]:
                raise FunctionConfigInvalidError(
                    f"function {config['id']!r} has no trigger; pass trigger=TriggerEvent(event=…)"
                )
            old = self.core.functions.get(config["id"])
            function = from_config(config, paused=old.paused if old else False)
            if self.core.functions.put(function):
                row = (function.id, function.app_id, function.name, encode_config(config), function.code_hash)
                writes.append((SQL.save_function, (*row, self._clock.now())))
                self.core.schedules.registered(function)
        if writes:
            self.core.journal.keep(writes)
        return [config["id"] for config in configs]

    # -- events and runs -----------------------------------------------------------------------

    async def send(
        self, events: list[dict[str, Any]], *, user: dict[str, Any] | None = None, key: str | None = None
    ) -> list[str]:
        """Accept events; returns their internal ids once they are durable."""
        return await self.core.intake.send(events, user=user, key=key)

    async def start_function(
        self, fn_id: str, event: dict[str, Any], *, user: dict[str, Any] | None = None, key: str | None = None
    ) -> Run:
        """Start one function with an event that no other function sees."""
        return await self.core.intake.start(self.core.functions.require(fn_id), event, user=user, key=key)

    def run(self, run_id: str) -> Run:
        """A run as it is now."""
        run = self.core.peek(run_id)
        if run is None:
            raise RunNotFoundError(f"run {run_id!r} is not known to the engine of {self.data_dir}")
        return run

    def run_ids(
        self, *, function: str | None = None, status: str | None = None, event_id: str | None = None, limit: int = 100
    ) -> list[str]:
        """Ids of runs, newest first."""
        filters = {"function": function, "status": status, "event_id": event_id, "limit": limit}
        return [run_id for (run_id,) in self.core.journal.reader.execute(SQL.list_runs, filters).fetchall()]

    def runs(self, **filters: Any) -> list[Run]:
        """The same runs themselves; for a few."""
        return [self.run(run_id) for run_id in self.run_ids(**filters)]

    async def cancel(self, run_id: str, reason: str | None = None) -> Run:
        """Cancel a run that has not ended; returns it once that is durable."""
        self.run(run_id)
        run = self.core.find(run_id)
        assert run is not None
        self.core.progress.end(run, "cancelled", reason=reason)  # unless it has ended
        return await self.ended(run_id)

    async def retry_now(self, run_id: str, step: str | None = None) -> int:
        """Make attempts that wait for the end of their backoff now; returns how many, once that is durable."""
        return await hurrying.retry_now(self.core, run_id, step)

    async def rerun(
        self, run_id: str, *, from_step: str | None, steps: dict[str, Any], resume: bool, key: str | None = None
    ) -> Run:
        """A new run from the events of an old one, with as many of its memos as are kept; one for each `key`."""
        return await self.core.forks.start(self.run(run_id), from_step, steps, resume=resume, key=key)

    def preview(
        self, run_id: str, *, from_step: str | None, steps: dict[str, Any], resume: bool
    ) -> list[dict[str, Any]]:
        """What such a rerun would do with each step."""
        return self.core.forks.plan(self.run(run_id), from_step, steps, resume=resume)

    async def pause(self, fn_id: str, *, paused: bool) -> None:
        """Pause a function (new events start nothing, runs under way stop at their next dispatch) or let it go on."""
        self.core.functions.require(fn_id)
        await self.core.journal.commit([(SQL.pause_function, (int(paused), fn_id))])
        self.core.functions.put(
            replace(self.core.functions.require(fn_id), paused=paused)
        )  # registered anew meanwhile?
        if not paused:
            self.core.dispatch.resumed(fn_id)

    async def ended(self, run_id: str) -> Run:
        """Wait until the run has ended, durably."""
        run = self.run(run_id)
        if run.status in ENDED and run_id not in self.core.runs:
            return run
        future: asyncio.Future[Run] = self.core.loop.create_future()
        self._watchers.setdefault(run_id, []).append(future)
        return await future

    def _run_ended(self, run: Run) -> None:
        for future in self._watchers.pop(run.id, ()):
            if not future.done():
                future.set_result(run)


def _make_dir(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        message = f"the data directory {path} cannot be made ({exc.strerror}); choose another one with data_dir=…"
        raise JournalUnavailable(message) from exc

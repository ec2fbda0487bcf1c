"""Many runs at once: cancel them, run them again, or start those of cron ticks that were missed."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from inngest_nb import expressions
from inngest_nb.engine.core import Core
from inngest_nb.engine.flow import keys
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.errors import FunctionConfigInvalidError, StartRefused
from inngest_nb.triggers import next_fires

if TYPE_CHECKING:
    from inngest_nb.engine.engine import Engine

MOST_TICKS = 1000
_AT_ONCE = 200  # how many are written in one commit; others have their turn in between


class Bulk:
    """Acts on all runs of an app that a filter selects. Times are microseconds, `since` included and `until` not."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def _core(self) -> Core:
        return self._engine.core

    async def cancel(self, *, if_exp: str | None, **which: Any) -> int:
        """Cancel runs that have not ended and whose event fits `if_exp`; returns how many, once that is durable."""
        if if_exp is not None:
            expressions.check(if_exp, variables=("event",))
        cancelled = 0
        async for runs in self._chunks(**which):
            chosen = [run for run in runs if run.status not in ENDED and keys.holds(if_exp, run.event.as_object())]
            for run in chosen:
                self._core.progress.end(run, "cancelled", reason="cancelled in bulk")
            await asyncio.gather(*(self._engine.ended(run.id) for run in chosen))
            cancelled += len(chosen)
        return cancelled

    async def replay(self, **which: Any) -> list[Run]:
        """Start new runs from the events of runs that have ended, oldest first."""
        started: list[Run] = []
        async for runs in self._chunks(**which):
            ended = [run for run in runs if run.status in ENDED]
            started += await asyncio.gather(*(self._core.forks.start(run, None, {}, resume=False) for run in ended))
        return started

    async def _chunks(self, *, status: str | None, **where: Any) -> AsyncIterator[list[Run]]:
        """Runs by their state of now; those that are made meanwhile are not among them."""
        ids = [run_id for (run_id,) in self._core.journal.reader.execute(SQL.select_runs, where).fetchall()]
        for begin in range(0, len(ids), _AT_ONCE):
            found = [self._core.find(run_id) for run_id in ids[begin : begin + _AT_ONCE]]
            yield [run for run in found if run is not None and status in (None, run.status)]

    async def backfill(self, fn_id: str, since: int, until: int | None) -> list[Run]:
        """Start the runs of ticks that had none, oldest first, as far as the function's flow control lets them through."""
        function = self._core.functions.require(fn_id)
        ticks = await asyncio.to_thread(_ticks, function, since, until or self._core.clock.now())
        missed = [(at, ticks[at]) for at in sorted(ticks) if not self._had_run(function, at)]
        started: list[Run] = []
        for begin in range(0, len(missed), _AT_ONCE):
            plans = [
                self._core.schedules.plan_tick(function, trigger, at, made_up=True)
                for at, trigger in missed[begin : begin + _AT_ONCE]
            ]
            await self._core.intake.commit(plans)
            started += [run for plan in plans for run in plan.runs]
        return started

    def _had_run(self, function: Function, at: int) -> bool:
        return bool(self._core.journal.rows(SQL.ran_for, self._core.schedules.name_of(at), function.id, 0))


def _ticks(function: Function, since: int, until: int) -> dict[int, dict[str, Any]]:
    """All ticks of a function in a time, with the trigger of each."""
    triggers = [trigger for trigger in function.triggers if "cron" in trigger]
    if not triggers:
        raise FunctionConfigInvalidError(f"function {function.id!r} has no cron trigger, so it has missed no ticks")
    ticks: dict[int, dict[str, Any]] = {}
    for trigger in triggers:
        after = _moment(since - 1)
        while _us(after) < until and (fires := next_fires(trigger["cron"], after, _AT_ONCE)):
            ticks.update({_us(fire): trigger for fire in fires if _us(fire) < until})
            after = fires[-1]
            if len(ticks) > MOST_TICKS:
                raise StartRefused(
                    f"{function.id!r} has more than {MOST_TICKS:,} ticks in that time; choose a shorter one"
                )
    return ticks


def _moment(us: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(us / 1e6, datetime.UTC)


def _us(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1e6)

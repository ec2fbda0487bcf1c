"""Retrying now: attempts that wait for the end of a backoff are made at once.

The new time is in the journal before anybody acts on it, so that it also holds for the next engine and the next worker.
"""

from __future__ import annotations

from dataclasses import replace

from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.records import ENDED, Run, StepRow
from inngest_nb.engine.timers import Due
from inngest_nb.errors import RunNotFoundError
from inngest_nb.store import Write


async def retry_now(core: Core, run_id: str, step: str | None = None) -> int:
    """Bring forward what waits for its next attempt, of one step (its id or hash) or of the whole run; returns how much that is."""
    run = core.find(run_id)
    if run is None:
        raise RunNotFoundError(f"run {run_id!r} is not known to this engine")
    if run.status in ENDED:
        return 0
    rows = [row for row in _backing_off(core, run) if step in (None, row.step_id, row.hash)]
    body_at = run.wake_at if step is None and run.attempt > 0 else None
    now = core.clock.now()
    writes: list[Write] = [(SQL.hurry_step, (now, run.id, row.hash, row.attempt)) for row in rows]
    if body_at is not None:
        writes.append((SQL.hurry_run, (now, run.id)))
    if not writes:
        return 0
    await core.journal.persist(writes)
    if run.status in ENDED:  # meanwhile
        return 0
    for row in rows:
        _hurry_step(core, run, row, now)
    if body_at is not None and run.wake_at == body_at:
        run.wake_at = now
        core.timers.move(Due(body_at, "rerun", run.id), now)
        core.lifecycle.run_changed(run, core.functions.get(run.fn_id))
    return len(writes)


def _backing_off(core: Core, run: Run) -> list[StepRow]:
    """The newest attempt of each step whose next one is to come."""
    newest = {row.hash: row for row in core.journal.steps(run.id)}.values()
    return [row for row in newest if row.status == "retrying" and (row.hash, row.attempt + 1) not in run.offered]


def _hurry_step(core: Core, run: Run, row: StepRow, now: int) -> None:
    core.timers.move(Due(row.retry_at or 0, "retry", run.id, row.hash, row.attempt + 1), now)
    core.lifecycle.step_changed(run, replace(row, retry_at=now), core.functions.get(run.fn_id))

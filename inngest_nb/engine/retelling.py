"""Runs of an engine that was killed: the journal has what their logs do not have yet."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.lifecycle import wait_extra
from inngest_nb.engine.records import Run, StepRow


def retell(core: Core, run: Run, rows: list[StepRow]) -> None:
    """Tell what is missing about the steps of a run that was read from the journal, and settle what they have streamed."""
    tell_lost_steps(core, run, rows)
    core.lifecycle.recall_unsettled(run)


def tell_lost_steps(core: Core, run: Run, rows: list[StepRow]) -> None:
    """Tell what the engine before this one kept of steps and had no time to tell, once."""
    if not rows or run.id > core.lifecycle.first_id or run.id in core.lifecycle.retold:
        return
    core.lifecycle.retold.add(run.id)
    told, function = core.hub.steps_told(run.id), core.functions.get(run.fn_id)
    for row in rows:
        if (row.seq or 0) < core.journal.first_place and (row.hash, row.attempt, row.status) not in told:
            about = next(iter(core.journal.rows(SQL.wait_of_step, run.id, row.hash)), None)
            core.lifecycle.step_changed(run, row, function, **({} if about is None else wait_extra(about)))

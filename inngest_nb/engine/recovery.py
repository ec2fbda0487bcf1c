"""At start: everything that was under way is taken up from the journal."""

from __future__ import annotations

import sys

import orjson

from inngest_nb.engine import setbacks
from inngest_nb.engine.core import Core
from inngest_nb.engine.functions import Function, from_config
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.timers import Due
from inngest_nb.expressions.wait_index import decode_terms, terms_of


def take_up(core: Core) -> None:
    """Functions, runs, timers, waits and undelivered publishes, in this order."""
    ((newest,),) = core.journal.rows(SQL.newest_id)
    if newest is not None:  # the clock may have been set back since
        core.clock.after(newest)
    core.lifecycle.first_id = core.clock.ulid()
    for config, paused in core.journal.rows(SQL.functions):
        function = from_config(orjson.loads(config), paused=bool(paused))
        core.functions.put(function)
        core.schedules.registered(function)
    core.admission.take_up()
    back = setbacks.recall(core)
    doomed: list[tuple[str, str]] = []
    for run_id, fn_id, wake_at, attempt, reason, parked in core.journal.each(SQL.open_runs):
        if reason is not None:
            doomed.append((run_id, reason))
            continue
        _take_up_run(core, run_id, core.functions.get(fn_id))
        if wake_at is not None:
            core.timers.add(Due(wake_at - back, "rerun", run_id) if attempt else Due(wake_at, "start", run_id))
        elif not parked:  # what is comes back when a wait of it ends
            core.dispatch.wants_peer(fn_id, run_id)
    for run_id, step_hash, op, status, attempt, at in core.journal.each(SQL.open_steps):
        due = Due(at if op == "until" else at - back, sys.intern(op), run_id, sys.intern(step_hash))
        core.timers.add(due if status == "waiting" else due._replace(kind="retry", attempt=attempt + 1))
        if op == "invoke" and status == "waiting":
            core.waiting.recall(run_id, step_hash)
    for run_id, step_hash, name, expires_at, terms in core.journal.each(SQL.open_waits):
        wait = (run_id, step_hash)
        found_by = decode_terms(terms) if terms is not None else terms_of(core.journal.condition(wait))
        core.waits.recall(wait, name, found_by)
        core.timers.add(Due(expires_at - back, "wait_for_event", run_id, sys.intern(step_hash)))
    setbacks.recalled(core, back)
    for key, text in core.journal.rows(SQL.outbox):
        message = orjson.loads(text)
        if "settled" in message:
            core.lifecycle.settle_again(message)
            core.progress.strike_when_written(key)
        elif "ended" not in message:
            core.spawn(core.progress.deliver(key, message, message["run_id"], message["fn_id"], message["step_id"]))
        elif (run := core.journal.run(message["ended"])) is not None:
            core.spawn(core.progress.tell_end(run))
    for run_id, reason in doomed:
        if (run := core.find(run_id)) is not None:
            core.progress.end(run, "cancelled", reason=reason)


def _take_up_run(core: Core, run_id: str, function: Function | None) -> None:
    """Runs of functions with flow control hold keys and listen for what cancels them."""
    if function is None or not function.has_flow:
        return
    run = core.journal.run(run_id)
    if run is not None:
        core.admission.locks.recall(run, function)
        core.lifetime.recalled(run, function)

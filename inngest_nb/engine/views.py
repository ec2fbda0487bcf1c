"""A run and its steps as views show them: from the journal, in the shapes of the lifecycle messages."""

from __future__ import annotations

from typing import Any

import orjson

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.lifecycle import run_state, step_state, wait_extra
from inngest_nb.engine.records import fragment


def run_view(engine: Engine, run_id: str) -> dict[str, Any]:
    """{"run": RunState, "steps": [StepState, …]} with waits and what answered them."""
    run = engine.run(run_id)
    core = engine.core
    function = core.functions.get(run.fn_id)
    attempts = function.max_attempts if function else None
    rows = core.journal.steps(run_id)  # first: what is found about waits then is not older
    extra = {row[0]: wait_extra(row) for row in core.journal.rows(SQL.waits_of_run, run_id)}
    extra |= {step_hash: {"child": child} for step_hash, child in core.journal.rows(SQL.children, run_id)}
    steps = [step_state(run_id, row, attempts, **extra.get(row.hash, {})) for row in rows]
    return {"run": run_state(run, function), "steps": steps}


def attempts(engine: Engine, run_id: str, step_hash: str) -> list[dict[str, Any]]:
    """All attempts of one step with opts and output."""
    run = engine.run(run_id)
    function = engine.core.functions.get(run.fn_id)
    most = function.max_attempts if function else None
    return [
        step_state(run_id, row, most, output=fragment(row.output), input=fragment(row.opts))
        for row in engine.core.journal.steps(run_id, step_hash)
    ]


async def step_messages(engine: Engine, run_id: str, step_hash: str, limit: int) -> list[orjson.Fragment]:
    """What one step has published, on whatever channels, the earliest first."""
    engine.run(run_id)
    rows = engine.core.journal.steps(run_id, step_hash)
    await engine.core.hub.written()
    entries = engine.core.hub.of_step(run_id, rows[-1].step_id, limit) if rows else []
    return [orjson.Fragment(entry.wire) for entry in entries]


async def read_log(engine: Engine, channel: str, since: int, limit: int) -> tuple[list[orjson.Fragment], int]:
    """Messages of a channel that are there now, from an offset on, and the offset to go on from."""
    subscription = engine.core.hub.subscribe(channel, None, since)
    messages: list[orjson.Fragment] = []
    try:
        while subscription.cursor < subscription.visible and len(messages) < limit:
            batch = await subscription.next_batch(limit - len(messages))
            messages += [orjson.Fragment(message) for message in batch.messages]
    finally:
        subscription.close()
    return messages, subscription.cursor

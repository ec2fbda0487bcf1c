"""How much one run may be: steps, memory of them, and how long it waits."""

from __future__ import annotations

from inngest_nb.durations import MAX_WAIT_MS
from inngest_nb.engine.journal.journal import Journal
from inngest_nb.engine.records import Run, StepRow
from inngest_nb.protocol import ErrorInfo, Message

MAX_STEPS = 1000
MAX_STATE_BYTES = 32 * 1024 * 1024


def take_stock(run: Run, rows: list[StepRow]) -> None:
    """Count what the journal holds of a run that was under way before."""
    run.steps = len({row.hash for row in rows})
    run.state_bytes = sum(len(row.output or "") for row in rows)


def count(run: Run, message: Message, journal: Journal) -> ErrorInfo | None:
    """Add what a peer reports of a step to the run's account; the error that ends the run, if it is too much."""
    if run.steps is None:
        take_stock(run, journal.steps(run.id))
    steps = run.steps = (run.steps or 0) + (message.get("attempt", 0) == 0)
    run.state_bytes += len(message.get("output", ""))
    if steps > MAX_STEPS:
        return _error("FunctionOverflowed", f"The function run exceeded the step limit of {MAX_STEPS} steps.")
    if run.state_bytes > MAX_STATE_BYTES:
        return _error("StateOverflowed", f"The function run exceeded the state size limit of {MAX_STATE_BYTES} bytes.")
    return None


def check_wait(message: Message, now_us: int) -> ErrorInfo | None:
    """The error that ends a run whose step would wait for too long."""
    wait_ms = (message["wake_at"] - now_us) / 1000
    if wait_ms <= MAX_WAIT_MS + 60_000:  # a minute for what lies between the worker's clock and this one
        return None
    days = wait_ms / 86_400_000
    text = f"step {message['step_id']!r} would wait {days:.0f} days; at most 366 are possible"
    return {"code": "wait_too_long", "name": "WaitTooLong", "message": text, "stack": None}


def _error(name: str, message: str) -> ErrorInfo:
    full = f"InngestErr{name}"
    return {"code": full, "name": full, "message": message, "stack": None}

"""How a run under test ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inngest_nb.jsontext import loads

if TYPE_CHECKING:
    from inngest_nb.engine.records import Run, StepRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The last attempt of one step. `op` is "run", "sleep", "wait_for_event", …; `attempt` counts from 0."""

    id: str
    op: str
    status: str
    output: Any
    error: dict[str, Any] | None
    attempt: int
    hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run that has ended: `status` is "completed", "failed" or "cancelled".

    `output` is what the function returned, as JSON; `error` is {"code", "name", "message", "stack"} of a failed run;
    `on_failure` is how its failure handler ended. `steps` are in the order in which the function met them.
    """

    run_id: str
    status: str
    output: Any
    error: dict[str, Any] | None
    steps: list[StepResult]
    on_failure: Result | None = None

    def step(self, step_id: str) -> StepResult:
        """The first step of this id.

        Raises:
            LookupError: the run met none.
        """
        found = next((step for step in self.steps if step.id == step_id), None)
        if found is None:
            met = ", ".join(repr(step.id) for step in self.steps) or "none"
            raise LookupError(f"the run met no step {step_id!r}; it met {met}")
        return found


def result_of(run: Run, rows: list[StepRow], on_failure: Result | None = None) -> Result:
    """A run and its rows as users see them."""
    last = {row.hash: row for row in rows}
    steps = [_step(row) for row in sorted(last.values(), key=lambda row: row.index)]
    return Result(
        run_id=run.id,
        status=run.status,
        output=None if run.output is None else loads(run.output),
        error=None if run.error is None else loads(run.error),
        steps=steps,
        on_failure=on_failure,
    )


def _step(row: StepRow) -> StepResult:
    return StepResult(
        id=row.step_id,
        op=row.op,
        status=row.status,
        output=None if row.output is None else loads(row.output),
        error=None if row.error is None else loads(row.error),
        attempt=row.attempt,
        hash=row.hash,
    )

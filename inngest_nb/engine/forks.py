"""New runs from old ones: the same events, and as many of the old memos as are to be kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import add_step
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import ENDED, Run, StepRow
from inngest_nb.errors import ForkError
from inngest_nb.jsontext import dumps

GOOD = ("completed", "timed_out")


class Forks:
    """Plans and starts reruns."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def plan(self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool) -> list[dict[str, Any]]:
        """What a rerun would do with each step: {"step_id", "hash", "index", "action", "code_changed"}.

        `action` is "reused", "reused, output edited" or "runs again".
        """
        kept = {row.hash: row for row in self._kept(run, from_step, edits, resume=resume)}
        function = self._core.functions.get(run.fn_id)
        known = set(function.config.get("step_hashes") or ()) if function else set()
        plan: dict[str, dict[str, Any]] = {}
        for row in self._core.journal.steps(run.id):
            action = "runs again"
            if row.hash in kept:
                action = "reused, output edited" if row.step_id in edits else "reused"
            changed = bool(row.code_hash and known and row.code_hash not in known)
            plan[row.hash] = {
                "step_id": row.step_id,
                "hash": row.hash,
                "index": row.index,
                "action": action,
                "code_changed": changed,
            }
        return list(plan.values())

    async def start(self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool) -> Run:
        """Start the new run; returns it once it is durable."""
        function = self._core.functions.require(run.fn_id)
        if resume and run.status not in ENDED:
            raise ForkError(f"run {run.id} has not ended ({run.status}); cancel it first, or let it go on")
        kept = self._kept(run, from_step, edits, resume=resume)
        about = {"forked_from": run.id, "forked_at_step": from_step, "fresh": not kept, "wake_at": None, "steps": None}
        plan = Plan(run.event)
        fork = self._core.admission.add_run(function, run.events, plan, **about)
        plan.writes += [add_step(fork.id, row, row.code_hash) for row in kept]
        await self._core.intake.commit([plan])
        return fork

    def _kept(self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool) -> list[StepRow]:
        rows = self._core.journal.steps(run.id)
        good = [row for row in rows if row.status in GOOD]
        self._check_edits(run, good, edits)
        if from_step is not None:
            begin = self._begin(run, rows, from_step)
            good = [row for row in good if row.ended_at is not None and row.ended_at <= begin]
        elif edits:
            last = max(row.ended_at or 0 for row in good if row.step_id in edits)
            good = [row for row in good if (row.ended_at or 0) <= last]
        elif not resume:
            return []
        return [replace(row, output=dumps(edits[row.step_id])) if row.step_id in edits else row for row in good]

    def _begin(self, run: Run, rows: list[StepRow], from_step: str) -> int:
        """When the step began for the first time."""
        named = [row for row in rows if from_step in (row.hash, row.step_id)]
        if not named:
            known = ", ".join(dict.fromkeys(repr(row.step_id) for row in rows)) or "none"
            raise ForkError(f"run {run.id} has no step {from_step!r}; its steps: {known}")
        hashes = {row.hash for row in named}
        if len(hashes) > 1:
            raise ForkError(
                f"run {run.id} has {len(hashes)} steps called {from_step!r}; name one by its hash: {', '.join(sorted(hashes))}"
            )
        return min(row.started_at for row in named)

    def _check_edits(self, run: Run, good: list[StepRow], edits: dict[str, Any]) -> None:
        known = {row.step_id for row in good}
        for step_id, output in edits.items():
            if step_id not in known:
                raise ForkError(
                    f"run {run.id} has no completed step {step_id!r} whose output could be edited; completed: {sorted(known)}"
                )
            try:
                dumps(output)
            except TypeError as exc:
                raise ForkError(f"the edited output of step {step_id!r} must be JSON: {exc}") from None

"""New runs from old ones: the same events, and as many of the old memos as are to be kept."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import add_step
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import ENDED, Run, StepRow
from inngest_nb.errors import ForkError
from inngest_nb.jsontext import dumps

_REMEMBERED_US = 3600 * 1_000_000  # a request is repeated within moments, if at all
GOOD = ("completed", "timed_out")


class Forks:
    """Plans and starts reruns."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def plan(self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool) -> list[dict[str, Any]]:
        """What a rerun would do with each step: {"step_id", "hash", "index", "action", "code_changed"}.

        `action` is "reused", "reused, output edited" or "runs again".
        """
        kept = {row.hash for row in self._kept(run, from_step, edits, resume=resume)}
        function = self._core.functions.get(run.fn_id)
        known = set(function.config.get("step_hashes") or ()) if function else set()
        plan: dict[str, dict[str, Any]] = {}
        for row in self._core.journal.steps(run.id):
            action = "runs again"
            if row.hash in kept:
                action = "reused, output edited" if {row.step_id, row.hash} & edits.keys() else "reused"
            changed = bool(row.code_hash and known and row.code_hash not in known)
            plan[row.hash] = {
                "step_id": row.step_id,
                "hash": row.hash,
                "index": row.index,
                "action": action,
                "code_changed": changed,
            }
        return list(plan.values())

    async def start(
        self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool, key: str | None = None
    ) -> Run:
        """Start the new run; returns it once it is durable, with a known key the one that was started before."""
        function = self._core.functions.require(run.fn_id)
        if key is not None and (known := await self._started(run, key)) is not None:
            return known
        if resume and run.status not in ENDED:
            raise ForkError(f"run {run.id} has not ended ({run.status}); cancel it first, or let it go on")
        kept = self._kept(run, from_step, edits, resume=resume)
        about = {"forked_from": run.id, "forked_at_step": from_step, "fresh": not kept, "wake_at": None, "steps": None}
        plan = Plan(run.event)
        fork = self._core.admission.add_run(function, run.events, plan, **about)
        for place, row in enumerate(kept, -len(kept)):  # before all that the new run will do
            plan.writes.append(add_step(fork.id, replace(row, seq=place), row.code_hash))
        if key is not None:
            until_ns = (self._core.clock.now() + _REMEMBERED_US) * 1000
            self._core.admission.state.put_with(
                plan, (run.fn_id, "fork", key), {"run": fork.id, "next_free_ns": until_ns}
            )
        await self._core.intake.commit([plan])
        return fork

    async def _started(self, run: Run, key: str) -> Run | None:
        """What a request that is repeated after a reconnect has started when it came first."""
        known = self._core.admission.state.get((run.fn_id, "fork", key))
        if known is None:
            return None
        await self._core.intake.commit([])  # it may be on its way to the disk
        return self._core.peek(known["run"])

    def _kept(self, run: Run, from_step: str | None, edits: dict[str, Any], *, resume: bool) -> list[StepRow]:
        rows = self._core.journal.steps(run.id)
        good = [row for row in rows if row.status in GOOD]
        outputs = {_one(run, good, step, "completed step").hash: _text(step, edits[step]) for step in edits}
        if from_step is not None:
            first = _one(run, rows, from_step, "step")
            good = [row for row in good if row.hash != first.hash and (not _is_over(first) or row.place < first.place)]
            _check_reach(from_step, outputs, good)
        elif edits:
            last = max(row.place for row in good if row.hash in outputs)
            good = [row for row in good if row.place <= last]
        elif not resume:
            return []
        good.sort(key=attrgetter("place"))
        return [replace(row, output=outputs.get(row.hash, row.output)) for row in good]


def _is_over(row: StepRow) -> bool:
    """Whether the last attempt of a step has given the body something, or was given up by it."""
    return row.status in (*GOOD, "failed") or (row.status == "cancelled" and row.seq is not None)


def _one(run: Run, rows: list[StepRow], named: str, what: str) -> StepRow:
    """The step of this name or hash."""
    found = {row.hash: row for row in rows if named in (row.hash, row.step_id)}
    if not found:
        known = ", ".join(dict.fromkeys(repr(row.step_id) for row in rows)) or "none"
        raise ForkError(f"run {run.id} has no {what} {named!r}; its {what}s: {known}")
    if len(found) > 1:
        raise ForkError(
            f"run {run.id} has {len(found)} steps called {named!r}; name one by its hash: {', '.join(sorted(found))}"
        )
    return next(iter(found.values()))


def _text(step: str, output: Any) -> str:
    try:
        return dumps(output)
    except TypeError as exc:
        raise ForkError(f"the edited output of step {step!r} must be JSON: {exc}") from None


def _check_reach(from_step: str, outputs: dict[str, str], kept: list[StepRow]) -> None:
    lost = outputs.keys() - {row.hash for row in kept}
    if lost:
        raise ForkError(
            f"an edited output would not be used: its step had not completed when {from_step!r} began, so it runs again "
            f"({', '.join(sorted(lost))}). Leave it out, or leave out from_step"
        )

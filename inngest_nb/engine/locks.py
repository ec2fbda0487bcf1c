"""Singletons: which run holds which key, from the moment it is planned until it has ended."""

from __future__ import annotations

from inngest_nb.engine.core import Core
from inngest_nb.engine.flow import keys, singleton
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import ENDED, Run
from inngest_nb.errors import ExpressionError

Lock = tuple[str, str]  # function id, key


class Locks:
    """Takes, passes on and gives back the keys of singletons."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._holders: dict[Lock, str] = {}
        self._held: dict[str, Lock] = {}

    def take(self, run: Run, function: Function, plan: Plan) -> str | None:
        """Plan that the run takes its key; returns why it must not start, if so."""
        try:
            lock = _lock(run, function)
        except ExpressionError as exc:
            return f"the singleton's key failed: {exc.message}"
        if lock is None or function.flow.singleton is None:
            return None
        holder = self._holders.get(lock)
        mode = function.flow.singleton[0]
        decision = singleton.decide("cancel" if mode == "cancel" else "skip", holder)
        if not decision.starts:
            return decision.reason
        self._put(lock, run.id)
        plan.undo.append(lambda: self._restore(lock, run.id, holder))
        if holder is not None:
            reason = f"run {run.id} took its place"
            plan.writes.append((SQL.doom_run, (reason, holder)))
            plan.after.append(lambda: self._cancel(holder, reason))
        return None

    def recall(self, run: Run, function: Function) -> None:
        """After a restart: the key of a run that has not ended is held again."""
        try:
            lock = _lock(run, function)
        except ExpressionError:
            return
        if lock is not None:
            self._put(lock, run.id)

    def ended(self, run_id: str) -> None:
        """Give back what the run holds."""
        lock = self._held.pop(run_id, None)
        if lock is not None and self._holders.get(lock) == run_id:
            del self._holders[lock]

    def _put(self, lock: Lock, run_id: str) -> None:
        self._holders[lock] = run_id
        self._held[run_id] = lock

    def _restore(self, lock: Lock, run_id: str, holder: str | None) -> None:
        self.ended(run_id)
        if holder is not None and lock not in self._holders and holder in self._held:
            self._holders[lock] = holder

    def _cancel(self, run_id: str, reason: str) -> None:
        run = self._core.find(run_id)
        if run is not None and run.status not in ENDED:
            self._core.progress.end(run, "cancelled", reason=reason)


def _lock(run: Run, function: Function) -> Lock | None:
    """The key of the run; None where the singleton is off for it."""
    if function.flow.singleton is None:
        return None
    bucket = keys.limiter_bucket(function.flow.singleton[1], run.event.as_object())
    return None if bucket is None else (run.fn_id, bucket)

"""From an event and a function to a run: batching, rate limit, debounce, priority, keys, singleton, pause, in this order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from inngest_nb.engine.core import Core
from inngest_nb.engine.flow import batch, debounce, gcra, keys, singleton
from inngest_nb.engine.flow.config import Flow, Rate
from inngest_nb.engine.flow_state import FlowState
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL, add_run
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import Run, StoredEvent
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import WaitId
from inngest_nb.errors import ExpressionError

_DEDUPE_US = 24 * 3600 * 1_000_000


class Admission:
    """Decides what becomes of an event for one function."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.state = FlowState()
        self._singletons: dict[tuple[str, str], str] = {}
        self._held: dict[str, StoredEvent] = {}  # events of batches and debounces that are not full yet

    # -- an event arrives ------------------------------------------------------------------------

    def admit(self, function: Function, event: StoredEvent, plan: Plan, *, parent: WaitId | None, direct: bool) -> None:
        """Add to `plan` what the event means to the function. `direct`: started by name, so never held back."""
        flow = function.flow
        if self._already_ran(function, event):
            return
        view = event.as_object() if function.has_flow else {}
        if not direct and flow.batch is not None and keys.holds(flow.batch.condition, view):
            self._collect(function, flow, event, view, plan)
        elif not self._within_rate(function, flow.rate_limit, view, plan):
            return
        elif not direct and flow.debounce is not None:
            self._debounce(function, flow, event, view, plan)
        else:
            self.add_run(function, [event], view, plan, parent=parent)

    def add_run(
        self,
        function: Function,
        events: list[StoredEvent],
        view: dict[str, Any],
        plan: Plan,
        *,
        parent: WaitId | None = None,
    ) -> Run:
        """Plan a run: its keys and priority are computed now, once."""
        due = events[0].ts * 1000
        run = Run(
            id=self._core.clock.ulid(),
            fn_id=function.id,
            status="queued",
            events=events,
            queued_at=self._core.clock.now(),
            wake_at=due if due > events[0].received_at else None,
            parent_run_id=parent[0] if parent else None,
            parent_hash=parent[1] if parent else None,
        )
        if function.has_flow:
            self._compute_keys(run, function.flow, view)
        plan.runs.append(run)
        plan.writes += add_run(run, function.code_hash)
        refusal = self._singleton(run, function.flow, view, plan) or (
            "the function is paused" if function.paused else None
        )
        if refusal is not None:
            plan.after.append(lambda: self._core.progress.end(run, "cancelled", reason=f"skipped: {refusal}"))
        return run

    def _already_ran(self, function: Function, event: StoredEvent) -> bool:
        """The same event id starts a function once in 24 hours."""
        if event.event_id == event.id:
            return False
        since = event.received_at - _DEDUPE_US
        return bool(self._core.journal.rows(SQL.ran_for, event.event_id, function.id, since))

    # -- rate limit ------------------------------------------------------------------------------

    def _within_rate(self, function: Function, rate: Rate | None, view: dict[str, Any], plan: Plan) -> bool:
        if rate is None:
            return True
        try:
            bucket = keys.limiter_bucket(rate.key, view)
        except ExpressionError as exc:
            self._core.log.warning(
                "%s: the rate limit's key failed for event %s: %s", function.id, plan.event.id, exc.message
            )
            return False
        if bucket is None:
            return True
        key = (function.id, "rate", bucket)
        decision = gcra.admit(gcra.rate_limit(rate.limit, rate.period_ms), _bucket(self.state.get(key)), self._now_ns())
        if decision.admitted:
            self.state.put_with(plan, key, asdict(decision.bucket))
        return decision.admitted

    def throttle(self, run: Run, function: Function) -> int | None:
        """Let the run start now (None), or the microseconds at which to ask again."""
        rate = function.flow.throttle
        if rate is None or run.started_at is not None:
            return None
        key = (function.id, "throttle", _keys_of(run).get("throttle", ""))
        decision = gcra.admit(
            gcra.throttle(rate.limit, rate.period_ms, rate.burst), _bucket(self.state.get(key)), self._now_ns()
        )
        if not decision.admitted:
            return decision.retry_at_ns // 1000 + 1
        self._core.journal.keep([self.state.put(key, asdict(decision.bucket))])
        return None

    # -- batch and debounce ----------------------------------------------------------------------

    def _collect(self, function: Function, flow: Flow, event: StoredEvent, view: dict[str, Any], plan: Plan) -> None:
        assert flow.batch is not None
        bucket = keys.bucket(flow.batch.key, view)
        key = (function.id, "batch", bucket)
        stored = self.state.get(key)
        before = batch.Collected(**{**stored, "event_ids": tuple(stored["event_ids"])}) if stored else None
        size = len(event.data)
        now_ms = self._core.clock.now() / 1000
        outcome = batch.collect(
            before,
            event_id=event.id,
            event_bytes=size,
            now_ms=now_ms,
            max_size=flow.batch.max_size,
            timeout_ms=flow.batch.timeout_ms,
        )
        self._hold(event, plan)
        if outcome.is_full:
            self.state.put_with(plan, key, None)
            events = self._release(list(outcome.batch.event_ids))
            self.add_run(function, events, events[0].as_object(), plan)
            return
        self.state.put_with(plan, key, asdict(outcome.batch))
        if before is None:
            at = int(outcome.batch.fires_at * 1000)
            plan.after.append(lambda: self._core.timers.add(Due(at, "batch", function.id, bucket)))

    def _debounce(self, function: Function, flow: Flow, event: StoredEvent, view: dict[str, Any], plan: Plan) -> None:
        assert flow.debounce is not None
        bucket = keys.debounce_bucket(flow.debounce.key, view)
        key = (function.id, "debounce", bucket)
        stored = self.state.get(key)
        pending = debounce.debounce(
            debounce.Pending(**stored) if stored else None,
            event_id=event.id,
            event_ts=event.ts,
            now_ms=self._core.clock.now() / 1000,
            period_ms=flow.debounce.period_ms,
            timeout_ms=flow.debounce.timeout_ms,
        )
        self._hold(event, plan)
        self.state.put_with(plan, key, asdict(pending))
        at = int(pending.fires_at * 1000)
        plan.after.append(lambda: self._core.timers.add(Due(at, "debounce", function.id, bucket)))

    def due(self, due: Due) -> None:
        """A batch has waited long enough, or a burst of events has paused."""
        key = (due.run_id, due.kind, due.hash)
        stored = self.state.get(key)
        function = self._core.functions.get(due.run_id)
        if stored is None or function is None or stored["fires_at"] * 1000 > due.at + 1000:
            return  # it went already, or another event has put it off
        ids = stored["event_ids"] if due.kind == "batch" else [stored["event_id"]]
        events = self._release(list(ids))
        plan = Plan(events[0])
        self.state.put_with(plan, key, None)
        self.add_run(function, events, events[0].as_object(), plan)
        self._core.spawn(self._core.intake.persist([plan]))

    def _hold(self, event: StoredEvent, plan: Plan) -> None:
        self._held[event.id] = event
        plan.undo.append(lambda: self._let_go(event.id))

    def _let_go(self, event_id: str) -> None:
        self._held.pop(event_id, None)

    def _release(self, event_ids: list[str]) -> list[StoredEvent]:
        held = self._held
        return [held.pop(id_) if id_ in held else self._core.journal.event(id_) for id_ in event_ids]

    # -- keys and singleton ----------------------------------------------------------------------

    def _compute_keys(self, run: Run, flow: Flow, view: dict[str, Any]) -> None:
        factor, problem = keys.priority_factor(flow.priority, view)
        if problem is not None:
            self._core.log.warning("%s: %s", run.fn_id, problem)
        run.priority_us = factor * 1_000_000
        slots = []
        for index, limit in enumerate(flow.concurrency):
            bucket = keys.bucket(limit.key, view)
            where = f"fn:{run.fn_id}:{index}" if limit.scope == "fn" else f"{limit.scope}:{limit.key}"
            if limit.limit:
                slots.append((f"{where}:{bucket}", limit.limit))
        run.slots = tuple(slots)
        found: dict[str, Any] = {"slots": slots} if slots else {}
        if flow.throttle is not None:
            found["throttle"] = keys.bucket(flow.throttle.key, view)
        run.keys = orjson.dumps(found).decode() if found else None

    def _singleton(self, run: Run, flow: Flow, view: dict[str, Any], plan: Plan) -> str | None:
        if flow.singleton is None:
            return None
        mode, expression = flow.singleton
        try:
            bucket = keys.limiter_bucket(expression, view)
        except ExpressionError as exc:
            return f"the singleton's key failed: {exc.message}"
        if bucket is None:
            return None
        lock = (run.fn_id, bucket)
        holder = self._singletons.get(lock)
        decision = singleton.decide("cancel" if mode == "cancel" else "skip", holder)
        if not decision.starts:
            return decision.reason
        self._singletons[lock] = run.id
        plan.undo.append(lambda: self._restore_lock(lock, holder))
        if holder is not None:
            plan.after.append(lambda: self._cancel(holder, f"run {run.id} took its place"))
        return None

    def _restore_lock(self, lock: tuple[str, str], holder: str | None) -> None:
        if holder is None:
            self._singletons.pop(lock, None)
        else:
            self._singletons[lock] = holder

    def _cancel(self, run_id: str, reason: str) -> None:
        run = self._core.find(run_id)
        if run is not None:
            self._core.progress.end(run, "cancelled", reason=reason)

    def ended(self, run: Run, function: Function | None) -> None:
        """Give back the singleton's key."""
        if function is None or function.flow.singleton is None:
            return
        for lock in [lock for lock, holder in self._singletons.items() if holder == run.id]:
            del self._singletons[lock]

    # -- after a restart -------------------------------------------------------------------------

    def take_up(self) -> None:
        """Load the state, and time again what was pending."""
        self.state.load(self._core.journal.rows(SQL.flow_state))
        for kind in ("batch", "debounce"):
            for (fn_id, _, bucket), value in self.state.of_kind(kind):
                self._core.timers.add(Due(int(value["fires_at"] * 1000), kind, fn_id, bucket))

    def recall(self, run: Run, function: Function) -> None:
        """A run that has not ended: its keys hold again."""
        if function.flow.singleton is None:
            return
        try:
            bucket = keys.limiter_bucket(function.flow.singleton[1], run.event.as_object())
        except ExpressionError:
            return
        if bucket is not None:
            self._singletons.setdefault((run.fn_id, bucket), run.id)

    def _now_ns(self) -> int:
        return self._core.clock.now() * 1000


def _bucket(stored: dict[str, Any] | None) -> gcra.Bucket | None:
    return gcra.Bucket(**stored) if stored else None


def _keys_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(run.keys) if run.keys else {}
    return found


def slots_of(run: Run) -> tuple[tuple[str, int], ...]:
    """The concurrency slots that the run needs while it executes."""
    if not run.slots and run.keys:
        run.slots = tuple((name, limit) for name, limit in _keys_of(run).get("slots", ()))
    return run.slots

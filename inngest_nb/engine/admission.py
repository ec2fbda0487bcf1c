"""From an event and a function to a run: batching, rate limit, debounce, priority, keys, singleton, pause, in this order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson

from inngest_nb.engine.core import Core
from inngest_nb.engine.flow import batch, debounce, gcra, keys
from inngest_nb.engine.flow.config import Batching, Debouncing, Flow, Rate
from inngest_nb.engine.flow_state import FlowState, StateKey
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL, add_run
from inngest_nb.engine.locks import Locks
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import SKIPPED, Run, StoredEvent
from inngest_nb.engine.seen import Seen
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import WaitId
from inngest_nb.errors import ExpressionError


class Admission:
    """Decides what becomes of an event for one function."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.state = FlowState()
        self.locks = Locks(core)
        self._seen = Seen(core)
        self._arriving: dict[str, StoredEvent] = {}  # events of batches and debounces that are not in the journal yet

    # -- an event arrives ------------------------------------------------------------------------

    def admit(self, function: Function, event: StoredEvent, plan: Plan, *, parent: WaitId | None, direct: bool) -> None:
        """Add to `plan` what the event means to the function. `direct`: started by name, so never held back."""
        flow = function.flow
        view = event.as_object() if function.has_flow else {}
        if not direct and flow.batch is not None and keys.holds(flow.batch.condition, view):
            self._collect(function, flow.batch, event, view, plan)
        elif self._seen.has_run(function, event) or not self._within_rate(function, flow.rate_limit, view, plan):
            return
        elif not direct and flow.debounce is not None:
            self._debounce(function, flow.debounce, event, view, plan)
        else:
            about = {"parent_run_id": parent[0], "parent_hash": parent[1]} if parent else {}
            self.add_run(function, [event], plan, **about)

    def add_run(self, function: Function, events: list[StoredEvent], plan: Plan, **about: Any) -> Run:
        """Plan a run: its keys and priority are computed now, once. `about`: further fields of the run."""
        now, due = self._core.clock.now(), events[0].ts * 1000
        fields: dict[str, Any] = {"queued_at": now, "wake_at": due if due > now else None, **about}
        run = Run(id=self._core.clock.ulid(), fn_id=function.id, status="queued", events=events, **fields)
        if function.has_flow:
            self._compute_keys(run, function.flow, run.event.as_object())
        plan.runs.append(run)
        plan.writes += add_run(run, function.code_hash)
        refusal = self.locks.take(run, function, plan) or ("the function is paused" if function.paused else None)
        if refusal is not None:
            reason = SKIPPED + refusal
            plan.writes.append((SQL.doom_run, (reason, run.id)))
            plan.after.append(lambda: self._core.progress.end(run, "cancelled", reason=reason))
            return run
        if run.forked_from is None:
            self._seen.mark(function, run.event, plan)
        self._core.lifetime.planned(run, function, plan)
        return run

    # -- rates -----------------------------------------------------------------------------------

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
        if rate is None:
            return None
        key = (function.id, "throttle", throttle_bucket(run))
        decision = gcra.admit(
            gcra.throttle(rate.limit, rate.period_ms, rate.burst), _bucket(self.state.get(key)), self._now_ns()
        )
        if not decision.admitted:
            return decision.retry_at_ns // 1000 + 1
        self._core.journal.keep([self.state.put(key, asdict(decision.bucket))])
        return None

    # -- batch and debounce ----------------------------------------------------------------------

    def _collect(
        self, function: Function, batching: Batching, event: StoredEvent, view: dict[str, Any], plan: Plan
    ) -> None:
        bucket = keys.bucket(batching.key, view)
        key = (function.id, "batch", bucket)
        stored = self.state.get(key)
        before = batch.Collected(**{**stored, "event_ids": tuple(stored["event_ids"])}) if stored else None
        if self._seen.was_collected(function, event, before.event_ids if before else ()):
            return
        outcome = batch.collect(
            before,
            event_id=event.id,
            event_bytes=len(event.data),
            now_ms=self._core.clock.now() / 1000,
            max_size=batching.max_size,
            timeout_ms=batching.timeout_ms,
        )
        self._note_arriving(event, plan)
        self._seen.mark(function, event, plan)
        if outcome.is_full:
            self._fire(function, key, outcome.batch.event_ids, plan)
            return
        self.state.put_with(plan, key, asdict(outcome.batch))
        if before is None:
            self._time(key, outcome.batch.fires_at, plan)

    def _debounce(
        self, function: Function, debouncing: Debouncing, event: StoredEvent, view: dict[str, Any], plan: Plan
    ) -> None:
        key = (function.id, "debounce", keys.debounce_bucket(debouncing.key, view))
        now_ms = self._core.clock.now() / 1000
        stored = self.state.get(key)
        if stored and stored["fires_at"] <= now_ms:  # its timer is about to say so
            self._fire(function, key, (stored["event_id"],), plan)
            stored = None
        pending = debounce.debounce(
            debounce.Pending(**stored) if stored else None,
            event_id=event.id,
            event_ts=event.ts,
            now_ms=now_ms,
            period_ms=debouncing.period_ms,
            timeout_ms=debouncing.timeout_ms,
        )
        self._note_arriving(event, plan)
        self.state.put_with(plan, key, asdict(pending))
        self._time(key, pending.fires_at, plan)

    def _time(self, key: StateKey, fires_at_ms: float, plan: Plan) -> None:
        due = Due(int(fires_at_ms * 1000), key[1], key[0], key[2])
        plan.after.append(lambda: self._core.timers.add(due))

    def due(self, due: Due) -> None:
        """A batch has waited long enough, or a burst of events has paused."""
        key = (due.run_id, due.kind, due.hash)
        stored = self.state.get(key)
        function = self._core.functions.get(due.run_id)
        if stored is None or function is None or int(stored["fires_at"] * 1000) > due.at:
            return  # it went already, or another event has put it off
        event_ids = stored["event_ids"] if due.kind == "batch" else [stored["event_id"]]
        plan = Plan(self._event(event_ids[0]))
        self._fire(function, key, tuple(event_ids), plan)
        self._core.intake.keep([plan])

    def _fire(self, function: Function, key: StateKey, event_ids: tuple[str, ...], plan: Plan) -> None:
        self.state.put_with(plan, key, None)
        self.add_run(function, [self._event(event_id) for event_id in event_ids], plan)

    def _note_arriving(self, event: StoredEvent, plan: Plan) -> None:
        self._arriving[event.id] = event
        plan.after.append(lambda: self._arriving.pop(event.id, None))
        plan.undo.append(lambda: self._arriving.pop(event.id, None))

    def _event(self, event_id: str) -> StoredEvent:
        return self._arriving.get(event_id) or self._core.journal.event(event_id)

    # -- keys ------------------------------------------------------------------------------------

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

    # -- after a restart -------------------------------------------------------------------------

    def take_up(self) -> None:
        """Load the state, and time again what was pending."""
        stale = self.state.load(self._core.journal.rows(SQL.flow_state), self._now_ns())
        if stale:
            self._core.journal.keep([(SQL.drop_flow, key) for key in stale])
        for kind in ("batch", "debounce"):
            for (fn_id, _, bucket), value in self.state.of_kind(kind):
                self._core.timers.add(Due(int(value["fires_at"] * 1000), kind, fn_id, bucket))

    def _now_ns(self) -> int:
        return self._core.clock.now() * 1000


def _bucket(stored: dict[str, Any] | None) -> gcra.Bucket | None:
    return gcra.Bucket(**stored) if stored else None


def _keys_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(run.keys) if run.keys else {}
    return found


def throttle_bucket(run: Run) -> str:
    """The key under which the run's start is throttled."""
    return str(_keys_of(run).get("throttle", ""))


def slots_of(run: Run) -> tuple[tuple[str, int], ...]:
    """The concurrency slots that the run needs while it executes."""
    if not run.slots and run.keys:
        run.slots = tuple((name, limit) for name, limit in _keys_of(run).get("slots", ()))
    return run.slots

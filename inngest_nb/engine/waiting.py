"""Waits of runs: sleeps, events and invoked functions; registered once, ended once, whoever comes first."""

from __future__ import annotations

import asyncio
import reprlib
import sys
from typing import Any

import orjson

from inngest_nb.engine import internal_events, limits
from inngest_nb.engine.core import Core
from inngest_nb.engine.journal.journal import READ_TOGETHER, SQL, add_wait_step, end_wait
from inngest_nb.engine.lifecycle import ms, wait_extra
from inngest_nb.engine.lookback import earlier_match
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import ENDED, Run, StepRow, dense, step_row
from inngest_nb.engine.slices import Slices
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import OpenWait, WaitId
from inngest_nb.errors import ExpressionError
from inngest_nb.expressions import check
from inngest_nb.expressions.wait_index import encode_terms
from inngest_nb.protocol import UNTIL, ErrorInfo, Message
from inngest_nb.store import Write

_WAITS, _OVER = ("sleep", "wait_for_event", "invoke"), ("completed", "timed_out", "failed")
_TIMED_OUT = "Timed out waiting for invoked function to complete"


class Waiting:
    """Begins and ends waits."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._invoking: set[WaitId] = set()

    def recall(self, run_id: str, step_hash: str) -> None:
        """At start: this step waits for an invoked run."""
        self._invoking.add((run_id, step_hash))

    # -- beginning -------------------------------------------------------------------------------

    def begun(self, run: Run, message: Message) -> None:
        """The body waits: index the wait at once, keep it, and note when nothing of the run is executing."""
        run.fresh = False
        if message.get("again") and ((message["hash"], 0) in run.keeping or self._known(run, message)):
            return
        too_much = limits.check_wait(message, self._core.clock.now()) or limits.count(run, message, self._core.journal)
        if too_much is not None:
            self._core.progress.end(run, "failed", error=too_much)
            return
        plan = self._plan_invoke(run, message) if message["kind"] == "invoke" else None
        if message["kind"] == "invoke" and plan is None:
            return
        terms = self._open(run, message) if "event" in message else None
        if "event" in message and terms is None:
            return
        run.open_waits.add(message["hash"])
        run.may_wait = True
        row = step_row(message, status="waiting", ended_at=None, retry_at=message["wake_at"])
        writes: list[Write] = [add_wait_step(run.id, row), *(plan.writes if plan else [])]
        if "event" in message:
            about = (message["event"], message.get("if_exp"), message["started_at"], message["wake_at"], terms)
            writes.append((SQL.add_wait, (run.id, row.hash, *about)))
        run.keeping.add((row.hash, 0))
        kept = self._core.journal.persist(writes)  # now: before whatever the body reports next
        self._core.spawn(self._kept(kept, run, row, message, plan))

    async def _kept(
        self, kept: asyncio.Future[None], run: Run, row: StepRow, message: Message, plan: Plan | None
    ) -> None:
        await kept
        self._core.dispatch.kept(run, (row.hash, 0))
        if "event" in message:
            self._core.waits.kept((run.id, row.hash))
        if plan is not None:
            self._core.intake.apply([plan])
        if run.status in ENDED or row.hash not in run.open_waits:
            return  # it is over already
        wait = None
        if "event" in message:
            wait = {"event": message["event"], "if": message.get("if_exp"), "expires_at": ms(message["wake_at"])}
        function = self._core.functions.get(run.fn_id)
        child = plan.runs[0].id if plan and plan.runs else None
        self._core.lifecycle.step_changed(run, row, function, wait=dense(wait) if wait else None, child=child)
        kind = "until" if row.opts == UNTIL else sys.intern(row.op)
        self._core.timers.add(Due(message["wake_at"], kind, run.id, sys.intern(row.hash)))
        self._look_back(run, message)

    def _look_back(self, run: Run, message: Message) -> None:
        """For a wait that asks for it; all that was accepted before it is in the journal by now."""
        wait = (run.id, message["hash"])
        event = earlier_match(self._core, run, message) if message.get("since") == "run" else None
        if event is not None and self._core.waits.discard(wait):
            writes = self._end_of(wait, status="completed", output=event.as_text(), event_id=event.id)
            self._core.spawn(self._over(wait, writes))

    def dropped(self, run: Run, message: Message) -> None:
        """The body has cancelled its wait: whatever comes, it is not for this run."""
        if message["kind"] not in _WAITS:
            self._core.progress.step_dropped(run, message)
            return
        wait, now = (run.id, message["hash"]), self._core.clock.now()
        run.open_waits.discard(message["hash"])
        self._core.waits.discard(wait)
        self._invoking.discard(wait)
        seq = next(self._core.journal.places)
        self._core.journal.keep([(SQL.drop_wait_step, (now, seq, *wait)), (SQL.drop_wait, (now, *wait))])
        row = step_row(message, status="cancelled", ended_at=now)
        self._core.lifecycle.step_changed(run, row, self._core.functions.get(run.fn_id))

    def idle(self, run: Run, message: Message) -> None:
        """Nothing of the run is executing any more: some of it waits, or a failed step waits for its next attempt.

        With `waits`, nothing of the body goes on before one of that many ends: without a worker it stays on disk until then.
        """
        if run.status == "running":
            if run.open_waits:
                run.status = "waiting"
                self._core.journal.keep([(SQL.set_run_status, ("waiting", run.id))])
                self._core.lifecycle.run_changed(run, self._core.functions.get(run.fn_id))
                self._stay_on_disk(run, message)
            self._core.capacity.release(run.id)

    def _stay_on_disk(self, run: Run, message: Message) -> None:
        run.parked = "waits" in message
        if run.parked:
            self._core.journal.keep([(SQL.park_run, (run.id, message["waits"]))])

    def park(self, run: Run, message: Message) -> None:
        """The run only waits: neither its worker nor this process keeps it in memory; it comes back by replay."""
        if run.status != "waiting" or run.peer is None:
            return
        run.peer.send({"op": "run.stop", "run_id": run.id, "lease": run.lease, "reason": "parked"})
        self._stay_on_disk(run, message)
        self._core.dispatch.drop(run)

    def busy(self, run: Run, message: Message) -> None:
        """Beside its waits the run wants to execute something; where that is limited it asks first."""
        turn = message.get("hash")
        go = {"op": "run.go", "run_id": run.id, "hash": turn}
        self._core.dispatch.go_on(run, lambda: self._send(run, go) if turn else None)

    def _known(self, run: Run, message: Message) -> bool:
        """A report that is repeated after a reconnect: answer it if the wait is over, else let it stand."""
        if message["hash"] in run.open_waits:
            return True
        rows = self._core.journal.steps(run.id, message["hash"])
        if not rows or rows[-1].status == "cancelled":
            return False
        if rows[-1].status != "waiting":
            self._tell_peer(run, rows[-1])
        else:
            run.open_waits.add(message["hash"])
            self._look_back(run, message)
        return True

    def _open(self, run: Run, message: Message) -> str | None:
        """Begin to look for the event; what finds the wait, as text, or None where its condition cannot be understood."""
        wait, condition = (run.id, message["hash"]), message.get("if_exp")
        try:
            if condition is not None:
                check(condition, variables=("event", "async"))
            return encode_terms(self._core.waits.add(wait, message["event"], condition, run.event.as_object()))
        except ExpressionError as exc:
            text = f"step {message['step_id']!r} of function {run.fn_id!r} waits with if_exp={reprlib.repr(condition)}: {exc.message}"
            error: ErrorInfo = {"code": exc.code, "name": "ExpressionError", "message": text, "stack": None}
            self._core.progress.end(run, "failed", error=error)
            return None

    def _plan_invoke(self, run: Run, message: Message) -> Plan | None:
        """The run to start; None, and a failed step, if there is no such function, or its rate limit drops the event."""
        function, caller = self._core.functions.get(message["function_id"]), self._core.functions.get(run.fn_id)
        now = self._core.clock.now()
        event = internal_events.invoked(message, run, caller.app_id if caller else None, now)
        problem = f"could not find function with ID: {message['function_id']}"
        if function is not None:
            plan = self._core.intake.plan_invoke(function, event, (run.id, message["hash"]))
            if plan.runs:
                self._invoking.add((run.id, message["hash"]))
                return plan
            self._core.intake.withdraw(plan)
            problem = "invoked function is rate limited"
        error: ErrorInfo = {"name": "Error", "message": problem, "stack": None}
        news = [event, internal_events.not_invoked(message, run, error, now)]
        self._core.intake.keep(self._core.intake.plan_internal(news))
        failed = {**message, "error": error, "ended_at": now, "attempt": 0, "retriable": False}
        self._core.progress.keep_step(run, failed)
        return None

    # -- ending ----------------------------------------------------------------------------------

    def due(self, due: Due) -> None:
        """A sleep is over, or what was waited for did not come in time."""
        wait = (due.run_id, due.hash)
        if due.kind in ("sleep", "until"):
            writes = self._end_of(wait, status="completed", output="null")
        elif due.kind == "invoke":
            if wait not in self._invoking:
                return
            self._invoking.discard(wait)
            error = {"name": "InngestInvokeTimeoutError", "message": _TIMED_OUT, "stack": None}
            writes = self._end_of(wait, status="failed", error=orjson.dumps(error).decode())
        elif self._core.waits.discard(wait):
            writes = self._end_of(wait, status="timed_out", output="null")
        else:
            return
        self._core.spawn(self._over(wait, writes))

    def matched(self, waits: list[OpenWait]) -> None:
        """An event, now in the journal, has ended waits; their runs are read some at a time."""
        if waits:
            self._core.spawn(self._all_over([wait.id for wait in waits]))

    async def _all_over(self, waits: list[WaitId]) -> None:
        slices = Slices()
        for first in range(0, len(waits), READ_TOGETHER):
            some = waits[first : first + READ_TOGETHER]
            with self._core.journal.at_hand([run_id for run_id, _ in some if run_id not in self._core.runs]):
                for wait in some:
                    with self._core.apart(f"to end wait {wait[1]} of run {wait[0]}"):
                        self._is_over(wait)
            await slices.breathe()

    def plan_answer(self, child: Run) -> list[Write]:
        """What the end of an invoked run means to the step that waits for it."""
        wait = (child.parent_run_id or "", child.parent_hash or "")
        if wait not in self._invoking:
            return []
        self._invoking.discard(wait)
        if child.status == "completed":
            return self._end_of(wait, status="completed", output=child.output)
        if child.status == "cancelled":
            told = f"the invoked run {child.id} of {child.fn_id} was cancelled"
            error = orjson.dumps({"name": "InvokeCancelled", "message": told, "stack": None}).decode()
        else:
            error = child.error or "{}"
        return self._end_of(wait, status="failed", error=error)

    def _end_of(
        self,
        wait: WaitId,
        *,
        status: str,
        output: str | None = None,
        error: str | None = None,
        event_id: str | None = None,
    ) -> list[Write]:
        now, seq = self._core.clock.now(), next(self._core.journal.places)
        return end_wait(*wait, now=now, seq=seq, status=status, output=output, error=error, event_id=event_id)

    def answered(self, child: Run) -> None:
        """The end of an invoked run, with what it means to the caller, is in the journal."""
        self._core.spawn(self._over((child.parent_run_id or "", child.parent_hash or ""), []))

    async def _over(self, wait: WaitId, writes: list[Write]) -> None:
        if writes:
            await self._core.journal.persist(writes)
        self._is_over(wait)

    def _is_over(self, wait: WaitId) -> None:
        run_id, step_hash = wait
        run = self._core.find(run_id)
        if run is None or run.status in ENDED:
            return
        run.open_waits.discard(step_hash)
        rows = self._core.journal.steps(run_id, step_hash)
        if rows[-1].status not in _OVER:
            return  # the body has dropped it meanwhile
        run.state_bytes += len(rows[-1].output or "")
        function = self._core.functions.get(run.fn_id)
        extra = next((wait_extra(row) for row in self._core.journal.rows(SQL.wait_of_step, run_id, step_hash)), {})
        self._core.lifecycle.step_changed(run, rows[-1], function, **extra)
        self._core.dispatch.go_on(run, lambda: self._tell_peer(run, rows[-1]))

    def peer_back(self, run: Run) -> None:
        """The run's peer has a new connection: a wait that it remembers may have ended without its hearing of it."""
        for row in self._core.journal.steps(run.id):
            if row.op in _WAITS and row.status in _OVER:
                self._tell_peer(run, row)

    def _tell_peer(self, run: Run, row: StepRow) -> None:
        about: dict[str, Any] = {"run_id": run.id, "hash": row.hash}
        if row.status == "failed":
            self._send(run, {"op": "step.failed", **about, "error": orjson.loads(row.error or "{}")})
        else:
            self._send(run, {"op": "step.memo", **about, "memo": row.output or "null"})

    def _send(self, run: Run, message: Message) -> None:
        if run.peer is not None:
            run.peer.send(message)

"""What happens inside a run: steps end, waits begin and end, the body returns or raises.

Every answer to a peer follows the commit of what it reports. A report of a lease that is no longer held is ignored.
"""

from __future__ import annotations

import asyncio

import orjson

from inngest_nb.engine import internal_events, limits
from inngest_nb.engine.core import Core
from inngest_nb.engine.flow.backoff import retry_delay_ms
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL, add_step, end_run
from inngest_nb.engine.records import ENDED, Run, StepRow, step_row
from inngest_nb.engine.retelling import retell, tell_lost_steps
from inngest_nb.engine.timers import Due
from inngest_nb.hub import Publish
from inngest_nb.jsontext import loads
from inngest_nb.protocol import ErrorInfo, Message
from inngest_nb.store import Write
from inngest_nb.store.writer import Ack


class Progress:
    """Applies the reports of peers and of timers to runs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # -- steps ---------------------------------------------------------------------------------

    def step_begun(self, run: Run, message: Message) -> None:
        """An attempt has been running for a moment: tell live views."""
        row = step_row(message, status="running", ended_at=None)
        self._core.lifecycle.step_changed(run, row, self._function(run))

    def step_done(self, run: Run, message: Message) -> None:
        """An attempt ended: keep its outcome, then let the body go on, or plan the next attempt."""
        run.fresh = False
        if (message["hash"], message["attempt"]) in run.keeping:
            return  # said again while it is on its way to the disk: it is answered when it is there
        if message.get("again") and self._known(run, message):
            return
        too_much = limits.count(run, message, self._core.journal)
        if too_much is None:
            self.keep_step(run, message)
        else:
            self.end(run, "failed", error=too_much)

    def keep_step(self, run: Run, message: Message) -> None:
        """Keep the outcome of an attempt."""
        function = self._function(run)
        retry_at = self._retry_at(function, message) if "error" in message else None
        if "output" in message:
            status = "completed"
        else:
            status = "failed" if retry_at is None else "retrying"
        row = step_row(message, status=status, ended_at=message["ended_at"], retry_at=retry_at)
        beside: list[Write] = []
        publish = message.get("publish")
        if publish is not None and status == "completed":
            parcel = {**publish, "run_id": run.id, "fn_id": run.fn_id, "step_id": row.step_id}
            beside.append((SQL.add_outbox, (f"{run.id}:{row.hash}", orjson.dumps(parcel).decode())))

        report = (row.hash, row.attempt)
        run.keeping.add(report)
        streamed = run.unsettled.pop(row.step_id, None)  # the attempt has ended: losing its worker voids nothing now
        if streamed:
            beside.append(_owed(run, row, sorted(streamed)))
        # What it streamed is settled before the body goes on: a step of the same id may stream next.
        ack, peer = None if streamed else _ack(run, row), run.peer

        def kept(_: object) -> None:
            if report not in run.keeping:
                return  # see `catch_up`
            if ack is not None:
                run.acknowledging.pop(0)
            if streamed:
                run.unsettled.setdefault(row.step_id, set()).update(streamed)
            run.settled[row.hash] = (row.attempt, row.status == "completed")
            told = ack is not None and run.peer is peer  # another connection of the worker has heard nothing
            self._step_kept(run, message, row, function, told=told)
            self._core.dispatch.kept(run, report)

        def write(_: object = None) -> None:
            row.seq = next(self._core.journal.places)
            step = add_step(run.id, row, message.get("code_hash"))
            entry = self._core.journal.submit([step, *beside], kept, patient=True, ack=ack)
            if ack is not None:
                run.acknowledging.append((entry, kept))

        if streamed:  # what it streamed is on disk before its end is: no crash can leave half a text
            self._core.hub.written().add_done_callback(write)
        else:
            write()

    def step_dropped(self, run: Run, message: Message) -> None:
        """The body has cancelled an attempt: it counts as never made, and what it published as never said."""
        row = step_row(message, status="cancelled", ended_at=self._core.clock.now())
        self._settle(run, row, "rollback", reason="cancelled")
        self._core.lifecycle.step_changed(run, row, self._function(run))

    def catch_up(self, run: Run) -> None:
        """Apply what the run's peer has heard of from the writer, before what it says next: that may overtake `kept`."""
        while run.acknowledging and run.acknowledging[0][0].acknowledged:
            run.acknowledging[0][1](None)

    def _known(self, run: Run, message: Message) -> bool:
        """A report that is repeated after a reconnect: what is in the journal of it is answered once more."""
        kept = self._core.journal.steps(run.id, message["hash"])
        row = next((row for row in kept if row.attempt == message["attempt"]), None)
        if row is None:
            return False
        if row.status == "completed":
            self._answer(run, _saved(run, row))
        else:
            self._step_failed(run, message, row)
        return True

    def _step_kept(self, run: Run, message: Message, row: StepRow, function: Function | None, *, told: bool) -> None:
        if run.status in ENDED:
            if row.status == "completed":
                self._settle(run, row, "commit")
            else:
                self._settle(run, row, "rollback", reason=run.status)
            return
        if row.status == "completed":
            run.attempt = 0
            self._settle(run, row, "commit")
            if "publish" in message:
                self._core.spawn(
                    self.deliver(f"{run.id}:{row.hash}", message["publish"], run.id, run.fn_id, row.step_id)
                )
                if run.touched is not None:
                    run.touched.add(message["publish"]["channel"])
            if not told:
                self._answer(run, _saved(run, row))
        else:
            self._settle(run, row, "rollback", reason=message["error"]["name"])
            self._step_failed(run, message, row)
        self._core.lifecycle.step_changed(run, row, function)

    def _step_failed(self, run: Run, message: Message, row: StepRow) -> None:
        if row.status == "retrying":
            self._core.timers.add(Due(row.retry_at or 0, "retry", run.id, row.hash, row.attempt + 1))
        elif message.get("fatal"):
            self.end(run, "failed", error=message["error"], failed_with=internal_events.NO_RETRY)
        else:
            failed = {"op": "step.failed", "run_id": run.id, "hash": row.hash, "error": message["error"]}
            self._core.dispatch.go_on(run, lambda: self._answer(run, failed))

    def retry_due(self, due: Due) -> None:
        """The backoff of a step is over."""
        run = self._core.find(due.run_id)
        if run is None or run.status in ENDED:
            return
        if run.peer is None and run.status == "waiting":
            self._core.dispatch.go_on(run, lambda: None)  # it was parked: the attempt comes with the run
        if run.peer is None or not run.peer.connected:
            return  # whoever takes the run gets the attempt with it; for a peer that comes back, see `peer_back`
        offer = (due.hash, due.attempt)
        if offer not in run.offered:
            run.offered.add(offer)
            again = {"op": "step.again", "run_id": run.id, "hash": due.hash, "attempt": due.attempt}
            self._core.dispatch.go_on(run, lambda: self._answer(run, again))

    def peer_back(self, run: Run, *, remembered: bool) -> None:
        """The run's peer has a new connection: it reports again what was not answered, and is told what came due.

        Nobody knows whether an offer reached it on the connection that was lost: all are repeated, and the peer knows
        which attempts it is making already.
        """
        run.offered.clear()
        rows = self._core.journal.steps(run.id)
        if not remembered:
            retell(self._core, run, rows)
        for row in {row.hash: row for row in rows}.values():
            if row.status == "retrying":
                self._core.timers.add(Due(row.retry_at or 0, "retry", run.id, row.hash, row.attempt + 1))
        self._core.waiting.peer_back(run)

    def _retry_at(self, function: Function | None, message: Message) -> int | None:
        attempts = function.max_attempts if function else 1
        if message.get("fatal") or not message.get("retriable", True) or message["attempt"] + 1 >= attempts:
            return None
        return self._core.clock.now() + self._delay_us(function, message)

    def _delay_us(self, function: Function | None, message: Message) -> int:
        asked = message.get("retry_after_ms")
        if asked is None:
            asked = retry_delay_ms(function.backoff if function else None, message["attempt"], self._core.rng)
        return int(max(0.0, asked) * 1000)

    # -- durable publishes -----------------------------------------------------------------------

    async def deliver(self, key: str, publish: dict[str, str], run_id: str, fn_id: str, step_id: str) -> None:
        """Bring a memoized publish into the message log, once, then strike it from the outbox."""
        with self._core.hub.holding(publish["channel"]):
            if not self._core.hub.has_key(key):
                where = (publish["channel"], publish["topic"], publish["data"])
                self._core.hub.publish(Publish(*where, run_id=run_id, fn_id=fn_id, step_id=step_id, key=key))
            await self._core.hub.written()
            await self._core.journal.persist([(SQL.end_outbox, (key,))])

    # -- runs ----------------------------------------------------------------------------------

    def run_done(self, run: Run, message: Message) -> None:
        """The body returned."""
        loads(message["output"])  # what is not JSON is refused while nothing has changed
        self.end(run, "completed", output=message["output"])

    def run_error(self, run: Run, message: Message) -> None:
        """The body raised: enter it again later, or end the run."""
        function = self._function(run)
        retry_at = self._retry_at(function, message)
        self._core.lifecycle.roll_back_lost(run, message["error"]["name"])
        if retry_at is None:
            more = message.get("retriable", True)
            failed_with = internal_events.ATTEMPTS_USED_UP if more else internal_events.NO_RETRY
            self.end(run, "failed", error=message["error"], failed_with=failed_with)
            return
        self._core.dispatch.release(run)
        run.fresh, run.attempt, run.wake_at = False, message["attempt"] + 1, retry_at
        run.status = "queued"
        writes: list[Write] = [
            (SQL.retry_run, (run.attempt, retry_at, orjson.dumps(message["error"]).decode(), run.id))
        ]
        self._core.journal.keep(writes)
        self._core.timers.add(Due(retry_at, "rerun", run.id))
        self._core.lifecycle.run_changed(run, function)

    def end(
        self,
        run: Run,
        status: str,
        *,
        output: str | None = None,
        error: ErrorInfo | None = None,
        reason: str | None = None,
        failed_with: str | None = None,
    ) -> None:
        """End the run: journal, then its peer, its watchers and the channels it touched."""
        if run.status in ENDED:
            return
        run.output, run.error = output, None if error is None else orjson.dumps(error).decode()
        run.ending_from, run.status = run.status, status
        run.ended_at, run.reason = self._core.clock.now(), reason
        run.failed_with = failed_with
        self._core.waits.discard_run(run.id)
        self._core.admission.locks.ended(run.id)
        self._core.spawn(self._end(run))

    async def _end(self, run: Run) -> None:
        plans = self._core.intake.plan_internal(internal_events.ended(run, self._core.clock.now()))
        for_parent = self._core.waiting.plan_answer(run)
        writes = [write for plan in plans for write in plan.writes]
        news: Write = (SQL.add_outbox, (f"{run.id}:end", orjson.dumps({"ended": run.id}).decode()))
        await self._core.journal.persist([*end_run(run), news, *writes, *for_parent])
        run.ending_from = None
        self._core.lifecycle.roll_back_lost(run, run.status)
        self._core.dispatch.forget(run)
        await self.tell_end(run)
        self._core.ended(run)
        if for_parent:
            self._core.waiting.answered(run)
        self._core.intake.apply(plans)

    async def tell_end(self, run: Run) -> None:
        """Tell every channel of the run that it ended, once, then strike the news from the outbox."""
        if run.touched is None:  # the message log knows where it published, as soon as all of that is on disk
            tell_lost_steps(self._core, run, self._core.journal.steps(run.id))
            await self._core.hub.written()
        self._core.lifecycle.run_changed(run, self._function(run))
        await self.strike_when_written(f"{run.id}:end")  # whoever waited for the run finds all its messages

    # -- helpers -------------------------------------------------------------------------------

    def _function(self, run: Run) -> Function | None:
        return self._core.functions.get(run.fn_id)

    def _answer(self, run: Run, message: Message) -> None:
        if run.peer is not None:
            run.peer.send(message)

    def _settle(self, run: Run, row: StepRow, kind: str, reason: str | None = None) -> None:
        settle = self._core.lifecycle.settle
        if run.unsettled and settle(
            run, row.step_id, kind=kind, step_hash=row.hash, attempt=row.attempt, reason=reason
        ):
            self.strike_when_written(_owed_key(run, row))

    def strike_when_written(self, key: str) -> asyncio.Future[None]:
        """What was told is on disk when the future resolves: then it is owed no more."""
        struck: Write = (SQL.end_outbox, (key,))
        written = self._core.hub.written()
        written.add_done_callback(lambda _: self._core.journal.keep([struck]))
        return written


def _owed_key(run: Run, row: StepRow) -> str:
    return f"{run.id}:{row.hash}:{row.attempt}"


def _owed(run: Run, row: StepRow, channels: list[str]) -> Write:
    """Kept with the end of an attempt: its publishes are to be committed or rolled back, even if the engine dies before that."""
    body = {"run_id": run.id, "step_id": row.step_id, "hash": row.hash, "attempt": row.attempt}
    kind = "commit" if row.status == "completed" else "rollback"
    owed = {"settled": body, "kind": kind, "fn_id": run.fn_id, "channels": channels}
    return (SQL.add_outbox, (_owed_key(run, row), orjson.dumps(owed).decode()))


def _saved(run: Run, row: StepRow) -> Message:
    return {"op": "step.saved", "run_id": run.id, "hash": row.hash}


def _ack(run: Run, row: StepRow) -> Ack | None:
    """A peer in this process hears of a completed step from the writer itself, without waiting for the engine's loop."""
    peer = run.peer
    if row.status != "completed" or peer is None or peer.acknowledge is None:
        return None
    return peer.acknowledge, _saved(run, row)

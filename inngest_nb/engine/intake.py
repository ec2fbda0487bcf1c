"""From an event to what it causes: checked, then journaled in one commit with the runs it starts and the waits it ends."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from inngest_nb.approvals import DECIDED_EVENT
from inngest_nb.engine.answers import check_answer
from inngest_nb.engine.core import Core
from inngest_nb.engine.flow.events import MAX_EVENTS, validate_event
from inngest_nb.engine.flow.ids import Seed
from inngest_nb.engine.functions import Function
from inngest_nb.engine.journal.journal import SQL, add_event, end_wait
from inngest_nb.engine.lifetime import is_cancel, plan_cancel
from inngest_nb.engine.plan import Plan
from inngest_nb.engine.records import Run, StoredEvent
from inngest_nb.engine.slices import Slices
from inngest_nb.engine.timers import Due
from inngest_nb.engine.waits import WaitId
from inngest_nb.errors import EventInvalidError, InngestError, JournalUnavailable, StartRefused
from inngest_nb.jsontext import dumps

_REMEMBERED_KEYS = 10_000
_AT_ONCE = 16


class Intake:
    """Accepts events. An id is returned only after the commit that holds the event."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._doubtful: set[str] = set()  # events whose commit failed: whether the disk has them is not known yet

    async def send(
        self,
        events: list[dict[str, Any]],
        *,
        user: dict[str, Any] | None = None,
        key: str | None = None,
        internal: bool = False,
    ) -> list[str]:
        """Accept events; returns their internal ids in order.

        Raises:
            EventInvalidError: one of them is refused; none was accepted.
            AnswerInvalidError: one of them answers a question in a way that does not fit its form; none was accepted.
            JournalUnavailable: they could not be made durable; none was acknowledged.
        """
        if len(events) > MAX_EVENTS and not internal:
            raise EventInvalidError(
                f"one request may hold {MAX_EVENTS} events, this one holds {len(events)}; none was accepted, send them in several"
            )
        slices = Slices()
        checked: list[dict[str, Any]] = []
        for position, event in enumerate(events):
            now_ms = self._core.clock.now() // 1000
            checked.append(validate_event(event, now_ms=now_ms, position=position, internal=internal))
            if checked[-1]["name"] == DECIDED_EVENT and not self._known(f"{key}:{position}" if key else None):
                check_answer(self._core, self._store(checked[-1], user))
            await slices.breathe()
        return await self.accept(checked, user=user, key=key)

    async def accept(
        self,
        checked: list[dict[str, Any]],
        *,
        user: dict[str, Any] | None = None,
        key: str | None = None,
        seed: Seed | None = None,
    ) -> list[str]:
        """As `send`, for events that were validated; with a seed, their ids are those that it gives.

        Raises:
            JournalUnavailable: they could not be made durable; none was acknowledged.
        """
        await self._no_doubt()
        slices = Slices()
        ids: list[str] = []
        plans: list[Plan] = []
        repeated: list[str] = []
        new = False  # events of one send are kept together or not at all
        for position, event in enumerate(checked):
            event_key = f"{key}:{position}" if key else None
            known = None if new else self._known(event_key)
            new = new or known is None
            if known is None:
                stored = self._store(event, user, seed.ulid(position + 1) if seed else None)
                plans.append(self._plan(stored, None, event_key))
            elif event_key is not None:
                repeated.append(event_key)
            ids.append(known or plans[-1].event.id)
            await slices.breathe()
        await self.commit(plans)  # even without plans: a known id may still be on its way to the disk
        self._check_kept(repeated)
        return ids

    def _check_kept(self, keys: list[str]) -> None:
        """The first delivery of what is delivered again was on its way to the disk: it may have failed since."""
        if not all(self._known(key) for key in keys):
            raise JournalUnavailable("an earlier delivery of this event could not be made durable; send it again")

    async def start(
        self, function: Function, event: dict[str, Any], *, user: dict[str, Any] | None = None, key: str | None = None
    ) -> Run:
        """Accept an event that starts one function only; returns its run, with a known key the one it started before."""
        await self._no_doubt()
        checked = validate_event(event, now_ms=self._core.clock.now() // 1000, position=0, internal=True)
        known = self._known(key)
        plans = [] if known else [self._plan(self._store(checked, user), function, key)]
        await self.commit(plans)
        if known and key:
            self._check_kept([key])
            return self._started_by(known, function)
        if not plans[0].runs:
            raise StartRefused(
                f"function {function.id!r} was not started: its rate limit or idempotency drops this event, or it ran for "
                "an event of this id in the last 24 hours"
            )
        return plans[0].runs[0]

    def _started_by(self, event_id: str, function: Function) -> Run:
        filters = {"function": function.id, "event_id": event_id, "status": None, "limit": 1}
        found = self._core.journal.reader.execute(SQL.list_runs, filters).fetchone()
        run = self._core.peek(found[0]) if found else None
        if run is None:
            raise EventInvalidError(f"the idempotency key of this start of {function.id!r} was used for another event")
        return run

    def plan_invoke(self, function: Function, event: dict[str, Any], parent: WaitId) -> Plan:
        """A run of `function` whose end answers a step of another run."""
        return self._plan(self._store(event, None), function, None, parent=parent)

    def plan_for(self, function: Function, event: dict[str, Any], *, direct: bool) -> Plan:
        """An event of the engine's own for one function, with that function's flow control."""
        stored = self._store(event, None)
        plan = Plan(stored)
        plan.writes.append(add_event(stored, target=function.id, key=None))
        self._core.admission.admit(function, stored, plan, parent=None, direct=direct)
        return plan

    def plan_internal(self, events: list[dict[str, Any]]) -> list[Plan]:
        """Events of the engine's own, for whoever listens to them."""
        return [self._plan(self._store(event, None), None, None) for event in events]

    # -- planning ------------------------------------------------------------------------------

    def _store(self, event: dict[str, Any], user: dict[str, Any] | None, internal_id: str | None = None) -> StoredEvent:
        internal_id = internal_id or self._core.clock.ulid()
        who = event.get("user") or user
        return StoredEvent(
            id=internal_id,
            event_id=event.get("id") or internal_id,
            name=event["name"],
            data=dumps(event["data"]),
            user=dumps(who) if who else None,
            ts=event["ts"],
            received_at=self._core.clock.now(),
            v=event.get("v"),
        )

    async def _no_doubt(self) -> None:
        """While it is unknown what a failed commit has kept, waits that its events claimed can match nothing else."""
        if self._doubtful:
            await self._core.journal.commit([])  # comes after what finds out, or is refused by the outage

    def _known(self, key: str | None) -> str | None:
        if key is None:
            return None
        known = self._keys.get(key) or self._core.journal.event_by_key(key)
        if known in self._doubtful:
            raise JournalUnavailable(
                "this event was sent before, and whether it was kept is not known until the journal can be written again; "
                "send it again then"
            )
        return known

    def _plan(
        self, event: StoredEvent, target: Function | None, key: str | None, *, parent: WaitId | None = None
    ) -> Plan:
        plan = Plan(event)
        plan.claims = self._core.waits.claim(event)
        plan.writes.append(add_event(event, target=target.id if target else None, key=key))
        for function in [target] if target else self._core.functions.started_by(event):
            self._core.admission.admit(function, event, plan, parent=parent, direct=target is not None)
        memo = event.as_text() if plan.claims else ""
        for wait in plan.claims:
            if is_cancel(wait):
                plan.writes.append(plan_cancel(wait, event))
            else:
                now, seq = event.received_at, next(self._core.journal.places)
                plan.writes += end_wait(*wait.id, now=now, seq=seq, status="completed", output=memo, event_id=event.id)
        if key is not None:
            self._remember(key, event.id)
        return plan

    def _remember(self, key: str, event_id: str) -> None:
        self._keys[key] = event_id
        if len(self._keys) > _REMEMBERED_KEYS:
            self._keys.popitem(last=False)

    # -- committing ----------------------------------------------------------------------------

    def commit(self, plans: list[Plan]) -> asyncio.Future[None]:
        """Write plans and let them happen. What follows a commit does not wait for the caller, whose connection may be gone by then."""

        def then(error: InngestError | None) -> None:
            if error is None:
                self.apply(plans)
            elif plans:
                self._doubtful.update(plan.event.id for plan in plans)
                self._core.journal.submit([], lambda _: self._find_out(plans), patient=True)

        return self._core.journal.commit([write for plan in plans for write in plan.writes], then)

    def _find_out(self, plans: list[Plan]) -> None:
        """A failed commit is unknown, not "no": now that the disk answers again, it says what it has."""
        for plan in plans:
            self._doubtful.discard(plan.event.id)
            if self._core.journal.rows(SQL.event, plan.event.id):
                self.apply([plan])
            else:
                self.withdraw(plan)

    def keep(self, plans: list[Plan]) -> None:
        """Commit what the engine itself has planned, however long that takes, and let it happen."""
        writes = [write for plan in plans for write in plan.writes]
        self._core.journal.submit(writes, lambda error: self.apply(plans), patient=True)

    def apply(self, plans: list[Plan]) -> None:
        """What was planned is in the journal: let it happen, much of it in pieces."""
        if len(plans) > _AT_ONCE:
            self._core.spawn(self._apply_in_slices(plans))
        else:
            self._apply(plans)

    async def _apply_in_slices(self, plans: list[Plan]) -> None:
        slices = Slices()
        for plan in plans:
            self._apply([plan])
            await slices.breathe()

    def _apply(self, plans: list[Plan]) -> None:
        for plan in plans:
            with self._core.apart(f"to act on event {plan.event.id}"):
                self._apply_one(plan)

    def _apply_one(self, plan: Plan) -> None:
        for follow_up in plan.after:  # before dispatch: a run that is skipped must not begin
            follow_up()
        for run in plan.runs:
            self._core.dispatch.created(run)
        for wait in plan.claims:
            if is_cancel(wait):
                self._core.lifetime.matched(wait, plan.event)
        self._core.waiting.matched([wait for wait in plan.claims if not is_cancel(wait)])

    def withdraw(self, plan: Plan) -> None:
        """What was planned is not to be: its commit failed, or nothing came of it."""
        for wait in plan.claims:
            self._core.waits.open(wait)
            for row in () if is_cancel(wait) else self._core.journal.steps(*wait.id):
                if row.status == "waiting":  # its time may have come while it was claimed
                    self._core.timers.add(Due(row.retry_at or 0, row.op, *wait.id))
        for take_back in reversed(plan.undo):
            take_back()
        for key in [key for key, event_id in self._keys.items() if event_id == plan.event.id]:
            del self._keys[key]

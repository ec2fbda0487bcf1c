"""The journal: what the engine writes (as lists of statements for one group commit) and reads back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from inngest_nb.engine.records import Run, StepRow, StoredEvent
from inngest_nb.errors import JournalCorrupt
from inngest_nb.expressions import Bound, bind
from inngest_nb.store import Write, Writer, connect_reader, load_queries
from inngest_nb.store.database import explain, find_damage

SQL = load_queries("inngest_nb.engine.journal")
READ_TOGETHER = 10  # runs, where there are many
_LIFE = (SQL.add_event, SQL.add_run, SQL.start_run, SQL.add_step, SQL.end_run, SQL.add_outbox, SQL.end_outbox)
_PLACES_OF_A_START = 1 << 40  # more ends than a process can write


class Journal:
    """The single writer and one reading connection of `journal.db`. Use from the engine's loop only."""

    def __init__(self, path: Path | str, *, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.writer = self._open_writer(loop)
        self.reader = self._open_reader()
        self._at_hand: dict[str, tuple[Run, list[StepRow]]] = {}
        self._check()
        self.writer.start()
        self.commit = self.writer.commit
        self.persist = self.writer.persist
        self.submit = self.writer.submit
        self.keep = self.writer.keep
        starts = int(self.meta("starts") or 0) + 1
        self.first_place = starts * _PLACES_OF_A_START
        self.places = itertools.count(self.first_place)  # for what ends, in the order of its ending
        self.moment = self.meta("clock")  # the newest that was written, or is about to be
        self.keep([(SQL.set_meta, ("clean", "0")), (SQL.set_meta, ("starts", str(starts)))])

    def _open_writer(self, loop: asyncio.AbstractEventLoop) -> Writer:
        return Writer(self.path, "inngest_nb.engine.journal", synchronous="FULL", loop=loop, sortable=_LIFE)

    def _open_reader(self) -> sqlite3.Connection:
        return connect_reader(self.path)

    def another_reader(self) -> sqlite3.Connection:
        """A connection for those who read much and must not be in the engine's way."""
        return self._open_reader()

    def _check(self) -> None:
        try:
            if self.meta("clean") == "0":
                find_damage(self.reader, self.path)
        except (sqlite3.Error, JournalCorrupt) as exc:
            self.reader.close()
            self.writer.discard()
            raise explain(exc, self.path) if isinstance(exc, sqlite3.Error) else exc from None

    async def close(self) -> None:
        """Commit what is queued, mark the journal as cleanly closed."""
        self.keep([(SQL.set_meta, ("clean", "1"))])
        await self.abandon()

    async def abandon(self) -> None:
        """Commit what is queued; the next start will check the file."""
        await self.writer.close()
        self.reader.close()

    # -- reading -------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """One fact about the journal."""
        row = self.reader.execute(SQL.get_meta, (key,)).fetchone()
        return None if row is None else str(row[0])

    def rows(self, sql: str, *params: Any) -> list[Any]:
        """All rows of a statement."""
        return self.reader.execute(sql, params).fetchall()

    def each(self, sql: str, *params: Any) -> Iterator[Any]:
        """The rows of a statement one by one: there may be more than memory should hold."""
        return self.reader.execute(sql, params)

    def run(self, run_id: str) -> Run | None:
        """A run as it was last written, with its events."""
        known = self._at_hand.get(run_id)
        return known[0] if known is not None else self._runs([run_id]).get(run_id)

    def steps(self, run_id: str, step_hash: str | None = None) -> list[StepRow]:
        """The step rows of a run, in order of first mention, attempts in order."""
        known = self._at_hand.get(run_id)
        if step_hash is None:
            return known[1] if known is not None else self._steps([run_id]).get(run_id, [])
        if known is not None:
            return [row for row in known[1] if row.hash == step_hash]
        return [StepRow(*row) for row in self.rows(SQL.attempts_of_step, run_id, step_hash)]

    @contextlib.contextmanager
    def at_hand(self, run_ids: list[str]) -> Iterator[None]:
        """Inside, these runs and their steps need not be asked for one by one. Await nothing there: they would be out of date."""
        steps = self._steps(run_ids)
        self._at_hand = {run_id: (run, steps.get(run_id, [])) for run_id, run in self._runs(run_ids).items()}
        try:
            yield
        finally:
            self._at_hand = {}

    def _runs(self, run_ids: list[str]) -> dict[str, Run]:
        asked = orjson.dumps(run_ids).decode()
        more: dict[str, list[tuple[Any, ...]]] = {}
        for run_id, *event in self.rows(SQL.run_events, asked):
            more.setdefault(run_id, []).append(tuple(event))
        return {row[0]: _run_of(row, more.get(row[0], [])) for row in self.rows(SQL.runs, asked)}

    def _steps(self, run_ids: list[str]) -> dict[str, list[StepRow]]:
        found: dict[str, list[StepRow]] = {}
        for run_id, *row in self.rows(SQL.steps_of_runs, orjson.dumps(run_ids).decode()):
            found.setdefault(run_id, []).append(StepRow(*row))
        return found

    def event(self, internal_id: str) -> StoredEvent:
        """One event."""
        return event_of(internal_id, self.reader.execute(SQL.event, (internal_id,)).fetchone())

    def condition(self, wait: tuple[str, str]) -> Bound | None:
        """The condition of a wait that was registered; None where any event will do."""
        expression, *event = self.reader.execute(SQL.condition, wait).fetchone()
        return None if expression is None else bind(expression, event_of("", tuple(event)).as_object())

    def event_by_key(self, key: str) -> str | None:
        """The id of the event accepted earlier under an idempotency key."""
        row = self.reader.execute(SQL.event_by_key, (key,)).fetchone()
        return None if row is None else str(row[0])


def _run_of(row: tuple[Any, ...], more: list[tuple[Any, ...]]) -> Run:
    first = event_of(row[3], row[19:])
    return Run(
        id=row[0], fn_id=row[1], status=row[2], events=[first, *(event_of(first.id, event) for event in more)], queued_at=row[5],
        started_at=row[6], ended_at=row[7], attempt=row[8], wake_at=row[9], parent_run_id=row[10], parent_hash=row[11],
        forked_from=row[12], forked_at_step=row[13], output=row[14], error=row[15], reason=row[16], priority_us=row[17],
        keys=row[18], fresh=False, touched=None, steps=None, may_wait=True,
    )  # fmt: skip


def event_of(internal_id: str, row: tuple[Any, ...]) -> StoredEvent:
    """The event in a row of `event`."""
    event_id, name, data, user, ts, v = row
    return StoredEvent(id=internal_id, event_id=event_id, name=name, data=data, user=user, ts=ts, v=v)


# -- writes: each returns the statements that belong together ------------------------------------


def add_event(event: StoredEvent, *, target: str | None, key: str | None) -> Write:
    """An accepted event."""
    head = (event.id, event.event_id, event.name, event.data, event.user, event.ts, event.v)
    return (SQL.add_event, (*head, event.received_at, target, key))


def add_run(run: Run, code_hash: str | None) -> list[Write]:
    """A queued run and the further events of its batch."""
    row = (run.id, run.fn_id, run.event.id, run.event.name, run.queued_at, run.wake_at)
    lineage = (
        run.parent_run_id,
        run.parent_hash,
        run.forked_from,
        run.forked_at_step,
        code_hash,
        run.priority_us,
        run.keys,
    )
    more: list[Write] = [(SQL.add_run_event, (run.id, i, event.id)) for i, event in enumerate(run.events[1:], 1)]
    return [(SQL.add_run, (*row, *lineage)), *more]


def end_run(run: Run) -> list[Write]:
    """The end of a run: its row, and its open waits."""
    ended = run.ended_at
    end: Write = (SQL.end_run, (run.status, ended, run.output, run.error, run.reason, run.id))
    closed: list[Write] = [(SQL.close_waits, (ended, run.id)), (SQL.close_wait_steps, (ended, run.id))]
    return [end, *closed] if run.may_wait else [end]


def add_step(run_id: str, row: StepRow, code_hash: str | None) -> Write:
    """One attempt, or one registered wait."""
    head: tuple[Any, ...] = (run_id, row.hash, row.attempt, row.step_id, row.index, row.op, row.status)
    tail = (row.started_at, row.ended_at, row.opts, row.output, row.error, row.retry_at, code_hash, row.seq)
    return (SQL.add_step, (*head, *tail))


def add_wait_step(run_id: str, row: StepRow) -> Write:
    """A registered wait."""
    return (SQL.add_wait_step, add_step(run_id, row, None)[1])


def end_wait(
    run_id: str,
    step_hash: str,
    *,
    now: int,
    seq: int,
    status: str,
    output: str | None = None,
    error: str | None = None,
    event_id: str | None = None,
) -> list[Write]:
    """A wait that is over, with the memo or the error that the body will see."""
    return [
        (SQL.end_wait_step, (status, now, output, error, seq, run_id, step_hash)),
        (SQL.end_wait, (now, event_id, run_id, step_hash)),
        (SQL.unpark_run, (run_id,)),
    ]

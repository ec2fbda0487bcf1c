"""The single writer of a store: callers append writes, one thread commits them in groups.

Invariants: writes of one `submit` are in one transaction; groups commit in the order of submission; `done` is called on
the owner's loop after the commit that holds the writes, or with an error. A failed commit is *unknown*, not "no": its
rows may be on disk, so every statement given here must be harmless when repeated.

What can be sent again (an event) is refused while the disk cannot be written. What cannot (a result, the end of a wait) is
given with `persist` or `keep`: it holds its place in the order until the disk takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from inngest_nb.errors import InngestError, PayloadError
from inngest_nb.store.database import explain, open_database

Write = tuple[str, tuple[Any, ...]]
Done = Callable[[InngestError | None], None]
Ack = tuple[Callable[[list[Any]], None], Any]  # who is told of the commit at once, from the writer's thread, and what
_PROBE = ("INSERT OR REPLACE INTO meta VALUES ('probe', strftime('%s'))", ())
_PROBE_EVERY_S = 0.25
_TOLD_AT_ONCE = 100
_ROWS_AT_ONCE = (64, 16, 4)
_NO_VALUE = (
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    OverflowError,
    UnicodeError,
)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """What one caller wants written; a patient one is never refused.

    `acknowledged` is set before the receiver of `ack` hears of the commit: what it says then may reach the owner's loop before
    `done` is called there.
    """

    writes: list[Write]
    done: Done
    patient: bool
    ack: Ack | None = None
    acknowledged: bool = False


class Writer:
    """Owns the writing connection of one database and, from `start` to `close`, the thread that uses it.

    Neighbouring writes of `sortable` statements may be written in the order of that list, which is then the order in which one
    thing (an event, a run, a log) is always written: many of them become a few.
    """

    def __init__(
        self,
        path: Path | str,
        package: str,
        *,
        synchronous: str,
        loop: asyncio.AbstractEventLoop,
        shrinks: bool = False,
        sortable: Sequence[str] = (),
    ) -> None:
        self.path, self.package = path, package
        self._rank = {statement: rank for rank, statement in enumerate(sortable)}
        self._open = partial(open_database, path, package, synchronous=synchronous, shrinks=shrinks)
        self._loop = loop
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()  # None: nothing comes after
        self._first: list[Entry] = []  # what an outage has held up
        self._stopping = False
        self.outage: InngestError | None = None
        self.commits = 0
        self._ended = asyncio.Event()
        self._connection: sqlite3.Connection | None = self._open()
        self._thread = threading.Thread(target=self._run, name=f"inngest-nb {Path(path).stem} writer", daemon=True)

    def start(self) -> None:
        """Begin to write, once the owner has found the store in order."""
        self._thread.start()

    def write_first(self, writes: list[Write]) -> None:
        """Commit `writes` at once, before `start`."""
        error = self._try_commit(writes)
        if error is not None:
            raise error

    def discard(self) -> None:
        """Give the connection back; for a store that is not in order, before `start`."""
        if self._connection is not None:
            self._connection.close()

    def submit(self, writes: list[Write], done: Done, *, patient: bool = False, ack: Ack | None = None) -> Entry:
        """Queue `writes` for the next group. Call from the owner's loop only.

        `ack` saves a detour: its receiver gets the acknowledgements of a group as one list, right after the owner's loop
        was told to call `done`, so that what it sends to that loop comes after, unless it is
        taken along by what was on its way there: see `Entry.acknowledged`.
        """
        entry = Entry(writes, done, patient, ack)
        self._queue.put(entry)
        return entry

    def keep(self, writes: list[Write]) -> None:
        """Queue what nobody waits for; an outage delays it."""
        self.submit(writes, lambda error: None, patient=True)

    def commit(self, writes: list[Write], then: Done | None = None, *, patient: bool = False) -> asyncio.Future[None]:
        """Queue `writes`; the future resolves after their commit or raises what went wrong.

        `then` is called before, and also when nobody waits for the future any more.
        """
        future: asyncio.Future[None] = self._loop.create_future()

        def done(error: InngestError | None) -> None:
            try:
                if then is not None:
                    then(error)
            finally:  # a bug in what follows must not leave the caller waiting
                if not future.cancelled():
                    future.set_exception(error) if error else future.set_result(None)

        self.submit(writes, done, patient=patient)
        return future

    def persist(self, writes: list[Write]) -> asyncio.Future[None]:
        """Queue `writes`, waiting out any outage: for results that nobody can send again."""
        return self.commit(writes, patient=True)

    async def close(self) -> None:
        """Commit what is queued and stop the thread."""
        self._queue.put(None)
        await self._ended.wait()
        self._thread.join()  # it has said its last word

    # -- the writer thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._next_group():
            error = self._try_commit([write for entry in batch for write in entry.writes])
            if error is None:
                self._tell(batch, None)
                _acknowledge(batch)
            elif isinstance(error, PayloadError):
                self._one_by_one(batch, error)
            else:
                self._sit_out(batch, error)
        self._leave()
        self._on_loop(self._ended.set)

    def _leave(self) -> None:
        if self._connection is None:
            return
        with contextlib.suppress(sqlite3.Error):  # a later start will do it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the readers, still open, could not
        self._connection.close()

    def _one_by_one(self, batch: list[Entry], error: InngestError | None) -> None:
        """Something in the group is no value of a database: only who gave it is refused."""
        for position, entry in enumerate(batch):
            if len(batch) > 1:
                error = self._try_commit(entry.writes)
            if error is not None and not isinstance(error, PayloadError):
                self._sit_out(batch[position:], error)
                return
            self._tell([entry], error)
            if error is None:
                _acknowledge([entry])

    def _next_group(self) -> list[Entry]:
        """What waits, after waiting for it; nothing once the store is to be closed."""
        first, self._first = self._first, []
        wait = not first and not self._stopping
        return [*first, *self._arrived(None if wait else 0.0)]

    def _arrived(self, timeout: float | None) -> list[Entry]:
        entries: list[Entry] = []
        with contextlib.suppress(queue.Empty):
            entry = self._queue.get(timeout=timeout)
            while True:
                if entry is None:
                    self._stopping = True
                else:
                    entries.append(entry)
                entry = self._queue.get_nowait()
        return entries

    def _try_commit(self, writes: Iterable[Write]) -> InngestError | None:
        try:
            if self._connection is None:
                self._connection = self._open()
            _transaction(self._connection, _sorted(writes, self._rank))
        except _NO_VALUE as exc:
            self._drop_connection()
            return PayloadError(f"{self.path} cannot hold a value that it was given: {exc}")
        except sqlite3.Error as exc:
            self._drop_connection()
            return explain(exc, self.path)
        except InngestError as exc:
            return exc
        self.commits += 1
        return None

    def _drop_connection(self) -> None:
        # After a failed fsync the connection's view and the file may differ: only a fresh one tells the truth.
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.close()
        except sqlite3.Error:
            _log.debug("closing %s after a failed commit", self.path, exc_info=True)

    def _tell(self, entries: list[Entry], error: InngestError | None) -> None:
        for first in range(0, len(entries), _TOLD_AT_ONCE):  # in pieces: others want the owner's loop too
            piece = entries[first : first + _TOLD_AT_ONCE]
            self._on_loop(_resolve, [entry.done for entry in piece], error)

    def _sit_out(self, batch: list[Entry], error: InngestError) -> None:
        """Refuse everything but the patient until a probe write succeeds; then go on with those, in their order."""
        _log.error("%s", error)
        self.outage = error
        patient = self._refuse(batch)
        while True:
            arrived = self._arrived(_PROBE_EVERY_S)
            if self._try_commit([_PROBE]) is None:
                break
            patient += self._refuse(arrived)
            if self._stopping:
                return
        self.outage = None
        self._first = [*patient, *arrived]
        _log.warning("%s can be written again", self.path)

    def _refuse(self, entries: list[Entry]) -> list[Entry]:
        self._tell([entry for entry in entries if not entry.patient], self.outage)
        return [entry for entry in entries if entry.patient]

    def _on_loop(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the owner's loop is gone: nobody is waiting for the answer
            _log.debug("loop closed before %s could be told", self.path)


def _acknowledge(entries: list[Entry]) -> None:
    by_receiver: dict[Callable[[list[Any]], None], list[Any]] = {}
    for entry in entries:
        if entry.ack is not None:
            entry.acknowledged = True
            by_receiver.setdefault(entry.ack[0], []).append(entry.ack[1])
    for receive, messages in by_receiver.items():
        receive(messages)


def _resolve(callbacks: list[Done], error: InngestError | None) -> None:
    for done in callbacks:
        try:
            done(error)
        except Exception:  # noqa: BLE001  # the others of the group must be told in any case
            _log.exception("after a commit")


def _sorted(writes: Iterable[Write], rank: dict[str, int]) -> Iterator[Write]:
    for sortable, stretch in itertools.groupby(writes, key=lambda write: write[0] in rank):
        neighbours = list(stretch)
        if sortable:
            neighbours.sort(key=lambda write: rank[write[0]])
        yield from neighbours


def _transaction(connection: sqlite3.Connection, writes: Iterable[Write]) -> None:
    """Run `writes` in order in one transaction; neighbours with the same statement go in as few calls as can be."""
    connection.execute("BEGIN IMMEDIATE")
    for sql, neighbours in itertools.groupby(writes, key=itemgetter(0)):
        rows = [row for _, row in neighbours]
        for size, statement in _for_many(sql) if len(rows) > 1 else ():
            while len(rows) >= size:
                connection.execute(statement, tuple(itertools.chain.from_iterable(rows[:size])))
                del rows[:size]
        connection.executemany(sql, rows)
    connection.execute("COMMIT")


@functools.cache
def _for_many(sql: str) -> tuple[tuple[int, str], ...]:
    """An INSERT for several rows at once, by their number: SQLite works through them without asking Python in between."""
    head, values, tail = sql.partition("VALUES (")
    marks, _, tail = tail.partition(")")
    if not values or set(marks) - set("?, "):
        return ()
    return tuple((size, f"{head}VALUES {', '.join([f'({marks})'] * size)}{tail}") for size in _ROWS_AT_ONCE)

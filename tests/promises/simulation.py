"""The real engine and the real worker on one virtual loop: time jumps, order and delays come from a seed, and so do deaths."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
import selectors
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib.resources import files
from pathlib import Path
from typing import Any

from inngest_nb.clock import Clock, encode_ulid
from inngest_nb.engine.engine import Engine
from inngest_nb.engine.journal.journal import Journal
from inngest_nb.engine.session import Session
from inngest_nb.errors import InngestError
from inngest_nb.hub import Hub
from inngest_nb.protocol import Message
from inngest_nb.store.writer import Ack, Done, Entry, Write, Writer, _acknowledge, _resolve, _transaction
from inngest_nb.worker.announcer import Announcer
from inngest_nb.worker.stillness import count_task
from inngest_nb.worker.worker import Worker

EPOCH_US = 1_800_000_000_000_000
#: Where mistakes hide: at once, within a commit, within a moment, much later.
HOT_S = (0.0, 0.00002, 0.0005, 0.002, 0.03, 1.0)
_TICK_S = 1e-7  # timers of the very same time have no order


class Hung(Exception):
    """Nothing is ready and no timer is set: what was waited for can never come."""


class _Jump(selectors.SelectSelector):
    """Never waits: turns waiting into a jump of the clock."""

    loop: SimLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout == 0:
            return []
        if timeout is None:
            raise Hung("nothing is ready and no timer is set")
        self.loop.jump()
        return []


class SimLoop(asyncio.SelectorEventLoop):
    """Virtual time, and tasks that are ready at the same time in an order of the seed's choice."""

    _ready: Any
    _scheduled: Any

    def __init__(self, rng: random.Random) -> None:
        jump = _Jump()
        super().__init__(jump)
        jump.loop, self._now, self._rng = self, 0.0, rng
        self.unhandled: list[str] = []
        self.set_exception_handler(self._note)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What died left cancelled tasks behind; anything else is a mistake."""
        exception = context.get("exception")
        if exception is not None and not isinstance(exception, asyncio.CancelledError):
            self.unhandled.append(f"{context['message']}: {exception!r}")

    def jump(self) -> None:
        """To the next timer."""
        self._now = max(self._now, self._scheduled[0]._when)

    def call_soon_threadsafe(  # type: ignore[override]  # as loose as the standard library's own
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            slots = [i for i, handle in enumerate(self._ready) if _is_task(handle)]
            order = [self._ready[i] for i in slots]
            self._rng.shuffle(order)
            for i, handle in zip(slots, order, strict=True):
                self._ready[i] = handle
        super()._run_once()  # type: ignore[misc]  # asyncio's own


def _is_task(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


class SimClock(Clock):
    """The loop's time as time of day until somebody sets it, and ids from the seed."""

    def __init__(self, loop: SimLoop, rng: random.Random) -> None:
        super().__init__()
        self._loop, self._rng = loop, rng
        self.ahead = 0

    def now(self) -> int:
        """Microseconds since the epoch."""
        return EPOCH_US + int(self._loop.time() * 1e6) + self.ahead

    def elapsed(self) -> int:
        """As the loop's time passes."""
        return int(self._loop.time() * 1e6)

    def ulid(self) -> str:
        """Greater than every earlier one of this clock."""
        now_ms = self.now() // 1000
        if now_ms > self._last_ms:
            self._last_ms, self._random = now_ms, self._rng.getrandbits(79)
        else:
            self._random += 1
        return encode_ulid(self._last_ms, self._random)


# -- storage ---------------------------------------------------------------------------------------


@functools.cache
def _empty(package: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    schema = files(package).joinpath("schema.sql").read_text()
    connection.executescript(f"BEGIN;{schema};INSERT INTO meta VALUES ('schema_version','1');COMMIT;")
    return connection.serialize()


class SimFile:
    """One database that outlives the engines that write it."""

    def __init__(self, package: str, rng: random.Random) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(_empty(package))
        self.rng = rng
        self.owner: SimWriter | None = None

    def die(self) -> None:
        """What was not committed is lost, or is there although nobody was told."""
        if self.owner is not None:
            self.owner.die()
        self.connection.execute("DELETE FROM meta WHERE key IN ('clean', 'open_since_boot')")


class SimWriter(Writer):
    """Commits in groups after a delay of the seed's choice. `early`: a mutant that acknowledges steps before it commits."""

    def __init__(self, file: SimFile, loop: asyncio.AbstractEventLoop, *, early: bool) -> None:
        self.path, self._loop, self._file, self._early = Path("sim.db"), loop, file, early
        self._entries: list[Entry] = []
        self._armed, self._dead = False, False
        self.outage: InngestError | None = None
        file.owner = self

    def start(self) -> None:
        """There is no thread."""

    def discard(self) -> None:
        """The file stays."""

    def submit(self, writes: list[Write], done: Done, *, patient: bool = False, ack: Ack | None = None) -> Entry:
        """Queue for the next group."""
        entry = Entry(writes, done, patient, ack)
        if self._dead:
            return entry
        self._entries.append(entry)
        if self._early:
            _acknowledge([entry])
        if not self._armed:
            self._armed = True
            delay = self._file.rng.choice((0.00001, 0.0003, 0.0003, 0.003, 0.05))
            self._loop.call_later(delay, self._commit)
        return entry

    def _commit(self) -> None:
        if self._dead:
            return
        self._armed = False
        entries, self._entries = self._entries, []
        self._write(entries)
        self._loop.call_soon(self._tell, entries, None)
        if not self._early:
            _acknowledge(entries)

    def _write(self, entries: Iterable[Entry]) -> None:
        writes = [write for entry in entries for write in entry.writes]
        if writes:
            _transaction(self._file.connection, writes)

    def _tell(self, entries: list[Entry], error: InngestError | None) -> None:
        if not self._dead:
            _resolve([entry.done for entry in entries], error)

    def die(self) -> None:
        """In the middle of whatever it does: the last group may have reached the disk."""
        self._dead = True
        if self._file.rng.random() < 0.5:
            self._write(self._entries)


class SimJournal(Journal):
    """The journal on a file of the simulation."""

    def __init__(self, file: SimFile, loop: asyncio.AbstractEventLoop, *, early: bool) -> None:
        self._file, self._early = file, early
        super().__init__("journal.db", loop=loop)

    def _open_writer(self, loop: asyncio.AbstractEventLoop) -> Writer:
        return SimWriter(self._file, loop, early=self._early)

    def _open_reader(self) -> sqlite3.Connection:
        return self._file.connection


class SimHub(Hub):
    """The message log on a file of the simulation."""

    def __init__(self, file: SimFile, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._file = file
        super().__init__("messages.db", clock=clock, loop=loop)

    def _open_writer(self, path: Path | str) -> Writer:
        return SimWriter(self._file, self._loop, early=False)

    def _open_reader(self, path: Path | str) -> sqlite3.Connection:
        return self._file.connection


# -- processes -------------------------------------------------------------------------------------


class SimEngine(Engine):
    """An engine on files of the simulation."""

    def open(self, journal: SimFile, messages: SimFile, *, early: bool) -> None:
        """Take up what the files hold."""
        loop = asyncio.get_running_loop()
        files_ = (SimJournal(journal, loop, early=early), SimHub(messages, self._clock, loop))
        self._take_up(*files_, loop)


class Wire:
    """A connection between a worker and an engine: in order, each way with delays of the seed's choice, until it is cut."""

    def __init__(self, engine: Engine, rng: random.Random, overhear: Callable[[Message], None]) -> None:
        self._loop, self._rng, self._overhear = asyncio.get_running_loop(), rng, overhear
        self._cut = False
        self._ready_at = [0.0, 0.0]
        self._requests: dict[int, Future[Any]] = {}
        self.backlog = 0
        direct = rng.random() < 0.5  # as in one process, where the writer acknowledges by itself
        acknowledge = self.to_worker if direct else None
        self._session = Session(engine, lambda message: self.to_worker([message]), acknowledge=acknowledge)
        self.worker: SimWorker

    def post(self, message: Message) -> None:
        """From the worker."""
        self._carry(0, lambda: self._arrived(message))

    post_soon = post

    def to_worker(self, messages: list[Message]) -> None:
        """From the engine."""
        self._carry(1, lambda: self._returned(list(messages)))

    def _carry(self, way: int, arrive: Callable[[], None]) -> None:
        now = self._loop.time()
        at = max(self._ready_at[way] + _TICK_S, now + self._rng.choice((0.0, 0.0, 0.0001, 0.002)))
        self._ready_at[way] = at
        elsewhere = contextvars.Context()  # what arrives there is nobody's step here
        self._loop.call_at(at, lambda: None if self._cut else arrive(), context=elsewhere)

    def _arrived(self, message: Message) -> None:
        self._session.receive([message])
        self._overhear(message)

    def _returned(self, messages: list[Message]) -> None:
        for message in messages:
            if message["op"] == "response":
                for number in message.get("ids") or [message["id"]]:
                    asked = self._requests.pop(number)
                    if not asked.done():  # who asked may have been given up
                        asked.set_result(message.get("result"))
        rest = [message for message in messages if message["op"] not in ("response", "messages")]
        self.worker.receive(rest)

    def request(self, method: str, params: dict[str, Any]) -> Future[Any]:
        """Ask the engine; open requests are repeated by `take_over` on the next connection."""
        future: Future[Any] = Future()
        number = len(self._requests) + self._rng.getrandbits(40)
        self._requests[number] = future
        self.post({"op": "request", "id": number, "method": method, "params": params})
        self.worker.open_requests.append((future, method, params))
        return future

    def repeat(self, future: Future[Any], method: str, params: dict[str, Any]) -> None:
        """Ask again what another connection did not answer."""
        number = self._rng.getrandbits(40)
        self._requests[number] = future
        self.post({"op": "request", "id": number, "method": method, "params": params})

    def cut(self, *, engine_lives: bool) -> None:
        """The other side is gone; what is on its way is lost."""
        self._cut = True
        if engine_lives:
            self._session.close()


class SimWorker(Worker):
    """A worker on the simulation's own loop."""

    def __init__(self, worker_id: str, clock: Clock) -> None:
        self.id, self.label, self.clock = worker_id, worker_id, clock
        self.handlers, self._executions = {}, {}
        self.loop = asyncio.get_running_loop()
        self.loop.set_task_factory(count_task)
        self.wire: Wire
        self.post = self.post_soon = self._post
        self.announcer = Announcer(self.loop, self._post)
        self.open_requests: list[tuple[Future[Any], str, dict[str, Any]]] = []
        self.dead = False

    def _post(self, message: Message) -> None:
        self.wire.post(message)

    def connect(self, wire: Wire) -> None:
        """Say hello on a new connection, and again what the last one did not answer."""
        self.wire = self._connection = wire
        wire.worker = self
        wire.post(self.hello())
        self.open_requests = [item for item in self.open_requests if not item[0].done()]
        for item in self.open_requests:
            wire.repeat(*item)

    def receive(self, messages: list[Message]) -> None:
        """Hear the engine."""
        if messages and not self.dead:
            self._receive(messages)

    def die(self) -> None:
        """With every body that it executes."""
        self.dead = True
        self._give_up()

"""The hub: publish appends to a channel's log, groups go to disk, subscribers follow with a cursor of their own.

A message is shown to subscribers once its group is committed (without fsync), so that killing the process never takes
back what somebody has seen. A subscriber holds an offset, not a queue: a slow one costs nothing and delays nobody.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson

from inngest_nb.clock import Clock, boot_id
from inngest_nb.errors import JournalCorrupt, PayloadError
from inngest_nb.hub.blocks import BLOCK_BYTES, Blocks
from inngest_nb.hub.browse import Browse
from inngest_nb.hub.feed import Feed, FeedSubscription
from inngest_nb.hub.log import OF_THE_ENGINE, ChannelLog, Entry, Publish
from inngest_nb.hub.rows import entries, in_bounds
from inngest_nb.hub.subscription import Encode, Since, Subscription, as_is
from inngest_nb.hub.trimmer import Trimmer
from inngest_nb.packs import pack
from inngest_nb.retention import Retention
from inngest_nb.store import Reader, Write, Writer, connect_reader, load_queries
from inngest_nb.store.database import explain, find_damage

MAX_DATA_BYTES = 524_288
MAX_UNWRITTEN = 200_000
_IDLE_LOGS = 2_000
_LATELY = 10_000
_EVERYTHING = 1 << 62
# Lifecycle that nobody follows may wait for company: the journal has it all, and steps must not wait for its commits.
_PATIENT_KINDS = frozenset({"run", "step"})
_PATIENCE_S = 0.005
_HOLD_S = 0.25
_HELD_AT_MOST = 64
T = TypeVar("T")
_SQL = load_queries("inngest_nb.hub")
_ADD_MESSAGE = _SQL.add_message


class Hub:
    """All channel logs of one data directory. Use from its event loop only."""

    def __init__(
        self, path: Path | str, *, clock: Clock, loop: asyncio.AbstractEventLoop, retention: Retention | None = None
    ) -> None:
        self._clock, self._loop = clock, loop
        self._writer = self._open_writer(path)
        self._reader = self._open_reader(path)
        self._logs: dict[str, ChannelLog] = {}
        self._feeds: dict[str, Feed] = {}
        self._behind = Reader(lambda: self._open_reader(path))  # for who is behind what memory keeps
        self.blocks = Blocks(self.read)
        self.browse = Browse(lambda: self._open_reader(path))
        self._last_id = self._highest_id(path)
        self._batch: list[Write] = []
        self._touched: dict[ChannelLog, int] = {}
        self._after: dict[Callable[[list[Any]], None], list[Any]] = {}
        self._unwritten = 0
        self._flushing = False
        self._later: asyncio.TimerHandle | None = None
        self._holding: dict[
            ChannelLog, tuple[str, str]
        ] = {}  # logs with held messages, and the run and function they are about
        self._hold_ends: asyncio.TimerHandle | None = None
        self._begin_epoch()
        self._writer.start()
        self._trimmer = None if retention is None else self._make_trimmer(path, retention)

    def _open_writer(self, path: Path | str) -> Writer:
        sortable = (_SQL.add_channel, _SQL.add_message)
        return Writer(path, "inngest_nb.hub", synchronous="NORMAL", loop=self._loop, shrinks=True, sortable=sortable)

    def _open_reader(self, path: Path | str) -> sqlite3.Connection:
        return connect_reader(path)

    def _make_trimmer(self, path: Path | str, retention: Retention) -> Trimmer:
        return Trimmer(
            retention,
            logs=self._logs,
            writer=self._writer,
            reader=Reader(lambda: self._open_reader(path)),
            clock=self._clock,
            loop=self._loop,
        )

    def _highest_id(self, path: Path | str) -> int:
        try:
            open_since = self._reader.execute(_SQL.get_meta, ("open_since_boot",)).fetchone()
            if open_since and open_since[0] != "":
                find_damage(self._reader, path)
            return int(self._reader.execute(_SQL.last_channel_id).fetchone()[0])
        except (sqlite3.Error, JournalCorrupt) as exc:
            self._reader.close()
            self._writer.discard()
            raise explain(exc, path) if isinstance(exc, sqlite3.Error) else exc from None

    # -- publishing ----------------------------------------------------------------------------

    def publish(self, publish: Publish) -> int:
        """Append to the channel's log and return the offset; it is on disk one group later.

        What the engine itself tells of runs is as large as their events and results are, and is never refused.

        Raises:
            PayloadError: data over 512 KiB, or the disk refuses messages and memory for them is used up.
        """
        if publish.kind not in OF_THE_ENGINE:
            self._admit(publish)
        log = self._find(publish.channel)
        if log.held:
            self._release(log)
        if not publish.created_at:
            publish = publish._replace(created_at=self._clock.now())
        offset = log.append(publish)
        self._put(log, offset, publish)
        if log.readers or publish.kind not in _PATIENT_KINDS:
            self._flush_soon()
        else:
            self._flush_patiently()
        return offset

    def hold(self, run_id: str, fn_id: str, state: dict[str, Any]) -> None:
        """Tell a run's own channel about a step, with others of its kind in one row while nobody follows the run.

        It may reach the disk half a second later: the journal has the step.
        """
        log, now = self._find(run_id), self._clock.now()
        if log.readers:
            data = orjson.dumps(state).decode()
            self.publish(Publish(run_id, "$step", data, "step", run_id, fn_id, state["step_id"], state["attempt"], now))
            return
        if not log.held:
            self._holding[log] = (run_id, fn_id)
        log.hold((now, state))
        if len(log.held) >= _HELD_AT_MOST:
            self._release(log)
            self._flush_patiently()
        elif self._hold_ends is None:
            self._hold_ends = self._loop.call_later(_HOLD_S, self._release_some)

    def _release(self, log: ChannelLog) -> None:
        """What was held of a log goes to the disk with the next group."""
        about, (notes, log.held) = self._holding.pop(log), (log.held, [])
        attempt, last_at = -len(notes), notes[-1][0]
        packed = Publish(log.name, "$step", pack(notes), "step", *about, attempt=attempt, created_at=last_at)
        self._put(log, log.next - 1, packed)

    def _release_some(self) -> None:
        """Let go of the logs that are held longest; the more there are, the sooner of the next ones: others want the loop too."""
        for log in list(itertools.islice(self._holding, _HELD_AT_MOST)):
            self._release(log)
        self._flush_patiently()
        wait = _HOLD_S * _HELD_AT_MOST / max(len(self._holding), _HELD_AT_MOST)
        self._hold_ends = self._loop.call_later(wait, self._release_some) if self._holding else None

    def _put(self, log: ChannelLog, offset: int, publish: Publish) -> None:
        self._batch.append((_ADD_MESSAGE, (log.id, offset, *publish[1:])))
        self._touched[log] = log.next
        self._unwritten += 1

    def _admit(self, publish: Publish) -> None:
        if publish.channel in self._feeds:
            raise PayloadError(f"channel {publish.channel!r} is the engine's own; choose another name")
        if len(publish.data) * 4 > MAX_DATA_BYTES and len(publish.data.encode()) > MAX_DATA_BYTES:
            size = len(publish.data.encode())
            raise PayloadError(
                f"data for topic {publish.topic!r} of channel {publish.channel!r} has {size:,} bytes; at most {MAX_DATA_BYTES:,} "
                "are sent. Publish a reference, or several smaller messages"
            )
        if self._unwritten >= MAX_UNWRITTEN:
            raise PayloadError(
                f"{self._unwritten:,} messages wait for the disk ({self._writer.outage}); publish again later"
            )

    def written(self) -> asyncio.Future[None]:
        """A future that resolves when everything published so far is on disk."""
        future: asyncio.Future[None] = self._loop.create_future()
        self.after(_finish, future)
        return future

    def after(self, receive: Callable[[list[T]], None], what: T) -> None:
        """Give `what` to `receive`, in one list with others, when everything published so far is on disk."""
        if self._batch:
            self._after.setdefault(receive, []).append(what)
            self._flush_soon()
        else:
            self._writer.submit([], lambda error: receive([what]), patient=True)

    def has_key(self, key: str) -> bool:
        """Whether the durable publish with this key is in the log on disk."""
        return self._reader.execute(_SQL.has_key, (key,)).fetchone() is not None

    @contextmanager
    def holding(self, channel: str) -> Iterator[None]:
        """Keep a log from being trimmed: who delivers something once must find what was delivered before."""
        log = self.log(channel)
        log.holds += 1
        try:
            yield
        finally:
            log.holds -= 1
            if self._trimmer is not None:  # it may have been turned away
                self._trimmer.wrote([log])

    def channels_of_run(self, run_id: str) -> set[str]:
        """Names of the channels that a run has published to."""
        return {name for (name,) in self._reader.execute(_SQL.channels_of_run, (run_id,))}

    def of_step(self, run_id: str, step_id: str, limit: int) -> list[Entry]:
        """What a step of a run has published on any channel, the earliest first."""
        rows = self._reader.execute(_SQL.of_step, (run_id, step_id, limit)).fetchall()
        return [Entry(offset, Publish(name, *fields)) for name, offset, *fields in rows]

    def told_the_end_of(self, run_id: str) -> set[str]:
        """Names of the channels whose log has the end of a run already."""
        return {name for (name,) in self._reader.execute(_SQL.told_the_end_of, (run_id,))}

    def unsettled_of_run(self, run_id: str) -> list[tuple[str, str]]:
        """(channel, step id) of a run's publishes that were neither rolled back nor committed."""
        return [(row[0], row[1]) for row in self._reader.execute(_SQL.unsettled_of_run, (run_id,))]

    def is_settled(self, run_id: str, step_hash: str, attempt: int) -> bool:
        """Whether the log of a run says what became of the publishes of an attempt."""
        log = self.log(run_id)
        return self._reader.execute(_SQL.is_settled, (log.id, attempt, step_hash)).fetchone() is not None

    # -- subscribing ---------------------------------------------------------------------------

    def subscribe(
        self,
        channel: str,
        topics: Iterable[str] | None = None,
        since: Since = "now",
        epoch: int | None = None,
        encode: Encode = as_is,
    ) -> Subscription:
        """Follow a channel's log from `since`: "now", "start", an offset, or microseconds as a `Time`."""
        return Subscription(self, self.log(channel), topics, since, epoch, encode)

    def follow(
        self, channel: str, topics: Iterable[str] | None, since: Since, epoch: int | None = None
    ) -> Subscription | FeedSubscription:
        """Follow a channel, be it a log or a feed."""
        feed = self._feeds.get(channel)
        return FeedSubscription(feed, since, epoch) if feed else self.subscribe(channel, topics, since, epoch)

    def feed(self, name: str) -> Feed:
        """The feed of this name; from now on the name is the engine's own."""
        return self._feeds.setdefault(name, Feed(name, self._clock.now()))

    def extent(self, channel: str) -> tuple[int, int]:
        """The first offset that is there, and the next one that will be."""
        log = self._feeds.get(channel) or self.log(channel)
        return log.first, log.next if isinstance(log, Feed) else log.visible

    def log(self, name: str) -> ChannelLog:
        """The channel's log for somebody who wants to read it: nothing of it is held back any longer."""
        log = self._find(name)
        if log.held:
            self._release(log)
        if self._batch and log in self._touched:
            self._flush_soon()
        return log

    def _find(self, name: str) -> ChannelLog:
        """The channel's log, from memory, from disk, or new."""
        log = self._logs.get(name)
        if log is not None:
            return log
        row = self._reader.execute(_SQL.find_channel, (name,)).fetchone()
        return (
            self._keep(ChannelLog(row[0], name, row[1], row[2], row[3], row[3], is_kept=True))
            if row
            else self.begin(name)
        )

    def begin(self, name: str) -> ChannelLog:
        """The log of a channel that cannot be on disk yet, as that of a new run: nothing is looked up."""
        log = self._logs.get(name)
        if log is not None:
            return log
        self._last_id += 1
        log = ChannelLog(self._last_id, name, self._clock.now(), 0, 0, 0)
        self._batch.append((_SQL.add_channel, (log.id, name, log.epoch, 0)))
        self._touched[log] = 0
        return self._keep(log)

    def _keep(self, log: ChannelLog) -> ChannelLog:
        if len(self._logs) >= _IDLE_LOGS:
            self._forget_idle()
        self._logs[log.name] = log
        return log

    async def read(self, log: ChannelLog, start: int, limit: int, most_bytes: int = BLOCK_BYTES) -> list[Entry]:
        """Up to `limit` messages of a log from disk, fewer where they are large."""
        about = (log.id, start, limit)
        rows = await self._behind.ask(lambda disk: in_bounds(disk.execute(_SQL.read, about), most_bytes))
        return entries(log.name, rows, start)[:limit]

    def steps_told(self, run_id: str) -> set[tuple[str, int, str]]:
        """(hash, attempt, status) of what the log of a run says about its steps."""
        log = self.log(run_id)
        rows = self._reader.execute(_SQL.read, (log.id, log.first, _EVERYTHING))
        states = (orjson.loads(entry.publish.data) for entry in entries(run_id, rows) if entry.publish.kind == "step")
        return {(state["hash"], state["attempt"], state["status"]) for state in states}

    def has(self, channel: str, topic: str, created_at: int) -> bool:
        """Whether a message of this time is among the last ones of a log on disk."""
        log = self.log(channel)
        about = (log.id, log.next - _LATELY, topic, created_at)
        return self._reader.execute(_SQL.has, about).fetchone() is not None

    def offset_at(self, log: ChannelLog, us: int) -> int:
        """The first offset published at or after a time."""
        rows = self._reader.execute(_SQL.read_since, (log.id, us)).fetchall()
        return next((e.offset for e in entries(log.name, rows) if e.publish.created_at >= us), log.next)

    # -- writing -------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush_patiently(self) -> None:
        if not self._flushing and self._later is None:
            self._later = self._loop.call_later(_PATIENCE_S, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        batch, self._batch = self._batch, []
        touched, self._touched = self._touched, {}
        after, self._after = self._after, {}

        def done(_: object) -> None:  # patient: it is never refused
            self._unwritten = max(0, self._unwritten - len(batch))
            for log, upto in touched.items():
                log.show(upto)
            for receive, said in after.items():
                receive(said)
            if self._trimmer is not None:
                self._trimmer.wrote(touched)

        self._writer.submit(batch, done, patient=True)

    def _forget_idle(self) -> None:
        idle = [
            n
            for n, log in self._logs.items()
            if log.is_kept
            and not log.readers
            and not log.holds
            and log.visible == log.next
            and log not in self._touched
        ]
        for name in idle[: _IDLE_LOGS // 2]:
            del self._logs[name]

    def _begin_epoch(self) -> None:
        """After a power cut logs may have lost a tail that somebody saw: their offsets start a new epoch."""
        boot = boot_id() or "unknown"
        known = self._reader.execute(_SQL.get_meta, ("open_since_boot",)).fetchone()
        here: Write = (_SQL.set_meta, ("open_since_boot", boot))
        if known and known[0] not in ("", boot):
            self._writer.write_first([here, (_SQL.bump_epochs, ())])  # before anybody is told an epoch
        else:
            self._writer.keep([here])

    async def close(self) -> None:
        """Write what is left and mark the store as cleanly closed."""
        if self._trimmer is not None:
            await self._trimmer.close()
        if self._hold_ends is not None:
            self._hold_ends.cancel()
        for log in list(self._holding):
            self._release(log)
        if self._batch:
            self._flush()
        self._writer.keep([(_SQL.set_meta, ("open_since_boot", ""))])
        await self.browse.close()
        await self._behind.close()
        await self._writer.close()
        self._reader.close()


def _finish(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)

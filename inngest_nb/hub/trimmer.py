"""Keeps the message log within its retention: the oldest messages go, a slice at a time, each in the writer's next group.

A log's first offset moves before its messages go, so that whoever reads from disk meanwhile can tell a gap from an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from inngest_nb.clock import Clock
from inngest_nb.errors import InngestError
from inngest_nb.hub.log import ChannelLog
from inngest_nb.retention import Retention
from inngest_nb.store import Reader, Write, Writer, load_queries

LOOK_EVERY_S = 5.0
_SLICE = 500  # messages, before it is known how long a slice takes
_SMALLEST, _LARGEST = 250, 5_000  # fewer would be overtaken by what is published on a busy machine
_SLICE_S = 0.008
_ENOUGH = 0.95  # of the bytes: room for a while, not for one message
_EVER = 1 << 62
_SQL = load_queries("inngest_nb.hub")
_log = logging.getLogger(__name__)


class Cut(NamedTuple):
    """A log of which what is below `upto` goes; `next` is where it ends."""

    id: int
    name: str
    first: int
    upto: int
    next: int


class Trimmer:
    """Trims when something was written, at most every few seconds, and with an age also by the clock. Lives on the hub's loop."""

    def __init__(
        self,
        retention: Retention,
        *,
        logs: dict[str, ChannelLog],
        writer: Writer,
        reader: Reader,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._retention, self._logs, self._writer = retention, logs, writer
        self._reader, self._clock, self._loop = reader, clock, loop
        self._too_long: set[ChannelLog] = set()
        self._slice, self._wanted = _SLICE, False
        self._looked_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._alarm: asyncio.Handle | None = None
        if retention.age_us is not None:
            self._alarm = loop.call_soon(self._by_the_clock)

    def wrote(self, logs: Iterable[ChannelLog]) -> None:
        """Something was added to these logs."""
        most = self._retention.messages
        if most is not None:
            self._too_long.update(log for log in logs if log.visible - log.first > most + most // 10)
        if self._too_long or self._looked_at is None or self._loop.time() >= self._looked_at + LOOK_EVERY_S:
            self._begin()

    async def close(self) -> None:
        """Stop after the slice that is under way."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._reader.close()

    def _by_the_clock(self) -> None:
        assert self._retention.age_us is not None
        self._begin()
        self._alarm = self._loop.call_later(min(60.0, max(0.05, self._retention.age_us / 1e7)), self._by_the_clock)

    def _begin(self) -> None:
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                await self._look()
        except (sqlite3.Error, InngestError) as exc:  # the next look may fare better
            _log.warning("the message log could not be trimmed: %s", exc)

    async def _look(self) -> None:
        while self._too_long:
            await self._shorten(self._too_long.pop())
        if self._looked_at is None:
            await self._shorten_all()
        self._looked_at = self._loop.time()
        if self._retention.age_us is not None:
            await self._cut_oldest(before=self._clock.now() - self._retention.age_us)
        await self._make_room()

    # -- what goes -----------------------------------------------------------------------------

    async def _shorten(self, log: ChannelLog) -> None:
        assert self._retention.messages is not None
        while (upto := log.visible - self._retention.messages) > log.first:
            if not await self._cut([Cut(log.id, log.name, log.first, upto, log.next)]):
                return

    async def _shorten_all(self) -> None:
        """Logs that were too long when the hub was opened: the limit may have been another one."""
        most = self._retention.messages
        cuts = [] if most is None else await self._ask(_SQL.longer_than, (most, most + most // 10))
        for cut in map(Cut._make, cuts):
            for upto in range(cut.first + self._slice, cut.upto + self._slice, self._slice):
                if not await self._cut([cut._replace(upto=min(upto, cut.upto))]):
                    break

    async def _make_room(self) -> None:
        most = self._retention.bytes
        if most is None or await self._used() <= most:
            return
        while await self._used() > most * _ENOUGH:
            self._slice = min(self._slice, _SLICE // 2)  # not far more than is needed
            if not await self._cut_oldest(before=_EVER, slices=1):
                return

    async def _cut_oldest(self, *, before: int, slices: int = _EVER) -> int:
        """Cut what was published before a time; returns how many messages went."""
        gone = 0
        for _ in range(slices):
            cuts = [Cut._make(row) for row in await self._ask(_SQL.oldest, (before, self._slice))]
            went = await self._cut(cuts)
            gone += went
            if not went:
                break
        return gone

    async def _used(self) -> int:
        return int((await self._ask(_SQL.bytes_used, ()))[0][0])

    async def _ask(self, statement: str, about: tuple[int, ...]) -> list[tuple[Any, ...]]:
        """With a connection of its own: nobody else waits for an answer that takes long."""
        return await self._reader.rows(statement, about)

    # -- how it goes ---------------------------------------------------------------------------

    async def _cut(self, cuts: list[Cut]) -> int:
        """Take a slice off each log, as long as together they are one slice; returns how many messages went."""
        left, trims, firsts, drops = self._slice, list[Write](), list[Write](), list[Write]()
        for cut in cuts:
            log = self._logs.get(cut.name)
            first = cut.first if log is None else max(cut.first, log.first)
            upto = min(cut.upto, first + left) if log is None else min(cut.upto, first + left, log.visible)
            if upto <= first or (log is not None and log.holds):
                continue
            left -= upto - first
            trims.append((_SQL.trim, (cut.id, upto)))
            if upto >= (cut.next if log is None else log.next) and self._forget(cut.name):
                drops.append((_SQL.drop_channel, (cut.id,)))
                continue
            firsts.append((_SQL.set_first, (upto, cut.id)))
            if log is not None:
                log.first = upto
        if trims:
            await self._write([*trims, *firsts, *drops])
        return self._slice - left

    def _forget(self, name: str) -> bool:
        """Whether nobody holds on to a log: then nothing of it need stay, and what is published later begins a new one."""
        log = self._logs.get(name)
        if log is not None and (log.readers or log.visible < log.next):
            return False
        self._logs.pop(name, None)
        return True

    async def _write(self, writes: list[Write]) -> None:
        began = self._loop.time()
        await asyncio.shield(self._writer.persist(writes))
        took = self._loop.time() - began
        if took > 2 * _SLICE_S:
            self._slice = max(_SMALLEST, self._slice // 2)
        elif took < _SLICE_S / 2:
            self._slice = min(_LARGEST, self._slice * 2)
        await asyncio.sleep(took)  # at least every other moment of the writer is for publishers

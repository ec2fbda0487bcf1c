"""A subscriber's cursor on one channel: batches in order from the tail or from disk, and gaps said aloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from inngest_nb.hub.log import ALWAYS_DELIVERED, ENTRY_BYTES, ChannelLog, Entry

if TYPE_CHECKING:
    from inngest_nb.hub.hub import Hub

#: Of a batch, so that neither a frame nor what waits for a slow peer is large; one message may be larger.
FIRST_BATCH, BATCH = 32, 256  # small at first: who is cut off again and again gets on all the same
BATCH_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Time:
    """A point in time to subscribe from, in microseconds."""

    us: int


Since = Literal["now", "start"] | int | Time
#: A message as its subscriber gets it, usually its bytes; None where it is nothing for this one.
Encode = Callable[[Entry], Any]


def as_is(entry: Entry) -> bytes:
    """The message in our own form."""
    return entry.wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages as the subscription encodes them, and the offset to go on from.

    `lost` of them, from `gap_from` on, are gone for ever. `reset` says that the offsets from `next` on are those of another
    epoch than the subscriber knew: how many are lost is not known.
    """

    messages: list[Any]
    next: int
    lost: int = 0
    gap_from: int = 0
    reset: bool = False


class Subscription:
    """Reads one channel from an offset on; any number of them are independent of each other."""

    def __init__(
        self,
        hub: Hub,
        log: ChannelLog,
        topics: Iterable[str] | None,
        since: Since,
        epoch: int | None,
        encode: Encode = as_is,
    ) -> None:
        self._hub, self.log, self._encode = hub, log, encode
        self.topics = None if topics is None else frozenset(topics)
        self.cursor, self._known = self._start(since, epoch)
        self._at_once = FIRST_BATCH
        log.readers += 1

    def _start(self, since: Since, epoch: int | None) -> tuple[int, int | None]:
        """Where to begin, and the offset that a subscriber of another epoch came with."""
        log = self.log
        if since == "now":
            return log.visible, None
        if since == "start":
            return log.first, None
        if isinstance(since, Time):
            return max(log.first, self._hub.offset_at(log, since.us)), None
        assert isinstance(since, int)
        if epoch is not None and epoch != log.epoch:
            return log.first, since
        return min(since, log.next), None

    @property
    def visible(self) -> int:
        """One past the newest offset that may be read."""
        return self.log.visible

    async def kept(self) -> None:
        """Wait until the log is on disk: an epoch that a crash takes back must not be told to anybody."""
        while not self.log.is_kept:
            await self._wait()

    async def wait(self) -> None:
        """Wait until there is something to read."""
        while self._known is None and self.log.first <= self.cursor >= self.log.visible:
            await self._wait()

    async def next_batch(self, limit: int | None = None) -> Batch:
        """Wait for messages and return them; with a topic filter the batch may be empty and still move the cursor."""
        log = self.log
        if self._known is not None:
            known, self._known = self._known, None
            return Batch(messages=[], next=self.cursor, gap_from=known, reset=True)
        if self.cursor < log.first:
            return self._skip_trimmed()
        await self.wait()
        if self.cursor < log.first:
            return self._skip_trimmed()
        if limit is None:
            limit, self._at_once = self._at_once, min(2 * self._at_once, BATCH)
        if self.cursor >= log.tail_first:
            entries = _bounded(log.from_tail(self.cursor, limit))
            self.cursor += len(entries)
            return Batch(messages=self._wires(entries), next=self.cursor)
        return await self._from_disk(limit)

    def _skip_trimmed(self) -> Batch:
        begin, self.cursor = self.cursor, self.log.first
        return Batch(messages=[], next=self.cursor, lost=self.cursor - begin, gap_from=begin)

    async def _from_disk(self, limit: int) -> Batch:
        entries = _bounded(await self._hub.blocks.read(self.log, self.cursor, limit, BATCH_BYTES))
        if self.cursor < self.log.first:  # trimmed while it was read
            return self._skip_trimmed()
        entries = [entry for entry in entries if entry.offset < self.log.visible]
        if not entries:
            self.cursor = min(self.log.tail_first, self.log.visible)
            return Batch(messages=[], next=self.cursor)
        self.cursor = entries[-1].offset + 1
        return Batch(messages=self._wires(entries), next=self.cursor)

    def _wires(self, entries: list[Entry]) -> list[Any]:
        encode, wanted = self._encode, self._wanted
        wires = [encode(e) for e in entries if wanted(e.publish.topic, e.publish.kind)]
        return [wire for wire in wires if wire is not None]

    async def _wait(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self.log.waiters.add(waiter)
        try:
            await waiter
        finally:
            self.log.waiters.discard(waiter)

    def _wanted(self, topic: str, kind: str) -> bool:
        return self.topics is None or topic in self.topics or kind in ALWAYS_DELIVERED

    def close(self) -> None:
        """Stop counting as a reader."""
        self.log.readers -= 1


def _bounded(entries: list[Entry]) -> list[Entry]:
    """The first of these, as many as one batch may have."""
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.publish.data) + ENTRY_BYTES
        if size > BATCH_BYTES and count:
            return entries[:count]
    return entries

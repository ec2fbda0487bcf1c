"""A feed: a channel of which only the newest state of each thing matters, so that it is kept in memory and nowhere else.

Whoever reads it slowly gets fewer states, never old ones. While nobody reads, nothing is made.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from inngest_nb.hub.log import Publish, encode
from inngest_nb.hub.subscription import Batch

if TYPE_CHECKING:
    from inngest_nb.hub.subscription import Since

MOST_THINGS = 1024
_PAUSE_S = 0.05  # what changes all the time is told twenty times a second


class Feed:
    """The newest states by key, in the order of their last change; offsets count changes."""

    def __init__(self, name: str, epoch: int) -> None:
        self.name, self.epoch = name, epoch
        self.first = self.next = 0
        self.readers = 0
        self._newest: dict[str, tuple[int, Publish]] = {}
        self._waiters: set[asyncio.Future[None]] = set()

    def skip(self) -> None:
        """Something changed, and nobody reads it."""
        self.next += 1

    def put(self, key: str, state: Publish) -> None:
        """Tell the state of a thing; it takes the place of what was told of it before."""
        self._newest.pop(key, None)
        self._newest[key] = (self.next, state)
        self.next += 1
        if len(self._newest) > MOST_THINGS:
            oldest = next(iter(self._newest))
            self.first = self._newest.pop(oldest)[0] + 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def since(self, offset: int) -> list[bytes]:
        """What changed from an offset on, oldest first."""
        found: list[bytes] = []
        for at, state in reversed(self._newest.values()):
            if at < offset:
                break
            found.append(encode(state, at))
        return found[::-1]

    def enter(self) -> None:
        """One more reads; of what happened while nobody did nothing is known."""
        if self.readers == 0:
            self._newest.clear()
            self.first = self.next
        self.readers += 1

    async def wait(self) -> None:
        """Wait for a change."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)


class FeedSubscription:
    """Reads a feed as a `Subscription` reads a log."""

    def __init__(self, feed: Feed, since: Since, epoch: int | None) -> None:
        self.log = feed
        feed.enter()
        known = isinstance(since, int) and since <= feed.next and epoch in (None, feed.epoch)
        self.cursor = since if isinstance(since, int) and known else feed.next
        self._missed = isinstance(since, int) and not known
        self._told_at = 0.0

    @property
    def visible(self) -> int:
        """One past the newest change."""
        return self.log.next

    @property
    def _has_missed(self) -> bool:
        return self._missed or self.cursor < self.log.first

    async def kept(self) -> None:
        """Nothing of a feed is kept: its epoch is that of its process."""

    async def wait(self) -> None:
        """Wait for changes, and until they may be told."""
        while not self._has_missed and self.cursor >= self.log.next:
            await self.log.wait()
        pause = self._told_at + _PAUSE_S - asyncio.get_running_loop().time()
        if pause > 0 and not self._has_missed:
            await asyncio.sleep(pause)

    async def next_batch(self, limit: int = 0) -> Batch:  # a batch has everything that changed
        """Wait for changes and return them; a reader that has missed some is told so and asks for the whole anew."""
        await self.wait()
        self._told_at = asyncio.get_running_loop().time()
        if self._has_missed:
            begin, lost = self.cursor, max(1, self.log.first - self.cursor)
            self._missed, self.cursor = False, self.log.next
            return Batch(messages=[], next=self.cursor, lost=lost, gap_from=begin)
        messages, self.cursor = self.log.since(self.cursor), self.log.next
        return Batch(messages=messages, next=self.cursor)

    def close(self) -> None:
        """Stop counting as a reader."""
        self.log.readers -= 1

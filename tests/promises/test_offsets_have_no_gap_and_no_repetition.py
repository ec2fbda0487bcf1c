"""Promise 5: offsets of a channel are 0, 1, 2, …; a subscriber sees them in this order, whatever happens in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.hub import Hub, Publish, Subscription

MESSAGES = 6_000  # three times what memory keeps of a channel


class Hubs:
    """Hubs on one file, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.hub = self._open()

    def _open(self) -> Hub:
        return Hub(self._path, clock=Clock(), loop=asyncio.get_running_loop())

    async def restart(self) -> None:
        await self.hub.close()
        self.hub = self._open()


@pytest_asyncio.fixture
async def hubs(tmp_path: Path) -> AsyncIterator[Hubs]:
    hubs = Hubs(tmp_path / "messages.db")
    yield hubs
    await hubs.hub.close()


async def read(subscription: Subscription, upto: int) -> list[int]:
    offsets: list[int] = []
    async with asyncio.timeout(30):
        while subscription.cursor < upto:
            batch = await subscription.next_batch()
            assert not batch.lost
            offsets += [orjson.loads(message)["offset"] for message in batch.messages]
    return offsets


@pytest.mark.parametrize("seed", range(5))
async def test_a_reader_that_comes_and_goes_sees_each_message_once(hubs: Hubs, seed: int) -> None:
    rng = random.Random(seed)
    seen: list[int] = []
    published = 0
    while published < MESSAGES:
        for _ in range(rng.randrange(1, 900)):
            assert hubs.hub.publish(Publish("c", "t", str(published))) == published
            published += 1
        if rng.random() < 0.5:
            await hubs.hub.written()
        if rng.random() < 0.3:
            await hubs.restart()
        subscription = hubs.hub.subscribe("c", since=len(seen))
        seen += await read(subscription, rng.randrange(len(seen), published + 1))
        subscription.close()
    seen += await read(hubs.hub.subscribe("c", since=len(seen)), published)
    assert seen == list(range(published))


async def test_readers_of_every_kind_agree(hubs: Hubs) -> None:
    begin = hubs.hub.subscribe("c", since="start")
    for n in range(100):
        hubs.hub.publish(Publish("c", "even" if n % 2 == 0 else "odd", str(n)))
    await hubs.hub.written()
    late, topical = hubs.hub.subscribe("c", since="now"), hubs.hub.subscribe("c", ["odd"], since="start")
    for n in range(100, 200):
        hubs.hub.publish(Publish("c", "even" if n % 2 == 0 else "odd", str(n)))
    await hubs.hub.written()
    assert await read(begin, 200) == list(range(200))
    assert await read(late, 200) == list(range(100, 200))
    assert await read(topical, 200) == list(range(1, 200, 2))


async def test_what_a_reader_saw_is_on_disk(hubs: Hubs, tmp_path: Path) -> None:
    """Killing the process takes nothing back: a message is shown when its group is committed."""
    subscription = hubs.hub.subscribe("c", since="start")
    for n in range(50):
        hubs.hub.publish(Publish("c", "t", str(n)))
    await subscription.next_batch()
    rows = await hubs.hub.read(hubs.hub.log("c"), 0, 100)
    assert len(rows) >= subscription.cursor > 0


async def test_a_log_of_another_epoch_is_told_as_a_gap(hubs: Hubs) -> None:
    """After a power cut an offset must never name another message than before."""
    for n in range(10):
        hubs.hub.publish(Publish("c", "t", str(n)))
    await hubs.hub.written()
    log = hubs.hub.log("c")
    behind = hubs.hub.subscribe("c", since=20, epoch=log.epoch + 1)
    batch = await behind.next_batch()
    assert (batch.gap_from, batch.next, batch.messages) == (20, 0, [])
    assert batch.reset
    assert await read(behind, 10) == list(range(10))

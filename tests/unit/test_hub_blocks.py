"""What subscribers that are behind read from disk: shared where it is small, bounded where it is large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.hub import Hub, Publish
from inngest_nb.hub.blocks import BLOCK


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """A message log."""
    hub = Hub(tmp_path / "messages.db", clock=Clock(), loop=asyncio.get_running_loop())
    yield hub
    await hub.close()


async def everything(hub: Hub, count: int) -> list[int]:
    """What a subscriber reads who begins at the start."""
    subscription = hub.subscribe("chat", since="start")
    seen: list[int] = []
    async with asyncio.timeout(30):
        while len(seen) < count:
            batch = await subscription.next_batch()
            assert batch.lost == 0
            seen += [orjson.loads(message)["data"][0] for message in batch.messages]
    subscription.close()
    return seen


@pytest.mark.parametrize("size", [10, 20_000])
async def test_all_who_are_behind_read_everything(hub: Hub, size: int) -> None:
    count = BLOCK + BLOCK // 2
    for n in range(count):
        hub.publish(Publish("chat", "t", f'[{n},"{"x" * size}"]'))
    await hub.written()
    assert await asyncio.gather(*(everything(hub, count) for _ in range(3))) == [list(range(count))] * 3
    assert bool(hub.blocks._kept) is (size == 10)


async def test_one_read_of_large_messages_is_bounded(hub: Hub) -> None:
    for n in range(BLOCK + 1):
        hub.publish(Publish("chat", "t", f'[{n},"{"x" * 20_000}"]'))
    await hub.written()
    log = hub.log("chat")
    assert [entry.offset for entry in await hub.blocks.read(log, 300, 64, 100_000)] == [300, 301, 302, 303]
    assert [entry.offset for entry in await hub.blocks.read(log, 300, 64, 10)] == [300], "one at least"
    assert [entry.offset for entry in await hub.blocks.read(log, BLOCK, 64, 100_000)] == [BLOCK]

"""Promise 6: a slow or dead subscriber delays no other one, nor a publisher, and holds no unbounded memory."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest_asyncio

from inngest_nb.clock import Clock
from inngest_nb.engine.subscriptions import Subscriptions
from inngest_nb.hub import Hub, Publish
from inngest_nb.hub.log import TAIL_MESSAGES
from inngest_nb.hub.subscription import BATCH, BATCH_BYTES
from tests.engine.peer import until

MESSAGES = 20_000
SUBSCRIBE = {"op": "subscribe", "id": "s", "channel": "c", "topics": None, "since": "start"}


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path / "messages.db", clock=Clock(), loop=asyncio.get_running_loop())
    yield hub
    await hub.close()


class Reader:
    """A connection that takes frames as fast as it is let."""

    def __init__(self, hub: Hub, *channels: str) -> None:
        self.offsets: list[int] = []
        self.frames: list[Any] = []
        self.bytes = 0
        self.open = asyncio.Event()
        self._subscriptions = Subscriptions(hub, self._send)
        for channel in channels or ("c",):
            self._subscriptions.handle(SUBSCRIBE | {"id": channel, "channel": channel})

    async def _send(self, message: dict[str, Any]) -> None:
        if message["op"] == "messages":
            self.frames.append(len(message["messages"]))
            self.bytes += sum(map(len, message["messages"]))
            self.offsets += [orjson.loads(item)["offset"] for item in message["messages"]]
            await self.open.wait()

    def close(self) -> None:
        self._subscriptions.close()


async def publish(hub: Hub, count: int) -> None:
    for n in range(count):
        hub.publish(Publish("c", "t", str(n)))
        if n % 500 == 499:
            await hub.written()


async def all_read(reader: Reader, upto: int) -> None:
    await until(lambda: len(reader.offsets) >= upto, f"message {upto}")


async def test_the_others_get_everything_while_one_reads_nothing(hub: Hub) -> None:
    stuck, quick = Reader(hub), Reader(hub)
    quick.open.set()
    await publish(hub, MESSAGES)
    await all_read(quick, MESSAGES)
    assert quick.offsets == list(range(MESSAGES))
    assert len(stuck.offsets) <= BATCH, "more than one frame was made for a reader that takes none"
    stuck.open.set()
    await all_read(stuck, MESSAGES)
    assert stuck.offsets == list(range(MESSAGES)), "it catches up from the log, without gap or repetition"
    for reader in (stuck, quick):
        reader.close()


async def test_memory_does_not_grow_with_what_a_reader_has_not_read(hub: Hub) -> None:
    readers = [Reader(hub) for _ in range(50)]
    await publish(hub, MESSAGES)
    await hub.written()
    log = hub.log("c")
    assert len(log.tail) <= TAIL_MESSAGES + 500
    gc.collect()
    kept = sum(sys.getsizeof(entry.wire) for entry in log.tail)
    assert kept < 2_000_000
    assert sum(len(reader.offsets) for reader in readers) <= 50 * BATCH
    for reader in readers:
        reader.close()


async def test_what_waits_for_a_reader_is_bounded_in_bytes_whatever_it_follows(hub: Hub) -> None:
    """Fifty channels of large messages: one batch at a time is made, and that has a quarter of a megabyte."""
    channels, text = [f"c{n}" for n in range(50)], "x" * 100_000
    for channel in channels:
        for _ in range(4):
            hub.publish(Publish(channel, "t", f'"{text}"'))
        await hub.written()
    stuck = Reader(hub, *channels)
    await until(lambda: stuck.frames, "the first frame")
    await asyncio.gather(
        *(hub.blocks.read(hub.log(channel), 0, 4, 1) for channel in channels)
    )  # time for more, if it could
    assert stuck.frames == [2]
    assert stuck.bytes <= BATCH_BYTES
    stuck.open.set()
    await all_read(stuck, 200)
    assert sorted(stuck.offsets) == sorted([0, 1, 2, 3] * 50), "then it gets everything"
    stuck.close()


async def test_a_reader_that_leaves_in_the_middle_leaves_nothing_behind(hub: Hub) -> None:
    reader = Reader(hub)
    await publish(hub, 100)
    await until(lambda: reader.frames, "the first frame")
    reader.close()
    await asyncio.sleep(0)
    log = hub.log("c")
    await until(lambda: not log.readers and not log.waiters, "the end of the subscription")

"""Messages read from disk, a block at a time, shared by subscribers that are behind at about the same place."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from inngest_nb.hub.log import ChannelLog, Entry

BLOCK = 512
BLOCK_BYTES = 1_000_000
_KEPT = 16

Read = Callable[[ChannelLog, int, int, int], Awaitable[list[Entry]]]


class Blocks:
    """Keeps the last blocks that were read whole: what is on disk does not change. A block is read once for all who wait."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: OrderedDict[tuple[ChannelLog, int], list[Entry]] = OrderedDict()
        self._large: set[int] = set()  # ids of logs of large messages: their blocks are not kept
        self._coming: dict[tuple[ChannelLog, int], asyncio.Task[list[Entry]]] = {}

    async def read(self, log: ChannelLog, start: int, limit: int, most_bytes: int) -> list[Entry]:
        """Up to `limit` messages from `start` on, as far as they are in one block; of large ones `most_bytes`, or one."""
        begin = start - start % BLOCK
        if begin + BLOCK > log.visible or log.id in self._large:  # not whole yet, or not worth it
            return await self._read(log, start, limit, most_bytes)
        key = (log, begin)
        block = self._kept.get(key)
        if block is None:
            block = await self._come(key)
        else:
            self._kept.move_to_end(key)
        first = max(0, start - block[0].offset) if block else 0
        return block[first : first + limit] or await self._read(log, start, limit, most_bytes)

    async def _come(self, key: tuple[ChannelLog, int]) -> list[Entry]:
        task = self._coming.get(key)
        if task is None:
            task = self._coming[key] = asyncio.get_running_loop().create_task(self._fetch(key))
            task.add_done_callback(lambda _: self._coming.pop(key, None))
        return await asyncio.shield(task)

    async def _fetch(self, key: tuple[ChannelLog, int]) -> list[Entry]:
        log, begin = key
        block = await self._read(log, begin, BLOCK, BLOCK_BYTES)
        if block and block[-1].offset < begin + BLOCK - 1:  # it was asked for whole
            self._large.add(log.id)
        elif len(block) == BLOCK:
            self._kept[key] = block
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return block

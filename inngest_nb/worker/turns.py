"""Memos come back in the order in which they were made, so that a race has the same winner in every replay.

Branches that ask for their memos at the same time get them one after the other, with a pause that is long enough for the
body to see that one branch is done and the others are not.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable

from inngest_nb.protocol import Message

_PAUSE = 5  # turns of the loop: a task ends, asyncio.wait hears of it, the body goes on, it cancels the others


class OneByOne:
    """Hands over what ends several waits with the same pause: the body sees them end one after the other, now as in a replay."""

    def __init__(self, hand_over: Callable[[Message], None], waits: Callable[[], int]) -> None:
        self._hand_over, self._waits = hand_over, waits
        self._queue: list[Message] = []
        self._task: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put(self, message: Message) -> None:
        """The engine says this next; only the end of one wait of several has to take its turn."""
        if message["op"] == "step.saved" or not (self._queue or self._waits() > 1):
            self._hand_over(message)
            return
        self._queue.append(message)
        if len(self._queue) == 1:
            self._task = asyncio.create_task(self._work(), context=contextvars.Context())

    async def _work(self) -> None:
        while self._queue:
            self._hand_over(self._queue[0])
            for _ in range(_PAUSE):
                await asyncio.sleep(0)
            self._queue.pop(0)


class Turns:
    """Lets one branch at a time have its memo."""

    def __init__(self, order: list[str]) -> None:
        self._rank = {step: rank for rank, step in enumerate(order)}
        self._left = list(reversed(order))  # the next one is last
        self._queue: list[tuple[int, asyncio.Future[None]]] = []
        self._last: asyncio.Task[object] | None = None
        self._pump: asyncio.Task[None] | None = None

    async def mine(self, step: str) -> None:
        """Return when it is this step's turn."""
        task = asyncio.current_task()
        rank = self._rank.get(step)
        if rank is None:
            return
        if self._pump is None and self._last in (None, task) and self._is_next(step):
            self._last = task
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (rank, turn))
        if self._pump is None:
            self._pump = asyncio.create_task(self._give_turns())
        await turn
        self._last = task

    def _is_next(self, step: str) -> bool:
        """In a body that goes straight on every memo is the next one: it costs nothing."""
        if self._left and self._left[-1] == step:
            self._left.pop()
            return True
        return False

    async def _give_turns(self) -> None:
        while self._queue:
            for _ in range(_PAUSE):
                await asyncio.sleep(0)
            rank, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
            while self._left and self._rank[self._left[-1]] <= rank:
                self._left.pop()
        self._pump = None

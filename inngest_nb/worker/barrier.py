"""`ctx.group.parallel`: branches at once, with Inngest's two orders of going on."""

from __future__ import annotations

import asyncio
import contextvars
import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Any


class ParallelMode(enum.Enum):
    """When a branch goes on after one of its steps: when all running steps of the group are done, or at once."""

    WAIT = "wait"
    RACE = "race"


class Barrier:
    """Holds the branches of a group together: none goes on while a step of another one is running."""

    def __init__(self) -> None:
        self._running = 0
        self._open: asyncio.Event = asyncio.Event()

    def begin(self) -> None:
        """A step of the group starts."""
        self._running += 1
        self._open.clear()

    async def end(self) -> None:
        """It is done: wait for the others of its round."""
        self._running -= 1
        if self._running == 0:
            self._open.set()
            return
        await self._open.wait()


current_barrier: contextvars.ContextVar[Barrier | None] = contextvars.ContextVar("inngest_nb_barrier", default=None)


class Group:
    """`ctx.group` of an async handler."""

    async def parallel(
        self, callables: Sequence[Callable[[], Awaitable[Any]]], *, parallel_mode: ParallelMode = ParallelMode.WAIT
    ) -> tuple[Any, ...]:
        """Run all branches concurrently; their results in order. The first failure is raised when all have ended."""
        barrier = Barrier() if parallel_mode is ParallelMode.WAIT else None
        results = await asyncio.gather(*(_branch(call, barrier) for call in callables), return_exceptions=True)
        failed = next((result for result in results if isinstance(result, BaseException)), None)
        if failed is not None:
            raise failed
        return tuple(results)


async def _branch(call: Callable[[], Awaitable[Any]], barrier: Barrier | None) -> Any:
    current_barrier.set(barrier)  # gather gives each branch a context of its own
    return await call()

"""`ctx.group.parallel`: branches at once, with Inngest's two orders of going on."""

from __future__ import annotations

import asyncio
import contextvars
import enum
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from inngest_nb.worker.context import current_execution
from inngest_nb.worker.home import Home, current_home
from inngest_nb.worker.usage import check_branches

T = TypeVar("T")


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

    def done(self) -> None:
        """It is done; the last one of a round lets all go on."""
        self._running -= 1
        if self._running == 0:
            self._open.set()

    async def end(self) -> None:
        """It is done: wait for the others of its round."""
        self.done()
        await self._open.wait()


class Branch:
    """One branch of a group."""

    def __init__(self) -> None:
        self.entered = threading.Event()  # it has met its first step, or ended
        self.steps = 0

    def meets_step(self) -> None:
        """Called on the worker's loop, so that what lets the others go on there comes after the step has begun."""
        self.steps += 1
        self.entered.set()


current_barrier: contextvars.ContextVar[Barrier | None] = contextvars.ContextVar("inngest_nb_barrier", default=None)
current_branch: contextvars.ContextVar[Branch | None] = contextvars.ContextVar("inngest_nb_branch", default=None)


class Group:
    """`ctx.group` of an async handler."""

    async def parallel(
        self, callables: Sequence[Callable[[], Awaitable[T]]], parallel_mode: ParallelMode = ParallelMode.WAIT
    ) -> tuple[T, ...]:
        """Run all branches concurrently; their results in order. The first failure is raised when all have ended."""
        barrier = Barrier() if ParallelMode(parallel_mode) is ParallelMode.WAIT else None
        branches = check_branches(callables)
        results = await asyncio.gather(*(_branch(call, barrier) for call in branches), return_exceptions=True)
        return _settled(results)


async def _branch(call: Callable[[], Awaitable[T]], barrier: Barrier | None) -> T:
    current_barrier.set(barrier)  # gather gives each branch a context of its own
    current_branch.set(Branch())
    return await call()


class GroupSync:
    """`ctx.group` of a sync handler."""

    def parallel(
        self, callables: Sequence[Callable[[], T]], parallel_mode: ParallelMode = ParallelMode.WAIT
    ) -> tuple[T, ...]:
        """As `Group.parallel`. Each branch has a thread of its own and is entered when the one before has met a step."""
        barrier = Barrier() if ParallelMode(parallel_mode) is ParallelMode.WAIT else None
        calls = check_branches(callables)
        if barrier is not None:
            barrier.begin()  # entering the branches is part of the first round
        branches = [_branch_thread(call, barrier) for call in calls]
        execution = current_execution.get()
        if barrier is not None and execution is not None:
            execution.worker.loop.call_soon_threadsafe(barrier.done)
        results: list[T | BaseException] = [_outcome(future) for _, future in branches]
        for home, _ in branches:
            home.close()
        return _settled(results)


def _branch_thread(call: Callable[[], T], barrier: Barrier | None) -> tuple[Home, Future[T]]:
    home, branch = Home("inngest-nb branch"), Branch()
    context = contextvars.copy_context()
    context.run(_enter_branch, home, branch, barrier)
    future: Future[T] = home.submit(context.run, call)
    future.add_done_callback(lambda _: branch.entered.set())
    branch.entered.wait()
    return home, future


def _outcome(future: Future[Any]) -> Any:
    error = future.exception()
    return future.result() if error is None else error


def _enter_branch(home: Home, branch: Branch, barrier: Barrier | None) -> None:
    current_home.set(home)
    current_branch.set(branch)
    current_barrier.set(barrier)


def _settled(results: Sequence[T | BaseException]) -> tuple[T, ...]:
    failed = next((result for result in results if isinstance(result, BaseException)), None)
    if failed is not None:
        raise failed
    return tuple(cast("Sequence[T]", results))

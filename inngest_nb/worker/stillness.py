"""Whether a body that waits can go on by itself: only one that cannot may stay on disk until its wait ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from inngest_nb.worker.barrier import current_branch
from inngest_nb.worker.context import current_execution

if TYPE_CHECKING:
    from inngest_nb.worker.execution import Execution


class Stillness:
    """Keeps account of what an execution has under way beside the wait that its body is in."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.tasks: set[asyncio.Task[Any]] = set()  # what an async body has started
        self._by_body = False  # the last wait was met by the body itself, not by a branch of it

    def met(self) -> None:
        """The running code meets a wait."""
        if self._execution.handler.is_handler_async:
            self._by_body = asyncio.current_task() is self._execution.task
        else:
            self._by_body = current_branch.get() is None  # its thread stands still

    def is_perfect(self) -> bool:
        """Whether that wait is all there is: neither branches nor tasks that may go on by themselves."""
        beside = self.tasks - {self._execution.task} if self._execution.handler.is_handler_async else ()
        return self._by_body and not beside


def count_task(loop: asyncio.AbstractEventLoop, body: Any, **more: Any) -> asyncio.Task[Any]:
    """The task factory of a loop for bodies: each task is counted for the execution whose code has started it."""
    task: asyncio.Task[Any] = asyncio.Task(body, loop=loop, **more)
    execution = current_execution.get()
    if execution is not None:
        tasks = execution.still.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return task

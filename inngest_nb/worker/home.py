"""The thread of a sync body: while the body waits for the worker's loop, its thread executes what the steps need.

So a sync function, its step callbacks and its middleware share one thread, as they do under the official SDK: thread-local
state and objects bound to a thread (a sqlite3 connection) can be used in all of them.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

Job = Callable[[], None]


class Home(Executor):
    """An executor of one thread that also works while one of its own jobs waits in `serve`."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._closed = False
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have the thread call `fn`."""
        future: Future[Any] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except StopIteration as exc:  # a future cannot carry it
                future.set_exception(RuntimeError(f"the body raised StopIteration: {exc}"))
            except BaseException as exc:  # noqa: BLE001  # whatever user code raises is an outcome
                future.set_exception(exc)

        self._jobs.put(job)
        return future

    def serve(self, future: Future[Any]) -> None:
        """In the thread itself: work until `future` is done."""
        future.add_done_callback(lambda _: self._jobs.put(_nothing))
        while not future.done():
            self._jobs.get()()

    def close(self) -> None:
        """Let the thread end after what it is doing."""
        self._closed = True
        self._jobs.put(_nothing)

    def _work(self) -> None:
        while not self._closed:
            self._jobs.get()()


current_home: contextvars.ContextVar[Home | None] = contextvars.ContextVar("inngest_nb_home", default=None)


def _nothing() -> None:
    pass

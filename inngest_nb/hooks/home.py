"""The loop on which a hook's attributes change: that of the code that made it, else one on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable

from inngest_nb.loops import LoopThread

__all__ = ["Home"]

_threads: list[LoopThread] = []
_lock = threading.Lock()
os.register_at_fork(after_in_child=_threads.clear)


class Home:
    """A notebook has a loop, on the thread that widgets live on; a script has none."""

    def __init__(self) -> None:
        self.loop = asyncio._get_running_loop() or _own_loop()  # noqa: SLF001  # the one that returns None

    def post(self, call: Callable[[], None]) -> None:
        """Call there, soon; not at all if the loop is gone."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call)

    def run_now(self, call: Callable[[], None]) -> None:
        """Call there, and wait for it."""
        if asyncio._get_running_loop() is self.loop:  # noqa: SLF001
            call()
        else:
            asyncio.run_coroutine_threadsafe(_called(call), self.loop).result()

    def run(self, call: Callable[[], None]) -> None:
        """Call there: at once if this is there."""
        if asyncio._get_running_loop() is self.loop:  # noqa: SLF001
            call()
        else:
            self.post(call)


async def _called(call: Callable[[], None]) -> None:
    call()


def _own_loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _threads:
            _threads.append(LoopThread("inngest-nb hooks"))
        return _threads[0].loop

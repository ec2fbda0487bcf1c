"""An event loop on a daemon thread, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_WIND_UP_S = 2.0
T = TypeVar("T")
_log = logging.getLogger("inngest_nb")


async def aside(call: Callable[[], T], name: str) -> T:
    """Call code of the user's on a thread of its own: if it never returns, neither this loop nor the process waits for it."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(lambda: None if outcome.done() else settle(value))

    def run() -> None:
        try:
            tell(outcome.set_result, call())
        except BaseException as exc:  # noqa: BLE001  # whatever it is, somebody waits for it
            tell(outcome.set_exception, exc)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name=name, daemon=True).start()
    return await outcome


class LoopThread:
    """Runs `loop` until `stop`, whatever code of users does to it."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as exc:  # asyncio lets them through; their task has them too
                _log.debug("%s was raised in thread %s; its loop goes on", type(exc).__name__, self._thread.name)

    def stop(self) -> None:
        """Cancel what is left, then end thread and loop. A loop that user code blocks is left behind."""
        if self.loop.is_closed():
            return
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._wind_up(), self.loop).result(_WIND_UP_S)
        self._stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_WIND_UP_S)
        if not self._thread.is_alive():
            self.loop.close()

    async def _wind_up(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()

"""A reading connection with a thread of its own, for what may take longer than a loop can wait.

A connection that is closed while another thread reads from it takes the whole process along: here both happen in one
thread, one after the other, whatever becomes of the task that asked.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from inngest_nb.errors import JournalUnavailable

T = TypeVar("T")


class Reader:
    """Opened when it is first asked something. Use from one loop."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inngest-nb reader")

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What `question` finds."""
        return await self._in_thread(lambda: self._answer(question))

    async def rows(self, statement: str, about: Any = ()) -> list[Any]:
        """All rows of a statement."""
        return await self.ask(lambda connection: connection.execute(statement, about).fetchall())

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:  # whoever still follows something must not open the file again
            raise JournalUnavailable("the engine has been stopped, and its files are closed")
        if self._connection is None:
            self._connection = self._connect()
        return question(self._connection)

    async def close(self) -> None:
        """Let go of the file; what is being read is interrupted."""
        if self._connection is not None:
            self._connection.interrupt()
        await self._in_thread(self._disconnect)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            coming = self._thread.submit(call)
        except RuntimeError:  # the interpreter ends: its threads have ended before, so nobody else reads
            return call()
        return await asyncio.wrap_future(coming)

    def _disconnect(self) -> None:
        self._closed = True
        if self._connection is not None:
            self._connection.close()
        self._connection = None

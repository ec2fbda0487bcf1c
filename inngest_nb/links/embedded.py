"""The embedded engine: in this process, on a daemon thread with a loop of its own."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
import threading
from pathlib import Path

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.session import Session
from inngest_nb.errors import InngestError
from inngest_nb.links.link import Link
from inngest_nb.protocol import Message

MEMORY = ":memory:"


class EmbeddedLink(Link):
    """Starts an engine on `data_dir` and talks to it by handing lists over.

    Raises:
        DataDirLocked, JournalUnavailable, JournalCorrupt: as `Engine.start`.
    """

    kind = "embedded"

    def __init__(self, data_dir: str | Path, *, label: str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="inngest_nb-") if str(data_dir) == MEMORY else None
        self.data_dir = Path(self._temporary.name if self._temporary else data_dir).resolve()
        self._loop = asyncio.new_event_loop()
        self._inbox: list[Message] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="inngest-nb engine", daemon=True)
        self._thread.start()
        self.engine = Engine(self.data_dir, holder=label)
        self._closed = False
        try:
            asyncio.run_coroutine_threadsafe(self.engine.start(), self._loop).result()
        except InngestError:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise
        super().__init__(label)
        self._session = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        self.post(self.worker.hello())
        atexit.register(self.close)

    async def _open(self) -> Session:
        return Session(self.engine, self._send)

    def _send(self, message: Message) -> None:
        self._inbox.append(message)
        if len(self._inbox) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        messages, self._inbox = self._inbox, []
        self._incoming(messages)

    def _schedule(self) -> None:
        if not self._closed:
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._session.receive(self._drain())

    def describe(self) -> str:
        """Where the engine is."""
        outage = self.engine.outage
        return f"the embedded engine of {self.data_dir} runs in this process" + (f", but {outage}" if outage else "")

    def close(self) -> None:
        """Stop the engine; its runs go on when the directory is opened again."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.worker.close()
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if self._temporary is not None:
            self._temporary.cleanup()

    async def _stop(self) -> None:
        self._session.close()
        await self.engine.stop()

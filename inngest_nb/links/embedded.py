"""The embedded engine: in this process, on a daemon thread with a loop of its own."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from pathlib import Path

from inngest_nb.clock import Clock
from inngest_nb.engine.engine import Engine
from inngest_nb.engine.session import Session
from inngest_nb.errors import InngestError
from inngest_nb.links.hosted import InProcessLink
from inngest_nb.links.link import MEMORY
from inngest_nb.loops import LoopThread
from inngest_nb.retention import Retention


class EmbeddedLink(InProcessLink):
    """Starts an engine on `data_dir`; ":memory:" is a directory that is removed at the end.

    Raises:
        DataDirLocked, JournalUnavailable, JournalCorrupt: as `Engine.start`.
    """

    kind = "embedded"

    def __init__(
        self, data_dir: str | Path, *, label: str, clock: Clock | None = None, retention: Retention | None = None
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="inngest_nb-") if str(data_dir) == MEMORY else None
        path = Path(self._temporary.name if self._temporary else data_dir).resolve()
        self._engine_thread = LoopThread("inngest-nb engine")
        loop = self._engine_thread.loop
        engine = Engine(path, holder=label, clock=clock, retention=retention)
        try:
            asyncio.run_coroutine_threadsafe(engine.start(), loop).result()
        except InngestError:
            self._engine_thread.stop()
            raise
        super().__init__(engine, loop, label=label)
        self.worker.clock = clock or self.worker.clock
        self._session = asyncio.run_coroutine_threadsafe(self._open(), loop).result()
        self.post(self.worker.hello())
        atexit.register(self.close)

    async def _open(self) -> Session:
        return Session(self.engine, self._send, acknowledge=self.worker.receive)

    def describe(self) -> str:
        """Where the engine is, and why it may not answer."""
        outage = self.engine.outage
        return f"the embedded engine of {self.data_dir} runs in this process" + (f", but {outage}" if outage else "")

    def close(self) -> None:
        """Stop the engine; its runs go on when the directory is opened again."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.worker.close()
        self._end_followings()
        asyncio.run_coroutine_threadsafe(self._stop(), self._engine_loop).result(10)
        self._engine_thread.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def _stop(self) -> None:
        self._session.close()
        await self.engine.stop()

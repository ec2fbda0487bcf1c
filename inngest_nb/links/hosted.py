"""The link of functions that a Jupyter server hosts itself: an engine that runs already, on the server's own loop."""

from __future__ import annotations

import asyncio

from inngest_nb.engine.engine import Engine
from inngest_nb.engine.session import Session
from inngest_nb.links.link import Link
from inngest_nb.protocol import Message


class InProcessLink(Link):
    """Talks to an engine of this process by handing lists over to its loop."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop, *, label: str) -> None:
        super().__init__(label)
        self.engine, self.data_dir = engine, engine.data_dir
        self._engine_loop = loop
        self._inbox: list[Message] = []
        self._closed = False
        self._session: Session

    def _send(self, message: Message) -> None:
        self._inbox.append(message)
        if len(self._inbox) == 1:
            self._engine_loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        messages, self._inbox = self._inbox, []
        self._incoming(messages)

    def _schedule(self) -> None:
        if not self._closed:
            self._engine_loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._session.receive(self._drain())


class HostedLink(InProcessLink):
    """Made on the engine's loop, by the server that runs it."""

    kind = "server"

    def __init__(self, engine: Engine, *, label: str) -> None:
        super().__init__(engine, asyncio.get_running_loop(), label=label)
        self._session = Session(engine, self._send, acknowledge=self.worker.receive)
        self.post(self.worker.hello())

    def describe(self) -> str:
        """Where the engine is."""
        return f"the engine of {self.data_dir} runs in this process"

    def close(self) -> None:
        """Leave the engine; the server stops it."""
        self._closed = True
        self.worker.close()
        self._end_followings()
        self._session.close()

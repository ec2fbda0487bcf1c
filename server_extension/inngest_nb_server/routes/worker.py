"""The kernels' socket: the engine's protocol, lists of messages per frame in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import orjson
from jupyter_server.auth.decorator import ws_authenticated
from tornado.websocket import WebSocketClosedError

from inngest_nb.engine.session import Session
from inngest_nb.engine.slices import Slices
from inngest_nb.engine.wire import check_frame
from inngest_nb.protocol import MAX_FRAME_BYTES, SUBPROTOCOL, Message, encode_frame, frames
from inngest_nb_server.routes.base import Socket

_AT_ONCE = 16
_NOT_UNDERSTOOD = (ValueError, KeyError, TypeError, AttributeError)


class WorkerSocket(Socket):
    """A peer of the engine: may start runs and report steps, so it needs the right to execute."""

    action = "execute"
    _session: Session | None = None

    def initialize(self) -> None:
        """Nothing is queued yet."""
        self._out: list[Message] = []
        self._sent: asyncio.Future[None] | None = None
        self._in_a_row = 0  # messages that were received without anybody else having a turn

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Authorize, then upgrade."""
        await self.authorize()
        await super().get(*args, **kwargs)

    @property
    def max_message_size(self) -> int:
        """Frames of many step outputs may be large; a larger one closes the socket."""
        return MAX_FRAME_BYTES

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Our protocol's version."""
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin the conversation, with who speaks our version of the protocol."""
        super().open(*args, **kwargs)
        self.set_nodelay(True)
        if self.selected_subprotocol != SUBPROTOCOL:
            self.close(
                1002, f"this server speaks {SUBPROTOCOL}: install one version of inngest-nb in kernel and server"
            )
            return
        self._session = Session(self.engine, self._say, user=self.user_name or None)

    def _say(self, message: Message) -> asyncio.Future[None]:
        """Queue for the next frame; the future resolves when the frame is on its way."""
        self._out.append(message)
        if self._sent is None:
            loop = asyncio.get_running_loop()
            self._sent = loop.create_future()
            loop.call_soon(self._flush)
        return self._sent

    def _flush(self) -> None:
        messages, self._out = self._out, []
        sent, self._sent = self._sent, None
        try:
            writing = [self.write_message(frame) for frame in frames(messages, encode_frame)]
        except WebSocketClosedError:
            if sent is not None and not sent.done():
                sent.cancel()
            return
        writing[-1].add_done_callback(lambda done: _pass_on(done, sent))

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """A list of messages; a peer that does not speak the protocol is cut off with the reason.

        A few small frames are received at once: a task for each would cost more than its messages do.
        """
        try:
            messages = check_frame(orjson.loads(message))
            self._in_a_row += len(messages)
            if self._in_a_row > _AT_ONCE:
                self._in_a_row = 0
                return self._receive_in_pieces(messages)
            self._receive(messages)
        except _NOT_UNDERSTOOD as exc:
            self._cut_off(exc)
        return None

    async def _receive_in_pieces(self, messages: list[Message]) -> None:
        """A frame may hold the reports of a thousand runs: others get the loop in between, and the next frame waits."""
        slices = Slices()
        try:
            for first in range(0, len(messages), _AT_ONCE):
                self._receive(messages[first : first + _AT_ONCE])
                await slices.breathe()
        except _NOT_UNDERSTOOD as exc:
            self._cut_off(exc)

    def _receive(self, messages: list[Message]) -> None:
        if self._session is not None:
            self._session.receive(messages)

    def _cut_off(self, exc: Exception) -> None:
        self.log.warning("inngest_nb: a worker sent what the protocol does not know: %r", exc)
        self.close(1002, f"not understood: {exc!r}".encode()[:120].decode(errors="ignore"))

    def on_close(self) -> None:
        """The peer is gone; its runs wait a moment for it."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _pass_on(done: asyncio.Future[None], sent: asyncio.Future[None] | None) -> None:
    failed = done.cancelled() or done.exception() is not None
    if sent is not None and not sent.done():
        sent.cancel() if failed else sent.set_result(None)


ROUTES = [(r"worker", WorkerSocket)]
